//! File dialogs of the desktop, each on a thread of its own; the frame never waits for one.
//!
//! Without a desktop portal a dialog ends at once without a file. That is told: the path field beside the button is always
//! enough.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::pass::PathField;

/// No person closes a dialog this fast: there was none.
const NO_DIALOG: Duration = Duration::from_millis(250);

/// What came of a dialog.
pub(super) enum Answer {
    /// A path was chosen for a field.
    Chosen(PathField, String),
    /// The desktop opened none.
    NoDialog,
}

/// The dialog that is open, if any.
#[derive(Default)]
pub(super) struct FileDialogs {
    open: Option<(PathField, Receiver<Option<String>>)>,
}

impl FileDialogs {
    /// Opens a dialog for a field, unless one is open.
    pub(super) fn open(&mut self, field: PathField, ctx: &egui::Context) {
        if self.open.is_some() {
            return;
        }
        let (tx, rx) = sync_channel(1);
        let (waker, asked) = (ctx.clone(), field.clone());
        let spawned = Builder::new().name("file-dialog".into()).spawn(move || {
            let began = Instant::now();
            let path = pollster::block_on(ask(&asked));
            if path.is_some() || began.elapsed() < NO_DIALOG {
                // The window may have closed in between: then nobody wants the path.
                let _ = tx.send(path);
            }
            drop(tx);
            waker.request_repaint();
        });
        // Without a thread there is no dialog; the path field stays.
        self.open = spawned.ok().map(|_| (field, rx));
    }

    /// What came of it, once; nothing where a person closed it without choosing.
    pub(super) fn poll(&mut self) -> Option<Answer> {
        let (field, rx) = self.open.as_ref()?;
        match rx.try_recv() {
            Ok(path) => {
                let answer = path.map_or(Answer::NoDialog, |path| Answer::Chosen(field.clone(), path));
                self.open = None;
                Some(answer)
            }
            Err(TryRecvError::Disconnected) => {
                self.open = None;
                None
            }
            Err(TryRecvError::Empty) => None,
        }
    }
}

async fn ask(field: &PathField) -> Option<String> {
    let dialog = rfd::AsyncFileDialog::new();
    let file = match field {
        PathField::QrPicture => dialog.add_filter("Pictures", &["png", "jpg", "jpeg"]).pick_file().await,
        PathField::Token(_) | PathField::TerminalFile | PathField::CardImage => dialog.pick_file().await,
        PathField::BrokerAuthorities | PathField::BrokerCertificate | PathField::BrokerKey => {
            dialog.add_filter("Certificates and keys", &["pem", "crt", "cer", "key"]).pick_file().await
        }
        PathField::BrokerKeyLog => dialog.set_file_name("keys.log").save_file().await,
        PathField::Schema => dialog.add_filter("Protobuf schemas", &["proto"]).pick_file().await,
        PathField::RecordsExport => dialog.set_file_name("linesman-records.csv").save_file().await,
        PathField::Report(name) => dialog.set_file_name(name).save_file().await,
        PathField::Manifest => dialog.add_filter("Manifests", &["csv", "xlsx", "tsv", "txt"]).pick_file().await,
        PathField::BatchResults => dialog.set_file_name("linesman-results.csv").save_file().await,
        PathField::PlotPicture => dialog.set_file_name("plot.png").save_file().await,
        PathField::PlotPoints => dialog.set_file_name("plot.csv").save_file().await,
        PathField::RecordingNew => dialog.set_file_name("recording.lmrec").save_file().await,
        PathField::RecordingOpen => dialog.add_filter("Recordings", &["lmrec"]).pick_file().await,
        PathField::TelemetryExport => dialog.set_file_name("messages.csv").save_file().await,
        PathField::SupportBundle => dialog.set_file_name("linesman-support.zip").save_file().await,
        PathField::CheckSite | PathField::CheckOverride => dialog.add_filter("TOML files", &["toml"]).pick_file().await,
        PathField::CheckEvidence | PathField::CheckBefore => dialog.add_filter("Evidence", &["json"]).pick_file().await,
        PathField::CheckReport(form) => {
            dialog.set_file_name(format!("network-check.{}", form.as_str())).save_file().await
        }
        PathField::Certificate(name) => dialog.set_file_name(name).save_file().await,
        PathField::Transcript => dialog.set_file_name("linesman-transcript.txt").save_file().await,
    };
    file.map(|file| file.path().display().to_string())
}
