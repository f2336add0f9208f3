//! The certificate of decommissioning: what was done to a gateway, what was seen, and what may be claimed, as a page and as
//! JSON.
//!
//! Pure: the same report gives the same bytes. The fields are those that sanitisation certificates carry: device, serial
//! number, medium, method, tool and version, verification and its result, who and when.

use askama::Template as _;
use serde::Serialize;
use serde_json::{Value, json};

use crate::model::audit::Head;
use crate::model::problem::Problem;
use crate::model::wipe::{Actor, Answer, Outcome, Remedy, StepState, StoreState, WIFI, WipeReport};
use crate::model::word::words;

/// Who wrote it.
const PROGRAM: &str = concat!("Linesman ", env!("CARGO_PKG_VERSION"));

words! {
    /// In which form a certificate is written.
    CertificateForm {
        /// A page for a browser, made to be printed.
        Html = "html",
        /// For programs.
        Json = "json",
    }
}

impl CertificateForm {
    /// The form that belongs to the end of a file's name.
    pub fn of_extension(extension: &str) -> Result<Self, Problem> {
        match extension.to_ascii_lowercase().as_str() {
            "html" | "htm" => Ok(Self::Html),
            "json" => Ok(Self::Json),
            _ => Err(Problem::new(
                "wipe.certificate_form",
                "A certificate is written as .html or .json",
                "The file's name ends in something else",
                "Name it .html; a browser prints it to PDF",
            )),
        }
    }
}

/// Writes a certificate. `at` is when it is written, RFC 3339 in UTC; the head of the records witnesses what was done before.
pub fn certificate(report: &WipeReport, head: Option<Head>, form: CertificateForm, at: &str) -> Vec<u8> {
    match form {
        CertificateForm::Html => html(report, head, at).into_bytes(),
        // What is written to memory does not fail.
        CertificateForm::Json => serde_json::to_vec_pretty(&json_of(report, head, at)).unwrap_or_default(),
    }
}

/// The name that is proposed for a file.
pub fn file_name(report: &WipeReport, form: CertificateForm) -> String {
    let name = report.told.confirmation().unwrap_or("gateway");
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    format!("decommissioning-{}.{form}", name.chars().map(plain).collect::<String>())
}

fn json_of(report: &WipeReport, head: Option<Head>, at: &str) -> Value {
    json!({
        "document": "certificate-of-decommissioning", "version": 1, "written_at": at, "tool": PROGRAM,
        "method": METHOD, "verification": verification(report), "records_head": head, "report": report,
    })
}

/// How data is removed.
const METHOD: &str = "Deleted by the device itself; the medium isn't overwritten as a whole";

fn verification(report: &WipeReport) -> String {
    match report.restarts {
        0 => "Looked at over the same link, without a restart".into(),
        1 => "Looked at over the same link after a restart".into(),
        restarts => format!("Looked at over the same link after {restarts} restarts"),
    }
}

#[derive(askama::Template)]
#[template(path = "certificate.html")]
struct Sheet<'a> {
    page: &'a Page<'a>,
}

struct Page<'a> {
    title: String,
    program: &'static str,
    verdict: String,
    tone: &'static str,
    banners: Vec<String>,
    facts: Vec<(&'static str, String)>,
    claims: Vec<Line>,
    steps: Vec<Line>,
    stores: Vec<Line>,
    remedies: &'a [Remedy],
}

/// A line of a table.
#[derive(Serialize)]
struct Line {
    what: String,
    by: String,
    state: String,
    tone: &'static str,
    says: String,
}

