//! Files that a person chooses: what each is for, to whom the answer of a file dialog belongs, and saving by one dialog.
//!
//! The answer goes to the gateway for which the dialog was opened, whichever is selected when it closes. What is saved is
//! written as soon as it has a name; where the desktop has no dialog, [`SaveAs`] takes its place.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::batch::BatchAction;
use super::check::CheckAction;
use super::commission::CommissionAction;
use super::records::RecordsAction;
use super::remove::RemoveAction;
use super::remove::look::LookFile;
use super::replace::destination_mut;
use super::telemetry::plot::PlotAction;
use super::telemetry::recorder::{self, RecorderAction};
use super::{Action, App, Desk};
use crate::model::ids::LinkAddress;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::msg::Command;
use crate::msg::check::ReportForm;
use crate::msg::telemetry::{ExportForm, InspectionSource, TelemetryCommand};
use crate::papers::commissioning::About;

/// What a file is chosen for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathField {
    /// The picture of a QR code.
    QrPicture,
    /// Where records are exported to.
    RecordsExport,
    /// Where a report is written to: what it is about, and the name that is proposed.
    Report(About, String),
    /// The file that a terminal sends.
    TerminalFile,
    /// Where a transcript is exported to.
    Transcript,
    /// The token or file of that id.
    Token(String),
    /// Certificates that vouch for a broker.
    BrokerAuthorities,
    /// The certificate shown to a broker.
    BrokerCertificate,
    /// Its key.
    BrokerKey,
    /// Where the keys of the encryption are written.
    BrokerKeyLog,
    /// A schema of payloads.
    Schema,
    /// The manifest of a batch.
    Manifest,
    /// Where a batch writes each result as it comes.
    BatchOut,
    /// Where the results of a batch are written to.
    BatchResults,
    /// Where a picture of the plot is saved.
    PlotPicture,
    /// Where the points of the plot are exported to.
    PlotPoints,
    /// Where the next recording is written to.
    RecordingNew,
    /// The recording to replay.
    RecordingOpen,
    /// Where messages are exported to, in that form.
    TelemetryExport(ExportForm),
    /// Where the bundle for support is written to.
    SupportBundle,
    /// The file of a site for a network check.
    CheckSite,
    /// Its override file.
    CheckOverride,
    /// Evidence of a network check to judge again.
    CheckEvidence,
    /// Evidence to compare with.
    CheckBefore,
    /// Where a certificate is written to, under that name.
    Certificate(String),
    /// The folder into which the certificates of several removals are written.
    CertificateFolder,
    /// A card, or an image of one.
    CardImage,
    /// A photo or file that shows what was seen of a step of a removal.
    Evidence(String),
    /// A file of the look at a broker within a removal.
    Look(LookFile),
    /// Where its report is written to, in that form.
    CheckReport(ReportForm),
}

impl PathField {
    /// Whether it belongs to the gateway selected when it is asked for.
    pub const fn is_of_a_gateway(&self) -> bool {
        matches!(
            self,
            Self::QrPicture
                | Self::TerminalFile
                | Self::Transcript
                | Self::Token(_)
                | Self::Certificate(_)
                | Self::CardImage
                | Self::Evidence(_)
                | Self::Look(_)
        )
    }

    /// Whether it is asked for by a button alone, so that where no dialog opens one of our own asks for the name.
    pub const fn is_saved(&self) -> bool {
        matches!(
            self,
            Self::Transcript
                | Self::RecordsExport
                | Self::Report(..)
                | Self::Certificate(_)
                | Self::BatchOut
                | Self::BatchResults
                | Self::PlotPicture
                | Self::PlotPoints
                | Self::TelemetryExport(_)
                | Self::SupportBundle
                | Self::CheckReport(_)
        )
    }

