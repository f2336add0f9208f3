//! The command line against simulated gateways on pseudo-terminals: exit codes, JSON lines, records, interruptions.

use std::io::Read as _;
use std::process::{Command, Stdio};

use linesman::model::fault::Fault;
use linesman::proto::improv::Request;
use serde_json::Value;

use crate::gateway::{Act, Gateway, answer};
use crate::json_types::documented_kinds;
use crate::program::{Place, Ran, Running, Sim, text_of};

/// A passphrase that is valid and wrong.
const WRONG: &str = "wrong horse battery";

fn commission<'a>(sim: &'a Sim, file: &'a str) -> Vec<&'a str> {
    vec!["commission", "--via", &sim.link, "--ssid", &sim.ssid, "--password-file", file]
}

fn jobs(place: &Place) -> Vec<Value> {
    place.run_json(&["records", "list"]).expect(0).lines()
}

#[test]
fn a_gateway_joins_and_all_of_it_is_on_record() {
    let place = Place::new();
    let sim = place.sim(&[]);
    let file = place.write("wifi.txt", format!("{}\n", sim.password));
    let transcript = text_of(&place.path("transcript.txt"));
    let arguments = [commission(&sim, &file), vec!["--transcript", &transcript]].concat();
    let ran = place.run_json(&arguments).expect(0);
    let result = ran.result();
    assert_eq!((&result["kind"], &result["outcome"]), (&"outcome".into(), &"joined".into()), "{ran:#?}");
    assert!(result["evidence"].as_array().is_some_and(|evidence| evidence.len() >= 3), "{result:#}");
    let steps: Vec<String> = ran
        .lines()
        .iter()
        .filter(|line| line["kind"] == "step" && line["state"] == "done")
        .map(|line| line["step"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(steps, ["connect", "describe", "scan-networks", "push", "follow", "read-back", "look"]);
    assert!(ran.lines().iter().any(|line| line["kind"] == "network" && line["ssid"] == sim.ssid.as_str()));
    assert!(ran.lines().iter().any(|line| line["kind"] == "transcript" && line["path"] == transcript.as_str()));
    let transcript = std::fs::read_to_string(transcript).unwrap();
    assert!(transcript.contains("Wi-Fi settings") && !transcript.contains(&sim.password), "{transcript}");

    let jobs = jobs(&place);
    assert_eq!((jobs.len(), &jobs[0]["outcome"]), (1, &"joined".into()));
    let id = jobs[0]["id"].to_string();
    let shown = place.run_json(&["records", "show", &id]).expect(0).result();
    let entries = shown["entries"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["step"] == "push" && entry["phase"] == "intent"), "{shown:#}");
    assert!(entries.iter().any(|entry| entry["step"] == "push" && entry["outcome"] == "joined"), "{shown:#}");
    assert!(place.run(&["records", "show", &id]).expect(0).out.contains("push"));
    assert!(place.run(&["records", "list"]).expect(0).out.contains("joined"));
}

#[test]
fn the_passphrase_comes_from_a_file_from_standard_input_or_from_a_picture() {
    let place = Place::new();
    let sim = place.sim(&[]);
    let file = place.write("wifi.txt", format!("{}\r\n", sim.password));
    let ran = place.run(&commission(&sim, &file)).expect(0);
    assert!(ran.out.contains("JOINED"), "{ran:#?}");

    let mut command = place.linesman(&commission(&sim, "-"));
    let ran = Ran::with_input(command.arg("--json"), format!("{}\n", sim.password).as_bytes()).expect(0);
    assert_eq!(ran.result()["outcome"], "joined");

    let picture = place.path("code.png");
    // Without the last semicolon: read all the same, with a note.
    write_code(&picture, &format!("WIFI:T:WPA;S:{};P:{};", sim.ssid, sim.password));
    let arguments = ["commission", "--via", &sim.link, "--qr-file", &text_of(&picture)];
    let ran = place.run_json(&arguments).expect(0);
    assert_eq!(ran.result()["outcome"], "joined");
    assert!(ran.lines().iter().any(|line| line["kind"] == "note"), "{ran:#?}");
}

/// Paints a code.
pub(crate) fn write_code(path: &std::path::Path, text: &str) {
    let code = qrcode::QrCode::new(text).unwrap();
    let (width, scale) = (u32::try_from(code.width()).unwrap(), 4);
    let modules = code.to_colors();
    image::GrayImage::from_fn((width + 8) * scale, (width + 8) * scale, |x, y| {
        let module = |at: u32| (at / scale).checked_sub(4).filter(|&at| at < width);
        let is_dark = module(x)
            .zip(module(y))
            .is_some_and(|(x, y)| modules[usize::try_from(y * width + x).unwrap()] == qrcode::Color::Dark);
        image::Luma([if is_dark { 0 } else { 255 }])
    })
    .save(path)
    .unwrap();
}

/// Runs a command with this in place of NetworkManager's tool.
#[cfg(target_os = "linux")]
fn with_nmcli(place: &Place, script: &str, arguments: &[&str]) -> Ran {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = place.path("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join("nmcli");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", text_of(&folder), std::env::var("PATH").unwrap());
    Ran::of(place.linesman(arguments).arg("--json").env("PATH", path))
}

#[test]
#[cfg(target_os = "linux")]
fn what_the_laptop_sees_on_5_ghz_only_is_not_sent_unless_the_gateway_sees_it() {
    let place = Place::new();
    let sim = place.sim(&[]);
    let file = place.write("wifi.txt", &sim.password);
    let script = "sleep 0.3; printf '%s\\n' 'Yard:5180 MHz:WPA2' 'Site-Office:5180 MHz:WPA2' 'Other:2412 MHz:WPA2'";
    let yard = ["commission", "--via", &sim.link, "--ssid", "Yard", "--password-file", &file];

    let refused = with_nmcli(&place, script, &yard).expect(2);
    assert_eq!(refused.result()["code"], "wifi.only_5ghz", "{refused:#?}");
    let lines = refused.lines();
    let scans: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "laptop-scan").collect();
    assert_eq!((scans.len(), &scans[0]["networks"][0]["band"]), (1, &"5GHz".into()), "{refused:#?}");
    assert!(lines.iter().all(|line| line["step"] != "push"), "{refused:#?}");

    let heard = with_nmcli(&place, script, &commission(&sim, &file)).expect(0);
    assert_eq!(heard.result()["outcome"], "joined", "the gateway's own ears win");
    let unasked = with_nmcli(&place, script, &[&yard[..], &["--no-scan"]].concat());
    assert!(unasked.lines().iter().all(|line| line["kind"] != "laptop-scan"), "{unasked:#?}");
    assert!(unasked.lines().iter().any(|line| line["step"] == "push"), "{unasked:#?}");
    let failing = with_nmcli(&place, "exit 8", &commission(&sim, &file)).expect(0);
    let reason = failing.lines().iter().find(|line| line["kind"] == "laptop-scan").unwrap()["not_checked"].clone();
    assert_eq!(reason, "NetworkManager is not running");
}

