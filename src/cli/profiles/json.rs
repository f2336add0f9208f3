//! Profiles as JSON lines. Keys are stable: programs read them.

use serde::Serialize;

use crate::model::problem::Explain;
use crate::model::text::visible;
use crate::model::wifi::WifiRules;
use crate::model::word::Word;
use crate::profile::rules::{AtRest, Discovery, NetworkRules, Origin, Precondition, Statement, WipePlan};
use crate::profile::{Catalog, FileError, Profile};

/// A line: its kind, and what stands in it.
#[derive(Serialize)]
struct Line<T> {
    kind: &'static str,
    #[serde(flatten)]
    body: T,
}

/// A row of any table.
#[derive(Serialize)]
struct Row<T> {
    table: &'static str,
    #[serde(flatten)]
    body: T,
}

/// Writes a line. Our types have text keys only, and such values always serialise.
fn push(out: &mut String, kind: &'static str, body: impl Serialize) {
    out.push_str(&serde_json::to_string(&Line { kind, body }).unwrap_or_default());
    out.push('\n');
}

#[derive(Serialize)]
struct ProfileLine<'a> {
    id: &'a str,
    name: &'a str,
    vendor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_reason: Option<&'a str>,
    summary: &'a str,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces_built_in: Option<bool>,
    drivers: Vec<String>,
    rows: usize,
}

impl<'a> ProfileLine<'a> {
    fn new(profile: &'a Profile) -> Self {
        let (origin, file, replaces_built_in) = match &profile.origin {
            Origin::BuiltIn => ("built-in", None, None),
            Origin::UserFile { file, replaces_built_in } => {
                ("user-file", Some(file.as_str()), Some(*replaces_built_in))
            }
        };
        Self {
            id: profile.id.as_str(),
            name: &profile.name,
            vendor: &profile.vendor,
            vendor_reason: profile.vendor_reason.as_deref(),
            summary: &profile.summary,
            origin,
            file,
            replaces_built_in,
            drivers: profile.drivers.iter().map(|b| format!("{}/{}", b.driver, b.link)).collect(),
            rows: profile.row_ids().count(),
        }
    }
}

pub(super) fn list(catalog: &Catalog) -> String {
    let mut out = String::new();
    for profile in catalog.iter() {
        push(&mut out, "profile", ProfileLine::new(profile));
    }
    push(&mut out, "summary", serde_json::json!({ "profiles": catalog.iter().count() }));
    out
}

pub(super) fn show(profile: &Profile) -> String {
    let mut out = String::new();
    push(&mut out, "profile", ProfileLine::new(profile));
    profile.documents.iter().for_each(|document| push(&mut out, "document", document));
    push_discovery(&mut out, &profile.discovery);
    profile.drivers.iter().for_each(|binding| push(&mut out, "driver", binding));
    profile.credentials.iter().for_each(|rule| push(&mut out, "credential", rule));
    push_rows(&mut out, profile);
    if let Some(mqtt) = &profile.mqtt {
        push(&mut out, "mqtt", mqtt);
    }
    profile.limits.iter().for_each(|limit| push(&mut out, "limit", limit));
    profile.expectations.iter().for_each(|expectation| push(&mut out, "expect", expectation));
    push_wipe(&mut out, profile);
    push(&mut out, "summary", serde_json::json!({ "id": profile.id, "rows": profile.row_ids().count() }));
    out
}

fn push_discovery(out: &mut String, discovery: &Discovery) {
    discovery.usb.iter().for_each(|rule| push(out, "recognition", Row { table: "usb", body: rule }));
    discovery.ble.iter().for_each(|rule| push(out, "recognition", Row { table: "ble", body: rule }));
    discovery.banners.iter().for_each(|rule| push(out, "recognition", Row { table: "banner", body: rule }));
}

fn push_rows(out: &mut String, profile: &Profile) {
    if let (Some(rules), Some(statement)) = (&profile.wifi, &profile.wifi_statement) {
        push(out, "row", Row { table: "wifi", body: WifiRow::new(rules, statement) });
    }
    let NetworkRules { vantage, rules } = &profile.network;
    for rule in rules {
        push(out, "row", Row { table: "network", body: NetworkRow { vantage: vantage.as_str(), rule } });
    }
    for endpoint in &profile.endpoints {
        push(out, "row", Row { table: "endpoint", body: endpoint });
    }
}

#[derive(Serialize)]
struct NetworkRow<'a, T> {
    vantage: &'static str,
    #[serde(flatten)]
    rule: &'a T,
}

#[derive(Serialize)]
struct WifiRow<'a> {
    bands: Vec<&'static str>,
    security: Vec<&'static str>,
    ciphers: Vec<&'static str>,
    passphrase_min: usize,
    passphrase_max: usize,
    raw_psk: bool,
    #[serde(flatten)]
    statement: &'a Statement,
}

impl<'a> WifiRow<'a> {
    fn new(rules: &WifiRules, statement: &'a Statement) -> Self {
        Self {
            bands: rules.bands.iter().map(|band| band.word()).collect(),
            security: rules.security.iter().map(|security| security.word()).collect(),
            ciphers: rules.ciphers.iter().map(|cipher| cipher.word()).collect(),
            passphrase_min: rules.passphrase_min,
            passphrase_max: rules.passphrase_max,
            raw_psk: rules.is_raw_psk_accepted,
            statement,
        }
    }
}

#[derive(Serialize)]
struct WipeLine<'a> {
    preconditions: &'a [Precondition],
    guidance: &'a str,
    medium: &'a str,
    at_rest: AtRest,
}

fn push_wipe(out: &mut String, profile: &Profile) {
    let Some(plan) = &profile.wipe else { return };
    let WipePlan { preconditions, guidance, medium, at_rest, .. } = plan;
    push(out, "wipe", WipeLine { preconditions, guidance, medium, at_rest: *at_rest });
    plan.steps.iter().for_each(|step| push(out, "wipe-step", step));
}

#[derive(Serialize)]
struct ProblemLine<'a> {
    code: &'static str,
    file: String,
    line: usize,
    column: usize,
    message: String,
    likely_cause: &'a str,
    next_step: &'a str,
}

pub(super) fn bad(file: &str, errors: &[FileError]) -> String {
    let mut out = String::new();
    for error in errors {
        let problem = error.explain();
        let line = ProblemLine {
            code: problem.code,
            file: visible(file, 120),
            line: error.line,
            column: error.column,
            message: error.fault.to_string(),
            likely_cause: &problem.likely_cause,
            next_step: &problem.next_step,
        };
        push(&mut out, "problem", line);
    }
    let summary = serde_json::json!({ "file": visible(file, 120), "valid": false, "problems": errors.len() });
    push(&mut out, "summary", summary);
    out
}

pub(super) fn good(file: &str, profile: &Profile) -> String {
    let mut out = String::new();
    push(&mut out, "profile", ProfileLine::new(profile));
    push(&mut out, "summary", serde_json::json!({ "file": visible(file, 120), "valid": true, "problems": 0 }));
    out
}
