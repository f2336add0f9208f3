//! The observations of a run in their order, and the verdicts over them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::set;
use crate::check::evidence::{self, Evidence};
use crate::check::judge;
use crate::check::plan::Plan;
use crate::check::seen::{NotRun, Observation, Seen};
use crate::check::verdict::{Judged, RowState};
use crate::flow::port::Witnessed;
use crate::model::endpoint::RowId;
use crate::msg::check::CheckEvent;

/// What was seen so far.
pub(super) struct Book {
    plan: Arc<Plan>,
    progress: mpsc::Sender<CheckEvent>,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    observations: Vec<Observation>,
    next: u32,
    began_unix_micros: i64,
}

impl Book {
    pub(super) fn new(
        plan: Arc<Plan>,
        progress: mpsc::Sender<CheckEvent>,
        clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    ) -> Self {
        Self { plan, progress, clock, pages: Mutex::default() }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn tell(&self, event: CheckEvent) {
        // A front end that has gone needs nothing.
        let _ = self.progress.send(event).await;
    }

    /// Begins a round: what was seen of its rows, of their hosts and of this computer is of the round before and goes.
    pub(super) async fn begin_round(&self, round: u32, rows: &[RowId]) {
        let at_unix_micros = (self.clock)();
        {
            let mut pages = self.pages();
            let again = set(rows);
            let targets = again.iter().filter_map(|id| self.plan.row(id)).flat_map(|row| &row.targets);
            let hosts: BTreeSet<&str> = targets.map(|target| target.host.as_str()).collect();
            pages.observations.retain(|seen| match (&seen.row, &seen.host) {
                (Some(row), _) => !again.contains(row),
                (None, Some(host)) => !hosts.contains(host.as_str()),
                (None, None) => false,
            });
            pages.began_unix_micros = at_unix_micros;
        }
        self.tell(CheckEvent::RoundBegan { round, at_unix_micros, rows: rows.to_vec() }).await;
    }

    /// Writes an observation down and tells of it.
    pub(super) async fn add(&self, row: Option<&RowId>, host: Option<&str>, witnessed: Witnessed) {
        let observation = {
            let mut pages = self.pages();
            let observation = Observation {
                number: pages.next,
                row: row.cloned(),
                host: host.map(str::to_owned),
                at_unix_micros: witnessed.at_unix_micros,
                took_micros: witnessed.took_micros,
                seen: witnessed.seen,
            };
            pages.next += 1;
            pages.observations.push(observation.clone());
            observation
        };
        self.tell(CheckEvent::Observed(Box::new(observation))).await;
    }

    /// Notes something that was no answer of the network.
    pub(super) async fn note(&self, row: Option<&RowId>, host: Option<&str>, seen: Seen) {
        self.add(row, host, Witnessed { at_unix_micros: (self.clock)(), took_micros: 0, seen }).await;
    }

    /// Notes that a row was not looked at to its end.
    pub(super) async fn not_run(&self, id: &RowId, why: NotRun) {
        let endpoint = self.plan.row(id).and_then(|row| row.subject.endpoint());
        let what = endpoint.and_then(|row| row.probes.last().copied());
        self.note(Some(id), None, Seen::NotRun { what, why, detail: String::new() }).await;
    }

    /// The revocation addresses in the chains seen so far: of all rows, or of one.
    pub(super) fn chain_urls(&self, of: Option<&RowId>) -> Vec<String> {
        let pages = self.pages();
        let chains = pages.observations.iter().filter_map(|observation| match &observation.seen {
            Seen::Tls(tls) if of.is_none() || observation.row.as_ref() == of => Some(&tls.chain),
            _ => None,
        });
        let mut urls: Vec<String> = chains.flatten().flat_map(|certificate| certificate.urls.iter().cloned()).collect();
        urls.sort();
        urls.dedup();
        urls
    }

    /// Whether a time server answered for that row.
    pub(super) fn has_time(&self, id: &RowId) -> bool {
        let is_reply = |seen: &Seen| matches!(seen, Seen::Time(time) if time.end.offset_micros().is_some());
        self.pages().observations.iter().any(|own| own.row.as_ref() == Some(id) && is_reply(&own.seen))
    }

    /// Whether the system or the environment names a proxy.
    pub(super) fn has_proxy(&self) -> bool {
        self.pages().observations.iter().any(|own| matches!(own.seen, Seen::Proxy(_)))
    }

    fn judgement(&self) -> Judged {
        judge(&self.plan, &self.pages().observations)
    }

    /// Judges what was seen so far.
    pub(super) async fn judge(&self) {
        let judged = Arc::new(self.judgement());
        self.tell(CheckEvent::Judged(judged)).await;
    }

    /// Ends a round and tells what it came to. Rows of which nothing was seen are noted as such, with the reason.
    pub(super) async fn end_round(&self, round: u32, why: NotRun, rows: &[RowId], is_final: bool) -> Judged {
        let judged = self.judgement();
        let open = rows.iter().filter(|id| judged.row(id).is_none_or(|row| row.state == RowState::Pending));
        for id in open {
            self.not_run(id, why).await;
        }
        self.conclude(round, is_final).await
    }

    async fn conclude(&self, round: u32, is_final: bool) -> Judged {
        let judged = Arc::new(self.judgement());
        let evidence = Arc::new(self.evidence());
        self.tell(CheckEvent::RoundEnded { round, evidence, judged: Arc::clone(&judged), is_final }).await;
        Arc::unwrap_or_clone(judged)
    }

    fn evidence(&self) -> Evidence {
        let pages = self.pages();
        let mut about = self.plan.about.clone();
        if pages.began_unix_micros != 0 {
            about.began_unix_micros = pages.began_unix_micros;
        }
        Evidence {
            evidence: evidence::VERSION,
            program: concat!("linesman ", env!("CARGO_PKG_VERSION")).to_owned(),
            about,
            observations: pages.observations.clone(),
            beside: None,
        }
    }

    /// Judges a saved run instead of looking.
    pub(super) async fn judge_saved(&self, saved: Vec<Observation>) -> Judged {
        for observation in &saved {
            self.tell(CheckEvent::Observed(Box::new(observation.clone()))).await;
        }
        {
            let mut pages = self.pages();
            pages.next = saved.iter().map(|observation| observation.number.saturating_add(1)).max().unwrap_or_default();
            pages.observations = saved;
        }
        self.conclude(1, true).await
    }
}
