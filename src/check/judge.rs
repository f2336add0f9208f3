//! [`judge`]: from observations to verdicts. Pure and total: whatever the evidence holds, there is a verdict for each row.

use super::plan::{Outlook, Plan, PlannedRow};
use super::seen::{Answer, Connect, ConnectEnd, Http, HttpEnd, Lookup, Observation, Seen, Tls, TlsEnd};
use super::verdict::{Confidence, Judged, Reason, RowState, RowVerdict};
use crate::model::endpoint::ProbeKind;

/// Judges every row of a plan.
pub fn judge(plan: &Plan, observations: &[Observation]) -> Judged {
    Judged { rows: plan.rows.iter().map(|row| judge_row(row, observations)).collect(), findings: Vec::new() }
}

fn judge_row(row: &PlannedRow, observations: &[Observation]) -> RowVerdict {
    let fixed = match row.outlook {
        Outlook::Run => None,
        Outlook::NotTestable(reason) => Some((RowState::NotTestable, reason)),
        Outlook::NotApplicable(reason) => Some((RowState::NotApplicable, reason)),
        Outlook::Advice => Some((RowState::Advice, Reason::NothingToSend)),
    };
    if let Some((state, reason)) = fixed {
        return verdict(row, state, reason, None, Vec::new());
    }
    let of_row: Vec<&Observation> = observations.iter().filter(|seen| concerns(row, seen)).collect();
    let last = of_row.iter().rev().find_map(|seen| decisive(seen).map(|found| (found, seen.number)));
    match last {
        Some(((state, reason, step), number)) => verdict(row, state, reason, Some(step), vec![number]),
        None => verdict(row, RowState::Pending, Reason::NotRunYet, None, Vec::new()),
    }
}

fn concerns(row: &PlannedRow, seen: &Observation) -> bool {
    seen.row.as_ref() == Some(&row.id)
        || (seen.row.is_none() && row.targets.iter().any(|target| Some(&target.host) == seen.host.as_ref()))
}

fn decisive(observation: &Observation) -> Option<(RowState, Reason, ProbeKind)> {
    match &observation.seen {
        Seen::Http(Http { end: HttpEnd::Status { .. }, .. }) => {
            Some((RowState::Pass, Reason::Answered, ProbeKind::Http))
        }
        Seen::Http(_) => Some((RowState::Fail, Reason::HttpSilent, ProbeKind::Http)),
        Seen::Tls(Tls { end: TlsEnd::Done { .. }, .. }) => None,
        Seen::Tls(_) => Some((RowState::Fail, Reason::TlsSilent, ProbeKind::Tls)),
        Seen::Connect(Connect { end: ConnectEnd::TimedOut, .. }) => {
            Some((RowState::Fail, Reason::TcpSilent, ProbeKind::Tcp))
        }
        Seen::Connect(Connect { end: ConnectEnd::Failed { .. }, .. }) => {
            Some((RowState::Fail, Reason::TcpRefused, ProbeKind::Tcp))
        }
        Seen::Lookup(Lookup { answer: Answer::TimedOut, .. }) => {
            Some((RowState::Fail, Reason::DnsSilent, ProbeKind::Dns))
        }
        _ => None,
    }
}

fn verdict(row: &PlannedRow, state: RowState, reason: Reason, step: Option<ProbeKind>, facts: Vec<u32>) -> RowVerdict {
    RowVerdict {
        row: row.id.clone(),
        state,
        reason,
        step,
        confidence: Confidence::High,
        because: None,
        sampled: None,
        about: String::new(),
        facts,
        notes: Vec::new(),
    }
}
