//! The panes of Telemetry beside connection, topics and messages, in their states, and what they send.

use std::sync::Arc;
use std::time::Duration;

use egui::Theme;
use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use linesman::app::telemetry::bench::BenchAction;
use linesman::app::telemetry::insight::{InsightAction, Part};
use linesman::app::telemetry::plot::{Layout, PlotAction, View};
use linesman::app::telemetry::publish::{DraftKind, PublishAction, RepeatDraft};
use linesman::app::telemetry::recorder::{RecorderAction, Sheet};
use linesman::app::telemetry::trace::TraceAction;
use linesman::app::telemetry::trigger::TriggerAction;
use linesman::app::telemetry::{Pane, Setup, TelemetryAction};
use linesman::app::{Action, Place};
use linesman::model::ids::JobId;
use linesman::model::mqtt::bench::{Sighting, SightingKind};
use linesman::model::mqtt::message::{PublishEnd, Qos};
use linesman::model::mqtt::payload::PayloadKind;
use linesman::model::mqtt::stage::{Direction, TracedPacket};
use linesman::model::problem::Problem;
use linesman::model::settings::PublishTemplate;
use linesman::model::wipe::LeftoverState;
use linesman::msg::telemetry::{
    BenchCommand, BenchEvent, BenchFacts, ExportForm, InspectionState, PlaybackState, TelemetryCommand, TelemetryEvent,
};
use linesman::msg::telemetry::{Clearance, ClearedTopic, RetainedSearch};
use linesman::msg::{Command, Event, JobEnd};
use linesman::telemetry::recording::{LeftOut, RecorderState, RecordingFacts};
use linesman::telemetry::sys;
use linesman::telemetry::trigger::Fired;
use linesman::telemetry::view::{
    ExpectationState, ExpectationWord, MessageId, NodeId, PlotPage, QualityPage, QualityRow, Series, SeriesSpec,
    Snapshot, Statistics, Talker, TalkersPage, TopicId,
};

use super::open;
use super::states::{Stage, State};

const SIZE: [f32; 2] = [1024.0, 640.0];
/// 2026-01-01 00:00 UTC.
const BEGIN: i64 = 1_767_225_600;

/// The states of these panes.
pub(crate) const STATES: &[State] = &[
    State {
        name: "plot_empty",
        plant: |stage| {
            stage.pane(Pane::Plot);
        },
    },
    State { name: "plot_curves", plant: Stage::curves },
    State { name: "plot_mistake", plant: Stage::plot_mistake },
    State {
        name: "publish_empty",
        plant: |stage| {
            stage.pane(Pane::Publish);
        },
    },
    State { name: "publish_mistake", plant: Stage::publish_mistake },
    State {
        name: "publish_sent",
        plant: |stage| {
            stage.sent_messages();
        },
    },
    State { name: "publish_not_connected", plant: |stage| stage.go_to_pane(Pane::Publish) },
    State { name: "retained_listed", plant: Stage::retained_listed },
    State { name: "retained_dialog", plant: Stage::retained_dialog },
    State { name: "retained_cleared", plant: Stage::retained_cleared },
    State { name: "recorder_ring", plant: Stage::ring },
    State { name: "recorder_running", plant: Stage::recording },
    State { name: "recorder_disk_full", plant: Stage::disk_full },
    State { name: "recorder_export", plant: Stage::exporting },
    State { name: "recorder_playing", plant: Stage::playing },
    State { name: "recorder_repaired_at_end", plant: Stage::at_end },
    State {
        name: "insight_empty",
        plant: |stage| {
            stage.pane(Pane::Insight);
        },
    },
    State { name: "insight_talkers", plant: Stage::talkers },
    State { name: "insight_quality", plant: Stage::quality },
    State {
        name: "trace_empty",
        plant: |stage| {
            stage.pane(Pane::Trace);
        },
    },
    State { name: "trace_packets", plant: Stage::packets },
    State { name: "trace_refusals", plant: Stage::refusals },
    State {
        name: "expected_empty",
        plant: |stage| {
            stage.pane(Pane::Expectations);
        },
    },
    State { name: "expected_mixed", plant: Stage::expected },
    State {
        name: "broker_empty",
        plant: |stage| {
            stage.pane(Pane::Broker);
        },
    },
    State { name: "broker_state", plant: Stage::broker_state },
    State { name: "telemetry_items", plant: Stage::telemetry_items },
    State { name: "plot_two_axes", plant: |stage| stage.laid_out(Layout::TwoAxes) },
    State { name: "plot_each", plant: |stage| stage.laid_out(Layout::Each) },
    State { name: "trigger_watching", plant: Stage::trigger_watching },
    State { name: "bench_off", plant: Stage::go_to_bench },
    State { name: "bench_open_to_others", plant: Stage::bench_open },
    State {
        name: "bench_running",
        plant: |stage| {
            stage.bench_running();
        },
    },
    State { name: "bench_failed", plant: Stage::bench_failed },
];

