//! What an inspection reports, and what is asked of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::*;
use crate::app::settings::SettingsAction;
use crate::app::{Action, App, Place, ToastText};
use crate::model::mqtt::message::Subscription;
use crate::msg::telemetry::TelemetryEvent;
use crate::msg::{Event, JobEnd};
use crate::telemetry::recording::RecorderState;
use crate::telemetry::view::{MessageDetail, MessageId, MessageRow, TopicId, TreePage};

fn opened() -> (App, JobId, Instant) {
    let now = Instant::now();
    let mut app = App::new();
    let _ = app.act(Action::WentTo(Place::Telemetry), now);
    app.telemetry.form.url = "mqtt://broker.example".into();
    let commands = app.act(TelemetryAction::Connected.into(), now);
    let [Command::Telemetry { job, command: TelemetryCommand::Open(_) }, Command::Telemetry { command, .. }] =
        commands.as_slice()
    else {
        panic!("it is opened, and told what is in sight")
    };
    assert!(matches!(command, TelemetryCommand::View(_)));
    let job = *job;
    (app, job, now)
}

fn tell(app: &mut App, job: JobId, event: TelemetryEvent, now: Instant) -> Vec<Command> {
    app.apply(Event::TelemetryProgressed { job, at: Duration::ZERO, event }, now)
}

fn connected() -> TelemetryEvent {
    TelemetryEvent::State(InspectionState::Connected { facts: Vec::new(), login_ends: None })
}

#[test]
fn the_connection_panel_closes_once_when_it_is_connected() {
    let (mut app, job, now) = opened();
    assert!(app.telemetry.is_connection_shown(), "the stages are looked at");
    tell(&mut app, job, connected(), now);
    assert!(!app.telemetry.is_connection_shown());
    let _ = app.act(TelemetryAction::ShowedConnection(true).into(), now);
    tell(&mut app, job, connected(), now);
    assert!(app.telemetry.is_connection_shown(), "not when it was connected already");
}

#[test]
fn the_view_is_sent_when_it_changed_and_not_otherwise() {
    let (mut app, job, now) = opened();
    tell(&mut app, job, connected(), now);
    let views = |commands: &[Command]| {
        let is_view = |one: &&Command| matches!(one, Command::Telemetry { command: TelemetryCommand::View(_), .. });
        commands.iter().filter(is_view).count()
    };
    assert_eq!(views(&app.tick(now)), 1, "the topics came into sight");
    assert_eq!(views(&app.tick(now)), 0);
    assert_eq!(views(&app.act(Action::WentTo(Place::Records), now)), 1);
    assert_eq!(views(&app.act(Action::WentTo(Place::Settings), now)), 0);
}

#[test]
fn events_of_an_earlier_inspection_are_dropped() {
    let (mut app, first, now) = opened();
    tell(&mut app, first, TelemetryEvent::State(InspectionState::Disconnected { problem: None }), now);
    let _ = app.act(TelemetryAction::Closed.into(), now);
    app.apply(Event::JobFinished { job: first, end: JobEnd::Cancelled }, now);
    let _ = app.act(TelemetryAction::Connected.into(), now);
    let second = app.telemetry.job().unwrap();
    assert_ne!(first, second);
    tell(&mut app, first, connected(), now);
    assert!(!app.telemetry.is_connected());
}

#[test]
fn an_open_inspection_connects_anew_and_keeps_what_it_has() {
    let (mut app, job, now) = opened();
    tell(&mut app, job, TelemetryEvent::Snapshot(Arc::default()), now);
    tell(&mut app, job, TelemetryEvent::State(InspectionState::Disconnected { problem: None }), now);
    let commands = app.act(TelemetryAction::Connected.into(), now);
    let [Command::Telemetry { job: again, command: TelemetryCommand::Connect(Some(_)) }] = commands.as_slice() else {
        panic!("the same one connects")
    };
    assert_eq!(*again, job);
    assert!(app.telemetry.snapshot().is_some());
}

fn held(messages: u64) -> TelemetryEvent {
    let counters = Counters { held: messages, ..Counters::default() };
    TelemetryEvent::Snapshot(Arc::new(Snapshot { counters, ..Snapshot::default() }))
}

