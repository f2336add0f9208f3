//! What crosses between a front end and a network check.

#![expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::check::Plan;
use crate::check::beside::Beside;
use crate::check::evidence::{About, Evidence};
use crate::check::seen::Observation;
use crate::check::verdict::Judged;
use crate::model::access::Access;
use crate::model::destination::Destination;
use crate::model::endpoint::RowId;
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::word::words;

/// What can be asked of a network check.
pub enum CheckCommand {
    /// Begin: make the plan, tell it, run it.
    Start(Box<CheckStart>),
    /// Look again at these rows; at all where none is named. What was observed of them before stays in the evidence of the
    /// earlier round.
    Again { rows: Vec<RowId> },
    /// Look again after that time from now on; at no time by itself where there is none.
    Watch { every: Option<Duration> },
    /// Write what was found to a file. Answer: [`CheckEvent::Saved`].
    Save { destination: Destination, form: ReportForm, is_masked: bool },
    /// End: a run under way is stopped.
    Close,
}

/// What a check begins with.
pub struct CheckStart {
    /// What the run is made from. The profile is named in it.
    pub about: About,
    /// A file of evidence to judge again instead of looking.
    pub evidence: Option<PathBuf>,
    /// The file of a site, whose hosts, names to sample and overrides are taken in.
    pub site: Option<PathBuf>,
    /// An override file for a test site.
    pub overrides: Option<PathBuf>,
    /// Look again after that time. The check stays open until it is closed, with or without it.
    pub watch: Option<Duration>,
    /// Look from the gateway, by the programs it has, and not from this computer.
    pub via: Option<Via>,
    /// A laptop's run at the same place, to be told beside the gateway's own.
    pub beside: Option<Arc<Evidence>>,
}

/// The way to a gateway that looks itself.
#[derive(Clone)]
pub struct Via {
    /// Its link.
    pub link: LinkAddress,
    /// The driver to speak; where none is named, one that has a shell over this link.
    pub driver: Option<DriverId>,
    /// What lets us in.
    pub access: Access,
}

words! {
    /// The form of a report.
    ReportForm {
        /// A page for a browser, to print.
        Html = "html",
        /// A document, where this build can make it.
        Pdf = "pdf",
        /// The rules to add to a firewall, each destination and port once.
        Csv = "csv",
        /// All rules, one for each row and destination.
        AllRules = "all.csv",
        /// The evidence, to be judged again.
        Json = "json",
    }
}

/// What a network check reports.
#[derive(Clone)]
pub enum CheckEvent {
    /// What is going to be looked at. Comes before anything is sent.
    Planned(Arc<Plan>),
    /// A laptop's run is told beside this one.
    Beside(Arc<Beside>),
    /// A round of looking began.
    RoundBegan { round: u32, at_unix_micros: i64, rows: Vec<RowId> },
    /// These rows are being looked at now.
    Looking(Vec<RowId>),
    /// Something was seen.
    Observed(Box<Observation>),
    /// How all rows stand by what was seen of this round so far.
    Judged(Arc<Judged>),
    /// A round is over; the evidence holds it whole. It is final where it was not stopped and no other follows by itself.
    RoundEnded { round: u32, evidence: Arc<Evidence>, judged: Arc<Judged>, is_final: bool },
    /// A report was written.
    Saved { path: PathBuf },
    /// A report could not be written, or something else did not work without ending the check.
    Trouble(Box<crate::model::problem::Problem>),
}
