//! The store against a simple one that keeps everything in a list, and against what brokers may send.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::telemetry::batch::Missed;
use crate::telemetry::view::{HistorySpec, QualitySpec, TalkersBy, TalkersSpec, TreePage, TreeSort, TreeSpec};

const SECOND: u64 = 1_000_000;

fn arrival<'a>(topic: &'a [u8], payload: &'a [u8], mono_micros: u64) -> Arrival<'a> {
    Arrival {
        topic,
        payload,
        qos: Qos::AtMostOnce,
        is_retained: false,
        is_duplicate: false,
        mono_micros,
        unix_micros: 0,
        properties: None,
    }
}

fn batch_of<'a>(arrivals: impl IntoIterator<Item = Arrival<'a>>) -> Batch {
    let mut batch = Batch::new(1_000);
    arrivals.into_iter().for_each(|arrival| assert!(batch.push(&arrival)));
    batch
}

/// Takes messages in, a microsecond apart.
fn take(store: &mut Store, messages: &[(&str, &str)]) {
    let arrivals = (0..).zip(messages).map(|(at, (topic, payload))| arrival(topic.as_bytes(), payload.as_bytes(), at));
    store.ingest(&batch_of(arrivals));
}

/// Takes messages of one topic in, one a second, beginning at that second. Returns how many arrived so far.
fn take_seconds(store: &mut Store, topic: &str, from: u64, payloads: impl IntoIterator<Item = String>) {
    for (second, payload) in (from..).zip(payloads) {
        store.ingest(&batch_of([arrival(topic.as_bytes(), payload.as_bytes(), second * SECOND)]));
    }
}

fn tree(store: &mut Store, sort: TreeSort, search: &str) -> TreePage {
    let spec = TreeSpec { first: 0, count: 1_000, sort, search: search.into() };
    store.tree(&spec, 0, &PlainPreview)
}

fn names(page: &TreePage) -> Vec<String> {
    page.rows.iter().map(|row| format!("{}{}", "  ".repeat(usize::from(row.depth)), row.name)).collect()
}

#[test]
fn messages_are_found_by_topic_and_in_their_order() {
    let mut store = Store::new(1 << 20);
    take(&mut store, &[("a/b", "1"), ("a/c", "2"), ("a/b", "3"), ("", "4")]);
    let topic = store.find_topic(b"a/b").unwrap();
    let history: Vec<&[u8]> = store.history(topic).map(|message| message.payload).collect();
    assert_eq!(history, [b"3", b"1"]);
    let all: Vec<&[u8]> = store.scan(MessageId(1)).map(|message| message.payload).collect();
    assert_eq!(all, [b"2", b"3", b"4"]);
    let page = store.history_page(&HistorySpec { topic, until: Some(MessageId(1)), first: 0, count: 9 }, &PlainPreview);
    assert_eq!((page.total, page.newer, page.received, page.rows.len()), (1, 1, 2, 1));
    store.expand_all(true);
    let page = tree(&mut store, TreeSort::Name, "");
    let rows: Vec<_> = page.rows.iter().map(|row| (row.depth, &*row.name, row.messages, row.last.as_deref())).collect();
    assert_eq!(rows, [(0, "", 1, Some("4")), (0, "a", 3, None), (1, "b", 2, Some("3")), (1, "c", 1, Some("2"))]);
}

