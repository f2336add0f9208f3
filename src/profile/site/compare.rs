//! What was found, held against what is expected. What nobody told is said to be not checked, never to be right.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{ExpectedGateway, Site};
use crate::model::batch::{Match, RowHead, RowResult};
use crate::model::gateway::{Probe, Sighting};
use crate::model::ids::{LinkAddress, ProfileId};
use crate::model::mark::is_same;
use crate::model::record::JobRecord;
use crate::model::text::visible;
use crate::model::word::words;

/// The longest text of a gateway that is shown.
const SHOWN: usize = 80;

/// A gateway as it was found: live, in a file of results, or on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The name it reports or announces.
    pub name: Option<String>,
    /// Where it was reached.
    pub link: String,
    /// The profile it looks like.
    pub profile: Option<ProfileId>,
    /// Its serial number, of the gateway or of its USB port.
    pub serial_number: Option<String>,
    /// Name of its firmware.
    pub firmware: Option<String>,
    /// Version of its firmware.
    pub firmware_version: Option<String>,
    /// Whether it is known to be a gateway; a port that nobody recognised is no extra gateway.
    pub is_gateway: bool,
}

impl From<&Sighting> for Found {
    fn from(sighting: &Sighting) -> Self {
        let info = match &sighting.probe {
            Probe::Answered(identity) => identity.info.as_ref(),
            _ => None,
        };
        let heard = sighting.heard.as_ref().and_then(|heard| heard.name.clone());
        Self {
            name: info.and_then(|info| said(&info.name)).or(heard),
            link: sighting.link.to_string(),
            profile: sighting.profile.as_ref().map(|guess| guess.profile.clone()),
            serial_number: sighting.facts.serial_number.clone(),
            firmware: info.and_then(|info| said(&info.firmware)),
            firmware_version: info.and_then(|info| said(&info.firmware_version)),
            is_gateway: sighting.profile.is_some() || matches!(sighting.probe, Probe::Answered(_)),
        }
    }
}

/// What a gateway said, if it said anything.
fn said(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

impl Found {
    /// The gateway of a row that was reached; none where it was not. A row named as the site names a gateway is that one.
    pub fn of_row(site: &Site, head: &RowHead, result: &RowResult) -> Option<Self> {
        let is_named = site.gateways.iter().any(|gateway| gateway.name == head.name);
        let told = said(&result.gateway);
        let is_reached = !result.link.is_empty();
        let info = result.told.identity.as_ref().and_then(|identity| identity.info.as_ref());
        is_reached.then(|| Self {
            name: if is_named { Some(head.name.clone()) } else { told },
            link: result.link.clone(),
            profile: head.profile.clone(),
            serial_number: result.told.serial_number.clone(),
            firmware: info.and_then(|info| said(&info.firmware)),
            firmware_version: info.and_then(|info| said(&info.firmware_version)),
            is_gateway: true,
        })
    }
}

impl From<&JobRecord> for Found {
    fn from(job: &JobRecord) -> Self {
        Self {
            name: Some(job.intent.gateway.clone()).filter(|name| *name != job.intent.link),
            // A link of another computer names nothing here.
            link: if job.origin.is_none() { job.intent.link.clone() } else { String::new() },
            profile: job.intent.profile.as_ref().map(ProfileId::new),
            is_gateway: true,
            ..Self::default()
        }
    }
}

words! {
    /// How a gateway stands against the site.
    Fit {
        /// It is there, and nothing that was told differs.
        AsExpected = "as-expected",
        /// It is there and differs.
        Different = "different",
        /// It was not found.
        Missing = "missing",
        /// It is there and not expected.
        Extra = "extra",
    }
}

impl Fit {
    /// The word for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::AsExpected => "As expected",
            Self::Different => "Different",
            Self::Missing => "Missing",
            Self::Extra => "Not expected",
        }
    }
}

words! {
    /// What tied a found gateway to an expected one.
    Way {
        /// The serial number.
        SerialNumber = "serial-number",
        /// What the site says under `match`.
        Match = "match",
        /// The name.
        Name = "name",
    }
}

words! {
    /// What is compared.
    Fact {
        /// The serial number.
        SerialNumber = "serial-number",
        /// The firmware.
        Firmware = "firmware",
        /// The profile.
        Profile = "profile",
    }
}

/// A fact that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which.
    pub fact: Fact,
    /// As the site says.
    pub expected: String,
    /// As it was found, made safe to show.
    pub found: String,
}

