//! Several gateways at once: a manifest or those selected, what is wrong with them, and the rows with what becomes of each.

use std::sync::Arc;

use egui::{
    Align, Align2, Color32, Galley, Layout, Rect, Response, RichText, Role, ScrollArea, Sense, TextEdit, Ui, UiBuilder,
    WidgetInfo, pos2, vec2,
};

use super::short_place;
use crate::app::App;
use crate::app::batch::{Batch, BatchAction, Row, Source, result};
use crate::app::files::file_name;
use crate::app::removals::RemovalsAction;
use crate::model::batch::{Again, Finding, MAX_PARALLEL, RowOutcome};
use crate::model::secret::Secret;
use crate::msg::batch::RowState;
use crate::profile::site::{Fit, Found};
use crate::ui::frame::scrolled;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField, short};
use crate::ui::theme::{FIELD_WIDTH, GRID, HEAD_HEIGHT, LINE_HEIGHT, PAGE_MARGIN, medium, palette, small_text};
use crate::ui::widgets::rows::{cell, longest};
use crate::ui::widgets::{
    Button, RowEnd, boxed, check, empty_state, field, fixed, forget_undo, group, labelled, muted, name, notice,
    path_field, pill, problem_card, row_ground, secret_field, strong, truncated,
};

/// Leaves the scans out, and what follows from that.
const UNSCANNED: &str = "Skip the gateways' network scans";
const UNSCANNED_WHY: &str = "Quicker; a network that a gateway can't receive is then found only by its failure";

/// Least height of the table, whatever stands around it.
const LIST_LEAST: f32 = 4.0 * LINE_HEIGHT;
/// Width of a row's number.
const NUMBER_WIDTH: f32 = 40.0;
/// Width of the state of a row.
const STATE_WIDTH: f32 = 104.0;
/// The least width of a name.
const LEAST_NAME: f32 = 80.0;
/// The least width of a link.
const LEAST_PLACE: f32 = 48.0;
/// The least width of the words beside them.
const LEAST_WORDS: f32 = 130.0;
/// What a remedy takes beside its lines.
const REMEDY_GAP: f32 = 8.0;
/// Height of the export below the table.
const BELOW: f32 = 56.0;

/// What is done again on request.
const FAILED: Again = Again { failed: true, unknown: false };
const UNKNOWN: Again = Again { failed: false, unknown: true };

/// Draws what is done with several gateways.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    if app.removals.is_open() {
        return super::removals::show(ui, app, pass);
    }
    let margin = egui::Margin { left: PAGE_MARGIN, right: 12, top: 8, bottom: 8 };
    egui::Frame::new().inner_margin(margin).show(ui, |ui| page_header(ui, &mut app.batch, pass));
    let edge = ui.cursor().top();
    ui.painter().hline(ui.max_rect().x_range(), edge, egui::Stroke::new(1.0, palette(ui).line));
    let margin = egui::Margin { left: PAGE_MARGIN, right: 0, top: 10, bottom: 0 };
    egui::Frame::new().inner_margin(margin).show(ui, |ui| {
        let height = ui.available_height();
        scrolled(ui, "batch", |ui| {
            ui.spacing_mut().item_spacing.y = GRID;
            let bottom = ui.cursor().top() + height - 12.0;
            selected_beside(ui, app, pass);
            held(ui, app, pass);
            source(ui, app, pass);
            told(ui, &app.batch);
            held_to_site(ui, app);
            if app.batch.rows().is_empty() {
                return nothing(ui, &app.batch);
            }
            let height = (bottom - ui.cursor().top() - BELOW).max(LIST_LEAST);
            list(ui, &app.batch, height);
            export(ui, &mut app.batch, pass);
        });
    });
}

