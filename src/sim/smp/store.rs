//! The flash of a simulated SMP gateway: settings and files, in a folder that stands for it.
//!
//! Settings live twice, as on a real device: what runs, and what was saved. A restart brings back what was saved.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::model::text::{from_hex, hex};

/// The file with the saved settings: a line each, `key=hexadecimal`.
const SETTINGS_FILE: &str = "settings.conf";
/// The folder with the files.
const FILES_FOLDER: &str = "files";
/// Most octets the flash holds in files.
const CAPACITY: usize = 4 * 1024 * 1024;

/// Settings and files.
#[derive(Clone, Debug, Default)]
pub struct Store {
    folder: Option<PathBuf>,
    saved: BTreeMap<String, Vec<u8>>,
    running: BTreeMap<String, Vec<u8>>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Store {
    /// A flash that is gone with the process.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// A flash in a folder, made if need be; what it holds from before is read.
    pub fn at(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder.join(FILES_FOLDER))?;
        let saved: BTreeMap<_, _> = match fs::read_to_string(folder.join(SETTINGS_FILE)) {
            Ok(text) => text.lines().filter_map(parse_line).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let mut files = BTreeMap::new();
        read_folder(&folder.join(FILES_FOLDER), "", &mut files)?;
        Ok(Self { folder: Some(folder.to_owned()), running: saved.clone(), saved, files })
    }

    /// A setting that runs.
    pub(super) fn setting(&self, key: &str) -> Option<&[u8]> {
        self.running.get(key).map(Vec::as_slice)
    }

    /// Whether a setting was saved under that key or below it.
    pub(super) fn knows(&self, root: &str) -> bool {
        let is_below = |key: &String| key == root || key.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        self.running.keys().any(is_below)
    }

    /// Sets what runs.
    pub(super) fn set(&mut self, key: &str, value: &[u8]) {
        self.running.insert(key.to_owned(), value.to_owned());
    }

    /// Forgets a setting, saved or not; tells whether there was one.
    pub(super) fn delete(&mut self, key: &str) -> io::Result<bool> {
        let was_there = self.running.remove(key).is_some();
        let was_saved = self.saved.remove(key).is_some();
        self.write_settings()?;
        Ok(was_there || was_saved)
    }

    /// Saves what runs.
    pub(super) fn save(&mut self) -> io::Result<()> {
        self.saved = self.running.clone();
        self.write_settings()
    }

    /// Lets run what was saved, as a start does.
    pub(super) fn load(&mut self) {
        self.running = self.saved.clone();
    }

    /// Erases settings and files.
    pub(super) fn erase(&mut self) -> io::Result<()> {
        self.saved.clear();
        self.files.clear();
        self.write_settings()?;
        match &self.folder {
            Some(folder) => {
                fs::remove_dir_all(folder.join(FILES_FOLDER))?;
                fs::create_dir_all(folder.join(FILES_FOLDER))
            }
            None => Ok(()),
        }
    }

    /// A file.
    pub(super) fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// Writes a piece of a file; one at 0 begins it anew. Tells its length after it, `None` when the piece does not follow.
    pub(super) fn write_file(&mut self, path: &str, offset: usize, data: &[u8]) -> io::Result<Option<usize>> {
        if offset == 0 {
            self.files.insert(path.to_owned(), Vec::new());
        }
        let held: usize = self.files.values().map(Vec::len).sum();
        let Some(file) = self.files.get_mut(path).filter(|file| file.len() == offset) else { return Ok(None) };
        if held + data.len() > CAPACITY {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.extend_from_slice(data);
        let length = file.len();
        if let (Some(folder), Some(relative)) = (&self.folder, relative(path)) {
            let target = folder.join(FILES_FOLDER).join(relative);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(target, &self.files[path])?;
        }
        Ok(Some(length))
    }

    fn write_settings(&self) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let lines: Vec<String> = self.saved.iter().map(|(key, value)| format!("{key}={}\n", hex(value))).collect();
        fs::write(folder.join(SETTINGS_FILE), lines.concat())
    }
}

fn parse_line(line: &str) -> Option<(String, Vec<u8>)> {
    let (key, value) = line.rsplit_once('=')?;
    Some((key.to_owned(), from_hex(value)?))
}

/// The path within the folder; a path of a client may not leave it.
fn relative(path: &str) -> Option<PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    path.components().all(|part| matches!(part, Component::Normal(_))).then(|| path.to_owned())
}

/// Whether a device takes this as the path of a file.
pub(super) fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.len() <= 128 && !path.ends_with('/') && relative(path).is_some()
}

/// Whether a device takes this as a key.
pub(super) fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_graphic() && c != '=')
}

fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read_folder(&entry.path(), &path, files)?;
        } else {
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_comes_back_and_the_rest_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::at(folder.path()).expect("a store");
        store.set("bridge/broker", b"10.0.0.5");
        store.save().expect("saved");
        store.set("bridge/user", b"not saved");
        store.write_file("/lfs/ca.pem", 0, b"begin ").expect("written");
        assert_eq!(store.write_file("/lfs/ca.pem", 6, b"end").expect("written"), Some(9));
        assert_eq!(store.write_file("/lfs/ca.pem", 4, b"gap").expect("refused"), None);

        let again = Store::at(folder.path()).expect("a store");
        assert_eq!(again.setting("bridge/broker"), Some(b"10.0.0.5".as_slice()));
        assert_eq!(again.setting("bridge/user"), None);
        assert_eq!(again.file("/lfs/ca.pem"), Some(b"begin end".as_slice()));
    }

    #[test]
    fn a_path_cannot_leave_the_folder() {
        assert!(is_path("/lfs/ca.pem"));
        for path in ["/../x", "/a/../../x", "relative", "/", "", "/a/"] {
            assert!(!is_path(path), "{path}");
        }
    }
}
