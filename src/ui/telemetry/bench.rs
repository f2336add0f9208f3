//! The bench broker: start and stop, where it is reached, what a gateway needs, and who came.

use egui::{RichText, ScrollArea, Ui};

use super::parts::{clock_time, inline_field};
use crate::app::Action;
use crate::app::telemetry::TelemetryAction;
use crate::app::telemetry::bench::{Bench, BenchAction, BenchState, LOOPBACK, is_loopback};
use crate::msg::telemetry::BenchFacts;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::palette;
use crate::ui::widgets::{
    Button, choice, copyable, field, finding, fold, group, labelled, muted, notice, pill, problem_card, strong,
    truncated,
};

/// Height of a line of who came.
const SEEN_ROW: f32 = 20.0;

/// Draws the bench broker.
pub(super) fn show(ui: &mut Ui, bench: &mut Bench, pass: &mut Pass<'_>) {
    group(ui, |ui| broker(ui, bench, pass));
    if let Some(facts) = bench.facts().cloned() {
        group(ui, |ui| addresses(ui, &facts, pass));
        group(ui, |ui| steps(ui, &facts, pass));
    }
    if !bench.can_start() || bench.seen().next().is_some() {
        group(ui, |ui| seen(ui, bench, pass));
    }
}

fn broker(ui: &mut Ui, bench: &mut Bench, pass: &mut Pass<'_>) {
    let palette = palette(ui);
    ui.horizontal_wrapped(|ui| {
        strong(ui, "Bench broker");
        match bench.state() {
            BenchState::Off => pill(ui, palette.muted, "Off"),
            BenchState::Starting => pill(ui, palette.link, "Starting…"),
            BenchState::Running(_) => pill(ui, palette.ok, "Running"),
            BenchState::Stopping => pill(ui, palette.warn, "Stopping…"),
            BenchState::Failed(_) => pill(ui, palette.danger, "Failed"),
        };
    });
    muted(
        ui,
        "A broker on this computer, for gateways that are tested without the internet. Its certificates are made on the spot",
    );
    if let BenchState::Failed(problem) = bench.state() {
        problem_card(ui, problem);
    }
    if bench.can_start() {
        form(ui, bench, pass);
    } else if is_loopback(&bench.draft.address) {
        muted(ui, "Only this computer can reach it");
    } else {
        open_warning(ui);
    }
    ui.horizontal_wrapped(|ui| {
        if bench.can_start() {
            if Button::new("Start").icon(icon::PLAY).primary().named("Start the bench broker").pressed(ui) {
                pass.did(BenchAction::Started);
            }
        } else {
            let stop = Button::new("Stop").icon(icon::STOP).named("Stop the bench broker");
            if stop.enabled_if(*bench.state() != BenchState::Stopping, "It is stopping").pressed(ui) {
                pass.did(BenchAction::Stopped);
            }
        }
    });
}

fn form(ui: &mut Ui, bench: &mut Bench, pass: &mut Pass<'_>) {
    labelled(ui, "Reached from", |ui, _| {
        let address = bench.draft.address.clone();
        if choice(ui, is_loopback(&address), "This computer", "Reached from this computer only") {
            pass.did(BenchAction::ChoseAddress(LOOPBACK.into()));
        }
        for interface in bench.interfaces().iter().filter(|interface| !is_loopback(interface)) {
            if choice(ui, address == *interface, interface, &format!("Reached at {interface}")) {
                pass.did(BenchAction::ChoseAddress(interface.clone()));
            }
        }
        if choice(ui, address == "0.0.0.0", "Every network", "Reached from every network") {
            pass.did(BenchAction::ChoseAddress("0.0.0.0".into()));
        }
    });
    let draft = &mut bench.draft;
    field(ui, "Address", &mut draft.address, "192.168.1.20");
    if draft.is_open_to_others() {
        open_warning(ui);
    }
    fold(ui, "bench-ports", "Ports and names", |ui| {
        let kinds = [
            ("MQTT", &mut draft.plain),
            ("MQTT over TLS", &mut draft.tls),
            ("TLS with client certificates", &mut draft.mutual_tls),
            ("WebSocket", &mut draft.websocket),
        ];
        for (name, (is_on, port)) in kinds {
            ui.horizontal_wrapped(|ui| {
                ui.checkbox(is_on, name);
                ui.add_enabled_ui(*is_on, |ui| inline_field(ui, &format!("Port of {name}"), port, "any", 64.0));
            });
        }
        field(ui, "Names", &mut draft.names, "laptop.local, 192.168.1.20");
        muted(ui, "What gateways call this computer: the certificate is made good for these names and addresses");
    });
    fold(ui, "bench-limits", "Limits for a test", |ui| {
        let draft = &mut bench.draft;
        field(ui, "Longest keep alive (s)", &mut draft.max_keep_alive, "any");
        field(ui, "Refused subscriptions", &mut draft.refused, "secret/#");
        muted(ui, "How does a gateway take a shorter keep alive (MQTT 5), or a subscription that is refused?");
    });
    if let Some(mistake) = bench.mistake() {
        finding(ui, mistake, true);
    }
}