#[test]
fn another_broker_gets_an_inspection_a_job_and_a_record_of_its_own() {
    let (mut app, first, now) = opened();
    let problem = Box::new(Problem::new("mqtt.refused", "a", "b", "c"));
    tell(&mut app, first, TelemetryEvent::State(InspectionState::Disconnected { problem: Some(problem) }), now);
    app.telemetry.form.url = "mqtt://other.example".into();
    // What is only typed names nothing.
    assert_eq!(app.telemetry.inspection().unwrap().name, "mqtt://broker.example:1883");
    let commands = app.act(TelemetryAction::Connected.into(), now);
    let [
        Command::Telemetry { job: closed, command: TelemetryCommand::Close },
        Command::Telemetry { job, command: TelemetryCommand::Open(_) },
        ..,
    ] = commands.as_slice()
    else {
        panic!("the one before is closed, and another opened")
    };
    assert!(*closed == first && *job != first);
    assert_eq!(app.telemetry.inspection().unwrap().name, "mqtt://other.example:1883");
    assert!(app.jobs().iter().any(|job| job.label.contains("other.example")));
}

#[test]
fn nothing_forgets_messages_before_a_question_that_counts_them() {
    for action in [TelemetryAction::Cleared, TelemetryAction::Closed, TelemetryAction::Connected] {
        let (mut app, job, now) = opened();
        tell(&mut app, job, connected(), now);
        tell(&mut app, job, held(12_345), now);
        app.telemetry.form.url = "mqtt://other.example".into();
        let _ = app.tick(now);
        assert!(app.act(action.clone().into(), now).is_empty(), "{action:?}");
        assert_eq!(app.telemetry.forgetting().map(|(_, count)| count), Some(12_345));
        assert!(app.is_dialog_open());
        let _ = app.act(TelemetryAction::DroppedForgetting.into(), now);
        assert!(app.act(TelemetryAction::ConfirmedForgetting.into(), now).is_empty() && !app.is_dialog_open());
        assert_eq!(app.telemetry.counters().held, 12_345);
        let _ = app.act(action.clone().into(), now);
        assert!(!app.act(TelemetryAction::ConfirmedForgetting.into(), now).is_empty(), "{action:?}");
    }
    // Where nothing is held, nothing is asked.
    let (mut app, job, now) = opened();
    tell(&mut app, job, connected(), now);
    let commands = app.act(TelemetryAction::Cleared.into(), now);
    assert!(matches!(&commands[..], [Command::Telemetry { command: TelemetryCommand::Clear, .. }, ..]));
}

#[test]
fn a_recording_opens_beside_a_live_connection_and_closing_it_leads_back() {
    let (mut app, live, now) = opened();
    tell(&mut app, live, connected(), now);
    tell(&mut app, live, held(12_345), now);
    let commands = app.act(TelemetryAction::OpenedRecording("/r/site.lmrec".into()).into(), now);
    let is_open = |one: &Command| matches!(one, Command::Telemetry { command: TelemetryCommand::Open(_), .. });
    let is_closed = |one: &Command| matches!(one, Command::Telemetry { command: TelemetryCommand::Close, .. });
    assert!(commands.iter().any(is_open) && !commands.iter().any(is_closed) && !app.is_dialog_open());
    let replay = app.telemetry.job().unwrap();
    assert_eq!(app.telemetry.inspection().unwrap().name, "site.lmrec");
    let names: Vec<_> = app.items().iter().map(|item| (item.inspection.name.clone(), item.is_shown)).collect();
    assert_eq!(names, [("mqtt://broker.example:1883".to_owned(), false), ("site.lmrec".to_owned(), true)]);
    assert_eq!(app.live().map(|live| live.name.as_str()), Some("mqtt://broker.example:1883"));

    // What comes for the one put aside reaches it; it is asked for nothing but what is counted.
    tell(&mut app, live, held(20_000), now);
    assert_eq!(app.items()[0].held, 20_000);
    assert_eq!(app.telemetry.counters().held, 0);

    let commands = app.act(TelemetryAction::ClosedItem(replay).into(), now);
    assert!(matches!(&commands[..], [Command::Telemetry { job, command: TelemetryCommand::Close }] if *job == replay));
    let _ = app.apply(Event::JobFinished { job: replay, end: JobEnd::Cancelled }, now);
    assert_eq!(app.telemetry.job(), Some(live));
    assert_eq!(app.telemetry.counters().held, 20_000);
    assert_eq!(app.settings.values.recent_recordings, [PathBuf::from("/r/site.lmrec")]);

    // A recording is among them from its beginning: a crash would cut it off.
    let begun = RecorderState { path: "/r/new.lmrec".into(), ..RecorderState::default() };
    tell(&mut app, live, TelemetryEvent::Recording { recorder: Some(begun), ring: None }, now);
    assert_eq!(app.settings.values.recent_recordings[0], PathBuf::from("/r/new.lmrec"));
}

