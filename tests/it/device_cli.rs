//! `linesman device` and the push of credentials by SMP, against `linesman sim --driver smp`.

use serde_json::json;

use crate::program::{Place, Ran, Sim, text_of};

/// What the simulated gateway calls itself.
const NAME: &str = "Gateway-with-MCUmgr-SIM0001";
const CANARY: &str = "canary-token-91c4";

fn sim(place: &Place, arguments: &[&str]) -> Sim {
    let common = ["sim", "--profile", "generic-zephyr", "--driver", "smp", "--state-dir"];
    let card = text_of(&place.path("card"));
    Sim::start(&mut place.linesman(&[&common[..], &[card.as_str()], arguments].concat()))
}

/// Runs `device` with these arguments on that gateway.
fn device(place: &Place, sim: &Sim, arguments: &[&str]) -> Ran {
    place.run_json(&[&["device"], arguments, &["--via", &sim.link]].concat())
}

#[test]
fn every_question_ends_with_one_line() {
    let place = Place::new();
    let sim = sim(&place, &[]);
    for (arguments, kind, field) in [
        (&["info"][..], "info", "facts"),
        (&["stats"], "statistics", "tables"),
        (&["images"], "images", "images"),
        (&["settings", "get", "bridge/broker"], "setting", "text"),
    ] {
        let ran = device(&place, &sim, arguments).expect(0);
        let lines = ran.lines();
        assert_eq!((&lines[0]["kind"], &lines[0]["name"]), (&json!("device"), &json!(NAME)), "{ran:#?}");
        let result = ran.result();
        assert!(result["kind"] == kind && !result[field].is_null(), "{ran:#?}");
    }
    let text = place.run(&["device", "info", "--via", &sim.link]).expect(0).out;
    assert!(text.contains("Message buffers    4 of 384 bytes"), "{text}");
    let missing = device(&place, &sim, &["settings", "get", "bridge/nothing"]).expect(1);
    assert_eq!(missing.result()["found"], false);
}

#[test]
fn acts_want_the_name_and_leave_a_record_without_the_secret() {
    let place = Place::new();
    let sim = sim(&place, &[]);
    let token = place.write("token", CANARY);
    let set = ["settings", "set", "bridge/token", "--value-file", &token];
    // Without a confirmation the arguments are refused, and no gateway is touched.
    assert!(device(&place, &sim, &set).expect(2).out.is_empty());
    let wrong = device(&place, &sim, &[&set[..], &["--confirm", "another"]].concat());
    wrong.expect_problem(2, "device.not_confirmed");
    let done = device(&place, &sim, &[&set[..], &["--confirm", NAME]].concat()).expect(0);
    assert_eq!(done.result()["evidence"]["kind"], "observed", "{done:#?}");
    assert!(!done.out.contains(CANARY), "{done:#?}");
    let transcript = text_of(&place.path("transcript"));
    let out = text_of(&place.path("read"));
    let get = ["settings", "get", "bridge/token", "--out", &out, "--transcript", &transcript];
    device(&place, &sim, &get).expect(0);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), CANARY);
    assert!(!std::fs::read_to_string(&transcript).unwrap().contains(CANARY));
    let shell = device(&place, &sim, &["shell", "--confirm", NAME, "nonsense"]).expect(1);
    assert_eq!((&shell.result()["kind"], &shell.result()["status"]), (&json!("output"), &json!(-8)));
    device(&place, &sim, &["time", "--set", "now", "--confirm", NAME]).expect(0);
    device(&place, &sim, &["settings", "delete", "bridge/token", "--confirm", NAME]).expect(0);
    device(&place, &sim, &["reset", "--confirm", NAME]).expect(0);
    let records = place.run_json(&["records", "list"]).expect(0);
    assert!(records.lines().iter().all(|job| job["action"] == "device"), "{records:#?}");
    assert!(!records.out.contains(CANARY));
    let changed = |job: &serde_json::Value| job["summary"] == "One act was done on the gateway";
    assert_eq!(records.lines().iter().filter(|job| changed(job)).count(), 5, "{records:#?}");
}

