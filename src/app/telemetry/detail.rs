//! The history of a topic and one message in full: which one is shown, how it is read, and what is folded.
//!
//! A message that is looked at stays, even when it had to make room in the store meanwhile.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::list::Picked;
use super::text_lines::TextLines;
use super::value_tree::Lines;
use crate::app::Desk;
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::msg::telemetry::{DecoderRule, TelemetryCommand};
use crate::telemetry::value::{Body, DecoderKind};
use crate::telemetry::view::{
    Chosen, Compare, HistoryPage, HistorySpec, MessageDetail, MessageId, MessageRow, MessageSpec, Snapshot, TopicId,
    ViewSpec,
};

/// Rows asked for beside those in sight.
const OVERSCAN: usize = 24;
/// Rules kept at most.
const MAX_RULES: usize = 200;

/// How a message is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Face {
    /// The values it holds.
    Value,
    /// Text.
    Text,
    /// Bytes.
    Hex,
    /// A picture.
    Picture,
    /// What changed since the message before.
    Diff,
    /// What came beside the payload.
    Facts,
}

impl Face {
    /// The name on the screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Value => "Value",
            Self::Text => "Text",
            Self::Hex => "Hex",
            Self::Picture => "Picture",
            Self::Diff => "Changes",
            Self::Facts => "Facts",
        }
    }
}

/// What the user did with history and message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DetailAction {
    /// Other rows of the history are in sight: the first, and how many.
    ScrolledHistory {
        /// The first row in sight.
        first: usize,
        /// How many.
        count: usize,
    },
    /// The pointer came over the history, or left it.
    Hovered(bool),
    /// Chose a message of the history.
    Picked(MessageId),
    /// Looks at the newest again.
    Followed,
    /// Shows it so.
    Turned(Face),
    /// Reads this message so; `None` to find out.
    ReadAs(Option<DecoderKind>),
    /// Reads messages on the typed topics always so.
    AlwaysRead,
    /// Takes a rule away.
    DroppedRule(usize),
    /// Takes the typed schema file in.
    LoadedSchemas,
    /// Folds a value open or shut.
    Folded(u64),
    /// Closes the message.
    Closed,
}

/// The view model of history and message.
#[derive(Default)]
pub struct Detail {
    /// The topics a rule is to hold for; edited in place.
    pub rule_filter: String,
    /// The message type a rule is to read, for Protobuf; edited in place.
    pub message_type: String,
    /// The path of a schema; edited in place.
    pub schema_path: String,
    topic: Option<TopicId>,
    picked: Option<MessageId>,
    until: Option<MessageId>,
    is_hovered: bool,
    sight: (usize, usize),
    face: Option<Face>,
    decoder: Option<DecoderKind>,
    rules: Vec<DecoderRule>,
    rule_problem: Option<Problem>,
    types: Vec<String>,
    schema_problem: Option<Problem>,
    toggled: HashSet<u64>,
    history: Option<HistoryPage>,
    message: Option<Arc<MessageDetail>>,
    is_gone: bool,
    lines: Option<Lines>,
    text: Option<TextLines>,
}

impl Detail {
    /// The topic shown.
    pub const fn topic(&self) -> Option<TopicId> {
        self.topic
    }

    /// The message that was picked; `None` while the newest is shown.
    pub const fn picked(&self) -> Option<MessageId> {
        self.picked
    }

    /// The history, once it is here.
    pub const fn history(&self) -> Option<&HistoryPage> {
        self.history.as_ref()
    }

    /// The row of the history at that place, if it is here.
    pub fn history_row(&self, place: usize) -> Option<&MessageRow> {
        let page = self.history.as_ref()?;
        page.rows.get(place.checked_sub(page.first)?)
    }

    /// Where the picked message is in the history, if it is here.
    pub fn picked_place(&self) -> Option<usize> {
        let (page, picked) = (self.history.as_ref()?, self.picked?);
        let at = page.rows.iter().position(|row| row.id == picked)?;
        Some(page.first + at)
    }

    /// The first row of the history in sight, and how many are.
    pub const fn sight(&self) -> (usize, usize) {
        self.sight
    }

    /// Whether the pointer is over the history.
    pub const fn is_hovered(&self) -> bool {
        self.is_hovered
    }

    /// The message, once it is here.
    pub const fn message(&self) -> Option<&Arc<MessageDetail>> {
        self.message.as_ref()
    }

