//! Settings: theme, scale, operator; where data is kept; diagnostics. Changes are stored a moment after the last one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Desk;
use super::jobs::JobKind;
use crate::model::ids::JobId;
use crate::model::problem::{Explain as _, Problem};
use crate::model::settings::{Settings, ThemeChoice};
use crate::model::sync::ServerAddress;
use crate::msg::Command;

/// How long settings rest before they are stored, so that a slider does not write a file at every step.
const SAVE_AFTER: Duration = Duration::from_millis(800);

/// Recordings that are listed.
const RECENT: usize = 8;

/// What the user did on Settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsAction {
    /// Changed something in the form.
    Changed,
    /// Typed into the address of the team's server.
    TypedServer,
    /// Chose light, dark or the system's theme.
    ChoseTheme(ThemeChoice),
    /// Asked for the diagnostics on the clipboard.
    CopiedDiagnostics,
    /// Asked to sync the records now.
    SyncedNow,
}

/// The view model of Settings.
#[derive(Default)]
pub struct SettingsView {
    /// The settings; edited in place, then [`SettingsAction::Changed`].
    pub values: Settings,
    /// The address of the team's server as it is typed; edited in place. It counts once it can be used.
    pub server: String,
    /// Where records, settings and logs are kept.
    pub data_dir: PathBuf,
    /// Profile files of the user that could not be used.
    pub start_problems: Vec<Problem>,
    diagnostics: Option<JobId>,
    changed_at: Option<Instant>,
}

impl SettingsView {
    /// Whether the diagnostics are being put together.
    pub const fn is_collecting(&self) -> bool {
        self.diagnostics.is_some()
    }

    /// Whether something is not stored yet.
    pub const fn is_unsaved(&self) -> bool {
        self.changed_at.is_some()
    }

    /// Takes the settings that were stored.
    pub(super) fn take(&mut self, stored: Settings) {
        self.server.clone_from(&stored.records.server);
        self.values = stored;
    }

    /// Why the address of the team's server, as it is typed, can't be used; nothing while there is none.
    pub fn server_problem(&self) -> Option<Problem> {
        let typed = self.server.trim();
        if typed.is_empty() {
            return None;
        }
        typed.parse::<ServerAddress>().err().map(|error| error.explain())
    }

    pub(super) fn act(&mut self, action: SettingsAction, desk: &mut Desk<'_>) -> Vec<Command> {
        match action {
            SettingsAction::Changed => {
                self.touch(desk.now);
                Vec::new()
            }
            SettingsAction::TypedServer => {
                if self.server_problem().is_none() {
                    self.server.trim().clone_into(&mut self.values.records.server);
                    self.touch(desk.now);
                }
                Vec::new()
            }
            SettingsAction::ChoseTheme(theme) => {
                self.values.theme = theme;
                self.touch(desk.now);
                Vec::new()
            }
            SettingsAction::CopiedDiagnostics if self.diagnostics.is_none() => {
                let job = desk.jobs.start(JobKind::Diagnostics, "Collecting diagnostics", desk.now);
                self.diagnostics = Some(job);
                vec![Command::CollectDiagnostics { job }]
            }
            SettingsAction::CopiedDiagnostics => Vec::new(),
            // What was just typed counts: it is stored first.
            SettingsAction::SyncedNow => {
                let sync = Command::SyncRecords(Box::default());
                self.save_now().into_iter().chain([sync]).collect()
            }
        }
    }

    /// Puts a recording first among those opened or made last.
    pub(super) fn remember_recording(&mut self, path: &Path, now: Instant) {
        let recent = &mut self.values.recent_recordings;
        if recent.first().is_some_and(|newest| newest == path) {
            return;
        }
        recent.retain(|known| known != path);
        recent.insert(0, path.to_owned());
        recent.truncate(RECENT);
        self.touch(now);
    }

    /// Something that is kept between starts changed.
    pub(super) fn touch(&mut self, now: Instant) {
        self.changed_at = Some(now);
    }

    /// Stores the settings once they rested for a moment.
    pub(super) fn save_if_due(&mut self, now: Instant) -> Option<Command> {
        let is_due = self.changed_at.is_some_and(|changed| now.saturating_duration_since(changed) >= SAVE_AFTER);
        is_due.then(|| self.save())
    }

    /// Stores the settings now if they changed: the window closes.
    pub(super) fn save_now(&mut self) -> Option<Command> {
        self.changed_at.is_some().then(|| self.save())
    }

    pub(super) fn diagnostics_finished(&mut self) {
        self.diagnostics = None;
    }

    fn save(&mut self) -> Command {
        self.changed_at = None;
        Command::SaveSettings(self.values.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;

    #[test]
    fn an_address_with_a_password_is_refused_and_never_stored() {
        let (mut app, now) = (App::new(), Instant::now());
        let mut typed = |text: &str| {
            app.settings.server = text.into();
            let _ = app.act(SettingsAction::TypedServer.into(), now);
            let stored = app.settings.save_now().map(|_| app.settings.values.records.server.clone());
            (stored, app.settings.server_problem().map(|problem| problem.code))
        };
        // As it is typed, sign by sign, nothing of it is stored either.
        for part in ["postgres://kim:SECRETpw", "postgres://kim:5432/x", "postgres://kim:SECRETpw@db.example/x"] {
            let (stored, problem) = typed(part);
            assert!(stored.is_none() && problem.is_some(), "{part}");
        }
        assert_eq!(typed("postgres://kim:SECRETpw@db.example/x").1, Some("sync.password_in_address"));
        let address = "postgres://kim@db.example/x";
        assert_eq!(typed(address), (Some(address.into()), None));
        assert_eq!(typed(""), (Some(String::new()), None), "none is none");
    }
}
