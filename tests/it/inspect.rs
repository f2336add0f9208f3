//! `inspect`, `replay` and `publish` as they are used, against mosquitto and against recordings.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::mosquitto::Mosquitto;
use crate::program::{Place, Ran, Running, text_of};
use crate::replay::ends;

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
    assert!(counted.out.starts_with("1 message, 14 bytes in "), "{}", counted.out);
}

#[test]
fn the_doctor_shows_each_stage_and_says_what_is_missing() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let ran = place.run(&["inspect", "--broker", &broker, "--topic", "quiet", "--doctor", "--for", "1"]).expect(1);
    for stage in ["Reach the address", "Log in", "Subscribe"] {
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
fn nothing_is_announced_that_is_not_done() {
    let place = Place::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let broker = format!("mqtt://127.0.0.1:{port}");
    let inspect = ["inspect", "--broker", &broker, "--count", "1"];
    let ran = place.run(&inspect).expect(3);
    assert!(!ran.err.contains("tried again"), "{}", ran.err);
    let states: Vec<Value> =
        of_kind(&place.run_json(&inspect).expect(3), "connection").iter().map(|line| line["state"].clone()).collect();
    assert_eq!(states, ["connecting", "disconnected"]);
}

#[test]
fn what_is_not_on_record_is_not_published_and_nobody_refused_it() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    // A folder stands where the records are to be.
    std::fs::create_dir_all(place.data().join("records.sqlite")).unwrap();
    let ran = publish(&place, &broker, "a", "x", &[]).expect(3);
    assert_eq!(ran.result()["kind"], "problem", "{ran:#?}");
    assert!(ran.result()["code"].as_str().unwrap().starts_with("records."), "{ran:#?}");
    assert_eq!(of_kind(&ran, "publish")[0]["end"], "not-sent");
    let ran = place.run(&["publish", "--broker", &broker, "--topic", "a", "--payload", "x"]).expect(3);
    assert_eq!(ran.err.matches("Warning").count(), 1, "{}", ran.err);
}

#[test]
fn json_holds_topics_exactly_and_no_mark_that_turns_a_terminal_around() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let topic = "a/\u{202E}b\u{200B}";
    publish(&Place::new(), &broker, topic, "\u{202E}x", &["--retain"]).expect(0);
    let ran = place.run_json(&["inspect", "--broker", &broker, "--topic", "#", "--count", "1"]).expect(0);
    let message = &of_kind(&ran, "message")[0];
    assert_eq!((&message["topic"], &message["payload"]), (&json!(topic), &json!("\u{202E}x")));
    let listed = place.run_json(&["retained", "list", "--broker", &broker]).expect(0);
    assert_eq!(of_kind(&listed, "retained")[0]["topic"], topic);
    for out in [&ran.out, &listed.out] {
        assert!(out.contains("\\u202e") && !out.contains('\u{202E}') && !out.contains('\u{200B}'), "{out}");
    }
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
    let nothing = ["inspect", "--broker", broker, "--expect", "generic-improv"];
    place.run_json(&nothing).expect_problem(2, "inspect.nothing_expected");
}

#[test]
fn what_cannot_be_published_touches_no_broker() {
    let place = Place::new();
    let publish = |more: &[&str]| {
        let common = ["publish", "--broker", "mqtt://127.0.0.1:1", "--payload", "x"];
        place.run_json(&[&common, more].concat())
    };
    publish(&["--topic", "a/+"]).expect_problem(2, "mqtt.topic");
    let answer = ["--topic", "a", "--mqtt", "5", "--response-topic", "re/+"];
    publish(&answer).expect_problem(2, "mqtt.response_topic");
    publish(&["--topic", "a", "--will-topic", "w/#"]).expect_problem(2, "mqtt.topic");
    publish(&["--topic", "a", "--ws-header", "X-Key=1"]).expect_problem(2, "mqtt.header_without_websocket");
    publish(&["--topic", "a", "--no-clean"]).expect(2);
}

#[test]
fn payloads_that_begin_with_a_hyphen_are_taken() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let watch = watch(&place, &["--broker", &broker, "--topic", "-t/#", "--count", "1", "--filter-jq", "-. == 5"]);
    publish(&Place::new(), &broker, "-t/a", "-5", &["--mqtt", "5", "--property", "-a=-b"]).expect(0);
    let ran = watch.finish().expect(0);
    assert_eq!(of_kind(&ran, "message")[0]["payload"], "-5");
}

