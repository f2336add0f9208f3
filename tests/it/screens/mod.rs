//! Screens by role and name: one text snapshot of the accessibility tree per state, and what the keyboard can do.
//!
//! No display and no GPU is needed. Every control has a name, or the harness fails the test; so does a missing glyph.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod check;
mod clicks;
mod device;
mod dropped;
mod keyboard;
mod panes;
mod remove;
mod sight;
mod states;
mod telemetry;
mod terminal;
mod tree;

use std::time::Instant;

use egui_kittest::Harness;
use jiff::tz::TimeZone;
use linesman::backend::channels;
use linesman::msg::Command;
use linesman::ui::{Clock, Window};
use tokio::sync::mpsc::Receiver;

use states::{STATES, Stage, State};

/// The date on which all of this happens: 2026-03-02 09:14 UTC.
const NOW: i64 = 1_772_442_840;
/// A window as most people have it.
const LARGE: [f32; 2] = [1100.0, 720.0];
/// The smallest a window can be made.
const SMALLEST: [f32; 2] = [640.0, 480.0];

/// The window in a state, and the far end of its commands.
pub(crate) struct Opened {
    pub(crate) harness: Harness<'static, Window>,
    pub(crate) commands: Receiver<Command>,
}

/// Opens the window in a state at a fixed time.
pub(crate) fn open(size: [f32; 2], theme: egui::Theme, plant: impl FnOnce(&mut Stage)) -> Opened {
    let (handle, mut commands, _reporter) = channels();
    let started = Instant::now();
    let builder = Harness::builder().with_size(size).with_theme(theme);
    let mut harness = builder.build_eframe(|creation| {
        let mut stage = Stage::new(started);
        plant(&mut stage);
        let Stage { app, now, .. } = stage;
        let clock = Clock { now: Box::new(move || now), zone: TimeZone::UTC, unix_secs: Box::new(|| NOW) };
        let mut window = Window::new(&creation.egui_ctx, handle, clock);
        window.app = app;
        window
    });
    harness.input_mut().system_theme = Some(theme);
    harness.run();
    while commands.try_recv().is_ok() {}
    Opened { harness, commands }
}

/// Holds of every screen, opened once: its words stand as recorded, no glyph of the icon font is read out, no secret is shown,
/// the dark theme changes no word, and everything can be read in both themes and in the smallest window.
fn check_all(states: &[State]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    let mut faults = Vec::new();
    settings.bind(|| states.iter().for_each(|state| check(state, &mut faults)));
    assert!(faults.is_empty(), "{faults:#?}");
}

fn check(state: &State, faults: &mut Vec<String>) {
    let name = state.name;
    let mut opened = open(LARGE, egui::Theme::Light, state.plant);
    let text = tree::dump(&opened.harness);
    insta::assert_snapshot!(name, without_offers(name, &text));
    assert_eq!(tree::glyph(&text), None, "{name} reads an icon out");
    for secret in ["correct horse battery", "from-the-code-77"] {
        assert!(!text.contains(secret), "{name} shows a secret");
    }
    faults.extend(sight::illegible(name, &opened.harness, egui::Theme::Light));
    let primaries = sight::primaries(&opened.harness);
    if primaries.len() > 1 {
        faults.push(format!("{name} has several buttons that go on: {primaries:?}"));
    }

    // The window follows the system.
    opened.harness.input_mut().system_theme = Some(egui::Theme::Dark);
    opened.harness.run();
    assert_eq!(tree::dump(&opened.harness), text, "{name} reads the same in the dark");
    faults.extend(sight::illegible(name, &opened.harness, egui::Theme::Dark));

    opened.harness.set_size(egui::Vec2::from(SMALLEST));
    opened.harness.run();
    faults.extend(sight::illegible(name, &opened.harness, egui::Theme::Dark));
    faults.extend(sight::cut_off(name, &opened.harness, SMALLEST));
}

/// What builds with a feature offer beside: the name of its control, whether this build has it, and the pages it is on.
const OFFERS: [(&str, bool, &[&str]); 2] = [
    ("\"Export as Parquet\"", cfg!(feature = "parquet"), &["recorder_export"]),
    ("\"Save as PDF\"", cfg!(feature = "pdf"), &["check_report", "check_report_failed"]),
];

/// The page without what only some builds offer; it is the same but for those lines.
fn without_offers(name: &str, text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    for (offer, is_built, pages) in OFFERS {
        let before = lines.len();
        lines.retain(|line| !line.contains(offer));
        assert_eq!(before - lines.len(), usize::from(is_built && pages.contains(&name)), "{offer} in {name}");
    }
    lines.join("\n")
}

/// The states come in two halves, so that both cores have work.
#[test]
fn every_state_of_the_list_and_of_set_up_reads_as_recorded_and_is_legible_in_the_dark_and_in_the_smallest_window() {
    check_all(&STATES[..STATES.len() / 2]);
}

#[test]
fn every_other_state_reads_as_recorded_and_is_legible_in_the_dark_and_in_the_smallest_window() {
    check_all(&STATES[STATES.len() / 2..]);
}

#[test]
fn every_pane_reads_as_recorded_keeps_secrets_and_is_legible_in_the_dark_and_in_the_smallest_window() {
    check_all(panes::STATES);
}

#[test]
fn every_state_of_a_network_check_reads_as_recorded_and_is_legible_in_the_dark_and_in_the_smallest_window() {
    check_all(check::STATES);
}

#[test]
fn a_window_shows_at_least_fourteen_gateways_and_a_thousand_cost_no_more_than_the_visible_ones() {
    let state = STATES.iter().find(|state| state.name == "gateways_thousand").expect("it is listed");
    let opened = open(LARGE, egui::Theme::Light, state.plant);
    let rows = tree::dump(&opened.harness).matches("ListBoxOption").count();
    assert!((14..30).contains(&rows), "{rows} rows laid out");
}
