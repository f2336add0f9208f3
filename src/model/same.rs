//! [`Ties`]: which links lead to the same gateway.
//!
//! Only what one gateway alone has proves it: a serial number or system ID it reports over both links, or hardware addresses
//! that one chip numbers in a row. An equal name proves nothing, and neither does a number that turns up twice over the same
//! kind of link: gateways that were copied from one image share it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use super::gateway::PortFacts;
use super::ids::{LinkAddress, LinkKind};
use super::mac;
use super::mark::{Mark, differ};
use super::wipe::Told;

/// What the row of a gateway's own serial number is called, wherever one reports it.
pub const SERIAL_NUMBER: &str = "Serial number";
/// What the row of its system's ID is called.
pub const SYSTEM_ID: &str = "System ID";
/// How far Bluetooth's address is from the chip's first one.
const BLUETOOTH_IS: u64 = 2;

/// What a gateway reports of itself that no other one has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Its serial number.
    pub serial: Option<String>,
    /// The ID of its system.
    pub machine: Option<String>,
}

impl Marks {
    /// Those among the rows in which a gateway tells what it is.
    pub fn in_rows(rows: &[(String, String)]) -> Self {
        let value = |wanted: &str| rows.iter().find(|(label, _)| label == wanted).map(|(_, value)| value.clone());
        Self { serial: value(SERIAL_NUMBER), machine: value(SYSTEM_ID) }
    }

    /// Takes over what is new; what was told before stays where nothing is told now.
    pub fn learn(&mut self, new: Self) {
        self.serial = new.serial.or(self.serial.take());
        self.machine = new.machine.or(self.machine.take());
    }

    fn contradicts(&self, other: &Self) -> bool {
        differ(self.serial.as_deref(), other.serial.as_deref())
            || differ(self.machine.as_deref(), other.machine.as_deref())
    }
}

impl From<&Told> for Marks {
    fn from(told: &Told) -> Self {
        Self { serial: told.serial.clone(), machine: told.machine.clone() }
    }
}

/// A link, and what is known there.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The link.
    pub link: &'a LinkAddress,
    /// What the operating system knows of it.
    pub facts: &'a PortFacts,
    /// What the gateway behind it reported.
    pub marks: Option<&'a Marks>,
}

/// What shows that links lead to one gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// The serial number.
    SerialNumber,
    /// The ID of its system.
    SystemId,
    /// Hardware addresses.
    MacAddress,
}

impl Proof {
    /// The proof in one sentence.
    pub const fn because(self) -> &'static str {
        match self {
            Self::SerialNumber => "The same serial number is reported over both links",
            Self::SystemId => "The same system ID is reported over both links",
            Self::MacAddress => "The MAC addresses of both links belong to one chip",
        }
    }
}

/// A gateway that is reached over several links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its links, in their order.
    pub links: Vec<LinkAddress>,
    /// What shows that they are one gateway's.
    pub proof: Proof,
}

/// The gateways that are reached over several links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    gateways: Vec<Gateway>,
    by_link: BTreeMap<LinkAddress, usize>,
    /// Sums of the keys of everything seen, in their order.
    sums: Vec<u64>,
}

/// What two links may have in common.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    SerialNumber(Mark<'a>),
    SystemId(Mark<'a>),
    Chip(u64),
}

/// How a link came by a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The gateway reported it.
    Own,
    /// The USB port has it: of the gateway, or of its adapter.
    Port,
    /// It is the address on the air.
    Air,
}

/// A link, by its place among those seen, and how it came by a key.
type Holder = (usize, Origin);