#[test]
fn a_refusal_ends_with_one_and_names_causes() {
    let place = Place::new();
    let sim = place.sim(&["--fault", "wrong-passphrase"]);
    let file = place.write("wifi.txt", &sim.password);
    let ran = place.run_json(&commission(&sim, &file)).expect(1);
    let result = ran.result();
    assert_eq!(result["outcome"], "refused", "{result:#}");
    assert!(!result["causes"].as_array().unwrap().is_empty(), "{result:#}");
    assert!(place.run(&commission(&sim, &file)).expect(1).out.contains("REFUSED"));
    assert_eq!(jobs(&place)[0]["outcome"], "refused");
}

#[test]
fn wrong_input_ends_with_two_before_the_port_is_looked_at() {
    let place = Place::new();
    let good = place.write("good.txt", "long enough");
    let short = place.write("short.txt", "short");
    let binary = place.write("binary.txt", b"\xff\xfe\x00");
    let picture = place.write("no-picture.png", "text");
    let missing = text_of(&place.path("missing.txt"));
    // A port that is not there would end with 3.
    let via = ["commission", "--via", "serial:/dev/linesman-none"];
    let check = |arguments: &[&str], code: &str| {
        place.run_json(&[&via, arguments].concat()).expect_problem(2, code);
    };
    check(&["--ssid", &"x".repeat(33), "--password-file", &good], "wifi.ssid_too_long");
    check(&["--ssid", "", "--password-file", &good], "wifi.ssid_empty");
    check(&["--ssid", "Site", "--password-file", &short], "wifi.passphrase_too_short");
    check(&["--ssid", "Site", "--password-file", &binary], "secret.not_text");
    check(&["--ssid", "Site", "--password-file", &missing], "secret.unreadable");
    check(&["--ssid", "Site"], "secret.missing");
    check(&["--ssid", "Site", "--password-file", &good, "--profile", "nobody"], "profile.unknown");
    check(&["--qr-file", &picture], "qr.not_an_image");
    check(&["--qr-file", &missing], "qr.file_not_read");
    for arguments in [
        vec!["commission", "--ssid", "Site"],
        vec!["commission", "--via", "serial:", "--ssid", "Site"],
        vec!["commission", "--via", "ble:", "--ssid", "Site"],
        vec!["commission", "--via", "serial:/dev/linesman-none"],
        vec!["commission", "--via", "serial:/x", "--ssid", "Site", "--driver", "nobody"],
        vec!["commission", "--via", "serial:/x", "--ssid", "Site", "--password", "long enough"],
        vec!["sim", "--profile", "generic-improv", "--fault", "nobody"],
        vec!["sim", "--profile", "generic-improv", "--driver", "nobody"],
        vec!["records", "show", "first"],
        vec!["nobody"],
    ] {
        let ran = place.run_json(&arguments).expect(2);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{ran:#?}");
    }
    let help = place.run(&["sim", "--profile", "generic-improv", "--fault", "nobody"]).err;
    assert!(Fault::ALL.iter().all(|fault| help.contains(fault.as_str())), "{help}");
    place.run_json(&["sim", "--profile", "nobody"]).expect_problem(2, "profile.unknown");
    place.run_json(&["profiles", "show", "nobody"]).expect_problem(2, "profile.unknown");
    place.run_json(&["profiles", "validate", &missing]).expect_problem(2, "files.not_found");
    place.run_json(&["records", "show", "999"]).expect_problem(2, "records.not_found");
    assert_eq!(jobs(&place), [] as [Value; 0], "nothing was begun");
}

#[test]
fn what_cannot_run_ends_with_three() {
    let place = Place::new();
    let file = place.write("wifi.txt", "long enough");
    let check = |link: &str, more: &[&str], code: &str| {
        let arguments = ["commission", "--via", link, "--ssid", "Site", "--password-file", &file];
        place.run_json(&[&arguments, more].concat()).expect_problem(3, code);
    };
    check("serial:/dev/linesman-none", &[], "serial.not_found");
    check(&format!("serial:{file}"), &[], "serial.not_a_port");
    check("serial:/dev/null", &[], "serial.not_a_port");
    check("serial:/dev/linesman-none", &["--driver", "esp-prov"], "serial.not_found");
    place
        .run_json(&["sim", "--profile", "generic-improv", "--driver", "improv", "--via", "http"])
        .expect_problem(3, "sim.no_driver");
    place.run_json(&["sim", "--profile", "generic-improv", "--state-dir", &file]).expect_problem(3, "sim.card");
    place.run_json(&["records", "export", "/nowhere/jobs.csv"]).expect_problem(2, "files.no_folder");
    let recorded = jobs(&place);
    assert_eq!(recorded.len(), 4, "each commission that was begun: {recorded:#?}");
    assert!(recorded.iter().all(|job| job["outcome"] == "failed"), "{recorded:#?}");
}

#[test]
fn a_silent_gateway_ends_with_three() {
    let place = Place::new();
    let sim = place.sim(&["--fault", "silent"]);
    let file = place.write("wifi.txt", &sim.password);
    place.run_json(&commission(&sim, &file)).expect_problem(3, "improv.no_reply");
    assert_eq!(jobs(&place)[0]["outcome"], "failed");
}

#[test]
fn a_port_that_another_commission_holds_is_busy() {
    let place = Place::new();
    let sim = place.sim(&["--fault", "slow-join"]);
    let file = place.write("wifi.txt", &sim.password);
    let mut first = place.start(&commission(&sim, &file));
    first.until_step("follow", "started");
    place.run_json(&commission(&sim, &file)).expect_problem(3, "serial.busy");
    let outcomes: Vec<Value> = jobs(&place).iter().map(|job| job["outcome"].clone()).collect();
    assert_eq!(outcomes, ["failed", "running"]);
}

#[test]
fn without_records_nothing_is_sent() {
    let place = Place::new();
    let sim = place.sim(&["--state-dir", &text_of(&place.path("card"))]);
    let file = place.write("wifi.txt", &sim.password);
    let check = |data: &str, code: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linesman"));
        command.args(commission(&sim, &file)).arg("--json").env("LINESMAN_DATA_DIR", data).stdin(Stdio::null());
        Ran::of(&mut command).expect_problem(3, code);
        assert!(!place.path("card").join("wifi.conf").exists(), "the gateway was told a network");
    };
    check(&file, "files.not_created");
    let blocked = place.path("blocked");
    std::fs::create_dir_all(blocked.join("records.sqlite")).unwrap();
    check(&text_of(&blocked), "records.not_opened");
    let damaged = place.path("damaged");
    std::fs::create_dir(&damaged).unwrap();
    std::fs::write(damaged.join("records.sqlite"), "no database ".repeat(100)).unwrap();
    check(&text_of(&damaged), "records.damaged");
}

