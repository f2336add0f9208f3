//! The dialogs: closing while something runs, replacing a file, resetting a device, letting it forget its network, and acts that want the
//! gateway's name typed. Decided by their buttons; Esc is the safe one.

use egui::{Frame, Id, Key, Modal, Role, TextEdit, Ui};

use super::pass::Pass;
use super::theme::{DIALOG_WIDTH, GRID, mono, palette, scrim};
use super::widgets::{Button, counted, strong};
use crate::app::commission::{CommissionAction, Question};
use crate::app::device::{Device, DeviceAction};
use crate::app::telemetry::publish::{Publish, PublishAction};
use crate::app::telemetry::{Forgetting, TelemetryAction};
use crate::app::{Action, App};
use crate::model::text::visible;

/// Shows the dialog that is open, if any.
pub(super) fn show(ui: &Ui, app: &mut App, pass: &mut Pass<'_>) {
    if app.is_asking_to_close() {
        close(ui, app, pass);
    } else if app.file_there().is_some() {
        replace(ui, app, pass);
    } else if app.is_saving_as() {
        save_as(ui, app, pass);
    } else if let Some(question) = app.commission.question() {
        confirm(ui, app, question, pass);
    } else if app.device.question().is_some() {
        change(ui, &mut app.device, pass);
    } else if app.telemetry.question().is_some() {
        identity(ui, app, pass);
    } else if app.telemetry.forgetting().is_some() {
        forget(ui, app, pass);
    } else if app.telemetry.panes.publish.question().is_some() {
        clear_retained(ui, &mut app.telemetry.panes.publish, pass);
    }
}

/// What was answered.
enum Answer {
    Safe,
    Dangerous,
}

