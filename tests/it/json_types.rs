//! The types in `docs/json-lines.md`, read and held against what the program prints.
//!
//! The page writes them as TypeScript does; this reads the part of it that the page uses: objects, lists, words in quotes,
//! `|`, `&`, `Record<string, …>`, names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;

/// The page that promises what the lines hold.
const PAGE: &str = include_str!("../../docs/json-lines.md");
static TYPES: LazyLock<Types> = LazyLock::new(|| Types::read(PAGE));

/// The kinds that the page describes: its third-level headings.
pub(crate) fn documented_kinds() -> BTreeSet<&'static str> {
    PAGE.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect()
}

/// Holds that a line has the fields that the page says its kind has, and no other.
#[track_caller]
pub(crate) fn hold(line: &Value) {
    let kind = line["kind"].as_str().unwrap_or_else(|| panic!("a line without kind: {line}"));
    let Some(expected) = TYPES.kinds.get(kind) else { panic!("docs/json-lines.md has no type for `{kind}`: {line}") };
    let mut fields = line.clone();
    fields.as_object_mut().unwrap().remove("kind");
    if let Err(fault) = TYPES.check(expected, &fields, kind) {
        panic!("docs/json-lines.md says otherwise: {fault}: {line}");
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Type {
    Name(String),
    Word(String),
    Number(i64),
    Record(Box<Type>),
    List(Box<Type>),
    AnyOf(Vec<Type>),
    Object(Vec<Field>),
    /// One object made of several.
    AllOf(Vec<Type>),
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    name: String,
    is_optional: bool,
    holds: Type,
}

struct Types {
    shared: BTreeMap<String, Type>,
    kinds: BTreeMap<String, Type>,
}

impl Types {
    fn read(page: &str) -> Self {
        let (mut shared, mut kinds) = (BTreeMap::new(), BTreeMap::new());
        let (before, sections) = page.split_once("\n## Kinds\n").expect("the page lists kinds");
        for definition in block(before).expect("shared types").split("type ").skip(1) {
            let (name, text) = definition.split_once('=').expect("a definition");
            shared.insert(name.trim().to_owned(), Reader::whole(text));
        }
        for section in sections.split("\n### `").skip(1) {
            let (kind, text) = section.split_once('`').expect("a heading");
            let text = block(text).unwrap_or_else(|| panic!("no type for {kind}"));
            kinds.insert(kind.to_owned(), Reader::whole(text));
        }
        Self { shared, kinds }
    }

    fn check(&self, expected: &Type, value: &Value, at: &str) -> Result<(), String> {
        let fits = |is_so: bool| if is_so { Ok(()) } else { Err(format!("{at} is no {expected:?} but {value}")) };
        match expected {
            Type::Word(word) => fits(value == word.as_str()),
            Type::Number(number) => fits(value == *number),
            Type::Name(name) => match name.as_str() {
                "string" => fits(value.is_string()),
                "int" => fits(value.is_i64() || value.is_u64()),
                "number" => fits(value.is_number()),
                "boolean" => fits(value.is_boolean()),
                "null" => fits(value.is_null()),
                "Json" => Ok(()),
                _ => self.check(self.shared.get(name).ok_or_else(|| format!("no type {name}"))?, value, at),
            },
            Type::List(item) => {
                let items = value.as_array().ok_or_else(|| format!("{at} is no list but {value}"))?;
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(number, value)| self.check(item, value, &format!("{at}[{number}]")))
            }
            Type::Record(item) => {
                let fields = value.as_object().ok_or_else(|| format!("{at} is no object but {value}"))?;
                fields.iter().try_for_each(|(name, value)| self.check(item, value, &format!("{at}.{name}")))
            }
            Type::AnyOf(types) => {
                let faults: Vec<String> = types.iter().map_while(|one| self.check(one, value, at).err()).collect();
                if faults.len() < types.len() { Ok(()) } else { Err(faults.join("; or ")) }
            }
            Type::Object(_) | Type::AllOf(_) => self.check_object(&self.fields(expected), value, at),
        }
    }

    fn check_object(&self, fields: &[Field], value: &Value, at: &str) -> Result<(), String> {
        let found = value.as_object().ok_or_else(|| format!("{at} is no object but {value}"))?;
        for field in fields {
            match found.get(&field.name) {
                Some(value) => self.check(&field.holds, value, &format!("{at}.{}", field.name))?,
                None if field.is_optional => {}
                None => return Err(format!("{at}.{} is missing", field.name)),
            }
        }
        match found.keys().find(|name| fields.iter().all(|field| field.name != **name)) {
            Some(name) => Err(format!("{at}.{name} is not described")),
            None => Ok(()),
        }
    }

    /// The fields of an object, wherever they are written.
    fn fields(&self, of: &Type) -> Vec<Field> {
        match of {
            Type::Object(fields) => fields.clone(),
            Type::AllOf(parts) => parts.iter().flat_map(|part| self.fields(part)).collect(),
            Type::Name(name) => self.fields(self.shared.get(name).unwrap_or_else(|| panic!("no type {name}"))),
            other => panic!("{other:?} has no fields"),
        }
    }
}

/// The first block of TypeScript.
fn block(text: &str) -> Option<&str> {
    Some(text.split_once("```ts\n")?.1.split_once("```")?.0)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn whole(text: &'a str) -> Type {
        let mut reader = Self { rest: text };
        let read = reader.any_of();
        assert_eq!(reader.rest.trim(), "", "after {read:?}");
        read
    }

    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn needs(&mut self, sign: &str) {
        assert!(self.takes(sign), "no {sign} before {:?}", self.rest);
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        assert!(end > 0, "no name before {rest:?}");
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        word
    }

    fn any_of(&mut self) -> Type {
        let mut types = vec![self.all_of()];
        while self.takes("|") {
            types.push(self.all_of());
        }
        if types.len() == 1 { types.remove(0) } else { Type::AnyOf(types) }
    }

    fn all_of(&mut self) -> Type {
        let mut parts = vec![self.list()];
        while self.takes("&") {
            parts.push(self.list());
        }
        if parts.len() == 1 { parts.remove(0) } else { Type::AllOf(parts) }
    }

    fn list(&mut self) -> Type {
        let mut read = self.one();
        while self.takes("[]") {
            read = Type::List(Box::new(read));
        }
        read
    }

    fn one(&mut self) -> Type {
        if self.takes("{") {
            return self.object();
        }
        if self.takes("(") {
            let read = self.any_of();
            self.needs(")");
            return read;
        }
        if self.takes("\"") {
            let (word, rest) = self.rest.split_once('"').expect("a word ends");
            self.rest = rest;
            return Type::Word(word.to_owned());
        }
        if self.takes("Record<string,") {
            let read = self.any_of();
            self.needs(">");
            return Type::Record(Box::new(read));
        }
        let word = self.word();
        word.parse().map_or_else(|_| Type::Name(word.to_owned()), Type::Number)
    }

    fn object(&mut self) -> Type {
        let mut fields = Vec::new();
        while !self.takes("}") {
            let name = self.word().to_owned();
            let is_optional = self.takes("?");
            self.needs(":");
            fields.push(Field { name, is_optional, holds: self.any_of() });
            self.takes(",");
        }
        Type::Object(fields)
    }
}

#[test]
fn a_line_that_differs_from_its_type_is_told() {
    let page = "```ts\ntype Fact = { name: string }\n```\n## Kinds\n\n### `a`\n\n```ts\n\
                Fact & { n: int | null, w?: \"x\" | \"y\", l: Fact[], r: Record<string, 0 | 1> }\n```\n";
    let types = Types::read(page);
    let check = |text: &str| types.check(&types.kinds["a"], &serde_json::from_str(text).unwrap(), "a");
    assert_eq!(check(r#"{"name":"","n":1,"l":[],"r":{}}"#), Ok(()));
    assert_eq!(check(r#"{"name":"","n":null,"w":"y","l":[{"name":""}],"r":{"a":1}}"#), Ok(()));
    for (text, fault) in [
        (r#"{"n":1,"l":[],"r":{}}"#, "a.name is missing"),
        (r#"{"name":"","n":1,"l":[],"r":{},"more":1}"#, "a.more is not described"),
        (r#"{"name":1,"n":1,"l":[],"r":{}}"#, "a.name is no"),
        (r#"{"name":"","n":1.5,"l":[],"r":{}}"#, "a.n is no"),
        (r#"{"name":"","n":1,"w":"z","l":[],"r":{}}"#, "a.w is no"),
        (r#"{"name":"","n":1,"w":null,"l":[],"r":{}}"#, "a.w is no"),
        (r#"{"name":"","n":1,"l":[{}],"r":{}}"#, "a.l[0].name is missing"),
        (r#"{"name":"","n":1,"l":{},"r":{}}"#, "a.l is no list"),
        (r#"{"name":"","n":1,"l":[],"r":{"a":2}}"#, "a.r.a is no"),
    ] {
        assert!(check(text).is_err_and(|told| told.contains(fault)), "{text}: {:?}", check(text));
    }
}

#[test]
fn every_kind_has_a_type_and_every_type_of_the_page_can_be_read() {
    let kinds: BTreeSet<&str> = TYPES.kinds.keys().map(String::as_str).collect();
    assert_eq!(kinds, documented_kinds());
    let mut known: BTreeSet<String> = TYPES.shared.keys().cloned().collect();
    known.extend(["string", "int", "number", "boolean", "null", "Json"].map(str::to_owned));
    let mut used = BTreeSet::new();
    TYPES.kinds.values().chain(TYPES.shared.values()).for_each(|of| names(of, &mut used));
    assert_eq!(used.difference(&known).next(), None, "a name that is defined nowhere");
    assert_eq!(known.difference(&used).next(), None, "a name that is used nowhere");
}

fn names(of: &Type, into: &mut BTreeSet<String>) {
    match of {
        Type::Name(name) => drop(into.insert(name.clone())),
        Type::Word(_) | Type::Number(_) => {}
        Type::Record(item) | Type::List(item) => names(item, into),
        Type::AnyOf(types) | Type::AllOf(types) => types.iter().for_each(|one| names(one, into)),
        Type::Object(fields) => fields.iter().for_each(|field| names(&field.holds, into)),
    }
}
