//! How regular a topic is: intervals, the sender's own numbers and times, payloads that stay the same, units that change.
//!
//! Intervals, order and sameness are followed for every message, since they are counted. The numbers in payloads are looked
//! at for so many messages a second and no more: all of a gateway's, a sample of a flood.

use memchr::memmem::Finder;

use super::sniff::{self, Meaning};
use super::table::fold;
use super::topics::Totals;
use crate::model::text::visible;
use crate::telemetry::batch::Arrival;

/// Intervals of which the middle one is taken.
const INTERVALS: usize = 16;
/// Intervals up to this length are no gaps, however short the usual one is: messages are read in groups.
const LEAST_GAP_MICROS: u64 = 50_000;
/// An interval of more than that many usual ones is a gap.
const GAP_FACTOR: f64 = 3.0;
/// Payloads in a second whose numbers are looked at.
const LOOKS_A_SECOND: u32 = 2_000;
/// Numbers of a payload that are followed.
const FIELDS: usize = 8;
/// Characters of a path that are shown.
const PATH_CHARS: usize = 200;
/// More numbers left out at once than that are a new count.
const MOST_MISSING: u64 = 1_000_000;
/// A number that is further behind than that belongs to a new count.
const MOST_LATE: u64 = 64;
/// So many numbers may be missing where a count comes to its end and begins again.
const AROUND_END: u64 = 8;
/// Names of members that are remembered over all topics.
const NAMES: usize = 256;

/// What is known of each topic, by its number.
pub(super) struct Qualities {
    all: Vec<Quality>,
    /// Names of members by which topics number their messages, with their quotes.
    names: Vec<Finder<'static>>,
    looks_left: u32,
    /// Memory of what topics keep apart.
    apart_bytes: usize,
}

/// What is known of a topic.
#[derive(Clone)]
pub(super) struct Quality {
    /// The last intervals in microseconds.
    intervals: [f32; INTERVALS],
    pub(super) seen: u32,
    /// The middle of those; 0 if it is not known yet.
    usual: f32,
    pub(super) gaps: u32,
    /// How often in a row the payload has been the same, and a sign of it.
    pub(super) same: u32,
    sign: u64,
    whole_sign: u64,
    /// Since when.
    pub(super) same_since: u64,
    pub(super) longest_micros: u64,
    /// Whether the payload was ever another one.
    pub(super) has_varied: bool,
    order: Order,
    pub(super) missing: u64,
    pub(super) back: u32,
    pub(super) restarts: u32,
    /// The device's clock against ours when it was last looked at, in seconds.
    pub(super) clock_offset: f32,
    fields: Option<Box<Fields>>,
}

/// How messages of a topic say where they belong.
#[derive(Clone, Copy)]
struct Order {
    /// Which name; `NO_NAME` if there is none.
    name: u16,
    meaning: Meaning,
    /// How often a doubtful one has gone up by one, up to a few times.
    trust: u8,
    has_value: bool,
    /// Where its value was.
    hint: u32,
    last: u64,
    highest: u64,
    /// By how much it usually goes up; 0 if that is not known yet.
    step: u64,
    last_step: u64,
}

/// As many times in a row a payload that used to change must be the same to be worth a look.
const STUCK: u32 = 10;
/// By so much a clock must be off to be worth a look.
pub(super) const CLOCK_OFF_SECS: f64 = 5.0;
const NO_NAME: u16 = u16::MAX;
const TRUSTED: u8 = 3;

/// Numbers in the payloads of a topic.
#[derive(Clone, Default)]
pub(super) struct Fields {
    all: Vec<Field>,
    /// The last jump that looks like another unit: path, before, after.
    pub(super) jump: Option<(String, f64, f64)>,
}

/// A number in the payloads of a topic.
#[derive(Clone, Copy)]
struct Field {
    path: u32,
    /// How often in a row it stayed near the same.
    steady: u8,
    is_jumping: bool,
    last: f64,
    /// What it was before it jumped.
    before: f64,
}