impl Stage {
    fn go_to_pane(&mut self, pane: Pane) {
        self.act(Action::WentTo(Place::Telemetry));
        self.act(Action::Telemetry(TelemetryAction::WentTo(pane)));
    }

    /// Connected to a broker, with that pane shown.
    fn pane(&mut self, pane: Pane) -> JobId {
        self.act(Action::WentTo(Place::Telemetry));
        self.app.telemetry.form.url = "mqtt://broker.example".into();
        self.act(Action::Telemetry(TelemetryAction::Connected));
        let job = self.app.telemetry.job().expect("an inspection");
        self.report(job, TelemetryEvent::State(InspectionState::Connected { facts: Vec::new(), login_ends: None }));
        self.act(Action::Telemetry(TelemetryAction::WentTo(pane)));
        job
    }

    pub(super) fn report(&mut self, job: JobId, event: TelemetryEvent) {
        self.apply(Event::TelemetryProgressed { job, at: Duration::ZERO, event });
    }

    fn snapshot(&mut self, job: JobId, secs: i64, fill: impl FnOnce(&mut Snapshot)) {
        let mut snapshot = Snapshot { at_unix_micros: (BEGIN + secs) * 1_000_000, ..Snapshot::default() };
        fill(&mut snapshot);
        self.report(job, TelemetryEvent::Snapshot(Arc::new(snapshot)));
    }

    fn curves(&mut self) {
        let job = self.pane(Pane::Plot);
        for (filter, path) in [("site/+/climate", "temperature"), ("site/boiler/power", ""), ("site/never", "x")] {
            let spec = SeriesSpec { filter: filter.parse().expect("a filter"), path: path.into() };
            self.act(PlotAction::Added(spec));
        }
        self.act(PlotAction::Viewed(View::Last(600.0)));
        self.snapshot(job, 600, |snapshot| snapshot.plot = Some(Arc::new(curves())));
        self.act(PlotAction::ToggledCurve(1));
    }

    fn laid_out(&mut self, layout: Layout) {
        self.curves();
        self.act(PlotAction::ToggledCurve(1));
        self.act(PlotAction::LaidOut(layout));
    }

    fn broker_state(&mut self) {
        let job = self.pane(Pane::Broker);
        let topics: [(&str, &str); 6] = [
            ("$SYS/broker/version", "mosquitto version 2.0.22"),
            ("$SYS/broker/uptime", "93784 seconds"),
            ("$SYS/broker/clients/connected", "12"),
            ("$SYS/broker/messages/received", "1204331"),
            ("$SYS/broker/bytes/received", "118000000"),
            ("$SYS/broker/load/odd/1min", "0.35"),
        ];
        let page = sys::page(topics.iter().map(|(topic, value)| (topic.as_bytes(), value.as_bytes())));
        self.snapshot(job, 30, |snapshot| snapshot.sys = Some(Arc::new(page)));
    }

    fn trigger_watching(&mut self) {
        let job = self.pane(Pane::Messages);
        self.act(RecorderAction::ToggledSheet(Sheet::Trigger));
        self.app.telemetry.panes.trigger.jq = ".temperature > 8".into();
        self.act(TriggerAction::Set);
        let fired = Fired {
            message: MessageId(7),
            topic: "site/cold-store/climate".into(),
            unix_micros: BEGIN * 1_000_000,
            preview: "{\"temperature\":8.4}".into(),
        };
        self.report(job, TelemetryEvent::Triggered { fired: vec![fired], count: 1 });
    }

    fn plot_mistake(&mut self) {
        self.pane(Pane::Plot);
        self.app.telemetry.panes.plot.filter = "site/#/climate".into();
        self.act(PlotAction::Typed);
    }

