//! The set-up: profile, site file, interface, and the rows that will be checked beside it.

use egui::{ComboBox, ScrollArea, TextEdit, Ui};

use super::rows;
use crate::app::App;
use crate::app::check::words::{self, ui as w};
use crate::app::check::{CheckAction, NetworkCheck};
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::text::visible;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{FIELD_WIDTH, GAP, GRID, STACKED_BELOW};
use crate::ui::widgets::{
    Button, beside, check as check_box, empty_state, field, fold, forget_undo, labelled, muted, path_field,
    problem_card, strong, surface,
};

/// Draws it.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    if ui.available_width() < STACKED_BELOW {
        // Below each other they would each be a slit: they scroll as one.
        return crate::ui::frame::scrolled(ui, "check-form", |ui| {
            form(ui, app, pass);
            ui.add_space(GAP);
            planned_whole(ui, &app.check);
        });
    }
    beside(ui, "check-set-up", true, |ui, is_side| {
        surface(ui, |ui| {
            if is_side {
                planned(ui, &app.check);
            } else {
                ScrollArea::vertical().id_salt("check-form").auto_shrink(false).show(ui, |ui| {
                    egui::Frame::new()
                        .inner_margin(egui::Margin { left: 4, right: 12, top: 4, bottom: 4 })
                        .show(ui, |ui| form(ui, app, pass));
                });
            }
        });
    });
}

fn form(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = GRID;
    if let Some(problem) = app.check.problem() {
        problem_card(ui, problem);
    }
    profile(ui, app, pass);
    via(ui, app, pass);
    let check = &mut app.check;
    path(ui, "Site file", &mut check.form.site_path, "Optional: /home/me/site.toml", PathField::CheckSite, pass);
    let is_here = check.form.via.is_none();
    let from = |ui: &mut Ui, check: &mut NetworkCheck| field(ui, "From", &mut check.form.from, w::FROM_HINT).changed();
    let mut is_changed = is_here && from(ui, check);
    is_changed |= hosts(ui, check, true);
    is_changed |= is_here && check_box(ui, &mut check.form.is_survey, words::SURVEY, words::SURVEY_WHY);
    is_changed |= check_box(ui, &mut check.form.has_consent, words::CONSENT, &words::consent());
    fold(ui, "check-advanced", w::ADVANCED, |ui| {
        is_changed |= field(ui, "Network (SSID)", &mut check.form.ssid, "The one the gateway joins").changed();
        is_changed |= field(ui, "Gateway", &mut check.form.gateway, "Its address, where it is known").changed();
        is_changed |= hosts(ui, check, false);
        path(ui, "Override file", &mut check.form.override_path, "For a test site", PathField::CheckOverride, pass);
    });
    if is_changed {
        pass.did(CheckAction::FormChanged);
    }
    ui.add_space(GAP);
    evidence(ui, check, pass);
}

fn path(ui: &mut Ui, label: &str, text: &mut String, hint: &str, kind: PathField, pass: &mut Pass<'_>) {
    let (response, is_browsing) = path_field(ui, label, text, hint);
    if is_browsing {
        pass.browse = Some(kind);
    }
    if response.changed() {
        pass.did(CheckAction::FormChanged);
    }
}

fn profile(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let chosen = app.check.form.profile().and_then(|id| app.catalog().get(id));
    labelled(ui, "Profile", |ui, id| {
        let text = chosen.map_or_else(|| "Choose…".to_owned(), |profile| visible(&profile.name, 60));
        let width = FIELD_WIDTH.min(ui.available_width() - 8.0);
        let combo = ComboBox::from_id_salt("check-profile").width(width).selected_text(text).truncate();
        let response = combo.show_ui(ui, |ui| {
            for profile in app.catalog().iter() {
                let is_chosen = chosen.is_some_and(|chosen| chosen.id == profile.id);
                if ui.selectable_label(is_chosen, format!("{} · {}", profile.name, profile.vendor)).clicked() {
                    pass.did(CheckAction::ChoseProfile(profile.id.clone()));
                    ui.close();
                }
            }
        });
        let _ = response.response.labelled_by(id);
    });
}

