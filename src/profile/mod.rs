//! Vendor profiles: what a vendor's system needs, as data.

mod catalog;

pub use catalog::{Basis, Catalog, DriverBinding, Profile};
