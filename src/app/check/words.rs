//! The texts of Network check that no verdict brings along: those of the set-up, of states and of columns, in one place.

use super::lines::Counts;
use crate::check::explain::Text;
use crate::check::plan::{Outlook, PlannedRow, Subject, Target};
use crate::model::act;
use crate::model::endpoint::{Endpoint, Transport};
use crate::msg::check::ReportForm;

/// The name of the place.
pub const PLACE: &str = "Network check";
/// What the check waits for before its first round.
pub const NOTHING_TITLE: &str = "Choose what your gateway needs";
/// What to do in the empty place.
pub const NOTHING: [&str; 2] = [
    "A profile lists the servers, ports and protocols that its vendor's gateways need",
    "Linesman tries each of them from this computer and names what blocks those that fail",
];
/// Said beside Start.
pub const ONLY_THESE: &str = "Only the rows below are checked, and nothing is sent before you start";
/// What consent is about.
pub const CONSENT: &str = "Query third parties as well";
/// What it means.
pub fn consent() -> String {
    crate::check::controls::lines().join("\n")
}
/// This computer looks.
pub const FROM_HERE: &str = "This laptop";
/// What a check from the gateway is.
pub const FROM_GATEWAY_WHY: &str =
    "The gateway checks itself, with the programs it has. What none of them can do isn't tested";

/// The gateway looks.
pub fn from_gateway(link: &str) -> String {
    format!("The gateway at {link}")
}

/// This computer looks, too.
pub const BOTH: &str = "Check from this laptop as well";
/// What that is good for.
pub const BOTH_WHY: &str =
    "First the laptop, then the gateway, side by side: a row that only one of them reaches is told apart";

/// The gateway is missing.
pub const SURVEY: &str = "The gateway isn't there yet";
/// What that means.
pub const SURVEY_WHY: &str = "A visit before the installation: rows about the gateway itself are skipped";
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
    let told: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    told.join(" · ")
}

/// The label of the job that judges saved evidence.
pub const JOB_SAVED: &str = "Judging saved evidence";

/// The label of the job.
pub fn job(profile: &str) -> String {
    act::named("check", profile)
}

/// Where packets leave from: this computer, or the gateway that looks itself.
pub fn vantage(is_of_gateway: bool, interface: &str, address: &str) -> String {
    let who = if is_of_gateway { "the gateway" } else { "this computer" };
    match (interface.is_empty(), address.is_empty()) {
        (true, true) if is_of_gateway => "From the gateway".to_owned(),
        (true, true) => FROM_SYSTEM.to_owned(),
        (false, true) => format!("From {who} on {interface}"),
        (true, false) => format!("From {who} with {address}"),
        (false, false) => format!("From {who} on {interface}, {address}"),
    }
}

/// Where and when a round looked.
pub fn vantage_at(vantage: &str, round: u32, time: &str) -> String {
    format!("{vantage} · round {round}, {time}")
}

/// The banner while an override file is in force.
pub fn overrides(count: usize) -> String {
    let changes = counted(count, "change", "changes");
    format!("Overrides active, {changes}: results hold for a test site, not for this network")
}

/// A round under way.
pub fn round(round: u32, open: usize) -> String {
    format!("Round {round}: {} left", counted(open, "row", "rows"))
}

/// The row that a round waits for, for how long by now, and how long it takes where that is known.
pub fn waits_for(row: &PlannedRow, clock: &str) -> String {
    let name = name(row);
    match row.subject.endpoint().and_then(|endpoint| endpoint.idle_secs) {
        Some(seconds) => format!("{name} is held idle for {seconds} s \u{b7} {clock}"),
        None => format!("{name} \u{b7} {clock}"),
    }
}

/// Required rows that failed.
pub fn required_failed(count: usize) -> String {
    format!("{} failed", counted(count, "required row", "required rows"))
}

/// When a watched check looks again.
pub fn next_round(seconds: u64) -> String {
    format!("Next round in {seconds} s")
}

