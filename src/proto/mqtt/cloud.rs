//! [`CloudTracker`]: requests and answers of the clouds put together, with the time between them; and what changed in twins and
//! shadows from one document to the next. Bounded in memory; the time is an argument.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Map, Value};

use super::notes::{CloudTopic, read_json, read_topic};
use crate::model::mqtt::Dialect;
use crate::model::text::visible;

/// Requests that may wait for their answer.
const MAX_PENDING: usize = 256;
/// Documents that are remembered.
const MAX_DOCUMENTS: usize = 64;
/// Changes that are told of one document.
const MAX_CHANGES: usize = 200;
/// How deep documents are compared.
const MAX_DEPTH: usize = 32;

/// What a message brought to light beyond itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CloudFinding {
    /// The answer came that long after its request.
    pub answered_after: Option<Duration>,
    /// What had been asked: `the whole twin`, `method reboot`.
    pub request: Option<String>,
    /// What changed in the twin or shadow.
    pub changes: Vec<Change>,
    /// Whether more changed than is told.
    pub has_more_changes: bool,
}

impl CloudFinding {
    /// As names and values, to stand beside [`super::notes::notes`].
    pub fn rows(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        if let Some(request) = &self.request {
            rows.push(("Answers".to_owned(), request.clone()));
        }
        if let Some(after) = self.answered_after {
            rows.push(("After".to_owned(), format!("{} ms", after.as_millis())));
        }
        rows.extend(self.changes.iter().map(|change| (change.path.clone(), change.words())));
        if self.has_more_changes {
            rows.push(("…".to_owned(), "More has changed".to_owned()));
        }
        rows
    }
}

/// One difference between two documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where: `desired.telemetry.interval`.
    pub path: String,
    /// What stood there, as JSON; `None` if nothing did.
    pub before: Option<String>,
    /// What stands there now; `None` if it is gone.
    pub after: Option<String>,
}

impl Change {
    /// `10 → 60`, `new: 60`, `gone, was 10`.
    pub fn words(&self) -> String {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => format!("{before} → {after}"),
            (None, Some(after)) => format!("new: {after}"),
            (Some(before), None) => format!("gone, was {before}"),
            (None, None) => String::new(),
        }
    }
}

/// A request that waits for its answer.
struct Pending {
    key: String,
    request: String,
    at_micros: u64,
    /// Properties that become part of the twin once they are taken.
    report: Option<Value>,
}

/// Follows the clouds' requests, twins and shadows.
pub struct CloudTracker {
    dialect: Dialect,
    pending: VecDeque<Pending>,
    documents: BTreeMap<String, Value>,
}

impl CloudTracker {
    /// Follows that dialect. Of others than the clouds' it finds nothing.
    pub const fn new(dialect: Dialect) -> Self {
        Self { dialect, pending: VecDeque::new(), documents: BTreeMap::new() }
    }

    /// Whether the topic can bring something to light. Cheap: for every message.
    pub fn is_of_interest(&self, topic: &[u8]) -> bool {
        self.dialect != Dialect::Plain && topic.first() == Some(&b'$')
    }

