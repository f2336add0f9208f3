//! The data folder, the settings, the user's profile texts, and files read for people. What people want written goes
//! through [`super::save`].
//!
//! Every write is atomic: a temporary file in the same folder, flushed to the disk, then renamed. Every read has a limit
//! and takes plain files only. Everything here blocks.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::destination::EXISTS;
use crate::model::problem::{Explain, Problem};
use crate::model::settings::Settings;
use crate::model::text::visible;

/// Largest settings file read.
const MAX_SETTINGS_BYTES: u64 = 2 * 1024 * 1024;
/// Largest profile file read: what the format allows.
const MAX_PROFILE_BYTES: u64 = 1024 * 1024;
/// Most profile files read.
const MAX_PROFILES: usize = 200;
/// The most sites that are listed.
const MAX_SITES: usize = 2000;
/// Unfinished files of earlier runs that are passed over.
const MOST_LEFT_BEHIND: usize = 1000;

/// Why a file or folder could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    /// The platform names no data folder for this account.
    #[error("this account has no data folder")]
    NoDataFolder,
    /// The folder cannot be made or used.
    #[error("the folder {path} cannot be used")]
    NotCreated {
        /// Its path.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// There is no such file.
    #[error("there is no file {path}")]
    NotFound {
        /// Its path.
        path: String,
    },
    /// The account may not read or write it.
    #[error("no permission for {path}")]
    NoPermission {
        /// Its path.
        path: String,
    },
    /// A folder, pipe or device.
    #[error("{path} isn't a file")]
    NotAFile {
        /// Its path.
        path: String,
    },
    /// Something else where a folder is wanted.
    #[error("{path} isn't a folder")]
    NotAFolder {
        /// Its path.
        path: String,
    },
    /// Larger than allowed.
    #[error("{path} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// Its path.
        path: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// Not UTF-8.
    #[error("{path} isn't text")]
    NotText {
        /// Its path.
        path: String,
    },
    /// A file of that name is there, and nobody said that it may be replaced.
    #[error("{path} is there already")]
    Exists {
        /// Its path.
        path: String,
    },
    /// It is, by another name perhaps, a file that is read for it.
    #[error("{path} is what is being read")]
    SameFile {
        /// Its path.
        path: String,
    },
    /// It is one of the files of the records.
    #[error("{path} belongs to the records")]
    OwnFile {
        /// Its path.
        path: String,
    },
    /// A program is writing to it.
    #[error("a program is writing to {path}")]
    InUse {
        /// Its path.
        path: String,
    },
    /// The folder it should lie in is missing.
    #[error("there is no folder {path}")]
    NoFolder {
        /// The folder's path.
        path: String,
    },
    /// Its disk takes no changes.
    #[error("{path} lies on a disk that is read-only")]
    ReadOnly {
        /// Its path.
        path: String,
    },
    /// It is a pipe that nobody reads.
    #[error("nobody reads from {path}")]
    NoReader {
        /// Its path.
        path: String,
    },
    /// The disk is full.
    #[error("the disk is full; {path} was not written")]
    DiskFull {
        /// Its path.
        path: String,
    },
    /// Reading failed in another way.
    #[error("{path} cannot be read")]
    NotRead {
        /// Its path.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// Writing failed in another way.
    #[error("{path} cannot be written")]
    NotWritten {
        /// Its path.
        path: String,
        /// What the system said.
        detail: String,
    },
}

impl Explain for FilesError {
    fn explain(&self) -> Problem {
        let shown = |path: &str| visible(path, 160);
        match self {
            Self::NoDataFolder => Problem::new(
                "files.no_data_folder",
                "There is no folder for Linesman's data",
                "The account has no home folder",
                "Start Linesman with a folder for its data",
            ),
            Self::NotCreated { path, detail } => Problem::new(
                "files.not_created",
                format!("The folder {} cannot be used", shown(path)),
                "It can't be created, isn't a folder, or belongs to another account",
                "Check the permissions of the folder above it, or start Linesman with another data folder",
            )
            .with_detail(visible(detail, 300)),
            Self::NotFound { path } => Problem::new(
                "files.not_found",
                format!("There is no file {}", shown(path)),
                "The path is mistyped, or the file was moved",
                "Correct the path",
            ),
            Self::NoPermission { path } => Problem::new(
                "files.no_permission",
                format!("No permission for {}", shown(path)),
                "Your account may not read or write there",
                "Choose another folder, or change its permissions",
            ),
            Self::NotAFile { path } => Problem::new(
                "files.not_a_file",
                format!("{} isn't a file", shown(path)),
                "The path leads to a folder, a pipe or a device",
                "Name a file",
            ),
            Self::NotAFolder { path } => Problem::new(
                "files.not_a_folder",
                format!("{} isn't a folder", shown(path)),
                "The path leads to a file",
                "Name a folder",
            ),
            Self::TooLarge { path, limit_bytes } => Problem::new(
                "files.too_large",
                format!("{} is too large", shown(path)),
                format!("At most {limit_bytes} bytes are read; another kind of file was chosen"),
                "Choose the right file",
            ),
            Self::NotText { path } => Problem::new(
                "files.not_text",
                format!("{} isn't text", shown(path)),
                "It is another kind of file, or was saved in another encoding than UTF-8",
                "Save it as UTF-8, or choose the right file",
            ),
            Self::Exists { path } => Problem::new(
                EXISTS,
                format!("{} exists already", shown(path)),
                "An earlier run wrote it, or it is another file of that name; nothing was changed",
                "Choose another name, or replace it",
            ),
            Self::SameFile { path } => Problem::new(
                "files.same_file",
                format!("{} is the file being read", shown(path)),
                "The path, or a link, leads back to the source; nothing was changed",
                "Choose another name",
            ),
            Self::OwnFile { path } => Problem::new(
                "files.records",
                format!("{} belongs to the records", shown(path)),
                "What is on record is never written over; nothing was changed",
                "Choose another name or folder",
            ),
            Self::InUse { path } => Problem::new(
                "files.in_use",
                format!("A program is writing to {}", shown(path)),
                "A recording, or the results of a batch, are being written there; nothing was changed",
                "Choose another name, or end what runs there first",
            ),
            Self::NoFolder { path } => Problem::new(
                "files.no_folder",
                format!("The folder {} doesn't exist", shown(path)),
                "The path is mistyped, or the drive isn't connected",
                "Create the folder, or choose another",
            ),
            Self::ReadOnly { path } => Problem::new(
                "files.read_only",
                format!("{} was not written: its disk is read-only", shown(path)),
                "The disk is write-protected, or was mounted read-only",
                "Choose a folder on another disk",
            ),
            Self::NoReader { path } => Problem::new(
                "files.no_reader",
                format!("No program reads from the pipe {}", shown(path)),
                "The program at the other end has not started, or has ended",
                "Start it first, then try again",
            ),
            Self::DiskFull { path } => Problem::new(
                "files.disk_full",
                format!("{} was not written", shown(path)),
                "The disk is full",
                "Free some space or choose another disk, then try again",
            ),
            Self::NotRead { path, detail } => Problem::new(
                "files.not_read",
                format!("{} cannot be read", shown(path)),
                "The disk or network drive reported an error",
                "Try again, or copy the file to this computer first",
            )
            .with_detail(visible(detail, 300)),
            Self::NotWritten { path, detail } => Problem::new(
                "files.not_written",
                format!("{} cannot be written", shown(path)),
                "The disk or network drive reported an error, or another program has the file open",
                "Choose another folder or name, or close the other program",
            )
            .with_detail(visible(detail, 300)),
        }
    }
}

/// The folder in which everything of the program lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

/// The text of a profile file of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileText {
    /// Path of the file, for messages.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

impl DataDir {
    /// What records are kept in, by name; SQLite has helpers beside its own.
    pub(super) const RECORD_FILES: [&str; 4] = ["records.sqlite", "records.key", "records.reserve", "records.sync"];

    /// Uses the given folder or the platform's, and makes it if need be, for this account only.
    pub fn open(given: Option<&Path>) -> Result<Self, FilesError> {
        let root = match given {
            Some(path) => path.to_owned(),
            None => platform_folder().ok_or(FilesError::NoDataFolder)?,
        };
        let data_dir = Self { root };
        make_private_folder(&data_dir.root)?;
        // An absolute path keeps its meaning wherever it is shown. If the system cannot say, the given one will do.
        Ok(Self { root: std::path::absolute(&data_dir.root).unwrap_or(data_dir.root) })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database of records.
    pub fn records(&self) -> PathBuf {
        self.root.join("records.sqlite")
    }

    /// The key that seals the records, for their owner only.
    pub fn records_key(&self) -> PathBuf {
        self.root.join("records.key")
    }

    /// Room on the disk that is kept for outcomes.
    pub fn records_reserve(&self) -> PathBuf {
        self.root.join("records.reserve")
    }

    /// How far the records were sent to a server.
    pub fn records_sync(&self) -> PathBuf {
        self.root.join("records.sync")
    }

    /// The list of known keys, unless another one is named.
    pub fn known_keys(&self) -> PathBuf {
        self.root.join("known-keys.txt")
    }

    /// One locked file for each running process.
    pub fn running(&self) -> PathBuf {
        self.root.join("running")
    }

    /// The log files.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The user's profile files.
    pub fn profiles(&self) -> PathBuf {
        self.root.join("profiles")
    }

    /// Folder with the files of sites.
    pub fn sites(&self) -> PathBuf {
        self.root.join("sites")
    }

    /// The files of sites, by name.
    pub fn list_sites(&self) -> Result<Vec<PathBuf>, Problem> {
        let mut paths = profile_paths(&self.sites())?;
        paths.sort();
        paths.truncate(MAX_SITES);
        Ok(paths)
    }

    /// The settings file.
    pub fn settings(&self) -> PathBuf {
        self.root.join("settings.toml")
    }

    /// The settings as stored, or the defaults. A file that cannot be understood is kept aside and reported.
    pub fn load_settings(&self) -> (Settings, Option<Problem>) {
        let path = self.settings();
        let text = match read_text(&path, MAX_SETTINGS_BYTES) {
            Ok(text) => text,
            Err(FilesError::NotFound { .. }) => return (Settings::default(), None),
            Err(error @ (FilesError::TooLarge { .. } | FilesError::NotText { .. })) => {
                return (Settings::default(), Some(self.set_aside(&error.to_string())));
            }
            Err(error) => return (Settings::default(), Some(error.explain())),
        };
        match toml::from_str::<Settings>(&text) {
            Ok(settings) => (within_limits(settings), None),
            Err(error) => (Settings::default(), Some(self.set_aside(error.message()))),
        }
    }

    /// Stores the settings.
    pub fn save_settings(&self, settings: &Settings) -> Result<(), FilesError> {
        let path = self.settings();
        let text = toml::to_string(settings)
            .map_err(|error| FilesError::NotWritten { path: shown(&path), detail: error.to_string() })?;
        write_atomically(&path, text.as_bytes())
    }

    /// The user's profile files by name, and those that could not be read.
    pub fn load_profiles(&self) -> (Vec<ProfileText>, Vec<Problem>) {
        let mut paths = match profile_paths(&self.profiles()) {
            Ok(paths) => paths,
            Err(problem) => return (Vec::new(), vec![problem]),
        };
        paths.sort();
        let mut problems = Vec::new();
        if paths.len() > MAX_PROFILES {
            problems.push(too_many_profiles(paths.len()));
            paths.truncate(MAX_PROFILES);
        }
        let mut texts = Vec::new();
        for path in paths {
            match read_text(&path, MAX_PROFILE_BYTES) {
                Ok(text) => texts.push(ProfileText { path, text }),
                Err(error) => problems.push(error.explain()),
            }
        }
        (texts, problems)
    }

    /// Moves the settings file out of the way and says so.
    fn set_aside(&self, detail: &str) -> Problem {
        let aside = self.root.join("settings.bad.toml");
        let kept = match fs::rename(self.settings(), &aside) {
            Ok(()) => format!("The old file was saved as {}", shown(&aside)),
            Err(error) => format!("The old file couldn't be saved: {error}"),
        };
        Problem::new(
            "files.bad_settings",
            "The settings could not be read; the usual ones are used",
            "The file was edited, or written by another version",
            "Set what you need again in Settings",
        )
        .with_detail(format!("{}. {kept}", visible(detail, 300)))
    }
}

/// Writes a file as a whole or not at all. What was there before stays until the new content is on the disk.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), FilesError> {
    let failed = |error: io::Error| write_error(path, &error);
    if path.is_dir() {
        return Err(FilesError::NotAFile { path: shown(path) });
    }
    if path.file_name().is_none() {
        return Err(FilesError::NotAFile { path: shown(path) });
    }
    let (temporary, mut file) = create_beside(path).map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&temporary, path)) {
        // The error that counts is the one above.
        let _ = fs::remove_file(&temporary);
        return Err(failed(error));
    }
    sync_folder(folder(path)).map_err(failed)
}

