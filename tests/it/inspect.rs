//! `inspect`, `replay` and `publish` as they are used, against mosquitto and against recordings.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::mosquitto::Mosquitto;
use crate::program::{Place, Ran, Running, text_of};

fn url(broker: &Mosquitto) -> String {
    format!("mqtt://127.0.0.1:{}", broker.port())
}

/// An inspection that is connected and subscribed.
fn watch(place: &Place, arguments: &[&str]) -> Running {
    let mut watch = place.start(&[&["inspect"], arguments].concat());
    watch.until(|line| line["kind"] == "connection" && line["state"] == "connected");
    watch
}

fn publish(place: &Place, broker: &str, topic: &str, payload: &str, more: &[&str]) -> Ran {
    let common = ["publish", "--broker", broker, "--topic", topic, "--payload", payload, "--qos", "1"];
    place.run_json(&[&common, more].concat())
}

fn of_kind(ran: &Ran, kind: &str) -> Vec<Value> {
    ran.lines().into_iter().filter(|line| line["kind"] == kind).collect()
}

#[test]
fn messages_come_through_and_are_counted_recorded_and_played_again() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let recording = text_of(&place.path("site.lmrec"));
    let watch = watch(&place, &["--broker", &broker, "--topic", "site/#", "--count", "3", "--record", &recording]);
    let other = Place::new();
    publish(&other, &broker, "site/a", "{\"t\":21.5}", &["--repeat", "2", "--every", "0.01"]).expect(0);
    publish(&other, &broker, "elsewhere", "x", &[]).expect(0);
    let ran = publish(&other, &broker, "site/b", "on", &[]).expect(0);
    assert_eq!(ran.result()["acknowledged"], 1);

    let ran = watch.finish().expect(0);
    let stats = ran.result();
    assert_eq!((&stats["kind"], &stats["messages"], &stats["held"]), (&json!("stats"), &json!(3), &json!(3)));
    assert_eq!((&stats["evicted"], &stats["dropped"]), (&json!(0), &json!(0)));
    let topics: Vec<Value> = of_kind(&ran, "message").iter().map(|line| line["topic"].clone()).collect();
    assert_eq!(topics, ["site/a", "site/a", "site/b"]);
    assert_eq!(of_kind(&ran, "message")[0]["payload"], "{\"t\":21.5}");
    let stages: Vec<Value> = of_kind(&ran, "stage")
        .iter()
        .filter(|line| line["state"] == "done")
        .map(|line| line["stage"].clone())
        .collect();
    for stage in ["resolve", "tcp", "connect", "subscribe", "first-message"] {
        assert!(stages.contains(&json!(stage)), "no {stage} in {stages:?}");
    }
    assert_eq!(of_kind(&ran, "recording").last().unwrap()["messages"], 3);

    let played = place.run_json(&["replay", &recording, "--speed", "max"]).expect(0);
    assert_eq!(of_kind(&played, "message").len(), 3);
    assert_eq!(played.result()["messages"], 3);
    let sifted = place.run_json(&["replay", &recording, "--speed", "max", "--filter-jq", ".t > 20"]).expect(0);
    assert_eq!(of_kind(&sifted, "message").len(), 2);

    let table = text_of(&place.path("site.csv"));
    let exported = place.run_json(&["replay", &recording, "--export", &table, "--topic", "site/b"]).expect(0);
    assert_eq!((&exported.result()["kind"], &exported.result()["messages"]), (&json!("exported"), &json!(1)));
    let text = std::fs::read_to_string(&table).unwrap();
    assert!(text.lines().count() == 2 && text.contains("site/b"), "{text}");

    let jobs = other.run_json(&["records", "list"]).expect(0);
    assert!(of_kind(&jobs, "job").iter().all(|job| job["action"] == "inspect" && job["outcome"] == "done"));
    let shown = other.run_json(&["records", "show", "1"]).expect(0).result();
    let steps: Vec<&str> =
        shown["entries"].as_array().unwrap().iter().filter_map(|entry| entry["step"].as_str()).collect();
    assert!(steps.contains(&"publish"), "{steps:?}");
}

#[test]
fn people_read_one_line_a_message() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let other = Place::new();
    publish(&other, &broker, "site/kept", "hello", &["--retain"]).expect(0);
    let ran = place.run(&["inspect", "--broker", &broker, "--topic", "site/#", "--count", "1"]).expect(0);
    let line = ran.out.lines().next().unwrap();
    assert!(line.ends_with(" site/kept hello") && line.as_bytes()[2] == b':', "{line}");
    let counted =
        place.run(&["inspect", "--broker", &broker, "--topic", "site/#", "--count", "1", "--stats"]).expect(0);
    assert_eq!(counted.out.lines().count(), 1, "{}", counted.out);
    assert!(counted.out.starts_with("1 messages, 14 bytes in "), "{}", counted.out);
}

#[test]
fn the_doctor_shows_each_stage_and_says_what_is_missing() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let ran = place.run(&["inspect", "--broker", &broker, "--topic", "quiet", "--doctor", "--for", "1"]).expect(1);
    for stage in ["Reach the address", "Be let in", "Subscribe"] {
        assert!(ran.out.contains(stage), "no {stage}: {}", ran.out);
    }
}

