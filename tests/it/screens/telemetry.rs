//! The states of the screen Telemetry, built from events, and what its keyboard, its lists and its dialog do.

use std::sync::Arc;
use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Theme};
use egui_kittest::kittest::Queryable as _;
use linesman::app::telemetry::connect::ConnectAction;
use linesman::app::telemetry::detail::{DetailAction, Face};
use linesman::app::telemetry::list::{ListAction, Picked};
use linesman::app::telemetry::tree::{Selected, TreeAction};
use linesman::app::telemetry::{Depth, Feed, Pane, TelemetryAction};
use linesman::app::{Action, Place};
use linesman::model::ids::JobId;
use linesman::model::mqtt::Dialect;
use linesman::model::mqtt::message::{Grant, Properties, Qos};
use linesman::model::mqtt::stage::{CertificateFacts, Stage as Leg, StageReport, StageState};
use linesman::model::problem::Problem;
use linesman::model::secret::Secret;
use linesman::msg::telemetry::{InspectionState, TelemetryCommand, TelemetryEvent};
use linesman::msg::{Command, Event};
use linesman::telemetry::silence::{Cause, Silence};
use linesman::telemetry::trigger::Fired;
use linesman::telemetry::value::{Body, DecodeFailure, Decoded, DecoderKind, Packing, Value};
use linesman::telemetry::view::{
    Anchor, Change, Counters, DiffLine, HistoryPage, ListPage, MessageDetail, MessageId, MessageRow, NodeId, Snapshot,
    TopicId, TreePage, TreeRow, TreeSort, ViewSpec,
};

use super::states::Stage;
use super::{NOW, Opened, open};

const SIZE: [f32; 2] = [1024.0, 640.0];
/// The row of a topic that is silent.
const STATE: &str = "state, 67 messages, last online. Silent for 28 s, usually every 5.0 s. The gateway's last will came: \
                     site/status";
const TOPIC: &str = "site/hall-2/climate/temperature";

impl Stage {
    fn telemetry(&mut self) {
        self.app.telemetry.form.client_id = "linesman-observer-7f3a90c1".into();
        self.act(Action::WentTo(Place::Telemetry));
    }

    pub(crate) fn telemetry_not_connected(&mut self) {
        self.telemetry();
    }

    pub(crate) fn telemetry_form_filled(&mut self) {
        self.telemetry();
        let form = &mut self.app.telemetry.form;
        form.url = "mqtts://broker.example:8883".into();
        form.username = "inspector".into();
        form.password = Secret::new("from-the-code-77".into());
        form.ca_path = "/home/me/site-ca.pem".into();
        form.new_filter = "site/+/alarm".into();
        let login = linesman::app::telemetry::connect::LoginKind::Password;
        self.connect_form(ConnectAction::ChoseLogin(login));
        self.connect_form(ConnectAction::AddedSubscription);
        self.connect_form(ConnectAction::Saved);
    }

    pub(crate) fn telemetry_form_wrong(&mut self) {
        self.telemetry();
        let form = &mut self.app.telemetry.form;
        form.url = "mqtt://broker.example".into();
        form.proxy = "proxy:x".into();
        form.key_path = "/home/me/client.key".into();
        self.act(TelemetryAction::Connected);
    }

    pub(crate) fn telemetry_hub(&mut self) {
        self.telemetry();
        self.app.telemetry.form.url = "mqtts://example.azure-devices.net".into();
        self.connect_form(ConnectAction::ChoseDialect(Dialect::AzureIotHub));
    }

    fn connect_form(&mut self, action: ConnectAction) {
        self.act(TelemetryAction::Connect(action));
    }

    fn telemetry_open(&mut self) -> JobId {
        self.telemetry();
        self.app.telemetry.form.url = "mqtts://broker.example:8883".into();
        self.act(TelemetryAction::Connected);
        self.app.telemetry.job().expect("an inspection")
    }

    fn heard(&mut self, event: TelemetryEvent) {
        let job = self.app.telemetry.job().expect("an inspection");
        self.apply(Event::TelemetryProgressed { job, at: Duration::from_secs(1), event });
    }

    fn leg(&mut self, attempt: u32, stage: Leg, at: u64, took: u64, state: StageState, facts: &[(&str, &str)]) {
        let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut report = StageReport {
            took: Duration::from_millis(took),
            state,
            facts,
            ..StageReport::begun(attempt, stage, Duration::from_millis(at))
        };
        if stage == Leg::Tls {
            report.certificates = vec![certificate()];
        }
        if stage == Leg::Subscribe {
            report.grants = grants();
        }
        self.heard(TelemetryEvent::Stage(Box::new(report)));
    }

