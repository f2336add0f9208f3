//! `linesman batch` against gateways on pseudo-terminals: results, mistakes, crash and resume, retry, hostile cells.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use linesman::model::gateway::ProvisioningState;
use linesman::proto::improv::{Message, Request};
use serde_json::Value;

use crate::gateway::{Act, Gateway, answer, state};
use crate::program::{Place, text_of};

const HEADER: &str = "name,match,profile,ssid,password_file\n";

/// A manifest of these links, in which each gateway is `Hall N`.
fn manifest<'a>(place: &Place, links: impl IntoIterator<Item = &'a str>) -> String {
    place.write("wifi.txt", "correct horse battery\n");
    let rows =
        (1..).zip(links).map(|(number, link)| format!("Hall {number},{link},generic-improv,Site-Office,wifi.txt\n"));
    place.write("site.csv", format!("{HEADER}{}", rows.collect::<String>()))
}

/// A gateway that joins at once and counts how often it was given a network.
fn counting(count: &Arc<AtomicUsize>) -> Gateway {
    let count = Arc::clone(count);
    let mut has_joined = false;
    Gateway::start(move |request| match request {
        Request::CurrentState if has_joined => vec![state(ProvisioningState::Provisioned)],
        Request::WifiSettings { .. } => {
            count.fetch_add(1, Ordering::SeqCst);
            has_joined = true;
            let strings = vec![b"http://192.0.2.7".to_vec()];
            vec![
                state(ProvisioningState::Provisioning),
                state(ProvisioningState::Provisioned),
                Act::Say(Message::Result { command: 1, strings }),
            ]
        }
        request => answer(request),
    })
}

/// A gateway that takes a network and says nothing more, and a word each time it has taken one.
fn hanging(count: &Arc<AtomicUsize>) -> (Gateway, Receiver<()>) {
    let count = Arc::clone(count);
    let (taken, takes) = sync_channel(8);
    let gateway = Gateway::start(move |request| match request {
        Request::WifiSettings { .. } => {
            count.fetch_add(1, Ordering::SeqCst);
            // A test that is over does not listen any more.
            let _ = taken.send(());
            Vec::new()
        }
        request => answer(request),
    });
    (gateway, takes)
}

fn outcomes(lines: &[Value]) -> Vec<(String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ends = lines.iter().filter(|line| line["kind"] == "batch-outcome");
    let mut ends: Vec<_> =
        ends.map(|line| (text(&line["name"]), text(&line["outcome"]), line["is_earlier"] == true)).collect();
    ends.sort();
    ends
}

fn end(name: &str, outcome: &str, is_earlier: bool) -> (String, String, bool) {
    (name.into(), outcome.into(), is_earlier)
}

