//! Which gateway it is: what it tells of itself, what was typed, and what the records know. A difference refuses a wipe.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Guard;
use crate::model::mark::{differ, is_same};
use crate::model::outcome::Verdict;
use crate::model::record::{EntryRecord, JobHistory, RecordId};
use crate::model::standing::Done;

/// What a gateway tells of itself, safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its serial number.
    pub serial: Option<String>,
    /// Its name, else where it was reached.
    pub name: Option<String>,
    /// Its board or chip.
    pub hardware: Option<String>,
    /// Its firmware or system.
    pub firmware: Option<String>,
    /// The id of its system.
    pub machine: Option<String>,
    /// The hardware address of its Wi-Fi. It may be another one each time, so that it tells nothing apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The id of its last start: another one after each restart.
    #[serde(skip)]
    pub start: Option<String>,
}

impl Told {
    /// What has to be typed: the serial number, else the name.
    pub fn confirmation(&self) -> Option<&str> {
        self.serial.as_deref().or(self.name.as_deref())
    }

    /// What differs from another time, in words; nothing where what both tell is the same.
    fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let pairs = [
            ("serial number", &self.serial, &other.serial),
            ("name", &self.name, &other.name),
            ("hardware", &self.hardware, &other.hardware),
            ("system id", &self.machine, &other.machine),
        ];
        let (what, one, two) = pairs.into_iter().find(|(_, one, two)| differ(one.as_deref(), two.as_deref()))?;
        Some((what, one.clone()?, two.clone()?))
    }

    /// Whether another gateway answers than at first.
    pub fn is_swapped(&self, first: &Self) -> Option<Guard> {
        let (what, now, then) = self.difference(first)?;
        Some(Guard::Swapped(format!("another gateway answers now: its {what} is {now}, and was {then}")))
    }
}

/// What the records know of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The job that says so.
    pub job: RecordId,
    /// When it was.
    pub at: String,
    /// What was told then.
    pub told: Told,
}

/// Compares what a gateway tells with what was typed and with what is on record.
pub fn compare(typed: &str, told: &Told, known: Option<&Known>) -> Guard {
    let typed = typed.trim();
    match told.confirmation() {
        None => return Guard::Refused("the gateway reports neither a serial number nor a name".into()),
        Some(own) if own.trim() != typed => {
            let what = if told.serial.is_some() { "serial number" } else { "name" };
            return Guard::Refused(format!("the gateway's {what} is {own}, not {typed}"));
        }
        Some(_) => {}
    }
    let differs = known.and_then(|known| Some((known, told.difference(&known.told)?)));
    match differs {
        Some((known, (what, now, then))) => Guard::Refused(format!(
            "its {what} is {now}, and record {} of {} says {then}",
            known.job.0,
            known.at.get(..10).unwrap_or(&known.at)
        )),
        None => Guard::Passed,
    }
}

/// The newest record of the gateway that was named: by its serial number or name.
pub fn on_record(newest_first: &[JobHistory], typed: &str) -> Option<Known> {
    let typed = typed.trim();
    newest_first.iter().find_map(|job| {
        let told = told_in(job)?;
        is_named(&told, typed).then(|| Known { job: job.job.id, at: job.job.started_at.clone(), told })
    })
}

/// Where a gateway was in its network, by what is on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// Addresses that it reported when it joined last.
    pub addresses: Vec<String>,
    /// The hardware addresses of its Wi-Fi.
    pub macs: Vec<String>,
}

/// Where the gateway that was named was in its network.
pub fn traces(newest_first: &[JobHistory], typed: &str) -> Traces {
    let typed = typed.trim();
    let mut traces = Traces::default();
    for job in newest_first {
        let Some(told) = told_in(job).filter(|told| is_named(told, typed)) else { continue };
        traces.macs.extend(told.mac.filter(|mac| !traces.macs.contains(mac)));
        if traces.addresses.is_empty() {
            traces.addresses = joined_at(job);
        }
    }
    traces
}

/// The addresses that a gateway reported when it joined.
fn joined_at(job: &JobHistory) -> Vec<String> {
    let mut pushed = job.entries.iter().rev().filter(|entry| entry.step == "push" && entry.outcome == "joined");
    let listed = pushed.find_map(|entry| entry.detail.get("addresses").and_then(Value::as_array));
    listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn is_named(told: &Told, typed: &str) -> bool {
    [&told.serial, &told.name].into_iter().flatten().any(|mark| is_same(mark, typed))
}

/// What earlier wipes of the same gateway saw, which this one need not see again: a gateway that was unpaired in between is
/// offline, and what it held is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// When it was seen online last, if that was the last word; or when a wipe was complete, if nothing was pushed to it since.
    pub online_at: Option<String>,
    /// Credentials that were seen since the last complete wipe, and where.
    pub seen: Vec<(String, String)>,
    /// Credentials that were seen before that: so it is known where this gateway keeps them.
    pub proven: Vec<String>,
}

