//! [`MqttBroker`]: the real [`Broker`]. Sockets, TLS and WebSocket are ours, so that every stage is seen on the one
//! connection that is used; the conversation is the state machine of [`crate::proto::mqtt::session`], and packets that go out are
//! written by rumqttc's codec.
//!
//! Each connection has a thread of its own with a small runtime: what comes in is read while others work.

mod certificate;
mod connect;
mod drive;
mod engine;
mod error;
mod proxy;
mod send;
mod tcp;
mod tls;
pub mod trial;
mod websocket;

use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::sync::{mpsc, oneshot};

pub use error::{CertificateFault, MqttError, Stalled};

use crate::flow::port::{Boxed, Broker, Connection, ConnectionEnd};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::stage::StageReport;
use crate::proto::mqtt::session::Now;

/// Connects to real brokers. Times count from when it was made, over all its connections.
pub struct MqttBroker {
    clock: Clock,
}

/// Counts from the beginning of the inspection.
#[derive(Clone, Copy, Debug)]
struct Clock {
    began: Instant,
}

impl Clock {
    fn now(self) -> Now {
        let instant = Instant::now();
        let mono_micros = u64::try_from(instant.duration_since(self.began).as_micros()).unwrap_or(u64::MAX);
        Now { instant, mono_micros }
    }

    fn unix_offset_micros(self) -> i64 {
        engine::unix_offset_micros(self.now())
    }
}

impl Default for MqttBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl MqttBroker {
    /// The inspection begins now.
    pub fn new() -> Self {
        Self { clock: Clock { began: Instant::now() } }
    }
}

impl Broker for MqttBroker {
    fn connect<'a>(
        &'a self,
        plan: &'a ConnectPlan,
        attempt: u32,
        stages: mpsc::Sender<StageReport>,
    ) -> Boxed<'a, Result<Connection, ConnectionEnd>> {
        let (told, outcome) = oneshot::channel();
        let (plan, clock) = (plan.clone(), self.clock);
        let work = move || {
            let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    // Nobody waits for it any more: all right.
                    let _ = told.send(Err(MqttError::NotStarted { detail: error.to_string() }.end()));
                    return;
                }
            };
            runtime.block_on(connect::serve(plan, clock, attempt, stages, told));
            // Looking a name up may hang in the system for long; nobody waits for it any more.
            runtime.shutdown_timeout(Duration::ZERO);
        };
        let started = thread::Builder::new().name("mqtt".into()).spawn(work);
        Box::pin(async move {
            let not_started = |detail: String| MqttError::NotStarted { detail }.end();
            started.map_err(|error| not_started(error.to_string()))?;
            outcome.await.map_err(|_| not_started("the thread of the connection ended".into()))?
        })
    }
}
