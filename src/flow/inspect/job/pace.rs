//! When something of an inspection is due by itself: snapshots as often as the front end takes them, ticks, and what is told
//! once a second.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::{Job, RECORDING_EVERY};
use crate::msg::telemetry::TelemetryEvent;
use crate::telemetry::view::Snapshot;

/// The shortest time between two snapshots: at most 30 a second.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(34);
/// A front end that has not taken the one before the last gets no other, but for one a second.
const SNAPSHOT_ANYWAY: Duration = Duration::from_secs(1);

/// When snapshots were made.
#[derive(Default)]
pub(super) struct Pace {
    made: Option<Instant>,
    number: u64,
    /// The state of the inspector that the last one shows.
    change: Option<u64>,
    /// The last two.
    sent: [Weak<Snapshot>; 2],
    not_before: Option<Instant>,
}

impl Job {
    /// When something is due by itself; nothing while nothing happens.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let allowed = self.snapshot_allowed_at(now);
        let snapshot = self.is_dirty().then_some(allowed);
        let tick = self.inspector.next_tick().and_then(|mono| self.instant_of(mono, now)).map(|tick| tick.max(allowed));
        let recording = self.is_recording_changed.then(|| match self.recording_told {
            Some(told) => told + RECORDING_EVERY,
            None => now,
        });
        [snapshot, tick, recording, self.acts.next_at()].into_iter().flatten().min()
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.pace.change != Some(self.inspector.change())
    }

    pub(super) fn snapshot_allowed_at(&self, now: Instant) -> Instant {
        let paced = self.pace.made.map_or(now, |made| made + SNAPSHOT_EVERY);
        self.pace.not_before.map_or(paced, |not_before| paced.max(not_before))
    }

    /// When a monotonic time of the messages is.
    pub(super) fn instant_of(&self, mono: u64, now: Instant) -> Option<Instant> {
        match &self.player {
            // Its time runs at a speed of its own: looking once a second is enough.
            Some(player) if player.is_playing() => {
                let made = self.pace.made.unwrap_or(now);
                (mono != u64::MAX).then(|| made + SNAPSHOT_ANYWAY)
            }
            Some(_) => None,
            None => self.started.checked_add(Duration::from_micros(mono)),
        }
    }

    pub(super) async fn do_what_is_due(&mut self) {
        let now = Instant::now();
        if self.acts.next_at().is_some_and(|at| at <= now) {
            self.pump().await;
        }
        if self.is_recording_changed && self.recording_told.is_none_or(|told| told + RECORDING_EVERY <= now) {
            self.tell_recording().await;
        }
        let tick = self.inspector.next_tick().and_then(|mono| self.instant_of(mono, now));
        let is_due = self.is_dirty() || tick.is_some_and(|tick| tick <= now);
        if is_due && self.snapshot_allowed_at(now) <= now {
            self.show(now).await;
        }
    }

    /// Makes a snapshot, unless the front end has not taken the one before the last.
    pub(super) async fn show(&mut self, now: Instant) {
        let is_behind = self.pace.sent[0].strong_count() > 0 && self.pace.sent[1].strong_count() > 0;
        let is_overdue = self.pace.made.is_none_or(|made| made + SNAPSHOT_ANYWAY <= now);
        if (is_behind && !is_overdue) || self.setup.progress.capacity() == 0 {
            self.pace.not_before = Some(now + SNAPSHOT_EVERY);
            return;
        }
        self.make_snapshot(now).await;
    }

    pub(super) async fn make_snapshot(&mut self, now: Instant) {
        let (mono, unix) = (self.now_mono(), self.now_unix());
        let snapshot = Arc::new(self.inspector.snapshot(self.pace.number, mono, unix));
        self.pace.number += 1;
        self.pace.made = Some(now);
        self.pace.not_before = None;
        self.pace.change = Some(self.inspector.change());
        self.pace.sent.swap(0, 1);
        self.pace.sent[1] = Arc::downgrade(&snapshot);
        self.tell(TelemetryEvent::Snapshot(snapshot)).await;
        if let Some(player) = self.player.as_ref().filter(|player| player.is_playing()) {
            let playback = Box::new(player.state());
            self.tell(TelemetryEvent::Playback(playback)).await;
        }
    }

    /// The time by which messages are counted.
    pub(super) fn now_mono(&self) -> u64 {
        match &self.player {
            Some(player) => player.now_mono(),
            None => u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn now_unix(&self) -> i64 {
        match &self.player {
            Some(player) => player.state().position_unix_micros,
            None => (self.setup.clock)(),
        }
    }
}
