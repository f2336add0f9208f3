//! The certificate of decommissioning: what was done to a gateway, what was seen, and what may be claimed, as a page, a PDF,
//! JSON and text.
//!
//! Pure: the same report gives the same bytes. The fields are those that sanitisation certificates carry: device, serial
//! number, medium, method, tool and version, verification and its result, who and when.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::model::audit::Head;
use crate::model::problem::Problem;
use crate::model::wipe::{
    Actor, Answer, Claim, Claimed, Outcome, Remedy, StepState, StepVerdict, StoreState, StoreVerdict, WIFI, WipeReport,
};
use crate::papers::{Block, Cell, Fact, Form, PROGRAM, Part, Sheet, Tone, html, pdf, text};

/// Writes a certificate. `at` is when it is written, RFC 3339 in UTC; the head of the records witnesses what was done before.
/// It fails only where this build cannot set a PDF.
pub fn certificate(report: &WipeReport, head: Option<Head>, form: Form, at: &str) -> Result<Vec<u8>, Problem> {
    let sheet = || sheet(report, head, at);
    Ok(match form {
        Form::Html => html(&sheet()).into_bytes(),
        Form::Pdf => pdf(&sheet(), at)?,
        Form::Text => text(&sheet()).into_bytes(),
        // What is written to memory does not fail.
        Form::Json => serde_json::to_vec_pretty(&json_of(report, head, at)).unwrap_or_default(),
    })
}

/// The name that is proposed for a file.
pub fn file_name(report: &WipeReport, form: Form) -> String {
    file_name_of(report.told.confirmation().unwrap_or("gateway"), form)
}

/// The name that is proposed for the file of a gateway that is called so.
pub fn file_name_of(name: &str, form: Form) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    format!("decommissioning-{}.{form}", name.chars().map(plain).collect::<String>())
}

/// Whether there is something to certify: nothing was done to a gateway that was refused.
pub fn is_due(report: &WipeReport) -> bool {
    report.assessment.outcome != Outcome::Refused
}

/// A file for each of several gateways in one folder, by the number of its row and what the list says of it: another one that
/// answers there is not mistaken for it.
pub fn paths_in<'a>(folder: &Path, rows: impl Iterator<Item = (u32, &'a str)>) -> Vec<PathBuf> {
    let mut taken = HashSet::new();
    let path = |(row, serial): (u32, &str)| {
        let name = file_name_of(serial, Form::Html);
        // Two that differ in a character that no file name has.
        let is_new = taken.insert(name.to_lowercase());
        folder.join(if is_new { name } else { file_name_of(&format!("{serial}-row{row}"), Form::Html) })
    };
    rows.map(path).collect()
}

fn json_of(report: &WipeReport, head: Option<Head>, at: &str) -> Value {
    json!({
        "document": "certificate-of-decommissioning", "version": 1, "written_at": at, "tool": PROGRAM,
        "method": method(report), "verification": verification(report), "records_head": head, "report": report,
    })
}

/// How data was removed, as far as that is known.
fn method(report: &WipeReport) -> &'static str {
    let removals = || report.assessment.steps.iter().filter(|step| step.claim == Claim::Removed);
    let was_asked = |step: &StepVerdict| step.evidence.iter().any(|mark| mark.state == StepState::Requested);
    let is_told =
        |step: &StepVerdict| matches!(step.state, StepState::Acknowledged | StepState::Attested | StepState::Observed);
    if removals().any(is_told) {
        "Deleted by the device itself; the medium isn't overwritten as a whole"
    } else if removals().any(was_asked) {
        "The device was asked to delete its data; that it did wasn't proved"
    } else {
        "Nothing was removed"
    }
}

fn verification(report: &WipeReport) -> String {
    let is_seen = |store: &StoreVerdict| matches!(store.state, StoreState::SeenEmpty | StoreState::StillThere);
    if !report.assessment.stores.iter().any(is_seen) {
        return "Nobody looked at what the device holds after the removal".into();
    }
    match report.restarts {
        0 => "Looked at over the same link, without a restart".into(),
        1 => "Looked at over the same link after a restart".into(),
        restarts => format!("Looked at over the same link after {restarts} restarts"),
    }
}

/// What stands under it.
const FOOTER: &str = "Times are UTC by the clock of the computer that did it. Copies of the device's data at its vendor, in \
                      backups and in other systems aren't touched by this.";

/// A row of a table: what it is about, by whom or where, how it stands and why.
type Row = [Cell; 4];

