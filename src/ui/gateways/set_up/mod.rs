//! The tab Set up: one gateway from what it needs to the outcome, with the steps of the session beside it.

pub(super) mod access;
mod choose;
mod extras;
mod networks;
mod outcome;
mod qr;
mod side;
mod tokens;
mod wifi;
use egui::{Ui, UiBuilder};

use crate::app::commission::{Button as PressedButton, CommissionAction, Phase, Session};
use crate::app::discover::display_name;
use crate::app::gateways::NextAct;
use crate::app::{Action, App};
use crate::model::gateway::ProvisioningState;
use crate::model::text::visible;
use crate::msg::JobEnd;
use crate::ui::frame::scrolled;
use crate::ui::icon;
use crate::ui::pass::{Pass, clock};
use crate::ui::theme::{GAP, ONE_COLUMN_BELOW, SIDE_SHARE, SIDE_WIDTH, palette};
use crate::ui::widgets::{Button, call, group, notice, pill, problem_card, reveal_once};

/// Draws the tab: what is to be done, and the steps of the session beside it.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    if app.commission.session().is_none() {
        return scrolled(ui, "set-up", |ui| choose::show(ui, app, pass));
    }
    if ui.available_width() < ONE_COLUMN_BELOW {
        return scrolled(ui, "set-up", |ui| {
            main_column(ui, app, pass);
            side::show(ui, app, pass);
        });
    }
    let room = ui.available_rect_before_wrap();
    let width = (room.width() * SIDE_SHARE).clamp(SIDE_WIDTH.0, SIDE_WIDTH.1);
    let (main, side) = room.split_left_right_at_x(room.right() - width);
    ui.painter().vline(side.left(), room.y_range().expand(10.0), egui::Stroke::new(1.0, palette(ui).line));
    ui.scope_builder(UiBuilder::new().max_rect(main.with_max_x(main.right() - 4.0)).id_salt("main"), |ui| {
        scrolled(ui, "set-up", |ui| main_column(ui, app, pass));
    });
    ui.scope_builder(UiBuilder::new().max_rect(side.with_min_x(side.left() + 12.0)).id_salt("side"), |ui| {
        scrolled(ui, "steps", |ui| side::show(ui, app, pass));
    });
    ui.advance_cursor_after_rect(room);
}

/// What goes on with this gateway.
pub(in crate::ui) fn primary(app: &App) -> Option<Action> {
    Some(match app.next_act()? {
        NextAct::Connect => CommissionAction::Connected.into(),
        NextAct::Send => CommissionAction::Sent.into(),
        NextAct::Correct => CommissionAction::Corrected.into(),
        NextAct::CorrectLogin => CommissionAction::CorrectedLogin.into(),
        NextAct::CheckNetwork => Action::TookToCheck,
        NextAct::GoOn => Action::WentOnWith(app.next_gateway()?.link.clone()),
    })
}

/// The acts in the header, the one that goes on at the edge.
pub(super) fn acts(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    if let Some(session) = app.commission.session() {
        acts_of(ui, session, pass);
    }
    // Whatever stands before it, it is the same button: the keyboard stays with it.
    if app.next_act().is_some() {
        ui.push_id("primary", |ui| primary_act(ui, app, pass));
    }
}

fn primary_act(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let is_right = app.commission.form.errors().is_empty();
    let act = app.next_act();
    // Looked for only where it is shown: with thousands of gateways that takes its time.
    let next = (act == Some(NextAct::GoOn)).then(|| app.next_gateway()).flatten();
    let next = next.map(|row| format!("Next: {}", visible(&display_name(row), 24))).unwrap_or_default();
    let label = match act {
        Some(NextAct::Connect) if app.commission.session().is_some() => Some(("Connect again", icon::REFRESH, true)),
        Some(NextAct::Connect) => Some(("Connect", icon::COMMISSION, true)),
        Some(NextAct::Send) => Some(("Send", icon::SEND, is_right)),
        Some(NextAct::Correct) if blames_passphrase(app) => Some(("Correct the passphrase", icon::BACK, true)),
        Some(NextAct::Correct) => Some(("Try again", icon::REFRESH, true)),
        Some(NextAct::CorrectLogin) => Some(("Correct the login", icon::BACK, true)),
        Some(NextAct::CheckNetwork) => Some(("Check the network", icon::CHECK, true)),
        Some(NextAct::GoOn) => Some((next.as_str(), icon::NEXT, true)),
        None => None,
    };
    if let Some((text, glyph, can)) = label {
        let button = Button::new(text).icon(glyph).primary().enabled_if(can, "Correct the marked fields first");
        if button.pressed(ui)
            && let Some(act) = primary(app)
        {
            pass.did(act);
        }
    }
}

