//! The tab Remove: the plan in order, what a person says of it, three claims, every place, what is left, and the certificate.

use egui::{Align, Color32, Key, Layout, RichText, Ui, vec2};

use crate::app::App;
use crate::app::files::PAPER_FORMS;
use crate::app::remove::{Remove, RemoveAction, Run};
use crate::model::card_scan::{NONE_FOUND, UNSEEN};
use crate::model::gateway::Sighting;
use crate::model::text::visible;
use crate::model::wipe::{
    Actor, Answer, Assessment, Outcome, Plan, PlanStep, StepState, StepVerdict, StoreState, StoreVerdict, WIFI,
    WipeReport,
};
use crate::ui::gateways::set_up::access::login;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField, short};
use crate::ui::theme::{GAP, GRID, palette};
use crate::ui::widgets::{
    Button, boxed, check, copyable, empty_state, field, fold, hold_button, muted, notice, path_field, pill,
    problem_card, secret_field, titled_group, truncated,
};

mod look;

/// Draws the tab.
pub(super) fn show(ui: &mut Ui, app: &mut App, row: &Sighting, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = GAP;
    let Some(plan) = app.removal() else {
        return empty_state(ui, icon::INFO, "No plan", |ui| {
            muted(ui, "The profile says how a gateway is removed. Choose one under Set up that does");
        });
    };
    let name = crate::app::discover::display_name(row).into_owned();
    let serial = app.removal_serial().map(str::to_owned);
    let reads_settings = app.removal_reads_settings();
    let connection = app.connection_to_look_with().map(str::to_owned);
    if let Some(wanted) = app.removal_access().filter(|_| !app.remove.is_running()) {
        login(ui, &mut app.commission.access, wanted);
    }
    let remove = &mut *app.remove;
    if let Some(run) = remove.run() {
        state(ui, run);
        look::leftovers(ui, run, pass);
    }
    let shown = remove.run().map_or_else(|| not_begun(&plan), Run::assessment);
    claims(ui, &shown);
    steps(ui, &plan, &shown, remove, pass);
    stores(ui, &shown);
    if !shown.remedies.is_empty() && remove.run().is_some_and(|run| !run.is_running()) {
        left(ui, &shown);
    }
    if reads_settings {
        field(ui, "Settings to look for", &mut remove.look_for, "their keys, with blanks between");
    }
    if let Some(report) = remove.run().and_then(Run::report) {
        look::seen(ui, report);
    }
    look::show(ui, remove, connection.as_deref(), pass);
    guard(ui, remove, &Guarded { name, serial, needs_power: plan.restarts > 1 }, pass);
    if remove.run().and_then(Run::report).is_some_and(was_done) {
        certificate(ui, remove, pass);
    }
    fold(ui, "card", "Search a card or an image", |ui| card(ui, remove, pass));
}

/// The act in the header.
pub(super) fn acts(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let is_busy = app.remove.is_running();
    if is_busy && Button::new("Stop").icon(icon::STOP).named("Stop the removal").pressed(ui) {
        pass.did(RemoveAction::Stopped);
    }
}

/// What is shown before anything was begun: nothing was seen of anything.
fn not_begun(plan: &Plan) -> Assessment {
    let mut shown = crate::model::wipe::judge(plan, &plan.trail());
    shown.remedies.clear();
    shown
}

fn state(ui: &mut Ui, run: &Run) {
    if let Some(busy) = run.busy() {
        pill(ui, palette(ui).link, &format!("{busy}…"));
        return;
    }
    if let Some(problem) = run.problem() {
        return problem_card(ui, problem);
    }
    let Some(report) = run.report() else { return muted_line(ui, "Stopped before its end") };
    let palette = palette(ui);
    let (colour, glyph) = match report.assessment.outcome {
        Outcome::Complete => (palette.ok, icon::JOINED),
        Outcome::Incomplete | Outcome::Refused => (palette.danger, icon::WARNING),
        Outcome::Unknown => (palette.warn, icon::WARNING),
    };
    notice(ui, colour, glyph, &format!("{}: {}", report.assessment.outcome.title(), report.assessment.summary));
}

fn muted_line(ui: &mut Ui, text: &str) {
    muted(ui, text);
}

fn claims(ui: &mut Ui, shown: &Assessment) {
    ui.columns(3, |columns| {
        for (column, claimed) in columns.iter_mut().zip(&shown.claims) {
            column.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 4.0;
                muted(ui, claimed.claim.title());
                let colour = answer_colour(ui, claimed.answer);
                pill(ui, colour, claimed.answer.label());
                ui.label(RichText::new(&claimed.says).small());
            });
        }
    });
}

fn answer_colour(ui: &Ui, answer: Answer) -> Color32 {
    let palette = palette(ui);
    match answer {
        Answer::Observed => palette.ok,
        Answer::No => palette.danger,
        Answer::NotBySoftware | Answer::Partly => palette.warn,
        _ => palette.muted,
    }
}

/// What draws a cell of the table.
type Cell<'a> = Box<dyn FnOnce(&mut Ui) + 'a>;

