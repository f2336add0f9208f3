//! A recording played at its own pace: 0.1 to 100 times as fast, by single messages, from any time on.
//!
//! The pace follows the monotonic time of the recording, so that a clock that was set in mid-stream neither stalls nor hurries
//! it. Going to a time brings everything before it at once, as far as the memory for messages holds it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::flow::port::{Boxed, Playback};
use crate::model::problem::Problem;
use crate::msg::telemetry::{InspectionState, PlaybackState};
use crate::telemetry::batch::Batch;

/// The slowest and the fastest pace.
pub(super) const SPEEDS: std::ops::RangeInclusive<f32> = 0.1..=100.0;
/// Messages that are due within that time come together: nobody sees the difference.
const TOGETHER: Duration = Duration::from_millis(15);
/// A next message that is further away than this is worth saying: till then nothing moves.
const WORTH_SAYING: Duration = Duration::from_secs(2);
/// What a message takes in memory, roughly: how much of a recording is worth reading before a time.
const BYTES_PER_MESSAGE: u64 = 256;

/// Longer than anyone waits: stands for times that a damaged recording tells.
const FAR: Duration = Duration::from_hours(24 * 365);

/// A recording and where it is.
pub(super) struct Player {
    /// Here unless it is being read.
    playback: Option<Box<dyn Playback>>,
    away: Option<Boxed<'static, Back>>,
    batch: Option<(Arc<Batch>, usize)>,
    /// What the recording says while it is being read.
    state: PlaybackState,
    speed: f32,
    is_playing: bool,
    is_at_end: bool,
    /// One message is wanted.
    wants_step: bool,
    /// Everything before that time comes at once.
    fill_until: Option<i64>,
    /// At which instant which monotonic time of the recording was due.
    anchor: Option<(Instant, u64)>,
    position_mono: u64,
    /// When the next message comes, while that is waited for and worth saying.
    next_at: Option<Instant>,
    /// A problem that ended it.
    is_broken: bool,
}

struct Back {
    playback: Box<dyn Playback>,
    result: Result<Read, Problem>,
}

enum Read {
    Batch(Arc<Batch>),
    End,
    Sought,
}

/// What came of a recording.
pub(super) enum Played {
    /// Messages that are due.
    Messages(Arc<Batch>),
    /// The next one is further away than a person waits without asking why.
    Waits,
    /// It came to its end, or to the time that was asked for.
    Arrived,
    /// It cannot be read any further.
    Failed(Problem),
}

impl Player {
    pub(super) fn new(playback: Box<dyn Playback>, speed: f32) -> Self {
        let recording = playback.state();
        let state = PlaybackState {
            facts: playback.facts(),
            repaired: playback.repaired(),
            left_out: playback.left_out(),
            position_unix_micros: recording.span_unix_micros.map_or(0, |(first, _)| first),
            recording,
            speed,
            next_in: None,
        };
        Self {
            playback: Some(playback),
            away: None,
            batch: None,
            state,
            speed: paced(speed),
            is_playing: true,
            is_at_end: false,
            wants_step: false,
            fill_until: None,
            anchor: None,
            position_mono: 0,
            next_at: None,
            is_broken: false,
        }
    }

    /// How it stands.
    pub(super) fn state(&self) -> PlaybackState {
        let now = Instant::now();
        let next_in = self.next_at.map(|at| at.saturating_duration_since(now));
        PlaybackState { speed: self.speed, next_in, ..self.state.clone() }
    }

    /// Ends it here, whatever the recording still holds.
    pub(super) fn stop(&mut self) {
        self.batch = None;
        self.is_at_end = true;
        self.is_playing = false;
        self.wants_step = false;
        self.fill_until = None;
        (self.anchor, self.next_at) = (None, None);
    }

    /// As the inspection as a whole tells it.
    pub(super) const fn inspection_state(&self) -> InspectionState {
        if self.is_playing { InspectionState::Playing } else { InspectionState::Paused { is_at_end: self.is_at_end } }
    }

