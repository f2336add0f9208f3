//! Discover: the list of ports and gateways, what is known of the chosen one, and adding a path by hand.

use egui::{Align, Layout, Rect, Response, RichText, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use super::icon;
use super::pass::Pass;
use super::theme::{CONTROL_HEIGHT, FIELD_WIDTH, GRID, ROW_HEIGHT, chosen, control_radius, medium, palette};
use super::widgets::{
    Button, card, choice, empty_state, facts, field, header, icon as show_icon, muted, pill, problem_card, small,
    truncated,
};
use crate::app::discover::{DiscoverAction, SortKey, display_name, profile_name};
use crate::app::{Action, App};
use crate::model::gateway::{Identity, Probe, Sighting};
use crate::model::ids::LinkAddress;

/// Height of what stands below the list.
const DETAIL_HEIGHT: f32 = 172.0;
/// Below this row width the profile column is left out.
const NO_PROFILE_BELOW: f32 = 660.0;

/// Draws Discover.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    page_header(ui, app, pass);
    if let Some(trouble) = &app.discover.trouble {
        problem_card(ui, trouble);
        ui.add_space(GRID);
    }
    toolbar(ui, app, pass);
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
    let count = app.discover.rows().filter(|row| row.is_present).count();
    let ports = if count == 1 { "1 port here".to_owned() } else { format!("{count} ports here") };
    let askable = app.discover.askable();
    let colour = if count == 0 { palette(ui).muted } else { palette(ui).ok };
    header(
        ui,
        "Discover",
        |ui| {
            pill(ui, colour, &ports);
        },
        |ui| {
            let ask = Button::new("Ask all").icon(icon::UNKNOWN).enabled_if(askable > 0, "No port is left to ask");
            let explained = "Sends each listed port a harmless question. Nothing is sent to a port unless you ask";
            if ask.named("Ask all what they are").show(ui).on_hover_text(explained).clicked() {
                pass.did(DiscoverAction::AskedAll);
            }
        },
    );
}

fn toolbar(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        let id = ui.label("Filter").id;
        let edit = egui::TextEdit::singleline(&mut app.discover.filter).hint_text("Name, port, profile, serial number");
        let width = (FIELD_WIDTH - 60.0).min(ui.available_width() * 0.4);
        let response = ui.add(edit.desired_width(width).margin(egui::Margin::symmetric(10, 7))).labelled_by(id);
        if response.changed() {
            pass.did(DiscoverAction::FilterChanged);
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
    if !app.discover.is_empty() {
        empty_state(ui, icon::DISCOVER, "No port matches the filter", |ui| {
            muted(ui, "Change or clear the text of the filter");
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

/// The places of a row's parts.
struct Columns {
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
        let left = inner.with_max_x(state.left() - 8.0);
        if rect.width() < NO_PROFILE_BELOW {
            return Self { name: left, profile: None, state, buttons };
        }
        let middle = left.left() + left.width() * 0.52;
        Self { name: left.with_max_x(middle - 12.0), profile: Some(left.with_min_x(middle)), state, buttons }
    }
}

fn row(ui: &mut Ui, app: &App, sighting: &Sighting, pass: &mut Pass<'_>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW_HEIGHT), Sense::click());
    let is_chosen = app.discover.selected() == Some(&sighting.link);
    row_ground(ui, rect, &response, is_chosen, sighting);
    if response.clicked() {
        pass.did(DiscoverAction::Selected(sighting.link.clone()));
    }
    let columns = Columns::of(rect);
    let part = |ui: &mut Ui, rect: Rect, layout: Layout, add: &mut dyn FnMut(&mut Ui)| {
        let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(layout));
        child.set_clip_rect(child.clip_rect().intersect(rect.expand(3.0)));
        add(&mut child);
    };
    let lines = Layout::top_down(Align::Min);
    part(ui, columns.name, lines, &mut |ui| name_part(ui, sighting));
    if let Some(rect) = columns.profile {
        part(ui, rect, lines, &mut |ui| profile_part(ui, app, sighting));
    }
    part(ui, columns.state, Layout::left_to_right(Align::Center), &mut |ui| state_part(ui, sighting));
    let buttons = Layout::right_to_left(Align::Center);
    part(ui, columns.buttons, buttons, &mut |ui| buttons_part(ui, sighting, pass));
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

fn name_part(ui: &mut Ui, sighting: &Sighting) {
    two_lines(ui);
    let palette = palette(ui);
    let colour = if sighting.is_present { palette.strong } else { palette.muted };
    ui.horizontal(|ui| {
        let glyph = if sighting.facts.vid.is_some() { icon::USB } else { icon::DEVICE };
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

fn state_part(ui: &mut Ui, sighting: &Sighting) {
    let palette = palette(ui);
    let (colour, text) = match &sighting.probe {
        _ if !sighting.is_present => (palette.muted, "Gone"),
        Probe::NotAsked => (palette.muted, "Not asked"),
        Probe::Asking => (palette.accent, "Asking…"),
        Probe::Answered(_) => (palette.ok, "Answered"),
        Probe::Failed(_) => (palette.danger, "No answer"),
    };
    let hover = match &sighting.probe {
        Probe::Answered(identity) => answer_line(identity),
        Probe::Failed(problem) => problem.what.clone(),
        Probe::NotAsked => "Nothing was sent to this port".to_owned(),
        Probe::Asking => "A harmless question is on its way".to_owned(),
    };
    pill(ui, colour, text).on_hover_text(hover);
}

fn buttons_part(ui: &mut Ui, sighting: &Sighting, pass: &mut Pass<'_>) {
    let place = sighting.link.place();
    let is_here = sighting.is_present;
    let name = format!("Commission {place}");
    let commission = Button::new("Commission").named(&name).enabled_if(is_here, "The port is gone");
    if commission.pressed(ui) {
        pass.did(Action::TookToCommission(sighting.link.clone()));
    }
    let is_askable = is_here && sighting.probe != Probe::Asking;
    let name = format!("Ask {place} what it is");
    let ask = Button::new("Ask what it is").named(&name).enabled_if(is_askable, "It cannot be asked now");
    if ask.pressed(ui) {
        pass.did(DiscoverAction::Asked(sighting.link.clone()));
    }
}

fn answer_line(identity: &Identity) -> String {
    let info = identity.info.as_ref().map(|info| format!("{} {}, ", info.firmware, info.firmware_version));
    format!("{}{}", info.unwrap_or_default(), identity.state.title())
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
    if let Probe::Failed(problem) = &row.probe {
        problem_card(ui, problem);
        ui.add_space(GRID);
    }
    let facts_here = [port_facts(row), answer_facts(row)].concat();
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
        let response = field(ui, "Add a path", &mut app.discover.typed_path, "/dev/pts/4 or COM7");
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let is_typed = !app.discover.typed_path.trim().is_empty();
        let add = Button::new("Add").icon(icon::ADD).named("Add the path").enabled_if(is_typed, "Type a path first");
        if add.pressed(ui) || (is_entered && is_typed) {
            pass.did(DiscoverAction::AddedPath);
        }
        small(ui, "For ports no scan lists");
    });
    if let Some(error) = &app.discover.path_error {
        ui.colored_label(palette(ui).danger, error);
    }
}
