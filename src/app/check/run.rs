//! [`Run`]: a check that runs or ran: its plan, what was observed, how its rows stand, and how they stood in earlier rounds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::figures::Figures;
use super::lines::{Counts, Line, Sheet};
use super::words;
use crate::check::beside::Beside;
use crate::check::explain::{self, Text, texts};
use crate::check::plan::{Outlook, Plan, PlannedRow};
use crate::check::seen::{Observation, Seen};
use crate::check::verdict::{Finding, Judged, RowState, RowVerdict};
use crate::model::endpoint::RowId;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::msg::JobEnd;
use crate::msg::check::CheckEvent;

/// Rounds of which a row remembers how it stood.
pub const REMEMBERED: usize = 30;

/// So many open rows are few: which of them the round waits for is named.
const FEW: usize = 3;

/// Where a run comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It looks at the network.
    Network,
    /// Saved evidence that is judged again.
    Saved(PathBuf),
}

/// What a run does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The plan is being made.
    Starting,
    /// A round is under way.
    Looking,
    /// The last round is over; it can look again.
    Waiting,
    /// It is over.
    Ended(JobEnd),
}

/// How a row stood in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When the round began, in microseconds since 1970 UTC.
    pub at_unix_micros: i64,
    /// How it stood.
    pub state: RowState,
}

/// What is known of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowLive {
    /// Its columns.
    pub figures: Figures,
    /// Since when it is looked at; nothing where it isn't.
    pub looking_since: Option<Instant>,
    /// How it stood in the rounds before, oldest first.
    pub history: VecDeque<Mark>,
    /// When it changed last, in microseconds since 1970 UTC.
    pub changed_unix_micros: Option<i64>,
}

impl RowLive {
    fn remember(&mut self, mark: Mark) {
        if self.history.back().is_some_and(|last| last.state != mark.state) {
            self.changed_unix_micros = Some(mark.at_unix_micros);
        }
        self.history.push_back(mark);
        if self.history.len() > REMEMBERED {
            self.history.pop_front();
        }
    }
}

/// What a row shows of how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is going to be looked at, or not and why.
    Planned(Outlook),
    /// It is looked at now.
    Looking,
    /// It stands so.
    Judged(RowState),
}

/// A check that runs or ran.
pub struct Run {
    /// Its job.
    pub job: JobId,
    /// Where it comes from.
    pub origin: Origin,
    /// What it does.
    pub phase: Phase,
    /// What went wrong without ending it.
    pub troubles: Vec<Problem>,
    /// What concerns several rows, in words.
    pub findings: Vec<Text>,
    /// The laptop's run beside the gateway's own.
    pub beside: Option<Arc<Beside>>,
    /// How many rows stand how.
    pub counts: Counts,
    /// How many required rows failed.
    pub required_failed: usize,
    /// The same for each group, in the order of the groups.
    pub group_counts: Vec<Counts>,
    /// The round under way, or the last one.
    pub round: u32,
    plan: Option<Arc<Plan>>,
    sheet: Sheet,
    places: BTreeMap<RowId, usize>,
    rows: Vec<RowLive>,
    observations: Vec<Observation>,
    judged: Arc<Judged>,
    round_rows: BTreeSet<RowId>,
    round_at_unix_micros: i64,
    watch: Option<Duration>,
    next_at: Option<Instant>,
    has_round: bool,
    is_stale: bool,
}

impl Run {
    /// A run of which nothing was heard yet.
    pub(super) fn new(job: JobId, origin: Origin, watch: Option<Duration>) -> Self {
        Self {
            job,
            origin,
            phase: Phase::Starting,
            troubles: Vec::new(),
            findings: Vec::new(),
            beside: None,
            counts: Counts::default(),
            required_failed: 0,
            group_counts: Vec::new(),
            round: 0,
            plan: None,
            sheet: Sheet::default(),
            places: BTreeMap::new(),
            rows: Vec::new(),
            observations: Vec::new(),
            judged: Arc::default(),
            round_rows: BTreeSet::new(),
            round_at_unix_micros: 0,
            watch,
            next_at: None,
            has_round: false,
            is_stale: false,
        }
    }

    /// Whether the gateway looks itself.
    pub fn is_of_gateway(&self) -> bool {
        self.plan().is_some_and(|plan| plan.about.via.is_some())
    }

    /// The plan, once it is made.
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// The rows as a list.
    pub const fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// What was observed.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// How all rows stand.
    pub const fn judged(&self) -> &Arc<Judged> {
        &self.judged
    }

    /// What is known of a row, by its place in the plan.
    pub fn row(&self, place: usize) -> Option<&RowLive> {
        self.rows.get(place)
    }

    /// The place of a row in the plan.
    pub fn place(&self, id: &RowId) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The verdict of a row, by its place in the plan.
    pub fn verdict(&self, place: usize) -> Option<&RowVerdict> {
        let id = &self.plan.as_ref()?.rows.get(place)?.id;
        self.judged.rows.get(place).filter(|verdict| verdict.row == *id).or_else(|| self.judged.row(id))
    }

