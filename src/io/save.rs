//! The one way to write a file that a person names: exports, recordings, transcripts, pictures, results, keys.
//!
//! What is read for the file is never written over, by whatever name; a file that is there stays unless it is to be
//! replaced; links are followed; pipes and devices such as `/dev/null` are written to and never replaced. A plain file
//! comes into being under another name in the same folder and gets its own once all of it is on the disk, or
//! ([`grow`]) it gets its own at once and grows; the one it replaces goes when there is something in the new one. A file
//! that is replaced leaves its permissions to the new one.
//! Everything here blocks.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::files::{
    DataDir, FilesError, create_beside, create_new, folder, private, read_error, shown, sync_folder, write_error,
};
use crate::model::destination::{Destination, Existing, Fresh, Place, Saved};

/// Links that lead to links: more than that is a circle.
const MAX_LINKS: usize = 40;
/// Files begun in one second that get a name each.
const MAX_NUMBER: u32 = 1000;
/// What is written to try a folder: as much as a paper takes.
const TRIAL_BYTES: usize = 64 * 1024;

/// The same destination, under its own name if it is to be named now.
pub(super) fn settled(destination: Destination) -> Destination {
    match &destination.place {
        Place::Fresh(fresh) => named(fresh),
        Place::File(_) | Place::StandardOutput => destination,
    }
}

/// Names a file by this moment; one that is there keeps its name.
fn named(fresh: &Fresh) -> Destination {
    let now = Timestamp::now().as_microsecond();
    let is_free = |path: &PathBuf| fs::symlink_metadata(path).is_err();
    let free = (1..=MAX_NUMBER).map(|number| fresh.path(now, number)).find(is_free);
    // With so many begun in one second, the last says that it is there.
    Destination::file(free.unwrap_or_else(|| fresh.path(now, MAX_NUMBER)))
}

/// Writes a file as a whole.
pub fn save(destination: &Destination, bytes: &[u8]) -> Result<Saved, FilesError> {
    let mut writing = Writing::begin(destination)?;
    let mut file = writing.take()?;
    file.write_all(bytes).map_err(|error| write_error(destination.path(), &error))?;
    let saved = writing.keep(&file)?;
    Ok(Saved { bytes: Some(bytes.len() as u64), ..saved })
}

/// A file that grows, and its claim to a name.
#[derive(Debug)]
pub(super) struct Growing {
    /// To write to.
    pub(super) file: File,
    /// Its name, if another file still has it.
    pub(super) claim: Claim,
}

/// A new file's claim to the name of the one that it is to replace. Dropped before [`Claim::settle`], the old file stays and
/// the new one goes.
#[derive(Debug, Default)]
pub(super) struct Claim(Option<Claimed>);

#[derive(Debug)]
struct Claimed {
    place: PathBuf,
    temporary: PathBuf,
    /// The file that is to be replaced, as it was when that was asked for.
    replaced: Trace,
    /// The same file, marked: nobody else begins to replace it meanwhile.
    held: Option<File>,
}

/// By what a file is known again, and seen to have been written since.
#[derive(Debug, PartialEq, Eq)]
struct Trace {
    /// Its entry of the disk; nothing where the system tells none.
    entry: Option<(u64, u64)>,
    bytes: u64,
    written: Option<SystemTime>,
}

impl Trace {
    fn of(found: &Metadata) -> Self {
        #[cfg(unix)]
        let entry = {
            use std::os::unix::fs::MetadataExt as _;
            Some((found.dev(), found.ino()))
        };
        #[cfg(not(unix))]
        let entry = None;
        Self { entry, bytes: found.len(), written: found.modified().ok() }
    }
}

