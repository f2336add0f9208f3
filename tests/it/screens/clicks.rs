//! How many clicks the everyday ways through the window take. Typing is free; Enter is counted by itself.

use std::path::{Path, PathBuf};
use std::time::Instant;

use egui::accesskit::Role;
use egui::{Key, Theme};
use egui_kittest::kittest::Queryable as _;
use linesman::app::Action;
use linesman::app::files::PathField;
use linesman::model::ids::{JobId, ProfileId};
use linesman::model::outcome::Verdict;
use linesman::model::settings::SavedConnection;
use linesman::msg::telemetry::{InspectionSource, TelemetryCommand, TelemetryEvent};
use linesman::msg::{Command, Event, JobEnd, Request};

use linesman::telemetry::recording::LeftOut;

use super::states::{Stage, networks, site};
use super::telemetry::{json, tree, with_message};
use super::{Opened, open};

const SIZE: [f32; 2] = [1100.0, 720.0];

/// A person at the window: what was clicked and how often Enter was pressed.
struct Hand {
    opened: Opened,
    /// What the view models sent without a frame between.
    sent: Vec<Command>,
    clicks: u32,
    enters: u32,
}

impl Hand {
    fn at(plant: impl FnOnce(&mut Stage)) -> Self {
        Self { opened: open(SIZE, Theme::Light, plant), sent: Vec::new(), clicks: 0, enters: 0 }
    }

    /// Clicks what begins with that name.
    fn click(&mut self, role: Role, name: &str) {
        let harness = &mut self.opened.harness;
        let found = harness.query_all_by_role(role).find(|node| {
            let label = egui_kittest::kittest::NodeT::accesskit_node(node).label();
            label.is_some_and(|label| label.starts_with(name))
        });
        found.unwrap_or_else(|| panic!("{role:?} {name} isn't there")).click();
        harness.run();
        self.clicks += 1;
    }

    fn enter(&mut self) {
        self.opened.harness.key_press(Key::Enter);
        self.opened.harness.run();
        self.enters += 1;
    }

    fn types(&mut self, text: &str) {
        self.opened.harness.event(egui::Event::Text(text.into()));
        self.opened.harness.run();
    }

    /// What the workers tell meanwhile.
    fn meanwhile(&mut self, happen: impl FnOnce(&mut Stage)) {
        let app = std::mem::take(&mut self.opened.harness.state_mut().app);
        let mut stage = Stage { app, now: Instant::now(), sent: Vec::new() };
        happen(&mut stage);
        self.opened.harness.state_mut().app = stage.app;
        self.sent.extend(stage.sent);
        self.opened.harness.run();
    }

    fn commands(&mut self) -> Vec<Command> {
        let mut all = std::mem::take(&mut self.sent);
        while let Ok(command) = self.opened.commands.try_recv() {
            all.push(command);
        }
        all
    }

    /// The passphrase that was sent.
    fn passphrase_sent(&mut self) -> Option<String> {
        self.commands().into_iter().find_map(|command| match command {
            Command::Session { request: Request::Push(credentials), .. } => Some(credentials.password().to_owned()),
            _ => None,
        })
    }
}

#[test]
fn the_first_gateway_takes_two_clicks_and_enter_where_the_site_has_a_network() {
    let mut hand = Hand::at(|stage| {
        stage.start(Some(site()), 0);
        stage.gateways();
    });
    hand.click(Role::ListBoxOption, "CP2102N USB to UART");
    hand.click(Role::Button, "Connect");
    hand.meanwhile(|stage| stage.answered(stage.session(), "hall-gateway", networks()));
    hand.types("correct horse");
    hand.enter();
    assert_eq!(hand.passphrase_sent().as_deref(), Some("correct horse"));
    assert_eq!((hand.clicks, hand.enters), (2, 1));
}

#[test]
fn the_first_gateway_of_a_network_that_is_not_known_yet_takes_two_clicks_and_enter_twice() {
    let mut hand = Hand::at(Stage::gateways);
    hand.click(Role::ListBoxOption, "CP2102N USB to UART");
    hand.enter();
    hand.meanwhile(|stage| stage.answered(stage.session(), "hall-gateway", networks()));
    hand.click(Role::ListBoxOption, "Network Site-Office");
    hand.types("correct horse");
    hand.enter();
    assert_eq!(hand.passphrase_sent().as_deref(), Some("correct horse"));
    assert_eq!((hand.clicks, hand.enters), (2, 2));
}

