//! Profiles as people read them in a terminal: aligned columns, long sentences wrapped below.

use std::fmt::Write as _;

use crate::model::basis::Basis;
use crate::model::drivers::BAUD;
use crate::model::endpoint::Endpoint;
use crate::model::ids::LinkKind;
use crate::model::problem::Explain;
use crate::model::text::visible;
use crate::profile::rules::{CredentialRule, Discovery, Limit, MqttRules, NetworkRule, Origin, WipePlan};
use crate::profile::{Catalog, DriverBinding, FileError, Profile};

/// Columns a line should keep to.
const WIDTH: usize = 100;

/// How far explanations stand to the right.
const INDENT: usize = 10;

pub(super) fn list(catalog: &Catalog) -> String {
    let head = ["ID", "NAME", "DRIVERS", "ROWS", "FROM"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(catalog.iter().map(|profile| {
        let drivers: Vec<String> = profile.drivers.iter().map(driver_label).collect();
        let (id, name, count) = (profile.id.to_string(), profile.name.clone(), profile.row_ids().count().to_string());
        [id, name, drivers.join(" "), count, origin(&profile.origin)]
    }));
    let mut out = columns(&rows, "");
    out.push_str("\n* assumed: no paper of the vendor says so; `linesman profiles show ID` gives the reason\n");
    out
}

fn driver_label(binding: &DriverBinding) -> String {
    let mark = if binding.is_guess() { "*" } else { "" };
    format!("{}/{}{mark}", binding.driver, binding.link)
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::BuiltIn => "built in".into(),
        Origin::UserFile { file, replaces_built_in: false } => visible(file, 60),
        Origin::UserFile { file, replaces_built_in: true } => format!("{} (replaces built in)", visible(file, 60)),
    }
}

pub(super) fn show(profile: &Profile) -> String {
    let mut out = format!("{}  {}, by {}\n", profile.id, profile.name, profile.vendor);
    if let Some(reason) = &profile.vendor_reason {
        wrap(&mut out, 0, &format!("vendor assumed: {reason}"));
    }
    wrap(&mut out, 0, &profile.summary);
    push_documents(&mut out, profile);
    push_discovery(&mut out, &profile.discovery);
    push_drivers(&mut out, profile);
    push_wifi(&mut out, profile);
    push_section(&mut out, "Credentials", &profile.credentials, push_credential);
    let _ = write!(out, "\nNetwork, as seen from: {}\n", profile.network.vantage);
    profile.network.rules.iter().for_each(|rule| push_network_rule(&mut out, rule));
    push_endpoints(&mut out, &profile.endpoints);
    profile.mqtt.iter().for_each(|mqtt| push_mqtt(&mut out, mqtt));
    push_section(&mut out, "Limits", &profile.limits, push_limit);
    push_expectations(&mut out, profile);
    profile.wipe.iter().for_each(|plan| push_wipe(&mut out, plan));
    out
}

pub(super) fn good(file: &str, profile: &Profile) -> String {
    let (drivers, rows) = (profile.drivers.len(), profile.row_ids().count());
    format!("{}: good. Profile {}, {drivers} drivers, {rows} rows\n", visible(file, 120), profile.id)
}

pub(super) fn bad(file: &str, errors: &[FileError]) -> String {
    let mut out = String::new();
    for error in errors {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "{error}");
        let _ = writeln!(out, "    {}", error.explain().next_step);
    }
    let noun = if errors.len() == 1 { "mistake" } else { "mistakes" };
    let _ = writeln!(out, "{}: {} {noun}", visible(file, 120), errors.len());
    out
}

/// A heading with one entry after the other; nothing where there are none.
fn push_section<T>(out: &mut String, title: &str, entries: &[T], push: impl Fn(&mut String, &T)) {
    if entries.is_empty() {
        return;
    }
    let _ = write!(out, "\n{title}\n");
    for entry in entries {
        push(out, entry);
    }
}

