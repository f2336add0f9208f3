//! Plain data and pure rules: what a gateway, a network, a credential and an outcome are.
//!
//! Nothing here does I/O, reads a clock or knows a window. Every other module may use it.

pub mod credentials;
pub mod gateway;
pub mod ids;
pub mod outcome;
pub mod problem;
pub mod psk;
pub mod record;
pub mod redact;
pub mod secret;
pub mod settings;
pub mod text;
pub mod wifi;