#[test]
fn closing_a_live_connection_by_name_asks_though_another_item_is_shown() {
    let (mut app, live, now) = opened();
    tell(&mut app, live, connected(), now);
    tell(&mut app, live, held(5), now);
    let _ = app.act(TelemetryAction::OpenedRecording("/r/site.lmrec".into()).into(), now);
    let commands = app.act(TelemetryAction::ClosedItem(live).into(), now);
    assert!(!commands.iter().any(|one| matches!(one, Command::Telemetry { command: TelemetryCommand::Close, .. })));
    assert_eq!(app.telemetry.forgetting().map(|(_, count)| count), Some(5));
    assert_eq!(app.telemetry.job(), Some(live), "the question is about what is in sight");
}

#[test]
fn another_connection_begins_beside_the_first_and_what_was_typed_is_kept() {
    let (mut app, first, now) = opened();
    tell(&mut app, first, connected(), now);
    let _ = app.act(TelemetryAction::Began.into(), now);
    assert!(app.telemetry.is_connection_shown() && app.telemetry.job().is_none());
    app.telemetry.form.url = "mqtt://other.example".into();
    let _ = app.act(TelemetryAction::ShowedItem(first).into(), now);
    assert_eq!(app.telemetry.form.url, "mqtt://broker.example");
    let _ = app.act(TelemetryAction::Began.into(), now);
    assert_eq!(app.telemetry.form.url, "mqtt://other.example");
    let _ = app.act(TelemetryAction::Connected.into(), now);
    assert_eq!(app.items().len(), 2);
}

#[test]
fn what_is_watched_shares_one_budget_of_memory_and_gives_it_back() {
    const MIB: usize = 1 << 20;
    let told = |commands: &[Command], wanted: JobId| {
        commands.iter().find_map(|command| match command {
            Command::Telemetry { job, command: TelemetryCommand::SetBudget(bytes) } if *job == wanted => Some(*bytes),
            Command::Telemetry { job, command: TelemetryCommand::Open(start) } if *job == wanted => {
                Some(start.budget_bytes)
            }
            _ => None,
        })
    };
    let (mut app, live, now) = opened();
    tell(&mut app, live, connected(), now);
    tell(&mut app, live, held(7), now);
    assert_eq!((app.memory().items, app.memory().share_bytes()), (1, 512 << 20));
    let commands = app.act(TelemetryAction::OpenedRecording("/r/site.lmrec".into()).into(), now);
    let replay = app.telemetry.job().unwrap();
    assert_eq!((told(&commands, live), told(&commands, replay)), (Some(256 * MIB), Some(256 * MIB)));
    assert_eq!(app.memory().budget_bytes, 512 << 20, "it is said as one");

    app.settings.values.telemetry.budget_mib = 128;
    let commands = app.act(SettingsAction::Changed.into(), now);
    assert_eq!((told(&commands, live), told(&commands, replay)), (Some(64 * MIB), Some(64 * MIB)));

    let _ = app.act(TelemetryAction::ClosedItem(replay).into(), now);
    let commands = app.apply(Event::JobFinished { job: replay, end: JobEnd::Cancelled }, now);
    assert_eq!(told(&commands, live), Some(128 * MIB));
    assert!(app.tick(now).iter().all(|one| told(std::slice::from_ref(one), live).is_none()), "told once");
}

#[test]
fn an_identity_that_was_not_confirmed_is_not_used() {
    let (mut app, job, now) = opened();
    assert!(app.act(TelemetryAction::ConfirmedIdentity.into(), now).is_empty(), "nobody asked");
    let problem = Problem::new("mqtt.own_identity", "a", "b", "c");
    tell(&mut app, job, TelemetryEvent::IdentityQuestion(Box::new(problem.clone())), now);
    assert!(app.is_dialog_open());
    let commands = app.act(TelemetryAction::DroppedIdentity.into(), now);
    assert!(matches!(&commands[..], [Command::Telemetry { command: TelemetryCommand::Disconnect, .. }]));
    tell(&mut app, job, TelemetryEvent::IdentityQuestion(Box::new(problem)), now);
    let commands = app.act(TelemetryAction::ConfirmedIdentity.into(), now);
    assert!(matches!(&commands[..], [Command::Telemetry { command: TelemetryCommand::ConfirmIdentity, .. }]));
}

