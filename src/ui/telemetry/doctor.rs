//! The connect doctor: the stages of an attempt one below the other, each with its state, its time as a bar, what was
//! seen, and what to do when it failed.

use std::time::Duration;

use egui::{Align2, Color32, Rect, RichText, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::rows::cell;
use super::seconds;
use crate::app::Action;
use crate::app::App;
use crate::app::telemetry::Inspection;
use crate::app::telemetry::doctor::{Attempt, Doctor};
use crate::model::mqtt::message::Grant;
use crate::model::mqtt::stage::{CertificateFacts, Expiry, Stage, StageReport, StageState};
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::msg::JobEnd;
use crate::msg::telemetry::InspectionState;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{GRID, medium, palette, small_mono, small_text};
use crate::ui::widgets::{Button, empty_state, finding, fold, icon as show_icon, muted, problem_card, strong};

/// Height of a stage's line.
const LINE: f32 = 26.0;
/// Width of the name of a stage.
const NAME: f32 = 196.0;
/// Below this width the bar of a stage stands under its name.
const NARROW: f32 = 440.0;
/// Width of the time of a stage.
const TIME: f32 = 68.0;

/// Everything: how it stands, and each stage.
pub(super) fn full(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let doctor = &app.telemetry.doctor;
    let inspection = app.telemetry.inspection().filter(|inspection| !inspection.is_replay);
    let Some(inspection) = inspection.filter(|_| doctor.last().is_some() || app.telemetry.job().is_some()) else {
        return empty_state(ui, icon::CERTIFICATE, "What happens on the way", |ui| {
            muted(
                ui,
                "Each stage of a connection appears here with its time: name lookup, TCP, certificate, login, subscriptions, first message",
            );
        });
    };
    summary_line(ui, doctor, inspection, pass);
    stages(ui, doctor, inspection, pass);
}

fn summary_line(ui: &mut Ui, doctor: &Doctor, inspection: &Inspection, pass: &Pass<'_>) {
    let (glyph, colour, text) = summary(ui, doctor, inspection, pass);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().interact_size.y = 20.0;
        show_icon(ui, glyph, colour);
        ui.vertical(|ui| ui.label(RichText::new(text).font(medium()).color(palette(ui).strong)));
    });
}

/// How the connection stands, in a line.
fn summary(ui: &Ui, doctor: &Doctor, inspection: &Inspection, pass: &Pass<'_>) -> (&'static str, Color32, String) {
    let palette = palette(ui);
    let last = doctor.last();
    let took = last.map(|attempt| time(attempt.took_to_connect()));
    match (&inspection.end, &inspection.state) {
        (Some(JobEnd::Failed(problem)), _) => (icon::PROBLEM, palette.danger, problem.what.clone()),
        (Some(_), _) => (icon::STOPPED, palette.muted, "The inspection was closed".into()),
        (_, None) => (icon::RUNNING, palette.link, "Starting".into()),
        (_, Some(InspectionState::Connected { .. })) => {
            let mut parts = vec![format!("Connected in {}", took.unwrap_or_else(|| "no time".into()))];
            parts.extend(last.and_then(protection));
            parts.extend(granted(&inspection.grants, last));
            parts.extend(first_message(last, inspection));
            (icon::JOINED, palette.ok, parts.join(" · "))
        }
        (_, Some(InspectionState::Connecting { attempt })) => {
            let doing = last.and_then(Attempt::running).map_or("Connecting", |report| report.stage.label());
            let again = if *attempt > 1 { format!("Attempt {attempt}: ") } else { String::new() };
            (icon::RUNNING, palette.link, format!("{again}{doing}"))
        }
        (_, Some(InspectionState::Waiting { problem, retry_in })) => {
            let left = retry_in.saturating_sub(pass.now.saturating_duration_since(inspection.since));
            let attempts = last.map_or(1, |attempt| attempt.number);
            let times = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
            let text = format!("{} · {times}, the next in {}", problem.what, seconds(left));
            (icon::WARNING, palette.warn, text)
        }
        (_, Some(InspectionState::Disconnected { problem: Some(problem) })) => {
            (icon::PROBLEM, palette.danger, problem.what.clone())
        }
        (_, Some(InspectionState::Disconnected { problem: None })) => {
            (icon::STOPPED, palette.muted, "Disconnected. What was received stays".into())
        }
        (_, Some(InspectionState::AwaitingConfirmation)) => {
            (icon::WARNING, palette.warn, "Waits for your answer".into())
        }
        (_, Some(InspectionState::Playing | InspectionState::Paused { .. })) => {
            (icon::PLAY, palette.link, "A recording is played".into())
        }
    }
}