    /// Takes a message in, ours or another's, in the order of their times. `None` where it brings nothing new.
    pub fn observe(&mut self, topic: &str, payload: &[u8], mono_micros: u64) -> Option<CloudFinding> {
        if !self.is_of_interest(topic.as_bytes()) {
            return None;
        }
        let finding = match read_topic(self.dialect, topic)? {
            CloudTopic::TwinGet { rid } => self.ask("twin", rid, "the whole twin".into(), None, mono_micros),
            CloudTopic::TwinReport { rid } => {
                let report = read_json(payload);
                self.ask("twin", rid, "report properties to the twin".into(), report, mono_micros)
            }
            CloudTopic::TwinAnswer { status, rid, .. } => {
                let (finding, report) = self.answered("twin", rid, mono_micros);
                let is_done = status.starts_with('2');
                match (is_done, report, read_json(payload)) {
                    (true, Some(report), _) => self.merge("twin", "reported", report, finding),
                    (true, None, Some(twin)) if twin.is_object() => self.replace("twin", &twin, finding),
                    _ => finding,
                }
            }
            CloudTopic::TwinDesired { .. } => {
                let desired = read_json(payload)?;
                self.merge("twin", "desired", desired, CloudFinding::default())
            }
            CloudTopic::MethodCall { name, rid } => {
                self.ask("method", rid, format!("method {}", visible(name, 100)), None, mono_micros)
            }
            CloudTopic::MethodAnswer { rid, .. } => self.answered("method", rid, mono_micros).0,
            CloudTopic::Register { rid } => self.ask("dps", rid, "registration".into(), None, mono_micros),
            CloudTopic::RegistrationPoll { rid, .. } => {
                self.ask("dps", rid, "how the registration stands".into(), None, mono_micros)
            }
            CloudTopic::RegistrationAnswer { rid, .. } => self.answered("dps", rid, mono_micros).0,
            CloudTopic::Shadow { thing, shadow, action } => {
                let key = format!("shadow {thing} {}", shadow.unwrap_or_default());
                self.shadow(&key, action, payload, mono_micros)
            }
            CloudTopic::Event { .. } | CloudTopic::ToDevice { .. } | CloudTopic::Presence { .. } => return None,
        };
        (finding != CloudFinding::default()).then_some(finding)
    }

    /// Requests without an answer so far, the oldest first: what was asked, and how long ago.
    pub fn unanswered(&self, mono_micros: u64) -> impl Iterator<Item = (&str, Duration)> {
        self.pending.iter().map(move |pending| {
            (pending.request.as_str(), Duration::from_micros(mono_micros.saturating_sub(pending.at_micros)))
        })
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.documents.clear();
    }

    fn ask(&mut self, space: &str, rid: &str, request: String, report: Option<Value>, at_micros: u64) -> CloudFinding {
        let key = key(space, rid);
        self.pending.retain(|pending| pending.key != key);
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(Pending { key, request, at_micros, report });
        CloudFinding::default()
    }

    fn answered(&mut self, space: &str, rid: &str, mono_micros: u64) -> (CloudFinding, Option<Value>) {
        let key = key(space, rid);
        let place = self.pending.iter().position(|pending| pending.key == key);
        let Some(pending) = place.and_then(|place| self.pending.remove(place)) else {
            return (CloudFinding::default(), None);
        };
        let after = Duration::from_micros(mono_micros.saturating_sub(pending.at_micros));
        let finding =
            CloudFinding { answered_after: Some(after), request: Some(pending.request), ..CloudFinding::default() };
        (finding, pending.report)
    }

    fn shadow(&mut self, key: &str, action: &str, payload: &[u8], mono_micros: u64) -> CloudFinding {
        let (verb, answer) = action.split_once('/').unwrap_or((action, ""));
        let document = read_json(payload);
        let token = document.as_ref().and_then(|document| document.get("clientToken")).and_then(Value::as_str);
        let rid = format!("{key} {verb} {}", token.unwrap_or_default());
        match answer {
            "" => self.ask("shadow", &rid, format!("{} the shadow", visible(verb, 20)), None, mono_micros),
            "accepted" => {
                let (finding, _) = self.answered("shadow", &rid, mono_micros);
                let state = document.as_ref().and_then(|document| document.get("state")).cloned();
                match (verb, state) {
                    ("get", Some(state)) => self.replace(key, &state, finding),
                    ("update", Some(state)) => self.merge(key, "", state, finding),
                    ("delete", _) => self.replace(key, &Value::Object(Map::new()), finding),
                    _ => finding,
                }
            }
            "rejected" => self.answered("shadow", &rid, mono_micros).0,
            _ => CloudFinding::default(),
        }
    }

    /// A new document takes the place of the one that is known.
    fn replace(&mut self, key: &str, document: &Value, finding: CloudFinding) -> CloudFinding {
        let before = self.documents.get(key).cloned();
        self.store(key, document.clone());
        // The first one is no change.
        before.map_or(finding.clone(), |before| with_changes(finding, &before, document))
    }