#[test]
fn what_cannot_be_reached_could_not_run() {
    let place = Place::new();
    let gone = place.run_json(&["device", "info", "--via", "serial:/dev/nothing-here"]);
    gone.expect_problem(3, "serial.not_found");
    // Nobody listens on a port that was free a moment ago.
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    place.run_json(&["device", "info", "--via", &format!("udp:{free}")]).expect_problem(3, "smp.no_reply");
    place.run_json(&["device", "info", "--via", "http:127.0.0.1"]).expect_problem(2, "driver.no_management");
    // A name that is no name: nobody outside is asked for it.
    let nobody = format!("udp:{}:1", "x".repeat(64));
    place.run_json(&["device", "info", "--via", &nobody]).expect_problem(3, "udp.unreachable");
}

#[test]
fn datagrams_reach_the_simulated_gateway_too() {
    let place = Place::new();
    let sim = sim(&place, &["--via", "udp"]);
    assert!(sim.link.starts_with("udp:127.0.0.1:"), "{}", sim.link);
    let file = place.write("file", vec![7; 9000]);
    let put = device(&place, &sim, &["files", "put", "/lfs/a", &file, "--confirm", NAME]).expect(0);
    assert_eq!(put.result()["evidence"]["kind"], "observed");
    let status = device(&place, &sim, &["files", "status", "/lfs/a"]).expect(0);
    assert_eq!(status.result()["octets"], 9000);
}

/// A profile that puts a token to a setting and a certificate to a file.
const PROFILE: &str = r#"
schema = 1
id = "bridge"
name = "Bridge"
vendor = "any"
summary = "A bridge for a test."

[discovery]

[[driver]]
driver = "smp"
link = "serial"
settings = { baud = 115200 }
basis = "assumed"
reason = "a test"

[[credential]]
id = "token"
kind = "access-token"
purpose = "Signs in"
pushed = "driver"
kept = "In the settings"
at_rest = "clear"
revoked = "Delete it"
basis = "assumed"
reason = "a test"

[[credential.push]]
driver = "smp"
setting = "bridge/token"
basis = "assumed"
reason = "a test"

[[credential]]
id = "root"
kind = "root-certificate"
purpose = "Verifies the broker"
pushed = "driver"
kept = "In a file"
at_rest = "clear"
revoked = "No secret"
basis = "assumed"
reason = "a test"

[[credential.push]]
driver = "smp"
file = "/lfs/ca.pem"
basis = "assumed"
reason = "a test"

[network]
vantage = "gateway"

[wipe]
preconditions = ["reachable"]
guidance = "None"

[[wipe.step]]
id = "erase"
does = "Erase"
by = "driver"
removes = ["token"]
evidence = ["It is gone"]
otherwise = "Ask"
basis = "assumed"
reason = "a test"
"#;

#[test]
fn tokens_and_files_are_pushed_without_a_network_and_read_back() {
    let place = Place::new();
    std::fs::create_dir_all(place.data().join("profiles")).unwrap();
    std::fs::write(place.data().join("profiles/bridge.toml"), PROFILE).unwrap();
    let sim = sim(&place, &[]);
    let (token, root) = (place.write("token", CANARY), place.write("root", "x".repeat(2000)));
    let via = ["commission", "--via", &sim.link, "--profile", "bridge"];
    let (token, root) = (format!("token={token}"), format!("root={root}"));
    let ran = place.run_json(&[&via[..], &["--credential", &token, "--credential", &root]].concat()).expect(0);
    let sent: Vec<_> = ran.lines().into_iter().filter(|line| line["kind"] == "credential-sent").collect();
    assert_eq!(sent.len(), 2, "{ran:#?}");
    assert!(sent.iter().all(|line| line["evidence"]["kind"] == "observed"), "{ran:#?}");
    assert_eq!(ran.result()["kind"], "done");
    assert!(!ran.out.contains(CANARY), "{ran:#?}");
    let shown = std::fs::read_to_string(place.path("card").join("settings.conf")).unwrap();
    assert!(shown.contains(&linesman::model::text::hex(CANARY.as_bytes())), "it is on the card: {shown}");
    assert_eq!(std::fs::read(place.path("card").join("files/lfs/ca.pem")).unwrap().len(), 2000);
    let records = place.run_json(&["records", "show", "1"]).expect(0);
    assert!(!records.out.contains(CANARY), "{records:#?}");
    // The profile that ships names a file, too.
    let shipped = ["commission", "--via", &sim.link, "--profile", "cloud-connector", "--driver", "smp"];
    let root = root.replace("root=", "server-root=");
    let ran = place.run_json(&[&shipped[..], &["--credential", &root]].concat()).expect(0);
    assert_eq!(ran.result()["evidence"]["kind"], "observed", "{ran:#?}");
}