/// What the model knows of a message.
type Known = (Vec<u8>, Vec<u8>, u64);

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn it_agrees_with_a_list_that_keeps_everything(
        rounds in proptest::collection::vec(
            proptest::collection::vec((0usize..12, 0usize..2_500, any::<bool>(), 0u64..700_000), 0..60), 1..12),
        budget in 150_000usize..600_000,
    ) {
        let topics: [&[u8]; 12] = [b"a", b"a/b", b"a/c", b"", b"/", b"//", b"\xff/x", b"a/b/c", b"B", b"$SYS/x", b"a/10", b"a/9"];
        let mut store = Store::new(budget);
        let mut list: Vec<Known> = Vec::new();
        let (mut now, mut duplicates, mut dropped) = (0, 0, 0);
        for (number, round) in rounds.iter().enumerate() {
            let mut batch = Batch::new(if number % 2 == 0 { 5 } else { -9_000_000 });
            batch.missed = Missed { dropped: number as u64, ..Missed::default() };
            dropped += number as u64;
            for (topic, bytes, is_duplicate, passed) in round {
                now += passed;
                let payload = vec![u8::try_from(list.len() % 251).unwrap(); *bytes];
                let message = Arrival { is_duplicate: *is_duplicate, ..arrival(topics[*topic], &payload, now) };
                prop_assert!(batch.push(&message));
                duplicates += u64::from(*is_duplicate);
                list.push((topics[*topic].to_vec(), payload, now));
            }
            store.ingest(&batch);

            let counters = store.counters(now);
            let all = list.len() as u64;
            prop_assert_eq!((counters.received, counters.duplicates, counters.dropped), (all, duplicates, dropped));
            prop_assert_eq!(counters.held + counters.evicted, all);
            prop_assert_eq!(counters.received_bytes, list.iter().map(|known| (known.0.len() + known.1.len()) as u64).sum::<u64>());
            // What is held are the newest ones, in their order, forwards and backwards.
            let held = &list[usize::try_from(counters.evicted).unwrap()..];
            let is_same = |message: &Message<'_>, known: &Known| {
                (message.topic, message.payload, message.mono_micros) == (&known.0[..], &known.1[..], known.2)
            };
            prop_assert_eq!(store.scan(MessageId(0)).count(), held.len());
            prop_assert!(store.scan(MessageId(0)).zip(held).all(|(message, known)| is_same(&message, known)));
            prop_assert!(store.scan(MessageId(0)).rev().zip(held.iter().rev()).all(|(message, known)| is_same(&message, known)));
            // Within the budget, but for the newest block.
            prop_assert!(counters.held_bytes <= budget as u64 + 80_000, "{} of {budget}", counters.held_bytes);
            if counters.evicted > 0 {
                prop_assert!(counters.held_bytes > budget as u64 / 2, "{} of {budget}", counters.held_bytes);
            }

            for name in topics {
                let of_topic: Vec<&Known> = list.iter().filter(|known| known.0 == name).collect();
                let Some(topic) = store.find_topic(name) else { prop_assert!(of_topic.is_empty()); continue };
                let known = store.topic(topic).unwrap();
                prop_assert_eq!(known.messages, of_topic.len() as u64);
                prop_assert_eq!(known.bytes, of_topic.iter().map(|known| (known.0.len() + known.1.len()) as u64).sum::<u64>());
                // The newest one stays whatever was evicted.
                let of_held = held.iter().filter(|known| known.0 == name).count().max(usize::from(!of_topic.is_empty()));
                prop_assert_eq!(known.held, of_held as u64);
                let history: Vec<_> = store.history(topic).collect();
                prop_assert_eq!(history.len(), of_held);
                prop_assert!(history.iter().zip(of_topic.iter().rev()).all(|(message, known)| is_same(message, known)));
                // A page at any place, frozen at any message.
                let until = store.history(topic).nth(of_held / 3).map(|message| message.id);
                let spec = HistorySpec { topic, until, first: of_held / 4, count: 7 };
                let page = store.history_page(&spec, &PlainPreview);
                prop_assert_eq!((page.total, page.newer), (of_held - of_held / 3, (of_held / 3) as u64));
                let ids: Vec<_> = store.history(topic).skip(of_held / 3 + page.first).take(7).map(|message| message.id).collect();
                prop_assert_eq!(page.rows.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
            }

            store.expand_all(true);
            let page = tree(&mut store, TreeSort::Name, "");
            let first_levels: u64 = page.rows.iter().filter(|row| row.depth == 0).map(|row| row.messages).sum();
            prop_assert_eq!(first_levels, all);
        }
    }
}