/// Width of the columns that say when, and of the one that says what was seen.
const WHEN_WIDTH: f32 = 92.0;
const SEEN_WIDTH: f32 = 150.0;
/// Width of a step's number.
const NUMBER_WIDTH: f32 = 20.0;

fn steps(ui: &mut Ui, plan: &Plan, shown: &Assessment, remove: &mut Remove, pass: &mut Pass<'_>) {
    boxed(ui).inner_margin(8).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 2.0;
        columns(
            ui,
            ["", "Step", "Requested", "Acknowledged", "Observed"].map(|head| move |ui: &mut Ui| muted_line(ui, head)),
        );
        for (number, (step, verdict)) in plan.steps.iter().zip(&shown.steps).enumerate() {
            ui.push_id(&step.id, |ui| one_step(ui, number + 1, step, verdict, remove, pass));
        }
    });
}

/// A line of the table: number, step, when it was requested and acknowledged, what was seen. Narrow, the times go.
fn columns<F: FnOnce(&mut Ui)>(ui: &mut Ui, cells: [F; 5]) {
    let width = ui.available_width();
    let when = if width > 560.0 { WHEN_WIDTH } else { 0.0 };
    let text = (width - NUMBER_WIDTH - 2.0 * when - SEEN_WIDTH - 4.0 * 8.0).max(80.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        for (cell, width) in cells.into_iter().zip([NUMBER_WIDTH, text, when, when, SEEN_WIDTH]) {
            if width > 0.0 {
                ui.allocate_ui_with_layout(vec2(width, 22.0), Layout::left_to_right(Align::Center), |ui| {
                    ui.set_width(width);
                    cell(ui);
                });
            }
        }
    });
}

fn one_step(
    ui: &mut Ui,
    number: usize,
    step: &PlanStep,
    verdict: &StepVerdict,
    remove: &mut Remove,
    pass: &mut Pass<'_>,
) {
    let when = |state| {
        let mark = verdict.evidence.iter().find(|mark| mark.state == state);
        mark.map_or_else(|| "\u{2013}".to_owned(), |mark| short(mark.at))
    };
    let (requested, acknowledged) = (when(StepState::Requested), when(StepState::Acknowledged));
    let colour = step_colour(ui, verdict.state);
    let cells: [Cell<'_>; 5] = [
        Box::new(|ui| muted_line(ui, &number.to_string())),
        Box::new(|ui| drop(truncated(ui, RichText::new(&step.does).color(palette(ui).strong)))),
        Box::new(|ui| drop(ui.label(RichText::new(requested).monospace().small()))),
        Box::new(|ui| drop(ui.label(RichText::new(acknowledged).monospace().small()))),
        Box::new(|ui| drop(pill(ui, colour, verdict.state.label()))),
    ];
    columns(ui, cells);
    let removes: Vec<&str> = step.removes.iter().map(|id| shown_name(id)).collect();
    let effect = verdict.effect.map(|effect| format!("; its places: {}", effect.label())).unwrap_or_default();
    if !removes.is_empty() {
        muted(ui, &format!("{}: {}{effect}", step.claim.title(), removes.join(", ")));
    }
    let said = verdict.evidence.iter().filter(|mark| mark.state != StepState::Requested);
    said.for_each(|mark| drop(ui.label(RichText::new(&mark.text).small())));
    if let Some(warning) = &step.warning {
        notice(ui, palette(ui).warn, icon::WARNING, warning);
    }
    if step.actor != Actor::Driver && !remove.is_running() {
        attest(ui, number, step, remove, pass);
    }
}

/// What a person says of a step, and leaving it out.
fn attest(ui: &mut Ui, number: usize, step: &PlanStep, remove: &mut Remove, pass: &mut Pass<'_>) {
    let text = remove.attested.entry(step.id.clone()).or_default();
    let hint = step.evidence.first().map_or("what you saw", String::as_str);
    field(ui, &format!("Seen in step {number}"), text, hint);
    let is_empty = text.trim().is_empty();
    if !is_empty {
        let file = remove.shown.entry(step.id.clone()).or_default();
        let (_, is_browsing) =
            path_field(ui, &format!("Photo or file for step {number}"), file, "its SHA-256 goes on record");
        if is_browsing {
            pass.browse = Some(PathField::Evidence(step.id.clone()));
        }
    }
    let mut is_left_out = remove.is_left_out(&step.id);
    if is_empty && ui.checkbox(&mut is_left_out, format!("Go on without step {number}")).changed() {
        pass.did(RemoveAction::LeftOut(step.id.clone()));
    }
}

fn step_colour(ui: &Ui, state: StepState) -> Color32 {
    let palette = palette(ui);
    match state {
        StepState::Observed | StepState::Acknowledged => palette.ok,
        StepState::Failed => palette.danger,
        StepState::Requested | StepState::Cannot => palette.warn,
        StepState::NotChecked | StepState::Attested => palette.muted,
    }
}

fn stores(ui: &mut Ui, shown: &Assessment) {
    let count = |state| shown.stores.iter().filter(|store| store.state == state).count();
    let title = format!("Places: {} of {} seen empty", count(StoreState::SeenEmpty), shown.stores.len());
    // What is still there is in nobody's fold.
    shown.stores.iter().filter(|store| store.state == StoreState::StillThere).for_each(|store| one_store(ui, store));
    fold(ui, "places", &title, |ui| shown.stores.iter().for_each(|store| one_store(ui, store)));
}