#[test]
fn the_next_gateway_takes_one_click_where_the_passphrase_is_kept() {
    let mut hand = Hand::at(|stage| {
        let job = stage.push();
        stage.app.commission.form.is_offered = true;
        stage.ended_as(job, Verdict::Joined);
    });
    hand.click(Role::Button, "Next gateway");
    let is_opened = |command: &Command| matches!(command, Command::OpenSession { .. });
    assert!(hand.commands().iter().any(is_opened), "the next one is connected");
    hand.meanwhile(|stage| stage.answered(stage.session(), "hall-gateway-2", networks()));
    assert_eq!(hand.passphrase_sent().as_deref(), Some("correct horse battery"));
    assert_eq!((hand.clicks, hand.enters), (1, 0));
}

#[test]
fn a_passphrase_is_corrected_by_enter_typing_and_enter() {
    let mut hand = Hand::at(|stage| stage.outcome(Verdict::Refused));
    hand.enter();
    hand.types("the right one");
    hand.enter();
    assert_eq!(hand.passphrase_sent().as_deref(), Some("the right one"));
    assert_eq!((hand.clicks, hand.enters), (0, 2));
}

#[test]
fn a_value_is_drawn_with_two_clicks() {
    let mut hand = Hand::at(|stage| {
        stage.telemetry_connected_empty();
        stage.show(|snapshot| snapshot.tree = Some(tree()));
    });
    hand.click(Role::TreeItem, "climate");
    hand.meanwhile(|stage| stage.show(with_message(json())));
    hand.opened.harness.get_by_role_and_label(Role::TreeItem, "temperature: 21.5").hover();
    hand.opened.harness.run();
    hand.click(Role::Button, "Draw a curve of temperature");
    assert_eq!(hand.clicks, 2);
    assert_eq!(hand.opened.harness.state().app.telemetry.panes.plot.series().len(), 1);
}

/// Two brokers saved, the first without a login.
fn saved() -> Vec<SavedConnection> {
    let one = |url: &str, login: &str| SavedConnection {
        name: url.into(),
        url: url.into(),
        login: login.into(),
        subscriptions: vec![("#".into(), 0)],
        ..SavedConnection::default()
    };
    vec![one("mqtt://hall.example:1883", "none"), one("mqtt://yard.example:1883", "password")]
}

/// The broker that is connected to.
fn broker_opened(commands: &[Command]) -> Option<String> {
    commands.iter().find_map(|command| match command {
        Command::Telemetry { command: TelemetryCommand::Open(start), .. } => match &start.source {
            InspectionSource::Broker(plan) => Some(plan.url.to_string()),
            InspectionSource::Recording { .. } => None,
        },
        _ => None,
    })
}

#[test]
fn another_broker_takes_two_clicks_and_its_password_where_it_has_one() {
    let plant = |stage: &mut Stage| {
        stage.telemetry_tree();
        stage.app.settings.values.connections = saved();
    };
    let mut hand = Hand::at(plant);
    hand.click(Role::DisclosureTriangle, "Connection: Connected");
    hand.click(Role::ListBoxOption, "Use mqtt://hall.example:1883");
    assert_eq!(broker_opened(&hand.commands()).as_deref(), Some("mqtt://hall.example:1883"));
    assert_eq!((hand.clicks, hand.enters), (2, 0));

    let mut hand = Hand::at(plant);
    hand.click(Role::DisclosureTriangle, "Connection: Connected");
    hand.click(Role::ListBoxOption, "Use mqtt://yard.example:1883");
    assert_eq!(broker_opened(&hand.commands()), None, "the password isn't stored");
    hand.types("from-the-code-77");
    hand.enter();
    assert_eq!(broker_opened(&hand.commands()).as_deref(), Some("mqtt://yard.example:1883"));
    assert_eq!((hand.clicks, hand.enters), (2, 1));
}

/// What was to be written, by its command.
fn exported(commands: &[Command]) -> Option<String> {
    commands.iter().find_map(|command| match command {
        Command::Telemetry { command: TelemetryCommand::Export { destination, .. }, .. } => {
            Some(destination.path().display().to_string())
        }
        _ => None,
    })
}

#[test]
fn messages_are_exported_with_two_clicks_and_where_they_went_is_said_and_shown() {
    let mut hand = Hand::at(Stage::telemetry_tree);
    // No desktop here has file dialogs: one of our own proposes a name.
    hand.opened.harness.state_mut().has_file_dialogs = false;
    hand.click(Role::Button, "Export");
    hand.click(Role::Button, "Export as JSON lines");
    hand.enter();
    let path = "/home/me/Documents/messages.jsonl";
    assert_eq!(exported(&hand.commands()).as_deref(), Some(path));
    assert_eq!((hand.clicks, hand.enters), (2, 1));

    let job = hand.opened.harness.state().app.telemetry.job().expect("an inspection");
    hand.meanwhile(|stage| {
        stage.report(
            job,
            TelemetryEvent::Exported { path: path.into(), result: Ok(1234), left_out: LeftOut::default() },
        );
    });
    hand.click(Role::Button, "Show messages.jsonl in its folder");
    let is_shown =
        |command: &Command| matches!(command, Command::ShowInFolder(shown) if shown.ends_with("messages.jsonl"));
    assert!(hand.commands().iter().any(is_shown));
    hand.click(Role::Button, "Copy the path of messages.jsonl");
}

