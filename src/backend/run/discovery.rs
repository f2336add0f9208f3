//! Discovery: which ports there are, what the radio hears, and what a gateway answers when it is asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{Notice, RADIO_RETRY, RadioState, Workers, crashed};
use crate::flow::commission::stopped;
use crate::flow::discover::{self, Change};
use crate::flow::port::{BleError, LinkError, Radio, RadioEvent};
use crate::model::gateway::{PortFacts, Probe, Sighting};
use crate::model::ids::{JobId, LinkAddress};
use crate::model::problem::Explain as _;
use crate::msg::Event;

/// How long looking at a typed path may take.
const LOOK: Duration = Duration::from_millis(500);

impl Workers {
    /// Looks at the ports, and at how long each device has been silent.
    pub(super) async fn look_around(&mut self) {
        self.list_ports();
        for change in self.sightings.fade(Instant::now()) {
            self.tell(change).await;
        }
        if let RadioState::Failed { retry_at } = self.radio
            && Instant::now() >= retry_at
        {
            self.switch_radio_on();
        }
    }

    /// Whether something has to be looked at again and again: ports of which the system says nothing, paths that were typed,
    /// devices that may fall silent, a radio that is to be tried again. Otherwise nothing wakes up.
    pub(super) fn is_looking_at_intervals(&self) -> bool {
        let is_watched =
            |sighting: &Sighting| sighting.is_present && (sighting.facts.is_typed || sighting.heard.is_some());
        self.is_discovering
            && (self.port_news.is_none()
                || !matches!(self.radio, RadioState::Off)
                || self.trouble.is_some()
                || self.sightings.iter().any(is_watched))
    }

    /// Begins a scan, unless one is under way: what fell silent before it is forgotten.
    pub(super) async fn start_radio(&mut self) {
        match &mut self.radio {
            RadioState::On(_) => return,
            RadioState::Starting { is_wanted } => *is_wanted = true,
            RadioState::Off | RadioState::Failed { .. } => self.switch_radio_on(),
        }
        for change in self.sightings.forget_silent(Instant::now()) {
            self.tell(change).await;
        }
    }

    /// Ends the scan. What it heard stays listed until it has been silent for a while.
    pub(super) async fn stop_radio(&mut self) {
        match &mut self.radio {
            RadioState::Starting { is_wanted } => *is_wanted = false,
            RadioState::Failed { .. } => {
                self.radio = RadioState::Off;
                self.reporter.report(Event::RadioTrouble(None)).await;
            }
            RadioState::Off | RadioState::On(_) => self.radio = RadioState::Off,
        }
    }

    /// Reaching the system's service may take a while: it is waited for beside the loop.
    pub(super) fn switch_radio_on(&mut self) {
        self.radio = RadioState::Starting { is_wanted: true };
        let (links, notices) = (Arc::clone(&self.parts.links), self.notices.clone());
        tokio::spawn(async move {
            let radio = links.watch_radio().await;
            let _ = notices.send(Notice::Radio(radio)).await;
        });
    }

    pub(super) async fn take_radio(&mut self, radio: Result<Radio, LinkError>) {
        if matches!(self.radio, RadioState::Starting { is_wanted: false }) {
            self.radio = RadioState::Off;
            return;
        }
        match radio {
            Ok(radio) => {
                self.radio = RadioState::On(radio);
                self.reporter.report(Event::RadioTrouble(None)).await;
            }
            Err(error) => self.radio_failed(&error).await,
        }
    }

    pub(super) async fn radio_failed(&mut self, error: &LinkError) {
        self.radio = RadioState::Failed { retry_at: Instant::now() + RADIO_RETRY };
        self.reporter.report(Event::RadioTrouble(Some(error.explain()))).await;
    }

    pub(super) async fn hear(&mut self, event: Option<RadioEvent>) {
        match event {
            Some(RadioEvent::Heard { link, advertisement }) => {
                for change in self.sightings.hear(link, advertisement, Instant::now(), &self.parts.catalog) {
                    self.tell(change).await;
                }
            }
            Some(RadioEvent::Stopped(error)) => self.radio_failed(&error).await,
            // It ended without a word: whoever carried it crashed.
            None => {
                let error = BleError::Failed { detail: "the scan broke off".into() };
                self.radio_failed(&error.into()).await;
            }
        }
    }

    pub(super) fn list_ports(&mut self) {
        // A driver that hangs keeps one list waiting, not one more a second.
        if std::mem::replace(&mut self.is_listing, true) {
            return;
        }
        let (links, notices) = (Arc::clone(&self.parts.links), self.notices.clone());
        tokio::spawn(async move {
            let ports = links.ports().await;
            let _ = notices.send(Notice::Ports(ports)).await;
        });
    }

    pub(super) async fn take_ports(&mut self, ports: Result<Vec<(LinkAddress, PortFacts)>, LinkError>) {
        self.is_listing = false;
        match ports {
            Ok(ports) => {
                if self.trouble.take().is_some() {
                    self.reporter.report(Event::DiscoveryTrouble(None)).await;
                }
                for change in self.sightings.update(ports, &self.parts.catalog) {
                    self.tell(change).await;
                }
            }
            Err(error) => {
                if self.trouble.replace(error.clone()).as_ref() != Some(&error) {
                    self.reporter.report(Event::DiscoveryTrouble(Some(error.explain()))).await;
                }
            }
        }
    }

    pub(super) async fn tell(&self, change: Change) {
        let event = match change {
            Change::Seen(sighting) => Event::GatewaySeen(sighting),
            Change::Gone(link) => Event::GatewayGone(link),
            Change::Removed(link) => Event::GatewayRemoved(link),
        };
        self.reporter.report(event).await;
    }

    pub(super) async fn add_port(&mut self, link: LinkAddress) {
        // A path on a folder that does not answer must not hold up everything else.
        let looked = timeout(LOOK, self.parts.links.look(&link)).await.unwrap_or(Ok(()));
        let Some(change) = self.sightings.add_typed(link.clone(), &self.parts.catalog) else { return };
        match looked {
            Ok(()) => self.tell(change).await,
            Err(error) => self.set_probe(&link, Probe::Failed(error.explain())).await,
        }
    }

    pub(super) async fn remove_port(&mut self, link: LinkAddress) {
        if self.sightings.remove_typed(&link) {
            self.reporter.report(Event::GatewayRemoved(link)).await;
        }
    }

    pub(super) async fn set_probe(&mut self, link: &LinkAddress, probe: Probe) {
        if let Some(change) = self.sightings.set_probe(link, probe) {
            self.tell(change).await;
        }
    }

    pub(super) async fn probe(&mut self, job: JobId, link: LinkAddress) {
        self.set_probe(&link, Probe::Asking).await;
        let mut stop = self.jobs.add(job, None);
        let (links, notices) = (Arc::clone(&self.parts.links), self.notices.clone());
        tokio::spawn(async move {
            let asked = link.clone();
            // A task of its own: if it crashes, the job still ends.
            let mut task = tokio::spawn(async move { discover::probe(links, &asked).await });
            let probe = tokio::select! {
                probe = &mut task => probe.unwrap_or_else(|error| Probe::Failed(crashed(&error))),
                () = stopped(&mut stop) => {
                    task.abort();
                    Probe::NotAsked
                }
            };
            let _ = notices.send(Notice::Probed { job, link, probe }).await;
        });
    }
}