    fn publish_mistake(&mut self) {
        self.pane(Pane::Publish);
        let draft = &mut self.app.telemetry.panes.publish.draft;
        draft.topic = "site/boiler/command".into();
        draft.payload = "{\n  \"valve\": open\n}".into();
        draft.expiry_secs = "60".into();
        self.act(PublishAction::Published);
    }

    fn sent_messages(&mut self) -> JobId {
        let job = self.pane(Pane::Publish);
        let ends = [
            PublishEnd::Sent,
            PublishEnd::Acknowledged,
            PublishEnd::NobodySubscribed,
            PublishEnd::Refused(Problem::new("mqtt.refused", "The broker refused it", "No right", "Ask for the right")),
            PublishEnd::Unknown,
        ];
        for (number, end) in ends.into_iter().enumerate() {
            let draft = &mut self.app.telemetry.panes.publish.draft;
            draft.topic = format!("site/valve-{number}/command");
            draft.payload = "open".into();
            draft.kind = DraftKind(PayloadKind::Text);
            draft.qos = Qos::AtLeastOnce;
            self.act(PublishAction::Published);
            let ticket = self.app.telemetry.panes.publish.sent().next().expect("it was sent").ticket;
            self.report(job, TelemetryEvent::Published { ticket, count: 1, end });
        }
        self.app.telemetry.panes.publish.repeat =
            RepeatDraft { is_on: true, every_secs: "2".into(), times: "100".into() };
        self.act(PublishAction::Published);
        let ticket = self.app.telemetry.panes.publish.sent().next().expect("it was sent").ticket;
        self.report(job, TelemetryEvent::Published { ticket, count: 1, end: PublishEnd::Acknowledged });
        let template =
            PublishTemplate { name: "Open the valve".into(), topic: "site/valve".into(), ..Default::default() };
        self.app.settings.values.publish_templates.push(template);
        job
    }

    fn retained_listed(&mut self) {
        let job = self.pane(Pane::Publish);
        self.app.telemetry.panes.publish.retained.filter = "site/old/#".into();
        self.act(PublishAction::SearchedRetained);
        let topics = (1..=40).map(|number| (format!("site/old/{number:02}"), 100 + number)).collect();
        self.report(job, TelemetryEvent::Retained { topics, search: RetainedSearch::Quiet(Duration::from_secs(3)) });
        self.act(PublishAction::MarkedAllRetained(true));
        self.act(PublishAction::ToggledRetained(0));
    }

    fn retained_dialog(&mut self) {
        self.retained_listed();
        self.act(PublishAction::AskedToClear);
    }

    fn retained_cleared(&mut self) {
        self.retained_dialog();
        self.app.telemetry.panes.publish.retained.typed = "39".into();
        self.act(PublishAction::ConfirmedClear);
        let job = self.app.telemetry.job().expect("an inspection");
        let denied =
            Problem::new("mqtt.refused", "The broker refused it", "No right to publish there", "Ask for the right");
        let topics = (2..=40).map(|number| match number {
            7 => cleared_topic(number, LeftoverState::StillThere, Some(denied.clone())),
            8 => cleared_topic(number, LeftoverState::StillThere, None),
            _ => cleared_topic(number, LeftoverState::Cleared, None),
        });
        let look = RetainedSearch::Quiet(Duration::from_secs(3));
        self.report(job, TelemetryEvent::RetainedCleared(Clearance { topics: topics.collect(), look }));
    }

    fn ring(&mut self) {
        let job = self.pane(Pane::Trace);
        self.snapshot(job, 0, |_| {});
        self.report(job, TelemetryEvent::Recording { recorder: None, ring: Some(recorded(12_345)) });
        self.act(RecorderAction::KeptLast);
        self.report(job, TelemetryEvent::Kept(Ok(recorded(9_000))));
    }

    fn recording(&mut self) {
        let job = self.pane(Pane::Trace);
        for secs in 0..3 {
            self.snapshot(job, secs, |_| {});
            let recorder = Some(recorded(1000 * u64::try_from(secs).unwrap_or(0)));
            self.report(job, TelemetryEvent::Recording { recorder, ring: Some(recorded(12_345)) });
        }
    }

    fn disk_full(&mut self) {
        let job = self.pane(Pane::Trace);
        let full = Problem::new(
            "recording.disk_full",
            "Nothing more is recorded",
            "The disk is full",
            "Free some space; what was recorded is kept",
        );
        let recorder = Some(RecorderState { problem: Some(full), ..recorded(500) });
        self.report(job, TelemetryEvent::Recording { recorder, ring: None });
    }

