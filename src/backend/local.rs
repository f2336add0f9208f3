//! What a front end does with files by itself, before or after the workers: it writes what they fetched, and reads secrets and
//! sites.

pub use super::certificates::prepare_certificates;
pub use super::removals::read_removals;
pub use super::site_files::{NotLoaded, find_site, list_sites, load_site, profiles, read_found};
pub use crate::io::save::{check, save};
pub use crate::io::secret_file::{read as read_secret, read_standard_input as read_secret_from_standard_input};
pub use crate::io::whole::read as read_whole;
