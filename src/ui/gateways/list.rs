//! The list of gateways: a row each, a filter, and what can be done with all of them.

use std::time::{Duration, Instant};

use egui::{Align, Align2, Event, Key, Layout, Margin, Rect, Role, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

use super::columns::{Column, DRAWN, fitting, part};
use super::{short_place, standing};
use crate::app::discover::{DiscoverAction, ListLine, Shown, SortKey, display_name, profile_name, why_not_asked};
use crate::app::gateways::{Detail, Tab};
use crate::app::{Action, App};
use crate::model::gateway::Sighting;
use crate::model::ids::{LinkAddress, LinkKind};
use crate::model::layout::Arrangement;
use crate::model::standing::Standing;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{
    CONTROL_HEIGHT, HEAD_HEIGHT, ROW_HEIGHT, TOOL_ROW_HEIGHT, icon_font, medium, palette, small_mono, small_text,
};
use crate::ui::widgets::rows::{Asked, Place, Rows, Shown as Rolled, cell, choosable, longest, name_cell, onward};
use crate::ui::widgets::{Button, RowEnd, bare_field, empty_state, muted, problem_card, signal_bars};

/// Height of the line below the list.
const FOOT_HEIGHT: f32 = 36.0;
/// The most room that the longest name may ask for.
const WIDEST_NAME: f32 = 320.0;

/// Draws the list.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    tool_row(ui, app, pass);
    troubles(ui, app);
    let rect = ui.available_rect_before_wrap();
    let (list, foot) = rect.split_top_bottom_at_y(rect.bottom() - foot_height(app));
    ui.scope_builder(UiBuilder::new().max_rect(list).id_salt("rows"), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(list));
        if app.discover.lines().is_empty() {
            egui::ScrollArea::vertical().id_salt("nothing").auto_shrink(false).show(ui, |ui| nothing_listed(ui, app));
        } else {
            rows(ui, app, pass);
        }
    });
    ui.painter().hline(foot.x_range(), foot.top(), Stroke::new(1.0, palette(ui).line));
    ui.scope_builder(UiBuilder::new().max_rect(foot.shrink2(vec2(12.0, 4.0))).id_salt("foot"), |ui| {
        foot_row(ui, app, pass);
    });
    ui.advance_cursor_after_rect(rect);
}

fn tool_row(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let size = vec2(ui.available_width(), TOOL_ROW_HEIGHT);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_height(TOOL_ROW_HEIGHT);
        ui.add_space(12.0);
        ui.label(egui::RichText::new("Gateways").font(crate::ui::theme::place()).color(palette(ui).strong));
        let end = RowEnd::new(ui, "acts");
        end.before(ui, |ui| {
            ui.add_space(28.0);
            filter(ui, app, pass);
        });
        end.show(ui, |ui| {
            kinds(ui, app, pass);
            let askable = app.discover.askable();
            let ask = Button::new("Query all").enabled_if(askable > 0, "No gateway is left to query");
            let explained = "Sends each port in the list a harmless question. Nothing is sent unless you ask";
            if ask.named("Query all gateways").show(ui).on_hover_text(explained).clicked() {
                pass.did(DiscoverAction::AskedAll);
            }
            ui.add_space(10.0);
        });
    });
    ui.painter().hline(ui.max_rect().x_range(), ui.cursor().top() - 0.5, Stroke::new(1.0, palette(ui).line));
}

/// Which kinds of links are shown.
fn kinds(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let shown = [(Shown::All, "All links"), (Shown::Serial, "Serial only"), (Shown::Bluetooth, "Bluetooth only")];
    let glyph = match app.discover.kinds() {
        Shown::All => icon::MORE,
        Shown::Serial => icon::USB,
        Shown::Bluetooth => icon::BLUETOOTH,
    };
    let button = Button::icon_only(glyph, "Choose which gateways to show").show(ui);
    egui::Popup::menu(&button).show(|ui| {
        for (kinds, text) in shown {
            if ui.selectable_label(app.discover.kinds() == kinds, text).clicked() {
                pass.did(DiscoverAction::Showed(kinds));
            }
        }
        ui.separator();
        let mut is_scanning = app.settings.values.scan_bluetooth;
        if ui.checkbox(&mut is_scanning, "Scan Bluetooth").clicked() {
            pass.did(DiscoverAction::SwitchedBluetooth(is_scanning));
        }
        let present = app.discover.markable();
        if ui.add_enabled(present > 0, egui::Button::new("Select all")).clicked() {
            pass.did(DiscoverAction::MarkedAll);
        }
        if ui.add_enabled(app.discover.marked() > 0, egui::Button::new("Select none")).clicked() {
            pass.did(DiscoverAction::ClearedMarks);
        }
    });
}

