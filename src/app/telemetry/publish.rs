//! Publish: a message and what became of it, again and again if so wanted; templates; and the retained messages of a broker,
//! found, counted, chosen and cleared.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::seat::Seat;
use crate::model::mqtt::message::{Outgoing, Properties, PublishEnd, Qos};
use crate::model::mqtt::payload::{self, PayloadError, PayloadKind};
use crate::model::mqtt::topic::{TopicFilter, TopicMistake, mistake_in};
use crate::model::problem::{Explain as _, Problem};
use crate::model::settings::PublishTemplate;
use crate::model::text::{from_hex, hex, visible, visible_octets};
use crate::msg::Command;
use crate::msg::telemetry::{Clearance, Repeat, TelemetryCommand, TelemetryEvent};

/// Messages remembered as sent.
const MOST_SENT: usize = 100;
/// The shortest time between repetitions.
const LEAST_EVERY: Duration = Duration::from_millis(10);
/// The longest time between repetitions: a day.
const MOST_EVERY: Duration = Duration::from_hours(24);

/// What the user did on Publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishAction {
    /// Publishes what is typed.
    Published,
    /// Ends the repetition of that ticket.
    Stopped(u64),
    /// Writes the JSON on lines of its own.
    Tidied,
    /// Adds a user property.
    AddedProperty,
    /// Takes a user property out.
    RemovedProperty(usize),
    /// Takes a message that was sent back into the form.
    TookAgain(u64),
    /// Keeps what is typed under the name typed.
    SavedTemplate,
    /// Takes a template into the form.
    TookTemplate(usize),
    /// Forgets a template.
    RemovedTemplate(usize),
    /// Lists the retained messages of the filter typed.
    SearchedRetained,
    /// Marks or unmarks a retained message.
    ToggledRetained(usize),
    /// Marks all or none.
    MarkedAllRetained(bool),
    /// Asks whether to clear those marked.
    AskedToClear,
    /// Clears them.
    ConfirmedClear,
    /// Leaves them as they are.
    DroppedClear,
}

/// The message being typed. Its fields are edited in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The topic.
    pub topic: String,
    /// The payload.
    pub payload: String,
    /// How the payload is typed.
    pub kind: DraftKind,
    /// The quality of service.
    pub qos: Qos,
    /// Whether the broker is to keep it.
    pub is_retained: bool,
    /// MQTT 5: the payload is text.
    pub is_text: bool,
    /// MQTT 5: what the payload is.
    pub content_type: String,
    /// MQTT 5: where an answer is wanted.
    pub response_topic: String,
    /// MQTT 5: what the answer is to carry, in hex.
    pub correlation_hex: String,
    /// MQTT 5: for how many seconds it is worth delivering.
    pub expiry_secs: String,
    /// MQTT 5: names and values of one's own.
    pub user: Vec<(String, String)>,
}

/// How the payload is typed; JSON unless chosen otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftKind(pub PayloadKind);

impl Default for DraftKind {
    fn default() -> Self {
        Self(PayloadKind::Json)
    }
}

impl Draft {
    /// The payload's bytes, or what is wrong with it.
    pub fn payload(&self) -> Result<Vec<u8>, PayloadError> {
        payload::parse(self.kind.0, &self.payload)
    }

    /// Whether something is given that only MQTT 5 carries.
    pub fn has_properties(&self) -> bool {
        let texts = [&self.content_type, &self.response_topic, &self.correlation_hex, &self.expiry_secs];
        self.is_text || !self.user.is_empty() || texts.iter().any(|text| !text.trim().is_empty())
    }

