//! What is wrong with a profile, site or override file, where, and what would be right.

use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// What a file is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A vendor profile.
    Profile,
    /// A site.
    Site,
    /// Overrides for a test site.
    Overrides,
}

impl FileKind {
    /// What people call it.
    const fn noun(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Site => "site file",
            Self::Overrides => "override file",
        }
    }

    /// The page that explains it.
    const fn page(self) -> &'static str {
        match self {
            Self::Profile => "docs/profiles.md",
            Self::Site => "docs/site.md",
            Self::Overrides => "docs/overrides.md",
        }
    }
}

/// A mistake in a file, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {fault}", visible(file, 120))]
pub struct FileError {
    /// What the file is to be.
    pub kind: FileKind,
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The mistake.
    pub fault: Fault,
}

/// The kinds of mistakes. Texts taken from the file are made safe to show here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file is too large to be one.
    #[error("the file has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
    /// It is not TOML.
    #[error("this is not TOML: {message}")]
    Syntax {
        /// What the parser said.
        message: String,
    },
    /// The version of the format is not one this program reads.
    #[error("schema {found} is not known; this program reads schema {known}")]
    Schema {
        /// The version written.
        found: i64,
        /// The version read.
        known: i64,
    },
    /// No such key in this table.
    #[error("no key `{}` in {table}{}; keys here: {}", visible(key, 60), suggestion(nearest.as_ref()), allowed.join(", "))]
    UnknownKey {
        /// The table.
        table: String,
        /// What was written.
        key: String,
        /// Keys of the table.
        allowed: Vec<String>,
        /// The key probably meant.
        nearest: Option<String>,
    },
    /// A key that would hold a secret, in a file that is mailed and kept.
    #[error("`{}` can't stand in a {}: such files are mailed and printed, and never hold a secret", visible(key, 60), kind.noun())]
    Secret {
        /// What was written.
        key: String,
        /// What the file is.
        kind: FileKind,
    },
    /// A key is missing.
    #[error("{table} lacks `{key}`: {expected}")]
    MissingKey {
        /// The table.
        table: String,
        /// The key.
        key: String,
        /// What belongs there.
        expected: String,
    },
    /// A value of another type.
    #[error("`{key}` takes {expected}, not {found}")]
    WrongType {
        /// The key.
        key: String,
        /// What it takes.
        expected: String,
        /// What was written.
        found: String,
    },
    /// A word that is not in the list.
    #[error("`{key}` cannot be `{}`{}; allowed: {}", visible(value, 60), suggestion(nearest.as_ref()), allowed.join(", "))]
    UnknownWord {
        /// The key.
        key: String,
        /// What was written.
        value: String,
        /// What is allowed.
        allowed: Vec<String>,
        /// The word probably meant.
        nearest: Option<String>,
    },
    /// A value that is not well formed or out of range.
    #[error("`{key}` cannot be `{}`: {reason}", visible(value, 80))]
    BadValue {
        /// The key.
        key: String,
        /// What was written.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that must be unique stands there twice.
    #[error("`{key}` `{}` is already used in line {first_line}", visible(value, 60))]
    Duplicate {
        /// The key.
        key: String,
        /// What was written.
        value: String,
        /// Where it stood first.
        first_line: usize,
    },
    /// Values that are right alone but not together.
    #[error("{reason}")]
    Inconsistent {
        /// What does not fit.
        reason: String,
    },
    /// More mistakes than are shown.
    #[error("{more} more mistakes are not shown")]
    Cut {
        /// How many.
        more: usize,
    },
}

/// The words that lead to what was probably meant.
fn suggestion(nearest: Option<&String>) -> String {
    nearest.map(|word| format!(" (`{word}`?)")).unwrap_or_default()
}