/// Remembers that the keyboard went on from the filter to the rows.
const FROM_FILTER: &str = "gateways-from-filter";

fn filter(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let hint = "Filter by name, link, profile, serial number";
    let width = ui.available_width().max(60.0);
    let response = bare_field(ui, super::FILTER, "Filter", &mut app.discover.filter, hint, width);
    if response.changed() {
        pass.did(DiscoverAction::FilterChanged);
    }
    if response.has_focus() && ui.input(|input| input.key_pressed(Key::ArrowDown)) {
        ui.data_mut(|data| data.insert_temp(egui::Id::unique(FROM_FILTER), true));
    }
    let is_left = response.has_focus() || response.lost_focus();
    if is_left && ui.input(|input| input.key_pressed(Key::Escape)) && !app.discover.filter.is_empty() {
        app.discover.filter.clear();
        pass.did(DiscoverAction::FilterChanged);
    }
}

fn troubles(ui: &mut Ui, app: &App) {
    let radio = app.discover.radio_trouble.as_ref().filter(|_| app.is_listening());
    for trouble in app.discover.trouble.iter().chain(radio) {
        egui::Frame::new().inner_margin(Margin::symmetric(12, 6)).show(ui, |ui| problem_card(ui, trouble));
    }
}

fn rows(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let wish = longest(ui, std::iter::once(app.discover.longest_name()), medium(), WIDEST_NAME);
    let columns = fitting(ui.available_width() - 12.0, wish, &app.settings.values.layout.gateways);
    heads(ui, app, &columns, pass);
    let lines = app.discover.lines();
    let chosen = app.discover.chosen_line();
    let place = showing(ui, chosen).map(Place::Showing);
    let list = Rows { name: "Gateways", role: Role::ListBox, total: lines.len(), height: ROW_HEIGHT, place };
    let shown = list.show(ui, |ui, at, rect| match &lines[at] {
        ListLine::Row(place) => {
            if let Some(sighting) = app.discover.row(&app.discover.shown()[*place]) {
                row(ui, app, sighting, rect, &columns, pass);
            }
        }
        ListLine::Missing(name) => missing(ui, name, at, rect, &columns),
        ListLine::Expected { count, missing } => {
            let beside = format!("{} here \u{b7} {missing} missing", count - missing);
            section(ui, &format!("Expected {count}"), &beside, rect);
        }
        ListLine::Found(count) => section(ui, &format!("Found {count}"), "not in the site", rect),
    });
    let stepped = shown.step(ui, chosen, lines.len()).and_then(|to| nearest_row(lines, chosen, to));
    if let Some(next) = stepped.or_else(|| jump(ui, app, lines, chosen, &shown))
        && let ListLine::Row(place) = lines[next]
    {
        let modifiers = ui.input(|input| input.modifiers);
        let link = app.discover.shown()[place].clone();
        pass.did(match modifiers {
            _ if modifiers.shift => DiscoverAction::Extended(link),
            _ if modifiers.command => DiscoverAction::Moved(link),
            _ => DiscoverAction::Selected(link),
        });
    }
    if ui.data_mut(|data| data.remove_temp::<bool>(egui::Id::unique(FROM_FILTER))).is_some() {
        shown.response.request_focus();
    }
    if shown.response.has_focus() {
        list_keys(ui, app, pass);
    }
    app.discover.is_held = shown.response.contains_pointer();
}

/// The row to bring into sight, once, when another one was chosen.
fn showing(ui: &Ui, chosen: Option<usize>) -> Option<usize> {
    let id = egui::Id::unique("gateway-choice");
    let before = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<Option<usize>>(id), chosen));
    chosen.filter(|_| before != chosen)
}

