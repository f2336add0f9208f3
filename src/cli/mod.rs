//! The command line: reads arguments, sends the same commands as the window, prints events as text or JSON lines.
//!
//! Exit codes: 0 done and good, 1 done with findings or refused, 2 wrong usage or input, 3 could not run, 4 unknown.

mod about;
mod act;
mod advice;
pub mod args;
mod batch;
mod bench_broker;
mod check;
mod check_args;
mod commission;
mod decoding;
mod demo;
mod destinations;
mod device;
mod discover;
mod follow;
mod format;
mod inspect;
mod keyboard;
mod lines;
mod mqtt;
mod mqtt_args;
mod output;
pub mod profiles;
mod publish;
mod records;
mod records_report;
mod replay;
mod retained;
mod secret_input;
mod session;
mod sieve;
mod sim;
mod site;
mod site_args;
mod terminal;
mod verify;
mod wipe;
mod wipe_args;
mod wipe_broker;
mod wipe_scan;
mod wipe_several;

pub use about::about;
pub use args::without_secrets;
pub use batch::batch;
pub use bench_broker::bench_broker;
pub use check::check;
pub use commission::commission;
pub use demo::tour;
pub use destinations::{read_by, settle};
pub use device::device;
pub use discover::discover;
pub use inspect::inspect;
pub use output::{Exit, Output, fail};
pub use publish::publish;
pub use records::{records, server_setup};
pub use replay::replay;
pub use retained::retained;
pub use sim::{announce, announce_network, network_folder, plan as sim_plan};
pub use site::site;
pub use terminal::terminal;
pub use verify::verified;
pub use wipe::wipe;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::ids::JobId;

/// The next free job number of this process.
fn next_job() -> JobId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    JobId(NEXT.fetch_add(1, Ordering::Relaxed))
}
