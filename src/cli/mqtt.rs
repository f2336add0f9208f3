//! What `inspect`, `replay` and `publish` have in common: a connection out of arguments, messages and reports as lines.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::{BrokerArgs, SieveArgs};
use super::output::{Exit, Output};
use super::secret_input;
use crate::model::mqtt::connect::{ConnectPlan, Login, Proxy, TlsFiles, Trust};
use crate::model::mqtt::stage::{StageReport, StageState, TracedPacket};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::text::visible_octets;
use crate::msg::telemetry::{InspectionState, InspectionStats};
use crate::profile::{Profile, broker};
use crate::proto::mqtt::{dialect, guard};
use crate::telemetry::batch::{Arrival, Batch};
use crate::telemetry::decode::Decoders;
use crate::telemetry::export::jsonl;
use crate::telemetry::query::CompiledQuery;
use crate::telemetry::view::{ExpectationState, ExpectationWord, Query};

/// Longest payload on a line for people.
const MAX_PREVIEW: usize = 400;
/// Longest topic on a line for people.
const MAX_TOPIC: usize = 400;

/// A connection without subscriptions.
pub(super) fn plan(args: &BrokerArgs, profile: Option<&Profile>) -> Result<ConnectPlan, Problem> {
    let dialect = broker::dialect(args.dialect, &args.broker.host, profile);
    let client_id = args.client_id.clone().or_else(|| args.device.clone()).unwrap_or_else(|| observer(args));
    let mut plan = ConnectPlan::new(args.broker.clone(), client_id);
    plan.dialect = dialect;
    plan.version = args.mqtt.unwrap_or(dialect::usual(dialect).version);
    plan.keep_alive = Duration::from_secs(args.keep_alive.into());
    plan.stage_limit = Duration::from_secs(args.stage_limit);
    plan.max_packet_bytes = args.max_packet * 1024 * 1024;
    plan.key_log.clone_from(&args.key_log);
    plan.login = login(args)?;
    plan.proxy = proxy(args)?;
    plan.tls.alpn.clone_from(&args.alpn);
    plan.tls.server_name.clone_from(&args.server_name);
    plan.tls.checks = args.tls_checks;
    if args.system_ca {
        plan.tls.trust = Trust::SystemAnd(Vec::new());
    }
    plan.tls.files = TlsFiles { authorities: args.ca.clone(), certificates: args.cert.clone(), key: args.key.clone() };
    Ok(plan)
}

/// A name of our own. Two of these programs at the same moment have different ones.
fn observer(args: &BrokerArgs) -> String {
    let moment = jiff::Timestamp::now().as_microsecond().unsigned_abs();
    let folded = moment ^ (moment >> 16) ^ u64::from(std::process::id()).wrapping_mul(0x9E37_79B9);
    guard::observer_id(args.gateway.as_deref(), u32::try_from(folded & 0xFFFF_FFFF).unwrap_or_default())
}

fn login(args: &BrokerArgs) -> Result<Login, Problem> {
    let secret = |path: &Path| secret_input::read(Some(path));
    if let Some(file) = &args.sas_key_file {
        return Ok(Login::SharedAccess {
            hub: args.hub.clone().unwrap_or_else(|| args.broker.host.clone()),
            device: args.device.clone().unwrap_or_default(),
            key: secret(file)?,
            policy: args.policy.clone(),
            lifetime: Duration::from_secs(args.sas_lifetime),
        });
    }
    if let (Some(id), Some(region), Some(file)) = (&args.sigv4, &args.sigv4_region, &args.sigv4_secret_file) {
        return Ok(Login::SignatureV4 {
            region: region.clone(),
            access_key_id: id.clone(),
            secret_key: secret(file)?,
            session_token: args.sigv4_token_file.as_deref().map(secret).transpose()?,
        });
    }
    match &args.username {
        Some(username) => {
            let password = args.password_file.as_deref().map(secret).transpose()?;
            Ok(Login::Password { username: username.clone(), password })
        }
        None => Ok(Login::None),
    }
}

fn proxy(args: &BrokerArgs) -> Result<Option<Proxy>, Problem> {
    let Some(url) = &args.proxy else { return Ok(None) };
    let password = args.proxy_password_file.as_deref().map(|file| secret_input::read(Some(file))).transpose()?;
    let login = match (url.user.clone(), password) {
        (None, None) => None,
        (user, password) => Some((user.unwrap_or_default(), password.unwrap_or_else(|| Secret::new(String::new())))),
    };
    Ok(Some(Proxy { host: url.host.clone(), port: url.port, login }))
}