fn page_header(ui: &mut Ui, batch: &mut Batch, pass: &mut Pass<'_>) {
    let summary = batch.summary();
    let (colour, text) = match &*batch {
        _ if batch.is_checking() => (palette(ui).link, "Checking…".to_owned()),
        _ if batch.is_stopping() => (palette(ui).warn, "Stopping…".to_owned()),
        _ if batch.is_paused() => (palette(ui).warn, format!("Paused, {} under way", batch.running_rows())),
        _ if batch.is_running() => (palette(ui).link, format!("{} under way", batch.running_rows())),
        _ if batch.rows().is_empty() || !batch.was_begun() => (palette(ui).muted, String::new()),
        _ if summary.joined + summary.done == summary.rows => (palette(ui).ok, summary.words()),
        _ => (palette(ui).warn, summary.words()),
    };
    let title = match batch.rows().len() {
        0 => "Several gateways".to_owned(),
        count => gateways(count),
    };
    let has_ended = batch.was_begun() && !batch.is_running();
    let can_clear = !batch.rows().is_empty() && !batch.is_running() && !batch.is_checking();
    ui.horizontal(|ui| {
        ui.set_min_height(32.0);
        let end = RowEnd::new(ui, "acts");
        end.before(ui, |ui| {
            truncated(ui, RichText::new(title).font(crate::ui::theme::title()).color(palette(ui).strong));
            if !text.is_empty() && !has_ended {
                pill(ui, colour, &text);
            }
        });
        end.show(ui, |ui| {
            if can_clear && Button::new("Close").named("Close the batch").pressed(ui) {
                pass.did(BatchAction::Cleared);
            }
            if !batch.rows().is_empty() {
                ui.push_id("acts", |ui| buttons(ui, batch, pass));
            }
        });
    });
    if has_ended && !text.is_empty() {
        // How it ended has a line of its own: beside the buttons it would be cut.
        pill(ui, colour, &text);
    }
    if has_ended && batch.is_unfinished() {
        return secrets_again(ui, batch, pass);
    }
    if !batch.rows().is_empty() && !batch.was_begun() {
        if let Some(lacks) = batch.lacks() {
            muted(ui, &lacks);
        }
        muted(ui, &format!("Up to {MAX_PARALLEL} at once; over Bluetooth one after the other"));
    }
}

/// What ended is still shown, and others are selected meanwhile: a click takes those instead.
pub(super) fn selected_beside(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let Some(count) = app.selected_beside() else { return };
    ui.horizontal_wrapped(|ui| {
        let text = format!("Take the {count} selected");
        let take = Button::new(&text).icon(icon::NEXT).named("Take the selected gateways instead");
        if take.pressed(ui) {
            pass.did(BatchAction::TookSelected);
        }
        muted(ui, "What is below has ended and is on record");
    });
    ui.add_space(GRID / 2.0);
}

/// A session or terminal of this program is open at a gateway of the batch: it waits for that.
fn held(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let held = app.held_of_batch();
    if held.is_empty() || app.batch.is_running() {
        return;
    }
    let names: Vec<String> = held.iter().map(|link| app.discover.name_of(link)).collect();
    let (it_is, close) = if names.len() == 1 { ("it is", "Close it") } else { ("they are", "Close them") };
    let text = format!("Still open: {}. The batch can begin once {it_is} closed", names.join(", "));
    notice(ui, palette(ui).warn, icon::COMMISSION, &text);
    if Button::new(close).named("Close what is open at gateways of the batch").pressed(ui) {
        pass.did(BatchAction::LetGo);
    }
    ui.add_space(GRID / 2.0);
}

/// The secrets that a run took along, below the buttons that need them again.
fn secrets_again(ui: &mut Ui, batch: &mut Batch, pass: &mut Pass<'_>) {
    let is_entered = secrets(ui, batch);
    act_on(is_entered, batch, pass);
    if let Some(lacks) = batch.lacks() {
        muted(ui, &format!("{lacks}: secrets aren't stored"));
    }
}

fn gateways(count: usize) -> String {
    if count == 1 { "1 gateway".to_owned() } else { format!("{count} gateways") }
}

/// How what was reached stands against the open site.
fn held_to_site(ui: &mut Ui, app: &App) {
    let seen = || app.discover.rows().filter(|row| row.is_present).map(Found::from);
    let compared = app.check.site().and_then(|site| Some((site, app.batch.compared(site, seen())?)));
    let Some((site, compared)) = compared else { return };
    let (colour, sign) =
        if compared.is_good() { (palette(ui).ok, icon::JOINED) } else { (palette(ui).warn, icon::WARNING) };
    notice(ui, colour, sign, &format!("{}: {}", site.name, compared.words()));
    for line in compared.lines.iter().filter(|line| line.fit != Fit::AsExpected) {
        muted(ui, &[vec![format!("{}: {}", line.name, line.fit.label())], line.remarks()].concat().join("; "));
    }
    ui.add_space(GRID / 2.0);
}

