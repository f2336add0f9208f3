//! Captured telemetry: what arrives, how it is kept, searched, decoded, plotted, recorded and shown. Pure: no socket, no
//! file, no clock, no window.
//!
//! Messages come in [`batch::Batch`]es and are never handled one by one between threads. What a window wants to see it says
//! in a [`view::ViewSpec`]; it gets a [`view::Snapshot`] with just those rows.

pub mod batch;
pub mod curves;
pub mod decode;
pub mod diff;
pub mod expect;
pub mod export;
pub mod inspector;
pub mod plot;
pub mod query;
pub mod recording;
pub mod silence;
pub mod store;
pub mod sys;
pub mod trigger;
pub mod value;
pub mod view;