    /// What is wrong with the topic; `None` if nothing is.
    pub fn topic_mistake(&self) -> Option<&'static str> {
        mistake_in(&self.topic).map(TopicMistake::says)
    }

    /// The message, or what a person has to mend first.
    pub fn message(&self) -> Result<Outgoing, Problem> {
        if let Some(mistake) = self.topic_mistake() {
            return Err(wrong(format!("The topic can't be used: {mistake}"), "Fix the topic"));
        }
        let payload = self.payload().map_err(|error| error.explain())?;
        let expiry_secs = match self.expiry_secs.trim() {
            "" => None,
            text => {
                let secs = text.parse().map_err(|_| {
                    wrong(
                        format!("“{}” isn't a number of seconds", visible(text, 20)),
                        "Type whole seconds, or nothing",
                    )
                })?;
                Some(secs)
            }
        };
        let correlation_data = from_hex(&self.correlation_hex.split_whitespace().collect::<String>())
            .ok_or_else(|| wrong("The correlation data isn't hex", "Type two hexadecimal digits a byte, or nothing"))?;
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let response_topic = filled(&self.response_topic);
        if let Some(mistake) = response_topic.as_deref().and_then(mistake_in) {
            return Err(wrong(
                format!("The response topic can't be used: {}", mistake.says()),
                "Fix the response topic",
            ));
        }
        let properties = Properties {
            is_text: self.is_text,
            content_type: filled(&self.content_type),
            response_topic,
            correlation_data,
            expiry_secs,
            subscription_ids: Vec::new(),
            user: self.user.iter().filter(|(name, value)| !name.is_empty() || !value.is_empty()).cloned().collect(),
        };
        Ok(Outgoing { topic: self.topic.clone(), payload, qos: self.qos, is_retained: self.is_retained, properties })
    }

    fn template(&self, name: &str) -> PublishTemplate {
        PublishTemplate {
            name: name.to_owned(),
            topic: self.topic.clone(),
            payload: self.payload.clone(),
            kind: self.kind.0.as_str().to_owned(),
            qos: self.qos.number(),
            is_retained: self.is_retained,
            is_text: self.is_text,
            content_type: self.content_type.clone(),
            response_topic: self.response_topic.clone(),
            correlation_hex: self.correlation_hex.clone(),
            expiry_secs: self.expiry_secs.clone(),
            user: self.user.clone(),
        }
    }

    fn from_template(template: &PublishTemplate) -> Self {
        Self {
            topic: template.topic.clone(),
            payload: template.payload.clone(),
            kind: DraftKind(template.payload_kind()),
            qos: Qos::from_number(template.qos).unwrap_or_default(),
            is_retained: template.is_retained,
            is_text: template.is_text,
            content_type: template.content_type.clone(),
            response_topic: template.response_topic.clone(),
            correlation_hex: template.correlation_hex.clone(),
            expiry_secs: template.expiry_secs.clone(),
            user: template.user.clone(),
        }
    }
}

fn wrong(what: impl Into<String>, next_step: &str) -> Problem {
    Problem::new("telemetry.publish_form", what, "It was typed so", next_step)
}

/// How repetition is typed. Its fields are edited in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatDraft {
    /// Whether the message is published again and again.
    pub is_on: bool,
    /// The time in between, in seconds.
    pub every_secs: String,
    /// How often in all; empty until stopped.
    pub times: String,
}

impl Default for RepeatDraft {
    fn default() -> Self {
        Self { is_on: false, every_secs: "1".into(), times: "10".into() }
    }
}

impl RepeatDraft {
    /// What was typed, or what has to be mended.
    pub fn read(&self) -> Result<Option<Repeat>, Problem> {
        if !self.is_on {
            return Ok(None);
        }
        let secs: Option<f64> = self.every_secs.trim().replace(',', ".").parse().ok();
        let every = secs.and_then(|secs| Duration::try_from_secs_f64(secs).ok());
        let every = every.filter(|every| (LEAST_EVERY..=MOST_EVERY).contains(every)).ok_or_else(|| {
            wrong("The time between repetitions cannot be used", "Type seconds from 0.01 to 86400, such as 0.5")
        })?;
        let times = match self.times.trim() {
            "" => None,
            text => Some(text.parse().ok().filter(|times| *times > 0).ok_or_else(|| {
                wrong(
                    "The number of repetitions cannot be used",
                    "Type a whole number, or nothing to go on until stopped",
                )
            })?),
        };
        Ok(Some(Repeat { every, times }))
    }
}