/// Reads a text file of at most `limit_bytes`.
pub fn read_text(path: &Path, limit_bytes: u64) -> Result<String, FilesError> {
    let bytes = read_bytes(path, limit_bytes)?;
    String::from_utf8(bytes).map_err(|_| FilesError::NotText { path: shown(path) })
}

/// Whether there is a folder at that path.
pub fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_dir())
}

/// Reads a file of at most `limit_bytes`. Pipes and devices are refused before they are opened: they could block.
pub fn read_bytes(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, FilesError> {
    let failed = |error: io::Error| read_error(path, &error);
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(FilesError::NotAFile { path: shown(path) });
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit_bytes + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(FilesError::TooLarge { path: shown(path), limit_bytes });
    }
    Ok(bytes)
}

/// Makes a folder and those above it, readable by this account only where the system has such rights.
pub fn make_private_folder(path: &Path) -> Result<(), FilesError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| FilesError::NotCreated { path: shown(path), detail: error.to_string() })
}

fn platform_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "linesman").map(|folders| folders.data_dir().to_owned())
}

/// The scale may have been edited by hand.
fn within_limits(mut settings: Settings) -> Settings {
    let range = Settings::SCALE_RANGE;
    settings.scale = if settings.scale.is_finite() {
        settings.scale.clamp(*range.start(), *range.end())
    } else {
        Settings::default().scale
    };
    settings.layout.window = settings.layout.window.within_limits();
    settings
}

