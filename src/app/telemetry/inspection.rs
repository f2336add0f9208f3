//! The life of one inspection: how it begins, by a form, a gateway or a recording; what it reports; what forgets its messages;
//! how it ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::doctor::Doctor;
use super::recorder::Recorder;
use super::{Depth, Setup, Telemetry};
use crate::app::Desk;
use crate::app::jobs::JobKind;
use crate::app::settings::SettingsView;
use crate::model::act;
use crate::model::ids::{JobId, ProfileId};
use crate::model::mqtt::message::Grant;
use crate::model::standing::is_named_in;
use crate::model::text::visible;
use crate::msg::telemetry::{InspectionSource, InspectionStart, InspectionState, TelemetryCommand, TelemetryEvent};
use crate::msg::{Command, JobEnd};
use crate::telemetry::view::{Snapshot, TopicId};

/// What forgets messages, and is done only after a person's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgetting {
    /// Counting anew.
    Clear,
    /// Closing the inspection.
    Close,
    /// Connecting to another broker.
    Connect,
}

/// A gateway that was commissioned.
pub(in crate::app) struct Commissioned {
    /// Its name.
    pub(in crate::app) name: String,
    /// Its profile.
    pub(in crate::app) profile: Option<ProfileId>,
    /// How long ago it was given its network.
    pub(in crate::app) pushed_before: Option<Duration>,
}

/// What is known of one inspection.
pub struct Inspection {
    /// Its job.
    pub job: JobId,
    /// What it watches, as people name it.
    pub name: String,
    /// The gateway it is about, where it is about one.
    pub gateway: Option<String>,
    /// When it was started.
    pub started: Instant,
    /// How it stands, once it said so.
    pub state: Option<InspectionState>,
    /// Since when it stands so.
    pub since: Instant,
    /// How its job ended, once it did.
    pub end: Option<JobEnd>,
    /// What the broker said to each filter last.
    pub grants: Vec<Grant>,
    /// How long after the push of credentials the first message came.
    pub first_message: Option<Duration>,
    /// Whether the topic of that message names the gateway.
    pub is_first_its_own: bool,
    /// The topic of that message.
    pub(super) first_topic: Option<TopicId>,
    /// Other gateways of which a message came, and how long after their credentials were sent.
    pub heard: BTreeMap<String, Option<Duration>>,
    /// Whether the topic of a gateway is to be shown once it is known. What a person chooses meanwhile stays.
    pub(super) seeks_topic: bool,
    /// Whether it replays a recording.
    pub is_replay: bool,
}

impl Inspection {
    /// Whether its job runs.
    pub const fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// Whether messages can come and go now.
    pub const fn is_connected(&self) -> bool {
        self.is_open() && matches!(self.state, Some(InspectionState::Connected { .. }))
    }
}

impl Telemetry {
    pub(super) fn clear(&mut self) -> Vec<TelemetryCommand> {
        self.forget();
        vec![TelemetryCommand::Clear]
    }

    /// Whether something that forgets what a broker sent may be done at once: it is handed back then, else it is asked about.
    /// A replay forgets nothing that is not on the disk.
    pub(super) fn asks_before(&mut self, forgetting: Forgetting) -> Option<Forgetting> {
        let live = self.inspection.as_ref().filter(|inspection| inspection.is_open() && !inspection.is_replay);
        if live.is_some() && self.counters().held > 0 {
            self.forgetting = Some(forgetting);
            return None;
        }
        Some(forgetting)
    }

    /// Connects with what the form says: opens an inspection, or connects the open one anew where it is the same broker.
    pub(super) fn connect(&mut self, settings: &SettingsView, desk: &mut Desk<'_>) -> Vec<Command> {
        let Some(mut plan) = self.form.plan() else { return Vec::new() };
        plan.when_full = settings.values.telemetry.when_full();
        let url = plan.url.to_string();
        if let Some(job) = self.job()
            && self.inspection.as_ref().is_some_and(|inspection| !inspection.is_replay && inspection.name == url)
        {
            let command = TelemetryCommand::Connect(Some(Box::new(plan)));
            return vec![Command::Telemetry { job, command }];
        }
        if self.asks_before(Forgetting::Connect).is_none() {
            return Vec::new();
        }
        self.connect_elsewhere(settings, desk)
    }

