//! Telemetry: one inspection of a broker or recording as the screen shows it. This file has what is in sight and the newest
//! snapshot; the life of the inspection and each pane have a file of their own.
//!
//! Only what is in sight is asked for: [`Telemetry::view_spec`] is put together from the pane shown, and sent when it
//! changed. Rows are placed by number and named by id: what was chosen is a topic or a message, never a row.

pub mod bench;
pub mod connect;
pub mod detail;
pub mod doctor;
pub mod expect;
pub mod insight;
mod inspection;
pub mod items;
pub mod list;
pub mod memory;
pub mod panes;
pub mod plot;
pub mod publish;
pub mod recorder;
mod seat;
pub mod text_lines;
pub mod trace;
pub mod tree;
pub mod trigger;
pub mod value_tree;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use self::connect::{ConnectAction, ConnectForm};
use self::detail::{Detail, DetailAction};
use self::doctor::Doctor;
pub(super) use self::inspection::Commissioned;
pub use self::inspection::{Forgetting, Inspection};
use self::list::{List, ListAction};
use self::panes::{PaneAction, Panes};
use self::seat::Seat;
use self::tree::{Tree, TreeAction};
use super::Desk;
use super::settings::SettingsView;
use crate::model::ids::JobId;
use crate::model::mqtt::message::Grant;
use crate::model::problem::Problem;
use crate::msg::Command;
use crate::msg::telemetry::{InspectionState, TelemetryCommand};
use crate::telemetry::view::{Counters, Snapshot, TopicId, ViewSpec};

/// The tabs of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// Topics or the live list, the history of a topic, and a message.
    #[default]
    Messages,
    /// Curves.
    Plot,
    /// Messages to publish, and retained ones to clear.
    Publish,
    /// Talkers, silent ones, and how regular the topics are.
    Insight,
    /// Packets other than messages.
    Trace,
    /// What a profile expects.
    Expectations,
    /// The broker's own state.
    Broker,
}

impl Pane {
    /// All of them, as they stand side by side.
    pub const ALL: [Self; 7] =
        [Self::Messages, Self::Plot, Self::Publish, Self::Insight, Self::Trace, Self::Expectations, Self::Broker];

    /// The name on the screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Messages => "Messages",
            Self::Plot => "Plot",
            Self::Publish => "Publish",
            Self::Insight => "Insight",
            Self::Trace => "Trace",
            Self::Expectations => "Expected",
            Self::Broker => "Broker",
        }
    }
}

/// What the first pane of the messages lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feed {
    /// The topic tree.
    #[default]
    Topics,
    /// All messages in the order of arrival.
    Live,
}

/// How far in a person is where the panes stand one at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// At the topics or the live list.
    #[default]
    List,
    /// At the history of a topic.
    History,
    /// At a message.
    Message,
}

/// What the connection panel shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setup {
    /// The form and the stages of the connection.
    #[default]
    Broker,
    /// The bench broker.
    Bench,
}

/// What the user did on Telemetry.
#[derive(Clone, Debug, PartialEq)]
pub enum TelemetryAction {
    /// Went to a tab.
    WentTo(Pane),
    /// Lists topics, or messages as they come.
    Listed(Feed),
    /// Went on to what is chosen, where the panes stand one at a time.
    WentIn(Depth),
    /// Went back one pane.
    WentBack,
    /// Opened the connection panel, or closed it.
    ShowedConnection(bool),
    /// Chose what the connection panel shows, and opened it.
    ChoseSetup(Setup),
    /// Something on the form of the connection.
    Connect(ConnectAction),
    /// Something in the topic tree.
    Tree(TreeAction),
    /// Something in the list of messages.
    List(ListAction),
    /// Something with the history of a topic, or with one message.
    Detail(DetailAction),
    /// Something on one of the other panes.
    Pane(PaneAction),
    /// Opens a recording, to be replayed beside what is watched.
    OpenedRecording(PathBuf),
    /// Shows another of the items that are watched.
    ShowedItem(JobId),
    /// Closes an item.
    ClosedItem(JobId),
    /// Begins another connection beside what is watched.
    Began,
    /// Connects by a saved connection beside what is watched; one that needs a secret asks for it first.
    UsedSaved(usize),
    /// Takes an address into the form of the connection.
    TookAddress(String),
    /// Connects with what the form says.
    Connected,
    /// Ends the connection, or the attempts; what was received stays.
    Disconnected,
    /// Ends the inspection, and forgets what was received.
    Closed,
    /// Uses the gateway's own identity after all.
    ConfirmedIdentity,
    /// Does not use the gateway's identity.
    DroppedIdentity,
    /// Read a warning.
    DismissedWarning(usize),
    /// Draws a curve of a value: where it is, as a jq expression.
    Plotted {
        /// Its topic.
        topic: String,
        /// Its path.
        path: String,
    },
    /// Goes from a message to its topic in the tree.
    ShowedInTree,
    /// Wants to publish to that topic.
    PublishesTo(String),
    /// Lists only what is below those levels.
    SearchesBelow(String),
    /// Forgets the messages and counts anew.
    Cleared,
    /// Confirms what forgets messages.
    ConfirmedForgetting,
    /// Keeps the messages after all.
    DroppedForgetting,
}

