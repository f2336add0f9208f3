//! Discover: the list of ports, devices and gateways, what is known of the chosen one, and adding a path by hand.

use std::time::{Duration, Instant};

use egui::{
    Align, Layout, Rect, Response, RichText, Role, ScrollArea, Sense, Shape, Stroke, Ui, UiBuilder, WidgetInfo, pos2,
    vec2,
};

use super::icon;
use super::pass::Pass;
use super::theme::{CONTROL_HEIGHT, FIELD_WIDTH, GRID, ROW_HEIGHT, chosen, control_radius, medium, palette};
use super::widgets::{
    Button, card, choice, empty_state, facts, field, header, icon as show_icon, muted, pill, problem_card, small,
    truncated,
};
use crate::app::discover::{
    DiscoverAction, HISTORY, Hearing, Shown, SortKey, can_be_asked, display_name, profile_name,
};
use crate::app::{Action, App};
use crate::model::gateway::{Advertisement, Probe, Sighting};
use crate::model::ids::{LinkAddress, LinkKind};
use crate::model::standing::{Stand, Tone};

/// Height of what stands below the list.
const DETAIL_HEIGHT: f32 = 172.0;
/// Width of the box that marks a row.
const MARK_WIDTH: f32 = 28.0;
/// Below this row width the profile column is left out.
const NO_PROFILE_BELOW: f32 = 660.0;

/// Draws Discover.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    page_header(ui, app, pass);
    if let Some(trouble) = &app.discover.trouble {
        problem_card(ui, trouble);
        ui.add_space(GRID);
    }
    if let Some(trouble) = app.discover.radio_trouble.as_ref().filter(|_| app.is_listening()) {
        problem_card(ui, trouble);
        ui.add_space(GRID);
    }
    toolbar(ui, app, pass);
    marked_bar(ui, app, pass);
    let height = ui.available_height();
    let rest = ScrollArea::vertical().id_salt("discover").auto_shrink(false);
    rest.show(ui, |ui| {
        let height = if app.discover.path_error.is_some() { height - CONTROL_HEIGHT } else { height };
        let below = if app.discover.selected().is_some() { DETAIL_HEIGHT + GRID } else { 0.0 };
        let list_height = (height - below - CONTROL_HEIGHT - 2.0 * GRID).max(2.5 * ROW_HEIGHT);
        list(ui, app, pass, list_height);
        detail(ui, app, pass);
        add_path(ui, app, pass);
    });
}

fn page_header(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let of = |kind| app.discover.rows().filter(move |row| row.is_present && (row.link.kind() == LinkKind::Ble) == kind);
    let (ports, devices) = (of(false).count(), of(true).count());
    let count = ports + devices;
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut here = format!("{} here", plural(ports, "port"));
    if app.is_listening() || devices > 0 {
        here = format!("{}, {} heard", plural(ports, "port"), plural(devices, "device"));
    }
    let askable = app.discover.askable();
    let colour = if count == 0 { palette(ui).muted } else { palette(ui).ok };
    header(
        ui,
        "Discover",
        |ui| {
            pill(ui, colour, &here);
        },
        |ui| {
            let ask = Button::new("Ask all").icon(icon::UNKNOWN).enabled_if(askable > 0, "No port is left to ask");
            let explained = "Sends each listed port a harmless question. Nothing is sent to a port unless you ask";
            if ask.named("Ask all what they are").show(ui).on_hover_text(explained).clicked() {
                pass.did(DiscoverAction::AskedAll);
            }
            let is_on = app.settings.values.scan_bluetooth;
            let (text, explained) = if is_on {
                ("Stop Bluetooth", "Listens while this page is shown. Nothing is sent to any device")
            } else {
                (
                    "Scan Bluetooth",
                    "Listens for gateways around, while this page is shown. Nothing is sent to any device",
                )
            };
            let switch = Button::new(text).icon(if is_on { icon::STOPPED } else { icon::BLUETOOTH });
            if switch.show(ui).on_hover_text(explained).clicked() {
                pass.did(DiscoverAction::SwitchedBluetooth(!is_on));
            }
        },
    );
}

