//! What is said of topics as a whole: who talks most, who fell silent, how regular they are.
//!
//! Rankings over all topics are made once a second while somebody looks; what a row says is of the moment.

use std::time::Duration;

use super::topics::NONE;
use super::tree::{Now, ROOT};
use super::{SECOND_MICROS, Store, pages, quality, talkers};
use crate::model::mqtt::topic::TopicFilter;
use crate::telemetry::view::{
    NodeId, QualityPage, QualityRow, QualitySpec, Talker, TalkersBy, TalkersPage, TalkersSpec, TopicId,
};

/// Shorter silences than this are not worth a row, however often a topic talks.
const LEAST_SILENCE_MICROS: u64 = 1_000_000;
/// Times in a row from which on a payload counts as staying the same.
const SAME: u32 = 3;
/// Rows in a page at most.
const MAX_ROWS: usize = 10_000;

/// Rankings that are good for the rest of a second.
#[derive(Default)]
pub(super) struct Reports {
    talkers: Option<(u64, TalkersSpec, TalkersPage)>,
    quality: Option<(u64, Option<TopicFilter>, Vec<u32>)>,
    silent: Option<(u64, u64)>,
}

/// What is summed up of a talker.
#[derive(Clone, Copy, Default)]
struct Sum {
    messages: u64,
    bytes: u64,
    patience_micros: Option<u64>,
}

/// How a topic usually sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// The middle of its intervals.
    pub usual: Duration,
    /// For how long it may be silent.
    pub patience: Duration,
}

impl Store {
    /// How a topic usually sends, once that is learnt.
    pub fn rhythm(&self, topic: TopicId) -> Option<Rhythm> {
        self.topics.get(topic.0)?;
        let quality = self.qualities.of(topic.0);
        let patience = quality.patience_micros()?.max(LEAST_SILENCE_MICROS);
        Some(Rhythm { usual: micros(quality.usual()?), patience: Duration::from_micros(patience) })
    }

    /// How many topics are silent for longer than they may, of the time since `since`. Counted anew once a second.
    pub fn count_silent(&mut self, since: u64, now_micros: u64) -> u64 {
        let now = self.settle_at(now_micros);
        if let Some((_, count)) = self.reports.silent.filter(|(second, _)| *second == now.second()) {
            return count;
        }
        let count = (0..self.topics.len()).filter(|topic| self.is_silent(*topic, since, now.micros)).count() as u64;
        self.reports.silent = Some((now.second(), count));
        count
    }

    /// The topics that are silent for longer than they may, of the time since `since`: the longest first.
    pub fn silent_topics(&self, since: u64, now_micros: u64, count: usize) -> Vec<TopicId> {
        let silent = (0..self.topics.len()).filter(|topic| self.is_silent(*topic, since, now_micros));
        largest(
            silent.map(|topic| (now_micros.saturating_sub(self.topics.of(topic).last_micros), topic)).collect(),
            count,
        )
        .into_iter()
        .map(TopicId)
        .collect()
    }

    fn is_silent(&self, topic: u32, since: u64, now_micros: u64) -> bool {
        let last = self.topics.of(topic).last_micros.max(since);
        let patience = self.qualities.of(topic).patience_micros();
        patience.is_some_and(|patience| now_micros.saturating_sub(last) > patience.max(LEAST_SILENCE_MICROS))
    }

    /// Who talks most, and who fell silent, as of that time. Made anew once a second.
    pub fn talkers(&mut self, spec: &TalkersSpec, now_micros: u64) -> TalkersPage {
        let now = self.settle_at(now_micros);
        if let Some((second, known, page)) = &self.reports.talkers
            && (*second, known) == (now.second(), spec)
        {
            return page.clone();
        }
        let page = self.make_talkers(spec, now);
        self.reports.talkers = Some((now.second(), *spec, page.clone()));
        page
    }