    /// Opens an inspection of its own for the broker of the form: with its own name, job and record.
    pub(super) fn connect_elsewhere(&mut self, settings: &SettingsView, desk: &mut Desk<'_>) -> Vec<Command> {
        let Some((start, name)) = self.start_by_form(settings) else { return Vec::new() };
        self.open(start, name, desk)
    }

    /// How an inspection of the form's broker begins, and its name; nothing where something is missing on the form.
    fn start_by_form(&mut self, settings: &SettingsView) -> Option<(InspectionStart, String)> {
        let mut plan = self.form.plan()?;
        let kept = &settings.values.telemetry;
        plan.when_full = kept.when_full();
        let name = plan.url.to_string();
        let start = self.form.start(InspectionSource::Broker(Box::new(plan)));
        Some((InspectionStart { ring: Recorder::ring_plan(kept), ..start }, name))
    }

    /// Watches what a gateway sends that was just commissioned: at once where its broker is known, else after the form is
    /// filled in. What is watched already goes on.
    pub(in crate::app) fn watch(
        &mut self,
        gateway: Commissioned,
        demo: Option<String>,
        settings: &SettingsView,
        desk: &mut Desk<'_>,
    ) -> Vec<Command> {
        if self.job().is_some() {
            return Vec::new();
        }
        if let Some(url) = demo {
            self.form.take_demo(&url);
        } else if gateway.profile.is_some() && self.form.profile() != gateway.profile.as_ref() {
            self.form.take_profile(gateway.profile.clone(), desk.catalog);
        }
        if self.form.url.trim().is_empty() {
            self.show_form();
            return Vec::new();
        }
        let Some((mut start, name)) = self.start_by_form(settings) else {
            // What is missing stands on the form.
            self.show_form();
            return Vec::new();
        };
        start.profile = gateway.profile.or(start.profile);
        start.pushed_before = gateway.pushed_before;
        start.guarded_client_id.get_or_insert_with(|| gateway.name.clone());
        start.gateway = Some(gateway.name);
        self.open(start, name, desk)
    }

    /// Opens an inspection in place of the one there is.
    pub(in crate::app) fn open(&mut self, start: InspectionStart, name: String, desk: &mut Desk<'_>) -> Vec<Command> {
        let mut commands = self.addressed(vec![TelemetryCommand::Close]);
        let is_replay = matches!(start.source, InspectionSource::Recording { .. });
        let gateway = start.gateway.clone();
        let label = act::named(if is_replay { "replay" } else { "telemetry" }, &name);
        let job = desk.jobs.start(JobKind::Telemetry, label, desk.now);
        self.inspection = Some(Inspection {
            job,
            name,
            gateway,
            started: desk.now,
            state: None,
            since: desk.now,
            end: None,
            grants: Vec::new(),
            first_message: None,
            heard: BTreeMap::new(),
            is_first_its_own: false,
            first_topic: None,
            seeks_topic: false,
            is_replay,
        });
        self.doctor = Doctor::default();
        self.warnings.clear();
        self.question = None;
        self.forgetting = None;
        self.asked = None;
        // The stages are looked at until the connection stands.
        self.is_connection_shown = Some(!is_replay);
        self.setup = Setup::Broker;
        self.depth = Depth::List;
        self.panes.begun();
        self.forget();
        commands.push(Command::Telemetry { job, command: TelemetryCommand::Open(Box::new(start)) });
        commands
    }

    /// What was received is gone: so is what refers to it.
    fn forget(&mut self) {
        self.snapshot = None;
        self.tree.forget();
        self.list.forget();
        self.detail.forget();
        self.panes.forget();
    }