fn toolbar(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        let id = ui.label("Filter").id;
        let edit = egui::TextEdit::singleline(&mut app.discover.filter).hint_text("Name, port, profile, serial number");
        let width = (FIELD_WIDTH - 60.0).min(ui.available_width() * 0.22);
        let response = ui.add(edit.desired_width(width).margin(egui::Margin::symmetric(10, 7))).labelled_by(id);
        if response.changed() {
            pass.did(DiscoverAction::FilterChanged);
        }
        ui.add_space(GRID);
        ui.label("Show");
        for (kinds, text) in [(Shown::All, "All"), (Shown::Serial, "Serial"), (Shown::Bluetooth, "Bluetooth")] {
            if choice(ui, app.discover.kinds() == kinds, text, &format!("Show {}", text.to_lowercase())) {
                pass.did(DiscoverAction::Showed(kinds));
            }
        }
        ui.add_space(GRID);
        ui.label("Sort by");
        for (key, text) in [(SortKey::Link, "Link"), (SortKey::Name, "Name"), (SortKey::Profile, "Profile")] {
            if choice(ui, app.discover.sort() == key, text, &format!("Sort by {}", text.to_lowercase())) {
                pass.did(DiscoverAction::SortedBy(key));
            }
        }
    });
}

/// What can be done with the marked rows; there once one is marked.
fn marked_bar(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let marked = app.discover.marked();
    if marked == 0 {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        let text = if marked == 1 { "1 marked".to_owned() } else { format!("{marked} marked") };
        pill(ui, palette(ui).accent, &text);
        let is_free = !app.batch.is_running() && !app.batch.is_checking();
        let batch = Button::new("Commission the marked").icon(icon::BATCH).primary();
        if batch.enabled_if(is_free, "A batch is running").pressed(ui) {
            pass.did(Action::TookMarkedToBatch);
        }
        let all = Button::new("Mark all").named("Mark all that are shown");
        if all.enabled_if(app.discover.markable() > 0, "All that are shown are marked").pressed(ui) {
            pass.did(DiscoverAction::MarkedAll);
        }
        if Button::new("Clear").quiet().named("Clear the marks").pressed(ui) {
            pass.did(DiscoverAction::ClearedMarks);
        }
    });
}

fn list(ui: &mut Ui, app: &App, pass: &mut Pass<'_>, height: f32) {
    let links = app.discover.shown();
    card_without_margin(ui, height, |ui| {
        if links.is_empty() {
            let area = ScrollArea::vertical().id_salt("nothing").auto_shrink(false);
            area.show(ui, |ui| nothing_listed(ui, app));
            return;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        let area = ScrollArea::vertical().id_salt("gateways").auto_shrink(false);
        area.show_rows(ui, ROW_HEIGHT, links.len(), |ui, range| {
            keep_choice_in_sight(ui, app, range.start);
            for link in &links[range] {
                if let Some(sighting) = app.discover.row(link) {
                    ui.push_id(link, |ui| row(ui, app, sighting, pass));
                }
            }
        });
    });
}

/// The list gives room to the detail of a row that was just chosen: the row must not vanish behind it.
fn keep_choice_in_sight(ui: &Ui, app: &App, first: usize) {
    let id = egui::Id::unique("discover-choice");
    let chosen = app.discover.selected().cloned();
    let is_new = ui.data_mut(|data| {
        let last = data.get_temp_mut_or_default::<Option<LinkAddress>>(id);
        std::mem::replace(last, chosen.clone()) != chosen
    });
    let index = app.discover.shown().iter().position(|link| Some(link) == chosen.as_ref());
    if let Some(index) = index.filter(|_| is_new) {
        #[expect(clippy::cast_precision_loss, reason = "a list holds a few thousand rows")]
        let top = ui.max_rect().top() + (index as f32 - first as f32) * ROW_HEIGHT;
        let rect = Rect::from_min_size(pos2(ui.max_rect().left(), top), vec2(1.0, ROW_HEIGHT));
        ui.scroll_to_rect(rect, None);
    }
}

fn card_without_margin(ui: &mut Ui, height: f32, add: impl FnOnce(&mut Ui)) {
    let palette = palette(ui);
    let frame = egui::Frame::new().fill(palette.surface).stroke(egui::Stroke::new(1.0, palette.line));
    frame.corner_radius(super::theme::card_radius()).inner_margin(6).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.set_height(height - 12.0);
        add(ui);
    });
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
        empty_state(ui, icon::DISCOVER, "Bluetooth is not listened to", |ui| {
            muted(ui, "Press Scan Bluetooth to see the gateways around. Nothing is sent to any of them");
        });
        return;
    }
    empty_state(ui, icon::DISCOVER, "No Bluetooth device in range yet", |ui| {
        muted(ui, "Power: the gateway has to be on, and in its set-up mode");
        muted(ui, "Distance: a few metres are best; metal cabinets let little through");
        muted(ui, "Phones: a gateway connected to a phone doesn't advertise");
    });
}

