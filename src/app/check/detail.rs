//! [`Detail`]: what an opened row shows: how it stands in words, what was seen step by step, and what to ask of the admin.

use super::run::Run;
use crate::check::explain::{self, AdminRule, Text};
use crate::check::plan::{Plan, PlannedRow};
use crate::check::seen::Observation;
use crate::check::verdict::{Judged, RowVerdict};
use crate::model::endpoint::RowId;

/// Lines of what was seen that are shown of a row.
const MOST_MOMENTS: usize = 200;

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When it began, in microseconds since 1970 UTC.
    pub at_unix_micros: i64,
    /// How long it took, in microseconds.
    pub took_micros: u64,
    /// The host it is about.
    pub host: String,
    /// What was seen.
    pub what: String,
    /// Whether the verdict rests on it.
    pub is_deciding: bool,
}

/// An opened row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The row.
    pub row: RowId,
    /// What it is about.
    pub subject: String,
    /// How it stands, in words.
    pub text: Option<Text>,
    /// What was seen, oldest first.
    pub moments: Vec<Moment>,
    /// How many more there are.
    pub more: usize,
    /// The rule it needs of the firewall.
    pub rule: Option<AdminRule>,
}

impl Detail {
    /// What a row of a run shows.
    pub(super) fn of(run: &Run, id: &RowId) -> Option<Self> {
        let plan = run.plan()?;
        let planned = plan.row(id)?;
        let verdict = run.place(id).and_then(|place| run.verdict(place));
        let (judged, observations) = (run.judged(), run.observations());
        let text = verdict.map(|verdict| explain::row(plan, judged, observations, verdict));
        let facts = verdict.map_or(&[][..], |verdict| verdict.facts.as_slice());
        let own: Vec<&Observation> =
            observations.iter().filter(|seen| seen.row.as_ref() == Some(id) || facts.contains(&seen.number)).collect();
        let more = own.len().saturating_sub(MOST_MOMENTS);
        let moments = own.into_iter().take(MOST_MOMENTS).map(|seen| moment(seen, facts)).collect();
        let rule = verdict.and_then(|verdict| rule(plan, planned, verdict, observations));
        Some(Self { row: id.clone(), subject: explain::subject(planned), text, moments, more, rule })
    }

    /// The request to the admin as plain text, to be pasted into a letter.
    pub fn request(&self) -> Option<String> {
        let rule = self.rule.as_ref()?;
        let mut lines = vec![rule.sentence.clone()];
        let mut add = |name: &str, text: &str| {
            if !text.is_empty() {
                lines.push(format!("{name}: {text}"));
            }
        };
        add("From", &rule.source);
        add("To", &rule.destinations.join(", "));
        add("Also seen under", &rule.aliases.join(", "));
        add("Replies", rule.replies);
        add("For", &rule.purpose);
        add("Document", &rule.document);
        for seen in &rule.seen {
            add("Seen", &format!("{}, {} to {}: {}", seen.at, seen.from, seen.to, seen.what));
        }
        rule.ruled_out.iter().for_each(|text| add("Ruled out", text));
        for command in &rule.reproduce {
            add(command.system, &format!("{}  (good answer: {})", command.command, command.good));
        }
        rule.keep_closed.iter().for_each(|text| add("Don't open", text));
        Some(lines.join("\n"))
    }
}

/// The rule of one row; those of the other rows are not made.
fn rule(plan: &Plan, row: &PlannedRow, verdict: &RowVerdict, observations: &[Observation]) -> Option<AdminRule> {
    let plan = Plan { rows: vec![row.clone()], ..plan.clone() };
    let judged = Judged { rows: vec![verdict.clone()], findings: Vec::new() };
    explain::admin(&plan, &judged, observations).pop()
}

fn moment(seen: &Observation, facts: &[u32]) -> Moment {
    Moment {
        at_unix_micros: seen.at_unix_micros,
        took_micros: seen.took_micros,
        host: seen.host.clone().unwrap_or_default(),
        what: explain::observed(seen),
        is_deciding: facts.contains(&seen.number),
    }
}
