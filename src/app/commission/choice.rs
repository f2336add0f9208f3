//! Which driver a gateway can be spoken to in, and why we think so.
//!
//! No vendor publishes a push protocol of its own: a profile names the open driver it assumes, and the operator can pick
//! another. A driver that this version cannot speak over the link is listed with the reason, not hidden.

use crate::model::ids::{DriverId, LinkKind};
use crate::profile::{Basis, DriverBinding, Profile};

/// One driver to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverOption {
    /// The driver.
    pub driver: DriverId,
    /// Why it is offered: `documented: …`, `assumed: …`.
    pub note: String,
    /// Whether the profile only assumes it.
    pub is_assumed: bool,
    /// Why it cannot be used here; `None` when it can.
    pub unavailable: Option<String>,
}

impl DriverOption {
    fn named(binding: &DriverBinding, link: LinkKind) -> Self {
        let (note, is_assumed) = match &binding.basis {
            _ if binding.link != link => (format!("The profile names it over {}, not over {link}", binding.link), true),
            Basis::Documented { source, beside: None } => (format!("Documented: {source}"), false),
            Basis::Documented { source, beside: Some(beside) } => {
                (format!("Documented: {source}. Assumed: {}", beside.reason), binding.is_guess())
            }
            Basis::Assumed { reason } => (format!("Assumed: {reason}"), true),
        };
        Self { driver: binding.driver, note, is_assumed, unavailable: why_not(binding.driver, link) }
    }

    fn unnamed(driver: DriverId, link: LinkKind, profile: Option<&Profile>) -> Self {
        let note = match profile {
            Some(profile) => format!("Not named by the profile {}: your own choice", profile.name),
            None => "No profile chosen: your own choice".to_owned(),
        };
        Self { driver, note, is_assumed: true, unavailable: why_not(driver, link) }
    }
}

/// The drivers to choose from over a link: those of the profile first, in its order of preference.
pub fn driver_options(profile: Option<&Profile>, link: LinkKind) -> Vec<DriverOption> {
    let bindings = profile.map_or(&[][..], |profile| &profile.drivers);
    let mut bindings: Vec<&DriverBinding> = bindings.iter().collect();
    // The same driver over this link and over another: the one over this link stands for both.
    bindings.sort_by_key(|binding| binding.link != link);
    let mut options: Vec<DriverOption> =
        bindings.into_iter().map(|binding| DriverOption::named(binding, link)).collect();
    let mut seen = Vec::new();
    options.retain(|option| !seen.contains(&option.driver) && (seen.push(option.driver), true).1);
    let others = DriverId::ALL.iter().copied().filter(|driver| !seen.contains(driver));
    options.extend(others.map(|driver| DriverOption::unnamed(driver, link, profile)));
    options
}

/// The driver to start with: `wanted` if it can be used, else the first that can.
pub(super) fn preselect(options: &[DriverOption], wanted: Option<DriverId>) -> Option<DriverId> {
    let mut usable = options.iter().filter(|option| option.unavailable.is_none()).map(|option| option.driver);
    match wanted {
        Some(wanted) if usable.clone().any(|driver| driver == wanted) => Some(wanted),
        _ => usable.next(),
    }
}

fn why_not(driver: DriverId, link: LinkKind) -> Option<String> {
    let is_available = driver.is_available_over(link);
    (!is_available).then(|| format!("Not available over {link}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Catalog;

    /// The drivers of a built-in profile that names Improv over serial and Espressif's over Bluetooth only.
    fn options() -> Vec<DriverOption> {
        let catalog = Catalog::built_in();
        let names = |profile: &&Profile, driver, link| {
            profile.drivers.iter().any(|binding| binding.driver == driver && binding.link == link)
        };
        let is_wanted = |profile: &&Profile| {
            names(profile, DriverId::Improv, LinkKind::Serial)
                && names(profile, DriverId::EspProv, LinkKind::Ble)
                && !names(profile, DriverId::EspProv, LinkKind::Serial)
        };
        driver_options(Some(catalog.iter().find(is_wanted).unwrap()), LinkKind::Serial)
    }

    #[test]
    fn the_usable_driver_of_the_profile_is_preselected() {
        let options = options();
        assert_eq!(options.len(), DriverId::ALL.len());
        assert_eq!(options[0].driver, DriverId::Improv);
        assert!(options[0].note.starts_with("Assumed: "), "{}", options[0].note);
        assert_eq!(preselect(&options, None), Some(DriverId::Improv));
        assert_eq!(preselect(&options, Some(DriverId::EspProv)), Some(DriverId::EspProv));
    }

    #[test]
    fn a_driver_named_over_another_link_says_so() {
        let options = options();
        let esp = options.iter().find(|option| option.driver == DriverId::EspProv).unwrap();
        assert_eq!(esp.note, "The profile names it over ble, not over serial");
        assert_eq!(esp.unavailable, None);
    }

    #[test]
    fn a_driver_that_does_not_run_over_the_link_says_why_it_cannot_be_used() {
        let options = driver_options(None, LinkKind::Ble);
        let console = options.iter().find(|option| option.driver == DriverId::LinuxConsole).unwrap();
        assert_eq!(console.unavailable.as_deref(), Some("Not available over ble"));
    }

    #[test]
    fn without_a_profile_every_driver_is_listed_and_says_so() {
        let options = driver_options(None, LinkKind::Udp);
        assert_eq!(options.len(), DriverId::ALL.len());
        assert_eq!(options.iter().filter(|option| option.unavailable.is_none()).count(), 1);
        assert!(options.iter().all(|option| option.note.starts_with("No profile")));
    }
}