#[test]
fn a_topic_keeps_its_newest_message_when_its_history_is_gone() {
    let mut store = Store::new(400_000);
    take(&mut store, &[("quiet", "last words")]);
    let loud = "x".repeat(1_000);
    for _ in 0..2_000 {
        take(&mut store, &[("loud", &loud)]);
    }
    let topic = store.find_topic(b"quiet").unwrap();
    assert!(store.oldest().unwrap() > MessageId(0));
    assert_eq!(store.newest_of(topic).unwrap().payload, b"last words");
    assert_eq!(tree(&mut store, TreeSort::Name, "").rows[1].last.as_deref(), Some("last words"));
    let page = store.history_page(&HistorySpec { topic, until: None, first: 0, count: 9 }, &PlainPreview);
    assert_eq!((page.total, page.received, page.rows.len()), (1, 1, 1));
    // A newer one takes its place.
    take(&mut store, &[("quiet", "risen")]);
    let page = store.history_page(&HistorySpec { topic, until: None, first: 0, count: 9 }, &PlainPreview);
    assert_eq!((page.total, page.received), (1, 2));
    assert!(store.message(MessageId(0)).is_none() && store.kept_bytes == 0);
}

#[test]
fn a_large_payload_is_whole_and_one_beyond_the_budget_stays_while_it_is_the_newest() {
    let mut store = Store::new(16 << 20);
    let payload: Vec<u8> = (0..5_000_000u32).map(|number| number.to_le_bytes()[0]).collect();
    store.ingest(&batch_of([arrival(b"big", &payload, 0)]));
    take(&mut store, &[("small", "1")]);
    assert_eq!(store.message(MessageId(0)).unwrap().payload, payload);
    assert_eq!(*store.payload(MessageId(0)).unwrap(), *payload);

    store.set_budget(1 << 20);
    // It is the newest of its topic, too large to be kept beside the log, and not shown as if it were whole.
    assert!(store.message(MessageId(0)).is_none());
    let last = tree(&mut store, TreeSort::Name, "").rows[0].last.clone().unwrap();
    assert!(last.ends_with('…'), "{last}");

    let before = store.counters(0);
    store.ingest(&batch_of([arrival(b"big", &payload, 1)]));
    let counters = store.counters(1);
    assert_eq!(store.newest_of(store.find_topic(b"big").unwrap()).unwrap().payload.len(), 5_000_000);
    assert_eq!(counters.received, before.received + 1);
    assert!(counters.held_bytes > 5_000_000, "memory is told as it is");
    take(&mut store, &[("small", "2")]);
    assert!(store.counters(1).held_bytes < 1 << 20);
    assert_eq!(store.topic(store.find_topic(b"big").unwrap()).unwrap().messages, 2);
}

#[test]
fn hostile_topics_cost_no_more_than_others() {
    let mut store = Store::new(64 << 20);
    let slashes = "/".repeat(65_535);
    let other = format!("{}x", "/".repeat(65_534));
    let long = "x".repeat(65_535);
    take(&mut store, &[(&slashes, "1"), (&other, "2"), (&long, "3"), ("", "4"), ("/", "5")]);
    store.ingest(&batch_of([arrival(b"\xff\xfe", b"6", 9), arrival(b"\xff\xfd", b"7", 9)]));
    store.expand_all(true);
    let page = tree(&mut store, TreeSort::Name, "");
    assert_eq!(page.rows.iter().filter(|row| row.topic.is_some()).count(), 7);
    assert!(page.rows.iter().all(|row| usize::from(row.depth) < tree::MAX_LEVELS));
    assert!(page.total < 2 * tree::MAX_LEVELS, "{}", page.total);
    for topic in [&slashes, &other, &long] {
        let topic = store.find_topic(topic.as_bytes()).unwrap();
        assert_eq!(store.topic(topic).unwrap().shown().len(), 65_535);
        assert!(store.reveal(topic, &TreeSpec::default(), 0).is_some());
    }
    // Both are shown as �� but are two topics.
    assert_ne!(store.find_topic(b"\xff\xfe"), store.find_topic(b"\xff\xfd"));
    assert!(store.counters(0).held_bytes < 1_000_000);
}

