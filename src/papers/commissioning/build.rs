//! From jobs on record to a report: whom it is about, and what is reported of them.

use super::part::{GatewayPart, found, looked};
use super::{About, Records, Report, SiteLine, SitePart, Writing, both, no_such_gateway, several};
use crate::model::lineage::{Lineage, lineages};
use crate::model::mark::is_same;
use crate::model::problem::Problem;
use crate::model::record::{JobHistory, RecordKey};
use crate::papers::PROGRAM;
use crate::profile::site::{Comparison, Site, compare, is_of_site};

/// The version of the report as JSON.
const VERSION: u32 = 1;

/// Which jobs are told in full, as places in the list: their entries have to be there when the report is made. Of all others
/// those entries are enough that tell who the gateway is.
pub fn wanted(about: &About, jobs: &[JobHistory]) -> Result<Vec<usize>, Problem> {
    let lineages = lineages(jobs);
    let checks = || jobs.iter().enumerate().filter(|(_, job)| job.job.intent.action == "check").map(|(at, _)| at);
    let mut wanted: Vec<usize> = match about {
        About::Record(key) | About::GatewayOf(key) => {
            let at = own(jobs, *key)?;
            lineage_of(&lineages, at).map_or_else(|| vec![at], |lineage| lineage.jobs().collect())
        }
        About::Gateway(named) => the_one(&lineages, named)?.jobs().collect(),
        About::Site(site) => {
            of_site(site, &lineages, jobs).iter().flat_map(|lineage| lineage.jobs().collect::<Vec<_>>()).collect()
        }
    };
    wanted.extend(checks());
    wanted.sort_unstable();
    wanted.dedup();
    Ok(wanted)
}

/// Makes the report. The jobs are given with the oldest first, those of [`wanted`] with all of their entries.
pub fn report(about: &About, jobs: &[JobHistory], writing: &Writing<'_>) -> Result<Report, Problem> {
    let lineages = lineages(jobs);
    let (site, gateways) = match about {
        About::Record(key) => {
            let at = own(jobs, *key)?;
            (None, vec![of_record(at, &lineages, jobs, Some(at))])
        }
        About::GatewayOf(key) => {
            let at = own(jobs, *key)?;
            (None, vec![of_record(at, &lineages, jobs, None)])
        }
        About::Gateway(named) => {
            let lineage = the_one(&lineages, named)?;
            (None, vec![GatewayPart::new(lineage, lineage.lives.len() - 1, jobs, None)])
        }
        About::Site(site) => {
            let (part, gateways) = at_site(site, &lineages, jobs);
            (Some(part), gateways)
        }
    };
    let name = site
        .as_ref()
        .map_or_else(|| gateways.first().map_or("", |gateway| gateway.name.as_str()), |site| site.name.as_str());
    let title = match about {
        About::Record(key) => format!("Record {}: {name}", key.id.0),
        About::GatewayOf(_) | About::Gateway(_) if gateways.iter().any(|gateway| gateway.is_removed) => {
            format!("Commissioning and removal: {name}")
        }
        About::GatewayOf(_) | About::Gateway(_) | About::Site(_) => format!("Commissioning report: {name}"),
    };
    Ok(Report {
        document: "commissioning-report",
        version: VERSION,
        title,
        tool: PROGRAM,
        written_at: writing.at.clone(),
        written_local: both(&writing.at, &writing.zone),
        computer: writing.computer.clone(),
        operator: writing.operator.clone(),
        records: Records::from(writing.audit),
        site,
        gateways,
        curves: writing.curves.to_vec(),
    })
}

/// The place of a record.
fn own(jobs: &[JobHistory], key: RecordKey) -> Result<usize, Problem> {
    let found = jobs.iter().position(|job| job.job.key() == key);
    found.ok_or_else(|| {
        Problem::new(
            "records.not_found",
            format!("There is no record {}", key.id.0),
            "The number is mistyped, or the record is in another data folder",
            "List the records and choose one of them",
        )
    })
}

fn lineage_of(lineages: &[Lineage], at: usize) -> Option<&Lineage> {
    lineages.iter().find(|lineage| lineage.life_of(at).is_some())
}

fn of_record(at: usize, lineages: &[Lineage], jobs: &[JobHistory], only: Option<usize>) -> GatewayPart {
    let is_check = jobs[at].job.intent.action == "check";
    match lineage_of(lineages, at).filter(|_| !is_check) {
        Some(lineage) => {
            let life = lineage.lives.iter().position(|life| life.jobs.contains(&at)).unwrap_or(0);
            GatewayPart::new(lineage, life, jobs, only)
        }
        None => GatewayPart::of_job(&jobs[at]),
    }
}

