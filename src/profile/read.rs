//! Reading typed values out of a spanned TOML tree, with every mistake noted at its place.
//!
//! A getter that returns `None` for something that is there has noted why; callers read all keys of a table before they
//! give up on it, so that one run shows an author everything. Nothing here knows what a profile or a site is.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, FileError, FileKind, nearest};
use super::schema::Shape;
use crate::model::secret_text::names_secret;
use crate::model::text::{is_visible, visible};
use crate::model::word::Word;

/// The most mistakes noted for one file.
const MAX_FINDINGS: usize = 100;

/// The longest list, of values or of tables: keeps a hostile file from taking time that grows with its square.
const MAX_ITEMS: usize = 500;

/// The longest text a key may hold, in characters.
const MAX_TEXT_CHARS: usize = 2000;

/// The largest file read, in bytes.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// The most syntax errors reported; after the first few the parser mostly repeats itself.
const MAX_SYNTAX_ERRORS: usize = 10;

/// Reads a file, or tells all its mistakes. `file` is only named in them.
pub(super) fn read_file<T>(
    kind: FileKind,
    file: &str,
    text: &str,
    top: &'static Shape,
    read: impl FnOnce(&Table<'_>) -> Option<T>,
) -> Result<T, Vec<FileError>> {
    if text.len() > MAX_BYTES {
        let fault = Fault::TooLarge { bytes: text.len(), limit: MAX_BYTES };
        return Err(vec![FileError { kind, file: file.to_owned(), line: 1, column: 1, fault }]);
    }
    let findings = Findings::new(kind, file, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let at = error.span().map_or(0, |span| span.start);
        findings.add(at, Fault::Syntax { message: visible(error.message(), 200) });
    }
    let found = if errors.is_empty() { read(&Table::open(document.get_ref(), 0, top, &findings)) } else { None };
    let errors = findings.into_errors();
    match found {
        Some(found) if errors.is_empty() => Ok(found),
        _ => Err(errors),
    }
}

/// Reads the version of the format and tells whether it is the one known.
pub(super) fn read_schema(top: &Table<'_>, known: i64) -> bool {
    if !top.has("schema") {
        top.missing("schema", format!("`schema = {known}`"));
    }
    let found = top.integer_opt::<i64>("schema", &(0..=i64::MAX));
    if let Some(found) = found.filter(|found| *found != known) {
        top.fault_at("schema", Fault::Schema { found, known });
    }
    found == Some(known)
}

/// The mistakes of one file.
pub(super) struct Findings<'a> {
    kind: FileKind,
    file: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    found: RefCell<Vec<(usize, Fault)>>,
    more: Cell<usize>,
}

impl<'a> Findings<'a> {
    /// No mistakes yet.
    fn new(kind: FileKind, file: &'a str, text: &'a str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { kind, file, text, line_starts, found: RefCell::default(), more: Cell::default() }
    }

    /// Notes a mistake at a byte offset.
    fn add(&self, at: usize, fault: Fault) {
        if self.is_full() {
            self.more.set(self.more.get() + 1);
        } else {
            self.found.borrow_mut().push((at, fault));
        }
    }

    /// Whether further mistakes are only counted.
    fn is_full(&self) -> bool {
        self.found.borrow().len() >= MAX_FINDINGS
    }

    /// The line of a byte offset, from 1.
    fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// The mistakes in the order of the file.
    fn into_errors(self) -> Vec<FileError> {
        let mut found = self.found.take();
        found.sort_by_key(|(at, _)| *at);
        let last = found.last().map_or(0, |(at, _)| *at);
        let more = self.more.take();
        if more > 0 {
            found.push((last, Fault::Cut { more }));
        }
        found.into_iter().map(|(at, fault)| self.error(at, fault)).collect()
    }

    fn error(&self, at: usize, fault: Fault) -> FileError {
        let line = self.line(at);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..at.min(self.text.len())).unwrap_or_default();
        FileError { kind: self.kind, file: self.file.to_owned(), line, column: before.chars().count() + 1, fault }
    }
}

/// Ids that were given, with their lines.
pub(super) type Taken = BTreeMap<String, usize>;

/// A table of the file.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    shape: &'static Shape,
    entries: &'a DeTable<'a>,
    at: usize,
    findings: &'a Findings<'a>,
}

impl<'a> Table<'a> {
    /// Opens a table and notes the keys that do not belong there.
    fn open(entries: &'a DeTable<'a>, at: usize, shape: &'static Shape, findings: &'a Findings<'a>) -> Self {
        for key in entries.keys().filter(|key| !shape.keys.contains(&key.get_ref().as_ref())) {
            let written = key.get_ref().as_ref();
            if findings.kind != FileKind::Profile && names_secret(written) {
                findings.add(key.span().start, Fault::Secret { key: written.into(), kind: findings.kind });
                continue;
            }
            let nearest = if findings.is_full() { None } else { nearest(written, shape.keys.iter().copied()) };
            findings.add(
                key.span().start,
                Fault::UnknownKey {
                    table: shape.name.clone().into_owned(),
                    key: written.into(),
                    allowed: shape.keys.iter().map(ToString::to_string).collect(),
                    nearest,
                },
            );
        }
        Self { shape, entries, at, findings }
    }

