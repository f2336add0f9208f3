//! A [`Report`] as a [`Sheet`]: what a person reads of it, in which order.

use jiff::tz::TimeZone;

use super::part::{FirstTelemetry, GatewayPart, JobPart, LookedAt};
use super::told::Step;
use super::{Report, SitePart, both, local};
use crate::model::record::Origin;
use crate::papers::plot::svg;
use crate::papers::{Block, Cell, Fact, PROGRAM, Part, Sheet, Tone};
use crate::profile::site::Fit;

/// What the words of evidence mean: whoever gets the paper has not read the documentation.
const LEGEND: &str = "Requested: it was asked for. Acknowledged: the gateway reports it. Observed: it was seen by another way than \
                      the gateway's answer. Attested: a person says so. Not checked: nobody looked.";

/// The report as a sheet, with times of that zone.
pub fn sheet(report: &Report, zone: &TimeZone) -> Sheet {
    let (verdict, tone) = verdict(report);
    let mut parts = Vec::new();
    let mut facts = Vec::new();
    match (&report.site, report.gateways.as_slice()) {
        (None, [gateway]) => {
            facts.clone_from(&gateway.facts);
            parts.extend(of_gateway(gateway, zone));
        }
        (site, gateways) => {
            parts.extend(site.iter().flat_map(|site| of_site(site, zone)));
            for gateway in gateways {
                parts.push(head(gateway));
                parts.extend(of_gateway(gateway, zone).into_iter().map(Part::nested));
            }
        }
    }
    let plots: Vec<Block> = report
        .curves
        .iter()
        .filter_map(|curve| Some(Block::Plot { svg: svg(curve, zone)?, says: curve.says() }))
        .collect();
    if !report.curves.is_empty() {
        let blocks = if plots.is_empty() { vec![Block::remark("The recordings hold no numbers")] } else { plots };
        parts.push(Part::new("Telemetry on record", blocks));
    }
    parts.push(Part::new("This report", vec![Block::Facts { facts: written(report) }]));
    Sheet {
        title: report.title.clone(),
        verdict,
        tone,
        banners: banners(report),
        facts,
        parts,
        footer: format!(
            "Written by {PROGRAM}. {LEGEND} Times without a zone are local times of the computer that wrote this."
        ),
        program: PROGRAM,
    }
}

fn verdict(report: &Report) -> (String, Tone) {
    if let Some(site) = &report.site {
        let is_good = site.set_up == site.expected && site.lines.iter().all(|line| line.line.fit == Fit::AsExpected);
        let tone = if is_good { Tone::Good } else { Tone::Open };
        return (format!("{} of {} gateways set up; {}", site.set_up, site.expected, site.words), tone);
    }
    report
        .gateways
        .first()
        .map_or_else(|| ("Nothing on record".to_owned(), Tone::Open), |gateway| (sentence(gateway), gateway.tone))
}

fn sentence(gateway: &GatewayPart) -> String {
    if gateway.says.is_empty() { gateway.standing.clone() } else { format!("{}: {}", gateway.standing, gateway.says) }
}

fn banners(report: &Report) -> Vec<String> {
    let mut banners = Vec::new();
    if !report.records.is_intact {
        banners.push(format!(
            "The records don't pass their check: {}. This report says what the file holds, not what was done",
            report.records.verdict
        ));
    }
    if report.gateways.iter().any(|gateway| gateway.is_simulated) {
        banners.push("A simulated gateway: this says nothing about a real one".to_owned());
    }
    if let (None, [gateway]) = (&report.site, report.gateways.as_slice()) {
        banners.extend(gateway.caveats.clone());
    }
    banners
}

fn written(report: &Report) -> Vec<Fact> {
    let records = &report.records;
    let head = records.head.map(|head| format!("{} (entry {})", head.hash, head.entry));
    let open = match records.open_intents {
        0 => "none".to_owned(),
        1 => "1 act was begun and has no outcome".to_owned(),
        many => format!("{many} acts were begun and have no outcome"),
    };
    let facts = [
        ("Written", Some(report.written_local.clone())),
        ("By", Some(report.operator.clone())),
        ("Computer", report.computer.clone()),
        ("Records", Some(format!("{}: {}", entries(records.entries), records.verdict))),
        ("Open intents", Some(open)),
        ("Head of the records", head),
    ];
    facts.into_iter().filter_map(|(name, value)| Some(Fact::new(name, value?))).collect()
}

