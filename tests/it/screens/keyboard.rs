//! What the keyboard and the pointer can do, by role and name, with the commands that come of it.

use egui::accesskit::Role;
use egui::{Key, Theme};
use egui_kittest::kittest::{AccessKitNode, By, NodeT as _, Queryable as _};
use linesman::msg::{Command, Request};

use super::states::{STATES, Stage, networks};
use super::{Opened, open};

const SIZE: [f32; 2] = [1024.0, 640.0];

/// The names the Tab key comes by, in order, once around, or to the one that is looked for.
fn tab_stops(opened: &mut Opened, button: &str) -> Vec<String> {
    let mut stops = Vec::new();
    for _ in 0..80 {
        opened.harness.key_press(Key::Tab);
        opened.harness.run();
        let root = opened.harness.root();
        let focused = root.get_all(By::new().predicate(|node: &AccessKitNode<'_>| -> bool { node.is_focused() }));
        stops.extend(focused.filter_map(|node| node.accesskit_node().label()));
        if stops.iter().any(|stop| stop == button) {
            break;
        }
    }
    stops
}

#[test]
fn tab_reaches_the_main_button_of_every_screen() {
    let expected = [
        ("discover_rows", "Commission /dev/ttyUSB0"),
        ("discover_rows", "Ask all what they are"),
        ("commission_nothing_chosen", "Go to Discover"),
        ("commission_choose", "Connect"),
        ("commission_connecting", "Cancel the session"),
        ("commission_picked", "Send to the gateway"),
        ("commission_refused", "Correct the passphrase and try again"),
        ("discover_marked", "Commission the marked"),
        ("batch_empty", "Mark gateways on Discover"),
        ("batch_marked", "Commission 5 gateways"),
        ("batch_running", "Resume the batch"),
        ("batch_ended", "Retry 1 failed"),
        ("device_choose", "Connect to manage the gateway"),
        ("device_used", "Show the value of bridge/token"),
        ("device_ready", "Erase the storage of gw-7"),
        ("records_list", "Refresh the records"),
        ("settings", "Copy diagnostics"),
    ];
    for (name, button) in expected {
        let state = STATES.iter().find(|state| state.name == name).expect("a state");
        let stops = tab_stops(&mut open(SIZE, Theme::Light, state.plant), button);
        assert_eq!(stops.last().map(String::as_str), Some(button), "{name}: not among {stops:?}");
    }
}

#[test]
fn asking_a_row_sends_one_probe_to_that_port() {
    let mut opened = open(SIZE, Theme::Light, Stage::gateways);
    opened.harness.get_by_role_and_label(Role::Button, "Ask /dev/ttyUSB0 what it is").click();
    opened.harness.run();
    let Ok(Command::Probe { link, .. }) = opened.commands.try_recv() else { panic!("a probe") };
    assert_eq!(link.place(), "/dev/ttyUSB0");
    assert!(opened.commands.try_recv().is_err());
}

#[test]
fn enter_in_the_passphrase_sends_what_was_typed() {
    let mut opened = open(SIZE, Theme::Light, |stage| {
        stage.ready(networks());
        stage.fill("Site-Office", "");
    });
    opened.harness.get_by_role_and_label(Role::PasswordInput, "Passphrase").focus();
    opened.harness.run();
    opened.harness.get_by_role_and_label(Role::PasswordInput, "Passphrase").type_text("correct horse");
    opened.harness.run();
    opened.harness.key_press(Key::Enter);
    opened.harness.run();
    let Ok(Command::Session { request: Request::Push(credentials), .. }) = opened.commands.try_recv() else {
        panic!("credentials are sent")
    };
    assert_eq!(credentials.password(), "correct horse");
}

#[test]
fn escape_keeps_the_window_open_and_the_page_behind_is_locked() {
    let state = STATES.iter().find(|state| state.name == "close_dialog").expect("a state");
    let mut opened = open(SIZE, Theme::Light, state.plant);
    opened.harness.get_by_role_and_label(Role::Button, "Records").click_accesskit();
    opened.harness.run();
    assert!(opened.harness.state().app.is_asking_to_close());
    assert_eq!(opened.harness.state().app.screen(), linesman::app::Screen::Commission);
    opened.harness.key_press(Key::Escape);
    opened.harness.run();
    assert!(!opened.harness.state().app.is_asking_to_close());
}

#[test]
fn a_reset_goes_out_only_after_the_dialog_that_names_the_gateway() {
    let plant = |stage: &mut Stage| {
        stage.ready(networks());
        stage.act(linesman::app::commission::CommissionAction::AskedFor(linesman::app::commission::Question::Reset));
    };
    let mut opened = open(SIZE, Theme::Light, plant);
    assert!(opened.commands.try_recv().is_err());
    opened.harness.get_by_role_and_label(Role::Button, "Reset hall-gateway").click();
    opened.harness.run();
    let sent = opened.commands.try_recv();
    assert!(matches!(sent, Ok(Command::Session { request: Request::ResetDevice, .. })));
}

#[test]
fn correcting_a_passphrase_selects_the_old_one_so_that_typing_replaces_it() {
    let state = STATES.iter().find(|state| state.name == "commission_refused").expect("a state");
    let mut opened = open(SIZE, Theme::Light, state.plant);
    assert!(!opened.harness.state().app.commission.form.draft.passphrase.expose().is_empty());
    opened.harness.get_by_role_and_label(Role::Button, "Correct the passphrase and try again").click();
    opened.harness.run();
    opened.harness.event(egui::Event::Text("right one".into()));
    opened.harness.run();
    assert_eq!(opened.harness.state().app.commission.form.draft.passphrase.expose(), "right one");
}