    pub(super) const fn is_playing(&self) -> bool {
        self.is_playing
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// The time in the recording, in microseconds of its monotonic clock.
    pub(super) fn now_mono(&self) -> u64 {
        match self.anchor {
            Some((at, mono)) if self.is_playing && self.fill_until.is_none() && self.speed.is_finite() => {
                mono.saturating_add(scaled(at.elapsed(), self.speed)).max(self.position_mono)
            }
            _ => self.position_mono,
        }
    }

    pub(super) fn play(&mut self, is_playing: bool) {
        if is_playing == self.is_playing || self.is_broken {
            return;
        }
        self.position_mono = self.now_mono();
        self.is_playing = is_playing && !self.is_at_end;
        (self.anchor, self.next_at) = (None, None);
    }

    pub(super) fn set_speed(&mut self, speed: f32) {
        self.position_mono = self.now_mono();
        self.speed = paced(speed);
        (self.anchor, self.next_at) = (None, None);
    }

    /// Brings one message and pauses.
    pub(super) fn step(&mut self) {
        if !self.is_broken {
            self.play(false);
            self.wants_step = !self.is_at_end;
        }
    }

    /// Goes to a time. True if what was shown has to be forgotten: then it comes again, from `held_bytes` of memory before
    /// that time on.
    pub(super) fn seek(&mut self, unix_micros: i64, held_bytes: usize) -> bool {
        if self.is_broken {
            return false;
        }
        (self.anchor, self.next_at) = (None, None);
        self.wants_step = false;
        let span = self.state.recording.span_unix_micros;
        let target = span.map_or(unix_micros, |(first, last)| unix_micros.clamp(first, last.saturating_add(1)));
        self.fill_until = Some(target);
        if target >= self.state.position_unix_micros && !self.is_at_end {
            return false;
        }
        let from = span.map_or(target, |span| self.worth_reading(span, target, held_bytes));
        self.is_at_end = false;
        self.batch = None;
        self.position_mono = 0;
        self.state.position_unix_micros = from;
        let (playback, away) = (self.playback.take(), self.away.take());
        self.away = Some(Box::pin(async move {
            // What was being read is waited for and thrown away: there is one reader.
            let mut playback = match (playback, away) {
                (Some(playback), _) => playback,
                (None, Some(away)) => away.await.playback,
                // It is always in one of the two places.
                (None, None) => std::future::pending().await,
            };
            let result = playback.seek(from).await.map(|()| Read::Sought);
            Back { playback, result }
        }));
        true
    }

    /// From when on messages before a time fit into memory, to go by the recording's size.
    fn worth_reading(&self, (first, last): (i64, i64), target: i64, held_bytes: usize) -> i64 {
        let fits = i128::from(held_bytes as u64 / BYTES_PER_MESSAGE);
        let messages = i128::from(self.state.recording.messages.max(1));
        let micros = i128::from(last.saturating_sub(first)).max(1) * fits / messages;
        target.saturating_sub(i64::try_from(micros).unwrap_or(i64::MAX)).max(first)
    }

    /// What comes of it next; never while it is paused and nothing is wanted. Safe to drop at any point.
    pub(super) async fn next(&mut self) -> Played {
        loop {
            if let Some(away) = &mut self.away {
                let Back { playback, result } = away.await;
                self.away = None;
                let has_lost = |batch: &Batch| batch.missed.left_out > 0;
                if matches!(&result, Ok(Read::End)) || matches!(&result, Ok(Read::Batch(batch)) if has_lost(batch)) {
                    (self.state.repaired, self.state.left_out) = (playback.repaired(), playback.left_out());
                }
                self.playback = Some(playback);
                match result {
                    // What was missed there counts, with or without a message behind it.
                    Ok(Read::Batch(batch)) if batch.is_empty() && !batch.missed.is_zero() => {
                        return Played::Messages(batch);
                    }
                    Ok(Read::Batch(batch)) => self.batch = Some((batch, 0)),
                    Ok(Read::Sought) => {}
                    Ok(Read::End) => return self.end(),
                    Err(problem) => {
                        self.is_broken = true;
                        self.is_playing = false;
                        self.fill_until = None;
                        return Played::Failed(problem);
                    }
                }
                continue;
            }
            let is_wanted = self.is_playing || self.wants_step || self.fill_until.is_some();
            if !is_wanted || self.is_broken || self.is_at_end {
                std::future::pending::<()>().await;
            }
            let Some((batch, first)) = self.batch.take() else {
                self.read();
                continue;
            };
            if first >= batch.len() {
                continue;
            }
            let due = match self.due(&batch, first) {
                Due::Messages(count) => count,
                Due::Arrived => {
                    self.batch = Some((batch, first));
                    self.fill_until = None;
                    return Played::Arrived;
                }
                Due::At(at) => {
                    self.batch = Some((batch, first));
                    if self.next_at != Some(at) && at.saturating_duration_since(Instant::now()) >= WORTH_SAYING {
                        self.next_at = Some(at);
                        return Played::Waits;
                    }
                    sleep_until(at).await;
                    continue;
                }
            };
            return Played::Messages(self.take(batch, first, due));
        }
    }

    fn read(&mut self) {
        let Some(mut playback) = self.playback.take() else { return };
        self.away = Some(Box::pin(async move {
            let result = playback.next().await.map(|batch| batch.map_or(Read::End, Read::Batch));
            Back { playback, result }
        }));
    }

    fn end(&mut self) -> Played {
        self.stop();
        Played::Arrived
    }

    /// How many messages are due now, or when the next one is.
    fn due(&mut self, batch: &Batch, first: usize) -> Due {
        let rest = || batch.iter().skip(first);
        if let Some(target) = self.fill_until {
            let count = rest().take_while(|arrival| arrival.unix_micros < target).count();
            return if count == 0 { Due::Arrived } else { Due::Messages(count) };
        }
        if std::mem::take(&mut self.wants_step) {
            return Due::Messages(1);
        }
        if !self.speed.is_finite() {
            return Due::Messages(batch.len() - first);
        }
        let next = rest().next().map_or(0, |arrival| arrival.mono_micros);
        let now = Instant::now();
        // At the start, and where a time goes back, the next message is due at once.
        let (at, mono) = match self.anchor {
            Some(anchor) if next >= self.position_mono => anchor,
            _ => {
                let from = if self.position_mono == 0 || next < self.position_mono { next } else { self.position_mono };
                *self.anchor.insert((now, from))
            }
        };
        let limit = mono.saturating_add(scaled(now.duration_since(at) + TOGETHER, self.speed));
        let count = rest().take_while(|arrival| arrival.mono_micros <= limit).count();
        if next > mono.saturating_add(scaled(now.duration_since(at), self.speed)) {
            return Due::At(at.checked_add(stretched(next - mono, self.speed)).unwrap_or(now + FAR));
        }
        Due::Messages(count.max(1))
    }

    /// Cuts the messages that are due out of their batch.
    fn take(&mut self, batch: Arc<Batch>, first: usize, count: usize) -> Arc<Batch> {
        let end = first + count;
        self.next_at = None;
        if let Some(last) = batch.iter().nth(end - 1) {
            self.position_mono = last.mono_micros;
            self.state.position_unix_micros = last.unix_micros;
        }
        if first == 0 && end == batch.len() {
            return batch;
        }
        let part = Arc::new(batch.part(first, count));
        self.batch = Some((batch, end));
        part
    }
}

enum Due {
    Messages(usize),
    Arrived,
    At(Instant),
}

fn paced(speed: f32) -> f32 {
    if speed.is_finite() { speed.clamp(*SPEEDS.start(), *SPEEDS.end()) } else { f32::INFINITY }
}

/// Microseconds of the recording in that time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time in a recording is far from the limits"
)]
fn scaled(time: Duration, speed: f32) -> u64 {
    (time.as_secs_f64() * f64::from(speed) * 1e6).round() as u64
}

/// How long microseconds of the recording take.
#[expect(clippy::cast_precision_loss, reason = "a time in a recording is far from the limits")]
fn stretched(micros: u64, speed: f32) -> Duration {
    Duration::try_from_secs_f64(micros as f64 / 1e6 / f64::from(speed)).unwrap_or(FAR)
}