impl Qualities {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), names: Vec::new(), looks_left: LOOKS_A_SECOND, apart_bytes: 0 }
    }

    /// Adds the next topic.
    pub(super) fn add(&mut self) {
        self.all.push(Quality::new());
    }

    pub(super) fn of(&self, topic: u32) -> &Quality {
        &self.all[topic as usize]
    }

    /// Takes a message in. `before` is what was counted of its topic until now, `previous` the payload before it. True if
    /// its own number or time is before that of the one before it.
    #[inline]
    pub(super) fn see<'a>(
        &mut self,
        topic: u32,
        before: &Totals,
        arrival: &Arrival<'_>,
        previous: impl Fn() -> Option<&'a [u8]>,
    ) -> bool {
        let quality = &mut self.all[topic as usize];
        // One that was kept says nothing of when its sender sends.
        if before.messages > 0 && !before.is_retained && !arrival.is_retained {
            quality.see_interval(arrival.mono_micros.saturating_sub(before.last_micros));
        }
        quality.see_payload(before.messages, arrival, &previous);
        if !sniff::is_worth_it(arrival.payload) || arrival.is_retained {
            return false;
        }
        if quality.order.name == NO_NAME && is_due(before.messages) {
            self.learn(topic, arrival.payload, previous());
        }
        let is_back = self.see_order(topic, arrival);
        if self.looks_left > 0 {
            self.look(topic, arrival);
        }
        is_back
    }

    #[inline]
    fn see_order(&mut self, topic: u32, arrival: &Arrival<'_>) -> bool {
        let quality = &mut self.all[topic as usize];
        let order = &mut quality.order;
        let Some(name) = self.names.get(usize::from(order.name)) else { return false };
        let is_time = order.meaning == Meaning::Time;
        let Some(value) = sniff::value_behind(arrival.payload, name, &mut order.hint, is_time) else { return false };
        if !order.has_value {
            order.has_value = true;
            (order.last, order.highest) = (value, value);
            return false;
        }
        let last = std::mem::replace(&mut order.last, value);
        match order.meaning {
            Meaning::Time => {
                let is_back = value < last;
                quality.back += u32::from(is_back);
                is_back
            }
            Meaning::MaybeNumber if order.trust < TRUSTED => {
                order.highest = value;
                if value == last + 1 {
                    order.trust += 1;
                    (order.step, order.last_step) = (1, 1);
                } else {
                    quality.order = Order::UNKNOWN;
                }
                false
            }
            Meaning::Number | Meaning::MaybeNumber => quality.see_number(last, value, arrival.is_duplicate),
        }
    }

    /// Looks for a number or time that tells the order of a topic's messages.
    #[cold]
    fn learn(&mut self, topic: u32, payload: &[u8], previous: Option<&[u8]>) {
        let previous = previous.unwrap_or_default();
        let counts_up = |found: &sniff::Candidate<'_>| {
            let same = sniff::candidates(previous).find(|other| other.quoted == found.quoted);
            same.is_some_and(|other| other.value.checked_add(1) == Some(found.value))
        };
        let of = |meaning| sniff::candidates(payload).filter(move |found| found.meaning == meaning);
        let found = of(Meaning::Number)
            .next()
            .or_else(|| of(Meaning::MaybeNumber).find(counts_up))
            .or_else(|| of(Meaning::Time).next());
        let Some(found) = found else { return };
        let known = self.names.iter().position(|name| name.needle() == found.quoted);
        if known.is_none() && self.names.len() >= NAMES {
            return;
        }
        let name = known.unwrap_or_else(|| {
            self.names.push(Finder::new(found.quoted).into_owned());
            self.names.len() - 1
        });
        self.all[topic as usize].order = Order {
            name: u16::try_from(name).unwrap_or(NO_NAME),
            meaning: found.meaning,
            hint: u32::try_from(found.end).unwrap_or(0),
            ..Order::UNKNOWN
        };
    }

    /// Follows the numbers of a payload, and the clock of its sender.
    #[cold]
    fn look(&mut self, topic: u32, arrival: &Arrival<'_>) {
        self.looks_left -= 1;
        let quality = &mut self.all[topic as usize];
        let fields = quality.fields.get_or_insert_with(|| {
            self.apart_bytes += size_of::<Fields>();
            Box::default()
        });
        let before = fields.all.capacity();
        sniff::numbers(arrival.payload, |path, text, number| fields.see(path, number, || text.text()));
        self.apart_bytes += (fields.all.capacity() - before) * size_of::<Field>();
        if let Some(offset) = clock_offset(arrival.payload, arrival.unix_micros) {
            #[expect(clippy::cast_possible_truncation, reason = "to rank topics by, not to show")]
            let offset = offset as f32;
            quality.clock_offset = offset;
        }
    }

    pub(super) fn begin_second(&mut self) {
        self.looks_left = LOOKS_A_SECOND;
    }

    pub(super) fn clear(&mut self) {
        self.all.fill(Quality::new());
        self.apart_bytes = 0;
    }

    pub(super) fn memory(&self) -> usize {
        self.all.capacity() * size_of::<Quality>() + self.apart_bytes
    }
}