/// One gateway of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What the site calls it; of an extra one its own name, or its link.
    pub name: String,
    /// How it stands.
    pub fit: Fit,
    /// Where it was found.
    pub link: Option<String>,
    /// What tied it to the expected one.
    pub by: Option<Way>,
    /// What differs.
    pub differences: Vec<Mismatch>,
    /// What the site names and nobody told of the gateway.
    pub not_checked: Vec<Fact>,
    /// Its place in the list of what was found.
    #[serde(skip)]
    pub at: Option<usize>,
}

impl Line {
    /// What differs, and what nobody told, a line each.
    pub fn remarks(&self) -> Vec<String> {
        let other = |other: &Mismatch| format!("{}: expected {}, found {}", other.fact, other.expected, other.found);
        let facts: Vec<&str> = self.not_checked.iter().map(|fact| fact.as_str()).collect();
        let unchecked = (!facts.is_empty()).then(|| format!("not checked: {}", facts.join(", ")));
        self.differences.iter().map(other).chain(unchecked).collect()
    }
}

/// A whole comparison: first the expected ones in the order of the site, then the extra ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The gateways.
    pub lines: Vec<Line>,
}

impl Comparison {
    /// How many stand so.
    pub fn count(&self, fit: Fit) -> usize {
        self.lines.iter().filter(|line| line.fit == fit).count()
    }

    /// How many stand how, in a line.
    pub fn words(&self) -> String {
        let count = |fit| self.count(fit);
        let (good, different) = (count(Fit::AsExpected), count(Fit::Different));
        let (missing, extra) = (count(Fit::Missing), count(Fit::Extra));
        format!("{good} as expected, {different} different, {missing} missing, {extra} not expected")
    }

    /// Whether everything is as expected.
    pub fn is_good(&self) -> bool {
        self.lines.iter().all(|line| line.fit == Fit::AsExpected)
    }
}

/// Holds the gateways that something was done with against the site. Others that are in sight are not missing from it, and
/// where the site doesn't expect them, they are none of its business.
pub fn compare_reached(site: &Site, mut reached: Vec<Found>, in_sight: impl Iterator<Item = Found>) -> Comparison {
    let links: BTreeSet<String> = reached.iter().map(|one| one.link.clone()).collect();
    reached.extend(in_sight.filter(|one| !links.contains(&one.link)));
    let mut compared = compare(site, &reached);
    let is_of_it = |line: &Line| line.fit != Fit::Extra || line.link.as_ref().is_some_and(|link| links.contains(link));
    compared.lines.retain(is_of_it);
    compared
}

/// Holds what was found against the site. Each found gateway stands for one expected one at most; what ties them most
/// surely goes first.
pub fn compare(site: &Site, found: &[Found]) -> Comparison {
    let mut tied: Vec<Option<(usize, Way)>> = vec![None; site.gateways.len()];
    let mut is_free = vec![true; found.len()];
    for way in [Way::SerialNumber, Way::Match, Way::Name] {
        for (expected, tie) in site.gateways.iter().zip(&mut tied).filter(|(_, tie)| tie.is_none()) {
            let fits = |at: &usize| is_free[*at] && ties(expected, &found[*at], way);
            if let Some(at) = (0..found.len()).find(fits) {
                is_free[at] = false;
                *tie = Some((at, way));
            }
        }
    }
    let expected = site.gateways.iter().zip(tied);
    let mut lines: Vec<Line> =
        expected.map(|(expected, tie)| line(expected, tie.map(|(at, way)| (at, &found[at], way)))).collect();
    let extra = found.iter().enumerate().zip(is_free).filter(|((_, found), is_free)| *is_free && found.is_gateway);
    lines.extend(extra.map(|((at, found), _)| extra_line(at, found)));
    Comparison { lines }
}

/// Whether a job on record belongs to a site: it was about the site, or about a gateway that is expected there.
pub fn is_of_site(site: &Site, job: &JobRecord) -> bool {
    let found = Found::from(job);
    let is_expected =
        |expected: &ExpectedGateway| [Way::Match, Way::Name].iter().any(|way| ties(expected, &found, *way));
    job.intent.gateway == site.name || site.gateways.iter().any(is_expected)
}