/// The view model of Telemetry.
#[derive(Default)]
pub struct Telemetry {
    /// The form of the connection; its fields are edited in place.
    pub form: ConnectForm,
    /// The stages of the connection.
    pub doctor: Doctor,
    /// The topic tree.
    pub tree: Tree,
    /// The list of messages.
    pub list: List,
    /// History and message.
    pub detail: Detail,
    /// The other panes.
    pub panes: Panes,
    pane: Pane,
    feed: Feed,
    depth: Depth,
    /// Whether the connection panel is open; `None` until a person or a connection said so.
    is_connection_shown: Option<bool>,
    setup: Setup,
    inspection: Option<Inspection>,
    snapshot: Option<Arc<Snapshot>>,
    question: Option<Box<Problem>>,
    forgetting: Option<Forgetting>,
    warnings: Vec<Problem>,
    asked: Option<ViewSpec>,
}

impl Telemetry {
    /// The tab shown.
    pub const fn pane(&self) -> Pane {
        self.pane
    }

    /// What the first pane of the messages lists.
    pub const fn feed(&self) -> Feed {
        self.feed
    }

    /// Which pane is in sight where they stand one at a time.
    pub const fn depth(&self) -> Depth {
        self.depth
    }

    /// Whether the connection panel is open: until something is watched, unless a person wants it otherwise.
    pub fn is_connection_shown(&self) -> bool {
        self.is_connection_shown.unwrap_or_else(|| self.job().is_none())
    }

    /// What the connection panel shows.
    pub const fn setup(&self) -> Setup {
        self.setup
    }

    /// The inspection, open or ended.
    pub const fn inspection(&self) -> Option<&Inspection> {
        self.inspection.as_ref()
    }

    /// The job, while it runs.
    pub fn job(&self) -> Option<JobId> {
        self.inspection.as_ref().filter(|inspection| inspection.is_open()).map(|inspection| inspection.job)
    }

    /// Whether it watches that broker now, and is connected to it.
    pub(super) fn is_of(&self, url: &str) -> bool {
        let connected = self.inspection.as_ref().filter(|one| one.is_connected() && !one.is_replay);
        connected.is_some_and(|one| one.name.trim_end_matches('/') == url.trim_end_matches('/'))
    }

    /// Whether messages can come and go now.
    pub fn is_connected(&self) -> bool {
        self.inspection.as_ref().is_some_and(Inspection::is_connected)
    }

    /// The newest snapshot.
    pub const fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// What is counted.
    pub fn counters(&self) -> Counters {
        self.snapshot.as_ref().map_or_else(Counters::default, |snapshot| snapshot.counters)
    }

    /// The question whether a gateway's own identity is to be used.
    pub fn question(&self) -> Option<&Problem> {
        self.question.as_deref()
    }

    /// What would forget messages and waits for a person's word, with the number of those messages.
    pub fn forgetting(&self) -> Option<(&Forgetting, u64)> {
        self.forgetting.as_ref().map(|forgetting| (forgetting, self.counters().held))
    }

    /// What the broker said to the subscriptions, those of the connection first.
    pub fn grants(&self) -> &[Grant] {
        let Some(inspection) = self.inspection.as_ref().filter(|inspection| inspection.is_connected()) else {
            return &[];
        };
        &inspection.grants
    }

    /// Warnings that were not read yet.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Whether a clock on the screen has to tick.
    pub fn is_ticking(&self) -> bool {
        if self.panes.recorder.is_waiting() {
            return true;
        }
        let state = self.inspection.as_ref().filter(|one| one.is_open()).and_then(|one| one.state.as_ref());
        matches!(
            state,
            Some(
                InspectionState::Connecting { .. }
                    | InspectionState::Waiting { .. }
                    | InspectionState::Connected { login_ends: Some(_), .. }
            )
        )
    }

