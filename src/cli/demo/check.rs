//! The tour's network check: the rows as they come out, and one failure explained with what to ask of the firewall's admin.

use std::sync::Arc;

use crate::backend::Handle;
use crate::check::evidence::{About, Evidence};
use crate::check::explain;
use crate::check::plan::Plan;
use crate::check::verdict::{Judged, Reason, RowState, RowVerdict};
use crate::cli::check::{print_rest, print_row};
use crate::cli::commission::stopped;
use crate::cli::next_job;
use crate::cli::output::Output;
use crate::cli::session::workers_gone;
use crate::model::endpoint::{ProbeKind, RowId};
use crate::model::problem::Problem;
use crate::msg::check::{CheckCommand, CheckEvent, CheckStart};
use crate::msg::{Command, DemoCheck, Event, JobEnd};
use crate::profile::{Catalog, Profile};

/// What a round came to.
struct Found {
    plan: Arc<Plan>,
    evidence: Arc<Evidence>,
    judged: Arc<Judged>,
}

/// Checks, shows, and returns what did not hold.
pub(super) fn visit(
    handle: &mut Handle,
    catalog: &Catalog,
    demo: Option<&DemoCheck>,
    out: &mut Output,
) -> Result<Vec<String>, Problem> {
    let Some((demo, profile)) = demo.and_then(|demo| Some((demo, catalog.get(&demo.profile)?))) else {
        return Ok(vec!["the site has no network to check".into()]);
    };
    let found = check(handle, profile)?;
    out.text(format!("  {}, from a computer on the simulated network", found.plan.name));
    for row in &found.judged.rows {
        print_row(&found.plan, &found.judged, &found.evidence.observations, row, out);
    }
    if let Some(row) = found.judged.row(&demo.explained) {
        explain(&found, row, out);
    }
    Ok(found.judged.rows.iter().filter_map(|row| misjudged(row, &demo.expected)).collect())
}

/// The rows but those that take a minute of silence.
fn rows(profile: &Profile) -> Vec<RowId> {
    let is_slow = |id: &RowId| {
        profile.endpoints.iter().any(|endpoint| endpoint.id == *id && endpoint.probes.contains(&ProbeKind::Idle))
    };
    profile.row_ids().filter(|id| !is_slow(id)).cloned().collect()
}

fn check(handle: &mut Handle, profile: &Profile) -> Result<Found, Problem> {
    let job = next_job();
    let about = About { profile: Some(profile.id.clone()), rows: rows(profile), ..About::default() };
    let start = CheckStart { about, evidence: None, site: None, overrides: None, watch: None, via: None, beside: None };
    handle.send_blocking(Command::Check { job, command: CheckCommand::Start(Box::new(start)) })?;
    let (mut plan, mut round) = (None, None);
    loop {
        match handle.recv_blocking() {
            Some(Event::CheckProgressed { job: of, event }) if of == job => match event {
                CheckEvent::Planned(planned) => plan = Some(planned),
                CheckEvent::RoundEnded { evidence, judged, .. } => {
                    round = Some((evidence, judged));
                    handle.send_blocking(Command::Check { job, command: CheckCommand::Close })?;
                }
                _ => {}
            },
            Some(Event::JobFinished { job: of, end }) if of == job => {
                return match (plan, round, end) {
                    (Some(plan), Some((evidence, judged)), JobEnd::Done { .. }) => Ok(Found { plan, evidence, judged }),
                    (.., JobEnd::Failed(problem)) => Err(problem),
                    _ => Err(stopped("Run the command again")),
                };
            }
            Some(_) => {}
            None => return Err(workers_gone()),
        }
    }
}

/// One failure, as the person on site and the firewall's admin are told.
fn explain(found: &Found, row: &RowVerdict, out: &mut Output) {
    let text = explain::row(&found.plan, &found.judged, &found.evidence.observations, row);
    out.text(format!("\nWhy {} failed: {}", row.row, text.what));
    print_rest(&text, out);
    let missing = explain::missing(&found.plan, &found.evidence, &found.judged);
    for rule in missing.iter().filter(|rule| rule.rows.iter().any(|id| id == row.row.as_str())) {
        out.text(format!("For the firewall admin: {}", explain::sentence(rule)));
    }
}

/// What is wrong with a verdict: rows in trouble are found with its reason, the others are good or cannot fail.
fn misjudged(row: &RowVerdict, expected: &[(RowId, Reason)]) -> Option<String> {
    let trouble = expected.iter().find(|(id, _)| *id == row.row).map(|(_, reason)| *reason);
    let is_right = match trouble {
        Some(reason) => row.reason == reason || row.notes.iter().any(|note| note.reason == reason),
        None => row.state != RowState::Fail && row.state != RowState::Pending,
    };
    let trouble = trouble.map_or_else(|| "nothing wrong".to_owned(), |reason| reason.to_string());
    (!is_right).then(|| format!("{} came out as {}, {} instead of {trouble}", row.row, row.state, row.reason))
}