fn entries(count: u64) -> String {
    if count == 1 { "1 entry".into() } else { format!("{count} entries") }
}

fn head(gateway: &GatewayPart) -> Part {
    let mut blocks = vec![Block::Text { text: sentence(gateway), tone: Some(gateway.tone) }];
    blocks.extend(gateway.caveats.iter().map(Block::remark));
    blocks.push(Block::Facts { facts: gateway.facts.clone() });
    Part::new(gateway.name.clone(), blocks).fresh()
}

fn of_gateway(gateway: &GatewayPart, zone: &TimeZone) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(returned) = &gateway.returned {
        let text = format!(
            "This gateway came back after a removal: record {}{} of {} ended as {}. The {} is the same. This report begins after it",
            returned.record.0,
            from(returned.origin.as_ref()),
            local(&returned.at, zone),
            super::told::shown(&returned.outcome),
            returned.by.label(),
        );
        parts.push(Part::new("Came back after a removal", vec![Block::text(text)]));
    }
    let open = if gateway.open_items.is_empty() {
        Block::text("None that the records show")
    } else {
        Block::Lines { lines: gateway.open_items.clone() }
    };
    parts.push(Part::new("Open items", vec![open]));
    if gateway.jobs.len() > 1 {
        parts.push(Part::new("What was done", vec![done(&gateway.jobs, zone)]));
    }
    parts.push(Part::new("Network checks", checked(&gateway.checks, zone)));
    parts.push(Part::new("First telemetry", vec![heard(gateway.first_telemetry.as_ref(), zone)]));
    parts.extend(gateway.jobs.iter().map(|job| of_job(job, zone)));
    if !gateway.earlier.is_empty() {
        let row = |life: &super::Earlier| {
            let numbers: Vec<String> = life.records.iter().map(|id| id.0.to_string()).collect();
            [
                Cell::new(local(&life.from, zone)),
                Cell::new(local(&life.to, zone)),
                Cell::new(&life.outcome),
                Cell::new(numbers.join(", ")),
            ]
        };
        let rows = gateway.earlier.iter().map(row).collect();
        let table = Block::table([("From", 0), ("Removed", 0), ("Removal", 0), ("Records", 1)], rows);
        parts.push(Part::new("Before", vec![table]));
    }
    parts
}

fn done(jobs: &[JobPart], zone: &TimeZone) -> Block {
    let row = |job: &JobPart| {
        [
            Cell::new(job.record.0.to_string()),
            Cell::new(local(&job.started_at, zone)),
            Cell::new(&job.act),
            Cell::new(format!("{}{}", job.operator, from(job.origin.as_ref()))),
            Cell::toned(job.tone, &job.outcome),
            Cell::new(&job.summary),
        ]
    };
    let columns = [("Record", 0), ("When", 0), ("Act", 0), ("By", 2), ("Outcome", 2), ("Summary", 6)];
    Block::table(columns, jobs.iter().map(row).collect())
}

fn from(origin: Option<&Origin>) -> String {
    origin.map_or_else(String::new, |origin| format!(" (imported from {})", super::told::shown(&origin.computer)))
}

fn checked(checks: &[LookedAt], zone: &TimeZone) -> Vec<Block> {
    if checks.is_empty() {
        return vec![Block::text("None on record")];
    }
    let row = |check: &LookedAt| {
        let failed = if check.failed.is_empty() { String::new() } else { format!(". {}", check.failed.join("; ")) };
        [
            Cell::new(check.record.0.to_string()),
            Cell::new(local(&check.at, zone)),
            Cell::new(format!("{}{}", check.from, from(check.origin.as_ref()))),
            Cell::toned(check.tone, &check.outcome),
            Cell::new(format!("{}{failed}", check.summary)),
        ]
    };
    let columns = [("Record", 0), ("When", 0), ("Seen from", 2), ("Result", 0), ("What was found", 5)];
    vec![Block::table(columns, checks.iter().map(row).collect())]
}