#[test]
fn a_flood_of_topics_stays_within_the_budget_and_loses_no_message() {
    let budget = 4 << 20;
    let mut store = Store::new(budget);
    store.expand_all(false);
    let mut sent = 0;
    for round in 0..60 {
        let topics: Vec<String> =
            (0..1_000).map(|number| format!("flood/{round}/{number}/{}", "y".repeat(40))).collect();
        let messages: Vec<_> = topics.iter().map(|topic| (topic.as_str(), "1")).collect();
        take(&mut store, &messages);
        sent += 1_000;
        let counters = store.counters(0);
        assert!(counters.held_bytes <= budget as u64 + 100_000, "{}", counters.held_bytes);
        assert_eq!((counters.received, counters.held + counters.evicted), (sent, sent));
    }
    // Those that are not interned keep their names in the list, and one row of the tree stands for them.
    let newest = store.message(store.newest().unwrap()).unwrap();
    assert_eq!(newest.topic, format!("flood/59/999/{}", "y".repeat(40)).as_bytes());
    let page = tree(&mut store, TreeSort::Name, "");
    assert_eq!(names(&page), [REST_NAME, "flood"]);
    assert_eq!(page.rows.iter().map(|row| row.messages).sum::<u64>(), sent);
    assert_eq!(store.find_topic(REST_NAME.as_bytes()), None);
    assert!(store.history(page.rows[0].topic.unwrap()).all(|message| message.topic.starts_with(b"flood/")));
}

#[test]
fn a_clock_that_is_set_back_changes_no_order() {
    let mut store = Store::new(1 << 20);
    for (offset, at) in [(1_000_000_000, 1), (-5_000_000, 2), (2_000_000_000, 3), (7, 3)] {
        let mut batch = Batch::new(offset);
        assert!(batch.push(&arrival(b"a", b"x", at)) && batch.push(&arrival(b"b", b"x", at)));
        store.ingest(&batch);
    }
    let times: Vec<_> = store.scan(MessageId(0)).map(|message| (message.id.0, message.unix_micros)).collect();
    let wall = [1_000_000_001, -4_999_998, 2_000_000_003, 10];
    assert_eq!(times, (0..8).map(|at| (at, wall[usize::try_from(at).unwrap() / 2])).collect::<Vec<_>>());
    // A time beyond anything is no reason to fail either.
    store.ingest(&batch_of([arrival(b"a", b"x", u64::MAX)]));
    let counters = store.counters(u64::MAX);
    assert_eq!((counters.received, counters.rate), (9, 0));
    tree(&mut store, TreeSort::Rate, "");
    take(&mut store, &[("a", "y")]);
    assert_eq!(store.counters(0).received, 10);
}

#[test]
fn a_small_tree_shows_its_values_at_once() {
    let mut store = Store::new(1 << 20);
    take(&mut store, &[("a/b", "1"), ("c/d/e", "2")]);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "")), ["a", "  b", "c", "  d", "    e"]);
    store.expand_all(false);
    take(&mut store, &[("f/g", "3")]);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "")), ["a", "c", "f"], "what was closed stays closed");
}

