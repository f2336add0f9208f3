//! Whole recordings in memory: written, cut at every place, damaged, and read back.

use proptest::prelude::*;

use super::index::{Entry, IndexWriter, file_header};
use super::reader::{OpenError, Reader};
use super::{Packer, RecordingFacts, Sealed};
use crate::model::mqtt::message::{Properties, Qos};
use crate::telemetry::batch::{Arrival, Batch, Missed};

/// A message with nothing borrowed.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    topic: Vec<u8>,
    payload: Vec<u8>,
    qos: Qos,
    is_retained: bool,
    is_duplicate: bool,
    mono_micros: u64,
    unix_micros: i64,
    properties: Option<Properties>,
}

impl Owned {
    fn of(arrival: &Arrival<'_>) -> Self {
        Self {
            topic: arrival.topic.to_vec(),
            payload: arrival.payload.to_vec(),
            qos: arrival.qos,
            is_retained: arrival.is_retained,
            is_duplicate: arrival.is_duplicate,
            mono_micros: arrival.mono_micros,
            unix_micros: arrival.unix_micros,
            properties: arrival.properties.cloned(),
        }
    }
}

fn facts() -> RecordingFacts {
    RecordingFacts { facts: vec![("Broker".into(), "mqtt://bench:1883".into()), ("Profile".into(), "é\n\"".into())] }
}

/// A file in the making.
struct File {
    bytes: Vec<u8>,
    index: IndexWriter,
    messages: u64,
    /// Where each block ends, and how many messages are in the file up to there.
    ends: Vec<(usize, usize)>,
}

impl File {
    fn new() -> Self {
        Self { bytes: file_header(&facts()), index: IndexWriter::default(), messages: 0, ends: Vec::new() }
    }

    fn block(&mut self, sealed: Sealed) {
        let sealed = sealed.numbered(self.messages);
        self.index.add(&Entry::new(self.bytes.len() as u64, &sealed.header));
        self.bytes.extend_from_slice(&sealed.bytes);
        self.messages += u64::from(sealed.header.messages);
        self.ends.push((self.bytes.len(), usize::try_from(self.messages).unwrap()));
    }

    fn finish(&self) -> Vec<u8> {
        [self.bytes.as_slice(), &self.index.finish(self.bytes.len() as u64)].concat()
    }
}

/// A file with one block for each of these groups of batches.
fn file(groups: &[Vec<Batch>]) -> File {
    let mut file = File::new();
    let mut packer = Packer::new().unwrap();
    for group in groups {
        for batch in group {
            packer
                .add(batch, |sealed| {
                    file.block(sealed);
                    Ok(())
                })
                .unwrap();
        }
        if !packer.is_empty() {
            file.block(packer.seal().unwrap());
        }
    }
    file
}

/// Messages one after the other, a millisecond apart, each naming its number.
fn batch(numbers: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::new(1_000_000);
    for number in numbers {
        let (topic, payload) = (format!("site/gw{}/t", number % 7), format!("{{\"n\":{number}}}"));
        let arrival = Arrival {
            topic: topic.as_bytes(),
            payload: payload.as_bytes(),
            qos: Qos::from_number((number % 3) as u8).unwrap(),
            is_retained: number % 5 == 0,
            is_duplicate: number % 4 == 0,
            mono_micros: number * 1000,
            unix_micros: 0,
            properties: None,
        };
        assert!(batch.push(&arrival));
    }
    batch
}

fn small() -> File {
    file(&[vec![batch(0..10)], vec![batch(10..13), batch(13..20)], vec![batch(20..30)]])
}

fn all_messages(batches: &[Batch]) -> Vec<Owned> {
    batches.iter().flat_map(|batch| batch.iter().map(|arrival| Owned::of(&arrival)).collect::<Vec<_>>()).collect()
}

fn read(reader: &mut Reader<&[u8]>) -> Vec<Batch> {
    std::iter::from_fn(|| reader.next_batch().unwrap()).collect()
}

fn open(bytes: &[u8]) -> Reader<&[u8]> {
    Reader::open(bytes).unwrap_or_else(|error| panic!("{error:?}"))
}

