//! The recorder's bar: the ring on disk and what is kept of it, recording, and below it what is opened, exported or played.

use egui::{Align, Layout, RichText, Slider, Ui, WidgetInfo};

use super::parts::{bytes, clock_time, combo, count, counted, span, times};
use crate::app::telemetry::recorder::{MINUTES, Recorder, RecorderAction, SPEEDS, Sheet};
use crate::app::telemetry::{Telemetry, TelemetryAction};
use crate::model::problem::Problem;
use crate::msg::telemetry::ExportForm;
use crate::telemetry::recording::RecorderState;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{CONTROL_HEIGHT, GRID, palette};
use crate::ui::widgets::{
    Button, boxed, choice, finding, icon as glyph, labelled, muted, notice, path_field, problem_card, small, truncated,
};

/// Draws the bar.
pub(super) fn bar(ui: &mut Ui, telemetry: &mut Telemetry, pass: &mut Pass<'_>) {
    let is_open = telemetry.job().is_some();
    let recorder = &mut telemetry.panes.recorder;
    boxed(ui).inner_margin(egui::Margin::symmetric(12, 5)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 6.0;
        ui.horizontal_wrapped(|ui| {
            if recorder.playback().is_none() {
                keeping(ui, recorder, is_open, pass);
                recording(ui, recorder, is_open, pass);
            } else {
                playing(ui, recorder, is_open, pass);
            }
            sheets(ui, recorder, pass);
        });
        if recorder.playback().is_some() {
            timeline(ui, recorder, is_open, pass);
        }
        sheet(ui, recorder, is_open, pass);
        told(ui, recorder, pass);
    });
}

/// The ring, and the button that keeps its last minutes.
fn keeping(ui: &mut Ui, recorder: &Recorder, is_open: bool, pass: &mut Pass<'_>) {
    let minutes = recorder.minutes();
    let name = format!("Keep the last {minutes} min");
    let is_ready = recorder.ring().is_some() && is_open && !recorder.is_keeping();
    let why = match () {
        () if recorder.is_keeping() => "It is at it",
        () if !is_open => "Connect to a broker first",
        () => "Nothing is saved on disk: switch it on in the settings",
    };
    let keep = Button::new(&name).icon(icon::SAVE).enabled_if(is_ready, why);
    let hover = recorder.ring().map_or_else(String::new, |ring| format!("On disk now: {}", amount(ring)));
    let response = keep.show(ui);
    let response = if hover.is_empty() { response } else { response.on_hover_text(hover) };
    if response.clicked() {
        pass.did(RecorderAction::KeptLast);
    }
    if let Some(chosen) = combo(ui, "Minutes to save", false, minutes, &MINUTES, |minutes| format!("{minutes} min")) {
        pass.did(RecorderAction::ChoseMinutes(chosen));
    }
}

fn recording(ui: &mut Ui, recorder: &Recorder, is_open: bool, pass: &mut Pass<'_>) {
    if let Some(state) = recorder.recording() {
        if Button::new("Stop").icon(icon::STOP).named("Stop recording").pressed(ui) {
            pass.did(RecorderAction::Stopped);
        }
        glyph(ui, icon::RECORD, palette(ui).danger);
        let rate = recorder.rate().map_or_else(String::new, |rate| format!(", {}/s", count(rate)));
        muted(ui, &format!("{}{rate}", amount(state))).on_hover_text(state.path.display().to_string());
        return;
    }
    let record = Button::new("Record").icon(icon::RECORD).named("Start recording");
    if record.enabled_if(is_open, "Connect to a broker first").pressed(ui) {
        pass.did(RecorderAction::Started);
    }
}

fn amount(state: &RecorderState) -> String {
    let messages = counted(state.messages, "message", "messages");
    let since = state.span_unix_micros.map_or_else(String::new, |(from, to)| {
        let micros = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        format!(", {}", span(std::time::Duration::from_micros(micros)))
    });
    format!("{messages}, {}{since}", bytes(state.file_bytes))
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

/// The buttons that open what is done less often.
fn sheets(ui: &mut Ui, recorder: &Recorder, pass: &mut Pass<'_>) {
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let all = [
            (Sheet::Bundle, "Bundle…", "Support bundle"),
            (Sheet::Export, "Export…", "Export messages"),
            (Sheet::Open, "Open…", "Open a recording"),
            (Sheet::File, "File…", "Choose where to record"),
        ];
        for (sheet, text, name) in all {
            if sheet == Sheet::File && (recorder.recording().is_some() || recorder.playback().is_some()) {
                continue;
            }
            if choice(ui, recorder.sheet() == Some(sheet), text, name) {
                pass.did(RecorderAction::ToggledSheet(sheet));
            }
        }
    });
}

fn sheet(ui: &mut Ui, recorder: &mut Recorder, is_open: bool, pass: &mut Pass<'_>) {
    match recorder.sheet() {
        None => {}
        Some(Sheet::File) => {
            let (_, is_browsing) =
                path_field(ui, "Record to", &mut recorder.record_path, "Empty for the data folder, named by the time");
            if is_browsing {
                pass.browse = Some(PathField::RecordingNew);
            }
        }
        Some(Sheet::Open) => open(ui, recorder, pass),
        Some(Sheet::Export) => export(ui, recorder, is_open, pass),
        Some(Sheet::Bundle) => bundle(ui, recorder, is_open, pass),
    }
}

