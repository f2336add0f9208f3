//! Runs the commands of a front end on a runtime of its own and reports events. Never touches a window.

mod batch;
mod bench;
mod certificates;
mod check;
mod handle;
mod job;
pub mod local;
mod network;
mod removals;
mod run;
mod site;
pub mod site_files;
mod start;
mod telemetry;

pub use handle::{Handle, Reporter, channels};
pub use network::run_network;
pub use site::{DemoPlan, run_simulator};
pub use start::{Backend, Config, start};