/// What the batch is made from; no more than a line once it runs.
fn source(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    if app.batch.is_running() {
        return;
    }
    if let Source::Marked(_) = app.batch.source() {
        return network(ui, &mut app.batch, pass);
    }
    let batch = &mut app.batch;
    group(ui, |ui| {
        let (response, is_browsing) = path_field(ui, "Manifest", &mut batch.path, "/home/me/site.csv or site.xlsx");
        if is_browsing {
            pass.browse = Some(PathField::Manifest);
        }
        let is_entered = entered(&response);
        let is_typed = !batch.path.trim().is_empty() && !batch.is_checking();
        ui.horizontal_wrapped(|ui| {
            let open = Button::new("Open and check").icon(icon::FOLDER).named("Open and check the manifest");
            let open = open.enabled_if(is_typed, "Type the path of a manifest first");
            let open = if batch.rows().is_empty() { open.primary() } else { open };
            if open.pressed(ui) || (is_entered && is_typed) {
                pass.did(BatchAction::Opened);
            }
            let remove = Button::new("Remove\u{2026}").named("Show the gateways of the manifest to remove them");
            if remove.enabled_if(is_typed, "Type the path of a manifest first").pressed(ui) {
                pass.did(RemovalsAction::Listed(batch.path.trim().to_owned()));
            }
            muted(ui, "Nothing is sent by this");
        });
        if !batch.rows().is_empty() && !batch.was_begun() {
            check(ui, &mut batch.is_unscanned, UNSCANNED, UNSCANNED_WHY);
        }
        if !batch.secrets.is_empty() && batch.findings().is_empty() && !batch.was_begun() {
            muted(ui, "Secrets that the manifest refers to; they are not stored");
            let is_entered = secrets(ui, batch);
            act_on(is_entered, batch, pass);
        }
    });
    ui.add_space(GRID);
}

/// The secrets of a manifest; whether Enter was pressed in one.
fn secrets(ui: &mut Ui, batch: &mut Batch) -> bool {
    let mut is_entered = false;
    for secret in &mut batch.secrets {
        is_entered |= masked(ui, &format!("@{}", secret.name), &mut secret.value);
    }
    is_entered
}

/// Enter in a field does what the main button does.
fn act_on(is_entered: bool, batch: &Batch, pass: &mut Pass<'_>) {
    if let Some(act) = main_act(batch).filter(|_| is_entered) {
        pass.did(act);
    }
}

/// What goes on with the batch; nothing where it has to be looked at first, and none while something is missing.
fn main_act(batch: &Batch) -> Option<BatchAction> {
    if !batch.is_ready() {
        return None;
    }
    let is_first = !batch.was_begun() && batch.earlier().is_none();
    let again = match () {
        () if is_first => None,
        () if batch.count(RowOutcome::is_failure) > 0 && batch.was_begun() => Some(FAILED),
        () if batch.summary().open > 0 => Some(Again::default()),
        () => return None,
    };
    Some(BatchAction::Started(again))
}

/// The network for gateways marked on Discover: that of the form.
fn network(ui: &mut Ui, batch: &mut Batch, pass: &mut Pass<'_>) {
    let mut is_entered = false;
    let draft = &mut batch.draft;
    group(ui, |ui| {
        strong(ui, "Network for all of them");
        is_entered |= entered(&field(ui, "Network name", &mut draft.ssid, "Its name, as the gateways hear it"));
        if !draft.is_open {
            is_entered |= masked(ui, "Passphrase", &mut draft.passphrase);
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().interact_size.y = 24.0;
            check(ui, &mut draft.is_open, "Open network, no passphrase", "");
            check(ui, &mut draft.is_hidden, "The network hides its name", "");
            check(ui, &mut batch.is_unscanned, UNSCANNED, UNSCANNED_WHY);
        });
        ui.add_space(GRID);
        strong(ui, "Login for all of them");
        is_entered |= entered(&field(ui, "User name", &mut batch.username, "where they ask for one"));
        is_entered |= entered(&secret_field(ui, "Password", &mut batch.login, "or proof of possession"));
    });
    act_on(is_entered, batch, pass);
    ui.add_space(GRID);
}