fn properties() -> impl Strategy<Value = Option<Properties>> {
    let some = (
        any::<bool>(),
        proptest::option::of(".{0,8}"),
        proptest::option::of(".{0,8}"),
        proptest::collection::vec(any::<u8>(), 0..5),
        any::<Option<u32>>(),
        proptest::collection::vec(any::<u32>(), 0..3),
        proptest::collection::vec((".{0,5}", ".{0,5}"), 0..3),
    )
        .prop_map(|(is_text, content_type, response_topic, correlation_data, expiry_secs, subscription_ids, user)| {
            Properties { is_text, content_type, response_topic, correlation_data, expiry_secs, subscription_ids, user }
        })
        .prop_filter("none is none", |properties| !properties.is_empty());
    prop_oneof![4 => Just(None), 1 => some.prop_map(Some)]
}

prop_compose! {
    fn message()(
        topic in prop_oneof![Just(b"a/b".to_vec()), any::<Vec<u8>>()],
        payload: Vec<u8>,
        qos in 0..3_u8,
        is_retained: bool,
        is_duplicate: bool,
        mono_micros in prop_oneof![0..1_000_000_u64, any::<u64>()],
        properties in properties(),
    ) -> Owned {
        let qos = Qos::from_number(qos).unwrap();
        Owned { topic, payload, qos, is_retained, is_duplicate, mono_micros, unix_micros: 0, properties }
    }
}

prop_compose! {
    fn any_batch()(
        messages in proptest::collection::vec(message(), 0..12),
        offset in prop_oneof![Just(5), any::<i64>()],
        dropped in prop_oneof![Just(0), any::<u64>()],
        oversize in 0..2_u64,
    ) -> Batch {
        let mut batch = Batch::new(offset);
        batch.missed = Missed { dropped, dropped_bytes: dropped, oversize, ..Missed::default() };
        for message in &messages {
            let taken = batch.push(&Arrival {
                topic: &message.topic,
                payload: &message.payload,
                qos: message.qos,
                is_retained: message.is_retained,
                is_duplicate: message.is_duplicate,
                mono_micros: message.mono_micros,
                unix_micros: 0,
                properties: message.properties.as_ref(),
            });
            assert!(taken);
        }
        batch
    }
}

fn missed(batches: &[Batch]) -> Vec<Missed> {
    batches.iter().map(|batch| batch.missed).filter(|missed| !missed.is_zero()).collect()
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(groups in proptest::collection::vec(proptest::collection::vec(any_batch(), 0..4), 0..4)) {
        let file = file(&groups);
        let batches: Vec<Batch> = groups.concat();
        for (bytes, is_finished) in [(file.finish(), true), (file.bytes.clone(), false)] {
            let mut reader = open(&bytes);
            prop_assert_eq!(reader.facts(), &facts());
            let back = read(&mut reader);
            prop_assert_eq!(all_messages(&back), all_messages(&batches));
            prop_assert_eq!(missed(&back), missed(&batches));
            prop_assert_eq!(reader.repairs().explain().is_none(), is_finished);
            prop_assert_eq!(reader.messages(), all_messages(&batches).len() as u64);
        }
    }

    #[test]
    fn noise_never_panics(bytes: Vec<u8>, at in 0..2000_usize, keep in 0..3000_usize) {
        let mut file = small().finish();
        let at = at.min(file.len());
        let end = (at + bytes.len()).min(file.len());
        file.splice(at..end, bytes);
        file.truncate(keep.max(60));
        if let Ok(mut reader) = Reader::open(file.as_slice()) {
            read(&mut reader);
            reader.seek(1_015_000).unwrap();
            let _ = reader.find_topic(b"site/gw1/t", 0).unwrap();
        }
    }
}

#[test]
fn a_file_that_is_cut_anywhere_loses_its_last_block_at_most() {
    let file = small();
    let whole = all_messages(&read(&mut open(&file.finish())));
    assert_eq!(whole.len(), 30);
    let header = file_header(&facts()).len();
    let finished = file.finish();
    for cut in 0..finished.len() {
        let bytes = &finished[..cut];
        if cut < super::index::PREFIX_BYTES {
            assert!(matches!(Reader::open(bytes), Err(OpenError::NotARecording)), "{cut}");
            continue;
        }
        let mut reader = open(bytes);
        let back = all_messages(&read(&mut reader));
        let expected = file.ends.iter().rev().find(|(end, _)| *end <= cut).map_or(0, |(_, messages)| *messages);
        assert_eq!(back, whole[..expected], "cut at {cut}");
        assert_eq!(reader.repairs().is_header_damaged, cut < header, "{cut}");
        assert!(reader.repairs().is_unfinished && reader.repairs().explain().is_some(), "{cut}");
        assert_eq!(reader.repairs().skip_count, 0, "{cut}");
    }
}

