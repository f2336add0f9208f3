//! Files dropped on the window: each is opened by its kind, where a person would have opened it.
//!
//! Workers look first what they are, since a name doesn't tell a folder from a file or a site from a profile. None of them
//! is passed over in silence: what can't be opened now is named, with the reason and what to do.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::batch::BatchAction;
use super::check::run::Run;
use super::check::{CheckAction, View};
use super::commission::{CommissionAction, QrGiven};
use super::files::file_name;
use super::gateways::Tab;
use super::palette::PaletteAction;
use super::telemetry::detail::DetailAction;
use super::telemetry::{TelemetryAction, recorder};
use super::{Action, App, Place};
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::msg::{AddedProfile, Command, FoundFile};
use crate::profile::FileKind;
use crate::profile::rules::Origin;

/// What a dropped file is opened as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Manifest,
    Site,
    Overrides,
    Profile,
    Evidence,
    Recording,
    Schema,
    Picture,
}

impl Kind {
    fn of(path: &Path, found: FoundFile) -> Option<Self> {
        if let FoundFile::Toml(kind) = found {
            return Some(match kind {
                FileKind::Profile => Self::Profile,
                FileKind::Site => Self::Site,
                FileKind::Overrides => Self::Overrides,
            });
        }
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        match ending.as_str() {
            "csv" | "xlsx" => Some(Self::Manifest),
            "json" => Some(Self::Evidence),
            recorder::EXTENSION => Some(Self::Recording),
            "proto" | "desc" | "protoset" => Some(Self::Schema),
            "png" | "jpg" | "jpeg" | "webp" | "bmp" => Some(Self::Picture),
            _ => None,
        }
    }

    /// What several of them would take from one another: each has one place, of which the last one has it.
    const fn only_one(self) -> Option<&'static str> {
        match self {
            Self::Manifest => Some("Manifests are opened one at a time"),
            Self::Site => Some("Sites are opened one at a time"),
            Self::Overrides => Some("Override files are opened one at a time"),
            Self::Evidence => Some("Saved checks are opened one at a time"),
            Self::Picture => Some("QR codes are read one at a time"),
            Self::Profile | Self::Recording | Self::Schema => None,
        }
    }
}

impl App {
    /// Has files looked at that were dropped on the window.
    pub(super) fn drop_files(&mut self, paths: Vec<PathBuf>, now: Instant) -> Vec<Command> {
        if self.is_dialog_open() {
            let step = "Answer it, then drop the file again";
            let told = paths.iter().map(|path| not_opened(path, "A question is open", step));
            told.collect::<Vec<_>>().into_iter().for_each(|problem| self.toasts.report(problem));
            return Vec::new();
        }
        self.is_showing_keys = false;
        let mut commands = Vec::new();
        if self.palette().is_some() {
            commands.extend(self.act(PaletteAction::Closed.into(), now));
        }
        commands.push(Command::LookAtFiles { paths });
        commands
    }

    /// Opens what was dropped, now that it's known what it is.
    pub(super) fn open_dropped(
        &mut self,
        files: Vec<(PathBuf, Result<FoundFile, Problem>)>,
        now: Instant,
    ) -> Vec<Command> {
        let (mut opened, mut commands) = (Vec::new(), Vec::new());
        for (path, found) in files {
            match found.and_then(|found| self.may_open(&path, found, &opened)) {
                Ok(kind) => {
                    opened.push(kind);
                    commands.extend(self.open_as(kind, path, now));
                }
                Err(problem) => self.toasts.report(problem),
            }
        }
        commands
    }

    /// What a file is opened as, or why it isn't.
    fn may_open(&self, path: &Path, found: FoundFile, opened: &[Kind]) -> Result<Kind, Problem> {
        if found == FoundFile::Folder {
            return Err(not_opened(path, "It's a folder", "Open the folder, and drop the files in it"));
        }
        let kind = Kind::of(path, found).ok_or_else(|| not_known(path))?;
        if let Some(cause) = kind.only_one().filter(|_| opened.contains(&kind)) {
            return Err(not_opened(path, cause, "Drop it by itself after the first one"));
        }
        match self.in_the_way(kind) {
            Some((cause, step)) => Err(not_opened(path, cause, step)),
            None => Ok(kind),
        }
    }

    /// Why a file of that kind can't be opened now, and what to do.
    fn in_the_way(&self, kind: Kind) -> Option<(&'static str, &'static str)> {
        match kind {
            Kind::Manifest if self.batch.is_running() => {
                Some(("A batch is running", "Wait until it ends or stop it, then drop the manifest again"))
            }
            Kind::Manifest if self.batch.is_checking() => {
                Some(("Another manifest is being checked", "Drop it again in a moment"))
            }
            Kind::Evidence if self.check.run().is_some_and(Run::is_busy) => {
                Some(("A check is running", "Wait until it ends or stop it, then drop the file again"))
            }
            Kind::Picture if self.discover.selected().is_none() => {
                Some(("No gateway is selected", "Select the gateway the QR code is for, then drop the picture again"))
            }
            Kind::Schema if self.telemetry.inspection().is_none() => Some((
                "No connection and no recording is open",
                "Connect to a broker or open a recording, then drop the schema again",
            )),
            _ => None,
        }
    }

