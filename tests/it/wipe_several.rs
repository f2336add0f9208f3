//! `linesman wipe --manifest`: several simulated gateways are taken out of service, each guarded by its own serial number.

use serde_json::{Value, json};

use crate::program::{Place, Ran, Sim, text_of};

/// A gateway that holds a network.
fn sim(place: &Place, serial: &str, arguments: &[&str]) -> Sim {
    let card = text_of(&place.path(serial));
    std::fs::create_dir_all(&card).unwrap();
    let mut held = linesman::sim::Card::at(place.path(serial).as_path()).unwrap();
    held.store(b"Site-Office", "correct horse battery").unwrap();
    let common = ["sim", "--profile", "generic-linux", "--driver", "linux-console", "--serial-number", serial];
    Sim::start(&mut place.linesman(&[&common[..], &["--state-dir", &card, "--join-millis", "50"], arguments].concat()))
}

/// The manifest of some gateways, each with the serial number that is written for it.
fn manifest(place: &Place, gateways: &[(&Sim, &str)]) -> String {
    let login = place.write("login", gateways[0].0.text("pop"));
    let mut text = "name,match,profile,serial,ssid,username,pop_file\n".to_owned();
    for (sim, serial) in gateways {
        let row = [serial, sim.link.as_str(), "generic-linux", serial, "Site-Office", sim.text("username"), &login];
        text += &(row.join(",") + "\n");
    }
    place.write("site.csv", text)
}

#[test]
fn a_row_is_logged_in_to_by_what_it_names_itself_and_else_by_the_shared_login() {
    let place = Place::new();
    let own = |serial: &str, password: &str| {
        std::fs::create_dir_all(place.path(serial)).unwrap();
        std::fs::write(place.path(serial).join("login-password"), format!("{password}\n")).unwrap();
        sim(&place, serial, &[])
    };
    let sims = [own("GW-1", "first of all"), own("GW-2", "another one"), sim(&place, "GW-3", &[])];
    place.write("first.txt", "first of all\n");
    let second = place.write("second.txt", "another one\n");
    let shared = place.write("shared.txt", sims[2].text("pop"));
    let wrong = place.write("wrong.txt", "nobody's");
    let user = sims[0].text("username").to_owned();
    let rows = [
        ["hall", sims[0].link.as_str(), "generic-linux", "GW-1", "", "first.txt"],
        ["yard", sims[1].link.as_str(), "generic-linux", "GW-2", user.as_str(), "@second"],
        ["cellar", sims[2].link.as_str(), "generic-linux", "GW-3", "", ""],
    ];
    let rows = rows.map(|row| row.join(",") + "\n").concat();
    let site = place.write("site.csv", format!("name,match,profile,serial,username,pop_file\n{rows}"));
    let secret = format!("second={second}");
    let list = ["wipe", "--manifest", &site, "--secret", &secret, "--username", &user, "--password-file"];

    let plan = place.run_json(&[&list[..], &[&shared, "--plan"]].concat()).expect(0);
    assert!(plan.lines()[..3].iter().all(|line| line["username"] == user.as_str()), "{plan:#?}");
    let ran = place.run_json(&[&list[..], &[&wrong, "--confirm-all", "3"]].concat()).expect(1);
    let expected = [("GW-1", "complete"), ("GW-2", "complete"), ("GW-3", "failed")];
    assert_eq!(outcomes(&ran), expected.map(|(one, two)| (one.to_owned(), two.to_owned())), "{ran:#?}");
    assert!(sims[2].on_card("wifi.conf").is_some(), "what nobody could log in to is left as it is");
    let ran = place.run_json(&[&list[..], &[&shared, "--confirm-all", "3"]].concat()).expect(0);
    assert_eq!(ran.result()["complete"], 3, "{ran:#?}");
    for password in ["first of all", "another one", sims[2].text("pop")] {
        assert!(!ran.out.contains(password) && !plan.out.contains(password), "no password is told");
    }
    // Nobody may name one for some only: without a shared one, a row that names none has none.
    let alone = ["wipe", "--manifest", &site, "--secret", &secret, "--username", &user, "--confirm-all", "3"];
    let ran = place.run_json(&alone).expect(1);
    assert_eq!(ran.result()["failed"], 1, "{ran:#?}");
}

fn outcomes(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ends = ran.lines().into_iter().filter(|line| line["kind"] == "wipe-outcome");
    let mut ends: Vec<_> = ends.map(|line| (text(&line["serial"]), text(&line["outcome"]))).collect();
    ends.sort();
    ends
}