fn profile_paths(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read_error(folder, &error).explain()),
    };
    let paths: io::Result<Vec<_>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(|error| read_error(folder, &error).explain())?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    Ok(paths)
}

fn too_many_profiles(count: usize) -> Problem {
    Problem::new(
        "files.too_many_profiles",
        format!("Of {count} profile files only the first {MAX_PROFILES} by name are used"),
        "The profile folder holds more files than any site needs",
        "Move those you do not need out of the folder",
    )
}

/// The folder of a file.
pub(super) fn folder(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a file in the same folder under a name that nothing else has, what an end of the program left behind included. The name
/// is short, since the place's own may be as long as is allowed.
pub(super) fn create_beside(place: &Path) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    for _ in 0..MOST_LEFT_BEHIND {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder(place).join(format!(".linesman-{}-{number}.part", std::process::id()));
        match create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return Ok((path, made?)),
        }
    }
    Err(io::Error::other("its folder is full of unfinished files (.linesman-*.part) of earlier runs"))
}

/// Makes a file that was not there, for this account only where the system knows that.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().write(true).create_new(true)).open(path)
}

/// Options by which a file that comes into being is for this account only.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes the renaming itself last. Only Unix knows this for folders.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// What a failed reading of that file means.
pub(super) fn read_error(path: &Path, error: &io::Error) -> FilesError {
    let path = shown(path);
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FilesError::NotFound { path },
        ErrorKind::PermissionDenied => FilesError::NoPermission { path },
        ErrorKind::IsADirectory => FilesError::NotAFile { path },
        _ => FilesError::NotRead { path, detail: error.to_string() },
    }
}

