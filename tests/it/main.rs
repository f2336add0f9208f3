//! All integration tests in one binary.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says on standard error what it left out"
)]

#[cfg(unix)]
mod cli;
mod commission;
mod improv_sdk;
mod layers;
mod peers;
mod profiles;
#[cfg(unix)]
mod program;
mod support;