fn ties(expected: &ExpectedGateway, found: &Found, way: Way) -> bool {
    match way {
        Way::SerialNumber => are_same(expected.serial_number.as_ref(), found.serial_number.as_ref()),
        Way::Match => match &expected.place {
            Some(Match::Link(link)) => found.link.parse::<LinkAddress>().is_ok_and(|found| found == *link),
            Some(Match::SerialNumber(number)) => are_same(Some(number), found.serial_number.as_ref()),
            Some(Match::Announced(name)) => found.name.as_ref() == Some(name),
            None => false,
        },
        Way::Name => found.name.as_ref() == Some(&expected.name),
    }
}

fn are_same(one: Option<&String>, other: Option<&String>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if is_same(one, other))
}

fn is_as_expected(fact: Fact, expected: &str, found: &str) -> bool {
    match fact {
        Fact::SerialNumber => is_same(expected, found),
        Fact::Firmware | Fact::Profile => expected == found,
    }
}

fn line(expected: &ExpectedGateway, tie: Option<(usize, &Found, Way)>) -> Line {
    let Some((at, found, way)) = tie else {
        let name = expected.name.clone();
        return Line {
            name,
            fit: Fit::Missing,
            link: None,
            by: None,
            differences: Vec::new(),
            not_checked: Vec::new(),
            at: None,
        };
    };
    let facts = [
        (Fact::SerialNumber, expected.serial_number.clone(), found.serial_number.clone()),
        (Fact::Firmware, expected.firmware.clone(), firmware_of(found, expected.firmware.as_deref())),
        (Fact::Profile, text_of(expected.profile.as_ref()), text_of(found.profile.as_ref())),
    ];
    let (mut differences, mut not_checked) = (Vec::new(), Vec::new());
    for (fact, expected, found) in facts {
        match (expected, found) {
            (Some(_), None) => not_checked.push(fact),
            (Some(expected), Some(found)) if !is_as_expected(fact, &expected, &found) => {
                differences.push(Mismatch { fact, expected, found: visible(&found, SHOWN) });
            }
            _ => {}
        }
    }
    let fit = if differences.is_empty() { Fit::AsExpected } else { Fit::Different };
    let link = Some(visible(&found.link, SHOWN));
    Line { name: expected.name.clone(), fit, link, by: Some(way), differences, not_checked, at: Some(at) }
}

/// The firmware in the words of the site: its version alone, or name and version.
fn firmware_of(found: &Found, expected: Option<&str>) -> Option<String> {
    let version = found.firmware_version.clone()?;
    let whole = format!("{} {version}", found.firmware.as_deref()?);
    Some(if expected == Some(whole.as_str()) { whole } else { version })
}

fn text_of(profile: Option<&ProfileId>) -> Option<String> {
    profile.map(ToString::to_string)
}

