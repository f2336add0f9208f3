//! The sheets of the tool row: recordings, which are kept, opened and named, and what is exported.

use std::path::PathBuf;

use egui::{Popup, PopupCloseBehavior, RectAlign, Response, Ui};

use super::parts::{bytes, span};
use super::trigger;
use crate::app::App;
use crate::app::files::file_name;
use crate::app::telemetry::TelemetryAction;
use crate::app::telemetry::panes::Panes;
use crate::app::telemetry::recorder::{MINUTES, Recorder, RecorderAction, Sheet};
use crate::msg::telemetry::ExportForm;
use crate::telemetry::recording::RecorderState;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::GRID;
use crate::ui::widgets::{Button, choice, counted, goes_to, muted, path_field, small, strong};

/// Width of a sheet.
const WIDTH: f32 = 460.0;

/// The sheet of a button: opens with it, and closes with a click beside it.
pub(super) fn popup(ui: &Ui, app: &mut App, anchor: &Response, sheet: Sheet, is_pressed: bool, pass: &mut Pass<'_>) {
    let is_running = app.telemetry.job().is_some();
    let whole = app.whole_path(&app.telemetry.panes.recorder.record_path);
    let recent = &app.settings.values.recent_recordings;
    let was_open = app.telemetry.panes.recorder.sheet() == Some(sheet);
    let mut is_open = was_open;
    let popup = Popup::from_response(anchor).id(egui::Id::unique(("sheet", sheet))).open_bool(&mut is_open);
    let popup = popup.align(RectAlign::BOTTOM_END).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let width = WIDTH.min(ui.ctx().content_rect().width() - 32.0);
    popup.show(|ui| {
        ui.set_width(width);
        ui.spacing_mut().item_spacing.y = 6.0;
        let Panes { recorder, trigger, .. } = &mut app.telemetry.panes;
        match sheet {
            Sheet::Trigger => trigger::show(ui, trigger, is_running, pass),
            Sheet::Recordings => recordings(ui, recorder, whole, recent, is_running, pass),
            Sheet::Export => export(ui, recorder, is_running, pass),
        }
    });
    if is_pressed || (was_open && !is_open) {
        pass.did(RecorderAction::ToggledSheet(sheet));
    }
}

/// What the button is called that keeps the last minutes.
pub(super) fn keep_name(recorder: &Recorder) -> String {
    format!("Keep the last {} min", recorder.minutes())
}

/// Whether the last minutes can be kept now, and why not.
pub(super) fn can_keep(recorder: &Recorder, is_running: bool) -> (bool, &'static str) {
    let is_ready = recorder.ring().is_some() && is_running && !recorder.is_keeping();
    let why = match () {
        () if recorder.is_keeping() => "Already saving",
        () if !is_running => "Connect to a broker first",
        () => "Nothing is saved on disk: switch it on in the settings",
    };
    (is_ready, why)
}

fn recordings(
    ui: &mut Ui,
    recorder: &mut Recorder,
    whole: Option<PathBuf>,
    recent: &[PathBuf],
    is_running: bool,
    pass: &mut Pass<'_>,
) {
    strong(ui, "Keep what just happened");
    ui.horizontal_wrapped(|ui| {
        let name = keep_name(recorder);
        let (is_ready, why) = can_keep(recorder, is_running);
        if Button::new("Keep").icon(icon::SAVE).named(&name).enabled_if(is_ready, why).pressed(ui) {
            pass.did(RecorderAction::KeptLast);
        }
        for minutes in MINUTES {
            let text = format!("{minutes} min");
            if choice(ui, recorder.minutes() == minutes, &text, &text) {
                pass.did(RecorderAction::ChoseMinutes(minutes));
            }
        }
    });
    if let Some(ring) = recorder.ring() {
        muted(ui, &format!("On disk now: {}", amount(ring)));
    }
    ui.add_space(GRID);
    strong(ui, "Next recording");
    let (_, is_browsing) = path_field(ui, "Record to", &mut recorder.record_path, "data folder, named by time");
    if is_browsing {
        pass.browse = Some(PathField::RecordingNew);
    }
    goes_to(ui, whole);
    ui.add_space(GRID);
    strong(ui, "Open a recording");
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
    if recent.is_empty() {
        muted(ui, "Recordings that you make or open are listed here");
    }
    for path in recent {
        let text = file_name(path);
        let open = Button::new(&text).icon(icon::PLAY).quiet().named(&format!("Open {text}")).show(ui);
        if open.on_hover_text(path.display().to_string()).clicked() {
            pass.did(TelemetryAction::OpenedRecording(path.clone()));
        }
    }
}

fn export(ui: &mut Ui, recorder: &Recorder, is_open: bool, pass: &mut Pass<'_>) {
    strong(ui, "Export messages");
    let forms = [
        (ExportForm::Csv, "CSV"),
        (ExportForm::JsonLines, "JSON lines"),
        (ExportForm::Parquet, "Parquet"),
        (ExportForm::Recording, "Recording"),
    ];
    let is_ready = is_open && !recorder.is_writing();
    ui.horizontal_wrapped(|ui| {
        for (form, text) in forms {
            if form == ExportForm::Parquet && !cfg!(feature = "parquet") {
                continue;
            }
            let (label, name) = (format!("{text}\u{2026}"), format!("Export as {text}"));
            let export = Button::new(&label).icon(icon::EXPORT).named(&name);
            if export.enabled_if(is_ready, why_not(is_open)).pressed(ui) {
                pass.browse = Some(PathField::TelemetryExport(form));
            }
        }
    });
    small(ui, "Exports the messages that the live list shows: its search counts");
    ui.add_space(GRID);
    strong(ui, "Support bundle");
    let write = Button::new("Write bundle\u{2026}").icon(icon::EXPORT).named("Write the support bundle");
    if write.enabled_if(is_ready, why_not(is_open)).pressed(ui) {
        pass.browse = Some(PathField::SupportBundle);
    }
    small(ui, "One file for support: messages, packets, connection stages and profile facts. No passwords or keys");
}

const fn why_not(is_open: bool) -> &'static str {
    if is_open { "A file is being written" } else { "Connect to a broker or open a recording first" }
}

/// How much a recording holds.
pub(super) fn amount(state: &RecorderState) -> String {
    let messages = counted(state.messages, "message", "messages");
    let since = state.span_unix_micros.map_or_else(String::new, |(from, to)| {
        let micros = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        format!(", {}", span(std::time::Duration::from_micros(micros)))
    });
    format!("{messages}, {}{since}", bytes(state.file_bytes))
}