fn protection(attempt: &Attempt) -> Option<String> {
    let Some(tls) = attempt.stage(Stage::Tls) else { return Some("not encrypted".into()) };
    tls.facts.iter().find(|(name, _)| name.eq_ignore_ascii_case("version")).map(|(_, value)| value.clone())
}

fn granted(grants: &[Grant], attempt: Option<&Attempt>) -> Option<String> {
    let of_stage = attempt.and_then(|attempt| attempt.stage(Stage::Subscribe)).map(|report| &report.grants[..]);
    let grants = of_stage.filter(|grants| !grants.is_empty()).unwrap_or(grants);
    let refused = grants.iter().filter(|grant| grant.is_refused()).count();
    let open = grants.iter().filter(|grant| grant.code.is_none()).count();
    match (grants.len(), refused) {
        (all, 0) if open > 0 => Some(format!("{open} of {all} filters not answered")),
        (0, _) => None,
        (1, 0) => Some("1 filter granted".into()),
        (all, 0) => Some(format!("{all} filters granted")),
        (all, refused) => Some(format!("{refused} of {all} filters refused")),
    }
}

fn first_message(attempt: Option<&Attempt>, inspection: &Inspection) -> Option<String> {
    if let Some(after) = inspection.first_message {
        return Some(format!("first message {} after the push", time(after)));
    }
    let report = attempt?.stage(Stage::FirstMessage)?;
    match report.state {
        StageState::Running => Some("waits for the first message".into()),
        StageState::Done | StageState::Noted(_) => Some(format!("first message after {}", time(report.took))),
        StageState::Skipped(_) | StageState::Failed(_) => None,
    }
}

fn stages(ui: &mut Ui, doctor: &Doctor, inspection: &Inspection, pass: &mut Pass<'_>) {
    let Some(attempt) = doctor.last() else { return };
    ui.spacing_mut().item_spacing.y = 2.0;
    let all = attempt.took().max(Duration::from_millis(1));
    for report in attempt.stages.iter().filter(|report| !matches!(report.state, StageState::Skipped(_))) {
        ui.push_id(report.stage, |ui| stage(ui, report, all, pass));
    }
    left_out(ui, attempt);
    // What ended the attempt without belonging to a stage.
    let problem = match (&inspection.end, &inspection.state) {
        (Some(JobEnd::Failed(problem)), _) => Some(problem),
        (
            _,
            Some(InspectionState::Waiting { problem, .. } | InspectionState::Disconnected { problem: Some(problem) }),
        ) => Some(&**problem),
        _ => None,
    };
    let of_stage = attempt.failure().map(|(_, problem)| problem);
    if let Some(problem) = problem.filter(|problem| of_stage.is_none_or(|known| known.code != problem.code)) {
        ui.add_space(GRID / 2.0);
        problem_card(ui, problem);
    }
    if doctor.attempts().len() > 1 {
        ui.add_space(GRID / 2.0);
        fold(ui, "attempts", "Earlier attempts", |ui| earlier(ui, doctor));
    }
    ui.add_space(GRID);
}

/// What it did not come to, in as few lines as it takes.
fn left_out(ui: &mut Ui, attempt: &Attempt) {
    let reasons = attempt.stages.iter().filter_map(|report| match &report.state {
        StageState::Skipped(why) => Some(why.as_str()),
        _ => None,
    });
    let mut reasons: Vec<&str> = reasons.collect();
    reasons.dedup();
    if reasons.is_empty() {
        return;
    }
    ui.horizontal_top(|ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        show_icon(ui, icon::SKIPPED, palette(ui).muted);
        ui.vertical(|ui| muted(ui, &reasons.join(" · ")));
    });
}

fn earlier(ui: &mut Ui, doctor: &Doctor) {
    let attempts = doctor.attempts();
    for attempt in attempts.iter().rev().skip(1) {
        let end = match attempt.failure() {
            Some((report, problem)) => format!("{}: {}", report.stage.label(), problem.what),
            None => format!("connected in {}", time(attempt.took_to_connect())),
        };
        muted(ui, &format!("{}. {end}", attempt.number));
    }
}