/// The row at a line, or the next one beyond it: heads and missing gateways are passed over.
fn nearest_row(lines: &[ListLine], from: Option<usize>, to: usize) -> Option<usize> {
    let is_row = |at: &usize| matches!(lines[*at], ListLine::Row(_));
    if from.is_some_and(|from| to < from) {
        return (0..=to).rev().find(is_row);
    }
    (to..lines.len()).find(is_row)
}

/// The row that a key asks for beside the arrows: first, last, or the next whose name begins with what is typed.
fn jump(ui: &Ui, app: &App, lines: &[ListLine], chosen: Option<usize>, shown: &Rolled) -> Option<usize> {
    let typed = match shown.asked(ui)? {
        _ if lines.is_empty() => return None,
        Asked::First => return nearest_row(lines, None, 0),
        Asked::Last => return nearest_row(lines, Some(lines.len()), lines.len() - 1),
        // Letters that were meant for a field of the open session move nobody to another gateway.
        Asked::Begins(_) if app.commission.session().is_some_and(|session| !session.is_ended()) => return None,
        Asked::Begins(typed) => typed,
    };
    let begins = |at: &usize| match &lines[*at] {
        ListLine::Row(place) => app
            .discover
            .row(&app.discover.shown()[*place])
            .is_some_and(|row| display_name(row).to_lowercase().starts_with(&typed)),
        ListLine::Expected { .. } | ListLine::Found(_) | ListLine::Missing(_) => false,
    };
    onward(chosen, lines.len()).find(begins)
}

fn section(ui: &Ui, title: &str, beside: &str, rect: Rect) {
    let palette = palette(ui);
    ui.painter().rect_filled(rect, 0.0, palette.rail);
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, palette.line));
    let inner = rect.shrink2(vec2(12.0, 0.0));
    let width = cell(ui, inner, title, medium(), palette.strong, Align2::LEFT_CENTER);
    cell(ui, inner.with_min_x(inner.left() + width + 12.0), beside, small_text(), palette.muted, Align2::RIGHT_CENTER);
    let response = ui.interact(rect, ui.scope_id().with(("section", title)), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(Role::Heading, true, format!("{title}, {beside}")));
}

/// A gateway that the site expects and that is not here.
fn missing(ui: &Ui, name: &str, at: usize, rect: Rect, columns: &[(Column, f32, f32)]) {
    let palette = palette(ui);
    let (sign, colour, word) = standing::look(palette, Standing::NotSeen);
    for (column, from, to) in columns {
        let at = part(rect, *from, *to);
        match column {
            Column::State => {
                let sign_at = pos2(at.left() + 7.0, at.center().y);
                ui.painter().text(sign_at, Align2::CENTER_CENTER, sign, icon_font(14.0), colour);
                let text = at.with_min_x(at.left() + 20.0);
                cell(ui, text, Standing::NotSeen.title(), egui::FontId::proportional(12.5), word, Align2::LEFT_CENTER);
            }
            Column::Name => {
                name_cell(ui, at, name, medium(), palette.muted);
            }
            _ => {}
        }
    }
    let response = ui.interact(rect, ui.scope_id().with(("missing", at)), Sense::hover());
    let label = format!("{name}, Not seen");
    response.widget_info(|| egui::WidgetInfo::labeled(Role::ListBoxOption, false, &label));
    response
        .on_hover_text("The open site expects it. It isn't plugged in, and no Bluetooth device is recognised as it");
}