/// What the wipes of a gateway saw, the newest first.
pub fn earlier(newest_first: &[JobHistory], typed: &str) -> Earlier {
    let is_wipe = |job: &&JobHistory| job.job.intent.action == "wipe" && is_of(job, typed.trim());
    let links: BTreeSet<&str> = newest_first.iter().filter(is_wipe).map(|job| job.job.intent.link.as_str()).collect();
    let mut earlier = Earlier::default();
    let mut online: Option<(bool, String)> = None;
    let (mut is_settled, mut has_new_secrets) = (false, false);
    for job in newest_first {
        if !is_wipe(&job) {
            let pushed = matches!(Done::by(&job.job), Some(Done::Pushed(Verdict::Joined | Verdict::Unknown)));
            has_new_secrets |= pushed && links.contains(job.job.intent.link.as_str());
            continue;
        }
        let is_complete = job.job.outcome == "complete";
        if !has_new_secrets && !is_settled {
            online = match (is_complete, online) {
                (true, _) => Some((true, job.job.started_at.clone())),
                (false, None) => online_in(job),
                (false, told) => told,
            };
        }
        is_settled |= is_complete;
        let seen = seen_in(job);
        if is_settled {
            earlier.proven.extend(seen.map(|(credential, _)| credential));
        } else {
            earlier.seen.extend(seen);
        }
    }
    earlier.online_at = online.filter(|(is_online, _)| *is_online).map(|(_, at)| at);
    earlier
}

/// Whether the gateway said that it was online, and when.
fn online_in(job: &JobHistory) -> Option<(bool, String)> {
    let word =
        |entry: &EntryRecord| entry.detail.get("online").and_then(Value::as_bool).map(|is| (is, entry.at.clone()));
    job.entries.iter().rev().filter(|entry| entry.step == "online").find_map(word)
}

/// The credentials that a wipe saw, and where.
fn seen_in(job: &JobHistory) -> impl Iterator<Item = (String, String)> {
    let text = |entry: &EntryRecord, key: &str| entry.detail.get(key).and_then(Value::as_str).map(str::to_owned);
    let there = job.entries.iter().filter(|entry| entry.step == "look" && entry.outcome == "still-there");
    there.filter_map(move |entry| Some((text(entry, "credential")?, text(entry, "place")?)))
}

fn is_of(job: &JobHistory, typed: &str) -> bool {
    told_in(job).is_some_and(|told| told.confirmation().is_some_and(|own| is_same(own, typed)))
}

/// What a job heard of the gateway.
fn told_in(job: &JobHistory) -> Option<Told> {
    job.entries.iter().filter(|entry| entry.outcome == "done").find_map(|entry| match entry.step.as_str() {
        "identity" => serde_json::from_value::<Told>(entry.detail.clone()).ok(),
        "describe" => Some(described(&entry.detail)),
        _ => None,
    })
}