#[test]
fn a_link_that_drops_in_mid_join_ends_with_four() {
    let place = Place::new();
    let sim = place.sim(&["--fault", "drop-link", "--fault", "slow-join"]);
    let file = place.write("wifi.txt", &sim.password);
    let ran = place.run_json(&commission(&sim, &file)).expect(4);
    let result = ran.result();
    assert_eq!(result["outcome"], "unknown", "{result:#}");
    assert!(result["next_step"].as_str().is_some_and(|step| !step.is_empty()));
    assert!(
        ran.lines().iter().any(|line| line["step"] == "push" && line["note"] == "serial.vanished"),
        "the loss of the link is told: {ran:#?}"
    );
    assert_eq!(jobs(&place)[0]["outcome"], "unknown");
    assert_eq!(sim.finish().code, Some(0), "a gateway that dropped its link ends its simulator");
}

#[test]
fn a_port_that_vanishes_is_told_as_such() {
    let place = Place::new();
    let gateway = Gateway::start(|request| match request {
        Request::DeviceInfo => vec![Act::Vanish],
        other => answer(other),
    });
    let file = place.write("wifi.txt", "correct horse battery");
    let mut running =
        place.start(&["commission", "--via", &gateway.link, "--ssid", "Site-Office", "--password-file", &file]);
    running.until_step("describe", "started");
    gateway.unplug();
    running.finish().expect_problem(3, "serial.vanished");

    let mut sim = place.sim(&["--fault", "slow-join"]);
    let mut running = place.start(&commission(&sim, &file));
    running.until_step("follow", "started");
    sim.kill();
    let result = running.finish().expect(4).result();
    assert_eq!((&result["kind"], &result["outcome"]), (&"outcome".into(), &"unknown".into()), "{result:#}");
}