/// The places of a row's parts.
struct Columns {
    mark: Rect,
    name: Rect,
    profile: Option<Rect>,
    state: Rect,
    buttons: Rect,
}

impl Columns {
    fn of(rect: Rect) -> Self {
        let inner = rect.shrink2(vec2(12.0, 7.0));
        let buttons = inner.with_min_x(inner.right() - 236.0);
        let state =
            Rect::from_min_max(pos2(buttons.left() - 112.0, inner.top()), pos2(buttons.left() - 8.0, inner.bottom()));
        let mark = inner.with_max_x(inner.left() + MARK_WIDTH);
        let left = inner.with_max_x(state.left() - 8.0).with_min_x(mark.right());
        if rect.width() < NO_PROFILE_BELOW {
            return Self { mark, name: left, profile: None, state, buttons };
        }
        let middle = left.left() + left.width() * 0.52;
        Self { mark, name: left.with_max_x(middle - 12.0), profile: Some(left.with_min_x(middle)), state, buttons }
    }
}

fn row(ui: &mut Ui, app: &App, sighting: &Sighting, pass: &mut Pass<'_>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW_HEIGHT), Sense::click());
    let is_chosen = app.discover.selected() == Some(&sighting.link);
    row_ground(ui, rect, &response, is_chosen, sighting);
    if response.clicked() {
        // Ctrl (or Cmd) and Shift mark for a batch, as does the box; a plain click shows what is known.
        let is_marking = ui.input(|input| input.modifiers.command || input.modifiers.shift) && sighting.is_present;
        let link = sighting.link.clone();
        pass.did(if is_marking { DiscoverAction::Marked(link) } else { DiscoverAction::Selected(link) });
    }
    let columns = Columns::of(rect);
    let part = |ui: &mut Ui, rect: Rect, layout: Layout, add: &mut dyn FnMut(&mut Ui)| {
        let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(layout));
        child.set_clip_rect(child.clip_rect().intersect(rect.expand(3.0)));
        add(&mut child);
    };
    let lines = Layout::top_down(Align::Min);
    part(ui, columns.mark, Layout::left_to_right(Align::Center), &mut |ui| mark_part(ui, app, sighting, pass));
    part(ui, columns.name, lines, &mut |ui| name_part(ui, sighting));
    if let Some(rect) = columns.profile {
        part(ui, rect, lines, &mut |ui| profile_part(ui, app, sighting));
    }
    let stand = app.discover.stand(sighting);
    part(ui, columns.state, Layout::left_to_right(Align::Center), &mut |ui| state_part(ui, &stand));
    let buttons = Layout::right_to_left(Align::Center);
    let hearing = app.discover.hearing(&sighting.link);
    part(ui, columns.buttons, buttons, &mut |ui| buttons_part(ui, sighting, hearing, pass));
}

