//! Operations in steps, written against the small traits of [`port`]: the same code runs on a cable and on a simulator.
//!
//! A flow never names a socket, a serial port or a window. Time is tokio's, so that tests can pause it.

pub mod batch;
pub mod commission;
pub mod conclude;
pub mod console;
pub mod device;
pub mod discover;
mod driver;
mod error;
mod esp;
mod improv;
mod improv_ble;
pub mod inspect;
pub mod port;
pub mod report;
mod smp;
mod smp_error;
pub mod terminal;
pub mod transcript;

pub use device::DeviceError;
pub use error::SessionError;
pub use esp::EspError;
pub use improv_ble::ImprovBleError;
pub use smp_error::SmpError;
