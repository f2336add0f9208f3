//! A network check: asks what the plan wants to know, in rounds, and has it judged as it comes.
//!
//! Rows run side by side, eight at most, each within a limit in total. A name is looked up once a round, whoever needs it.
//! Nothing is sent but for the rows of the plan; what only explains a failure is asked after it. Look-ups of made-up names
//! are made in the first round only, so that watching stays quiet. Third parties are asked on consent, once, and never by a
//! check that watches.

mod book;
mod controls;
mod names;
mod row;
#[cfg(test)]
mod tests;
mod via;
mod why;

pub(super) use via::Shell;
pub use via::{GatewayProbes, Way};

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use self::book::Book;
use self::names::Names;
use super::commission::stopped;
use super::port::Probes;
use crate::check::evidence::Overrides;
use crate::check::plan::{Plan, Subject};
use crate::check::question::Question;
use crate::check::seen::{NotRun, Observation, Seen};
use crate::check::verdict::Judged;
use crate::model::endpoint::{ProbeKind, RowId};
use crate::msg::JobEnd;
use crate::msg::check::{CheckCommand, CheckEvent};

/// Rows that are looked at side by side.
const SIDE_BY_SIDE: usize = 8;
/// How long reading this computer's own settings may take.
const SURROUNDINGS_LIMIT: Duration = Duration::from_secs(5);
const GATEWAY_SURROUNDINGS_LIMIT: Duration = Duration::from_secs(20);
/// How long a row may take, the time of an idle session apart.
const ROW_LIMIT: Duration = Duration::from_mins(1);
/// The same where a gateway runs one command at a time.
const GATEWAY_ROW_LIMIT: Duration = Duration::from_mins(3);
/// The longest a row waits from the beginning of the round, so that not all packets leave in one instant.
const JITTER_MILLIS: u64 = 60;