/// How far a sender's clock is ahead of ours at a message, in seconds, if it tells its time.
pub(super) fn clock_offset(payload: &[u8], unix_micros: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit for three centuries")]
    sniff::time(payload).map(|time| time - unix_micros as f64 / 1e6)
}

/// Whether a topic without a known order is looked at once more: at first, and then ever more rarely.
fn is_due(messages: u64) -> bool {
    messages <= 3 || messages.is_power_of_two() && messages.trailing_zeros().is_multiple_of(4)
}

impl Order {
    const UNKNOWN: Self = Self {
        name: NO_NAME,
        meaning: Meaning::MaybeNumber,
        trust: 0,
        has_value: false,
        hint: 0,
        last: 0,
        highest: 0,
        step: 0,
        last_step: 0,
    };
}

impl Quality {
    fn new() -> Self {
        Self {
            intervals: [0.0; INTERVALS],
            seen: 0,
            usual: 0.0,
            gaps: 0,
            same: 0,
            sign: 0,
            whole_sign: 0,
            same_since: 0,
            longest_micros: 0,
            has_varied: false,
            order: Order::UNKNOWN,
            missing: 0,
            back: 0,
            restarts: 0,
            clock_offset: 0.0,
            fields: None,
        }
    }

    #[inline]
    fn see_interval(&mut self, micros: u64) {
        #[expect(clippy::cast_precision_loss, reason = "an interval needs no more digits")]
        let interval = micros as f32;
        self.longest_micros = self.longest_micros.max(micros);
        if self.usual > 0.0 && f64::from(interval) > f64::from(self.usual) * GAP_FACTOR && micros > LEAST_GAP_MICROS {
            self.gaps += 1;
        }
        self.intervals[self.seen as usize % INTERVALS] = interval;
        self.seen = self.seen.saturating_add(1);
        if (self.seen as usize).is_multiple_of(INTERVALS) || matches!(self.seen, 3 | 5 | 8 | 12) {
            self.usual = middle(self.known_intervals().collect()).max(f32::MIN_POSITIVE);
        }
    }

    fn known_intervals(&self) -> impl Iterator<Item = f32> {
        self.intervals.iter().copied().take(self.seen as usize)
    }

    #[inline]
    fn see_payload<'a>(&mut self, messages: u64, arrival: &Arrival<'_>, previous: impl Fn() -> Option<&'a [u8]>) {
        let sign = sign(arrival.payload);
        let is_same = messages > 0
            && sign == self.sign
            && if self.same > 1 {
                whole_sign(arrival.payload) == self.whole_sign
            } else {
                previous() == Some(arrival.payload)
            };
        self.sign = sign;
        if is_same {
            self.same = self.same.saturating_add(1);
            if self.same == 2 {
                self.whole_sign = whole_sign(arrival.payload);
            }
        } else {
            self.has_varied |= messages > 0;
            self.same = 1;
            self.same_since = arrival.mono_micros;
        }
    }

    /// Whether a number is before the one before it.
    fn see_number(&mut self, last: u64, value: u64, is_duplicate: bool) -> bool {
        let order = &mut self.order;
        if value > last && value - last == order.last_step {
            order.step = order.last_step;
        }
        order.last_step = value.saturating_sub(last);
        if value > order.highest {
            let ahead = value - order.highest;
            if order.step > 0 && ahead.is_multiple_of(order.step) {
                match ahead / order.step - 1 {
                    missing @ 0..MOST_MISSING => self.missing += missing,
                    _ => self.restarts += 1,
                }
            }
            order.highest = value;
        } else if value < last && (value <= 1 || order.highest - value > MOST_LATE) {
            order.highest = value;
            if value < AROUND_END && is_end_of_range(last) {
                return false;
            }
            self.restarts += 1;
        } else if value < order.highest && value != last && !is_duplicate {
            // One that had been missing.
            self.missing = self.missing.saturating_sub(1);
        }
        self.back += u32::from(value < last);
        value < last
    }

    /// The middle of the intervals, in microseconds.
    pub(super) fn usual(&self) -> Option<f64> {
        (self.usual > 0.0).then(|| f64::from(middle(self.known_intervals().collect())))
    }

    /// How far intervals usually are from that.
    pub(super) fn jitter(&self) -> Option<f64> {
        #[expect(clippy::cast_possible_truncation, reason = "it was one")]
        let usual = self.usual()? as f32;
        Some(f64::from(middle(self.known_intervals().map(|interval| (interval - usual).abs()).collect())))
    }

    /// For how many microseconds a topic may be silent before it counts as silent.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an interval is small and positive")]
    pub(super) fn patience_micros(&self) -> Option<u64> {
        (self.usual > 0.0).then(|| (f64::from(self.usual) * GAP_FACTOR) as u64)
    }

    /// A number that jumped as if its unit had changed: path, before, after.
    pub(super) fn jump(&self) -> Option<&(String, f64, f64)> {
        self.fields.as_ref()?.jump.as_ref()
    }

    /// Whether the sender's clock is far from ours, as far as it was looked at.
    pub(super) fn is_clock_off(&self) -> bool {
        f64::from(self.clock_offset).abs() > CLOCK_OFF_SECS
    }

    /// How many things are worth a look.
    pub(super) fn findings(&self) -> usize {
        let all = [
            self.gaps > 0,
            self.missing > 0,
            self.back > 0,
            self.restarts > 0,
            self.is_clock_off(),
            self.is_stuck(),
            self.jump().is_some(),
        ];
        all.into_iter().filter(|is_so| *is_so).count()
    }

    /// Whether a payload that used to change stays the same.
    pub(super) fn is_stuck(&self) -> bool {
        self.has_varied && self.same >= STUCK
    }
}

