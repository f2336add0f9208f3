//! The program's own log: a file a day in the data folder, kept for a week, and on request lines on standard error.
//!
//! The level comes from `LINESMAN_LOG`. Our own lines are logged at that level, those of libraries only from warnings
//! on, since nobody knows what a library writes into its details. A log that cannot be written stops nothing.

use std::fs;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::files::{self, DataDir, FilesError};
use crate::model::problem::Problem;
use crate::model::text::visible;

/// Names the level: off, error, warn, info, debug or trace.
pub const LEVEL_VARIABLE: &str = "LINESMAN_LOG";
/// Days kept.
const KEPT_FILES: usize = 7;
/// Lines that may wait for the disk. Room for all of them is taken at the start, so it is no more than a burst needs.
const WAITING_LINES: usize = 4096;
/// Beginning and end of the names of log files; the date stands between.
const PREFIX: &str = "linesman";
const SUFFIX: &str = "log";

/// Keeps the log going; what is still waiting is written when it is dropped. Hold it to the end of `main`.
#[must_use = "dropping it ends the log"]
pub struct LogGuard {
    _worker: Option<WorkerGuard>,
}

/// Starts the log of this process; with `is_verbose` it also goes to standard error.
///
/// Problems are reported, not fatal: a misspelled level, a folder that cannot be written, a log that runs already.
pub fn start(data_dir: &DataDir, is_verbose: bool) -> (LogGuard, Vec<Problem>) {
    let mut problems = Vec::new();
    // A value that is no text reads as misspelled.
    let given = std::env::var_os(LEVEL_VARIABLE).map(|value| value.to_string_lossy().into_owned());
    let level = given.as_deref().map_or(Ok(LevelFilter::INFO), parse_level).unwrap_or_else(|problem| {
        problems.push(problem);
        LevelFilter::INFO
    });
    let (writer, worker) = file_writer(&data_dir.logs(), level, &mut problems).unzip();
    if let Err(error) = subscriber(writer, level, is_verbose).try_init() {
        problems.push(not_started(&error.to_string()));
    }
    (LogGuard { _worker: worker }, problems)
}

/// The newest lines of the log, oldest first, at most `max_bytes`. An empty text if there is no log.
pub fn recent(data_dir: &DataDir, max_bytes: usize) -> Result<String, FilesError> {
    let mut newest_first = log_files(&data_dir.logs())?;
    newest_first.sort_by(|left, right| right.cmp(left));
    let mut parts: Vec<String> = Vec::new();
    let mut rest = max_bytes;
    for path in newest_first {
        if rest == 0 {
            break;
        }
        let tail = read_tail(&path, rest).map_err(|error| files::read_error(&path, &error))?;
        rest = rest.saturating_sub(tail.len());
        parts.push(String::from_utf8_lossy(&tail).into_owned());
    }
    parts.reverse();
    Ok(parts.concat())
}

/// Reads a level as people write it.
fn parse_level(text: &str) -> Result<LevelFilter, Problem> {
    match text.trim().to_ascii_lowercase().as_str() {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "" | "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        other => Err(Problem::new(
            "logs.unknown_level",
            format!("{LEVEL_VARIABLE} names the unknown level `{}`", visible(other, 40)),
            "It is misspelled",
            "Write off, error, warn, info, debug or trace; until then info is used",
        )),
    }
}