/// A secret; whether Enter was pressed in it.
pub(super) fn masked(ui: &mut Ui, label: &str, secret: &mut Secret<String>) -> bool {
    let id = egui::Id::unique(("batch-secret", label));
    let response = labelled(ui, label, |ui, label| {
        let edit = TextEdit::singleline(secret.expose_mut()).id(id).password(true);
        let width = (FIELD_WIDTH - 80.0).min(ui.available_width() - 120.0).max(120.0);
        ui.add(edit.desired_width(width).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(label)
    });
    forget_undo(ui, id);
    entered(&response)
}

/// Whether Enter was pressed in a field.
fn entered(field: &Response) -> bool {
    field.lost_focus() && field.ctx.input(|input| input.key_pressed(egui::Key::Enter))
}

/// Mistakes, problems, and what an earlier run came to.
fn told(ui: &mut Ui, batch: &Batch) {
    if let Some(problem) = batch.problem() {
        problem_card(ui, problem);
        ui.add_space(GRID);
    }
    if !batch.findings().is_empty() {
        findings(ui, batch.findings());
        ui.add_space(GRID);
    }
    for note in batch.notes().iter().filter(|_| !batch.was_begun()) {
        notice(ui, palette(ui).warn, icon::WARNING, note);
        ui.add_space(GRID / 2.0);
    }
    if let Some(earlier) = batch.earlier().filter(|_| !batch.is_running()) {
        let text = format!("An earlier run of this manifest came to: {}", earlier.words());
        notice(ui, palette(ui).warn, icon::WARNING, &text);
        ui.add_space(GRID);
    }
}

/// The mistakes of a manifest.
pub(super) fn findings(ui: &mut Ui, findings: &[Finding]) {
    group(ui, |ui| {
        let title = match findings.len() {
            1 => "1 mistake in the manifest".to_owned(),
            count => format!("{count} mistakes in the manifest"),
        };
        strong(ui, &title);
        muted(ui, "Nothing was sent. Fix them, then open the manifest again");
        for (index, finding) in findings.iter().enumerate() {
            ui.push_id(index, |ui| {
                ui.horizontal_wrapped(|ui| {
                    ui.spacing_mut().interact_size.y = 18.0;
                    ui.label(RichText::new(finding.place()).font(medium()).color(palette(ui).danger));
                    ui.label(&finding.problem.what);
                });
                muted(ui, &finding.problem.next_step);
            });
        }
    });
}

fn nothing(ui: &mut Ui, batch: &Batch) {
    if batch.is_checking() || !batch.findings().is_empty() || batch.problem().is_some() {
        return;
    }
    empty_state(ui, icon::TRAY, "Set up many gateways in one go", |ui| {
        muted(ui, "Open a manifest: a CSV or XLSX table with a row for each gateway, its profile and its network");
        muted(ui, "Or select gateways in the list with Ctrl and give all of them one network");
    });
}

fn buttons(ui: &mut Ui, batch: &Batch, pass: &mut Pass<'_>) {
    if batch.is_running() {
        return running_buttons(ui, batch, pass);
    }
    if batch.was_begun() {
        return ended_buttons(ui, batch, pass);
    }
    let why = batch.lacks().unwrap_or_default();
    let is_marked = matches!(batch.source(), Source::Marked(_));
    if is_marked && Button::new("Remove…").named("Remove these gateways").pressed(ui) {
        pass.did(RemovalsAction::Opened);
    }
    if batch.earlier().is_some() {
        return earlier_buttons(ui, batch, &why, pass);
    }
    let name = format!("Set up {}", gateways(batch.rows().len()));
    if Button::new(&name).icon(icon::SEND).primary().enabled_if(batch.is_ready(), &why).pressed(ui) {
        pass.did(BatchAction::Started(None));
    }
}

/// After an earlier run the button that goes on repeats nothing; starting over is a choice of its own.
fn earlier_buttons(ui: &mut Ui, batch: &Batch, why: &str, pass: &mut Pass<'_>) {
    let over =
        Button::new("Start over").quiet().named("Start over with all gateways").enabled_if(batch.is_ready(), why);
    if over.show(ui).on_hover_text("Sets up all of them again, also those that joined").clicked() {
        pass.did(BatchAction::Started(None));
    }
    retries(ui, batch, why, pass);
    let open = batch.summary().open;
    if open > 0 {
        let name = format!("Go on with {open} not done");
        let go_on = Button::new(&name).icon(icon::NEXT).primary().enabled_if(batch.is_ready(), why);
        if go_on.show(ui).on_hover_text("Nothing else is repeated").clicked() {
            pass.did(BatchAction::Started(Some(Again::default())));
        }
    }
}

fn running_buttons(ui: &mut Ui, batch: &Batch, pass: &mut Pass<'_>) {
    let stop = Button::new("Stop").danger().named("Stop the batch");
    if stop.enabled_if(!batch.is_stopping(), "It is stopping").pressed(ui) {
        pass.did(BatchAction::Stopped);
    }
    if batch.is_paused() {
        if Button::new("Resume").icon(icon::NEXT).primary().named("Resume the batch").pressed(ui) {
            pass.did(BatchAction::Resumed);
        }
    } else {
        let pause = Button::new("Pause").icon(icon::PAUSE).named("Pause the batch");
        let hover = "Begins no further gateway; those under way run to their end";
        if pause.enabled_if(!batch.is_stopping(), "It is stopping").show(ui).on_hover_text(hover).clicked() {
            pass.did(BatchAction::Paused);
        }
    }
}

fn ended_buttons(ui: &mut Ui, batch: &Batch, pass: &mut Pass<'_>) {
    let why = batch.lacks().unwrap_or_default();
    retries(ui, batch, &why, pass);
    let open = batch.summary().open;
    let text = format!("Go on with {open} not done");
    again(ui, batch, (open, &text, "What succeeded is not repeated"), Again::default(), &why, pass);
}

/// What can be done again with those that did not join.
fn retries(ui: &mut Ui, batch: &Batch, why: &str, pass: &mut Pass<'_>) {
    let failed = batch.count(RowOutcome::is_failure);
    let unknown = batch.count(|outcome| outcome == RowOutcome::Unknown);
    let text = format!("Retry {unknown} unknown");
    again(ui, batch, (unknown, &text, "Look at the devices first: they may have joined"), UNKNOWN, why, pass);
    let text = format!("Retry {failed} failed");
    again(ui, batch, (failed, &text, "Those that joined are not touched"), FAILED, why, pass);
}

/// A button for so many rows, with what it is called and what to know of it; none where there are none.
fn again(ui: &mut Ui, batch: &Batch, about: (usize, &str, &str), again: Again, why: &str, pass: &mut Pass<'_>) {
    let (count, text, hover) = about;
    if count == 0 {
        return;
    }
    let button = Button::new(text).icon(icon::REFRESH).enabled_if(batch.is_ready(), why);
    if button.show(ui).on_hover_text(hover).clicked() {
        pass.did(BatchAction::Started(Some(again)));
    }
}

fn list(ui: &mut Ui, batch: &Batch, height: f32) {
    boxed(ui).inner_margin(6).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.set_height(height - 12.0);
        let columns = columns(ui, batch, ui.available_width() - 16.0);
        heads(ui, batch, columns);
        let area = ScrollArea::vertical().id_salt("rows").auto_shrink(false);
        area.show_viewport(ui, |ui, viewport| {
            let width = ui.available_width();
            let remedies: Vec<Option<Arc<Galley>>> = batch.rows().iter().map(|row| remedy(ui, row, width)).collect();
            let height = |remedy: &Option<Arc<Galley>>| {
                LINE_HEIGHT + remedy.as_ref().map_or(0.0, |remedy| remedy.size().y + REMEDY_GAP)
            };
            let origin = ui.max_rect().min;
            let mut top = 0.0;
            for (row, remedy) in batch.rows().iter().zip(&remedies) {
                let bottom = top + height(remedy);
                if bottom >= viewport.top() && top <= viewport.bottom() {
                    let rect = Rect::from_min_size(origin + vec2(0.0, top), vec2(width, bottom - top));
                    line(ui, row, remedy.as_ref(), rect, columns);
                }
                top = bottom;
            }
            ui.allocate_space(vec2(width, top));
        });
    });
}

