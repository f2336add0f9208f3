//! Every file that a command writes where a person says: what is there stays, what is read is never written over, and a
//! device or a pipe is written to.

use linesman::flow::port::Recordings as _;
use linesman::io::recordings::DiskRecordings;
use linesman::telemetry::recording::RecordingFacts;
use serde_json::json;

use crate::mosquitto::Mosquitto;
use crate::program::{Place, Ran, text_of};
use crate::recordings::batch;

/// A place with a recording of 100 messages.
fn place() -> (Place, String) {
    let place = Place::new();
    let path = place.path("site.lmrec");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let recordings = DiskRecordings::new(place.data());
        let recorder = recordings.create(path.as_path().into(), RecordingFacts::default()).await.unwrap();
        assert!(recorder.write(&batch(0)));
        recorder.finish().await.unwrap();
    });
    (place, text_of(&path))
}

/// All commands that write a file, up to its name.
fn commands<'a>(recording: &'a str, secret: &'a str) -> Vec<Vec<&'a str>> {
    let via = "serial:/dev/linesman-none";
    let mut commands = vec![
        vec!["records", "export"],
        vec!["inspect", "--broker", "mqtt://127.0.0.1:1", "--record"],
        vec!["commission", "--via", via, "--ssid", "Site", "--password-file", secret, "--transcript"],
        vec!["terminal", "--via", via, "--transcript"],
        vec!["device", "info", "--via", via, "--transcript"],
        vec!["device", "settings", "get", "key", "--via", via, "--out"],
        vec!["device", "files", "get", "/lfs/x", "--via", via, "--out"],
        vec!["batch", secret, "--out"],
    ];
    for form in ["csv", "jsonl", "recording"] {
        commands.push(vec!["replay", recording, "--format", form, "--export"]);
    }
    commands
}

#[test]
fn no_command_writes_over_a_file_or_begins_before_its_target_is_known_to_be_good() {
    let (place, recording) = place();
    let secret = place.write("secret.txt", "correct horse");
    let there = place.write("there.csv", "somebody's work");
    let link = text_of(&place.path("link.csv"));
    std::os::unix::fs::symlink(&there, &link).unwrap();
    let missing = text_of(&place.path("missing/x.csv"));
    let folder = text_of(&place.path(""));
    for command in commands(&recording, &secret) {
        for (target, code) in [
            (&there, "files.exists"),
            (&link, "files.exists"),
            (&missing, "files.no_folder"),
            (&folder, "files.not_a_file"),
        ] {
            let ran = place.run_json(&[&command[..], &[target.as_str()]].concat()).expect_problem(2, code);
            assert_eq!(ran.lines().len(), 1, "{command:?} began: {ran:#?}");
        }
    }
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "somebody's work");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(place.run_json(&["records", "list"]).expect(0).lines(), [] as [serde_json::Value; 0], "something began");
}

#[test]
fn a_source_is_never_the_target_by_whatever_name() {
    let (place, recording) = place();
    let before = std::fs::read(&recording).unwrap();
    let named = |name: &str| text_of(&place.path(name));
    std::fs::hard_link(&recording, named("hard.lmrec")).unwrap();
    std::os::unix::fs::symlink(&recording, named("soft.lmrec")).unwrap();
    let dotted = recording.replace("/site.lmrec", "/./site.lmrec");
    for target in [recording.clone(), dotted, named("hard.lmrec"), named("soft.lmrec")] {
        for more in [&[][..], &["--overwrite"], &["--topic", "zz"]] {
            let command = [&["replay", &recording, "--export", &target][..], more].concat();
            place.run_json(&command).expect_problem(2, "files.same_file");
        }
    }
    let manifest = place.write("site.csv", "name,match\n");
    place.run_json(&["batch", &manifest, "--out", &manifest, "--overwrite"]).expect_problem(2, "files.same_file");
    assert_eq!(std::fs::read(&recording).unwrap(), before);
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), "name,match\n");
}

/// What a command reads besides, by an argument or a cell, is no target either.
#[test]
fn no_file_that_a_command_reads_is_written_over() {
    let (place, recording) = place();
    let secret = place.write("pw.txt", "correct horse\n");
    let proto = place.write("a.proto", "syntax = \"proto3\"; message M { int32 a = 1; }");
    let header = "name,match,profile,ssid,password_file";
    let manifest =
        place.write("site.csv", format!("{header}\ngw,serial:/dev/linesman-none,generic-improv,Site,pw.txt\n"));
    let named = format!("@x={secret}");
    let refused = |arguments: &[&str]| {
        place.run_json(&[arguments, &["--overwrite"]].concat()).expect_problem(2, "files.same_file");
    };
    refused(&["replay", &recording, "--proto", &proto, "--export", &proto]);
    let broker = ["inspect", "--broker", "mqtt://127.0.0.1:1"];
    for option in [&["--ca"][..], &["--proto"], &["--cert", &proto, "--key-password-file"]] {
        refused(&[&broker[..], option, &[&secret, "--record", &secret]].concat());
    }
    refused(&["batch", &manifest, "--secret", &named, "--out", &secret]);
    let ran = place.run_json(&["batch", &manifest, "--out", &secret, "--overwrite"]);
    assert_eq!(ran.result()["code"], "files.same_file", "{ran:#?}");
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "correct horse\n");
    // The list of removals bears the name that the certificate of its gateway would get.
    let folder = text_of(&place.path(""));
    let rows = "match,profile,serial\nserial:/dev/linesman-none,generic-linux,A1\n";
    let list = place.write("decommissioning-A1.html", rows);
    refused(&["wipe", "--manifest", &list, "--confirm-all", "1", "--certificates", &folder]);
}