    /// Takes in what the inspection reports.
    pub(in crate::app) fn progressed(
        &mut self,
        job: JobId,
        event: TelemetryEvent,
        desk: &mut Desk<'_>,
    ) -> Vec<Command> {
        let Some(inspection) = self.inspection.as_mut().filter(|one| one.job == job && one.is_open()) else {
            return Vec::new();
        };
        self.panes.told(&event, desk.now);
        if let Some(news) = self.panes.trigger.told(&event) {
            desk.toasts.tell(visible(&news, 200), desk.now);
        }
        match event {
            TelemetryEvent::State(state) => {
                let was_connected = inspection.is_connected();
                inspection.state = Some(state);
                inspection.since = desk.now;
                let is_connected = inspection.is_connected();
                let is_replay = inspection.is_replay;
                // Who connects wants to see what comes: once, and where nothing on the way is worth a look.
                if is_replay || (is_connected && !was_connected && !self.doctor.has_noted()) {
                    self.show_connection(false);
                }
            }
            TelemetryEvent::Stage(report) => {
                add_grants(&mut inspection.grants, &report.grants);
                self.doctor.took(*report);
            }
            TelemetryEvent::Snapshot(snapshot) => self.take_snapshot(snapshot, desk.now),
            TelemetryEvent::IdentityQuestion(problem) => self.question = Some(problem),
            TelemetryEvent::Warning(problem) => {
                self.warnings.retain(|known| known.code != problem.code);
                self.warnings.push(*problem);
            }
            TelemetryEvent::Subscribed(grants) => add_grants(&mut inspection.grants, &grants),
            TelemetryEvent::Subscriptions(subscriptions) => {
                if !inspection.is_replay {
                    self.form.subscribed(&subscriptions);
                }
            }
            TelemetryEvent::FirstMessage { after, topic_id, topic } => {
                let gateway = inspection.gateway.as_deref();
                inspection.is_first_its_own = gateway.is_some_and(|name| is_named_in(&topic, name));
                (inspection.first_message, inspection.first_topic) = (Some(after), topic_id);
                return topic_id.map_or_else(Vec::new, |topic| self.found_topic(topic, desk));
            }
            TelemetryEvent::GatewayHeard { name, after, .. } => {
                inspection.heard.insert(name, after);
            }
            TelemetryEvent::GatewayFound(topic) => {
                let commands = self.found_topic(topic, desk);
                self.seek(false);
                return commands;
            }
            TelemetryEvent::SchemasLoaded(answer) => self.detail.schemas_loaded(answer),
            TelemetryEvent::Revealed { topic, row } => self.tree.revealed(topic, row),
            TelemetryEvent::Packets(_)
            | TelemetryEvent::Messages(_)
            | TelemetryEvent::Published { .. }
            | TelemetryEvent::Retained { .. }
            | TelemetryEvent::RetainedCleared { .. }
            | TelemetryEvent::Recording { .. }
            | TelemetryEvent::Kept(_)
            | TelemetryEvent::Recorded(_)
            | TelemetryEvent::Playback(_)
            | TelemetryEvent::Exported { .. }
            | TelemetryEvent::Silent(_)
            | TelemetryEvent::Triggered { .. }
            | TelemetryEvent::TriggerRefused(_)
            | TelemetryEvent::Stats(_) => {}
        }
        Vec::new()
    }

    fn take_snapshot(&mut self, snapshot: Arc<Snapshot>, now: Instant) {
        if let Some(page) = &snapshot.tree {
            let before = self.tree.selected();
            self.tree.take_in(page, now);
            if let Some(selected) = self.tree.selected().filter(|selected| before != Some(*selected)) {
                self.detail.choose_topic(selected.topic);
            }
        }
        if let Some(page) = &snapshot.list {
            self.list.take_in(page);
        }
        self.detail.take_in(&snapshot);
        self.panes.saw(&snapshot);
        self.snapshot = Some(snapshot);
    }

    pub(in crate::app) fn finished(&mut self, job: JobId, end: JobEnd) {
        if let Some(inspection) = self.inspection.as_mut().filter(|inspection| inspection.job == job) {
            inspection.end = Some(end);
            self.question = None;
            self.forgetting = None;
            self.is_connection_shown = None;
            self.panes.ended();
        }
    }
}

/// The last word on each filter counts.
fn add_grants(known: &mut Vec<Grant>, new: &[Grant]) {
    for grant in new {
        known.retain(|other| other.filter != grant.filter);
        known.push(grant.clone());
    }
}
