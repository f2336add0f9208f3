//! What surrounds every screen: navigation, banners, the bar of running jobs, messages at the edge.

use egui::{Align, Align2, Area, CentralPanel, Frame, Id, Layout, Margin, Panel, RichText, ScrollArea, Stroke, Ui};

use super::pass::Pass;
use super::theme::{
    BAR_HEIGHT, GAP, GRID, NARROW_BELOW, NAV_NARROW_WIDTH, NAV_WIDTH, PAGE_MARGIN, TOAST_WIDTH, palette, section,
};
use super::widgets::{Button, banner, copyable, icon, muted, nav_item, problem_card, truncated};
use super::{batch, check, commission, device, discover, icon, records, settings, telemetry, terminal};
use crate::app::jobs::{JobKind, RunningJob};
use crate::app::{Action, App, Screen, ToastText};

const SCREENS: [(Screen, &str, &str); 9] = [
    (Screen::Discover, icon::DISCOVER, "Discover"),
    (Screen::Commission, icon::COMMISSION, "Commission"),
    (Screen::Batch, icon::BATCH, "Batch"),
    (Screen::Device, icon::DEVICE, "Device"),
    (Screen::Check, icon::CHECK, "Network check"),
    (Screen::Telemetry, icon::TELEMETRY, "Telemetry"),
    (Screen::Terminal, icon::TERMINAL, "Terminal"),
    (Screen::Records, icon::RECORDS, "Records"),
    (Screen::Settings, icon::SETTINGS, "Settings"),
];

/// Draws the window.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    navigation(ui, app, pass);
    jobs_bar(ui, app, pass);
    let page = Frame::new().fill(palette(ui).page).inner_margin(Margin::same(PAGE_MARGIN));
    CentralPanel::no_frame().frame(page).show(ui, |ui| {
        demo_banner(ui, app, pass);
        cut_off_banner(ui, app, pass);
        match app.screen() {
            Screen::Discover => discover::show(ui, app, pass),
            Screen::Commission => scrolled(ui, "commission", |ui| commission::show(ui, app, pass)),
            Screen::Batch => batch::show(ui, app, pass),
            Screen::Device => scrolled(ui, "device", |ui| device::show(ui, app, pass)),
            Screen::Check => check::show(ui, app, pass),
            Screen::Telemetry => telemetry::show(ui, app, pass),
            Screen::Terminal => terminal::show(ui, app, pass),
            Screen::Records => records::show(ui, app, pass),
            Screen::Settings => scrolled(ui, "settings", |ui| settings::show(ui, app, pass)),
        }
    });
    toasts(ui, app, pass);
}

fn scrolled(ui: &mut Ui, salt: &str, add: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().id_salt(salt).auto_shrink(false).show(ui, |ui| {
        // Room for the focus ring and the scroll bar.
        Frame::new().inner_margin(Margin { left: 2, right: 10, top: 2, bottom: 2 }).show(ui, add);
    });
}

fn navigation(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let is_narrow = ui.available_width() < NARROW_BELOW;
    let palette = palette(ui);
    let margin = Margin::symmetric(12, 16);
    let frame = Frame::new().fill(palette.surface).inner_margin(margin).stroke(Stroke::new(1.0, palette.line));
    let width = if is_narrow { NAV_NARROW_WIDTH } else { NAV_WIDTH };
    let panel = Panel::left("navigation").resizable(false).exact_size(width).show_separator_line(false).frame(frame);
    panel.show(ui, |ui| {
        brand(ui, is_narrow);
        ui.spacing_mut().item_spacing.y = 4.0;
        for (screen, glyph, name) in SCREENS {
            // Only once there is one: it is opened from a port.
            if screen == Screen::Terminal && app.terminal.link().is_none() {
                continue;
            }
            if nav_item(ui, app.screen() == screen, glyph, name, is_narrow) {
                pass.did(Action::WentTo(screen));
            }
        }
        if !is_narrow {
            ui.with_layout(Layout::bottom_up(Align::Min), |ui| current_gateway(ui, app));
        }
    });
}

fn brand(ui: &mut Ui, is_narrow: bool) {
    let palette = palette(ui);
    ui.horizontal(|ui| {
        ui.add_space(if is_narrow { 2.0 } else { 8.0 });
        icon(ui, icon::COMMISSION, palette.accent);
        if !is_narrow {
            ui.label(RichText::new("Linesman").text_style(section()).color(palette.strong));
        }
    });
    ui.add_space(GRID);
}

fn current_gateway(ui: &mut Ui, app: &App) {
    let Some((link, name)) = app.commission.gateway() else {
        muted(ui, "No gateway chosen");
        return;
    };
    let profile = app.commission.profile().and_then(|id| app.catalog().get(id));
    ui.spacing_mut().item_spacing.y = 2.0;
    ui.spacing_mut().interact_size.y = 18.0;
    truncated(
        ui,
        RichText::new(profile.map_or("No profile", |profile| &profile.name)).small().color(palette(ui).muted),
    );
    truncated(ui, RichText::new(link.place()).monospace().small().color(palette(ui).muted));
    truncated(ui, RichText::new(name).font(super::theme::medium()).color(palette(ui).strong));
    muted(ui, "Gateway");
}