fn acts_of(ui: &mut Ui, session: &Session, pass: &mut Pass<'_>) {
    match session.phase {
        Phase::Ready => {
            if session.capabilities.identify
                && Button::new("Identify").icon(icon::IDENTIFY).named("Let the gateway blink").pressed(ui)
            {
                pass.did(CommissionAction::Identified);
            }
            if Button::new("Close").named("Close the session").pressed(ui) {
                pass.did(CommissionAction::Closed);
            }
        }
        Phase::Busy | Phase::Closing => {
            if Button::new("Cancel").icon(icon::CLOSE).named("Cancel the session").pressed(ui) {
                pass.did(CommissionAction::Cancelled);
            }
        }
        Phase::Ended(_) => {}
    }
}

/// Whether the passphrase is the likeliest cause of what happened: otherwise the button doesn't name it.
fn blames_passphrase(app: &App) -> bool {
    let outcome = app.commission.session().and_then(|session| session.outcome.as_ref());
    outcome.is_some_and(|outcome| outcome.blames_passphrase())
}

fn phase_pill(ui: &mut Ui, session: &Session) {
    let palette = palette(ui);
    let (colour, text) = match &session.phase {
        Phase::Busy if session.info.is_none() && session.state.is_none() => (palette.link, "Connecting"),
        Phase::Busy => (palette.link, "Working"),
        Phase::Ready => (palette.ok, "Connected"),
        Phase::Closing => (palette.muted, "Closing"),
        Phase::Ended(JobEnd::Done { .. }) => (palette.muted, "Session closed"),
        Phase::Ended(JobEnd::Cancelled) => (palette.muted, "Cancelled"),
        Phase::Ended(JobEnd::Failed(_)) => (palette.danger, "Session failed"),
    };
    pill(ui, colour, text);
}

fn main_column(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = GAP;
    let Some(session) = app.commission.session() else { return };
    if let Some(outcome) = &session.outcome {
        outcome::show(ui, app, session, outcome, pass);
    }
    match &session.phase {
        Phase::Ended(end) => {
            ended(ui, end, pass);
            if matches!(end, JobEnd::Failed(_)) && session.outcome.is_none() {
                access::show(ui, app, pass);
            }
        }
        _ if session.outcome.is_none() => {
            notices(ui, session, pass);
            if session.may_have_wifi() {
                networks::show(ui, session, app.commission.laptop_words().as_deref(), pass);
            }
            tokens::show(ui, app, pass);
            wifi::show(ui, app, pass);
        }
        _ => {}
    }
    extras::show(ui, app, pass);
}

fn notices(ui: &mut Ui, session: &Session, pass: &Pass<'_>) {
    let palette = palette(ui);
    if let Some(problem) = &session.problem {
        problem_card(ui, problem);
    }
    if let Some(reason) = session.held_back {
        let text = format!("The network was not sent by itself: {reason}. Check, then press Send");
        notice(ui, palette.warn, icon::WARNING, &text);
    }
    // After a push it speaks of what was sent.
    if session.state == Some(ProvisioningState::Provisioned) && session.pushed_at().is_none() {
        let text =
            "The gateway already has a network. Some take another one as it is, others have to forget theirs first";
        notice(ui, palette.warn, icon::INFO, text);
    }
    button(ui, session, pass);
}

/// The button of the gateway: its line stays from the first word of it on, so that nothing below it moves.
fn button(ui: &mut Ui, session: &Session, pass: &Pass<'_>) {
    let palette = palette(ui);
    let (colour, text) = match session.button {
        PressedButton::NotNeeded => return,
        PressedButton::Needed => (palette.warn, "After you send, press the gateway's button".to_owned()),
        PressedButton::Awaited { since, limit } => {
            reveal_once(ui, ("press", session.job, since));
            let left = limit.saturating_sub(pass.now.saturating_duration_since(since));
            return call(ui, icon::PRESS, &format!("Press the button on the gateway \u{b7} {} left", clock(left)));
        }
        PressedButton::Pressed => (palette.ok, "The button was pressed; that counts for about a minute".to_owned()),
    };
    notice(ui, colour, icon::PERSON, &text);
}

/// An ended session: why, and how to go on.
fn ended(ui: &mut Ui, end: &JobEnd, pass: &mut Pass<'_>) {
    let palette = palette(ui);
    group(ui, |ui| {
        match end {
            JobEnd::Failed(problem) => problem_card(ui, problem),
            JobEnd::Cancelled => notice(ui, palette.muted, icon::STOPPED, "The session was cancelled"),
            JobEnd::Done { .. } => notice(ui, palette.muted, icon::INFO, "The session is closed"),
        }
        ui.horizontal_wrapped(|ui| {
            if Button::new("Change profile or driver").pressed(ui) {
                pass.did(CommissionAction::Dismissed);
            }
        });
    });
}
