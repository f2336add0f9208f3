//! Where the lines between panes stand. Panes read and move them while they are drawn; the window keeps them in the settings.

use std::collections::BTreeMap;

use egui::{Context, Id, Ui};

/// Where the lines stand, by the name of the place, in thousandths.
#[derive(Clone, Default)]
struct Shares {
    by_place: BTreeMap<String, u16>,
    is_changed: bool,
}

fn id() -> Id {
    Id::unique("shares")
}

/// The share of the first of two panes, where a person moved the line.
pub(super) fn of(ui: &Ui, place: &str) -> Option<f32> {
    ui.data(|data| data.get_temp::<Shares>(id())?.by_place.get(place).map(|share| f32::from(*share) / 1000.0))
}

/// Moves the line; `None` puts it back where it usually is.
pub(super) fn set(ui: &Ui, place: &str, share: Option<f32>) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is between 0 and 1")]
    let thousandths = share.map(|share| (share.clamp(0.0, 1.0) * 1000.0).round() as u16);
    ui.data_mut(|data| {
        let shares = data.get_temp_mut_or_default::<Shares>(id());
        shares.is_changed = true;
        match thousandths {
            Some(share) => drop(shares.by_place.insert(place.to_owned(), share)),
            None => drop(shares.by_place.remove(place)),
        }
    });
}

/// Puts all lines where they stood in an earlier run.
pub(in crate::ui) fn restore(ctx: &Context, by_place: &BTreeMap<String, u16>) {
    let shares = Shares { by_place: by_place.clone(), is_changed: false };
    ctx.data_mut(|data| data.insert_temp(id(), shares));
}

/// Where all lines stand, if one was moved since the last time.
pub(in crate::ui) fn take_changed(ctx: &Context) -> Option<BTreeMap<String, u16>> {
    ctx.data_mut(|data| {
        let shares = data.get_temp_mut_or_default::<Shares>(id());
        std::mem::take(&mut shares.is_changed).then(|| shares.by_place.clone())
    })
}
