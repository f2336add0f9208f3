//! How a gateway stands, as sign and word. Each sign has a shape of its own, so colour is never alone.

use egui::{Color32, RichText, TextStyle, Ui};

use crate::model::standing::{Stand, Standing, Tone};
use crate::ui::icon;
use crate::ui::theme::{ICON_SIZE, Palette, palette};
use crate::ui::widgets::icon as show_icon;
use crate::ui::widgets::rows::one_line;

/// The sign of a standing, its colour, and the colour of its word.
pub(super) const fn look(palette: &Palette, standing: Standing) -> (&'static str, Color32, Color32) {
    let sign = match standing {
        Standing::NotQueried | Standing::Queued => icon::PENDING,
        Standing::NeedsLogin => icon::LOCK,
        Standing::Querying | Standing::SettingUp => icon::NOTCH,
        Standing::Ready => icon::READY,
        Standing::PressButton => icon::PRESS,
        Standing::AlreadySetUp | Standing::Joined | Standing::Managed => icon::JOINED,
        Standing::InService => icon::TELEMETRY,
        Standing::Incomplete => icon::WARNING,
        Standing::Removed => icon::STOPPED,
        Standing::Refused => icon::REFUSED,
        Standing::Unknown => icon::UNKNOWN,
        Standing::SwitchedOff => icon::OFF,
        Standing::NoAnswer | Standing::CannotOpen => icon::UNREACHED,
        Standing::NotSeen => icon::NOT_SEEN,
    };
    let (colour, word) = match standing.tone() {
        Tone::Quiet => (palette.muted, palette.muted),
        Tone::Busy => (palette.link, palette.text),
        Tone::Good if matches!(standing, Standing::Ready) => (palette.link, palette.text),
        Tone::Good => (palette.ok, palette.text),
        Tone::Calls => (palette.warn, palette.warn),
        Tone::Bad => (palette.danger, palette.danger),
    };
    (sign, colour, word)
}

/// The room that sign and word take, with what stands between them and a name.
pub(super) fn width(ui: &Ui, stand: &Stand) -> f32 {
    let font = TextStyle::Body.resolve(ui.style());
    one_line(ui, stand.standing.title(), font, Color32::PLACEHOLDER, f32::INFINITY).size().x + ICON_SIZE + 26.0
}

/// Sign and word, with what they rest on on hover.
pub(super) fn show(ui: &mut Ui, stand: &Stand) {
    let (sign, colour, word) = look(palette(ui), stand.standing);
    show_icon(ui, sign, colour);
    ui.label(RichText::new(stand.standing.title()).color(word)).on_hover_text(&stand.because);
}