fn sheet(report: &WipeReport, head: Option<Head>, at: &str) -> Sheet {
    let assessment = &report.assessment;
    let name = report.told.confirmation().unwrap_or(&report.link);
    let mut parts = vec![
        Part::new("What may be claimed", vec![claims(report)]),
        Part::new("Steps", vec![Block::table([("Step", 4), ("By", 2), ("State", 2), ("Evidence", 5)], steps(report))]),
        Part::new(
            "Every place of every credential",
            vec![Block::table([("Credential", 2), ("Place", 4), ("State", 2), ("What was seen", 5)], stores(report))],
        ),
    ];
    if !assessment.remedies.is_empty() {
        let lines = assessment.remedies.iter().map(left).collect();
        parts.push(Part::new("Left to be done", vec![Block::Lines { lines }]));
    }
    Sheet {
        title: format!("Certificate of decommissioning: {name}"),
        verdict: format!("{}: {}", assessment.outcome.title(), assessment.summary),
        tone: tone_of_outcome(assessment.outcome),
        banners: banners(report),
        facts: facts(report, head, at),
        parts,
        footer: format!("Written by {PROGRAM}. {FOOTER}"),
        program: PROGRAM,
    }
}

/// What is left to be done, and what to know before.
fn left(remedy: &Remedy) -> String {
    match &remedy.warning {
        Some(warning) => format!("{} (before that: {warning})", remedy.text),
        None => remedy.text.clone(),
    }
}

fn banners(report: &WipeReport) -> Vec<String> {
    let mut banners = Vec::new();
    if report.is_simulated {
        banners.push("A simulated gateway: this certifies nothing about a real one".to_owned());
    }
    if report.assessment.outcome != Outcome::Complete {
        banners.push("This gateway isn't proved to be free of its credentials. Keep it in safe hands".to_owned());
    }
    banners
}

fn facts(report: &WipeReport, head: Option<Head>, at: &str) -> Vec<Fact> {
    let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "not told".into());
    let online = match report.online {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not asked, or the gateway doesn't report it",
    };
    let facts = [
        ("Device", report.profile.clone()),
        ("Maker", report.vendor.clone()),
        ("Serial number", told(&report.told.serial)),
        ("Name", told(&report.told.name)),
        ("Hardware", told(&report.told.hardware)),
        ("Firmware", told(&report.told.firmware)),
        ("Medium", report.medium.clone()),
        ("Method", method(report).to_owned()),
        ("Verification", verification(report)),
        ("Online", online.to_owned()),
        ("Link", format!("{}, driver {}", report.link, report.driver)),
        ("Done by", report.operator.clone()),
        ("Tool", PROGRAM.to_owned()),
        ("Record", report.record.0.to_string()),
        ("Written", at.to_owned()),
    ];
    let watched = report.watched.as_ref().map(|watched| ("Watch", watched.words()));
    let broker = report.broker.as_ref().map(|seen| ("Broker", seen.words().join(". ")));
    let witness = head.map(|head| ("Head of the records", format!("{} (entry {})", head.hash, head.entry)));
    let more = watched.into_iter().chain(broker).chain(witness);
    facts.into_iter().chain(more).map(|(name, value)| Fact::new(name, value)).collect()
}

fn claims(report: &WipeReport) -> Block {
    let row = |claimed: &Claimed| {
        let answer = Cell::toned(tone_of_answer(claimed.answer), claimed.answer.label());
        [Cell::new(claimed.claim.title()), answer, Cell::new(&claimed.says)]
    };
    Block::table([("Claim", 3), ("How far", 2), ("Why", 6)], report.assessment.claims.iter().map(row).collect())
}

fn steps(report: &WipeReport) -> Vec<Row> {
    let row = |step: &StepVerdict| {
        let by = match step.by {
            Actor::Driver => "Linesman",
            Actor::VendorTool => "a person with the vendor's tool",
            Actor::Person => "a person",
        };
        let tone = match step.state {
            StepState::Observed | StepState::Acknowledged => Tone::Good,
            StepState::Failed => Tone::Bad,
            _ => Tone::Open,
        };
        [Cell::new(&step.does), Cell::new(by), Cell::toned(tone, step.state.label()), Cell::new(said_last(step))]
    };
    report.assessment.steps.iter().map(row).collect()
}

/// What was seen of a step, without the requests that were answered.
fn said_last(step: &StepVerdict) -> String {
    let answered = step.evidence.iter().filter(|mark| mark.state != StepState::Requested);
    answered.map(|mark| mark.text.as_str()).collect::<Vec<_>>().join(". ")
}

fn stores(report: &WipeReport) -> Vec<Row> {
    let row = |store: &StoreVerdict| {
        let what = if store.store.credential == WIFI { "Wi-Fi passphrase" } else { &store.store.credential };
        let tone = match store.state {
            StoreState::SeenEmpty => Tone::Good,
            StoreState::StillThere => Tone::Bad,
            StoreState::NotLooked | StoreState::NotReachable => Tone::Open,
        };
        [Cell::new(what), Cell::new(&store.store.place), Cell::toned(tone, store.state.label()), Cell::new(&store.says)]
    };
    report.assessment.stores.iter().map(row).collect()
}