impl Fault {
    /// The stable code.
    const fn code(&self, kind: FileKind) -> &'static str {
        macro_rules! of {
            ($name:literal) => {
                match kind {
                    FileKind::Profile => concat!("profile.", $name),
                    FileKind::Site => concat!("site.", $name),
                    FileKind::Overrides => concat!("overrides.", $name),
                }
            };
        }
        match self {
            Self::TooLarge { .. } => of!("too_large"),
            Self::Syntax { .. } => of!("syntax"),
            Self::Schema { .. } => of!("schema"),
            Self::UnknownKey { .. } => of!("unknown_key"),
            Self::Secret { .. } => of!("secret"),
            Self::MissingKey { .. } => of!("missing_key"),
            Self::WrongType { .. } => of!("wrong_type"),
            Self::UnknownWord { .. } => of!("unknown_word"),
            Self::BadValue { .. } => of!("bad_value"),
            Self::Duplicate { .. } => of!("duplicate"),
            Self::Inconsistent { .. } => of!("inconsistent"),
            Self::Cut { .. } => of!("more"),
        }
    }

    /// What probably happened.
    const fn likely_cause(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "This is another kind of file",
            Self::Syntax { .. } => "A quote, bracket or equals sign is missing, or a key stands there twice",
            Self::Schema { .. } => "The file was written for another version of the program",
            Self::UnknownKey { .. } => "The key is mistyped, or belongs to another table",
            Self::Secret { .. } => "The file contains a passphrase, key or token",
            Self::MissingKey { .. } => "The key was forgotten or mistyped",
            Self::WrongType { .. } => "Quotes or brackets are missing, or there are too many",
            Self::UnknownWord { .. } => "The word is mistyped, or isn't in the list",
            Self::BadValue { .. } => "The value is mistyped or has another form than the format asks for",
            Self::Duplicate { .. } => "A table was copied and its id not changed",
            Self::Inconsistent { .. } => "Two places of the file contradict each other, or one of them was forgotten",
            Self::Cut { .. } => "The file has many mistakes",
        }
    }

    /// What to do.
    fn next_step(&self, kind: FileKind) -> String {
        match self {
            Self::TooLarge { .. } => format!("Choose the {}", kind.noun()),
            Self::Syntax { .. } => "Correct the line, then validate the file again".into(),
            Self::Schema { known, .. } => format!("Write `schema = {known}` and bring the file into that form"),
            Self::UnknownKey { nearest: Some(nearest), .. } => format!("Write `{nearest}`, or remove the line"),
            Self::UnknownKey { .. } => "Use one of the keys listed, or remove the line".into(),
            Self::Secret { .. } => "Remove the line; a manifest names the file that holds the secret".into(),
            Self::MissingKey { key, .. } => format!("Add `{key}`; {} says where its value is found", kind.page()),
            Self::WrongType { expected, .. } => format!("Write {expected}"),
            Self::UnknownWord { nearest: Some(nearest), .. } => format!("Write `{nearest}` or another allowed word"),
            Self::UnknownWord { .. } => "Use one of the words listed".into(),
            Self::BadValue { .. } => format!("Correct the value; {} gives its form", kind.page()),
            Self::Duplicate { .. } => "Remove one of the two, or change it".into(),
            Self::Inconsistent { .. } => "Make the two places match".into(),
            Self::Cut { .. } => "Correct the ones shown, then validate the file again".into(),
        }
    }
}

impl Explain for FileError {
    fn explain(&self) -> Problem {
        Problem::new(
            self.fault.code(self.kind),
            format!("{}, line {}, column {}: {}", visible(&self.file, 120), self.line, self.column, self.fault),
            self.fault.likely_cause(),
            self.fault.next_step(self.kind),
        )
    }
}

/// The candidate a person probably meant, if one is near enough.
pub(super) fn nearest<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let written: Vec<char> = written.chars().take(64).flat_map(char::to_lowercase).collect();
    let limit = (written.len() / 3).max(1);
    candidates
        .map(|candidate| (distance(&written, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

/// Edits between the two: one character put in, left out or replaced, or two neighbours swapped.
fn distance(left: &[char], right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for i in 0..left.len() {
        let mut row = vec![i + 1];
        for j in 0..right.len() {
            let replaced = last[j] + usize::from(left[i] != right[j]);
            let edited = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            let is_swap = i > 0 && j > 0 && left[i] == right[j - 1] && left[i - 1] == right[j];
            row.push(if is_swap { edited.min(before[j - 1] + 1) } else { edited });
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_recognised() {
        let check = |written: &str, expected: Option<&str>| {
            let found = nearest(written, ["basis", "source", "ambiguity", "hosts"].into_iter());
            assert_eq!(found.as_deref(), expected, "{written}");
        };
        check("bassis", Some("basis"));
        check("Source", Some("source"));
        check("host", Some("hosts"));
        check("ambigiuty", Some("ambiguity"));
        check("hotss", Some("hosts"));
        check("colour", None);
        check("", None);
    }
}