#[test]
fn own_refusals_of_publish_are_wrong_input() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    publish(&place, &broker, "a", "x", &["--content-type", "t"]).expect_problem(2, "mqtt.needs_newer_version");
}

#[test]
fn each_line_of_standard_input_is_a_message() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let watch = watch(&place, &["--broker", &broker, "--topic", "line", "--count", "3"]);
    let other = Place::new();
    let arguments = ["publish", "--broker", &broker, "--topic", "line", "-l", "--qos", "1", "--json"];
    let ran = Ran::with_input(&mut other.linesman(&arguments), b"one\r\n\nthree").expect(0);
    assert_eq!(ran.result()["acknowledged"], 3);
    let counts: Vec<Value> = of_kind(&ran, "publish").iter().map(|line| line["count"].clone()).collect();
    assert_eq!(counts, [1, 2, 3]);
    let payloads: Vec<Value> =
        of_kind(&watch.finish().expect(0), "message").iter().map(|line| line["payload"].clone()).collect();
    assert_eq!(payloads, ["one", "", "three"]);
    let many = "line\n".repeat(300);
    let ran = Ran::with_input(&mut other.linesman(&arguments), many.as_bytes()).expect(0);
    assert_eq!(ran.result()["acknowledged"], 300, "none is lost in a queue");
    let none = Ran::with_input(&mut other.linesman(&arguments), b"").expect(0);
    assert_eq!(none.result()["acknowledged"], 0);
}

#[test]
fn the_last_will_is_published_when_the_program_is_cut_off() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let seen = watch(&place, &["--broker", &broker, "--topic", "will", "--count", "1"]);
    let other = Place::new();
    let will = ["--will-topic", "will", "--will-payload", "-gone", "--will-qos", "1", "--will-retain"];
    let mut dying = watch(&other, &[&["--broker", broker.as_str(), "--topic", "nothing"][..], &will].concat());
    dying.kill();
    let ran = seen.finish().expect(0);
    assert_eq!(of_kind(&ran, "message")[0]["payload"], "-gone");
    let retained = ["--broker", &broker, "--topic", "will", "--count", "1", "--retained-only"];
    place.run_json(&[&["inspect"], &retained[..]].concat()).expect(0);
}

#[test]
fn a_session_that_is_not_clean_brings_what_came_meanwhile() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let session = ["--broker", &broker, "--topic", "s/#", "--qos", "1", "--client-id", "watcher", "--no-clean"];
    let first = watch(&place, &[&session[..], &["--mqtt", "5", "--session-expiry", "600"]].concat());
    first.interrupt();
    first.finish().expect(0);
    publish(&Place::new(), &broker, "s/a", "meanwhile", &[]).expect(0);
    let again = [&["inspect"], &session[..], &["--mqtt", "5", "--session-expiry", "600", "--count", "1"]].concat();
    let ran = place.run_json(&again).expect(0);
    assert_eq!(of_kind(&ran, "message")[0]["payload"], "meanwhile");
}

#[test]
fn retained_messages_are_listed_and_cleared_after_a_confirmation() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    for topic in ["old/a", "old/b", "new"] {
        publish(&place, &broker, topic, "kept", &["--retain"]).expect(0);
    }
    let retained =
        |task: &str, more: &[&str]| place.run_json(&[&["retained", task, "--broker", broker.as_str()], more].concat());
    let listed = retained("list", &["--topic", "old/#"]).expect(0);
    let topics: Vec<Value> = of_kind(&listed, "retained").iter().map(|line| line["topic"].clone()).collect();
    assert_eq!((topics, &listed.result()["retained"]), (vec![json!("old/a"), json!("old/b")], &json!(2)));
    retained("clear", &["--topic", "old/#"]).expect_problem(2, "retained.not_confirmed");
    retained("clear", &["--topic", "old/#", "--confirm", "3"]).expect_problem(2, "retained.not_confirmed");
    let cleared = retained("clear", &["--topic", "old/#", "--confirm", "2"]).expect(0).result();
    assert_eq!((&cleared["found"], &cleared["cleared"]), (&json!(2), &json!(2)));
    assert_eq!(retained("list", &[]).expect(0).result()["retained"], 1);
    assert_eq!(retained("clear", &["--topic", "old/#"]).expect(0).result()["cleared"], 0);
}

