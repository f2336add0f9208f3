//! What the entries of a job say, step by step, each with its result and its evidence.

use serde::Serialize;
use serde_json::Value;

use crate::model::gateway::Protection;
use crate::model::record::{EntryRecord, JobHistory, step_title};
use crate::model::text::visible;
use crate::model::wipe::{Answer, Claim, WIFI};
use crate::model::word::Word as _;
use crate::papers::Tone;

/// The longest text of a gateway that is shown.
const LONGEST: usize = 300;

/// The step that sends the network.
const PUSH: &str = "push";
/// What it is called.
pub(super) const SEND: &str = "Send Wi-Fi credentials";

/// The step that says what a removal may claim.
pub(super) const CLAIMS: &str = "claims";

/// The words of what nobody knows.
pub(super) const NO_OUTCOME: &str = "no outcome on record";

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The entry that tells of it last.
    pub entry: i64,
    /// When it was told.
    pub at: String,
    /// What it is.
    pub step: String,
    /// What came of it.
    pub result: String,
    /// How good that is.
    pub tone: Tone,
    /// What speaks for it.
    pub evidence: Vec<Sign>,
    /// What may be the cause, and what to do, where it went wrong.
    pub advice: Vec<String>,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sign {
    /// How strong it is: `requested`, `acknowledged`, `observed`, `not checked`, `attested`, `failed`.
    pub kind: String,
    /// What it is.
    pub text: String,
}

/// The steps of a job, in order.
pub(super) fn steps(job: &JobHistory) -> Vec<Step> {
    let mut open: Vec<&EntryRecord> = Vec::new();
    let mut steps = Vec::new();
    for entry in job.entries.iter().filter(|entry| entry.step != "job") {
        if entry.phase == "intent" {
            open.push(entry);
            continue;
        }
        if let Some(at) = open.iter().position(|begun| begun.step == entry.step) {
            let begun = open.remove(at);
            steps.push(told(entry, Some(begun)));
        } else {
            steps.push(told(entry, None));
        }
    }
    steps.extend(open.into_iter().map(unfinished));
    steps.sort_by_key(|step| step.entry);
    steps
}

fn unfinished(begun: &EntryRecord) -> Step {
    let asked = intent_words(begun).unwrap_or_else(|| "It was begun".into());
    Step {
        entry: begun.sequence,
        at: begun.at.clone(),
        step: title(&begun.step),
        result: NO_OUTCOME.into(),
        tone: Tone::Open,
        evidence: vec![sign("requested", asked)],
        advice: Vec::new(),
    }
}

fn told(entry: &EntryRecord, begun: Option<&EntryRecord>) -> Step {
    let mut evidence = evidence(entry);
    let is_said = evidence.iter().any(|sign| sign.kind == "requested");
    if let Some(asked) = begun.and_then(intent_words).filter(|_| !is_said) {
        evidence.insert(0, sign("requested", asked));
    }
    Step {
        entry: entry.sequence,
        at: entry.at.clone(),
        step: title(&entry.step),
        result: shown(&entry.outcome.replace('-', " ")),
        // What a look found before anything was removed is neither good nor bad.
        tone: if is_before(entry) { Tone::Open } else { tone_of(&entry.outcome) },
        evidence,
        // What comes after a success is for the installer, then.
        advice: if tone_of(&entry.outcome) == Tone::Good { Vec::new() } else { advice(&entry.detail) },
    }
}

/// Whether a look was before the removal.
fn is_before(entry: &EntryRecord) -> bool {
    entry.step == "look" && entry.detail.get("when").and_then(Value::as_str) == Some("before")
}

/// The title of a step for somebody who wasn't there.
fn title(step: &str) -> String {
    match step {
        PUSH => SEND.into(),
        "credential" => "Send token or file".into(),
        "secure" => "Secure the session".into(),
        "identity" => "Identify".into(),
        "identify" => "Let it blink".into(),
        "rows" => "Rows".into(),
        CLAIMS => "What may be claimed".into(),
        other => shown(&step_title(other)),
    }
}

/// How good an outcome is.
pub(super) fn tone_of(outcome: &str) -> Tone {
    match outcome {
        "joined" | "done" | "passed" | "complete" | "observed" | "acknowledged" | "seen-empty" => Tone::Good,
        "refused" | "failed" | "findings" | "incomplete" | "still-there" => Tone::Bad,
        _ => Tone::Open,
    }
}

/// What was asked for, where the entry says more than its step.
fn intent_words(begun: &EntryRecord) -> Option<String> {
    let text = |key: &str| begun.detail.get(key).and_then(Value::as_str);
    let words = match begun.step.as_str() {
        "connect" | "identity" => format!("Over {}, driver {}", text("link")?, text("driver").unwrap_or("not named")),
        "push" => format!("Join “{}” with {}", text("ssid")?, text("key").unwrap_or("a key")),
        "credential" => format!("Send {}", text("credential")?),
        "publish" => format!("Publish to {}", text("topic")?),
        "rename" => format!("Set the {}", text("what")?),
        _ => text("act").or_else(|| text("text"))?.to_owned(),
    };
    Some(shown(&words))
}