impl Ties {
    /// Finds them among everything seen.
    pub fn among<'a>(seen: impl IntoIterator<Item = Seen<'a>>) -> Self {
        let seen: Vec<Seen<'a>> = seen.into_iter().collect();
        let mut pairs: Vec<(usize, usize, Proof)> = Vec::new();
        let sums = sums_of(&seen);
        for (key, holders) in held_by_several(&seen, &sums) {
            let (Some(proof), [first, others @ ..]) = (proof(&key, &holders, &seen), holders.as_slice()) else {
                continue;
            };
            pairs.extend(others.iter().map(|other| (first.0, other.0, proof)));
        }
        // What is found does not depend on the order in which the keys come.
        pairs.sort_unstable();
        Self { sums, ..Self::of(&seen, &pairs) }
    }

    /// Takes in a link that is new, if it has nothing in common with any other; whether it did. Else they are to be found anew.
    pub fn takes(&mut self, new: Seen<'_>) -> bool {
        let own = sums_of(&[new]);
        if own.iter().any(|sum| self.sums.binary_search(sum).is_ok()) {
            return false;
        }
        for sum in own {
            let at = self.sums.partition_point(|other| *other < sum);
            self.sums.insert(at, sum);
        }
        true
    }

    fn of(seen: &[Seen<'_>], pairs: &[(usize, usize, Proof)]) -> Self {
        let mut groups: Vec<(BTreeSet<usize>, Proof)> = Vec::new();
        for (one, other, proof) in pairs {
            let mut joined = (BTreeSet::from([*one, *other]), *proof);
            groups.retain(|group| {
                let is_apart = group.0.is_disjoint(&joined.0);
                if !is_apart {
                    joined = (&joined.0 | &group.0, joined.1.min(group.1));
                }
                is_apart
            });
            groups.push(joined);
        }
        let mut ties = Self::default();
        for (members, proof) in groups.into_iter().filter(|(members, _)| is_one(seen, members)) {
            let mut links: Vec<LinkAddress> = members.iter().map(|at| seen[*at].link.clone()).collect();
            links.sort();
            ties.by_link.extend(links.iter().map(|link| (link.clone(), ties.gateways.len())));
            ties.gateways.push(Gateway { links, proof });
        }
        ties
    }

    /// Whether no gateway has several links.
    pub fn is_empty(&self) -> bool {
        self.gateways.is_empty()
    }

    /// The gateway behind a link, where it has others.
    pub fn of_link(&self, link: &LinkAddress) -> Option<&Gateway> {
        self.gateways.get(*self.by_link.get(link)?)
    }

    /// The other links of the gateway behind a link.
    pub fn beside<'a>(&'a self, link: &'a LinkAddress) -> impl Iterator<Item = &'a LinkAddress> {
        self.of_link(link).into_iter().flat_map(|gateway| &gateway.links).filter(move |other| *other != link)
    }
}

fn sum(key: &Key<'_>) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(key)
}

/// The sums of all keys, in their order.
fn sums_of(seen: &[Seen<'_>]) -> Vec<u64> {
    let mut sums: Vec<u64> = Vec::with_capacity(seen.len() * 2);
    for one in seen {
        for_each_key(one, |key, _| sums.push(sum(&key)));
    }
    sums.sort_unstable();
    sums
}

/// The keys that more than one link has, with those links. Nearly always there are none, which sums alone tell.
fn held_by_several<'a>(seen: &[Seen<'a>], sums: &[u64]) -> HashMap<Key<'a>, Vec<Holder>> {
    let twice: Vec<u64> = sums.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    let mut holders: HashMap<Key<'a>, Vec<Holder>> = HashMap::new();
    if twice.is_empty() {
        return holders;
    }
    for (at, one) in seen.iter().enumerate() {
        for_each_key(one, |key, origin| {
            if twice.binary_search(&sum(&key)).is_ok() {
                holders.entry(key).or_default().push((at, origin));
            }
        });
    }
    holders.retain(|_, holders| holders.len() > 1);
    holders
}