fn extra_line(at: usize, found: &Found) -> Line {
    let name = found.name.as_deref().unwrap_or(&found.link);
    Line {
        name: visible(name, SHOWN),
        fit: Fit::Extra,
        link: Some(visible(&found.link, SHOWN)),
        by: None,
        differences: Vec::new(),
        not_checked: Vec::new(),
        at: Some(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::{RowOutcome, Told};
    use crate::model::gateway::{DeviceInfo, Identity, ProvisioningState};
    use crate::profile::site::parse_site;

    const SITE: &str = "schema = 1\nname = 'S'\n\
        [[gateway]]\nname = 'A'\nmatch = 'serial:/dev/ttyUSB0'\nserial_number = 'S1'\nfirmware = '1.2'\nprofile = 'p'\n\
        [[gateway]]\nname = 'B'\nmatch = 'serial:/dev/ttyUSB1'\nserial_number = 'S2'\n\
        [[gateway]]\nname = 'C'\n";

    fn found(link: &str, serial: Option<&str>) -> Found {
        Found { link: link.into(), serial_number: serial.map(str::to_owned), is_gateway: true, ..Found::default() }
    }

    fn compared(found: &[Found]) -> Comparison {
        compare(&parse_site("s", SITE).unwrap(), found)
    }

    #[test]
    fn a_gateway_in_another_place_is_known_by_its_serial_number() {
        let compared = compared(&[found("serial:/dev/ttyUSB0", Some("S2")), found("serial:/dev/ttyUSB1", Some("S1"))]);
        let fits: Vec<_> = compared.lines.iter().map(|line| (line.name.as_str(), line.fit, line.by)).collect();
        let by = Some(Way::SerialNumber);
        assert_eq!(fits, [("A", Fit::AsExpected, by), ("B", Fit::AsExpected, by), ("C", Fit::Missing, None)]);
        assert_eq!(compared.lines[0].not_checked, [Fact::Firmware, Fact::Profile], "nobody told them");
    }

    #[test]
    fn what_is_in_sight_is_not_missing_and_no_extra_gateway_of_what_was_done() {
        let reached = vec![found("serial:/dev/ttyUSB0", Some("S1"))];
        let in_sight =
            [found("serial:/dev/ttyUSB0", None), found("serial:/dev/ttyUSB1", Some("S2")), found("ble:AA", None)];
        let compared = compare_reached(&parse_site("s", SITE).unwrap(), reached, in_sight.into_iter());
        assert_eq!(compared.words(), "2 as expected, 0 different, 1 missing, 0 not expected");
        let reached = vec![found("ble:AA", None)];
        let compared = compare_reached(&parse_site("s", SITE).unwrap(), reached, std::iter::empty());
        assert_eq!(compared.words(), "0 as expected, 0 different, 3 missing, 1 not expected");
    }

    #[test]
    fn a_serial_number_in_small_letters_is_the_expected_one() {
        let lines = compared(&[found("serial:/dev/ttyACM7", Some("s1 "))]).lines;
        assert_eq!((lines[0].fit, lines[0].by), (Fit::AsExpected, Some(Way::SerialNumber)));
    }

    #[test]
    fn another_serial_number_and_another_firmware_are_told() {
        let other = Found {
            firmware: Some("fw".into()),
            firmware_version: Some("1.3".into()),
            profile: Some(ProfileId::new("p")),
            ..found("serial:/dev/ttyUSB0", Some("S9"))
        };
        let lines = compared(std::slice::from_ref(&other)).lines;
        let facts: Vec<_> = lines[0].differences.iter().map(|other| (other.fact, other.found.as_str())).collect();
        assert_eq!(facts, [(Fact::SerialNumber, "S9"), (Fact::Firmware, "1.3")]);
        assert_eq!((lines[0].fit, lines[0].by), (Fit::Different, Some(Way::Match)));
    }

    fn job(gateway: &str, link: &str) -> JobRecord {
        JobRecord::made(1, "commission", gateway, link, "joined")
    }

    #[test]
    fn jobs_of_a_site_are_those_about_it_and_about_its_gateways() {
        let site = parse_site("s", SITE).unwrap();
        let of_site = |gateway, link| is_of_site(&site, &job(gateway, link));
        assert!(of_site("S", ""), "a network check of the site");
        assert!(of_site("C", "ble:AA") && of_site("renamed", "serial:/dev/ttyUSB0"));
        assert!(!of_site("D", "serial:/dev/ttyUSB7"));
    }

    #[test]
    fn a_row_of_a_batch_is_held_against_the_site() {
        let site = parse_site("s", SITE).unwrap();
        let head = RowHead {
            row: 2,
            name: "A".into(),
            place: "serial-number:S1".into(),
            profile: Some(ProfileId::new("p")),
            driver: crate::model::ids::DriverId::ALL[0],
            ssid: String::new(),
            credentials: Vec::new(),
        };
        let mut result =
            RowResult::without_session(RowOutcome::Joined, "improv.joined", "Joined".into(), String::new());
        assert_eq!(Found::of_row(&site, &head, &result), None, "nothing was reached");
        result.link = "serial:/dev/ttyUSB5".into();
        let info = DeviceInfo { firmware: "fw".into(), firmware_version: "1.3".into(), ..DeviceInfo::default() };
        let identity = Identity { driver: head.driver, info: Some(info), state: ProvisioningState::Ready };
        *result.told = Told { serial_number: Some("S1".into()), identity: Some(identity) };
        let line = compare(&site, &[Found::of_row(&site, &head, &result).unwrap()]).lines.swap_remove(0);
        assert_eq!((line.fit, line.by), (Fit::Different, Some(Way::SerialNumber)));
        assert_eq!(line.differences[0].found, "1.3");
    }

    #[test]
    fn what_nobody_expected_is_extra_if_it_is_a_gateway() {
        let port = Found { is_gateway: false, ..found("serial:/dev/ttyS0", None) };
        let named = Found { name: Some("C".into()), ..found("ble:AA", None) };
        let compared = compared(&[found("ble:BB", None), port, named]);
        let extra: Vec<_> =
            compared.lines.iter().filter(|line| line.fit == Fit::Extra).map(|line| &line.name).collect();
        assert_eq!(extra, ["ble:BB"]);
        assert_eq!((compared.count(Fit::Missing), compared.count(Fit::AsExpected)), (2, 1));
        assert!(!compared.is_good());
    }
}