fn list_keys(ui: &Ui, app: &App, pass: &mut Pass<'_>) {
    let (enter, space, copy) = ui.input(|input| {
        let copies = |event: &Event| matches!(event, Event::Copy);
        (input.key_pressed(Key::Enter), input.key_pressed(Key::Space), input.events.iter().any(copies))
    });
    let selected = app.discover.selected().cloned();
    if let Some(link) = selected.clone().filter(|_| space) {
        pass.did(DiscoverAction::Marked(link));
    }
    match super::set_up::primary(app).filter(|_| enter) {
        Some(act) => pass.did(act),
        // Beside another tab the first Enter leads to where the main button stands.
        None if enter && selected.is_some() && app.detail() == Detail::Gateway && app.tab() != Tab::SetUp => {
            pass.did(Action::OpenedTab(Tab::SetUp));
        }
        None => {}
    }
    if ui.input(|input| input.key_pressed(Key::Escape)) && app.detail() == Detail::Batch {
        pass.did(Action::WentBack);
    }
    if copy {
        let links = app.discover.shown().iter();
        let is_wanted = |link: &&LinkAddress| app.discover.is_marked(link) || Some(*link) == selected.as_ref();
        let lines: Vec<String> =
            links.filter(is_wanted).filter_map(|link| app.discover.row(link)).map(|row| as_text(app, row)).collect();
        ui.ctx().copy_text(lines.join("\n"));
        pass.did(Action::Copied(if lines.len() == 1 { "Row" } else { "Rows" }));
    }
}

/// A row as text, its columns apart by tabs.
fn as_text(app: &App, row: &Sighting) -> String {
    let stand = app.discover.stand(row);
    let serial = serial_number(row).unwrap_or_default();
    let profile = profile_name(row, app.catalog()).unwrap_or_default();
    [stand.standing.title(), &display_name(row), &row.link.to_string(), &profile, &serial].join("\t")
}

fn heads(ui: &mut Ui, app: &App, columns: &[(Column, f32, f32)], pass: &mut Pass<'_>) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD_HEIGHT), Sense::hover());
    for (column, from, to) in columns {
        let at = part(rect, *from, *to);
        let key = match column {
            Column::State => Some(SortKey::State),
            Column::Name => Some(SortKey::Name),
            Column::Link => Some(SortKey::Link),
            Column::Profile => Some(SortKey::Profile),
            Column::Signal | Column::Serial | Column::Seen => None,
        };
        let is_sorted = key == Some(app.discover.sort());
        let colour = if is_sorted { palette(ui).text } else { palette(ui).muted };
        let width = cell(ui, at, column.title(), small_text(), colour, Align2::LEFT_CENTER);
        if is_sorted {
            let mark = pos2(at.left() + width + 8.0, at.center().y);
            ui.painter().text(mark, Align2::CENTER_CENTER, icon::DOWN, icon_font(11.0), colour);
        }
        edge(ui, *column, at, pass);
        let response = ui.interact(at, ui.scope_id().with(("head", column.title())), Sense::CLICK);
        response.context_menu(|ui| columns_menu(ui, app, pass));
        let Some(key) = key else { continue };
        let (is_enabled, name) = (ui.is_enabled(), format!("Sort by {}", column.title().to_lowercase()));
        response.widget_info(|| egui::WidgetInfo::selected(Role::ColumnHeader, is_enabled, is_sorted, &name));
        if response.clicked() {
            pass.did(DiscoverAction::SortedBy(key));
        }
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, palette(ui).line));
}

/// The edge of a head, which draws its column wider or narrower. A double click sets it back.
fn edge(ui: &Ui, column: Column, head: Rect, pass: &mut Pass<'_>) {
    let grip = Rect::from_x_y_ranges(head.right() - 2.0..=head.right() + 6.0, head.y_range());
    let response = ui.interact(grip, ui.scope_id().with(("edge", column.title())), Sense::DRAG | Sense::CLICK);
    if response.hovered() || response.dragged() {
        ui.set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
        let line = Stroke::new(1.0, palette(ui).border);
        ui.painter().vline(head.right() + 2.0, head.y_range(), line);
    }
    if response.double_clicked() {
        pass.did(Action::Arranged(Arrangement::Width(column.word(), None)));
    } else if let Some(at) = response.interact_pointer_pos().filter(|_| response.dragged()) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range of widths")]
        let width = (at.x - head.left() - 2.0).clamp(*DRAWN.start(), *DRAWN.end()).round() as u16;
        pass.did(Action::Arranged(Arrangement::Width(column.word(), Some(width))));
    }
}