fn for_each_key<'a>(seen: &Seen<'a>, mut take: impl FnMut(Key<'a>, Origin)) {
    if let Some(marks) = seen.marks {
        let serial = marks.serial.as_deref().and_then(Mark::of).map(Key::SerialNumber);
        let machine = marks.machine.as_deref().and_then(Mark::of).map(Key::SystemId);
        serial.into_iter().chain(machine).for_each(|key| take(key, Origin::Own));
    }
    if let Some(serial) = seen.facts.serial_number.as_deref() {
        let chip = mac::read(serial).map(|mac| Key::Chip(mac::number(mac)));
        Mark::of(serial).map(Key::SerialNumber).into_iter().chain(chip).for_each(|key| take(key, Origin::Port));
    }
    if seen.link.kind() == LinkKind::Ble
        && let Some(mac) = mac::read(seen.link.place()).map(mac::number)
    {
        let first = mac.checked_sub(BLUETOOTH_IS);
        [Some(mac), first].into_iter().flatten().for_each(|mac| take(Key::Chip(mac), Origin::Air));
    }
}

/// What a key that several links have proves; nothing where it cannot be one gateway's alone.
fn proof(key: &Key<'_>, holders: &[Holder], seen: &[Seen<'_>]) -> Option<Proof> {
    let count = |origin| holders.iter().filter(|(_, has)| *has == origin).count();
    let mut kinds = BTreeSet::new();
    let is_each_of_its_own_kind = holders.iter().all(|(at, _)| kinds.insert(seen[*at].link.kind().as_str()));
    match key {
        // Several ports of one chip have its address; several devices on the air can't.
        Key::Chip(_) => (count(Origin::Port) > 0 && count(Origin::Air) <= 1).then_some(Proof::MacAddress),
        // The number of an adapter ties two links only where the gateway reports the same.
        Key::SerialNumber(_) => (count(Origin::Own) > 0 && is_each_of_its_own_kind).then_some(Proof::SerialNumber),
        Key::SystemId(_) => is_each_of_its_own_kind.then_some(Proof::SystemId),
    }
}

