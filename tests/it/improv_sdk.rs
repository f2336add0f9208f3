//! The reference Improv client, from npm, drives our simulated gateway over its pseudo-terminal.
//!
//! This proves the simulator: a gateway that a foreign client accepts is a fair partner for our own driver.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::node;
use crate::program::{Place, Sim};

#[test]
fn reference_client_commissions_the_simulated_gateway() {
    let Some(client) = node::with_packages("improv-sdk", &["drive.mjs"]) else { return };
    let place = Place::new();
    let gateway = Sim::start(&mut place.linesman(&["sim", "--profile", "generic-improv", "--driver", "improv"]));
    let steps = drive(&gateway, &client, "not the passphrase");

    assert_eq!(step(&steps, "initialize")["state"], 2, "{steps:#?}");
    assert!(step(&steps, "info")["info"]["firmware"].is_string());
    let networks = step(&steps, "scan")["networks"].as_array().unwrap();
    let network = networks.iter().find(|network| network["name"] == gateway.ssid.as_str()).unwrap();
    assert_eq!(network["secured"], true);
    let before = &step(&steps, "network-state")["network"];
    assert_eq!((&before["online"], &before["urls"]), (&false.into(), &serde_json::json!([])));
    assert_eq!(step(&steps, "hostname")["hostname"], "gw-7");
    assert_eq!(step(&steps, "wrong-password")["error"], "UNABLE_TO_CONNECT");
    assert_eq!(step(&steps, "right-password")["state"], 4);
    assert_eq!(step(&steps, "network-state-joined")["network"]["online"], true);
    assert_eq!(step(&steps, "state")["state"], 4);
    let summary = step(&steps, "summary");
    assert_eq!(summary["ok"], true, "{steps:#?}");
    assert_eq!(summary["logged"], serde_json::json!([]), "the client complained");
}

fn drive(gateway: &Sim, client: &Path, wrong_password: &str) -> Vec<Value> {
    let output = Command::new("node")
        .arg(client.join("drive.mjs"))
        .args([&gateway.port, &gateway.ssid, wrong_password, &gateway.password])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let steps = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    steps
}

#[track_caller]
fn step<'a>(steps: &'a [Value], name: &str) -> &'a Value {
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name} in {steps:#?}"))
}
