//! What failed connections have in common: a port, a host, or that nothing leaves the site at all.

use std::collections::{BTreeMap, BTreeSet};

use super::dns;
use super::here::Scene;
use super::site::{finding, ids, talking};
use crate::check::seen::{ConnectEnd, Observation, Seen};
use crate::check::verdict::{Confidence, Finding, Note, Reason, RowState, RowVerdict};

/// Which hosts took a connection on which port, and which did not.
#[derive(Default)]
pub(super) struct Connections<'a> {
    open: BTreeSet<(&'a str, u16)>,
    tried: BTreeSet<(&'a str, u16)>,
    facts: BTreeMap<u16, Vec<u32>>,
}

impl<'a> Connections<'a> {
    pub(super) fn of(scene: &Scene<'a>) -> Self {
        let mut found = Self::default();
        for observation in scene.index.all {
            let Seen::Connect(connect) = &observation.seen else { continue };
            if !connect.shape.is_plain() || dns::is_documentation(connect.to.ip()) {
                continue;
            }
            let Some(host) = observation.host.as_deref().or_else(|| host_of_row(scene, observation)) else { continue };
            // On a test site packets go elsewhere; the port that counts is the row's.
            let key = (host, port_of_row(scene, observation, host).unwrap_or(connect.to.port()));
            found.tried.insert(key);
            if connect.end == ConnectEnd::Connected {
                found.open.insert(key);
            } else {
                found.facts.entry(key.1).or_default().push(observation.number);
            }
        }
        found
    }
}

fn host_of_row<'a>(scene: &Scene<'a>, observation: &Observation) -> Option<&'a str> {
    let row = scene.plan.row(observation.row.as_ref()?)?;
    row.targets.first().map(|target| target.host.as_str())
}

fn port_of_row(scene: &Scene<'_>, observation: &Observation, host: &str) -> Option<u16> {
    if scene.plan.about.overrides.is_empty() {
        return None;
    }
    let row = scene.plan.row(observation.row.as_ref()?)?;
    row.targets.iter().find(|target| target.host == host).map(|target| target.port)
}

fn is_at_connection(row: &RowVerdict) -> bool {
    let reasons = [Reason::TcpSilent, Reason::TcpRefused, Reason::TcpRejected, Reason::Unreachable, Reason::TcpFailed];
    row.state == RowState::Fail && reasons.contains(&row.reason)
}

pub(super) fn nothing_leaves(connections: &Connections<'_>, scene: &Scene<'_>, rows: &[RowVerdict]) -> Option<Finding> {
    let hit: Vec<&RowVerdict> = talking(scene, rows).map(|(_, row)| row).filter(|row| is_at_connection(row)).collect();
    let hosts: BTreeSet<&str> = connections.tried.iter().map(|(host, _)| *host).collect();
    if !connections.open.is_empty() || hosts.len() < 2 || hit.len() < 2 {
        return None;
    }
    let facts = hit.iter().flat_map(|row| row.facts.iter().copied());
    Some(finding(Reason::NothingLeaves, Confidence::Medium, ids(hit.iter().copied()), facts))
}

/// What a failed connection has in common with others: the port, or only its host.
pub(super) fn ports(connections: &Connections<'_>, scene: &Scene<'_>, rows: &mut [RowVerdict]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut by_port: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (at, row) in talking(scene, rows).filter(|(_, row)| is_at_connection(row)) {
        if let Some(target) = scene.plan.rows[at].targets.first().filter(|_| row.reason != Reason::Unreachable) {
            by_port.entry(target.port).or_default().push(at);
        }
    }
    for (port, hit) in by_port {
        let tried: BTreeSet<&str> =
            connections.tried.iter().filter(|(_, p)| *p == port).map(|(host, _)| *host).collect();
        let is_open_at_all = connections.open.iter().any(|(_, p)| *p == port);
        let facts = connections.facts.get(&port).cloned().unwrap_or_default();
        for at in &hit {
            let host = scene.plan.rows[*at].targets.first().map_or("", |target| target.host.as_str());
            let is_open_elsewhere = connections.open.iter().any(|(other, p)| *other == host && *p != port);
            let is_open_at_others = connections.open.iter().any(|(other, p)| *other != host && *p == port);
            let reason = match (is_open_at_others, is_open_elsewhere) {
                (true, false) => Reason::OnlyThisHost,
                (false, true) => Reason::OnlyThisPort,
                _ => continue,
            };
            rows[*at].notes.push(Note { reason, facts: Vec::new(), about: port.to_string() });
        }
        if !is_open_at_all && !connections.open.is_empty() {
            let confidence = if tried.len() > 1 { Confidence::Medium } else { Confidence::Low };
            let named = hit.iter().map(|at| rows[*at].row.clone()).collect();
            found.push(Finding { about: port.to_string(), ..finding(Reason::PortBlocked, confidence, named, facts) });
        }
    }
    found
}