    fn telemetry_reached(&mut self, attempt: u32) {
        self.heard(TelemetryEvent::State(InspectionState::Connecting { attempt }));
        self.leg(attempt, Leg::Resolve, 0, 3, StageState::Done, &[("address", "192.0.2.7")]);
        self.leg(attempt, Leg::Tcp, 3, 21, StageState::Done, &[("to", "192.0.2.7:8883")]);
    }

    pub(crate) fn telemetry_connecting(&mut self) {
        self.telemetry_open();
        self.telemetry_reached(1);
        let report = StageReport::begun(1, Leg::Tls, Duration::from_millis(24));
        self.heard(TelemetryEvent::Stage(Box::new(report)));
    }

    pub(crate) fn telemetry_failed_at_tls(&mut self) {
        self.telemetry_open();
        self.telemetry_reached(1);
        self.leg(1, Leg::Tls, 24, 40, StageState::Failed(untrusted()), &[("version", "TLS 1.3")]);
        self.heard(TelemetryEvent::State(InspectionState::Disconnected { problem: Some(Box::new(untrusted())) }));
    }

    pub(crate) fn telemetry_tries_again(&mut self) {
        self.telemetry_open();
        for attempt in 1..=3 {
            self.heard(TelemetryEvent::State(InspectionState::Connecting { attempt }));
            self.leg(attempt, Leg::Resolve, 0, 3, StageState::Done, &[("address", "192.0.2.7")]);
            self.leg(attempt, Leg::Tcp, 3, 900, StageState::Failed(refused()), &[]);
        }
        let state = InspectionState::Waiting { problem: Box::new(refused()), retry_in: Duration::from_secs(8) };
        self.heard(TelemetryEvent::State(state));
        self.now += Duration::from_secs(3);
        self.act(TelemetryAction::WentTo(Pane::Messages));
    }

    pub(crate) fn telemetry_connected_empty(&mut self) {
        self.telemetry_open();
        self.telemetry_reached(1);
        self.leg(1, Leg::Tls, 24, 40, StageState::Done, &[("version", "TLS 1.3")]);
        self.leg(1, Leg::Connect, 64, 12, StageState::Done, &[]);
        self.leg(1, Leg::Subscribe, 76, 9, StageState::Done, &[]);
        let state = InspectionState::Connected { facts: Vec::new(), login_ends: Some(NOW + 2530) };
        self.heard(TelemetryEvent::State(state));
        self.show(|snapshot| snapshot.counters = Counters::default());
    }

    pub(super) fn show(&mut self, fill: impl FnOnce(&mut Snapshot)) {
        let mut snapshot = Snapshot { at_unix_micros: NOW * 1_000_000, counters: counters(), ..Snapshot::default() };
        fill(&mut snapshot);
        self.heard(TelemetryEvent::Snapshot(Arc::new(snapshot)));
    }

    pub(crate) fn telemetry_tree(&mut self) {
        self.telemetry_connected_empty();
        self.leg(1, Leg::FirstMessage, 85, 400, StageState::Done, &[]);
        self.act(TelemetryAction::Tree(TreeAction::Selected(Selected { node: NodeId(3), topic: Some(TopicId(3)) })));
        self.show(with_message(json()));
    }

    pub(crate) fn telemetry_tree_inner(&mut self) {
        self.telemetry_connected_empty();
        self.act(TelemetryAction::Tree(TreeAction::Selected(Selected { node: NodeId(1), topic: None })));
        self.show(|snapshot| snapshot.tree = Some(tree()));
    }

    pub(crate) fn telemetry_value_folded(&mut self) {
        self.telemetry_tree();
        let lines = self.app.telemetry.detail.lines().expect("a value");
        let key = (0..lines.len()).filter_map(|at| lines.line(at)).nth(3).expect("a line").key;
        self.act(TelemetryAction::Detail(DetailAction::Folded(key)));
    }

    pub(crate) fn telemetry_hex_failure(&mut self) {
        self.telemetry_tree();
        let decoded = Decoded {
            kind: DecoderKind::Cbor,
            is_detected: false,
            packed_in: Vec::new(),
            body: Body::Bytes(Arc::from(payload())),
            failure: Some(DecodeFailure { offset: 17, what: "a text that goes on behind the end".into() }),
            notes: Vec::new(),
        };
        self.show(with_message(decoded));
        self.act(TelemetryAction::Detail(DetailAction::Turned(Face::Hex)));
    }

    pub(crate) fn telemetry_changes(&mut self) {
        self.telemetry_tree();
        self.act(TelemetryAction::Detail(DetailAction::Turned(Face::Diff)));
    }

