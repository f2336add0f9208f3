//! Before the session: what this gateway needs; profile and driver, each with the reason for it, under Advanced.

use egui::{ComboBox, RichText, Ui};

use super::access;
use crate::app::App;
use crate::app::commission::{CommissionAction, DriverOption};
use crate::model::batch::{RowOutcome, RowResult};
use crate::model::standing::Standing;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{FIELD_WIDTH, GAP, GRID, palette};
use crate::ui::widgets::{Button, fold, labelled, muted, notice, strong, titled_group};

pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = GAP;
    if let Some(result) = app.discover.selected().and_then(|link| app.batch.result_of(link)) {
        in_a_batch(ui, result);
    }
    ui.label(needs(app, is_set_up(app)));
    access::show(ui, app, pass);
    let selected = app.discover.selected().and_then(|link| app.discover.row(link)).cloned();
    if app.commission.rules(app.catalog()).is_none() {
        notice(ui, palette(ui).warn, icon::WARNING, "This profile has no Wi-Fi: no network to send");
    }
    let opens = match app.commission.wanted_access() {
        Some(_) => "Connect logs in with this and asks what the gateway offers. No network or token is sent yet",
        None => "Connect opens a session and asks what the gateway offers. No network or token is sent yet",
    };
    muted(ui, opens);
    let driver = app.commission.driver().map_or_else(|| "no driver".to_owned(), |driver| format!("driver {driver}"));
    fold(ui, "advanced", &format!("Advanced \u{b7} {driver}"), |ui| {
        profile(ui, app, pass);
        drivers(ui, app, pass);
    });
    if let Some(row) = selected {
        super::super::detail::seen(ui, app, &row);
    }
    let is_kept = app.kept.was_sent() || !app.commission.form.draft.passphrase.expose().is_empty();
    if is_kept && app.commission.form.has_network() && app.commission.rules(app.catalog()).is_some() {
        kept_network(ui, app, pass);
    }
}

/// What came of it in a batch, with what to do next.
fn in_a_batch(ui: &mut Ui, result: &RowResult) {
    let palette = palette(ui);
    let (colour, sign) = match result.outcome {
        RowOutcome::Joined | RowOutcome::Done => (palette.ok, icon::JOINED),
        RowOutcome::Refused | RowOutcome::Failed => (palette.danger, icon::REFUSED),
        RowOutcome::Unknown => (palette.warn, icon::UNKNOWN),
        RowOutcome::Stopped | RowOutcome::NotBegun => (palette.muted, icon::STOPPED),
    };
    let next = if result.next_step.is_empty() { String::new() } else { format!(". {}", result.next_step) };
    notice(ui, colour, sign, &format!("In the batch: {}{next}", result.summary));
}

/// Whether the gateway selected has a network, as far as is known.
fn is_set_up(app: &App) -> bool {
    let row = app.discover.selected().and_then(|link| app.discover.row(link));
    let standing = row.map(|row| app.discover.stand(row).standing);
    standing.is_some_and(|standing| matches!(standing, Standing::Joined | Standing::InService | Standing::AlreadySetUp))
}

/// What this gateway needs, in a sentence; of one that has a network, what another set-up would need.
fn needs(app: &App, is_set_up: bool) -> String {
    if app.commission.driver().is_none() {
        return "No driver can be used over this link".to_owned();
    }
    let mut needed: Vec<String> = Vec::new();
    if let Some(wanted) = app.commission.wanted_access() {
        needed.push(wanted.secret.to_lowercase());
    }
    if app.commission.rules(app.catalog()).is_some() {
        needed.extend(["network".to_owned(), "passphrase".to_owned()]);
    }
    match app.commission.token_rows(app.catalog()).len() {
        0 => {}
        1 => needed.push("1 token or file".to_owned()),
        count => needed.push(format!("{count} tokens or files")),
    }
    if needed.is_empty() {
        return "This gateway needs nothing from here".to_owned();
    }
    let needed = needed.join(", ");
    if is_set_up {
        format!("It has a network. To set it up again it needs: {needed}")
    } else {
        format!("Needs: {needed}")
    }
}

fn profile(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let chosen = app.commission.profile().and_then(|id| app.catalog().get(id));
    labelled(ui, "Profile", |ui, id| {
        let text = chosen.map_or("None: limits of the Wi-Fi standard", |profile| &profile.name);
        let combo = ComboBox::from_id_salt("profile").width(FIELD_WIDTH).selected_text(text).truncate();
        let response = combo.show_ui(ui, |ui| {
            if ui.selectable_label(chosen.is_none(), "None: limits of the Wi-Fi standard").clicked() {
                pass.did(CommissionAction::ChoseProfile(None));
            }
            for profile in app.catalog().iter() {
                let is_chosen = chosen.is_some_and(|chosen| chosen.id == profile.id);
                if ui.selectable_label(is_chosen, format!("{} · {}", profile.name, profile.vendor)).clicked() {
                    pass.did(CommissionAction::ChoseProfile(Some(profile.id.clone())));
                }
            }
        });
        let _ = response.response.labelled_by(id);
    });
    let (link, _) = app.commission.gateway().unzip();
    let guess = link.and_then(|link| app.discover.row(link)).and_then(|row| row.profile.as_ref());
    if let Some(guess) = guess.filter(|guess| app.commission.profile() == Some(&guess.profile)) {
        muted(ui, &format!("Recognised: {}", guess.reason));
    } else if chosen.is_some() {
        muted(ui, "Not recognised from the port: the profile used last, or your choice");
    }
}

fn drivers(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    for option in app.commission.drivers(app.catalog()) {
        driver(ui, app, &option, pass);
    }
}

fn driver(ui: &mut Ui, app: &App, option: &DriverOption, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 2.0;
    let is_chosen = app.commission.driver() == Some(option.driver);
    ui.add_enabled_ui(option.unavailable.is_none(), |ui| {
        ui.spacing_mut().interact_size.y = 22.0;
        let response = ui.radio(is_chosen, option.driver.as_str());
        crate::ui::widgets::focus_ring(ui, &response);
        if response.clicked() {
            pass.did(CommissionAction::ChoseDriver(option.driver));
        }
    });
    ui.horizontal_top(|ui| {
        ui.spacing_mut().interact_size.y = 16.0;
        ui.add_space(24.0);
        ui.vertical(|ui| {
            muted(ui, &option.note);
            if let Some(reason) = &option.unavailable {
                ui.label(RichText::new(reason).small().color(palette(ui).warn));
            }
        });
    });
    ui.add_space(GRID / 2.0);
}

fn kept_network(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    titled_group(
        ui,
        "Network from before",
        "Its name is offered again until Linesman is closed, and its passphrase if that is ticked",
        |ui| {
            ui.horizontal_wrapped(|ui| {
                strong(ui, &crate::model::text::visible(&app.commission.form.draft.ssid, 40));
                if Button::new("Forget it").quiet().named("Forget this network").pressed(ui) {
                    pass.did(CommissionAction::ForgotNetwork);
                }
            });
        },
    );
}
