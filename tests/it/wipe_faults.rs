//! The program is killed in each step of a removal, or begun twice: the records tell what was begun, nobody claims that anything
//! is gone, and a second run goes by what the first one saw.

use serde_json::{Value, json};

use crate::program::{Place, Running, Sim, text_of};

const SERIAL: &str = "GW-0417";
const SSID: &str = "Site-Office";

fn sim(place: &Place) -> Sim {
    let card = text_of(&place.path("card"));
    std::fs::create_dir_all(&card).unwrap();
    let mut held = linesman::sim::Card::at(place.path("card").as_path()).unwrap();
    held.store(SSID.as_bytes(), "correct horse battery").unwrap();
    let common = ["sim", "--profile", "generic-linux", "--driver", "linux-console", "--serial-number", SERIAL];
    Sim::start(&mut place.linesman(&[&common[..], &["--state-dir", &card, "--join-millis", "50"]].concat()))
}

fn wipe(place: &Place, sim: &Sim) -> Running {
    let login = place.write("login", sim.text("pop"));
    let gateway = ["wipe", "--via", &sim.link, "--profile", "generic-linux", "--confirm", SERIAL];
    place.start(&[&gateway[..], &["--username", sim.text("username"), "--password-file", &login]].concat())
}

/// Kills a removal at a line that it prints, holds what is on record, and repeats it.
fn killed_at(point: &str, fits: fn(&Value) -> bool) {
    let place = Place::new();
    let sim = sim(&place);
    let mut running = wipe(&place, &sim);
    running.until(fits);
    running.kill();
    let listed = place.run_json(&["records", "list"]).expect(0).lines();
    let ends: Vec<_> = listed.iter().map(|job| (&job["action"], &job["outcome"], &job["reason"])).collect();
    assert_eq!(ends, [(&json!("wipe"), &json!("unknown"), &json!("records.cut_off"))], "{point}");
    let shown = place.run_json(&["records", "show", "1"]).expect(0).result();
    assert!(shown["summary"].as_str().is_some_and(|summary| summary.contains("verify on the device")), "{shown:#}");
    let text = shown.to_string();
    assert!(!text.contains("\"complete\"") && !text.contains("horse"), "{point}: {shown:#}");
    let audit = place.run_json(&["records", "verify"]).expect(0);
    assert!(!audit.lines().is_empty(), "{point}: nothing on record is lost");
    // The second run sees what is left, and knows what the first one saw.
    let ran = wipe(&place, &sim).finish().expect(0);
    assert_eq!(ran.result()["outcome"], "complete", "{point}: {ran:#?}");
    let listed = place.run_json(&["records", "list"]).expect(0).lines();
    assert_eq!((&listed[0]["outcome"], &listed[1]["outcome"]), (&json!("complete"), &json!("unknown")), "{point}");
}

fn is_evidence(line: &Value, state: &str) -> bool {
    line["kind"] == "wipe-evidence" && line["state"] == state
}

#[test]
fn killed_once_the_gateway_was_identified() {
    killed_at("identity", |line| line["kind"] == "wipe-identity");
}

#[test]
fn killed_in_the_look_before() {
    killed_at("look before", |line| line["kind"] == "wipe-look" && line["after_restarts"].is_null());
}

#[test]
fn killed_once_the_deletion_was_asked_for() {
    killed_at("requested", |line| is_evidence(line, "requested"));
}

#[test]
fn killed_once_the_deletion_was_acknowledged() {
    killed_at("acknowledged", |line| is_evidence(line, "acknowledged"));
}

#[test]
fn killed_after_the_restart() {
    killed_at("restarted", |line| line["kind"] == "wipe-restarted");
}

#[test]
fn killed_in_the_look_after() {
    killed_at("look after", |line| line["kind"] == "wipe-look" && line["after_restarts"] == 1);
}

#[test]
fn two_programs_that_remove_the_same_gateway_do_not_get_in_each_others_way() {
    let place = Place::new();
    let sim = sim(&place);
    let mut first = wipe(&place, &sim);
    first.until(|line| line["kind"] == "wipe-identity");
    // The port is held but for the moments in which the gateway restarts: then the second one sees what the first one left.
    let second = wipe(&place, &sim).finish();
    if second.code == Some(3) {
        second.expect_problem(3, "serial.busy");
    } else {
        assert_eq!(second.expect(0).result()["outcome"], "complete");
    }
    let ran = first.finish().expect(0);
    assert_eq!(ran.result()["outcome"], "complete", "{ran:#?}");
    assert!(sim.on_card("wifi.conf").is_none(), "what is called complete is gone");
}