    pub(crate) fn telemetry_facts(&mut self) {
        self.telemetry_tree();
        self.act(TelemetryAction::Detail(DetailAction::Turned(Face::Facts)));
    }

    pub(crate) fn telemetry_list(&mut self) {
        self.telemetry_connected_empty();
        self.act(TelemetryAction::Listed(Feed::Live));
        self.act(TelemetryAction::List(ListAction::Scrolled { first: 0, count: 12 }));
        self.app.telemetry.list.new_column = ".temperature".into();
        self.act(TelemetryAction::List(ListAction::AddedColumn));
        self.show(|snapshot| snapshot.list = Some(list(988, 1000, 0)));
    }

    pub(crate) fn telemetry_list_paused(&mut self) {
        self.telemetry_list();
        let picked = Picked { id: MessageId(995), topic: TopicId(3) };
        self.act(TelemetryAction::List(ListAction::Selected(picked)));
        self.show(|snapshot| {
            with_message(json())(snapshot);
            let message = snapshot.message.as_deref().expect("a message").clone();
            let row = MessageRow { id: MessageId(995), ..message.row.clone() };
            snapshot.message = Some(Arc::new(MessageDetail { row, ..message }));
            snapshot.list = Some(ListPage { newer: 1234, ..list(960, 1000, 0) });
        });
    }

    pub(crate) fn telemetry_identity(&mut self) {
        self.telemetry_open();
        self.heard(TelemetryEvent::State(InspectionState::AwaitingConfirmation));
        let problem = Problem::new(
            "mqtt.own_identity",
            "This is the gateway's own identity",
            "The broker throws out the gateway that uses the client id hall-gateway as soon as you connect with it",
            "Connect under another id, or throw the gateway out for as long as you watch",
        );
        self.heard(TelemetryEvent::IdentityQuestion(Box::new(problem)));
    }

    pub(crate) fn telemetry_warned(&mut self) {
        self.telemetry_tree();
        let problem = Problem::new(
            "mqtt.kicking",
            "Two clients of the same id throw each other out",
            "Another program or gateway uses the client id linesman-observer-7f3a90c1",
            "Take another client id",
        );
        self.heard(TelemetryEvent::Warning(Box::new(problem)));
    }
}

fn certificate() -> CertificateFacts {
    CertificateFacts {
        subject: "CN=broker.example".into(),
        issuer: "CN=Site CA".into(),
        names: vec!["broker.example".into(), "192.0.2.7".into()],
        not_before: NOW - 86_400 * 300,
        not_after: NOW + 86_400 * 12,
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        sha1: "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12".into(),
        serial: "04d2".into(),
        key: "EC P-256".into(),
    }
}

fn grants() -> Vec<Grant> {
    let grant = |filter: &str, granted, code, says: &str| Grant {
        filter: filter.into(),
        asked: 1,
        granted,
        code: Some(code),
        says: says.into(),
    };
    vec![grant("site/#", Some(1), 1, "granted"), grant("$SYS/#", None, 0x87, "not authorized")]
}

fn untrusted() -> Problem {
    Problem::new(
        "mqtt.tls_untrusted",
        "The broker's certificate is vouched for by nobody this computer trusts",
        "The broker has a certificate of the site's own CA",
        "Give the CA's file under Encryption, Trusted CA",
    )
    .with_detail("unknown issuer CN=Site CA")
}

fn refused() -> Problem {
    Problem::new(
        "mqtt.tcp_refused",
        "192.0.2.7 refuses connections on port 8883",
        "No broker listens there, or a firewall refuses for it",
        "Check the port and whether the broker runs",
    )
}

fn counters() -> Counters {
    Counters {
        received: 1_234_567,
        received_bytes: 246_913_400,
        held: 1_200_000,
        held_bytes: 310 * 1024 * 1024,
        evicted: 34_567,
        duplicates: 3,
        topics: 4,
        rate: 1250,
        ..Counters::default()
    }
}

fn tree_row(node: u32, depth: u16, name: &str, messages: u64, last: Option<&str>) -> TreeRow {
    TreeRow {
        node: NodeId(node),
        topic: last.is_some().then_some(TopicId(node)),
        depth,
        name: Arc::from(name),
        has_children: last.is_none(),
        is_expanded: last.is_none() && node != 5,
        topics: if last.is_some() { 1 } else { 3 },
        messages,
        bytes: messages * 200,
        rate: f32::from(u16::try_from(node).expect("small")) * 0.6,
        last: last.map(Arc::from),
        silent_for: Duration::from_secs(u64::from(node) * 7),
        usual: (node == 4).then_some(Duration::from_secs(5)),
        silence: (node == 4)
            .then(|| Silence { cause: Cause::GatewayGone, says: "The gateway's last will came: site/status".into() }),
        is_retained: node == 4,
    }
}

