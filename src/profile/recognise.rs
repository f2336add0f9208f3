//! Which profile a serial port or a Bluetooth device looks like. Claims no more than was told: ids and texts of USB, and
//! what an advertisement holds.

use super::rules::{BleRule, Origin, Profile, UsbMeaning, UsbRule};
use crate::model::gateway::{Advertisement, PortFacts, ProfileMatch};
use crate::model::ids::LinkKind;
use crate::model::text::visible;

/// The best match among the profiles that have a driver over serial.
pub(super) fn match_port(profiles: &[Profile], facts: &PortFacts) -> Option<ProfileMatch> {
    let mut best: Option<((bool, bool, usize), ProfileMatch)> = None;
    for profile in profiles {
        let Some(binding) = profile.driver_for(LinkKind::Serial) else { continue };
        for rule in &profile.discovery.usb {
            let Some(seen) = seen_by(rule, facts) else { continue };
            let is_product = rule.means == UsbMeaning::Product;
            let rank = (is_product, profile.origin != Origin::BuiltIn, conditions(rule));
            if best.as_ref().is_none_or(|(known, _)| rank > *known) {
                let reason = reason(rule, &seen);
                best = Some((rank, ProfileMatch { profile: profile.id.clone(), driver: binding.driver, reason }));
            }
        }
    }
    best.map(|(_, found)| found)
}

/// How many conditions a rule has: one for a single product says more than one for everything of a vendor.
fn conditions(rule: &UsbRule) -> usize {
    let is_there = [rule.vid.is_some(), rule.pid.is_some(), rule.product.is_some(), rule.manufacturer.is_some()];
    is_there.into_iter().filter(|is_there| *is_there).count()
}

/// The facts that fit the rule, in words; `None` if one does not fit.
fn seen_by(rule: &UsbRule, facts: &PortFacts) -> Option<Vec<String>> {
    let mut seen = Vec::new();
    if let Some(vid) = rule.vid {
        let pid = facts.pid.filter(|pid| rule.pid.is_none_or(|wanted| wanted == *pid));
        let pid = pid.filter(|_| facts.vid == Some(vid))?;
        seen.push(format!("USB id {vid:04x}:{pid:04x}"));
    }
    for (pattern, text, what) in
        [(&rule.product, &facts.product, "product"), (&rule.manufacturer, &facts.manufacturer, "manufacturer")]
    {
        let Some(pattern) = pattern else { continue };
        let text = text.as_deref().filter(|text| pattern.matches(text))?;
        seen.push(format!("USB {what} text `{}`", visible(text, 60)));
    }
    Some(seen)
}

fn reason(rule: &UsbRule, seen: &[String]) -> String {
    let (seen, says) = (seen.join(", "), &rule.says);
    match rule.means {
        UsbMeaning::Product if rule.basis.is_assumed() => format!("{seen}: {says}, by an assumption of the profile"),
        UsbMeaning::Product => format!("{seen}: {says}"),
        UsbMeaning::Chip => format!("{seen}: only {says} is recognised; what stands behind it is not known"),
    }
}

/// The best match among the profiles that have a driver over Bluetooth.
pub(super) fn match_advertisement(profiles: &[Profile], heard: &Advertisement) -> Option<ProfileMatch> {
    let mut best: Option<((bool, [bool; 3]), ProfileMatch)> = None;
    for profile in profiles {
        let Some(binding) = profile.driver_for(LinkKind::Ble) else { continue };
        for rule in &profile.discovery.ble {
            let Some(seen) = heard_by(rule, heard) else { continue };
            let rank = (
                profile.origin != Origin::BuiltIn,
                [rule.service.is_some(), rule.company.is_some(), rule.name.is_some()],
            );
            if best.as_ref().is_none_or(|(known, _)| rank > *known) {
                let says = &rule.says;
                let doubt = if rule.basis.is_assumed() { ", by an assumption of the profile" } else { "" };
                let reason = format!("{}: {says}{doubt}", seen.join(", "));
                best = Some((rank, ProfileMatch { profile: profile.id.clone(), driver: binding.driver, reason }));
            }
        }
    }
    best.map(|(_, found)| found)
}

/// What of the advertisement fits the rule, in words; `None` if something does not fit.
fn heard_by(rule: &BleRule, heard: &Advertisement) -> Option<Vec<String>> {
    let mut seen = Vec::new();
    if let Some(service) = &rule.service {
        let is_listed = heard.services.iter().any(|heard| service.matches(&heard.to_string()));
        let has_data = heard.service_data.iter().any(|(heard, _)| service.matches(&heard.to_string()));
        match (is_listed, has_data) {
            (true, _) => seen.push(format!("Service {service}")),
            (false, true) => seen.push(format!("Data of service {service}")),
            (false, false) => return None,
        }
    }
    if let Some(company) = rule.company {
        heard.companies.contains(&company).then(|| seen.push(format!("Company id {company:04x}")))?;
    }
    if let Some(pattern) = &rule.name {
        let name = heard.name.as_deref().filter(|name| pattern.matches(name))?;
        seen.push(format!("Name `{}`", visible(name, 60)));
    }
    Some(seen)
}