/// Which columns are shown, on a right click on their heads.
fn columns_menu(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    for column in Column::ALL.into_iter().filter(|column| column.may_hide()) {
        let hidden = &app.settings.values.layout.gateways.hidden;
        let mut is_shown = !hidden.contains(column.word());
        if ui.checkbox(&mut is_shown, column.title()).clicked() {
            pass.did(Action::Arranged(Arrangement::HidColumn(column.word(), !is_shown)));
        }
    }
    ui.separator();
    if ui.button("Usual widths").clicked() {
        for column in Column::ALL {
            pass.did(Action::Arranged(Arrangement::Width(column.word(), None)));
        }
    }
}

fn row(ui: &mut Ui, app: &App, sighting: &Sighting, rect: Rect, columns: &[(Column, f32, f32)], pass: &mut Pass<'_>) {
    let link = &sighting.link;
    let is_selected = app.discover.is_selected(link);
    let is_chosen = if app.discover.marked() > 0 { app.discover.is_marked(link) } else { is_selected };
    let stand = app.discover.stand(sighting);
    let session = if app.holds(link) { ", session open" } else { "" };
    let name = || format!("{}, {}, {}{session}", display_name(sighting), link.place(), stand.standing.title());
    let response = choosable(ui, rect, link, Role::ListBoxOption, is_chosen, name);
    if response.clicked() {
        let modifiers = ui.input(|input| input.modifiers);
        let link = link.clone();
        pass.did(match modifiers {
            _ if modifiers.shift => DiscoverAction::MarkedTo(link),
            _ if modifiers.command && sighting.is_present => DiscoverAction::Marked(link),
            _ => DiscoverAction::Selected(link),
        });
    }
    if is_selected && !is_chosen {
        // Where the keyboard is among rows that are marked.
        ui.painter().rect_stroke(rect, 0.0, Stroke::new(1.0, palette(ui).link), egui::StrokeKind::Inside);
    }
    if response.double_clicked()
        && let Some(act) = super::set_up::primary(app)
    {
        pass.did(act);
    }
    response.context_menu(|ui| menu(ui, app, sighting, pass));
    let palette = palette(ui);
    for (column, from, to) in columns {
        let at = part(rect, *from, *to);
        let quiet = if sighting.is_present { palette.text } else { palette.muted };
        match column {
            Column::State => {
                let (sign, colour, word) = standing::look(palette, stand.standing);
                ui.painter().text(
                    pos2(at.left() + 7.0, at.center().y),
                    Align2::CENTER_CENTER,
                    sign,
                    icon_font(14.0),
                    colour,
                );
                cell(
                    ui,
                    at.with_min_x(at.left() + 20.0),
                    stand.standing.title(),
                    egui::FontId::proportional(12.5),
                    word,
                    Align2::LEFT_CENTER,
                );
            }
            Column::Name => {
                let colour = if sighting.is_present { palette.strong } else { palette.muted };
                name_cell(ui, at, &display_name(sighting), medium(), colour);
            }
            Column::Link => link_cell(ui, app, sighting, at),
            Column::Signal => signal_cell(ui, sighting, at),
            Column::Profile => {
                let profile = profile_name(sighting, app.catalog());
                let colour = if profile.is_some() { quiet } else { palette.muted };
                let text = profile.unwrap_or_else(|| "Not known".to_owned());
                cell(ui, at, &text, egui::FontId::proportional(12.5), colour, Align2::LEFT_CENTER);
            }
            Column::Serial => {
                let serial = serial_number(sighting).unwrap_or_else(|| "\u{2013}".to_owned());
                cell(ui, at, &serial, small_mono(), quiet, Align2::LEFT_CENTER);
            }
            Column::Seen => {
                cell(
                    ui,
                    at,
                    &seen(app, sighting, pass.now),
                    egui::FontId::proportional(12.5),
                    quiet,
                    Align2::LEFT_CENTER,
                );
            }
        }
    }
    // Its name may be cut in the list.
    let open = if session.is_empty() { "" } else { "\nA session or terminal is open here" };
    response.on_hover_text_at_pointer(format!("{}\n{}{open}", display_name(sighting), stand.because));
}