fn push_documents(out: &mut String, profile: &Profile) {
    push_section(out, "Documents", &profile.documents, |out, document| {
        let version = document.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
        let date = document.date.as_ref().map(|date| format!(", {date}")).unwrap_or_default();
        let _ = writeln!(out, "  {}{version}{date}", document.title);
    });
}

fn push_discovery(out: &mut String, discovery: &Discovery) {
    let mut rows = Vec::new();
    for rule in &discovery.usb {
        let id = rule.vid.map(|vid| match rule.pid {
            Some(pid) => format!("{vid:04x}:{pid:04x}"),
            None => format!("{vid:04x}:*"),
        });
        let product = rule.product.as_ref().map(|glob| format!("product {glob}"));
        let manufacturer = rule.manufacturer.as_ref().map(|glob| format!("manufacturer {glob}"));
        rows.push(["usb".to_owned(), joined([id, product, manufacturer]), rule.says.clone()]);
    }
    for rule in &discovery.ble {
        let service = rule.service.as_ref().map(|uuid| format!("service {uuid}"));
        let company = rule.company.map(|id| format!("company {id:04x}"));
        let name = rule.name.as_ref().map(|glob| format!("name {glob}"));
        rows.push(["ble".to_owned(), joined([service, company, name]), rule.says.clone()]);
    }
    for rule in &discovery.banners {
        rows.push(["banner".to_owned(), rule.line.to_string(), rule.says.clone()]);
    }
    if !rows.is_empty() {
        let _ = write!(out, "\nRecognised by\n{}", columns(&rows, "  "));
    }
}