fn demo_banner(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let Some(demo) = app.demo() else { return };
    banner(ui, palette(ui).accent, icon::SIMULATED, |ui| {
        ui.label("Simulated site. Network");
        copyable(ui, &demo.ssid);
        ui.label("passphrase");
        copyable(ui, &demo.passphrase);
        if Button::icon_only(icon::COPY, "Copy the simulated passphrase").pressed(ui) {
            ui.ctx().copy_text(demo.passphrase.clone());
            pass.did(Action::Copied("Passphrase of the simulated network"));
        }
        ui.label("login");
        copyable(ui, &demo.access.username);
        copyable(ui, &demo.access.secret);
    });
}

fn cut_off_banner(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let jobs = app.cut_off_jobs();
    if jobs == 0 || app.screen() != Screen::Discover {
        return;
    }
    let jobs = if jobs == 1 { "1 job was".to_owned() } else { format!("{jobs} jobs were") };
    banner(ui, palette(ui).warn, icon::WARNING, |ui| {
        ui.label(format!("{jobs} interrupted when Linesman last ended: the outcome is unknown, verify on the device"));
        if Button::new("Open records").quiet().pressed(ui) {
            pass.did(Action::WentTo(Screen::Records));
        }
    });
}

fn jobs_bar(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let palette = palette(ui);
    let frame = Frame::new().fill(palette.surface).stroke(Stroke::new(1.0, palette.line));
    let frame = frame.inner_margin(Margin::symmetric(PAGE_MARGIN, 3));
    Panel::bottom("jobs").resizable(false).exact_size(BAR_HEIGHT).show_separator_line(false).frame(frame).show(
        ui,
        |ui| {
            ui.horizontal_centered(|ui| {
                if app.busy_jobs().next().is_none() {
                    muted(ui, if app.is_started() { "Nothing is running" } else { "Starting…" });
                }
                asking(ui, app, pass);
                for job in app.busy_jobs().filter(|job| !matches!(job.kind, JobKind::Probe(_))).take(2) {
                    running_job(ui, app, job, pass);
                }
            });
        },
    );
}

fn asking(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let (asked, waiting) = (app.jobs().probes(), app.discover.waiting());
    if asked == 0 {
        return;
    }
    icon(ui, icon::RUNNING, palette(ui).muted);
    let waiting = if waiting > 0 { format!(", {waiting} waiting") } else { String::new() };
    ui.label(format!("Querying {asked} {}{waiting}", if asked == 1 { "port" } else { "ports" }));
    if Button::new("Stop querying").quiet().pressed(ui) {
        pass.did(crate::app::discover::DiscoverAction::StoppedAsking);
    }
    ui.add_space(GAP);
}

fn running_job(ui: &mut Ui, app: &App, job: &RunningJob, pass: &mut Pass<'_>) {
    icon(ui, icon::RUNNING, palette(ui).muted);
    let step =
        app.commission.session().filter(|session| session.job == job.id).and_then(|session| session.running_step());
    let doing = step.map_or_else(String::new, |line| format!(" · {}", line.step.label()));
    let clock = if job.kind.has_clock() { format!(" · {}", pass.clock_since(job.started)) } else { String::new() };
    let text = format!("{}{doing}{clock}", job.label);
    let width = (ui.available_width() - 96.0).clamp(80.0, 480.0);
    let size = egui::vec2(width, ui.spacing().interact_size.y);
    ui.scope(|ui| {
        ui.set_max_size(size);
        truncated(ui, text);
    });
    if Button::new("Cancel").quiet().named(&format!("Cancel {}", job.label)).pressed(ui) {
        pass.did(Action::CancelledJob(job.id));
    }
    ui.add_space(GAP);
}

fn toasts(ui: &Ui, app: &App, pass: &mut Pass<'_>) {
    if app.toasts().iter().next().is_none() {
        return;
    }
    let offset = egui::vec2(-GAP, -(BAR_HEIGHT + GAP));
    let area = Area::new(Id::unique("toasts")).anchor(Align2::RIGHT_BOTTOM, offset).accessible_name("Messages");
    area.enabled(!app.is_dialog_open()).show(ui.ctx(), |ui| {
        for toast in app.toasts().iter() {
            egui::Frame::popup(ui.style()).fill(palette(ui).surface).show(ui, |ui| {
                ui.set_width(TOAST_WIDTH);
                if toast_body(ui, &toast.text) {
                    pass.did(Action::DismissedToast(toast.id));
                }
            });
        }
    });
}

fn toast_body(ui: &mut Ui, text: &ToastText) -> bool {
    match text {
        ToastText::News(news) => {
            ui.horizontal(|ui| {
                icon(ui, icon::JOINED, palette(ui).ok);
                truncated(ui, news.as_str());
                ui.with_layout(Layout::right_to_left(Align::Center), dismiss).inner
            })
            .inner
        }
        ToastText::Problem(problem) => {
            problem_card(ui, problem);
            Button::new("Dismiss").named("Dismiss the problem").pressed(ui)
        }
    }
}

fn dismiss(ui: &mut Ui) -> bool {
    Button::icon_only(icon::CLOSE, "Dismiss the message").pressed(ui)
}