/// The result file as rows of cells.
fn results(path: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn gateways_of_a_manifest_are_commissioned_and_all_of_it_is_on_record() {
    let place = Place::new();
    let sims = [place.sim(&[]), place.sim(&[]), place.sim(&["--fault", "wrong-passphrase"])];
    let site = manifest(&place, sims.iter().map(|sim| sim.link.as_str()));
    let out = text_of(&place.path("results.csv"));
    let ran = place.run_json(&["batch", &site, "--out", &out]).expect(1);
    assert_eq!(
        outcomes(&ran.lines()),
        [end("Hall 1", "joined", false), end("Hall 2", "joined", false), end("Hall 3", "refused", false)]
    );
    let summary = ran.result();
    assert_eq!((&summary["kind"], &summary["joined"], &summary["refused"]), (&"summary".into(), &2.into(), &1.into()));

    let rows = results(&out);
    let column = |index: usize| rows.iter().map(|row| row[index].as_str()).collect::<Vec<_>>();
    assert_eq!(column(0), ["2", "3", "4", "total"]);
    assert_eq!(column(4), ["joined", "joined", "refused", "2 joined, 1 refused"]);
    assert_eq!(column(6), ["observed", "observed", "acknowledged", ""]);
    let jobs = place.run_json(&["records", "list"]).expect(0).lines();
    assert_eq!(jobs.len(), 3);
    assert!(!ran.out.contains("horse") && !std::fs::read_to_string(&out).unwrap().contains("horse"));

    // The failed one again, and only that.
    let again = place.run_json(&["batch", &site, "--retry", "failed"]).expect(1);
    assert_eq!(
        outcomes(&again.lines()),
        [end("Hall 1", "joined", true), end("Hall 2", "joined", true), end("Hall 3", "refused", false)]
    );
    assert_eq!(place.run_json(&["records", "list"]).expect(0).lines().len(), 4);
}

#[test]
fn a_batch_is_held_against_a_site() {
    let place = Place::new();
    let sim = place.sim(&[]);
    let rows = manifest(&place, [sim.link.as_str()]);
    let gateway = |name: &str, more: &str| format!("[[gateway]]\nname = '{name}'\n{more}");
    let expected = gateway("Hall 1", &format!("match = '{}'\n", sim.link));
    let site = place.write("site.toml", format!("schema = 1\nname = 'S'\n{expected}{}", gateway("Hall 9", "")));
    // Every gateway of the batch joined; one of the site was not among them.
    let ran = place.run_json(&["batch", &rows, "--site", &site]).expect(1);
    let lines = ran.lines();
    let fits: Vec<_> =
        lines.iter().filter(|line| line["kind"] == "compared").map(|it| (&it["name"], &it["fit"])).collect();
    assert_eq!(fits, [(&"Hall 1".into(), &"as-expected".into()), (&"Hall 9".into(), &"missing".into())]);
    assert_eq!(ran.result()["joined"], 1);
    // Without it the same batch is good.
    place.run_json(&["batch", &rows]).expect(0);
}

#[test]
fn killed_in_mid_batch_it_goes_on_and_repeats_nothing() {
    let place = Place::new();
    let counts: Vec<Arc<AtomicUsize>> = (0..4).map(|_| Arc::new(AtomicUsize::new(0))).collect();
    let given = || counts.iter().map(|count| count.load(Ordering::SeqCst)).collect::<Vec<_>>();
    let (second, takes) = hanging(&counts[1]);
    let gateways = [counting(&counts[0]), second, counting(&counts[2]), counting(&counts[3])];
    let site = manifest(&place, gateways.iter().map(|gateway| gateway.link.as_str()));
    let out = text_of(&place.path("results.csv"));
    // One after the other: the first joins, the second hangs, the others are not begun.
    let arguments = ["batch", site.as_str(), "--parallel", "1", "--no-scan", "--out", &out];
    let mut running = place.start(&arguments);
    running.until(|line| {
        line["kind"] == "batch-row" && line["row"] == 3 && line["step"] == "Wait for the gateway to join"
    });

    takes.recv().unwrap();
    let while_it_runs = place.run_json(&["batch", &site, "--resume"]);
    while_it_runs.expect_problem(2, "batch.still_running");
    running.kill();
    assert_eq!(given(), [1, 1, 0, 0]);
    let cut: Vec<Vec<String>> = results(&out);
    assert_eq!((cut.len(), cut[0][4].as_str()), (1, "joined"), "what ended is in the file, and no total");

    let resumed = place.run_json(&[&arguments[..], &["--resume"]].concat()).expect(4);
    assert_eq!(
        outcomes(&resumed.lines()),
        [
            end("Hall 1", "joined", true),
            end("Hall 2", "unknown", true),
            end("Hall 3", "joined", false),
            end("Hall 4", "joined", false)
        ]
    );
    assert_eq!(given(), [1, 1, 1, 1], "what succeeded and what is unknown is not repeated");
    let sure = |ran: &[Value], row: u32| {
        let ends = |line: &&Value| line["row"] == row && line["kind"] == "batch-outcome";
        ran.iter().find(ends).map(|line| line["evidence"].clone())
    };
    assert_eq!(sure(&resumed.lines(), 2), Some(Value::from("observed")), "as it was seen in the earlier run");
    let unknown = resumed.lines().into_iter().find(|line| line["row"] == 3 && line["kind"] == "batch-outcome").unwrap();
    assert_eq!(unknown["reason"], "records.cut_off");
    assert!(unknown["summary"].as_str().unwrap().contains("verify on the device"), "{unknown}");
    assert_eq!(
        results(&out).iter().map(|row| row[4].as_str()).collect::<Vec<_>>()[..4],
        ["joined", "unknown", "joined", "joined"]
    );

    // Failed ones are asked for, and there are none: nothing is sent.
    place.run_json(&["batch", &site, "--retry", "failed"]).expect(4);
    assert_eq!(given(), [1, 1, 1, 1]);
    // Another order under the name of the unknown one is not taken for a reason to send.
    let changed = std::fs::read_to_string(&site)
        .unwrap()
        .replace("Site-Office,wifi.txt\nHall 3,", "Site-Plant,wifi.txt\nHall 3,");
    place.write("site.csv", changed);
    place.run_json(&["batch", &site, "--resume"]).expect(4);
    assert_eq!(given(), [1, 1, 1, 1]);
    // Asked for by someone who has looked.
    let mut asked = place.start(&["batch", &site, "--retry", "unknown", "--no-scan"]);
    asked.until(|line| {
        line["kind"] == "batch-row" && line["row"] == 3 && line["step"] == "Wait for the gateway to join"
    });
    takes.recv().unwrap();
    assert_eq!(given(), [1, 2, 1, 1]);
    asked.kill();
}

#[test]
fn interrupted_it_ends_in_an_orderly_way() {
    let place = Place::new();
    let counts: Vec<Arc<AtomicUsize>> = (0..2).map(|_| Arc::new(AtomicUsize::new(0))).collect();
    let (first, _takes) = hanging(&counts[0]);
    let gateways = [first, counting(&counts[1])];
    let site = manifest(&place, gateways.iter().map(|gateway| gateway.link.as_str()));
    let mut running = place.start(&["batch", &site, "--parallel", "1", "--no-scan"]);
    running.until(|line| line["step"] == "Wait for the gateway to join");
    running.interrupt();
    let ran = running.finish().expect(4);
    assert_eq!(outcomes(&ran.lines()), [end("Hall 1", "unknown", false)]);
    assert_eq!(ran.result()["open"], 1, "{ran:#?}");
    assert_eq!(counts[1].load(Ordering::SeqCst), 0);
    assert_eq!(place.run_json(&["records", "list"]).expect(0).result()["outcome"], "unknown");
}

#[test]
fn mistakes_end_with_two_before_any_port_is_opened() {
    let place = Place::new();
    let gateway = Arc::new(AtomicUsize::new(0));
    let port = counting(&gateway);
    place.write("wifi.txt", "correct horse battery");
    let text = format!(
        "{HEADER}Hall 1,{},generic-improv,Site-Office,wifi.txt\nHall 1,serial:x,nobody,Site-Office,correct horse battery\n",
        port.link
    );
    let site = place.write("site.csv", text);
    let ran = place.run_json(&["batch", &site]).expect_problem(2, "manifest.mistakes");
    let told: Vec<(i64, String, String)> = ran
        .lines()
        .iter()
        .filter(|line| line["kind"] == "mistake")
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (line["row"].as_i64().unwrap(), text("column"), text("code"))
        })
        .collect();
    let expected = [
        (3, "name", "manifest.name_twice"),
        (3, "profile", "manifest.profile_unknown"),
        (3, "password_file", "manifest.file_unreadable"),
    ];
    assert_eq!(told, expected.map(|(row, column, code)| (row, column.to_owned(), code.to_owned())));
    assert!(!ran.out.contains("horse"), "a cell is not repeated: {ran:#?}");
    assert_eq!(place.run_json(&["records", "list"]).expect(0).lines(), Vec::<Value>::new());

    place.run_json(&["batch", "nowhere.csv"]).expect_problem(2, "files.not_found");
    let good = manifest(&place, [port.link.as_str()]);
    place.run_json(&["batch", &good, "--resume"]).expect_problem(2, "batch.no_earlier");
    let checked = place.run_json(&["batch", &good, "--check"]).expect(0);
    assert_eq!((checked.result()["rows"].clone(), gateway.load(Ordering::SeqCst)), (1.into(), 0));
}