    /// Whether the message shown is held no more.
    pub const fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// How this message is to be read; `None` to find out.
    pub const fn decoder(&self) -> Option<DecoderKind> {
        self.decoder
    }

    /// How messages of certain topics are always read.
    pub fn rules(&self) -> &[DecoderRule] {
        &self.rules
    }

    /// Why the typed rule cannot be.
    pub const fn rule_problem(&self) -> Option<&Problem> {
        self.rule_problem.as_ref()
    }

    /// The message types of the schemas taken in.
    pub fn types(&self) -> &[String] {
        &self.types
    }

    /// Why the schema cannot be used.
    pub const fn schema_problem(&self) -> Option<&Problem> {
        self.schema_problem.as_ref()
    }

    /// How the message is shown: as chosen, if it can be, or as it shows most.
    pub fn face(&self) -> Face {
        let Some(message) = &self.message else { return self.face.unwrap_or(Face::Value) };
        match self.face {
            Some(face) if faces(message).contains(&face) => face,
            _ => faces(message)[0],
        }
    }

    /// The ways in which the message can be shown, the most telling first.
    pub fn faces(&self) -> Vec<Face> {
        self.message.as_ref().map_or_else(Vec::new, |message| faces(message))
    }

    /// The lines of the value, laid out once a message and fold.
    pub fn lines(&mut self) -> Option<&Lines> {
        if self.lines.is_none() {
            let Body::Tree(value) = &self.message.as_ref()?.decoded.body else { return None };
            self.lines = Some(Lines::of(value, &self.toggled));
        }
        self.lines.as_ref()
    }

    /// The lines of the text, laid out once a message and width.
    pub fn text_lines(&mut self, width: usize) -> Option<&TextLines> {
        if self.text.as_ref().is_none_or(|text| text.width() != width.max(8)) {
            let message = self.message.as_ref()?;
            let text = match &message.decoded.body {
                Body::Text(text) => Arc::clone(text),
                _ => Arc::from(String::from_utf8_lossy(&message.payload)),
            };
            self.text = Some(TextLines::of(text, width));
        }
        self.text.as_ref()
    }

    /// Asks for the history and the message shown.
    pub(super) fn contribute(&self, spec: &mut ViewSpec) {
        if let Some(topic) = self.topic {
            let (first, count) = self.sight;
            let first = first.saturating_sub(OVERSCAN);
            spec.history = Some(HistorySpec { topic, until: self.until, first, count: count.max(16) + 2 * OVERSCAN });
        }
        self.contribute_message(spec);
    }

    /// Asks for the message shown.
    pub(super) fn contribute_message(&self, spec: &mut ViewSpec) {
        let message = self.picked.map(Chosen::Message).or(self.topic.map(Chosen::NewestOf));
        let compare = if self.face == Some(Face::Diff) { Compare::Previous } else { Compare::Nothing };
        spec.message = message.map(|message| MessageSpec { message, decoder: self.decoder, compare });
    }

    /// A topic was chosen in the tree, or a level that is none.
    pub(super) fn choose_topic(&mut self, topic: Option<TopicId>) {
        if self.topic == topic && self.picked.is_none() {
            return;
        }
        if self.topic != topic {
            self.history = None;
            self.drop_message();
            self.decoder = None;
            self.toggled.clear();
        }
        self.topic = topic;
        self.picked = None;
        self.until = None;
        self.sight = (0, self.sight.1);
    }

    /// A message was chosen in the list.
    pub(super) fn choose_message(&mut self, picked: &Picked) {
        if self.topic != Some(picked.topic) {
            self.choose_topic(Some(picked.topic));
        }
        self.pick(picked.id);
    }

    fn pick(&mut self, id: MessageId) {
        self.picked = Some(id);
        self.is_gone = false;
        self.hold();
    }

    /// What is looked at must not run away: the history stands still, and counts what comes.
    fn hold(&mut self) {
        if self.until.is_none() {
            let newest = self.history.as_ref().filter(|page| page.first == 0).and_then(|page| page.rows.first());
            self.until = newest.map(|row| row.id);
        }
    }

