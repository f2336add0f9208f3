use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::model::audit::{Audit, Fault, Finding, Head};
use crate::model::record::{EntryRecord, JobHistory, JobIntent, JobRecord, Origin, RecordId};
use crate::papers::{html, text};
use crate::profile::site::parse_site;

const USB: &str = "serial:/dev/ttyUSB0";

/// A log under construction.
#[derive(Default)]
struct Log {
    jobs: Vec<JobHistory>,
    entries: i64,
}

impl Log {
    fn job(&mut self, action: &str, gateway: &str, link: &str, outcome: &str, summary: &str) -> &mut Self {
        let id = RecordId(i64::try_from(self.jobs.len()).unwrap() + 1);
        let intent = JobIntent {
            action: action.into(),
            gateway: gateway.into(),
            link: link.into(),
            profile: Some("hall".into()),
            driver: Some("improv".into()),
            operator: "Ada".into(),
            is_simulated: false,
        };
        let started_at = format!("2026-01-31T12:{:02}:00.000Z", id.0);
        let job = JobRecord {
            id,
            ended_at: Some(started_at.replace(":00.000Z", ":30.000Z")),
            started_at,
            intent,
            outcome: outcome.into(),
            reason: String::new(),
            summary: summary.into(),
            row_name: None,
            origin: None,
            last_entry_at: None,
        };
        self.jobs.push(JobHistory { job, entries: Vec::new(), returned: None });
        self
    }

    fn entry(&mut self, step: &str, phase: &str, outcome: &str, detail: Value) -> &mut Self {
        self.entries += 1;
        let job = self.jobs.last_mut().unwrap();
        let at = job.job.started_at.replace(":00.000Z", &format!(":{:02}.000Z", self.entries % 60));
        let (step, phase, outcome) = (step.into(), phase.into(), outcome.into());
        job.entries.push(EntryRecord { sequence: self.entries, at, step, phase, outcome, detail });
        self
    }

    fn told(&mut self, step: &str, outcome: &str, detail: Value) -> &mut Self {
        self.entry(step, "outcome", outcome, detail)
    }

    fn joined(&mut self, serial: &str, name: &str) -> &mut Self {
        self.job("commission", name, USB, "joined", "The gateway reports that it joined “Hall”");
        self.told("identity", "done", json!({ "serial": serial, "name": name, "hardware": "board" }));
        self.entry("push", "intent", "", json!({ "ssid": "Hall", "key": "a passphrase of 21 bytes" }));
        self.told(
            "push",
            "joined",
            json!({ "addresses": ["192.0.2.7"], "evidence": [
                { "kind": "requested", "text": "Join “Hall”", "at_millis": 1 },
                { "kind": "acknowledged", "text": "It joined", "at_millis": 2 },
                { "kind": "observed", "text": "It still answers", "at_millis": 3 },
                { "kind": "not-checked", "text": "Whether the gateway reaches its vendor's cloud", "at_millis": 4 },
            ] }),
        )
    }

    fn heard(&mut self, topic: &str, value: &str) -> &mut Self {
        let name = self.jobs.last().unwrap().job.intent.gateway.clone();
        self.job("inspect", &name, "mqtt://broker", "done", "12 messages came");
        self.told(
            "first-telemetry",
            "observed",
            json!({ "topic": topic, "value": value, "bytes": value.len(), "after_millis": 7500 }),
        )
    }
}

fn audit() -> Audit {
    let head = Head { entry: 99, hash: "ab".repeat(32).parse().unwrap() };
    Audit { entries: 99, complete_to: 99, head: Some(head), chain: Some(head.hash), open: 1, ..Audit::default() }
}

fn made(log: &Log, about: &About) -> Result<Report, Problem> {
    made_with(log, about, &audit())
}

fn made_with(log: &Log, about: &About, audit: &Audit) -> Result<Report, Problem> {
    let writing = Writing {
        at: "2026-02-01T08:00:00.000Z".into(),
        zone: TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC),
        computer: Some("laptop-1".into()),
        operator: "Ben".into(),
        audit,
        curves: &[],
    };
    report(about, &log.jobs, &writing)
}

