//! Linesman commissions and diagnoses IoT gateways.
//!
//! Map, from the rules at the bottom to the screens on top; each module imports only what stands above it here:
//!
//! | Module | Holds |
//! |---|---|
//! | [`model`] | plain data and pure rules |
//! | [`fonts`] | the fonts that are built in |
//! | [`profile`] | vendor profiles: schema, loader, the built-in ones |
//! | [`proto`] | wire protocols, without I/O and without a clock |
//! | [`ledger`] | what makes records stand up: the chain of entries, its seals, their audit |
//! | [`papers`] | what is handed to somebody else, as a page or as a PDF; reports of what is on record |
//! | [`certificate`] | what may be claimed of a gateway that was taken out of service, as a paper |
//! | [`check`] | what a site's network lets a gateway reach: plan, observations, verdicts |
//! | [`telemetry`] | captured telemetry: store, decoders, queries, recordings, what a window sees of it |
//! | [`msg`] | the vocabulary between front ends and workers |
//! | [`flow`] | operations in steps, against the traits of [`flow::port`] |
//! | [`io`] | the real ports: serial, records, files, clipboard |
//! | [`sim`] | simulated gateways, and faults to inject |
//! | [`backend`] | runs commands, reports events |
//! | [`cli`] | the command line |
//! | [`app`] | view models |
//! | [`ui`] | the window |
//!
//! Invariants: `proto` does no I/O; no vendor's name stands in code; the window never waits; a secret has a type.
//! `tests/it/layers.rs` checks who imports whom.

#![forbid(unsafe_code)]

pub mod app;
pub mod backend;
pub mod certificate;
pub mod check;
pub mod cli;
pub mod flow;
pub mod fonts;
pub mod io;
pub mod ledger;
pub mod model;
pub mod msg;
pub mod papers;
pub mod profile;
pub mod proto;
pub mod sim;
pub mod telemetry;
pub mod ui;
