//! What exports hold, read back by other code where there is some.

use std::time::Duration;

use super::bundle::{Contents, CutMessages};
use super::{Export, ExportForm, jsonl, time};
use crate::model::mqtt::message::{Properties, Qos};
use crate::model::mqtt::stage::{Stage, StageReport, StageState};
use crate::model::problem::Problem;
use crate::model::redact::Redactor;
use crate::telemetry::batch::{Arrival, Batch};
use crate::telemetry::recording::reader::Reader;
use crate::telemetry::recording::{LeftOut, RecordingFacts};

fn batch(messages: &[(&[u8], &[u8], Option<&Properties>)]) -> Batch {
    let mut batch = Batch::new(1_767_225_600_000_000);
    for (number, (topic, payload, properties)) in messages.iter().enumerate() {
        assert!(batch.push(&Arrival {
            topic,
            payload,
            qos: Qos::AtLeastOnce,
            is_retained: number == 0,
            is_duplicate: number == 1,
            mono_micros: number as u64 * 1_500_000 + 1,
            unix_micros: 0,
            properties: *properties,
        }));
    }
    batch
}

fn user() -> Properties {
    Properties { user: vec![("k".into(), "v".into())], correlation_data: vec![1, 2, 3], ..Properties::default() }
}

fn export(form: ExportForm, batch: &Batch) -> Vec<u8> {
    let mut export = Export::new(form, Vec::new(), &RecordingFacts::default()).unwrap();
    export.add(batch).unwrap();
    assert_eq!(export.messages(), batch.len() as u64);
    export.finish().unwrap()
}

#[test]
fn a_table_keeps_every_payload_and_begins_no_formula() {
    let user = user();
    let batch = batch(&[
        (b"a/b", b"{\"t\":1,\"s\":\"x\ny\"}", Some(&user)),
        (b"=HYPERLINK()", b"=1+1", None),
        (b"n", b"-12.5", None),
        (b"b", b"\x00\xff", None),
        (b"@x", b"+cmd|' /C calc'!A0", None),
    ]);
    insta::assert_snapshot!(String::from_utf8(export(ExportForm::Csv, &batch)).unwrap().replace('\r', ""), @r#"
    time,topic,qos,retained,duplicate,payload_as,payload,properties
    2026-01-01T00:00:00.000001Z,a/b,1,yes,no,text,"{""t"":1,""s"":""x
    y""}","{""correlation_data_base64"":""AQID"",""user"":[[""k"",""v""]]}"
    2026-01-01T00:00:01.500001Z,'=HYPERLINK(),1,no,yes,text,'=1+1,
    2026-01-01T00:00:03.000001Z,n,1,no,no,text,-12.5,
    2026-01-01T00:00:04.500001Z,b,1,no,no,base64,AP8=,
    2026-01-01T00:00:06.000001Z,'@x,1,no,no,text,'+cmd|' /C calc'!A0,
    "#);
}

