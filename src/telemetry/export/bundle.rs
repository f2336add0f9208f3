//! The bundle for support: what goes into it beside the recording, and how known secrets are cut out of all of it.
//!
//! Secrets are looked for in texts, topics, payloads and properties, in the forms that the [`Redactor`] knows. Inside
//! compressed or encrypted payloads they cannot be seen; the bundle's README says so.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::model::mqtt::message::Properties;
use crate::model::mqtt::stage::{StageReport, StageState, TracedPacket};
use crate::model::problem::Problem;
use crate::model::redact::Redactor;
use crate::model::text::visible;
use crate::telemetry::batch::{Arrival, Batch};
use crate::telemetry::recording::RecordingFacts;
use crate::telemetry::view::{Counters, ExpectationState};

/// Name of the recording in the bundle.
pub const RECORDING: &str = "recording.lmrec";
/// Name of the list of what is in it.
pub const README: &str = "README.txt";
/// Characters of a line of facts.
const LINE_CHARS: usize = 2000;

/// What a bundle is made of, beside messages.
#[derive(Default)]
pub struct Contents {
    /// What the recording says about itself: broker without login and the like.
    pub about: RecordingFacts,
    /// This program and the system it runs on: name and value.
    pub program: Vec<(String, String)>,
    /// The stages of all attempts that are remembered.
    pub stages: Vec<StageReport>,
    /// Packets other than messages.
    pub packets: Vec<TracedPacket>,
    /// What was warned of, with the time since the start.
    pub warnings: Vec<(Duration, Problem)>,
    /// How the expectations stand.
    pub expectations: Vec<ExpectationState>,
    /// What was counted.
    pub counters: Counters,
    /// Knows the secrets that must not be in it.
    pub redactor: Redactor,
}

/// A text of the bundle, with nothing in it that should not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleText {
    /// Its name in the bundle.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// All of it.
    pub text: String,
    /// In how many lines something was cut out.
    pub cut_lines: u64,
}

impl Contents {
    /// The texts.
    pub fn texts(&self) -> Vec<BundleText> {
        let stages = self.stages.iter().map(stage);
        let packets = self.packets.iter().map(packet);
        let warnings =
            self.warnings.iter().map(|(at, problem)| json!({ "at_millis": millis(*at), "problem": problem }));
        let expectations = self.expectations.iter().map(expectation);
        vec![
            self.text("facts.txt", "program, profile, connection and counters", self.facts()),
            self.text("stages.jsonl", "how each connection came about, stage by stage", lines(stages)),
            self.text("trace.jsonl", "packets other than messages", lines(packets)),
            self.text("warnings.jsonl", "what was warned of", lines(warnings)),
            self.text("expectations.jsonl", "what the profile expects, and what was seen of it", lines(expectations)),
        ]
    }

    /// What the recording says about itself, with nothing in it that should not leave.
    pub fn about(&self) -> RecordingFacts {
        let cut = |text: &String| self.redactor.redact_text(text);
        RecordingFacts { facts: self.about.facts.iter().map(|(name, value)| (cut(name), cut(value))).collect() }
    }

    fn text(&self, name: &'static str, about: &'static str, lines: Vec<String>) -> BundleText {
        let mut text = BundleText { name, about, text: String::new(), cut_lines: 0 };
        for line in lines {
            let redacted = self.redactor.redact_text(&line);
            text.cut_lines += u64::from(redacted != line);
            // Secrets went first: cut or made safe, they would no longer be recognised. JSON must not be cut.
            let is_json = name.strip_suffix(".jsonl").is_some();
            text.text.push_str(&if is_json { redacted } else { visible(&redacted, LINE_CHARS) });
            text.text.push('\n');
        }
        text
    }

    fn facts(&self) -> Vec<String> {
        let Counters {
            received,
            received_bytes,
            evicted,
            dropped,
            oversize,
            malformed,
            left_out,
            duplicates,
            out_of_order,
            ..
        } = &self.counters;
        let counted = [
            ("Messages received", received),
            ("Bytes received", received_bytes),
            ("Messages evicted from memory", evicted),
            ("Messages dropped", dropped),
            ("Messages refused for their size", oversize),
            ("Messages against the protocol", malformed),
            ("Messages missing in the recording", left_out),
            ("Duplicates", duplicates),
            ("Out of order", out_of_order),
        ];
        let counted: Vec<(String, String)> =
            counted.iter().map(|(name, count)| ((*name).to_owned(), count.to_string())).collect();
        let mut lines = Vec::new();
        for (title, facts) in [
            ("Program", &self.program),
            ("Connection and profile", &self.about.facts),
            ("Counted since the start", &counted),
        ] {
            lines.push(title.to_owned());
            lines.push("-".repeat(title.len()));
            lines.extend(facts.iter().map(|(name, value)| format!("{name}: {value}")));
            lines.push(String::new());
        }
        lines
    }

