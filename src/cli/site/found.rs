//! What was found, from the lines of `discover --json` or from the records.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::ids::ProfileId;
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::profile::site::Found;

/// The gateways of a file of JSON lines: those of `discover`, and the jobs of exported records. Other lines are passed over.
pub(super) fn in_lines(text: &str) -> Result<Vec<Found>, Problem> {
    let mut found = Vec::new();
    let mut jobs = BTreeSet::new();
    let mut failed = None;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line).map_err(|_| not_json(at + 1))?;
        if value["kind"] == "gateway" {
            found.push(gateway(&value));
        } else if value["kind"] == "problem" {
            failed = value["what"].as_str().map(str::to_owned);
        } else if value["started_at"].is_string() && value["link"].is_string() {
            let job = job(&value);
            // The newest stands first, and tells which gateway was at that link last.
            if jobs.insert(job.link.clone()) {
                found.push(job);
            }
        }
    }
    // A discovery that could not look proves nothing missing.
    match failed.filter(|_| found.is_empty()) {
        Some(what) => Err(not_looked(&what)),
        None => Ok(found),
    }
}

fn gateway(line: &Value) -> Found {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Found {
        name: text(&line["name"]),
        link: text(&line["link"]).unwrap_or_default(),
        profile: text(&line["profile"]).map(ProfileId::new),
        serial_number: text(&line["port"]["serial_number"]),
        firmware: text(&line["firmware"]),
        firmware_version: text(&line["firmware_version"]),
        is_gateway: line["profile"].is_string() || line["driver"].is_string(),
    }
}

fn job(line: &Value) -> Found {
    let text = |key: &str| line[key].as_str().map(str::to_owned);
    let link = text("link").unwrap_or_default();
    Found {
        name: text("gateway").filter(|name| *name != link),
        link,
        profile: text("profile").map(ProfileId::new),
        is_gateway: true,
        ..Found::default()
    }
}

fn not_looked(what: &str) -> Problem {
    Problem::new(
        "site.found",
        format!("The results hold no gateway, and that discovery failed: {}", visible(what, 200)),
        "What was to be compared was written by a discovery that could not look",
        "Fix its cause, then write it again: linesman discover --ask --json > found.jsonl",
    )
}

fn not_json(line: usize) -> Problem {
    Problem::new(
        "site.found",
        format!("Line {line} of the results isn't a JSON object"),
        "The file was written without --json, or was cut off",
        "Write it again: linesman discover --ask --json > found.jsonl",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_come_from_lines_of_discover_and_of_the_records() {
        let text = concat!(
            r#"{"kind":"gateway","link":"serial:/dev/ttyUSB0","name":"GW","profile":"a","driver":"improv","port":{"serial_number":"S1"},"firmware":"fw","firmware_version":"1.2"}"#,
            "\n\n",
            r#"{"kind":"gateway","link":"serial:/dev/ttyUSB1","name":null,"profile":null,"driver":null,"port":{"serial_number":null}}"#,
            "\n",
            r#"{"kind":"job","started_at":"2026","link":"ble:AA","gateway":"New","profile":"b"}"#,
            "\n",
            r#"{"started_at":"2025","link":"ble:AA","gateway":"Old","profile":null}"#,
            "\n",
            r#"{"kind":"summary"}"#,
        );
        let found = in_lines(text).unwrap();
        let names: Vec<_> = found.iter().map(|found| (found.name.as_deref(), found.is_gateway)).collect();
        assert_eq!(names, [(Some("GW"), true), (None, false), (Some("New"), true)]);
        assert_eq!(found[0].serial_number.as_deref(), Some("S1"));
        assert_eq!(found[0].firmware_version.as_deref(), Some("1.2"));
        assert!(in_lines("{}\n{").unwrap_err().what.contains("Line 2"));
        let failed = r#"{"kind":"problem","what":"No adapter was found"}"#;
        assert!(in_lines(failed).unwrap_err().what.ends_with("No adapter was found"), "nothing is missing by that");
    }
}