    /// What is to be asked for while this screen is shown: only what is in sight.
    pub fn view_spec(&self) -> ViewSpec {
        let mut spec = ViewSpec::default();
        if self.is_connection_shown() {
            return spec;
        }
        match self.pane {
            Pane::Messages => {
                match self.feed {
                    Feed::Topics => spec.tree = Some(self.tree.spec()),
                    Feed::Live => spec.list = Some(self.list.spec()),
                }
                self.detail.contribute(&mut spec);
            }
            other => self.panes.contribute(other, &mut spec),
        }
        spec
    }

    /// Asks for what is in sight, if that changed since it was asked for last.
    pub(super) fn refresh_view(&mut self, is_shown: bool) -> Option<Command> {
        let job = self.job()?;
        let spec = if is_shown { self.view_spec() } else { ViewSpec::default() };
        if self.asked.as_ref() == Some(&spec) {
            return None;
        }
        self.asked = Some(spec.clone());
        Some(Command::Telemetry { job, command: TelemetryCommand::View(Box::new(spec)) })
    }

    pub(super) fn act(
        &mut self,
        action: TelemetryAction,
        settings: &mut SettingsView,
        desk: &mut Desk<'_>,
    ) -> Vec<Command> {
        let commands = match action {
            TelemetryAction::WentTo(_)
            | TelemetryAction::Listed(_)
            | TelemetryAction::WentIn(_)
            | TelemetryAction::WentBack
            | TelemetryAction::ShowedConnection(_)
            | TelemetryAction::ChoseSetup(_) => {
                self.turn(&action);
                Vec::new()
            }
            TelemetryAction::Connect(action) => self.form.act(action, settings, desk),
            TelemetryAction::Tree(action) => self.on_tree(action, desk),
            TelemetryAction::List(action) => self.on_list(action),
            TelemetryAction::Detail(action) => self.on_detail(action, desk),
            TelemetryAction::Pane(action) => {
                let inspection = self.job();
                let query = &self.list.spec().query;
                return self.panes.act(action, &mut Seat { inspection, query, settings, desk });
            }
            TelemetryAction::OpenedRecording(path) => return self.open_recording(path, desk),
            TelemetryAction::ShowedItem(_)
            | TelemetryAction::ClosedItem(_)
            | TelemetryAction::Began
            | TelemetryAction::UsedSaved(_) => Vec::new(),
            TelemetryAction::TookAddress(url) => return self.take_address(&url, desk),
            TelemetryAction::Connected => return self.connect(settings, desk),
            TelemetryAction::Disconnected => vec![TelemetryCommand::Disconnect],
            TelemetryAction::Closed => match self.asks_before(Forgetting::Close) {
                Some(_) => vec![TelemetryCommand::Close],
                None => Vec::new(),
            },
            TelemetryAction::ConfirmedIdentity => {
                if self.question.take().is_none() {
                    return Vec::new();
                }
                vec![TelemetryCommand::ConfirmIdentity]
            }
            TelemetryAction::DroppedIdentity => {
                if self.question.take().is_none() {
                    return Vec::new();
                }
                vec![TelemetryCommand::Disconnect]
            }
            TelemetryAction::DismissedWarning(place) => {
                if place < self.warnings.len() {
                    self.warnings.remove(place);
                }
                Vec::new()
            }
            TelemetryAction::Plotted { topic, path } => {
                self.panes.plot.add_path(&topic, path);
                desk.toasts.tell("Added to the plot", desk.now);
                Vec::new()
            }
            TelemetryAction::ShowedInTree => self.show_in_tree(desk),
            TelemetryAction::PublishesTo(topic) => {
                self.panes.publish.draft.topic = topic;
                self.turn(&TelemetryAction::WentTo(Pane::Publish));
                Vec::new()
            }
            TelemetryAction::SearchesBelow(levels) => {
                self.tree.search = format!("{levels}/#");
                self.tree.act(TreeAction::Searched, desk.now)
            }
            TelemetryAction::Cleared => match self.asks_before(Forgetting::Clear) {
                Some(_) => self.clear(),
                None => Vec::new(),
            },
            TelemetryAction::ConfirmedForgetting => match self.forgetting.take() {
                Some(Forgetting::Clear) => self.clear(),
                Some(Forgetting::Close) => vec![TelemetryCommand::Close],
                Some(Forgetting::Connect) => return self.connect_elsewhere(settings, desk),
                None => Vec::new(),
            },
            TelemetryAction::DroppedForgetting => {
                self.forgetting = None;
                Vec::new()
            }
        };
        self.addressed(commands)
    }