/// What a check needs to begin.
pub struct Setup {
    /// What is looked at.
    pub plan: Plan,
    /// Where packets go instead, on a test site.
    pub overrides: Overrides,
    /// Observations of an earlier run that are judged in place of looking.
    pub saved: Option<Vec<Observation>>,
    /// The way to the network.
    pub probes: Arc<dyn Probes>,
    /// Look again after that time.
    pub watch: Option<Duration>,
    /// Where reports go.
    pub progress: mpsc::Sender<CheckEvent>,
    /// The time, in microseconds since 1970 UTC.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// A number that nobody can guess.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// What one round works with.
struct Round {
    plan: Arc<Plan>,
    overrides: Overrides,
    probes: Arc<dyn Probes>,
    book: Arc<Book>,
    names: Names,
    /// Made-up names may be asked for.
    has_controls: bool,
    /// What is asked once a check, and not while it watches, may be asked.
    is_thorough: bool,
    /// Whether hellos of other sizes were tried where the usual one works.
    are_hellos_tried: AtomicBool,
    random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

/// Looks until it is closed or stopped, and says how it ended and what the last round came to. [`CheckCommand::Save`]
/// belongs to whoever can write files and is not taken here.
pub async fn run(
    setup: Setup,
    mut commands: mpsc::Receiver<CheckCommand>,
    mut stop: watch::Receiver<bool>,
) -> (JobEnd, Judged) {
    let plan = Arc::new(setup.plan.clone());
    let book = Arc::new(Book::new(Arc::clone(&plan), setup.progress.clone(), Arc::clone(&setup.clock)));
    book.tell(CheckEvent::Planned(Arc::clone(&plan))).await;
    let all: Vec<RowId> = plan.to_run().map(|row| row.id.clone()).collect();
    let (mut rows, mut saved) = (all.clone(), setup.saved.clone());
    let mut every = setup.watch;
    let mut last = Judged::default();
    for number in 1.. {
        let judged = if let Some(saved) = saved.take() {
            book.judge_saved(saved).await
        } else {
            let woken = tokio::select! {
                biased;
                () = stopped(&mut stop) => return (JobEnd::Cancelled, last),
                woken = setup.probes.wake() => woken,
            };
            if let Err(problem) = woken {
                return (JobEnd::Failed(problem), last);
            }
            let is_watching = every.is_some();
            let is_over = tokio::select! {
                biased;
                () = stopped(&mut stop) => false,
                () = closed(&mut commands, &mut every) => false,
                () = look(&setup, &plan, &book, number, is_watching, &rows) => true,
            };
            // After a whole round no row is left open: what nothing was seen of, this system does not tell.
            let why = if is_over { NotRun::NotTold } else { NotRun::Stopped };
            if every.is_none() {
                setup.probes.rest().await;
            }
            let judged = book.end_round(number, why, &rows, is_over && every.is_none()).await;
            if !is_over {
                return (JobEnd::Cancelled, judged);
            }
            judged
        };
        last = judged.clone();
        rows = loop {
            let next = every.map(|every| Instant::now() + every);
            break tokio::select! {
                biased;
                () = stopped(&mut stop) => return (JobEnd::Cancelled, judged),
                asked = again(&mut commands, &plan) => match asked {
                    Asked::Rows(rows) => rows,
                    Asked::Every(interval) => {
                        every = interval;
                        continue;
                    }
                    Asked::End => return (JobEnd::Done { note: String::new() }, judged),
                },
                () = until(next) => all.clone(),
            };
        };
    }
    (JobEnd::Cancelled, Judged::default())
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Waits until the check is closed. What else is asked while a round runs is too late for it, but how often to look.
async fn closed(commands: &mut mpsc::Receiver<CheckCommand>, every: &mut Option<Duration>) {
    loop {
        match commands.recv().await {
            Some(CheckCommand::Close) | None => return,
            Some(CheckCommand::Watch { every: interval }) => *every = interval,
            Some(_) => {}
        }
    }
}

/// What is asked between rounds.
enum Asked {
    /// These rows again.
    Rows(Vec<RowId>),
    /// All rows, each time so much has gone by.
    Every(Option<Duration>),
    /// The end.
    End,
}

async fn again(commands: &mut mpsc::Receiver<CheckCommand>, plan: &Plan) -> Asked {
    loop {
        match commands.recv().await {
            Some(CheckCommand::Again { rows }) => {
                let wanted = |id: &RowId| rows.is_empty() || rows.contains(id);
                return Asked::Rows(plan.to_run().map(|row| row.id.clone()).filter(wanted).collect());
            }
            Some(CheckCommand::Watch { every }) => return Asked::Every(every),
            Some(CheckCommand::Close) | None => return Asked::End,
            Some(CheckCommand::Start(_) | CheckCommand::Save { .. }) => {}
        }
    }
}

async fn look(setup: &Setup, plan: &Arc<Plan>, book: &Arc<Book>, number: u32, is_watching: bool, rows: &[RowId]) {
    book.begin_round(number, rows).await;
    let round = Round {
        plan: Arc::clone(plan),
        overrides: setup.overrides.clone(),
        probes: Arc::clone(&setup.probes),
        book: Arc::clone(book),
        names: Names::default(),
        has_controls: number == 1,
        is_thorough: number == 1 && !is_watching,
        are_hellos_tried: AtomicBool::new(false),
        random: Arc::clone(&setup.random),
    };
    let surroundings = round.ask(None, None, Question::Surroundings);
    // What is not told in time is not known.
    let limit = if round.is_on_gateway() { GATEWAY_SURROUNDINGS_LIMIT } else { SURROUNDINGS_LIMIT };
    let told = timeout(limit, surroundings).await.unwrap_or_default();
    round.names.take_servers(&told, &setup.overrides);
    // Revocation data is fetched from where the chains of other rows point.
    let of = |id: &RowId| plan.row(id).and_then(|row| row.subject.endpoint());
    let (late, soon): (Vec<RowId>, Vec<RowId>) =
        rows.iter().cloned().partition(|id| of(id).is_some_and(|row| row.probes.contains(&ProbeKind::Revocation)));
    tokio::join!(side_by_side(&round, soon), round.ask_controls());
    side_by_side(&round, late).await;
}

/// Runs rows, eight at a time. What takes longest begins first, so that nothing is left to wait for at the end. Dropping it
/// stops them.
async fn side_by_side(round: &Round, mut rows: Vec<RowId>) {
    let began = Instant::now();
    rows.sort_by_key(|id| Reverse(length(&round.plan, id)));
    let most = if round.is_on_gateway() { 1 } else { SIDE_BY_SIDE };
    stream::iter(rows).for_each_concurrent(most, async |id| round.run_row(&id, began).await).await;
}

/// How long a row takes, against others: the time it stays idle, then what is said in it.
fn length(plan: &Plan, id: &RowId) -> (u32, usize) {
    let endpoint = plan.row(id).and_then(|row| row.subject.endpoint());
    endpoint.map(|row| (row.idle_secs.unwrap_or_default(), row.probes.len())).unwrap_or_default()
}

impl Round {
    /// Whether the gateway looks, a command at a time.
    fn is_on_gateway(&self) -> bool {
        self.plan.about.via.is_some()
    }

    /// Runs a row of those that began then.
    async fn run_row(&self, id: &RowId, began: Instant) {
        let Some(row) = self.plan.row(id) else { return };
        if !matches!(row.subject, Subject::Network(_)) {
            sleep_until(began + Duration::from_millis((self.random)() % JITTER_MILLIS)).await;
        }
        self.book.tell(CheckEvent::Looking(vec![id.clone()])).await;
        let idle = row.subject.endpoint().and_then(|endpoint| endpoint.idle_secs).unwrap_or_default();
        let own = if self.is_on_gateway() { GATEWAY_ROW_LIMIT } else { ROW_LIMIT };
        let limit = own + Duration::from_secs(idle.into());
        if timeout(limit, self.look_at(row)).await.is_err() {
            self.book.not_run(id, NotRun::TimeUp).await;
        }
        self.book.judge().await;
    }

    /// Asks, and writes down what is seen as it comes.
    async fn ask(&self, row: Option<&RowId>, host: Option<&str>, question: Question) -> Vec<Seen> {
        let (tell, mut told) = mpsc::channel(16);
        let asking = self.probes.ask(question, tell);
        let writing = async {
            let mut all = Vec::new();
            while let Some(witnessed) = told.recv().await {
                all.push(witnessed.seen.clone());
                self.book.add(row, host, witnessed).await;
            }
            all
        };
        tokio::join!(asking, writing).1
    }
}

/// The ids of rows as a set.
fn set(rows: &[RowId]) -> BTreeSet<&RowId> {
    rows.iter().collect()
}