    fn make_talkers(&self, spec: &TalkersSpec, now: Now) -> TalkersPage {
        let mut sums = vec![Sum::default(); self.tree.len()];
        let mut all = (0, 0);
        let age_secs = now.second() + 1 - now.began.min(now.second());
        let wanted_secs = (spec.window.as_secs() + u64::from(spec.window.subsec_nanos() > 0)).max(1);
        let mut count = |topic: u32, messages: u64, bytes: u64| {
            let sum = &mut sums[self.talker_of(topic, spec.depth) as usize];
            sum.messages += messages;
            sum.bytes += bytes;
            all = (all.0 + messages, all.1 + bytes);
        };
        let first = if wanted_secs >= age_secs {
            for topic in 0..self.topics.len() {
                let totals = self.topics.of(topic);
                count(topic, totals.messages, totals.bytes);
            }
            now.began
        } else {
            let secs = wanted_secs.min(talkers::LONGEST_SECS);
            self.talkers.since(secs, now.second(), |sum| count(sum.topic, u64::from(sum.messages), sum.bytes))
        };
        for topic in 0..self.topics.len() {
            if let Some(patience) = self.qualities.of(topic).patience_micros() {
                let sum = &mut sums[self.talker_of(topic, spec.depth) as usize];
                sum.patience_micros = Some(sum.patience_micros.map_or(patience, |known| known.min(patience)));
            }
        }
        let by = |sum: &Sum| match spec.by {
            TalkersBy::Messages => sum.messages,
            TalkersBy::Bytes => sum.bytes,
        };
        let silence = |node: u32| now.micros.saturating_sub(self.tree.sums(node).last_micros);
        let is_silent = |node: u32, sum: &Sum| {
            sum.patience_micros.is_some_and(|patience| silence(node) > patience.max(LEAST_SILENCE_MICROS))
        };
        let nodes = || (0u32..).zip(&sums);
        let loud = nodes().filter(|(_, sum)| by(sum) > 0).map(|(node, sum)| (by(sum), node)).collect();
        let silent =
            nodes().filter(|(node, sum)| is_silent(*node, sum)).map(|(node, _)| (silence(node), node)).collect();
        let talker = |node: u32| {
            let sum = &sums[node as usize];
            Talker {
                node: NodeId(node),
                topic: pages::shown(self.tree.path(node, &self.topics), pages::NAME_CHARS),
                messages: sum.messages,
                bytes: sum.bytes,
                silent_for: Duration::from_micros(silence(node)),
                usual: sum.patience_micros.map(|patience| Duration::from_micros(patience / 3)),
                silence: None,
            }
        };
        let rows = |ranked| largest(ranked, spec.count).into_iter().map(talker).collect();
        TalkersPage {
            total: all,
            window: now.since(first.max(now.began) * SECOND_MICROS),
            loud: rows(loud),
            silent: rows(silent),
        }
    }

    /// The node that stands for a topic among talkers of so many levels.
    fn talker_of(&self, topic: u32, depth: u16) -> u32 {
        let mut at = self.topics.of(topic).node;
        while let Some(node) = self.tree.node(at).filter(|node| depth > 0 && node.depth >= depth) {
            at = node.parent;
        }
        if at == NONE { ROOT } else { at }
    }

    /// How regular topics are, as of that time. Those with the most findings come first; they are ranked once a second.
    pub fn quality(&mut self, spec: &QualitySpec, now_micros: u64) -> QualityPage {
        let now = self.settle_at(now_micros);
        let known = self.reports.quality.take().filter(|known| (known.0, &known.1) == (now.second(), &spec.filter));
        let (_, _, ranked) = known.unwrap_or_else(|| (now.second(), None, self.rank(spec.filter.as_ref())));
        let total = ranked.len();
        let first = spec.first.min(total);
        let page = &ranked[first..total.min(first.saturating_add(spec.count.min(MAX_ROWS)))];
        let rows = page.iter().map(|topic| self.quality_row(*topic, now)).collect();
        self.reports.quality = Some((now.second(), spec.filter.clone(), ranked));
        QualityPage { total, first, rows }
    }

