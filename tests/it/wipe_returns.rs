//! A gateway that comes back after its removal is recognised by the serial number that its console tells at set-up.

use serde_json::json;

use crate::program::{Place, Ran, Sim};

fn run(place: &Place, sim: &Sim, arguments: &[&str]) -> Ran {
    let login = place.write("login", sim.text("pop"));
    let via = ["--via", &sim.link, "--profile", "generic-linux", "--username", sim.text("username")];
    place.run_json(&[arguments, &via, &["--password-file", &login]].concat())
}

#[test]
fn a_gateway_that_is_set_up_again_after_its_removal_links_to_it_by_its_serial_number() {
    let place = Place::new();
    let common = ["sim", "--profile", "generic-linux", "--driver", "linux-console", "--serial-number", "GW-0417"];
    let sim = Sim::start(&mut place.linesman(&[&common[..], &["--join-millis", "50"]].concat()));
    let wifi = place.write("wifi", &sim.password);
    let login = place.write("login", sim.text("pop"));
    let set_up = || {
        let via = ["commission", "--via", &sim.link, "--profile", "generic-linux", "--ssid", &sim.ssid, "--no-scan"];
        let access = ["--username", sim.text("username"), "--pop-file", &login, "--password-file", &wifi];
        place.run_json(&[&via[..], &access].concat()).expect(0)
    };
    let first = set_up();
    let described = first.lines().into_iter().find(|line| line["kind"] == "described").unwrap();
    assert_eq!(described["info"]["serial"], "GW-0417", "{described:#}");
    run(&place, &sim, &["wipe", "--confirm", "GW-0417"]).expect(0);
    set_up();
    let shown = place.run_json(&["records", "show", "3"]).expect(0).result();
    assert_eq!(
        (&shown["returned"]["record"], &shown["returned"]["by"]),
        (&json!(2), &json!("serial-number")),
        "{shown:#}"
    );
    let unlike = place.run_json(&["records", "show", "1"]).expect(0).result();
    assert!(unlike["returned"].is_null(), "{unlike:#}");
}
