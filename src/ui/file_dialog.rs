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

/// No person closes a dialog this fast: there was none.
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
                    None if was_shown(was_left, began.elapsed()) => None,
                    None => Some(Answer::NoDialog(wanted)),
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

/// Whether a person saw the dialog that ended without a file: while it is open it has the keyboard, and to close it takes time.
fn was_shown(was_left: bool, took: Duration) -> bool {
    was_left && took >= NO_DIALOG
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(path: Option<&str>, took: Duration, has_keyboard: bool) -> Option<Answer> {
        let wanted = FileFor { field: PathField::PlotPicture, link: None };
        let (tx, answer) = sync_channel(1);
        let began = Instant::now().checked_sub(took).expect("the clock is older than that");
        let mut dialogs = FileDialogs { open: Some(Open { wanted, answer, began, was_left: false }) };
        assert!(dialogs.poll(has_keyboard).is_none(), "it is open");
        tx.send(path.map(str::to_owned)).unwrap();
        dialogs.poll(true)
    }

    #[test]
    fn a_dialog_that_nobody_can_have_seen_was_none_and_one_that_was_closed_is_no_fault() {
        let (fast, slow) = (Duration::from_millis(40), Duration::from_secs(3));
        for (took, was_left, shown) in
            [(fast, false, false), (fast, true, false), (slow, false, false), (slow, true, true)]
        {
            assert_eq!(was_shown(was_left, took), shown, "{took:?}, {was_left}");
            let answer = ended(None, took, !was_left);
            assert_eq!(matches!(answer, Some(Answer::NoDialog(_))), !shown, "{took:?}, {was_left}");
        }
        assert!(matches!(ended(Some("/a.png"), fast, true), Some(Answer::Chosen(_, path)) if path == "/a.png"));
    }
}
