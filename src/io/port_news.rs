//! Word from the system that ports came or went, so that nothing has to look for them again and again.
//!
//! On Linux the folder of devices is watched. Elsewhere there is no such word that needs no library of the system; ports
//! are listed at intervals there.

use std::path::Path;

use tokio::sync::watch;

/// Word that a port may have come or gone; the number counts them. `None` where the system gives none.
pub(super) fn watch() -> Option<watch::Receiver<u64>> {
    if cfg!(target_os = "linux") { of_folder(Path::new("/dev")) } else { None }
}

/// The same of any folder.
#[cfg(target_os = "linux")]
fn of_folder(folder: &Path) -> Option<watch::Receiver<u64>> {
    use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};

    let watching = init(CreateFlags::CLOEXEC).ok()?;
    // Permissions follow a moment after the device: they decide whether it can be opened.
    add_watch(&watching, folder, WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::ATTRIB).ok()?;
    let (news, heard) = watch::channel(0);
    let run = move || {
        let mut room = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(watching, &mut room);
        // It waits in the system until something happens, and ends when nobody listens any more.
        while let Ok(event) = reader.next() {
            let is_port = event.file_name().is_some_and(|name| is_port(name.to_bytes()));
            if is_port {
                news.send_modify(|count| *count += 1);
            }
            if news.is_closed() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("port-news".into()).spawn(run).ok()?;
    Some(heard)
}

#[cfg(not(target_os = "linux"))]
fn of_folder(_: &Path) -> Option<watch::Receiver<u64>> {
    None
}

/// Whether a device of that name is a serial port: terminals of screens and pseudo-terminals have other names.
fn is_port(name: &[u8]) -> bool {
    let rest = [&b"tty"[..], b"rfcomm", b"cu."].into_iter().find_map(|start| name.strip_prefix(start));
    rest.is_some_and(|rest| rest.first().is_some_and(|letter| !letter.is_ascii_digit()) || name.starts_with(b"rfcomm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_ports_are_told_from_other_devices() {
        for name in ["ttyUSB0", "ttyACM3", "ttyS0", "ttyAMA0", "rfcomm0"] {
            assert!(is_port(name.as_bytes()), "{name}");
        }
        for name in ["tty1", "tty", "sda1", "video0", "ptmx"] {
            assert!(!is_port(name.as_bytes()), "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_port_that_comes_is_told_and_another_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut news = of_folder(folder.path()).expect("a watch");
        std::fs::write(folder.path().join("sda1"), "").unwrap();
        std::fs::write(folder.path().join("ttyUSB0"), "").unwrap();
        news.changed().await.unwrap();
        assert!(*news.borrow_and_update() > 0);
        std::fs::remove_file(folder.path().join("ttyUSB0")).unwrap();
        news.changed().await.unwrap();
    }
}