    /// The name proposed for a file that is written; nothing for one that is read.
    pub fn proposed_name(&self) -> Option<String> {
        Some(match self {
            Self::RecordsExport => "linesman-records.csv".into(),
            Self::Transcript => "linesman-transcript.txt".into(),
            Self::BrokerKeyLog => "keys.log".into(),
            Self::BatchOut | Self::BatchResults => "linesman-results.csv".into(),
            Self::PlotPicture => "plot.png".into(),
            Self::PlotPoints => "plot.csv".into(),
            Self::RecordingNew => "recording.lmrec".into(),
            Self::TelemetryExport(ExportForm::Recording) => format!("messages.{}", recorder::EXTENSION),
            Self::TelemetryExport(form) => format!("messages.{form}"),
            Self::SupportBundle => "linesman-support.zip".into(),
            Self::Certificate(name) | Self::Report(_, name) => name.clone(),
            Self::CheckReport(form) => format!("network-check.{}", form.as_str()),
            Self::QrPicture
            | Self::TerminalFile
            | Self::Token(_)
            | Self::BrokerAuthorities
            | Self::BrokerCertificate
            | Self::BrokerKey
            | Self::Schema
            | Self::Manifest
            | Self::RecordingOpen
            | Self::CheckSite
            | Self::CheckOverride
            | Self::CheckEvidence
            | Self::CheckBefore
            | Self::CertificateFolder
            | Self::CardImage
            | Self::Evidence(_)
            | Self::Look(_) => return None,
        })
    }
}

/// A file that is asked for, and the gateway it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFor {
    /// What it is for.
    pub field: PathField,
    /// The gateway, where it belongs to one.
    pub link: Option<LinkAddress>,
}

/// The save dialog of our own: a name to type.
#[derive(Debug)]
pub struct SaveAs {
    /// Where it will be written; edited in place.
    pub path: String,
    wanted: FileFor,
}

/// Where files went last, and the dialog that is open.
#[derive(Debug, Default)]
pub(super) struct Files {
    save_as: Option<SaveAs>,
    folder: Option<PathBuf>,
    /// The folder that the workers propose for the first one.
    pub(super) usual: PathBuf,
}

impl Files {
    /// Where the next file is saved unless a person says otherwise.
    fn folder(&self) -> &Path {
        self.folder.as_deref().unwrap_or(&self.usual)
    }

    /// What a command writes is below that folder where only a name or a relative path was given, never below the folder in
    /// which the program happened to be started.
    fn place(&self, command: &mut Command) {
        let folder = self.folder();
        if let Some(destination) = destination_mut(command) {
            destination.place_in(folder);
        }
        match command {
            Command::PrepareCertificates { folder: asked, .. } => *asked = folder.join(&*asked),
            Command::Telemetry { command: TelemetryCommand::Open(start), .. } => {
                if let InspectionSource::Broker(plan) = &mut start.source {
                    place_key_log(plan, folder);
                }
            }
            Command::Telemetry { command: TelemetryCommand::Connect(Some(plan)), .. } => place_key_log(plan, folder),
            _ => {}
        }
    }
}

fn place_key_log(plan: &mut ConnectPlan, folder: &Path) {
    if let Some(path) = &mut plan.key_log {
        *path = folder.join(&*path);
    }
}

impl App {
    /// For whom a file is asked for now.
    pub fn file_for(&self, field: PathField) -> FileFor {
        let link = self.discover.selected().filter(|_| field.is_of_a_gateway()).cloned();
        FileFor { field, link }
    }

    /// The folder in which the next file is saved unless a person says otherwise.
    pub fn save_folder(&self) -> &Path {
        self.files.folder()
    }

    /// The whole path of a file that is named by less than that; nothing where the path typed is whole.
    pub fn whole_path(&self, typed: &str) -> Option<PathBuf> {
        let typed = Path::new(typed.trim());
        let is_part = !typed.as_os_str().is_empty() && typed.is_relative();
        is_part.then(|| self.save_folder().join(typed))
    }

    /// What the workers write is where a person was told that it goes.
    pub(super) fn place_files(&self, commands: &mut [Command]) {
        for command in commands {
            self.files.place(command);
        }
    }

    /// The save dialog of our own, while it is open.
    pub fn save_as(&mut self) -> Option<&mut SaveAs> {
        self.files.save_as.as_mut()
    }

    /// Whether that dialog is open.
    pub const fn is_saving_as(&self) -> bool {
        self.files.save_as.is_some()
    }

    /// The desktop has no file dialog: what is saved is asked for here, for what is read there is a field.
    pub(super) fn without_dialog(&mut self, wanted: FileFor) {
        match wanted.field.proposed_name().filter(|_| wanted.field.is_saved()) {
            Some(name) => {
                let path = self.save_folder().join(name).display().to_string();
                self.files.save_as = Some(SaveAs { path, wanted });
            }
            None => self.toasts.report(no_file_dialog()),
        }
    }

