//! What is counted, in the status line of every place while something is watched. What is zero stands back; what was lost
//! stands out.

use egui::{
    Align2, Color32, FontId, Popup, PopupCloseBehavior, Rect, RectAlign, RichText, Role, Sense, Ui, WidgetInfo, vec2,
};

use super::rows::{cell, one_line, size};
use crate::app::App;
use crate::app::telemetry::memory::Memory;
use crate::telemetry::view::Counters;
use crate::ui::icon;
use crate::ui::theme::{palette, small_mono};
use crate::ui::widgets::{Button, count, muted};

/// How high the line is.
const HEIGHT: f32 = 26.0;

/// How a number is to be taken.
#[derive(Clone, Copy, PartialEq)]
enum Tone {
    Plain,
    /// Not zero means that something was lost.
    Loss,
    /// Not zero is worth a look.
    Note,
}

struct Counter {
    name: &'static str,
    says: &'static str,
    text: String,
    is_zero: bool,
    tone: Tone,
}

/// Draws as many counters as there is room for, and all of them on a click.
pub(in crate::ui) fn counters(ui: &mut Ui, app: &App) {
    if app.telemetry.inspection().is_none_or(|inspection| !inspection.is_open()) {
        return;
    }
    let all = all(&app.telemetry.counters(), app.memory());
    ui.spacing_mut().item_spacing.x = 0.0;
    for counter in &all {
        let is_usual = matches!(counter.tone, Tone::Plain);
        if counter.is_zero && !is_usual {
            continue;
        }
        let width = width(ui, counter);
        if width + 36.0 > ui.available_width() {
            break;
        }
        let (rect, _) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::hover());
        draw(ui, rect, counter);
    }
    if ui.available_width() < 30.0 {
        return;
    }
    let more = Button::icon_only(icon::MORE, "Show all counters").show(ui);
    Popup::menu(&more).align(RectAlign::TOP_START).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        ui.set_width(300.0);
        egui::Grid::new("counters").num_columns(2).spacing([16.0, 4.0]).show(ui, |ui| {
            for counter in &all {
                muted(ui, counter.name).on_hover_text(counter.says);
                ui.label(RichText::new(&counter.text).font(small_mono()).color(colour(ui, counter)));
                ui.end_row();
            }
        });
    });
}

fn width(ui: &Ui, counter: &Counter) -> f32 {
    let name = one_line(ui, counter.name, FontId::proportional(11.0), palette(ui).muted, 200.0).size().x;
    let text = one_line(ui, &counter.text, small_mono(), palette(ui).text, 200.0).size().x;
    // In steps, so that the line does not tremble with each digit.
    ((name + text + 22.0) / 8.0).ceil() * 8.0
}

fn all(counters: &Counters, memory: Memory) -> Vec<Counter> {
    let one = |name, says, value: u64, tone| Counter { name, says, text: count(value), is_zero: value == 0, tone };
    let mut all = vec![
        Counter {
            name: "Rate",
            says: "Messages a second, over the last seconds",
            text: format!("{}/s", count(counters.rate)),
            is_zero: counters.rate == 0,
            tone: Tone::Plain,
        },
        one(
            "Dropped",
            "Messages lost here because they came faster than they were taken in",
            counters.dropped,
            Tone::Loss,
        ),
        one("Oversize", "Messages refused because of their size", counters.oversize, Tone::Loss),
        one("Malformed", "Messages skipped because they violate the protocol", counters.malformed, Tone::Loss),
        one("Left out", "Messages that the recording lacks, or that are damaged in it", counters.left_out, Tone::Loss),
        one("Received", "Messages that arrived", counters.received, Tone::Plain),
        one("Held", "Messages in memory", counters.held, Tone::Plain),
        Counter {
            name: "Memory",
            says: "Memory in use for messages of all that is watched, and how much may be",
            text: format!("{} / {}", size(memory.held_bytes), size(memory.budget_bytes)),
            is_zero: memory.held_bytes == 0,
            tone: Tone::Plain,
        },
        one("Evicted", "The oldest messages, which had to make room", counters.evicted, Tone::Note),
        one("Duplicates", "Messages the sender says it had sent before", counters.duplicates, Tone::Note),
        one(
            "Out of order",
            "Messages whose own number or time is before that of the one before",
            counters.out_of_order,
            Tone::Note,
        ),
    ];
    if memory.items > 1 {
        all.push(Counter {
            name: "Per item",
            says: "What each of them may use: the memory is shared in equal parts",
            text: size(memory.share_bytes()),
            is_zero: false,
            tone: Tone::Plain,
        });
    }
    all
}

fn colour(ui: &Ui, counter: &Counter) -> Color32 {
    let palette = palette(ui);
    match counter.tone {
        _ if counter.is_zero => palette.muted,
        Tone::Plain => palette.strong,
        Tone::Note => palette.warn,
        Tone::Loss => palette.danger,
    }
}

fn draw(ui: &Ui, rect: Rect, counter: &Counter) {
    let inner = rect.with_min_x(rect.left() + 8.0);
    let ink = palette(ui).muted;
    let used = cell(ui, inner, counter.name, FontId::proportional(11.0), ink, Align2::LEFT_CENTER);
    let text = inner.with_min_x(inner.left() + used + 5.0);
    cell(ui, text, &counter.text, small_mono(), colour(ui, counter), Align2::LEFT_CENTER);
    ui.painter().vline(rect.left(), rect.shrink2(vec2(0.0, 6.0)).y_range(), (1.0, palette(ui).line));
    let response = ui.interact(rect, ui.scope_id().with(("counter", counter.name)), Sense::hover());
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Label, is_enabled, format!("{} {}", counter.name, counter.text)));
    response.on_hover_text(format!("{}: {}", counter.says, counter.text));
}
