//! [`Builder`]: puts values into the lists and maps that are open, without calling itself, so that a nesting without end
//! costs no stack. For formats that say how many values follow, or end a list by a sign.

use std::sync::Arc;

use super::json;
use super::limit::{Count, MAX_DEPTH};
use crate::telemetry::value::Value;

/// How much of a name is taken that is no text.
const MAX_NAME_BYTES: usize = 200;

/// What is open.
enum Open {
    List {
        items: Vec<Value>,
        left: Option<u64>,
    },
    Map {
        members: Vec<(Arc<str>, Value)>,
        name: Option<Arc<str>>,
        left: Option<u64>,
    },
    /// The next value is changed by it.
    Tag(u64),
}

/// Values on their way into a tree.
#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    count: Count,
    tag: Option<fn(u64, Value) -> Value>,
}

/// Why a value cannot be taken.
type Refused = &'static str;

impl Builder {
    /// A builder that changes values behind a tag by that function.
    pub(super) fn with_tags(tag: fn(u64, Value) -> Value) -> Self {
        Self { tag: Some(tag), ..Self::default() }
    }

    fn open(&mut self, open: Open) -> Result<(), Refused> {
        if self.open.len() >= MAX_DEPTH {
            return Err("it is nested deeper than 512 levels");
        }
        self.open.push(open);
        Ok(())
    }

    fn count(&mut self) -> Result<(), Refused> {
        if self.count.one() { Ok(()) } else { Err("there are more values than are read") }
    }

    /// Opens a list of that many items, or of any number. The answer is the whole, if that ends it.
    pub(super) fn list(&mut self, length: Option<u64>) -> Result<Option<Value>, Refused> {
        if length == Some(0) {
            return self.put(Value::List(Vec::new()));
        }
        self.count()?;
        self.open(Open::List { items: Vec::new(), left: length })?;
        Ok(None)
    }

    /// As [`Builder::list`], for a map of that many members.
    pub(super) fn map(&mut self, length: Option<u64>) -> Result<Option<Value>, Refused> {
        if length == Some(0) {
            return self.put(Value::Map(Vec::new()));
        }
        self.count()?;
        self.open(Open::Map { members: Vec::new(), name: None, left: length })?;
        Ok(None)
    }

    /// The next value has a tag.
    pub(super) fn tag(&mut self, tag: u64) -> Result<(), Refused> {
        self.count()?;
        self.open(Open::Tag(tag))
    }

    /// Ends the list or map whose length was not told.
    pub(super) fn end(&mut self) -> Result<Option<Value>, Refused> {
        let value = match self.open.pop() {
            Some(Open::List { items, left: None }) => Value::List(items),
            Some(Open::Map { members, name: None, left: None }) => Value::Map(members),
            Some(Open::Map { name: Some(_), .. }) => return Err("a map ends behind a name"),
            _ => return Err("nothing ends here"),
        };
        self.put(value)
    }

    /// Puts a value into what is open. The answer is the whole, once it is complete.
    pub(super) fn put(&mut self, mut value: Value) -> Result<Option<Value>, Refused> {
        self.count()?;
        loop {
            match self.open.last_mut() {
                None => return Ok(Some(value)),
                Some(Open::Tag(tag)) => {
                    if let Some(change) = self.tag {
                        value = change(*tag, value);
                    }
                    self.open.pop();
                    continue;
                }
                Some(Open::List { items, left }) => {
                    items.push(value);
                    if !is_last(left) {
                        return Ok(None);
                    }
                }
                Some(Open::Map { members, name, left }) => {
                    let Some(name) = name.take() else {
                        *name = Some(name_of(value));
                        return Ok(None);
                    };
                    members.push((name, value));
                    if !is_last(left) {
                        return Ok(None);
                    }
                }
            }
            value = match self.open.pop() {
                Some(Open::List { items, .. }) => Value::List(items),
                Some(Open::Map { members, .. }) => Value::Map(members),
                Some(Open::Tag(_)) | None => Value::Null,
            };
        }
    }
}

/// Counts one less to come. True if none is.
fn is_last(left: &mut Option<u64>) -> bool {
    match left {
        Some(left) => {
            *left -= 1;
            *left == 0
        }
        None => false,
    }
}

/// A member's name. What is no text is written as JSON.
fn name_of(value: Value) -> Arc<str> {
    match value {
        Value::Text(text) => text,
        value => {
            let mut name = json::to_json_within(&value, MAX_NAME_BYTES);
            // A name in a name in a name has its quotes escaped each time: without a cut it doubles with each level.
            if name.len() > MAX_NAME_BYTES {
                name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
                name.push('…');
            }
            name.into()
        }
    }
}

/// A number of 32 bits with the digits it has, and not with those that 64 bits make of them: 0.1 and not
/// 0.10000000149011612.
pub(super) fn short_float(number: f32) -> Value {
    Value::Number(number.to_string().parse().unwrap_or_else(|_| f64::from(number)))
}
