//! A button that must be held: by the pointer, or by Space while it has the keyboard. Letting go empties it.

use egui::{Align2, Key, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2};

use super::button::focus_ring;
use crate::ui::theme::{CONTROL_HEIGHT, control_radius, palette, tint};

/// For how many seconds it is held.
pub(in crate::ui) const HOLD_SECONDS: f32 = 3.0;
/// The longest step that counts: a window that stood still was not held meanwhile.
const MOST_STEP: f32 = 0.25;
/// Room beside the text.
const PADDING: f32 = 16.0;

/// How long it has been held.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Held {
    seconds: f32,
    /// It was held to its end, and must be let go before it counts again.
    is_spent: bool,
}

impl Held {
    /// Goes on; whether it was held to its end just now.
    fn advance(&mut self, is_down: bool, step: f32) -> bool {
        if !is_down {
            *self = Self::default();
            return false;
        }
        self.seconds = (self.seconds + step.clamp(0.0, MOST_STEP)).min(HOLD_SECONDS);
        let is_done = self.seconds >= HOLD_SECONDS && !self.is_spent;
        self.is_spent |= is_done;
        is_done
    }
}

/// Shows it; whether it was held to its end just now. A click does nothing.
pub(in crate::ui) fn hold_button(ui: &mut Ui, text: &str, is_enabled: bool, why_disabled: &str) -> bool {
    let palette = palette(ui);
    let font = egui::TextStyle::Button.resolve(ui.style());
    let width = ui.painter().layout_no_wrap(text.to_owned(), font.clone(), palette.strong).size().x;
    let size = Vec2::new(width + 2.0 * PADDING, CONTROL_HEIGHT);
    // A press of more than a moment is a drag: as a click alone it would be over before the button is full.
    let sense = if is_enabled { Sense::click_and_drag() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(size, sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, is_enabled, text));
    let is_by_key = response.has_focus() && ui.input(|input| input.key_down(Key::Space));
    let is_on_it = || ui.input(|input| input.pointer.interact_pos().is_some_and(|at| rect.contains(at)));
    let is_down = is_enabled && (response.is_pointer_button_down_on() && is_on_it() || is_by_key);
    let mut held: Held = ui.data(|data| data.get_temp(response.id)).unwrap_or_default();
    let is_done = held.advance(is_down, ui.input(|input| input.stable_dt));
    ui.data_mut(|data| data.insert_temp(response.id, held));
    if is_down {
        ui.ctx().request_repaint();
    }
    paint(ui, rect, text, held, is_enabled);
    focus_ring(ui, &response);
    let hint = format!("Hold for {HOLD_SECONDS} s, or hold Space");
    response.on_hover_text(hint).on_disabled_hover_text(why_disabled);
    is_done
}

fn paint(ui: &Ui, rect: Rect, text: &str, held: Held, is_enabled: bool) {
    let palette = palette(ui);
    let radius = control_radius();
    let ink = if is_enabled { palette.danger } else { palette.muted };
    ui.painter().rect_filled(rect, radius, tint(ui, palette.danger));
    let filled = rect.left() + rect.width() * held.seconds / HOLD_SECONDS;
    let full = Rect::from_min_max(rect.min, pos2(filled, rect.bottom()));
    ui.painter().rect_filled(full, radius, palette.hold);
    ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, ink), StrokeKind::Inside);
    let font = egui::TextStyle::Button.resolve(ui.style());
    let ink = if is_enabled { palette.strong } else { palette.muted };
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, font, ink);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_once_held_to_its_end_and_letting_go_empties_it() {
        let mut held = Held::default();
        assert!(!(0..11).any(|_| held.advance(true, 0.25)));
        assert!(!held.advance(false, 0.25));
        assert_eq!(held, Held::default());
        assert_eq!((0..40).filter(|_| held.advance(true, 0.25)).count(), 1, "once, however long");
        held.advance(false, 0.0);
        assert!(!held.advance(true, 100.0), "a window that stood still was not held meanwhile");
    }

    /// How often it was held to its end in so many frames of 50 ms, with the pointer down on it from the second on; where it is then.
    fn pressed(frames: u16, moves_away_at: Option<u16>) -> usize {
        let context = egui::Context::default();
        let (inside, outside) = (pos2(30.0, 20.0), pos2(500.0, 400.0));
        let mut done = 0;
        for frame in 0..frames {
            let at = if moves_away_at.is_some_and(|away| frame >= away) { outside } else { inside };
            let mut events = vec![egui::Event::PointerMoved(at)];
            if frame == 1 {
                let modifiers = egui::Modifiers::NONE;
                events.push(egui::Event::PointerButton {
                    pos: at,
                    button: egui::PointerButton::Primary,
                    pressed: true,
                    modifiers,
                });
            }
            let input = egui::RawInput {
                screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, Vec2::new(800.0, 600.0))),
                time: Some(f64::from(frame) * 0.05),
                events,
                ..egui::RawInput::default()
            };
            let mut output =
                context.run_ui(input, |ui| done += usize::from(hold_button(ui, "Hold to remove", true, "")));
            output.textures_delta.clear();
        }
        done
    }

    #[test]
    fn the_pointer_held_down_on_it_fills_it_and_moved_away_empties_it() {
        assert_eq!(pressed(50, None), 0, "2.4 s are too short");
        assert_eq!(pressed(200, None), 1, "once, however long");
        assert_eq!(pressed(200, Some(40)), 0);
    }
}
