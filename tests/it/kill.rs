//! The program is killed in each step of a session; the records tell what was begun and that its end is unknown.

use linesman::proto::improv::Request;
use serde_json::Value;

use crate::gateway::{Gateway, answer};
use crate::program::Place;

/// Commissions a gateway that does not answer one request, kills the program in the step that waits for it, and holds
/// what is on record before and after.
fn check(step: &str, recorded_step: &str, is_held: fn(&Request) -> bool) {
    let place = Place::new();
    let gateway = Gateway::start(move |request| if is_held(request) { Vec::new() } else { answer(request) });
    let file = place.write("wifi.txt", "correct horse battery");
    let arguments = ["--ssid", "Site-Office", "--password-file", &file];
    let mut running = place.start(&[&["commission", "--via", &gateway.link], &arguments[..]].concat());
    running.until_step(step, "started");

    let outcomes = || -> Vec<Value> {
        let listed = place.run_json(&["records", "list"]).expect(0).lines();
        listed.into_iter().map(|job| Value::from(vec![job["outcome"].clone(), job["reason"].clone()])).collect()
    };
    assert_eq!(outcomes(), [Value::from(vec!["running", ""])], "{step}: it lives");
    // Another process works beside it, on the same records.
    let sim = place.sim(&[]);
    place.run(&[&["commission", "--via", &sim.link], &arguments[..]].concat()).expect(0);
    assert_eq!(outcomes()[1], Value::from(vec!["running", ""]), "{step}: opening the records cuts nobody off");

    running.kill();
    assert_eq!(
        outcomes(),
        [Value::from(vec!["joined", "improv.joined"]), Value::from(vec!["unknown", "records.cut_off"])],
        "{step}"
    );
    let shown = place.run_json(&["records", "show", "1"]).expect(0).result();
    assert!(shown["summary"].as_str().is_some_and(|summary| summary.contains("verify on the device")), "{shown:#}");
    assert!(shown["ended_at"].is_null() && shown["last_entry_at"].is_string(), "nobody knows when it ended: {shown:#}");
    let phases: Vec<&str> = shown["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["step"] == recorded_step)
        .map(|entry| entry["phase"].as_str().unwrap())
        .collect();
    assert_eq!(phases, ["intent"], "{step}: begun, and no outcome: {shown:#}");
    assert!(!shown.to_string().contains("horse"), "{shown:#}");
}

#[test]
fn killed_while_connecting() {
    check("connect", "connect", |request| matches!(request, Request::CurrentState));
}

#[test]
fn killed_while_describing() {
    check("describe", "describe", |request| matches!(request, Request::DeviceInfo));
}

#[test]
fn killed_while_scanning() {
    check("scan-networks", "scan-networks", |request| matches!(request, Request::ScanNetworks));
}

#[test]
fn killed_while_sending_credentials() {
    check("push", "push", |request| matches!(request, Request::WifiSettings { .. }));
}

#[test]
fn killed_while_following() {
    check("follow", "push", |request| matches!(request, Request::WifiSettings { .. }));
}
