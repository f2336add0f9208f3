//! Talkers: who sends most over a window of time, as bars with their numbers, and who fell silent.

use std::time::Duration;

use egui::{Rect, RichText, Role, ScrollArea, Sense, TextStyle, Ui, WidgetInfo, pos2, vec2};

use super::parts::{bytes, combo, span};
use crate::app::telemetry::insight::{DEPTHS, Insight, InsightAction, Part, WINDOWS};
use crate::telemetry::view::{Talker, TalkersBy, TalkersPage};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{GAP, GRID, ONE_COLUMN_BELOW, control_radius, palette, tint};
use crate::ui::widgets::{choice, count, counted, empty_state, group, muted, strong, truncated};

/// Height of a talker.
const ROW: f32 = 30.0;

/// Draws the choice between talkers and quality, and the one that is chosen.
pub(super) fn show(ui: &mut Ui, insight: &mut Insight, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        for (part, text) in [(Part::Talkers, "Talkers"), (Part::Quality, "Quality")] {
            if choice(ui, insight.part() == part, text, &format!("Show {}", text.to_lowercase())) {
                pass.did(InsightAction::Showed(part));
            }
        }
        ui.add_space(GRID);
        match insight.part() {
            Part::Talkers => choices(ui, insight, pass),
            Part::Quality => super::quality::filter(ui, insight, pass),
        }
    });
    match insight.part() {
        Part::Talkers => talkers(ui, insight, pass),
        Part::Quality => super::quality::show(ui, insight, pass),
    }
}

fn choices(ui: &mut Ui, insight: &Insight, pass: &mut Pass<'_>) {
    let chosen = *insight.chosen();
    for secs in WINDOWS {
        let window = Duration::from_secs(secs);
        let text = match secs {
            10 => "10 s",
            60 => "1 min",
            600 => "10 min",
            _ => "1 h",
        };
        if choice(ui, chosen.window == window, text, &format!("Over the last {text}")) {
            pass.did(InsightAction::ChoseWindow(window));
        }
    }
    ui.add_space(GRID);
    for (by, text) in [(TalkersBy::Messages, "Messages"), (TalkersBy::Bytes, "Bytes")] {
        if choice(ui, chosen.by == by, text, &format!("Ranked by {}", text.to_lowercase())) {
            pass.did(InsightAction::RankedBy(by));
        }
    }
    let words = |depth: u16| match depth {
        0 => "whole topics".to_owned(),
        1 => "1 level".to_owned(),
        levels => format!("{levels} levels"),
    };
    if let Some(depth) = combo(ui, "Grouped by", true, chosen.depth, &DEPTHS, words) {
        pass.did(InsightAction::ChoseDepth(depth));
    }
}

fn talkers(ui: &mut Ui, insight: &Insight, _pass: &mut Pass<'_>) {
    let Some(page) = insight.talkers_page().filter(|page| !(page.loud.is_empty() && page.silent.is_empty())) else {
        group(ui, |ui| {
            empty_state(ui, icon::GAUGE, "No messages yet", |ui| {
                muted(ui, "Who sends most, and who fell silent, is counted from the first message on");
            });
        });
        return;
    };
    let height = ui.available_height().max(200.0);
    if ui.available_width() < ONE_COLUMN_BELOW {
        ScrollArea::vertical().id_salt("talkers").auto_shrink(false).show(ui, |ui| {
            loud(ui, page, insight.chosen().by, 0.0);
            silent(ui, page, 0.0);
        });
        return;
    }
    let width = ui.available_width() - GAP;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        ui.vertical(|ui| {
            ui.set_width(width * 0.6);
            loud(ui, page, insight.chosen().by, height);
        });
        ui.vertical(|ui| {
            ui.set_width(width * 0.4);
            silent(ui, page, height);
        });
    });
}

