//! The evidence as JSON, to be judged again. Masked, each address inside the site is another one of its kind.

use serde_json::Value;

use super::{Instead, Mask};
use crate::check::evidence::{Evidence, seal};

/// The evidence with its digest, and a line end.
pub fn json(evidence: &Evidence, is_masked: bool) -> String {
    let mask = Mask::new(evidence, if is_masked { Instead::Address } else { Instead::Nothing });
    let mut marked = evidence.clone();
    marked.about.is_masked |= is_masked;
    if let Some(beside) = &mut marked.beside {
        beside.about.is_masked |= is_masked;
    }
    // Our types have text keys only, and such values always serialise.
    let mut value = serde_json::to_value(&marked).unwrap_or_default();
    if is_masked {
        walk(&mut value, &mask);
    }
    seal(&mut value);
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

fn walk(value: &mut Value, mask: &Mask) {
    match value {
        Value::String(text) => *text = mask.text(text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, mask)),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            *fields = old.into_iter().map(|(key, value)| (mask.text(&key), value)).collect();
            fields.values_mut().for_each(|value| walk(value, mask));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
