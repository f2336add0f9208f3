//! [`Sheet`]: the rows of a plan as a list, grouped by what the firewall must allow, and how many stand how.

use std::collections::BTreeMap;

use super::words;
use crate::check::plan::{Plan, PlannedRow};
use crate::check::verdict::RowState;

/// A line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The head of a group, by its place among the groups.
    Group(usize),
    /// A row, by its place in the plan.
    Row(usize),
}

/// Rows of one protocol and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `TCP 443 out`.
    pub title: String,
    /// What is said beside it.
    pub note: &'static str,
    /// Its rows, by their places in the plan.
    pub rows: Vec<usize>,
}

/// What a line shows of its row whatever becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// Its hosts, or what it says.
    pub name: String,
    /// What it is for.
    pub purpose: String,
}

/// The rows of a plan as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The lines, from top to bottom.
    pub lines: Vec<Line>,
    /// The groups, in their order.
    pub groups: Vec<Group>,
    /// What is shown of each row of the plan.
    pub faces: Vec<Face>,
}

impl Sheet {
    /// The list of a plan.
    pub fn of(plan: &Plan) -> Self {
        let groups = groups(plan);
        let lines = groups.iter().enumerate().flat_map(|(place, group)| {
            core::iter::once(Line::Group(place)).chain(group.rows.iter().map(|row| Line::Row(*row)))
        });
        let faces =
            plan.rows.iter().map(|row| Face { name: words::name(row), purpose: words::purpose(row).to_owned() });
        Self { lines: lines.collect(), faces: faces.collect(), groups }
    }

    /// The line of a row.
    pub fn place_of(&self, row: usize) -> Option<usize> {
        self.lines.iter().position(|line| *line == Line::Row(row))
    }

    /// The nearest row to a line, first below it.
    pub fn row_near(&self, place: usize, is_down: bool) -> Option<usize> {
        let row = |line: &Line| if let Line::Row(row) = line { Some(*row) } else { None };
        let below = self.lines.get(place..).unwrap_or_default().iter().find_map(row);
        let above = self.lines.get(..=place).unwrap_or_default().iter().rev().find_map(row);
        if is_down { below.or(above) } else { above.or(below) }
    }
}

/// Protocols and ports in the order of their first row; what no firewall decides comes last.
fn groups(plan: &Plan) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut local = Vec::new();
    for (place, row) in plan.rows.iter().enumerate() {
        match title(row) {
            Some(title) => {
                let at = *known.entry(title.clone()).or_insert(groups.len());
                if at == groups.len() {
                    groups.push(Group { title, note: "", rows: Vec::new() });
                }
                groups[at].rows.push(place);
            }
            None => local.push(place),
        }
    }
    if !local.is_empty() {
        groups.push(Group { title: words::LOCAL.to_owned(), note: words::LOCAL_NOTE, rows: local });
    }
    groups
}

fn title(row: &PlannedRow) -> Option<String> {
    let endpoint = row.subject.endpoint().filter(|endpoint| !endpoint.probes.is_empty())?;
    Some(words::rule(endpoint, row.targets.first()))
}

/// How many rows stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Failed.
    pub failed: usize,
    /// Passed with a note.
    pub noted: usize,
    /// Passed.
    pub passed: usize,
    /// A wildcard of which the samples hold.
    pub sampled: usize,
    /// Another row failed first.
    pub skipped: usize,
    /// Could not be tried.
    pub not_testable: usize,
    /// Nothing to pass or fail here.
    pub other: usize,
    /// Not looked at yet.
    pub open: usize,
}

impl Counts {
    /// Counts one more.
    pub(super) const fn add(&mut self, state: RowState) {
        let field = match state {
            RowState::Fail => &mut self.failed,
            RowState::PassWithNote => &mut self.noted,
            RowState::Pass => &mut self.passed,
            RowState::Sampled => &mut self.sampled,
            RowState::Skipped => &mut self.skipped,
            RowState::NotTestable => &mut self.not_testable,
            RowState::NotApplicable | RowState::NotNeeded | RowState::Advice => &mut self.other,
            RowState::Pending => &mut self.open,
        };
        *field += 1;
    }
}