/// The button that looks at failed rows again.
pub fn again_failed(failed: usize, skipped: usize) -> String {
    let which = if skipped > 0 { "failed or skipped" } else { "failed" };
    format!("Check {} {which} again", failed + skipped)
}

/// A finding in one line: what happened, then what to do.
pub fn finding(text: &Text) -> String {
    let mut line = format!("{}. {}", text.title, text.what);
    for more in text.notes.iter().chain(Some(&text.next).filter(|next| !next.is_empty())) {
        line.push_str(". ");
        line.push_str(more);
    }
    line
}

/// Findings that are not shown.
pub fn more_findings(count: usize) -> String {
    format!("{} in the report", counted(count, "more finding", "more findings"))
}

/// What a comparison came to.
pub fn compared(better: usize, worse: usize, other: usize) -> String {
    format!("{better} better · {worse} worse · {other} changed otherwise")
}

/// The form of a report.
pub const fn form(form: ReportForm) -> &'static str {
    match form {
        ReportForm::Html => "HTML",
        ReportForm::Pdf => "PDF",
        ReportForm::Csv => "CSV, rules to add",
        ReportForm::AllRules => "CSV, all rules",
        ReportForm::Json => "JSON evidence",
    }
}

/// The state with its time: `Failed since 10:41:07`.
pub fn since(state: &str, time: &str) -> String {
    format!("{state} since {time}")
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

/// Observations that are not shown.
pub fn more_moments(count: usize) -> String {
    format!("{} in the report", counted(count, "more observation", "more observations"))
}

/// A time in UTC with milliseconds, as logs of firewalls have it.
pub fn utc(unix_micros: i64) -> String {
    jiff::Timestamp::from_microsecond(unix_micros)
        .map_or_else(|_| "time out of range".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S.%3f UTC").to_string())
}

/// A line to look for in a firewall's log.
pub fn log_line(unix_micros: i64, from: &str, to: &str, what: &str) -> String {
    let parts = [utc(unix_micros), way(from, to), what.to_owned()];
    let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    told.join("  ")
}

/// From where to where; empty where neither is known.
pub fn way(from: &str, to: &str) -> String {
    match (from.is_empty(), to.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!("to {to}"),
        (false, true) => format!("from {from}"),
        (false, false) => format!("{from} → {to}"),
    }
}

/// A line of the request: what was seen.
pub fn seen_line(line: &str) -> String {
    format!("Seen: {line}")
}

/// A line of the request: how to see the same.
pub fn command_line(system: &str, command: &str, good: &str) -> String {
    format!("{system}: {command}  (good answer: {good})")
}

/// The name of the button that copies a sentence.
pub fn copy_sentence(place: usize) -> String {
    format!("Copy sentence {}", place + 1)
}

/// What a command shows where all is well.
pub fn good_answer(good: &str) -> String {
    format!("Good answer: {good}")
}

/// A row that stood the same in all rounds.
pub fn unchanged(rounds: usize) -> String {
    format!("Unchanged for {}", counted(rounds, "round", "rounds"))
}

/// How many rows of a plan will be checked.
pub fn will_be_checked(checked: usize, all: usize) -> String {
    format!("{checked} of {} will be checked", counted(all, "row", "rows"))
}

/// What a run is compared with.
pub fn compared_with(time: &str) -> String {
    format!("Compared with the run of {time}")
}

/// What became of a row; side by side where the gateway looked in one of the runs.
pub fn became(sides: Option<(&str, &str)>, before: &str, after: &str) -> String {
    if let Some((first, second)) = sides {
        return format!("{first}: {before} · {second}: {after}");
    }
    if before == after { after.to_owned() } else { format!("{before} → {after}") }
}

/// Texts of the window alone.
pub mod ui {
    /// What may stand in the field for where packets leave.
    pub const FROM_HINT: &str = "Interface or address; empty: automatic";
    /// What becomes of a login that is typed.
    pub const LOGIN_HINT: &str = "Stays in memory only. Empty if the console has no password";
    /// Buttons.
    pub const START: &str = "Start check";
    /// Looks at all rows again.
    pub const AGAIN: &str = "Check again";
    /// Looks at one row again.
    pub const AGAIN_ROW: &str = "Check this row";
    /// Ends the check.
    pub const STOP: &str = "Stop";
    /// Copies the request to the admin.
    pub const COPY_REQUEST: &str = "Copy request";
    /// Why a check cannot start.
    pub const WHY_NOT_START: &str = "Choose a profile or a site file first";
    /// Why a check cannot start while one runs.
    pub const WHY_NOT_START_BUSY: &str = "Stop the check that runs first";
    /// The parts.
    pub const VIEWS: [&str; 4] = ["Set-up", "Rows", "Report", "Compare"];
    /// Watch.
    pub const WATCH: &str = "Watch";
    /// The time between rounds.
    pub const EVERY: &str = "Seconds between rounds";
    /// Above the causes.
    pub const CAUSES: &str = "Possible causes, likeliest first";
    /// Above what was ruled out.
    pub const RULED_OUT: &str = "Ruled out";
    /// Above the next step.
    pub const NEXT: &str = "Next step";
    /// Above the notes.
    pub const NOTES: &str = "Also seen";
    /// Above the timeline.
    pub const TIMELINE: &str = "What was seen";
    /// A row of which nothing was seen.
    pub const NO_TIMELINE: &str = "Nothing was observed for this row yet";
    /// Above the request.
    pub const REQUEST: &str = "What to ask the firewall admin";
    /// Above lines of a log.
    pub const LOG_LINES: &str = "Lines to look for in the firewall's log";
    /// Above commands.
    pub const COMMANDS: &str = "Commands that show the same";
    /// Above the rounds.
    pub const ROUNDS: &str = "Rounds";
    /// Above the planned rows.
    pub const PLANNED: &str = "Will be checked";
    /// A plan that may grow.
    pub const SITE_ADDS: &str = "Hosts from the site file are added when the check starts";
    /// Above the report.
    pub const REPORT: &str = "Report";
    /// What the report is for.
    pub const REPORT_HINT: &str = "Rules to add, what was seen and how to see the same, for the firewall admin";
    /// Masks addresses.
    pub const MASK: &str = "Mask addresses of this site";
    /// What that does.
    pub const MASK_WHY: &str = "Private addresses are replaced by others of their kind";
    /// Saves the report.
    pub const SAVE: &str = "Save report…";
    /// Above the compared rows.
    pub const COMPARE: &str = "Compare two runs";
    /// What it is for.
    pub const COMPARE_HINT: &str = "Keep this run, change the firewall, check again: each row shows what became of it";
    /// Keeps the run.
    pub const KEEP: &str = "Keep this run as before";
    /// Nothing to keep.
    pub const WHY_NOT_KEPT: &str = "End a round first";
    /// Takes a saved run.
    pub const OPEN_BEFORE: &str = "Open as before";
    /// Drops it.
    pub const DROP_BEFORE: &str = "Close comparison";
    /// A run to compare with is there, and no other.
    pub const ONLY_BEFORE: &str = "Start a check, or open saved evidence in Set-up, to compare with it";
    /// Above saved evidence.
    pub const EVIDENCE: &str = "Saved evidence";
    /// What opening it does.
    pub const EVIDENCE_HINT: &str = "A report saved as JSON is judged again, and nothing is sent";
    /// Opens it.
    pub const OPEN_EVIDENCE: &str = "Judge again";
    /// Why a path is missing.
    pub const NO_PATH: &str = "Type a path first";
    /// Why a report can't be saved now.
    pub const BEING_SAVED: &str = "A report is being saved";
    /// Above hosts that the vendor leaves open.
    pub const HOSTS: &str = "Hosts the vendor leaves open";
    /// Wildcards.
    pub const SAMPLES: &str = "Names to sample for wildcards";
    /// Folded away.
    pub const ADVANCED: &str = "Advanced";
    /// The empty list.
    pub const STARTING: &str = "Preparing the check…";
    /// On the result card of a gateway that joined.
    pub const JOINED: &str =
        "Check that this network lets the gateway reach its vendor's servers, then go on with the next gateway";
}
