//! The detail of the gateway selected: a header that says which one it is and how it stands, and the tabs.

use egui::{Frame, Margin, Popup, RichText, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::{device, facts, history, reach, remove, set_up, standing, telemetry, terminal};
use crate::app::discover::{DiscoverAction, can_be_asked, display_name, profile_name, why_not_asked};
use crate::app::gateways::Tab;
use crate::app::{Action, App};
use crate::model::gateway::{Probe, Sighting};
use crate::model::ids::LinkKind;
use crate::ui::frame::scrolled;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{GRID, PAGE_MARGIN, medium, palette, small_medium, title};
use crate::ui::widgets::{Button, RowEnd, empty_state, fold, muted, name, problem_card, truncated};

/// Height of the row of tabs.
const TABS_HEIGHT: f32 = 32.0;
/// Below this width of the panel the tabs are smaller.
const NARROW_TABS: f32 = 460.0;

/// Draws the detail.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let selected = app.discover.selected().and_then(|link| app.discover.row(link)).cloned();
    let Some(row) = selected else { return nothing_selected(ui) };
    ui.spacing_mut().item_spacing.y = 0.0;
    let margin = Margin { left: PAGE_MARGIN, right: 12, top: 8, bottom: 6 };
    Frame::new().inner_margin(margin).show(ui, |ui| header(ui, app, &row, pass));
    tabs(ui, app, &row, pass);
    let margin = Margin { left: PAGE_MARGIN, right: 0, top: 10, bottom: 0 };
    Frame::new().inner_margin(margin).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = GRID;
        match app.tab() {
            Tab::SetUp => set_up::show(ui, app, pass),
            Tab::Device => scrolled(ui, "device", |ui| device::show(ui, app, pass)),
            // It fills the pane, so that nothing scrolls but its screen.
            Tab::Terminal => {
                let margin = Margin { left: 3, right: 12, top: 3, bottom: 6 };
                Frame::new().inner_margin(margin).show(ui, |ui| terminal::show(ui, app, &row, pass));
            }
            Tab::Telemetry => scrolled(ui, "telemetry", |ui| telemetry::show(ui, app, pass)),
            Tab::Check => scrolled(ui, "reach", |ui| reach::show(ui, app, &row, pass)),
            Tab::Remove => scrolled(ui, "remove", |ui| remove::show(ui, app, &row, pass)),
            Tab::History => scrolled(ui, "history", |ui| history::show(ui, app, &row, pass)),
        }
    });
}

fn nothing_selected(ui: &mut Ui) {
    ui.add_space(ui.available_height() * 0.2);
    empty_state(ui, icon::GATEWAYS, "Select a gateway", |ui| {
        muted(ui, "Its details, its state and what you can do appear here");
        muted(ui, "To set up several at once, select them with Ctrl, or open a manifest below the list");
    });
}

fn header(ui: &mut Ui, app: &App, row: &Sighting, pass: &mut Pass<'_>) {
    let palette = palette(ui);
    ui.horizontal(|ui| {
        ui.set_min_height(32.0);
        let end = RowEnd::new(ui, "acts");
        end.before(ui, |ui| {
            ui.spacing_mut().item_spacing.x = 10.0;
            let stand = app.discover.stand(row);
            let most = (ui.available_width() - standing::width(ui, &stand)).max(60.0);
            ui.scope(|ui| {
                ui.set_max_width(most);
                name(ui, &display_name(row), title(), palette.strong);
            });
            ui.spacing_mut().item_spacing.x = 6.0;
            standing::show(ui, &stand);
        });
        end.show(ui, |ui| acts(ui, app, row, pass));
    });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let profile = profile_name(row, app.catalog()).unwrap_or_else(|| "No profile recognised".to_owned());
        ui.label(RichText::new(profile).color(palette.text));
        muted(ui, "\u{b7}");
        links(ui, app, row, pass);
        if let Some(serial) = &row.facts.serial_number {
            muted(ui, "\u{b7}");
            muted(ui, "USB");
            truncated(ui, RichText::new(serial).monospace().color(palette.text));
        }
    });
    muted(ui, &why(app, row));
}