const fn tone_of_outcome(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Complete => Tone::Good,
        Outcome::Incomplete | Outcome::Refused => Tone::Bad,
        Outcome::Unknown => Tone::Open,
    }
}

const fn tone_of_answer(answer: Answer) -> Tone {
    match answer {
        Answer::Observed => Tone::Good,
        Answer::No => Tone::Bad,
        _ => Tone::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::DriverId;
    use crate::model::record::RecordId;
    use crate::model::wipe::{Guard, Mark, Plan, PlanStep, Store, Told, Trail, judge};

    fn plan() -> Plan {
        Plan {
            steps: vec![PlanStep {
                id: "forget".into(),
                does: "Delete <every> Wi-Fi connection".into(),
                actor: Actor::Driver,
                claim: Claim::Removed,
                removes: vec![WIFI.into()],
                needs_online: false,
                evidence: vec!["The list is empty".into()],
                otherwise: "Log in as another user".into(),
                warning: Some("It goes offline".into()),
            }],
            stores: vec![Store {
                credential: WIFI.into(),
                key: "k".into(),
                place: "/etc/netplan".into(),
                is_reachable: true,
                is_assumed: false,
            }],
            medium: "The SD card".into(),
            restarts: 1,
            ..Plan::default()
        }
    }

    fn report() -> WipeReport {
        let plan = plan();
        let mut trail = Trail { guard: Guard::Passed, ..plan.trail() };
        trail.steps[0].push(Mark {
            state: StepState::Failed,
            text: "The account <b>may</b> not".into(),
            at: std::time::Duration::ZERO,
        });
        report_of(&plan, &trail)
    }

    fn report_of(plan: &Plan, trail: &Trail) -> WipeReport {
        WipeReport {
            record: RecordId(7),
            link: "serial:/dev/ttyUSB0".into(),
            profile: "Generic Linux".into(),
            vendor: "any".into(),
            driver: DriverId::LinuxConsole,
            told: Told { serial: Some("GW/7".into()), ..Told::default() },
            medium: "The SD card".into(),
            operator: "Ada".into(),
            is_simulated: true,
            online: None,
            restarts: 0,
            watched: None,
            broker: None,
            assessment: judge(plan, trail),
        }
    }

    #[test]
    fn a_certificate_says_who_what_when_and_never_more_than_was_seen() {
        let head = Head { entry: 12, hash: "ab".repeat(32).parse().unwrap() };
        let page = certificate(&report(), Some(head), Form::Html, "2026-01-31T12:00:00Z");
        let page = String::from_utf8(page.unwrap()).unwrap();
        assert!(page.contains(&format!("{} (entry 12)", "ab".repeat(32))), "{page}");
        for said in
            ["GW/7", "Ada", "2026-01-31T12:00:00Z", "Incomplete", "Media sanitised", "/etc/netplan", "It goes offline"]
        {
            assert!(page.contains(said), "{said}: {page}");
        }
        assert!(page.contains("isn&#39;t proved"), "{page}");
        assert!(!page.contains("<b>may</b>") && page.contains("simulated gateway"), "what a gateway says is escaped");
        assert_eq!(file_name(&report(), Form::Html), "decommissioning-GW-7.html");
    }

    #[test]
    fn a_removal_that_was_refused_certifies_neither_a_deletion_nor_a_look() {
        let plan = plan();
        let trail = Trail { guard: Guard::Refused("it is another one".into()), ..plan.trail() };
        let page = certificate(&report_of(&plan, &trail), None, Form::Text, "2026-01-31T12:00:00Z");
        let page = String::from_utf8(page.unwrap()).unwrap();
        assert!(page.contains("Nothing was removed") && page.contains("Nobody looked"), "{page}");
        assert!(!page.contains("Deleted by") && !page.contains("Looked at"), "{page}");
        let mut trail = Trail { guard: Guard::Passed, ..plan.trail() };
        trail.steps[0] = [StepState::Requested, StepState::Failed]
            .map(|state| Mark { state, text: "The account may not".into(), at: std::time::Duration::ZERO })
            .into();
        let page = certificate(&report_of(&plan, &trail), None, Form::Text, "2026-01-31T12:00:00Z");
        assert!(String::from_utf8(page.unwrap()).unwrap().contains("that it did wasn't proved"));
    }

    #[test]
    fn a_certificate_for_programs_holds_the_whole_report() {
        let text = certificate(&report(), None, Form::Json, "2026-01-31T12:00:00Z");
        let value: Value = serde_json::from_slice(&text.unwrap()).unwrap();
        assert_eq!(value["report"]["assessment"]["outcome"], "incomplete");
        assert_eq!(value["report"]["assessment"]["claims"].as_array().map(Vec::len), Some(3));
        assert_eq!((&value["report"]["record"], &value["report"]["told"]["serial"]), (&json!(7), &json!("GW/7")));
    }
}