fn heads(ui: &mut Ui, batch: &Batch, (name_width, link_width): (f32, f32)) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD_HEIGHT), Sense::hover());
    let mut left = rect.left() + 8.0;
    let last = if batch.was_begun() { "Outcome" } else { "Network" };
    let columns = [
        ("Row", NUMBER_WIDTH),
        ("Name", name_width),
        ("Link", link_width),
        ("State", STATE_WIDTH),
        (last, f32::INFINITY),
    ];
    for (title, width) in columns {
        let right = (left + width).min(rect.right());
        let at = Rect::from_min_max(pos2(left, rect.top()), pos2(right, rect.bottom()));
        cell(ui, at, title, small_text(), palette(ui).muted, Align2::LEFT_CENTER);
        left = right + ui.spacing().item_spacing.x;
    }
}

/// What came of a row that did not come out well and what to do about it, in full: a tooltip isn't read in a cellar.
fn remedy(ui: &Ui, row: &Row, width: f32) -> Option<Arc<Galley>> {
    let result = result(&row.state).filter(|result| !result.outcome.is_good() && !result.next_step.is_empty())?;
    let room = width - 16.0 - NUMBER_WIDTH;
    let text = format!("{}\n{}", result.summary, result.next_step);
    let galley = ui.painter().layout(text, small_text(), palette(ui).text, room.max(80.0));
    Some(galley)
}

