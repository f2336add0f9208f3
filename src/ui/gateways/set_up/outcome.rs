//! How the push ended: verdict, evidence, causes, next step; then try again, or the next gateway.

use egui::{Color32, RichText, Ui};

use crate::app::check::words;
use crate::app::commission::Session;
use crate::app::discover::display_name;
use crate::app::gateways::NextAct;
use crate::app::{Action, App};
use crate::model::outcome::{Evidence, EvidenceKind, Outcome, Verdict};
use crate::model::text::visible;
use crate::ui::gateways::telemetry;
use crate::ui::icon;
use crate::ui::pass::{Pass, short};
use crate::ui::theme::{GRID, icon_font, palette, section, tint};
use crate::ui::widgets::{Button, copyable, group, muted, notice, reveal_once, strong};

pub(super) fn show(ui: &mut Ui, app: &App, session: &Session, outcome: &Outcome, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        ui.spacing_mut().item_spacing.y = GRID;
        verdict(ui, session, outcome);
        if outcome.verdict == Verdict::Joined {
            not_sent(ui, app, session);
        }
        addresses(ui, outcome, pass);
        ui.spacing_mut().interact_size.y = 20.0;
        causes(ui, outcome);
        next_step(ui, app, outcome);
    });
    if outcome.verdict == Verdict::Joined {
        group(ui, |ui| telemetry::of_session(ui, app, session, pass));
        group(ui, |ui| next_gateway(ui, app, pass));
    }
    group(ui, |ui| {
        ui.spacing_mut().interact_size.y = 20.0;
        evidence(ui, &outcome.evidence);
    });
}

fn look(ui: &Ui, verdict: Verdict) -> (Color32, &'static str, &'static str) {
    let palette = palette(ui);
    match verdict {
        Verdict::Joined => (palette.ok, icon::JOINED, "Joined"),
        Verdict::Refused => (palette.danger, icon::REFUSED, "Refused"),
        Verdict::Unknown => (palette.warn, icon::UNKNOWN, "Unknown"),
    }
}

fn verdict(ui: &mut Ui, session: &Session, outcome: &Outcome) {
    let (colour, glyph, word) = look(ui, outcome.verdict);
    reveal_once(ui, ("verdict", session.job, session.pushed_at(), outcome.verdict.as_str()));
    egui::Frame::new().fill(tint(ui, colour)).corner_radius(8).inner_margin(14).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            let (rect, _) = ui.allocate_exact_size(egui::vec2(32.0, 40.0), egui::Sense::hover());
            ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, glyph, icon_font(30.0), colour);
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 4.0;
                ui.label(RichText::new(word).text_style(section()).color(colour));
                ui.label(&outcome.summary);
                muted(ui, &format!("{} · {} · {}", session.name(), short(outcome.took), outcome.driver));
                muted(ui, &format!("Protection: {}", outcome.protection.label()));
                copyable(ui, outcome.code);
            });
        });
    });
}

/// What the profile wants on the gateway beside its network, and this session didn't send: to have joined isn't all of it.
fn not_sent(ui: &mut Ui, app: &App, session: &Session) {
    let rows = app.commission.token_rows(app.catalog());
    for row in rows.iter().filter(|row| session.token(&row.id).is_none()) {
        let text = format!("{} wasn't sent in this session. {}", row.id, row.purpose);
        notice(ui, palette(ui).warn, icon::WARNING, &text);
    }
}

fn addresses(ui: &mut Ui, outcome: &Outcome, pass: &mut Pass<'_>) {
    for address in outcome.addresses.iter().filter(|address| is_web(address)) {
        ui.horizontal_wrapped(|ui| {
            muted(ui, "Address");
            ui.hyperlink_to(visible(address, 120), address);
            if Button::icon_only(icon::COPY, &format!("Copy {address}")).pressed(ui) {
                ui.ctx().copy_text(address.clone());
                pass.did(Action::Copied("Address"));
            }
        });
    }
}

fn is_web(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

fn causes(ui: &mut Ui, outcome: &Outcome) {
    if outcome.causes.is_empty() {
        return;
    }
    strong(ui, "Possible causes, likeliest first");
    for (index, cause) in outcome.causes.iter().enumerate() {
        ui.horizontal_top(|ui| {
            column(ui, 18.0, RichText::new(format!("{}.", index + 1)).color(palette(ui).muted));
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                ui.label(&cause.text);
                muted(ui, &cause.because);
            });
        });
    }
}

/// The same step as on the filled button.
fn next_step(ui: &mut Ui, app: &App, outcome: &Outcome) {
    // Whether it reaches its vendor's servers from here isn't known by joining alone.
    let is_network_next = app.next_act() == Some(NextAct::CheckNetwork);
    let step = if is_network_next { words::ui::JOINED } else { outcome.next_step.as_str() };
    if !step.is_empty() {
        strong(ui, "Next step");
        ui.label(step);
    }
}

fn evidence(ui: &mut Ui, evidence: &[Evidence]) {
    strong(ui, "Evidence");
    for piece in evidence {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().interact_size.y = 18.0;
            let kind = RichText::new(piece.kind.label()).font(crate::ui::theme::medium());
            column(ui, 96.0, kind.color(kind_colour(ui, piece.kind)));
            column(ui, 52.0, RichText::new(short(piece.at)).small().color(palette(ui).muted));
            ui.vertical(|ui| ui.add(egui::Label::new(&piece.text).selectable(true).wrap()));
        });
    }
}

fn column(ui: &mut Ui, width: f32, text: RichText) {
    ui.scope(|ui| {
        ui.set_width(width);
        ui.label(text);
    });
}

fn kind_colour(ui: &Ui, kind: EvidenceKind) -> Color32 {
    let palette = palette(ui);
    match kind {
        EvidenceKind::Requested => palette.muted,
        EvidenceKind::Acknowledged => palette.text,
        EvidenceKind::Observed => palette.strong,
        EvidenceKind::NotChecked => palette.warn,
    }
}

fn next_gateway(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    strong(ui, "Next gateway");
    let Some(row) = app.next_gateway() else {
        muted(ui, crate::app::NO_NEXT);
        return;
    };
    let (name, place) = (display_name(row), row.link.place());
    let ssid = visible(app.kept.ssid(), 32);
    if app.kept.is_whole() {
        muted(
            ui,
            &format!("Ready over {place}. Going on connects to it and sends it {ssid}, unless others may read along"),
        );
    } else {
        muted(
            ui,
            &format!("Ready over {place}. Going on connects to it; the passphrase of {ssid} has to be typed again"),
        );
    }
    // Where it is the filled button's act, a second button for it would only ask which of the two to press.
    if app.next_act() == Some(NextAct::GoOn) {
        return;
    }
    let text = format!("Next gateway: {name}");
    if Button::new(&text).icon(icon::NEXT).named(&text).show(ui).on_hover_text("Ctrl+Enter").clicked() {
        pass.did(Action::WentOnWith(row.link.clone()));
    }
}
