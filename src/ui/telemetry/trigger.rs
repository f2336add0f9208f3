//! The sheet of the trigger: what is watched for, what it does, and the messages on which it fired.

use egui::{RichText, ScrollArea, TextEdit, Ui};

use super::tools::mark;
use crate::app::telemetry::trigger::{Trigger, TriggerAction};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{FIELD_MARGIN, GRID, mono, palette, small_mono};
use crate::ui::widgets::{
    Button, check, counted, field, finding, icon as show_icon, labelled, muted, strong, truncated,
};

/// Draws the sheet.
pub(super) fn show(ui: &mut Ui, trigger: &mut Trigger, is_running: bool, pass: &mut Pass<'_>) {
    strong(ui, "Trigger");
    muted(ui, "Marks a message where the expression becomes true on its topic");
    let response = labelled(ui, "jq", |ui, id| {
        let edit = TextEdit::singleline(&mut trigger.jq).hint_text(".temperature > 8").font(mono());
        ui.add(edit.desired_width(280.0).margin(FIELD_MARGIN)).labelled_by(id)
    });
    field(ui, "Topics", &mut trigger.filter, "all; or site/+/climate");
    check(ui, &mut trigger.is_telling, "Show a notice", "");
    check(ui, &mut trigger.is_recording, "Start recording", "");
    if let Some(problem) = trigger.problem() {
        finding(ui, problem, true);
    }
    ui.horizontal(|ui| {
        let is_typed = !trigger.jq.trim().is_empty();
        let why =
            if is_running { "Type a jq expression first" } else { "Connect to a broker or open a recording first" };
        let text = if trigger.watched().is_some() { "Change" } else { "Set" };
        let set = Button::new(text).icon(icon::BELL).named("Set the trigger").enabled_if(is_typed && is_running, why);
        if set.pressed(ui) || (is_typed && is_running && super::parts::is_entered(ui, &response)) {
            pass.did(TriggerAction::Set);
        }
        if trigger.watched().is_some() && Button::new("Remove").named("Remove the trigger").pressed(ui) {
            pass.did(TriggerAction::Dropped);
        }
        if trigger.count() > 0 && Button::new("Clear marks").quiet().pressed(ui) {
            pass.did(TriggerAction::Cleared);
        }
    });
    if let Some(watched) = trigger.watched() {
        ui.horizontal(|ui| {
            let colour = palette(ui).link;
            show_icon(ui, icon::BELL, colour);
            truncated(ui, RichText::new(format!("Watching for {watched}")).small());
        });
    }
    fired(ui, trigger, pass);
}

fn fired(ui: &mut Ui, trigger: &Trigger, pass: &Pass<'_>) {
    if trigger.count() == 0 {
        return;
    }
    ui.add_space(GRID);
    strong(ui, &counted(trigger.count(), "message marked", "messages marked"));
    ScrollArea::vertical().id_salt("fired").max_height(180.0).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for one in trigger.fired() {
            ui.horizontal(|ui| {
                mark(ui);
                ui.label(RichText::new(pass.time_of_day(one.unix_micros)).font(small_mono()).color(palette(ui).muted));
                let text = format!("{} {}", one.topic, one.preview);
                truncated(ui, RichText::new(&text).font(small_mono())).on_hover_text(text);
            });
        }
    });
}