    fn rank(&self, filter: Option<&TopicFilter>) -> Vec<u32> {
        let is_meant = |topic: &u32| {
            self.topics.of(*topic).messages > 0
                && filter.is_none_or(|filter| filter.matches_bytes(self.topics.name(*topic)))
        };
        let mut ranked: Vec<(usize, u32)> = (0..self.topics.len())
            .filter(is_meant)
            .map(|topic| (usize::MAX - self.qualities.of(topic).findings(), topic))
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, topic)| topic).collect()
    }

    /// How regular a topic is, as of that time.
    pub fn quality_of(&mut self, topic: TopicId, now_micros: u64) -> Option<QualityRow> {
        let now = self.settle_at(now_micros);
        self.topics.get(topic.0).filter(|totals| totals.messages > 0)?;
        Some(self.quality_row(topic.0, now))
    }

    fn quality_row(&self, topic: u32, now: Now) -> QualityRow {
        let (totals, quality) = (self.topics.of(topic), self.qualities.of(topic));
        let newest = self.newest_of(TopicId(topic)).filter(|message| !message.is_retained);
        let offset = newest.and_then(|message| quality::clock_offset(message.payload, message.unix_micros));
        let stuck = (quality.same >= SAME).then(|| {
            let since = Duration::from_micros(totals.last_micros.saturating_sub(quality.same_since));
            (since, u64::from(quality.same))
        });
        let mut row = QualityRow {
            topic: TopicId(topic),
            name: pages::shown(self.topics.name(topic), pages::NAME_CHARS),
            messages: totals.messages,
            usual: quality.usual().map(micros),
            jitter: quality.jitter().map(micros),
            gaps: u64::from(quality.gaps),
            longest_gap: (quality.seen > 0).then(|| Duration::from_micros(quality.longest_micros)),
            sequence_missing: quality.missing,
            sequence_back: u64::from(quality.back),
            clock_offset_secs: offset,
            stuck,
            unit_jump: quality.jump().cloned(),
            findings: Vec::new(),
        };
        let silence = now.micros.saturating_sub(totals.last_micros);
        let is_silent = quality.patience_micros().is_some_and(|most| silence > most.max(LEAST_SILENCE_MICROS));
        row.findings = findings(&row, quality, is_silent.then(|| Duration::from_micros(silence)));
        row
    }
}

/// What is worth a look, in words.
fn findings(row: &QualityRow, quality: &quality::Quality, silence: Option<Duration>) -> Vec<String> {
    let mut all = Vec::new();
    let usual = row.usual.map(in_words).unwrap_or_default();
    if let Some(silence) = silence {
        all.push(format!("Silent for {}, where a message usually comes every {usual}", in_words(silence)));
    }
    if row.gaps > 0 {
        let longest = in_words(row.longest_gap.unwrap_or_default());
        all.push(format!(
            "{}, the longest of {longest}; usually a message comes every {usual}",
            count(row.gaps, "gap")
        ));
    }
    if row.sequence_missing > 0 {
        all.push(format!("{} missing by its own count", count(row.sequence_missing, "message")));
    }
    if row.sequence_back > 0 {
        let back = count(row.sequence_back, "message");
        all.push(format!("{back} with a number or time before that of the one before"));
    }
    if quality.restarts > 0 {
        all.push(format!("Its own count restarted {}", count(u64::from(quality.restarts), "time")));
    }
    if let Some(offset) = row.clock_offset_secs.filter(|offset| offset.abs() > quality::CLOCK_OFF_SECS) {
        let way = if offset > 0.0 { "ahead of" } else { "behind" };
        let off = in_words(Duration::try_from_secs_f64(offset.abs()).unwrap_or(Duration::MAX));
        all.push(format!("The device's clock is {off} {way} that of this computer"));
    }
    if let Some((since, times)) = row.stuck.filter(|_| quality.is_stuck()) {
        all.push(format!("The same payload {} in a row, for {}", count(times, "time"), in_words(since)));
    }
    if let Some((path, before, after)) = &row.unit_jump {
        let path = if path.is_empty() { "The value" } else { path };
        all.push(format!("{path} jumped from {before} to {after}, as if its unit had changed"));
    }
    all
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A duration with two or three digits.
pub(in crate::telemetry) fn in_words(duration: Duration) -> String {
    let secs = duration.as_secs_f64();
    match secs {
        ..0.001 => format!("{} µs", duration.as_micros()),
        ..1.0 => format!("{} ms", duration.as_millis()),
        ..10.0 => format!("{secs:.1} s"),
        ..120.0 => format!("{secs:.0} s"),
        ..7_200.0 => format!("{:.0} min", secs / 60.0),
        ..172_800.0 => format!("{:.0} h", secs / 3_600.0),
        _ => format!("{:.0} days", secs / 86_400.0),
    }
}

fn micros(micros: f64) -> Duration {
    Duration::try_from_secs_f64(micros / 1e6).unwrap_or_default()
}

/// The numbers with the largest ranks, the largest first.
fn largest(mut ranked: Vec<(u64, u32)>, count: usize) -> Vec<u32> {
    let order = |a: &(u64, u32), b: &(u64, u32)| b.0.cmp(&a.0).then(a.1.cmp(&b.1));
    if count == 0 {
        return Vec::new();
    }
    if count < ranked.len() {
        ranked.select_nth_unstable_by(count - 1, order);
        ranked.truncate(count);
    }
    ranked.sort_unstable_by(order);
    ranked.into_iter().map(|(_, number)| number).collect()
}