#[test]
fn an_interrupt_in_mid_join_ends_with_four_and_reads_unknown() {
    let place = Place::new();
    let sim = place.sim(&["--fault", "slow-join"]);
    let file = place.write("wifi.txt", &sim.password);
    let mut running = place.start(&commission(&sim, &file));
    running.until_step("follow", "started");
    running.interrupt();
    running.finish().expect_problem(4, "session.stopped");
    let job = &jobs(&place)[0];
    assert_eq!((&job["outcome"], &job["reason"]), (&"unknown".into(), &"session.stopped".into()), "{job:#}");

    // Before anything was sent it is no more than cancelled, and the gateway can be asked again at once.
    let mut running = place.start(&commission(&sim, &file));
    running.until_step("connect", "started");
    running.interrupt();
    running.finish().expect_problem(4, "session.stopped");
    assert_eq!(jobs(&place)[0]["outcome"], "cancelled");
    let ran = place.run_json(&["discover", "--port", &sim.port, "--ask"]).expect(0);
    assert!(ran.lines().iter().any(|line| line["port"]["is_typed"] == true && line["name"].is_string()), "{ran:#?}");
}

#[test]
fn an_interrupt_while_nothing_runs_ends_the_program() {
    let place = Place::new();
    let mut command = place.linesman(&["commission", "--via", "serial:/x", "--ssid", "Site", "--password-file", "-"]);
    let running = Running::start(command.arg("--json").arg("--verbose").stdin(Stdio::piped()));
    // It reads the passphrase once its records are open; until then a lock file is not there.
    while std::fs::read_dir(place.data().join("running")).map_or(0, Iterator::count) < 2 {
        std::thread::yield_now();
    }
    running.interrupt();
    assert!(!running.wait().success());
}

