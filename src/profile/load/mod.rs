//! From the text of a profile file to a [`Profile`], or to all its mistakes. Reads no file and knows no folder.
//!
//! `device` reads what concerns the device itself, `site` what concerns the network and the servers around it.

mod device;
mod site;

use super::error::{FileError, FileKind};
use super::read::{Table, Taken, Value, read_file, read_schema};
use super::rules::{Document, Origin, Profile};
use super::schema;
use crate::model::basis::{Assumption, Basis};
use crate::model::endpoint::is_kebab;
use crate::model::ids::ProfileId;

/// Reads a profile. `file` is only named in the mistakes.
pub fn parse_profile(file: &str, text: &str) -> Result<Profile, Vec<FileError>> {
    read_file(FileKind::Profile, file, text, &schema::TOP, read_profile)
}

fn read_profile(top: &Table<'_>) -> Option<Profile> {
    let is_known_schema = read_schema(top, schema::VERSION);
    let documents = read_documents(top);
    let id = read_id(top, "id", &mut Taken::new());
    let name = top.text("name");
    let vendor = top.text("vendor");
    let vendor_reason = top.text_opt("vendor_reason");
    let summary = top.text("summary");
    let discovery = device::read_discovery(top, &documents);
    let drivers = device::read_drivers(top, &documents);
    let mut rows = Taken::new();
    let wifi = device::read_wifi(top, &documents, &mut rows);
    let network = site::read_network(top, &documents, &mut rows);
    let endpoints = site::read_endpoints(top, &documents, network.as_ref().map(|rules| rules.vantage), &mut rows);
    let mqtt = site::read_mqtt(top, &documents);
    let limits = site::read_limits(top, &documents);
    let expectations = site::read_expectations(top, &documents);
    let credentials = device::read_credentials(top, &documents);
    let wipe = device::read_wipe(top, &documents, &credentials);
    if !is_known_schema {
        return None;
    }
    let (wifi, wifi_statement) = wifi.unzip();
    Some(Profile {
        id: ProfileId::new(id?),
        name: name?,
        vendor: vendor?,
        vendor_reason,
        summary: summary?,
        origin: Origin::BuiltIn,
        documents,
        discovery,
        drivers,
        wifi,
        wifi_statement,
        credentials,
        network: network?,
        endpoints,
        mqtt,
        limits,
        expectations,
        wipe,
    })
}

fn read_documents(top: &Table<'_>) -> Vec<Document> {
    let mut taken = Taken::new();
    let read = |table: &Table<'_>| {
        let (id, title) = (read_id(table, "id", &mut taken), table.text("title"));
        let version = table.text_opt("version");
        let date = table.parsed_with("date", parse_date);
        Some(Document { id: id?, title: title?, version, date })
    };
    top.tables("document", &schema::DOCUMENT).iter().filter_map(read).collect()
}

/// Reads an id in lower-case-kebab form that nothing else of its kind has.
fn read_id(table: &Table<'_>, key: &'static str, taken: &mut Taken) -> Option<String> {
    let id = table.text(key)?;
    if !is_kebab(&id) {
        table.refuse(key, "an id is lower-case letters and digits with single hyphens, at most 64, as in my-gateway");
        return None;
    }
    table.take(key, &id, taken);
    Some(id)
}

/// Reads where a rule comes from: `source`, or `basis = "assumed"` with `reason`.
fn read_basis(table: &Table<'_>, documents: &[Document]) -> Option<Basis> {
    let is_assumed = match table.text_opt("basis").as_deref() {
        Some("assumed") => true,
        Some("documented") => false,
        Some(other) => {
            table.refuse_word("basis", other, ["documented", "assumed"].into_iter());
            return None;
        }
        None if table.has("basis") => return None,
        None if table.has("source") || !table.has("reason") => false,
        None => {
            table
                .inconsistent("reason", "a rule with a `reason` is an assumption: write `basis = \"assumed\"` as well");
            return None;
        }
    };
    if is_assumed { read_assumption(table) } else { read_source(table, documents) }
}

fn read_assumption(table: &Table<'_>) -> Option<Basis> {
    if table.has("source") {
        table.inconsistent("source", "an assumption has a `reason`, not a `source`");
    }
    if table.has("assumed") {
        table.inconsistent("assumed", "the whole rule is assumed: `assumed` stands beside a `source` only");
    }
    if !table.has("reason") {
        table.missing("reason", "an assumption says why it is made");
    }
    table.text_opt("reason").map(|reason| Basis::Assumed { reason })
}

fn read_source(table: &Table<'_>, documents: &[Document]) -> Option<Basis> {
    let beside = read_beside(table);
    if !table.has("source") {
        table.missing("source", "every rule names its `source`, or `basis = \"assumed\"` with a `reason`");
    }
    let source = table.text_opt("source")?;
    let Some((id, section)) = source.split_once(": ") else {
        table.refuse("source", "write it as \"document: section\", the document by its id in [[document]]");
        return None;
    };
    let Some(document) = documents.iter().find(|document| document.id == id) else {
        table.refuse_word("source", id, documents.iter().map(|document| document.id.as_str()));
        return None;
    };
    Some(Basis::Documented { source: document.citation(section.trim()), beside })
}

/// Reads which keys of a documented rule are assumed all the same, and why.
fn read_beside(table: &Table<'_>) -> Option<Assumption> {
    let read = |value: &Value<'_>| {
        let key = value.text()?;
        if !table.keys().any(|own| own == key) {
            value.refuse_word(key, table.keys());
        }
        Some(key.to_owned())
    };
    let assumed: Vec<String> = table.list("assumed").iter().filter_map(read).collect();
    if table.is_empty_list("assumed") {
        table.inconsistent("assumed", "`assumed` names at least one key of this table");
    }
    match (table.has("assumed"), table.has("reason")) {
        (false, true) => {
            table.inconsistent("reason", "a documented rule has a `reason` only for the keys that `assumed` names");
        }
        (true, false) => table.missing("reason", "an assumption says why it is made"),
        _ => {}
    }
    let reason = table.text_opt("reason")?;
    table.has("assumed").then_some(Assumption { assumed, reason })
}

/// Reads a date as exact as it is known.
fn parse_date(text: &str) -> Result<String, &'static str> {
    let parts: Vec<&str> = text.split('-').collect();
    let is_number = |part: &str, length: usize, range: std::ops::RangeInclusive<u16>| {
        part.len() == length
            && part.bytes().all(|b| b.is_ascii_digit())
            && part.parse().is_ok_and(|number: u16| range.contains(&number))
    };
    let is_date = match parts.as_slice() {
        [year] => is_number(year, 4, 1990..=2999),
        [year, month] => is_number(year, 4, 1990..=2999) && is_number(month, 2, 1..=12),
        [year, month, day] => {
            is_number(year, 4, 1990..=2999) && is_number(month, 2, 1..=12) && is_number(day, 2, 1..=31)
        }
        _ => false,
    };
    if is_date { Ok(text.to_owned()) } else { Err("a date is written YYYY, YYYY-MM or YYYY-MM-DD") }
}
