//! Expected: what the gateway's profile expects, green or named, and how long the first message took.

use egui::{RichText, ScrollArea, Ui};

use super::parts::span;
use crate::app::telemetry::expect::Expect;
use crate::telemetry::view::{ExpectationState, ExpectationWord};
use crate::ui::icon;
use crate::ui::theme::{GRID, medium, palette};
use crate::ui::widgets::{copyable, counted, empty_state, group, icon as glyph, muted, notice, pill};

/// Draws Expected.
pub(super) fn show(ui: &mut Ui, expect: &Expect) {
    ScrollArea::vertical().id_salt("expected").auto_shrink(false).show(ui, |ui| {
        if let Some(after) = expect.first_message() {
            let text = format!("The first message came {} after the Wi-Fi credentials were pushed", span(after));
            notice(ui, palette(ui).ok, icon::TIMER, &text);
        }
        if expect.rows().is_empty() {
            return nothing(ui);
        }
        group(ui, |ui| {
            let colour = match () {
                () if expect.count(ExpectationWord::NotMet) > 0 => palette(ui).danger,
                () if expect.count(ExpectationWord::Waiting) > 0 => palette(ui).link,
                () => palette(ui).ok,
            };
            pill(ui, colour, &expect.summary());
            for row in expect.rows() {
                ui.add_space(GRID / 2.0);
                ui.push_id(&row.id, |ui| line(ui, row));
            }
        });
    });
}

fn nothing(ui: &mut Ui) {
    group(ui, |ui| {
        empty_state(ui, icon::JOINED, "Nothing is expected", |ui| {
            muted(
                ui,
                "Choose a profile in the connection panel whose authors say which topics, rates and fields a gateway of that kind sends",
            );
            muted(ui, "Add expectations to a profile of your own, as [[expect]] rows");
        });
    });
}

fn line(ui: &mut Ui, row: &ExpectationState) {
    let palette = palette(ui);
    let (sign, colour, word) = match row.word {
        ExpectationWord::Met => (icon::JOINED, palette.ok, "Met"),
        ExpectationWord::Waiting => (icon::RUNNING, palette.link, "Waiting"),
        ExpectationWord::NotMet => (icon::REFUSED, palette.danger, "Not met"),
    };
    ui.horizontal_top(|ui| {
        glyph(ui, sign, colour);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.spacing_mut().interact_size.y = 20.0;
            ui.horizontal_wrapped(|ui| {
                ui.label(RichText::new(format!("{word}: {}", row.id)).font(medium()).color(colour));
                copyable(ui, row.topic.as_str());
                if row.is_assumed {
                    pill(ui, palette.muted, "assumed")
                        .on_hover_text("The profile's authors assume it; no document says so");
                }
            });
            ui.label(&row.says);
            let first = row.first_after.map_or_else(String::new, |after| format!(", the first after {}", span(after)));
            muted(ui, &format!("{} looked at{first}", counted(row.messages, "message", "messages")));
        });
    });
}