#[test]
fn rows_stand_as_they_were_asked_for() {
    let mut store = Store::new(1 << 20);
    store.expand_all(false);
    take(&mut store, &[("b/10", "x"), ("b/9", "xx"), ("b/9", "xx"), ("a", "xxxxxxxxxxxx"), ("c/d/e", "x")]);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "")), ["a", "b", "c"]);
    let b = tree(&mut store, TreeSort::Name, "").rows[1].node;
    store.expand(b, true);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "")), ["a", "b", "  9", "  10", "c"]);
    assert_eq!(names(&tree(&mut store, TreeSort::Messages, "")), ["b", "  9", "  10", "a", "c"]);
    assert_eq!(names(&tree(&mut store, TreeSort::Bytes, "")), ["b", "  9", "  10", "a", "c"]);
    assert_eq!(names(&tree(&mut store, TreeSort::Recent, "")), ["c", "a", "b", "  9", "  10"]);
    // What comes finds its place, and what is open stays open.
    take(&mut store, &[("b/1", "x"), ("aa", "x"), ("b/9/deep", "x")]);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "")), ["a", "aa", "b", "  1", "  9", "  10", "c"]);
    let page = store.tree(&TreeSpec { first: 3, count: 2, ..TreeSpec::default() }, 0, &PlainPreview);
    assert_eq!((page.total, page.first, names(&page)), (7, 3, vec!["  1".to_owned(), "  9".to_owned()]));

    let deep = store.find_topic(b"c/d/e").unwrap();
    assert_eq!(store.reveal(deep, &TreeSpec::default(), 0), Some(8));
    store.expand(b, false);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "")), ["a", "aa", "b", "c", "  d", "    e"]);
    store.expand_all(true);
    take(&mut store, &[("new/one", "x")]);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "")).last().unwrap(), "  one");

    // Forgetting keeps what is open; a topic is back with its next message.
    store.clear();
    assert_eq!((tree(&mut store, TreeSort::Name, "").total, store.counters(0).received), (0, 0));
    take(&mut store, &[("c/d/e", "x")]);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "")), ["c", "  d", "    e"]);
    assert_eq!(store.find_topic(b"c/d/e"), Some(deep));
    assert_eq!((store.counters(0).topics, store.history(deep).count()), (1, 1));
}

#[test]
fn a_search_shows_what_was_found_and_the_way_to_it() {
    let mut store = Store::new(1 << 20);
    store.expand_all(false);
    take(&mut store, &[("home/kitchen/temp", "1"), ("home/bath/temp", "2"), ("home/bath/hum", "3"), ("$SYS/up", "4")]);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "BATH")), ["home", "  bath", "    hum", "    temp"]);
    assert_eq!(
        names(&tree(&mut store, TreeSort::Name, "home/+/temp")),
        ["home", "  bath", "    temp", "  kitchen", "    temp"]
    );
    // What is closed in a search is open again after it was left.
    let home = tree(&mut store, TreeSort::Name, "home/+/temp").rows[0].node;
    store.expand(home, false);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "home/+/temp")), ["home"]);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "#")).len(), 6);
    take(&mut store, &[("home/bath/new", "1"), ("shed/lamp", "1")]);
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "bath")), ["home", "  bath", "    hum", "    new", "    temp"]);
    let page = tree(&mut store, TreeSort::Name, "a/#/b");
    assert_eq!((page.total, page.problem.unwrap().code), (0, "mqtt.filter"));
    assert_eq!(names(&tree(&mut store, TreeSort::Name, "")), ["$SYS", "home", "shed"]);
}

#[test]
fn a_long_list_of_rows_is_made_over_several_pages_and_misses_nothing() {
    let mut store = Store::new(64 << 20);
    store.expand_all(true);
    let topics: Vec<String> = (0..20_000).map(|number| format!("site/{}/device/{number}", number % 50)).collect();
    for some in topics.chunks(1_000) {
        let messages: Vec<_> = some.iter().map(|topic| (topic.as_str(), "1")).collect();
        take(&mut store, &messages);
        tree(&mut store, TreeSort::Name, "");
    }
    let mut pages = 0;
    while tree(&mut store, TreeSort::Name, "").total < 20_000 + 50 + 50 + 1 {
        pages += 1;
        assert!(pages < 30, "the list never became whole");
    }
    let rows = store.tree.rows(TreeSort::Name, "", Now { micros: 0, began: 0 }, &store.topics).0.to_vec();
    let distinct: std::collections::BTreeSet<u32> = rows.iter().copied().collect();
    assert_eq!(distinct.len(), rows.len());
}

