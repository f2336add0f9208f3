//! A decoded value as lines that fold: one short entry a visible line, so that a value of a million parts costs no more
//! than what is unfolded, and a frame no more than what is in sight.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::telemetry::value::Value;

/// Containers with more entries than that are shut until a person opens them.
const OPEN_UP_TO: usize = 64;
/// So are those deeper than that.
const OPEN_DEPTH: u16 = 3;
const NO_PARENT: u32 = u32::MAX;

/// Whether a line can be folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// It holds nothing below it.
    Leaf,
    /// What it holds is shown.
    Open,
    /// What it holds is not shown.
    Shut,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    parent: u32,
    place: u32,
    /// How far it stands in.
    pub depth: u16,
    /// Whether it can be folded.
    pub fold: Fold,
    /// Its path as a number that is the same in the next message.
    pub key: u64,
}

/// What stands before a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label<'a> {
    /// It is the payload itself.
    Root,
    /// It is the member of that name.
    Name(&'a str),
    /// It has that place in a list.
    Place(usize),
}

/// The lines of a value.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    rows: Vec<Line>,
}

impl Lines {
    /// Lays a value out. `toggled` has the keys of containers that are folded other than usual.
    pub fn of(root: &Value, toggled: &HashSet<u64>) -> Self {
        let mut rows = Vec::new();
        let mut waiting = vec![(root, NO_PARENT, 0, 0_u16, key_of(0, &Label::Root))];
        while let Some((value, parent, place, depth, key)) = waiting.pop() {
            let Ok(own) = u32::try_from(rows.len()) else { break };
            let entries = entries_of(value);
            let is_usually_open = depth == 0 || (depth < OPEN_DEPTH && entries <= OPEN_UP_TO);
            let fold = match entries {
                0 => Fold::Leaf,
                _ if is_usually_open != toggled.contains(&key) => Fold::Open,
                _ => Fold::Shut,
            };
            rows.push(Line { parent, place, depth, fold, key });
            if fold == Fold::Open {
                // The first entry is laid out first.
                for at in (0..entries).rev() {
                    let Some((label, value)) = entry(value, at) else { continue };
                    let place = u32::try_from(at).unwrap_or(u32::MAX);
                    waiting.push((value, own, place, depth.saturating_add(1), key_of(key, &label)));
                }
            }
        }
        Self { rows }
    }

    /// How many lines there are.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The line at that place.
    pub fn line(&self, at: usize) -> Option<Line> {
        self.rows.get(at).copied()
    }

    /// What a line shows: its name or place, and the value.
    pub fn value<'v>(&self, root: &'v Value, at: usize) -> Option<(Label<'v>, &'v Value)> {
        let mut found = (Label::Root, root);
        for place in self.places(at)? {
            found = entry(found.1, place)?;
        }
        Some(found)
    }

    /// The path of a line as a jq expression: `.rooms[0].temperature`.
    pub fn path(&self, root: &Value, at: usize) -> Option<String> {
        let mut path = String::new();
        let mut value = root;
        for place in self.places(at)? {
            let (label, next) = entry(value, place)?;
            match label {
                Label::Name(name) if is_plain(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Label::Name(name) => {
                    if path.is_empty() {
                        path.push('.');
                    }
                    // JSON's way to write a text is jq's.
                    // Writing to a String cannot fail.
                    let _ = write!(path, "[{}]", quoted(name));
                }
                Label::Place(place) => {
                    if path.is_empty() {
                        path.push('.');
                    }
                    let _ = write!(path, "[{place}]");
                }
                Label::Root => {}
            }
            value = next;
        }
        if path.is_empty() {
            path.push('.');
        }
        Some(path)
    }

    /// The way from the root to a line.
    fn places(&self, at: usize) -> Option<Vec<usize>> {
        let mut places = Vec::new();
        let mut line = self.rows.get(at)?;
        while line.parent != NO_PARENT {
            places.push(line.place as usize);
            line = self.rows.get(line.parent as usize)?;
        }
        places.reverse();
        Some(places)
    }
}

/// How many entries a value holds.
pub fn entries_of(value: &Value) -> usize {
    match value {
        Value::List(items) => items.len(),
        Value::Map(members) => members.len(),
        _ => 0,
    }
}

fn entry(value: &Value, at: usize) -> Option<(Label<'_>, &Value)> {
    match value {
        Value::List(items) => items.get(at).map(|value| (Label::Place(at), value)),
        Value::Map(members) => members.get(at).map(|(name, value)| (Label::Name(name), value)),
        _ => None,
    }
}

fn key_of(parent: u64, label: &Label<'_>) -> u64 {
    // Not the randomly seeded one: a key means the same in the next message.
    let mut hasher = DefaultHasher::new();
    parent.hash(&mut hasher);
    match label {
        Label::Root => {}
        Label::Name(name) => name.hash(&mut hasher),
        Label::Place(place) => place.hash(&mut hasher),
    }
    hasher.finish()
}

fn is_plain(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

fn quoted(name: &str) -> String {
    let mut text = String::from('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn value() -> Value {
        let room = Value::Map(vec![("temp °C".into(), Value::Number(21.5)), ("ok".into(), Value::Bool(true))]);
        Value::Map(vec![("rooms".into(), Value::List(vec![room])), ("id".into(), Value::Text(Arc::from("a")))])
    }

    #[test]
    fn lines_name_their_values_and_paths_in_order() {
        let value = value();
        let lines = Lines::of(&value, &HashSet::new());
        let paths: Vec<_> = (0..lines.len()).map(|at| lines.path(&value, at).unwrap()).collect();
        assert_eq!(paths, [".", ".rooms", ".rooms[0]", ".rooms[0][\"temp °C\"]", ".rooms[0].ok", ".id"]);
        let (label, found) = lines.value(&value, 3).unwrap();
        assert_eq!((label, found), (Label::Name("temp °C"), &Value::Number(21.5)));
        assert_eq!(lines.line(3).unwrap().fold, Fold::Leaf);
    }

    #[test]
    fn a_fold_holds_in_the_next_message() {
        let first = value();
        let rooms = Lines::of(&first, &HashSet::new()).line(1).unwrap();
        let toggled = HashSet::from([rooms.key]);
        let mut next = value();
        if let Value::Map(members) = &mut next {
            members.insert(0, ("time".into(), Value::Integer(7)));
        }
        let lines = Lines::of(&next, &toggled);
        let paths: Vec<_> = (0..lines.len()).map(|at| lines.path(&next, at).unwrap()).collect();
        assert_eq!(paths, [".", ".time", ".rooms", ".id"]);
    }

    #[test]
    fn what_is_long_or_deep_is_shut_until_it_is_opened() {
        let long = Value::Map(vec![("all".into(), Value::List(vec![Value::Null; 100_000]))]);
        let lines = Lines::of(&long, &HashSet::new());
        assert_eq!(lines.len(), 2);
        let opened = Lines::of(&long, &HashSet::from([lines.line(1).unwrap().key]));
        assert_eq!(opened.len(), 100_002);
        assert_eq!(opened.path(&long, 100_001).as_deref(), Some(".all[99999]"));
        let mut deep = Value::Null;
        for _ in 0..200 {
            deep = Value::List(vec![deep]);
        }
        assert!(Lines::of(&deep, &HashSet::new()).len() < 10);
    }

    #[test]
    fn names_that_are_no_words_are_quoted() {
        assert_eq!(quoted("a\"b\\\n"), "\"a\\\"b\\\\\\u000a\"");
        assert!(is_plain("a_1") && !is_plain("1a") && !is_plain("") && !is_plain("a-b"));
    }
}
