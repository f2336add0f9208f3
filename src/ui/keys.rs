//! Keys that work everywhere in the window. Those of a list or field are its own.

use egui::{Frame, Id, Key, Modal, Modifiers, RichText, Role, ScrollArea, Ui};

use super::gateways::FILTER;
use super::pass::Pass;
use super::records::SEARCH;
use super::theme::{GRID, TWO_PANES_FROM, palette, scrim};
use super::widgets::{Button, lead, select_all, strong};
use crate::app::discover::DiscoverAction;
use crate::app::palette::PaletteAction;
use crate::app::records::RecordsAction;
use crate::app::settings::SettingsAction;
use crate::app::{Action, App, Place};
use crate::model::settings::Settings;

/// The keys of the places, in their order.
const PLACES: [Key; 5] = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5];
/// The keys as F1 lists them: where they work, what they are, what they do.
const LISTED: [(&str, &[(&str, &str)]); 5] = [
    (
        "Everywhere",
        &[
            ("Ctrl+1 to 5", "Gateways, Network check, Telemetry, Records, Settings"),
            ("Ctrl+K", "Palette: every act, gateway and topic in one field"),
            ("Ctrl+F", "Filter or search the list"),
            ("F5", "Look again: query the gateway selected (all of them where none is), refresh the records"),
            ("Ctrl+Plus, Minus, 0", "Larger, smaller, usual size"),
            ("Esc", "One step back"),
            ("F1", "This list"),
        ],
    ),
    (
        "In a list",
        &[
            ("\u{2191} \u{2193} Home End", "Go through the rows"),
            ("\u{2193} in the filter", "Go to the first gateway in the list"),
            ("Letters", "Go to the next row that begins with them"),
            ("Enter", "What the row's main button does"),
            ("Shift+\u{2191} \u{2193}", "Select several in a row"),
            ("Ctrl+\u{2191} \u{2193}, Space", "Go to a row without selecting it, add it to the selection"),
            ("Ctrl+C", "Copy the rows, columns separated by tabs"),
        ],
    ),
    (
        "Setting up",
        &[
            ("Enter", "Connect, send, or correct the passphrase"),
            ("Ctrl+Enter", "Next gateway, once this one has joined"),
        ],
    ),
    (
        "In a terminal",
        &[
            ("Shift+\u{2191} \u{2193} \u{2190} \u{2192} Home End", "Select"),
            ("Ctrl+Shift+A, Ctrl+Shift+C", "Select everything, copy what is selected"),
            ("Ctrl+C", "Copy what is selected; with nothing selected, interrupt the device"),
            ("Shift+Page Up, Page Down", "Look back and on"),
        ],
    ),
    ("Between panes", &[("\u{2190} \u{2192}", "Move the line between panes while it has the keyboard")]),
];
/// Room for the names of keys.
const KEY_WIDTH: f32 = 140.0;
/// The sizes of everything, which Ctrl+plus and Ctrl+minus go through.
const SCALES: [f32; 7] = [0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0];

/// Takes the keys out of the input and does what they ask for.
pub(super) fn take(ui: &Ui, app: &mut App, pass: &mut Pass<'_>) {
    if app.is_covered() {
        return;
    }
    lead(ui);
    let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
    for (key, place) in PLACES.into_iter().zip(Place::ALL) {
        if pressed(Modifiers::COMMAND, key) {
            pass.did(Action::WentTo(place));
        }
    }
    if pressed(Modifiers::COMMAND, Key::K) {
        pass.did(PaletteAction::Opened);
    }
    if pressed(Modifiers::NONE, Key::F1) {
        pass.did(Action::ShowedKeys(true));
    }
    if pressed(Modifiers::NONE, Key::F5) {
        look_again(app.place(), pass);
    }
    if pressed(Modifiers::COMMAND, Key::F) {
        let field = match app.place() {
            Place::Gateways => Some(FILTER),
            Place::Records => Some(SEARCH),
            Place::Telemetry => Some(super::telemetry::search(app)),
            Place::Check | Place::Settings => None,
        };
        if let Some(field) = field {
            let id = egui::Id::unique(field);
            ui.memory_mut(|memory| memory.request_focus(id));
            // What was searched for before is replaced by typing.
            select_all(ui, id);
        }
    }
    if app.place() == Place::Gateways && pressed(Modifiers::COMMAND, Key::Enter) {
        pass.did(Action::WentOn);
    }
    // In one column Escape leads from the detail to the list, once no field has the keyboard.
    let is_narrow = ui.ctx().content_rect().width() < TWO_PANES_FROM;
    let is_free = ui.memory(|memory| memory.focused().is_none());
    if is_narrow && is_free && app.place() == Place::Gateways && pressed(Modifiers::NONE, Key::Escape) {
        pass.did(Action::WentBack);
    }
    if is_free && let Some(act) = super::gateways::set_up::primary(app).filter(|_| pressed(Modifiers::NONE, Key::Enter))
    {
        pass.did(act);
    }
    let bigger = pressed(Modifiers::COMMAND, Key::Plus) || pressed(Modifiers::COMMAND, Key::Equals);
    let smaller = pressed(Modifiers::COMMAND, Key::Minus);
    let usual = pressed(Modifiers::COMMAND, Key::Num0);
    let scale = scaled(app.settings.values.scale, bigger, smaller, usual);
    if (scale - app.settings.values.scale).abs() > 0.001 {
        app.settings.values.scale = scale.clamp(*Settings::SCALE_RANGE.start(), *Settings::SCALE_RANGE.end());
        pass.did(SettingsAction::Changed);
    }
}

