//! [`sentence`]: a rule of the firewall as one sentence, and [`missing`]: which of them somebody has to add.

use crate::check::evidence::Evidence;
use crate::check::plan::Plan;
use crate::check::report::{Rule, merged, rules};
use crate::check::verdict::{Judged, RowState};

/// The rules whose rows do not get through, each destination and port once.
pub fn missing(plan: &Plan, evidence: &Evidence, judged: &Judged) -> Vec<Rule> {
    let is_missing = |rule: &Rule| rule.states.iter().any(|state| matches!(state, RowState::Fail | RowState::Skipped));
    let mut all = merged(&rules(plan, evidence, judged));
    all.retain(is_missing);
    all
}

/// A rule in one sentence, for a message to whoever runs the firewall.
pub fn sentence(rule: &Rule) -> String {
    let port = if rule.port.parse::<u16>().is_ok() { format!(" port {}", rule.port) } else { String::new() };
    let protocol = if rule.protocol == "not stated" { "the protocol the vendor names" } else { &rule.protocol };
    let aliases = if rule.aliases.is_empty() { String::new() } else { format!(" (also {})", rule.aliases.join(", ")) };
    let inspection = if rule.is_inspection_exempt { ", no TLS inspection" } else { "" };
    format!(
        "Allow {protocol}{port} from {} to {}{aliases}, {}, stateful replies{inspection}, for: {} ({})",
        rule.source,
        rule.destination,
        rule.direction,
        rule.purpose.join("; "),
        rule.documents.join("; ")
    )
}