impl Claim {
    /// Whether the old file still has the name.
    pub(super) const fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Puts the new file in the place of the old one, unless that is done.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let Some(claimed) = &self.0 else { return Ok(()) };
        let is_changed = |found: &Metadata| Trace::of(found) != claimed.replaced;
        // One that may only be written to has been written all the same.
        if let Ok(written) = File::open(&claimed.temporary) {
            written.sync_all()?;
        }
        match fs::metadata(&claimed.place) {
            Ok(found) if is_changed(&found) || claimed.held.is_none() && is_growing(&claimed.place) => {
                return Err(io::Error::other("another program has written the file that was to be replaced"));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => name_new(&claimed.temporary, &claimed.place)?,
            _ => fs::rename(&claimed.temporary, &claimed.place)?,
        }
        // Its name is given; a folder that can't be waited for doesn't take it back.
        let _ = sync_folder(folder(&claimed.place));
        self.0 = None;
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(claimed) = &self.0 {
            // Nothing that anybody waits for is in it.
            let _ = fs::remove_file(&claimed.temporary);
        }
    }
}

/// Opens a file that grows under its own name, such as a recording: what is in it survives whatever comes. One that is
/// to be replaced keeps the name until the claim is settled.
pub(super) fn grow(destination: &Destination) -> Result<Growing, FilesError> {
    let path = match &destination.place {
        Place::StandardOutput => return Ok(Growing { file: standard_output()?, claim: Claim::default() }),
        Place::Fresh(fresh) => return grow(&named(fresh)),
        Place::File(path) => path,
    };
    let (place, replaced) = match look(path, destination)? {
        Found::Stream(file) => return Ok(Growing { file, claim: Claim::default() }),
        Found::Plain { path, replaced } => (path, replaced),
    };
    let Some(old) = replaced else {
        let file = create_new(&place).map_err(|error| not_created(path, &error))?;
        mark_as_growing(&file);
        return Ok(Growing { file, claim: Claim::default() });
    };
    let (temporary, file) = create_beside(&place).map_err(|error| not_begun(path, &error))?;
    mark_as_growing(&file);
    keep_permissions(&file, &old);
    let held = File::open(&place).ok().filter(mark_as_growing);
    Ok(Growing { file, claim: Claim(Some(Claimed { place, temporary, replaced: Trace::of(&old), held })) })
}

/// Opens a file that is added to, whatever is in it, such as a log of keys.
pub(super) fn append(path: &Path) -> Result<File, FilesError> {
    let destination = Destination::replacing(path);
    match look(path, &destination)? {
        Found::Stream(file) => Ok(file),
        Found::Plain { path: place, .. } => {
            private(OpenOptions::new().append(true).create(true)).open(place).map_err(|error| not_created(path, &error))
        }
    }
}

/// Whether a file may be written there, as far as that can be told before: what is refused later is refused now.
pub fn check(destination: &Destination) -> Result<(), FilesError> {
    let Place::File(path) = &destination.place else { return Ok(()) };
    let place = follow(path)?;
    if descriptor(&place).is_some() {
        return Ok(());
    }
    match metadata(&place)? {
        Some(found) if found.is_file() => allow(path, &place, &found, destination),
        Some(found) if found.is_dir() => Err(FilesError::NotAFile { path: shown(path) }),
        Some(_) => Ok(()),
        None => folder_of(path, &place),
    }
}

/// Makes a folder for files of this program where it is missing, and tries whether a file can be written there.
pub fn prepare_folder(folder: &Path) -> Result<(), FilesError> {
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => return Err(FilesError::NotAFolder { path: shown(folder) }),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(|error| not_created(folder, &error))?;
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(FilesError::NotAFolder { path: shown(self::folder(folder)) });
        }
        Err(error) => return Err(read_error(folder, &error)),
    }
    let failed = |error: io::Error| write_error(folder, &error);
    let (trial, mut file) = create_beside(&folder.join("trial")).map_err(failed)?;
    let written = file.write_all(&vec![0; TRIAL_BYTES]).and_then(|()| file.sync_all());
    // What counts is whether it could be written.
    let _ = fs::remove_file(&trial);
    written.map_err(failed)
}

/// A file on its way. Dropped before it is kept, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Writing {
    path: PathBuf,
    file: Option<File>,
    plain: Option<Plain>,
}

/// A plain file that has another name until it is whole.
#[derive(Debug)]
struct Plain {
    place: PathBuf,
    temporary: PathBuf,
    is_replacing: bool,
}

