//! Many gateways in one go: a row each, up to eight at once, each in a commissioning session of its own.
//!
//! Rows over serial and HTTP run truly beside each other; those over Bluetooth one after the other on each adapter. A row
//! whose gateway is not there yet takes no place: it is waited for. Every job is on record with its row before anything
//! is sent, so that an end of the program leaves no doubt which rows were under way. Nothing here names a file or task.

mod find;
mod row;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use self::find::{Finder, Found};
use super::commission::{Setup as SessionSetup, stopped};
use super::port::{BatchRecords, Boxed, Links};
use crate::model::batch::{Again, BatchId, Match, RowOutcome, RowPlan, RowResult, Standing};
use crate::model::ids::{LinkAddress, LinkKind};
use crate::model::problem::Problem;
use crate::msg::batch::{BatchEvent, RowState};
use crate::msg::{JobEnd, Request};
use crate::profile::Catalog;

/// Runs sessions. The backend gives each a task of its own, so that one that crashes takes no other along.
pub trait Sessions: Send + Sync {
    /// Runs one to its end.
    fn run(
        &self,
        setup: SessionSetup,
        requests: mpsc::Receiver<Request>,
        stop: watch::Receiver<bool>,
    ) -> Boxed<'static, JobEnd>;
}

/// What a batch needs.
pub struct Setup {
    /// Its number in the records.
    pub batch: BatchId,
    /// The orders, and what an earlier run means for each. A settled one is left alone unless it is asked for.
    pub rows: Vec<(RowPlan, Standing)>,
    /// Links at once.
    pub parallel: usize,
    /// How long to wait for a gateway that is to be plugged in.
    pub wait: Duration,
    /// Whether each gateway scans first.
    pub is_scanning: bool,
    /// Who is named in the records.
    pub operator: String,
    /// The profiles.
    pub catalog: Arc<Catalog>,
    /// Where bytes come from.
    pub links: Arc<dyn Links>,
    /// Where acts are recorded.
    pub records: Arc<dyn BatchRecords>,
    /// What runs a session.
    pub sessions: Arc<dyn Sessions>,
    /// Where it is told what happens.
    pub events: mpsc::Sender<BatchEvent>,
}

/// What can be asked while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    /// Begin no further row.
    Pause,
    /// Go on.
    Resume,
    /// Do these again.
    Retry(Again),
}

/// Where a row stands.
#[derive(Clone, Debug)]
enum Stage {
    Open,
    Running,
    Ended(RowResult),
}

/// A row that runs.
type RunningRow<'a> = Boxed<'a, (usize, RowResult)>;

/// Runs a batch to its end and returns what came of each row. A row without result was not begun.
pub async fn run(
    setup: Setup,
    mut steer: mpsc::Receiver<Steer>,
    mut stop: watch::Receiver<bool>,
) -> Vec<Option<RowResult>> {
    let session_stop = stop.clone();
    let mut running: FuturesUnordered<RunningRow<'_>> = FuturesUnordered::new();
    let mut finder = Finder::new(Arc::clone(&setup.links));
    let mut batch = Batch::new(&setup);
    let (mut is_steered, mut is_stopping) = (true, *stop.borrow());
    batch.tell_all().await;
    loop {
        if !is_stopping && !batch.is_paused {
            while let Some((index, link)) = batch.next(running.len(), &mut finder) {
                batch.begin(index, &link).await;
                let row = row::run(&setup, &setup.rows[index].0, index, link, session_stop.clone());
                running.push(Box::pin(async move { (index, row.await) }));
            }
        }
        if running.is_empty() && (is_stopping || batch.open().next().is_none()) {
            break;
        }
        let expected = if is_stopping { Vec::new() } else { batch.expected() };
        let deadline = batch.deadline(running.is_empty());
        tokio::select! {
            biased;
            () = stopped(&mut stop), if !is_stopping => is_stopping = true,
            Some((index, result)) = running.next(), if !running.is_empty() => batch.end(index, result).await,
            order = steer.recv(), if is_steered => match order {
                Some(order) => batch.steer(order).await,
                None => is_steered = false,
            },
            () = finder.look(&expected), if !expected.is_empty() => {}
            () = until(deadline), if !is_stopping && !expected.is_empty() => batch.give_up(&mut finder).await,
        }
    }
    batch.results()
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The rows and what they wait for.
struct Batch<'a> {
    setup: &'a Setup,
    stages: Vec<Stage>,
    /// Of each row the result that left open what became of the network, until an attempt tells.
    left_open: Vec<Option<RowResult>>,
    /// The lanes in use: of a link that can be used by one row at a time.
    lanes: HashSet<String>,
    /// The lane of each row that runs.
    lane_of: Vec<Option<String>>,
    is_paused: bool,
    /// When something last came or ended.
    last_sign: Instant,
}

impl<'a> Batch<'a> {
    fn new(setup: &'a Setup) -> Self {
        let stage = |(_, standing): &(RowPlan, Standing)| match standing {
            Standing::Open | Standing::LeftOpen(_) => Stage::Open,
            Standing::Settled(result) => Stage::Ended(result.clone()),
        };
        let is_open = |result: &&RowResult| result.outcome == RowOutcome::Unknown;
        let left_open = |(_, standing): &(RowPlan, Standing)| standing.result().filter(is_open).cloned();
        Self {
            stages: setup.rows.iter().map(stage).collect(),
            left_open: setup.rows.iter().map(left_open).collect(),
            lane_of: vec![None; setup.rows.len()],
            lanes: HashSet::new(),
            is_paused: false,
            last_sign: Instant::now(),
            setup,
        }
    }