    /// The row that the round waits for when few are left, and since when: that which was begun first.
    pub fn waits_for(&self) -> Option<(&PlannedRow, Instant)> {
        if self.counts.open > FEW {
            return None;
        }
        let rows = self.rows.iter().zip(&self.plan.as_ref()?.rows);
        let looking = rows.filter_map(|(row, planned)| Some((planned, row.looking_since?)));
        looking.min_by_key(|(_, since)| *since)
    }

    /// How a row is shown. One that never ran shows no verdict of the network.
    pub fn standing(&self, place: usize) -> Standing {
        let outlook = self.plan.as_ref().and_then(|plan| plan.rows.get(place)).map_or(Outlook::Run, |row| row.outlook);
        if self.rows.get(place).is_some_and(|row| row.looking_since.is_some()) {
            return Standing::Looking;
        }
        match self.verdict(place).map(|verdict| verdict.state) {
            None | Some(RowState::Pending) => Standing::Planned(outlook),
            Some(state) => Standing::Judged(state),
        }
    }

    /// The word for how a row stands.
    pub fn state_word(&self, place: usize) -> String {
        match self.standing(place) {
            Standing::Planned(Outlook::Run) => words::PLANNED.to_owned(),
            Standing::Planned(outlook) => words::outlook(outlook).to_owned(),
            Standing::Looking => words::LOOKING.to_owned(),
            Standing::Judged(RowState::Sampled) => match self.verdict(place).and_then(|verdict| verdict.sampled) {
                Some((good, tried)) => words::sampled(good, tried),
                None => texts::state(RowState::Sampled).to_owned(),
            },
            Standing::Judged(state) => texts::state(state).to_owned(),
        }
    }