/// What is to be written of the records, by its job and path.
fn written(commands: &[Command]) -> Option<(JobId, PathBuf)> {
    commands.iter().find_map(|command| match command {
        Command::ExportRecords { job, destination, .. } => Some((*job, destination.path().to_owned())),
        Command::WriteReport { job, plan } => {
            plan.file.as_ref().map(|(_, destination)| (*job, destination.path().to_owned()))
        }
        _ => None,
    })
}

#[test]
fn records_and_reports_are_saved_by_one_dialog_and_told_once() {
    for (button, name) in
        [("Export the records", "linesman-records.csv"), ("Save report", "record-5-hall-gateway-2.html")]
    {
        let mut hand = Hand::at(Stage::record_detail);
        hand.opened.harness.state_mut().has_file_dialogs = false;
        hand.click(Role::Button, button);
        hand.enter();
        let (job, path) = written(&hand.commands()).expect("it is written");
        assert_eq!(path, Path::new("/home/me/Documents").join(name));
        let end = JobEnd::Done { note: path.display().to_string() };
        hand.meanwhile(|stage| stage.apply(Event::JobFinished { job, end }));
        let told = hand.opened.harness.query_all_by_label_contains("Saved ").count();
        assert_eq!(told, 1, "{button}");
        hand.click(Role::Button, &format!("Show {name} in its folder"));
    }
}

#[test]
fn a_file_chosen_for_one_gateway_goes_to_it_though_another_is_selected_when_the_dialog_closes() {
    let mut hand = Hand::at(|stage| stage.outcome(Verdict::Joined));
    let app = &mut hand.opened.harness.state_mut().app;
    let wanted = app.file_for(PathField::Transcript);
    let session = app.commission.session().expect("a session").job;
    hand.click(Role::ListBoxOption, "hall-gateway-2");
    let app = &mut hand.opened.harness.state_mut().app;
    let commands = app.act(Action::ChoseFile(wanted, "/home/me/t.txt".into()), Instant::now());
    assert!(
        matches!(&commands[..], [Command::ExportTranscript { session: of, .. }] if *of == session),
        "the transcript of the gateway for which it was asked"
    );
}

#[test]
fn why_several_cannot_be_removed_stands_beside_the_button_and_a_folder_takes_their_certificates() {
    let mut hand = Hand::at(Stage::take_marked);
    hand.click(Role::Button, "Remove these gateways");
    let removals = &mut hand.opened.harness.state_mut().app.removals;
    for row in &mut removals.rows {
        (row.serial, row.marked.profile) = ("GW-1".into(), Some(ProfileId::new("generic-linux")));
    }
    removals.typed = removals.rows.len().to_string();
    hand.opened.harness.run();
    hand.opened.harness.get_by_label("Two of them have the same serial number");
    let removals = &mut hand.opened.harness.state_mut().app.removals;
    for (number, row) in removals.rows.iter_mut().enumerate() {
        row.serial = format!("GW-{number}");
    }
    removals.certificates = "/papers".into();
    hand.opened.harness.run();
    hand.click(Role::Button, "Remove the gateways listed");
    let commands = hand.commands();
    assert!(
        commands.iter().any(|command| matches!(command, Command::PrepareCertificates { rows, .. } if rows.len() == 5))
    );
    assert!(!commands.iter().any(|command| matches!(command, Command::Wipe { .. })), "the folder is looked at first");
}

#[test]
fn a_manifest_is_removed_once_its_secret_and_the_number_of_its_gateways_are_typed() {
    let mut hand = Hand::at(|stage| stage.app.batch.path = "/home/me/site.csv".into());
    hand.meanwhile(|stage| stage.act(Action::OpenedBatch));
    hand.click(Role::Button, "Show the gateways of the manifest to remove them");
    assert!(matches!(hand.commands().last(), Some(Command::ReadRemovals { .. })));
    hand.meanwhile(Stage::removals_of_a_manifest);
    hand.opened.harness.state_mut().app.removals.typed = "2".into();
    hand.opened.harness.run();
    hand.opened.harness.get_by_label("Type the secrets first");
    hand.click(Role::PasswordInput, "@site");
    hand.types("hunter2");
    hand.click(Role::Button, "Remove the gateways listed");
    let commands = hand.commands();
    let begun: Vec<&str> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Wipe { start, .. } => Some(start.confirmed.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(begun, ["GW-0412", "GW-0413"]);
}
