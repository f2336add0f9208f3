//! The status line: what runs, what the radio hears, what a person should look at, and the simulated site.

use egui::{Color32, Frame, Margin, Panel, Popup, PopupCloseBehavior, RectAlign, Role, TextStyle, Ui, WidgetInfo};

use super::pass::Pass;
use super::theme::{GRID, NARROW_BELOW, STATUS_HEIGHT, palette};
use super::widgets::rows::one_line;
use super::widgets::{Button, RowEnd, copyable, elided, icon as show_icon, labelled, muted, strong, truncated};
use super::{icon, telemetry};
use crate::app::discover::DiscoverAction;
use crate::app::jobs::{JobKind, RunningJob};
use crate::app::palette::PaletteAction;
use crate::app::{Action, App, Place};
use crate::msg::DemoSite;

/// The least room for the name of a job.
const LEAST_LABEL: f32 = 60.0;

pub(super) fn show(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let frame = Frame::new().fill(palette(ui).rail).inner_margin(Margin::symmetric(8, 0));
    let panel = Panel::bottom("status").resizable(false).exact_size(STATUS_HEIGHT).frame(frame);
    panel.show(ui, |ui| {
        ui.spacing_mut().interact_size.y = 22.0;
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.horizontal_centered(|ui| {
            let is_narrow = ui.ctx().content_rect().width() < NARROW_BELOW;
            let end = RowEnd::new(ui, "end");
            end.before(ui, |ui| {
                jobs(ui, app, pass);
                if !is_narrow {
                    telemetry::counters(ui, app);
                }
            });
            end.show(ui, |ui| {
                telemetry::recorder_chip(ui, app, pass);
                if !is_narrow {
                    radio(ui, app, pass);
                }
                interrupted(ui, app, pass);
                if let Some(demo) = app.demo() {
                    simulated(ui, demo, is_narrow, pass);
                }
                let palette = Button::new("Ctrl+K").quiet().named("Open the palette").show(ui);
                if palette.on_hover_text("Every act, gateway and topic in one field. F1 lists the keys").clicked() {
                    pass.did(PaletteAction::Opened);
                }
            });
        });
    });
}

/// The most important job, and all of them on a click.
fn jobs(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let asked = app.jobs().probes();
    // What is watched stands in its counters.
    let is_shown = |job: &&RunningJob| !matches!(job.kind, JobKind::Probe(_) | JobKind::Telemetry);
    let others: Vec<&RunningJob> = app.busy_jobs().filter(is_shown).filter(|job| !app.is_waiting(job.id)).collect();
    let count = others.len() + usize::from(asked > 0);
    if count == 0 && app.items().iter().any(|item| item.inspection.is_open()) {
        return;
    }
    if count == 0 {
        let glyph = if app.is_started() { icon::JOINED } else { icon::RUNNING };
        let (glyph, text) = match (app.is_started(), app.held().len()) {
            (false, _) => (glyph, "Starting…".to_owned()),
            (true, 0) => (glyph, "Nothing is running".to_owned()),
            (true, 1) => (icon::COMMISSION, "1 session is open".to_owned()),
            (true, count) => (icon::COMMISSION, format!("{count} sessions are open")),
        };
        show_icon(ui, glyph, palette(ui).muted);
        muted(ui, &text);
        return;
    }
    show_icon(ui, icon::RUNNING, palette(ui).link);
    if asked > 0 {
        asking(ui, app, pass);
    } else if let Some(job) = others.first() {
        running(ui, app, job, pass);
    }
    if count > 1 {
        let all = Button::new(&format!("{count} jobs")).quiet().named("List the running jobs").show(ui);
        let popup =
            Popup::menu(&all).align(RectAlign::TOP_START).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        popup.show(|ui| {
            ui.set_min_width(320.0);
            for job in others {
                ui.horizontal(|ui| running(ui, app, job, pass));
            }
        });
    }
}

fn asking(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let (asked, waiting) = (app.jobs().probes(), app.discover.waiting());
    let waiting = if waiting > 0 { format!(", {waiting} waiting") } else { String::new() };
    ui.label(format!("Querying {asked} {}{waiting}", if asked == 1 { "gateway" } else { "gateways" }));
    if Button::new("Stop").quiet().named("Stop querying").pressed(ui) {
        pass.did(DiscoverAction::StoppedAsking);
    }
}

