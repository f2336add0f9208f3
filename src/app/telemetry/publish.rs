//! Publish: a message and what became of it, again and again if so wanted; templates; and the retained messages of a broker.

mod draft;
mod retained;

use std::collections::VecDeque;
use std::time::Instant;

use self::draft::wrong;
pub use self::draft::{Draft, DraftKind, RepeatDraft};
pub use self::retained::{Retained, RetainedPhase, RetainedRow};
use super::seat::Seat;
use crate::model::mqtt::message::PublishEnd;
use crate::model::mqtt::payload;
use crate::model::problem::Problem;
use crate::model::settings::PublishTemplate;
use crate::model::text::{hex, visible, visible_octets};
use crate::msg::Command;
use crate::msg::telemetry::{Repeat, TelemetryCommand, TelemetryEvent};

/// Messages remembered as sent.
const MOST_SENT: usize = 100;
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
        self.retained.question()
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
            PublishAction::SearchedRetained => return self.retained.search(seat),
            PublishAction::ToggledRetained(index) => self.retained.toggle(index),
            PublishAction::MarkedAllRetained(is_marked) => self.retained.mark_all(is_marked),
            PublishAction::AskedToClear => self.retained.ask(),
            PublishAction::ConfirmedClear => return self.retained.clear(seat),
            PublishAction::DroppedClear => self.retained.drop_question(),
        }
        Vec::new()
    }

    pub(super) fn told(&mut self, event: &TelemetryEvent) {
        match event {
            TelemetryEvent::Published { ticket, count, end } => self.published(*ticket, *count, end),
            TelemetryEvent::Retained { topics, search } => self.retained.found(topics, search),
            TelemetryEvent::RetainedCleared(clearance) => self.retained.cleared(clearance),
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
        self.retained.ended();
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
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::app::Desk;
    use crate::app::jobs::Jobs;
    use crate::app::settings::SettingsView;
    use crate::app::toasts::Toasts;
    use crate::model::ids::JobId;
    use crate::model::mqtt::message::{Outgoing, Qos};
    use crate::model::mqtt::payload::PayloadKind;
    use crate::msg::telemetry::{Clearance, RetainedSearch};
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