/// A card with a title and rows; as high as there is room if a height is given.
fn listing(ui: &mut Ui, title: &str, hint: &str, height: f32, salt: &str, add: impl FnOnce(&mut Ui)) {
    group(ui, |ui| {
        strong(ui, title);
        muted(ui, hint);
        ui.spacing_mut().item_spacing.y = 2.0;
        if height <= 0.0 {
            return add(ui);
        }
        let room = (height - 110.0).max(3.0 * ROW);
        ScrollArea::vertical()
            .id_salt(salt)
            .max_height(room)
            .min_scrolled_height(room)
            .auto_shrink(false)
            .show(ui, add);
    });
}

fn loud(ui: &mut Ui, page: &TalkersPage, by: TalkersBy, height: f32) {
    let (messages, size) = page.total;
    let hint = format!("{}, {} in {}", counted(messages, "message", "messages"), bytes(size), span(page.window));
    let value = |talker: &Talker| match by {
        TalkersBy::Messages => talker.messages,
        TalkersBy::Bytes => talker.bytes,
    };
    let total = match by {
        TalkersBy::Messages => messages,
        TalkersBy::Bytes => size,
    };
    let most = page.loud.iter().map(value).max().unwrap_or(0).max(1);
    listing(ui, "Who talks most", &hint, height, "loud", |ui| {
        for talker in &page.loud {
            let share = percent(value(talker), total);
            let numbers = format!("{}  {}  {share}", count(talker.messages), bytes(talker.bytes));
            #[expect(clippy::cast_precision_loss, reason = "a length on the screen")]
            let part = value(talker) as f32 / most as f32;
            line(ui, talker, part, &numbers, palette(ui).link);
        }
    });
}

#[expect(clippy::cast_precision_loss, reason = "a share with one digit")]
fn percent(part: u64, total: u64) -> String {
    if total == 0 { String::new() } else { format!("{:.1} %", part as f64 * 100.0 / total as f64) }
}

fn silent(ui: &mut Ui, page: &TalkersPage, height: f32) {
    let hint = "No message for more than three of their usual intervals";
    listing(ui, "Who fell silent", hint, height, "silent", |ui| {
        if page.silent.is_empty() {
            muted(ui, "Nobody");
        }
        for talker in &page.silent {
            let usual = talker.usual.map_or_else(String::new, |usual| format!(", usually every {}", span(usual)));
            line(ui, talker, 0.0, &format!("{}{usual}", span(talker.silent_for)), palette(ui).warn);
            if let Some(silence) = &talker.silence {
                muted(ui, &silence.says);
            }
        }
    });
}

/// A topic with a bar behind it and its numbers at the right.
fn line(ui: &mut Ui, talker: &Talker, part: f32, numbers: &str, colour: egui::Color32) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let name = format!("{}, {numbers}", talker.topic);
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::ListItem, is_enabled, &name));
    if part > 0.0 {
        let bar = Rect::from_min_size(rect.min, vec2(rect.width() * part.clamp(0.0, 1.0), rect.height()));
        ui.painter().rect_filled(bar.shrink2(vec2(0.0, 2.0)), control_radius(), tint(ui, colour));
    }
    let inner = rect.shrink2(vec2(8.0, 0.0));
    let small = TextStyle::Small.resolve(ui.style());
    let galley = ui.painter().layout_no_wrap(numbers.to_owned(), small, palette(ui).text);
    let left = inner.right() - galley.size().x;
    ui.painter().galley(pos2(left, inner.center().y - galley.size().y / 2.0), galley, palette(ui).text);
    let room = Rect::from_min_max(inner.min, pos2((left - GRID).max(inner.left()), inner.bottom()));
    let mut child =
        ui.new_child(egui::UiBuilder::new().max_rect(room).layout(egui::Layout::left_to_right(egui::Align::Center)));
    let ink = palette(ui).strong;
    truncated(&mut child, RichText::new(&*talker.topic).monospace().small().color(ink));
    response.on_hover_text(&*talker.topic);
}
