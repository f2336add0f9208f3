//! `replay` as it is used: which messages of a recording are printed, how they are read, and how it ends.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use linesman::flow::port::Recordings as _;
use linesman::io::recordings::DiskRecordings;
use linesman::model::destination::Destination;
use linesman::model::mqtt::message::Qos;
use linesman::telemetry::batch::{Arrival, Batch};
use linesman::telemetry::recording::RecordingFacts;
use serde_json::{Value, json};

use crate::program::{Place, Ran, text_of};

/// A recording of these messages, a millisecond apart; those on topics that end with `kept` were retained.
pub(crate) fn recording(place: &Place, messages: &[(&str, &[u8])]) -> String {
    let mut batch = Batch::new(1_767_225_600_000_000);
    for (number, (topic, payload)) in (0..).zip(messages) {
        assert!(batch.push(&Arrival {
            topic: topic.as_bytes(),
            payload,
            qos: Qos::AtMostOnce,
            is_retained: topic.ends_with("kept"),
            is_duplicate: false,
            mono_micros: number * 1000,
            unix_micros: 0,
            properties: None,
        }));
    }
    let path: PathBuf = place.path("a.lmrec");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = place.path("recorder");
        let recorder = DiskRecordings::new(&folder)
            .create(Destination::file(&path), RecordingFacts { facts: Vec::new() })
            .await
            .unwrap();
        let batch = Arc::new(batch);
        while !recorder.write(&batch) {
            recorder.ready().await;
        }
        recorder.finish().await.unwrap();
    });
    text_of(&path)
}

fn replay(place: &Place, file: &str, more: &[&str]) -> Ran {
    place.run_json(&[&["replay", file, "--speed", "max"], more].concat())
}

fn messages(ran: &Ran) -> Vec<Value> {
    ran.lines().into_iter().filter(|line| line["kind"] == "message").collect()
}

fn topics(ran: &Ran) -> Vec<Value> {
    messages(ran).iter().map(|line| line["topic"].clone()).collect()
}

/// Waits for the end of a program that has to end by itself.
#[track_caller]
pub(crate) fn ends(mut child: Child) -> ExitStatus {
    let id = child.id();
    let (done, is_done) = sync_channel(1);
    let wait = move || drop(done.send(child.wait()));
    std::thread::Builder::new().name("wait".into()).spawn(wait).unwrap();
    if let Ok(status) = is_done.recv_timeout(Duration::from_mins(1)) {
        status.unwrap()
    } else {
        let id = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
        panic!("it runs on");
    }
}