    /// Whether a round is under way or about to be.
    pub const fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Looking)
    }

    /// Whether it goes on by itself or on request.
    pub const fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Ended(_))
    }

    /// Whether it looks again by itself.
    pub const fn is_watching(&self) -> bool {
        self.watch.is_some() && self.is_open()
    }

    /// The time between rounds.
    pub const fn interval(&self) -> Option<Duration> {
        self.watch
    }

    /// Sets the time between rounds.
    pub(super) fn set_interval(&mut self, every: Option<Duration>, now: Instant) {
        self.watch = every;
        self.next_at = every.filter(|_| self.phase == Phase::Waiting).map(|every| now + every);
    }

    /// When it looks again by itself.
    pub fn next_at(&self) -> Option<Instant> {
        self.next_at.filter(|_| self.phase == Phase::Waiting)
    }

    /// When the round began, in microseconds since 1970 UTC; 0 before the first.
    pub const fn round_at_unix_micros(&self) -> i64 {
        self.round_at_unix_micros
    }

    /// Whether a round has ended, so that there is something to save.
    pub const fn has_round(&self) -> bool {
        self.has_round
    }

    /// Why rows cannot be looked at again now.
    pub const fn why_not_again(&self) -> Option<&'static str> {
        match (&self.origin, &self.phase) {
            (Origin::Saved(_), _) => Some(words::WHY_NOT_AGAIN_SAVED),
            (Origin::Network, Phase::Waiting) => None,
            (Origin::Network, Phase::Ended(_)) => Some(words::WHY_NOT_AGAIN_ENDED),
            (Origin::Network, Phase::Starting | Phase::Looking) => Some(words::WHY_NOT_AGAIN_BUSY),
        }
    }

    /// How a row stands for the laptop, where that looked as well.
    pub fn laptop_state(&self, row: &RowId) -> Option<RowState> {
        self.beside.as_ref()?.judged.row(row).map(|verdict| verdict.state)
    }

    /// The rows that failed or were skipped because of another.
    pub fn failed(&self) -> Vec<RowId> {
        let is_bad = |verdict: &&RowVerdict| matches!(verdict.state, RowState::Fail | RowState::Skipped);
        self.judged.rows.iter().filter(is_bad).map(|verdict| verdict.row.clone()).collect()
    }

    /// Where packets leave from, in words.
    pub fn vantage(&self) -> String {
        if matches!(self.origin, Origin::Saved(_)) {
            return words::FROM_SAVED.to_owned();
        }
        let from = self.plan.as_ref().map_or("", |plan| plan.about.from.as_str());
        let interfaces = self.observations.iter().filter_map(|observation| match &observation.seen {
            Seen::Interface(interface) => Some(interface),
            _ => None,
        });
        let is_meant = |name: &str, addresses: &[String]| {
            name == from || addresses.iter().any(|own| own.split('/').next() == Some(from))
        };
        let mut meant =
            interfaces.filter(|own| if from.is_empty() { own.is_default } else { is_meant(&own.name, &own.addresses) });
        match meant.next() {
            Some(own) => {
                words::vantage(self.is_of_gateway(), &own.name, own.addresses.first().map_or("", String::as_str))
            }
            None => words::vantage(self.is_of_gateway(), "", from),
        }
    }

    /// Takes in what the check reports.
    pub(super) fn progressed(&mut self, event: CheckEvent, now: Instant) {
        match event {
            CheckEvent::Planned(plan) => self.planned(plan),
            CheckEvent::RoundBegan { round, at_unix_micros, rows } => self.round_began(round, at_unix_micros, rows),
            CheckEvent::Looking(rows) => {
                for place in rows.iter().filter_map(|id| self.place(id)).collect::<Vec<_>>() {
                    self.rows[place].looking_since.get_or_insert(now);
                }
            }
            CheckEvent::Observed(observation) => self.observed(*observation),
            CheckEvent::Judged(judged) => self.settle(judged, false),
            CheckEvent::RoundEnded { judged, .. } => self.round_ended(judged, now),
            CheckEvent::Trouble(problem) => self.troubles.push(*problem),
            CheckEvent::Beside(beside) => {
                self.beside = Some(beside);
                self.is_stale = true;
            }
            CheckEvent::Saved { .. } => {}
        }
    }

    /// Takes in its end.
    pub(super) fn finished(&mut self, end: JobEnd) {
        self.rows.iter_mut().for_each(|row| row.looking_since = None);
        self.phase = Phase::Ended(end);
        self.is_stale = true;
    }

    fn planned(&mut self, plan: Arc<Plan>) {
        self.sheet = Sheet::of(&plan);
        self.places = plan.rows.iter().enumerate().map(|(place, row)| (row.id.clone(), place)).collect();
        self.rows = vec![RowLive::default(); plan.rows.len()];
        self.plan = Some(plan);
        self.is_stale = true;
    }

    /// What was seen of the rows of the round, and of all of them, is of the round before and goes.
    fn round_began(&mut self, round: u32, at_unix_micros: i64, rows: Vec<RowId>) {
        self.phase = Phase::Looking;
        self.next_at = None;
        self.round = round;
        self.round_at_unix_micros = at_unix_micros;
        self.round_rows = rows.into_iter().collect();
        let again = &self.round_rows;
        self.observations.retain(|seen| seen.row.as_ref().is_some_and(|row| !again.contains(row)));
        for id in &self.round_rows {
            if let Some(place) = self.places.get(id) {
                self.rows[*place].figures = Figures::default();
            }
        }
        self.is_stale = true;
    }

    fn observed(&mut self, observation: Observation) {
        let place = observation.row.as_ref().and_then(|id| self.place(id));
        if let Some(row) = place.and_then(|place| self.rows.get_mut(place)) {
            row.figures.take(&observation);
        }
        self.observations.push(observation);
    }

    fn settle(&mut self, judged: Arc<Judged>, is_over: bool) {
        self.judged = judged;
        for place in 0..self.rows.len() {
            let is_open = self.verdict(place).is_none_or(|verdict| verdict.state == RowState::Pending);
            if !is_open || is_over {
                self.rows[place].looking_since = None;
            }
        }
        self.is_stale = true;
    }

    fn round_ended(&mut self, judged: Arc<Judged>, now: Instant) {
        self.settle(judged, true);
        self.phase = Phase::Waiting;
        self.has_round = true;
        self.next_at = self.watch.map(|every| now + every);
        let at_unix_micros = self.round_at_unix_micros;
        for id in std::mem::take(&mut self.round_rows) {
            let Some(place) = self.place(&id) else { continue };
            if let Some(state) = self.verdict(place).map(|verdict| verdict.state) {
                self.rows[place].remember(Mark { at_unix_micros, state });
            }
        }
    }

    /// Makes what is shown anew where something changed. Tells whether it did.
    pub(super) fn refresh(&mut self) -> bool {
        if !std::mem::take(&mut self.is_stale) {
            return false;
        }
        let Some(plan) = self.plan.clone() else { return true };
        let mut counts = Counts::default();
        let mut group_counts = vec![Counts::default(); self.sheet.groups.len()];
        for (group, own) in self.sheet.groups.iter().zip(&mut group_counts) {
            for place in &group.rows {
                let state = self.verdict(*place).map_or(RowState::Pending, |verdict| verdict.state);
                counts.add(state);
                own.add(state);
            }
        }
        (self.counts, self.group_counts) = (counts, group_counts);
        self.required_failed = self.judged.required(&plan).failed.len();
        let is_new = |finding: &&Finding| !explain::is_said_by_its_row(&self.judged, finding);
        let findings = self.judged.findings.iter().filter(is_new);
        let apart = self.beside.as_ref().map(|beside| beside.findings(&plan, &self.judged)).unwrap_or_default();
        let texts = apart.iter().chain(findings);
        self.findings =
            texts.map(|finding| explain::finding(&plan, &self.judged, &self.observations, finding)).collect();
        true
    }

    /// The lines of the list.
    pub fn lines(&self) -> &[Line] {
        &self.sheet.lines
    }
}
