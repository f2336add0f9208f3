//! [`Index`]: the observations sorted once, so that no row has to look through all of them.

use core::net::SocketAddr;
use std::collections::HashMap;

use crate::check::question::Purpose;
use crate::check::seen::{Lookup, Observation, Seen};
use crate::model::endpoint::RowId;

/// The observations by what they are about.
pub(super) struct Index<'a> {
    /// All of them, in order.
    pub all: &'a [Observation],
    /// Those made for a row.
    by_row: HashMap<&'a RowId, Vec<&'a Observation>>,
    /// Those made for a host and no row.
    by_host: HashMap<&'a str, Vec<&'a Observation>>,
    /// Look-ups of names that rows need, whichever row asked.
    lookups: HashMap<&'a str, Vec<(&'a Observation, &'a Lookup)>>,
    /// Those for no row, look-ups of rows aside.
    pub shared: Vec<&'a Observation>,
}

impl<'a> Index<'a> {
    pub(super) fn new(all: &'a [Observation]) -> Self {
        let mut index =
            Self { all, by_row: HashMap::new(), by_host: HashMap::new(), lookups: HashMap::new(), shared: Vec::new() };
        for observation in all {
            index.add(observation);
        }
        index
    }

    fn add(&mut self, observation: &'a Observation) {
        if let Seen::Lookup(lookup) = &observation.seen
            && lookup.purpose == Purpose::Row
        {
            self.lookups.entry(&lookup.name).or_default().push((observation, lookup));
            return;
        }
        match (&observation.row, &observation.host) {
            (Some(row), _) => self.by_row.entry(row).or_default().push(observation),
            (None, Some(host)) => {
                self.by_host.entry(host).or_default().push(observation);
                self.shared.push(observation);
            }
            (None, None) => self.shared.push(observation),
        }
    }

    /// What was observed for a row.
    pub(super) fn of_row(&self, row: &RowId) -> &[&'a Observation] {
        self.by_row.get(row).map_or(&[], Vec::as_slice)
    }

    /// What was observed for a host without a row.
    pub(super) fn of_host(&self, host: &str) -> &[&'a Observation] {
        self.by_host.get(host).map_or(&[], Vec::as_slice)
    }

    /// The look-ups of a name.
    pub(super) fn lookups(&self, name: &str) -> &[(&'a Observation, &'a Lookup)] {
        self.lookups.get(name).map_or(&[], Vec::as_slice)
    }
}

/// With whom a conversation was held.
pub(super) const fn far_end(seen: &Seen) -> Option<SocketAddr> {
    match seen {
        Seen::Connect(connect) => Some(connect.to),
        Seen::Tls(tls) => Some(tls.to),
        Seen::Http(http) | Seen::WebSocket(http) => Some(http.to),
        Seen::Mqtt(mqtt) => Some(mqtt.to),
        Seen::Idle(idle) => Some(idle.to),
        _ => None,
    }
}