    fn exporting(&mut self) {
        let job = self.pane(Pane::Trace);
        self.act(RecorderAction::ToggledSheet(Sheet::Export));
        self.act(RecorderAction::Exported(ExportForm::JsonLines, "/home/me/messages.jsonl".into()));
        self.report(
            job,
            TelemetryEvent::Exported {
                path: "/home/me/messages.jsonl".into(),
                result: Ok(1234),
                left_out: LeftOut::default(),
            },
        );
    }

    fn replay(&mut self, repaired: Option<Problem>) -> JobId {
        self.act(Action::WentTo(Place::Telemetry));
        self.act(Action::Telemetry(TelemetryAction::OpenedRecording("/home/me/site.lmrec".into())));
        self.act(Action::Telemetry(TelemetryAction::WentTo(Pane::Trace)));
        let job = self.app.telemetry.job().expect("a replay");
        let facts = [("Broker", "mqtt://broker.example:1883"), ("Profile", "generic-improv")];
        let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        self.report(
            job,
            TelemetryEvent::Playback(Box::new(PlaybackState {
                recording: recorded(12_345),
                facts: RecordingFacts { facts },
                repaired,
                left_out: LeftOut::default(),
                position_unix_micros: (BEGIN + 200) * 1_000_000,
                speed: 10.0,
                next_in: Some(Duration::from_secs(125)),
            })),
        );
        job
    }

    fn playing(&mut self) {
        let job = self.replay(None);
        self.report(job, TelemetryEvent::State(InspectionState::Playing));
    }

    fn at_end(&mut self) {
        let repaired = Problem::new(
            "recording.repaired",
            "The end of the recording was missing",
            "The program that wrote it was cut off",
            "Nothing has to be done: everything before that is there",
        );
        let job = self.replay(Some(repaired));
        self.report(job, TelemetryEvent::State(InspectionState::Paused { is_at_end: true }));
    }

    fn talkers(&mut self) {
        let job = self.pane(Pane::Insight);
        let talker = |node, topic: &str, messages, silent_secs, usual: Option<u64>| Talker {
            node: NodeId(node),
            topic: topic.into(),
            messages,
            bytes: messages * 210,
            silent_for: Duration::from_secs(silent_secs),
            usual: usual.map(Duration::from_secs),
            silence: None,
        };
        let page = TalkersPage {
            total: (10_000, 2_100_000),
            window: Duration::from_mins(1),
            loud: vec![
                talker(1, "site/meter/1/power", 8000, 0, Some(1)),
                talker(2, "site/hall/climate", 1500, 2, Some(5)),
                talker(3, &"a-very-long-level/".repeat(20), 500, 2, None),
            ],
            silent: vec![talker(4, "site/boiler/power", 0, 900, Some(10))],
        };
        self.snapshot(job, 60, |snapshot| snapshot.talkers = Some(Arc::new(page)));
    }

    fn quality(&mut self) {
        let job = self.pane(Pane::Insight);
        self.act(InsightAction::Showed(Part::Quality));
        let row = |topic, findings: &[&str]| QualityRow {
            topic: TopicId(topic),
            name: format!("site/{topic}/climate").into(),
            messages: 1200,
            usual: Some(Duration::from_secs(5)),
            jitter: Some(Duration::from_millis(120)),
            gaps: 3,
            longest_gap: Some(Duration::from_secs(95)),
            sequence_missing: 12,
            sequence_back: 0,
            clock_offset_secs: Some(-240.0),
            stuck: Some((Duration::from_mins(10), 120)),
            unit_jump: Some(("temperature".into(), 21.5, 2150.0)),
            findings: findings.iter().map(|text| (*text).to_owned()).collect(),
        };
        let bad = ["The device's clock is 4 min behind", "3 gaps, the longest 95 s", "12 numbers left out"];
        let rows = vec![row(1, &bad), row(2, &[])];
        let page = QualityPage { total: 2, first: 0, rows };
        self.snapshot(job, 60, |snapshot| snapshot.quality = Some(Arc::new(page)));
        self.act(InsightAction::Opened(TopicId(1)));
    }