#[test]
fn a_secret_is_given_once_for_all_rows() {
    let place = Place::new();
    let sims = [place.sim(&[]), place.sim(&[])];
    let wifi = place.write("elsewhere.txt", &sims[0].password);
    let rows = sims.iter().enumerate().map(|(n, sim)| format!("H{n},{},generic-improv,Site-Office,@site\n", sim.link));
    let site = place.write("site.csv", format!("{HEADER}{}", rows.collect::<String>()));
    place.run_json(&["batch", &site]).expect_problem(2, "manifest.secret_missing");
    let (one, other) = (place.write("one.txt", "a passphrase"), place.write("other.txt", "another one"));
    let twice = [format!("wifi={one}"), format!("@wifi={other}")];
    let given = ["batch", &site, "--secret", &twice[0], "--secret", &twice[1]];
    place.run_json(&given).expect_problem(2, "secret.named_twice");
    let ran = place.run_json(&["batch", &site, "--secret", &format!("site={wifi}")]).expect(0);
    assert_eq!(ran.result()["joined"], 2);
}

#[test]
fn a_port_that_is_not_there_fails_its_row_alone() {
    let place = Place::new();
    let sim = place.sim(&[]);
    let site = manifest(&place, ["serial:/dev/no-such-port", sim.link.as_str(), "serial-number:NOT-HERE"]);
    let ran = place.run_json(&["batch", &site, "--wait", "1"]).expect(1);
    let lines = ran.lines();
    assert_eq!(
        outcomes(&lines),
        [end("Hall 1", "failed", false), end("Hall 2", "joined", false), end("Hall 3", "failed", false)]
    );
    let reason = |row: i64| {
        lines.iter().find(|line| line["kind"] == "batch-outcome" && line["row"] == row).unwrap()["reason"].clone()
    };
    assert_eq!((reason(2), reason(4)), ("serial.not_found".into(), "batch.not_found".into()));
}

#[test]
fn what_gateways_and_manifests_say_becomes_no_formula() {
    let place = Place::new();
    let sim = place.sim(&["--fault", "hostile-texts"]);
    place.write("wifi.txt", &sim.password);
    let text = format!("{HEADER}\"=HYPERLINK(\"\"http://x\"\")\",{},generic-improv,Site-Office,wifi.txt\n", sim.link);
    let site = place.write("site.csv", text);
    let out = text_of(&place.path("results.csv"));
    place.run(&["batch", &site, "--out", &out, "--no-scan"]);
    let written = std::fs::read_to_string(&out).unwrap();
    let rows = results(&out);
    assert_eq!(rows.len(), 2, "the gateway and the total: {written}");
    for row in rows {
        assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{row:?}");
        assert!(row.iter().all(|cell| !cell.chars().any(char::is_control)), "{row:?}");
    }
    assert!(written.contains("'=HYPERLINK"), "{written}");
    assert!(!written.contains('\u{202E}'), "{written:?}");
}