fn link_cell(ui: &Ui, app: &App, sighting: &Sighting, at: Rect) {
    let palette = palette(ui);
    let (glyph, text) = match sighting.link.kind() {
        LinkKind::Ble => (icon::BLUETOOTH, "BLE".to_owned()),
        LinkKind::Serial => (icon::USB, short_place(sighting.link.place()).to_owned()),
        LinkKind::Http | LinkKind::Udp => (icon::DEVICE, sighting.link.place().to_owned()),
    };
    let (glyph, colour) = match (app.holds(&sighting.link), sighting.facts.is_simulated) {
        (true, _) => (icon::COMMISSION, palette.link),
        (false, true) => (icon::SIMULATED, palette.muted),
        (false, false) => (glyph, palette.muted),
    };
    let others = app.discover.links_of(&sighting.link).map_or(0, |(links, _)| links.len() - 1);
    let text = if others > 0 { format!("{text} +{others}") } else { text };
    ui.painter().text(pos2(at.left() + 7.0, at.center().y), Align2::CENTER_CENTER, glyph, icon_font(13.0), colour);
    cell(ui, at.with_min_x(at.left() + 20.0), &text, small_mono(), palette.text, Align2::LEFT_CENTER);
}

fn signal_cell(ui: &mut Ui, sighting: &Sighting, at: Rect) {
    let Some(heard) = &sighting.heard else {
        cell(ui, at, "\u{2013}", small_text(), palette(ui).muted, Align2::LEFT_CENTER);
        return;
    };
    let bars = Rect::from_min_size(pos2(at.left(), at.center().y - 8.0), vec2(20.0, 16.0));
    ui.scope_builder(UiBuilder::new().max_rect(bars), |ui| signal_bars(ui, heard.rssi_dbm));
    if at.width() > 56.0
        && let Some(dbm) = heard.rssi_dbm
    {
        cell(ui, at.with_min_x(at.left() + 26.0), &signed(dbm), small_mono(), palette(ui).muted, Align2::LEFT_CENTER);
    }
}

/// A number with a minus as wide as a digit.
fn signed(number: i16) -> String {
    if number < 0 { format!("\u{2212}{}", number.unsigned_abs()) } else { number.to_string() }
}

/// The serial number of the adapter, or of the gateway itself.
fn serial_number(row: &Sighting) -> Option<String> {
    row.facts.serial_number.clone()
}

fn seen(app: &App, sighting: &Sighting, now: Instant) -> String {
    match app.discover.hearing(&sighting.link) {
        _ if sighting.heard.is_none() && sighting.is_present => "now".to_owned(),
        Some(hearing) => ago(now.saturating_duration_since(hearing.last)),
        None => "gone".to_owned(),
    }
}

/// How long ago something was: in seconds for a while, then in minutes.
fn ago(time: Duration) -> String {
    match time.as_secs() {
        0..=4 => "now".to_owned(),
        seconds @ 5..=99 => format!("{} s ago", seconds / 5 * 5),
        seconds => format!("{} min ago", seconds / 60),
    }
}

/// What can be done with a row, on a right click.
fn menu(ui: &mut Ui, app: &App, sighting: &Sighting, pass: &mut Pass<'_>) {
    let link = &sighting.link;
    ui.set_min_width(180.0);
    let mut choose = |ui: &mut Ui, tab: Tab, text: &str| {
        if ui.button(text).clicked() {
            pass.did(DiscoverAction::Selected(link.clone()));
            pass.did(Action::OpenedTab(tab));
        }
    };
    choose(ui, Tab::SetUp, "Set up");
    choose(ui, Tab::Device, "Device");
    choose(ui, Tab::Remove, "Remove");
    if link.kind() == LinkKind::Serial {
        choose(ui, Tab::Terminal, "Terminal");
    }
    if ui.add_enabled(why_not_asked(sighting).is_none(), egui::Button::new("Query")).clicked() {
        pass.did(DiscoverAction::Asked(link.clone()));
    }
    ui.separator();
    let mark = if app.discover.is_marked(link) { "Take out of the selection" } else { "Add to the selection" };
    if ui.add_enabled(sighting.is_present, egui::Button::new(mark)).clicked() {
        pass.did(DiscoverAction::Marked(link.clone()));
    }
    if ui.button("Copy row").clicked() {
        ui.ctx().copy_text(as_text(app, sighting));
        pass.did(Action::Copied("Row"));
    }
    if sighting.facts.is_typed && ui.button("Remove from the list").clicked() {
        pass.did(DiscoverAction::RemovedPath(link.clone()));
    }
}