/// A message that was handed over, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its ticket.
    pub ticket: u64,
    /// When.
    pub at: Instant,
    /// What was typed.
    pub draft: Draft,
    /// The payload on one line.
    pub preview: String,
    /// Length of the payload.
    pub bytes: usize,
    /// How it is repeated.
    pub repeat: Option<Repeat>,
    /// How many of them have an end.
    pub ended: u32,
    /// How often each end came, in the order of [`END_WORDS`].
    pub ends: [u32; 6],
    /// The last end.
    pub last: Option<PublishEnd>,
    /// Whether no more of them are to come.
    pub is_over: bool,
}

/// The ends a message can have, in the order of [`Sent::ends`].
pub const END_WORDS: [&str; 6] = ["Sent", "Acknowledged", "Nobody subscribed", "Refused", "Unknown", "Not sent"];

/// The word of an end.
pub const fn end_word(end: &PublishEnd) -> &'static str {
    END_WORDS[end_place(end)]
}

/// What an end means, in a sentence.
pub fn end_says(end: &PublishEnd) -> String {
    match end {
        PublishEnd::Sent => "Handed to the network. At QoS 0 nobody says whether it arrived".into(),
        PublishEnd::Acknowledged => "The broker has it".into(),
        PublishEnd::NobodySubscribed => "The broker has it, and nobody is subscribed to the topic".into(),
        PublishEnd::Refused(problem) | PublishEnd::NotSent(problem) => {
            format!("{}. {}", problem.what, problem.next_step)
        }
        PublishEnd::Unknown => "The broker didn't acknowledge it in time: it may have arrived".into(),
    }
}

const fn end_place(end: &PublishEnd) -> usize {
    match end {
        PublishEnd::Sent => 0,
        PublishEnd::Acknowledged => 1,
        PublishEnd::NobodySubscribed => 2,
        PublishEnd::Refused(_) => 3,
        PublishEnd::Unknown => 4,
        PublishEnd::NotSent(_) => 5,
    }
}

/// A retained message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetainedRow {
    /// Its topic.
    pub topic: String,
    /// Its topic, made safe to show.
    pub shown: String,
    /// Length of its payload.
    pub bytes: u64,
}

/// How the clean-up of retained messages stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RetainedPhase {
    /// Nothing was asked.
    #[default]
    Idle,
    /// They are being listed.
    Searching,
    /// They are listed; what kept the list from being complete, where something did.
    Listed(Option<Problem>),
    /// So many are being cleared.
    Clearing(usize),
    /// They were cleared, and looked for again.
    Cleared(Clearance),
}

/// The retained messages of a broker.
#[derive(Default)]
pub struct Retained {
    /// The filter being typed; edited in place.
    pub filter: String,
    /// The number being typed in the dialog; edited in place.
    pub typed: String,
    phase: RetainedPhase,
    rows: Vec<RetainedRow>,
    marked: BTreeSet<usize>,
    /// What was wrong, and in which filter.
    mistake: Option<(Problem, String)>,
    is_asking: bool,
}

impl Retained {
    /// How the clean-up stands.
    pub const fn phase(&self) -> &RetainedPhase {
        &self.phase
    }

    /// The messages found.
    pub fn rows(&self) -> &[RetainedRow] {
        &self.rows
    }

    /// Whether a message is marked.
    pub fn is_marked(&self, index: usize) -> bool {
        self.marked.contains(&index)
    }

    /// How many are marked, and the length of their payloads.
    pub fn marked(&self) -> (usize, u64) {
        let bytes = self.marked.iter().filter_map(|index| self.rows.get(*index)).map(|row| row.bytes).sum();
        (self.marked.len(), bytes)
    }