    /// The name in the dialog of our own stands: writes the file, or closes the dialog.
    pub(super) fn answer_save_as(&mut self, is_saved: bool, now: Instant) -> Vec<Command> {
        let Some(SaveAs { path, wanted }) = self.files.save_as.take().filter(|_| is_saved) else { return Vec::new() };
        if path.trim().is_empty() { Vec::new() } else { self.take_file(wanted, path.trim().to_owned(), now) }
    }

    /// A file was chosen. It goes to whom it was asked for; what is to be saved is written.
    pub(super) fn take_file(&mut self, wanted: FileFor, path: String, now: Instant) -> Vec<Command> {
        let is_written = wanted.field.proposed_name().is_some() || wanted.field == PathField::CertificateFolder;
        let path = if is_written { self.save_folder().join(path).display().to_string() } else { path };
        if wanted.field.proposed_name().is_some() {
            self.files.folder = Path::new(&path).parent().map(Path::to_owned);
        }
        match wanted.link {
            Some(link) => self.take_file_of_gateway(&wanted.field, &link, path, now),
            None => self.take_common_file(wanted.field, path, now),
        }
    }

    fn take_file_of_gateway(
        &mut self,
        field: &PathField,
        link: &LinkAddress,
        path: String,
        now: Instant,
    ) -> Vec<Command> {
        let Self { commission, terminal, remove, catalog, jobs, toasts, .. } = self;
        let commission = commission.of_mut(link);
        match field {
            PathField::QrPicture => commission.into_iter().for_each(|one| one.form.qr.path.clone_from(&path)),
            PathField::Token(id) => commission.into_iter().for_each(|one| one.tokens.input(id).path.clone_from(&path)),
            PathField::TerminalFile => {
                terminal.of_mut(link).into_iter().for_each(|one| one.file_path.clone_from(&path));
            }
            PathField::Certificate(_) => {
                let mut desk = Desk { catalog, jobs, toasts, now };
                let action = RemoveAction::SavedCertificate(path);
                return remove.of_mut(link).map_or_else(Vec::new, |one| one.act(action, None, &mut desk));
            }
            PathField::Evidence(step) => {
                if let Some(one) = remove.of_mut(link) {
                    one.shown.insert(step.clone(), path.clone());
                }
            }
            PathField::Look(file) => {
                remove.of_mut(link).into_iter().for_each(|one| one.look.path_mut(*file).clone_from(&path));
            }
            PathField::CardImage => remove.of_mut(link).into_iter().for_each(|one| one.card.path.clone_from(&path)),
            PathField::Transcript => {
                let mut desk = Desk { catalog, jobs, toasts, now };
                let action = CommissionAction::ExportedTranscript(path);
                return commission.map_or_else(Vec::new, |one| one.act(action, &mut desk));
            }
            _ => {}
        }
        Vec::new()
    }

    fn take_common_file(&mut self, field: PathField, path: String, now: Instant) -> Vec<Command> {
        let action: Option<Action> = match field {
            PathField::RecordsExport => Some(RecordsAction::Exported(path).into()),
            PathField::Report(about, _) => Some(RecordsAction::Reported(about, path).into()),
            PathField::Manifest => {
                self.batch.path = path;
                Some(BatchAction::Opened.into())
            }
            PathField::BatchOut => {
                self.batch.out = path;
                None
            }
            PathField::BatchResults => Some(BatchAction::Exported(path).into()),
            PathField::PlotPicture => Some(PlotAction::ExportedPicture(path).into()),
            PathField::PlotPoints => Some(PlotAction::ExportedCsv(path).into()),
            PathField::TelemetryExport(form) => Some(RecorderAction::Exported(form, path).into()),
            PathField::SupportBundle => Some(RecorderAction::Bundled(path).into()),
            PathField::CheckReport(_) => Some(CheckAction::Saved(path).into()),
            PathField::CheckSite => {
                self.check.form.site_path = path;
                Some(CheckAction::FormChanged.into())
            }
            other => {
                self.fill_in(&other, path);
                None
            }
        };
        action.map_or_else(Vec::new, |action| self.act(action, now))
    }