fn open_warning(ui: &mut Ui) {
    let text = "Anyone on that network can connect, publish and read: plain MQTT needs no login. Stop it when the test is done";
    notice(ui, palette(ui).warn, icon::WARNING, text);
}

fn addresses(ui: &mut Ui, facts: &BenchFacts, pass: &mut Pass<'_>) {
    strong(ui, "Addresses");
    for url in &facts.urls {
        ui.horizontal_wrapped(|ui| {
            copy(ui, url, &format!("Copy {url}"), "Address", pass);
            let watch = format!("Watch {url}");
            if Button::new("Watch").icon(icon::SHOW).quiet().named(&watch).pressed(ui) {
                pass.did(TelemetryAction::TookAddress(url.clone()));
            }
            copyable(ui, url);
        });
    }
    path(ui, "CA certificate", &facts.ca_path.display().to_string(), pass);
    if let Some((certificate, key)) = &facts.client_paths {
        path(ui, "Client certificate", &certificate.display().to_string(), pass);
        path(ui, "Client key", &key.display().to_string(), pass);
    }
    ui.horizontal_wrapped(|ui| {
        muted(ui, "SHA-256 of the CA");
        copyable(ui, &facts.ca_sha256);
    });
}

fn path(ui: &mut Ui, what: &'static str, path: &str, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        copy(ui, path, &format!("Copy the path of the {}", what.to_lowercase()), what, pass);
        muted(ui, what);
        copyable(ui, path);
    });
}

fn copy(ui: &mut Ui, text: &str, name: &str, what: &'static str, pass: &mut Pass<'_>) {
    if Button::icon_only(icon::COPY, name).pressed(ui) {
        ui.ctx().copy_text(text.to_owned());
        pass.did(Action::Copied(what));
    }
}

fn steps(ui: &mut Ui, facts: &BenchFacts, _pass: &mut Pass<'_>) {
    strong(ui, "Point a gateway here");
    let is_local =
        facts.urls.iter().all(|url| url.contains("127.0.0.1") || url.contains("localhost") || url.contains("[::1]"));
    if is_local {
        let text =
            "Only this computer can reach it now. Stop it, choose the network the gateway is on, and start it again";
        notice(ui, palette(ui).link, icon::INFO, text);
    }
    let steps = [
        "Bring the gateway and this computer into one network, and let this computer's firewall pass the ports above",
        "Give the gateway one of the addresses above as its broker",
        "For TLS: put the CA certificate on the gateway as the one it trusts. The name it connects to has to stand under Names",
        "For TLS with client certificates: put client certificate and key on the gateway as well",
        "Restart the gateway. It shows up below as it connects; press Watch to see what it sends",
        "Afterwards set the gateway back to its own broker and take the CA certificate off again",
    ];
    for (number, step) in (1..).zip(steps) {
        ui.horizontal_top(|ui| {
            ui.label(RichText::new(format!("{number}.")).color(palette(ui).muted));
            ui.vertical(|ui| ui.label(step));
        });
    }
}

fn seen(ui: &mut Ui, bench: &Bench, pass: &Pass<'_>) {
    strong(ui, "Who came");
    if bench.seen().next().is_none() {
        muted(ui, "Nobody yet");
        return;
    }
    ui.spacing_mut().item_spacing.y = 0.0;
    let area = ScrollArea::vertical().id_salt("bench-seen").max_height(8.0 * SEEN_ROW).auto_shrink([false, true]);
    area.stick_to_bottom(true).show_rows(ui, SEEN_ROW, bench.seen().len(), |ui, range| {
        ui.spacing_mut().interact_size.y = SEEN_ROW;
        for (unix_micros, text) in bench.seen().skip(range.start).take(range.len()) {
            ui.horizontal(|ui| {
                ui.set_height(SEEN_ROW);
                muted(ui, &clock_time(*unix_micros, pass.zone));
                truncated(ui, text.as_str());
            });
        }
    });
}