#[test]
fn a_line_of_json_holds_all_of_a_message() {
    let user = user();
    let batch = batch(&[(b"a/b", b"\"x\n", Some(&user)), (b"\xff", b"\xfe", None)]);
    insta::assert_snapshot!(String::from_utf8(export(ExportForm::JsonLines, &batch)).unwrap(), @r#"
    {"kind":"message","topic":"a/b","at":"2026-01-01T00:00:00.000001Z","qos":1,"retained":true,"duplicate":false,"payload":"\"x\n","properties":{"correlation_data_base64":"AQID","user":[["k","v"]]}}
    {"kind":"message","topic":"�","topic_base64":"/w==","at":"2026-01-01T00:00:01.500001Z","qos":1,"retained":false,"duplicate":true,"payload_base64":"/g=="}
    "#);
    let line = serde_json::to_value(jsonl::MessageLine::of(&batch.iter().next().unwrap())).unwrap();
    assert_eq!(line["payload"], "\"x\n");
}

#[test]
fn a_recording_exported_is_a_whole_one() {
    let batch = batch(&[(b"a", b"1", None), (b"b", b"2", Some(&user()))]);
    let bytes = export(ExportForm::Recording, &batch);
    let mut reader = Reader::open(bytes.as_slice()).unwrap();
    assert_eq!(reader.repairs().explain(), None);
    let back = reader.next_batch().unwrap().unwrap();
    assert_eq!(back.iter().collect::<Vec<_>>(), batch.iter().collect::<Vec<_>>());
}

/// What a damaged recording lacked is missing in the numbers of the new one, also at its end.
#[test]
fn a_recording_exported_from_a_damaged_one_says_what_it_lacks() {
    let mut first = batch(&[(b"a", b"1", None)]);
    first.missed.left_out = 5;
    let mut second = batch(&[(b"b", b"2", None), (b"c", b"3", None)]);
    second.missed.left_out = 20;
    let mut end = Batch::default();
    end.missed.left_out = 7;
    let mut export = Export::new(ExportForm::Recording, Vec::new(), &RecordingFacts::default()).unwrap();
    for batch in [&first, &second, &end] {
        export.add(batch).unwrap();
    }
    assert_eq!(export.messages(), 3);
    let bytes = export.finish().unwrap();
    let mut reader = Reader::open(bytes.as_slice()).unwrap();
    assert_eq!(reader.repairs().left_out, LeftOut { messages: 32, is_more: false });
    assert_eq!(reader.repairs().explain().unwrap().what, "The recording isn't whole: 32 messages are missing");
    let back: Vec<Batch> = std::iter::from_fn(|| reader.next_batch().unwrap()).collect();
    let told: Vec<(usize, u64)> = back.iter().map(|batch| (batch.len(), batch.missed.left_out)).collect();
    assert_eq!(told, [(1, 5), (2, 20), (0, 7)]);
}

#[cfg(not(feature = "parquet"))]
#[test]
fn without_the_feature_it_is_said_how_to_get_it() {
    use crate::model::problem::Explain as _;
    let error = Export::new(ExportForm::Parquet, Vec::new(), &RecordingFacts::default()).err().unwrap();
    let problem = error.about(|_| unreachable!()).explain();
    assert_eq!(problem.code, "recording.no_parquet");
}

#[cfg(feature = "parquet")]
#[test]
fn columns_read_back() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;
    let user = user();
    let batch = batch(&[(b"a", b"1", Some(&user)), (b"b", b"\xff", None)]);
    let file = bytes::Bytes::from(export(ExportForm::Parquet, &batch));
    let reader = SerializedFileReader::new(file).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].get_timestamp_micros(0).unwrap(), 1_767_225_600_000_001);
    assert_eq!((rows[0].get_string(1).unwrap().as_str(), rows[0].get_bytes(2).unwrap().data()), ("a", &b"1"[..]));
    assert_eq!(rows[0].get_string(3).unwrap(), "1");
    assert!(rows[1].get_string(3).is_err() && rows[1].get_bytes(2).unwrap().data() == b"\xff");
    assert!(rows[0].get_bool(5).unwrap() && rows[1].get_bool(6).unwrap());
    assert!(rows[0].get_string(7).unwrap().contains("AQID"));
}

#[test]
fn times_beyond_any_calendar_become_the_nearest() {
    assert_eq!(time(0), "1970-01-01T00:00:00.000000Z");
    assert!(time(i64::MAX).starts_with("9999-12-") && time(i64::MIN).starts_with("-009999-01-"));
}

#[test]
fn known_secrets_are_cut_out_of_a_bundle_and_counted() {
    let secret = b"hunter2hunter2";
    let redactor = Redactor::new([secret.as_slice()]);
    let properties = Properties { user: vec![("pw".into(), "hunter2hunter2".into())], ..Properties::default() };
    let batch = batch(&[
        (b"a", b"{\"pw\":\"hunter2hunter2\"}", None),
        (b"hunter2hunter2/x", b"1", None),
        (b"b", b"2", Some(&properties)),
        (b"c", b"aHVudGVyMmh1bnRlcjI=", None),
        (b"d", b"plain", None),
    ]);
    let mut cut = CutMessages::new(&redactor);
    let changed = cut.cut(&batch);
    assert_eq!((cut.messages, cut.changed), (5, 4));
    assert!(!String::from_utf8_lossy(&export(ExportForm::JsonLines, &changed)).contains("hunter2"));
    assert_eq!(changed.iter().last(), batch.iter().last());

    let mut failed = StageReport::begun(1, Stage::Connect, Duration::from_millis(7));
    let problem = Problem::new("mqtt.x", "What", "Cause", "Step").with_detail("hunter2hunter2 was sent");
    failed.state = StageState::Failed(problem.clone());
    let contents = Contents {
        about: RecordingFacts { facts: vec![("Broker".into(), "mqtt://x hunter2hunter2".into())] },
        program: vec![("Linesman".into(), format!("0.1\u{202E}{}hunter2hunter2", "x".repeat(1980)))],
        stages: vec![failed],
        warnings: vec![(Duration::from_secs(1), problem)],
        redactor,
        ..Contents::default()
    };
    let texts = contents.texts();
    let readme = contents.readme("2026-01-01T00:00:00Z", &texts, &cut);
    let all: String = texts.iter().map(|text| text.text.as_str()).collect::<String>() + &readme;
    assert!(!all.contains("hunter2") && !all.contains('\u{202E}'), "{all}");
    assert!(!contents.about().facts[0].1.contains("hunter2"));
    for expected in
        ["in 4 of 5 messages", "in 1 lines of stages.jsonl", "trace.jsonl: packets", "in 2 lines of facts.txt"]
    {
        assert!(readme.contains(expected), "{expected} in {readme}");
    }
    assert!(all.contains("\"state\":\"failed\"") && all.contains("\"at_millis\":7"), "{all}");
}