/// Every bit of the file turned over, one at a time.
#[test]
fn a_turned_bit_costs_one_block_and_is_told() {
    let file = small();
    let finished = file.finish();
    let whole = all_messages(&read(&mut open(&finished)));
    let begin = file_header(&facts()).len();
    let mut starts = vec![0];
    starts.extend(file.ends.iter().map(|(_, messages)| *messages));
    for place in 0..finished.len() {
        for bit in 0..8 {
            let mut bytes = finished.clone();
            bytes[place] ^= 1 << bit;
            let Ok(mut reader) = Reader::open(bytes.as_slice()) else {
                assert!(place < super::index::PREFIX_BYTES, "{place}");
                continue;
            };
            let back = all_messages(&read(&mut reader));
            let lost = file.ends.iter().position(|(end, _)| place >= begin && place < *end);
            match lost {
                // The filter of topics is of no importance to the messages.
                Some(_) if back == whole => assert!(is_in_filter(&file, place), "{place}"),
                Some(block) => {
                    let rest = [&whole[..starts[block]], &whole[starts[block + 1]..]].concat();
                    assert_eq!(back, rest, "bit {bit} of {place}");
                    let skip = reader.repairs().skips[0];
                    assert_eq!(skip.messages, Some((starts[block + 1] - starts[block]) as u64));
                    assert_eq!(reader.repairs().explain().unwrap().code, "recording.repaired");
                }
                None => assert_eq!(back, whole, "bit {bit} of {place}"),
            }
        }
    }
}

fn is_in_filter(file: &File, place: usize) -> bool {
    let bytes = file.finish();
    let reader = open(&bytes);
    reader.entries().iter().enumerate().any(|(number, entry)| {
        let (header, _) = reader.read_block(number).unwrap().unwrap();
        let begin = usize::try_from(entry.offset).unwrap() + super::block::HEADER_BYTES;
        (begin..begin + header.filter_bytes as usize).contains(&place)
    })
}

/// Without an index, a damaged block in the middle is passed over by looking for the next one.
#[test]
fn an_unfinished_file_with_a_damaged_header_is_read_on_behind_it() {
    let file = small();
    let mut bytes = file.bytes.clone();
    bytes[file.ends[0].0 + 40] ^= 1;
    let mut reader = open(&bytes);
    assert_eq!(all_messages(&read(&mut reader)).len(), 20);
    let problem = reader.repairs().explain().unwrap();
    let what =
        "The recording isn't whole: its index was rebuilt, 1 damaged place in it was skipped, 10 messages are missing";
    assert_eq!(problem.what, what);
    let (from, to) = (file.ends[0].0, file.ends[1].0);
    assert_eq!(problem.detail, format!("{} bytes at {from}: 10 messages", to - from));
}

/// Where and how many messages are told to be missing: after so many messages.
fn left_out(batches: &[Batch]) -> Vec<(usize, u64)> {
    let mut before = 0;
    let mut told = Vec::new();
    for batch in batches {
        if batch.missed.left_out > 0 {
            told.push((before, batch.missed.left_out));
        }
        before += batch.len();
    }
    told
}

/// A damaged recording: what is wrong with it, its octets, how many messages are missing behind how many others, and whether more
/// may be.
type Case<'a> = (&'a str, Vec<u8>, &'a [(usize, u64)], bool);

