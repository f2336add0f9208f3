//! All integration tests in one binary.

mod commission;
mod profiles;
mod screens;
mod support;