fn row_ground(ui: &Ui, rect: Rect, response: &Response, is_chosen: bool, sighting: &Sighting) {
    let palette = palette(ui);
    if is_chosen {
        ui.painter().rect_filled(rect, control_radius(), chosen(ui));
    } else if response.hovered() {
        ui.painter().rect_filled(rect, control_radius(), palette.raised);
    }
    if response.has_focus() {
        let stroke = egui::Stroke::new(2.0, palette.accent);
        ui.painter().rect_stroke(rect, control_radius(), stroke, egui::StrokeKind::Inside);
    }
    let name = format!("{}, {}", display_name(sighting), sighting.link.place());
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, is_enabled, is_chosen, &name));
}

fn mark_part(ui: &mut Ui, app: &App, sighting: &Sighting, pass: &mut Pass<'_>) {
    let mut is_marked = app.discover.is_marked(&sighting.link);
    let response = ui.add_enabled(sighting.is_present, egui::Checkbox::without_text(&mut is_marked));
    let name = format!("Mark {} for a batch", sighting.link.place());
    let is_enabled = ui.is_enabled() && sighting.is_present;
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, is_enabled, is_marked, &name));
    super::widgets::focus_ring(ui, &response);
    if response.clicked() {
        pass.did(DiscoverAction::Marked(sighting.link.clone()));
    }
}

fn name_part(ui: &mut Ui, sighting: &Sighting) {
    two_lines(ui);
    let palette = palette(ui);
    let colour = if sighting.is_present { palette.strong } else { palette.muted };
    ui.horizontal(|ui| {
        let glyph = match sighting.link.kind() {
            LinkKind::Ble => icon::BLUETOOTH,
            _ if sighting.facts.vid.is_some() => icon::USB,
            _ => icon::DEVICE,
        };
        show_icon(ui, if sighting.facts.is_simulated { icon::SIMULATED } else { glyph }, palette.muted);
        truncated(ui, RichText::new(display_name(sighting)).font(medium()).color(colour));
    });
    truncated(ui, RichText::new(sighting.link.place()).monospace().small().color(palette.muted));
}

fn profile_part(ui: &mut Ui, app: &App, sighting: &Sighting) {
    two_lines(ui);
    let palette = palette(ui);
    match (&sighting.profile, profile_name(sighting, app.catalog())) {
        (Some(guess), Some(name)) => {
            truncated(ui, RichText::new(name).color(palette.text));
            truncated(ui, RichText::new(&guess.reason).small().color(palette.muted));
        }
        _ => {
            truncated(ui, RichText::new("No profile recognised").color(palette.muted));
        }
    }
}

fn two_lines(ui: &mut Ui) {
    ui.spacing_mut().item_spacing = vec2(6.0, 4.0);
    ui.spacing_mut().interact_size.y = 18.0;
    ui.add_space(2.0);
}

fn state_part(ui: &mut Ui, stand: &Stand) {
    let palette = palette(ui);
    let colour = match stand.standing.tone() {
        Tone::Quiet => palette.muted,
        Tone::Busy => palette.accent,
        Tone::Good => palette.ok,
        Tone::Calls => palette.warn,
        Tone::Bad => palette.danger,
    };
    pill(ui, colour, stand.standing.title()).on_hover_text(&stand.because);
}

/// How strongly a device is heard: the last minute as a line, the last strength, and how long ago that was.
fn signal_part(ui: &mut Ui, sighting: &Sighting, hearing: &Hearing, now: Instant) {
    let palette = palette(ui);
    let colour = if sighting.is_present { palette.text } else { palette.muted };
    let strength = sighting.heard.as_ref().and_then(|heard| heard.rssi_dbm);
    let strength = strength.map_or_else(|| "no level".to_owned(), |dbm| format!("{} dBm", signed(dbm)));
    ui.allocate_ui_with_layout(vec2(66.0, ui.available_height()), Layout::top_down(Align::Max), |ui| {
        two_lines(ui);
        truncated(ui, RichText::new(strength).small().color(colour));
        truncated(ui, RichText::new(ago(now.saturating_duration_since(hearing.last))).small().color(palette.muted));
    });
    sparkline(ui, hearing, now);
}

