//! The strip below the panes: warnings, what came of the recorder, and the controls of a replay. Nothing of it, no strip.

use std::time::Duration;

use egui::{Frame, Margin, Panel, RichText, Slider, Ui, WidgetInfo};

use super::parts::{clock_time, combo, times};
use super::seconds;
use super::sheets::amount;
use crate::app::App;
use crate::app::telemetry::recorder::{Recorder, RecorderAction, SPEEDS};
use crate::app::telemetry::{Telemetry, TelemetryAction};
use crate::ui::icon;
use crate::ui::pass::{Pass, clock};
use crate::ui::theme::{CONTROL_HEIGHT, GRID, ONE_COLUMN_BELOW, medium, palette};
use crate::ui::widgets::{Button, RowEnd, finding, icon as glyph, muted, notice, problem_card, truncated};

/// Draws the strip, if there is something to say.
pub(super) fn show(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let telemetry = &app.telemetry;
    if !has_news(telemetry) {
        return;
    }
    let frame = Frame::new().fill(palette(ui).page).inner_margin(Margin::symmetric(12, 6));
    Panel::bottom("telemetry-strip").resizable(false).frame(frame).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 6.0;
        warnings(ui, telemetry, pass);
        told(ui, &telemetry.panes.recorder, pass);
        if telemetry.panes.recorder.playback().is_some() {
            let is_open = telemetry.job().is_some();
            transport(ui, &telemetry.panes.recorder, is_open, pass);
        }
    });
}

fn has_news(telemetry: &Telemetry) -> bool {
    let recorder = &telemetry.panes.recorder;
    let has_problem =
        |state: Option<&crate::telemetry::recording::RecorderState>| state.is_some_and(|state| state.problem.is_some());
    !telemetry.warnings().is_empty()
        || recorder.playback().is_some()
        || recorder.is_keeping()
        || recorder.is_writing()
        || has_problem(recorder.recording())
        || has_problem(recorder.ring())
}

fn warnings(ui: &mut Ui, telemetry: &Telemetry, pass: &mut Pass<'_>) {
    for (place, problem) in telemetry.warnings().iter().enumerate() {
        let colour = palette(ui).warn;
        ui.horizontal(|ui| {
            glyph(ui, icon::WARNING, colour);
            let end = RowEnd::new(ui, place);
            end.before(ui, |ui| {
                let why = format!("{}. {}", problem.likely_cause, problem.next_step);
                if ui.available_width() < ONE_COLUMN_BELOW {
                    let text = RichText::new(&problem.what).font(medium()).color(colour);
                    truncated(ui, text).on_hover_text(why);
                    return;
                }
                ui.label(RichText::new(&problem.what).font(medium()).color(colour));
                truncated(ui, RichText::new(&why).small().color(palette(ui).muted)).on_hover_text(&why);
            });
            end.show(ui, |ui| {
                let name = format!("Dismiss: {}", problem.what);
                if Button::icon_only(icon::CLOSE, &name).pressed(ui) {
                    pass.did(TelemetryAction::DismissedWarning(place));
                }
            });
        });
    }
}

/// Play and pause, step, speed, and where the replay is.
fn transport(ui: &mut Ui, recorder: &Recorder, is_open: bool, pass: &mut Pass<'_>) {
    if ui.available_width() < ONE_COLUMN_BELOW + 260.0 {
        ui.horizontal(|ui| playing(ui, recorder, is_open, pass));
        timeline(ui, recorder, is_open, pass);
        return;
    }
    ui.horizontal(|ui| {
        playing(ui, recorder, is_open, pass);
        timeline(ui, recorder, is_open, pass);
    });
}

fn playing(ui: &mut Ui, recorder: &Recorder, is_open: bool, pass: &mut Pass<'_>) {
    let Some(playback) = recorder.playback() else { return };
    let why = "The recording is closed";
    if recorder.is_playing() {
        if Button::new("Pause").icon(icon::PAUSE).named("Pause the replay").enabled_if(is_open, why).pressed(ui) {
            pass.did(RecorderAction::Played(false));
        }
    } else {
        let text = if recorder.is_at_end() { "Play again" } else { "Play" };
        if Button::new(text).icon(icon::PLAY).named("Play the recording").enabled_if(is_open, why).pressed(ui) {
            if let Some((from, _)) = playback.recording.span_unix_micros.filter(|_| recorder.is_at_end()) {
                pass.did(RecorderAction::Sought(from));
            }
            pass.did(RecorderAction::Played(true));
        }
    }
    let step = Button::new("Step").icon(icon::NEXT).named("Play one message");
    let is_paused = is_open && !recorder.is_playing() && !recorder.is_at_end();
    let why_no_step = if recorder.is_at_end() { "The recording is at its end" } else { "Pause first" };
    if step.enabled_if(is_paused, why_no_step).pressed(ui) {
        pass.did(RecorderAction::Stepped);
    }
    if let Some(speed) = combo(ui, "Speed", true, playback.speed, &SPEEDS, |speed| format!("{speed} ×")) {
        pass.did(RecorderAction::ChoseSpeed(speed));
    }
}