#[test]
fn one_button_goes_on_whether_the_panel_has_one_or_not() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_failed_at_tls);
    assert_eq!(super::sight::primaries(&opened.harness), ["Connect again"]);
    opened.harness.state_mut().app.telemetry.form.url = "mqtt://another.example:1883".into();
    opened.harness.run();
    assert_eq!(super::sight::primaries(&opened.harness), ["Connect"]);
}

#[test]
fn topics_whose_letters_have_no_glyph_are_told_apart() {
    let names = ["room-\u{1F600}", "room-\u{1F601}"];
    let opened = open(SIZE, Theme::Light, |stage| {
        stage.telemetry_connected_empty();
        let rows: Vec<TreeRow> = (10..).zip(names).map(|(node, name)| tree_row(node, 0, name, 7, Some("on"))).collect();
        stage.show(|snapshot| {
            snapshot.tree = Some(TreePage { total: rows.len(), first: 0, rows, problem: None });
        });
        stage.act(TelemetryAction::WentTo(Pane::Messages));
    });
    let painted = super::sight::texts(&opened.harness);
    for (name, shown) in names.iter().zip(["room-[U+1F600]", "room-[U+1F601]"]) {
        assert!(painted.iter().any(|text| text == shown), "{painted:?}");
        opened.harness.get_by_label_contains(name);
    }
}

pub(super) fn tree() -> TreePage {
    let rows = vec![
        tree_row(1, 0, "site", 1_234_500, None),
        tree_row(2, 1, "hall-2", 1_234_400, None),
        tree_row(3, 2, "climate", 1_000_000, Some("{\"temperature\":21.5,\"rooms\":[{\"id\":1}]}")),
        tree_row(4, 2, "state", 67, Some("online")),
        tree_row(6, 2, "", 1, Some("an empty level")),
        tree_row(5, 1, "yard", 100, None),
    ];
    TreePage { total: rows.len(), first: 0, rows, problem: None }
}

fn row(id: u64) -> MessageRow {
    MessageRow {
        id: MessageId(id),
        topic_id: TopicId(3),
        topic: Arc::from(TOPIC),
        unix_micros: (NOW - 1000) * 1_000_000 + i64::try_from(id).expect("small") * 250_000,
        bytes: 48 + id % 7,
        qos: Qos::AtLeastOnce,
        is_retained: id.is_multiple_of(50),
        is_duplicate: id % 50 == 1,
        preview: Arc::from(format!("{{\"temperature\":{}.5}}", id % 30)),
        columns: vec![format!("{}.5", id % 30)],
    }
}

fn list(first: usize, total: usize, newer: u64) -> ListPage {
    ListPage {
        total,
        first,
        rows: (first..total).map(|id| row(id as u64)).collect(),
        newest: Some(MessageId(total as u64 - 1 + newer)),
        newer,
        evicted: 0,
        searched: 1.0,
        problem: None,
    }
}

fn history() -> HistoryPage {
    let rows = (900..1000).rev().map(row).collect();
    HistoryPage {
        topic: Arc::from(TOPIC),
        total: 100,
        received: 1_000_000,
        first: 0,
        rows,
        newer: 0,
        usual: None,
        silence: None,
    }
}

pub(super) fn json() -> Decoded {
    let room = |id: i128, temperature: f64| {
        Value::Map(vec![("id".into(), Value::Integer(id)), ("temperature".into(), Value::Number(temperature))])
    };
    let value = Value::Map(vec![
        ("temperature".into(), Value::Number(21.5)),
        ("unit".into(), Value::Text(Arc::from("°C\u{202e}"))),
        ("rooms".into(), Value::List(vec![room(1, 20.1), room(2, 22.9)])),
        ("raw".into(), Value::Bytes(Arc::from(vec![0xde, 0xad, 0xbe, 0xef]))),
        ("at".into(), Value::Time(NOW * 1_000_000)),
        ("fault".into(), Value::Null),
    ]);
    Decoded {
        kind: DecoderKind::Json,
        is_detected: true,
        packed_in: vec![Packing::Gzip],
        body: Body::Tree(value),
        failure: None,
        notes: vec![("Encoding".into(), "UTF-8".into())],
    }
}

fn payload() -> Vec<u8> {
    b"{\"temperature\":21.5,\"rooms\":[{\"id\":1}]}\x00\xff".to_vec()
}