#[test]
fn subscriptions_are_taken_back_and_made_at_once() {
    let (mut app, job, now) = opened();
    tell(&mut app, job, connected(), now);
    let _ = app.tick(now);
    app.telemetry.form.new_filter = "site/#".into();
    let commands = app.act(TelemetryAction::Connect(ConnectAction::AddedSubscription).into(), now);
    assert!(matches!(&commands[..], [Command::Telemetry { command: TelemetryCommand::Subscribe(_), .. }]));
    let one = Subscription { filter: "site/#".parse().unwrap(), qos: crate::model::mqtt::message::Qos::AtMostOnce };
    tell(&mut app, job, TelemetryEvent::Subscriptions(vec![one]), now);
    assert_eq!(app.telemetry.form.subscriptions().len(), 1);
    let commands = app.act(TelemetryAction::Connect(ConnectAction::RemovedSubscription(0)).into(), now);
    assert!(matches!(&commands[..], [Command::Telemetry { command: TelemetryCommand::Unsubscribe(_), .. }]));
}

#[test]
fn a_message_that_was_picked_stays_when_it_had_to_make_room() {
    let (mut app, job, now) = opened();
    tell(&mut app, job, connected(), now);
    let row = MessageRow {
        id: MessageId(5),
        topic_id: TopicId(1),
        topic: Arc::from("a"),
        unix_micros: 0,
        bytes: 1,
        qos: crate::model::mqtt::message::Qos::AtMostOnce,
        is_retained: false,
        is_duplicate: false,
        preview: Arc::from("x"),
        columns: Vec::new(),
    };
    let decoded = crate::telemetry::value::Decoded {
        kind: crate::telemetry::value::DecoderKind::Text,
        is_detected: true,
        packed_in: Vec::new(),
        body: crate::telemetry::value::Body::Text(Arc::from("x")),
        failure: None,
        notes: Vec::new(),
    };
    let message =
        MessageDetail { row, payload: Arc::from(*b"x"), properties: None, decoded, notes: Vec::new(), diff: None };
    let picked = list::Picked { id: MessageId(5), topic: TopicId(1) };
    let _ = app.act(TelemetryAction::List(ListAction::Selected(picked)).into(), now);
    let here = Snapshot { message: Some(Arc::new(message)), ..Snapshot::default() };
    tell(&mut app, job, TelemetryEvent::Snapshot(Arc::new(here)), now);
    assert!(app.telemetry.detail.message().is_some() && !app.telemetry.detail.is_gone());
    tell(&mut app, job, TelemetryEvent::Snapshot(Arc::default()), now);
    assert!(app.telemetry.detail.message().is_some() && app.telemetry.detail.is_gone());
}

#[test]
fn a_topic_of_the_list_is_found_in_the_tree() {
    let (mut app, job, now) = opened();
    tell(&mut app, job, connected(), now);
    let picked = list::Picked { id: MessageId(5), topic: TopicId(9) };
    let _ = app.act(TelemetryAction::List(ListAction::Selected(picked)).into(), now);
    let commands = app.act(TelemetryAction::ShowedInTree.into(), now);
    let asks = |one: &Command| matches!(one, Command::Telemetry { command: TelemetryCommand::Reveal(TopicId(9)), .. });
    assert!(commands.iter().any(asks));
    tell(&mut app, job, TelemetryEvent::Revealed { topic: TopicId(9), row: 70_000 }, now);
    assert_eq!(app.telemetry.tree.take_scroll(), Some(70_000));
    let page = TreePage { total: 0, ..TreePage::default() };
    let snapshot = Snapshot { tree: Some(page), ..Snapshot::default() };
    tell(&mut app, job, TelemetryEvent::Snapshot(Arc::new(snapshot)), now);
    assert!(app.telemetry.tree.selected().is_none(), "its row is not here yet");
}

fn first_message(topic: u32) -> TelemetryEvent {
    let topic_id = Some(TopicId(topic));
    TelemetryEvent::FirstMessage { after: Duration::from_secs(4), topic: "site/a".into(), topic_id }
}

fn reveals(commands: &[Command]) -> Vec<u32> {
    let topic = |one: &Command| match one {
        Command::Telemetry { command: TelemetryCommand::Reveal(topic), .. } => Some(topic.0),
        _ => None,
    };
    commands.iter().filter_map(topic).collect()
}

