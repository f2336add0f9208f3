//! The foreign SMP client from PyPI drives our simulated gateway, over its pseudo-terminal and over UDP.
//!
//! This proves the simulator: a gateway that a foreign client accepts is a fair partner for our own driver.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Place, Sim};
use crate::python;

#[test]
fn a_foreign_client_manages_the_simulated_gateway_over_serial() {
    let Some(python) = python::with_packages("smp-client") else { return };
    let place = Place::new();
    let gateway = start(&place, &[]);
    check(&drive(&python, &["serial", &gateway.port]), 384);
}

#[test]
fn a_foreign_client_manages_the_simulated_gateway_over_udp() {
    let Some(python) = python::with_packages("smp-client") else { return };
    let place = Place::new();
    let gateway = start(&place, &["--via", "udp"]);
    let (host, port) = gateway.port.rsplit_once(':').unwrap();
    check(&drive(&python, &["udp", host, port]), 2048);
}

fn check(steps: &[Value], buffer: u32) {
    assert_eq!(step(steps, "echo")["text"], "hello");
    assert_eq!((&step(steps, "parameters")["size"], &step(steps, "parameters")["count"]), (&json!(buffer), &json!(4)));
    assert_eq!(step(steps, "groups")["groups"], json!([0, 1, 2, 3, 8, 9, 10, 63]));
    assert!(step(steps, "info")["text"].as_str().unwrap().starts_with("Zephyr "), "{steps:#?}");
    assert_eq!(step(steps, "bootloader")["text"], "MCUboot");
    assert_eq!(step(steps, "tasks")["names"], json!(["main", "idle"]));
    assert_eq!(step(steps, "images")["versions"], json!([env!("CARGO_PKG_VERSION")]));
    assert_eq!(step(steps, "statistics")["fields"]["sent"], 1200);
    assert_eq!(step(steps, "clock")["text"], "2026-01-31T12:00:00");
    for (name, group, code) in [
        ("no statistics", 2, 3),
        ("no clock", 0, 4),
        ("no root", 3, 5),
        ("no key", 3, 3),
        ("deleted", 3, 3),
        ("no file", 8, 3),
        ("erased", 8, 3),
    ] {
        let refused = step(steps, name);
        assert_eq!((&refused["group"], &refused["rc"]), (&json!(group), &json!(code)), "{name}");
    }
    assert_eq!(step(steps, "setting")["value"], "broker.example:8883");
    assert_eq!(step(steps, "loaded")["value"], "foreign", "what was not saved is gone");
    assert_eq!(step(steps, "file")["same"], true);
    assert_eq!(step(steps, "status")["length"], 2500);
    assert_eq!(step(steps, "shell")["status"], 0);
    assert_eq!(step(steps, "back")["text"], "back", "it is there again after the restart");
    assert_eq!(step(steps, "summary")["ok"], true, "{steps:#?}");
}

#[track_caller]
fn step<'a>(steps: &'a [Value], name: &str) -> &'a Value {
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name} in {steps:#?}"))
}

/// Runs the client and tells the steps it printed.
fn drive(python: &Path, arguments: &[&str]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/smp-client/drive.py");
    let output = Command::new(python).args(["-X", "utf8"]).arg(script).args(arguments).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A simulated gateway that speaks SMP. It ends with the test.
fn start(place: &Place, arguments: &[&str]) -> Sim {
    let common = ["sim", "--profile", "generic-zephyr", "--driver", "smp"];
    Sim::start(&mut place.linesman(&[&common, arguments].concat()))
}
