//! A decoded value as a tree that folds: values and paths can be copied, numbers drawn as curves.

use egui::{Align2, Color32, Key, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::rows::{Rows, cell, choosable};
use crate::app::telemetry::TelemetryAction;
use crate::app::telemetry::detail::DetailAction;
use crate::app::telemetry::value_tree::{Fold, Label, Line, Lines};
use crate::app::{Action, App};
use crate::model::text::visible;
use crate::telemetry::decode::json;
use crate::telemetry::value::{Body, Value};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{icon_font, mono, palette};
use crate::ui::widgets::{count, counted};

/// Height of a line.
const LINE: f32 = 22.0;
/// How far a level stands in.
const INDENT: f32 = 14.0;
/// Levels that stand in; what is deeper stands with them.
const MAX_INDENT: u16 = 24;
/// Longest value written out.
const MAX_SHOWN: usize = 400;
/// Longest value copied: what a clipboard takes without a stall.
const MAX_COPIED: usize = 16 * 1024 * 1024;

/// Draws the value of the message.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let Some(message) = app.telemetry.detail.message().cloned() else { return };
    let Body::Tree(root) = &message.decoded.body else { return };
    let topic = message.row.topic.to_string();
    let detail = &mut app.telemetry.detail;
    let chosen_id = ui.scope_id().with("chosen line");
    let mut chosen = ui.data(|data| data.get_temp::<usize>(chosen_id));
    let Some(lines) = detail.lines() else { return };
    let total = lines.len();
    let rows = Rows { name: "Value", role: Role::Tree, total, height: LINE, place: None };
    let mut did = Did::default();
    let shown = rows.show(ui, |ui, at, rect| line(ui, rect, lines, root, at, chosen == Some(at), &mut did));
    if let Some(next) = shown.step(ui, chosen, total) {
        chosen = Some(next);
    }
    if let Some(at) = did.chosen {
        chosen = Some(at);
        shown.response.request_focus();
    }
    if let (Some(at), true) = (chosen, shown.response.has_focus()) {
        let (left, right, enter) = ui.input(|input| {
            (input.key_pressed(Key::ArrowLeft), input.key_pressed(Key::ArrowRight), input.key_pressed(Key::Enter))
        });
        let fold = lines.line(at).map(|line| line.fold);
        if (fold == Some(Fold::Open) && (left || enter)) || (fold == Some(Fold::Shut) && (right || enter)) {
            did.folded = lines.line(at).map(|line| line.key);
        }
        let is_number = || lines.value(root, at).is_some_and(|(_, value)| value.as_number().is_some());
        if enter && fold == Some(Fold::Leaf) && is_number() {
            did.plotted = Some(at);
        }
    }
    if let Some(at) = chosen {
        ui.data_mut(|data| data.insert_temp(chosen_id, at));
    }
    carry_out(ui, &did, lines, root, &topic, pass);
}

/// What was asked of a line.
#[derive(Default)]
struct Did {
    chosen: Option<usize>,
    folded: Option<u64>,
    copied_value: Option<usize>,
    copied_path: Option<usize>,
    plotted: Option<usize>,
}

fn carry_out(ui: &Ui, did: &Did, lines: &Lines, root: &Value, topic: &str, pass: &mut Pass<'_>) {
    if let Some(key) = did.folded {
        pass.did(TelemetryAction::Detail(DetailAction::Folded(key)));
    }
    if let Some((_, value)) = did.copied_value.and_then(|at| lines.value(root, at)) {
        let text = match value {
            Value::Text(text) => text.to_string(),
            value => json::to_json_within(value, MAX_COPIED),
        };
        ui.copy_text(text);
        pass.did(Action::Copied("Value"));
    }
    if let Some(path) = did.copied_path.and_then(|at| lines.path(root, at)) {
        ui.copy_text(path);
        pass.did(Action::Copied("Path"));
    }
    if let Some(path) = did.plotted.and_then(|at| lines.path(root, at)) {
        pass.did(TelemetryAction::Plotted { topic: topic.to_owned(), path });
    }
}