fn close(ui: &Ui, app: &App, pass: &mut Pass<'_>) {
    let running: Vec<String> = app.cut_by_closing().map(|job| app.job_label(job)).collect();
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

/// A file of that name is there.
fn replace(ui: &Ui, app: &App, pass: &mut Pass<'_>) {
    let Some(path) = app.file_there() else { return };
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let title = format!("Replace {}?", visible(&name, 80));
    let text = format!(
        "{} exists already. Its content is lost when it is replaced.",
        visible(&path.display().to_string(), 200)
    );
    match ask(ui, &title, &text, "Cancel", "Replace") {
        Some(Answer::Safe) => pass.did(Action::KeptFile),
        Some(Answer::Dangerous) => pass.did(Action::ReplacedFile),
        None => {}
    }
}

/// Where something is saved, on a desktop without file dialogs.
fn save_as(ui: &Ui, app: &mut App, pass: &mut Pass<'_>) {
    let Some(saving) = app.save_as() else { return };
    let id = Id::unique("save-as");
    let area = Modal::default_area(id).accessible_name("Save as").role(Role::Dialog);
    let frame = Frame::window(ui.style()).fill(palette(ui).page);
    let modal = Modal::new(id).area(area).frame(frame).backdrop_color(scrim(ui)).show(ui.ctx(), |ui| {
        ui.set_width(DIALOG_WIDTH.min(ui.ctx().content_rect().width() - 80.0));
        let label = strong(ui, "Save as").id;
        ui.add_space(GRID);
        let edit = TextEdit::singleline(&mut saving.path).desired_width(f32::INFINITY).font(mono());
        let response = ui.add(edit.margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(label);
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if ui.memory(|memory| memory.focused().is_none()) && !is_entered {
            response.request_focus();
        }
        ui.add_space(GRID);
        let is_typed = !saving.path.trim().is_empty();
        ui.horizontal_wrapped(|ui| {
            let save = Button::new("Save").primary().enabled_if(is_typed, "Type a path first").pressed(ui);
            let cancel = Button::new("Cancel").pressed(ui);
            if save || (is_entered && is_typed) { Some(true) } else { cancel.then_some(false) }
        })
        .inner
    });
    let is_escaped = ui.input(|input| input.key_pressed(Key::Escape));
    if let Some(is_saved) = modal.inner.or_else(|| is_escaped.then_some(false)) {
        pass.did(Action::SavedAs(is_saved));
    }
}

fn confirm(ui: &Ui, app: &App, question: Question, pass: &mut Pass<'_>) {
    let name = app.commission.session().map_or("the gateway", |session| session.name());
    let (title, text, safe, dangerous) = match question {
        Question::Reset => (
            format!("Reset {name}?"),
            "The port's reset line is pulsed: the device restarts, and whatever it was doing is interrupted.",
            "Leave it running",
            format!("Reset {name}"),
        ),
        Question::Reprovision => (
            format!("Let {name} forget its network?"),
            "The gateway leaves its network and waits for another one. This is no wipe: what lies in its flash, such as \
             the old passphrase, may come back or be read.",
            "Keep its network",
            "Forget the network".to_owned(),
        ),
    };
    match ask(ui, &title, text, safe, &dangerous) {
        Some(Answer::Safe) => pass.did(CommissionAction::Dropped),
        Some(Answer::Dangerous) => pass.did(CommissionAction::Confirmed),
        None => {}
    }
}

/// An act on a gateway under management: its name has to be typed.
fn change(ui: &Ui, device: &mut Device, pass: &mut Pass<'_>) {
    let Some((title, text)) = device.question().map(|(title, text)| (title.to_owned(), text)) else { return };
    let name = device.session().and_then(|session| session.name.clone()).unwrap_or_default();
    let label = format!("Type the gateway's name, {name}, to confirm");
    let is_right = |typed: &str| !name.is_empty() && typed.trim() == name;
    match typed(ui, &title, text, &label, &mut device.typed_name, is_right, "Type the name first") {
        Some(Answer::Safe) => pass.did(DeviceAction::DroppedChange),
        Some(Answer::Dangerous) => pass.did(DeviceAction::Confirmed),
        None => {}
    }
}

/// A question that is confirmed by typing something.
fn typed(
    ui: &Ui,
    title: &str,
    text: &str,
    label: &str,
    typed: &mut String,
    is_right: impl Fn(&str) -> bool,
    why_not: &str,
) -> Option<Answer> {
    let id = Id::unique("dialog");
    let area = Modal::default_area(id).accessible_name(title).role(Role::AlertDialog);
    let frame = Frame::window(ui.style()).fill(palette(ui).page);
    let modal = Modal::new(id).area(area).frame(frame).backdrop_color(scrim(ui)).show(ui.ctx(), |ui| {
        ui.set_width(DIALOG_WIDTH.min(ui.ctx().content_rect().width() - 80.0));
        strong(ui, title);
        ui.label(text);
        ui.add_space(GRID);
        let label = ui.label(label).id;
        let edit = TextEdit::singleline(typed).desired_width(f32::INFINITY);
        let response = ui.add(edit.margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(label);
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        if ui.memory(|memory| memory.focused().is_none()) {
            response.request_focus();
        }
        ui.add_space(GRID);
        let is_right = is_right(typed);
        ui.horizontal_wrapped(|ui| {
            let keep = Button::new("Cancel").pressed(ui);
            let go = Button::new("Confirm").danger().enabled_if(is_right, why_not).pressed(ui);
            if go || (is_entered && is_right) { Some(Answer::Dangerous) } else { keep.then_some(Answer::Safe) }
        })
        .inner
    });
    let is_escaped = ui.input(|input| input.key_pressed(Key::Escape));
    modal.inner.or_else(|| is_escaped.then_some(Answer::Safe))
}

/// Retained messages are about to be cleared: how many has to be typed.
fn clear_retained(ui: &Ui, publish: &mut Publish, pass: &mut Pass<'_>) {
    let Some((number, filter)) = publish.question().map(|(number, filter)| (number, filter.to_owned())) else { return };
    let title = match number {
        1 => "Clear 1 retained message?".to_owned(),
        number => format!("Clear {number} retained messages?"),
    };
    let text = format!(
        "The broker forgets what it keeps for the marked topics of {}. Whoever subscribes later gets nothing from them \
         until they are published again. There is no undo.",
        visible(&filter, 80)
    );
    let label = format!("Type their number, {number}, to confirm");
    let is_right = |typed: &str| typed.trim() == number.to_string();
    match typed(ui, &title, &text, &label, &mut publish.retained.typed, is_right, "Type the number first") {
        Some(Answer::Safe) => pass.did(PublishAction::DroppedClear),
        Some(Answer::Dangerous) => pass.did(PublishAction::ConfirmedClear),
        None => {}
    }
}

/// Connecting as the gateway itself throws the live gateway out.
fn identity(ui: &Ui, app: &App, pass: &mut Pass<'_>) {
    let Some(problem) = app.telemetry.question() else { return };
    let text = format!("{}.\n\n{}.", problem.likely_cause, problem.next_step);
    match ask(ui, &problem.what, &text, "Do not connect", "Disconnect the gateway and connect") {
        Some(Answer::Safe) => pass.did(TelemetryAction::DroppedIdentity),
        Some(Answer::Dangerous) => pass.did(TelemetryAction::ConfirmedIdentity),
        None => {}
    }
}

/// Messages in memory are about to be cleared: how many is said, as is what else ends.
fn forget(ui: &Ui, app: &App, pass: &mut Pass<'_>) {
    let Some((forgetting, count)) = app.telemetry.forgetting() else { return };
    let messages = counted(count, "message", "messages");
    let broker = app.telemetry.inspection().map_or("the broker", |inspection| inspection.name.as_str());
    let is_recording = app.telemetry.panes.recorder.recording().is_some();
    let (title, text, dangerous) = match forgetting {
        Forgetting::Clear => (
            format!("Clear {messages}?"),
            "They are removed from memory, and counting starts again. A recording keeps what it holds.".to_owned(),
            format!("Clear {messages}"),
        ),
        Forgetting::Close => (
            "Close the inspection?".to_owned(),
            format!("It holds {messages} of {broker}, which are removed from memory. A recording keeps what it holds."),
            "Clear and close".to_owned(),
        ),
        Forgetting::Connect => (
            "Connect to another broker?".to_owned(),
            format!(
                "The inspection holds {messages} of {broker}, which are removed from memory: those of two brokers aren't \
                 mixed.{}",
                if is_recording { " The recording ends with them; its file stays." } else { "" }
            ),
            "Clear and connect".to_owned(),
        ),
    };
    match ask(ui, &title, &text, "Cancel", &dangerous) {
        Some(Answer::Safe) => pass.did(TelemetryAction::DroppedForgetting),
        Some(Answer::Dangerous) => pass.did(TelemetryAction::ConfirmedForgetting),
        None => {}
    }
}

fn ask(ui: &Ui, title: &str, text: &str, safe: &str, dangerous: &str) -> Option<Answer> {
    let id = Id::unique("dialog");
    let area = Modal::default_area(id).accessible_name(title).role(Role::AlertDialog);
    let frame = Frame::window(ui.style()).fill(palette(ui).page);
    let modal = Modal::new(id).area(area).frame(frame).backdrop_color(scrim(ui)).show(ui.ctx(), |ui| {
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
