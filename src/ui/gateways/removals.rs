//! Several gateways that are to be removed: the whole list first, with a serial number each, then what becomes of each.

use std::path::{Path, PathBuf};

use egui::{Color32, ComboBox, Label, RichText, Role, TextEdit, TextStyle, Ui, WidgetInfo};

use super::batch::{findings, masked, selected_beside};
use super::short_place;
use crate::app::App;
use crate::app::batch::Marked;
use crate::app::files::file_name;
use crate::app::removals::{List, OwnLogin, Removals, RemovalsAction, RowState};
use crate::model::ids::ProfileId;
use crate::model::wipe::Outcome;
use crate::ui::frame::scrolled;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{FIELD_MARGIN, GRID, PAGE_MARGIN, medium, palette};
use crate::ui::widgets::{
    Button, RowEnd, counted, elided, field, fixed, goes_to, group, hold_button, muted, name, notice, path_field, pill,
    problem_card, secret_field, strong, truncated,
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
            selected_beside(ui, app, pass);
            let choices = Choices::of(app);
            let whole = app.whole_path(&app.removals.certificates);
            let removals = &mut app.removals;
            let is_begun = removals.is_begun();
            if let Some(list) = &mut removals.list {
                source(ui, list, is_begun, pass);
            }
            // What nothing was done to can be begun again, with another login.
            if (0..removals.rows.len()).any(|index| removals.is_correctable(index)) {
                access(ui, removals, whole, pass);
            }
            if let Some(problem) = removals.problem() {
                problem_card(ui, problem);
            }
            list(ui, removals, &choices, pass);
            if !removals.is_begun() && !removals.rows.is_empty() {
                confirm(ui, removals, pass);
            }
        });
    });
}

fn header(ui: &mut Ui, removals: &Removals, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        ui.set_min_height(32.0);
        let end = RowEnd::new(ui, "acts");
        end.before(ui, |ui| {
            let title = format!("Remove {}", counted(removals.rows.len() as u64, "gateway", "gateways"));
            truncated(ui, RichText::new(title).font(crate::ui::theme::title()).color(palette(ui).strong));
            if removals.is_begun() {
                let tally = removals.tally();
                let is_good = tally.complete == tally.gateways;
                pill(ui, if is_good { palette(ui).ok } else { palette(ui).warn }, &tally.words());
            }
        });
        end.show(ui, |ui| {
            if removals.is_running() {
                if Button::new("Stop").danger().named("Stop the removals").pressed(ui) {
                    pass.did(RemovalsAction::Stopped);
                }
            } else if Button::new("Close").named("Put these removals away").pressed(ui) {
                pass.did(RemovalsAction::Closed);
            }
        });
    });
}

/// The manifest the gateways were read from: what is wrong with it, and the secrets it refers to.
fn source(ui: &mut Ui, list: &mut List, is_begun: bool, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        let name = file_name(Path::new(&list.path));
        let text = if list.is_reading { format!("Reading {name}…") } else { format!("From {name}") };
        muted(ui, &text).on_hover_text(&list.path);
        let again = Button::new("Read again").icon(icon::REFRESH).named("Read the manifest again");
        if !is_begun && !list.is_reading && again.pressed(ui) {
            pass.did(RemovalsAction::Listed(list.path.clone()));
        }
    });
    if let Some(problem) = &list.problem {
        problem_card(ui, problem);
    }
    if !list.findings.is_empty() {
        findings(ui, &list.findings);
    }
    for note in &list.notes {
        notice(ui, palette(ui).warn, icon::WARNING, note);
    }
    if !list.secrets.is_empty() && list.findings.is_empty() {
        group(ui, |ui| {
            muted(ui, "Secrets that the manifest refers to; they are not stored");
            for secret in &mut list.secrets {
                let _ = masked(ui, &format!("@{}", secret.name), &mut secret.value);
            }
        });
    }
}

fn access(ui: &mut Ui, removals: &mut Removals, whole: Option<PathBuf>, pass: &mut Pass<'_>) {
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
        goes_to(ui, whole);
        muted(ui, "One for each gateway, named by its serial number; none for a refused one");
    });
}

/// What a row can be corrected to.
struct Choices {
    profiles: Vec<(ProfileId, String)>,
    gateways: Vec<(Marked, String)>,
}

impl Choices {
    /// The profiles that say how a gateway is removed, and the gateways that are there.
    fn of(app: &App) -> Self {
        let profiles = app.catalog().iter().filter(|profile| profile.wipe.is_some());
        let place = |gateway: &Marked| format!("{}, {}", gateway.name, short_place(gateway.link.place()));
        let gateways = app.discover.present_gateways(app.catalog()).into_iter();
        Self {
            profiles: profiles.map(|profile| (profile.id.clone(), profile.name.clone())).collect(),
            gateways: gateways.map(|gateway| (gateway.clone(), place(&gateway))).collect(),
        }
    }
}

fn list(ui: &mut Ui, removals: &mut Removals, choices: &Choices, pass: &mut Pass<'_>) {
    for index in 0..removals.rows.len() {
        ui.push_id(index, |ui| {
            line(ui, removals, index);
            if removals.is_correctable(index) {
                correct(ui, removals, index, choices, pass);
                own_login(ui, removals, index);
            }
        });
    }
}

/// The login of one gateway that has its own; what is left empty is as for all of them.
fn own_login(ui: &mut Ui, removals: &mut Removals, index: usize) {
    let Some(row) = removals.rows.get_mut(index) else { return };
    let name = &row.marked.name;
    let Some(OwnLogin { username, secret }) = &mut row.own_login else { return };
    ui.indent("own login", |ui| {
        field(ui, &format!("User name of {name}"), username, "as for all if empty");
        secret_field(ui, &format!("Password of {name}"), secret, "as for all if empty");
    });
}