    fn packets(&mut self) {
        let job = self.pane(Pane::Trace);
        let packet = |kind, direction, millis, reason: Option<(u8, &str)>, note: &str| TracedPacket {
            at: Duration::from_millis(millis),
            direction,
            kind,
            packet_id: (kind == "SUBACK").then_some(1),
            bytes: 20,
            reason: reason.map(|(code, says)| (code, says.to_owned())),
            after: (direction == Direction::Received).then(|| Duration::from_micros(12_340)),
            note: note.into(),
        };
        self.report(
            job,
            TelemetryEvent::Packets(vec![
                packet("CONNECT", Direction::Sent, 2, None, "client id linesman-1, clean"),
                packet("CONNACK", Direction::Received, 14, Some((0, "Accepted")), ""),
                packet("SUBSCRIBE", Direction::Sent, 15, None, "site/#, $SYS/#"),
                packet("SUBACK", Direction::Received, 27, Some((0x87, "Not authorized")), "$SYS/# was refused"),
                packet("PINGREQ", Direction::Sent, 30_015, None, ""),
                packet("PINGRESP", Direction::Received, 30_027, None, ""),
            ]),
        );
    }

    fn refusals(&mut self) {
        self.packets();
        self.act(TraceAction::ShowedTrouble(true));
    }

    fn expected(&mut self) {
        let job = self.pane(Pane::Expectations);
        self.report(
            job,
            TelemetryEvent::FirstMessage {
                after: Duration::from_secs(17),
                topic: "site/hall-gateway/power".into(),
                topic_id: None,
            },
        );
        let row = |id: &str, word, says: &str| ExpectationState {
            id: id.into(),
            topic: format!("site/+/{id}").parse().expect("a filter"),
            word,
            says: says.into(),
            first_after: (word == ExpectationWord::Met).then(|| Duration::from_secs(4)),
            messages: 12,
            is_assumed: id == "status",
        };
        let expectations = vec![
            row("climate", ExpectationWord::Met, "12 messages, 5 s apart, with temperature and humidity"),
            row("status", ExpectationWord::Waiting, "Nothing yet; there is time for another 20 s"),
            row("power", ExpectationWord::NotMet, "The field watts is missing in 12 of 12 messages"),
        ];
        self.snapshot(job, 30, |snapshot| snapshot.expectations = expectations);
    }

    fn go_to_bench(&mut self) {
        self.act(Action::WentTo(Place::Telemetry));
        self.act(Action::Telemetry(TelemetryAction::ChoseSetup(Setup::Bench)));
    }

    fn bench_open(&mut self) {
        self.go_to_bench();
        self.act(BenchAction::ChoseAddress("0.0.0.0".into()));
    }

    fn bench_started(&mut self) -> JobId {
        self.go_to_bench();
        self.act(BenchAction::Started);
        match self.sent.pop() {
            Some(Command::Bench { job, command: BenchCommand::Start(_) }) => job,
            _ => panic!("the bench broker is started"),
        }
    }

    fn bench_running(&mut self) -> JobId {
        let job = self.bench_started();
        let facts = BenchFacts {
            urls: vec!["mqtt://127.0.0.1:1883".into(), "mqtts://127.0.0.1:8883".into()],
            ca_path: "/home/me/.local/share/linesman/bench/ca.pem".into(),
            client_paths: Some(("/home/me/client.pem".into(), "/home/me/client.key".into())),
            ca_sha256: "ab".repeat(32),
            interfaces: vec!["127.0.0.1".into(), "192.168.1.20".into()],
        };
        self.apply(Event::BenchProgressed { job, event: BenchEvent::Running(facts) });
        for (secs, text) in [(5, "gateway-7 came from 127.0.0.1"), (9, "gateway-7 subscribed to gateway-7/commands")] {
            let kind = SightingKind::Came;
            let sighting = Sighting { kind, address: None, client_id: None, text: text.into() };
            let event = BenchEvent::Seen { unix_micros: (BEGIN + secs) * 1_000_000, sighting };
            self.apply(Event::BenchProgressed { job, event });
        }
        job
    }

    fn bench_failed(&mut self) {
        let job = self.bench_started();
        let problem = Problem::new(
            "bench.port_taken",
            "Port 1883 is taken",
            "Another broker runs on this computer",
            "Stop it, or give another port",
        );
        self.apply(Event::JobFinished { job, end: JobEnd::Failed(problem) });
    }
}

