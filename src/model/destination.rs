//! [`Destination`]: where a person wants a file, and what becomes of one that is there. [`Saved`]: what was written.
//!
//! Every file that a person names goes through one of these; `io::save` writes them. Nothing here looks at a disk.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::text::visible;

/// The code of the problem that a file of that name is there: the window asks then, and writes again.
pub const EXISTS: &str = "files.exists";

/// How standard output is written as a path on the command line.
const DASH: &str = "-";
/// Other names of standard output.
const STANDARD_OUTPUT: [&str; 4] = [DASH, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Where a file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The place.
    pub place: Place,
    /// What becomes of a file that is there.
    pub existing: Existing,
    /// Files that are read for it: none of them may be the place itself, by whatever name.
    pub sources: Vec<PathBuf>,
}

/// A file, or the standard output of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A path.
    File(PathBuf),
    /// A file of the program's own naming.
    Fresh(Fresh),
    /// What the next program in a pipe reads.
    StandardOutput,
}

/// A file that gets its name when it is begun: after what it is and the time, and numbered where that name is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// The folder it goes into.
    pub folder: PathBuf,
    /// What it is: `recording`.
    pub what: &'static str,
    /// The end of its name, without the dot.
    pub extension: &'static str,
}

impl Fresh {
    /// The path of one begun at that time, in microseconds since 1970 UTC; the first has the number 1.
    pub fn path(&self, unix_micros: i64, number: u32) -> PathBuf {
        let time = Timestamp::from_microsecond(unix_micros).unwrap_or_default();
        let time = time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H-%M-%SZ");
        let number = if number > 1 { format!("-{number}") } else { String::new() };
        self.folder.join(format!("{}-{time}{number}.{}", self.what, self.extension))
    }
}

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is written.
    #[default]
    Refuse,
    /// It is replaced, once the new one is whole.
    Replace,
}

impl Destination {
    /// A file that must not be there yet.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::File(path.into()), existing: Existing::Refuse, sources: Vec::new() }
    }

    /// A file that replaces one that is there.
    pub fn replacing(path: impl Into<PathBuf>) -> Self {
        Self { existing: Existing::Replace, ..Self::file(path) }
    }

    /// A new file in a folder, which is named when it is begun.
    pub const fn fresh(folder: PathBuf, what: &'static str, extension: &'static str) -> Self {
        let place = Place::Fresh(Fresh { folder, what, extension });
        Self { place, existing: Existing::Refuse, sources: Vec::new() }
    }

    /// What an argument names: a file, or `-` for standard output.
    pub fn of_argument(argument: &OsStr) -> Self {
        let is_standard_output = STANDARD_OUTPUT.iter().any(|name| argument == *name);
        let place = if is_standard_output { Place::StandardOutput } else { Place::File(PathBuf::from(argument)) };
        Self { place, existing: Existing::Refuse, sources: Vec::new() }
    }

    /// The same, made from these files.
    #[must_use]
    pub fn made_from<P: Into<PathBuf>>(mut self, sources: impl IntoIterator<Item = P>) -> Self {
        self.sources.extend(sources.into_iter().map(Into::into));
        self
    }

    /// A relative path is in that folder from now on.
    pub fn place_in(&mut self, folder: &Path) {
        if let Place::File(path) = &mut self.place {
            *path = folder.join(&*path);
        }
    }

    /// Its path as it was given; `-` for standard output, the folder of a file that is named later.
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::File(path) => path,
            Place::Fresh(fresh) => &fresh.folder,
            Place::StandardOutput => Path::new(DASH),
        }
    }

    /// Whether it goes to standard output, so that status texts have to go elsewhere.
    pub fn is_standard_output(&self) -> bool {
        self.place == Place::StandardOutput
    }
}

impl From<PathBuf> for Destination {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}

impl From<&Path> for Destination {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(_) | Place::Fresh(_) => out.write_str(&visible(&self.path().display().to_string(), 160)),
            Place::StandardOutput => out.write_str("standard output"),
        }
    }
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Where; `-` for standard output.
    pub path: PathBuf,
    /// Its size, where that can be told: not for a pipe.
    pub bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_standard_output_on_the_command_line_and_a_file_elsewhere() {
        for name in STANDARD_OUTPUT {
            assert!(Destination::of_argument(name.as_ref()).is_standard_output(), "{name}");
        }
        assert!(!Destination::of_argument("./-".as_ref()).is_standard_output());
        assert!(!Destination::file("-").is_standard_output());
        assert_eq!(Destination::of_argument("-".as_ref()).to_string(), "standard output");
        assert_eq!(Destination::of_argument("a.csv".as_ref()).path(), Path::new("a.csv"));
    }

    #[test]
    fn a_fresh_file_is_named_after_the_time_it_is_begun_at() {
        let fresh = Fresh { folder: "/data".into(), what: "kept", extension: "lmrec" };
        let path = |number| fresh.path(1_767_225_600_000_000, number);
        assert_eq!(path(1), Path::new("/data/kept-2026-01-01T00-00-00Z.lmrec"));
        assert_eq!(path(2), Path::new("/data/kept-2026-01-01T00-00-00Z-2.lmrec"));
    }
}