    /// What is in the bundle and what is not, as people read it.
    pub fn readme(&self, at: &str, texts: &[BundleText], cut: &CutMessages) -> String {
        let mut readme = format!("Linesman: a bundle for support, made {at}\n\nIn it\n-----\n");
        // Writing to a String cannot fail.
        let _ = writeln!(
            readme,
            "{RECORDING}: {} messages; open it with Linesman, or read docs/recording.md of its sources",
            cut.messages
        );
        for text in texts {
            let _ = writeln!(readme, "{}: {}", text.name, text.about);
        }
        readme.push_str("\nCut out\n-------\n");
        let _ = writeln!(
            readme,
            "Secrets known to this session (passwords, keys, tokens) are replaced by a mark wherever they were found:\n\
             in {} of {} messages (topics, payloads, properties)",
            cut.changed, cut.messages
        );
        for text in texts.iter().filter(|text| text.cut_lines > 0) {
            let _ = writeln!(readme, "in {} lines of {}", text.cut_lines, text.name);
        }
        readme.push_str(
            "\nNot cut out\n-----------\n\
             Secrets that Linesman was never told, such as ones that gateways publish by themselves; and secrets inside\n\
             payloads that are compressed or encrypted. Topics and payloads are otherwise as they came: look through\n\
             them before you pass this file on.\n",
        );
        readme
    }
}

/// Cuts secrets out of messages, and counts.
pub struct CutMessages {
    redactor: Redactor,
    /// Messages that passed.
    pub messages: u64,
    /// Messages something was cut out of.
    pub changed: u64,
}

impl CutMessages {
    /// Cuts what that one knows.
    pub fn new(redactor: &Redactor) -> Self {
        Self { redactor: redactor.fresh(), messages: 0, changed: 0 }
    }

    /// The same messages without secrets.
    pub fn cut(&mut self, batch: &Batch) -> Batch {
        let mut cut = Batch::new(batch.unix_offset_micros);
        cut.missed = batch.missed;
        for arrival in batch.iter() {
            let (topic, payload) = (self.octets(arrival.topic), self.octets(arrival.payload));
            let properties = arrival.properties.map(|properties| self.properties(properties));
            let changed = Arrival { topic: &topic, payload: &payload, properties: properties.as_ref(), ..arrival };
            self.messages += 1;
            self.changed += u64::from(changed != arrival);
            // A mark can be longer than what it stands for: a topic at the limit is cut then.
            if !cut.push(&changed) {
                let topic = &topic[..topic.len().min(usize::from(u16::MAX))];
                // Below the limit now; a batch of cut messages is not near its own.
                let _ = cut.push(&Arrival { topic, ..changed });
            }
        }
        cut
    }

    fn octets(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut cut = self.redactor.push(octets);
        cut.extend(self.redactor.finish());
        cut
    }

    fn properties(&self, properties: &Properties) -> Properties {
        let cut = |text: &String| self.redactor.redact_text(text);
        let mut redactor = self.redactor.fresh();
        let mut correlation_data = redactor.push(&properties.correlation_data);
        correlation_data.extend(redactor.finish());
        Properties {
            content_type: properties.content_type.as_ref().map(cut),
            response_topic: properties.response_topic.as_ref().map(cut),
            correlation_data,
            user: properties.user.iter().map(|(name, value)| (cut(name), cut(value))).collect(),
            ..properties.clone()
        }
    }
}

fn lines(values: impl Iterator<Item = Value>) -> Vec<String> {
    values.map(|value| value.to_string()).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn stage(report: &StageReport) -> Value {
    let (state, more) = match &report.state {
        StageState::Running => ("running", Value::Null),
        StageState::Done => ("done", Value::Null),
        StageState::Noted(problem) => ("noted", json!(problem)),
        StageState::Skipped(why) => ("skipped", json!(why)),
        StageState::Failed(problem) => ("failed", json!(problem)),
    };
    json!({
        "attempt": report.attempt,
        "stage": report.stage,
        "at_millis": millis(report.at),
        "took_millis": millis(report.took),
        "state": state,
        "why": more,
        "facts": report.facts,
        "certificates": report.certificates,
        "grants": report.grants,
    })
}

fn packet(packet: &TracedPacket) -> Value {
    json!({
        "at_millis": millis(packet.at),
        "direction": packet.direction,
        "packet": packet.kind,
        "packet_id": packet.packet_id,
        "bytes": packet.bytes,
        "reason": packet.reason,
        "after_millis": packet.after.map(millis),
        "note": packet.note,
    })
}

fn expectation(state: &ExpectationState) -> Value {
    json!({
        "id": state.id,
        "topic": state.topic.to_string(),
        "word": state.word,
        "says": state.says,
        "first_after_millis": state.first_after.map(millis),
        "messages": state.messages,
        "is_assumed": state.is_assumed,
    })
}
