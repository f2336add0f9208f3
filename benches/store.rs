//! What the store of messages costs: time for a message that comes in and for one that has to go, memory for one that is
//! held, and the pages that a window asks for while 50,000 messages a second come in on 100,000 topics.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints what it measured, and needs no more digits"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use linesman::model::mqtt::message::Qos;
use linesman::telemetry::batch::{Arrival, Batch};
use linesman::telemetry::store::{PlainPreview, Store};
use linesman::telemetry::view::{HistorySpec, QualitySpec, TalkersBy, TalkersSpec, TreeSort, TreeSpec};

#[path = "support/messages.rs"]
mod messages;
mod support;

use messages::Random;
use support::{Spread, is_measuring};

const MIB: usize = 1024 * 1024;
/// Messages in a batch, as the client hands them over when many come.
const BATCH: usize = 1_000;
/// Pages a second that a window gets at most.
const PAGES: u64 = 30;

fn main() {
    let factor = if is_measuring() { 1 } else { 100 };
    ingest(factor, 2_048 * MIB, "all of them stay");
    ingest(factor, 64 * MIB, "most have to go");
    pages(factor);
}

/// A million messages of 200 octets on 10,000 topics, in any order.
fn ingest(factor: usize, budget_bytes: usize, what: &str) {
    let count = 1_000_000 / factor;
    let batches = batches(count, 10_000 / factor, 1);
    let rounds = if factor == 1 { 5 } else { 1 };
    let mut best: Option<(f64, f64)> = None;
    let mut bytes = 0.0;
    for _ in 0..rounds {
        let before_rss = rss();
        let mut store = Store::new(budget_bytes);
        let (began, before) = (Instant::now(), cpu());
        for batch in &batches {
            black_box(store.ingest(batch));
        }
        let (wall, cpu) = (began.elapsed(), cpu().saturating_sub(before));
        let per = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        if best.is_none_or(|best| per(cpu) < best.1) {
            best = Some((per(wall), per(cpu)));
        }
        let counters = store.counters(u64::MAX / 2);
        assert_eq!((counters.received, counters.held + counters.evicted), (count as u64, count as u64));
        bytes = counters.held_bytes as f64 / counters.held as f64;
        let grown = rss().saturating_sub(before_rss) as f64;
        println!(
            "ingest, {what}: {:.3} µs a message on the wall, {:.3} µs CPU; held {}, {:.0} octets each, RSS grew by {:.0} each",
            per(wall),
            per(cpu),
            counters.held,
            bytes,
            grown / counters.held as f64
        );
    }
    if let Some((wall, cpu)) = best {
        println!(
            "ingest, {what}, best of {rounds}: {wall:.3} µs wall, {cpu:.3} µs CPU, {bytes:.0} octets a held message"
        );
    }
}

/// 50,000 messages a second on 100,000 topics for a minute, with everything unfolded.
fn pages(factor: usize) {
    let topics = 100_000 / factor;
    let secs = if factor == 1 { 60 } else { 1 };
    let names = messages::topics(topics);
    for sort in [TreeSort::Name, TreeSort::Rate] {
        let mut random = Random::default();
        let mut store = Store::new(512 * MIB);
        store.expand_all(true);
        let (mut tree, mut history, mut counters, mut taking) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut sent = 0u64;
        for page in 0..secs * PAGES {
            let now = page * 1_000_000 / PAGES;
            let mut batch = Batch::new(0);
            for _ in 0..50_000 / PAGES {
                sent += 1;
                let payload = messages::payload(sent, &mut random);
                // Each topic once, then any of them.
                let topic =
                    usize::try_from(sent).ok().filter(|at| *at < topics).unwrap_or_else(|| random.below(topics));
                assert!(batch.push(&arrival(&names[topic], &payload, now)));
            }
            let began = Instant::now();
            store.ingest(&batch);
            taking.push(began.elapsed());
            let first =
                random.below(store.tree(&TreeSpec { sort, ..TreeSpec::default() }, now, &PlainPreview).total.max(1));
            let began = Instant::now();
            let rows = store.tree(&TreeSpec { first, count: 60, sort, search: String::new() }, now, &PlainPreview);
            tree.push(began.elapsed());
            let topic = rows.rows.iter().find_map(|row| row.topic);
            if let Some(topic) = topic {
                let began = Instant::now();
                black_box(store.history_page(&HistorySpec { topic, until: None, first: 0, count: 60 }, &PlainPreview));
                history.push(began.elapsed());
            }
            let began = Instant::now();
            black_box(store.counters(now));
            counters.push(began.elapsed());
        }
        let now = secs * 1_000_000;
        let all = store.counters(now);
        assert_eq!((all.received, all.held + all.evicted), (sent, sent));
        println!(
            "{topics} topics, 50,000 messages a second for {secs} s, all unfolded, by {sort}; ms: median, p99, most"
        );
        for (name, times) in
            [("tree", tree), ("history", history), ("counters", counters), ("ingest of 1/30 s", taking)]
        {
            println!("  {name:<18} {}", times_of(times));
        }
        let began = Instant::now();
        let spec = TalkersSpec { window: Duration::from_mins(1), by: TalkersBy::Messages, depth: 0, count: 50 };
        black_box(store.talkers(&spec, now));
        println!("  {:<18} {:>8.3} once a second", "talkers", began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        black_box(store.quality(&QualitySpec { filter: None, first: 0, count: 50 }, now));
        println!("  {:<18} {:>8.3} once a second", "quality", began.elapsed().as_secs_f64() * 1e3);
        println!("  held {} messages in {} MiB of 512; RSS {} MiB", all.held, all.held_bytes / MIB as u64, rss() / MIB);
    }
}

fn times_of(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at =
        |of_1000: usize| times.get((times.len() * of_1000 / 1000).min(times.len() - 1)).copied().unwrap_or_default();
    let [p99, most] = [at(990), at(1000)].map(|time| time.as_secs_f64() * 1e3);
    format!("{:>8.3} {p99:>8.3} {most:>8.3}", Spread::of(times.clone()).median.as_secs_f64() * 1e3)
}

fn batches(count: usize, topics: usize, micros_apart: u64) -> Vec<Batch> {
    let names = messages::topics(topics);
    let mut random = Random::default();
    let mut numbers = vec![0; topics];
    let mut made = 0;
    let mut batches = Vec::new();
    while made < count {
        let mut batch = Batch::new(1_790_000_000_000_000);
        for _ in 0..BATCH.min(count - made) {
            let topic = random.below(topics);
            numbers[topic] += 1;
            let payload = messages::payload(numbers[topic], &mut random);
            assert!(batch.push(&arrival(&names[topic], &payload, made as u64 * micros_apart)));
            made += 1;
        }
        batches.push(batch);
    }
    batches
}

fn arrival<'a>(topic: &'a str, payload: &'a [u8], mono_micros: u64) -> Arrival<'a> {
    Arrival {
        topic: topic.as_bytes(),
        payload,
        qos: Qos::AtMostOnce,
        is_retained: false,
        is_duplicate: false,
        mono_micros,
        unix_micros: 0,
        properties: None,
    }
}

/// CPU time of this thread so far, for stretches of many milliseconds.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(0))
}

/// Octets of memory this program has in use, files left out.
fn rss() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) * 1024
}