fn open(ui: &mut Ui, recorder: &mut Recorder, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        let (response, is_browsing) = path_field(ui, "Recording", &mut recorder.open_path, "/home/me/site.lmrec");
        if is_browsing {
            pass.browse = Some(PathField::RecordingOpen);
        }
        let is_typed = !recorder.open_path.trim().is_empty();
        let open = Button::new("Replay").icon(icon::PLAY).named("Replay the recording");
        let is_pressed = open.enabled_if(is_typed, "Type a path first").pressed(ui);
        if is_pressed || (is_typed && super::parts::is_entered(ui, &response)) {
            pass.did(TelemetryAction::OpenedRecording(recorder.open_path.trim().into()));
        }
    });
    small(ui, "It takes the place of what is watched now, and is replayed into the same views");
}

fn export(ui: &mut Ui, recorder: &mut Recorder, is_open: bool, pass: &mut Pass<'_>) {
    labelled(ui, "Format", |ui, _| {
        let forms = [
            (ExportForm::Csv, "CSV"),
            (ExportForm::JsonLines, "JSON lines"),
            (ExportForm::Parquet, "Parquet"),
            (ExportForm::Recording, "Recording"),
        ];
        for (form, text) in forms {
            if form == ExportForm::Parquet && !cfg!(feature = "parquet") {
                continue;
            }
            if choice(ui, recorder.form() == form, text, &format!("Export as {text}")) {
                pass.did(RecorderAction::ChoseForm(form));
            }
        }
    });
    ui.horizontal_wrapped(|ui| {
        let (_, is_browsing) = path_field(ui, "Export to", &mut recorder.export_path, "/home/me/messages.csv");
        if is_browsing {
            pass.browse = Some(PathField::TelemetryExport);
        }
        let is_ready = is_open && !recorder.is_writing() && !recorder.export_path.trim().is_empty();
        let export = Button::new("Export").icon(icon::EXPORT).named("Export the messages");
        if export.enabled_if(is_ready, why_not(recorder, is_open)).pressed(ui) {
            pass.did(RecorderAction::Exported);
        }
    });
    small(ui, "The messages that the list under Live shows: its filter, text and expression count");
}

fn bundle(ui: &mut Ui, recorder: &mut Recorder, is_open: bool, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        let (_, is_browsing) = path_field(ui, "Bundle to", &mut recorder.bundle_path, "/home/me/support.zip");
        if is_browsing {
            pass.browse = Some(PathField::SupportBundle);
        }
        let is_ready = is_open && !recorder.is_writing() && !recorder.bundle_path.trim().is_empty();
        let write = Button::new("Write").icon(icon::EXPORT).named("Write the support bundle");
        if write.enabled_if(is_ready, why_not(recorder, is_open)).pressed(ui) {
            pass.did(RecorderAction::Bundled);
        }
    });
    small(
        ui,
        "One file for support: messages, packets, stages of the connection and facts of the profile. No login, no key",
    );
}

fn why_not(recorder: &Recorder, is_open: bool) -> &'static str {
    match () {
        () if !is_open => "Connect to a broker or open a recording first",
        () if recorder.is_writing() => "A file is being written",
        () => "Type a path first",
    }
}

/// What came of all that.
fn told(ui: &mut Ui, recorder: &Recorder, pass: &mut Pass<'_>) {
    let problems =
        [recorder.recording(), recorder.ring()].into_iter().flatten().filter_map(|state| state.problem.as_ref());
    for problem in problems {
        problem_card(ui, problem);
    }
    if recorder.is_keeping() {
        notice(ui, palette(ui).link, icon::RUNNING, "Keeping the last minutes…");
    }
    match recorder.kept() {
        Some(Ok(state)) => {
            let text = format!("Kept {} in {}", amount(state), state.path.display());
            result(ui, &text, "Dismiss what was kept", pass);
        }
        Some(Err(problem)) => failed(ui, problem, "Dismiss what was not kept", pass),
        None => {}
    }
    if let Some(state) = recorder.recorded() {
        let text = format!("Recorded {} to {}", amount(state), state.path.display());
        result(ui, &text, "Dismiss what was recorded", pass);
    }
    if let Some(written) = recorder.written() {
        match &written.result {
            None => notice(ui, palette(ui).link, icon::RUNNING, &format!("{} is being written…", written.what)),
            Some(Ok(text)) => result(ui, &format!("{}: {text}", written.what), "Dismiss what was written", pass),
            Some(Err(problem)) => failed(ui, problem, "Dismiss what was not written", pass),
        }
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
            truncated(ui, RichText::new(text).small().color(palette(ui).muted)).on_hover_text(hover);
        });
    }
}

/// A sentence that stays until it was read.
fn result(ui: &mut Ui, text: &str, dismiss: &str, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.y = 24.0;
        glyph(ui, icon::JOINED, palette(ui).ok);
        if Button::icon_only(icon::CLOSE, dismiss).pressed(ui) {
            pass.did(RecorderAction::ReadResults);
        }
        truncated(ui, RichText::new(text).small());
    });
}

fn failed(ui: &mut Ui, problem: &Problem, dismiss: &str, pass: &mut Pass<'_>) {
    problem_card(ui, problem);
    if Button::new("Dismiss").named(dismiss).pressed(ui) {
        pass.did(RecorderAction::ReadResults);
    }
}
