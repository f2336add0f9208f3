//! The `[[expect]]` rows of a profile, held against what arrives: which topics, how often, which fields in which range.
//!
//! A row is met, waited for, or not met, with a sentence that names what is missing. A message that the broker had kept is no
//! sign of life, and silence while we are not connected is ours: neither counts. Pure: the time is an argument.

use std::fmt::Write as _;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::batch::Arrival;
use super::value::{Body, Decoded, Value};
use super::view::{ExpectationState, ExpectationWord};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::text::{visible, visible_octets};
use crate::profile::rules::{Expectation, FieldRule, FieldType};

/// Topics whose rows are remembered; of those beyond, each message is matched anew.
const ROUTES: usize = 100_000;
/// How much of an interval a message may be late, in per cent: networks are not exact.
const GRACE_PERCENT: u64 = 5;
/// The least time that a message may be late.
const GRACE_MICROS: u64 = 1_000_000;
/// Of a batch, that many messages have their fields looked at for each row, and the newest one.
pub const LOOKS: u64 = 256;
/// What is shown of a topic or a text.
const MAX_SHOWN: usize = 120;

/// All rows of a profile.
#[derive(Debug, Default)]
pub struct Expectations {
    rows: Vec<Row>,
    /// Rows by topic.
    routes: FxHashMap<Box<[u8]>, Box<[usize]>>,
    /// Since when messages could have come; `None` while they cannot.
    listening_since: Option<u64>,
}

#[derive(Debug)]
struct Row {
    rule: Expectation,
    filter: TopicFilter,
    /// Messages that were looked at.
    messages: u64,
    /// Messages that came.
    came: u64,
    kept: u64,
    first: Option<u64>,
    last: Option<u64>,
    /// How often a message came late, and by how much at most.
    late: u64,
    latest: u64,
    /// What was wrong with the newest message that was looked at, and on which topic.
    faults: Option<(String, Vec<String>)>,
    /// Messages whose fields were wrong.
    faulty: u64,
    /// Fields looked at in this batch.
    looks: u64,
}

