//! [`Ear`]: listens to a gateway's topics at a broker while something else goes on, so that a last will is not missed.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::flow::port::{Boxed, Broker, Connection, ConnectionEnd, Delivery};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::stage::StageReport;
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::model::wipe::{LastWill, WillState};
use crate::telemetry::batch::Batch;

/// Most topics that are kept.
pub(super) const MOST_TOPICS: usize = 500;
/// Longest topic that is kept.
pub(super) const TOPIC_CHARS: usize = 300;
/// What still waits when listening ends: more than that is no longer taken.
const MOST_WAITING: usize = 1000;

/// Somebody who listens. Dropped, it ends.
pub(super) struct Ear {
    stop: oneshot::Sender<()>,
    heard: oneshot::Receiver<Heard>,
}

/// What was heard.
#[derive(Default)]
pub(super) struct Heard {
    /// Topics on which something was published, with how many messages; its last will is none of them.
    pub(super) live: BTreeMap<String, u64>,
    /// The last will was published.
    will_came: bool,
    /// It was retained when listening began.
    will_stood: bool,
    /// Why listening never began, or ended early.
    pub(super) broken: Option<String>,
}

impl Ear {
    /// Listens on a connection whose plan subscribes to what is wanted, among those that listen beside.
    pub(super) async fn on(connection: Connection, will: Option<LastWill>, beside: &Beside) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, heard) = oneshot::channel();
        let task = async move {
            let _ = tell.send(hear(connection, will, stopped).await);
        };
        // Where nobody runs it any more, it ends as one that was cut off.
        let _ = beside.send(Box::pin(task)).await;
        Self { stop, heard }
    }

    /// Ends it and tells what was heard.
    pub(super) async fn end(self) -> Heard {
        let _ = self.stop.send(());
        self.heard.await.unwrap_or_else(|_| Heard::nothing("listening was cut off"))
    }
}

/// Where listeners go to be run.
pub(super) type Beside = mpsc::Sender<Boxed<'static, ()>>;

/// Runs those who listen, beside what else goes on. Never ends; dropped, they end.
pub(super) async fn run_beside(mut tasks: mpsc::Receiver<Boxed<'static, ()>>) {
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(task) = tasks.recv() => running.push(task),
            Some(()) = running.next(), if !running.is_empty() => {}
            else => std::future::pending().await,
        }
    }
}

async fn hear(mut connection: Connection, will: Option<LastWill>, mut stop: oneshot::Receiver<()>) -> Heard {
    let mut heard = Heard::default();
    loop {
        let delivery = tokio::select! {
            delivery = connection.deliveries.recv() => delivery,
            _ = &mut stop => break,
        };
        match delivery {
            Some(Delivery::Messages(batch)) => heard.take(&batch, will.as_ref()),
            Some(Delivery::Ended(end)) => return heard.ended(end.problem.what),
            None => return heard.ended("the connection ended".into()),
            Some(_) => {}
        }
    }
    for _ in 0..MOST_WAITING {
        match connection.deliveries.try_recv() {
            Ok(Delivery::Messages(batch)) => heard.take(&batch, will.as_ref()),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    heard
}

impl Heard {
    /// Nobody could listen.
    pub(super) fn nothing(why: impl Into<String>) -> Self {
        Self { broken: Some(why.into()), ..Self::default() }
    }

    fn ended(self, why: String) -> Self {
        Self { broken: Some(why), ..self }
    }

    fn take(&mut self, batch: &Batch, will: Option<&LastWill>) {
        for message in batch.iter() {
            let is_will = will.is_some_and(|will| will.is(message.topic, message.payload));
            match (is_will, message.is_retained) {
                (true, true) => self.will_stood = true,
                (true, false) => self.will_came = true,
                (false, true) => {}
                (false, false) => self.count(message.topic),
            }
        }
    }

    fn count(&mut self, topic: &[u8]) {
        let topic = visible(&String::from_utf8_lossy(topic), TOPIC_CHARS);
        if self.live.len() < MOST_TOPICS || self.live.contains_key(&topic) {
            *self.live.entry(topic).or_default() += 1;
        }
    }

    /// What became of the last will: listened for from before the removal, and once more after it.
    pub(super) fn will(&self, later: &Self) -> WillState {
        // Retained since: it came between the two.
        let came_between = self.broken.is_none() && !self.will_stood && later.will_stood;
        match (self.will_came || later.will_came || came_between, self.will_stood || later.will_stood) {
            (true, _) => WillState::Seen,
            (false, true) => WillState::StoodThere,
            (false, false) if self.broken.is_some() || later.broken.is_some() => WillState::NotListened,
            (false, false) => WillState::NotSeen,
        }
    }
}

/// A connection, and a subscription that the broker refused.
pub(super) async fn connected(
    broker: &Arc<dyn Broker>,
    plan: &ConnectPlan,
) -> Result<(Connection, Option<Problem>), ConnectionEnd> {
    let (stages, mut told) = mpsc::channel::<StageReport>(64);
    let mut refused = None;
    // Nobody may wait for room in the stages.
    let drain = async {
        while let Some(report) = told.recv().await {
            refused = report.refused_subscription().cloned().or(refused.take());
        }
    };
    let (connection, ()) = tokio::join!(broker.connect(plan, 1, stages), drain);
    Ok((connection?, refused))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::word::Word as _;

    fn heard(will_stood: bool, will_came: bool, is_broken: bool) -> Heard {
        let broken = is_broken.then(|| "why".to_owned());
        Heard { will_came, will_stood, broken, ..Heard::default() }
    }

    #[test]
    fn a_last_will_that_stood_there_before_is_not_one_that_was_seen() {
        let quiet = || heard(false, false, false);
        for (first, later, state) in [
            (quiet(), quiet(), WillState::NotSeen),
            (heard(false, true, false), quiet(), WillState::Seen),
            (quiet(), heard(false, true, false), WillState::Seen),
            (quiet(), heard(true, false, false), WillState::Seen),
            (heard(true, false, false), heard(true, false, false), WillState::StoodThere),
            (heard(false, false, true), heard(true, false, false), WillState::StoodThere),
            (heard(false, false, true), quiet(), WillState::NotListened),
            (quiet(), heard(false, false, true), WillState::NotListened),
        ] {
            assert_eq!(first.will(&later), state, "{}", state.word());
        }
    }
}