/// Shows all keys, until any of them closes the list.
pub(super) fn list(ui: &Ui, pass: &mut Pass<'_>) {
    let id = Id::unique("keys");
    let area = Modal::default_area(id).accessible_name("Keys").role(Role::Dialog);
    let frame = Frame::window(ui.style()).fill(palette(ui).page);
    let modal = Modal::new(id).area(area).frame(frame).backdrop_color(scrim(ui)).show(ui.ctx(), |ui| {
        ui.set_width(480.0_f32.min(ui.ctx().content_rect().width() - 60.0));
        let most = ui.ctx().content_rect().height() - 110.0;
        ScrollArea::vertical().max_height(most).min_scrolled_height(most).auto_shrink([false, true]).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 3.0;
            for (place, keys) in LISTED {
                strong(ui, place);
                for (key, what) in keys {
                    // Both begin at the same height, of however many lines the text is.
                    ui.horizontal_top(|ui| {
                        let named = ui.label(RichText::new(*key).color(palette(ui).muted));
                        ui.add_space((KEY_WIDTH - named.rect.width()).max(0.0));
                        // One that is cut in no line: the list would grow beyond a small window.
                        ui.add(egui::Label::new(*what).wrap());
                    });
                }
                ui.add_space(GRID);
            }
        });
        let close = Button::new("Close").named("Close the list of keys").show(ui);
        if ui.memory(|memory| memory.focused().is_none()) {
            close.request_focus();
        }
        close.clicked()
    });
    let is_left = ui.input(|input| input.key_pressed(Key::Escape) || input.key_pressed(Key::F1));
    if modal.inner || is_left || modal.backdrop_response.clicked() {
        pass.did(Action::ShowedKeys(false));
    }
}

fn look_again(place: Place, pass: &mut Pass<'_>) {
    match place {
        Place::Gateways => pass.did(DiscoverAction::AskedSelected),
        Place::Records => pass.did(RecordsAction::Refreshed),
        Place::Check | Place::Telemetry | Place::Settings => {}
    }
}

fn scaled(now: f32, is_bigger: bool, is_smaller: bool, is_usual: bool) -> f32 {
    let next = |scale: &&f32| **scale > now + 0.01;
    let before = |scale: &&f32| **scale < now - 0.01;
    match (is_bigger, is_smaller, is_usual) {
        (true, ..) => SCALES.iter().find(next).copied().unwrap_or(now),
        (_, true, _) => SCALES.iter().rev().find(before).copied().unwrap_or(now),
        (_, _, true) => 1.0,
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plus_and_minus_go_through_the_scales_and_end_at_the_last() {
        let up = |now| scaled(now, true, false, false);
        let down = |now| scaled(now, false, true, false);
        assert!((up(1.0) - 1.1).abs() < 0.001 && (down(1.0) - 0.9).abs() < 0.001);
        assert!((up(2.0) - 2.0).abs() < 0.001 && (down(0.8) - 0.8).abs() < 0.001);
        assert!((scaled(1.5, false, false, true) - 1.0).abs() < 0.001);
    }
}