/// The link it is reached by; where it has several, the choice between them.
fn links(ui: &mut Ui, app: &App, row: &Sighting, pass: &mut Pass<'_>) {
    let Some((links, proof)) = app.discover.links_of(&row.link) else {
        let text = RichText::new(row.link.to_string()).monospace().color(palette(ui).text);
        truncated(ui, text);
        return;
    };
    let name = format!("Link: {}, one of {}", row.link, links.len());
    let shown = format!("{} of {} links", row.link, links.len());
    let button = Button::new(&shown).icon(icon::DOWN).quiet().named(&name).show(ui).on_hover_text(proof.because());
    Popup::menu(&button).show(|ui| {
        for link in links {
            let is_here = app.discover.row(link).is_some_and(|row| row.is_present);
            let text = if is_here { link.to_string() } else { format!("{link}, not seen") };
            if ui.selectable_label(*link == row.link, text).clicked() {
                pass.did(DiscoverAction::Used(link.clone()));
            }
        }
    });
}

/// Why it is listed as what it is, in a sentence.
fn why(app: &App, row: &Sighting) -> String {
    let because = row.profile.as_ref().map(|guess| format!("Recognised: {}", guess.reason));
    let answered = match &row.probe {
        Probe::Answered(identity) => {
            let info = identity.info.as_ref();
            let firmware = info.map(|info| format!("{} {}", info.firmware, info.firmware_version));
            let firmware = firmware.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            Some(firmware.map_or_else(
                || format!("Answers {}", identity.driver),
                |firmware| format!("Answers {}, reports {firmware}", identity.driver),
            ))
        }
        Probe::NotAsked | Probe::Asking | Probe::Failed(_) => None,
    };
    let stand = app.discover.stand(row).because;
    let tied = app.discover.links_of(&row.link).map(|(_, proof)| proof.because().to_owned());
    // What it reports itself says more than what its port looks like, which stands among what was seen.
    [Some(stand), answered.or(because), tied].into_iter().flatten().collect::<Vec<_>>().join(". ")
}

/// What can be done with it; the act that goes on stands at the edge.
fn acts(ui: &mut Ui, app: &App, row: &Sighting, pass: &mut Pass<'_>) {
    if can_be_asked(row) && app.commission.open_session().is_none() {
        let why = why_not_asked(row).map(|why| format!("Can't be queried: {why}"));
        let name = format!("Query {}", row.link.place());
        let query = Button::new("Query").named(&name).enabled_if(why.is_none(), why.as_deref().unwrap_or_default());
        if query.pressed(ui) {
            pass.did(DiscoverAction::Asked(row.link.clone()));
        }
    }
    match app.tab() {
        Tab::SetUp => set_up::acts(ui, app, pass),
        Tab::Device => device::acts(ui, app, pass),
        Tab::Terminal => terminal::acts(ui, app, row, pass),
        Tab::Remove => remove::acts(ui, app, pass),
        Tab::Telemetry | Tab::Check | Tab::History => {}
    }
}

