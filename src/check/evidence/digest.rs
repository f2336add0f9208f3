//! What tells that a saved run was changed after it was saved: SHA-256 over its content, whole and in parts.
//!
//! It finds damage and casual edits, and says where. It is no signature: whoever changes a run on purpose can make a new digest.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::model::text::hex;

/// Under which key it stands in the file.
pub(super) const KEY: &str = "digest";
/// Where the observations stand.
const OBSERVATIONS: &str = "observations";
/// Octets of a part that are kept: they say where, the whole says whether.
const PART_OCTETS: usize = 8;

/// The digest of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Digest {
    /// Of all of it.
    sha256: String,
    /// Of what stands before the observations, then of each of them.
    parts: Vec<String>,
}

/// Puts the digest into a run that is about to be saved.
pub fn seal(tree: &mut Value) {
    let digest = Digest::of(tree);
    if let (Value::Object(fields), Ok(digest)) = (tree, serde_json::to_value(digest)) {
        fields.insert(KEY.to_owned(), digest);
    }
}

/// Whether a run has a digest; `Err` names the place where it is another run than the digest says.
pub(super) fn check(tree: &Value, digest: Option<&Value>) -> Result<bool, String> {
    let Some(digest) = digest else { return Ok(false) };
    let told = Digest::deserialize(digest).map_err(|_| KEY.to_owned())?;
    let own = Digest::of(tree);
    if told == own { Ok(true) } else { Err(own.place(&told)) }
}

impl Digest {
    fn of(tree: &Value) -> Self {
        let mut head = Sha256::new();
        let mut parts = Vec::new();
        for (key, value) in sorted(tree) {
            match value {
                Value::Array(items) if key == OBSERVATIONS => parts.extend(items.iter().map(digest)),
                value if key != KEY => {
                    feed_text(key, &mut head);
                    feed(value, &mut head);
                }
                _ => {}
            }
        }
        parts.insert(0, head.finalize().to_vec());
        let mut whole = Sha256::new();
        for part in &parts {
            whole.update(part);
        }
        Self { sha256: hex(&whole.finalize()), parts: parts.iter().map(|part| hex(&part[..PART_OCTETS])).collect() }
    }

    /// Where it differs from what the file tells.
    fn place(&self, told: &Self) -> String {
        let differs = self.parts.iter().zip(&told.parts).position(|(own, told)| own != told);
        match differs {
            Some(0) => "what stands beside the observations".to_owned(),
            Some(at) => format!("{OBSERVATIONS}[{}]", at - 1),
            None if self.parts.len() != told.parts.len() => {
                let (there, were) = (self.parts.len().saturating_sub(1), told.parts.len().saturating_sub(1));
                format!("{OBSERVATIONS}: {there} of {were}")
            }
            None => KEY.to_owned(),
        }
    }
}

fn digest(value: &Value) -> Vec<u8> {
    let mut digest = Sha256::new();
    feed(value, &mut digest);
    digest.finalize().to_vec()
}

/// Feeds a value, the same however its file is laid out and its keys are ordered.
fn feed(value: &Value, digest: &mut Sha256) {
    match value {
        Value::Null => digest.update(b"n"),
        Value::Bool(is) => digest.update([b'b', u8::from(*is)]),
        Value::Number(number) => feed_text(&number.to_string(), digest),
        Value::String(text) => {
            digest.update(b"s");
            feed_text(text, digest);
        }
        Value::Array(items) => {
            digest.update(b"[");
            for item in items {
                feed(item, digest);
            }
            digest.update(b"]");
        }
        Value::Object(_) => {
            digest.update(b"{");
            for (key, value) in sorted(value) {
                feed_text(key, digest);
                feed(value, digest);
            }
            digest.update(b"}");
        }
    }
}

/// With its length before it, so that neighbours cannot trade characters.
fn feed_text(text: &str, digest: &mut Sha256) {
    digest.update(text.len().to_be_bytes().as_slice());
    digest.update(text);
}

fn sorted(value: &Value) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = value.as_object().into_iter().flatten().collect();
    fields.sort_by_key(|(key, _)| *key);
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run() -> Value {
        let mut tree = json!({ "evidence": 1, "program": "p", "about": { "site": "a" }, "observations": [
            { "number": 0, "seen": "x" }, { "number": 1, "seen": "y" }] });
        seal(&mut tree);
        tree
    }

    fn checked(tree: &Value) -> Result<bool, String> {
        check(tree, tree.get(KEY))
    }

    #[test]
    fn a_run_as_it_was_saved_passes_however_it_is_laid_out() {
        let text = serde_json::to_string_pretty(&run()).unwrap();
        assert_eq!(checked(&serde_json::from_str(&text).unwrap()), Ok(true));
        let mut without = run();
        without.as_object_mut().unwrap().remove(KEY);
        assert_eq!(checked(&without), Ok(false));
    }

    #[test]
    fn a_change_is_told_with_its_place() {
        let check = |change: fn(&mut Value), place: &str| {
            let mut tree = run();
            change(&mut tree);
            assert_eq!(checked(&tree), Err(place.to_owned()));
        };
        check(|tree| tree["observations"][1]["seen"] = "z".into(), "observations[1]");
        check(|tree| tree["about"]["site"] = "b".into(), "what stands beside the observations");
        check(|tree| tree["more"] = 1.into(), "what stands beside the observations");
        check(|tree| _ = tree["observations"].as_array_mut().unwrap().pop(), "observations: 1 of 2");
        check(|tree| _ = tree["observations"].as_array_mut().unwrap().remove(0), "observations[0]");
        check(|tree| tree["digest"]["sha256"] = "00".into(), "digest");
        check(|tree| tree["digest"] = "none".into(), "digest");
        check(|tree| tree["observations"][0]["number"] = "0".into(), "observations[0]");
    }
}