    /// The length of all payloads found.
    pub fn total_bytes(&self) -> u64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// What is wrong with the filter typed; nothing once another one was typed.
    pub fn mistake(&self) -> Option<&Problem> {
        self.mistake.as_ref().filter(|(_, filter)| *filter == self.filter).map(|(problem, _)| problem)
    }

    /// Whether they are being listed or cleared.
    pub const fn is_busy(&self) -> bool {
        matches!(self.phase, RetainedPhase::Searching | RetainedPhase::Clearing(_))
    }

    /// Whether the number in the dialog is that of the marked messages.
    pub fn is_typed_right(&self) -> bool {
        !self.marked.is_empty() && self.typed.trim() == self.marked.len().to_string()
    }
}

/// The view model of Publish.
#[derive(Default)]
pub struct Publish {
    /// The message; edited in place.
    pub draft: Draft,
    /// How it is repeated; edited in place.
    pub repeat: RepeatDraft,
    /// The name of a template being typed; edited in place.
    pub template_name: String,
    /// The retained messages.
    pub retained: Retained,
    sent: VecDeque<Sent>,
    last_ticket: u64,
    /// What was wrong, and in what was typed then.
    mistake: Option<(Problem, Box<Typed>)>,
}

/// What is typed on Publish.
#[derive(PartialEq, Eq)]
struct Typed {
    draft: Draft,
    repeat: RepeatDraft,
    template_name: String,
}

impl Publish {
    /// What was handed over, newest first.
    pub fn sent(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter()
    }

    /// What has to be mended before the message can be published or saved; nothing once something else was typed.
    pub fn mistake(&self) -> Option<&Problem> {
        let (problem, typed) = self.mistake.as_ref()?;
        let is_as_typed =
            typed.draft == self.draft && typed.repeat == self.repeat && typed.template_name == self.template_name;
        is_as_typed.then_some(problem)
    }

    fn refuse(&mut self, problem: Problem) {
        let typed =
            Typed { draft: self.draft.clone(), repeat: self.repeat.clone(), template_name: self.template_name.clone() };
        self.mistake = Some((problem, Box::new(typed)));
    }

    /// The ticket of the repetition that goes on.
    pub fn repeating(&self) -> Option<&Sent> {
        self.sent.iter().find(|sent| sent.repeat.is_some() && !sent.is_over)
    }

    /// The question whether to clear retained messages: how many, and of which filter.
    pub fn question(&self) -> Option<(usize, &str)> {
        self.retained.is_asking.then_some((self.retained.marked.len(), self.retained.filter.as_str()))
    }

    #[expect(clippy::needless_pass_by_value, reason = "an action is used up")]
    pub(super) fn act(&mut self, action: PublishAction, seat: &mut Seat<'_, '_>) -> Vec<Command> {
        match action {
            PublishAction::Published => return self.publish(seat),
            PublishAction::Stopped(ticket) => {
                if let Some(sent) = self.sent.iter_mut().find(|sent| sent.ticket == ticket) {
                    sent.is_over = true;
                    return seat.ask(TelemetryCommand::StopRepeat { ticket });
                }
            }
            PublishAction::Tidied => {
                if let Some(tidy) = payload::tidy_json(&self.draft.payload) {
                    self.draft.payload = tidy;
                }
            }
            PublishAction::AddedProperty => self.draft.user.push((String::new(), String::new())),
            PublishAction::RemovedProperty(index) => {
                if index < self.draft.user.len() {
                    self.draft.user.remove(index);
                }
            }
            PublishAction::TookAgain(ticket) => {
                if let Some(sent) = self.sent.iter().find(|sent| sent.ticket == ticket) {
                    self.draft = sent.draft.clone();
                    self.mistake = None;
                }
            }
            PublishAction::SavedTemplate => self.save_template(seat),
            PublishAction::TookTemplate(index) => {
                if let Some(template) = seat.settings.values.publish_templates.get(index) {
                    self.draft = Draft::from_template(template);
                    self.template_name = template.name.clone();
                    self.mistake = None;
                }
            }
            PublishAction::RemovedTemplate(index) => {
                if index < seat.settings.values.publish_templates.len() {
                    seat.settings.values.publish_templates.remove(index);
                    seat.touch_settings();
                }
            }
            PublishAction::SearchedRetained => return self.search_retained(seat),
            PublishAction::ToggledRetained(index) => {
                let is_listed = matches!(self.retained.phase, RetainedPhase::Listed(_));
                if is_listed && index < self.retained.rows.len() && !self.retained.marked.remove(&index) {
                    self.retained.marked.insert(index);
                }
            }
            PublishAction::MarkedAllRetained(is_marked) => {
                self.retained.marked =
                    if is_marked { (0..self.retained.rows.len()).collect() } else { BTreeSet::new() };
            }
            PublishAction::AskedToClear => {
                if matches!(self.retained.phase, RetainedPhase::Listed(_)) && !self.retained.marked.is_empty() {
                    self.retained.typed.clear();
                    self.retained.is_asking = true;
                }
            }
            PublishAction::ConfirmedClear => return self.clear_retained(seat),
            PublishAction::DroppedClear => self.drop_question(),
        }
        Vec::new()
    }