pub(super) fn with_message(decoded: Decoded) -> impl FnOnce(&mut Snapshot) {
    let line = |change, text: &str| DiffLine { change, text: Arc::from(text) };
    let message = MessageDetail {
        row: row(999),
        payload: Arc::from(payload()),
        properties: Some(Properties {
            content_type: Some("application/json".into()),
            user: vec![("line".into(), "7".into())],
            ..Properties::default()
        }),
        decoded,
        notes: vec![("Device".into(), "hall-gateway".into())],
        diff: Some(vec![
            line(Change::Same, "{"),
            line(Change::Removed, "  \"temperature\": 21.4,"),
            line(Change::Added, "  \"temperature\": 21.5,"),
            line(Change::Same, "}"),
        ]),
    };
    |snapshot| {
        snapshot.tree = Some(tree());
        snapshot.history = Some(history());
        snapshot.message = Some(Arc::new(message));
    }
}

/// The last view that was asked for.
fn last_view(opened: &mut Opened) -> Option<ViewSpec> {
    let mut last = None;
    while let Ok(command) = opened.commands.try_recv() {
        if let Command::Telemetry { command: TelemetryCommand::View(spec), .. } = command {
            last = Some(*spec);
        }
    }
    last
}

#[test]
fn a_narrow_window_reads_as_recorded() {
    let settings = {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings
    };
    settings.bind(|| {
        let opened = open([640.0, 480.0], Theme::Light, Stage::telemetry_tree);
        insta::assert_snapshot!("telemetry_narrow", super::tree::dump(&opened.harness));
    });
}

#[test]
fn one_click_connects_to_what_was_typed() {
    let mut opened = open(SIZE, Theme::Light, |stage| {
        stage.telemetry();
        stage.app.telemetry.form.url = "mqtt://192.0.2.7".into();
    });
    opened.harness.get_by_role_and_label(Role::Button, "Connect").click();
    opened.harness.run();
    let Ok(Command::Telemetry { command: TelemetryCommand::Open(start), .. }) = opened.commands.try_recv() else {
        panic!("an inspection begins")
    };
    let linesman::msg::telemetry::InspectionSource::Broker(plan) = start.source else { panic!("of a broker") };
    assert_eq!(plan.url.to_string(), "mqtt://192.0.2.7:1883");
    assert_eq!(plan.client_id, "linesman-observer-7f3a90c1");
    assert_eq!(plan.subscriptions.len(), 1);
}

#[test]
fn enter_in_the_address_connects() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_not_connected);
    let address = |opened: &Opened| opened.harness.get_by_role_and_label(Role::TextInput, "Address").focus();
    address(&opened);
    opened.harness.run();
    opened.harness.get_by_role_and_label(Role::TextInput, "Address").type_text("broker.example");
    opened.harness.run();
    opened.harness.key_press(Key::Enter);
    opened.harness.run();
    let sent = opened.commands.try_recv();
    assert!(matches!(sent, Ok(Command::Telemetry { command: TelemetryCommand::Open(_), .. })));
}

#[test]
fn only_what_is_in_sight_is_asked_for() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_tree);
    opened.harness.get_by_role_and_label(Role::RadioButton, "Live").click();
    opened.harness.run();
    let spec = last_view(&mut opened).expect("another view");
    assert!(spec.tree.is_none() && spec.history.is_some(), "the topic chosen stays beside the list");
    let list = spec.list.expect("the list");
    assert_eq!(list.anchor, Anchor::Newest);
    opened.harness.get_by_role_and_label(Role::Button, "Records").click();
    opened.harness.run();
    assert_eq!(last_view(&mut opened), Some(ViewSpec::default()), "nothing of it is in sight");
}

#[test]
fn a_click_chooses_a_topic_and_asks_for_its_history_and_message() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_tree_inner);
    opened.harness.get_by_role_and_label(Role::TreeItem, STATE).click();
    opened.harness.run();
    let spec = last_view(&mut opened).expect("another view");
    assert_eq!(spec.history.map(|history| history.topic), Some(TopicId(4)));
    assert!(spec.message.is_some() && spec.tree.is_some());
}