/// Which messages are printed and counted.
pub(super) struct Sieve {
    topics: Vec<TopicFilter>,
    query: Option<CompiledQuery>,
    decoders: Decoders,
}

impl Sieve {
    pub(super) fn new(args: &SieveArgs, topics: &[TopicFilter]) -> Result<Self, Problem> {
        let query = Query {
            filter: None,
            text: args.text.clone().unwrap_or_default(),
            is_regex: args.regex,
            jq: args.filter_jq.clone().unwrap_or_default(),
        };
        let query = (!query.is_empty()).then(|| CompiledQuery::compile(&query)).transpose()?;
        Ok(Self { topics: topics.to_vec(), query, decoders: Decoders::new() })
    }

    fn lets_through(&self, arrival: &Arrival<'_>) -> bool {
        (self.topics.is_empty() || self.topics.iter().any(|filter| filter.matches_bytes(arrival.topic)))
            && self.query.as_ref().is_none_or(|query| query.matches(arrival.topic, arrival.payload, &self.decoders))
    }

    /// Prints the messages that get through, at most so many. Returns how many did.
    pub(super) fn print(&self, batch: &Batch, most: u64, out: &mut Output) -> u64 {
        let mut lines = Vec::new();
        let mut count = 0;
        for arrival in batch.iter().filter(|arrival| self.lets_through(arrival)) {
            if count == most {
                break;
            }
            count += 1;
            if out.is_json() {
                // Writing to memory cannot fail.
                let _ = jsonl::write(&mut lines, &arrival);
            } else {
                let topic = visible_octets(arrival.topic, MAX_TOPIC);
                let payload = self.decoders.one_line(arrival.topic, arrival.payload, MAX_PREVIEW);
                let _ = writeln!(lines, "{} {topic} {payload}", local_time(arrival.unix_micros));
            }
        }
        if count > 0 {
            out.lines(&lines);
        }
        count
    }
}

/// The time of day here, with milliseconds.
fn local_time(unix_micros: i64) -> String {
    match jiff::Timestamp::from_microsecond(unix_micros) {
        Ok(time) => time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S%.3f").to_string(),
        Err(_) => "--:--:--.---".into(),
    }
}

/// The time in UTC, as programs read it.
pub(super) fn utc(unix_micros: i64) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(unix_micros).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

pub(super) fn print_stage(report: &StageReport, out: &mut Output) {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (state, problem, note) = match &report.state {
        StageState::Running => ("running", None, None),
        StageState::Done => ("done", None, None),
        StageState::Noted(problem) => ("noted", Some(problem), None),
        StageState::Skipped(reason) => ("skipped", None, Some(reason)),
        StageState::Failed(problem) => ("failed", Some(problem), None),
    };
    let facts: Vec<Value> = report.facts.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let mut line = json!({
        "kind": "stage", "attempt": report.attempt, "stage": report.stage, "state": state, "at_millis": millis(report.at),
        "took_millis": millis(report.took), "facts": facts, "problem": problem,
    });
    if let Some(note) = note {
        line["note"] = json!(note);
    }
    if !report.certificates.is_empty() {
        line["certificates"] = json!(report.certificates);
    }
    if !report.grants.is_empty() {
        line["grants"] = json!(report.grants);
    }
    out.json(&line);
}

/// A stage as a line of the doctor's timeline.
pub(super) fn print_timeline(report: &StageReport, out: &mut Output) {
    let took = format!("{:>7.1} ms", report.took.as_secs_f64() * 1000.0);
    let mark = match &report.state {
        StageState::Running => return,
        StageState::Done => "ok",
        StageState::Noted(_) => "note",
        StageState::Skipped(_) => "skipped",
        StageState::Failed(_) => "FAILED",
    };
    out.text(format!("{:<36} {mark:<8} {took}", report.stage.label()));
    for (name, value) in &report.facts {
        out.text(format!("    {name}: {value}"));
    }
    for certificate in &report.certificates {
        out.text(format!("    certificate: {} by {}", certificate.subject, certificate.issuer));
    }
    for grant in &report.grants {
        out.text(format!("    {}: {}", grant.filter, grant.says));
    }
    match &report.state {
        StageState::Skipped(reason) => out.text(format!("    {reason}")),
        StageState::Noted(problem) | StageState::Failed(problem) => {
            out.text(format!("    {}", problem.what));
            out.text(format!("    likely cause  {}", problem.likely_cause));
            out.text(format!("    next step     {}", problem.next_step));
        }
        StageState::Running | StageState::Done => {}
    }
}

