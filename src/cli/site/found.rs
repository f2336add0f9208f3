//! What was found, from the lines of `discover --json` or from the records.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::ids::ProfileId;
use crate::model::problem::Problem;
use crate::profile::site::Found;

/// The gateways of a file of JSON lines: those of `discover`, and the jobs of exported records. Other lines are passed over.
pub(super) fn in_lines(text: &str) -> Result<Vec<Found>, Problem> {
    let mut found = Vec::new();
    let mut jobs = BTreeSet::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line).map_err(|_| not_json(at + 1))?;
        if value["kind"] == "gateway" {
            found.push(gateway(&value));
        } else if value["started_at"].is_string() && value["link"].is_string() {
            let job = job(&value);
            // The newest stands first, and tells which gateway was at that link last.
            if jobs.insert(job.link.clone()) {
                found.push(job);
            }
        }
    }
    Ok(found)
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
    }
}