fn html(report: &WipeReport, head: Option<Head>, at: &str) -> String {
    let assessment = &report.assessment;
    let name = report.told.confirmation().unwrap_or(&report.link);
    let page = Page {
        title: format!("Certificate of decommissioning: {name}"),
        program: PROGRAM,
        verdict: format!("{}: {}", assessment.outcome.title(), assessment.summary),
        tone: tone_of_outcome(assessment.outcome),
        banners: banners(report),
        facts: facts(report, head, at),
        claims: claims(report),
        steps: steps(report),
        stores: stores(report),
        remedies: &assessment.remedies,
    };
    // It is written to memory, which does not fail.
    Sheet { page: &page }.render().unwrap_or_default()
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

fn facts(report: &WipeReport, head: Option<Head>, at: &str) -> Vec<(&'static str, String)> {
    let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "not told".into());
    let online = match report.online {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not asked, or the gateway doesn't say",
    };
    let facts = [
        ("Device", report.profile.clone()),
        ("Maker", report.vendor.clone()),
        ("Serial number", told(&report.told.serial)),
        ("Name", told(&report.told.name)),
        ("Hardware", told(&report.told.hardware)),
        ("Firmware", told(&report.told.firmware)),
        ("Medium", report.medium.clone()),
        ("Method", METHOD.to_owned()),
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
    facts.into_iter().chain(watched).chain(broker).chain(witness).collect()
}

fn claims(report: &WipeReport) -> Vec<Line> {
    let line = |claimed: &crate::model::wipe::Claimed| Line {
        what: claimed.claim.title().into(),
        by: String::new(),
        state: claimed.answer.label().into(),
        tone: tone_of_answer(claimed.answer),
        says: claimed.says.clone(),
    };
    report.assessment.claims.iter().map(line).collect()
}

fn steps(report: &WipeReport) -> Vec<Line> {
    let line = |step: &crate::model::wipe::StepVerdict| Line {
        what: step.does.clone(),
        by: match step.by {
            Actor::Driver => "Linesman",
            Actor::VendorTool => "a person with the vendor's tool",
            Actor::Person => "a person",
        }
        .into(),
        state: step.state.label().into(),
        tone: match step.state {
            StepState::Observed | StepState::Acknowledged => "good",
            StepState::Failed => "bad",
            _ => "open",
        },
        says: said_last(step),
    };
    report.assessment.steps.iter().map(line).collect()
}

/// What was seen of a step, without the requests that were answered.
fn said_last(step: &crate::model::wipe::StepVerdict) -> String {
    let answered = step.evidence.iter().filter(|mark| mark.state != StepState::Requested);
    answered.map(|mark| mark.text.as_str()).collect::<Vec<_>>().join(". ")
}

fn stores(report: &WipeReport) -> Vec<Line> {
    let line = |store: &crate::model::wipe::StoreVerdict| Line {
        what: if store.store.credential == WIFI { "Wi-Fi passphrase".into() } else { store.store.credential.clone() },
        by: store.store.place.clone(),
        state: store.state.label().into(),
        tone: match store.state {
            StoreState::SeenEmpty => "good",
            StoreState::StillThere => "bad",
            StoreState::NotLooked | StoreState::NotReachable => "open",
        },
        says: store.says.clone(),
    };
    report.assessment.stores.iter().map(line).collect()
}

const fn tone_of_outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "good",
        Outcome::Incomplete | Outcome::Refused => "bad",
        Outcome::Unknown => "open",
    }
}

const fn tone_of_answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Observed => "good",
        Answer::No => "bad",
        _ => "open",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::DriverId;
    use crate::model::record::RecordId;
    use crate::model::wipe::{Claim, Mark, Plan, PlanStep, Store, Told, Trail, judge};

    fn report() -> WipeReport {
        let plan = Plan {
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
        };
        let mut trail = Trail { guard: crate::model::wipe::Guard::Passed, ..plan.trail() };
        trail.steps[0].push(Mark {
            state: StepState::Failed,
            text: "The account <b>may</b> not".into(),
            at: std::time::Duration::ZERO,
        });
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
            assessment: judge(&plan, &trail),
        }
    }

    #[test]
    fn a_certificate_says_who_what_when_and_never_more_than_was_seen() {
        let head = Head { entry: 12, hash: "ab".repeat(32).parse().unwrap() };
        let page = certificate(&report(), Some(head), CertificateForm::Html, "2026-01-31T12:00:00Z");
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains(&format!("{} (entry 12)", "ab".repeat(32))), "{page}");
        for said in
            ["GW/7", "Ada", "2026-01-31T12:00:00Z", "Incomplete", "Media sanitised", "/etc/netplan", "It goes offline"]
        {
            assert!(page.contains(said), "{said}: {page}");
        }
        assert!(page.contains("isn&#39;t proved"), "{page}");
        assert!(!page.contains("<b>may</b>") && page.contains("simulated gateway"), "what a gateway says is escaped");
        assert_eq!(file_name(&report(), CertificateForm::Html), "decommissioning-GW-7.html");
    }

    #[test]
    fn a_certificate_for_programs_holds_the_whole_report() {
        let text = certificate(&report(), None, CertificateForm::Json, "2026-01-31T12:00:00Z");
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["report"]["assessment"]["outcome"], "incomplete");
        assert_eq!(value["report"]["assessment"]["claims"].as_array().map(Vec::len), Some(3));
        assert_eq!((&value["report"]["record"], &value["report"]["told"]["serial"]), (&json!(7), &json!("GW/7")));
    }

    #[test]
    fn the_form_follows_from_the_name_of_the_file() {
        assert_eq!(CertificateForm::of_extension("HTML"), Ok(CertificateForm::Html));
        assert!(CertificateForm::of_extension("docx").is_err());
    }
}
