//! The commissioning report: what the records say of a gateway, or of all gateways of a site, for whoever takes it over.
//!
//! Pure: jobs, times and the audit are arguments. What is on record is told as it was written; nothing is claimed beyond it. A
//! gateway that came back after a removal has a life of its own: the report of the new one names the old one and never goes on
//! with it.

mod build;
mod open;
mod part;
mod sheet;
#[cfg(test)]
mod tests;
mod told;

use jiff::tz::TimeZone;
use serde::Serialize;

pub use self::build::{report, wanted};
pub use self::part::{Earlier, FirstTelemetry, GatewayPart, JobPart, LookedAt};
pub use self::sheet::sheet;
pub use self::told::{Sign, Step};
use super::plot::Curve;
use crate::model::audit::{Audit, Head};
use crate::model::problem::Problem;
use crate::model::record::RecordKey;
use crate::profile::site::{Line, Site};

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// One job on record.
    Record(RecordKey),
    /// The gateway of that job, over all of its jobs between its removals; the job alone where it is about none.
    GatewayOf(RecordKey),
    /// A gateway, by its serial number, hardware address, system id, name or link.
    Gateway(String),
    /// The gateways of a site.
    Site(Box<Site>),
}

/// Who writes it, when, and how the records stand.
#[derive(Clone, Debug)]
pub struct Writing<'a> {
    /// When it is written, RFC 3339 in UTC.
    pub at: String,
    /// The time zone of this computer.
    pub zone: TimeZone,
    /// The name of this computer, where it has one.
    pub computer: Option<String>,
    /// Who writes it.
    pub operator: String,
    /// What an audit of the records found just now.
    pub audit: &'a Audit,
    /// Values to be drawn, from recordings that the person named.
    pub curves: &'a [Curve],
}

/// How the records stood when the report was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Records {
    /// The last entry and its hash: what witnesses all of this.
    pub head: Option<Head>,
    /// How many entries there are.
    pub entries: u64,
    /// How many acts were begun and have no outcome.
    pub open_intents: u64,
    /// Whether they are what was written, as far as can be told.
    pub is_intact: bool,
    /// The verdict in a sentence.
    pub verdict: String,
}

impl From<&Audit> for Records {
    fn from(audit: &Audit) -> Self {
        Self {
            head: audit.head,
            entries: audit.entries,
            open_intents: audit.open,
            is_intact: audit.is_intact(),
            verdict: audit.verdict(),
        }
    }
}

/// A whole report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What this is.
    pub document: &'static str,
    /// The version of its form.
    pub version: u32,
    /// What is reported on, in a title.
    pub title: String,
    /// Who wrote it.
    pub tool: &'static str,
    /// When, RFC 3339 in UTC.
    pub written_at: String,
    /// When, by the clock on the wall.
    pub written_local: String,
    /// On which computer.
    pub computer: Option<String>,
    /// By whom.
    pub operator: String,
    /// How the records stand.
    pub records: Records,
    /// The site, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SitePart>,
    /// The gateways.
    pub gateways: Vec<GatewayPart>,
    /// What was drawn.
    pub curves: Vec<Curve>,
}

impl Report {
    /// The report for programs.
    pub fn json(&self) -> Vec<u8> {
        // What is written to memory does not fail.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

/// A site: what is expected against what is on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SitePart {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub customer: Option<String>,
    /// The network that gateways join.
    pub ssid: Option<String>,
    /// How many stand how, in a line.
    pub words: String,
    /// How many gateways are expected.
    pub expected: usize,
    /// How many of them are on record.
    pub found: usize,
    /// How many of them joined or are in service.
    pub set_up: usize,
    /// A line for each expected gateway, then for those that are not expected.
    pub lines: Vec<SiteLine>,
    /// Network checks of the site that belong to no single gateway.
    pub checks: Vec<LookedAt>,
}

/// A gateway of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteLine {
    /// How it stands against the site.
    #[serde(flatten)]
    pub line: Line,
    /// How it stands by what was done with it.
    pub standing: String,
}

/// A time of the records by the clock on the wall.
pub fn local(utc: &str, zone: &TimeZone) -> String {
    match utc.parse::<jiff::Timestamp>() {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        // A forged record may hold anything.
        Err(_) => told::shown(utc),
    }
}

/// A time by the clock on the wall, and in UTC.
pub fn both(utc: &str, zone: &TimeZone) -> String {
    match utc.parse::<jiff::Timestamp>() {
        Ok(time) => {
            let local = time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z");
            format!("{local} ({} UTC)", time.strftime("%Y-%m-%d %H:%M:%S"))
        }
        Err(_) => told::shown(utc),
    }
}

/// Nobody is known by that name.
fn no_such_gateway(named: &str) -> Problem {
    Problem::new(
        "report.no_gateway",
        format!("No gateway on record is called {}", told::shown(named)),
        "It was not set up from this computer, or it is known by another name",
        "List the records; name it by its serial number, hardware address, name or link",
    )
}

/// Several gateways are meant.
fn several(named: &str, titles: &[String]) -> Problem {
    Problem::new(
        "report.several",
        format!("{} gateways on record fit {}", titles.len(), told::shown(named)),
        format!("They are {}", titles.join("; ")),
        "Name the gateway by its serial number, or report on a single record by its number",
    )
}
