//! Espressif's provisioning on the command line, over real HTTP on the loopback address and over a pseudo-terminal.

use std::net::TcpListener;

use crate::program::{Place, Sim};

/// What the simulators are built with.
const USERNAME: &str = "installer";
const PROOF: &str = "simulated proof";

fn sim(place: &Place, arguments: &[&str]) -> Sim {
    let common = ["sim", "--profile", "generic-esp", "--driver", "esp-prov", "--join-millis", "50"];
    Sim::start(&mut place.linesman(&[&common, arguments].concat()))
}

/// The arguments of a commissioning, with the files they name.
fn commission<'a>(sim: &'a Sim, files: &'a [String; 2], more: &[&'a str]) -> Vec<&'a str> {
    let [password, proof] = files;
    let mut arguments = vec!["commission", "--via", &sim.link, "--driver", "esp-prov", "--ssid", &sim.ssid];
    arguments.extend(["--password-file", password, "--pop-file", proof, "--username", USERNAME]);
    arguments.extend(more);
    arguments
}

fn files(place: &Place, sim: &Sim, proof: &str) -> [String; 2] {
    [place.write("wifi.txt", format!("{}\n", sim.password)), place.write("proof.txt", format!("{proof}\n"))]
}

#[test]
fn a_device_joins_over_http_and_the_protection_is_on_record() {
    let place = Place::new();
    for (security, protection) in [(&["--security", "2"][..], "Security 2"), (&["--legacy-nonce"], "legacy nonce")] {
        let sim = sim(&place, &[&["--via", "http"], security].concat());
        let files = files(&place, &sim, PROOF);
        let ran = place.run_json(&commission(&sim, &files, &[])).expect(0);
        let result = ran.result();
        assert_eq!(result["outcome"], "joined", "{ran:#?}");
        assert!(ran.out.contains(protection), "{ran:#?}");
        assert_eq!(result["addresses"], serde_json::json!(["192.0.2.17"]), "{result:#}");
        for secret in [PROOF, &sim.password] {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{ran:#?}");
        }
    }
}

#[test]
fn a_device_joins_over_its_console() {
    let place = Place::new();
    let sim = sim(&place, &["--via", "serial", "--security", "1"]);
    let files = files(&place, &sim, PROOF);
    let ran = place.run_json(&commission(&sim, &files, &[])).expect(0);
    assert_eq!(ran.result()["outcome"], "joined", "{ran:#?}");
}

#[test]
fn who_is_not_let_in_learns_why() {
    let place = Place::new();
    for (arguments, proof, code) in [
        (&["--security", "2"], "another proof", "esp.proof_refused"),
        (&["--security", "1"], "another proof", "esp.proof_refused"),
        (&["--security", "0"], PROOF, "esp.unprotected"),
    ] {
        let sim = sim(&place, &[&["--via", "http"], &arguments[..]].concat());
        let files = files(&place, &sim, proof);
        place.run_json(&commission(&sim, &files, &[])).expect_problem(3, code);
    }
    let sim = sim(&place, &["--via", "http", "--security", "0"]);
    let files = files(&place, &sim, PROOF);
    let ran = place.run_json(&commission(&sim, &files, &["--allow-unprotected"])).expect(0);
    assert!(ran.out.contains("Security 0"), "{ran:#?}");
}

#[test]
fn a_proof_is_never_assumed() {
    let place = Place::new();
    let sim = sim(&place, &["--via", "http", "--security", "1"]);
    let file = place.write("wifi.txt", &sim.password);
    let arguments = ["commission", "--via", &sim.link, "--driver", "esp-prov", "--ssid", &sim.ssid];
    place.run_json(&[&arguments[..], &["--password-file", &file]].concat()).expect_problem(3, "esp.proof_missing");
}

#[test]
fn a_token_goes_to_the_endpoint_the_profile_names() {
    let place = Place::new();
    let profiles = place.data().join("profiles");
    std::fs::create_dir_all(&profiles).unwrap();
    std::fs::write(profiles.join("esp-with-tokens.toml"), include_str!("../data/esp/profile.toml")).unwrap();
    let card = place.path("card");
    let sim = sim(&place, &["--via", "http", "--state-dir", card.to_str().unwrap()]);
    let files = files(&place, &sim, PROOF);
    let token = format!("json={}", place.write("token.txt", "a token of many letters\n"));
    let more = ["--profile", "esp-with-tokens", "--credential", &token];
    let ran = place.run_json(&commission(&sim, &files, &more)).expect(0);
    assert_eq!(ran.result()["outcome"], "joined", "{ran:#?}");
    let kept = std::fs::read_to_string(card.join("token-custom-data")).unwrap();
    assert_eq!(kept, r#"{"token":"a token of many letters"}"#);
    assert!(!ran.out.contains("a token of many letters"), "{ran:#?}");
}

#[test]
fn an_address_where_nobody_listens_is_told_with_the_remedy() {
    let place = Place::new();
    // A port that was free a moment ago.
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let (password, proof) = (place.write("wifi.txt", "long enough"), place.write("proof.txt", PROOF));
    let link = format!("http:{free}");
    let ran = place.run_json(&[
        "commission",
        "--via",
        &link,
        "--driver",
        "esp-prov",
        "--ssid",
        "Site",
        "--password-file",
        &password,
        "--pop-file",
        &proof,
    ]);
    assert!(ran.out.contains("Join the gateway's Wi-Fi network"), "{ran:#?}");
    ran.expect_problem(3, "http.not_reached");
}