fn joined(parts: [Option<String>; 3]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn push_drivers(out: &mut String, profile: &Profile) {
    push_section(out, "Drivers, in order of preference", &profile.drivers, |out, binding| {
        let settings = settings(binding);
        let settings = if settings.is_empty() { settings } else { format!(" ({settings})") };
        wrap(out, 2, &format!("{} over {}{settings}", binding.driver, binding.link));
        push_basis(out, &binding.basis, binding.ambiguity.as_deref());
    });
}

fn settings(binding: &DriverBinding) -> String {
    let rules = binding.driver.facts().settings.iter();
    let rules = rules.filter(|rule| rule.key != BAUD || binding.link == LinkKind::Serial);
    let told = rules.filter_map(|rule| Some(rule.says.replace("{}", &binding.settings.get(rule.key)?.to_string())));
    told.collect::<Vec<_>>().join(", ")
}

fn push_wifi(out: &mut String, profile: &Profile) {
    let (Some(rules), Some(statement)) = (&profile.wifi, &profile.wifi_statement) else {
        out.push_str("\nWi-Fi\n  none\n");
        return;
    };
    let id = statement.id.as_ref().map(|id| format!(", row {id}")).unwrap_or_default();
    let bands: Vec<&str> = rules.bands.iter().map(|band| band.label()).collect();
    let security: Vec<String> = rules.security.iter().map(|security| security.label()).collect();
    let raw = if rules.is_raw_psk_accepted { "accepted" } else { "not accepted" };
    let (min, max) = (rules.passphrase_min, rules.passphrase_max);
    let ciphers: Vec<&str> = rules.ciphers.iter().map(|cipher| cipher.as_str()).collect();
    let ciphers = if ciphers.is_empty() { String::new() } else { format!("; ciphers {}", ciphers.join(", ")) };
    let _ = write!(out, "\nWi-Fi{id}\n  {}; {}{ciphers}\n", bands.join(", "), security.join(", "));
    let _ = writeln!(out, "  passphrase of {min} to {max} characters; raw key of 64 digits {raw}");
    push_basis(out, &statement.basis, statement.ambiguity.as_deref());
}

fn push_credential(out: &mut String, rule: &CredentialRule) {
    let _ = writeln!(out, "  {}  {}: {}", rule.id, rule.kind, rule.purpose);
    if let Some(form) = &rule.form {
        wrap(out, INDENT, &format!("form: {form}"));
    }
    let facts = format!("pushed: {}; kept: {} ({}); revoked: {}", rule.pushed, rule.kept, rule.at_rest, rule.revoked);
    wrap(out, INDENT, &facts);
    push_basis(out, &rule.basis, rule.ambiguity.as_deref());
    for push in &rule.push {
        wrap(out, INDENT, &format!("by the driver {}: to {}", push.driver, push.way.place()));
        push_basis(out, &push.basis, None);
    }
}

fn push_network_rule(out: &mut String, rule: &NetworkRule) {
    let id = rule.id.as_ref().map_or("-", |id| id.as_str());
    let _ = writeln!(out, "  {id:6}  {} ({})", rule.fact, rule.level);
    wrap(out, INDENT, &rule.says);
    push_basis(out, &rule.basis, rule.ambiguity.as_deref());
}

fn push_endpoints(out: &mut String, endpoints: &[Endpoint]) {
    push_section(out, "Endpoints", endpoints, |out, row| {
        let hosts: Vec<String> = row.hosts.iter().map(ToString::to_string).collect();
        let port = match (row.port, row.is_port_stated) {
            (Some(port), true) => format!(" {port}"),
            (Some(port), false) => format!(" {port} (Linesman's reading)"),
            (None, _) => String::new(),
        };
        let path = row.path.as_deref().unwrap_or_default();
        let _ = writeln!(out, "  {}  {}{path}", row.id, hosts.join(", "));
        let (transport, direction, level, vantage) = (row.transport, row.direction, row.level, row.vantage);
        let need =
            if row.hosts.len() + row.samples.len() > 1 { format!(", {} of them", row.need) } else { String::new() };
        let tls = row.tls_min.map(|version| format!(", TLS {version} or newer")).unwrap_or_default();
        let choice = row.one_of.as_ref().map(|word| format!(", one row of {word} is enough")).unwrap_or_default();
        let facts = format!("{transport}{port} {direction}{tls}, {level}{choice}, from {vantage}{need}");
        wrap(out, INDENT, &format!("{facts}: {}", row.purpose));
        push_probes(out, row);
        push_basis(out, &row.basis, row.ambiguity.as_deref());
    });
}

fn push_probes(out: &mut String, row: &Endpoint) {
    let mut probes: Vec<String> = row.probes.iter().map(ToString::to_string).collect();
    if let Some(secs) = row.idle_secs {
        probes.push(format!("({secs} s)"));
    }
    let probes = if probes.is_empty() { "none possible".to_owned() } else { probes.join(" ") };
    let samples = if row.samples.is_empty() { String::new() } else { format!("; samples {}", row.samples.join(", ")) };
    wrap(out, INDENT, &format!("probes: {probes}{samples}"));
    if !row.expect_status.is_empty() {
        let statuses: Vec<String> = row.expect_status.iter().map(ToString::to_string).collect();
        wrap(out, INDENT, &format!("expected status: {}", statuses.join(", ")));
    }
    if !row.unblock.is_empty() {
        let patterns: Vec<String> = row.unblock.iter().map(ToString::to_string).collect();
        wrap(out, INDENT, &format!("to unblock: {}", patterns.join(", ")));
    }
    if !row.roots.is_empty() {
        let roots: Vec<&str> = row.roots.iter().map(|root| root.name.as_str()).collect();
        wrap(out, INDENT, &format!("roots: {} ({})", roots.join(", "), row.roots_from));
    }
}

fn push_mqtt(out: &mut String, mqtt: &MqttRules) {
    let ports: Vec<String> = mqtt.ports.iter().map(ToString::to_string).collect();
    let ports = if ports.is_empty() { "port not stated".to_owned() } else { format!("port {}", ports.join(" or ")) };
    let _ = write!(out, "\nMQTT\n  {}, {ports}, carrier {}, TLS {}", mqtt.dialect, mqtt.carrier, mqtt.tls);
    let _ = writeln!(out, ", device proves itself by {}", mqtt.authentication);
    let _ = writeln!(out, "  topics: {}", mqtt.topics.join(", "));
    wrap(out, INDENT, &mqtt.identity);
    push_basis(out, &mqtt.basis, mqtt.ambiguity.as_deref());
}

fn push_limit(out: &mut String, limit: &Limit) {
    let _ = writeln!(out, "  {}: at most {} {}", limit.id, limit.at_most, limit.of);
    push_basis(out, &limit.basis, limit.ambiguity.as_deref());
}

fn push_expectations(out: &mut String, profile: &Profile) {
    push_section(out, "Expected once in service", &profile.expectations, |out, expectation| {
        let within = expectation.within_secs.map(|secs| format!(", every {secs} s at least")).unwrap_or_default();
        let _ = writeln!(out, "  {}  {}{within}", expectation.id, expectation.topic);
        for field in &expectation.fields {
            let bound = |word: &str, value: Option<f64>| value.map(|v| format!(" {word} {v}")).unwrap_or_default();
            let (min, max) = (bound("from", field.min), bound("to", field.max));
            let _ = writeln!(out, "{:INDENT$}{}: {}{min}{max}", "", field.name, field.field_type);
        }
        push_basis(out, &expectation.basis, None);
    });
}

fn push_wipe(out: &mut String, plan: &WipePlan) {
    let needs: Vec<&str> = plan.preconditions.iter().map(|needed| needed.as_str()).collect();
    let needs = if needs.is_empty() { "nothing".to_owned() } else { needs.join(", ") };
    let _ = write!(out, "\nWipe, needs: {needs}; data on: {} ({})\n", plan.medium, plan.at_rest);
    for (number, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(out, "  {}. {}  (by {})", number + 1, step.id, step.by);
        wrap(out, INDENT, &step.does);
        if !step.needs.is_empty() {
            let needs: Vec<&str> = step.needs.iter().map(|needed| needed.as_str()).collect();
            wrap(out, INDENT, &format!("needs: {}", needs.join(", ")));
        }
        let removes = if step.removes.is_empty() { "no credential".to_owned() } else { step.removes.join(", ") };
        wrap(out, INDENT, &format!("{}: {removes}", step.claim.title()));
        wrap(out, INDENT, &format!("evidence: {}", step.evidence.join("; ")));
        wrap(out, INDENT, &format!("otherwise: {}", step.otherwise));
        if let Some(warning) = &step.warning {
            wrap(out, INDENT, &format!("before it: {warning}"));
        }
        for (what, list) in [("files", &step.files), ("commands", &step.commands)] {
            if !list.is_empty() {
                wrap(out, INDENT, &format!("{what}: {}", list.join(", ")));
            }
        }
        push_basis(out, &step.basis, None);
    }
    wrap(out, 2, &format!("If nothing works: {}", plan.guidance));
}

fn push_basis(out: &mut String, basis: &Basis, ambiguity: Option<&str>) {
    let word = if basis.is_assumed() { "assumed" } else { "source" };
    wrap(out, INDENT, &format!("{word}: {}", basis.text()));
    if let Some(beside) = basis.assumption() {
        wrap(out, INDENT, &format!("assumed ({}): {}", beside.assumed.join(", "), beside.reason));
    }
    if let Some(ambiguity) = ambiguity {
        wrap(out, INDENT, &format!("open: {ambiguity}"));
    }
}

/// Adds a text as lines of at most [`WIDTH`] columns, each begun by `indent` blanks. A longer word stays whole.
fn wrap(out: &mut String, indent: usize, text: &str) {
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > WIDTH {
            out.push('\n');
            used = 0;
        }
        if used == 0 {
            let _ = write!(out, "{:indent$}{word}", "");
            used = indent + length;
        } else {
            let _ = write!(out, " {word}");
            used += 1 + length;
        }
    }
    out.push('\n');
}

/// Rows as columns as wide as their widest cell; the last one is not padded.
fn columns<const N: usize>(rows: &[[String; N]], margin: &str) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(out, "{margin}{}", cells.join("  ").trim_end());
    }
    out
}
