//! The judge of network checks: every row of every vendor, scenarios as files, and what holds for any evidence.

mod notation;
mod properties;
mod rows;
mod scenarios;
mod texts;

use linesman::check::Plan;
use linesman::check::evidence::About;
use linesman::profile::Catalog;

/// The plan of a built-in profile.
fn plan(id: &str, about: About) -> Plan {
    let catalog = Catalog::built_in();
    let profile = catalog.find(id).unwrap_or_else(|_| panic!("there is no profile {id}"));
    Plan::new(profile, About { profile: Some(profile.id.clone()), ..about })
}