#[test]
fn hostile_texts_of_a_gateway_are_printed_safely() {
    let place = Place::new();
    let sim = place.sim(&["--fault", "hostile-texts"]);
    let file = place.write("wifi.txt", &sim.password);
    let arguments = commission(&sim, &file);
    let exported = text_of(&place.path("jobs.jsonl"));
    let table = text_of(&place.path("jobs.csv"));
    for ran in [
        place.run(&arguments).expect(0),
        place.run_json(&arguments).expect(0),
        place.run(&["discover", "--ask", "--port", &sim.port]).expect(0),
        place.run_json(&["discover", "--ask", "--port", &sim.port]).expect(0),
        place.run(&["records", "list"]).expect(0),
        place.run(&["records", "show", "1"]).expect(0),
        place.run_json(&["records", "show", "1"]).expect(0),
        place.run_json(&["records", "export", &exported]).expect(0),
        place.run_json(&["records", "export", &table]).expect(0),
    ] {
        check_safe(&ran.out);
        check_safe(&ran.err);
    }
    check_safe(&std::fs::read_to_string(exported).unwrap());
    check_safe(&std::fs::read_to_string(table).unwrap().replace('\r', ""));
}

/// Holds that no character moves the cursor or turns the text around, in lines as they are and decoded.
#[track_caller]
fn check_safe(text: &str) {
    let is_unsafe = |c: char| {
        (c.is_control() && c != '\n')
            || linesman::model::text::visible(&c.to_string(), 9) == "\u{FFFD}" && c != '\n' && c != '\u{FFFD}'
    };
    assert!(!text.contains(is_unsafe), "{text:?}");
    for line in text.lines() {
        if let Ok(value) = serde_json::from_str::<Value>(line) {
            check_value(&value, &is_unsafe);
        }
    }
}

