//! Vendor profiles: what a vendor's system needs, as data.
//!
//! `schema` says which tables and keys there are, `load` turns a text into a [`Profile`] or into all its mistakes,
//! `catalog` holds the built-in profiles and those of the user. `overrides` reads the other file of the same kind that
//! people write: where a test site's packets go. Nothing here reads a file.

pub mod broker;
mod catalog;
mod error;
mod kind;
mod load;
pub mod overrides;
mod pattern;
mod read;
mod recognise;
pub mod rules;
pub mod schema;
pub mod site;
mod wipe;

pub use crate::model::basis::Basis;
pub use catalog::Catalog;
pub use error::{Fault, FileError, FileKind};
pub use kind::kind_of;
pub use load::parse_profile;
pub use pattern::{Glob, ServiceUuid};
pub use rules::{CredentialRule, DriverBinding, DriverSettings, Profile, PushWay, Template};
