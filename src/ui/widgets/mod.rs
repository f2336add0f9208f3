//! The parts every screen is built from. Each control has an accessible name without icon glyphs.

mod button;
mod field;
mod frame;
mod hold;
mod home;
mod panes;
mod problem;
mod row_end;
pub(super) mod rows;
pub(super) mod shares;
mod text;

pub(super) use button::{Button, choice, focus_ring, segments};
pub(super) use field::{
    bare_field, check, field, forget_undo, goes_to, labelled, path_field, secret_field, select_all,
};
pub(super) use frame::{boxed, call, empty_state, fixed, group, header, notice, pill, reveal_once, titled_group};
pub(super) use hold::hold_button;
pub(super) use home::lead;
pub(super) use panes::{beside, split, split_within, surface, tool_row};
pub(super) use problem::{finding, problem_card};
pub(super) use row_end::RowEnd;
pub(super) use rows::row_ground;
pub(super) use text::{
    copyable, count, counted, elided, facts, fold, icon, legible, muted, name, signal_bars, small, strong, truncated,
    unbroken,
};
