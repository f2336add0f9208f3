//! The login console of a Linux gateway: what a person would do with a terminal program, as state machines without I/O.
//!
//! [`session`] logs in, runs commands and logs out; [`lines`] makes lines of what a terminal would draw; [`prompt`] knows what
//! a console waits for; [`quote`] writes commands and files for a shell; [`nmcli`] and [`system`] are the questions and how
//! their answers are read. Sources: agetty(8), login(1), POSIX.1-2017 XCU 2 (shell command language), nmcli(1).
//!
//! Nothing that a device writes is taken for a shell until it has calculated something; no secret is part of a command.

pub mod lines;
pub mod nmcli;
pub mod prompt;
pub mod quote;
pub mod session;
pub mod system;
pub mod wipe;

#[cfg(test)]
mod tests;

/// What decides the language of a program, all of it: `LANGUAGE` counts more than `LC_ALL` where that is no plain `C`, and a
/// system without `C.UTF-8` falls back to `C`.
pub(crate) const LANGUAGE: &str = "LANGUAGE=C LC_ALL=C.UTF-8 LC_MESSAGES=C LANG=C.UTF-8";

/// Speed of most consoles, in bits a second.
pub const BAUD: u32 = 115_200;
