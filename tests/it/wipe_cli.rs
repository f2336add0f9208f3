//! `linesman wipe` against `linesman sim`: exit codes, lines, the plan, and what earlier runs saw.

use serde_json::json;

use crate::program::{Place, Ran, Sim, text_of};

const SERIAL: &str = "GW-0417";

fn sim(place: &Place, profile: &str, arguments: &[&str]) -> Sim {
    let card = text_of(&place.path("card"));
    let common =
        ["sim", "--profile", profile, "--driver", "linux-console", "--serial-number", SERIAL, "--state-dir", &card];
    Sim::start(&mut place.linesman(&[&common[..], &["--join-millis", "50"], arguments].concat()))
}

/// Has the gateway join.
fn join(place: &Place, sim: &Sim, arguments: &[&str]) {
    let (login, wifi) = (place.write("login", sim.text("pop")), place.write("wifi", &sim.password));
    let common = ["commission", "--via", &sim.link, "--no-scan", "--ssid", &sim.ssid, "--password-file", &wifi];
    let access = ["--username", sim.text("username"), "--pop-file", &login];
    place.run_json(&[&common[..], &access, arguments].concat()).expect(0);
}

fn wipe(place: &Place, sim: &Sim, profile: &str, arguments: &[&str]) -> Ran {
    let login = place.write("login", sim.text("pop"));
    let common = ["wipe", "--via", &sim.link, "--profile", profile];
    let access = ["--username", sim.text("username"), "--password-file", &login];
    place.run_json(&[&common[..], &access, arguments].concat())
}

#[test]
fn a_wiped_gateway_ends_with_0_and_another_serial_number_with_1() {
    let place = Place::new();
    let sim = sim(&place, "generic-linux", &[]);
    join(&place, &sim, &["--profile", "generic-linux"]);
    assert!(sim.on_card("wifi.conf").is_some());
    let other = wipe(&place, &sim, "generic-linux", &["--confirm", "GW-0418"]).expect(1);
    assert_eq!(other.result()["outcome"], "refused", "{other:#?}");
    assert!(sim.on_card("wifi.conf").is_some());
    let done = wipe(&place, &sim, "generic-linux", &["--confirm", SERIAL]).expect(0);
    let result = done.result();
    assert_eq!(
        (&result["outcome"], &result["claims"]["removed"]),
        (&json!("complete"), &json!("observed")),
        "{done:#?}"
    );
    assert!(sim.on_card("wifi.conf").is_none());
    let records = place.run_json(&["records", "list"]).expect(0);
    assert_eq!(records.lines()[0]["outcome"], "complete", "{records:#?}");
}

#[test]
fn an_offline_gateway_keeps_its_secrets_and_ends_with_1() {
    let place = Place::new();
    let profile = "casambi-cloud-gateway";
    let sim = sim(&place, profile, &["--offline"]);
    let token = place.write("token", "token");
    join(&place, &sim, &["--profile", profile, "--credential", &format!("network-access-token={token}")]);
    std::fs::write(place.path("card").join("unpair"), "").unwrap();
    let ran =
        wipe(&place, &sim, profile, &["--confirm", SERIAL, "--attest", "unpair-online=done in the app"]).expect(1);
    let result = ran.result();
    assert_eq!((&result["outcome"], &result["online"]), (&json!("incomplete"), &json!(false)), "{ran:#?}");
    assert_eq!(result["claims"], json!({ "useless": "not-checked", "removed": "no", "sanitised": "no" }));
    assert!(sim.on_card("wifi.conf").is_some());
}

#[test]
fn what_an_earlier_run_saw_counts_once_the_gateway_was_unpaired_online() {
    let place = Place::new();
    let profile = "casambi-cloud-gateway";
    let sim = sim(&place, profile, &[]);
    let token = place.write("token", "token");
    join(&place, &sim, &["--profile", profile, "--credential", &format!("network-access-token={token}")]);
    let first = wipe(&place, &sim, profile, &["--confirm", SERIAL]).expect(1);
    assert_eq!(first.result()["online"], true, "{first:#?}");
    std::fs::write(place.path("card").join("unpair"), "").unwrap();
    let attested = ["--attest", "unpair-online=gone from the list", "--attest", "void-token=password changed"];
    let second = wipe(&place, &sim, profile, &[&["--confirm", SERIAL][..], &attested].concat()).expect(0);
    assert_eq!(second.result()["outcome"], "complete", "{second:#?}");
}

#[test]
fn a_plan_touches_no_gateway_and_wrong_steps_are_wrong_input() {
    let place = Place::new();
    let nowhere = ["wipe", "--via", "serial:/dev/nothing-here", "--profile", "casambi-cloud-gateway"];
    let plan = place.run_json(&[&nowhere[..], &["--plan"]].concat()).expect(0);
    assert_eq!((plan.lines().len(), &plan.result()["kind"]), (4, &json!("wipe-plan")), "{plan:#?}");
    let text = place.run(&[&nowhere[..], &["--plan"]].concat()).expect(0).out;
    assert!(text.contains("Everything paired with that network may have to be paired again"), "{text}");
    place.run_json(&nowhere).expect(2);
    let wrong = [&nowhere[..], &["--confirm", "x", "--attest", "unpair=done"]].concat();
    place.run_json(&wrong).expect_problem(2, "wipe.no_such_step");
    place.run_json(&[&nowhere[..], &["--confirm", "x"]].concat()).expect_problem(3, "serial.not_found");
}
