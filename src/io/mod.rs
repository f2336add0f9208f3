//! The real ports: everything that touches the operating system.

pub mod serial;