#[test]
fn rates_and_silences_are_those_of_the_last_seconds() {
    let mut store = Store::new(1 << 20);
    for tenth in 0..200 {
        store.ingest(&batch_of([arrival(b"a/fast", b"12345", tenth * SECOND / 10)]));
        if tenth % 10 == 0 {
            store.ingest(&batch_of([arrival(b"a/slow", b"1", tenth * SECOND / 10)]));
        }
    }
    let now = 20 * SECOND;
    let counters = store.counters(now);
    assert_eq!((counters.rate, counters.bytes_rate, counters.topics), (11, 117, 2));
    store.expand_all(true);
    let page = store.tree(&TreeSpec { count: 9, ..TreeSpec::default() }, now, &PlainPreview);
    let rates: Vec<_> = page.rows.iter().map(|row| (row.rate, row.silent_for.as_millis())).collect();
    assert_eq!(rates, [(11.0, 100), (10.0, 100), (1.0, 1_000)]);
    assert_eq!(store.counters(30 * SECOND).rate, 0);
}

#[test]
fn talkers_are_ranked_over_their_window() {
    let mut store = Store::new(1 << 20);
    for second in 0..300u64 {
        let at = second * SECOND;
        let mut arrivals = vec![arrival(b"a/steady", b"1", at)];
        if second < 100 {
            arrivals.extend([arrival(b"b/early", b"12345678", at), arrival(b"b/early", b"12345678", at)]);
        }
        if second >= 295 {
            arrivals.extend([arrival(b"c/late", b"1", at); 9]);
        }
        store.ingest(&batch_of(arrivals));
    }
    let now = 300 * SECOND - 1;
    let mut page = |secs: u64, by, depth| {
        store.talkers(&TalkersSpec { window: Duration::from_secs(secs), by, depth, count: 2 }, now)
    };
    let loud = |page: &crate::telemetry::view::TalkersPage| -> Vec<(String, u64)> {
        page.loud.iter().map(|talker| (talker.topic.to_string(), talker.messages)).collect()
    };
    let last = page(10, TalkersBy::Messages, 0);
    assert_eq!(loud(&last), [("c/late".to_owned(), 45), ("a/steady".to_owned(), 10)]);
    assert_eq!(last.total.0, 55);
    let all = page(3_600, TalkersBy::Bytes, 1);
    assert_eq!(loud(&all), [("b".to_owned(), 200), ("a".to_owned(), 300)]);
    assert_eq!((all.total.0, all.window.as_secs()), (545, 299));
    let silent: Vec<_> = last.silent.iter().map(|talker| (&*talker.topic, talker.silent_for.as_secs())).collect();
    assert_eq!(silent, [("b/early", 200)]);
}

#[test]
fn gaps_and_intervals_are_counted() {
    let mut store = Store::new(1 << 20);
    for second in (0..40).chain(50..60) {
        take_seconds(&mut store, "a", second * 2, [format!("{second}")]);
    }
    let topic = store.find_topic(b"a").unwrap();
    let row = store.quality_of(topic, 119 * SECOND).unwrap();
    assert_eq!((row.usual, row.jitter), (Some(Duration::from_secs(2)), Some(Duration::ZERO)));
    assert_eq!((row.gaps, row.longest_gap), (1, Some(Duration::from_secs(22))));
    assert_eq!(row.findings, ["1 gap, the longest of 22 s; usually a message comes every 2.0 s"]);
    let row = store.quality_of(topic, 200 * SECOND).unwrap();
    assert_eq!(row.findings[0], "Silent for 82 s, where a message usually comes every 2.0 s");
}