fn running(ui: &mut Ui, app: &App, job: &RunningJob, pass: &mut Pass<'_>) {
    let session = app.commission.iter().filter_map(|one| one.session()).find(|session| session.job == job.id);
    let step = session.and_then(|session| session.running_step());
    let doing = step.map_or_else(String::new, |line| format!(" · {}", line.step.label()));
    let clock = if job.kind.has_clock() { format!(" · {}", pass.clock_since(job.started)) } else { String::new() };
    let width = (ui.available_width() - 150.0).clamp(80.0, 420.0);
    let (label, rest) = (app.job_label(job), format!("{doing}{clock}"));
    ui.scope(|ui| {
        ui.set_max_width(width);
        // What is done and for how long stays; of a long name its middle goes.
        let font = TextStyle::Body.resolve(ui.style());
        let taken = one_line(ui, &rest, font.clone(), Color32::PLACEHOLDER, width).size().x;
        let shown = elided(ui, &label, &font, (width - taken).max(LEAST_LABEL)).into_owned();
        let said = truncated(ui, format!("{shown}{rest}"));
        let is_enabled = ui.is_enabled();
        said.widget_info(|| WidgetInfo::labeled(Role::Label, is_enabled, format!("{label}{rest}")));
        if shown != label {
            said.on_hover_text(&label);
        }
    });
    let stop = job.kind.stop_word();
    if Button::new(stop).quiet().named(&format!("{stop} {label}")).pressed(ui) {
        pass.did(Action::CancelledJob(job.id));
    }
}

/// Whether Bluetooth is listened to, as a switch.
fn radio(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let is_on = app.settings.values.scan_bluetooth;
    let heard = app.discover.on_air();
    let text = match (is_on, app.is_listening()) {
        (true, true) => format!("Bluetooth scan on · {heard} in range"),
        (true, false) => "Bluetooth scan on".to_owned(),
        (false, _) => "Bluetooth scan off".to_owned(),
    };
    let name = if is_on { "Stop the Bluetooth scan" } else { "Scan Bluetooth" };
    let switch = Button::new(&text).icon(icon::BLUETOOTH).quiet().named(name).show(ui);
    if switch.on_hover_text("Runs while the gateways are shown. Nothing is sent to any device").clicked() {
        pass.did(DiscoverAction::SwitchedBluetooth(!is_on));
    }
}

/// Jobs that the end of an earlier run cut off, until a person has looked at the records.
fn interrupted(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let jobs = app.cut_off_jobs();
    if jobs == 0 || app.place() == Place::Records {
        return;
    }
    let text = if jobs == 1 { "1 interrupted job".to_owned() } else { format!("{jobs} interrupted jobs") };
    let button = Button::new(&text).icon(icon::WARNING).quiet().named("Open the records of interrupted jobs").show(ui);
    let explained = "Linesman ended while they ran: the outcome is unknown, verify on the device";
    if button.on_hover_text(explained).clicked() {
        pass.did(Action::WentTo(Place::Records));
    }
}

/// The simulated site: its network, passphrase and login on a click.
fn simulated(ui: &mut Ui, demo: &DemoSite, is_narrow: bool, pass: &mut Pass<'_>) {
    let text = if is_narrow { "" } else { "Simulated site" };
    let chip = Button::new(text).icon(icon::SIMULATED).quiet().named("Show the simulated site").show(ui);
    let popup = Popup::menu(&chip).align(RectAlign::TOP_END).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    popup.show(|ui| {
        ui.set_min_width(280.0);
        ui.spacing_mut().item_spacing.y = GRID / 2.0;
        strong(ui, "Simulated site");
        muted(ui, "Nothing here is real: gateways, network and broker are simulated");
        fact(ui, "Network", &demo.ssid, pass);
        fact(ui, "Passphrase", &demo.passphrase, pass);
        fact(ui, "User", &demo.access.username, pass);
        fact(ui, "Password or proof", &demo.access.secret, pass);
    });
}

fn fact(ui: &mut Ui, what: &'static str, value: &str, pass: &mut Pass<'_>) {
    labelled(ui, what, |ui, _| {
        copyable(ui, value);
        let name = format!("Copy the simulated {}", what.to_lowercase());
        if Button::icon_only(icon::COPY, &name).pressed(ui) {
            ui.ctx().copy_text(value.to_owned());
            pass.did(Action::Copied(what));
        }
    });
}