fn foot_height(app: &App) -> f32 {
    let lines = u8::from(app.discover.path_error.is_some()) + u8::from(is_web(app));
    FOOT_HEIGHT + f32::from(lines) * 20.0
}

fn is_web(app: &App) -> bool {
    app.discover.typed_path.trim_start().starts_with("http")
}

/// Below the list: a manifest, and a link that no scan lists.
fn foot_row(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 4.0;
    ui.horizontal(|ui| {
        ui.set_min_height(CONTROL_HEIGHT);
        let rows = app.batch.rows().len();
        let text = if rows > 0 { format!("Batch of {rows}") } else { "Manifest\u{2026}".to_owned() };
        let batch = Button::new(&text).icon(icon::TRAY).quiet().named("Open a manifest or the batch").show(ui);
        if batch.on_hover_text("Sets up many gateways by a table, or those selected with Ctrl").clicked() {
            pass.did(Action::OpenedBatch);
        }
        let width = (ui.available_width() - ADD_WIDTH).clamp(80.0, 240.0);
        RowEnd::new(ui, "link").show(ui, |ui| add_link(ui, app, width, pass));
    });
    if is_web(app) {
        muted(ui, "Join the gateway's own access point with this laptop first; most are reached at http:192.168.4.1");
    }
    if let Some(error) = &app.discover.path_error {
        ui.colored_label(palette(ui).danger, error);
    }
}

/// What the button beside the field of a link takes.
const ADD_WIDTH: f32 = 76.0;

fn add_link(ui: &mut Ui, app: &mut App, width: f32, pass: &mut Pass<'_>) {
    let hint = "Other link: COM7, http:192.168.4.1";
    let response = bare_field(ui, "typed-link", "Add a link", &mut app.discover.typed_path, hint, width);
    let explained = "For what no scan lists, such as a pseudo-terminal. To reach a gateway on its own access point, join \
                     that with this laptop, then add http:192.168.4.1. Bluetooth: ble:ADDRESS, UDP: udp:HOST:PORT";
    let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    response.on_hover_text(explained);
    let is_typed = !app.discover.typed_path.trim().is_empty();
    let add =
        Button::new("Add").icon(icon::ADD).quiet().named("Add the link").enabled_if(is_typed, "Type a link first");
    if add.pressed(ui) || (is_entered && is_typed) {
        pass.did(DiscoverAction::AddedPath);
    }
}

fn nothing_listed(ui: &mut Ui, app: &App) {
    if app.discover.kinds() == Shown::Bluetooth && app.discover.filter.trim().is_empty() {
        return nothing_heard(ui, app);
    }
    if !app.discover.is_empty() {
        empty_state(ui, icon::DISCOVER, "Nothing matches the filter", |ui| {
            muted(ui, "Change or clear the text of the filter, or show all kinds");
        });
        return;
    }
    empty_state(ui, icon::UNPLUGGED, "Plug in a gateway", |ui| {
        muted(ui, "It appears here by itself. If it does not:");
        muted(ui, "Cable: some USB cables only charge. Take one that carries data");
        muted(ui, "Driver: adapters with CP210x, CH34x or FTDI chips need theirs on Windows and older macOS");
        muted(
            ui,
            "Permission: on Linux your account has to be in the group dialout (or uucp); sign in again after joining",
        );
        muted(ui, "Other ports, such as a pseudo-terminal, can be added below by their path");
    });
}

fn nothing_heard(ui: &mut Ui, app: &App) {
    if !app.is_listening() {
        empty_state(ui, icon::DISCOVER, "The Bluetooth scan is off", |ui| {
            muted(ui, "Switch it on in the menu beside the filter. Nothing is sent to any device");
        });
        return;
    }
    empty_state(ui, icon::DISCOVER, "No Bluetooth device in range yet", |ui| {
        muted(ui, "Power: the gateway has to be on, and in its set-up mode");
        muted(ui, "Distance: a few metres are best; metal cabinets let little through");
        muted(ui, "Phones: a gateway connected to a phone doesn't advertise");
    });
}
