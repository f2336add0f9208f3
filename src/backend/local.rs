//! What a front end does with files by itself, before or after the workers: it writes what they fetched, and reads secrets.

pub use crate::io::save::{check, save};