    /// The keys the table may have.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.shape.keys.iter().copied()
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// Whether the key holds a list without items.
    pub(super) fn is_empty_list(&self, key: &'static str) -> bool {
        self.get(key).and_then(|value| value.tree.get_ref().as_array()).is_some_and(|items| items.is_empty())
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'a>> {
        debug_assert!(self.shape.keys.contains(&key), "{key} isn't a key of {}", self.shape.name);
        self.entries.get(key).map(|tree| Value { key, tree, findings: self.findings })
    }

    /// The value of a key that must be there.
    fn need(&self, key: &'static str, expected: impl FnOnce() -> String) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.missing(key, expected());
        }
        value
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &str, expected: impl Into<String>) {
        let fault = Fault::MissingKey {
            table: self.shape.name.clone().into_owned(),
            key: key.into(),
            expected: expected.into(),
        };
        self.findings.add(self.at, fault);
    }

    /// Notes at a key, or at the table if the key is not there, that things do not fit together.
    pub(super) fn inconsistent(&self, key: &'static str, reason: impl Into<String>) {
        self.fault_at(key, Fault::Inconsistent { reason: reason.into() });
    }

    /// Notes a mistake at a key, or at the table if the key is not there.
    pub(super) fn fault_at(&self, key: &'static str, fault: Fault) {
        let at = self.get(key).map_or(self.at, |value| value.at());
        self.findings.add(at, fault);
    }

    /// Notes that the value of a key is wrong.
    pub(super) fn refuse(&self, key: &'static str, reason: impl Into<String>) {
        if let Some(value) = self.get(key) {
            value.refuse(reason);
        }
    }

    /// Notes that the value of a key is none of the allowed ones.
    pub(super) fn refuse_word<'w>(
        &self,
        key: &'static str,
        written: &str,
        allowed: impl Iterator<Item = &'w str> + Clone,
    ) {
        if let Some(value) = self.get(key) {
            value.refuse_word(written, allowed);
        }
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.need(key, || "a text in quotes".into())?.text().map(str::to_owned)
    }

    pub(super) fn text_opt(&self, key: &'static str) -> Option<String> {
        self.get(key)?.text().map(str::to_owned)
    }

    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        self.list(key).iter().filter_map(|value| value.text().map(str::to_owned)).collect()
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<T> {
        self.need(key, || "a text in quotes".into())?.parsed(str::parse)
    }

    pub(super) fn parsed_opt<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<T> {
        self.get(key)?.parsed(str::parse)
    }

    pub(super) fn parsed_with<T, E: Display>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.get(key)?.parsed(parse)
    }

    pub(super) fn word<T: Word>(&self, key: &'static str) -> Option<T> {
        self.need(key, || format!("one of {}", words_of::<T>().join(", ")))?.word()
    }

    pub(super) fn word_opt<T: Word>(&self, key: &'static str) -> Option<T> {
        self.get(key)?.word()
    }

    pub(super) fn word_or<T: Word>(&self, key: &'static str, default: T) -> T {
        self.get(key).and_then(|value| value.word()).unwrap_or(default)
    }

    pub(super) fn words<T: Word>(&self, key: &'static str) -> Vec<T> {
        self.list(key).iter().filter_map(Value::word).collect()
    }

    pub(super) fn integer_opt<T: TryFrom<i64>>(&self, key: &'static str, range: &RangeInclusive<i64>) -> Option<T> {
        self.get(key)?.integer(range)
    }

    pub(super) fn number_opt(&self, key: &'static str) -> Option<f64> {
        self.get(key)?.number()
    }

    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        self.get(key).and_then(|value| value.flag()).unwrap_or(default)
    }

    /// The items of a list, none if the key is not there. An item that stands there twice is noted.
    pub(super) fn list(&self, key: &'static str) -> Vec<Value<'a>> {
        let items = self.get(key).and_then(|value| value.items()).unwrap_or_default();
        let mut seen = BTreeMap::new();
        for item in &items {
            let Some(text) = item.tree.get_ref().as_str() else { continue };
            if let Some(first_line) = seen.insert(text, self.findings.line(item.at())) {
                item.fault(Fault::Duplicate { key: key.into(), value: text.into(), first_line });
            }
        }
        items
    }

    pub(super) fn table(&self, key: &'static str, shape: &'static Shape) -> Option<Table<'a>> {
        self.get(key)?.table(shape)
    }

    pub(super) fn tables(&self, key: &'static str, shape: &'static Shape) -> Vec<Table<'a>> {
        let items = self.get(key).and_then(|value| value.items()).unwrap_or_default();
        items.iter().filter_map(|item| item.table(shape)).collect()
    }

    /// Notes it if an id was given before.
    pub(super) fn take(&self, key: &'static str, id: &str, taken: &mut Taken) {
        let at = self.get(key).map_or(self.at, |value| value.at());
        let line = self.findings.line(at);
        if let Some(first_line) = taken.get(id) {
            let fault = Fault::Duplicate { key: key.into(), value: id.into(), first_line: *first_line };
            self.findings.add(at, fault);
        } else {
            taken.insert(id.to_owned(), line);
        }
    }
}