    pub(super) fn told(&mut self, event: &TelemetryEvent) {
        match event {
            TelemetryEvent::Published { ticket, count, end } => self.published(*ticket, *count, end),
            TelemetryEvent::Retained { topics, search } => {
                if self.retained.phase != RetainedPhase::Searching {
                    return;
                }
                let row = |(topic, bytes): &(String, u64)| RetainedRow {
                    topic: topic.clone(),
                    shown: visible(topic, 400),
                    bytes: *bytes,
                };
                // Each telling holds all that was found so far.
                self.retained.rows = topics.iter().map(row).collect();
                if search.is_over() {
                    self.retained.rows.sort_by(|one, other| one.topic.cmp(&other.topic));
                    self.retained.rows.dedup_by(|one, other| one.topic == other.topic);
                    self.retained.phase = RetainedPhase::Listed(search.problem().cloned());
                }
            }
            TelemetryEvent::RetainedCleared(clearance) => {
                let mut clearance = clearance.clone();
                for cleared in &mut clearance.topics {
                    cleared.topic = visible(&cleared.topic, 400);
                }
                self.retained.rows.clear();
                self.retained.marked.clear();
                self.retained.phase = RetainedPhase::Cleared(clearance);
            }
            _ => {}
        }
    }

    /// The inspection ended: what has no end yet never gets one from it.
    pub(super) fn ended(&mut self) {
        for sent in self.sent.iter_mut().filter(|sent| !sent.is_over || sent.last.is_none()) {
            sent.is_over = true;
            if sent.last.is_none() {
                sent.last = Some(PublishEnd::Unknown);
                sent.ends[end_place(&PublishEnd::Unknown)] += 1;
            }
        }
        self.retained.is_asking = false;
        if self.retained.is_busy() {
            self.retained.phase = RetainedPhase::Idle;
        }
    }

    fn publish(&mut self, seat: &mut Seat<'_, '_>) -> Vec<Command> {
        self.mistake = None;
        if seat.inspection.is_none() {
            return Vec::new();
        }
        let (message, repeat) = match (self.draft.message(), self.repeat.read()) {
            (Ok(message), Ok(repeat)) => (message, repeat),
            (Err(problem), _) | (_, Err(problem)) => {
                self.refuse(problem);
                return Vec::new();
            }
        };
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.sent.push_front(Sent {
            ticket,
            at: seat.desk.now,
            draft: self.draft.clone(),
            preview: match std::str::from_utf8(&message.payload) {
                Ok(_) => visible_octets(&message.payload, 120),
                Err(_) => visible(&hex(message.payload.get(..40).unwrap_or(&message.payload)), 80),
            },
            bytes: message.payload.len(),
            repeat,
            ended: 0,
            ends: [0; 6],
            last: None,
            is_over: repeat.is_none(),
        });
        // What still repeats stays on the list: it has to be stopped from there.
        while self.sent.len() > MOST_SENT {
            let Some(place) = self.sent.iter().rposition(|sent| sent.is_over) else { break };
            self.sent.remove(place);
        }
        seat.ask(TelemetryCommand::Publish { ticket, message: Box::new(message), repeat })
    }

