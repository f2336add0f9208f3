//! Commissioning reports as PDF: a foreign reader finds what the page says, and hostile names are only letters.

use linesman::certificate::certificate;
use linesman::model::audit::{Audit, Head};
use linesman::model::record::{EntryRecord, JobHistory, JobIntent, JobRecord, RecordId};
use linesman::model::wipe::{
    Actor, Claim, Guard, Look, Mark, Plan, PlanStep, StepState, Store, StoreState, Told, Trail, When, WipeReport, judge,
};
use linesman::papers::Form;
use linesman::papers::commissioning::{About, Report, Writing, report, sheet};
use linesman::papers::plot::Curve;
use linesman::papers::{Block, pdf};
use serde_json::json;

use crate::check_pdf::{Paper, has_poppler, without_spaces};

const WRITTEN: &str = "2026-02-01T08:00:00Z";

/// The report of one gateway of that name, with that text wherever a gateway has the word.
fn made(name: &str, text: &str) -> Report {
    let intent = JobIntent {
        action: "commission".into(),
        gateway: name.into(),
        link: "serial:/dev/ttyUSB0".into(),
        profile: Some("hall".into()),
        driver: Some("improv".into()),
        operator: "Ada Lovelace".into(),
        is_simulated: false,
    };
    let started_at = "2026-01-31T12:00:00.000Z".to_owned();
    let entry = |sequence, step: &str, outcome: &str, detail| EntryRecord {
        sequence,
        at: started_at.clone(),
        step: step.into(),
        phase: "outcome".into(),
        outcome: outcome.into(),
        detail,
    };
    let entries = vec![
        entry(1, "identity", "done", json!({ "serial": "GW-0007", "name": name, "hardware": text })),
        entry(2, "push", "joined", json!({ "evidence": [{ "kind": "observed", "text": text }], "addresses": [text] })),
        entry(3, "first-telemetry", "observed", json!({ "topic": text, "value": text, "bytes": 3 })),
    ];
    let job = JobRecord {
        id: RecordId(14),
        ended_at: Some(started_at.clone()),
        started_at: started_at.clone(),
        intent,
        outcome: "joined".into(),
        reason: String::new(),
        summary: text.into(),
        row_name: None,
        origin: None,
        last_entry_at: None,
    };
    let head = Head { entry: 99, hash: "ab".repeat(32).parse().unwrap() };
    let audit = Audit { entries: 99, complete_to: 99, head: Some(head), chain: Some(head.hash), ..Audit::default() };
    let points = (0..500).map(|at| (i64::from(at) * 1_000_000, (f64::from(at) / 30.0).sin())).collect();
    let curves = [Curve { name: text.into(), source: "hall.lrec".into(), points }];
    let zone = jiff::tz::TimeZone::UTC;
    let (at, computer) = ("2026-02-01T08:00:00.000Z".into(), Some("laptop-1".into()));
    let writing = Writing { at, zone, computer, operator: "Ben".into(), audit: &audit, curves: &curves };
    report(&About::Gateway("GW-0007".into()), &[JobHistory { job, entries, returned: None }], &writing).unwrap()
}

fn paper(report: &Report) -> Paper {
    let sheet = sheet(report, &jiff::tz::TimeZone::UTC);
    Paper::new(&pdf(&sheet, WRITTEN).unwrap_or_else(|problem| panic!("{problem:?}")))
}

#[test]
fn a_foreign_reader_finds_all_that_a_commissioning_report_says() {
    if !has_poppler() {
        return;
    }
    let report = made("Halle 3 Süd", "site/hall-3/temperature");
    let letters = paper(&report).letters();
    let sheet = sheet(&report, &jiff::tz::TimeZone::UTC);
    let mut wanted = vec![sheet.title, sheet.verdict, sheet.footer, "hall.lrec".into(), "1970-01-01 00:08:19".into()];
    wanted.extend(sheet.facts.into_iter().map(|fact| fact.value));
    for block in sheet.parts.into_iter().inspect(|part| assert!(!part.title.is_empty())).flat_map(|part| part.blocks) {
        match block {
            Block::Text { text, .. } | Block::Remark { text } => wanted.push(text),
            Block::Facts { facts } => wanted.extend(facts.into_iter().map(|fact| fact.value)),
            Block::Lines { lines } => wanted.extend(lines),
            Block::Table { rows, .. } => wanted.extend(rows.into_iter().flatten().map(|cell| cell.text)),
            Block::Plot { says, .. } => wanted.push(says),
        }
    }
    assert!(wanted.iter().any(|text| text.contains(&"ab".repeat(32))), "the head is on it");
    for text in wanted {
        assert!(letters.contains(&without_spaces(&text)), "no {text}: {letters}");
    }
}