fn seek(app: &mut App, gateway: &str, now: Instant) -> Vec<Command> {
    let App { telemetry, catalog, jobs, toasts, .. } = app;
    telemetry.seek_topic_of(gateway, &Desk { catalog, jobs, toasts, now })
}

#[test]
fn the_topic_of_a_gateway_that_is_watched_is_shown_as_soon_as_it_comes() {
    let (mut app, job, now) = opened();
    tell(&mut app, job, connected(), now);
    let asked = seek(&mut app, "Hall", now);
    let [Command::Telemetry { command: TelemetryCommand::FindGateway(name), .. }] = asked.as_slice() else {
        panic!("it is looked for")
    };
    assert_eq!(name, "Hall");
    assert_eq!(reveals(&tell(&mut app, job, first_message(3), now)), [3]);
    tell(&mut app, job, TelemetryEvent::Revealed { topic: TopicId(3), row: 70 }, now);
    assert_eq!(app.telemetry.tree.take_scroll(), Some(70));
    let found = TelemetryEvent::GatewayFound(TopicId(8));
    assert_eq!(reveals(&tell(&mut app, job, found, now)), [8], "a topic that names it is more than the first one");
    assert!(reveals(&tell(&mut app, job, first_message(4), now)).is_empty(), "then it is left alone");
}

#[test]
fn what_a_person_chose_is_not_left_for_the_topic_of_a_gateway() {
    let (mut app, job, now) = opened();
    tell(&mut app, job, connected(), now);
    assert!(reveals(&tell(&mut app, job, first_message(3), now)).is_empty(), "nobody asked for it");
    let _ = seek(&mut app, "Hall", now);
    let _ = app.act(TelemetryAction::Tree(TreeAction::WentTo(0)).into(), now);
    assert!(reveals(&tell(&mut app, job, TelemetryEvent::GatewayFound(TopicId(8)), now)).is_empty());
}

#[test]
fn nothing_is_watched_by_itself_without_a_broker() {
    let now = Instant::now();
    let mut telemetry = Telemetry::default();
    let mut jobs = crate::app::jobs::Jobs::default();
    let mut toasts = crate::app::Toasts::default();
    let catalog = crate::profile::Catalog::built_in();
    let settings = SettingsView::default();
    let mut desk = Desk { catalog: &catalog, jobs: &mut jobs, toasts: &mut toasts, now };
    let gateway = || Commissioned { name: "hall".into(), profile: None, pushed_before: Some(Duration::from_secs(3)) };
    assert!(telemetry.watch(gateway(), None, &settings, &mut desk).is_empty());
    let commands = telemetry.watch(gateway(), Some("mqtt://127.0.0.1:1999".into()), &settings, &mut desk);
    let [Command::Telemetry { command: TelemetryCommand::Open(start), .. }] = commands.as_slice() else {
        panic!("it begins")
    };
    assert_eq!(start.pushed_before, Some(Duration::from_secs(3)));
    assert_eq!(start.gateway.as_deref(), Some("hall"));
    assert!(telemetry.watch(gateway(), None, &settings, &mut desk).is_empty(), "what is watched goes on");
}

#[test]
fn watch_on_the_bench_broker_says_what_it_did_connected_or_not() {
    let news = |app: &App| match app.toasts().iter().last().map(|toast| &toast.text) {
        Some(ToastText::News(news)) => news.clone(),
        _ => String::new(),
    };
    let (mut app, job, now) = opened();
    let bench = "mqtt://127.0.0.1:1883";
    let _ = app.act(TelemetryAction::TookAddress(bench.into()).into(), now);
    assert_eq!(
        (news(&app).as_str(), app.telemetry.form.url.as_str()),
        ("Address filled in: mqtt://127.0.0.1:1883", bench)
    );
    tell(&mut app, job, connected(), now);
    let commands = app.act(TelemetryAction::TookAddress(bench.into()).into(), now);
    assert!(
        commands
            .iter()
            .all(|command| !matches!(command, Command::Telemetry { command: TelemetryCommand::Connect(_), .. }))
    );
    assert_eq!(app.items().len(), 1, "the connection goes on beside it");
    assert!(app.telemetry.is_connection_shown() && app.telemetry.job().is_none());
    let _ = app.act(TelemetryAction::ShowedItem(job).into(), now);
    let url = app.telemetry.inspection().unwrap().name.clone();
    let _ = app.act(TelemetryAction::TookAddress(url).into(), now);
    assert!(news(&app).starts_with("Already connected to mqtt://broker.example"), "{}", news(&app));
}