/// What a commissioning session heard.
fn described(detail: &Value) -> Told {
    let text = |key: &str| detail.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    Told {
        name: text("name"),
        hardware: text("hardware"),
        serial: text("serial"),
        machine: text("machine"),
        mac: text("mac"),
        ..Told::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::JobRecord;

    fn told(serial: &str, machine: &str) -> Told {
        Told { serial: Some(serial.into()), machine: Some(machine.into()), ..Told::default() }
    }

    fn known(serial: &str, machine: &str) -> Known {
        Known { job: RecordId(7), at: "2026-01-31T12:00:00Z".into(), told: told(serial, machine) }
    }

    #[test]
    fn what_was_typed_must_be_what_the_gateway_tells() {
        assert_eq!(compare(" GW-7 ", &told("GW-7", "m"), None), Guard::Passed);
        assert!(matches!(compare("GW-8", &told("GW-7", "m"), None), Guard::Refused(_)));
        assert!(matches!(compare("", &Told::default(), None), Guard::Refused(_)));
        let named = Told { name: Some("hall-3".into()), ..Told::default() };
        assert_eq!(compare("hall-3", &named, None), Guard::Passed);
        let both = Told { name: Some("hall-3".into()), ..told("GW-7", "m") };
        assert!(matches!(compare("hall-3", &both, None), Guard::Refused(_)), "the serial number says more than a name");
    }

    #[test]
    fn a_serial_number_in_small_letters_is_the_same() {
        let on_record = known("gw-7 ", "M");
        assert_eq!(compare("GW-7", &told("GW-7", "m"), Some(&on_record)), Guard::Passed);
        assert_eq!(told("GW-7", "m").is_swapped(&told("gw-7", "m")), None);
    }

    #[test]
    fn a_gateway_that_is_not_the_one_on_record_is_refused() {
        assert_eq!(compare("GW-7", &told("GW-7", "m"), Some(&known("GW-7", "m"))), Guard::Passed);
        let Guard::Refused(why) = compare("GW-7", &told("GW-7", "m"), Some(&known("GW-7", "n"))) else { panic!() };
        assert_eq!(why, "its system id is m, and record 7 of 2026-01-31 says n");
        let silent = Known { told: Told::default(), ..known("", "") };
        assert_eq!(
            compare("GW-7", &told("GW-7", "m"), Some(&silent)),
            Guard::Passed,
            "what was not told cannot differ"
        );
    }

    fn wiped(number: i64, at: &str, outcome: &str, entries: &[(&str, &str, Value)]) -> JobHistory {
        let entry = |(step, outcome, detail): &(&str, &str, Value)| EntryRecord {
            sequence: number,
            at: at.into(),
            step: (*step).into(),
            phase: "outcome".into(),
            outcome: (*outcome).into(),
            detail: detail.clone(),
        };
        let identity = ("identity", "done", serde_json::to_value(told("GW-7", "m")).unwrap());
        let made = JobRecord::made(number, "wipe", "g", "serial:/dev/a", outcome);
        let job = JobRecord { started_at: at.into(), ..made };
        JobHistory { job, entries: std::iter::once(&identity).chain(entries).map(entry).collect(), returned: None }
    }

    #[test]
    fn the_order_on_record_counts_and_not_a_clock_that_was_set_back() {
        let there = ("look", "still-there", serde_json::json!({ "credential": "token", "place": "/t" }));
        let online = |is: bool| ("online", "done", serde_json::json!({ "online": is }));
        // The newer one says that it is earlier.
        let jobs = [
            wiped(2, "1970-01-01T00:00:00Z", "incomplete", &[online(false)]),
            wiped(1, "2026-01-31T12:00:00Z", "incomplete", &[online(true), there.clone()]),
        ];
        let found = earlier(&jobs, "GW-7");
        assert_eq!(found.online_at, None, "the last word is that it was offline");
        assert_eq!(found.seen, [("token".to_owned(), "/t".to_owned())]);
        let jobs = [
            wiped(3, "1970-01-01T00:00:00Z", "unknown", &[]),
            wiped(2, "2026-02-01T12:00:00Z", "complete", &[]),
            wiped(1, "2026-01-31T12:00:00Z", "incomplete", &[there]),
        ];
        let found = earlier(&jobs, "GW-7");
        assert_eq!((found.seen.len(), found.proven.as_slice()), (0, &["token".to_owned()][..]));
    }

    #[test]
    fn what_a_gateway_reported_when_it_joined_is_where_it_is_looked_for() {
        let push = ("push", "joined", serde_json::json!({ "addresses": ["192.168.1.23"] }));
        let describe = ("describe", "done", serde_json::json!({ "serial": "GW-7", "mac": "34:85:18:0a:00:04" }));
        let mut joined = wiped(1, "2026-01-31T12:00:00Z", "joined", &[push, describe]);
        joined.entries.remove(0);
        let jobs = [wiped(2, "2026-02-01T12:00:00Z", "complete", &[]), joined];
        let expected = Traces { addresses: vec!["192.168.1.23".into()], macs: vec!["34:85:18:0a:00:04".into()] };
        assert_eq!(traces(&jobs, "GW-7"), expected);
        assert_eq!(traces(&jobs, "GW-8"), Traces::default());
        assert_eq!(on_record(&jobs[1..], "GW-7").unwrap().told.serial.as_deref(), Some("GW-7"));
    }

    #[test]
    fn another_gateway_in_the_middle_is_seen() {
        assert_eq!(told("GW-7", "m").is_swapped(&told("GW-7", "m")), None);
        assert!(matches!(told("GW-8", "m").is_swapped(&told("GW-7", "m")), Some(Guard::Swapped(_))));
    }
}