#[test]
fn the_senders_own_numbers_are_followed() {
    let mut store = Store::new(1 << 20);
    let numbers = [1, 2, 3, 6, 7, 5, 8, 9, 1, 2, 3, 3, 4];
    take_seconds(&mut store, "strong", 0, numbers.map(|number| format!(r#"{{"v":{},"seq":{number}}}"#, number * 7)));
    let topic = store.find_topic(b"strong").unwrap();
    let row = store.quality_of(topic, 0).unwrap();
    // 4 and 5 were left out, 5 came late; then the count began anew.
    assert_eq!((row.sequence_missing, row.sequence_back), (1, 2));
    assert!(row.findings.contains(&"1 message missing by its own count".to_owned()), "{:?}", row.findings);
    assert!(row.findings.contains(&"Its own count restarted 1 time".to_owned()));

    // One that may be anything is believed once it has counted.
    take_seconds(&mut store, "weak", 0, [1, 2, 3, 4, 5, 8].map(|number| format!(r#"{{"n": {number}}}"#)));
    take_seconds(&mut store, "none", 0, [9, 2, 7, 1, 8, 3].map(|number| format!(r#"{{"n": {number}}}"#)));
    let missing = |store: &mut Store, name: &[u8]| {
        let topic = store.find_topic(name).unwrap();
        let row = store.quality_of(topic, 0).unwrap();
        (row.sequence_missing, row.sequence_back)
    };
    assert_eq!((missing(&mut store, b"weak"), missing(&mut store, b"none")), ((2, 0), (0, 0)));
    // A count that comes to the end of a byte goes on at 0.
    take_seconds(&mut store, "byte", 0, [253, 254, 255, 0, 1].map(|number| format!(r#"{{"seq":{number}}}"#)));
    assert_eq!(missing(&mut store, b"byte"), (0, 0));
    take_seconds(&mut store, "time", 0, [10, 11, 12, 11, 13].map(|at| format!(r#"{{"ts":17000000{at}}}"#)));
    assert_eq!(missing(&mut store, b"time"), (0, 1));
    assert_eq!(store.counters(0).out_of_order, 3);
}

#[test]
fn a_wrong_clock_a_stuck_value_and_another_unit_are_found() {
    let mut store = Store::new(1 << 20);
    let at = |second: u64| 1_700_000_000 + second;
    for second in 0..30u64 {
        let mut batch = Batch::new(1_700_000_000_000_000);
        let clock = format!(r#"{{"ts":{},"v":{second}}}"#, at(second) + 90);
        let stuck = if second < 5 { second.to_string() } else { "5".to_owned() };
        let unit =
            format!(r#"{{"a":{{"t":{}}}}}"#, if second < 15 { 21.5 } else { 70.7 } + f64::from(second % 2 == 0) / 10.0);
        for (topic, payload) in [("clock", clock), ("stuck", stuck), ("unit", unit), ("good", second.to_string())] {
            assert!(batch.push(&arrival(topic.as_bytes(), payload.as_bytes(), second * SECOND)));
        }
        store.ingest(&batch);
    }
    let page = store.quality(&QualitySpec { filter: None, first: 0, count: 9 }, 29 * SECOND);
    let row = |name: &str| page.rows.iter().find(|row| &*row.name == name).unwrap();
    assert_eq!(page.total, 4);
    assert_eq!(&*page.rows[3].name, "good");
    assert_eq!(row("good").findings, Vec::<String>::new());
    assert_eq!(row("clock").clock_offset_secs, Some(90.0));
    assert_eq!(row("clock").findings, ["The device's clock is 90 s ahead of that of this computer"]);
    assert_eq!(row("stuck").stuck, Some((Duration::from_secs(24), 25)));
    assert_eq!(row("stuck").findings, ["The same payload 25 times in a row, for 24 s"]);
    assert_eq!(row("unit").unit_jump, Some(("a.t".to_owned(), 21.6, 70.7)));
    let only = store.quality(&QualitySpec { filter: Some("+".parse().unwrap()), first: 3, count: 9 }, 29 * SECOND);
    assert_eq!((only.total, only.first, only.rows.len()), (4, 3, 1));
}

#[test]
fn previews_are_one_safe_line() {
    let line = |payload: &[u8]| PlainPreview.one_line(b"t", payload, 0);
    assert_eq!(line("21 °C\n".as_bytes()), "21 °C\u{FFFD}");
    assert_eq!(line(&[0xff, 0x00]), "ff00");
    assert_eq!(line("ä".repeat(500).as_bytes()).chars().count(), 120);
    assert!(line("ä".repeat(500).as_bytes()).ends_with("ä…"));
    assert_eq!(line(b""), "");
}