/// A payload of Sparkplug B: metrics of the type Int32.
fn sparkplug(metrics: &[(&str, u8, i32)]) -> Vec<u8> {
    let mut payload = vec![0x18, 0];
    for (name, alias, value) in metrics {
        let mut metric = Vec::new();
        if !name.is_empty() {
            metric.extend([0x0a, u8::try_from(name.len()).unwrap()]);
            metric.extend(name.as_bytes());
            metric.extend([0x20, 3]);
        }
        metric.extend([0x10, *alias, 0x50]);
        let mut number = value.cast_unsigned();
        while number > 0x7f {
            metric.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        metric.push(number.to_le_bytes()[0]);
        payload.extend([0x12, u8::try_from(metric.len()).unwrap()]);
        payload.extend(metric);
    }
    payload
}

#[test]
fn sparkplug_is_read_with_the_birth_that_was_valid_when_it_came() {
    let place = Place::new();
    let birth = |name: &str| sparkplug(&[(name, 7, 1)]);
    let data = sparkplug(&[("", 7, -5)]);
    let (first, second) = (birth("Speed"), birth("Torque"));
    let (born, told) = ("spBv1.0/hall/NBIRTH/edge", "spBv1.0/hall/NDATA/edge");
    let stream: [(&str, &[u8]); 5] = [(told, &data), (born, &first), (told, &data), (born, &second), (told, &data)];
    let file = recording(&place, &stream);
    let ran = replay(&place, &file, &["--topic", told]).expect(0);
    let metrics: Vec<Value> = messages(&ran).iter().map(|line| line["value"]["metrics"].clone()).collect();
    // Without a birth the type is unknown, and with it that the number is signed.
    assert_eq!(metrics, [json!({"alias 7": 4_294_967_291_u32}), json!({"Speed": -5}), json!({"Torque": -5})]);

    let sifted = replay(&place, &file, &["--filter-jq", ".metrics.Speed == -5"]).expect(0);
    assert_eq!(messages(&sifted).len(), 1);
    let table = text_of(&place.path("speed.csv"));
    let exported = place
        .run_json(&["replay", &file, "--export", &table, "--filter-jq", ".metrics | has(\"Speed\") or has(\"Torque\")"])
        .expect(0);
    assert_eq!(exported.result()["messages"], 4, "an export learns births on its way");
    let text = place.run(&["replay", &file, "--speed", "max", "--topic", told]).expect(0);
    assert!(text.out.lines().nth(1).unwrap().ends_with("{\"Speed\":-5}"), "{}", text.out);
}

#[test]
fn json_that_devices_get_wrong_is_read_with_a_note() {
    let place = Place::new();
    let stream: [(&str, &[u8]); 5] = [
        ("nul", b"{\"t\":21}\0"),
        ("nan", b"{\"t\":21,\"h\":NaN}"),
        ("latin", b"{\"t\":21,\"unit\":\"\xb0C\"}"),
        ("spBv1.0/g/NDATA/n", b"{\"t\":21}"),
        ("large", b"{\"t\":21,\"id\":9007199254740993,\"x\":\"1e400\",\"t\":21}"),
    ];
    let file = recording(&place, &stream);
    let ran = replay(&place, &file, &["--filter-jq", ".t == 21"]).expect(0);
    assert_eq!(topics(&ran), ["nul", "nan", "latin", "spBv1.0/g/NDATA/n", "large"]);
    for line in messages(&ran).iter().take(4) {
        assert_eq!(line["read_as"], "json", "{line}");
        assert!(line["notes"].as_array().is_some_and(|notes| !notes.is_empty()), "{line}");
    }
    assert!(ran.out.contains("\"id\":9007199254740993,\"x\":\"1e400\""), "{}", ran.out);
}

#[test]
fn an_expression_that_meets_its_limit_is_told_once_and_counted() {
    let place = Place::new();
    let stream: Vec<(&str, &[u8])> = vec![("a", b"1"); 12];
    let file = recording(&place, &stream);
    let endless = "last(range(1e18)) > 0";
    let ran = replay(&place, &file, &["--filter-jq", endless]).expect(1);
    assert_eq!(ran.result()["unasked"], 12);
    let warnings = ran.lines().iter().filter(|line| line["code"] == "telemetry.jq_stopped").count();
    assert_eq!(warnings, 1, "{}", ran.out);
    let text = place.run(&["replay", &file, "--speed", "max", "--filter-jq", endless]).expect(1);
    assert!(text.err.contains("was stopped before its end"), "{text:?}");
    assert!(text.out.contains("not asked by the jq expression 12"), "{text:?}");
    let table = text_of(&place.path("a.csv"));
    let exported = place.run_json(&["replay", &file, "--export", &table, "--filter-jq", endless]).expect(1);
    assert!(exported.lines().iter().any(|line| line["code"] == "telemetry.jq_stopped"), "{}", exported.out);
}

#[test]
fn messages_are_chosen_by_topic_and_by_whether_they_were_retained() {
    let place = Place::new();
    let file = recording(&place, &[("a/kept", b"1"), ("a/new", b"2"), ("b/new", b"3")]);
    assert_eq!(topics(&replay(&place, &file, &["--retained-only"]).expect(0)), ["a/kept"]);
    assert_eq!(topics(&replay(&place, &file, &["--no-retained"]).expect(0)), ["a/new", "b/new"]);
    assert_eq!(topics(&replay(&place, &file, &["--filter-out", "a/#"]).expect(0)), ["b/new"]);
    replay(&place, &file, &["--retained-only", "--no-retained"]).expect(2);
}

#[test]
fn payloads_are_printed_in_full_and_as_they_are_wanted() {
    let place = Place::new();
    let cbor: &[u8] = &[0xa1, 0x61, 0x61, 0x15];
    let file = recording(&place, &[("a", cbor), ("b", b"two\nlines\x1b[2J")]);
    let full = place.run(&["replay", &file, "--speed", "max", "--full"]).expect(0);
    assert!(full.out.contains(" a (cbor, 4 bytes, QoS 0)\n  {\n    \"a\": 21\n  }\n"), "{}", full.out);
    assert!(full.out.contains("  two\n  lines�[2J\n"), "no control character reaches the terminal: {}", full.out);
    let own = place.run(&["replay", &file, "--speed", "max", "--count", "1", "-F", "%t %x %v %k"]).expect(0);
    assert_eq!(own.out.lines().next(), Some("a a1616115 {\"a\":21} cbor"));
    for wrong in [&["--format", "%y"][..], &["--format", "csv"], &["--format", "%t", "--json"]] {
        place.run(&[&["replay", &file, "--speed", "max"], wrong].concat()).expect(2);
    }
}

#[test]
fn a_person_says_how_payloads_are_read() {
    let place = Place::new();
    let proto = place.write("meter.proto", "syntax = \"proto3\"; package site; message Reading { sint32 t = 1; }");
    let file = recording(&place, &[("meter/1", &[0x08, 0x09]), ("other", b"{\"a\":1}")]);
    let value = |more: &[&str]| messages(&replay(&place, &file, more).expect(0))[0].clone();
    let read = value(&["--proto", &proto, "--decode", "meter/#=protobuf:Reading"]);
    assert_eq!((&read["read_as"], &read["value"]), (&json!("protobuf"), &json!({"t": -5})));
    assert_eq!(value(&["--proto", &proto])["value"]["t"], -5);
    assert_eq!(value(&["--decode", "#=hex", "--topic", "other"])["read_as"], "hex");
    for wrong in ["meter/#", "meter/#=xml", "a/#/b=cbor", "#=cbor:Reading"] {
        replay(&place, &file, &["--decode", wrong]).expect(2);
    }
    let unknown = ["--proto", &proto, "--decode", "#=protobuf:Other"];
    replay(&place, &file, &unknown).expect_problem(2, "decode.schema_type");
    let broken = place.write("broken.proto", "message {");
    replay(&place, &file, &["--proto", &broken]).expect_problem(2, "decode.schema");
}

#[test]
fn a_reader_that_goes_away_ends_it_without_a_word() {
    let place = Place::new();
    let long = vec![b'x'; 64 * 1024];
    let stream: Vec<(&str, &[u8])> = vec![("a", &long); 100];
    let file = recording(&place, &stream);
    for more in [&[][..], &["--json"], &["--full"], &["-F", "%p"]] {
        let mut command = place.linesman(&[&["replay", file.as_str(), "--speed", "100"], more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        drop(out);
        let mut err = child.stderr.take().unwrap();
        assert_eq!(ends(child).code(), Some(0), "{more:?}");
        assert_eq!(std::io::read_to_string(&mut err).unwrap(), "", "{more:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_told() {
    let place = Place::new();
    let file = recording(&place, &[("a", b"1")]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = place.linesman(&["replay", &file, "--speed", "max"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("The output could not be written: "));
}

#[test]
fn wrong_input_is_told_as_such() {
    let place = Place::new();
    place.run_json(&["replay", "no-such-file.lmrec"]).expect_problem(2, "recording.not_found");
    let other = place.write("other.lmrec", "no recording");
    place.run_json(&["replay", &other]).expect_problem(2, "recording.not_a_recording");
    let file = recording(&place, &[("a", b"1")]);
    let expecting = ["replay", &file, "--speed", "max", "--expect", "generic-improv"];
    place.run_json(&expecting).expect_problem(2, "inspect.nothing_expected");
}

/// Messages enough for several blocks, and where each block begins.
fn of_blocks(place: &Place) -> (String, Vec<usize>) {
    let payload: Vec<u8> = (0..4096_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let stream: Vec<(&str, &[u8])> = vec![("a", &payload); 200];
    let file = recording(place, &stream);
    let bytes = std::fs::read(&file).unwrap();
    let begins = (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(b"LMB\x1a")).collect();
    (file, begins)
}

#[test]
fn what_a_damaged_recording_lacks_is_told_and_never_ends_well() {
    let place = Place::new();
    let (file, begins) = of_blocks(&place);
    assert!(begins.len() > 2, "{begins:?}");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[begins[1] + 300] ^= 0x10;
    std::fs::write(&file, &bytes).unwrap();
    let ran = replay(&place, &file, &["--stats"]).expect(1);
    let stats = ran.result();
    let (played, left_out) = (stats["messages"].as_u64().unwrap(), stats["left_out"].as_u64().unwrap());
    assert!(left_out > 0 && played + left_out == 200 && stats["dropped"] == 0, "{stats}");
    let told: Vec<Value> = ran.lines().into_iter().filter(|line| line["code"] == "recording.repaired").collect();
    assert!(told.len() == 1 && told[0]["what"].as_str().unwrap().contains(&left_out.to_string()), "{told:?}");
    let kinds: Vec<Value> = ran.lines().iter().map(|line| line["kind"].clone()).collect();
    assert_eq!(kinds[..2], ["recording", "connection"]);
    let people = place.run(&["replay", &file, "--speed", "max", "--stats"]).expect(1);
    assert!(people.out.contains(&format!("left out {left_out}")), "{people:?}");

    for form in ["csv", "jsonl", "recording"] {
        let target = text_of(&place.path(&format!("out.{form}")));
        let exported = place.run_json(&["replay", &file, "--export", &target, "--format", form]).expect(1);
        let result = exported.result();
        assert_eq!((&result["messages"], &result["left_out"]), (&json!(played), &json!(left_out)), "{form}");
        assert!(exported.lines().iter().any(|line| line["code"] == "recording.repaired"), "{form}");
    }
    // The new recording is whole as a file, and says what it lacks.
    let copy = text_of(&place.path("out.recording"));
    let ran = replay(&place, &copy, &["--stats"]).expect(1);
    assert_eq!((&ran.result()["messages"], &ran.result()["left_out"]), (&json!(played), &json!(left_out)));
    assert_eq!(ran.lines()[0]["problem"]["code"], "recording.repaired");
}

#[test]
fn it_ends_after_exactly_so_many_messages() {
    let place = Place::new();
    let file = recording(&place, &[("a/kept", b"1"), ("a/new", b"2"), ("b/new", b"3"), ("b/new", b"4")]);
    for more in [&[][..], &["--stats"]] {
        let ran = replay(&place, &file, &[&["--count", "2"], more].concat()).expect(0);
        assert_eq!(ran.result()["messages"], 2, "{more:?}");
    }
    let sifted = replay(&place, &file, &["--count", "2", "--topic", "b/#"]).expect(0);
    assert_eq!(topics(&sifted), ["b/new", "b/new"]);
    replay(&place, &file, &["--count", "5", "--stats"]).expect(1);
}

#[test]
fn an_export_to_standard_output_is_alone_there() {
    let place = Place::new();
    let file = recording(&place, &[("a", b"1"), ("b", b"2")]);
    let ran = place.run_json(&["replay", &file, "--export", "-"]).expect(0);
    assert_eq!(topics(&ran), ["a", "b"]);
    assert_eq!(ran.lines().len(), 2, "{}", ran.out);
    assert!(ran.err.contains("\"exported\""), "{}", ran.err);
}
