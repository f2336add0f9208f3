//! Before the session: profile and driver, each with the reason for it, and the button that connects.

use egui::{ComboBox, RichText, Ui};

use super::access;
use crate::app::commission::{CommissionAction, DriverOption};
use crate::app::{Action, App, Screen};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{FIELD_WIDTH, GAP, GRID, palette};
use crate::ui::widgets::{Button, copyable, labelled, muted, notice, strong, titled_card, truncated};

pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = GAP;
    titled_card(ui, "Gateway", "", |ui| {
        gateway(ui, app, pass);
        profile(ui, app, pass);
    });
    let hint = "The protocol used with the gateway. No vendor publishes its own, so a profile names an open one";
    titled_card(ui, "Driver", hint, |ui| drivers(ui, app, pass));
    access::show(ui, app, pass);
    if app.commission.form.has_network() {
        kept_network(ui, app, pass);
    }
}

/// The button that opens the session; it stands in the header, where it is always in sight.
pub(super) fn connect_button(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let is_ready = app.commission.driver().is_some();
    let connect = Button::new("Connect").icon(icon::COMMISSION).primary();
    if connect.enabled_if(is_ready, "No driver can be used over this link").pressed(ui) {
        pass.did(CommissionAction::Connected);
    }
    muted(ui, "No credentials are sent yet");
}

fn gateway(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let Some((link, name)) = app.commission.gateway() else { return };
    ui.spacing_mut().item_spacing.y = GRID;
    labelled(ui, "Name", |ui, _| {
        truncated(ui, RichText::new(name).color(palette(ui).strong));
    });
    labelled(ui, "Link", |ui, _| {
        copyable(ui, &link.to_string());
        if Button::new("Choose another").quiet().named("Choose another gateway").pressed(ui) {
            pass.did(Action::WentTo(Screen::Discover));
        }
    });
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
    if app.commission.rules(app.catalog()).is_none() {
        notice(ui, palette(ui).warn, icon::WARNING, "This profile has no Wi-Fi: no network to send");
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
    titled_card(ui, "Network from before", "In memory only, until Linesman is closed", |ui| {
        ui.horizontal_wrapped(|ui| {
            strong(ui, &crate::model::text::visible(&app.commission.form.draft.ssid, 40));
            if Button::new("Forget it").quiet().named("Forget this network").pressed(ui) {
                pass.did(CommissionAction::ForgotNetwork);
            }
        });
    });
}