    fn open_as(&mut self, kind: Kind, path: PathBuf, now: Instant) -> Vec<Command> {
        let text = path.display().to_string();
        let actions = match kind {
            Kind::Manifest => {
                self.batch.path = text;
                vec![Action::OpenedBatch, BatchAction::Opened.into()]
            }
            Kind::Site => {
                self.check.form.site_path = text;
                vec![
                    Action::WentTo(Place::Check),
                    CheckAction::WentTo(View::SetUp).into(),
                    CheckAction::FormChanged.into(),
                ]
            }
            Kind::Overrides => {
                self.check.form.override_path = text;
                vec![
                    Action::WentTo(Place::Check),
                    CheckAction::WentTo(View::SetUp).into(),
                    CheckAction::FormChanged.into(),
                ]
            }
            Kind::Profile => return vec![Command::AddProfile { path }],
            Kind::Evidence => {
                self.check.evidence_path = text;
                vec![Action::WentTo(Place::Check), CheckAction::OpenedEvidence.into()]
            }
            Kind::Recording => {
                vec![Action::WentTo(Place::Telemetry), TelemetryAction::OpenedRecording(path).into()]
            }
            Kind::Schema => {
                self.telemetry.detail.schema_path = text;
                vec![Action::WentTo(Place::Telemetry), TelemetryAction::Detail(DetailAction::LoadedSchemas).into()]
            }
            Kind::Picture => {
                self.commission.form.qr.path = text;
                self.commission.form.qr.is_open = true;
                vec![Action::OpenedTab(Tab::SetUp), CommissionAction::GaveQr(QrGiven::File).into()]
            }
        };
        actions.into_iter().flat_map(|action| self.act(action, now)).collect()
    }

    /// A profile is in use, or couldn't be added.
    pub(super) fn profile_added(&mut self, added: Result<AddedProfile, Problem>, now: Instant) {
        let AddedProfile { catalog, id, path } = match added {
            Ok(added) => added,
            Err(problem) => return self.toasts.report(problem),
        };
        self.catalog = catalog;
        self.discover.site_changed();
        let profile = self.catalog.get(&id);
        let replaces = profile.is_some_and(|profile| is_in_place_of_another(&profile.origin));
        let name = profile.map_or_else(|| id.to_string(), |profile| profile.name.clone());
        let rest = if replaces { ", in place of the built-in one" } else { "" };
        self.toasts.tell(format!("Profile {} added{rest}", visible(&name, 60)), now);
        self.toasts.saved(path, None, now);
    }
}

const fn is_in_place_of_another(origin: &Origin) -> bool {
    matches!(origin, Origin::UserFile { replaces_built_in: true, .. })
}

fn not_known(path: &Path) -> Problem {
    Problem::new(
        "app.unknown_file",
        format!("{} was not opened", visible(&file_name(path), 60)),
        "Linesman doesn't open files of this kind",
        "Drop a manifest (.csv, .xlsx), site or profile (.toml), recording (.lmrec), saved check (.json), schema or QR picture",
    )
}

