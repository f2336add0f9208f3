//! The texts of Network check that no verdict brings along: those of the set-up, of states and of columns, in one place.

use super::lines::Counts;
use crate::check::plan::{Outlook, PlannedRow, Subject, Target};
use crate::model::endpoint::{Endpoint, Transport};

/// The name of the place.
pub const PLACE: &str = "Network check";
/// What the check waits for before its first round.
pub const NOTHING_TITLE: &str = "Choose what your gateway needs";
/// What to do in the empty place.
pub const NOTHING: [&str; 2] = [
    "A profile lists the servers, ports and protocols that its vendor's gateways need",
    "Linesman tries each of them from this computer and says who stops what fails",
];
/// Said beside Start.
pub const ONLY_THESE: &str = "Only the rows below are checked, and nothing is sent before you start";
/// What consent is about.
pub const CONSENT: &str = "Query third parties as well";
/// What it means.
pub const CONSENT_WHY: &str = "Pages that reveal a login page, and the revocation servers named in certificates";
/// The gateway is missing.
pub const SURVEY: &str = "The gateway isn't there yet";
/// What that means.
pub const SURVEY_WHY: &str = "A visit before the installation: rows about the gateway itself are left out";
/// Before anything is known of the interface.
pub const FROM_SYSTEM: &str = "From this computer; the system chooses the interface";
/// Evidence judged again.
pub const FROM_SAVED: &str = "Saved evidence, judged again: nothing was sent";
/// A check of evidence cannot look again.
pub const WHY_NOT_AGAIN_SAVED: &str = "Saved evidence can't be checked again; start a check";
/// A round runs.
pub const WHY_NOT_AGAIN_BUSY: &str = "Rows are being checked";
/// The check has ended.
pub const WHY_NOT_AGAIN_ENDED: &str = "The check has ended; start a new one";
/// Nothing to save yet.
pub const WHY_NOT_SAVED: &str = "No round has ended yet";
/// The state of a row that waits.
pub const PLANNED: &str = "Not checked";
/// The state of a row under way.
pub const LOOKING: &str = "Checking…";
/// The interval of watching is out of bounds.
pub const BAD_INTERVAL: &str = "Type 5 to 86400 seconds";
/// Rows without a firewall rule.
pub const LOCAL: &str = "Local network";
/// What that group means.
pub const LOCAL_NOTE: &str = "no firewall rule";

/// What a group of rows needs of the firewall: `TCP 443 out`.
pub fn rule(endpoint: &Endpoint, target: Option<&Target>) -> String {
    let port = endpoint.port.or_else(|| target.map(|target| target.port).filter(|port| *port > 0));
    let port = port.map_or_else(|| "any port".to_owned(), |port| port.to_string());
    match endpoint.transport {
        Transport::Tcp => format!("TCP {port} out"),
        Transport::Udp => format!("UDP {port} out"),
        Transport::UdpOrTcp => format!("UDP or TCP {port} out"),
        Transport::Icmp => "ICMP echo out".to_owned(),
        Transport::NotStated => format!("Protocol not stated, {port} out"),
    }
}

/// What a row is about, as a name in a list: its hosts, or what it says.
pub fn name(row: &PlannedRow) -> String {
    match &row.subject {
        Subject::Endpoint(endpoint) => {
            let hosts: Vec<String> = endpoint.hosts.iter().map(ToString::to_string).collect();
            match hosts.as_slice() {
                [] => endpoint.purpose.clone(),
                [host] => host.clone(),
                [first, rest @ ..] => format!("{first}, {} more", rest.len()),
            }
        }
        Subject::Network(rule) => rule.says.clone(),
        Subject::Wifi(_) => "Wi-Fi the gateway can join".to_owned(),
    }
}

/// What a row is for.
pub fn purpose(row: &PlannedRow) -> &str {
    row.subject.endpoint().map_or("", |endpoint| endpoint.purpose.as_str())
}

/// What a row will have done to it, before the check: hosts and ports.
pub fn targets(row: &PlannedRow) -> String {
    let all: Vec<String> = row.targets.iter().map(target).collect();
    all.join(", ")
}

fn target(target: &Target) -> String {
    match target.port {
        0 => target.host.clone(),
        port if target.host.contains(':') => format!("[{}]:{port}", target.host),
        port => format!("{}:{port}", target.host),
    }
}

/// What is going to happen with a row, in a word.
pub const fn outlook(outlook: Outlook) -> &'static str {
    match outlook {
        Outlook::Run => "Will be checked",
        Outlook::NotTestable(_) => "Not testable",
        Outlook::NotApplicable(_) => "Not applicable",
        Outlook::Advice => "Advice",
    }
}

/// A number with its noun.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// How rows stand, as a list of numbers; what there is none of is left out.
pub fn counts(counts: &Counts) -> String {
    let parts = [
        (counts.failed, "failed"),
        (counts.noted, "with a note"),
        (counts.passed, "passed"),
        (counts.sampled, "sampled"),
        (counts.skipped, "skipped"),
        (counts.not_testable, "not testable"),
        (counts.other, "not needed here"),
        (counts.open, "not checked"),
    ];
    let told: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    told.join(" · ")
}

/// The label of the job.
pub fn job(profile: &str) -> String {
    format!("Network check: {profile}")
}

/// Where packets leave from.
pub fn vantage(interface: &str, address: &str) -> String {
    match (interface.is_empty(), address.is_empty()) {
        (true, true) => FROM_SYSTEM.to_owned(),
        (false, true) => format!("From this computer on {interface}"),
        (true, false) => format!("From this computer with {address}"),
        (false, false) => format!("From this computer on {interface}, {address}"),
    }
}

/// The banner while an override file is in force.
pub fn overrides(lines: &[String]) -> String {
    let changes = counted(lines.len(), "change", "changes");
    format!("Override in force, {changes}: results hold for a test site, not for this network. {}", lines.join("; "))
}

/// The state of a wildcard.
pub fn sampled(good: u32, tried: u32) -> String {
    format!("Sampled {good}/{tried}")
}

/// A time in milliseconds, as a column shows it.
pub fn millis(micros: u64) -> String {
    match micros {
        0..1_000 => "<1 ms".to_owned(),
        1_000..10_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{} s", micros / 1_000_000),
    }
}
