//! Operations in steps, written against the small traits of [`port`]: the same code runs on a cable and on a simulator.
//!
//! A flow never names a socket, a serial port or a window. Time is tokio's, so that tests can pause it.

pub mod batch;
pub mod check;
pub mod commission;
pub mod conclude;
pub mod console;
pub mod device;
pub mod discover;
mod driver;
mod drivers;
mod error;
mod esp;
mod heard;
mod improv;
pub mod inspect;
mod log_lines;
mod look;
pub mod port;
pub mod report;
mod smp;
mod step;
pub mod terminal;
pub mod transcript;
pub mod wipe;

pub use device::DeviceError;
pub use error::SessionError;
pub use esp::EspError;
pub use heard::Heard;
pub use improv::ImprovBleError;
pub use smp::SmpError;