fn file_writer(folder: &Path, level: LevelFilter, problems: &mut Vec<Problem>) -> Option<(NonBlocking, WorkerGuard)> {
    if level == LevelFilter::OFF {
        return None;
    }
    match rolling_file(folder) {
        // A full queue drops lines rather than to hold up the work they tell of.
        Ok(file) => {
            Some(NonBlockingBuilder::default().thread_name("logs").buffered_lines_limit(WAITING_LINES).finish(file))
        }
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

fn rolling_file(folder: &Path) -> Result<RollingFileAppender, Problem> {
    files::make_private_folder(folder).map_err(|error| not_started(&error.to_string()))?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(PREFIX)
        .filename_suffix(SUFFIX)
        .max_log_files(KEPT_FILES)
        .build(folder)
        .map_err(|error| not_started(&error.to_string()))
}

fn not_started(detail: &str) -> Problem {
    Problem::new(
        "logs.not_started",
        "The log cannot be written",
        "The folder is read-only or belongs to another account, or the disk is full",
        "Nothing has to be done to go on; check the permissions of the data folder before asking for support",
    )
    .with_detail(visible(detail, 300))
}

fn subscriber(writer: Option<NonBlocking>, level: LevelFilter, is_verbose: bool) -> impl Subscriber + Send + Sync {
    let file = writer.map(|writer| {
        tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer).with_filter(targets(level))
    });
    let stderr = is_verbose.then(|| {
        let level = level.max(LevelFilter::DEBUG);
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(targets(level))
    });
    tracing_subscriber::registry().with(file).with(stderr)
}

/// Our own lines at the level, those of libraries from warnings on.
fn targets(level: LevelFilter) -> Targets {
    let libraries = level.min(LevelFilter::from_level(Level::WARN));
    Targets::new().with_default(libraries).with_target(env!("CARGO_CRATE_NAME"), level)
}

fn log_files(folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| files::read_error(folder, &error))?,
    };
    let is_log = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(PREFIX) && name.ends_with(SUFFIX) && path.is_file()
    };
    // An entry that vanishes meanwhile was rotated away.
    Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(is_log).collect())
}

/// The end of a file, from the beginning of a line on.
fn read_tail(path: &Path, max_bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(max_bytes as u64);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    // The file may grow while it is read.
    file.take(max_bytes as u64).read_to_end(&mut tail)?;
    if start > 0 {
        let line = tail.iter().position(|octet| *octet == b'\n').map_or(tail.len(), |end| end + 1);
        tail.drain(..line);
    }
    Ok(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_dir() -> (tempfile::TempDir, DataDir) {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(Some(folder.path())).unwrap();
        (folder, data_dir)
    }

    #[test]
    fn levels_are_read_as_people_write_them() {
        assert_eq!(parse_level("off"), Ok(LevelFilter::OFF));
        assert_eq!(parse_level(" Debug "), Ok(LevelFilter::DEBUG));
        assert_eq!(parse_level(""), Ok(LevelFilter::INFO));
        assert_eq!(parse_level("loud\u{1b}").unwrap_err().code, "logs.unknown_level");
    }

    #[test]
    fn lines_reach_the_file_and_libraries_keep_quiet() {
        let (_folder, data_dir) = data_dir();
        let mut problems = Vec::new();
        let (writer, worker) = file_writer(&data_dir.logs(), LevelFilter::DEBUG, &mut problems).unzip();
        tracing::subscriber::with_default(subscriber(writer, LevelFilter::DEBUG, false), || {
            tracing::debug!("ours");
            tracing::trace!("too fine");
            tracing::info!(target: "library", "chatter");
            tracing::warn!(target: "library", "serious");
        });
        drop(worker);
        let text = recent(&data_dir, 10_000).unwrap();
        assert!(text.contains("ours") && text.contains("serious"), "{text}");
        assert!(!text.contains("too fine") && !text.contains("chatter"), "{text}");
        assert!(problems.is_empty());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_reported_and_stops_nothing() {
        let (_folder, data_dir) = data_dir();
        fs::write(data_dir.logs(), "a file in the way").unwrap();
        let mut problems = Vec::new();
        assert!(file_writer(&data_dir.logs(), LevelFilter::INFO, &mut problems).is_none());
        assert_eq!(problems[0].code, "logs.not_started");
        assert!(file_writer(&data_dir.logs(), LevelFilter::OFF, &mut problems).is_none());
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn the_newest_lines_come_whole_and_in_order() {
        let (_folder, data_dir) = data_dir();
        assert_eq!(recent(&data_dir, 100), Ok(String::new()));
        fs::create_dir(data_dir.logs()).unwrap();
        fs::write(data_dir.logs().join("linesman.2026-01-01.log"), "one\ntwo\n").unwrap();
        fs::write(data_dir.logs().join("linesman.2026-01-02.log"), "three\nfour\n").unwrap();
        fs::write(data_dir.logs().join("other.txt"), "no").unwrap();
        assert_eq!(recent(&data_dir, 100).unwrap(), "one\ntwo\nthree\nfour\n");
        assert_eq!(recent(&data_dir, 16).unwrap(), "two\nthree\nfour\n");
        assert_eq!(recent(&data_dir, 7).unwrap(), "four\n");
        assert_eq!(recent(&data_dir, 0).unwrap(), "");
    }
}
