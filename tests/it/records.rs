//! `records verify` as people and scripts run it; a second verifier, written from docs/records.md alone; a disk that is full.

use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;

use crate::peers;
use crate::program::{Place, text_of};

/// A place with two jobs on record.
fn place() -> Place {
    let place = Place::new();
    let sim = place.sim(&[]);
    let file = place.write("wifi.txt", "correct horse battery");
    for _ in 0..2 {
        let arguments = ["commission", "--via", &sim.link, "--ssid", "Site-Office", "--password-file", &file];
        place.run(&arguments).expect(0);
    }
    place
}

fn verified(place: &Place, more: &[&str], code: i32) -> Value {
    place.run_json(&[&["records", "verify"], more].concat()).expect(code).result()
}

fn forge(place: &Place, sql: &str) {
    let connection = Connection::open(place.data().join("records.sqlite")).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    let triggers: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for trigger in triggers {
        connection.execute(&format!("DROP TRIGGER {trigger}"), ()).unwrap();
    }
    connection.execute_batch(sql).unwrap();
}

#[test]
fn verify_prints_a_head_that_later_confirms_the_file() {
    let place = place();
    let before = std::fs::read(place.data().join("records.sqlite")).unwrap();
    let ran = place.run(&["records", "verify"]).expect(0);
    let last = ran.out.lines().last().unwrap();
    let head = last.strip_prefix("head ").and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    assert!(ran.out.contains("as far as this file knows"), "{}", ran.out);
    assert!(ran.out.contains("which only its owner can read"), "{}", ran.out);
    assert_eq!(verified(&place, &["--head", &head], 0)["confirmed_to"], verified(&place, &[], 0)["complete_to"]);
    assert_eq!(std::fs::read(place.data().join("records.sqlite")).unwrap(), before, "an audit writes nothing");
    place.run(&["records", "verify", "--head", "12"]).expect(2);
    // What follows doesn't take the witness away; what is cut does.
    let sim = place.sim(&[]);
    let file = place.write("wifi.txt", "correct horse battery");
    place.run(&["commission", "--via", &sim.link, "--ssid", "Site-Office", "--password-file", &file]).expect(0);
    assert_eq!(verified(&place, &["--head", &head], 0)["is_intact"], true);
}

#[test]
fn every_kind_of_damage_ends_with_code_1_and_names_the_entry() {
    let last = "(SELECT max(sequence) FROM entries)";
    for (sql, fault) in [
        ("UPDATE entries SET outcome = 'x' WHERE sequence = 3".to_owned(), "changed"),
        ("UPDATE jobs SET operator = 'x' WHERE id = 1".to_owned(), "changed"),
        ("DELETE FROM entries WHERE sequence = 3".to_owned(), "missing"),
        (format!("DELETE FROM entries WHERE sequence = {last}"), "cut"),
        (
            "INSERT INTO entries (job, at, step, phase, outcome, detail) VALUES (1, '', '', 'intent', '', '')"
                .to_owned(),
            "not-chained",
        ),
        ("UPDATE segments SET signature = zeroblob(64) WHERE number = 1".to_owned(), "bad-seal"),
        ("UPDATE segments SET key = zeroblob(32) WHERE number = 1".to_owned(), "bad-seal"),
        ("DELETE FROM entries; DELETE FROM jobs; DELETE FROM segments".to_owned(), "cut"),
        ("DELETE FROM chain".to_owned(), "not-chained"),
    ] {
        let place = place();
        forge(&place, &sql);
        let audit = verified(&place, &[], 1);
        assert_eq!(audit["findings"][0]["fault"], fault, "{sql}: {audit:#}");
        assert!(place.run(&["records", "verify"]).expect(1).out.contains("Damaged. "), "{sql}");
    }
}

#[test]
fn a_head_that_is_not_in_the_file_is_said_to_be_unknown_and_no_entry_is_invented() {
    let place = place();
    let audit = verified(&place, &["--head", &"ab".repeat(32)], 1);
    assert_eq!(audit["findings"][0]["fault"], "head-unknown", "{audit:#}");
    let words = audit["findings"][0]["words"].as_str().unwrap();
    assert!(words.starts_with("The given head isn't in this file") && !words.contains("Entry"), "{words}");
}

