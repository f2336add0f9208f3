//! Where Tab leads while nothing has the keyboard: in a new window, and once a form that was sent or a dialog is no longer drawn.
//!
//! egui begins at what is drawn first, the status line, far from where a person is at work. Here Tab leads to the main button of
//! what is shown, else to its list. Nothing is focused before: a key that is pressed twice must not press it.

use egui::{FocusDirection, Id, Key, Modifiers, Ui};

/// What Tab leads to; the later ones before the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::ui) enum Home {
    /// A list, the first that is drawn.
    List,
    /// The main button of what is shown, the last that is drawn.
    MainButton,
}

/// What was offered in a frame.
#[derive(Clone, Copy)]
struct Offer {
    frame: u64,
    home: Home,
    id: Id,
}

const OFFER: &str = "home-of-the-keyboard";

/// Offers a control that was drawn.
pub(in crate::ui) fn offer(ui: &Ui, home: Home, id: Id) {
    let frame = ui.ctx().cumulative_frame_nr();
    ui.data_mut(|data| {
        let before = data.get_temp::<Offer>(Id::unique(OFFER)).filter(|offer| offer.frame == frame);
        if before.is_none_or(|before| home > before.home || home == Home::MainButton) {
            data.insert_temp(Id::unique(OFFER), Offer { frame, home, id });
        }
    });
}

/// Leads Tab there. To be called before anything is drawn.
pub(in crate::ui) fn lead(ui: &Ui) {
    if ui.memory(|memory| memory.focused().is_some()) {
        return;
    }
    let last_frame = ui.ctx().cumulative_frame_nr().saturating_sub(1);
    let offer = ui.data(|data| data.get_temp::<Offer>(Id::unique(OFFER))).filter(|offer| offer.frame >= last_frame);
    if let Some(offer) = offer
        && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Tab))
    {
        ui.memory_mut(|memory| {
            memory.move_focus(FocusDirection::None);
            memory.request_focus(offer.id);
        });
    }
}
