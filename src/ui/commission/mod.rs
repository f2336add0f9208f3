//! Commission: one gateway from choosing it to the outcome. Main column with what is to do, side column with what goes on.

mod access;
mod choose;
mod extras;
mod networks;
mod outcome;
mod qr;
mod side;
mod tokens;
mod wifi;
use egui::Ui;

pub(super) use wifi::forget_undo;

use super::icon;
use super::pass::{Pass, clock};
use super::theme::{GAP, GRID, ONE_COLUMN_BELOW, SIDE_WIDTH, palette};
use super::widgets::{Button, card, empty_state, header, muted, notice, pill, problem_card};
use crate::app::commission::{Button as PressedButton, CommissionAction, Phase, Session};
use crate::app::{Action, App, Screen};
use crate::model::gateway::ProvisioningState;
use crate::msg::JobEnd;

/// Draws Commission.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    page_header(ui, app, pass);
    if app.commission.gateway().is_none() {
        return nothing_chosen(ui, pass);
    }
    if app.commission.session().is_none() {
        return choose::show(ui, app, pass);
    }
    if ui.available_width() < ONE_COLUMN_BELOW {
        main_column(ui, app, pass);
        ui.add_space(GAP - GRID);
        side::show(ui, app, pass);
        return;
    }
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        let width = ui.available_width() - SIDE_WIDTH - GAP;
        ui.vertical(|ui| {
            ui.set_width(width);
            main_column(ui, app, pass);
        });
        ui.vertical(|ui| {
            ui.set_width(SIDE_WIDTH);
            side::show(ui, app, pass);
        });
    });
}

fn page_header(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let session = app.commission.session();
    header(
        ui,
        "Commission",
        |ui| {
            if let Some(session) = session {
                phase_pill(ui, session);
            }
        },
        |ui| {
            let Some(session) = session else {
                if app.commission.gateway().is_some() {
                    choose::connect_button(ui, app, pass);
                }
                return;
            };
            match session.phase {
                Phase::Ready => {
                    if Button::new("Close session").named("Close the session").pressed(ui) {
                        pass.did(CommissionAction::Closed);
                    }
                }
                Phase::Busy | Phase::Closing => {
                    if Button::new("Cancel").icon(icon::STOPPED).named("Cancel the session").pressed(ui) {
                        pass.did(CommissionAction::Cancelled);
                    }
                }
                Phase::Ended(_) => {}
            }
        },
    );
}

fn phase_pill(ui: &mut Ui, session: &Session) {
    let palette = palette(ui);
    let (colour, text) = match &session.phase {
        Phase::Busy if session.info.is_none() && session.state.is_none() => (palette.accent, "Connecting"),
        Phase::Busy => (palette.accent, "Working"),
        Phase::Ready => (palette.ok, "Connected"),
        Phase::Closing => (palette.muted, "Closing"),
        Phase::Ended(JobEnd::Done { .. }) => (palette.muted, "Session closed"),
        Phase::Ended(JobEnd::Cancelled) => (palette.muted, "Cancelled"),
        Phase::Ended(JobEnd::Failed(_)) => (palette.danger, "Session failed"),
    };
    pill(ui, colour, text);
}

fn nothing_chosen(ui: &mut Ui, pass: &mut Pass<'_>) {
    card(ui, |ui| {
        empty_state(ui, icon::COMMISSION, "Choose a gateway first", |ui| {
            muted(ui, "Discover lists what is plugged in. Press Commission beside the gateway that gets its network");
            ui.add_space(GRID);
            if Button::new("Go to Discover").icon(icon::DISCOVER).primary().pressed(ui) {
                pass.did(Action::WentTo(Screen::Discover));
            }
        });
    });
}

fn main_column(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = GAP;
    let Some(session) = app.commission.session() else { return };
    if let Some(outcome) = &session.outcome {
        outcome::show(ui, app, session, outcome, pass);
    }
    match &session.phase {
        Phase::Ended(end) => {
            ended(ui, session, end, pass);
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
    if session.state == Some(ProvisioningState::Provisioned) {
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
            let left = limit.saturating_sub(pass.now.saturating_duration_since(since));
            (palette.accent, format!("Press the button on the gateway · {} left", clock(left)))
        }
        PressedButton::Pressed => (palette.ok, "The button was pressed; that counts for about a minute".to_owned()),
    };
    notice(ui, colour, icon::PERSON, &text);
}

/// An ended session: why, and how to go on.
fn ended(ui: &mut Ui, session: &Session, end: &JobEnd, pass: &mut Pass<'_>) {
    let palette = palette(ui);
    card(ui, |ui| {
        match end {
            JobEnd::Failed(problem) => problem_card(ui, problem),
            JobEnd::Cancelled => notice(ui, palette.muted, icon::STOPPED, "The session was cancelled"),
            JobEnd::Done { .. } => notice(ui, palette.muted, icon::INFO, "The session is closed"),
        }
        ui.horizontal_wrapped(|ui| {
            let is_failed = matches!(end, JobEnd::Failed(_)) && session.outcome.is_none();
            let again = Button::new("Connect again").icon(icon::REFRESH);
            if (if is_failed { again.primary() } else { again }).pressed(ui) {
                pass.did(CommissionAction::Connected);
            }
            if Button::new("Change profile or driver").quiet().pressed(ui) {
                pass.did(CommissionAction::Dismissed);
            }
            if Button::new("Choose another gateway").quiet().pressed(ui) {
                pass.did(Action::WentTo(Screen::Discover));
            }
        });
    });
}