fn evidence(entry: &EntryRecord) -> Vec<Sign> {
    let detail = &entry.detail;
    if entry.step == CLAIMS {
        return claims(entry)
            .map(|(title, answer, says)| sign(&answer.to_lowercase(), format!("{title}: {says}")))
            .collect();
    }
    match detail.get("evidence") {
        Some(Value::Array(signs)) => signs.iter().filter_map(sign_of).collect(),
        Some(one) => sign_of(one).into_iter().collect(),
        None => said(entry).map(|text| sign(kind_of(&entry.outcome), text)).into_iter().collect(),
    }
}

/// What a removal claims: the claim, how far it holds, and why.
pub(super) fn claims(entry: &EntryRecord) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
    let listed = entry.detail.get("claims").and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(|claimed| {
        let text = |key: &str| claimed.get(key).and_then(Value::as_str);
        let claim = Claim::from_word(text("claim")?)?;
        Some((claim.title(), Answer::from_word(text("answer")?)?.label(), text("says")?))
    })
}

fn sign_of(evidence: &Value) -> Option<Sign> {
    let text = |key: &str| evidence.get(key).and_then(Value::as_str);
    Some(sign(&text("kind")?.replace('-', " "), text("text")?))
}

/// How strong a sign is that an entry says only by its outcome: whatever a gateway answers is its own word.
fn kind_of(outcome: &str) -> &'static str {
    match outcome {
        "observed" | "seen-empty" | "still-there" => "observed",
        "attested" => "attested",
        "requested" => "requested",
        "failed" | "refused" | "cannot" => "failed",
        "skipped" | "not-checked" | "not-reachable" | "not-looked-at" | "unknown" | "cancelled" => "not checked",
        _ => "acknowledged",
    }
}

/// What an entry without evidence of its own says.
fn said(entry: &EntryRecord) -> Option<String> {
    let detail = &entry.detail;
    let text = |key: &str| detail.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let words = match entry.step.as_str() {
        "connect" | "secure" if text("what").is_none() => connected(detail),
        "describe" | "identity" | "known" if text("what").is_none() => described(detail),
        "scan-networks" if detail.get("networks").is_some() => {
            let count = detail["networks"].as_u64().unwrap_or(0);
            format!("{count} {} in range", if count == 1 { "network" } else { "networks" })
        }
        "online" => match detail.get("online").and_then(Value::as_bool) {
            Some(true) => "It is online".into(),
            Some(false) => "It is offline".into(),
            None => "It doesn't report whether it is online".into(),
        },
        "look" => {
            let credential = if text("credential")? == WIFI { "Wi-Fi credentials" } else { text("credential")? };
            let when =
                text("when").map_or_else(String::new, |when| format!(", {}", when.replace("1 restarts", "a restart")));
            format!("{credential} in {}{when}: {}", text("place")?, text("text").unwrap_or("nothing said"))
        }
        "restart" if detail.get("restarts").is_some() => "It answered again after a restart".into(),
        "connection" if entry.outcome == "lost" => {
            let why = detail.get("problem").and_then(|problem| problem.get("what")).and_then(Value::as_str);
            why.map_or_else(|| "The connection was lost".into(), |why| format!("The connection was lost: {why}"))
        }
        "connection" if entry.outcome == "back" => {
            let seconds = detail.get("down_millis").and_then(Value::as_u64).unwrap_or(0) / 1000;
            format!("The connection was back after {seconds} s; messages sent meanwhile may be missing")
        }
        "first-telemetry" => format!("{}: {}", text("topic")?, text("value").unwrap_or("no text")),
        _ => text("text").or_else(|| text("what")).or_else(|| text("note")).or_else(|| text("reason"))?.to_owned(),
    };
    Some(words).filter(|words| !words.is_empty())
}

fn connected(detail: &Value) -> String {
    let protection = detail.get("protection").and_then(Value::as_str);
    let protection = protection.and_then(|told| Protection::ALL.into_iter().find(|known| known.as_str() == told));
    let state = detail
        .get("state")
        .and_then(Value::as_str)
        .map(|state| format!("The gateway answers: {}", state.replace('-', " ")));
    let parts = [state, protection.map(|protection| format!("protection: {}", protection.label()))];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn described(detail: &Value) -> String {
    let text = |key: &str| detail.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let firmware = text("firmware").map(|name| match text("firmware_version") {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    });
    let labelled = |label: &str, key: &str| text(key).map(|value| format!("{label} {value}"));
    let parts = [
        text("name").map(str::to_owned),
        firmware,
        text("os").map(str::to_owned),
        labelled("on", "hardware"),
        labelled("serial number", "serial"),
        labelled("system id", "machine"),
        labelled("hardware address", "mac"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Possible causes and the next step, as they were told then.
fn advice(detail: &Value) -> Vec<String> {
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let causes = detail.get("causes").and_then(Value::as_array).into_iter().flatten();
    let cause = |cause: &Value| {
        let because = text(cause, "because").map_or_else(String::new, |because| format!(" ({because})"));
        Some(format!("Possible cause: {}{because}", text(cause, "text")?))
    };
    let likely = text(detail, "likely_cause").map(|cause| format!("Possible cause: {cause}"));
    let next = text(detail, "next_step").map(|next| format!("Next step: {next}"));
    causes.filter_map(cause).chain(likely).chain(next).map(|line| shown(&line)).collect()
}

fn sign(kind: &str, text: impl AsRef<str>) -> Sign {
    Sign { kind: shown(kind), text: shown(text.as_ref()) }
}

/// A text of a gateway, as it may stand on a paper.
pub(super) fn shown(text: &str) -> String {
    visible(text, LONGEST)
}
