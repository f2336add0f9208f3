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
        assert_eq!(result["addresses"], serde_json::json!(["198.51.100.17"]), "{result:#}");
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
fn the_code_on_the_device_lets_in_and_the_network_comes_beside_it() {
    let place = Place::new();
    let picture = place.path("device.png");
    let code = serde_json::json!({
        "ver": "v1", "name": "PROV_7", "username": USERNAME, "pop": PROOF, "transport": "softap", "security": 2,
    });
    let address: String = url_encoded(&code.to_string());
    // A gateway that has joined leaves provisioning: each code gets one of its own.
    let gateway = || sim(&place, &["--via", "http", "--security", "2"]);
    for text in [code.to_string(), format!("https://example.com/qr?data={address}")] {
        let sim = gateway();
        let password = place.write("wifi.txt", format!("{}\n", sim.password));
        let network = ["--ssid", &sim.ssid, "--password-file", &password];
        let via = ["commission", "--via", &sim.link, "--qr-file", picture.to_str().unwrap()];
        crate::cli::write_code(&picture, &text);
        place.run_json(&via).expect_problem(2, "qr.no_network");
        let other = place.write("proof.txt", "another proof");
        let typed = [&via[..], &network, &["--pop-file", &other]].concat();
        place.run_json(&typed).expect_problem(3, "esp.proof_refused");
        let ran = place.run_json(&[&via[..], &network].concat()).expect(0);
        assert_eq!(ran.result()["outcome"], "joined", "{ran:#?}");
        assert!(ran.out.contains("PROV_7 (over softap)"), "{ran:#?}");
        assert!(!ran.out.contains(PROOF) && !ran.err.contains(PROOF), "{ran:#?}");
        crate::cli::write_code(&picture, &format!("WIFI:T:WPA;S:{};P:{};;", sim.ssid, sim.password));
        place.run_json(&[&via[..], &network].concat()).expect_problem(2, "qr.network_twice");
    }
}

/// All octets as `%XX`.
fn url_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |text, octet| text + &format!("%{octet:02X}"))
}

#[test]
fn a_network_that_is_refused_after_a_token_is_no_success() {
    let place = Place::new();
    let profiles = place.data().join("profiles");
    std::fs::create_dir_all(&profiles).unwrap();
    std::fs::write(profiles.join("esp-with-tokens.toml"), include_str!("../data/esp/profile.toml")).unwrap();
    let sim = sim(&place, &["--via", "http", "--fault", "wrong-passphrase"]);
    let files = files(&place, &sim, PROOF);
    let token = format!("raw={}", place.write("token.txt", "a token of many letters\n"));
    let more = ["--profile", "esp-with-tokens", "--credential", &token];
    let ran = place.run_json(&commission(&sim, &files, &more)).expect(1);
    assert_eq!(ran.result()["outcome"], "refused", "{ran:#?}");
    assert!(ran.lines().iter().any(|line| line["kind"] == "credential-sent"), "{ran:#?}");
    // A host name that nobody takes is told by the exit code, even where the gateway joins.
    let sim = self::sim(&place, &["--via", "http"]);
    let ran = place.run_json(&commission(&sim, &files, &["--hostname", "gw-7"])).expect(1);
    assert_eq!(ran.result()["outcome"], "joined", "{ran:#?}");
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
    assert!(ran.out.contains("Connect this computer to the gateway's Wi-Fi network"), "{ran:#?}");
    ran.expect_problem(3, "http.not_reached");
}