    /// The rows that are to be done and are not under way.
    fn open(&self) -> impl Iterator<Item = usize> {
        self.stages.iter().enumerate().filter(|(_, stage)| matches!(stage, Stage::Open)).map(|(index, _)| index)
    }

    /// What is looked for: the open rows whose gateway has no address yet.
    fn expected(&self) -> Vec<Match> {
        let places = self.open().map(|index| &self.setup.rows[index].0.place);
        places.filter(|place| !matches!(place, Match::Link(_))).cloned().collect()
    }

    /// The next row that can begin: its gateway is there, and so is a free place.
    fn next(&mut self, running: usize, finder: &mut Finder) -> Option<(usize, LinkAddress)> {
        if running >= self.setup.parallel.max(1) {
            return None;
        }
        let open: Vec<usize> = self.open().collect();
        for index in open {
            let Found::At(link) = finder.find(&self.setup.rows[index].0.place) else { continue };
            let lane = lane(&link, finder);
            if !self.lanes.contains(&lane) {
                self.lanes.insert(lane.clone());
                self.lane_of[index] = Some(lane);
                return Some((index, link));
            }
        }
        None
    }

    async fn begin(&mut self, index: usize, link: &LinkAddress) {
        self.stages[index] = Stage::Running;
        self.last_sign = Instant::now();
        tracing::debug!(row = self.setup.rows[index].0.row, %link, "a row begins");
        self.tell(index, RowState::Running { step: "Open the link".into(), calls: false }).await;
    }

    async fn end(&mut self, index: usize, result: RowResult) {
        self.last_sign = Instant::now();
        if let Some(lane) = self.lane_of[index].take() {
            self.lanes.remove(&lane);
        }
        let result = result.after(self.left_open[index].as_ref());
        self.left_open[index] = Some(result.clone()).filter(|result| result.outcome == RowOutcome::Unknown);
        self.stages[index] = Stage::Ended(result.clone());
        self.tell(index, RowState::Ended(Box::new(result))).await;
    }

    fn results(self) -> Vec<Option<RowResult>> {
        let result = |(stage, left_open)| match stage {
            Stage::Ended(result) => Some(result),
            Stage::Open | Stage::Running => left_open,
        };
        self.stages.into_iter().zip(self.left_open).map(result).collect()
    }

    async fn steer(&mut self, order: Steer) {
        self.last_sign = Instant::now();
        match order {
            Steer::Pause | Steer::Resume => {
                self.is_paused = order == Steer::Pause;
                self.send(BatchEvent::Paused(self.is_paused)).await;
            }
            Steer::Retry(again) => {
                for index in 0..self.stages.len() {
                    let Stage::Ended(result) = &self.stages[index] else { continue };
                    let is_wanted = (again.failed
                        && (result.outcome.is_failure() || result.outcome == RowOutcome::Stopped))
                        || (again.unknown && result.outcome == RowOutcome::Unknown);
                    if is_wanted {
                        self.stages[index] = Stage::Open;
                        self.tell_open(index).await;
                    }
                }
            }
        }
    }

    /// When gateways that have not come are no longer waited for: not while anything runs, nor while it is paused.
    fn deadline(&self, is_idle: bool) -> Option<Instant> {
        (is_idle && !self.is_paused).then(|| self.last_sign + self.setup.wait)
    }

    /// The gateways that were waited for did not come.
    async fn give_up(&mut self, finder: &mut Finder) {
        let open: Vec<usize> = self.open().collect();
        for index in open {
            let plan = &self.setup.rows[index].0;
            let result = match finder.find(&plan.place) {
                Found::At(_) => continue,
                found => found.explain(plan, self.setup.wait, finder.trouble()),
            };
            self.end(index, result).await;
        }
        // Rows that can begin now do so in the next round, and the time to wait begins anew.
        self.last_sign = Instant::now();
    }

    async fn tell_all(&self) {
        for index in 0..self.stages.len() {
            match &self.stages[index] {
                Stage::Ended(result) => self.tell(index, RowState::Ended(Box::new(result.clone()))).await,
                _ => self.tell_open(index).await,
            }
        }
    }

    async fn tell_open(&self, index: usize) {
        let is_there = matches!(self.setup.rows[index].0.place, Match::Link(_));
        self.tell(index, if is_there { RowState::Open } else { RowState::Expected }).await;
    }

    async fn tell(&self, index: usize, state: RowState) {
        self.send(BatchEvent::Row { index, state }).await;
    }

    async fn send(&self, event: BatchEvent) {
        // A front end that has gone does not hear it, and the batch goes on until it is stopped.
        let _ = self.setup.events.send(event).await;
    }
}

/// What a row occupies: its port or host, and over Bluetooth the whole adapter.
fn lane(link: &LinkAddress, finder: &Finder) -> String {
    match link.kind() {
        LinkKind::Ble => format!("adapter {}", finder.adapter_of(link)),
        LinkKind::Serial | LinkKind::Http | LinkKind::Udp => link.to_string(),
    }
}

/// The result of a row that could not be done, from the problem that says why.
fn failed(problem: &Problem, outcome: RowOutcome) -> RowResult {
    RowResult::without_session(outcome, problem.code, problem.what.clone(), problem.next_step.clone())
}