/// Whatever is damaged or missing is told where it is missing, and in all; finished or not.
#[test]
fn what_is_missing_is_counted_where_it_is_missing() {
    let file = small();
    let header = file_header(&facts()).len();
    let ends: Vec<usize> = file.ends.iter().map(|(end, _)| *end).collect();
    let (whole, finished) = (&file.bytes, file.finish());
    let block = |number: usize| &whole[if number == 0 { header } else { ends[number - 1] }..ends[number]];
    let turned = |place: usize| {
        let mut bytes = finished.clone();
        bytes[place] ^= 1;
        bytes
    };
    let made = |blocks: &[usize]| {
        let blocks: Vec<u8> = blocks.iter().flat_map(|number| block(*number).to_vec()).collect();
        [&whole[..header], &blocks].concat()
    };
    let index = &finished[ends[2]..];
    let cases: [Case<'_>; 10] = [
        ("a header", turned(ends[0] + 50), &[(10, 10)], false),
        ("a body", turned(ends[1] - 1), &[(10, 10)], false),
        ("the last body", turned(ends[2] - 1), &[(20, 10)], false),
        ("no first block", made(&[1, 2]), &[(0, 10)], false),
        ("none in the middle", made(&[0, 2]), &[(10, 10)], false),
        ("another order", made(&[0, 2, 1]), &[], false),
        ("cut in the last body", whole[..ends[2] - 1].to_vec(), &[(20, 10)], false),
        ("cut in the last header", whole[..ends[1] + 20].to_vec(), &[], true),
        ("a block behind the index", [&made(&[1, 2])[..], index, block(0)].concat(), &[], false),
        ("joined", [&finished[..], &finished].concat(), &[], false),
    ];
    for (what, bytes, missing, is_more) in cases {
        let mut reader = open(&bytes);
        let back = read(&mut reader);
        assert_eq!(left_out(&back), missing, "{what}");
        let counted = super::LeftOut { messages: missing.iter().map(|(_, messages)| messages).sum(), is_more };
        assert_eq!(reader.repairs().left_out, counted, "{what}");
        assert!(reader.repairs().explain().is_some(), "{what}");
        // Played again, it is told again and counted once.
        reader.seek_block(0);
        assert_eq!(left_out(&read(&mut reader)), missing, "{what}");
        assert_eq!(reader.repairs().left_out, counted, "{what}");
    }
    let joined = [&finished[..], &finished].concat();
    let mut reader = open(&joined);
    assert_eq!(all_messages(&read(&mut reader)).len(), 60, "both are read");
    let what = "The recording isn't whole: its index was rebuilt, another recording begins within it";
    assert_eq!(reader.repairs().explain().unwrap().what, what);
    let other = made(&[0, 2, 1]);
    let mut reader = open(&other);
    assert_eq!(all_messages(&read(&mut reader)).len(), 30);
    let what = "The recording isn't whole: its index was rebuilt, its blocks aren't in their order";
    assert_eq!(reader.repairs().explain().unwrap().what, what);
}

#[test]
fn seeking_finds_the_first_message_of_that_time_or_later() {
    let bytes = small().finish();
    let mut reader = open(&bytes);
    assert_eq!(reader.span_unix_micros(), Some((1_000_000, 1_029_000)));
    for (time, expected) in [
        (i64::MIN, Some(0)),
        (1_000_001, Some(1)),
        (1_009_000, Some(9)),
        (1_009_001, Some(10)),
        (1_013_000, Some(13)),
        (1_029_000, Some(29)),
        (1_029_001, None),
    ] {
        reader.seek(time).unwrap();
        let found = reader.next_batch().unwrap().map(|batch| batch.iter().next().unwrap().mono_micros / 1000);
        assert_eq!(found, expected, "{time}");
        let rest = read(&mut reader);
        assert!(rest.is_empty() || all_messages(&rest).last().unwrap().mono_micros == 29_000);
    }
}

#[test]
fn one_topic_is_found_without_reading_the_rest() {
    let mut rare = batch(30..31);
    let arrival = Arrival { topic: b"rare/topic", ..batch(31..32).iter().next().map(|_| blank()).unwrap() };
    assert!(rare.push(&arrival));
    let bytes = file(&[vec![batch(0..10)], vec![rare], vec![batch(40..50)]]).finish();
    let mut reader = open(&bytes);
    assert_eq!(reader.find_topic(b"rare/topic", 0).unwrap(), Some(1));
    assert_eq!(reader.find_topic(b"rare/topic", 2).unwrap(), None);
    assert_eq!(reader.find_topic(b"site/gw3/t", 2).unwrap(), Some(2));
    assert_eq!(reader.find_topic(b"nowhere", 0).unwrap(), None);
}

fn blank() -> Arrival<'static> {
    Arrival {
        topic: b"",
        payload: b"",
        qos: Qos::AtMostOnce,
        is_retained: false,
        is_duplicate: false,
        mono_micros: 31_000,
        unix_micros: 0,
        properties: None,
    }
}

/// Blocks are cut by themselves, and large messages pass whole.
#[test]
fn many_and_large_messages_are_cut_into_blocks() {
    let mut large = Batch::new(0);
    let payload = vec![7; 5 * 1024 * 1024];
    assert!(large.push(&Arrival { topic: b"large", payload: &payload, ..blank() }));
    let bytes = file(&[vec![batch(0..100_000), large.clone(), batch(100_000..100_001)]]).finish();
    let mut reader = open(&bytes);
    assert!(reader.entries().len() > 3, "{}", reader.entries().len());
    let back = all_messages(&read(&mut reader));
    assert_eq!(back.len(), 100_002);
    assert_eq!(back[99_999], Owned::of(&batch(99_999..100_000).iter().next().unwrap()));
    assert_eq!(back[100_000], all_messages(&[large])[0]);
    assert!(bytes.len() < 1_500_000, "{}", bytes.len());
}