/// What the system said, though a library may have wrapped it.
pub(super) fn kind_of(error: &io::Error) -> ErrorKind {
    let mut kind = error.kind();
    let mut inner = error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
    while let Some(found) = inner.filter(|_| kind == ErrorKind::Other) {
        kind = found.downcast_ref::<io::Error>().or_else(|| of_csv(found)).map_or(kind, kind_of);
        inner = found.source();
    }
    kind
}

/// What the system said, where the library of CSV hands it on without naming it as its source.
fn of_csv<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a io::Error> {
    match error.downcast_ref::<csv::Error>()?.kind() {
        csv::ErrorKind::Io(error) => Some(error),
        _ => None,
    }
}

pub(super) fn write_error(path: &Path, error: &io::Error) -> FilesError {
    let path = shown(path);
    match kind_of(error) {
        ErrorKind::PermissionDenied => FilesError::NoPermission { path },
        ErrorKind::ReadOnlyFilesystem => FilesError::ReadOnly { path },
        ErrorKind::IsADirectory => FilesError::NotAFile { path },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => FilesError::DiskFull { path },
        _ => FilesError::NotWritten { path, detail: error.to_string() },
    }
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::ProfileId;
    use crate::model::layout::{Layout, ListLayout, WindowSize};
    use crate::model::settings::{PublishTemplate, RecordsSettings, SavedConnection, TelemetrySettings, ThemeChoice};

    fn data_dir() -> (tempfile::TempDir, DataDir) {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(Some(&folder.path().join("a/b"))).unwrap();
        (folder, data_dir)
    }

    #[test]
    fn the_data_folder_is_made_for_this_account_only() {
        let (_folder, data_dir) = data_dir();
        assert!(data_dir.root().is_absolute());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(data_dir.root()).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert_eq!(DataDir::open(Some(data_dir.root())).unwrap(), data_dir);
        let blocked = data_dir.root().join("file");
        fs::write(&blocked, "").unwrap();
        assert_eq!(DataDir::open(Some(&blocked)).unwrap_err().explain().code, "files.not_created");
    }

    #[test]
    fn settings_read_back() {
        let (_folder, data_dir) = data_dir();
        assert_eq!(data_dir.load_settings(), (Settings::default(), None));
        let settings = Settings {
            theme: ThemeChoice::Dark,
            scale: 1.5,
            last_profile: Some(ProfileId::new("generic-improv")),
            operator: "Zoë \"Z\"".into(),
            scan_bluetooth: true,
            connections: vec![SavedConnection {
                name: "mqtt://broker.example:1883".into(),
                subscriptions: vec![("site/#".into(), 1)],
                ..SavedConnection::default()
            }],
            layout: Layout {
                window: WindowSize { width: 1600, height: 1000, is_maximised: true },
                shares: [("gateways".to_owned(), 470)].into(),
                gateways: ListLayout {
                    order: "state".into(),
                    hidden: ["signal".to_owned()].into(),
                    widths: [("name".to_owned(), 200)].into(),
                },
            },
            telemetry: TelemetrySettings { budget_mib: 64, is_dropping: true, ..TelemetrySettings::default() },
            recent_recordings: vec!["/home/me/site.lmrec".into()],
            publish_templates: vec![PublishTemplate {
                name: "Réboot".into(),
                topic: "site/cmd".into(),
                payload: "{\n}".into(),
                kind: "json".into(),
                qos: 1,
                user: vec![("a".into(), "b".into())],
                ..PublishTemplate::default()
            }],
            records: RecordsSettings { server: "postgres://kim@db/x".into(), ..RecordsSettings::default() },
        };
        data_dir.save_settings(&settings).unwrap();
        assert_eq!(data_dir.load_settings(), (settings, None));
    }

    #[test]
    fn a_password_in_an_address_is_never_written_and_cut_out_where_it_was() {
        let (_folder, data_dir) = data_dir();
        let connection = SavedConnection {
            name: "mqtt://me:SECRETpw@broker".into(),
            url: "mqtt://me:SECRETpw@broker".into(),
            proxy: "me:SECRETpw@proxy:3128".into(),
            ..SavedConnection::default()
        };
        let records = RecordsSettings { server: "postgres://kim:SECRETpw@db/x".into(), ..RecordsSettings::default() };
        let settings = Settings { connections: vec![connection], records, ..Settings::default() };
        data_dir.save_settings(&settings).unwrap();
        assert!(!fs::read_to_string(data_dir.settings()).unwrap().contains("SECRET"));

        fs::write(data_dir.settings(), "[records]\nserver = \"postgres://kim:SECRETpw@db/x\"\n").unwrap();
        assert_eq!(data_dir.load_settings().0.records.server, "postgres://kim@db/x");
    }

    #[test]
    fn bad_settings_are_kept_aside_and_replaced_by_the_defaults() {
        for content in [&b"theme = 7"[..], b"nonsense = true", b"\xff\xfe", &vec![b'#'; 2_200_000]] {
            let (_folder, data_dir) = data_dir();
            fs::write(data_dir.settings(), content).unwrap();
            let (settings, problem) = data_dir.load_settings();
            assert_eq!(settings, Settings::default());
            assert_eq!(problem.unwrap().code, "files.bad_settings");
            assert_eq!(fs::read(data_dir.root().join("settings.bad.toml")).unwrap(), content);
            assert_eq!(data_dir.load_settings(), (Settings::default(), None));
        }
        let (_folder, data_dir) = data_dir();
        fs::write(data_dir.settings(), "scale = nan").unwrap();
        assert_eq!(data_dir.load_settings(), (Settings::default(), None));
    }

    #[test]
    fn profiles_are_read_by_name_and_bad_ones_reported() {
        let (_folder, data_dir) = data_dir();
        assert_eq!(data_dir.load_profiles(), (Vec::new(), Vec::new()));
        fs::create_dir_all(data_dir.profiles().join("folder.toml")).unwrap();
        fs::write(data_dir.profiles().join("b.toml"), "b").unwrap();
        fs::write(data_dir.profiles().join("a.toml"), "a").unwrap();
        fs::write(data_dir.profiles().join("notes.txt"), "x").unwrap();
        fs::write(data_dir.profiles().join("large.toml"), vec![b'#'; 1_100_000]).unwrap();
        let (texts, problems) = data_dir.load_profiles();
        assert_eq!(texts.iter().map(|profile| profile.text.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["files.not_a_file", "files.too_large"]);
    }

    #[test]
    fn writing_replaces_as_a_whole_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export.csv");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let code = |path: &Path| write_atomically(path, b"x").unwrap_err().explain().code;
        assert_eq!(code(folder.path()), "files.not_a_file");
        assert_eq!(code(&folder.path().join("missing/x")), "files.not_written");
    }

    #[test]
    fn reading_tells_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let code = |limit| read_text(&path, limit).err().map(|error| error.explain().code);
        assert_eq!(code(10), Some("files.not_found"));
        fs::write(&path, b"12345").unwrap();
        assert_eq!((code(4), code(5)), (Some("files.too_large"), None));
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(code(10), Some("files.not_text"));
        assert_eq!(read_text(folder.path(), 10).unwrap_err().explain().code, "files.not_a_file");
    }

    #[test]
    fn errors_of_the_system_are_told_apart() {
        let code = |kind: ErrorKind| write_error(Path::new("x"), &kind.into()).explain().code;
        assert_eq!(code(ErrorKind::StorageFull), "files.disk_full");
        assert_eq!(code(ErrorKind::PermissionDenied), "files.no_permission");
        assert_eq!(code(ErrorKind::Other), "files.not_written");
    }
}