impl Writing {
    /// Opens the place, or says why that cannot be done. Nothing that is there is touched.
    pub(super) fn begin(destination: &Destination) -> Result<Self, FilesError> {
        let path = destination.path().to_owned();
        let place = match &destination.place {
            Place::StandardOutput => Found::Stream(standard_output()?),
            Place::Fresh(fresh) => return Self::begin(&named(fresh)),
            Place::File(path) => look(path, destination)?,
        };
        match place {
            Found::Stream(file) => Ok(Self { path, file: Some(file), plain: None }),
            Found::Plain { path: place, replaced } => {
                let (temporary, file) = create_beside(&place).map_err(|error| not_begun(&path, &error))?;
                let plain = Plain { place, temporary, is_replacing: replaced.is_some() };
                if let Some(old) = replaced {
                    keep_permissions(&file, &old);
                }
                Ok(Self { path, file: Some(file), plain: Some(plain) })
            }
        }
    }

    /// Its path, as it was given.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, for whoever writes it; once.
    pub(super) fn take(&mut self) -> Result<File, FilesError> {
        self.file
            .take()
            .ok_or_else(|| FilesError::NotWritten { path: shown(&self.path), detail: "it is closed".into() })
    }

    /// Gives it its name once all of it is on the disk.
    pub(super) fn keep(self, written: &File) -> Result<Saved, FilesError> {
        let failed = |error: io::Error| write_error(&self.path, &error);
        let Some(plain) = &self.plain else {
            return Ok(Saved { path: self.path.clone(), bytes: None });
        };
        written.sync_all().map_err(failed)?;
        let bytes = written.metadata().map_err(failed)?.len();
        if plain.is_replacing {
            fs::rename(&plain.temporary, &plain.place).map_err(failed)?;
        } else {
            name_new(&plain.temporary, &plain.place).map_err(|error| not_created(&self.path, &error))?;
        }
        match sync_folder(folder(&plain.place)) {
            // A folder that this account may write to and not read: the file itself is on the disk.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            synced => synced.map_err(failed)?,
        }
        Ok(Saved { path: self.path.clone(), bytes: Some(bytes) })
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(plain) = &self.plain {
            // Gone already if it was kept.
            let _ = fs::remove_file(&plain.temporary);
        }
    }
}

/// What a path leads to.
enum Found {
    /// A pipe or a device, open.
    Stream(File),
    /// A plain file that is to come into being there, and what it replaces.
    Plain { path: PathBuf, replaced: Option<Metadata> },
}

/// Follows the path and says what may be done there.
fn look(path: &Path, destination: &Destination) -> Result<Found, FilesError> {
    let place = follow(path)?;
    if let Some(opened) = descriptor(&place) {
        return opened.map(Found::Stream).map_err(|error| write_error(path, &error));
    }
    match metadata(&place)? {
        None => {
            folder_of(path, &place)?;
            Ok(Found::Plain { path: place, replaced: None })
        }
        Some(found) if found.is_file() => {
            allow(path, &place, &found, destination)?;
            Ok(Found::Plain { path: place, replaced: Some(found) })
        }
        Some(found) => stream(path, &place, &found).map(Found::Stream),
    }
}

/// Whether a plain file that is there may be replaced.
fn allow(path: &Path, place: &Path, found: &Metadata, destination: &Destination) -> Result<(), FilesError> {
    if destination.sources.iter().any(|source| is_same(source, place, found)) {
        return Err(FilesError::SameFile { path: shown(path) });
    }
    match destination.existing {
        Existing::Refuse => Err(FilesError::Exists { path: shown(path) }),
        Existing::Replace if is_growing(place) => Err(FilesError::InUse { path: shown(path) }),
        Existing::Replace => Ok(()),
    }
}

/// Marks a file that grows under its own name, so that nobody replaces it meanwhile. The mark goes with the process, however
/// that ends. Whether it is marked: only Unix has locks that leave readers alone, and some drives have none.
fn mark_as_growing(file: &File) -> bool {
    cfg!(unix) && file.try_lock().is_ok()
}