    fn published(&mut self, ticket: u64, count: u32, end: &PublishEnd) {
        let Some(sent) = self.sent.iter_mut().find(|sent| sent.ticket == ticket) else { return };
        sent.ended += 1;
        sent.ends[end_place(end)] = sent.ends[end_place(end)].saturating_add(1);
        sent.last = Some(end.clone());
        if sent.repeat.and_then(|repeat| repeat.times).is_some_and(|times| count >= times) {
            sent.is_over = true;
        }
    }

    fn save_template(&mut self, seat: &mut Seat<'_, '_>) {
        self.mistake = None;
        let name = self.template_name.trim().to_owned();
        let templates = &mut seat.settings.values.publish_templates;
        let known = templates.iter().position(|template| template.name == name);
        let problem = if name.is_empty() {
            Some(wrong("The template has no name", "Type a name for it"))
        } else if self.draft.payload.len() > PublishTemplate::LONGEST_PAYLOAD {
            Some(wrong("The payload is too long for a template", "Templates hold payloads up to 32 KiB"))
        } else if known.is_none() && templates.len() >= PublishTemplate::MOST {
            Some(wrong(format!("There are {} templates already", PublishTemplate::MOST), "Remove one first"))
        } else {
            None
        };
        if let Some(problem) = problem {
            return self.refuse(problem);
        }
        let template = self.draft.template(&name);
        match known {
            Some(place) => templates[place] = template,
            None => templates.push(template),
        }
        seat.touch_settings();
        let now = seat.desk.now;
        seat.desk.toasts.tell(format!("Template {name} saved"), now);
    }

    fn search_retained(&mut self, seat: &Seat<'_, '_>) -> Vec<Command> {
        let retained = &mut self.retained;
        retained.mistake = None;
        if retained.is_busy() || seat.inspection.is_none() {
            return Vec::new();
        }
        match retained.filter.trim().parse::<TopicFilter>() {
            Ok(filter) => {
                retained.rows.clear();
                retained.marked.clear();
                retained.phase = RetainedPhase::Searching;
                seat.ask(TelemetryCommand::FindRetained(filter))
            }
            Err(error) => {
                retained.mistake = Some((error.explain(), retained.filter.clone()));
                Vec::new()
            }
        }
    }

    fn clear_retained(&mut self, seat: &Seat<'_, '_>) -> Vec<Command> {
        let retained = &mut self.retained;
        if !retained.is_asking || !retained.is_typed_right() {
            return Vec::new();
        }
        let topics: Vec<String> =
            retained.marked.iter().filter_map(|index| retained.rows.get(*index)).map(|row| row.topic.clone()).collect();
        retained.phase = RetainedPhase::Clearing(topics.len());
        self.drop_question();
        seat.ask(TelemetryCommand::ClearRetained(topics))
    }

