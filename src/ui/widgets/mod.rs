//! The parts every screen is built from. Each control has an accessible name without icon glyphs.

mod button;
mod field;
mod frame;
mod panes;
mod problem;
pub(super) mod rows;
mod text;

pub(super) use button::{Button, choice, focus_ring, nav_item};
pub(super) use field::{check, field, labelled, path_field};
pub(super) use frame::{banner, card, empty_state, header, notice, pill, titled_card};
pub(super) use panes::{beside, surface};
pub(super) use problem::{finding, problem_card};
pub(super) use text::{copyable, facts, fold, icon, muted, signal_bars, small, strong, truncated};
