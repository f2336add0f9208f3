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
fn what_an_earlier_run_saw_counts_once_the_gateway_was_unpaired_online_and_ever_after() {
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
    // It stays so, however often somebody asks: the records know where this gateway kept its secrets.
    for _ in 0..2 {
        let again = wipe(&place, &sim, profile, &[&["--confirm", SERIAL][..], &attested].concat()).expect(0);
        assert_eq!(again.result()["outcome"], "complete", "{again:#?}");
    }
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
    // One of the two would be lost, and only after the gateway was wiped.
    let same = text_of(&place.path("same.html"));
    let twice = [&nowhere[..], &["--confirm", "x", "--certificate", &same, "--transcript", &same]].concat();
    place.run_json(&twice).expect_problem(2, "files.same_file");
    place.run_json(&[&nowhere[..], &["--confirm", "x"]].concat()).expect_problem(3, "serial.not_found");
}

/// What has to be typed for a gateway: a run that names another one says so, and does nothing.
fn name_of(place: &Place, wipe: &[&str]) -> String {
    let refused = place.run_json(&[wipe, &["--confirm", "another"]].concat()).expect(1);
    assert_eq!(refused.result()["outcome"], "refused", "{refused:#?}");
    let identity = refused.lines().into_iter().find(|line| line["kind"] == "wipe-identity").unwrap();
    let told = |key: &str| identity[key].as_str().map(str::to_owned);
    told("serial").or_else(|| told("name")).unwrap()
}

#[test]
fn settings_that_were_there_and_are_gone_after_the_restart_are_removed() {
    let place = Place::new();
    let card = text_of(&place.path("card"));
    let sim = ["sim", "--profile", "generic-zephyr", "--driver", "smp", "--state-dir", &card];
    let sim = Sim::start(&mut place.linesman(&sim));
    let wipe = ["wipe", "--via", &sim.link, "--profile", "generic-zephyr"];
    let name = name_of(&place, &wipe);
    let blind = place.run_json(&[&wipe[..], &["--confirm", &name, "--plan"]].concat()).expect(0);
    assert_eq!(blind.result()["restarts"], 1);
    // A setting that the firmware doesn't bring along again by itself.
    let token = place.write("token", "a token");
    let set = ["device", "settings", "set", "bridge/token", "--value-file", &token, "--confirm", &name];
    place.run_json(&[&set[..], &["--via", &sim.link]].concat()).expect(0);
    let done = place.run_json(&[&wipe[..], &["--confirm", &name, "--look-for", "bridge/token"]].concat());
    let done = done.expect(0);
    let before = done.lines().into_iter().find(|line| line["kind"] == "wipe-look").unwrap();
    assert_eq!((&before["state"], &before["after_restarts"]), (&json!("still-there"), &json!(null)), "{done:#?}");
    assert_eq!(done.result()["claims"]["removed"], "observed", "{done:#?}");
}

#[test]
fn an_espressif_gateway_is_never_removed_without_two_power_cycles_and_its_flash_never_sanitised() {
    let place = Place::new();
    let card = text_of(&place.path("card"));
    let sim = ["sim", "--profile", "generic-esp", "--driver", "esp-prov", "--via", "http", "--state-dir", &card];
    let sim = Sim::start(&mut place.linesman(&sim));
    let pop = place.write("pop", sim.text("pop"));
    let access = ["--username", sim.text("username"), "--pop-file", &pop];
    let wipe = [&["wipe", "--via", &sim.link, "--profile", "generic-esp"][..], &access].concat();
    let name = name_of(&place, &wipe);
    let attested = ["--confirm", &name, "--attest", "maker-reset=held the button for 10 s"];
    let ran = place.run_json(&[&wipe[..], &attested].concat()).expect(1);
    let result = ran.result();
    assert_eq!((&result["outcome"], &result["restarts"]), (&json!("incomplete"), &json!(0)), "{ran:#?}");
    assert_eq!(result["claims"]["sanitised"], "not-by-software");
    assert_ne!(result["claims"]["removed"], "observed");
    let remedies = result["remedies"].to_string();
    assert!(remedies.contains("Take the power away 2 times"), "{remedies}");
}

#[test]
fn a_driver_that_removes_nothing_says_what_it_sees() {
    let place = Place::new();
    let card = text_of(&place.path("card"));
    let sim = ["sim", "--profile", "generic-improv", "--driver", "improv", "--join-millis", "50", "--state-dir", &card];
    let sim = Sim::start(&mut place.linesman(&sim));
    let wifi = place.write("wifi", &sim.password);
    let join = ["commission", "--via", &sim.link, "--no-scan", "--ssid", &sim.ssid, "--password-file", &wifi];
    place.run_json(&join).expect(0);
    let wipe = ["wipe", "--via", &sim.link, "--profile", "generic-improv"];
    let name = name_of(&place, &wipe);
    let ran = place.run_json(&[&wipe[..], &["--confirm", &name]].concat()).expect(1);
    let result = ran.result();
    assert_eq!((&result["outcome"], &result["claims"]["removed"]), (&json!("incomplete"), &json!("no")), "{ran:#?}");
    assert_eq!(result["stores"][0]["state"], "still-there");
}