fn not_opened(path: &Path, cause: &'static str, step: &'static str) -> Problem {
    Problem::new("app.not_opened", format!("{} was not opened", visible(&file_name(path), 60)), cause, step)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::discover::DiscoverAction;
    use crate::app::gateways::Detail;
    use crate::app::{Closing, ToastText};
    use crate::model::gateway::{PortFacts, Probe, Sighting};
    use crate::model::ids::{LinkAddress, ProfileId};
    use crate::msg::Event;
    use crate::msg::batch::BatchCommand;
    use crate::msg::telemetry::TelemetryCommand;
    use crate::profile::Catalog;

    /// Drops files and has the workers say that they are what their names say.
    fn drop_files(app: &mut App, paths: &[&str]) -> Vec<Command> {
        let found = |path: &&str| {
            let found = match path.rsplit('/').next() {
                Some("Documents") => FoundFile::Folder,
                Some("mine.toml") => FoundFile::Toml(FileKind::Profile),
                Some("detour.toml") => FoundFile::Toml(FileKind::Overrides),
                Some("harbour.toml") => FoundFile::Toml(FileKind::Site),
                _ => FoundFile::Other,
            };
            (PathBuf::from(path), Ok(found))
        };
        let dropped = paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let commands = app.act(Action::DroppedFiles(dropped.clone()), Instant::now());
        assert!(matches!(&commands[..], [Command::LookAtFiles { paths }] if *paths == dropped));
        app.apply(Event::FilesLookedAt(paths.iter().map(found).collect()), Instant::now())
    }

    /// What the messages at the edge say of files that were not opened: which, and why.
    fn refused(app: &App) -> Vec<(String, String)> {
        let problem = |text: &ToastText| match text {
            ToastText::Problem(problem) => Some((problem.what.clone(), problem.likely_cause.clone())),
            ToastText::News(_) | ToastText::Note(_) | ToastText::Saved(..) => None,
        };
        app.toasts().iter().filter_map(|toast| problem(&toast.text)).collect()
    }

    fn check_refused(app: &mut App, paths: &[&str], name: &str, cause: &str) {
        let _ = drop_files(app, paths);
        assert_eq!(refused(app).last(), Some(&(format!("{name} was not opened"), cause.to_owned())));
    }

    fn with_gateway() -> App {
        let mut app = App::new();
        let link: LinkAddress = "serial:/dev/ttyUSB0".parse().unwrap();
        let sighting = Sighting {
            link: link.clone(),
            facts: PortFacts::default(),
            heard: None,
            profile: None,
            probe: Probe::NotAsked,
            is_present: true,
        };
        let _ = app.apply(Event::GatewaySeen(Box::new(sighting)), Instant::now());
        let _ = app.act(DiscoverAction::Selected(link).into(), Instant::now());
        app
    }

    #[test]
    fn a_dropped_manifest_is_checked_and_a_dropped_site_shown_before_anything_starts() {
        let mut app = App::new();
        let commands = drop_files(&mut app, &["/home/me/Hall 2.CSV"]);
        assert!(matches!(&commands[..], [Command::Batch { command: BatchCommand::Check { .. }, .. }]));
        assert_eq!((app.place(), app.detail()), (Place::Gateways, Detail::Batch));
        let commands = drop_files(&mut app, &["/home/me/harbour.toml"]);
        assert!(matches!(&commands[..], [Command::ReadSite { .. }]));
        assert_eq!(app.place(), Place::Check);
        let _ = drop_files(&mut app, &["/home/me/detour.toml"]);
        assert_eq!(app.check.form.override_path, "/home/me/detour.toml");
        assert!(refused(&app).is_empty());
    }

    #[test]
    fn what_cannot_be_opened_is_named_with_the_reason() {
        let mut app = App::new();
        check_refused(&mut app, &["/home/me/notes.docx"], "notes.docx", "Linesman doesn't open files of this kind");
        check_refused(&mut app, &["/home/me/Documents"], "Documents", "It's a folder");
        check_refused(&mut app, &["/home/me/code.png"], "code.png", "No gateway is selected");
        check_refused(&mut app, &["/home/me/a.proto"], "a.proto", "No connection and no recording is open");
        assert_eq!(app.place(), Place::Gateways, "nothing else happens");
        let _ = drop_files(&mut app, &["/home/me/walk.csv"]);
        check_refused(&mut app, &["/home/me/other.csv"], "other.csv", "Another manifest is being checked");
    }

    #[test]
    fn of_several_files_each_is_opened_or_named() {
        let mut app = with_gateway();
        let commands = drop_files(&mut app, &["/a/1.lmrec", "/a/2.lmrec", "/a/x.csv", "/a/y.csv", "/a/code.png"]);
        let is_opened =
            |command: &&Command| matches!(command, Command::Telemetry { command: TelemetryCommand::Open(_), .. });
        let recordings = commands.iter().filter(is_opened).count();
        assert_eq!(recordings, 2, "each recording is an item of its own");
        assert!(commands.iter().any(|command| matches!(command, Command::ReadQr { .. })));
        let manifest = "Manifests are opened one at a time".to_owned();
        assert_eq!(refused(&app), [("y.csv was not opened".to_owned(), manifest)]);
    }

    #[test]
    fn a_question_is_answered_first_and_the_palette_gives_way() {
        let mut app = App::new();
        let _ = app.act(PaletteAction::Opened.into(), Instant::now());
        let _ = drop_files(&mut app, &["/home/me/walk.csv"]);
        assert!(app.palette().is_none());
        app.closing = Closing::Asking;
        let commands = app.act(Action::DroppedFiles(vec!["/home/me/other.csv".into()]), Instant::now());
        assert!(commands.is_empty());
        assert_eq!(refused(&app), [("other.csv was not opened".to_owned(), "A question is open".to_owned())]);
    }

    #[test]
    fn a_dropped_profile_is_added_and_counts_at_once() {
        let mut app = App::new();
        let commands = drop_files(&mut app, &["/home/me/mine.toml"]);
        assert!(matches!(&commands[..], [Command::AddProfile { .. }]));
        let text = include_str!("../../profiles/kis-me.toml").to_owned();
        let (catalog, _) = Catalog::built_in().with_user_files(&[("/data/profiles/mine.toml".to_owned(), text)]);
        let added = AddedProfile {
            catalog: Arc::new(catalog),
            id: ProfileId::new("kis-me"),
            path: "/data/profiles/mine.toml".into(),
        };
        let _ = app.apply(Event::ProfileAdded(Ok(added)), Instant::now());
        assert_eq!(app.catalog().iter().count(), Catalog::built_in().iter().count());
        let told: Vec<_> = app.toasts().iter().map(|toast| &toast.text).collect();
        let news = "Profile KIS.ME added, in place of the built-in one";
        assert!(matches!(&told[..], [ToastText::News(text), ToastText::Saved(..)] if text == news), "{told:?}");
    }
}