/// Who looks: this computer, or a gateway that has a shell.
fn via(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let has_shell = |link: &&LinkAddress| DriverId::managing_over(link.kind()).next().is_some();
    let mut links: Vec<LinkAddress> = app.discover.rows().map(|row| &row.link).filter(has_shell).cloned().collect();
    links.sort();
    let chosen = app.check.form.via.clone();
    if links.is_empty() && chosen.is_none() {
        return;
    }
    let name = |via: Option<&LinkAddress>| {
        via.map_or_else(|| words::FROM_HERE.to_owned(), |link| words::from_gateway(&visible(&link.to_string(), 60)))
    };
    labelled(ui, "Check from", |ui, id| {
        let width = FIELD_WIDTH.min(ui.available_width() - 8.0);
        let combo = ComboBox::from_id_salt("check-via").width(width).selected_text(name(chosen.as_ref())).truncate();
        let response = combo.show_ui(ui, |ui| {
            for choice in std::iter::once(None).chain(links.iter().map(Some)) {
                if ui.selectable_label(choice == chosen.as_ref(), name(choice)).clicked() {
                    pass.did(CheckAction::ChoseVia(choice.cloned()));
                    ui.close();
                }
            }
        });
        let _ = response.response.labelled_by(id);
    });
    if chosen.is_some() {
        muted(ui, words::FROM_GATEWAY_WHY);
        let _ = check_box(ui, &mut app.check.form.is_both, words::BOTH, words::BOTH_WHY);
        login(ui, &mut app.check);
    }
}

fn login(ui: &mut Ui, check: &mut NetworkCheck) {
    field(ui, "User", &mut check.username, "root");
    labelled(ui, "Password", |ui, id| {
        let field = egui::Id::unique("check-password");
        let edit = TextEdit::singleline(check.password.expose_mut()).id(field).password(true);
        ui.add(edit.desired_width(FIELD_WIDTH - 2.0 * GRID).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id);
        forget_undo(ui, field);
    });
    muted(ui, w::LOGIN_HINT);
}

/// Hosts without which rows cannot be checked, or names to sample for wildcards.
fn hosts(ui: &mut Ui, check: &mut NetworkCheck, is_needed: bool) -> bool {
    let mut wanted = check.form.hosts.iter_mut().filter(|field| field.is_needed == is_needed).peekable();
    if wanted.peek().is_none() {
        return false;
    }
    muted(ui, if is_needed { w::HOSTS } else { w::SAMPLES });
    let mut is_changed = false;
    for host in wanted {
        let label = host.word.clone();
        let hint = if is_needed { "host or host:port" } else { "name, name" };
        is_changed |= field(ui, &label, &mut host.value, hint).changed();
    }
    is_changed
}

fn evidence(ui: &mut Ui, check: &mut NetworkCheck, pass: &mut Pass<'_>) {
    strong(ui, w::EVIDENCE);
    muted(ui, w::EVIDENCE_HINT);
    let (response, is_browsing) = path_field(ui, "Evidence", &mut check.evidence_path, "/home/me/network-check.json");
    if is_browsing {
        pass.browse = Some(PathField::CheckEvidence);
    }
    let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
    let is_typed = !check.evidence_path.trim().is_empty();
    let open = Button::new(w::OPEN_EVIDENCE).icon(icon::FOLDER).named("Judge the saved evidence again");
    if open.enabled_if(is_typed, w::NO_PATH).pressed(ui) || (is_entered && is_typed) {
        pass.did(CheckAction::OpenedEvidence);
    }
}

/// The same in its whole height, for a page that scrolls.
fn planned_whole(ui: &mut Ui, check: &NetworkCheck) {
    let lines = check.preview().map_or(0, |(_, sheet)| sheet.lines.len());
    #[expect(clippy::cast_precision_loss, reason = "a profile has some dozen rows")]
    let height = (lines as f32 + 3.0) * rows::LINE;
    ui.allocate_ui(egui::vec2(ui.available_width(), height), |ui| planned(ui, check));
}

fn planned(ui: &mut Ui, check: &NetworkCheck) {
    let Some((plan, sheet)) = check.preview() else {
        return empty_state(ui, icon::CHECK, words::NOTHING_TITLE, |ui| {
            for line in words::NOTHING {
                muted(ui, line);
            }
        });
    };
    strong(ui, &words::will_be_checked(plan.to_run().count(), plan.rows.len()));
    muted(ui, words::ONLY_THESE);
    if !check.form.site_path.trim().is_empty() && check.site().is_none() {
        muted(ui, w::SITE_ADDS);
    }
    rows::planned(ui, plan, sheet);
}
