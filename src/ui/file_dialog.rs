//! File dialogs of the desktop, each on a thread of its own; the frame never waits for one.
//!
//! Without a desktop portal a dialog ends at once without a file. Then a dialog of our own asks where something is saved,
//! and what is read has a path field beside its button.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::pass::PathField;
use crate::app::files::FileFor;

/// No person closes a dialog this fast: there was none. Nor was there one if the window had the keyboard all the time.
const NO_DIALOG: Duration = Duration::from_millis(250);

/// What came of a dialog.
pub(super) enum Answer {
    /// A path was chosen.
    Chosen(FileFor, String),
    /// The desktop opened none.
    NoDialog(FileFor),
}

/// The dialog that is open, if any.
#[derive(Default)]
pub(super) struct FileDialogs {
    open: Option<Open>,
}

struct Open {
    wanted: FileFor,
    answer: Receiver<Option<String>>,
    began: Instant,
    /// Whether the window lost the keyboard to something meanwhile.
    was_left: bool,
}

/// Where a dialog begins.
pub(super) struct Begin {
    /// The folder.
    pub(super) folder: PathBuf,
    /// The name of the file that is saved.
    pub(super) name: Option<String>,
}

impl FileDialogs {
    /// Opens a dialog, unless one is open.
    pub(super) fn open(&mut self, wanted: FileFor, begin: Begin, ctx: &egui::Context) {
        if self.open.is_some() {
            return;
        }
        let (tx, rx) = sync_channel(1);
        let (waker, asked) = (ctx.clone(), wanted.field.clone());
        let spawned = Builder::new().name("file-dialog".into()).spawn(move || {
            let path = pollster::block_on(ask(&asked, begin));
            // The window may have closed in between: then nobody wants the path.
            let _ = tx.send(path);
            drop(tx);
            waker.request_repaint();
        });
        // Without a thread there is no dialog; the path field stays.
        self.open = spawned.ok().map(|_| Open { wanted, answer: rx, began: Instant::now(), was_left: false });
    }

    /// What came of it, once; nothing where a person closed it without choosing.
    pub(super) fn poll(&mut self, has_keyboard: bool) -> Option<Answer> {
        let open = self.open.as_mut()?;
        open.was_left |= !has_keyboard;
        match open.answer.try_recv() {
            Ok(path) => {
                let Open { wanted, began, was_left, .. } = self.open.take()?;
                match path {
                    Some(path) => Some(Answer::Chosen(wanted, path)),
                    None if !was_left || began.elapsed() < NO_DIALOG => Some(Answer::NoDialog(wanted)),
                    None => None,
                }
            }
            Err(TryRecvError::Disconnected) => {
                self.open = None;
                None
            }
            Err(TryRecvError::Empty) => None,
        }
    }
}

async fn ask(field: &PathField, begin: Begin) -> Option<String> {
    let dialog = rfd::AsyncFileDialog::new().set_directory(begin.folder);
    let file = match begin.name {
        Some(name) => dialog.set_file_name(name).save_file().await,
        None if *field == PathField::CertificateFolder => dialog.pick_folder().await,
        None => filtered(dialog, field).pick_file().await,
    };
    file.map(|file| file.path().display().to_string())
}

/// Only files that can be meant.
fn filtered(dialog: rfd::AsyncFileDialog, field: &PathField) -> rfd::AsyncFileDialog {
    match field {
        PathField::QrPicture => dialog.add_filter("Pictures", &["png", "jpg", "jpeg"]),
        PathField::BrokerAuthorities | PathField::BrokerCertificate | PathField::BrokerKey | PathField::Look(_) => {
            dialog.add_filter("Certificates and keys", &["pem", "crt", "cer", "key"])
        }
        PathField::Schema => dialog.add_filter("Protobuf schemas", &["proto"]),
        PathField::Manifest => dialog.add_filter("Manifests", &["csv", "xlsx", "tsv", "txt"]),
        PathField::RecordingOpen => dialog.add_filter("Recordings", &["lmrec"]),
        PathField::CheckSite | PathField::CheckOverride => dialog.add_filter("TOML files", &["toml"]),
        PathField::CheckEvidence | PathField::CheckBefore => dialog.add_filter("Evidence", &["json"]),
        _ => dialog,
    }
}
