//! The dialogs: closing while something runs, resetting a device, and acts that want the gateway's name typed. Decided by
//! their buttons; Esc is the safe one.

use egui::{Frame, Id, Key, Modal, Role, TextEdit, Ui};

use super::pass::Pass;
use super::theme::{DIALOG_WIDTH, GRID, palette};
use super::widgets::{Button, strong};
use crate::app::commission::CommissionAction;
use crate::app::device::{Device, DeviceAction};
use crate::app::{Action, App};

/// Shows the dialog that is open, if any.
pub(super) fn show(ui: &Ui, app: &mut App, pass: &mut Pass<'_>) {
    if app.is_asking_to_close() {
        close(ui, app, pass);
    } else if app.commission.is_asking_reset() {
        reset(ui, app, pass);
    } else if app.device.question().is_some() {
        change(ui, &mut app.device, pass);
    }
}

/// What was answered.
enum Answer {
    Safe,
    Dangerous,
}

fn close(ui: &Ui, app: &App, pass: &mut Pass<'_>) {
    let running: Vec<&str> =
        app.jobs().iter().filter(|job| job.kind.must_not_be_cut()).map(|job| job.label.as_str()).collect();
    let text = format!(
        "Still running: {}. Closing now stops it; what the gateway made of it may remain unknown. The records say so.",
        running.join(", ")
    );
    match ask(ui, "Close Linesman?", &text, "Keep open", "Stop and close") {
        Some(Answer::Safe) => pass.did(Action::KeptOpen),
        Some(Answer::Dangerous) => pass.did(Action::ConfirmedClose),
        None => {}
    }
}

fn reset(ui: &Ui, app: &App, pass: &mut Pass<'_>) {
    let name = app.commission.session().map_or("the gateway", |session| session.name());
    let text = "The reset line of the port is pulsed: the device starts anew, and whatever it is doing is cut off.";
    match ask(ui, &format!("Reset {name}?"), text, "Leave it running", &format!("Reset {name}")) {
        Some(Answer::Safe) => pass.did(CommissionAction::DroppedReset),
        Some(Answer::Dangerous) => pass.did(CommissionAction::ConfirmedReset),
        None => {}
    }
}

/// An act on a gateway under management: its name has to be typed.
fn change(ui: &Ui, device: &mut Device, pass: &mut Pass<'_>) {
    let Some((title, text)) = device.question().map(|(title, text)| (title.to_owned(), text)) else { return };
    let name = device.session().and_then(|session| session.name.clone()).unwrap_or_default();
    let id = Id::unique("dialog");
    let area = Modal::default_area(id).accessible_name(&title).role(Role::AlertDialog);
    let frame = Frame::window(ui.style()).fill(palette(ui).surface);
    let modal = Modal::new(id).area(area).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(DIALOG_WIDTH.min(ui.ctx().content_rect().width() - 80.0));
        strong(ui, &title);
        ui.label(text);
        ui.add_space(GRID);
        let label = ui.label(format!("Type the gateway's name, {name}, to confirm")).id;
        let edit = TextEdit::singleline(&mut device.typed_name).desired_width(f32::INFINITY);
        let response = ui.add(edit.margin(egui::Margin::symmetric(10, 7))).labelled_by(label);
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if ui.memory(|memory| memory.focused().is_none()) {
            response.request_focus();
        }
        ui.add_space(GRID);
        ui.horizontal_wrapped(|ui| {
            let is_right = device.is_name_right();
            let keep = Button::new("Leave it as it is").pressed(ui);
            let go = Button::new("Confirm").danger().enabled_if(is_right, "Type the name first").pressed(ui);
            if go || (is_entered && is_right) { Some(Answer::Dangerous) } else { keep.then_some(Answer::Safe) }
        })
        .inner
    });
    let is_escaped = ui.input(|input| input.key_pressed(Key::Escape));
    match modal.inner.or_else(|| is_escaped.then_some(Answer::Safe)) {
        Some(Answer::Safe) => pass.did(DeviceAction::DroppedChange),
        Some(Answer::Dangerous) => pass.did(DeviceAction::Confirmed),
        None => {}
    }
}

fn ask(ui: &Ui, title: &str, text: &str, safe: &str, dangerous: &str) -> Option<Answer> {
    let id = Id::unique("dialog");
    let area = Modal::default_area(id).accessible_name(title).role(Role::AlertDialog);
    let frame = Frame::window(ui.style()).fill(palette(ui).surface);
    let modal = Modal::new(id).area(area).frame(frame).show(ui.ctx(), |ui| {
        ui.set_width(DIALOG_WIDTH.min(ui.ctx().content_rect().width() - 80.0));
        strong(ui, title);
        ui.label(text);
        ui.add_space(GRID);
        ui.horizontal_wrapped(|ui| {
            let keep = Button::new(safe).primary().show(ui);
            if ui.memory(|memory| memory.focused().is_none()) {
                keep.request_focus();
            }
            let go = Button::new(dangerous).danger().pressed(ui);
            if go { Some(Answer::Dangerous) } else { keep.clicked().then_some(Answer::Safe) }
        })
        .inner
    });
    let is_escaped = ui.input(|input| input.key_pressed(Key::Escape));
    modal.inner.or_else(|| is_escaped.then_some(Answer::Safe))
}