#[test]
fn a_token_that_is_not_kept_or_refused_is_no_success() {
    let place = Place::new();
    std::fs::create_dir_all(place.data().join("profiles")).unwrap();
    std::fs::write(place.data().join("profiles/bridge.toml"), PROFILE).unwrap();
    let token = format!("token={}", place.write("token", CANARY));
    for (fault, code) in [("not-kept", "smp.not_kept"), ("denied", "smp.not_allowed")] {
        let sim = sim(&place, &["--fault", fault]);
        let arguments = ["commission", "--via", &sim.link, "--profile", "bridge", "--credential", &token];
        let ran = place.run_json(&arguments).expect_problem(1, code);
        assert!(ran.lines().iter().all(|line| line["kind"] != "credential-sent"), "{ran:#?}");
    }
}

#[test]
fn a_clock_that_stands_in_1970_is_told_with_what_follows_and_is_set_by_this_computers() {
    let place = Place::new();
    let sim = sim(&place, &["--fault", "clock-off"]);
    let off = device(&place, &sim, &["clock"]).expect(1);
    let result = off.result();
    assert_eq!((&result["kind"], &result["breaks_tls"]), (&json!("time"), &json!(true)), "{off:#?}");
    assert!(result["ahead_secs"].as_i64().is_some_and(|ahead| ahead < -1_000_000_000), "{off:#?}");
    let text = place.run(&["device", "clock", "--via", &sim.link]).expect(1).out;
    assert!(
        text.contains("years behind this computer. TLS fails: to this clock, certificates aren't valid yet"),
        "{text}"
    );
    device(&place, &sim, &["clock", "--set", "--confirm", NAME]).expect(0);
    let right = device(&place, &sim, &["clock"]).expect(0);
    assert_eq!(right.result()["breaks_tls"], false, "{right:#?}");
}

#[test]
fn the_clock_of_a_linux_console_is_read_and_set_too() {
    let place = Place::new();
    let card = text_of(&place.path("card"));
    let arguments = ["sim", "--profile", "generic-linux", "--driver", "linux-console", "--state-dir", &card];
    let sim = Sim::start(&mut place.linesman(&[&arguments[..], &["--fault", "clock-off"]].concat()));
    let password = place.write("password", sim.text("pop"));
    let ran = |arguments: &[&str]| {
        let access = ["--username", sim.text("username"), "--password-file", &password, "--via", &sim.link];
        let access = [&access[..], &["--driver", "linux-console"]].concat();
        place.run_json(&[&["device"], arguments, &access[..]].concat())
    };
    let info = ran(&["info"]).expect(0);
    let name = info.lines()[0]["name"].as_str().unwrap_or_default().to_owned();
    assert!(info.result()["facts"].to_string().contains("Serial number"), "{info:#?}");
    assert_eq!(ran(&["clock"]).expect(1).result()["breaks_tls"], true);
    for nonsense in ["garbage", "2026-13-45T00:00:00", ""] {
        ran(&["clock", "--set", nonsense, "--confirm", &name]).expect(2);
    }
    let set = ran(&["clock", "--set", "--confirm", &name]).expect(0);
    assert_eq!(set.result()["evidence"]["kind"], "observed", "{set:#?}");
    assert_eq!(ran(&["clock"]).expect(0).result()["breaks_tls"], false);
}
