//! The connection of an inspection: off, coming about, open, saying farewell, or waiting to be tried again.
//!
//! Says what happened next and decides nothing. What is asked of a connection waits in a box of its own, so that reading
//! never waits for writing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::InspectError;
use crate::flow::port::{Boxed, Broker, BrokerRequest, Connection, ConnectionEnd, Delivery, Retry};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::stage::StageReport;
use crate::model::problem::Explain as _;

/// Stage reports that may wait.
const STAGES: usize = 64;
/// What may wait to be sent.
pub(super) const OUTBOX: usize = 4096;
/// Stages of an attempt: each has its own limit, and the attempt as a whole their sum.
const STAGE_COUNT: u32 = 8;
/// How long a farewell may take.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// What happened on a link.
pub(super) enum Happened {
    /// A stage began or ended.
    Stage(StageReport),
    /// The connection is there.
    Connected(Greeting),
    /// It did not come about.
    NotConnected(ConnectionEnd),
    /// Something came of it.
    Delivery(Delivery),
    /// It ended, after it had held that long.
    Ended(ConnectionEnd, Duration),
    /// The farewell is over.
    Closed,
    /// It is time to try again.
    RetryDue,
}

/// What a new connection says of itself.
pub(super) struct Greeting {
    pub(super) facts: Vec<(String, String)>,
    pub(super) login_ends: Option<i64>,
    /// Whether the broker kept a session of that name.
    pub(super) is_session_present: bool,
}

/// A connection, or the lack of it.
#[derive(Default)]
pub(super) struct Link {
    state: State,
    outbox: VecDeque<BrokerRequest>,
}

#[derive(Default)]
enum State {
    #[default]
    Off,
    Connecting {
        attempt: Boxed<'static, Result<Connection, ConnectionEnd>>,
        stages: mpsc::Receiver<StageReport>,
    },
    /// The attempt is over, and its last reports are still to be told.
    Attempted {
        result: Box<Result<Connection, ConnectionEnd>>,
        stages: mpsc::Receiver<StageReport>,
    },
    Open {
        requests: mpsc::Sender<BrokerRequest>,
        deliveries: mpsc::Receiver<Delivery>,
        stages: Option<mpsc::Receiver<StageReport>>,
        since: Instant,
    },
    /// It was told to end, and may still have something.
    Closing {
        deliveries: mpsc::Receiver<Delivery>,
        until: Instant,
    },
    Waiting {
        until: Instant,
    },
}

impl Link {
    /// Begins to connect.
    pub(super) fn connect(&mut self, broker: Arc<dyn Broker>, plan: ConnectPlan, attempt: u32) {
        let (stages_tx, stages) = mpsc::channel(STAGES);
        let limit = plan.stage_limit.saturating_mul(STAGE_COUNT);
        let until = Instant::now() + limit;
        let attempt = Box::pin(async move {
            let connecting = broker.connect(&plan, attempt, stages_tx);
            timeout_at(until, connecting).await.unwrap_or_else(|_| {
                let problem = InspectError::AttemptTooSlow { limit }.explain();
                Err(ConnectionEnd { problem, retry: Retry::Later, is_takeover: false })
            })
        });
        self.outbox.clear();
        self.state = State::Connecting { attempt, stages };
    }

    /// Waits before the next attempt.
    pub(super) fn wait(&mut self, until: Instant) {
        self.state = State::Waiting { until };
    }

    /// Ends the connection: with a farewell if there is one to say it to. Whether that was so: then what is still on its way
    /// comes, and [`Happened::Closed`] at last.
    pub(super) fn close(&mut self) -> bool {
        self.outbox.clear();
        match std::mem::take(&mut self.state) {
            State::Open { deliveries, .. } => {
                self.state = State::Closing { deliveries, until: Instant::now() + FAREWELL };
                true
            }
            State::Closing { deliveries, until } => {
                self.state = State::Closing { deliveries, until };
                true
            }
            State::Off | State::Connecting { .. } | State::Attempted { .. } | State::Waiting { .. } => false,
        }
    }

    /// Whether there is a connection.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Whether there is neither a connection nor anything that may become one.
    pub(super) const fn is_off(&self) -> bool {
        matches!(self.state, State::Off)
    }

