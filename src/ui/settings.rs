//! Settings: look, operator, where data is kept, profile problems, diagnostics, about.

use egui::Ui;

use super::icon;
use super::pass::Pass;
use super::theme::{GAP, palette};
use super::widgets::{
    Button, choice, copyable, field, fold, header, labelled, muted, notice, problem_card, titled_card,
};
use crate::app::settings::SettingsAction;
use crate::app::{Action, App};
use crate::model::settings::{Settings, ThemeChoice};

const FONT_LICENCES: [(&str, &str); 3] = [
    ("Inter, SIL Open Font License 1.1", include_str!("../../assets/fonts/LICENSE-Inter-OFL.txt")),
    ("JetBrains Mono, SIL Open Font License 1.1", include_str!("../../assets/fonts/LICENSE-JetBrainsMono-OFL.txt")),
    ("Phosphor icons, MIT", include_str!("../../assets/fonts/LICENSE-Phosphor-MIT.txt")),
];

/// Draws Settings.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    header(ui, "Settings", |_| {}, |_| {});
    ui.spacing_mut().item_spacing.y = GAP;
    titled_card(ui, "Look", "", |ui| look(ui, &mut app.settings.values, pass));
    let hint = "Named in the records. Empty means the account of this computer";
    titled_card(ui, "Operator", hint, |ui| operator(ui, &mut app.settings.values, pass));
    let hint = "Records, settings and logs. Passphrases are never stored";
    titled_card(ui, "Data folder", hint, |ui| data_folder(ui, app, pass));
    titled_card(ui, "Profiles", "", |ui| profiles(ui, app));
    titled_card(ui, "Support", "", |ui| support(ui, app, pass));
    titled_card(ui, "About", "", about);
}

fn look(ui: &mut Ui, settings: &mut Settings, pass: &mut Pass<'_>) {
    spaced(ui);
    labelled(ui, "Theme", |ui, _| {
        let themes = [(ThemeChoice::System, "System"), (ThemeChoice::Light, "Light"), (ThemeChoice::Dark, "Dark")];
        for (theme, text) in themes {
            if choice(ui, settings.theme == theme, text, &format!("{text} theme")) {
                settings.theme = theme;
                pass.did(SettingsAction::Changed);
            }
        }
    });
    labelled(ui, "Scale", |ui, id| {
        // Whole steps applied on release: the slider must not run away from the pointer while it scales.
        for percent in [80_u8, 100, 125, 150, 200] {
            let scale = f32::from(percent) / 100.0;
            let text = format!("{percent} %");
            if choice(ui, (settings.scale - scale).abs() < 0.01, &text, &format!("Scale {text}")) {
                settings.scale = scale.clamp(*Settings::SCALE_RANGE.start(), *Settings::SCALE_RANGE.end());
                pass.did(SettingsAction::Changed);
            }
        }
        let _ = id;
    });
}

fn operator(ui: &mut Ui, settings: &mut Settings, pass: &mut Pass<'_>) {
    if field(ui, "Name", &mut settings.operator, "").changed() {
        pass.did(SettingsAction::Changed);
    }
}

fn data_folder(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        let path = app.settings.data_dir.display().to_string();
        copyable(ui, &path);
        if Button::icon_only(icon::COPY, "Copy the path of the data folder").pressed(ui) {
            ui.ctx().copy_text(path);
            pass.did(Action::Copied("Path"));
        }
    });
}

fn profiles(ui: &mut Ui, app: &App) {
    spaced(ui);
    let count = app.catalog().iter().count();
    ui.label(format!("{count} {} loaded", if count == 1 { "profile" } else { "profiles" }));
    if app.settings.start_problems.is_empty() {
        muted(ui, "No profile file of yours has a problem");
    }
    for problem in &app.settings.start_problems {
        problem_card(ui, problem);
    }
}

fn support(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    spaced(ui);
    muted(ui, "Facts about this program and its last jobs, without secrets, as text for the clipboard");
    let is_idle = !app.settings.is_collecting();
    let button = Button::new("Copy diagnostics").icon(icon::COPY).enabled_if(is_idle, "They are being put together");
    if button.pressed(ui) {
        pass.did(SettingsAction::CopiedDiagnostics);
    }
    if !is_idle {
        notice(ui, palette(ui).accent, icon::RUNNING, "Putting the diagnostics together…");
    }
}

fn about(ui: &mut Ui) {
    spaced(ui);
    ui.label(format!("Linesman {}", env!("CARGO_PKG_VERSION")));
    muted(ui, "Under the MIT or the Apache 2.0 licence, as you like. No account, no telemetry of its own");
    for (title, text) in FONT_LICENCES {
        fold(ui, title, title, |ui| copyable(ui, text));
    }
}

fn spaced(ui: &mut Ui) {
    ui.spacing_mut().item_spacing.y = 8.0;
}