/// A number with a minus as wide as a digit.
fn signed(number: i16) -> String {
    if number < 0 { format!("\u{2212}{}", number.unsigned_abs()) } else { number.to_string() }
}

/// How long ago something was, in whole seconds, which is as often as it is drawn anew.
fn ago(time: Duration) -> String {
    match time.as_secs() {
        0 | 1 => "now".to_owned(),
        seconds @ 2..=99 => format!("{seconds} s ago"),
        seconds => format!("{} min ago", seconds / 60),
    }
}

/// The strengths of the last minute, from −100 to −30 dBm.
fn sparkline(ui: &mut Ui, hearing: &Hearing, now: Instant) {
    let (rect, response) = ui.allocate_exact_size(vec2(52.0, 22.0), Sense::hover());
    let palette = palette(ui);
    ui.painter().hline(rect.x_range(), rect.bottom(), Stroke::new(1.0, palette.line));
    let place = |(then, dbm): &(Instant, i16)| {
        let age = now.saturating_duration_since(*then).as_secs_f32() / HISTORY.as_secs_f32();
        let height = ((f32::from(*dbm) + 100.0) / 70.0).clamp(0.0, 1.0);
        pos2(rect.right() - age.min(1.0) * rect.width(), rect.bottom() - height * rect.height())
    };
    let points: Vec<_> = hearing.strengths.iter().map(place).collect();
    match points[..] {
        [] => {}
        [point] => drop(ui.painter().circle_filled(point, 1.5, palette.accent)),
        _ => drop(ui.painter().add(Shape::line(points, Stroke::new(1.5, palette.accent)))),
    }
    response.on_hover_text("The strength in the last minute, between \u{2212}100 and \u{2212}30 dBm");
}

fn buttons_part(ui: &mut Ui, sighting: &Sighting, hearing: Option<&Hearing>, pass: &mut Pass<'_>) {
    let place = sighting.link.place();
    let is_here = sighting.is_present;
    let name = format!("Commission {place}");
    let gone = if sighting.heard.is_some() { "No longer in range" } else { "The port is gone" };
    let commission = Button::new("Commission").named(&name).enabled_if(is_here, gone);
    if commission.pressed(ui) {
        pass.did(Action::TookToCommission(sighting.link.clone()));
    }
    if let Some(hearing) = hearing {
        return signal_part(ui, sighting, hearing, pass.now);
    }
    if sighting.link.kind() == LinkKind::Ble {
        return;
    }
    let is_askable = is_here && sighting.probe != Probe::Asking;
    let name = format!("Ask {place} what it is");
    let ask = Button::new("Query").named(&name).enabled_if(is_askable, "It can't be queried now");
    if ask.pressed(ui) {
        pass.did(DiscoverAction::Asked(sighting.link.clone()));
    }
}

fn detail(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let Some(row) = app.discover.selected().and_then(|link| app.discover.row(link)) else { return };
    card(ui, |ui| {
        let area = ScrollArea::vertical().id_salt("detail").auto_shrink(false).max_height(DETAIL_HEIGHT - 42.0);
        area.show(ui, |ui| detail_of(ui, app, row, pass));
    });
}

