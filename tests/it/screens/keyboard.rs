//! What the keyboard and the pointer can do, by role and name, with the commands that come of it.

use egui::accesskit::Role;
use egui::{Key, Rect, Theme};
use egui_kittest::kittest::{AccessKitNode, By, NodeT as _, Queryable as _};
use linesman::msg::{Command, Request};

use super::states::{STATES, Stage, networks, serial};
use super::{Opened, check, open, panes};

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
        ("gateways_rows", "Query all gateways"),
        ("set_up_choose", "Connect"),
        ("set_up_connecting", "Cancel the session"),
        ("set_up_picked", "Send"),
        ("set_up_refused", "Correct the passphrase"),
        ("gateways_marked", "Set up 2 gateways"),
        ("batch_empty", "Browse for Manifest"),
        ("batch_marked", "Set up 5 gateways"),
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

/// What Tab comes by, with where it stands, once around.
fn walk(opened: &mut Opened) -> Vec<(String, Rect)> {
    let mut stops: Vec<(String, Rect)> = Vec::new();
    for _ in 0..150 {
        opened.harness.key_press(Key::Tab);
        opened.harness.run();
        let root = opened.harness.root();
        let focused = root.get_all(By::new().predicate(|node: &AccessKitNode<'_>| -> bool { node.is_focused() }));
        let focused = focused.map(|node| (node.accesskit_node().label().unwrap_or_default(), node.rect())).next();
        let Some(stop) = focused else { continue };
        if stops.first() == Some(&stop) {
            break;
        }
        stops.push(stop);
    }
    stops
}

#[test]
fn tab_goes_through_every_row_from_left_to_right() {
    let names = [
        "gateways_rows",
        "set_up_picked",
        "batch_running",
        "device_used",
        "telemetry_list_paused",
        "telemetry_form_filled",
        "telemetry_warned",
        "check_watching",
    ];
    let states = || STATES.iter().chain(panes::STATES).chain(check::STATES);
    let mut faults = Vec::new();
    for name in names {
        let state = states().find(|state| state.name == name).unwrap_or_else(|| panic!("no state {name}"));
        let stops = walk(&mut open([1280.0, 800.0], Theme::Light, state.plant));
        assert!(stops.len() > 5, "{name}: {stops:?}");
        let is_back = |pair: &&[(String, Rect)]| {
            let (one, next) = (pair[0].1, pair[1].1);
            (one.center().y - next.center().y).abs() < 6.0 && next.left() < one.left()
        };
        faults
            .extend(stops.windows(2).filter(is_back).map(|pair| format!("{name}: {:?} after {:?}", pair[1], pair[0])));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn querying_a_gateway_sends_one_probe_to_its_port() {
    let mut opened = open(SIZE, Theme::Light, Stage::choose);
    opened.harness.get_by_role_and_label(Role::Button, "Query /dev/ttyUSB0").click();
    opened.harness.run();
    let Ok(Command::Probe { link, .. }) = opened.commands.try_recv() else { panic!("a probe") };
    assert_eq!(link.place(), "/dev/ttyUSB0");
    assert!(opened.commands.try_recv().is_err());
}

/// The link selected in the list.
fn selected(opened: &Opened) -> String {
    opened.harness.state().app.discover.selected().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn the_list_is_one_tab_stop_and_goes_by_arrows_home_end_and_letters() {
    let mut opened = open(SIZE, Theme::Light, Stage::gateways);
    let rows = opened.harness.state().app.discover.shown().to_vec();
    let first = tab_stops(&mut opened, "Gateways, 6 rows");
    assert!(first.last().is_some_and(|stop| stop.starts_with("Gateways, ")), "{first:?}");
    for (key, at) in [(Key::ArrowDown, 0), (Key::ArrowDown, 1), (Key::End, rows.len() - 1), (Key::Home, 0)] {
        opened.harness.key_press(key);
        opened.harness.run();
        assert_eq!(selected(&opened), rows[at].to_string(), "{key:?}");
    }
    opened.harness.key_press(Key::Enter);
    opened.harness.run();
    let opens = opened.commands.try_recv();
    assert!(matches!(opens, Ok(Command::OpenSession { link, .. }) if link == rows[0]), "Enter is the primary act");
}

#[test]
fn down_goes_from_the_filter_to_the_gateways_that_are_left() {
    let mut opened = open(SIZE, Theme::Light, Stage::gateways);
    opened.harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::F);
    opened.harness.run();
    for key in [Key::ArrowDown, Key::Home] {
        opened.harness.key_press(key);
        opened.harness.run();
    }
    assert_eq!(selected(&opened), opened.harness.state().app.discover.shown()[0].to_string());
}

#[test]
fn ctrl_and_a_number_goes_to_a_place_and_ctrl_plus_makes_everything_larger() {
    use linesman::app::Place;
    let mut opened = open(SIZE, Theme::Light, Stage::gateways);
    for (key, place) in [(Key::Num4, Place::Records), (Key::Num5, Place::Settings), (Key::Num1, Place::Gateways)] {
        opened.harness.key_press_modifiers(egui::Modifiers::COMMAND, key);
        opened.harness.run();
        assert_eq!(opened.harness.state().app.place(), place);
    }
    opened.harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::Plus);
    opened.harness.run();
    assert!((opened.harness.state().app.settings.values.scale - 1.1).abs() < 0.01);
}

#[test]
fn ctrl_f_selects_what_was_searched_for_before_so_that_typing_replaces_it() {
    let mut opened = open(SIZE, Theme::Light, |stage| {
        stage.record_detail();
        stage.app.records.search = "a search of before".into();
    });
    opened.harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::F);
    opened.harness.run();
    opened.harness.event(egui::Event::Text("hall".into()));
    opened.harness.run();
    assert_eq!(opened.harness.state().app.records.search, "hall");
}

#[test]
fn what_is_typed_while_a_gateway_connects_goes_to_no_other_gateway() {
    let types = |plant: fn(&mut Stage)| {
        let mut opened = open(SIZE, Theme::Light, plant);
        opened.harness.get_by_role_and_label(Role::ListBox, "Gateways, 6 rows").focus();
        opened.harness.run();
        opened.harness.event(egui::Event::Text("hall".into()));
        opened.harness.run();
        opened.harness.state().app.discover.selected().cloned()
    };
    assert_eq!(types(Stage::choose), Some(serial("/dev/ttyACM0")), "letters go through the list");
    let connecting = |stage: &mut Stage| {
        stage.connect();
    };
    assert_eq!(types(connecting), Some(serial("/dev/ttyUSB0")), "and not while a session is open");
}

/// The name of what has the keyboard.
fn focused(opened: &Opened) -> Option<String> {
    let root = opened.harness.root();
    let mut focused = root.get_all(By::new().predicate(|node: &AccessKitNode<'_>| -> bool { node.is_focused() }));
    focused.find_map(|node| node.accesskit_node().label())
}

#[test]
fn once_what_had_the_keyboard_is_gone_tab_goes_on_where_the_work_is() {
    let mut opened = open(SIZE, Theme::Light, Stage::choose);
    let press = |opened: &mut Opened, key| {
        opened.harness.key_press(key);
        opened.harness.run();
    };
    opened.harness.get_by_role_and_label(Role::Button, "Connect").focus();
    opened.harness.run();
    press(&mut opened, Key::Enter);
    assert!(matches!(opened.commands.try_recv(), Ok(Command::OpenSession { .. })));
    press(&mut opened, Key::Tab);
    assert_eq!(focused(&opened).as_deref(), Some("Gateways, 6 rows"), "nothing is to be pressed yet: the list");
    let refused = STATES.iter().find(|state| state.name == "set_up_refused").expect("a state");
    let mut opened = open(SIZE, Theme::Light, refused.plant);
    press(&mut opened, Key::Tab);
    assert_eq!(focused(&opened).as_deref(), Some("Correct the passphrase"), "the button that goes on");
}

#[test]
fn home_and_end_go_to_the_first_and_the_last_job_in_records() {
    let mut opened = open(SIZE, Theme::Light, Stage::record_detail);
    let rows = |opened: &Opened| {
        let records = &opened.harness.state().app.records;
        (records.jobs(None).iter().map(|job| job.key()).collect::<Vec<_>>(), records.selected())
    };
    opened.harness.get_by_role(Role::ListBox).focus();
    opened.harness.run();
    let all = rows(&opened).0;
    for (key, wanted) in [(Key::End, all.last()), (Key::Home, all.first())] {
        opened.harness.key_press(key);
        opened.harness.run();
        assert_eq!(rows(&opened).1.as_ref(), wanted, "{key:?}");
    }
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
fn enter_sends_what_came_with_it_in_the_same_frame() {
    let mut opened = open(SIZE, Theme::Light, |stage| {
        stage.ready(networks());
        stage.fill("Site-Office", "");
    });
    opened.harness.get_by_role_and_label(Role::PasswordInput, "Passphrase").focus();
    opened.harness.run();
    opened.harness.event(egui::Event::Text("abc".into()));
    opened.harness.run();
    // A slow machine draws one frame for several keys: what is marked as too short isn't any more.
    let key = egui::Event::Key {
        key: Key::Enter,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: egui::Modifiers::NONE,
    };
    opened.harness.input_mut().events.extend([egui::Event::Text("defgh-123".into()), key]);
    opened.harness.run();
    let Ok(Command::Session { request: Request::Push(credentials), .. }) = opened.commands.try_recv() else {
        panic!("credentials are sent")
    };
    assert_eq!(credentials.password(), "abcdefgh-123");
}

#[test]
fn escape_keeps_the_window_open_and_the_page_behind_is_locked() {
    let state = STATES.iter().find(|state| state.name == "close_dialog").expect("a state");
    let mut opened = open(SIZE, Theme::Light, state.plant);
    opened.harness.get_by_role_and_label(Role::Button, "Records").click_accesskit();
    opened.harness.run();
    assert!(opened.harness.state().app.is_asking_to_close());
    assert_eq!(opened.harness.state().app.place(), linesman::app::Place::Gateways);
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
    let state = STATES.iter().find(|state| state.name == "set_up_refused").expect("a state");
    let mut opened = open(SIZE, Theme::Light, state.plant);
    assert!(!opened.harness.state().app.commission.form.draft.passphrase.expose().is_empty());
    opened.harness.get_by_role_and_label(Role::Button, "Correct the passphrase").click();
    opened.harness.run();
    opened.harness.event(egui::Event::Text("right one".into()));
    opened.harness.run();
    assert_eq!(opened.harness.state().app.commission.form.draft.passphrase.expose(), "right one");
}

#[test]
fn the_palette_opens_by_a_key_finds_what_is_typed_and_goes_there_by_enter() {
    let mut opened = open(SIZE, Theme::Light, Stage::choose);
    let press = |opened: &mut Opened, modifiers, key| {
        opened.harness.key_press_modifiers(modifiers, key);
        opened.harness.run();
    };
    press(&mut opened, egui::Modifiers::COMMAND, Key::K);
    opened.harness.event(egui::Event::Text("go rec".into()));
    opened.harness.run();
    press(&mut opened, egui::Modifiers::NONE, Key::Enter);
    assert_eq!(opened.harness.state().app.place(), linesman::app::Place::Records);
    assert!(opened.harness.state().app.palette().is_none());

    // A gateway: the second of those found, and Escape leaves everything as it is.
    press(&mut opened, egui::Modifiers::COMMAND, Key::K);
    opened.harness.event(egui::Event::Text("@tty".into()));
    opened.harness.run();
    press(&mut opened, egui::Modifiers::NONE, Key::ArrowDown);
    press(&mut opened, egui::Modifiers::NONE, Key::Enter);
    assert_eq!(opened.harness.state().app.place(), linesman::app::Place::Gateways);
    assert_ne!(selected(&opened), "serial:/dev/ttyUSB0");
    let before = selected(&opened);
    press(&mut opened, egui::Modifiers::COMMAND, Key::K);
    press(&mut opened, egui::Modifiers::NONE, Key::Escape);
    assert!(opened.harness.state().app.palette().is_none());
    assert_eq!(selected(&opened), before);
}

#[test]
fn f1_lists_the_keys_and_escape_goes_back() {
    let mut opened = open(SIZE, Theme::Light, Stage::choose);
    opened.harness.key_press(Key::F1);
    opened.harness.run();
    assert!(opened.harness.query_by_role_and_label(Role::Button, "Close the list of keys").is_some());
    opened.harness.key_press(Key::Escape);
    opened.harness.run();
    assert!(!opened.harness.state().app.is_showing_keys());
}