/// Where the playback is, along the time of the recording.
fn timeline(ui: &mut Ui, recorder: &Recorder, is_open: bool, pass: &mut Pass<'_>) {
    let (Some(playback), Some(position)) = (recorder.playback(), recorder.position()) else { return };
    let Some((from, to)) = playback.recording.span_unix_micros.filter(|(from, to)| to > from) else {
        muted(ui, "The recording is empty");
        return;
    };
    ui.horizontal(|ui| {
        let (began, began_utc) = times(from, pass.zone);
        muted(ui, &began).on_hover_text(began_utc);
        let ended = clock_time(to, pass.zone);
        #[expect(clippy::cast_precision_loss, reason = "a place on the screen")]
        let mut secs = position.saturating_sub(from) as f64 / 1e6;
        #[expect(clippy::cast_precision_loss, reason = "a place on the screen")]
        let whole = (to - from) as f64 / 1e6;
        ui.spacing_mut().slider_width = (ui.available_width() - 190.0).max(80.0);
        let slider = Slider::new(&mut secs, 0.0..=whole).show_value(false);
        let response = ui.add_enabled(is_open, slider);
        let is_enabled = ui.is_enabled() && is_open;
        let (now, now_utc) = times(position, pass.zone);
        let shown = secs;
        response.widget_info(|| WidgetInfo::slider(is_enabled, shown, format!("Time of the replay, {now}")));
        #[expect(clippy::cast_possible_truncation, reason = "a place within the recording")]
        let wanted = from.saturating_add((secs * 1e6) as i64);
        // The recording is read anew only where the handle is let go.
        if response.drag_stopped() || (response.changed() && !response.dragged()) {
            pass.did(RecorderAction::Sought(wanted));
        } else if response.changed() {
            pass.did(RecorderAction::Slid(wanted));
        }
        muted(ui, &ended);
        ui.label(RichText::new(clock_time(position, pass.zone)).monospace()).on_hover_text(now_utc);
    });
}

/// A time that is waited for: `12 s`, or `2:05` and more.
fn seconds_or_clock(left: Duration) -> String {
    if left < Duration::from_mins(1) { seconds(left) } else { clock(left) }
}

/// What came of all that.
fn told(ui: &mut Ui, recorder: &Recorder, pass: &Pass<'_>) {
    let problems =
        [recorder.recording(), recorder.ring()].into_iter().flatten().filter_map(|state| state.problem.as_ref());
    for problem in problems {
        problem_card(ui, problem);
    }
    if recorder.is_keeping() {
        notice(ui, palette(ui).link, icon::RUNNING, "Keeping the last minutes…");
    }
    if recorder.is_writing() {
        notice(ui, palette(ui).link, icon::RUNNING, "A file is being written…");
    }
    if let Some(playback) = recorder.playback() {
        if let Some(repaired) = &playback.repaired {
            finding(ui, repaired, false);
        }
        ui.horizontal(|ui| {
            ui.set_min_height(CONTROL_HEIGHT - GRID);
            let facts: Vec<String> =
                playback.facts.facts.iter().take(4).map(|(name, value)| format!("{name} {value}")).collect();
            let path = playback.recording.path.file_name().map(|name| name.to_string_lossy().into_owned());
            let text =
                format!("{} · {} · {}", path.unwrap_or_default(), amount(&playback.recording), facts.join(" · "));
            let all: Vec<String> =
                playback.facts.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let hover = format!("{}\n{}", playback.recording.path.display(), all.join("\n"));
            let end = RowEnd::new(ui, "next message");
            end.before(ui, |ui| {
                truncated(ui, RichText::new(text).small().color(palette(ui).muted)).on_hover_text(hover);
            });
            end.show(ui, |ui| {
                if let Some(left) = recorder.next_in(pass.now) {
                    ui.label(format!("Next message in {}", seconds_or_clock(left)));
                }
            });
        });
    }
}