fn line(ui: &mut Ui, rect: Rect, lines: &Lines, root: &Value, at: usize, is_chosen: bool, did: &mut Did) {
    let (Some(line), Some((label, value))) = (lines.line(at), lines.value(root, at)) else { return };
    let name = name_of(label);
    let (text, colour) = shown(ui, value);
    let spoken = || format!("{name}: {text}");
    let response = choosable(ui, rect, ("value", at), Role::TreeItem, is_chosen, spoken);
    let palette = palette(ui);
    if response.clicked() {
        did.chosen = Some(at);
    }
    if response.double_clicked() && line.fold != Fold::Leaf {
        did.folded = Some(line.key);
    }
    let left = rect.left() + 4.0 + INDENT * f32::from(line.depth.min(MAX_INDENT));
    caret(ui, Rect::from_min_size(pos2(left, rect.top()), vec2(16.0, rect.height())), line, &name, did);
    let buttons = if response.contains_pointer() || is_chosen { 78.0 } else { 0.0 };
    let right = rect.right() - 4.0 - buttons;
    let part = |from: f32, to: f32| Rect::from_min_max(pos2(from, rect.top()), pos2(to, rect.bottom()));
    let name_part = part(left + 16.0, (left + 16.0 + (right - left) * 0.6).min(right));
    let shown_name = if name.is_empty() { "payload" } else { &name };
    let name_colour = if matches!(label, Label::Name(_)) { palette.strong } else { palette.muted };
    let width = cell(ui, name_part, shown_name, mono(), name_colour, Align2::LEFT_CENTER);
    cell(ui, part(name_part.left() + width + 10.0, right), &text, mono(), colour, Align2::LEFT_CENTER);
    if buttons > 0.0 {
        let mut place = rect.right() - 4.0;
        let mut button = |glyph: &str, what: &str| {
            place -= 24.0;
            let rect = Rect::from_min_size(pos2(place, rect.top()), vec2(24.0, rect.height()));
            small_button(ui, rect, glyph, &format!("{what} of {shown_name}"), at)
        };
        if button(icon::COPY, "Copy the value") {
            did.copied_value = Some(at);
        }
        if button(icon::NOTE, "Copy the path") {
            did.copied_path = Some(at);
        }
        if value.as_number().is_some() && button(icon::CHART, "Draw a curve") {
            did.plotted = Some(at);
        }
    }
}

fn caret(ui: &Ui, rect: Rect, line: Line, name: &str, did: &mut Did) {
    if line.fold == Fold::Leaf {
        return;
    }
    let is_open = line.fold == Fold::Open;
    let response = ui.interact(rect, ui.scope_id().with(("fold", line.key)), Sense::CLICK);
    let glyph = if is_open { icon::DOWN } else { icon::RIGHT };
    let colour = if response.hovered() { palette(ui).strong } else { palette(ui).muted };
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, glyph, icon_font(12.0), colour);
    let is_enabled = ui.is_enabled();
    let verb = if is_open { "Fold" } else { "Unfold" };
    response
        .widget_info(|| WidgetInfo::selected(Role::DisclosureTriangle, is_enabled, is_open, format!("{verb} {name}")));
    if response.clicked() {
        did.folded = Some(line.key);
    }
}

fn small_button(ui: &Ui, rect: Rect, glyph: &str, name: &str, at: usize) -> bool {
    let response = ui.interact(rect, ui.scope_id().with(("act", glyph, at)), Sense::CLICK);
    let colour = if response.hovered() { palette(ui).link } else { palette(ui).muted };
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, glyph, icon_font(14.0), colour);
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, is_enabled, name));
    response.on_hover_text(name).clicked()
}

fn name_of(label: Label<'_>) -> String {
    match label {
        Label::Root => String::new(),
        Label::Name(name) => visible(name, 200),
        Label::Place(place) => place.to_string(),
    }
}

/// A value in a line. What is text has quotes, so that `"21"` is not taken for a number.
fn shown(ui: &Ui, value: &Value) -> (String, Color32) {
    let palette = palette(ui);
    match value {
        Value::Null => ("null".into(), palette.muted),
        Value::Bool(value) => (value.to_string(), palette.link),
        Value::Integer(value) => (value.to_string(), palette.link),
        Value::Number(value) => (value.to_string(), palette.link),
        Value::Digits(digits) => (visible(digits, MAX_SHOWN), palette.link),
        Value::Text(text) => (format!("\"{}\"", visible(text, MAX_SHOWN)), palette.ok),
        Value::Bytes(bytes) => {
            let start = bytes.get(..32.min(bytes.len())).unwrap_or_default();
            let more = if bytes.len() > 32 { "…" } else { "" };
            (format!("{}{more}  {} bytes", crate::model::text::hex(start), count(bytes.len() as u64)), palette.text)
        }
        Value::Time(micros) => (json::time(*micros), palette.ok),
        Value::List(items) => (counted(items.len() as u64, "entry", "entries"), palette.muted),
        Value::Map(members) => (counted(members.len() as u64, "member", "members"), palette.muted),
    }
}