fn of(log: &Log, gateway: &str) -> Report {
    made(log, &About::Gateway(gateway.into())).unwrap()
}

fn page(report: &Report) -> String {
    html(&sheet(report, &TimeZone::UTC))
}

#[test]
fn a_report_says_who_when_what_was_seen_and_what_is_left_open() {
    let mut log = Log::default();
    log.joined("S1", "hall-3").heard("site/hall-3/temperature", "21.5");
    let report = of(&log, "S1");
    let page = page(&report);
    for said in [
        "Commissioning report: hall-3",
        "In service",
        "S1",
        "Ada",
        "Ben",
        "laptop-1",
        "192.0.2.7",
        "requested",
        "acknowledged",
        "observed",
        "not checked",
        "site/hall-3/temperature",
        "21.5",
        "7.5 s",
        "No network check for this profile is on record",
        "1 act was begun and has no outcome",
        &format!("{} (entry 99)", "ab".repeat(32)),
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("No first telemetry"), "{page}");
    assert_eq!(report.gateways[0].standing, "In service");
}

#[test]
fn nothing_is_claimed_beyond_the_records() {
    let mut log = Log::default();
    log.joined("S1", "hall-3");
    let open = &of(&log, "S1").gateways[0].open_items;
    assert!(open.iter().any(|item| item.contains("vendor's cloud")), "{open:?}");
    assert!(open.iter().any(|item| item.contains("No first telemetry")), "{open:?}");
    log.heard("site/other/temperature", "1");
    let report = of(&log, "S1");
    assert!(report.gateways[0].open_items.iter().any(|item| item.contains("doesn't name the gateway")));
    // A check that the gateway itself made answers what the join left open.
    log.job("check", "Hall", USB, "passed", "13 of 13 rows passed");
    let part = &of(&log, "S1").gateways[0];
    assert!(part.checks[0].is_from_gateway && !part.open_items.iter().any(|item| item.contains("cloud")), "{part:?}");
}

#[test]
fn acts_without_an_outcome_and_unknown_ends_are_open_items() {
    let mut log = Log::default();
    log.job(
        "commission",
        "hall-3",
        USB,
        "unknown",
        "The program ended before the outcome was known; verify on the device",
    );
    log.jobs[0].job.reason = "records.cut_off".into();
    log.told("identity", "done", json!({ "serial": "S1" })).entry("push", "intent", "", json!({ "ssid": "Hall" }));
    let part = &of(&log, "s1").gateways[0];
    assert!(part.open_items.iter().any(|item| item.contains("outcome is unknown")), "{part:?}");
    assert!(part.open_items.iter().any(|item| item.contains("Send Wi-Fi credentials was begun")), "{part:?}");
    assert_eq!(part.jobs[0].outcome, "unknown: verify on the device");
    assert!(!part.is_set_up());
}

#[test]
fn a_removal_leaves_open_what_it_may_not_claim() {
    let mut log = Log::default();
    log.joined("S1", "hall-3");
    log.job("wipe", "hall-3", USB, "complete", "All places were seen empty");
    log.told("identity", "done", json!({ "serial": "S1" }));
    let claims = json!([
        { "claim": "useless", "answer": "no", "says": "The passphrase is still valid" },
        { "claim": "removed", "answer": "observed", "says": "Each place was seen empty" },
        { "claim": "sanitised", "answer": "not-by-software", "says": "The SD card can't be overwritten as a whole" },
    ]);
    log.told("claims", "complete", json!({ "claims": claims, "left": [{ "text": "Change the passphrase" }] }));
    let report = of(&log, "S1");
    let part = &report.gateways[0];
    assert_eq!(
        part.open_items,
        [
            "Credentials made useless: no. The passphrase is still valid",
            "Media sanitised: not by software. The SD card can't be overwritten as a whole",
            "Change the passphrase",
        ]
    );
    assert!(part.is_removed && !part.is_set_up());
    let names: Vec<&str> = part.facts.iter().map(|fact| fact.name.as_str()).collect();
    assert!(names.contains(&"Network joined before its removal") && !names.contains(&"Network joined"), "{names:?}");
    assert_eq!(report.title, "Commissioning and removal: hall-3");
}