#[test]
fn a_broker_that_is_not_there_is_told_with_a_next_step() {
    let place = Place::new();
    // Nobody listens where somebody has just stopped to.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let broker = format!("mqtt://127.0.0.1:{port}");
    let ran = place.run_json(&["inspect", "--broker", &broker, "--count", "1"]).expect(3);
    assert_eq!(ran.result()["kind"], "problem");
    assert!(ran.result()["next_step"].as_str().is_some_and(|text| !text.is_empty()));
    publish(&place, &broker, "a", "b", &[]).expect(3);
}

#[test]
fn wrong_input_touches_no_broker() {
    let place = Place::new();
    let broker = "mqtt://127.0.0.1:1";
    place.run_json(&["inspect", "--broker", broker, "--filter-jq", "(("]).expect(2);
    place.run_json(&["inspect", "--broker", broker, "--expect", "no-such-profile"]).expect(2);
    place
        .run_json(&["inspect", "--broker", broker, "--client-id", "gw-7", "--gateway", "gw-7"])
        .expect_problem(2, "mqtt.own_identity");
    let argument = place.run_json(&["inspect", "--broker", "mqtt://me:secret@127.0.0.1"]);
    assert_eq!(argument.code, Some(2));
    assert!(!argument.err.contains("Write filters") && argument.out.is_empty());
    place.run_json(&["replay", "no-such-file.lmrec"]).expect(3);
}

#[test]
fn what_a_profile_expects_decides_the_exit_code() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    std::fs::create_dir_all(place.data().join("profiles")).unwrap();
    let generic = include_str!("../../profiles/generic-improv.toml");
    let profile = generic.replacen("id = \"generic-improv\"", "id = \"expecting\"", 1)
        + "\n[[expect]]\nid = \"climate\"\ntopic = \"site/+/climate\"\nwithin_secs = 60\n\
           basis = \"assumed\"\nreason = \"a test\"\n\
           [[expect.field]]\nname = \"temperature\"\ntype = \"number\"\nmin = -40\nmax = 85\n";
    std::fs::write(place.data().join("profiles/expecting.toml"), profile).unwrap();
    let expecting = ["--broker", &broker, "--topic", "site/#", "--expect", "expecting"];
    let mut hot = watch(&place, &[&expecting[..], &["--count", "1"]].concat());
    let other = Place::new();
    publish(&other, &broker, "site/a/climate", "{\"temperature\":99}", &[]).expect(0);
    hot.until(|line| line["kind"] == "message");
    let ran = hot.finish().expect(1);
    let states = of_kind(&ran, "expectation");
    let last = states.last().unwrap();
    assert_eq!((&last["id"], &last["state"]), (&json!("climate"), &json!("not-met")));
    assert!(last["says"].as_str().unwrap().starts_with("temperature is 99, above 85"), "{last}");

    let good = watch(&place, &expecting);
    publish(&other, &broker, "site/a/climate", "{\"temperature\":20}", &[]).expect(0);
    let ran = good.finish().expect(0);
    assert_eq!(of_kind(&ran, "expectation").last().unwrap()["state"], "met");
}

#[test]
fn an_interrupt_ends_with_the_result() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let watch = watch(&place, &["--broker", &broker, "--topic", "site/#"]);
    watch.interrupt();
    let ran = watch.finish().expect(0);
    assert_eq!(ran.result()["kind"], "stats");
}

#[test]
fn a_broker_that_restarts_is_found_again_with_all_subscriptions() {
    let Some(mut broker) = Mosquitto::plain() else { return };
    let (place, address) = (Place::new(), url(&broker));
    let mut watch = watch(&place, &["--broker", &address, "--topic", "site/#", "--count", "1"]);
    broker.stop();
    watch.until(|line| line["kind"] == "connection" && line["state"] == "waiting");
    broker.start_again();
    watch.until(|line| line["kind"] == "connection" && line["state"] == "connected");
    publish(&Place::new(), &address, "site/a", "back", &[]).expect(0);
    let ran = watch.finish().expect(0);
    assert_eq!(of_kind(&ran, "message").len(), 1);
}

#[test]
fn a_payload_comes_from_standard_input_and_a_password_never_from_an_argument() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let watch = watch(&place, &["--broker", &broker, "--topic", "#", "--count", "1"]);
    let other = Place::new();
    let mut command =
        other.linesman(&["publish", "--broker", &broker, "--topic", "t", "--payload-file", "-", "--json"]);
    command.stdin(Stdio::piped());
    Ran::with_input(&mut command, &[0, 159, 146, 150]).expect(0);
    let ran = watch.finish().expect(0);
    assert_eq!(of_kind(&ran, "message")[0]["payload_base64"], "AJ+Slg==");
    let refused =
        other.run(&["publish", "--broker", &broker, "--topic", "t", "--payload", "x", "--password", "secret"]);
    assert_eq!(refused.code, Some(2));
}
