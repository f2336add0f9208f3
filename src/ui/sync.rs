//! How the records stand with the team's server, and the button that syncs them now.

use egui::Ui;

use super::icon;
use super::pass::Pass;
use super::theme::palette;
use super::widgets::{Button, copyable, muted, notice, problem_card};
use crate::app::App;
use crate::app::settings::SettingsAction;
use crate::app::syncing::{SyncState, skipped, words};

/// Draws the state in a line, with when it was last good.
pub(super) fn line(ui: &mut Ui, app: &App, pass: &Pass<'_>) {
    let palette = palette(ui);
    let state = app.syncing.state(&app.settings.values.records);
    let text = words(state);
    match state {
        SyncState::Off | SyncState::Pending => drop(muted(ui, &text)),
        SyncState::Current(_) => notice(ui, palette.ok, icon::JOINED, &text),
        SyncState::Found(report) if report.faults > 0 => notice(ui, palette.danger, icon::REFUSED, &text),
        SyncState::Found(_) | SyncState::Failed(..) => notice(ui, palette.warn, icon::WARNING, &text),
    }
    if let Some(at) = app.syncing.news().and_then(|news| news.last_at.as_deref()) {
        muted(ui, &format!("Last synced {}", pass.local_time(at).0));
    }
}

/// Draws the state, the button and what to do about a failure.
pub(super) fn panel(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let state = app.syncing.state(&app.settings.values.records);
    if state == SyncState::Off {
        return;
    }
    let button = Button::new("Sync now").icon(icon::REFRESH);
    if button.enabled_if(!app.syncing.is_running(), "A sync is running").pressed(ui) {
        pass.did(SettingsAction::SyncedNow);
    }
    if app.syncing.is_running() {
        muted(ui, "Syncing…");
    }
    line(ui, app, pass);
    for (name, key) in app.syncing.news().and_then(|news| news.report.as_ref()).map(skipped).unwrap_or_default() {
        muted(ui, &format!("{name} was skipped. The key it shows:"));
        copyable(ui, &key);
    }
    if let SyncState::Failed(problem, _) = state {
        problem_card(ui, problem);
    }
}
