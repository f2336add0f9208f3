//! Settings: look, operator, where data is kept, profile problems, diagnostics, about.

use egui::Ui;

use super::icon;
use super::pass::Pass;
use super::sync;
use super::theme::{GAP, palette};
use super::widgets::{
    Button, check, choice, copyable, field, fold, header, labelled, muted, notice, problem_card, titled_group,
};
use crate::app::settings::SettingsAction;
use crate::app::{Action, App};
use crate::model::proof::{PROOFS, ProvedOn};
use crate::model::settings::{Settings, TelemetrySettings, ThemeChoice};
use crate::model::without_password::holds_password;

const FONT_LICENCES: [(&str, &str); 3] = [
    ("Inter, SIL Open Font License 1.1", include_str!("../../assets/fonts/LICENSE-Inter-OFL.txt")),
    ("JetBrains Mono, SIL Open Font License 1.1", include_str!("../../assets/fonts/LICENSE-JetBrainsMono-OFL.txt")),
    ("Phosphor icons, MIT", include_str!("../../assets/fonts/LICENSE-Phosphor-MIT.txt")),
];

/// Draws Settings.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    header(ui, "Settings");
    ui.spacing_mut().item_spacing.y = GAP;
    titled_group(ui, "Look", "", |ui| look(ui, &mut app.settings.values, pass));
    let hint = "Named in the records. Empty means the account of this computer";
    titled_group(ui, "Operator", hint, |ui| operator(ui, &mut app.settings.values, pass));
    let hint = "Records, settings and logs. Passphrases are never stored";
    titled_group(ui, "Data folder", hint, |ui| data_folder(ui, app, pass));
    let hint = "Where the records of a team meet. Each computer keeps its own; the server carries them between them";
    titled_group(ui, "Team server", hint, |ui| server(ui, app, pass));
    let hint = "What is watched of a broker. Takes effect with the next connection";
    titled_group(ui, "Telemetry", hint, |ui| telemetry(ui, &mut app.settings.values.telemetry, pass));
    titled_group(ui, "Profiles", "", |ui| profiles(ui, app));
    titled_group(ui, "Support", "", |ui| support(ui, app, pass));
    let hint = "By the tests of this version. What was never tried may work; nobody saw it";
    titled_group(ui, "What this build was proved on", hint, proved);
    titled_group(ui, "About", "", about);
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

/// The address counts once it can be used. One with a password is refused at once, any other when the field is left.
fn address(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let response = field(ui, "Address", &mut app.settings.server, "postgres://USER@HOST/DATABASE");
    if response.changed() {
        pass.did(SettingsAction::TypedServer);
    }
    let is_said = !response.has_focus() || holds_password(&app.settings.server);
    if let Some(problem) = app.settings.server_problem().filter(|_| is_said) {
        problem_card(ui, &problem);
    }
}

fn server(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    spaced(ui);
    address(ui, app, pass);
    let records = &mut app.settings.values.records;
    let before = records.clone();
    field(ui, "Password file", &mut records.password_file, "A file that holds the password alone");
    field(ui, "Known keys", &mut records.known_keys, "known-keys.txt in the data folder");
    if *records != before {
        pass.did(SettingsAction::Changed);
    }
    sync::panel(ui, app, pass);
}

/// Memory offered for messages, in MiB.
const BUDGETS: [u32; 5] = [128, 256, 512, 1024, 4096];
/// Minutes offered for the ring on disk; 0 for none.
const RING_MINUTES: [u32; 5] = [0, 1, 5, 10, 30];
/// Disk offered for the ring, in MiB.
const RING_SIZES: [u32; 4] = [256, 1024, 4096, 16_384];

fn telemetry(ui: &mut Ui, settings: &mut TelemetrySettings, pass: &mut Pass<'_>) {
    spaced(ui);
    let size = |mib: u32| if mib < 1024 { format!("{mib} MiB") } else { format!("{} GiB", mib / 1024) };
    let minutes = |minutes: u32| if minutes == 0 { "None".to_owned() } else { format!("{minutes} min") };
    let before = *settings;
    one_of(ui, "Memory", &BUDGETS, &mut settings.budget_mib, size, "Memory for messages");
    muted(
        ui,
        "For all connections and recordings together, in equal parts. The oldest messages make room, and are counted",
    );
    labelled(ui, "When full", |ui, _| {
        let ways = [(false, "Let the broker wait"), (true, "Drop and count")];
        for (is_dropping, text) in ways {
            if choice(ui, settings.is_dropping == is_dropping, text, &format!("When too many come: {text}")) {
                settings.is_dropping = is_dropping;
            }
        }
    });
    muted(ui, "When messages come faster than they are taken in. A broker that waits may itself drop those of QoS 0");
    one_of(ui, "Ring on disk", &RING_MINUTES, &mut settings.ring_minutes, minutes, "Ring on disk");
    one_of(ui, "Ring size", &RING_SIZES, &mut settings.ring_mib, size, "Ring size");
    muted(ui, "The ring holds the last minutes, so one click can save them. The limit reached first counts");
    let text = "Watch the telemetry by itself once a gateway has joined";
    check(
        ui,
        &mut settings.is_starting_after_commissioning,
        text,
        "Where its profile or the last connection says which broker",
    );
    if *settings != before {
        pass.did(SettingsAction::Changed);
    }
}

/// A number out of a few; one that a file says and that is not among them stands beside them.
fn one_of(ui: &mut Ui, label: &str, offered: &[u32], value: &mut u32, text: impl Fn(u32) -> String, name: &str) {
    labelled(ui, label, |ui, _| {
        let own = Some(*value).filter(|value| !offered.contains(value));
        for number in offered.iter().copied().chain(own) {
            if choice(ui, *value == number, &text(number), &format!("{name}: {}", text(number))) {
                *value = number;
            }
        }
    });
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
        notice(ui, palette(ui).link, icon::RUNNING, "Putting the diagnostics together…");
    }
}

fn proved(ui: &mut Ui) {
    ui.spacing_mut().item_spacing.y = 4.0;
    for proof in PROOFS {
        let (sign, colour) = match proof.on {
            ProvedOn::Real => (icon::JOINED, palette(ui).ok),
            ProvedOn::Simulated => (icon::SIMULATED, palette(ui).link),
            ProvedOn::NeverTried => (icon::NOTCH, palette(ui).muted),
        };
        ui.horizontal_wrapped(|ui| {
            super::widgets::icon(ui, sign, colour);
            ui.label(proof.part);
            muted(ui, &format!("{}: {}", proof.on.title(), proof.against));
        });
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