/// A value of the file.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    key: &'static str,
    tree: &'a Spanned<DeValue<'a>>,
    findings: &'a Findings<'a>,
}

impl<'a> Value<'a> {
    fn at(&self) -> usize {
        self.tree.span().start
    }

    fn fault(&self, fault: Fault) {
        self.findings.add(self.at(), fault);
    }

    /// Notes that the value is well formed but wrong.
    pub(super) fn refuse(&self, reason: impl Into<String>) {
        let value = match self.tree.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            other => other.type_str().to_owned(),
        };
        self.fault(Fault::BadValue { key: self.key.into(), value, reason: reason.into() });
    }

    /// Notes that the value is none of the allowed ones.
    pub(super) fn refuse_word<'w>(&self, written: &str, allowed: impl Iterator<Item = &'w str> + Clone) {
        // Looking for the nearest word is dear: not for mistakes that are only counted.
        let allowed = allowed.take(if self.findings.is_full() { 0 } else { usize::MAX });
        self.fault(Fault::UnknownWord {
            key: self.key.into(),
            value: written.to_owned(),
            nearest: nearest(written, allowed.clone()),
            allowed: allowed.map(str::to_owned).collect(),
        });
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let found = match self.tree.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.fault(Fault::WrongType { key: self.key.into(), expected: expected.into(), found: found.into() });
        None
    }

    /// A text that is safe to show: one line, not empty, no control or direction characters.
    pub(super) fn text(&self) -> Option<&'a str> {
        let Some(text) = self.tree.get_ref().as_str() else { return self.wrong_type("a text in quotes") };
        let reason = if text.trim().is_empty() {
            "it is empty"
        } else if text.len() > MAX_TEXT_CHARS && text.chars().nth(MAX_TEXT_CHARS).is_some() {
            "it has more than 2000 characters"
        } else if !is_visible(text) {
            "it holds a line break, a control character or a mark that turns the direction of text"
        } else {
            return Some(text);
        };
        self.refuse(reason);
        None
    }

    pub(super) fn parsed<T, E: Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        match parse(self.text()?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(reason.to_string());
                None
            }
        }
    }

    /// The text as it stands, without any check.
    pub(super) fn as_str(&self) -> Option<&'a str> {
        self.tree.get_ref().as_str()
    }

    /// The text as a type that has one form.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self) -> Option<T> {
        self.parsed(str::parse)
    }

    fn word<T: Word>(&self) -> Option<T> {
        let written = self.text()?;
        let word = T::from_word(written);
        if word.is_none() {
            self.refuse_word(written, T::ALL.iter().map(|value| value.word()));
        }
        word
    }

    /// A whole number in a range.
    pub(super) fn integer<T: TryFrom<i64>>(&self, range: &RangeInclusive<i64>) -> Option<T> {
        let Some(number) = self.tree.get_ref().as_integer() else { return self.wrong_type("a whole number") };
        let value = i64::from_str_radix(number.as_str(), number.radix()).ok().filter(|value| range.contains(value));
        let value = value.and_then(|value| T::try_from(value).ok());
        if value.is_none() {
            self.refuse(format!("it must be from {} to {}", range.start(), range.end()));
        }
        value
    }

    fn number(&self) -> Option<f64> {
        let text = match self.tree.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return self.wrong_type("a decimal number"),
        };
        let value = text.parse().ok().filter(|value: &f64| value.is_finite());
        if value.is_none() {
            self.refuse("it must be a finite number");
        }
        value
    }

    fn flag(&self) -> Option<bool> {
        self.tree.get_ref().as_bool().or_else(|| self.wrong_type("true or false"))
    }

    fn items(&self) -> Option<Vec<Value<'a>>> {
        let Some(array) = self.tree.get_ref().as_array() else { return self.wrong_type("a list in brackets") };
        if array.len() > MAX_ITEMS {
            self.refuse(format!("it has {} items; at most {MAX_ITEMS} are read", array.len()));
            return None;
        }
        Some(array.iter().map(|tree| Value { key: self.key, tree, findings: self.findings }).collect())
    }

    fn table(&self, shape: &'static Shape) -> Option<Table<'a>> {
        let Some(entries) = self.tree.get_ref().as_table() else { return self.wrong_type("a table") };
        Some(Table::open(entries, self.at(), shape, self.findings))
    }
}

fn words_of<T: Word>() -> Vec<&'static str> {
    T::ALL.iter().map(|value| value.word()).collect()
}