#[test]
fn a_file_is_replaced_where_that_is_said_and_keeps_its_permissions_and_links() {
    use std::os::unix::fs::PermissionsExt as _;
    let (place, recording) = place();
    let file = place.write("old.csv", "old");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let link = text_of(&place.path("link.csv"));
    std::os::unix::fs::symlink("old.csv", &link).unwrap();
    let ran = place.run_json(&["replay", &recording, "--export", &link, "--overwrite"]).expect(0);
    assert_eq!((&ran.result()["kind"], &ran.result()["messages"]), (&json!("exported"), &json!(100)));
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 101);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    place.run_json(&["records", "export", &file, "--overwrite"]).expect(0);
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("id,"));
}

#[test]
fn standard_output_takes_a_file_and_then_the_status_goes_to_standard_error() {
    let (place, recording) = place();
    for name in ["-", "/dev/stdout"] {
        let ran = place.run(&["replay", &recording, "--export", name, "--format", "jsonl"]).expect(0);
        assert_eq!(ran.out.lines().count(), 100, "{ran:#?}");
        assert!(ran.out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{ran:#?}");
        assert!(ran.err.contains("100 messages written to standard output"), "{ran:#?}");
        let ran = place.run_json(&["records", "export", name]).expect(0);
        assert_eq!(ran.out, "", "there are no records");
        assert!(ran.err.contains("\"exported\""), "{ran:#?}");
    }
    // What a shell redirects goes where the shell says, even over a file that is there.
    let redirected = place.path("redirected.csv");
    let mut command = place.linesman(&["replay", &recording, "--export", "/dev/stdout", "--format", "csv"]);
    command.stdout(std::fs::File::create(&redirected).unwrap());
    assert!(command.status().unwrap().success());
    assert_eq!(std::fs::read_to_string(&redirected).unwrap().lines().count(), 101);
}

#[test]
fn devices_are_written_to_and_a_full_one_is_told() {
    let (place, recording) = place();
    for form in ["csv", "jsonl", "recording"] {
        let export = |target: &str| place.run_json(&["replay", &recording, "--format", form, "--export", target]);
        export("/dev/null").expect(0);
        export("/dev/full").expect_problem(3, "files.disk_full");
    }
    place.run_json(&["records", "export", "/dev/null"]).expect(0);
    let is_device = std::os::unix::fs::FileTypeExt::is_char_device;
    assert!(is_device(&std::fs::metadata("/dev/null").unwrap().file_type()));
}

#[test]
fn the_manual_is_not_written_over_either() {
    let place = Place::new();
    let folder = text_of(&place.path(""));
    place.run(&["man", "--out", &folder]).expect(0);
    place.run_json(&["man", "--out", &folder]).expect_problem(2, "files.exists");
    place.run(&["man", "--out", &folder, "--overwrite"]).expect(0);
}

#[test]
fn an_interrupted_recording_ends_in_order_and_says_where_it_is() {
    use rustix::process::{Pid, Signal, kill_process};
    let Some(broker) = Mosquitto::plain() else { return };
    let broker = format!("mqtt://127.0.0.1:{}", broker.port());
    for (name, signal) in [("int.lmrec", Signal::INT), ("term.lmrec", Signal::TERM)] {
        let place = Place::new();
        let path = text_of(&place.path(name));
        let mut watch = place.start(&["inspect", "--broker", &broker, "--record", &path]);
        watch.until(|line| line["kind"] == "connection" && line["state"] == "connected");
        kill_process(Pid::from_raw(i32::try_from(watch.pid()).unwrap()).unwrap(), signal).unwrap();
        let ran = watch.finish();
        let line =
            ran.lines().into_iter().find(|line| line["kind"] == "recording").unwrap_or_else(|| panic!("{ran:#?}"));
        assert_eq!((&line["path"], &line["problem"]), (&json!(path), &json!(null)), "{name}");
        place.run_json(&["replay", &path, "--speed", "max"]).expect(0);
    }
}

#[test]
fn no_refusal_repeats_a_secret_that_was_given_in_the_wrong_place() {
    let place = Place::new();
    let secret = "hunter2-hunter3";
    let with_login = format!("mqtt://me:{secret}@127.0.0.1:1");
    let via = ["--via", "serial:/dev/linesman-none"];
    let check = |ran: Ran| {
        assert!(ran.code != Some(0) && !format!("{ran:?}").contains("hunter2"), "{ran:#?}");
    };
    for url in [&with_login, &with_login.replace("mqtt", "mqttt"), &with_login.replace("hunter2", "/hunter2")] {
        check(place.run(&["inspect", "--broker", url]));
        check(place.run(&["publish", "--broker", url, "--topic", "t", "--payload", "x"]));
        check(place.run(&["inspect", url]));
        check(place.run(&[url]));
    }
    check(place.run(&["inspect", "--broker", "mqtt://h", "--proxy", &format!("http://me:{secret}@proxy:3128")]));
    let named =
        |option: &str| place.run_json(&[&["commission", "--ssid", "Site"], &via[..], &[option, secret]].concat());
    check(named("--password-file"));
    check(named("--pop-file"));
    let token = format!("token={secret}");
    check(place.run_json(&[&["commission", "--ssid", "Site", "--credential", &token][..], &via].concat()));
    check(place.run_json(&[&["device", "info", "--password-file", secret][..], &via].concat()));
    check(place.run_json(&["inspect", "--broker", "mqtt://h", "--username", "me", "--password-file", secret]));
    let logs = std::fs::read_dir(place.data().join("logs")).into_iter().flatten().flatten();
    for log in logs {
        assert!(!std::fs::read_to_string(log.path()).unwrap().contains("hunter2"), "{log:?}");
    }
}
