//! The order of the list: which rows are shown, by what they are ordered, and what the open site expects among them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::asking::is_askable;
use super::{Discover, ListLine, Shown, SortKey, display_name, profile_name};
use crate::model::gateway::Sighting;
use crate::model::ids::{LinkAddress, LinkKind};
use crate::model::order::compare_texts;
use crate::model::same::{Seen, Ties};
use crate::model::standing::Tone;
use crate::profile::Catalog;
use crate::profile::site::{Fit, Found, Site, compare};

impl Discover {
    /// Puts the rows in order again if anything about them or the filter changed; once for many events.
    pub(in crate::app) fn arrange_if_stale(&mut self, catalog: &Catalog, site: Option<&Site>) {
        if self.stale.order && self.is_held && !self.shown.is_empty() {
            self.add_new_rows();
        } else if self.stale.order {
            if std::mem::take(&mut self.stale.ties) {
                self.tie();
            }
            self.arrange(catalog, site);
            (self.stale.order, self.stale.has_new_rows, self.stale.askable) = (false, false, false);
        }
        if std::mem::take(&mut self.stale.askable) {
            self.counts.askable = self.askable_links().count();
        }
    }

    /// The rows shown, in their order; where a site is open, those alone that it expects.
    pub(in crate::app) fn meant(&self) -> impl Iterator<Item = &Sighting> {
        let expected = self.lines.iter().take_while(|line| !matches!(line, ListLine::Found(_)));
        expected.filter_map(|line| match line {
            ListLine::Row(place) => self.row(&self.shown[*place]),
            ListLine::Expected { .. } | ListLine::Found(_) | ListLine::Missing(_) => None,
        })
    }

    /// No row moves away under the pointer: what is new stands at the end for now.
    fn add_new_rows(&mut self) {
        if !std::mem::take(&mut self.stale.has_new_rows) || !self.filter.trim().is_empty() {
            return;
        }
        let shown: BTreeSet<&LinkAddress> = self.shown.iter().collect();
        let is_new =
            |row: &&Sighting| is_of_kind(row, self.kinds) && !shown.contains(&row.link) && self.is_face(&row.link);
        let new: Vec<LinkAddress> = self.rows.values().filter(is_new).map(|row| row.link.clone()).collect();
        self.stale.askable = true;
        self.lines.extend((self.shown.len()..self.shown.len() + new.len()).map(ListLine::Row));
        self.shown.extend(new);
    }

    fn tie(&mut self) {
        let seen = self.rows.values().map(|row| {
            let marks = self.marks.get(&row.link);
            Seen { link: &row.link, facts: &row.facts, marks }
        });
        self.ties = Ties::among(seen);
    }

