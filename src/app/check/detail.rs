//! [`Detail`]: what an opened row shows: how it stands in words, what was seen step by step, and what to ask of the admin.

use super::run::Run;
use super::words;
use crate::check::evidence::{Evidence, VERSION};
use crate::check::explain::{self, Text};
use crate::check::plan::{Plan, PlannedRow};
use crate::check::report::{recipes, rules, told};
use crate::check::seen::Observation;
use crate::check::verdict::{Judged, RowState, RowVerdict};
use crate::model::endpoint::RowId;

/// Lines of what was seen that are shown of a row.
const MOST_MOMENTS: usize = 200;
/// Lines for the log of a firewall.
const MOST_LOG_LINES: usize = 12;

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When it began, in microseconds since 1970 UTC.
    pub at_unix_micros: i64,
    /// How long it took, in microseconds.
    pub took_micros: u64,
    /// From where; empty where that is not known.
    pub from: String,
    /// To where; empty where nothing was sent to one place.
    pub to: String,
    /// What was seen.
    pub what: String,
    /// Whether the verdict rests on it.
    pub is_deciding: bool,
}

/// A command that shows the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The system it is for.
    pub system: &'static str,
    /// What to type.
    pub command: String,
    /// What a good answer looks like.
    pub good: String,
}

/// What to ask of the admin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The rules it needs, each in a sentence.
    pub sentences: Vec<String>,
    /// Lines to look for in a firewall's log.
    pub log_lines: Vec<String>,
    /// Commands that show the same.
    pub commands: Vec<Shown>,
}

impl Request {
    /// As plain text, to be pasted into a letter.
    pub fn text(&self) -> String {
        let mut lines = self.sentences.clone();
        lines.extend(self.log_lines.iter().map(|line| words::seen_line(line)));
        lines.extend(self.commands.iter().map(|shown| words::command_line(shown.system, &shown.command, &shown.good)));
        lines.join("\n")
    }
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
    /// What to ask of the admin; nothing where no firewall decides.
    pub request: Option<Request>,
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
        let is_own = |seen: &&Observation| seen.row.as_ref() == Some(id) || facts.contains(&seen.number);
        let own: Vec<&Observation> = observations.iter().filter(is_own).collect();
        let request = verdict.and_then(|verdict| request(plan, planned, verdict, &own));
        let more = own.len().saturating_sub(MOST_MOMENTS);
        let moments = own.into_iter().take(MOST_MOMENTS).map(|seen| moment(seen, facts)).collect();
        Some(Self { row: id.clone(), subject: explain::subject(planned), text, moments, more, request })
    }
}

/// What one row needs of the firewall; those of the other rows are not made.
fn request(plan: &Plan, row: &PlannedRow, verdict: &RowVerdict, own: &[&Observation]) -> Option<Request> {
    let endpoint = row.subject.endpoint()?;
    let plan = Plan { rows: vec![row.clone()], ..plan.clone() };
    let judged = Judged { rows: vec![verdict.clone()], findings: Vec::new() };
    let evidence = Evidence {
        evidence: VERSION,
        program: String::new(),
        about: plan.about.clone(),
        observations: own.iter().map(|seen| (*seen).clone()).collect(),
        beside: None,
    };
    let needed = rules(&plan, &evidence, &judged);
    if needed.is_empty() {
        return None;
    }
    let is_bad = matches!(verdict.state, RowState::Fail | RowState::Skipped);
    let deciding = own.iter().filter(|seen| is_bad && verdict.facts.contains(&seen.number));
    let commands = row.targets.first().map_or_else(Vec::new, |target| recipes(endpoint, target));
    let shown = commands.into_iter().flat_map(|recipe| {
        let good = recipe.good;
        recipe.commands.into_iter().map(move |command| Shown {
            system: command.system,
            command: command.command,
            good: good.clone(),
        })
    });
    Some(Request {
        sentences: needed.iter().map(explain::sentence).collect(),
        log_lines: deciding.take(MOST_LOG_LINES).map(|seen| log_line(seen)).collect(),
        commands: shown.collect(),
    })
}

fn log_line(seen: &Observation) -> String {
    let told = told(&seen.seen);
    words::log_line(seen.at_unix_micros, &told.from, &told.to, &told.text)
}

fn moment(seen: &Observation, facts: &[u32]) -> Moment {
    let told = told(&seen.seen);
    Moment {
        at_unix_micros: seen.at_unix_micros,
        took_micros: seen.took_micros,
        from: told.from,
        to: told.to,
        what: told.text,
        is_deciding: facts.contains(&seen.number),
    }
}