/// The only gateway that is called so.
fn the_one<'a>(lineages: &'a [Lineage], named: &str) -> Result<&'a Lineage, Problem> {
    let mut meant: Vec<&Lineage> = lineages.iter().filter(|lineage| lineage.known_by.is_named(named)).collect();
    let is_serial = |lineage: &&Lineage| has(&lineage.known_by.serials, named);
    if meant.iter().any(is_serial) {
        meant.retain(is_serial);
    }
    match meant.as_slice() {
        [] => Err(no_such_gateway(named)),
        [one] => Ok(one),
        all => Err(several(named, &all.iter().map(|lineage| called(lineage)).collect::<Vec<_>>())),
    }
}

fn has(marks: &[String], wanted: &str) -> bool {
    marks.iter().any(|mark| is_same(mark, wanted))
}

fn called(lineage: &Lineage) -> String {
    let known_by = &lineage.known_by;
    let serial = known_by.serials.last().map_or_else(String::new, |serial| format!(" ({serial})"));
    super::told::shown(&format!("{}{serial}", known_by.title()))
}

/// What a site expects, held against the gateways on record; what is extra counts only where it was done at that site.
fn compared<'a>(site: &Site, lineages: &'a [Lineage], jobs: &[JobHistory]) -> (Vec<&'a Lineage>, Comparison) {
    let of_site = |lineage: &&Lineage| lineage.jobs().any(|at| is_of_site(site, &jobs[at].job));
    let is_expected = |lineage: &&Lineage| {
        site.gateways.iter().any(|gateway| is_it(lineage, &gateway.name, gateway.serial_number.as_deref()))
    };
    let mut meant: Vec<&Lineage> = lineages.iter().filter(|lineage| of_site(lineage) || is_expected(lineage)).collect();
    // The newest first: of two that fit, the one that is there now. Who was removed is there no more.
    meant.sort_by_key(|lineage| (lineage.is_over(jobs), std::cmp::Reverse(lineage.jobs().last())));
    let there = meant.iter().take_while(|lineage| !lineage.is_over(jobs));
    let found: Vec<_> = there.filter_map(|lineage| Some(found(lineage, lineage.lives.last()?, jobs))).collect();
    let compared = compare(site, &found);
    (meant, compared)
}

/// Whether a gateway on record is the one of that name or serial number.
fn is_it(lineage: &Lineage, name: &str, serial: Option<&str>) -> bool {
    serial.is_some_and(|serial| has(&lineage.known_by.serials, serial)) || has(&lineage.known_by.names, name)
}

fn of_site<'a>(site: &Site, lineages: &'a [Lineage], jobs: &[JobHistory]) -> Vec<&'a Lineage> {
    compared(site, lineages, jobs).0
}

fn at_site(site: &Site, lineages: &[Lineage], jobs: &[JobHistory]) -> (SitePart, Vec<GatewayPart>) {
    let (meant, compared) = compared(site, lineages, jobs);
    let words = compared.words();
    let (mut lines, mut parts) = (Vec::new(), Vec::new());
    for line in compared.lines {
        let expected = site.gateways.iter().find(|expected| expected.name == line.name);
        let removed = || {
            let (over, expected) = (meant.iter().filter(|lineage| lineage.is_over(jobs)), expected?);
            over.copied().find(|lineage| is_it(lineage, &expected.name, expected.serial_number.as_deref()))
        };
        let lineage = line.at.and_then(|at| meant.get(at).copied()).or_else(removed);
        let part = lineage.map(|lineage| GatewayPart::new(lineage, lineage.lives.len() - 1, jobs, None));
        let part = part.map(|part| GatewayPart { name: line.name.clone(), ..part });
        let standing = part.as_ref().map_or_else(|| "Not on record".to_owned(), |part| part.standing.clone());
        lines.push(SiteLine { line, standing });
        parts.extend(part);
    }
    let is_expected = |line: &&SiteLine| line.line.fit != crate::profile::site::Fit::Extra;
    let expected: Vec<&SiteLine> = lines.iter().filter(is_expected).collect();
    let is_found = |line: &&&SiteLine| line.line.at.is_some();
    let is_set_up = |line: &&&SiteLine| matches!(line.standing.as_str(), "Joined" | "In service");
    let checks = jobs.iter().filter(|job| job.job.intent.action == "check" && job.job.intent.gateway == site.name);
    let part = SitePart {
        name: site.name.clone(),
        customer: site.customer.clone(),
        ssid: site.ssid.clone(),
        words,
        expected: expected.len(),
        found: expected.iter().filter(is_found).count(),
        set_up: expected.iter().filter(is_set_up).count(),
        checks: checks.map(looked).collect(),
        lines,
    };
    (part, parts)
}