#[test]
fn hostile_names_neither_break_the_paper_nor_become_markup() {
    if !has_poppler() {
        return;
    }
    let long = "A".repeat(10_000);
    for hostile in [
        "#pagebreak() *x* $x$ \\ [y] @z <script>alert(1)</script> </svg>",
        "\u{202E}turned\u{2066} \u{0}\u{7}\u{1b}[2J\u{FFFE}\u{FFFF}",
        "😀 世界 \u{301}\u{301}\u{301} \u{E0001}",
        &long,
        "",
    ] {
        let letters = paper(&made(hostile, hostile)).letters();
        assert!(letters.contains("GW-0007") && letters.contains("AdaLovelace"), "{letters}");
        assert!(!letters.contains('\u{202E}'), "{letters}");
        if hostile.starts_with('#') {
            assert!(letters.contains("#pagebreak()*x*$x$\\[y]@z<script>"), "{letters}");
        }
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let report = made("Halle 3", "21.5");
    let sheet = sheet(&report, &jiff::tz::TimeZone::UTC);
    assert!(pdf(&sheet, WRITTEN).unwrap() == pdf(&sheet, WRITTEN).unwrap());
}

/// A removal that left a key behind, of a gateway of that name.
fn removal(name: &str) -> WipeReport {
    let step = PlanStep {
        id: "forget".into(),
        does: "Delete every Wi-Fi connection".into(),
        actor: Actor::Driver,
        claim: Claim::Removed,
        removes: vec!["wifi".into()],
        needs_online: false,
        evidence: vec!["The list is empty".into()],
        otherwise: "Destroy the card".into(),
        warning: None,
    };
    let store = Store {
        credential: "wifi".into(),
        key: "netplan".into(),
        place: "/etc/netplan".into(),
        is_reachable: true,
        is_assumed: false,
    };
    let plan =
        Plan { steps: vec![step], stores: vec![store], medium: "The SD card".into(), restarts: 1, ..Plan::default() };
    let mut trail = Trail { guard: Guard::Passed, restarts: 1, ..plan.trail() };
    let mark = |state| Mark { state, text: "1 connection was deleted".into(), at: std::time::Duration::ZERO };
    trail.steps[0].push(mark(StepState::Acknowledged));
    let text = format!("In /etc/netplan/{name}.yaml");
    trail.looks.push(Look { store: 0, state: StoreState::StillThere, text, when: When::After(1) });
    WipeReport {
        record: RecordId(7),
        link: "serial:/dev/ttyUSB0".into(),
        profile: "Hall gateway".into(),
        vendor: "Maker".into(),
        driver: linesman::model::ids::DriverId::LinuxConsole,
        told: Told { serial: Some("GW-0417".into()), name: Some(name.into()), ..Told::default() },
        medium: plan.medium.clone(),
        operator: "Ada Lovelace".into(),
        is_simulated: false,
        online: None,
        restarts: 1,
        watched: None,
        broker: None,
        assessment: judge(&plan, &trail),
    }
}

#[test]
fn a_foreign_reader_finds_the_three_claims_each_place_and_the_head_on_a_certificate() {
    if !has_poppler() {
        return;
    }
    let report = removal("#eval(Halle 3)");
    let head = Head { entry: 99, hash: "ab".repeat(32).parse().unwrap() };
    let paper = Paper::new(&certificate(&report, Some(head), Form::Pdf, WRITTEN).unwrap());
    let letters = paper.letters();
    let claims = report.assessment.claims.iter().flat_map(|claimed| [claimed.claim.title(), claimed.answer.label()]);
    let fixed = ["GW-0417", "#eval(Halle 3)", "Ada Lovelace", "The SD card", "/etc/netplan", "Destroy the card"];
    let hash = "ab".repeat(32);
    for said in claims.chain(fixed).chain([report.assessment.summary.as_str(), WRITTEN, &hash]) {
        assert!(letters.contains(&without_spaces(said)), "{said} is missing: {letters}");
    }
}
