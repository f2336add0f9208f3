//! Runs the commands of a front end on a runtime of its own and reports events. Never touches a window.

mod handle;

pub use handle::{Handle, Reporter, channels};