#[test]
fn the_whole_list_is_shown_and_nothing_is_done_before_its_number_is_confirmed() {
    let place = Place::new();
    let (one, two) = (sim(&place, "GW-1", &[]), sim(&place, "GW-2", &[]));
    let site = manifest(&place, &[(&one, "GW-1"), (&two, "GW-2")]);
    let shown = place.run_json(&["wipe", "--manifest", &site, "--plan"]).expect(0);
    assert_eq!((shown.lines().len(), &shown.result()["gateways"]), (3, &json!(2)), "{shown:#?}");
    place.run_json(&["wipe", "--manifest", &site]).expect_problem(2, "wipe.not_confirmed");
    place.run_json(&["wipe", "--manifest", &site, "--confirm-all", "3"]).expect_problem(2, "wipe.not_confirmed");
    place.run_json(&["wipe", "--manifest", &site, "--via", &one.link]).expect(2);
    let twice = manifest(&place, &[(&one, "GW-1"), (&two, "GW-1")]);
    place.run_json(&["wipe", "--manifest", &twice, "--confirm-all", "2"]).expect_problem(2, "manifest.mistakes");
    assert!(one.on_card("wifi.conf").is_some() && two.on_card("wifi.conf").is_some());
    assert!(place.run_json(&["records", "list"]).expect(0).lines().is_empty(), "nothing was begun");
}

#[test]
fn a_gateway_that_fails_or_is_another_one_never_stops_the_others() {
    let place = Place::new();
    let sims = [
        sim(&place, "GW-1", &[]),
        sim(&place, "GW-2", &[]),
        sim(&place, "GW-3", &["--fault", "wipe-lie"]),
        sim(&place, "GW-4", &[]),
    ];
    let site = manifest(&place, &[(&sims[0], "GW-1"), (&sims[1], "GW-9"), (&sims[2], "GW-3"), (&sims[3], "GW-4")]);
    let papers = text_of(&place.path("papers"));
    let ran = place.run_json(&["wipe", "--manifest", &site, "--confirm-all", "4", "--certificates", &papers]).expect(1);
    let expected = [("GW-1", "complete"), ("GW-3", "incomplete"), ("GW-4", "complete"), ("GW-9", "refused")];
    assert_eq!(outcomes(&ran), expected.map(|(one, two)| (one.to_owned(), two.to_owned())), "{ran:#?}");
    let summary = ran.result();
    assert_eq!(
        (&summary["kind"], &summary["complete"], &summary["incomplete"], &summary["refused"], &summary["unknown"]),
        (&json!("wipe-summary"), &json!(2), &json!(1), &json!(1), &json!(0))
    );
    assert!(sims[1].on_card("wifi.conf").is_some(), "the one that is another keeps what it holds");
    assert!(sims[0].on_card("wifi.conf").is_none());
    assert!(
        place.path("papers/decommissioning-GW-1.html").is_file()
            && place.path("papers/decommissioning-GW-3.html").is_file()
    );
    let again = manifest(&place, &[(&sims[0], "GW-1"), (&sims[3], "GW-4")]);
    let arguments = ["wipe", "--manifest", &again, "--confirm-all", "2", "--certificates", &papers];
    place.run_json(&arguments).expect_problem(2, "files.exists");
    let text = place.run(&[&arguments[..], &["--overwrite"]].concat()).expect(0);
    assert!(text.out.contains("2 gateways in ") && text.out.contains("s: 2 complete"), "{}", text.out);
    let gone = manifest(&place, &[(&sims[0], "GW-1"), (&sims[2], "GW-3")]);
    drop(sims);
    let ran = place.run_json(&["wipe", "--manifest", &gone, "--confirm-all", "2"]).expect(1);
    assert_eq!(ran.result()["failed"], 2, "nothing could be done: {ran:#?}");
}

#[test]
fn what_keeps_a_certificate_from_being_written_is_found_before_anything_is_removed() {
    let place = Place::new();
    let one = sim(&place, "GW-1", &[]);
    let site = manifest(&place, &[(&one, "GW-1")]);
    std::fs::write(place.path("afile"), "").unwrap();
    let file = text_of(&place.path("afile"));
    let run =
        |folder: &str| place.run_json(&["wipe", "--manifest", &site, "--confirm-all", "1", "--certificates", folder]);
    run(&file).expect_problem(2, "files.not_a_folder");
    run(&format!("{file}/papers")).expect_problem(2, "files.not_a_folder");
    assert!(one.on_card("wifi.conf").is_some(), "nothing was removed");
}

#[test]
fn a_gateway_that_is_another_one_gets_no_certificate_and_an_earlier_one_stays() {
    let place = Place::new();
    let (one, two) = (sim(&place, "GW-1", &[]), sim(&place, "GW-2", &[]));
    let papers = text_of(&place.path("papers"));
    std::fs::create_dir(&papers).unwrap();
    let earlier = place.path("papers/decommissioning-GW-2.html");
    std::fs::write(&earlier, "Complete").unwrap();
    // Two links are mixed up.
    let swapped = manifest(&place, &[(&one, "GW-2"), (&two, "GW-1")]);
    let wipe = ["wipe", "--manifest", &swapped, "--confirm-all", "2", "--certificates", &papers, "--overwrite"];
    let ran = place.run_json(&wipe).expect(1);
    assert_eq!(ran.result()["refused"], 2, "{ran:#?}");
    assert_eq!(std::fs::read_to_string(&earlier).unwrap(), "Complete");
    assert!(!place.path("papers/decommissioning-GW-1.html").exists());
}