fn heard(first: Option<&FirstTelemetry>, zone: &TimeZone) -> Block {
    let Some(first) = first else { return Block::text("None on record") };
    let value = first.value.clone().unwrap_or_else(|| format!("{} bytes, not text", first.bytes));
    let mut facts =
        vec![Fact::new("Topic", &first.topic), Fact::new("When", both(&first.at, zone)), Fact::new("Value", value)];
    if let Some(millis) = first.after_millis {
        facts.push(Fact::new("After the set-up", format!("{}.{} s", millis / 1000, millis % 1000 / 100)));
    }
    let named = if first.is_named { "The topic names this gateway" } else { "The topic doesn't name this gateway" };
    facts.push(Fact::new("Evidence", format!("Observed, record {}. {named}", first.record.0)));
    Block::Facts { facts }
}

fn of_job(job: &JobPart, zone: &TimeZone) -> Part {
    let title = format!("Record {}{}: {}", job.record.0, from(job.origin.as_ref()), job.act);
    let with = [job.profile.as_ref(), job.driver.as_ref()]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let ended = match (&job.ended_at, &job.last_entry_at) {
        (Some(at), _) => both(at, zone),
        (None, Some(at)) => format!("not known: the program ended first. The last entry is of {}", both(at, zone)),
        (None, None) => "not on record".to_owned(),
    };
    let facts = [
        ("Began", both(&job.started_at, zone)),
        ("Ended", ended),
        ("By", job.operator.clone()),
        ("Link", job.link.clone()),
        ("Profile, driver", with),
    ];
    let facts =
        facts.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| Fact::new(name, value)).collect();
    let outcome = Block::Text { text: format!("{}: {}", job.outcome, job.summary), tone: Some(job.tone) };
    let mut blocks = vec![outcome, Block::Facts { facts }];
    if !job.steps.is_empty() {
        blocks.push(steps(&job.steps, zone));
        if job.more_steps > 0 {
            blocks.push(Block::remark(format!("{} more steps are in the records", job.more_steps)));
        }
    }
    Part::new(title, blocks)
}

/// A row for each sign; the step stands in the first of its rows.
fn steps(steps: &[Step], zone: &TimeZone) -> Block {
    let mut rows = Vec::new();
    for step in steps {
        let mut signs: Vec<(String, String)> =
            step.evidence.iter().map(|sign| (sign.kind.clone(), sign.text.clone())).collect();
        signs.extend(step.advice.iter().map(|line| (String::new(), line.clone())));
        if signs.is_empty() {
            signs.push((String::new(), String::new()));
        }
        for (at, (kind, text)) in signs.into_iter().enumerate() {
            let is_first = at == 0;
            let once = |text: &str| if is_first { text.to_owned() } else { String::new() };
            let result = if is_first { Cell::toned(step.tone, &step.result) } else { Cell::default() };
            let time = if is_first { local(&step.at, zone) } else { String::new() };
            rows.push([Cell::new(once(&step.step)), result, Cell::new(kind), Cell::new(text), Cell::new(time)]);
        }
    }
    Block::table([("Step", 2), ("Result", 2), ("Evidence", 2), ("What was seen", 8), ("When", 0)], rows)
}

fn of_site(site: &SitePart, zone: &TimeZone) -> Vec<Part> {
    let facts = [
        ("Customer", site.customer.clone()),
        ("Network", site.ssid.clone()),
        ("Expected", Some(site.expected.to_string())),
        ("On record", Some(site.found.to_string())),
        ("Set up", Some(site.set_up.to_string())),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some(Fact::new(name, value?))).collect();
    let row = |line: &super::SiteLine| {
        let tone = match line.line.fit {
            Fit::AsExpected => Tone::Good,
            Fit::Different | Fit::Missing => Tone::Bad,
            Fit::Extra => Tone::Open,
        };
        [
            Cell::new(&line.line.name),
            Cell::toned(tone, line.line.fit.label()),
            Cell::new(&line.standing),
            Cell::new(line.line.link.clone().unwrap_or_default()),
            Cell::new(line.line.remarks().join("; ")),
        ]
    };
    let columns = [("Gateway", 4), ("Against the site", 3), ("State", 3), ("Link", 4), ("Remarks", 6)];
    let table = Block::table(columns, site.lines.iter().map(row).collect());
    vec![
        Part::new("Site", vec![Block::Facts { facts }]),
        Part::new("Expected and on record", vec![table]),
        Part::new("Network checks of the site", checked(&site.checks, zone)),
    ]
}
