//! [`read`]: a saved run from text that anybody may have touched: bounded, strict, and every refusal with its place.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{About, Evidence, Observation, VERSION, digest};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// The largest file taken, in bytes.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;
/// The most observations of a run.
pub const MAX_OBSERVATIONS: usize = 100_000;
/// The longest text of an observation, in characters.
const MAX_TEXT: usize = 4_096;
/// The longest list inside an observation.
const MAX_ITEMS: usize = 512;
/// The end of the year 9999, in microseconds since 1970.
const LAST_MOMENT: i64 = 253_402_300_799_000_000;

/// Why a text is not a run that can be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// It is larger than any run.
    #[error("the file has {bytes} bytes; at most {MAX_BYTES} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is not JSON of that form.
    #[error("line {line}, column {column}: {reason}")]
    Form {
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0 where the line ends before it.
        column: usize,
        /// What does not fit.
        reason: String,
    },
    /// Another version of the format.
    #[error("evidence {found} is not known; this program reads evidence {VERSION}")]
    Version {
        /// The version written.
        found: u32,
    },
    /// Numbers do not count up: something was put in, taken out or moved.
    #[error("observation {at} carries the number {number} after {before}")]
    Order {
        /// Which one, from 0.
        at: usize,
        /// Its number.
        number: u32,
        /// The number before it.
        before: u32,
    },
    /// It is another run than its digest says.
    #[error("{place}: differs from what the digest in the file says")]
    Digest {
        /// Where: `observations[3]`.
        place: String,
    },
    /// A value that no run of this program holds.
    #[error("{place}: {reason}")]
    Content {
        /// Where: `observations[3].seen.chain[0].issuer`.
        place: String,
        /// What does not fit.
        reason: &'static str,
    },
}

impl Explain for EvidenceError {
    fn explain(&self) -> Problem {
        let changed = |detail: String| {
            Problem::new(
                "evidence.changed",
                "The file isn't an unchanged run",
                "It was edited, or cut while it was copied",
                "Copy the file again from where it was saved",
            )
            .with_detail(detail)
        };
        match self {
            Self::TooLarge { .. } => Problem::new(
                "evidence.too_large",
                "The file is too large for a saved run",
                "It's another file",
                "Choose a file that Linesman saved as evidence",
            )
            .with_detail(self.to_string()),
            Self::Form { .. } => Problem::new(
                "evidence.form",
                "The file can't be read as a saved run",
                "It's another file, or it was edited",
                "Choose a file that Linesman saved as evidence",
            )
            .with_detail(self.to_string()),
            Self::Version { .. } => Problem::new(
                "evidence.version",
                "The file was saved by another version of Linesman",
                "A newer version wrote it",
                "Open it with the version that saved it",
            )
            .with_detail(self.to_string()),
            Self::Order { .. } | Self::Content { .. } | Self::Digest { .. } => changed(self.to_string()),
        }
    }
}

/// A run as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The run.
    pub evidence: Evidence,
    /// Whether the file carries a digest, which the run was held against.
    pub has_digest: bool,
}

/// The form of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    evidence: u32,
    program: String,
    about: About,
    observations: Vec<Observation>,
    #[serde(default)]
    beside: Option<Box<Evidence>>,
    #[serde(default, rename = "digest")]
    _digest: Option<IgnoredAny>,
}

/// What to tell of a run without a digest.
pub fn no_digest() -> Problem {
    Problem::new(
        "evidence.no_digest",
        "The saved run carries no digest, so whether it was changed can't be told",
        "An earlier version of Linesman saved it, or the digest was taken out",
        "Rely on it as far as you know where the file has been",
    )
}

/// Reads a saved run.
pub fn read(text: &str) -> Result<Saved, EvidenceError> {
    if text.len() > MAX_BYTES {
        return Err(EvidenceError::TooLarge { bytes: text.len() });
    }
    let form = |error: &serde_json::Error| EvidenceError::Form {
        line: error.line().max(1),
        column: error.column(),
        reason: visible(&error.to_string(), 160),
    };
    let mut tree: Value = serde_json::from_str(text).map_err(|error| form(&error))?;
    if let Some(found) = tree.get("evidence").and_then(Value::as_u64).filter(|found| *found != u64::from(VERSION)) {
        return Err(EvidenceError::Version { found: u32::try_from(found).unwrap_or(u32::MAX) });
    }
    let told = tree.as_object_mut().and_then(|fields| fields.remove(digest::KEY));
    content(&tree, &mut String::new())?;
    let checked = digest::check(&tree, told.as_ref());
    drop(tree);
    let Form { evidence, program, about, observations, beside, .. } =
        serde_json::from_str(text).map_err(|error| form(&error))?;
    let evidence = Evidence { evidence, program, about, observations, beside };
    // What says more precisely what is wrong comes first.
    numbers(&evidence, "")?;
    evidence.beside.as_deref().map_or(Ok(()), beside_is_one_run)?;
    let has_digest = checked.map_err(|place| EvidenceError::Digest { place: visible(&place, 160) })?;
    Ok(Saved { evidence, has_digest })
}