    pub(super) fn act(&mut self, action: DetailAction, _desk: &mut Desk<'_>) -> Vec<TelemetryCommand> {
        match action {
            DetailAction::ScrolledHistory { first, count } => {
                self.sight = (first, count);
                if first > 0 {
                    self.hold();
                }
            }
            DetailAction::Hovered(is_hovered) => {
                self.is_hovered = is_hovered;
                if is_hovered {
                    self.hold();
                } else if self.picked.is_none() && self.sight.0 == 0 {
                    self.until = None;
                }
            }
            DetailAction::Picked(id) => self.pick(id),
            DetailAction::Followed => {
                self.picked = None;
                self.until = None;
                self.is_gone = false;
                self.sight.0 = 0;
            }
            DetailAction::Turned(face) => self.face = Some(face),
            DetailAction::ReadAs(decoder) => {
                self.decoder = decoder;
                self.face = None;
            }
            DetailAction::AlwaysRead => return self.add_rule(),
            DetailAction::DroppedRule(place) => {
                if place < self.rules.len() {
                    self.rules.remove(place);
                    return vec![TelemetryCommand::SetDecoders(self.rules.clone())];
                }
            }
            DetailAction::LoadedSchemas => {
                let path = self.schema_path.trim();
                if !path.is_empty() {
                    self.schema_problem = None;
                    return vec![TelemetryCommand::LoadSchemas { paths: vec![PathBuf::from(path)] }];
                }
            }
            DetailAction::Folded(key) => {
                if !self.toggled.remove(&key) {
                    self.toggled.insert(key);
                }
                self.lines = None;
            }
            DetailAction::Closed => self.choose_topic(None),
        }
        Vec::new()
    }

    fn add_rule(&mut self) -> Vec<TelemetryCommand> {
        let shown = self.message.as_ref().map(|message| message.decoded.kind);
        let Some(kind) = self.decoder.or(shown) else { return Vec::new() };
        match self.rule_filter.trim().parse::<TopicFilter>() {
            Ok(filter) => {
                self.rule_problem = None;
                let typed = Some(self.message_type.trim()).filter(|name| !name.is_empty());
                let message_type = typed.filter(|_| kind == DecoderKind::Protobuf).map(str::to_owned);
                self.rules.retain(|rule| rule.filter != filter);
                if self.rules.len() < MAX_RULES {
                    self.rules.push(DecoderRule { filter, kind, message_type });
                }
                vec![TelemetryCommand::SetDecoders(self.rules.clone())]
            }
            Err(error) => {
                self.rule_problem = Some(error.explain());
                Vec::new()
            }
        }
    }

    pub(super) fn schemas_loaded(&mut self, answer: Result<Vec<String>, Problem>) {
        match answer {
            Ok(types) => {
                if self.message_type.is_empty() {
                    self.message_type = types.first().cloned().unwrap_or_default();
                }
                self.types = types;
                self.schema_problem = None;
            }
            Err(problem) => self.schema_problem = Some(problem),
        }
    }

    /// Takes in what belongs to what is chosen now; the rest is late.
    pub(super) fn take_in(&mut self, snapshot: &Snapshot) {
        if let Some(page) = &snapshot.history {
            let is_ours = page.rows.first().is_none_or(|row| Some(row.topic_id) == self.topic);
            if is_ours && self.topic.is_some() {
                self.history = Some(page.clone());
            }
        }
        match &snapshot.message {
            Some(message) if self.is_wanted(&message.row) => {
                if self.message.as_ref().is_none_or(|known| !Arc::ptr_eq(known, message)) {
                    self.drop_message();
                    self.message = Some(Arc::clone(message));
                }
                self.is_gone = false;
            }
            Some(_) => {}
            None => self.is_gone = self.picked.is_some() && self.message.is_some(),
        }
    }

    fn is_wanted(&self, row: &MessageRow) -> bool {
        match self.picked {
            Some(id) => row.id == id,
            None => Some(row.topic_id) == self.topic,
        }
    }

    fn drop_message(&mut self) {
        self.message = None;
        self.lines = None;
        self.text = None;
        self.is_gone = false;
    }

    pub(super) fn forget(&mut self) {
        self.choose_topic(None);
        self.history = None;
        self.drop_message();
    }
}

fn faces(message: &MessageDetail) -> Vec<Face> {
    let mut faces = match &message.decoded.body {
        Body::Tree(_) => vec![Face::Value, Face::Text],
        Body::Text(_) => vec![Face::Text],
        Body::Bytes(_) => vec![],
        Body::Image { .. } => vec![Face::Picture],
    };
    faces.extend([Face::Hex, Face::Diff, Face::Facts]);
    if !faces.contains(&Face::Text) {
        faces.insert(faces.len() - 2, Face::Text);
    }
    faces
}