#[test]
fn arrow_keys_walk_the_tree_and_fold_it() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_tree_inner);
    opened.harness.get_by_role_and_label(Role::Tree, "Topics, 6 rows").focus();
    opened.harness.run();
    opened.harness.key_press(Key::ArrowDown);
    opened.harness.run();
    let chosen = |opened: &Opened| opened.harness.state().app.telemetry.tree.selected().map(|one| one.node);
    assert_eq!(chosen(&opened), Some(NodeId(2)));
    while opened.commands.try_recv().is_ok() {}
    opened.harness.key_press(Key::ArrowLeft);
    opened.harness.run();
    let sent = opened.commands.try_recv();
    let is_closed = matches!(
        sent,
        Ok(Command::Telemetry { command: TelemetryCommand::Expand { node: NodeId(2), is_expanded: false }, .. })
    );
    assert!(is_closed);
    opened.harness.key_press(Key::ArrowRight);
    opened.harness.run();
    assert_eq!(chosen(&opened), Some(NodeId(3)), "into an open level");
    opened.harness.key_press(Key::ArrowLeft);
    opened.harness.run();
    assert_eq!(chosen(&opened), Some(NodeId(2)), "and back out of it");
}

#[test]
fn a_column_sorts_the_tree() {
    let mut opened = open([1360.0, 800.0], Theme::Light, Stage::telemetry_tree);
    opened.harness.get_by_role_and_label(Role::ColumnHeader, "Sort topics by messages").click();
    opened.harness.run();
    let spec = last_view(&mut opened).expect("another view");
    assert_eq!(spec.tree.map(|tree| tree.sort), Some(TreeSort::Messages));
}

#[test]
fn a_pause_freezes_the_list_and_following_goes_on() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_list);
    opened.harness.get_by_role_and_label(Role::Button, "Pause the list").click();
    opened.harness.run();
    let list = last_view(&mut opened).and_then(|spec| spec.list).expect("the list");
    assert!(matches!(list.anchor, Anchor::At { until: MessageId(999), .. }));
    opened.harness.get_by_role_and_label(Role::Button, "Follow the newest messages").click();
    opened.harness.run();
    let list = last_view(&mut opened).and_then(|spec| spec.list).expect("the list");
    assert_eq!(list.anchor, Anchor::Newest);
}

#[test]
fn a_row_that_is_clicked_is_the_one_that_opens_though_more_come() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_list);
    let name = opened.harness.get_all_by_role(Role::ListBoxOption).count();
    assert!((5..30).contains(&name), "{name} rows laid out");
    opened.harness.get_by_label_contains("{\"temperature\":3.5}").click();
    opened.harness.run();
    let app = &opened.harness.state().app;
    assert_eq!(app.telemetry.detail.picked(), Some(MessageId(993)));
    assert!(!app.telemetry.list.is_following(), "what is looked at does not run away");
}

#[test]
fn the_gateways_identity_is_used_only_after_the_dangerous_button() {
    for (button, is_used) in [("Disconnect the gateway and connect", true), ("Do not connect", false)] {
        let mut opened = open(SIZE, Theme::Light, Stage::telemetry_identity);
        opened.harness.get_by_role_and_label(Role::Button, button).click();
        opened.harness.run();
        let mut sent = Vec::new();
        while let Ok(command) = opened.commands.try_recv() {
            sent.push(command);
        }
        let is = |wanted: fn(&TelemetryCommand) -> bool| {
            sent.iter().any(|one| matches!(one, Command::Telemetry { command, .. } if wanted(command)))
        };
        assert_eq!(is(|command| matches!(command, TelemetryCommand::ConfirmIdentity)), is_used, "{button}");
        assert_eq!(is(|command| matches!(command, TelemetryCommand::Disconnect)), !is_used, "{button}");
    }
}

#[test]
fn escape_does_not_connect_as_the_gateway() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_identity);
    opened.harness.key_press(Key::Escape);
    opened.harness.run();
    assert!(opened.harness.state().app.telemetry.question().is_none());
    let sent = opened.commands.try_recv();
    assert!(matches!(sent, Ok(Command::Telemetry { command: TelemetryCommand::Disconnect, .. })));
}

#[test]
fn a_value_is_folded_by_its_sign_and_drawn_by_its_button() {
    let mut opened = open([1280.0, 800.0], Theme::Light, Stage::telemetry_tree);
    opened.harness.get_by_role_and_label(Role::TreeItem, "temperature: 21.5").click();
    opened.harness.run();
    opened.harness.get_by_role_and_label(Role::Button, "Draw a curve of temperature").click();
    opened.harness.run();
    opened.harness.get_by_role_and_label(Role::Tab, "Plot").click();
    opened.harness.run();
    let spec = last_view(&mut opened).and_then(|spec| spec.plot).expect("a plot");
    assert_eq!(spec.series[0].path, ".temperature");
    assert_eq!(spec.series[0].filter.as_str(), TOPIC);
}

