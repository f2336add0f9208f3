//! What the keys and the pointer do on the screen of a terminal: what is sent, what is selected, what is copied.

use egui::accesskit::Role;
use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::Queryable as _;
use linesman::msg::Command;
use linesman::msg::terminal::TerminalInput;

use super::states::{STATES, State};
use super::{Opened, open};

const SIZE: [f32; 2] = [1100.0, 720.0];
const SHIFT: Modifiers = Modifiers::SHIFT;

fn at_the_screen() -> Opened {
    let is_open = |state: &&State| state.name == "terminal_open";
    let mut opened = open(SIZE, Theme::Light, STATES.iter().find(is_open).expect("it is listed").plant);
    opened.harness.get_by_role_and_label(Role::Terminal, "Screen of /dev/ttyUSB0").focus();
    opened.harness.run();
    opened
}

fn press(opened: &mut Opened, modifiers: Modifiers, key: Key) {
    opened.harness.key_press_modifiers(modifiers, key);
    opened.harness.run();
}

/// What went to the device.
fn sent(opened: &mut Opened) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(command) = opened.commands.try_recv() {
        if let Command::Terminal { input: TerminalInput::Bytes(bytes), .. } = command {
            all.extend_from_slice(bytes.expose());
        }
    }
    all
}

fn selected(opened: &Opened) -> Option<String> {
    opened.harness.state().app.terminal.selected_text()
}

#[test]
fn ctrl_c_interrupts_the_device_while_nothing_is_selected_and_copies_what_is() {
    let mut opened = at_the_screen();
    opened.harness.event(egui::Event::Copy);
    opened.harness.run();
    assert_eq!(sent(&mut opened), [3], "as a terminal does");
    press(&mut opened, SHIFT, Key::Home);
    assert_eq!(selected(&opened).as_deref(), Some("gw-7 login:"));
    opened.harness.event(egui::Event::Copy);
    opened.harness.run();
    assert_eq!(sent(&mut opened), [] as [u8; 0], "a copy is no interrupt");
    assert_eq!(selected(&opened), None);
}

#[test]
fn ctrl_shift_c_is_never_sent_and_escape_drops_a_selection_before_it_is_a_key() {
    let mut opened = at_the_screen();
    press(&mut opened, Modifiers::CTRL | SHIFT, Key::C);
    press(&mut opened, Modifiers::CTRL | SHIFT, Key::A);
    assert!(selected(&opened).is_some_and(|text| text.contains("Failed to start Vendor agent")));
    press(&mut opened, Modifiers::NONE, Key::Escape);
    assert_eq!((selected(&opened), sent(&mut opened)), (None, Vec::new()));
    press(&mut opened, Modifiers::NONE, Key::Escape);
    assert_eq!(sent(&mut opened), [0x1b]);
}

#[test]
fn dragging_selects_what_is_under_the_pointer() {
    let mut opened = at_the_screen();
    let place = opened.harness.get_by_role_and_label(Role::Terminal, "Screen of /dev/ttyUSB0").rect();
    let (from, to) = (place.min + egui::vec2(12.0, 16.0), place.min + egui::vec2(300.0, 16.0));
    opened.harness.drag_at(from);
    opened.harness.run();
    opened.harness.hover_at(to);
    opened.harness.run();
    opened.harness.drop_at(to);
    opened.harness.run();
    assert!(
        selected(&opened).is_some_and(|text| text.starts_with("[  OK  ] Started Network")),
        "{:?}",
        selected(&opened)
    );
}