/// Whether a program is writing to a file that grows.
fn is_growing(place: &Path) -> bool {
    let is_locked = |file: File| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock));
    cfg!(unix) && File::open(place).is_ok_and(is_locked)
}

/// Whether that path leads to this file.
pub(super) fn leads_to(path: &Path, file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let identity = |found: Metadata| (found.dev(), found.ino());
        let own = file.metadata().map(identity);
        fs::metadata(path).is_ok_and(|found| own.is_ok_and(|own| own == identity(found)))
    }
    // The standard library can't tell there.
    #[cfg(not(unix))]
    {
        let _ = (path, file);
        true
    }
}

/// Where a path leads once its links are followed. The last name need not be there.
fn follow(path: &Path) -> Result<PathBuf, FilesError> {
    let ends_as_folder = path.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
    if path.file_name().is_none() || ends_as_folder {
        return Err(FilesError::NotAFile { path: shown(path) });
    }
    let mut place = path.to_owned();
    for _ in 0..MAX_LINKS {
        if descriptor_number(&place).is_some() {
            return Ok(place);
        }
        match fs::read_link(&place) {
            Ok(target) => place = folder(&place).join(target),
            // Not a link, or nothing is there.
            Err(_) if is_own(&place) => return Err(FilesError::OwnFile { path: shown(path) }),
            Err(_) => return Ok(place),
        }
    }
    Err(FilesError::NotWritten { path: shown(path), detail: "its links lead in a circle".into() })
}

/// Whether it is one of the files that this program keeps records in: whatever is allowed, what is on record is not written
/// over.
fn is_own(place: &Path) -> bool {
    // Named from within the folder it has no parent to be known by.
    let place = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
    let folder = folder(&place);
    let is_data_folder = |folder: &Path| folder.join("records.sqlite").exists();
    let name = place.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let is_of_records = DataDir::RECORD_FILES.iter().any(|own| name.strip_prefix(own).is_some_and(is_end_of_name));
    let runs = folder.file_name().is_some_and(|name| name == "running");
    (is_of_records && is_data_folder(folder)) || (runs && folder.parent().is_some_and(is_data_folder))
}

/// What follows the name of a file of the records: nothing, or what SQLite calls its helpers by.
fn is_end_of_name(rest: &str) -> bool {
    matches!(rest, "" | "-wal" | "-shm" | "-journal")
}

fn metadata(place: &Path) -> Result<Option<Metadata>, FilesError> {
    match fs::metadata(place) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            Err(FilesError::NotAFolder { path: shown(folder(place)) })
        }
        Err(error) => Err(write_error(place, &error)),
    }
}

/// Says so if the folder of a new file is missing.
fn folder_of(path: &Path, place: &Path) -> Result<(), FilesError> {
    let folder = folder(place);
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(read_error(path, &error)),
        Ok(_) => Err(FilesError::NotAFolder { path: shown(folder) }),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Err(FilesError::NotAFolder { path: shown(folder) }),
        Err(_) => Err(FilesError::NoFolder { path: shown(folder) }),
    }
}

/// Whether both are one file: the same entry of the disk, so that links and hard links count.
#[cfg(unix)]
fn is_same(source: &Path, _place: &Path, found: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(source).is_ok_and(|source| (source.dev(), source.ino()) == (found.dev(), found.ino()))
}

/// Whether both are one file, as far as paths tell; a second hard link is not seen here.
#[cfg(not(unix))]
fn is_same(source: &Path, place: &Path, _found: &Metadata) -> bool {
    match (fs::canonicalize(source), fs::canonicalize(place)) {
        (Ok(source), Ok(place)) => source == place,
        _ => false,
    }
}

/// Opens a pipe or a device to write to. A folder, a disk or a socket is none.
#[cfg(unix)]
fn stream(path: &Path, place: &Path, found: &Metadata) -> Result<File, FilesError> {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = found.file_type();
    let opened = match (kind.is_fifo(), kind.is_char_device()) {
        (true, _) => open_pipe(place),
        (false, true) => OpenOptions::new().write(true).open(place),
        (false, false) => return Err(FilesError::NotAFile { path: shown(path) }),
    };
    opened.map_err(|error| match error.kind() {
        ErrorKind::TimedOut => FilesError::NoReader { path: shown(path) },
        _ => write_error(path, &error),
    })
}