fn curves() -> PlotPage {
    let at = |secs: i32| f64::from(secs) + 1_767_225_600.0;
    let wave = |from: i32, to: i32, shift: f64| -> Vec<[f64; 2]> {
        (from..to).step_by(5).map(|secs| [at(secs), 21.0 + shift + (f64::from(secs) / 60.0).sin()]).collect()
    };
    let series = |spec, topic: &str, runs: Vec<Vec<[f64; 2]>>| Series {
        spec,
        topic: topic.into(),
        points: runs.iter().map(|run| run.len() as u64).sum(),
        runs,
        without: 3,
        last: Some(21.5),
        min: Some(20.0),
        max: Some(24.25),
        statistics: Some(Statistics::Quantity { mean: 21.75 }),
    };
    PlotPage {
        series: vec![
            series(0, "site/hall/climate", vec![wave(0, 250, 0.0), wave(400, 600, 0.0)]),
            series(0, "site/office/climate", vec![wave(0, 600, 2.0)]),
            series(1, "site/boiler/power", vec![wave(100, 600, 1.0)]),
        ],
        problems: Vec::new(),
    }
}

fn recorded(messages: u64) -> RecorderState {
    RecorderState {
        path: "/home/me/.local/share/linesman/recordings/kept.lmrec".into(),
        messages,
        file_bytes: messages * 90,
        span_unix_micros: Some((BEGIN * 1_000_000, (BEGIN + 540) * 1_000_000)),
        problem: None,
    }
}

/// What an inspection was asked in the meantime, but for what it is to show.
fn asked(opened: &mut super::Opened) -> Vec<TelemetryCommand> {
    let mut asked = Vec::new();
    while let Ok(command) = opened.commands.try_recv() {
        match command {
            Command::Telemetry { command: TelemetryCommand::View(_), .. } => {}
            Command::Telemetry { command, .. } => asked.push(command),
            _ => {}
        }
    }
    asked
}

fn cleared_topic(number: u32, state: LeftoverState, problem: Option<Problem>) -> ClearedTopic {
    ClearedTopic { topic: format!("site/old/{number:02}"), state, problem }
}

#[test]
fn a_message_is_typed_and_published() {
    let mut opened = open([1100.0, 720.0], Theme::Light, |stage| {
        stage.pane(Pane::Publish);
    });
    opened.harness.get_by_role_and_label(Role::TextInput, "Topic").focus();
    opened.harness.run();
    opened.harness.get_by_role_and_label(Role::TextInput, "Topic").type_text("site/valve");
    opened.harness.run();
    opened.harness.get_by_label("QoS 1, at least once").click();
    opened.harness.run();
    opened.harness.get_by_label("Publish the message").click();
    opened.harness.run();
    let asked = asked(&mut opened);
    let [TelemetryCommand::Publish { message, repeat: None, .. }] = &asked[..] else { panic!("it is published once") };
    assert_eq!((message.topic.as_str(), message.qos), ("site/valve", Qos::AtLeastOnce));
}

#[test]
fn what_was_wrong_with_a_message_is_said_below_the_button_and_no_longer_once_it_is_right() {
    let mut opened = open([1100.0, 720.0], Theme::Light, |stage| {
        stage.pane(Pane::Publish);
    });
    let button = |opened: &super::Opened| {
        let button = opened.harness.get_by_label("Publish the message");
        (button.rect(), !button.accesskit_node().is_disabled())
    };
    assert!(!button(&opened).1, "without a topic nothing is published");
    opened.harness.get_by_label("Type a topic first");
    opened.harness.state_mut().app.telemetry.panes.publish.draft.topic = "site/#".into();
    opened.harness.run();
    let before = button(&opened);
    opened.harness.get_by_label("Publish the message").click();
    opened.harness.run();
    let says = "The topic can't be used: it holds + or #, which are for subscriptions only";
    let said = |opened: &super::Opened| opened.harness.query_by_label_contains(says).is_some();
    assert!(said(&opened) && button(&opened) == before, "the button stays under the pointer");
    opened.harness.state_mut().app.telemetry.panes.publish.draft.topic = "site/valve".into();
    opened.harness.run();
    assert!(!said(&opened));
}