fn one_store(ui: &mut Ui, store: &StoreVerdict) {
    let palette = palette(ui);
    let colour = match store.state {
        StoreState::SeenEmpty => palette.ok,
        StoreState::StillThere => palette.danger,
        StoreState::NotLooked | StoreState::NotReachable => palette.muted,
    };
    ui.horizontal_wrapped(|ui| {
        pill(ui, colour, store.state.label());
        ui.label(format!("{}, {}", shown_name(&store.store.credential), store.store.place));
        muted(ui, &store.says);
    });
}

fn shown_name(credential: &str) -> &str {
    if credential == WIFI { "Wi-Fi passphrase" } else { credential }
}

fn left(ui: &mut Ui, shown: &Assessment) {
    titled_group(ui, "What to do", "", |ui| {
        for remedy in &shown.remedies {
            ui.label(&remedy.text);
            if let Some(warning) = &remedy.warning {
                muted(ui, warning);
            }
        }
    });
}

/// What has to be confirmed.
struct Guarded {
    name: String,
    /// The serial number that it reported earlier.
    serial: Option<String>,
    needs_power: bool,
}

fn guard(ui: &mut Ui, remove: &mut Remove, guarded: &Guarded, pass: &mut Pass<'_>) {
    let Guarded { name, serial, needs_power } = guarded;
    let is_running = remove.is_running();
    let response =
        field(ui, "Serial number or name", &mut remove.confirmed, "as the gateway reports it, not its USB adapter");
    let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if let Some(serial) = serial {
        muted(ui, &format!("It reported the serial number {}", visible(serial, 80)));
    }
    if *needs_power && !is_running {
        check(ui, &mut remove.is_attended, "I stand beside it and take its power away when asked", "");
    }
    if let Some(mistake) = remove.mistake() {
        problem_card(ui, mistake);
    }
    let typed = remove.confirmed.trim();
    let is_typed = serial.as_ref().map_or(!typed.is_empty(), |serial| serial.trim() == typed);
    let why = match (is_running, serial) {
        (true, _) => "It runs already",
        (false, Some(_)) => "Type the serial number that it reported first",
        (false, None) => "Type the serial number or name first",
    };
    // What ended before anything was told did nothing.
    let again = if remove.run().and_then(Run::report).is_some_and(was_done) { " again" } else { "" };
    let go = hold_button(ui, &format!("Hold to remove {name}{again}"), is_typed && !is_running, why);
    muted(ui, "Hold the button or Space for 3 s, or press Enter in the field");
    if go || (is_entered && is_typed && !is_running) {
        pass.did(RemoveAction::Started);
    }
    ui.add_space(GRID);
}

/// Whether a removal did anything; one that was refused did not.
fn was_done(report: &WipeReport) -> bool {
    report.assessment.outcome != Outcome::Refused
}

fn certificate(ui: &mut Ui, remove: &Remove, pass: &mut Pass<'_>) {
    let save = Button::new("Save certificate…").icon(icon::SAVE).enabled_if(!remove.is_saving(), "It is being saved");
    if save.pressed(ui) {
        pass.browse = Some(PathField::Certificate(remove.proposed_name()));
    }
    muted(ui, PAPER_FORMS);
}

fn card(ui: &mut Ui, remove: &mut Remove, pass: &mut Pass<'_>) {
    muted(ui, "Reads only. The secret is looked for in the forms in which programs write it");
    let card = &mut remove.card;
    let (_, is_browsing) = path_field(ui, "Card or image", &mut card.path, "/dev/sdb, or an image");
    if is_browsing {
        pass.browse = Some(PathField::CardImage);
    }
    secret_field(ui, "Secret", &mut card.secret, "passphrase or token");
    field(ui, "Its network", &mut card.ssid, "for the key derived of a passphrase");
    if card.is_running() {
        let (bytes, total) = card.at().unwrap_or_default();
        let of = total.map(|total| format!(" of {}", total / 1_000_000)).unwrap_or_default();
        muted(ui, &format!("{}{of} MB read", bytes / 1_000_000));
    } else if Button::new("Search").named("Search the card").pressed(ui) {
        pass.did(RemoveAction::Searched);
    }
    if let Some(problem) = card.problem() {
        problem_card(ui, problem);
    }
    let Some(found) = card.found() else { return };
    if let Some(text) = found.not_searched() {
        muted(ui, &text);
    }
    if found.total == 0 {
        muted(ui, UNSEEN);
        return muted_line(ui, &format!("{NONE_FOUND}: {} MB read", found.bytes / 1_000_000));
    }
    notice(ui, palette(ui).danger, icon::WARNING, &format!("Found {} times", found.total));
    for hit in found.hits.iter().take(SHOWN_HITS) {
        copyable(ui, &format!("byte {} as {}, {}", hit.offset, hit.form, hit.held.label()));
    }
}

/// Copies that are listed; the command line lists more.
const SHOWN_HITS: usize = 20;