fn stage(ui: &mut Ui, report: &StageReport, all: Duration, pass: &mut Pass<'_>) {
    stage_line(ui, report, all);
    let has_more = !report.facts.is_empty() || !report.certificates.is_empty() || !report.grants.is_empty();
    let is_plain = matches!(report.state, StageState::Running | StageState::Done);
    if !has_more && is_plain {
        return;
    }
    egui::Frame::new().inner_margin(egui::Margin { left: 24, right: 8, top: 0, bottom: 4 }).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        ui.spacing_mut().interact_size.y = 18.0;
        facts_line(ui, &report.facts);
        grants(ui, &report.grants);
        match &report.state {
            StageState::Noted(problem) => finding(ui, problem, false),
            StageState::Failed(problem) => failed(ui, problem),
            StageState::Skipped(_) | StageState::Running | StageState::Done => {}
        }
        if !report.certificates.is_empty() {
            let count = report.certificates.len();
            let title = if count == 1 { "1 certificate".to_owned() } else { format!("{count} certificates") };
            fold(ui, "certificates", &title, |ui| {
                for (place, certificate) in report.certificates.iter().enumerate() {
                    ui.push_id(place, |ui| self::certificate(ui, place, certificate, pass));
                }
            });
        }
    });
}

fn failed(ui: &mut Ui, problem: &Problem) {
    ui.add_space(2.0);
    problem_card(ui, problem);
}

fn stage_line(ui: &mut Ui, report: &StageReport, all: Duration) {
    let palette = palette(ui);
    let (glyph, colour, word) = match &report.state {
        StageState::Running => (icon::RUNNING, palette.link, "running"),
        StageState::Done => (icon::JOINED, palette.ok, "done"),
        StageState::Noted(_) => (icon::WARNING, palette.warn, "done, with a note"),
        StageState::Skipped(_) => (icon::SKIPPED, palette.muted, "left out"),
        StageState::Failed(_) => (icon::REFUSED, palette.danger, "failed"),
    };
    let is_narrow = ui.available_width() < NARROW;
    let height = if is_narrow { LINE + 6.0 } else { LINE };
    let (all_of_it, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let rect = Rect::from_min_size(all_of_it.min, vec2(all_of_it.width(), LINE));
    let at = pos2(rect.left() + 8.0, rect.center().y);
    ui.painter().text(at, Align2::CENTER_CENTER, glyph, crate::ui::theme::icon_font(16.0), colour);
    let name_width = if is_narrow { rect.width() - 24.0 - TIME - 8.0 } else { NAME };
    let name = Rect::from_min_size(pos2(rect.left() + 24.0, rect.top()), vec2(name_width, LINE));
    let text = if matches!(report.state, StageState::Skipped(_)) { palette.muted } else { palette.strong };
    cell(ui, name, report.stage.label(), egui::FontId::proportional(13.0), text, Align2::LEFT_CENTER);
    let right = rect.right() - 4.0;
    let took = if matches!(report.state, StageState::Skipped(_)) { "–".to_owned() } else { time(report.took) };
    let times = Rect::from_min_max(pos2(right - TIME, rect.top()), pos2(right, rect.bottom()));
    cell(ui, times, &took, small_mono(), palette.text, Align2::RIGHT_CENTER);
    let track = if is_narrow {
        Rect::from_min_max(pos2(name.left(), rect.bottom()), pos2(right, rect.bottom() + 4.0))
    } else {
        let middle = rect.center().y;
        Rect::from_min_max(pos2(name.right() + 8.0, middle - 3.0), pos2(times.left() - 6.0, middle + 3.0))
    };
    if track.width() > 20.0 {
        ui.painter().rect_filled(track, 3.0, palette.raised);
        let share = |time: Duration| (time.as_secs_f32() / all.as_secs_f32()).clamp(0.0, 1.0);
        let from = track.left() + track.width() * share(report.at);
        let to = track.left() + track.width() * share(report.at + report.took);
        let bar = Rect::from_min_max(
            pos2(from.min(track.right() - 3.0), track.top()),
            pos2(to.max(from + 3.0).min(track.right()), track.bottom()),
        );
        if !matches!(report.state, StageState::Skipped(_)) {
            ui.painter().rect_filled(bar, 3.0, colour.gamma_multiply(0.75));
        }
    }
    let is_enabled = ui.is_enabled();
    let label = format!("{}: {word}, {took}", report.stage.label());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, is_enabled, &label));
}

