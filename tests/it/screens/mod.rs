//! Screens by role and name: one text snapshot of the accessibility tree per state, and what the keyboard can do.
//!
//! No display and no GPU is needed. Every control has a name, or the harness fails the test; so does a missing glyph.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod device;
mod keyboard;
mod panes;
mod states;
mod telemetry;
mod tree;

use std::time::Instant;

use egui_kittest::Harness;
use jiff::tz::TimeZone;
use linesman::backend::channels;
use linesman::msg::Command;
use linesman::ui::{Clock, Window};
use tokio::sync::mpsc::Receiver;

use states::{STATES, Stage};

/// The date on which all of this happens: 2026-03-02 09:14 UTC.
const NOW: i64 = 1_772_442_840;

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
    harness.run();
    while commands.try_recv().is_ok() {}
    Opened { harness, commands }
}

#[test]
fn every_state_reads_as_recorded() {
    let settings = {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings
    };
    settings.bind(|| {
        for state in STATES {
            let opened = open([1100.0, 720.0], egui::Theme::Light, state.plant);
            insta::assert_snapshot!(state.name, tree::dump(&opened.harness));
        }
    });
}

#[test]
fn every_state_draws_in_the_dark_and_in_the_smallest_window() {
    for state in STATES {
        open([1024.0, 640.0], egui::Theme::Dark, state.plant);
        open([640.0, 480.0], egui::Theme::Dark, state.plant);
    }
}

#[test]
fn no_glyph_of_the_icon_font_is_read_out() {
    for state in STATES {
        let opened = open([1100.0, 720.0], egui::Theme::Light, state.plant);
        let text = tree::dump(&opened.harness);
        assert_eq!(tree::glyph(&text), None, "{}", state.name);
    }
}

#[test]
fn a_passphrase_is_masked_wherever_it_is_typed() {
    for state in STATES {
        let opened = open([1100.0, 720.0], egui::Theme::Light, state.plant);
        let text = tree::dump(&opened.harness);
        for secret in ["correct horse battery", "from-the-code-77"] {
            assert!(!text.contains(secret), "{} shows a passphrase", state.name);
        }
    }
}

#[test]
fn a_thousand_rows_cost_no_more_than_the_visible_ones() {
    let state = STATES.iter().find(|state| state.name == "discover_thousand").expect("it is listed");
    let opened = open([1100.0, 720.0], egui::Theme::Light, state.plant);
    let rows = tree::dump(&opened.harness).matches("ListBoxOption").count();
    assert!((3..20).contains(&rows), "{rows} rows laid out");
}