fn detail_of(ui: &mut Ui, app: &App, row: &Sighting, pass: &mut Pass<'_>) {
    if row.facts.is_typed {
        ui.horizontal(|ui| {
            truncated(ui, RichText::new(display_name(row)).font(medium()).color(palette(ui).strong));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| remove(ui, &row.link, pass));
        });
    }
    if row.is_present && matches!(row.link, LinkAddress::Serial(_)) {
        let name = format!("Open a terminal on {}", row.link.place());
        if Button::new("Open a terminal").icon(icon::TERMINAL).quiet().named(&name).pressed(ui) {
            pass.did(Action::TookToTerminal(row.link.clone()));
        }
    }
    if row.link.kind() == LinkKind::Ble && can_be_asked(row) {
        let name = format!("Ask {} what it is", row.link.place());
        let is_askable = row.is_present && row.probe != Probe::Asking;
        let ask = Button::new("Query").named(&name).enabled_if(is_askable, "It can't be queried now");
        if ask.pressed(ui) {
            pass.did(DiscoverAction::Asked(row.link.clone()));
        }
    }
    if let Probe::Failed(problem) = &row.probe {
        problem_card(ui, problem);
        ui.add_space(GRID);
    }
    let facts_here = match &row.heard {
        Some(heard) if matches!(row.probe, Probe::Answered(_)) => [heard_facts(row, heard), answer_facts(row)].concat(),
        Some(heard) => heard_facts(row, heard),
        None => [port_facts(row), answer_facts(row)].concat(),
    };
    let guess = row.profile.as_ref().map(|guess| {
        let name = profile_name(row, app.catalog()).unwrap_or_default();
        format!("{name}, because {}", guess.reason)
    });
    facts(ui, "facts", &[facts_here, vec![("Profile", guess.unwrap_or_else(|| "none recognised".into()))]].concat());
}

fn remove(ui: &mut Ui, link: &LinkAddress, pass: &mut Pass<'_>) {
    let name = format!("Remove {}", link.place());
    if Button::new("Remove").icon(icon::REMOVE).quiet().named(&name).pressed(ui) {
        pass.did(DiscoverAction::RemovedPath(link.clone()));
    }
}

fn heard_facts(row: &Sighting, heard: &Advertisement) -> Vec<(&'static str, String)> {
    const SERVICES: usize = 6;
    let shown = heard.services.iter().take(SERVICES).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = heard.services.len().saturating_sub(SERVICES);
    let companies: Vec<String> = heard.companies.iter().map(|company| format!("{company:04x}")).collect();
    vec![
        ("Link", row.link.to_string()),
        ("Services", if more > 0 { format!("{shown} and {more} more") } else { shown }),
        ("Company id", companies.join(", ")),
        ("State", heard.state.map(|state| state.title().to_owned()).unwrap_or_default()),
        ("Adapter", heard.adapter.clone()),
    ]
}

fn port_facts(row: &Sighting) -> Vec<(&'static str, String)> {
    let port = &row.facts;
    let usb = port.vid.zip(port.pid).map(|(vid, pid)| format!("{vid:04x}:{pid:04x}")).unwrap_or_default();
    vec![
        ("Link", row.link.to_string()),
        ("USB id", usb),
        ("Product", port.product.clone().unwrap_or_default()),
        ("Manufacturer", port.manufacturer.clone().unwrap_or_default()),
        ("Serial number", port.serial_number.clone().unwrap_or_default()),
    ]
}

fn answer_facts(row: &Sighting) -> Vec<(&'static str, String)> {
    let Probe::Answered(identity) = &row.probe else { return Vec::new() };
    let info = identity.info.clone().unwrap_or_default();
    vec![
        ("Firmware", format!("{} {}", info.firmware, info.firmware_version).trim().to_owned()),
        ("Hardware", info.hardware),
        ("State", identity.state.title().to_owned()),
        ("Answered in", identity.driver.to_string()),
    ]
}

fn add_path(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        let response = field(ui, "Add a link", &mut app.discover.typed_path, "/dev/pts/4, COM7 or http:192.168.4.1");
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let is_typed = !app.discover.typed_path.trim().is_empty();
        let add = Button::new("Add").icon(icon::ADD).named("Add the link").enabled_if(is_typed, "Type a link first");
        if add.pressed(ui) || (is_entered && is_typed) {
            pass.did(DiscoverAction::AddedPath);
        }
        let explained = "To reach a gateway on its own access point, join that with this laptop, then add http:192.168.4.1. \
                         Bluetooth: ble:ADDRESS, UDP: udp:HOST:PORT";
        small(ui, "For what no scan lists").on_hover_text(explained);
    });
    if app.discover.typed_path.trim_start().starts_with("http") {
        small(ui, "Join the gateway's own access point with this laptop first; most are reached at http:192.168.4.1");
    }
    if let Some(error) = &app.discover.path_error {
        ui.colored_label(palette(ui).danger, error);
    }
}