/// What was seen, in as few lines as it takes.
fn facts_line(ui: &mut Ui, facts: &[(String, String)]) {
    if facts.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 1.0);
        for (name, value) in facts {
            ui.label(RichText::new(name).font(small_text()).color(palette(ui).muted));
            let value = egui::Label::new(RichText::new(visible(value, 300)).font(small_mono()).color(palette(ui).text));
            ui.add(value.selectable(true).wrap());
            ui.add_space(6.0);
        }
    });
}

fn grants(ui: &mut Ui, grants: &[Grant]) {
    for grant in grants {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let palette = palette(ui);
            let (glyph, colour, text) = match grant.granted {
                Some(qos) if qos < grant.asked => {
                    (icon::WARNING, palette.warn, format!("QoS {qos} instead of {}", grant.asked))
                }
                Some(qos) => (icon::JOINED, palette.ok, format!("QoS {qos}")),
                None => match grant.code {
                    Some(code) => (icon::REFUSED, palette.danger, format!("refused, code {code}: {}", grant.says)),
                    None => (icon::WARNING, palette.warn, grant.says.clone()),
                },
            };
            show_icon(ui, glyph, colour);
            ui.label(RichText::new(visible(&grant.filter, 200)).font(small_mono()).color(palette.strong));
            ui.label(RichText::new(text).font(small_text()).color(colour));
        });
    }
}

fn certificate(ui: &mut Ui, place: usize, certificate: &CertificateFacts, pass: &mut Pass<'_>) {
    let palette = palette(ui);
    let end = Expiry::at(certificate.not_after, pass.unix_secs);
    let colour = match end {
        Expiry::Ended { .. } => palette.danger,
        Expiry::Ends { in_days: ..30 } => palette.warn,
        Expiry::Ends { .. } => palette.text,
    };
    let expiry = end.to_string();
    let role = if place == 0 { "The broker's own" } else { "Vouches for the one above" };
    ui.horizontal_wrapped(|ui| {
        strong(ui, &visible(&certificate.subject, 120));
        muted(ui, role);
    });
    egui::Grid::new("certificate").num_columns(2).spacing([12.0, 3.0]).min_row_height(16.0).show(ui, |ui| {
        let mut row = |name: &str, value: &str, colour: Color32| {
            if !value.is_empty() {
                muted(ui, name);
                let text = RichText::new(visible(value, 400)).small().color(colour);
                ui.add(egui::Label::new(text).selectable(true).truncate());
                ui.end_row();
            }
        };
        row("Issuer", &certificate.issuer, palette.text);
        row("Good for", &certificate.names.join(", "), palette.text);
        let life = format!("{} to {}, {expiry}", pass.date(certificate.not_before), pass.date(certificate.not_after));
        row("Valid", &life, colour);
        row("Key", &certificate.key, palette.text);
        row("Serial", &certificate.serial, palette.text);
    });
    for (name, value) in [("SHA-256", &certificate.sha256), ("SHA-1", &certificate.sha1)] {
        if value.is_empty() {
            continue;
        }
        ui.horizontal(|ui| {
            muted(ui, name);
            let label = format!("Copy the {name} thumbprint of {}", visible(&certificate.subject, 60));
            if Button::icon_only(icon::COPY, &label).pressed(ui) {
                ui.copy_text(value.clone());
                pass.did(Action::Copied("Thumbprint"));
            }
            ui.add(egui::Label::new(RichText::new(value).font(small_mono())).selectable(true).truncate());
        });
    }
    ui.add_space(GRID / 2.0);
}

/// A time as short as it goes: `0.4 ms`, `42 ms`, `3.2 s`.
pub(super) fn time(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..10_000 => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
        10_000..1_000_000 => format!("{} ms", micros / 1000),
        1_000_000..60_000_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => telemetry_clock(time),
    }
}

fn telemetry_clock(time: Duration) -> String {
    crate::ui::pass::clock(time)
}