    /// Fields that a chosen file only fills in.
    fn fill_in(&mut self, field: &PathField, path: String) {
        let form = &mut self.telemetry.form;
        match field {
            PathField::BrokerAuthorities => form.ca_path = path,
            PathField::BrokerCertificate => form.certificate_path = path,
            PathField::BrokerKey => form.key_path = path,
            PathField::BrokerKeyLog => form.key_log = path,
            PathField::Schema => self.telemetry.detail.schema_path = path,
            PathField::RecordingNew => self.telemetry.panes.recorder.record_path = path,
            PathField::RecordingOpen => self.telemetry.panes.recorder.open_path = path,
            PathField::CheckOverride => self.check.form.override_path = path,
            PathField::CheckEvidence => self.check.evidence_path = path,
            PathField::CheckBefore => self.check.before_path = path,
            PathField::CertificateFolder => self.removals.certificates = path,
            _ => {}
        }
    }

    /// What became of files that were to be written is said in one way, whoever wrote them.
    pub(super) fn tell_written(&mut self, now: Instant) {
        for (path, result) in self.replace.take_written() {
            match result {
                Ok(holds) => self.toasts.saved(path, holds, now),
                Err(problem) => self.toasts.report(problem),
            }
        }
    }
}

/// What decides the form of a report or certificate.
pub const PAPER_FORMS: &str = "The file's extension decides the format: .html, .pdf, .json or .txt";

/// The name of a file, safe to show.
pub fn file_name(path: &Path) -> String {
    visible(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy(), 120)
}

fn no_file_dialog() -> Problem {
    Problem::new(
        "app.no_file_dialog",
        "The desktop opened no file dialog",
        "No desktop portal runs here, or it closed the dialog at once",
        "Type the path into the field beside the button",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Place;
    use crate::app::telemetry::TelemetryAction;

    /// A window whose files are saved in a folder of its own, with a connection.
    fn saving() -> (App, Instant) {
        let (mut app, now) = (App::new(), Instant::now());
        app.files.usual = "/home/me/Documents".into();
        let _ = app.act(Action::WentTo(Place::Telemetry), now);
        app.telemetry.form.url = "mqtts://broker.example".into();
        (app, now)
    }

    fn key_log(commands: &[Command]) -> Option<&Path> {
        commands.iter().find_map(|command| match command {
            Command::Telemetry { command: TelemetryCommand::Open(start), .. } => match &start.source {
                InspectionSource::Broker(plan) => plan.key_log.as_deref(),
                InspectionSource::Recording { .. } => None,
            },
            _ => None,
        })
    }

    #[test]
    fn a_name_typed_for_a_key_log_or_a_recording_is_in_the_folder_for_saved_files() {
        let (mut app, now) = saving();
        app.telemetry.form.key_log = "keys.log".into();
        let commands = app.act(TelemetryAction::Connected.into(), now);
        assert_eq!(key_log(&commands), Some(Path::new("/home/me/Documents/keys.log")));
        assert_eq!(app.telemetry.form.key_log, "keys.log", "what is typed stays");
        for (typed, written) in
            [("site/hall.lmrec", "/home/me/Documents/site/hall.lmrec"), ("/tmp/a.lmrec", "/tmp/a.lmrec")]
        {
            app.telemetry.panes.recorder.record_path = typed.into();
            let commands = app.act(RecorderAction::Started.into(), now);
            let [Command::Telemetry { command: TelemetryCommand::Record { destination }, .. }, ..] = &commands[..]
            else {
                panic!("it records")
            };
            assert_eq!(destination.path(), Path::new(written));
        }
    }

    #[test]
    fn the_whole_path_is_told_where_less_was_typed() {
        let (mut app, now) = saving();
        assert_eq!(app.whole_path(" keys.log ").as_deref(), Some(Path::new("/home/me/Documents/keys.log")));
        assert_eq!((app.whole_path(""), app.whole_path("/tmp/keys.log")), (None, None));
        // Where the last file was saved, the next one is.
        let wanted = app.file_for(PathField::BrokerKeyLog);
        let _ = app.take_file(wanted, "/mnt/stick/keys.log".into(), now);
        assert_eq!(app.whole_path("a.lmrec").as_deref(), Some(Path::new("/mnt/stick/a.lmrec")));
    }

    #[test]
    fn certificates_of_several_removals_go_there_as_well() {
        let (app, _) = saving();
        let mut commands = [Command::PrepareCertificates { folder: "papers".into(), rows: Vec::new() }];
        app.place_files(&mut commands);
        let [Command::PrepareCertificates { folder, .. }] = &commands else { panic!("it is the same command") };
        assert_eq!(folder, Path::new("/home/me/Documents/papers"));
    }
}