/// A few bytes that unpack to gigabytes, and counts that promise more than there is.
#[test]
fn blocks_that_lie_about_their_size_are_skipped() {
    let honest = small();
    let reader_bytes = honest.finish();
    let reader = open(&reader_bytes);
    let (header, bytes) = reader.read_block(0).unwrap().unwrap();
    let bomb = zstd::bulk::compress(&vec![0; 64 * 1024 * 1024], 1).unwrap();
    for (change, body) in [
        (
            super::block::BlockHeader { raw_bytes: super::MAX_RAW_BYTES, ..header },
            bytes[super::block::HEADER_BYTES..].to_vec(),
        ),
        (super::block::BlockHeader { raw_bytes: 1000, ..header }, bomb.clone()),
        (
            super::block::BlockHeader { raw_bytes: 64 * 1024 * 1024, messages: super::MAX_BLOCK_MESSAGES, ..header },
            bomb,
        ),
        (
            super::block::BlockHeader { messages: header.messages + 1, ..header },
            bytes[super::block::HEADER_BYTES + header.filter_bytes as usize..].to_vec(),
        ),
    ] {
        let lying = super::block::BlockHeader {
            filter_bytes: 0,
            body_bytes: u32::try_from(body.len()).unwrap(),
            body_crc: super::wire::checksum(&body),
            ..change
        };
        let mut file = File::new();
        file.block(Sealed { header: lying, bytes: [&lying.to_bytes()[..], &body].concat() });
        let bytes = file.finish();
        let mut reader = open(&bytes);
        assert_eq!(all_messages(&read(&mut reader)).len(), 0);
        assert_eq!(reader.repairs().skip_count, 1);
    }
}

#[test]
fn other_files_and_later_versions_are_told_apart() {
    assert!(matches!(Reader::open(&b""[..]), Err(OpenError::NotARecording)));
    assert!(matches!(Reader::open(&[0; 100][..]), Err(OpenError::NotARecording)));
    let mut later = small().finish();
    later[8] = 9;
    assert!(matches!(Reader::open(later.as_slice()), Err(OpenError::TooNew(9))));
}

#[test]
fn an_empty_recording_is_whole() {
    let bytes = File::new().finish();
    let mut reader = open(&bytes);
    assert_eq!((read(&mut reader).len(), reader.span_unix_micros(), reader.repairs().explain()), (0, None, None));
    reader.seek(0).unwrap();
    assert!(reader.next_batch().unwrap().is_none());
}

/// A file as the first version wrote it: it stays readable, whatever changes.
#[test]
fn files_of_version_1_stay_readable() {
    let bytes = include_bytes!("../../../tests/data/recording/v1.lmrec");
    let mut reader = open(bytes);
    assert_eq!(reader.facts(), &facts());
    let back = read(&mut reader);
    assert_eq!((reader.repairs().explain(), back.len()), (None, 4));
    assert_eq!(back[1].missed, Missed { dropped: 2, dropped_bytes: 30, oversize: 1, ..Missed::default() });
    assert_eq!(all_messages(&back), all_messages(&sample().concat()));
}

/// What is in that file: two blocks, a clock that is set in between, and properties.
fn sample() -> [Vec<Batch>; 2] {
    let mut missed = batch(3..5);
    missed.missed = Missed { dropped: 2, dropped_bytes: 30, oversize: 1, ..Missed::default() };
    let mut later = Batch::new(-5_000_000);
    let properties = Properties {
        is_text: true,
        content_type: Some("text/plain".into()),
        response_topic: Some("a/b".into()),
        correlation_data: vec![0, 255],
        expiry_secs: Some(60),
        subscription_ids: vec![1, 300],
        user: vec![("name".into(), "välue".into())],
    };
    let (topic, payload) = (&b"odd/\xff"[..], &b"\x00\x01\xfe"[..]);
    assert!(later.push(&Arrival { topic, payload, properties: Some(&properties), ..blank() }));
    [vec![batch(0..3), missed, later], vec![batch(5..6)]]
}
