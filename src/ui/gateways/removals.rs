//! Several gateways that are to be removed: the whole list first, with a serial number each, then what becomes of each.

use egui::{Align, Color32, Label, Layout, RichText, TextEdit, Ui};

use super::short_place;
use crate::app::App;
use crate::app::removals::{OwnLogin, Removals, RemovalsAction, Row, RowState};
use crate::model::wipe::Outcome;
use crate::ui::frame::scrolled;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{FIELD_MARGIN, GRID, PAGE_MARGIN, medium, palette};
use crate::ui::widgets::{
    Button, field, fixed, group, muted, path_field, pill, problem_card, secret_field, strong, truncated,
};

/// Draws the list and what becomes of it.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let margin = egui::Margin { left: PAGE_MARGIN, right: 12, top: 8, bottom: 8 };
    egui::Frame::new().inner_margin(margin).show(ui, |ui| header(ui, &app.removals, pass));
    let edge = ui.cursor().top();
    ui.painter().hline(ui.max_rect().x_range(), edge, egui::Stroke::new(1.0, palette(ui).line));
    let margin = egui::Margin { left: PAGE_MARGIN, right: 0, top: 10, bottom: 0 };
    egui::Frame::new().inner_margin(margin).show(ui, |ui| {
        scrolled(ui, "removals", |ui| {
            ui.spacing_mut().item_spacing.y = GRID;
            let removals = &mut app.removals;
            if !removals.is_begun() {
                access(ui, removals, pass);
            }
            if let Some(problem) = removals.problem() {
                problem_card(ui, problem);
            }
            list(ui, removals, pass);
            if !removals.is_begun() {
                confirm(ui, removals, pass);
            }
        });
    });
}

fn header(ui: &mut Ui, removals: &Removals, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        ui.set_min_height(32.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if removals.is_running() {
                if Button::new("Stop").danger().named("Stop the removals").pressed(ui) {
                    pass.did(RemovalsAction::Stopped);
                }
            } else if Button::new("Close").named("Put these removals away").pressed(ui) {
                pass.did(RemovalsAction::Closed);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let title = format!("Remove {} gateways", removals.rows.len());
                truncated(ui, RichText::new(title).font(crate::ui::theme::title()).color(palette(ui).strong));
                if removals.is_begun() {
                    let tally = removals.tally();
                    let is_good = tally.complete == tally.gateways;
                    pill(ui, if is_good { palette(ui).ok } else { palette(ui).warn }, &tally.words());
                }
            });
        });
    });
}

fn access(ui: &mut Ui, removals: &mut Removals, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        strong(ui, "Login for all of them");
        field(ui, "User name", &mut removals.username, "where they ask for one");
        secret_field(ui, "Password", &mut removals.secret, "or proof of possession");
    });
    group(ui, |ui| {
        let (_, is_browsing) = path_field(ui, "Certificates to", &mut removals.certificates, "a folder; none if empty");
        if is_browsing {
            pass.browse = Some(PathField::CertificateFolder);
        }
        muted(ui, "One for each gateway, named by its serial number; none for a refused one");
    });
}

fn list(ui: &mut Ui, removals: &mut Removals, pass: &mut Pass<'_>) {
    let is_begun = removals.is_begun();
    let Removals { rows, logins, .. } = removals;
    for (number, row) in rows.iter_mut().enumerate() {
        ui.push_id(number, |ui| {
            line(ui, row, is_begun, logins.has(&row.marked.link), pass);
            if let Some(own) = logins.of(&row.marked.link).filter(|_| !is_begun) {
                own_login(ui, &row.marked.name, own);
            }
        });
    }
}

/// The login of one gateway; what is left empty is as for all of them.
fn own_login(ui: &mut Ui, name: &str, own: &mut OwnLogin) {
    ui.indent("own login", |ui| {
        field(ui, &format!("User name of {name}"), &mut own.username, "as for all if empty");
        secret_field(ui, &format!("Password of {name}"), &mut own.secret, "as for all if empty");
    });
}

fn line(ui: &mut Ui, row: &mut Row, is_begun: bool, has_own_login: bool, pass: &mut Pass<'_>) {
    let (name_width, place_width) = widths(ui.available_width());
    ui.horizontal(|ui| {
        fixed(ui, name_width, |ui| {
            truncated(ui, RichText::new(&row.marked.name).font(medium()).color(palette(ui).strong));
        });
        fixed(ui, place_width, |ui| {
            let place =
                RichText::new(short_place(row.marked.link.place())).monospace().small().color(palette(ui).muted);
            truncated(ui, place);
        });
        if !is_begun {
            let named = format!("Serial number of {}", row.marked.name);
            let edit = TextEdit::singleline(&mut row.serial).hint_text("serial number").desired_width(160.0);
            let response = ui.add(edit.margin(FIELD_MARGIN));
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, &named));
            let (text, named) = if has_own_login {
                ("Shared login", format!("Use the login for all of them for {}", row.marked.name))
            } else {
                ("Own login", format!("Give {} a login of its own", row.marked.name))
            };
            if Button::new(text).named(&named).pressed(ui) {
                pass.did(RemovalsAction::OwnLogin(row.marked.link.clone()));
            }
            return;
        }
        let (colour, word) = state(ui, &row.state);
        fixed(ui, 104.0, |ui| {
            pill(ui, colour, word);
        });
        // In full: why nothing was done isn't read in a tooltip.
        let text = RichText::new(says(&row.state)).color(palette(ui).text);
        ui.vertical(|ui| ui.add(Label::new(text).wrap()));
    });
    if let RowState::Ended(_, _, next) = &row.state {
        for text in next {
            muted(ui, text);
        }
    }
}

/// The widths of name and link: what a wide pane has left over goes to them and to what is said.
fn widths(room: f32) -> (f32, f32) {
    let spare = (room - 700.0).max(0.0);
    (170.0 + (spare * 0.3).min(150.0), 150.0 + (spare * 0.2).min(150.0))
}

fn state(ui: &Ui, state: &RowState) -> (Color32, &'static str) {
    let palette = palette(ui);
    match state {
        RowState::Waits => (palette.muted, "not begun"),
        RowState::Runs(_) => (palette.link, "running"),
        RowState::Ended(None, ..) => (palette.danger, "nothing done"),
        RowState::Ended(Some(outcome), ..) => {
            let colour = match outcome {
                Outcome::Complete => palette.ok,
                Outcome::Incomplete | Outcome::Refused => palette.danger,
                Outcome::Unknown => palette.warn,
            };
            (colour, outcome.as_str())
        }
    }
}

fn says(state: &RowState) -> String {
    match state {
        RowState::Waits => String::new(),
        RowState::Runs(what) => format!("{what}…"),
        RowState::Ended(_, text, _) => text.clone(),
    }
}

fn confirm(ui: &mut Ui, removals: &mut Removals, pass: &mut Pass<'_>) {
    let count = removals.rows.len();
    muted(ui, "Each gateway has to tell the serial number that stands beside it, or nothing is done to it");
    field(ui, &format!("Type {count}"), &mut removals.typed, "how many are removed");
    let lacks = removals.lacks();
    let button = Button::new("Remove them").icon(icon::WARNING).danger().named("Remove the gateways listed");
    ui.horizontal_wrapped(|ui| {
        if button.enabled_if(lacks.is_none(), lacks.unwrap_or_default()).pressed(ui) {
            pass.did(RemovalsAction::Started);
        }
        if let Some(lacks) = lacks {
            muted(ui, lacks);
        }
    });
}
