//! The store against a simple one that keeps everything in a list.

use super::*;
use crate::telemetry::view::{HistorySpec, TreeSpec};

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

fn take(store: &mut Store, messages: &[(&str, &str)]) {
    let mut batch = Batch::new(1_000);
    for (number, (topic, payload)) in (0..).zip(messages) {
        assert!(batch.push(&arrival(topic.as_bytes(), payload.as_bytes(), number)));
    }
    store.ingest(&batch);
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
    let page = store.tree(&TreeSpec { count: 9, ..TreeSpec::default() }, 5, &PlainPreview);
    let rows: Vec<_> = page.rows.iter().map(|row| (row.depth, &*row.name, row.messages, row.last.as_deref())).collect();
    assert_eq!(rows, [(0, "", 1, Some("4")), (0, "a", 3, None), (1, "b", 2, Some("3")), (1, "c", 1, Some("2"))]);
}