    /// A part of a document is merged into the one that is known (RFC 7396). Nothing is told without one.
    fn merge(&mut self, key: &str, part: &str, patch: Value, finding: CloudFinding) -> CloudFinding {
        let patch = if part.is_empty() { patch } else { Value::Object(Map::from_iter([(part.to_owned(), patch)])) };
        let before = self.documents.get(key).cloned().unwrap_or_else(|| Value::Object(Map::new()));
        let mut after = before.clone();
        merge_patch(&mut after, &patch, 0);
        self.store(key, after.clone());
        with_changes(finding, &before, &after)
    }

    fn store(&mut self, key: &str, document: Value) {
        if self.documents.len() >= MAX_DOCUMENTS && !self.documents.contains_key(key) {
            self.documents.pop_first();
        }
        // A document that grew by patches is bounded by what the clouds allow; beyond it, it is begun anew.
        if document.to_string().len() > 256 * 1024 {
            self.documents.remove(key);
        } else {
            self.documents.insert(key.to_owned(), document);
        }
    }
}

/// Numbers of requests are short; what is longer is no number.
fn key(space: &str, rid: &str) -> String {
    format!("{space} {}", visible(rid, 400))
}

fn merge_patch(target: &mut Value, patch: &Value, depth: usize) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if depth >= MAX_DEPTH {
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(own) = target else { return };
    for (name, value) in fields {
        if value.is_null() {
            own.remove(name);
        } else {
            merge_patch(own.entry(name.clone()).or_insert(Value::Null), value, depth + 1);
        }
    }
}

fn with_changes(mut finding: CloudFinding, before: &Value, after: &Value) -> CloudFinding {
    let mut changes = Vec::new();
    compare("", before, after, 0, &mut changes);
    finding.has_more_changes = changes.len() > MAX_CHANGES;
    changes.truncate(MAX_CHANGES);
    finding.changes = changes;
    finding
}

fn compare(path: &str, before: &Value, after: &Value, depth: usize, changes: &mut Vec<Change>) {
    if changes.len() > MAX_CHANGES || before == after {
        return;
    }
    let below = |name: &str| {
        let name = visible(name, 60);
        if path.is_empty() { name } else { format!("{path}.{name}") }
    };
    match (before, after) {
        (Value::Object(before), Value::Object(after)) if depth < MAX_DEPTH => {
            for (name, old) in before {
                match after.get(name) {
                    Some(new) => compare(&below(name), old, new, depth + 1, changes),
                    None => changes.push(Change { path: below(name), before: Some(shown(old)), after: None }),
                }
            }
            for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                changes.push(Change { path: below(name), before: None, after: Some(shown(new)) });
            }
        }
        _ => changes.push(Change { path: path.to_owned(), before: Some(shown(before)), after: Some(shown(after)) }),
    }
}