#[test]
fn a_payload_of_megabytes_costs_no_more_than_what_is_in_sight() {
    let opened = open(SIZE, Theme::Light, |stage| {
        stage.telemetry_tree();
        let text: Arc<str> = Arc::from("0123456789 ".repeat(500_000));
        let decoded = Decoded {
            kind: DecoderKind::Text,
            is_detected: true,
            packed_in: Vec::new(),
            body: Body::Text(text),
            failure: None,
            notes: Vec::new(),
        };
        stage.show(with_message(decoded));
    });
    let lines = super::tree::dump(&opened.harness).matches("Label \"").count();
    assert!(lines < 200, "{lines} labels");
}

/// Where a message of the list is on the screen.
fn top_of(opened: &Opened, preview: &str) -> f32 {
    opened.harness.get_by_label_contains(preview).rect().top()
}

#[test]
fn a_message_that_is_opened_stays_under_the_pointer() {
    const PREVIEW: &str = "{\"temperature\":5.5}";
    for size in [SIZE, [1360.0, 900.0]] {
        let mut opened = open(size, Theme::Light, Stage::telemetry_list);
        opened.harness.get_by_role_and_label(Role::Button, "Pause the list").click();
        opened.harness.run();
        let before = top_of(&opened, PREVIEW);
        opened.harness.get_by_label_contains(PREVIEW).click();
        opened.harness.run();
        assert!(opened.harness.state().app.telemetry.list.selected().is_some(), "the message is open");
        let after = top_of(&opened, PREVIEW);
        assert!((before - after).abs() < 1.0, "{size:?}: from {before} to {after}");
    }
}

impl Stage {
    /// A tree of so many topics, of which a page is here.
    fn telemetry_many(&mut self) {
        self.telemetry_connected_empty();
        self.show(|snapshot| {
            let rows: Vec<_> =
                (1..200).map(|node| tree_row(node, 0, &format!("topic-{node}"), 7, Some("21.5"))).collect();
            snapshot.tree = Some(TreePage { total: rows.len(), first: 0, rows, problem: None });
        });
    }
}

/// The rows of a role that are wholly in sight within a height.
fn rows_in_sight(opened: &Opened, role: Role, height: f32) -> usize {
    let room = height - 28.0;
    opened.harness.get_all_by_role(role).filter(|row| row.rect().bottom() <= room + 0.5).count()
}

#[test]
fn topics_have_eleven_rows_at_1024_by_640_fourteen_at_1100_by_720_and_some_at_200_percent() {
    for (size, least) in [([1024.0, 640.0], 11), ([1100.0, 720.0], 14), ([512.0, 320.0], 5)] {
        let opened = open(size, Theme::Light, Stage::telemetry_many);
        let rows = rows_in_sight(&opened, Role::TreeItem, size[1]);
        assert!(rows >= least, "{size:?}: {rows} rows");
    }
}

#[test]
fn in_little_room_the_panes_stand_one_at_a_time_with_a_way_back() {
    let mut opened = open([512.0, 320.0], Theme::Light, Stage::telemetry_tree);
    let has = |opened: &Opened, role, name: &str| opened.harness.query_by_role_and_label(role, name).is_some();
    assert!(has(&opened, Role::Tree, "Topics, 6 rows") && !has(&opened, Role::ListBox, "History, 100 rows"));
    opened.harness.get_by_role_and_label(Role::TreeItem, STATE).click();
    opened.harness.run();
    assert_eq!(opened.harness.state().app.telemetry.depth(), Depth::History);
    assert!(!has(&opened, Role::Tree, "Topics, 6 rows"));
    opened.harness.get_by_role_and_label(Role::Button, "Back to the topics").click();
    opened.harness.run();
    assert!(has(&opened, Role::Tree, "Topics, 6 rows"));
}

#[test]
fn the_connection_panel_opens_from_the_tool_row_and_the_bench_broker_is_one_of_its_choices() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_tree);
    let name = "Connection: Connected mqtts://broker.example:8883";
    opened.harness.get_by_role_and_label(Role::DisclosureTriangle, name).click();
    opened.harness.run();
    assert!(opened.harness.query_by_role_and_label(Role::TextInput, "Address").is_some());
    opened.harness.get_by_role_and_label(Role::ListBoxOption, "Bench broker").click();
    opened.harness.run();
    assert!(opened.harness.query_by_role_and_label(Role::Button, "Start the bench broker").is_some());
    opened.harness.get_by_role_and_label(Role::Button, "Close the panel").click();
    opened.harness.run();
    assert!(opened.harness.query_by_role_and_label(Role::Tree, "Topics, 6 rows").is_some());
}

