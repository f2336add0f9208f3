//! Commissioning reports as PDF: a foreign reader finds what the page says, and hostile names are only letters.

use linesman::model::audit::{Audit, Head};
use linesman::model::record::{EntryRecord, JobHistory, JobIntent, JobRecord, RecordId};
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
