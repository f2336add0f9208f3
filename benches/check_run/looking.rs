//! One round of a check, by the flow that the program uses.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linesman::check::Judged;
use linesman::check::evidence::Overrides;
use linesman::check::plan::Plan;
use linesman::check::question::From;
use linesman::flow::check::{Setup, run};
use linesman::io::probe::NetProbes;
use linesman::msg::check::CheckEvent;
use tokio::sync::{mpsc, watch};

/// What came of it.
pub(crate) struct Look {
    /// From the beginning of the round to its end.
    pub(crate) took: Duration,
    pub(crate) judged: Arc<Judged>,
    pub(crate) observations: usize,
}

/// Looks at all rows of a plan once.
pub(crate) async fn look(plan: &Plan, overrides: &Overrides) -> Look {
    let (commands, command_rx) = mpsc::channel(1);
    let (_stop, stop_rx) = watch::channel(false);
    let (progress, mut events) = mpsc::channel(256);
    let setup = Setup {
        plan: plan.clone(),
        overrides: overrides.clone(),
        saved: None,
        probes: Arc::new(NetProbes::new(From::Anywhere, None, overrides.roots.clone())),
        watch: None,
        progress,
        clock: Arc::new(now),
        random: Arc::new(random),
    };
    let running = tokio::spawn(run(setup, command_rx, stop_rx));
    let mut began = Instant::now();
    let look = loop {
        match events.recv().await.expect("the check goes on") {
            CheckEvent::RoundBegan { .. } => began = Instant::now(),
            CheckEvent::RoundEnded { evidence, judged, .. } => {
                break Look { took: began.elapsed(), judged, observations: evidence.observations.len() };
            }
            _ => {}
        }
    };
    drop(commands);
    running.await.expect("the check ends");
    look
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}
