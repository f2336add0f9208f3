//! Finds the gateways of rows: by address at once, by serial number among the ports, by name among what the radio hears.
//!
//! Only looks. The radio is touched when a row names what it announces, and not otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::failed;
use crate::flow::discover::INTERVAL;
use crate::flow::port::{Boxed, LinkError, Links, Radio, RadioEvent};
use crate::model::batch::{Match, RowOutcome, RowPlan, RowResult};
use crate::model::gateway::PortFacts;
use crate::model::ids::LinkAddress;
use crate::model::mark::is_same;
use crate::model::problem::{Explain as _, Problem};
use crate::model::text::visible;

/// How long a list of ports may take.
pub(super) const LIST_LIMIT: Duration = Duration::from_secs(10);
/// How long to listen on after a name was heard, so that a second gateway of that name is noticed.
const SETTLE: Duration = Duration::from_secs(2);
/// How long to leave a radio alone that did not start.
const RADIO_REST: Duration = Duration::from_secs(5);
/// Devices kept of what the radio hears; a busy site has some hundred.
const MAX_HEARD: usize = 2000;

/// What is known of where a gateway is.
pub(super) enum Found {
    /// It is there.
    At(LinkAddress),
    /// It has not come.
    Nowhere,
    /// Several fit.
    Several(usize),
}

type Ports = Vec<(LinkAddress, PortFacts)>;

/// What is there, as last looked at.
pub(super) struct Finder {
    links: Arc<dyn Links>,
    ports: Ports,
    next_list: Instant,
    radio: Option<Radio>,
    next_radio: Instant,
    heard: BTreeMap<LinkAddress, Heard>,
    trouble: Option<LinkError>,
}

struct Heard {
    name: Option<String>,
    adapter: String,
    since: Instant,
}

impl Finder {
    pub(super) fn new(links: Arc<dyn Links>) -> Self {
        let now = Instant::now();
        Self {
            links,
            ports: Vec::new(),
            next_list: now,
            radio: None,
            next_radio: now,
            heard: BTreeMap::new(),
            trouble: None,
        }
    }

    /// Where the gateway is.
    pub(super) fn find(&self, place: &Match) -> Found {
        let found: Vec<&LinkAddress> = match place {
            Match::Link(link) => vec![link],
            Match::SerialNumber(wanted) => {
                let has =
                    |facts: &PortFacts| facts.serial_number.as_ref().is_some_and(|number| is_same(number, wanted));
                self.ports.iter().filter(|(_, facts)| has(facts)).map(|(link, _)| link).collect()
            }
            Match::Announced(wanted) => {
                let fits = |heard: &Heard| heard.name.as_ref() == Some(wanted);
                let all: Vec<_> = self.heard.iter().filter(|(_, heard)| fits(heard)).collect();
                if all.len() == 1 && all[0].1.since.elapsed() < SETTLE {
                    return Found::Nowhere;
                }
                all.into_iter().map(|(link, _)| link).collect()
            }
        };
        match found.as_slice() {
            [] => Found::Nowhere,
            [one] => Found::At((*one).clone()),
            several => Found::Several(several.len()),
        }
    }

    /// The adapter that a Bluetooth device belongs to. What was not heard in this run counts as on one adapter.
    pub(super) fn adapter_of(&self, link: &LinkAddress) -> &str {
        self.heard.get(link).map_or("", |heard| heard.adapter.as_str())
    }

    /// Why nothing could be looked at, if so.
    pub(super) fn trouble(&self) -> Option<Problem> {
        self.trouble.as_ref().map(LinkError::explain)
    }

    /// Looks until something may have changed. Safe to drop at any point.
    pub(super) async fn look(&mut self, expected: &[Match]) {
        let wants_ports = expected.iter().any(|place| matches!(place, Match::SerialNumber(_)));
        let wants_radio = expected.iter().any(|place| matches!(place, Match::Announced(_)));
        if !wants_radio {
            self.radio = None;
        }
        let (links, next_list, next_radio) = (Arc::clone(&self.links), self.next_list, self.next_radio);
        tokio::select! {
            ports = list(&*links, next_list), if wants_ports => {
                self.next_list = Instant::now() + INTERVAL;
                match ports {
                    Ok(ports) => (self.ports, self.trouble) = (ports, None),
                    Err(error) => self.trouble = Some(error),
                }
            }
            event = hear(&*links, &mut self.radio, next_radio), if wants_radio => self.take_in(event),
        }
    }

    fn take_in(&mut self, event: Option<RadioEvent>) {
        match event {
            Some(RadioEvent::Heard { link, advertisement }) => {
                self.trouble = None;
                if self.heard.len() >= MAX_HEARD && !self.heard.contains_key(&link) {
                    return;
                }
                let new = Heard { name: None, adapter: String::new(), since: Instant::now() };
                let heard = self.heard.entry(link).or_insert(new);
                heard.adapter = advertisement.adapter;
                if advertisement.name.is_some() && advertisement.name != heard.name {
                    (heard.name, heard.since) = (advertisement.name, Instant::now());
                }
            }
            Some(RadioEvent::Stopped(error)) => {
                self.trouble = Some(error);
                (self.radio, self.next_radio) = (None, Instant::now() + RADIO_REST);
            }
            // A tick: the time to settle may be over.
            None => {}
        }
    }
}

async fn list(links: &dyn Links, not_before: Instant) -> Result<Ports, LinkError> {
    sleep_until(not_before).await;
    let late = || LinkError::NotListed { detail: "the list of ports took too long".into() };
    timeout(LIST_LIMIT, links.ports()).await.unwrap_or_else(|_| Err(late()))
}

/// What the radio says next, switching it on first; nothing after a while of silence.
fn hear<'a>(links: &'a dyn Links, radio: &'a mut Option<Radio>, not_before: Instant) -> Boxed<'a, Option<RadioEvent>> {
    Box::pin(async move {
        if radio.is_none() {
            sleep_until(not_before).await;
            match links.watch_radio().await {
                Ok(started) => *radio = Some(started),
                Err(error) => return Some(RadioEvent::Stopped(error)),
            }
        }
        let radio = radio.as_mut()?;
        match timeout(SETTLE / 2, radio.events.recv()).await {
            Ok(Some(event)) => Some(event),
            Ok(None) => Some(RadioEvent::Stopped(LinkError::NotOffered { link: crate::model::ids::LinkKind::Ble })),
            Err(_) => None,
        }
    })
}

impl Found {
    /// The result of a row whose gateway was waited for in vain.
    pub(super) fn explain(&self, plan: &RowPlan, waited: Duration, trouble: Option<Problem>) -> RowResult {
        let place = visible(&plan.place.to_string(), 120);
        let problem = match (self, trouble) {
            (Self::Several(count), _) => Problem::new(
                "batch.ambiguous",
                format!("{count} gateways answer to {place}"),
                "Some vendors give all their devices the same number or name",
                "Leave one of them plugged in or switched on, or write its address into the manifest",
            ),
            (_, Some(trouble)) => trouble,
            _ => Problem::new(
                "batch.not_found",
                format!("{place} did not come within {} s", waited.as_secs()),
                "It is not plugged in, has no power, or the manifest names another one",
                "Plug it in or switch it on, then retry it",
            ),
        };
        failed(&problem, RowOutcome::Failed)
    }
}