    /// For how long the connection has been there.
    fn held(&self) -> Duration {
        match &self.state {
            State::Open { since, .. } => since.elapsed(),
            _ => Duration::ZERO,
        }
    }

    /// Asks something of the connection. False if there is none, or too much waits already.
    #[must_use]
    pub(super) fn ask(&mut self, request: BrokerRequest) -> bool {
        let is_taken = self.is_open() && self.outbox.len() < OUTBOX;
        if is_taken {
            self.outbox.push_back(request);
        }
        is_taken
    }

    /// What happens next; never while the link is off. Without `wants_deliveries` nothing is read. Safe to drop at any
    /// point.
    pub(super) async fn next(&mut self, wants_deliveries: bool) -> Happened {
        loop {
            match &mut self.state {
                State::Off => std::future::pending().await,
                State::Waiting { until } => {
                    sleep_until(*until).await;
                    self.state = State::Off;
                    return Happened::RetryDue;
                }
                State::Connecting { attempt, stages } => {
                    let result = tokio::select! {
                        biased;
                        Some(report) = stages.recv() => return Happened::Stage(report),
                        result = attempt => Box::new(result),
                    };
                    if let State::Connecting { stages, .. } = std::mem::take(&mut self.state) {
                        self.state = State::Attempted { result, stages };
                    }
                }
                State::Attempted { stages, .. } => match stages.try_recv() {
                    Ok(report) => return Happened::Stage(report),
                    Err(_) => return self.attempted(),
                },
                State::Open { requests, deliveries, stages, .. } => {
                    let has_stages = stages.is_some();
                    let has_requests = !self.outbox.is_empty();
                    let delivery = tokio::select! {
                        biased;
                        report = next_stage(stages), if has_stages => if let Some(report) = report { return Happened::Stage(report) } else {
                            *stages = None;
                            continue;
                        },
                        permit = requests.reserve(), if has_requests => {
                            match permit {
                                Ok(permit) => {
                                    if let Some(request) = self.outbox.pop_front() {
                                        permit.send(request);
                                    }
                                }
                                // It has ended: what it said last is still to be read.
                                Err(_) => self.outbox.clear(),
                            }
                            continue;
                        }
                        delivery = deliveries.recv(), if wants_deliveries => delivery,
                        else => std::future::pending().await,
                    };
                    return self.delivered(delivery);
                }
                State::Closing { deliveries, until } => {
                    let delivery = tokio::select! {
                        biased;
                        delivery = deliveries.recv(), if wants_deliveries => delivery,
                        () = sleep_until(*until) => None,
                    };
                    match delivery {
                        Some(Delivery::Ended(_)) | None => {
                            self.state = State::Off;
                            return Happened::Closed;
                        }
                        Some(delivery) => return Happened::Delivery(delivery),
                    }
                }
            }
        }
    }

    fn attempted(&mut self) -> Happened {
        let State::Attempted { result, stages } = std::mem::take(&mut self.state) else { return Happened::Closed };
        match *result {
            Ok(Connection { requests, deliveries, facts, login_ends, is_session_present }) => {
                self.state = State::Open { requests, deliveries, stages: Some(stages), since: Instant::now() };
                Happened::Connected(Greeting { facts, login_ends, is_session_present })
            }
            Err(end) => Happened::NotConnected(end),
        }
    }

    fn delivered(&mut self, delivery: Option<Delivery>) -> Happened {
        match delivery {
            Some(Delivery::Ended(end)) => {
                let held = self.held();
                self.drop_now();
                Happened::Ended(end, held)
            }
            Some(delivery) => Happened::Delivery(delivery),
            None => {
                let held = self.held();
                self.drop_now();
                let problem = InspectError::Gone.explain();
                Happened::Ended(ConnectionEnd { problem, retry: Retry::Later, is_takeover: false }, held)
            }
        }
    }

    /// Lets go of what is left of a connection.
    pub(super) fn drop_now(&mut self) {
        self.outbox.clear();
        self.state = State::Off;
    }
}

async fn next_stage(stages: &mut Option<mpsc::Receiver<StageReport>>) -> Option<StageReport> {
    match stages {
        Some(stages) => stages.recv().await,
        None => std::future::pending().await,
    }
}