fn shown(value: &Value) -> String {
    visible(&value.to_string(), 120)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(finding: Option<CloudFinding>) -> Vec<(String, String)> {
        finding.map(|finding| finding.rows()).unwrap_or_default()
    }

    #[track_caller]
    fn check(finding: Option<CloudFinding>, expected: &[(&str, &str)]) {
        let found = rows(finding);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_twin_is_followed_from_question_to_answer_to_change() {
        let mut tracker = CloudTracker::new(Dialect::AzureIotHub);
        assert_eq!(tracker.observe("$iothub/twin/GET/?$rid=7", b"", 1_000), None);
        assert_eq!(tracker.unanswered(3_000).next(), Some(("the whole twin", Duration::from_millis(2))));
        let twin = br#"{"desired":{"interval":10,"$version":3},"reported":{"fw":"1"}}"#;
        check(
            tracker.observe("$iothub/twin/res/200/?$rid=7", twin, 43_000),
            &[("Answers", "the whole twin"), ("After", "42 ms")],
        );
        check(
            tracker.observe("$iothub/twin/PATCH/properties/desired/?$version=4", br#"{"interval":60,"$version":4}"#, 0),
            &[("desired.$version", "3 → 4"), ("desired.interval", "10 → 60")],
        );
        // What is reported counts once it was taken.
        let report = "$iothub/twin/PATCH/properties/reported/?$rid=8";
        assert_eq!(tracker.observe(report, br#"{"fw":null,"mode":"eco"}"#, 50_000), None);
        check(
            tracker.observe("$iothub/twin/res/204/?$rid=8&$version=5", b"", 51_000),
            &[
                ("Answers", "report properties to the twin"),
                ("After", "1 ms"),
                ("reported.fw", "gone, was \"1\""),
                ("reported.mode", "new: \"eco\""),
            ],
        );
        assert_eq!(tracker.observe(report, br#"{"mode":"full"}"#, 52_000), None);
        check(
            tracker.observe("$iothub/twin/res/429/?$rid=8", b"", 53_000),
            &[("Answers", "report properties to the twin"), ("After", "1 ms")],
        );
        assert_eq!(tracker.unanswered(0).count(), 0);
    }

    #[test]
    fn methods_and_provisioning_are_paired_by_number() {
        let mut tracker = CloudTracker::new(Dialect::Proxy);
        tracker.observe("$iothub/methods/POST/reboot/?$rid=1", b"{}", 0);
        tracker.observe("$dps/registrations/PUT/iotdps-register/?$rid=1", b"{}", 0);
        check(
            tracker.observe("$iothub/methods/res/200/?$rid=1", b"{}", 5_000),
            &[("Answers", "method reboot"), ("After", "5 ms")],
        );
        check(
            tracker.observe("$dps/registrations/res/202/?$rid=1&retry-after=3", b"{}", 9_000),
            &[("Answers", "registration"), ("After", "9 ms")],
        );
        assert_eq!(tracker.observe("$iothub/methods/res/200/?$rid=1", b"{}", 6_000), None);
    }

    #[test]
    fn a_shadow_is_followed_by_its_token() {
        let mut tracker = CloudTracker::new(Dialect::AwsIotCore);
        let topic = |action: &str| format!("$aws/things/gw-07/shadow/{action}");
        tracker.observe(&topic("get/accepted"), br#"{"state":{"reported":{"t":20}}}"#, 0);
        tracker.observe(&topic("update"), br#"{"state":{"reported":{"t":21}},"clientToken":"a"}"#, 1_000);
        check(
            tracker.observe(&topic("update/accepted"), br#"{"state":{"reported":{"t":21}},"clientToken":"a"}"#, 8_000),
            &[("Answers", "update the shadow"), ("After", "7 ms"), ("reported.t", "20 → 21")],
        );
        tracker.observe(&topic("update"), br#"{"state":{},"clientToken":"b"}"#, 9_000);
        check(
            tracker.observe(&topic("update/rejected"), br#"{"code":409,"clientToken":"b"}"#, 10_000),
            &[("Answers", "update the shadow"), ("After", "1 ms")],
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut tracker = CloudTracker::new(Dialect::Proxy);
        for number in 0..1_000 {
            tracker.observe(&format!("$iothub/twin/GET/?$rid={number}"), b"", number);
            tracker.observe(&format!("$aws/things/t{number}/shadow/get/accepted"), br#"{"state":{"a":1}}"#, number);
        }
        assert_eq!(tracker.pending.len(), MAX_PENDING);
        assert_eq!(tracker.documents.len(), MAX_DOCUMENTS);
        let wide = (0..5_000).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(",");
        let finding = tracker.observe("$iothub/twin/PATCH/properties/desired/", format!("{{{wide}}}").as_bytes(), 0);
        assert!(finding.is_some_and(|finding| finding.changes.len() <= MAX_CHANGES));
        let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
        tracker.observe("$iothub/twin/PATCH/properties/desired/", deep.as_bytes(), 0);
        assert_eq!(CloudTracker::new(Dialect::Plain).observe("$iothub/twin/GET/?$rid=1", b"", 0), None);
    }
}
