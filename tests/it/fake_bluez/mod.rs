//! A stand-in for the system's Bluetooth service: `org.bluez` on a message bus of its own, with devices whose behaviour
//! a test writes as closures. It proves nothing about BlueZ; it puts faults where no real device would put them.
//!
//! ```ignore
//! #[test]
//! fn the_state_is_read() {
//!     on_fake_bus(async |bus| {
//!         let device = FakeDevice::new("C4:4F:33:00:12:AF").name("Gateway 7").service(
//!             SERVICE,
//!             [FakeCharacteristic::new(STATE, &["read", "notify"]).on_read(|_| Answer::Value(vec![2]))],
//!         );
//!         let radio = FakeBluez::new().device(device).start(&bus);
//!         // … the product, in this very process; `radio` changes things on the way.
//!     });
//! }
//! ```
//!
//! The library reads the bus's address once a process, from the environment: `on_fake_bus` runs the test again in a
//! process of its own, with that variable set. A test that starts the program itself uses [`Bus::start`] and hands
//! `Bus::address` to the program as `DBUS_SYSTEM_BUS_ADDRESS`.

#![allow(dead_code, reason = "each test takes what it needs")]

mod bus;
mod service;
mod simulated;
mod world;

#[allow(unused_imports, reason = "each test takes what it needs")]
pub(crate) use bus::{Bus, on_fake_bus, on_fake_bus_with};
#[allow(unused_imports, reason = "each test takes what it needs")]
pub(crate) use service::Radio;
#[allow(unused_imports, reason = "each test takes what it needs")]
pub(crate) use simulated::{Shared, advertise, simulated, tell};
#[allow(unused_imports, reason = "each test takes what it needs")]
pub(crate) use world::{Answer, FakeBluez, FakeCharacteristic, FakeDevice, Peer};