/// Whether nothing that is known of the members speaks against it: told numbers agree, and there is one address on the air.
fn is_one(seen: &[Seen<'_>], members: &BTreeSet<usize>) -> bool {
    let marks: Vec<&Marks> = members.iter().filter_map(|at| seen[*at].marks).collect();
    let agree = marks.iter().enumerate().all(|(at, one)| marks[at + 1..].iter().all(|other| !one.contradicts(other)));
    agree && members.iter().filter(|at| seen[**at].link.kind() == LinkKind::Ble).count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link with the serial number of its USB port, and what the gateway reports.
    type Row<'a> = (&'a str, &'a str, &'a str, &'a str);

    const PORT: &str = "serial:/dev/ttyACM0";
    const AIR: &str = "ble:34:85:18:0A:00:06";

    /// The links that are one gateway's, and by what.
    fn tied(rows: &[Row<'_>]) -> Vec<(Vec<String>, Proof)> {
        let told = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let rows: Vec<(LinkAddress, PortFacts, Marks)> = rows
            .iter()
            .map(|(link, usb, serial, machine)| {
                let facts = PortFacts { serial_number: told(usb), ..PortFacts::default() };
                (link.parse().unwrap(), facts, Marks { serial: told(serial), machine: told(machine) })
            })
            .collect();
        let seen = rows.iter().map(|(link, facts, marks)| Seen { link, facts, marks: Some(marks) });
        let ties = Ties::among(seen);
        let text = |gateway: &Gateway| gateway.links.iter().map(ToString::to_string).collect();
        ties.gateways.iter().map(|gateway| (text(gateway), gateway.proof)).collect()
    }

    #[test]
    fn what_one_gateway_alone_has_ties_its_links() {
        let check = |rows: &[Row<'_>], proof: Proof, why: &str| {
            let links: Vec<String> = rows.iter().map(|row| row.0.to_owned()).collect();
            let found = tied(rows);
            assert_eq!(found.len(), 1, "{why}");
            let (mut expected, mut tied) = (links, found[0].0.clone());
            expected.sort();
            tied.sort();
            assert_eq!((tied, found[0].1), (expected, proof), "{why}");
        };
        check(&[(PORT, "34:85:18:0A:00:04", "", ""), (AIR, "", "", "")], Proof::MacAddress, "Bluetooth is two above");
        check(&[(PORT, "3485180a0006", "", ""), (AIR, "", "", "")], Proof::MacAddress, "the same address");
        let second = "serial:/dev/ttyACM1";
        let mac = "34:85:18:0A:00:04";
        check(&[(PORT, mac, "", ""), (second, mac, "", "")], Proof::MacAddress, "two ports of one chip");
        let udp = "udp:192.0.2.7:1337";
        check(&[(PORT, "", "GW-0042", ""), (udp, "", "gw-0042", "")], Proof::SerialNumber, "reported over both");
        check(&[(PORT, "GW-0042", "", ""), (udp, "", "GW-0042", "")], Proof::SerialNumber, "its own USB number");
        check(&[(PORT, "", "", "4f1c"), (udp, "", "", "4f1c")], Proof::SystemId, "the same system");
        let all = [(PORT, mac, "GW-0042", ""), (AIR, "", "", ""), (udp, "", "GW-0042", "")];
        check(&all, Proof::SerialNumber, "three links by two proofs");
    }

    #[test]
    fn a_guess_ties_nothing() {
        let check = |rows: &[Row<'_>], why: &str| assert_eq!(tied(rows), [], "{why}");
        let (second, udp) = ("serial:/dev/ttyACM1", "udp:192.0.2.7:1337");
        check(&[(PORT, "0001", "", ""), (second, "0001", "", "")], "adapters share a number");
        check(&[(PORT, "0001", "", ""), (AIR, "", "", "")], "a number that is no address");
        check(&[(PORT, "34:85:18:0A:00:05", "", ""), (AIR, "", "", "")], "an address beside it");
        check(&[(PORT, "", "GW-0042", ""), (second, "", "GW-0042", "")], "two ports copied from one image");
        check(
            &[(PORT, "", "", "4f1c"), (second, "", "", "4f1c"), (udp, "", "", "4f1c")],
            "three copied from one image",
        );
        check(&[(PORT, "", "7", ""), (udp, "", "7", "")], "a number of one digit");
        check(&[(PORT, "34:85:18:0A:00:04", "A-100", ""), (AIR, "", "B-200", "")], "what they report differs");
        let above = "ble:34:85:18:0A:00:04";
        check(&[(PORT, "34:85:18:0A:00:04", "", ""), (AIR, "", "", ""), (above, "", "", "")], "two on the air fit");
    }

    #[test]
    fn a_new_link_is_taken_in_alone_only_where_it_has_nothing_in_common_with_another() {
        let facts = |serial: &str| PortFacts { serial_number: Some(serial.into()), ..PortFacts::default() };
        let (port, other) = (facts("34:85:18:0A:00:04"), facts("34:85:18:0B:00:04"));
        let (one, another): (LinkAddress, LinkAddress) = (PORT.parse().unwrap(), AIR.parse().unwrap());
        let second = LinkAddress::Serial("/dev/ttyACM1".into());
        let mut ties = Ties::among([Seen { link: &one, facts: &port, marks: None }]);
        assert!(ties.takes(Seen { link: &second, facts: &other, marks: None }));
        assert!(!ties.takes(Seen { link: &another, facts: &PortFacts::default(), marks: None }), "the same chip");
        let above: LinkAddress = "ble:34:85:18:0B:00:06".parse().unwrap();
        let is_of_the_one_taken = Seen { link: &above, facts: &PortFacts::default(), marks: None };
        assert!(!ties.takes(is_of_the_one_taken), "one that was taken in counts as well");
    }

    #[test]
    fn what_was_told_once_stays_and_rows_are_read_by_their_label() {
        let rows = [("System".to_owned(), "Debian".to_owned()), (SERIAL_NUMBER.to_owned(), "GW-7".to_owned())];
        let mut marks = Marks::in_rows(&rows);
        marks.learn(Marks { serial: None, machine: Some("m".into()) });
        assert_eq!(marks, Marks { serial: Some("GW-7".into()), machine: Some("m".into()) });
    }
}