impl Stage {
    /// A recording beside a live connection, with the connection panel open.
    pub(crate) fn telemetry_items(&mut self) {
        self.telemetry_tree();
        self.act(TelemetryAction::OpenedRecording("/home/me/cold-night.lmrec".into()));
        // A fresh form proposes an id that nobody else has.
        self.app.telemetry.form.client_id = "linesman-observer-7f3a90c1".into();
        self.heard(TelemetryEvent::State(InspectionState::Playing));
        self.act(TelemetryAction::ShowedConnection(true));
    }
}

#[test]
fn a_recording_is_closed_by_its_name_and_the_connection_beside_it_goes_on() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_items);
    opened.harness.get_by_role_and_label(Role::Button, "Close cold-night.lmrec").click();
    opened.harness.run();
    let mut closed = Vec::new();
    while let Ok(command) = opened.commands.try_recv() {
        if let Command::Telemetry { job, command: TelemetryCommand::Close } = command {
            closed.push(job);
        }
    }
    let replay = opened.harness.state().app.telemetry.job().expect("it ends by itself");
    assert_eq!(closed, [replay]);
    opened.harness.get_by_role_and_label(Role::ListBoxOption, "Show mqtts://broker.example:8883").click();
    opened.harness.run();
    assert!(opened.harness.query_by_role_and_label(Role::Tree, "Topics, 6 rows").is_some());
}

fn chosen_node(opened: &Opened) -> Option<NodeId> {
    opened.harness.state().app.telemetry.tree.selected().map(|one| one.node)
}

#[test]
fn home_end_and_letters_walk_the_tree_and_ctrl_c_copies_the_row() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_tree_inner);
    opened.harness.get_by_role_and_label(Role::Tree, "Topics, 6 rows").focus();
    opened.harness.run();
    for (key, node) in [(Key::End, 5), (Key::Home, 1)] {
        opened.harness.key_press(key);
        opened.harness.run();
        assert_eq!(chosen_node(&opened), Some(NodeId(node)), "{key:?}");
    }
    opened.harness.event(egui::Event::Text("st".into()));
    opened.harness.run();
    assert_eq!(chosen_node(&opened), Some(NodeId(4)), "the next one that begins with it");
    opened.harness.event(egui::Event::Copy);
    opened.harness.run();
    let said = |opened: &Opened| {
        let toasts = opened.harness.state().app.toasts();
        toasts.iter().any(|toast| matches!(&toast.text, linesman::app::ToastText::News(news) if news.contains("Row")))
    };
    assert!(said(&opened), "that it was copied is said");
}

#[test]
fn ctrl_f_goes_to_the_search_of_what_is_listed() {
    let mut opened = open(SIZE, Theme::Light, Stage::telemetry_tree);
    opened.harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::F);
    opened.harness.run();
    opened.harness.event(egui::Event::Text("hall".into()));
    opened.harness.run();
    assert_eq!(opened.harness.state().app.telemetry.tree.search, "hall");
}

#[test]
fn a_trigger_is_set_marks_what_it_fires_on_and_says_so() {
    let mut opened = open([1360.0, 800.0], Theme::Light, Stage::telemetry_tree);
    opened.harness.get_by_role_and_label(Role::Button, "Trigger").click();
    opened.harness.run();
    opened.harness.get_by_role_and_label(Role::TextInput, "jq").focus();
    opened.harness.run();
    opened.harness.get_by_role_and_label(Role::TextInput, "jq").type_text(".temperature > 8");
    opened.harness.run();
    opened.harness.get_by_role_and_label(Role::Button, "Set the trigger").click();
    opened.harness.run();
    let mut plans = Vec::new();
    while let Ok(command) = opened.commands.try_recv() {
        if let Command::Telemetry { command: TelemetryCommand::SetTrigger(Some(plan)), .. } = command {
            plans.push(plan.query.jq.clone());
        }
    }
    assert_eq!(plans, [".temperature > 8"]);
    let job = opened.harness.state().app.telemetry.job().expect("an inspection");
    let fired = Fired {
        message: MessageId(999),
        topic: Arc::from(TOPIC),
        unix_micros: NOW * 1_000_000,
        preview: Arc::from("{\"temperature\":9}"),
    };
    let event = TelemetryEvent::Triggered { fired: vec![fired], count: 1 };
    let app = &mut opened.harness.state_mut().app;
    let _ = app.apply(Event::TelemetryProgressed { job, at: Duration::ZERO, event }, std::time::Instant::now());
    opened.harness.run();
    let app = &opened.harness.state().app;
    assert!(app.telemetry.panes.trigger.is_marked(MessageId(999)));
    assert!(app.toasts().iter().any(|toast| {
        matches!(&toast.text, linesman::app::ToastText::News(news) if news.starts_with("Trigger: site/hall-2"))
    }));
}