/// The run beside is one, of the same form, and has none beside itself.
fn beside_is_one_run(beside: &Evidence) -> Result<(), EvidenceError> {
    if beside.evidence != VERSION {
        return Err(EvidenceError::Version { found: beside.evidence });
    }
    if beside.beside.is_some() {
        let place = "beside.beside".to_owned();
        return Err(EvidenceError::Content { place, reason: "is one run more than are compared" });
    }
    numbers(beside, "beside.")
}

/// Numbers count up, and times are times.
fn numbers(evidence: &Evidence, before_place: &str) -> Result<(), EvidenceError> {
    let mut before: Option<u32> = None;
    for (at, observation) in evidence.observations.iter().enumerate() {
        if let Some(before) = before.filter(|before| *before >= observation.number) {
            return Err(EvidenceError::Order { at, number: observation.number, before });
        }
        before = Some(observation.number);
        if !(0..=LAST_MOMENT).contains(&observation.at_unix_micros) {
            let place = format!("{before_place}observations[{at}].at_unix_micros");
            return Err(EvidenceError::Content { place, reason: "isn't a time between 1970 and 9999" });
        }
    }
    Ok(())
}

/// Texts are short and safe to show, lists are short.
fn content(value: &Value, place: &mut String) -> Result<(), EvidenceError> {
    let refuse = |place: &str, reason| Err(EvidenceError::Content { place: visible(place, 160), reason });
    match value {
        Value::String(text) if text.chars().nth(MAX_TEXT).is_some() => {
            refuse(place, "is longer than any text of a run")
        }
        Value::String(text) if visible(text, MAX_TEXT) != *text => {
            refuse(place, "holds characters that aren't safe to show")
        }
        Value::Array(items) => {
            let most = if matches!(place.as_str(), "observations" | "beside.observations") {
                MAX_OBSERVATIONS
            } else {
                MAX_ITEMS
            };
            if items.len() > most {
                return refuse(place, "holds more items than any run");
            }
            items.iter().enumerate().try_for_each(|(at, item)| below(item, place, &format!("[{at}]")))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(key, field)| {
            let dot = if place.is_empty() { "" } else { "." };
            below(field, place, &format!("{dot}{}", visible(key, 40)))
        }),
        _ => Ok(()),
    }
}

fn below(value: &Value, place: &mut String, step: &str) -> Result<(), EvidenceError> {
    let length = place.len();
    place.push_str(step);
    let result = content(value, place);
    place.truncate(length);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> String {
        r#"{"evidence":1,"program":"linesman 0.1.0","about":{"profile":"kis-me"},"observations":[
{"number":0,"row":"KIS-05","host":"a.example","at_unix_micros":1,"took_micros":2,"seen":{"probe":"gateway-clock","unix_micros":5}},
{"number":1,"at_unix_micros":3,"took_micros":2,"seen":{"probe":"system","name":"linux"}}]}"#
            .to_owned()
    }

    #[test]
    fn a_saved_run_reads_back_as_it_was_written() {
        let saved = read(&run()).unwrap();
        assert_eq!((saved.evidence.observations.len(), saved.has_digest), (2, false));
        let text = crate::check::report::json(&saved.evidence, false);
        assert_eq!(read(&text), Ok(Saved { has_digest: true, ..saved }));
        let error = read(&text.replacen("linux", "macos", 1)).unwrap_err();
        assert_eq!(error.to_string(), "observations[1]: differs from what the digest in the file says");
        assert_eq!(error.explain().code, "evidence.changed");
    }

    #[test]
    fn a_touched_run_is_refused_with_the_place() {
        let check = |from: &str, to: &str, expected: &str| {
            let text = run();
            assert!(text.contains(from), "{from}");
            let error = read(&text.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert!(!error.explain().next_step.is_empty());
        };
        check("\"number\":1", "\"number\":0", "observation 1 carries the number 0 after 0");
        check("linux", "a\\u202eb", "observations[1].seen.name: holds characters that aren't safe to show");
        check(
            "\"at_unix_micros\":3",
            "\"at_unix_micros\":-3",
            "observations[1].at_unix_micros: isn't a time between 1970 and 9999",
        );
        check("\"evidence\":1", "\"evidence\":7", "evidence 7 is not known; this program reads evidence 1");
        let unknown = read(&run().replacen("\"program\"", "\"programme\"", 1)).unwrap_err();
        assert!(matches!(unknown, EvidenceError::Form { line: 1, .. }), "{unknown}");
        let cut = read(&run()[..150]).unwrap_err();
        assert!(matches!(cut, EvidenceError::Form { .. }), "{cut}");
        let large = read(&" ".repeat(MAX_BYTES + 1)).unwrap_err();
        assert!(matches!(large, EvidenceError::TooLarge { .. }), "{large}");
    }
}