#[track_caller]
fn check_value(value: &Value, is_unsafe: &impl Fn(char) -> bool) {
    match value {
        Value::String(text) => assert!(!text.contains(is_unsafe), "{text:?}"),
        Value::Array(values) => values.iter().for_each(|value| check_value(value, is_unsafe)),
        Value::Object(fields) => fields.values().for_each(|value| check_value(value, is_unsafe)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn records_are_listed_shown_and_exported() {
    let place = Place::new();
    assert!(place.run(&["records", "list"]).expect(0).out.contains("no records yet"));
    let sim = place.sim(&[]);
    let file = place.write("wifi.txt", &sim.password);
    let wrong = place.write("wrong.txt", WRONG);
    place.run(&commission(&sim, &file)).expect(0);
    place.run(&commission(&sim, &wrong)).expect(1);
    let outcomes: Vec<Value> = jobs(&place).iter().map(|job| job["outcome"].clone()).collect();
    assert_eq!(outcomes, ["refused", "joined"], "newest first");
    assert_eq!(place.run_json(&["records", "list", "--limit", "1"]).expect(0).lines().len(), 1);

    let table = text_of(&place.path("jobs.csv"));
    let ran = place.run_json(&["records", "export", &table]).expect(0);
    assert_eq!(ran.result()["path"], table.as_str());
    let text = std::fs::read_to_string(&table).unwrap();
    assert!(text.starts_with("id,started_at,") && text.contains(",joined,") && text.contains(",refused,"), "{text}");
    let exported = text_of(&place.path("jobs.jsonl"));
    place.run(&["records", "export", &exported]).expect(0);
    let text = std::fs::read_to_string(&exported).unwrap();
    let histories: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(histories.len(), 2);
    assert!(histories.iter().all(|history| history["entries"].as_array().is_some_and(|entries| entries.len() > 4)));
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let place = Place::new();
    let sim = place.sim(&[]);
    let file = place.write("wifi.txt", &sim.password);
    for arguments in [
        vec!["records", "list"],
        vec!["profiles", "list"],
        vec!["profiles", "show", "calms"],
        vec!["discover", "--port", &sim.port],
        vec!["completions", "bash"],
        vec!["man"],
        vec!["--help"],
        commission(&sim, &file),
    ] {
        for is_verbose in [false, true] {
            let mut command = place.linesman(&arguments);
            if is_verbose {
                command.arg("--verbose");
            }
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            // Nobody reads from the start.
            drop(child.stdout.take());
            let mut stderr = child.stderr.take().unwrap();
            let mut complaints = String::new();
            if is_verbose {
                drop(stderr);
            } else {
                stderr.read_to_string(&mut complaints).unwrap();
            }
            let status = child.wait().unwrap();
            assert!(status.code().is_some_and(|code| code < 100), "{arguments:?} ended with {status}: {complaints}");
            assert!(!complaints.contains("panicked"), "{arguments:?}: {complaints}");
        }
    }
}

#[test]
fn ports_are_listed_and_asked() {
    let place = Place::new();
    let sim = place.sim(&["--serial-number", "SIM0042"]);
    let gateway = |ran: &Ran| {
        ran.lines().into_iter().find(|line| line["link"] == sim.link.as_str()).unwrap_or_else(|| panic!("{ran:#?}"))
    };
    let listed = place.run_json(&["discover", "--port", &sim.port]).expect(0);
    assert_eq!(
        (&gateway(&listed)["answer"], &gateway(&listed)["state"]),
        (&"not queried".into(), &"not-queried".into())
    );
    let asked = gateway(&place.run_json(&["discover", "--ask", "--port", &sim.link]).expect(0));
    assert!(asked["name"].as_str().is_some_and(|name| name.contains("SIM0042")), "{asked:#}");
    assert_eq!((&asked["driver"], &asked["answer"]), (&"improv".into(), &"Ready for a network".into()));
    let nothing = gateway(&place.run_json(&["discover", "--port", &sim.port, "--for", "0"]).expect(0));
    assert_eq!(nothing["is_present"], true);
    assert_eq!(jobs(&place), [] as [Value; 0], "asking is not put on record");
}

#[test]
fn a_port_that_is_not_there_is_looked_at_and_not_listed_as_found() {
    let place = Place::new();
    let missing = text_of(&place.path("no-such-port"));
    let file = place.write("plain.txt", "not a port");
    for (path, code) in [(&missing, "serial.not_found"), (&file, "serial.not_a_port")] {
        for arguments in [&["discover", "--port", path][..], &["discover", "--ask", "--port", path]] {
            let ran = place.run_json(arguments).expect_problem(3, code);
            let line = ran.lines().into_iter().find(|line| line["link"] == format!("serial:{path}")).unwrap();
            assert_eq!(line["state"], "cannot-open", "{ran:#?}");
        }
        let text = place.run(&["discover", "--port", path]).expect(3);
        assert!(text.out.contains("Can't open"), "{text:#?}");
    }
}

#[test]
fn discover_tells_what_was_done_over_a_link_before() {
    let place = Place::new();
    let sim = place.sim(&[]);
    let file = place.write("wifi.txt", &sim.password);
    place.run_json(&commission(&sim, &file)).expect(0);
    let ran = place.run_json(&["discover", "--ask", "--port", &sim.port]).expect(0);
    let line = ran.lines().into_iter().find(|line| line["link"] == sim.link.as_str()).unwrap();
    assert_eq!((&line["state"], &line["last"]["outcome"]), (&"joined".into(), &"joined".into()), "{line:#}");
    // Nothing was asked: whatever hangs at the port now need not be the gateway that joined.
    let ran = place.run_json(&["discover", "--port", &sim.port]).expect(0);
    let line = ran.lines().into_iter().find(|line| line["link"] == sim.link.as_str()).unwrap();
    assert_eq!((&line["state"], &line["last"]["outcome"]), (&"not-queried".into(), &"joined".into()), "{line:#}");
}

#[test]
fn profiles_completions_and_manual_are_printed() {
    let place = Place::new();
    let list = place.run_json(&["profiles", "list"]).expect(0).lines();
    assert_eq!(list.last().map(|line| line["profiles"].as_u64()), Some(Some(list.len() as u64 - 1)));
    for profile in &list[..list.len() - 1] {
        let shown = place.run_json(&["profiles", "show", profile["id"].as_str().unwrap()]).expect(0);
        assert_eq!(shown.result()["kind"], "summary");
    }
    let bad = place.write("bad.toml", "schema = 1\nname = 7\n");
    let ran = place.run_json(&["profiles", "validate", &bad]).expect(1);
    assert_eq!(ran.result()["valid"], false);
    assert!(ran.lines().iter().any(|line| line["line"] == 2), "{ran:#?}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(place.run(&["completions", shell]).expect(0).out.contains("commission"), "{shell}");
    }
    assert!(place.run(&["man"]).expect(0).out.contains(".TH"));
    let folder = place.path("man");
    std::fs::create_dir(&folder).unwrap();
    place.run(&["man", "--out", &text_of(&folder)]).expect(0);
    assert!(folder.join("linesman-commission.1").is_file());
    place.run(&["man", "--out", &place.write("file", "")]).expect(2);
    for code in ["0", "1", "2", "3", "4"] {
        assert!(place.run(&["--help"]).expect(0).out.contains(&format!("\n  {code}  ")), "no exit code {code}");
    }
}

#[test]
fn about_tells_what_the_build_was_proved_on_and_what_nobody_tried() {
    let place = Place::new();
    let ran = place.run_json(&["about"]).expect(0);
    let lines = ran.lines();
    let on = |word: &str| lines.iter().filter(|line| line["on"] == word).count();
    assert!(on("real") > 3 && on("simulated") > 1 && on("never-tried") > 1, "{lines:#?}");
    assert_eq!(ran.result()["version"], env!("CARGO_PKG_VERSION"));
    assert!(place.run(&["about"]).expect(0).out.contains("Never tried  Windows and macOS"));
}

#[test]
fn the_tour_of_the_demo_holds() {
    let place = Place::new();
    let ran = place.run_json(&["demo", "--headless"]).expect(0);
    let result = ran.result();
    assert_eq!((&result["kind"], &result["ok"]), (&"summary".into(), &true.into()), "{ran:#?}");
    let kinds: Vec<Value> = ran.lines().iter().map(|line| line["kind"].clone()).collect();
    for kind in ["found", "step", "network", "outcome", "job", "row", "stats"] {
        assert!(kinds.contains(&kind.into()), "no {kind} in {kinds:?}");
    }
    // Beside Improv a gateway of every other driver: a proof over the radio, a login on a console, a file over SMP.
    let lines = ran.lines();
    let protections: Vec<&Value> = lines.iter().map(|line| &line["protection"]).collect();
    for protection in ["security2", "cable-login", "cable"] {
        assert!(protections.contains(&&protection.into()), "no {protection} in {protections:?}");
    }
    let taken = lines.iter().find(|line| line["kind"] == "credential-sent").expect("a file was sent");
    assert_eq!((&taken["credential"], &taken["evidence"]["kind"]), (&"server-root".into(), &"observed".into()));
}

#[test]
fn the_tour_explains_one_failure_and_says_what_to_ask_of_the_admin() {
    let ran = Place::new().run(&["demo", "--headless"]).expect(0);
    let (_, explained) = ran.out.split_once("\nWhy CAS-10 failed: ").unwrap_or_else(|| panic!("{}", ran.out));
    for part in ["Possible causes: ", "Next: ", "For the firewall admin: Allow TCP port 443 from"] {
        assert!(explained.contains(part), "no {part}: {explained}");
    }
}

/// The sources in a folder and below it.
fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn the_page_describes_the_kinds_there_are() {
    let mut kinds = std::collections::BTreeSet::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
    for file in sources(&folder) {
        let text = std::fs::read_to_string(file).unwrap();
        for before in ["\"kind\": \"", "tagged(\"", "push(&mut out, \"", "push(out, \""] {
            let found = text.split(before).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
            kinds.extend(found);
        }
    }
    // Written as exported files have it.
    kinds.insert("message".to_owned());
    assert_eq!(documented_kinds().into_iter().map(str::to_owned).collect::<std::collections::BTreeSet<_>>(), kinds);
}

/// Runs the program on a terminal of its own, and presses Ctrl+C when it asks.
#[cfg(target_os = "linux")]
#[track_caller]
fn interrupted_at_the_prompt(place: &Place, arguments: &[&str], prompt: &str) {
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};

    let quoted: Vec<String> = [&[env!("CARGO_BIN_EXE_linesman")], arguments]
        .concat()
        .iter()
        .map(|word| format!("'{word}'"))
        .chain(["--data-dir".into(), format!("'{}'", place.data().display())])
        .collect();
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &quoted.join(" "), "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = terminal.spawn() else {
        {
            crate::peers::require("script", false, "prompts are answered on a terminal");
            return;
        }
    };
    let mut out = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&seen).contains(prompt) {
        assert_eq!(out.read(&mut byte).unwrap(), 1, "no prompt: {}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{rest}");
    assert!(rest.contains("secret.cancelled") && rest.contains("nothing was sent"), "{rest}");
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_at_a_prompt_is_cancelled_and_ends_with_four() {
    let place = Place::new();
    let commission = ["commission", "--via", "serial:/dev/null", "--ssid", "Site", "--json"];
    interrupted_at_the_prompt(&place, &commission, "Passphrase");
    let manifest = place
        .write("site.csv", "name,match,profile,ssid,password_file\ngw,serial:/dev/null,generic-improv,Site,@site\n");
    interrupted_at_the_prompt(&place, &["batch", &manifest, "--json"], "Secret @site");
}