#[test]
fn a_reader_that_goes_away_ends_the_inspection() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    publish(&place, &broker, "site/kept", "hello", &["--retain"]).expect(0);
    let mut command = place.linesman(&["inspect", "--broker", &broker, "--topic", "site/#"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.ends_with(" site/kept hello\n"), "{line}");
    drop(out);
    publish(&Place::new(), &broker, "site/a", "on", &[]).expect(0);
    let mut err = child.stderr.take().unwrap();
    assert_eq!(ends(child).code(), Some(0));
    assert_eq!(std::io::read_to_string(&mut err).unwrap(), "");
}

#[test]
fn a_reader_that_goes_away_before_there_is_a_connection_ends_it_quietly_as_well() {
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = format!("mqtt://{}", silent.local_addr().unwrap());
    let place = Place::new();
    for arguments in
        [vec!["inspect", "--broker", &broker, "--json"], vec!["retained", "list", "--broker", &broker, "--json"]]
    {
        let mut child = place.linesman(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut err = child.stderr.take().unwrap();
        assert_eq!(ends(child).code(), Some(0), "{arguments:?}");
        assert_eq!(std::io::read_to_string(&mut err).unwrap(), "", "{arguments:?}");
    }
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

#[test]
fn a_trigger_begins_a_recording_with_the_message_it_fires_on_and_is_told() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let recording = text_of(&place.path("warm.lmrec"));
    let record = format!("record={recording}");
    let common = ["--broker", &broker, "--topic", "site/#", "--count", "3", "--trigger", ".t > 8"];
    let watch = watch(&place, &[&common[..], &["--on-trigger", &record]].concat());
    let other = Place::new();
    for payload in ["{\"t\":5}", "{\"t\":9}", "{\"t\":10}"] {
        publish(&other, &broker, "site/cold", payload, &[]).expect(0);
    }
    let ran = watch.finish().expect(0);
    let fired = of_kind(&ran, "trigger");
    assert_eq!(fired.len(), 1, "once, where it became true: {fired:?}");
    assert_eq!((&fired[0]["topic"], &fired[0]["preview"]), (&json!("site/cold"), &json!("{\"t\":9}")));
    let played = place.run_json(&["replay", &recording, "--speed", "max"]).expect(0);
    assert_eq!(of_kind(&played, "message").len(), 2, "the one before it isn't in the recording");
}

#[test]
fn a_trigger_ends_the_inspection_and_one_that_is_no_expression_is_wrong_input() {
    let Some(broker) = Mosquitto::plain() else { return };
    let (place, broker) = (Place::new(), url(&broker));
    let watch =
        watch(&place, &["--broker", &broker, "--topic", "site/#", "--trigger", ".t > 8", "--on-trigger", "stop"]);
    publish(&Place::new(), &broker, "site/cold", "{\"t\":9}", &[]).expect(0);
    let ran = watch.finish().expect(0);
    assert_eq!(of_kind(&ran, "trigger").len(), 1);
    assert_eq!(of_kind(&ran, "message").len(), 1, "the message it fired on is printed");
    place.run_json(&["inspect", "--broker", &broker, "--trigger", ".t >"]).expect(2);
    place.run_json(&["inspect", "--broker", &broker, "--trigger", " "]).expect(2);
    place.run_json(&["inspect", "--broker", &broker, "--trigger", ".t", "--on-trigger", "dance"]).expect(2);
}

#[test]
fn a_connection_that_never_came_about_leaves_no_recording_in_the_way() {
    let place = Place::new();
    let recording = text_of(&place.path("run.lmrec"));
    let command = ["inspect", "--broker", "mqtt://127.0.0.1:1", "--record", &recording, "--count", "1"];
    for _ in 0..2 {
        let ran = place.run_json(&command).expect_problem(3, "mqtt.refused");
        assert!(of_kind(&ran, "recording").is_empty() && !place.path("run.lmrec").exists(), "{ran:#?}");
    }
}