#[test]
fn retained_messages_are_cleared_only_after_their_number_was_typed() {
    let mut opened = open([1100.0, 720.0], Theme::Light, Stage::retained_dialog);
    let confirm = |opened: &mut super::Opened| {
        opened.harness.get_by_role_and_label(Role::Button, "Confirm").click();
        opened.harness.run();
    };
    confirm(&mut opened);
    assert!(asked(&mut opened).is_empty());
    opened.harness.get_by_role_and_label(Role::TextInput, "Type their number, 39, to confirm").type_text("39");
    opened.harness.run();
    confirm(&mut opened);
    let asked = asked(&mut opened);
    assert!(matches!(&asked[..], [TelemetryCommand::ClearRetained(topics)] if topics.len() == 39));
}

#[test]
fn the_last_minutes_are_kept_with_one_click() {
    let mut opened = open(SIZE, Theme::Light, |stage| {
        let job = stage.pane(Pane::Trace);
        stage.report(job, TelemetryEvent::Recording { recorder: None, ring: Some(recorded(7)) });
    });
    opened.harness.get_by_label("Keep the last 10 min").click();
    opened.harness.run();
    let asked = asked(&mut opened);
    assert!(matches!(&asked[..], [TelemetryCommand::KeepLast { span, .. }] if *span == Duration::from_mins(10)));
}

#[test]
fn a_replay_is_paused_stepped_and_sought() {
    let mut opened = open(SIZE, Theme::Light, Stage::playing);
    opened.harness.get_by_label("Pause the replay").click();
    opened.harness.run();
    assert!(matches!(asked(&mut opened)[..], [TelemetryCommand::Play(false)]));
    let job = opened.harness.state().app.telemetry.job().expect("a replay");
    let event = TelemetryEvent::State(InspectionState::Paused { is_at_end: false });
    let app = &mut opened.harness.state_mut().app;
    app.apply(Event::TelemetryProgressed { job, at: Duration::ZERO, event }, std::time::Instant::now());
    opened.harness.run();
    opened.harness.get_by_label("Play one message").click();
    opened.harness.run();
    assert!(matches!(asked(&mut opened)[..], [TelemetryCommand::StepOnce]));
}

#[test]
fn dragging_the_curves_ends_following_and_a_button_follows_again() {
    let mut opened = open([1100.0, 720.0], Theme::Light, Stage::curves);
    let is_following = |opened: &super::Opened| opened.harness.state().app.telemetry.panes.plot.view().is_following();
    assert!(is_following(&opened));
    let plot = opened
        .harness
        .get_by_role_and_label(Role::Image, "Plot of 2 curves, 2026-01-01 00:00:00 to 2026-01-01 00:10:00");
    let centre = plot.rect().center();
    opened.harness.drag_at(centre);
    opened.harness.run();
    opened.harness.hover_at(centre + egui::vec2(120.0, 0.0));
    opened.harness.run();
    opened.harness.drop_at(centre + egui::vec2(120.0, 0.0));
    opened.harness.run();
    assert!(!is_following(&opened));
    let (from, to) = opened.harness.state().app.telemetry.panes.plot.range().expect("a span");
    #[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
    let begin = BEGIN as f64;
    assert!(from < begin - 30.0 && (to - from - 600.0).abs() < 1.0, "{from} {to}");
    opened.harness.get_by_label("Follow the newest").click();
    opened.harness.run();
    assert!(is_following(&opened));
}

#[test]
fn a_picture_that_the_window_does_not_hand_out_is_told_as_missed() {
    let mut opened = open([1100.0, 720.0], Theme::Light, |stage| {
        stage.curves();
        stage.act(PlotAction::ExportedPicture("/tmp/plot.png".into()));
    });
    let plot = &opened.harness.state().app.telemetry.panes.plot;
    assert!(plot.is_picture_wanted(), "it is waited for");
    opened.harness.state_mut().app.act(PlotAction::MissedPicture.into(), std::time::Instant::now());
    opened.harness.run();
    opened.harness.get_by_label_contains("The picture was not taken");
}

#[test]
fn the_bench_broker_listens_to_others_only_after_it_was_chosen() {
    let mut opened = open(SIZE, Theme::Light, Stage::go_to_bench);
    opened.harness.get_by_label("Start the bench broker").click();
    opened.harness.run();
    let Ok(Command::Bench { command: BenchCommand::Start(plan), .. }) = opened.commands.try_recv() else {
        panic!("it is started")
    };
    assert_eq!(plan.address, "127.0.0.1");
}