    /// Turns to another part of the screen.
    fn turn(&mut self, action: &TelemetryAction) {
        match *action {
            TelemetryAction::WentTo(pane) => {
                self.pane = pane;
                self.show_connection(false);
            }
            TelemetryAction::Listed(feed) => {
                self.feed = feed;
                self.depth = Depth::List;
            }
            TelemetryAction::WentIn(depth) => self.depth = depth,
            TelemetryAction::WentBack => {
                self.depth = match (self.depth, self.feed) {
                    (Depth::Message, Feed::Topics) => Depth::History,
                    _ => Depth::List,
                };
            }
            TelemetryAction::ShowedConnection(is_shown) => self.show_connection(is_shown),
            TelemetryAction::ChoseSetup(setup) => {
                self.setup = setup;
                self.show_connection(true);
            }
            _ => {}
        }
    }

    const fn show_connection(&mut self, is_shown: bool) {
        self.is_connection_shown = Some(is_shown);
    }

    /// The panel with the form, for something that is missing there.
    pub(super) const fn show_form(&mut self) {
        self.setup = Setup::Broker;
        self.show_connection(true);
    }

    /// Commands of the inspection's job; none while there is no such job.
    fn addressed(&self, commands: Vec<TelemetryCommand>) -> Vec<Command> {
        let Some(job) = self.job() else { return Vec::new() };
        commands.into_iter().map(|command| Command::Telemetry { job, command }).collect()
    }

    fn on_tree(&mut self, action: TreeAction, desk: &Desk<'_>) -> Vec<TelemetryCommand> {
        match &action {
            TreeAction::Selected(selected) => {
                self.detail.choose_topic(selected.topic);
                self.seek(false);
            }
            TreeAction::WentTo(_) => self.seek(false),
            // Wherever it is asked for, the topic is to be seen.
            TreeAction::Revealed(_) => {
                self.turn(&TelemetryAction::WentTo(Pane::Messages));
                self.turn(&TelemetryAction::Listed(Feed::Topics));
                self.seek(false);
            }
            _ => {}
        }
        let commands = self.tree.act(action, desk.now);
        if let (TreeAction::WentTo(_), Some(selected)) = (action, self.tree.selected()) {
            self.detail.choose_topic(selected.topic);
        }
        commands
    }

    const fn seek(&mut self, seeks_topic: bool) {
        if let Some(inspection) = &mut self.inspection {
            inspection.seeks_topic = seeks_topic;
        }
    }

    /// Shows the topic of a gateway: the one that names it, else that of its first message; now, or as soon as it comes.
    pub(super) fn seek_topic_of(&mut self, gateway: &str, desk: &Desk<'_>) -> Vec<Command> {
        let of_gateway = self.inspection.as_ref().filter(|one| one.gateway.as_deref() == Some(gateway));
        let known = of_gateway.and_then(|one| one.first_topic).map(TreeAction::Revealed);
        let mut commands = known.map(|reveals| self.on_tree(reveals, desk)).unwrap_or_default();
        self.seek(true);
        commands.push(TelemetryCommand::FindGateway(gateway.to_owned()));
        self.addressed(commands)
    }

    /// The topic of the gateway looked for is known. What is shown beside the tree isn't left for it.
    fn found_topic(&mut self, topic: TopicId, desk: &Desk<'_>) -> Vec<Command> {
        if !self.inspection.as_ref().is_some_and(|one| one.seeks_topic) {
            return Vec::new();
        }
        let commands = self.tree.act(TreeAction::Revealed(topic), desk.now);
        self.addressed(commands)
    }

    fn show_in_tree(&mut self, desk: &Desk<'_>) -> Vec<TelemetryCommand> {
        let Some(topic) = self.detail.topic() else { return Vec::new() };
        self.pane = Pane::Messages;
        self.feed = Feed::Topics;
        self.tree.act(TreeAction::Revealed(topic), desk.now)
    }

    fn on_list(&mut self, action: ListAction) -> Vec<TelemetryCommand> {
        if let ListAction::Selected(row) = &action {
            self.detail.choose_message(row);
            self.seek(false);
        }
        self.list.act(action)
    }

    fn on_detail(&mut self, action: DetailAction, desk: &mut Desk<'_>) -> Vec<TelemetryCommand> {
        self.detail.act(action, desk)
    }

    /// Puts an address into the form and says so.
    fn take_address(&mut self, url: &str, desk: &mut Desk<'_>) -> Vec<Command> {
        if self.is_of(url) {
            self.show_connection(false);
            desk.toasts.tell(format!("Already connected to {url}"), desk.now);
            return Vec::new();
        }
        let news = format!("Address filled in: {url}");
        self.form.take_demo(url);
        self.show_form();
        desk.toasts.tell(news, desk.now);
        Vec::new()
    }
}