/// The widths of name and link: as long as the longest, cut only where the words beside them would have too little room.
fn columns(ui: &Ui, batch: &Batch, width: f32) -> (f32, f32) {
    let mono = egui::TextStyle::Monospace.resolve(ui.style()).family;
    let small = egui::FontId::new(small_text().size, mono);
    let room = (width - NUMBER_WIDTH - STATE_WIDTH - LEAST_WORDS).max(2.0 * LEAST_NAME);
    let places = batch.rows().iter().map(|row| short_place(&row.head.place));
    let place = longest(ui, places, small, width).clamp(LEAST_PLACE, room - LEAST_NAME);
    let name = longest(ui, batch.rows().iter().map(|row| row.head.name.as_str()), medium(), width);
    // The name takes what the link leaves, and the link no more than half where both are long.
    let name = name.clamp(LEAST_NAME, (room - place).max(room / 2.0));
    (name, place.min(room - name))
}

fn line(ui: &mut Ui, row: &Row, remedy: Option<&Arc<Galley>>, rect: Rect, (name_width, link_width): (f32, f32)) {
    let response = ui.interact(rect, ui.scope_id().with(("row", row.head.row)), Sense::click());
    let (colour, word) = state(ui, &row.state);
    let words = words(row);
    let spoken = format!("Row {}, {}, {word}, {words}", row.head.row, row.head.name);
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::ListBoxOption, is_enabled, &spoken));
    row_ground(ui, rect, &response, false);
    let is_calling = matches!(row.state, RowState::Running { calls: true, .. });
    let palette = palette(ui);
    if is_calling {
        let edge = egui::Stroke::new(1.0, palette.warn);
        ui.painter().rect(rect, crate::ui::theme::control_radius(), palette.call, edge, egui::StrokeKind::Inside);
    }
    let ink = |colour| if is_calling { palette.on_call } else { colour };
    let inner = Rect::from_min_size(rect.min, vec2(rect.width(), LINE_HEIGHT)).shrink2(vec2(8.0, 0.0));
    let layout = Layout::left_to_right(Align::Center);
    let mut child = ui.new_child(UiBuilder::new().max_rect(inner).layout(layout));
    child.set_clip_rect(child.clip_rect().intersect(rect));
    fixed(&mut child, NUMBER_WIDTH, |ui| {
        ui.label(RichText::new(row.head.row.to_string()).small().color(ink(palette.muted)));
    });
    fixed(&mut child, name_width, |ui| {
        name(ui, &row.head.name, medium(), ink(palette.strong));
    });
    fixed(&mut child, link_width, |ui| {
        truncated(ui, RichText::new(short_place(&row.head.place)).monospace().small().color(ink(palette.muted)));
    });
    fixed(&mut child, STATE_WIDTH, |ui| {
        if is_calling {
            ui.label(RichText::new(word).font(medium()).color(colour));
        } else {
            pill(ui, colour, word);
        }
    });
    if let Some(remedy) = remedy {
        let at = pos2(inner.left() + NUMBER_WIDTH + ui.spacing().item_spacing.x, inner.bottom() - REMEDY_GAP / 2.0);
        ui.painter().galley(at, Arc::clone(remedy), palette.text);
    } else {
        truncated(&mut child, RichText::new(&words).color(ink(palette.text)));
    }
    response.on_hover_text(hover(row));
}

