//! What was looked at and is not the cause of a failure: the layers below it, and what other rows show.

use crate::check::judge::NOTABLE_MICROS;
use crate::check::plan::Plan;
use crate::check::seen::{Answer, ConnectEnd, Observation, Seen, TlsEnd};
use crate::check::verdict::{Judged, RowVerdict};
use crate::model::endpoint::ProbeKind;

/// What is ruled out for a failed row.
pub(super) fn of_row(plan: &Plan, judged: &Judged, observations: &[Observation], verdict: &RowVerdict) -> Vec<String> {
    let Some(planned) = plan.row(&verdict.row) else { return Vec::new() };
    let step = verdict.step.unwrap_or(ProbeKind::Dns);
    // A name is looked up once for all rows that need it.
    let concerns = |observation: &&Observation| match (&observation.row, &observation.host) {
        (Some(row), _) => *row == verdict.row,
        (None, Some(host)) => planned.targets.iter().any(|target| target.host == *host),
        (None, None) => false,
    };
    let own: Vec<&Observation> = observations.iter().filter(concerns).collect();
    let mut out = Vec::new();
    if step > ProbeKind::Dns {
        out.extend(own.iter().find_map(|observation| resolved(observation)));
    }
    if step > ProbeKind::Tcp {
        out.extend(own.iter().find_map(|observation| connected(observation)));
    }
    if step > ProbeKind::Tls {
        out.extend(own.iter().find_map(|observation| secured(observation)));
    }
    let port = planned.targets.first().map(|target| target.port);
    let same = |row: &&RowVerdict| {
        let target = plan.row(&row.row).and_then(|planned| planned.targets.first());
        row.state.is_good() && target.is_some_and(|target| Some(target.port) == port && target.port > 0)
    };
    let others = judged.rows.iter().filter(same).count();
    if let (Some(port), 1..) = (port, others) {
        let (rows, pass) = if others == 1 { ("row", "passes") } else { ("rows", "pass") };
        out.push(format!("Port {port} in general: {others} other {rows} on it {pass}"));
    }
    out.extend(observations.iter().find_map(clock));
    out
}

fn resolved(observation: &Observation) -> Option<String> {
    match &observation.seen {
        Seen::Lookup(lookup) => match &lookup.answer {
            Answer::Message { addresses, .. } => {
                addresses.first().map(|first| format!("DNS: {} resolves to {first}", lookup.name))
            }
            _ => None,
        },
        _ => None,
    }
}

/// This computer's clock, where it was measured and is off by little.
fn clock(observation: &Observation) -> Option<String> {
    match &observation.seen {
        Seen::Time(time) => {
            let offset = time.end.offset_micros().filter(|offset| offset.saturating_abs() < NOTABLE_MICROS)?;
            let within = offset.unsigned_abs() / 1_000_000 + 1;
            Some(format!("The clock: this computer's is right within {within} s"))
        }
        _ => None,
    }
}

fn connected(observation: &Observation) -> Option<String> {
    match &observation.seen {
        Seen::Connect(connect) if connect.end == ConnectEnd::Connected && connect.shape.is_plain() => {
            Some(format!("TCP: {} accepts the connection", connect.to))
        }
        _ => None,
    }
}

fn secured(observation: &Observation) -> Option<String> {
    match &observation.seen {
        Seen::Tls(tls) if matches!(tls.end, TlsEnd::Done { .. }) && tls.shape.is_plain() => {
            Some(format!("TLS: the handshake with {} completes", tls.name))
        }
        _ => None,
    }
}
