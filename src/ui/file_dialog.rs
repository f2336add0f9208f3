//! File dialogs of the desktop, each on a thread of its own; the frame never waits for one.
//!
//! Without a desktop portal a dialog ends at once without a file: the path field beside the button is always enough.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::Builder;

use super::pass::PathField;

/// The dialog that is open, if any.
#[derive(Default)]
pub(super) struct FileDialogs {
    open: Option<(PathField, Receiver<String>)>,
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
            if let Some(path) = pollster::block_on(ask(&asked)) {
                // The window may have closed in between: then nobody wants the path.
                let _ = tx.send(path);
            }
            drop(tx);
            waker.request_repaint();
        });
        // Without a thread there is no dialog; the path field stays.
        self.open = spawned.ok().map(|_| (field, rx));
    }

    /// The path that was chosen, once.
    pub(super) fn poll(&mut self) -> Option<(PathField, String)> {
        let (field, rx) = self.open.as_ref()?;
        match rx.try_recv() {
            Ok(path) => {
                let chosen = (field.clone(), path);
                self.open = None;
                Some(chosen)
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
        PathField::Token(_) | PathField::TerminalFile => dialog.pick_file().await,
        PathField::BrokerAuthorities | PathField::BrokerCertificate | PathField::BrokerKey => {
            dialog.add_filter("Certificates and keys", &["pem", "crt", "cer", "key"]).pick_file().await
        }
        PathField::BrokerKeyLog => dialog.set_file_name("keys.log").save_file().await,
        PathField::Schema => dialog.add_filter("Protobuf schemas", &["proto"]).pick_file().await,
        PathField::RecordsExport => dialog.set_file_name("linesman-records.csv").save_file().await,
        PathField::Manifest => dialog.add_filter("Manifests", &["csv", "xlsx", "tsv", "txt"]).pick_file().await,
        PathField::BatchResults => dialog.set_file_name("linesman-results.csv").save_file().await,
        PathField::PlotPicture => dialog.set_file_name("plot.png").save_file().await,
        PathField::PlotPoints => dialog.set_file_name("plot.csv").save_file().await,
        PathField::RecordingNew => dialog.set_file_name("recording.lmrec").save_file().await,
        PathField::RecordingOpen => dialog.add_filter("Recordings", &["lmrec"]).pick_file().await,
        PathField::TelemetryExport => dialog.set_file_name("messages.csv").save_file().await,
        PathField::SupportBundle => dialog.set_file_name("linesman-support.zip").save_file().await,
        PathField::Transcript => dialog.set_file_name("linesman-transcript.txt").save_file().await,
    };
    file.map(|file| file.path().display().to_string())
}
