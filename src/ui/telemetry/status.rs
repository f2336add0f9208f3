//! What is counted, always in sight and to the last message. What is zero stands back; what was lost stands out.

use egui::{Align2, Color32, FontId, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::rows::{cell, number, size};
use crate::app::App;
use crate::telemetry::view::Counters;
use crate::ui::theme::{palette, small_mono};

/// How high the line is.
pub(super) const HEIGHT: f32 = 34.0;

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
    weight: f32,
}

/// Draws the line.
pub(super) fn show(ui: &mut Ui, app: &App) {
    let counters = counters(&app.telemetry.counters(), app.settings.values.telemetry.budget_bytes());
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
    let weights: f32 = counters.iter().map(|counter| counter.weight).sum();
    let unit = rect.width() / weights;
    let mut left = rect.left();
    for counter in counters {
        let width = unit * counter.weight;
        draw(ui, Rect::from_min_size(pos2(left, rect.top()), vec2(width - 6.0, HEIGHT)), &counter);
        left += width;
    }
}

fn counters(counters: &Counters, budget_bytes: usize) -> Vec<Counter> {
    let one = |name, says, value: u64, tone, weight| Counter {
        name,
        says,
        text: number(value),
        is_zero: value == 0,
        tone,
        weight,
    };
    let budget = u64::try_from(budget_bytes).unwrap_or(u64::MAX);
    vec![
        one("Received", "Messages that arrived", counters.received, Tone::Plain, 1.3),
        one("Held", "Messages in memory", counters.held, Tone::Plain, 1.2),
        Counter {
            name: "Memory",
            says: "Memory in use for messages, and how much may be",
            text: format!("{} / {}", size(counters.held_bytes), size(budget)),
            is_zero: counters.held_bytes == 0,
            tone: Tone::Plain,
            weight: 2.1,
        },
        one("Evicted", "The oldest messages, which had to make room", counters.evicted, Tone::Note, 1.15),
        one(
            "Dropped",
            "Messages lost here because they came faster than they were taken in",
            counters.dropped,
            Tone::Loss,
            0.95,
        ),
        one("Duplicates", "Messages the sender says it had sent before", counters.duplicates, Tone::Note, 1.0),
        one(
            "Out of order",
            "Messages whose own number or time is before that of the one before",
            counters.out_of_order,
            Tone::Note,
            1.1,
        ),
        one("Oversize", "Messages refused because of their size", counters.oversize, Tone::Loss, 0.85),
        one("Malformed", "Messages skipped because they violate the protocol", counters.malformed, Tone::Loss, 0.95),
        Counter {
            name: "Rate",
            says: "Messages a second, over the last seconds",
            text: format!("{}/s", number(counters.rate)),
            is_zero: counters.rate == 0,
            tone: Tone::Plain,
            weight: 1.0,
        },
    ]
}

fn draw(ui: &Ui, rect: Rect, counter: &Counter) {
    let palette = palette(ui);
    let colour: Color32 = match counter.tone {
        _ if counter.is_zero => palette.muted,
        Tone::Plain => palette.strong,
        Tone::Note => palette.warn,
        Tone::Loss => palette.danger,
    };
    let (top, bottom) = rect.split_top_bottom_at_fraction(0.46);
    cell(ui, top, counter.name, FontId::proportional(11.0), palette.muted, Align2::LEFT_CENTER);
    cell(ui, bottom, &counter.text, small_mono(), colour, Align2::LEFT_CENTER);
    let response = ui.interact(rect, ui.scope_id().with(("counter", counter.name)), Sense::hover());
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Label, is_enabled, format!("{} {}", counter.name, counter.text)));
    response.on_hover_text(format!("{}: {}", counter.says, counter.text));
}