pub(super) fn print_state(state: &InspectionState, out: &mut Output) {
    let line = |word: &str| json!({ "kind": "connection", "state": word });
    match state {
        InspectionState::AwaitingConfirmation => out.json(&line("awaiting-confirmation")),
        InspectionState::Connecting { attempt } => {
            let mut line = line("connecting");
            line["attempt"] = json!(attempt);
            out.json(&line);
        }
        InspectionState::Connected { facts, login_ends } => {
            let facts: Vec<Value> = facts.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
            let mut line = line("connected");
            line["facts"] = json!(facts);
            line["login_ends"] = json!(login_ends.and_then(|secs| utc(secs.saturating_mul(1_000_000))));
            out.json(&line);
        }
        InspectionState::Waiting { problem, retry_in } => {
            let mut line = line("waiting");
            line["problem"] = json!(problem);
            line["retry_in_millis"] = json!(u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX));
            out.json(&line);
            out.text(format!("{}; tried again in {:.0} s", problem.what, retry_in.as_secs_f64()));
        }
        InspectionState::Disconnected { problem } => {
            let mut line = line("disconnected");
            line["problem"] = json!(problem);
            out.json(&line);
        }
        InspectionState::Playing => out.json(&line("playing")),
        InspectionState::Paused { is_at_end } => {
            let mut line = line("paused");
            line["is_at_end"] = json!(is_at_end);
            out.json(&line);
        }
    }
}

pub(super) fn print_packets(packets: &[TracedPacket], out: &mut Output) {
    for packet in packets {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let reason = packet.reason.as_ref();
        out.json(&json!({
            "kind": "packet", "at_millis": millis(packet.at), "direction": packet.direction, "packet": packet.kind,
            "packet_id": packet.packet_id, "bytes": packet.bytes, "code": reason.map(|(code, _)| code),
            "says": reason.map(|(_, says)| says), "after_millis": packet.after.map(millis), "note": packet.note,
        }));
        let says = reason.map(|(_, says)| format!(" {says}")).unwrap_or_default();
        out.text(format!(
            "{:>9.3} {} {}{says} {}",
            packet.at.as_secs_f64(),
            packet.direction,
            packet.kind,
            packet.note
        ));
    }
}

/// Prints the expectations that stand otherwise than before; all of them with `known` empty.
pub(super) fn print_expectations(known: &[ExpectationState], now: &[ExpectationState], out: &mut Output) {
    for state in now {
        let before = known.iter().find(|before| before.id == state.id);
        if before.is_some_and(|before| before.word == state.word) {
            continue;
        }
        let after = state.first_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        out.json(&json!({
            "kind": "expectation", "id": state.id, "topic": state.topic.as_str(), "state": state.word, "says": state.says,
            "first_after_millis": after, "messages": state.messages, "is_assumed": state.is_assumed,
        }));
        let word = match state.word {
            ExpectationWord::Met => "met",
            ExpectationWord::Waiting => "waiting",
            ExpectationWord::NotMet => "NOT MET",
        };
        let assumed = if state.is_assumed { " (assumed by the profile)" } else { "" };
        out.text(format!("Expected {}: {word}. {}{assumed}", state.id, state.says));
    }
}

/// Whether everything that is expected was seen.
pub(super) fn all_met(states: &[ExpectationState]) -> bool {
    states.iter().all(|state| state.word == ExpectationWord::Met)
}

/// The result of an inspection.
pub(super) fn print_stats(stats: &InspectionStats, out: &mut Output) {
    let seconds = stats.span.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate has no more digits than that")]
    let rate = if seconds > 0.0 { stats.messages as f64 / seconds } else { 0.0 };
    out.json(&json!({
        "kind": "stats", "messages": stats.messages, "bytes": stats.bytes, "seconds": round(seconds), "rate": round(rate),
        "held": stats.held, "evicted": stats.evicted, "dropped": stats.dropped,
        "cpu_seconds": round(stats.cpu.as_secs_f64()), "peak_rss_bytes": stats.peak_rss_bytes,
    }));
    out.text(format!(
        "{} messages, {} bytes in {seconds:.3} s: {rate:.0} a second; held {}, evicted {}, dropped {}; processor {:.2} s, memory {} MiB",
        stats.messages,
        stats.bytes,
        stats.held,
        stats.evicted,
        stats.dropped,
        stats.cpu.as_secs_f64(),
        stats.peak_rss_bytes >> 20,
    ));
}

fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// What a problem that kept an inspection from coming about means for scripts.
pub(super) fn exit_of(problem: &Problem) -> Exit {
    match problem.code {
        "mqtt.own_identity" => Exit::Usage,
        code if code.starts_with("mqtt.dialect") || code == "mqtt.tls_file" => Exit::Usage,
        _ => Exit::CouldNotRun,
    }
}