impl Expectations {
    /// The rows of a profile. One whose filter cannot be read means every topic.
    pub fn new(rules: &[Expectation]) -> Self {
        let row = |rule: &Expectation| Row {
            filter: rule.topic.parse().unwrap_or_else(|_| TopicFilter::everything()),
            rule: rule.clone(),
            messages: 0,
            came: 0,
            kept: 0,
            first: None,
            last: None,
            late: 0,
            latest: 0,
            faults: None,
            faulty: 0,
            looks: 0,
        };
        Self { rows: rules.iter().map(row).collect(), ..Self::default() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Messages can come from now on: we are connected and subscribed.
    pub fn listen(&mut self, mono_micros: u64) {
        self.listening_since.get_or_insert(mono_micros);
    }

    /// Messages cannot come any more.
    pub fn stop_listening(&mut self) {
        self.listening_since = None;
    }

    /// Forgets what came.
    pub fn clear(&mut self, mono_micros: u64) {
        let rules: Vec<Expectation> = self.rows.iter().map(|row| row.rule.clone()).collect();
        let is_listening = self.listening_since.is_some();
        *self = Self::new(&rules);
        self.listening_since = is_listening.then_some(mono_micros);
    }

    /// A batch begins.
    pub fn begin_batch(&mut self) {
        for row in &mut self.rows {
            row.looks = 0;
        }
    }

    /// A message came. It is decoded only if a row is about its topic and asks for fields; `is_newest` if it is the last one
    /// of its batch.
    pub fn observe(&mut self, arrival: &Arrival<'_>, is_newest: bool, decode: impl FnOnce() -> Decoded) {
        let rows = match self.routes.get(arrival.topic) {
            Some(rows) => rows.clone(),
            None => self.route(arrival.topic),
        };
        let mut decode = Some(decode);
        let mut decoded: Option<Decoded> = None;
        for row in &*rows {
            let row = &mut self.rows[*row];
            if arrival.is_retained {
                row.kept += 1;
                continue;
            }
            row.note(arrival.mono_micros, self.listening_since);
            if row.looks >= LOOKS && !is_newest {
                continue;
            }
            row.looks += 1;
            row.messages += 1;
            if row.rule.fields.is_empty() {
                continue;
            }
            if let Some(decode) = decode.take() {
                decoded = Some(decode());
            }
            let faults = decoded.as_ref().map(|decoded| faults_of(&row.rule.fields, decoded)).unwrap_or_default();
            row.faults = if faults.is_empty() {
                None
            } else {
                row.faulty += 1;
                Some((visible_octets(arrival.topic, MAX_SHOWN), faults))
            };
        }
    }

    fn route(&mut self, topic: &[u8]) -> Box<[usize]> {
        let fits = |(place, row): (usize, &Row)| row.filter.matches_bytes(topic).then_some(place);
        let rows: Box<[usize]> = self.rows.iter().enumerate().filter_map(fits).collect();
        if self.routes.len() < ROUTES {
            self.routes.insert(topic.into(), rows.clone());
        }
        rows
    }

    /// How they stand.
    pub fn states(&self, now_mono_micros: u64) -> Vec<ExpectationState> {
        self.rows.iter().map(|row| row.state(now_mono_micros, self.listening_since)).collect()
    }

    /// When the next row turns by itself, if one does.
    pub fn next_deadline(&self, now_mono_micros: u64) -> Option<u64> {
        let deadlines = self.rows.iter().filter_map(|row| row.deadline(self.listening_since));
        deadlines.filter(|deadline| *deadline > now_mono_micros).min()
    }
}

impl Row {
    /// A message came that is no kept one.
    fn note(&mut self, mono_micros: u64, listening_since: Option<u64>) {
        self.came += 1;
        self.first.get_or_insert(mono_micros);
        if let (Some(limit), Some(since)) = (self.limit_micros(), self.since(listening_since)) {
            let took = mono_micros.saturating_sub(since);
            if took > limit {
                self.late += 1;
                self.latest = self.latest.max(took);
            }
        }
        self.last = Some(mono_micros);
    }

    /// From when on the next message is waited for.
    fn since(&self, listening_since: Option<u64>) -> Option<u64> {
        listening_since.map(|listening| self.last.map_or(listening, |last| last.max(listening)))
    }

    /// The longest time between two messages, with what is allowed on top.
    fn limit_micros(&self) -> Option<u64> {
        let micros = u64::from(self.rule.within_secs?) * 1_000_000;
        Some(micros + (micros * GRACE_PERCENT / 100).max(GRACE_MICROS))
    }

    fn deadline(&self, listening_since: Option<u64>) -> Option<u64> {
        Some(self.since(listening_since)? + self.limit_micros()?)
    }

    fn state(&self, now: u64, listening_since: Option<u64>) -> ExpectationState {
        let (word, says) = self.judge(now, listening_since);
        ExpectationState {
            id: self.rule.id.clone(),
            topic: self.filter.clone(),
            word,
            says,
            first_after: self.first.map(Duration::from_micros),
            messages: self.messages,
            is_assumed: self.rule.basis.is_assumed(),
        }
    }

    fn judge(&self, now: u64, listening_since: Option<u64>) -> (ExpectationWord, String) {
        let overdue = self.deadline(listening_since).filter(|deadline| now >= *deadline);
        let every = self.rule.within_secs.unwrap_or_default();
        let Some(last) = self.last else {
            let kept = if self.kept > 0 { "; retained messages may be old and don't count" } else { "" };
            return match (overdue, self.rule.within_secs) {
                (Some(_), _) => {
                    (ExpectationWord::NotMet, format!("No message came; one was due within {every} s{kept}"))
                }
                (None, Some(_)) => {
                    (ExpectationWord::Waiting, format!("Waits for a first message; one is due within {every} s{kept}"))
                }
                (None, None) => (
                    ExpectationWord::Waiting,
                    format!("Waits for a first message; it comes when something happens{kept}"),
                ),
            };
        };
        if let Some((topic, faults)) = &self.faults {
            let more = if self.faulty > 1 { format!(" ({} messages were so)", self.faulty) } else { String::new() };
            return (ExpectationWord::NotMet, format!("{} in the newest message on {topic}{more}", faults.join("; ")));
        }
        if overdue.is_some() {
            let silent = now.saturating_sub(last) / 1_000_000;
            return (ExpectationWord::NotMet, format!("Nothing came for {silent} s; a message is due every {every} s"));
        }
        (ExpectationWord::Met, self.praise())
    }

    fn praise(&self) -> String {
        let mut says = match self.came {
            1 => "One message came".to_owned(),
            came => format!("{came} messages came"),
        };
        match self.rule.fields.len() {
            0 => {}
            1 => says.push_str(", with its field"),
            fields => {
                // Writing to a String cannot fail.
                let _ = write!(says, ", with all {fields} fields");
            }
        }
        match self.faulty {
            0 => {}
            1 => says.push_str("; in an earlier one something was wrong"),
            faulty => {
                let _ = write!(says, "; in {faulty} earlier ones something was wrong");
            }
        }
        if self.late > 0 {
            let _ = write!(says, "; {} came late, after {} s at most", self.late, self.latest / 1_000_000);
        }
        says
    }
}

/// What is missing or wrong, field by field: empty if nothing is.
pub fn faults_of(rules: &[FieldRule], decoded: &Decoded) -> Vec<String> {
    if let Some(failure) = &decoded.failure {
        let what = visible(&failure.what, MAX_SHOWN);
        return vec![format!("the payload cannot be read as {} (byte {}: {what})", decoded.kind, failure.offset)];
    }
    let Body::Tree(value) = &decoded.body else {
        return vec![format!("the payload has no fields: it is read as {}", decoded.kind)];
    };
    rules.iter().filter_map(|rule| fault_of(rule, value)).collect()
}

fn fault_of(rule: &FieldRule, value: &Value) -> Option<String> {
    let name = &rule.name;
    let Some(found) = value.at(name) else { return Some(format!("{name} is missing")) };
    let is_right = match rule.field_type {
        FieldType::Number => matches!(found, Value::Integer(_) | Value::Number(_) | Value::Digits(_)),
        FieldType::Text => matches!(found, Value::Text(_)),
        FieldType::Boolean => matches!(found, Value::Bool(_)),
        FieldType::Time => is_time(found),
    };
    if !is_right {
        return Some(format!("{name} is {}, and should be {}", word_of(found), wanted(rule.field_type)));
    }
    if rule.field_type != FieldType::Number {
        return None;
    }
    let number = found.as_number()?;
    match (rule.min, rule.max) {
        (Some(min), _) if number < min => Some(format!("{name} is {number}, below {min}")),
        (_, Some(max)) if number > max => Some(format!("{name} is {number}, above {max}")),
        _ if number.is_nan() => Some(format!("{name} isn't a number")),
        _ => None,
    }
}

/// A time, a text that is one, or a number of seconds or milliseconds since 1970 in our days.
fn is_time(value: &Value) -> bool {
    match value {
        Value::Time(_) => true,
        Value::Text(text) => text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok(),
        value => value.as_number().is_some_and(|number| {
            !matches!(value, Value::Bool(_)) && ((1e9..1e10).contains(&number) || (1e12..1e13).contains(&number))
        }),
    }
}

const fn wanted(field: FieldType) -> &'static str {
    match field {
        FieldType::Number => "a number",
        FieldType::Text => "a text",
        FieldType::Boolean => "true or false",
        FieldType::Time => "a time",
    }
}

fn word_of(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "true or false".into(),
        Value::Integer(_) | Value::Number(_) | Value::Digits(_) => "a number".into(),
        Value::Text(text) => format!("the text “{}”", visible(text, 40)),
        Value::Bytes(_) => "bytes".into(),
        Value::Time(_) => "a time".into(),
        Value::List(_) => "a list".into(),
        Value::Map(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::basis::Basis;
    use crate::model::mqtt::message::Qos;
    use crate::telemetry::value::DecoderKind;

    const SECOND: u64 = 1_000_000;

    fn rule(within_secs: Option<u32>, fields: Vec<FieldRule>) -> Expectation {
        let basis = Basis::Assumed { reason: "a test".into() };
        Expectation { id: "climate".into(), topic: "site/+/climate".into(), within_secs, fields, basis }
    }

    fn field(name: &str, field_type: FieldType, min: Option<f64>, max: Option<f64>) -> FieldRule {
        FieldRule { name: name.into(), field_type, min, max }
    }

    fn tree(members: &[(&str, Value)]) -> Decoded {
        let members = members.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        Decoded {
            kind: DecoderKind::Json,
            is_detected: true,
            packed_in: Vec::new(),
            body: Body::Tree(Value::Map(members)),
            failure: None,
            notes: Vec::new(),
        }
    }

    fn arrival(topic: &str, at: u64, is_retained: bool) -> Arrival<'_> {
        Arrival {
            topic: topic.as_bytes(),
            payload: b"",
            qos: Qos::AtMostOnce,
            is_retained,
            is_duplicate: false,
            mono_micros: at,
            unix_micros: 0,
            properties: None,
        }
    }

    #[track_caller]
    fn check(expectations: &Expectations, now: u64, word: ExpectationWord, says: &str) {
        let state = &expectations.states(now)[0];
        assert_eq!((state.word, state.says.as_str()), (word, says));
    }

    #[test]
    fn a_row_goes_from_waiting_to_met_to_overdue_and_back() {
        let mut rows = Expectations::new(&[rule(Some(60), Vec::new())]);
        check(&rows, 500 * SECOND, ExpectationWord::Waiting, "Waits for a first message; one is due within 60 s");
        rows.listen(10 * SECOND);
        assert_eq!(rows.next_deadline(10 * SECOND), Some(73 * SECOND));
        check(&rows, 74 * SECOND, ExpectationWord::NotMet, "No message came; one was due within 60 s");
        rows.observe(&arrival("site/a/climate", 80 * SECOND, false), true, || unreachable!());
        check(&rows, 81 * SECOND, ExpectationWord::Met, "One message came; 1 came late, after 70 s at most");
        rows.observe(&arrival("elsewhere", 90 * SECOND, false), true, || unreachable!());
        check(&rows, 175 * SECOND, ExpectationWord::NotMet, "Nothing came for 95 s; a message is due every 60 s");
        assert_eq!(rows.states(0)[0].first_after, Some(Duration::from_secs(80)));
    }

    #[test]
    fn silence_while_we_are_away_is_not_the_gateways() {
        let mut rows = Expectations::new(&[rule(Some(60), Vec::new())]);
        rows.listen(0);
        rows.observe(&arrival("site/a/climate", SECOND, false), true, || unreachable!());
        rows.stop_listening();
        assert_eq!(rows.next_deadline(SECOND), None);
        check(&rows, 1000 * SECOND, ExpectationWord::Met, "One message came");
        rows.listen(1000 * SECOND);
        check(&rows, 1030 * SECOND, ExpectationWord::Met, "One message came");
        check(&rows, 1064 * SECOND, ExpectationWord::NotMet, "Nothing came for 1063 s; a message is due every 60 s");
    }

    #[test]
    fn what_the_broker_kept_is_no_sign_of_life() {
        let mut rows = Expectations::new(&[rule(None, Vec::new())]);
        rows.listen(0);
        rows.observe(&arrival("site/a/climate", SECOND, true), true, || unreachable!());
        check(
            &rows,
            SECOND,
            ExpectationWord::Waiting,
            "Waits for a first message; it comes when something happens; retained messages may be old and don't count",
        );
        assert_eq!(rows.states(SECOND)[0].messages, 0);
    }

    #[track_caller]
    fn check_fields(decoded: &Decoded, expected: &[&str]) {
        let rules = [
            field("temperature", FieldType::Number, Some(-40.0), Some(85.0)),
            field("state.on", FieldType::Boolean, None, None),
            field("at", FieldType::Time, None, None),
        ];
        assert_eq!(faults_of(&rules, decoded), expected);
    }

    #[test]
    fn missing_and_wrong_fields_are_named() {
        let state = |on: Value| Value::Map(vec![("on".into(), on)]);
        let at = Value::Text("2026-01-31T12:00:00Z".into());
        let good =
            tree(&[("temperature", Value::Number(21.5)), ("state", state(Value::Bool(true))), ("at", at.clone())]);
        check_fields(&good, &[]);
        let bad = tree(&[("temperature", Value::Integer(90)), ("state", state(Value::Text("yes".into())))]);
        check_fields(
            &bad,
            &[
                "temperature is 90, above 85",
                "state.on is the text “yes”, and should be true or false",
                "at is missing",
            ],
        );
        let low = tree(&[("temperature", Value::Integer(-41)), ("state", state(Value::Bool(false))), ("at", at)]);
        check_fields(&low, &["temperature is -41, below -40"]);
        let text = Decoded { kind: DecoderKind::Text, body: Body::Text("hello".into()), ..tree(&[]) };
        check_fields(&text, &["the payload has no fields: it is read as text"]);
    }

    #[test]
    fn the_newest_message_decides_and_earlier_faults_are_told() {
        let mut rows =
            Expectations::new(&[rule(None, vec![field("temperature", FieldType::Number, None, Some(85.0))])]);
        rows.listen(0);
        let hot = || tree(&[("temperature", Value::Integer(99))]);
        rows.observe(&arrival("site/a/climate", SECOND, false), true, hot);
        check(
            &rows,
            SECOND,
            ExpectationWord::NotMet,
            "temperature is 99, above 85 in the newest message on site/a/climate",
        );
        rows.observe(&arrival("site/b/climate", 2 * SECOND, false), true, || {
            tree(&[("temperature", Value::Integer(20))])
        });
        check(
            &rows,
            2 * SECOND,
            ExpectationWord::Met,
            "2 messages came, with its field; in an earlier one something was wrong",
        );
    }

    #[test]
    fn a_flood_is_looked_at_in_part_and_always_at_its_end() {
        let mut rows = Expectations::new(&[rule(None, vec![field("n", FieldType::Number, None, None)])]);
        rows.listen(0);
        rows.begin_batch();
        let mut decoded = 0;
        for number in 0..1000 {
            rows.observe(&arrival("site/a/climate", number, false), number == 999, || {
                decoded += 1;
                tree(&[("n", Value::Integer(1))])
            });
        }
        assert_eq!(decoded, LOOKS + 1);
        assert_eq!(rows.states(1000)[0].says, "1000 messages came, with its field");
    }
}