#[cfg(not(unix))]
fn stream(path: &Path, _place: &Path, _found: &Metadata) -> Result<File, FilesError> {
    Err(FilesError::NotAFile { path: shown(path) })
}

/// Opens a named pipe once somebody reads from it, which is waited for only so long.
#[cfg(unix)]
fn open_pipe(place: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::time::Duration;
    // Nine seconds, less than whoever waits for a file takes for too slow.
    const TRIES: u32 = 180;
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    for _ in 0..TRIES {
        match OpenOptions::new().write(true).custom_flags(flags).open(place) {
            Ok(file) => {
                let flags = rustix::fs::fcntl_getfl(&file)? - rustix::fs::OFlags::NONBLOCK;
                rustix::fs::fcntl_setfl(&file, flags)?;
                return Ok(file);
            }
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::TimedOut.into())
}

/// The number of a stream that this process has open already, if the path is its name.
fn descriptor_number(place: &Path) -> Option<u32> {
    let folder = place.parent()?.to_str()?;
    let is_own = matches!(folder, "/dev/fd" | "/proc/self/fd") || folder == format!("/proc/{}/fd", std::process::id());
    place.file_name()?.to_str()?.parse().ok().filter(|_| cfg!(unix) && is_own)
}

/// A stream that this process has open already, if the path is its name. It is written to where it stands.
fn descriptor(place: &Path) -> Option<io::Result<File>> {
    Some(match descriptor_number(place)? {
        1 => duplicate(&io::stdout()),
        2 => duplicate(&io::stderr()),
        _ => OpenOptions::new().append(true).open(place),
    })
}

fn standard_output() -> Result<File, FilesError> {
    duplicate(&io::stdout()).map_err(|error| write_error(Path::new("standard output"), &error))
}

#[cfg(unix)]
fn duplicate(stream: &impl std::os::fd::AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn duplicate(stream: &impl std::os::windows::io::AsHandle) -> io::Result<File> {
    stream.as_handle().try_clone_to_owned().map(File::from)
}

/// Gives a file the permissions of the one it replaces, and its owner where this account may.
fn keep_permissions(file: &File, old: &Metadata) {
    // All of it is best kept and never worth losing what is to be written: without it the new file is this account's alone.
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
        let Ok(new) = file.metadata() else { return };
        let has_group = new.gid() == old.gid() || fchown(file, None, Some(old.gid())).is_ok();
        if new.uid() != old.uid() {
            let _ = fchown(file, Some(old.uid()), None);
        }
        // What the old file's group may is not for another one.
        let mode = if has_group { old.mode() } else { old.mode() & !0o070 };
        let _ = file.set_permissions(fs::Permissions::from_mode(mode & 0o7777));
    }
    #[cfg(not(unix))]
    let _ = file.set_permissions(old.permissions());
}

/// Gives a new file its name, unless something got that name meanwhile.
fn name_new(temporary: &Path, place: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, temporary, CWD, place, RenameFlags::NOREPLACE) {
            // Some network drives know no such thing.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return Ok(done?),
        }
    }
    if fs::symlink_metadata(place).is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    fs::rename(temporary, place)
}

/// A file that could not be made: something of its name came meanwhile, or its folder went.
fn not_created(path: &Path, error: &io::Error) -> FilesError {
    match error.kind() {
        ErrorKind::AlreadyExists => FilesError::Exists { path: shown(path) },
        ErrorKind::NotFound if !folder(path).is_dir() => FilesError::NoFolder { path: shown(folder(path)) },
        _ => write_error(path, error),
    }
}

/// The same where it is the file beside it that could not be made: whatever stands in its way, the place itself is free.
fn not_begun(path: &Path, error: &io::Error) -> FilesError {
    if error.kind() == ErrorKind::AlreadyExists { write_error(path, error) } else { not_created(path, error) }
}

#[cfg(test)]
mod tests;