fn line(ui: &mut Ui, removals: &Removals, index: usize) {
    let Some(row) = removals.rows.get(index) else { return };
    let (name_width, place_width) = widths(ui.available_width());
    ui.horizontal(|ui| {
        if let Some(number) = row.number() {
            fixed(ui, NUMBER_WIDTH, |ui| {
                muted(ui, &number.to_string()).on_hover_text("Its row in the manifest");
            });
        }
        fixed(ui, name_width, |ui| {
            name(ui, &row.marked.name, medium(), palette(ui).strong);
        });
        fixed(ui, place_width, |ui| {
            let place =
                RichText::new(short_place(row.marked.link.place())).monospace().small().color(palette(ui).muted);
            truncated(ui, place);
        });
        if !removals.is_begun() {
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
    let orders = row.orders();
    if !orders.is_empty() {
        muted(ui, &orders);
    }
    if let RowState::Ended(_, _, next) = &row.state {
        for text in next {
            muted(ui, text);
        }
    }
}

/// What is wrong with a row is corrected where it stands, or the row is left out.
fn correct(ui: &mut Ui, removals: &mut Removals, index: usize, choices: &Choices, pass: &mut Pass<'_>) {
    let (is_begun, lacks) = (removals.is_begun(), removals.lacks_in(index));
    let Some(row) = removals.rows.get_mut(index) else { return };
    let (name, has_own_login) = (row.marked.name.clone(), row.own_login.is_some());
    ui.horizontal_wrapped(|ui| {
        let named = format!("Serial number of {name}");
        let edit = TextEdit::singleline(&mut row.serial).hint_text("serial no. or name").desired_width(120.0);
        let response = ui.add(edit.margin(FIELD_MARGIN));
        response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, &named));
        let profiles = choices.profiles.iter().map(|(id, text)| (id, text.as_str()));
        let chosen = row.marked.profile.as_ref();
        if let Some(profile) = pick(ui, &format!("Profile of {name}"), "Choose a profile", chosen, profiles) {
            pass.did(RemovalsAction::ChoseProfile(index, profile.clone()));
        }
        if is_begun {
            let here = choices.gateways.iter().find(|(gateway, _)| gateway.link == row.marked.link);
            let gateways = choices.gateways.iter().map(|(gateway, text)| (gateway, text.as_str()));
            let chosen = here.map(|(gateway, _)| gateway);
            if let Some(gateway) = pick(ui, &format!("Link of {name}"), "Not seen", chosen, gateways) {
                pass.did(RemovalsAction::ChoseGateway(index, gateway.clone()));
            }
            if hold_button(ui, &format!("Hold to remove {name}"), lacks.is_none(), lacks.unwrap_or_default()) {
                pass.did(RemovalsAction::BeganAgain(index));
            }
        }
        let (text, named) = if has_own_login {
            ("Shared login", format!("Use the login for all of them for {name}"))
        } else {
            ("Own login", format!("Give {name} a login of its own"))
        };
        if Button::new(text).named(&named).pressed(ui) {
            pass.did(RemovalsAction::OwnLogin(index));
        }
        if Button::new("Leave out").named(&format!("Leave {name} out")).pressed(ui) {
            pass.did(RemovalsAction::TookOut(index));
        }
    });
}

/// Width of a row's number.
const NUMBER_WIDTH: f32 = 28.0;
/// Width of a choice in a row.
const PICK_WIDTH: f32 = 140.0;
/// What its sign and edges take of that.
const PICK_SIGN: f32 = 34.0;

/// A choice out of a list that opens; what was chosen anew.
fn pick<'a, T: PartialEq>(
    ui: &mut Ui,
    name: &str,
    none: &'a str,
    chosen: Option<&T>,
    all: impl Iterator<Item = (&'a T, &'a str)> + Clone,
) -> Option<&'a T> {
    let shown = all.clone().find(|(one, _)| Some(*one) == chosen).map_or(none, |(_, text)| text);
    let mut picked = None;
    let font = TextStyle::Button.resolve(ui.style());
    let fitting = elided(ui, shown, &font, PICK_WIDTH - PICK_SIGN);
    let combo = ComboBox::from_id_salt(name).width(PICK_WIDTH).selected_text(fitting.as_ref()).truncate();
    let response = combo.show_ui(ui, |ui| {
        for (one, text) in all {
            if ui.selectable_label(Some(one) == chosen, text).clicked() {
                picked = Some(one);
                // A click through the accessibility tree would leave the list open.
                ui.close();
            }
        }
    });
    response.response.widget_info(|| WidgetInfo {
        current_text_value: Some(shown.to_owned()),
        ..WidgetInfo::labeled(Role::ComboBox, true, name)
    });
    picked.filter(|picked| Some(*picked) != chosen)
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
    muted(ui, "Each gateway must report the serial number typed for it (or the name), or nothing is done to it");
    let typed = field(ui, &format!("Type {count}"), &mut removals.typed, "how many are removed");
    let is_entered = typed.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
    let lacks = removals.lacks();
    let button = Button::new("Remove them").icon(icon::WARNING).danger().named("Remove the gateways listed");
    ui.horizontal_wrapped(|ui| {
        let is_pressed = button.enabled_if(lacks.is_none(), lacks.unwrap_or_default()).pressed(ui);
        if is_pressed || (is_entered && lacks.is_none()) {
            pass.did(RemovalsAction::Started);
        }
        if let Some(lacks) = lacks {
            muted(ui, lacks);
        }
    });
}