#[test]
fn the_first_telemetry_is_the_gateways_own_where_there_is_one() {
    let mut log = Log::default();
    log.joined("S1", "hall-3").heard("site/heat-pump/power", "1").heard("site/hall-3/t", "21.5");
    let first = of(&log, "S1").gateways[0].first_telemetry.clone().unwrap();
    assert_eq!((first.topic.as_str(), first.is_named), ("site/hall-3/t", true));
}

#[test]
fn a_gateway_that_came_back_has_a_report_of_its_own_that_names_the_removal() {
    let mut log = Log::default();
    log.joined("S1", "hall-3").heard("site/hall-3/t", "old value");
    log.job("wipe", "hall-3", USB, "complete", "All places were seen empty");
    log.told("identity", "done", json!({ "serial": "S1" }));
    log.joined("S1", "hall-9");
    let report = of(&log, "S1");
    let part = &report.gateways[0];
    let returned = part.returned.as_ref().unwrap();
    assert_eq!((returned.record, returned.by), (RecordId(3), crate::model::lineage::Tie::SerialNumber));
    assert_eq!(part.jobs.iter().map(|job| job.record.0).collect::<Vec<_>>(), [4], "the old life isn't gone on with");
    assert_eq!(part.first_telemetry, None, "what was heard before the removal says nothing about now");
    assert_eq!(part.earlier[0].records, [RecordId(1), RecordId(2), RecordId(3)]);
    let page = page(&report);
    assert!(page.contains("Came back after a removal") && page.contains("record 3 of"), "{page}");
}

#[test]
fn a_name_that_several_gateways_have_is_asked_about_and_not_guessed() {
    let mut log = Log::default();
    log.joined("S1", "calm").joined("S2", "calm");
    let problem = made(&log, &About::Gateway("calm".into())).unwrap_err();
    assert_eq!(problem.code, "report.several");
    assert!(problem.likely_cause.contains("calm (S1); calm (S2)"), "{problem:?}");
    assert_eq!(of(&log, "S2").gateways[0].jobs.len(), 1);
    assert_eq!(made(&log, &About::Gateway("nobody".into())).unwrap_err().code, "report.no_gateway");
    assert_eq!(made(&log, &About::Record(RecordId(9).into())).unwrap_err().code, "records.not_found");
}

#[test]
fn a_site_is_told_line_by_line_with_what_is_missing() {
    let site = "schema = 1\nname = 'Hall 7'\ncustomer = 'Müller & Söhne'\n\
        [[gateway]]\nname = 'hall-3'\nserial_number = 'S1'\n[[gateway]]\nname = 'hall-4'\nserial_number = 'S2'\n\
        [[gateway]]\nname = 'hall-5'\n";
    let site = Box::new(parse_site("s", site).unwrap());
    let mut log = Log::default();
    log.joined("S1", "hall-3").joined("S9", "elsewhere");
    log.job("commission", "hall-5", "serial:/dev/ttyUSB1", "refused", "The gateway could not join “Hall”");
    log.told("identity", "done", json!({ "name": "hall-5" }));
    let report = made(&log, &About::Site(site)).unwrap();
    let part = report.site.as_ref().unwrap();
    let lines: Vec<_> = part
        .lines
        .iter()
        .map(|line| (line.line.name.as_str(), line.line.fit.as_str(), line.standing.as_str()))
        .collect();
    let expected = [
        ("hall-3", "as-expected", "Joined"),
        ("hall-4", "missing", "Not on record"),
        ("hall-5", "as-expected", "Refused"),
    ];
    assert_eq!(lines, expected);
    assert_eq!((part.expected, part.found, part.set_up), (3, 2, 1));
    let page = page(&report);
    for said in ["1 of 3 gateways set up", "Müller &#38; Söhne", "Not on record", "could not join"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("elsewhere"), "other sites' gateways aren't this customer's business");
}