impl Fields {
    fn see(&mut self, path: u32, number: f64, text: impl Fn() -> String) {
        let Some(field) = self.all.iter_mut().find(|field| field.path == path) else {
            if self.all.len() < FIELDS {
                if self.all.capacity() == self.all.len() {
                    self.all.reserve_exact(2);
                }
                self.all.push(Field { path, steady: 0, is_jumping: false, last: number, before: 0.0 });
            }
            return;
        };
        let last = std::mem::replace(&mut field.last, number);
        let is_near = (number - last).abs() <= 0.15 * last.abs();
        if std::mem::take(&mut field.is_jumping) && is_near {
            // It stays there, so it was no single wrong value.
            self.jump = Some((visible(&text(), PATH_CHARS), field.before, last));
        }
        if is_near {
            field.steady = field.steady.saturating_add(1);
        } else {
            if field.steady >= 4 && is_other_unit(last, number) {
                field.is_jumping = true;
                field.before = last;
            }
            field.steady = 0;
        }
    }
}

/// Whether one number looks like the other in another unit: by a power of ten, or degrees of Celsius and Fahrenheit.
fn is_other_unit(before: f64, after: f64) -> bool {
    let ratio = (after / before).abs();
    let is_power = [10.0, 100.0, 1000.0].iter().any(|power| {
        let off = if ratio > 1.0 { ratio / power } else { ratio * power };
        (0.85..1.15).contains(&off)
    });
    let is_fahrenheit = |celsius: f64, fahrenheit: f64| {
        (-60.0..400.0).contains(&celsius) && (celsius * 1.8 + 32.0 - fahrenheit).abs() <= 2.0 + 0.03 * fahrenheit.abs()
    };
    before != 0.0 && after != 0.0 && (is_power || is_fahrenheit(before, after) || is_fahrenheit(after, before))
}

/// Whether a count may have come to the end of its digits or bits there.
fn is_end_of_range(value: u64) -> bool {
    const ENDS: [u64; 12] =
        [0xFF, 0x7FFF, 0xFFFF, 0xFF_FFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 99, 999, 9_999, 99_999, 999_999, u64::MAX];
    ENDS.iter().any(|end| end.checked_sub(value).is_some_and(|left| left < AROUND_END))
}

/// The value in the middle.
fn middle(mut values: Vec<f32>) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// A sign of a payload by its length and a few of its bytes: payloads with different signs differ.
#[inline]
fn sign(payload: &[u8]) -> u64 {
    let word = |at: usize| {
        let chunk = payload.get(at..).and_then(|rest| rest.first_chunk::<8>());
        chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk))
    };
    let middle = word(payload.len() / 2);
    let last = word(payload.len().saturating_sub(8));
    (word(0).rotate_left(17) ^ middle).rotate_left(17) ^ last ^ (payload.len() as u64).rotate_left(48)
}

/// A sign of a payload by all of its bytes.
fn whole_sign(payload: &[u8]) -> u64 {
    let (rounds, rest) = payload.as_chunks::<16>();
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let start = payload.len() as u64 ^ 0x9E37_79B9_7F4A_7C15;
    let state = rounds.iter().fold(start, |state, round| {
        let (low, high) = round.split_at(8);
        let word = |half: &[u8]| half.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
        fold(state ^ word(low), word(high) ^ 0xA076_1D64_78BD_642F).wrapping_add(state)
    });
    let (low, high) = rest.split_at(rest.len().min(8));
    fold(state ^ word(low), word(high) ^ 0xE703_7ED1_A0B4_28DB)
}
