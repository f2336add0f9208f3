//! What a site's network lets a gateway reach: the plan of a check, what was observed, and what follows from it.
//!
//! Three layers, kept apart so that a saved run can be judged again: a [`plan`] says which rows are looked at and how, made
//! from a profile and what the person on site knows; [`seen`] holds raw observations, append-only and serialisable; [`judge`]
//! turns both into verdicts and is a pure, total function. [`explain`] puts
//! verdicts into words for people and for whoever runs the firewall. Nothing here sends a packet or reads a clock: `flow::check` asks the
//! [`question`]s in their order and `io::probe` answers them, or a gateway's own programs by way of [`gateway`].

pub mod asked;
pub mod beside;
pub mod compare;
pub mod controls;
pub mod evidence;
pub mod explain;
pub mod gateway;
pub mod judge;
mod on_record;
pub mod plan;
pub mod question;
pub mod report;
pub mod seen;
pub mod verdict;

pub use evidence::Evidence;
pub use judge::judge;
pub use on_record::on_record;
pub use plan::Plan;
pub use seen::{Observation, Seen};
pub use verdict::{Judged, Reason, RowState, RowVerdict};
