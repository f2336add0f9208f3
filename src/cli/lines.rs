//! What an inspection reports, as lines: stages, states, packets, expectations and what it amounted to.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::advice::advised;
use super::follow::Outage;
use super::output::Output;
use crate::model::mqtt::stage::{StageReport, StageState, TracedPacket};
use crate::model::problem::Problem;
use crate::msg::telemetry::{InspectionState, InspectionStats};
use crate::profile::Profile;
use crate::telemetry::silence::SilentTopic;
use crate::telemetry::trigger::Fired;
use crate::telemetry::view::{Counters, ExpectationState, ExpectationWord};

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
            out.text(format!("    next step     {}", advised(problem).next_step));
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
            out.aside_text(format!("{}; tried again in {:.0} s", problem.what, retry_in.as_secs_f64()));
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

/// Why nothing can be held against a profile: it expects nothing.
pub(super) fn something_expected(profile: Option<&Profile>) -> Result<(), Problem> {
    match profile {
        Some(profile) if profile.expectations.is_empty() => Err(Problem::new(
            "inspect.nothing_expected",
            format!("{} expects nothing: there is nothing to hold against it", profile.name),
            "The profile has no [[expect]] table",
            "Leave --expect out, or add what the gateway must publish to a profile of your own",
        )),
        _ => Ok(()),
    }
}

/// Whether everything that is expected was seen.
pub(super) fn all_met(states: &[ExpectationState]) -> bool {
    states.iter().all(|state| state.word == ExpectationWord::Met)
}

/// The messages on which a trigger fired.
pub(super) fn print_fired(fired: &[Fired], out: &mut Output) {
    for Fired { topic, preview, unix_micros, .. } in fired {
        out.text(format!("{} Trigger: {topic} {preview}", super::sieve::local_time(*unix_micros)));
        out.json(&json!({ "kind": "trigger", "topic": &**topic, "unix_micros": unix_micros, "preview": &**preview }));
    }
}

/// The topics that were silent longer than usual at the end, and why.
pub(super) fn print_silent(topics: &[SilentTopic], out: &mut Output) {
    for SilentTopic { topic, silent_for, usual, silence } in topics {
        let (silent, usual) = (round(silent_for.as_secs_f64()), round(usual.as_secs_f64()));
        out.text(format!("Silent for {silent} s, usually every {usual} s: {topic}. {}", silence.says));
        out.json(&json!({
            "kind": "silent", "topic": &**topic, "silent_seconds": silent, "usual_seconds": usual,
            "cause": silence.cause.to_string(), "says": &*silence.says,
        }));
    }
}

/// The result of an inspection.
pub(super) fn print_stats(
    stats: &InspectionStats,
    counters: &Counters,
    outage: Outage,
    unasked: u64,
    out: &mut Output,
) {
    let seconds = stats.span.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate has no more digits than that")]
    let rate = if seconds > 0.0 { stats.messages as f64 / seconds } else { 0.0 };
    let Counters { oversize, malformed, duplicates, out_of_order, topics, held_bytes, .. } = counters;
    let left_out = stats.left_out;
    out.json(&json!({
        "kind": "stats", "messages": stats.messages, "bytes": stats.bytes, "seconds": round(seconds), "rate": round(rate),
        "held": stats.held, "evicted": stats.evicted, "dropped": stats.dropped, "oversize": oversize,
        "malformed": malformed, "left_out": left_out, "duplicates": duplicates, "out_of_order": out_of_order, "topics": topics,
        "held_bytes": held_bytes, "unasked": unasked, "cpu_seconds": round(stats.cpu.as_secs_f64()), "peak_rss_bytes": stats.peak_rss_bytes,
        "losses": outage.losses, "down_seconds": round(outage.total().as_secs_f64()), "is_down": outage.is_down(),
    }));
    let mut line = format!(
        "{}, {} in {seconds:.3} s: {rate:.0} a second, on {}; held {}, evicted {}, dropped {}",
        counted(stats.messages, "message"),
        counted(stats.bytes, "byte"),
        counted(*topics, "topic"),
        stats.held,
        stats.evicted,
        stats.dropped,
    );
    // What is usually nothing stands there only when it is not. Writing to a String cannot fail.
    for (count, word) in [
        (oversize, "too large"),
        (malformed, "against the protocol"),
        (duplicates, "sent again"),
        (out_of_order, "out of order"),
        (&left_out, "left out"),
        (&unasked, "not asked by the jq expression"),
    ] {
        if *count > 0 {
            let _ = write!(line, ", {word} {count}");
        }
    }
    if outage.losses > 0 {
        let (losses, down) = (counted(outage.losses.into(), "lost connection"), outage.total().as_secs_f64());
        let still = if outage.is_down() { ", and none at the end" } else { "" };
        let _ = write!(line, "; {losses}: {down:.1} s without one{still}");
    }
    let (cpu, memory) = (stats.cpu.as_secs_f64(), stats.peak_rss_bytes >> 20);
    let _ = write!(line, "; processor {cpu:.2} s, memory {memory} MiB");
    out.text(line);
}

/// A number with its unit, in the plural unless it is one.
pub(super) fn counted(count: u64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
