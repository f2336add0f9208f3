//! `retained list` and `retained clear`: what isn't seen isn't claimed. Against mosquitto, and against brokers that refuse,
//! stop in the middle, or acknowledge and do nothing.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::mosquitto::Mosquitto;
use crate::program::{Place, Ran, text_of};

/// A broker of MQTT 3.1.1 that answers a SUBSCRIBE with these packets after its code, acknowledges what is published and
/// does nothing with it. Whether it hangs up after that.
fn broker(code: Option<u8>, retained: &'static [&'static str], hangs_up: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = move |stream| {
        let serve = move || serve(stream, code, retained, hangs_up);
        std::thread::Builder::new().name("connection".into()).spawn(serve).unwrap();
    };
    let accept = move || listener.incoming().map_while(Result::ok).for_each(serving);
    std::thread::Builder::new().name("broker".into()).spawn(accept).unwrap();
    format!("mqtt://{address}")
}

fn serve(mut stream: TcpStream, code: Option<u8>, retained: &[&str], hangs_up: bool) -> Option<()> {
    loop {
        let (first, body) = packet(&mut stream)?;
        let answer = match first >> 4 {
            1 => vec![0x20, 2, 0, 0],
            3 if first & 6 != 0 => {
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                vec![0x40, 2, body[2 + topic], body[3 + topic]]
            }
            8 => {
                let grant = code.map(|code| vec![0x90, 3, body[0], body[1], code]).unwrap_or_default();
                retained.iter().fold(grant, |mut sent, topic| {
                    let length = u8::try_from(topic.len()).unwrap();
                    sent.extend([0x31, length + 3, 0, length]);
                    sent.extend(topic.as_bytes());
                    sent.push(b'v');
                    sent
                })
            }
            12 => vec![0xD0, 0],
            _ => Vec::new(),
        };
        stream.write_all(&answer).ok()?;
        if first >> 4 == 8 && hangs_up {
            return None;
        }
    }
}

fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut byte = || {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok().map(|()| byte[0])
    };
    let first = byte()?;
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let byte = byte()?;
        length |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((first, body))
}

fn retained(task: &str, broker: &str, more: &[&str]) -> Ran {
    Place::new().run_json(&[&["retained", task, "--broker", broker], more].concat())
}

#[test]
fn a_list_is_what_was_heard_and_says_for_how_long() {
    let ran = retained("list", &broker(Some(0), &["a", "b"], false), &[]).expect(0);
    let summary = ran.result();
    assert_eq!((&summary["retained"], &summary["complete"]), (&json!(2), &json!(true)));
    assert!(summary["quiet_millis"].as_u64() >= Some(3000) && summary["problem"].is_null(), "{summary}");
}

#[test]
fn what_the_broker_refused_to_list_is_not_nothing() {
    let broker = broker(Some(0x80), &[], false);
    let summary = retained("list", &broker, &[]).expect(1).result();
    assert_eq!(
        (&summary["complete"], &summary["problem"]["code"]),
        (&json!(false), &json!("mqtt.subscription_refused"))
    );
    retained("clear", &broker, &["--confirm", "0"]).expect_problem(1, "retained.incomplete");
    let ran = Place::new().run(&["retained", "list", "--broker", &broker]).expect(1);
    assert!(ran.out.starts_with("No list of retained messages: The broker refused"), "{ran:?}");
}

#[test]
fn a_list_that_ends_in_the_middle_is_the_least_there_is() {
    let broker = broker(Some(0), &["a", "b", "c"], true);
    let ran = retained("list", &broker, &[]).expect(4);
    assert_eq!((&ran.result()["retained"], &ran.result()["complete"]), (&json!(3), &json!(false)));
    retained("clear", &broker, &["--confirm", "3"]).expect_problem(4, "retained.incomplete");
    let ran = Place::new().run(&["retained", "list", "--broker", &broker]).expect(4);
    assert!(ran.out.contains("At least 3 retained messages"), "{ran:?}");
}

#[test]
fn what_came_before_an_answer_that_never_comes_counts() {
    let broker = broker(None, &["a", "b"], false);
    let ran = retained("list", &broker, &["--stage-limit", "1"]).expect(4);
    assert_eq!((&ran.result()["retained"], &ran.result()["complete"]), (&json!(2), &json!(false)));
    assert_eq!(ran.result()["problem"]["code"], "mqtt.no_suback");
}

#[test]
fn what_is_acknowledged_and_still_retained_is_not_cleared() {
    let place = Place::new();
    let broker = broker(Some(0), &["a", "b"], false);
    let clear = ["retained", "clear", "--broker", &broker, "--confirm", "2"];
    let cleared = place.run_json(&clear).expect(1).result();
    assert_eq!((&cleared["acknowledged"], &cleared["cleared"]), (&json!(2), &json!(0)), "{cleared}");
    assert_eq!(cleared["still_there"], json!(["a", "b"]));
    let ran = place.run(&clear).expect(1);
    assert!(ran.out.contains("0 retained messages cleared, 2 still there") && ran.err.contains("a: still there"));
    let job = place.run_json(&["records", "show", "1"]).expect(0).result();
    assert!(job["summary"].as_str().unwrap().contains("one act changed nothing"), "{job}");
    retained("clear", &broker, &["--confirm", "3"]).expect_problem(2, "retained.not_confirmed");
}

#[test]
fn mosquitto_acknowledges_what_its_rules_deny_and_it_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let list = text_of(&folder.path().join("acl"));
    std::fs::write(&list, "topic readwrite #\n").unwrap();
    let general = format!("allow_anonymous true\nacl_file {list}");
    let Some(broker) = Mosquitto::start(folder, &[""], &general) else { return };
    let url = format!("mqtt://127.0.0.1:{}", broker.port());
    let place = Place::new();
    for topic in ["open/a", "shut/b"] {
        let publish = ["publish", "--broker", &url, "--topic", topic, "--payload", "x", "--retain", "--qos", "1"];
        place.run_json(&publish).expect(0);
    }
    std::fs::write(&list, "topic read #\ntopic write open/#\n").unwrap();
    broker.reload();
    let cleared = place.run_json(&["retained", "clear", "--broker", &url, "--confirm", "2"]).expect(1).result();
    assert_eq!((&cleared["cleared"], &cleared["still_there"]), (&json!(1), &json!(["shut/b"])), "{cleared}");
    let listed = place.run_json(&["retained", "list", "--broker", &url]).expect(0);
    let topics: Vec<Value> = listed.lines().iter().filter(|line| line["kind"] == "retained").cloned().collect();
    assert_eq!(topics, [json!({ "kind": "retained", "topic": "shut/b", "bytes": 1 })]);
}
