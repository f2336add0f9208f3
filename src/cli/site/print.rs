//! Sites and comparisons as text and as JSON lines.

use std::path::Path;

use serde_json::json;

use crate::cli::output::{Output, tagged};
use crate::model::text::visible;
use crate::papers::commissioning::SiteLine;
use crate::profile::site::{Comparison, ExpectedGateway, Fit, HostChoice, Line, Site};

/// A site in one line.
pub(super) fn site(path: &Path, site: &Site, out: &mut Output) {
    let file = visible(&path.display().to_string(), 200);
    out.json(&json!({
        "kind": "site",
        "file": file,
        "name": site.name,
        "customer": site.customer,
        "ssid": site.ssid,
        "subnet": site.subnet,
        "overrides": site.overrides,
        "notes": site.notes,
        "gateways": site.gateways.len(),
        "hosts": site.hosts.len(),
    }));
    let customer = site.customer.as_ref().map(|customer| format!(" ({customer})")).unwrap_or_default();
    out.text(format!("{}{customer}: {}. {file}", site.name, gateways(site.gateways.len())));
}

/// Everything a site says.
pub(super) fn whole(path: &Path, site: &Site, out: &mut Output) {
    self::site(path, site, out);
    let facts = [("network", &site.ssid), ("subnet", &site.subnet), ("overrides", &site.overrides)];
    for (name, value) in facts {
        if let Some(value) = value {
            out.text(format!("  {name:<10} {value}"));
        }
    }
    site.notes.iter().for_each(|note| out.text(format!("  note       {note}")));
    site.gateways.iter().for_each(|gateway| expected(gateway, out));
    site.hosts.iter().for_each(|choice| host(choice, out));
}

fn expected(gateway: &ExpectedGateway, out: &mut Output) {
    out.json(&tagged("expected", gateway));
    out.text(format!("  {}", gateway.name));
    let text = |value: Option<String>| value;
    let facts = [
        ("match", text(gateway.place.as_ref().map(ToString::to_string))),
        ("profile", text(gateway.profile.as_ref().map(ToString::to_string))),
        ("driver", text(gateway.driver.map(|driver| driver.to_string()))),
        ("network", gateway.ssid.clone()),
        ("serial", gateway.serial_number.clone()),
        ("firmware", gateway.firmware.clone()),
        ("address", gateway.address.clone()),
        ("note", gateway.note.clone()),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            out.text(format!("      {name:<10} {value}"));
        }
    }
}

fn host(choice: &HostChoice, out: &mut Output) {
    out.json(&tagged("site-host", choice));
    let whose = choice.profile.as_ref().map(|profile| format!(" of {profile}")).unwrap_or_default();
    out.text(format!("  {}{whose}: {}", choice.word, choice.names.join(", ")));
}

/// The last line of a good validation.
pub(super) fn valid(path: &Path, site: &Site, out: &mut Output) {
    let file = visible(&path.display().to_string(), 120);
    out.json(&json!({ "kind": "summary", "file": file, "valid": true, "problems": 0 }));
    out.text(format!("{file}: good. {}, {} named", gateways(site.gateways.len()), hosts(site.hosts.len())));
}

fn gateways(count: usize) -> String {
    if count == 1 { "1 gateway".into() } else { format!("{count} gateways") }
}

fn hosts(count: usize) -> String {
    if count == 1 { "1 host".into() } else { format!("{count} hosts") }
}

/// How what was found stands against a site.
pub(in crate::cli) fn comparison(site: &Site, compared: &Comparison, out: &mut Output) {
    for line in &compared.lines {
        out.json(&tagged("compared", line));
        compared_text(line, None, out);
    }
    summary(site, compared, out);
}

/// How a gateway on record stands against a site.
pub(super) fn on_record(line: &SiteLine, out: &mut Output) {
    out.json(&tagged("compared", line));
    compared_text(&line.line, Some(&line.standing), out);
}

/// How many stand how.
pub(super) fn summary(site: &Site, compared: &Comparison, out: &mut Output) {
    let count = |fit| compared.count(fit);
    let (good, different) = (count(Fit::AsExpected), count(Fit::Different));
    let (missing, extra) = (count(Fit::Missing), count(Fit::Extra));
    out.json(&json!({
        "kind": "summary",
        "site": site.name,
        "as_expected": good,
        "different": different,
        "missing": missing,
        "extra": extra,
    }));
    out.text(format!("{}: {}", site.name, compared.words()));
}

fn compared_text(line: &Line, standing: Option<&str>, out: &mut Output) {
    out.text(format!("{:<13} {:<28} {}", line.fit.label(), line.name, line.link.as_deref().unwrap_or_default()));
    if let Some(standing) = standing {
        out.text(format!("              {standing}"));
    }
    line.remarks().iter().for_each(|remark| out.text(format!("              {remark}")));
}