    fn arrange(&mut self, catalog: &Catalog, site: Option<&Site>) {
        let needle = self.filter.trim().to_lowercase();
        let (mut askable, mut longest_name, mut longest) = (0, Cow::Borrowed(""), 0);
        let mut ranked: Vec<(Rank<'_>, &LinkAddress)> = self
            .rows
            .values()
            .filter(|row| is_of_kind(row, self.kinds))
            .filter(|row| self.kinds != Shown::All || self.is_face(&row.link))
            .filter(|row| needle.is_empty() || haystack(row, catalog).contains(&needle))
            .inspect(|row| {
                askable += usize::from(is_askable(row));
                let name = display_name(row);
                let chars = name.chars().count();
                if chars > longest {
                    (longest_name, longest) = (name, chars);
                }
            })
            .map(|row| (self.rank(row, catalog), &row.link))
            .collect();
        // The rows lie in the order of their links, which is theirs unless one gateway has several.
        if self.sort != SortKey::Link || !self.ties.is_empty() {
            ranked.sort_by(|(one, link), (other, next)| one.compare(other).then_with(|| link.cmp(next)));
        }
        let links: Vec<&LinkAddress> = ranked.into_iter().map(|(_, link)| link).collect();
        let (links, lines) = if let Some(site) = site.filter(|site| !site.gateways.is_empty()) {
            self.held_to(site, &links, &needle)
        } else {
            let lines = (0..links.len()).map(ListLine::Row).collect();
            (links, lines)
        };
        let (shown, longest_name) = (links.into_iter().cloned().collect(), longest_name.into_owned());
        (self.shown, self.lines) = (shown, lines);
        (self.counts.askable, self.counts.longest_name) = (askable, longest_name);
    }

    /// First what the site expects, with what is missing last; then what is here beside it. The rows in that order, and the
    /// lines that show them.
    fn held_to<'a>(
        &self,
        site: &Site,
        links: &[&'a LinkAddress],
        needle: &str,
    ) -> (Vec<&'a LinkAddress>, Vec<ListLine>) {
        let present: Vec<Found> = self.rows.values().filter(|row| row.is_present).map(Found::from).collect();
        let expected: Vec<_> =
            compare(site, &present).lines.into_iter().filter(|line| line.fit != Fit::Extra).collect();
        let places: BTreeSet<&str> = expected.iter().filter_map(|line| line.link.as_deref()).collect();
        let is_expected = |link: &LinkAddress| places.contains(link.to_string().as_str());
        let (ours, others): (Vec<_>, Vec<_>) =
            links.iter().partition(|link| is_expected(link) || self.ties.beside(link).any(is_expected));
        let missing = expected.iter().filter(|line| line.fit == Fit::Missing).map(|line| line.name.clone());
        let missing: Vec<String> = missing.collect();
        let mut lines = vec![ListLine::Expected { count: expected.len(), missing: missing.len() }];
        lines.extend((0..ours.len()).map(ListLine::Row));
        let is_shown = |name: &String| needle.is_empty() || name.to_lowercase().contains(needle);
        lines.extend(missing.into_iter().filter(is_shown).map(ListLine::Missing));
        lines.push(ListLine::Found(others.len()));
        lines.extend((ours.len()..links.len()).map(ListLine::Row));
        ([ours, others].concat(), lines)
    }

    fn rank<'a>(&'a self, row: &'a Sighting, catalog: &Catalog) -> Rank<'a> {
        let text = match self.sort {
            // By whichever link it is reached, it stands where its first one does.
            SortKey::Link => {
                let first = self.ties.of_link(&row.link).and_then(|gateway| gateway.links.first());
                return Rank::Link(first.unwrap_or(&row.link));
            }
            SortKey::Name => Some(display_name(row)),
            SortKey::Profile => profile_name(row, catalog).map(Cow::Owned),
            SortKey::State => {
                let stand = self.stand(row);
                Some(Cow::Owned(format!("{} {}", urgency(stand.standing.tone()), stand.standing.title())))
            }
        };
        text.map_or(Rank::Last, Rank::Text)
    }
}

/// What a row is ordered by.
enum Rank<'a> {
    Link(&'a LinkAddress),
    Text(Cow<'a, str>),
    /// It has not what the list is ordered by.
    Last,
}

impl Rank<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Link(one), Self::Link(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => compare_texts(one, other),
            _ => self.place().cmp(&other.place()),
        }
    }

    const fn place(&self) -> u8 {
        match self {
            Self::Link(_) => 0,
            Self::Text(_) => 1,
            Self::Last => 2,
        }
    }
}

/// What needs somebody comes first.
const fn urgency(tone: Tone) -> u8 {
    match tone {
        Tone::Calls => 0,
        Tone::Bad => 1,
        Tone::Busy => 2,
        Tone::Good => 3,
        Tone::Quiet => 4,
    }
}

fn haystack(row: &Sighting, catalog: &Catalog) -> String {
    let profile = profile_name(row, catalog).unwrap_or_default();
    let serial_number = row.facts.serial_number.as_deref().unwrap_or_default();
    format!("{} {} {profile} {serial_number}", display_name(row), row.link).to_lowercase()
}

fn is_of_kind(row: &Sighting, kinds: Shown) -> bool {
    match kinds {
        Shown::All => true,
        Shown::Serial => row.link.kind() != LinkKind::Ble,
        Shown::Bluetooth => row.link.kind() == LinkKind::Ble,
    }
}
