//! What surrounds every place: the rail, the status line, and messages at the edge.

use std::path::Path;

use egui::{Align2, Area, CentralPanel, Color32, Frame, Id, Label, Margin, ScrollArea, Stroke, Ui};

use super::pass::Pass;
use super::theme::{GAP, PAGE_MARGIN, STATUS_HEIGHT, TOAST_WIDTH, palette};
use super::widgets::{Button, RowEnd, counted, icon, problem_card, truncated};
use super::{check, gateways, icon, keys, rail, records, settings, status, telemetry};
use crate::app::files::file_name;
use crate::app::{Action, App, Holds, Place, ToastText};

/// Draws the window.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    keys::take(ui, app, pass);
    status::show(ui, app, pass);
    rail::show(ui, app, pass);
    let page = Frame::new().fill(palette(ui).page);
    CentralPanel::no_frame().frame(page).show(ui, |ui| match app.place() {
        Place::Gateways => gateways::show(ui, app, pass),
        Place::Check => padded(ui, |ui| check::show(ui, app, pass)),
        Place::Telemetry => telemetry::show(ui, app, pass),
        Place::Records => records::show(ui, app, pass),
        Place::Settings => padded(ui, |ui| scrolled(ui, "settings", |ui| settings::show(ui, app, pass))),
    });
    toasts(ui, app, pass);
}

fn padded(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    Frame::new().inner_margin(Margin::symmetric(PAGE_MARGIN, 10)).show(ui, add);
}

/// A panel that scrolls, with room for the focus ring and the bar.
pub(super) fn scrolled(ui: &mut Ui, salt: &str, add: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().id_salt(salt).auto_shrink(false).show(ui, |ui| {
        Frame::new().inner_margin(Margin { left: 3, right: 10, top: 3, bottom: 3 }).show(ui, add);
    });
}

fn toasts(ui: &Ui, app: &App, pass: &mut Pass<'_>) {
    if app.toasts().iter().next().is_none() {
        return;
    }
    let offset = egui::vec2(-GAP, -(STATUS_HEIGHT + GAP));
    let area = Area::new(Id::unique("toasts")).anchor(Align2::RIGHT_BOTTOM, offset).accessible_name("Messages");
    area.enabled(!app.is_covered()).show(ui.ctx(), |ui| {
        let edge = Stroke::new(1.0, palette(ui).border);
        for toast in app.toasts().iter() {
            egui::Frame::popup(ui.style()).fill(palette(ui).page).stroke(edge).show(ui, |ui| {
                ui.set_width(TOAST_WIDTH.min(ui.ctx().content_rect().width() - 4.0 * GAP));
                if ui.push_id(toast.id, |ui| toast_body(ui, &toast.text, pass)).inner {
                    pass.did(Action::DismissedToast(toast.id));
                }
            });
        }
    });
}

fn toast_body(ui: &mut Ui, text: &ToastText, pass: &mut Pass<'_>) -> bool {
    match text {
        ToastText::News(news) => told(ui, (icon::JOINED, palette(ui).ok), news),
        ToastText::Note(note) => told(ui, (icon::INFO, palette(ui).muted), note),
        ToastText::Saved(path, holds) => saved(ui, path, *holds, pass),
        ToastText::Problem(problem) => {
            problem_card(ui, problem);
            Button::new("Dismiss").named("Dismiss the problem").pressed(ui)
        }
    }
}

/// A sentence in full, with its sign; whether it was read.
fn told(ui: &mut Ui, (sign, colour): (&'static str, Color32), text: &str) -> bool {
    ui.horizontal(|ui| {
        icon(ui, sign, colour);
        let end = RowEnd::new(ui, "dismiss");
        end.before(ui, |ui| ui.add(Label::new(text).wrap()));
        end.show(ui, dismiss)
    })
    .inner
}

/// A file was saved: where it is seen, and its path.
fn saved(ui: &mut Ui, path: &Path, holds: Option<Holds>, pass: &mut Pass<'_>) -> bool {
    let name = file_name(path);
    let holds = match holds {
        Some(Holds::Messages(messages)) => format!(": {}", counted(messages, "message", "messages")),
        Some(Holds::Points(points)) => format!(": {}", counted(points, "point", "points")),
        None => String::new(),
    };
    let is_gone = ui
        .horizontal(|ui| {
            icon(ui, icon::JOINED, palette(ui).ok);
            let end = RowEnd::new(ui, "dismiss");
            end.before(ui, |ui| {
                truncated(ui, format!("Saved {name}{holds}")).on_hover_text(path.display().to_string());
            });
            end.show(ui, dismiss)
        })
        .inner;
    ui.horizontal_wrapped(|ui| {
        if Button::new("Show in folder").icon(icon::FOLDER).named(&format!("Show {name} in its folder")).pressed(ui) {
            pass.did(Action::ShowedInFolder(path.to_owned()));
        }
        if Button::new("Copy path").icon(icon::COPY).named(&format!("Copy the path of {name}")).pressed(ui) {
            ui.ctx().copy_text(path.display().to_string());
            pass.did(Action::Copied("Path"));
        }
    });
    is_gone
}

fn dismiss(ui: &mut Ui) -> bool {
    Button::icon_only(icon::CLOSE, "Dismiss the message").pressed(ui)
}