fn state(ui: &Ui, state: &RowState) -> (Color32, &'static str) {
    let palette = palette(ui);
    match state {
        RowState::Open => (palette.muted, "not begun"),
        RowState::Expected => (palette.link, "expected"),
        RowState::Running { calls: true, .. } => (palette.on_call, "press now"),
        RowState::Running { calls: false, .. } => (palette.link, "running"),
        RowState::Ended(result) => {
            let colour = match result.outcome {
                RowOutcome::Joined | RowOutcome::Done => palette.ok,
                RowOutcome::Refused | RowOutcome::Failed => palette.danger,
                RowOutcome::Unknown => palette.warn,
                RowOutcome::Stopped | RowOutcome::NotBegun => palette.muted,
            };
            (colour, result.outcome.label())
        }
    }
}

/// What there is to say of a row, in a line.
fn words(row: &Row) -> String {
    match &row.state {
        RowState::Open => row.head.ssid.clone(),
        RowState::Expected => "Plug it in, or switch it on".into(),
        RowState::Running { step, .. } => step.clone(),
        RowState::Ended(result) if result.outcome.is_good() => result.summary.clone(),
        RowState::Ended(result) => format!("{}. {}", result.summary, result.next_step),
    }
}

fn hover(row: &Row) -> String {
    let Some(result) = result(&row.state) else {
        return format!("{}\n{} · {}", row.head.name, row.head.place, row.head.driver);
    };
    let mut lines = vec![row.head.name.clone(), result.summary.clone(), format!("Next step: {}", result.next_step)];
    if !result.gateway.is_empty() {
        lines.push(format!("It calls itself {}", result.gateway));
    }
    let evidence = result.evidence.map_or_else(String::new, |kind| format!("{}, ", kind.label()));
    lines.push(format!("{}: {evidence}{}", result.reason, short(result.took)));
    if result.is_earlier {
        lines.push("From an earlier run".into());
    }
    lines.join("\n")
}

/// Where each row is written to as it ends, where that is wanted.
fn results(ui: &mut Ui, batch: &mut Batch, pass: &mut Pass<'_>) {
    let path = batch.out.trim().to_owned();
    let text = if path.is_empty() { "Write results to…" } else { "Change…" };
    if Button::new(text).icon(icon::SAVE).named("Choose where results are written").pressed(ui) {
        pass.browse = Some(PathField::BatchOut);
    }
    if path.is_empty() {
        return;
    }
    let name = file_name(std::path::Path::new(&path));
    muted(ui, &format!("Each row is written to {name} as it ends")).on_hover_text(path);
    if Button::icon_only(icon::CLOSE, "Write no results").pressed(ui) {
        batch.out.clear();
    }
}

fn export(ui: &mut Ui, batch: &mut Batch, pass: &mut Pass<'_>) {
    ui.add_space(GRID / 2.0);
    ui.horizontal_wrapped(|ui| {
        if batch.is_running() {
            if !batch.out.trim().is_empty() {
                muted(ui, &format!("Each row is written to {} as it ends", batch.out.trim()));
            }
            return;
        }
        if !batch.was_begun() {
            return results(ui, batch, pass);
        }
        let export = Button::new("Export results\u{2026}").icon(icon::EXPORT).named("Export the results");
        if export.enabled_if(!batch.is_exporting(), "They are being written").pressed(ui) {
            pass.browse = Some(PathField::BatchResults);
        }
    });
    if let Some(problem) = &batch.out_trouble {
        problem_card(ui, problem);
    }
}