    fn drop_question(&mut self) {
        self.retained.is_asking = false;
        self.retained.typed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Desk;
    use crate::app::jobs::Jobs;
    use crate::app::settings::SettingsView;
    use crate::app::toasts::Toasts;
    use crate::model::ids::JobId;
    use crate::msg::telemetry::RetainedSearch;
    use crate::profile::Catalog;
    use crate::telemetry::view::Query;

    #[derive(Default)]
    struct Bed {
        publish: Publish,
        settings: SettingsView,
    }

    impl Bed {
        fn act(&mut self, action: PublishAction) -> Vec<TelemetryCommand> {
            let (catalog, mut jobs, mut toasts) = (Catalog::default(), Jobs::default(), Toasts::default());
            let query = Query::default();
            let mut desk = Desk { catalog: &catalog, jobs: &mut jobs, toasts: &mut toasts, now: Instant::now() };
            let mut seat =
                Seat { inspection: Some(JobId(1)), query: &query, settings: &mut self.settings, desk: &mut desk };
            let commands = self.publish.act(action, &mut seat).into_iter();
            let telemetry = |command| match command {
                Command::Telemetry { job: JobId(1), command } => command,
                _ => unreachable!("only the inspection is asked"),
            };
            commands.map(telemetry).collect()
        }

        fn publish(&mut self) -> Option<(u64, Outgoing, Option<Repeat>)> {
            match self.act(PublishAction::Published).pop()? {
                TelemetryCommand::Publish { ticket, message, repeat } => Some((ticket, *message, repeat)),
                _ => None,
            }
        }

        #[track_caller]
        fn refused(&mut self) -> String {
            assert!(self.publish().is_none());
            self.publish.mistake().expect("a mistake").what.clone()
        }
    }

    #[test]
    fn what_is_typed_is_what_is_sent() {
        let mut bed = Bed::default();
        bed.publish.draft = Draft {
            topic: "site/cmd".into(),
            payload: "00 ff".into(),
            kind: DraftKind(PayloadKind::Hex),
            qos: Qos::AtLeastOnce,
            is_retained: true,
            content_type: " application/octet-stream ".into(),
            correlation_hex: "0a 0b".into(),
            expiry_secs: "60".into(),
            user: vec![("a".into(), "1".into()), (String::new(), String::new())],
            ..Draft::default()
        };
        let (_, message, repeat) = bed.publish().unwrap();
        assert_eq!((message.payload.as_slice(), message.is_retained, repeat), (&[0, 255][..], true, None));
        let properties = message.properties;
        assert_eq!(properties.content_type.as_deref(), Some("application/octet-stream"));
        assert_eq!((properties.correlation_data, properties.expiry_secs), (vec![10, 11], Some(60)));
        assert_eq!(properties.user, [("a".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn mistakes_are_named_and_nothing_is_sent() {
        let mut bed = Bed::default();
        assert!(bed.refused().contains("it is empty"));
        bed.publish.draft.topic = "a/+".into();
        assert!(bed.refused().contains("it holds + or #"));
        bed.publish.draft.topic = "a".into();
        bed.publish.draft.payload = "{\n\"a\":}".into();
        assert!(bed.refused().contains("line 2, column 5"));
        bed.publish.draft.payload = "{}".into();
        bed.publish.draft.expiry_secs = "soon".into();
        assert!(bed.refused().contains("soon"));
        bed.publish.draft.expiry_secs.clear();
        bed.publish.draft.correlation_hex = "0".into();
        assert!(bed.refused().contains("correlation"));
        bed.publish.draft.correlation_hex.clear();
        bed.publish.repeat = RepeatDraft { is_on: true, every_secs: "0".into(), times: String::new() };
        assert!(bed.refused().contains("time between"));
        bed.publish.repeat.every_secs = "0,5".into();
        assert_eq!(bed.publish().unwrap().2, Some(Repeat { every: Duration::from_millis(500), times: None }));
    }

    #[test]
    fn repetitions_are_counted_by_their_ends_until_the_last() {
        let mut bed = Bed::default();
        bed.publish.draft.topic = "a".into();
        bed.publish.repeat = RepeatDraft { is_on: true, every_secs: "1".into(), times: "3".into() };
        let (ticket, ..) = bed.publish().unwrap();
        let ends = [PublishEnd::Acknowledged, PublishEnd::NobodySubscribed, PublishEnd::Acknowledged];
        for (count, end) in (1..).zip(ends) {
            assert!(bed.publish.repeating().is_some());
            bed.publish.told(&TelemetryEvent::Published { ticket, count, end });
        }
        let sent = bed.publish.sent().next().unwrap();
        assert_eq!((sent.ends, sent.is_over), ([0, 2, 1, 0, 0, 0], true));
        assert!(bed.publish.repeating().is_none());
    }

    #[test]
    fn a_repetition_is_stopped_by_its_ticket() {
        let mut bed = Bed::default();
        bed.publish.draft.topic = "a".into();
        bed.publish.repeat.is_on = true;
        let (ticket, ..) = bed.publish().unwrap();
        let stopped = bed.act(PublishAction::Stopped(ticket));
        assert!(matches!(stopped[..], [TelemetryCommand::StopRepeat { ticket: stopped }] if stopped == ticket));
        assert!(bed.act(PublishAction::Stopped(99)).is_empty());
    }

    #[test]
    fn what_has_no_end_when_the_inspection_ends_is_unknown() {
        let mut bed = Bed::default();
        bed.publish.draft.topic = "a".into();
        bed.publish().unwrap();
        bed.publish.ended();
        assert_eq!(bed.publish.sent().next().unwrap().last, Some(PublishEnd::Unknown));
    }

    #[test]
    fn templates_are_kept_replaced_and_taken_back() {
        let mut bed = Bed::default();
        bed.publish.draft.topic = "a".into();
        bed.act(PublishAction::SavedTemplate);
        assert!(bed.publish.mistake().is_some() && !bed.settings.is_unsaved(), "it has no name");
        bed.publish.template_name = "Reboot".into();
        bed.act(PublishAction::SavedTemplate);
        bed.publish.draft.topic = "b".into();
        bed.act(PublishAction::SavedTemplate);
        assert_eq!(bed.settings.values.publish_templates.len(), 1);
        assert!(bed.settings.is_unsaved());
        bed.publish.draft = Draft::default();
        bed.act(PublishAction::TookTemplate(0));
        assert_eq!(bed.publish.draft.topic, "b");
        bed.act(PublishAction::RemovedTemplate(0));
        assert!(bed.settings.values.publish_templates.is_empty());
    }

    #[test]
    fn retained_messages_are_cleared_only_when_their_number_was_typed() {
        let mut bed = Bed::default();
        bed.publish.retained.filter = "a/#".into();
        assert!(matches!(bed.act(PublishAction::SearchedRetained)[..], [TelemetryCommand::FindRetained(_)]));
        let found = [("a/2".to_owned(), 5), ("a/1".to_owned(), 7), ("a/3".to_owned(), 1)];
        let so_far = TelemetryEvent::Retained { topics: found[..2].to_vec(), search: RetainedSearch::Running };
        bed.publish.told(&so_far);
        bed.publish.told(&so_far);
        assert_eq!(bed.publish.retained.rows().len(), 2, "a telling holds all that was found so far");
        bed.act(PublishAction::AskedToClear);
        assert!(bed.publish.question().is_none(), "the list is not complete");
        let search = RetainedSearch::Quiet(Duration::from_secs(3));
        bed.publish.told(&TelemetryEvent::Retained { topics: found.to_vec(), search: search.clone() });
        bed.act(PublishAction::AskedToClear);
        assert!(bed.publish.question().is_none(), "nothing is marked");
        bed.act(PublishAction::MarkedAllRetained(true));
        bed.act(PublishAction::ToggledRetained(2));
        assert_eq!(bed.publish.retained.marked(), (2, 12));
        bed.act(PublishAction::AskedToClear);
        assert_eq!(bed.publish.question(), Some((2, "a/#")));
        bed.publish.retained.typed = "3".into();
        assert!(bed.act(PublishAction::ConfirmedClear).is_empty());
        bed.publish.retained.typed = " 2 ".into();
        let cleared = bed.act(PublishAction::ConfirmedClear);
        assert!(matches!(&cleared[..], [TelemetryCommand::ClearRetained(topics)] if topics == &["a/1", "a/2"]));
        assert!(bed.publish.question().is_none() && bed.publish.retained.is_busy());
        let clearance = Clearance { topics: Vec::new(), look: search };
        bed.publish.told(&TelemetryEvent::RetainedCleared(clearance.clone()));
        assert_eq!(bed.publish.retained.phase(), &RetainedPhase::Cleared(clearance));
    }
}