fn tabs(ui: &mut Ui, app: &App, row: &Sighting, pass: &mut Pass<'_>) {
    let palette = palette(ui);
    let (font, gap) = if ui.available_width() < NARROW_TABS { (small_medium(), 9.0) } else { (medium(), 16.0) };
    let widths =
        Tab::ALL.map(|tab| ui.painter().layout_no_wrap(tab.title().to_owned(), font.clone(), palette.text).size().x);
    let places = tab_places(&widths, ui.available_width(), gap);
    let rows = places.last().map_or(1, |(row, _)| row + 1);
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let size = vec2(ui.available_width(), TABS_HEIGHT * rows as f32);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, palette.line));
    for (tab, (row_of_tabs, left)) in Tab::ALL.into_iter().zip(places) {
        let (is_open, is_off) = (app.tab() == tab, off(tab, row).is_some());
        let colour = match (is_open, is_off) {
            (true, _) => palette.strong,
            (_, true) => palette.muted,
            _ => palette.text,
        };
        let galley = ui.painter().layout_no_wrap(tab.title().to_owned(), font.clone(), colour);
        #[expect(clippy::cast_precision_loss, reason = "a few rows")]
        let top = rect.top() + TABS_HEIGHT * row_of_tabs as f32;
        let place = egui::Rect::from_min_size(pos2(rect.left() + left, top), vec2(galley.size().x, TABS_HEIGHT));
        let response =
            ui.interact(place.expand2(vec2(gap / 2.0, 0.0)), ui.scope_id().with(("tab", tab.title())), Sense::click());
        ui.painter().galley(pos2(place.left(), place.center().y - galley.size().y / 2.0), galley, colour);
        if is_open {
            ui.painter().hline(place.x_range(), place.bottom() - 1.0, Stroke::new(2.0, palette.link));
        }
        if response.has_focus() {
            let ring = Stroke::new(2.0, palette.link);
            ui.painter().rect_stroke(place.expand2(vec2(4.0, -3.0)), 4.0, ring, egui::StrokeKind::Outside);
        }
        let is_enabled = ui.is_enabled();
        response.widget_info(|| WidgetInfo::selected(Role::Tab, is_enabled, is_open, tab.title()));
        if response.clicked() {
            pass.did(Action::OpenedTab(tab));
        }
    }
}

/// In which row each tab stands and how far from the left: what doesn't fit beside the others goes below them.
fn tab_places(widths: &[f32], room: f32, gap: f32) -> Vec<(usize, f32)> {
    let (mut row, mut left) = (0, f32::from(PAGE_MARGIN));
    let place = |width: &f32| {
        if left + width + gap / 2.0 > room && left > f32::from(PAGE_MARGIN) {
            (row, left) = (row + 1, f32::from(PAGE_MARGIN));
        }
        let place = (row, left);
        left += width + gap;
        place
    };
    widths.iter().map(place).collect()
}

/// Why a gateway cannot offer a tab, if it cannot.
pub(super) fn off(tab: Tab, row: &Sighting) -> Option<&'static str> {
    match tab {
        Tab::Device if crate::app::device::Device::drivers(row.link.kind()).next().is_none() => Some(
            "No driver of this version manages gateways over this link. Over serial, Bluetooth or UDP there is one",
        ),
        Tab::Terminal if row.link.kind() != LinkKind::Serial => {
            Some("A terminal needs a serial port. Plug the gateway in with a cable, then select its port")
        }
        _ => None,
    }
}

/// The panel of a tab that is off.
pub(super) fn show_off(ui: &mut Ui, why: &str) {
    empty_state(ui, icon::INFO, "Not over this link", |ui| {
        muted(ui, why);
    });
}

/// What was seen of it, folded away, with the problem of the last question.
pub(super) fn seen(ui: &mut Ui, app: &App, row: &Sighting) {
    if let Probe::Failed(problem) = &row.probe {
        problem_card(ui, problem);
    }
    fold(ui, "seen", "What was seen", |ui| facts::show(ui, app, row));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tab_is_cut_off_however_narrow_the_panel() {
        let widths = [38.0, 38.0, 48.0, 58.0, 34.0, 47.0, 42.0];
        for room in [200.0, 280.0, 330.0, 386.0, 460.0, 900.0] {
            let places = tab_places(&widths, room, 9.0);
            assert!(places.iter().zip(widths).all(|((_, left), width)| left + width <= room), "{room}: {places:?}");
        }
        assert!(tab_places(&widths, 460.0, 9.0).iter().all(|(row, _)| *row == 0));
        assert_eq!(tab_places(&widths, 280.0, 9.0).last(), Some(&(1, f32::from(PAGE_MARGIN) + 56.0)));
    }
}
