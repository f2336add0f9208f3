//! What people read of a check: from a verdict or a finding to words, and to the rule that whoever runs the firewall needs.
//!
//! The window, the command line and the reports all use these and write no text of their own:
//! - [`row`]: a verdict in words: state, what happened, possible causes, what is ruled out, what to do next, notes;
//! - [`finding`]: the same for what concerns several rows;
//! - [`note`]: one note beside a verdict;
//! - [`missing`] and [`sentence`]: the rules that somebody has to add to the firewall, each in one sentence;
//! - [`Spoken`]: the same words for the reports, which hold rules, timeline ([`super::report::told`]) and commands;
//! - [`texts`]: all texts of reasons and states in one place, for a page and for translators.
//!
//! Each call looks through the observations of the run: whoever draws often keeps what it got.
//! Pure: what is not in plan, judgement and observations is not said.

mod admin;
mod fill;
mod ruled_out;
mod spoken;
pub mod texts;

use fill::Blanks;

use super::plan::{Plan, PlannedRow, Subject};
use super::seen::Observation;
use super::verdict::{Confidence, Finding, Judged, Note, Reason, RowState, RowVerdict};
use crate::model::endpoint::ProbeKind;

pub use admin::{missing, sentence};
pub use spoken::Spoken;

/// A verdict or a finding in words. Texts are single sentences without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The word for the state: `Failed`.
    pub state: &'static str,
    /// What it is, as a title: `TLS intercepted`.
    pub title: String,
    /// What happened.
    pub what: String,
    /// Possible causes, the likeliest first.
    pub causes: Vec<String>,
    /// What was looked at and is not the cause.
    pub ruled_out: Vec<String>,
    /// What to do next; empty where there is nothing to do.
    pub next: String,
    /// What ought to be known beside.
    pub notes: Vec<String>,
}

/// What a row is about, in one line: `Vendor's programming interface: api.example.com, TCP port 443`.
pub fn subject(row: &PlannedRow) -> String {
    match &row.subject {
        Subject::Endpoint(endpoint) => {
            let hosts: Vec<String> = endpoint.hosts.iter().map(ToString::to_string).collect();
            let port = endpoint.port.map(|port| format!(", port {port}")).unwrap_or_default();
            format!("{}: {}{port}", endpoint.purpose, hosts.join(", "))
        }
        Subject::Network(rule) => rule.says.clone(),
        Subject::Wifi(_) => "Wi-Fi: band and security the device can join".to_owned(),
    }
}

/// A verdict in words.
pub fn row(plan: &Plan, judged: &Judged, observations: &[Observation], verdict: &RowVerdict) -> Text {
    let blanks = Blanks::of_row(plan, observations, verdict);
    let words = texts::of(verdict.reason);
    let fails = verdict.state == RowState::Fail;
    let causes = if fails { causes(&blanks, words.causes, verdict.reason, verdict.confidence) } else { Vec::new() };
    let next = if verdict.state.is_good() || verdict.state == RowState::Skipped {
        String::new()
    } else {
        blanks.fill(words.next)
    };
    Text {
        state: texts::state(verdict.state),
        title: words.title.to_owned(),
        what: seen_from(plan, what(plan, judged, &blanks, verdict)),
        causes,
        ruled_out: if fails { ruled_out::of_row(plan, judged, observations, verdict) } else { Vec::new() },
        next,
        notes: verdict.notes.iter().map(|note| note_text(&blanks, note)).collect(),
    }
}

/// Where the gateway looked, that is said first.
fn seen_from(plan: &Plan, what: String) -> String {
    if plan.about.via.is_some() { texts::from_gateway(&what) } else { what }
}

fn what(plan: &Plan, judged: &Judged, blanks: &Blanks, verdict: &RowVerdict) -> String {
    let of = |reason: Reason| blanks.fill(texts::of(reason).what);
    match verdict.state {
        RowState::Pass | RowState::PassWithNote => blanks.fill(answered(plan, verdict)),
        RowState::Sampled => {
            let (good, tried) = verdict.sampled.unwrap_or_default();
            texts::sampled(good, tried)
        }
        RowState::Skipped => match &verdict.because {
            Some(because) => {
                let title = judged.row(because).map_or("", |row| texts::of(row.reason).title);
                texts::skipped(because.as_str(), title)
            }
            None => of(verdict.reason),
        },
        RowState::NotNeeded => match &verdict.because {
            Some(because) => texts::not_needed(because.as_str()),
            None => of(verdict.reason),
        },
        RowState::Advice => plan.row(&verdict.row).map_or_else(|| of(verdict.reason), subject),
        RowState::Pending | RowState::Fail | RowState::NotTestable | RowState::NotApplicable => of(verdict.reason),
    }
}

/// What answered; a certificate is named only where the row has one.
fn answered(plan: &Plan, verdict: &RowVerdict) -> &'static str {
    let endpoint = plan.row(&verdict.row).and_then(|row| row.subject.endpoint());
    texts::answered(verdict.step, endpoint.is_some_and(|endpoint| endpoint.probes.contains(&ProbeKind::Tls)))
}

fn causes(blanks: &Blanks, known: &[&str], reason: Reason, confidence: Confidence) -> Vec<String> {
    let product = (reason == Reason::Intercepted || reason == Reason::UntrustedIssuer)
        .then(|| super::judge::appliance::guess_by(&blanks.about))
        .flatten()
        .map(texts::product);
    let mut causes: Vec<String> = product.into_iter().chain(known.iter().map(|cause| blanks.fill(cause))).collect();
    if confidence == Confidence::Low && !causes.is_empty() {
        causes.push(texts::UNSURE.to_owned());
    }
    causes
}

fn note_text(blanks: &Blanks, note: &Note) -> String {
    blanks.with(note.reason, &note.about).fill(texts::of(note.reason).what)
}

/// A note beside a verdict in words.
pub fn note(plan: &Plan, observations: &[Observation], verdict: &RowVerdict, note: &Note) -> String {
    note_text(&Blanks::of_row(plan, observations, verdict), note)
}

/// Whether a finding says what its only row says already.
pub fn is_said_by_its_row(judged: &Judged, finding: &Finding) -> bool {
    let [only] = finding.rows.as_slice() else { return false };
    judged.row(only).is_some_and(|row| row.state == RowState::Fail && row.reason == finding.reason)
}

/// A finding in words.
pub fn finding(plan: &Plan, judged: &Judged, observations: &[Observation], finding: &Finding) -> Text {
    let mut blanks = Blanks::of_finding(plan, observations, finding);
    let words = texts::of(finding.reason);
    // Of several hosts none is named: the rows are listed beside the text.
    if finding.rows.len() != 1 {
        texts::SEVERAL.clone_into(&mut blanks.host);
    }
    let rows: Vec<&RowVerdict> = finding.rows.iter().filter_map(|id| judged.row(id)).collect();
    let ruled_out = rows.first().map(|row| ruled_out::of_row(plan, judged, observations, row)).unwrap_or_default();
    Text {
        state: texts::FOUND,
        title: words.title.to_owned(),
        what: seen_from(plan, blanks.fill(words.what)),
        causes: causes(&blanks, words.causes, finding.reason, finding.confidence),
        ruled_out: if finding.rows.len() == 1 { ruled_out } else { Vec::new() },
        next: blanks.fill(words.next),
        notes: if finding.rows.len() > 1 { vec![texts::concerns(&finding.rows)] } else { Vec::new() },
    }
}
