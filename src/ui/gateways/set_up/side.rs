//! The side column: the steps of the session and what the gateway says of itself.

use egui::{RichText, Ui};

use crate::app::App;
use crate::app::commission::{Session, StepLine, StepState};
use crate::model::gateway::{Protection, ProvisioningState};
use crate::model::outcome::Verdict;
use crate::msg::Step;
use crate::ui::icon;
use crate::ui::pass::{Pass, clock, short};
use crate::ui::theme::{GAP, GRID, medium, palette};
use crate::ui::widgets::{facts, group, icon as show_icon, muted, notice, strong, truncated};

pub(super) fn show(ui: &mut Ui, app: &App, pass: &Pass<'_>) {
    let Some(session) = app.commission.session() else { return };
    ui.spacing_mut().item_spacing.y = GAP;
    group(ui, |ui| steps(ui, session, pass));
    group(ui, |ui| device(ui, session));
}

fn steps(ui: &mut Ui, session: &Session, pass: &Pass<'_>) {
    ui.spacing_mut().item_spacing.y = GRID;
    strong(ui, "Session");
    super::phase_pill(ui, session);
    for line in &session.steps {
        step(ui, line, session.verdict, pass);
    }
}

fn step(ui: &mut Ui, line: &StepLine, verdict: Option<Verdict>, pass: &Pass<'_>) {
    let palette = palette(ui);
    // The wait ended, but not well: its mark is the verdict's, and before that it has none.
    let is_about_verdict = matches!(line.step, Step::Follow | Step::ReadBack);
    let is_open = is_about_verdict && verdict.is_none();
    let verdict = verdict.filter(|_| is_about_verdict);
    let (glyph, colour) = match &line.state {
        StepState::Done { .. } if is_open => (icon::RUNNING, palette.link),
        StepState::Done { .. } if verdict == Some(Verdict::Refused) => (icon::REFUSED, palette.danger),
        StepState::Done { .. } if verdict == Some(Verdict::Unknown) => (icon::UNKNOWN, palette.warn),
        StepState::Pending => (icon::PENDING, palette.muted),
        StepState::Running { .. } => (icon::RUNNING, palette.link),
        StepState::Done { .. } => (icon::JOINED, palette.ok),
        StepState::Skipped { .. } => (icon::SKIPPED, palette.muted),
        StepState::Failed { .. } => (icon::REFUSED, palette.danger),
        StepState::Stopped => (icon::STOPPED, palette.muted),
    };
    let is_running = matches!(line.state, StepState::Running { .. });
    ui.horizontal_top(|ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        show_icon(ui, glyph, colour);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            let title = RichText::new(line.step.label());
            let is_pending = line.state == StepState::Pending;
            let title = if is_running { title.font(medium()).color(palette.strong) } else { title };
            truncated(ui, if is_pending { title.color(palette.muted) } else { title });
            muted(ui, &step_words(&line.state, pass));
        });
    });
}

fn step_words(state: &StepState, pass: &Pass<'_>) -> String {
    match state {
        StepState::Pending => "not begun".to_owned(),
        StepState::Running { since, waits_for, limit } => {
            let left = limit.saturating_sub(pass.now.saturating_duration_since(*since));
            let elapsed = pass.clock_since(*since);
            format!("{elapsed} · waits for {waits_for} · gives up in {}", clock(left))
        }
        StepState::Done { note, took } if note.is_empty() => short(*took),
        StepState::Done { note, took } => format!("{note} · {}", short(*took)),
        StepState::Skipped { reason } => format!("Skipped: {reason}"),
        StepState::Failed { problem, took } => format!("failed: {} · {}", problem.what, short(*took)),
        StepState::Stopped => "stopped".to_owned(),
    }
}

/// How it stands. One without Wi-Fi is not ready for a network, whatever its protocol calls that.
fn state(session: &Session) -> &'static str {
    match session.state {
        Some(ProvisioningState::Ready) if !session.may_have_wifi() => "Ready; takes no Wi-Fi network",
        Some(state) => state.title(),
        None => "not known yet",
    }
}

fn device(ui: &mut Ui, session: &Session) {
    ui.spacing_mut().item_spacing.y = GRID;
    strong(ui, "Gateway");
    let info = session.info.clone().unwrap_or_default();
    let pairs = [
        ("Name", session.name().to_owned()),
        ("State", state(session).to_owned()),
        ("Firmware", format!("{} {}", info.firmware, info.firmware_version).trim().to_owned()),
        ("Hardware", info.hardware),
        ("System", info.os.unwrap_or_default()),
        ("Host name", info.hostname.unwrap_or_default()),
        ("Link", session.target.link.place().to_owned()),
        ("Driver", session.target.driver.to_string()),
        ("Protection", session.protection.map_or("not known yet", Protection::label).to_owned()),
    ];
    facts(ui, "device", &pairs);
    // Where a network can be sent, the warning stands beside the button that sends it.
    if let Some(warning) = session.protection.and_then(Protection::warning).filter(|_| !session.may_have_wifi()) {
        notice(ui, palette(ui).warn, icon::NO_LOCK, warning);
    }
}