#[test]
fn a_log_that_is_missing_where_one_was_sealed_is_damage_and_where_none_was_could_not_be_opened() {
    let place = place();
    std::fs::remove_file(place.data().join("records.sqlite")).unwrap();
    assert_eq!(verified(&place, &[], 1)["findings"][0]["fault"], "log-replaced");
    std::fs::write(place.data().join("records.sqlite"), "scribbled over".repeat(99)).unwrap();
    assert_eq!(verified(&place, &[], 1)["findings"][0]["fault"], "unreadable");
    Place::new().run_json(&["records", "verify"]).expect_problem(3, "records.not_opened");
}

#[test]
fn a_verifier_written_from_the_page_agrees() {
    if !peers::require("python3", peers::has_program("python3"), "a second verifier runs on it") {
        return;
    }
    let place = place();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/records/verify.py");
    let file = text_of(&place.data().join("records.sqlite"));
    let run = |more: &[&str]| {
        let output = Command::new("python3").arg(&script).arg(&file).args(more).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(err.is_empty(), "{err}");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let audit = verified(&place, &[], 0);
    assert!(audit["segments"].as_i64() >= Some(2), "{audit:#}");
    let head = audit["head"]["hash"].as_str().unwrap();
    assert_eq!(run(&[head]), (Some(0), format!("head {head} (entry {})\n", audit["head"]["entry"])));
    for sql in [
        "UPDATE segments SET sealed_at = '2000-01-01T00:00:00.000Z' WHERE number = 2",
        "UPDATE jobs SET profile = 'x' WHERE id = 2",
        "DELETE FROM entries WHERE sequence = 2",
        "UPDATE entries SET summary = 'x' WHERE sequence = 1",
    ] {
        forge(&place, sql);
        assert_eq!(run(&[]).0, Some(1), "{sql}");
        verified(&place, &[], 1);
    }
}

/// Runs a script in a mount namespace of its own, with a small disk at `$DATA`; `None` where that cannot be done.
#[cfg(target_os = "linux")]
fn on_a_small_disk(place: &Place, link: &str, script: &str) -> Option<String> {
    let can = Command::new("unshare").args(["-rm", "true"]).output().is_ok_and(|ran| ran.status.success());
    if !peers::require("unshare", can, "a disk that is full needs a mount namespace") {
        return None;
    }
    let data = place.path("small");
    std::fs::create_dir(&data).unwrap();
    let password = place.write("wifi.txt", "correct horse battery");
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-euc", script])
        .env("DATA", &data)
        .env("LINESMAN", env!("CARGO_BIN_EXE_linesman"))
        .env(
            "SET_UP",
            format!(
                "commission --via {link} --ssid Site-Office --password-file {password} --json --data-dir {}",
                text_of(&data)
            ),
        )
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_nothing_is_begun_and_with_room_again_it_is() {
    let place = Place::new();
    let sim = place.sim(&[]);
    let script = r#"
        mount -t tmpfs -o size=6m none "$DATA"
        "$LINESMAN" records list --data-dir "$DATA" > /dev/null
        dd if=/dev/zero of="$DATA/fill" bs=4k 2> /dev/null || true
        code=0; "$LINESMAN" $SET_UP 2>&1 || code=$?
        echo "code $code"
        rm "$DATA/fill"
        "$LINESMAN" $SET_UP > /dev/null
        "$LINESMAN" records list --data-dir "$DATA"
        "$LINESMAN" records verify --data-dir "$DATA""#;
    let Some(told) = on_a_small_disk(&place, &sim.link, script) else { return };
    assert!(told.contains("code 3"), "{told}");
    assert!(told.contains("\"records.disk_full\""), "{told}");
    assert!(!told.contains("\"push\""), "nothing was sent: {told}");
    assert!(told.contains("    1  ") && !told.contains("    2  "), "only the second run is on record: {told}");
    assert!(told.contains("as far as this file knows"), "{told}");
}

#[cfg(target_os = "linux")]
#[test]
fn in_a_read_only_folder_nothing_is_begun() {
    let place = Place::new();
    let sim = place.sim(&[]);
    let script = r#"
        mount -t tmpfs -o size=6m none "$DATA"
        "$LINESMAN" records list --data-dir "$DATA" > /dev/null
        mount -o remount,ro "$DATA"
        code=0; "$LINESMAN" $SET_UP 2>&1 || code=$?
        echo "code $code""#;
    let Some(told) = on_a_small_disk(&place, &sim.link, script) else { return };
    assert!(told.contains("code 3") && told.contains("\"records.not_opened\""), "{told}");
    assert!(!told.contains("\"push\""), "nothing was sent: {told}");
}

#[test]
fn a_report_of_a_gateway_is_printed_and_written_in_each_form() {
    let place = place();
    let printed = place.run(&["records", "report", "1"]).expect(0);
    assert!(printed.out.starts_with("Record 1: "), "{}", printed.out);
    let head = verified(&place, &[], 0)["head"]["hash"].as_str().unwrap().to_owned();
    for (form, said) in
        [("html", "<!doctype html>"), ("json", "\"document\": \"commissioning-report\""), ("txt", "== Open items")]
    {
        let file = text_of(&place.path(&format!("report.{form}")));
        let ran = place.run_json(&["records", "report", "1", "--file", &file]).expect(0);
        assert_eq!(ran.result()["kind"], "report-written");
        assert_eq!(ran.result()["head"]["hash"], head.as_str());
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(written.contains(said) && written.contains(&head), "{form}: {written}");
        place.run_json(&["records", "report", "1", "--file", &file]).expect_problem(2, "files.exists");
    }
    let report = place.run_json(&["records", "report", "1"]).expect(0).result();
    assert_eq!(report["gateways"][0]["standing"], "Joined");
    place.run_json(&["records", "report", "99"]).expect_problem(2, "records.not_found");
    place.run_json(&["records", "report", "--gateway", "nobody"]).expect_problem(2, "report.no_gateway");
    place
        .run_json(&["records", "report", "1", "--file", &text_of(&place.path("report.docx"))])
        .expect_problem(2, "report.form");
    place.run(&["records", "report"]).expect(2);
}

#[test]
fn a_report_over_forged_records_says_so_first_and_ends_with_1() {
    let place = place();
    forge(&place, "UPDATE jobs SET operator = 'Mallory' WHERE id = 1");
    let file = text_of(&place.path("report.html"));
    place.run(&["records", "report", "1", "--file", &file]).expect(1);
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.contains("class=\"banner\">The records don&#39;t pass their check: Entry 1 changed"), "{page}");
}

#[test]
fn a_report_of_a_site_names_who_is_missing() {
    let place = place();
    let report = place.run_json(&["records", "report", "1"]).expect(0).result();
    let name = report["gateways"][0]["name"].as_str().unwrap().to_owned();
    let site = format!("schema = 1\nname = 'Hall 7'\n[[gateway]]\nname = '{name}'\n[[gateway]]\nname = 'not there'\n");
    let file = place.write("hall.toml", &site);
    let report = place.run_json(&["records", "report", "--site", &file]).expect(0).result();
    assert_eq!((&report["site"]["expected"], &report["site"]["found"]), (&2.into(), &1.into()), "{report:#}");
    assert_eq!(report["site"]["lines"][1]["fit"], "missing");
}

#[test]
fn a_list_is_narrowed_by_kind_outcome_time_and_gateway() {
    let place = place();
    let file = place.write("wifi.txt", "not the passphrase");
    let sim = place.sim(&[]);
    place.run(&["commission", "--via", &sim.link, "--ssid", "Site-Office", "--password-file", &file]).expect(1);
    let ids = |more: &[&str]| -> Vec<i64> {
        let listed = place.run_json(&[&["records", "list"], more].concat()).expect(0).lines();
        listed.iter().map(|job| job["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids(&[]), [3, 2, 1]);
    assert_eq!(ids(&["--kind", "set-up", "--outcome", "failed"]), [3]);
    assert_eq!(ids(&["--outcome", "succeeded", "--limit", "1"]), [2]);
    assert_eq!(ids(&["--outcome", "refused"]), [3], "by the word that the list shows");
    place.run_json(&["records", "list", "--outcome", "bad"]).expect(2);
    place.run_json(&["records", "list", "--limit", "0"]).expect(2);
    place.run_json(&["records", "report"]).expect(2);
    assert_eq!(ids(&["--kind", "removal", "--kind", "check"]), [0; 0]);
    assert_eq!(ids(&["--since", "1h"]).len(), 3);
    assert_eq!(ids(&["--until", "2020-01-01"]), [0; 0]);
    // Simulators that follow each other at one port under one name are taken for one gateway.
    assert_eq!(ids(&["--gateway", &sim.link]).first(), Some(&3));
    assert_eq!(ids(&["--gateway", "nobody"]), [0; 0]);
    place.run_json(&["records", "list", "--since", "yesterday"]).expect_problem(2, "records.bad_moment");
    place.run(&["records", "list", "--kind", "dance"]).expect(2);
}

#[test]
fn a_list_and_an_export_of_forged_records_say_that_they_fail_their_check() {
    let place = place();
    forge(&place, "UPDATE jobs SET operator = 'Mallory' WHERE id = 1");
    for arguments in [["records", "list", "--limit=9"], ["records", "export", "-"]] {
        let ran = place.run(&arguments).expect(0);
        let told = format!("{}{}", ran.out, ran.err);
        assert!(told.contains("The records don't pass their check: Entry 1 changed"), "{arguments:?}: {told}");
    }
}

#[test]
fn a_damaged_key_file_is_damage_and_the_records_are_audited_all_the_same() {
    for content in ["", "{}", "scribbled over", "\u{0}\u{1}"] {
        let place = place();
        std::fs::write(place.data().join("records.key"), content).unwrap();
        let audit = verified(&place, &[], 1);
        assert_eq!(audit["findings"][0]["fault"], "key-unreadable", "{content:?}: {audit:#}");
        assert_eq!((&audit["faults"], &audit["jobs"]), (&1.into(), &2.into()), "{audit:#}");
        forge(&place, "UPDATE entries SET outcome = 'x' WHERE sequence = 3");
        let faults = verified(&place, &[], 1)["findings"].clone();
        assert_eq!((&faults[0]["fault"], &faults[1]["fault"]), (&"key-unreadable".into(), &"changed".into()));
    }
}

#[test]
fn a_bundle_that_arrived_cut_or_empty_is_a_finding_and_another_file_is_wrong_input() {
    let place = place();
    let (whole, cut) = (text_of(&place.path("a.bundle")), text_of(&place.path("b.bundle")));
    place.run(&["records", "export", "--bundle", &whole]).expect(0);
    let keys = place.write("keys.txt", "");
    let text = std::fs::read_to_string(&whole).unwrap();
    let import = || Place::new().run_json(&["records", "import", &cut, "--known-keys", &keys]);
    for kept in [0, 12, 40, text.len() / 2] {
        std::fs::write(&cut, &text[..kept]).unwrap();
        import().expect_problem(1, "bundle.incomplete");
    }
    let utf_16: Vec<u8> = "\u{feff}".chars().chain(text.chars()).flat_map(|c| (c as u16).to_le_bytes()).collect();
    let mut latin = text.clone().into_bytes();
    let at = latin.len() / 2;
    latin[at] = 0xfc;
    for other in [utf_16, latin] {
        std::fs::write(&cut, other).unwrap();
        import().expect_problem(1, "bundle.incomplete");
    }
    for other in [&b"id,name\n"[..], &[0x89, b'P', b'N', b'G', 0xff]] {
        std::fs::write(&cut, other).unwrap();
        import().expect_problem(2, "bundle.not_a_bundle");
    }
}

#[cfg(not(feature = "postgres"))]
#[test]
fn a_build_without_a_way_to_a_server_says_so_and_how_to_get_one() {
    let place = place();
    let ran = place.run_json(&["records", "sync", "--server", "postgres://kim@localhost/linesman"]);
    let problem = ran.lines().into_iter().rev().find_map(|line| {
        let problem = if line["code"].is_string() { line.clone() } else { line["problem"].clone() };
        (problem["code"] == "sync.not_built").then_some(problem)
    });
    let problem = problem.unwrap_or_else(|| panic!("{ran:#?}"));
    assert!(problem["next_step"].as_str().unwrap().contains("--features postgres"), "{problem:#}");
    assert_ne!(ran.code, Some(0), "{ran:#?}");
}

#[test]
fn imported_records_are_listed_shown_and_reported_with_their_computer() {
    let (here, there) = (Place::new(), place());
    let bundle = text_of(&there.path("there.bundle"));
    there.run(&["records", "export", "--bundle", &bundle]).expect(0);
    let key = verified(&there, &[], 0)["root_key"].as_str().unwrap().to_owned();
    let keys = here.write("keys.txt", format!("{key} laptop-2\n"));
    here.run(&["records", "import", &bundle, "--known-keys", &keys]).expect(0);
    let listed = here.run_json(&["records", "list", "--kind", "set-up"]).expect(0).lines();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["origin"]["computer"], "laptop-2");
    assert!(here.run(&["records", "list"]).expect(0).out.contains("2@laptop-2"));
    let shown = here.run_json(&["records", "show", "2@laptop-2"]).expect(0).result();
    assert!(shown["entries"].as_array().unwrap().len() > 3 && shown["outcome"] == "joined", "{shown:#}");
    here.run_json(&["records", "show", "2@nobody"]).expect_problem(2, "records.not_found");
    let printed = here.run(&["records", "report", "2@laptop-2"]).expect(0).out;
    assert!(printed.contains("done from another computer and imported: laptop-2"), "{printed}");
}
