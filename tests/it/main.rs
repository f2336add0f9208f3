//! All integration tests in one binary.

mod commission;
mod support;