#[test]
fn hostile_texts_are_shown_and_never_obeyed() {
    let long = "A".repeat(10_000);
    for hostile in
        ["</style><script>alert(1)</script>", "a\u{202E}b\u{2066}c\u{0}\u{1b}[2J", "{{ 1 }} #strong[x] $x$ \\", &long]
    {
        let mut log = Log::default();
        log.joined("S1", hostile).heard(&format!("site/{hostile}"), hostile);
        let description =
            json!({ "name": hostile, "firmware": hostile, "firmware_version": hostile, "hardware": hostile });
        log.job("commission", hostile, USB, hostile, hostile).told("describe", "done", description);
        log.told(hostile, hostile, json!({ "text": hostile, "evidence": [{ "kind": hostile, "text": hostile }] }));
        log.told(
            "failed",
            "failed",
            json!({ "what": hostile, "next_step": hostile, "causes": [{ "text": hostile, "because": hostile }] }),
        );
        log.jobs.last_mut().unwrap().job.started_at = hostile.into();
        log.jobs.last_mut().unwrap().job.origin = None;
        for about in [About::Gateway("S1".into()), About::Record(RecordId(3).into())] {
            let report = made(&log, &about).unwrap();
            assert!(!page(&report).contains("<script"));
            for paper in [page(&report), text(&sheet(&report, &TimeZone::UTC))] {
                assert!(!paper.contains(['\u{202E}', '\u{2066}', '\u{0}', '\u{1b}']), "{paper}");
                assert!(!paper.contains(&"A".repeat(401)), "a text of 10 kB is cut");
            }
        }
    }
}

#[test]
fn damaged_records_are_said_on_the_first_lines() {
    let mut log = Log::default();
    log.joined("S1", "hall-3");
    let mut damaged = audit();
    damaged.found(Finding::at(Fault::Changed, 7, ""));
    let report = made_with(&log, &About::Gateway("S1".into()), &damaged).unwrap();
    let sheet = sheet(&report, &TimeZone::UTC);
    assert!(sheet.banners[0].contains("Entry 7 changed after it was written"), "{:?}", sheet.banners);
}

#[test]
fn imported_records_are_told_with_the_computer_they_came_from() {
    let mut log = Log::default();
    log.joined("S1", "hall-3").joined("S1", "hall-3");
    log.jobs[0].job.origin = Some(Origin { computer: "Laptop of Ben".into(), chain: "cd".repeat(32).parse().unwrap() });
    let page = page(&of(&log, "S1"));
    assert!(page.contains("Record 1 (imported from Laptop of Ben)"), "{page}");
    assert!(page.contains("done from another computer and imported: Laptop of Ben"), "{page}");
}

#[test]
fn a_record_that_is_about_no_gateway_has_a_report_too() {
    let mut log = Log::default();
    log.job("check", "Hall 7", "", "findings", "7 of 13 rows passed; failed: A-1");
    log.told("rows", "findings", json!({ "failed": [{ "id": "A-1", "what": "The name server doesn't answer" }] }));
    let page = page(&made(&log, &About::Record(RecordId(1).into())).unwrap());
    assert!(page.contains("A-1: The name server doesn&#39;t answer"), "{page}");
}

#[test]
fn a_log_of_a_whole_year_makes_no_endless_paper() {
    let mut log = Log::default();
    log.joined("S1", "hall-3");
    for _ in 0..5000 {
        log.told("publish", "acknowledged", json!({ "topic": "site/hall-3/set" }));
    }
    for _ in 0..300 {
        log.job("inspect", "hall-3", "mqtt://broker", "done", "1 message came");
    }
    let report = of(&log, "S1");
    let part = &report.gateways[0];
    assert_eq!(part.jobs.len(), 100);
    assert!(part.caveats.iter().any(|caveat| caveat.starts_with("201 older records")), "{:?}", part.caveats);
    assert_eq!(part.standing, "Joined", "what isn't told in full counts all the same");
    let one = made(&log, &About::Record(RecordId(1).into())).unwrap();
    assert_eq!(one.gateways[0].jobs[0].more_steps, 4802);
    assert!(page(&one).contains("4802 more steps are in the records"));
}
