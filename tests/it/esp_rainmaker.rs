//! A foreign client, esp-rainmaker-cli from PyPI, provisions our simulated device over HTTP in every security scheme.
//!
//! This proves the simulator: its handshakes, ciphers, messages and states are not only the mirror of our own driver. The
//! client's modules are those of Espressif's `esp_prov`, which is in no package registry by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{Place, Sim};
use crate::python;

/// A simulated device that is provisioned over HTTP. It ends with the test.
struct Device {
    sim: Sim,
    _place: Place,
}

impl Device {
    fn start(arguments: &[&str]) -> Self {
        let place = Place::new();
        let common = ["sim", "--profile", "generic-esp", "--driver", "esp-prov", "--via", "http"];
        Self { sim: Sim::start(&mut place.linesman(&[&common, arguments].concat())), _place: place }
    }

    /// Lets the client provision the device.
    fn provision(&self, client: &Client, security: &str, proof: &str, passphrase: &str) -> Value {
        let (address, username, ssid) = (self.sim.text("port"), self.sim.text("username"), self.sim.text("ssid"));
        client.run(&[address, security, username, proof, ssid, passphrase])
    }
}

/// The installed client.
struct Client {
    python: PathBuf,
    script: PathBuf,
}

impl Client {
    fn run(&self, arguments: &[&str]) -> Value {
        let output =
            Command::new(&self.python).args(["-I", "-X", "utf8"]).arg(&self.script).args(arguments).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        printed
            .lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_else(|| panic!("{printed}\n{errors}"))
    }
}

/// The client, installed; `None` when this machine has no Python or cannot reach the packages.
fn install_client() -> Option<Client> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/esp-rainmaker/drive.py");
    python::with_packages("esp-rainmaker").map(|python| Client { python, script })
}

/// The client provisions the device and hands it a token; both end up on the card.
#[track_caller]
fn check_joined(arguments: &[&str], security: &str) {
    let Some(client) = install_client() else { return };
    let device = Device::start(arguments);
    let result = device.provision(&client, security, device.sim.text("pop"), device.sim.text("password"));
    assert_eq!(result["joined"], true, "{result:#}");
    assert_eq!(result["node"], "simulated-node", "{result:#}");
    let network = String::from_utf8(device.sim.on_card("wifi.conf").expect("the card has the network")).unwrap();
    assert!(network.contains(device.sim.text("password")), "{network}");
    let token = device.sim.on_card("token-cloud_user_assoc").expect("the card has the token");
    assert!(String::from_utf8_lossy(&token).contains("secret key"), "{token:?}");
}

#[test]
fn foreign_client_joins_by_security_2_with_a_counter() {
    check_joined(&["--join-millis", "200"], "2");
}

#[test]
fn foreign_client_joins_by_security_2_with_the_legacy_nonce() {
    check_joined(&["--join-millis", "200", "--legacy-nonce"], "2");
}

#[test]
fn foreign_client_joins_by_security_1() {
    check_joined(&["--join-millis", "200", "--security", "1"], "1");
}

#[test]
fn foreign_client_joins_by_security_1_without_proof() {
    check_joined(&["--join-millis", "200", "--security", "1", "--without-proof"], "1");
}

#[test]
fn foreign_client_joins_by_security_0() {
    // It finds the level out by itself.
    check_joined(&["--join-millis", "200", "--security", "0"], "");
}

#[test]
fn foreign_client_with_a_wrong_proof_is_not_let_in() {
    let Some(client) = install_client() else { return };
    for (arguments, security) in [(&["--security", "2"], "2"), (&["--security", "1"], "1")] {
        let device = Device::start(arguments);
        let result = device.provision(&client, security, "not the proof", device.sim.text("password"));
        assert_eq!(result["joined"], false, "{result:#}");
        let error = result["error"].as_str().unwrap_or_default();
        assert!(error.contains("500"), "{result:#}");
        assert_eq!(device.sim.on_card("wifi.conf"), None);
    }
}

#[test]
fn foreign_client_reads_a_refusal_and_takes_it_back() {
    let Some(client) = install_client() else { return };
    let device = Device::start(&["--join-millis", "200"]);
    let result = device.provision(&client, "2", device.sim.text("pop"), "not the passphrase");
    assert_eq!(result["joined"], false, "{result:#}");
    let said = result["said"].to_string();
    for sentence in ["Incorrect Password", "Device reset via prov-ctrl successful"] {
        assert!(said.contains(sentence), "{said}");
    }
    // The same device, which went back to its start, is then provisioned by the same client.
    let result = device.provision(&client, "2", device.sim.text("pop"), device.sim.text("password"));
    assert_eq!(result["joined"], true, "{result:#}");
}

#[test]
fn foreign_client_lists_the_networks() {
    let Some(client) = install_client() else { return };
    for (arguments, security) in [(&["--security", "2"], "2"), (&["--security", "1"], "1")] {
        let device = Device::start(arguments);
        let (address, username, proof) = (device.sim.text("port"), device.sim.text("username"), device.sim.text("pop"));
        let result = client.run(&["scan", address, security, username, proof]);
        let networks = result["networks"].as_array().unwrap_or_else(|| panic!("{result:#}"));
        assert_eq!(networks.len(), 4, "{result:#}");
        assert_eq!(networks[0]["ssid"], device.sim.text("ssid"));
        assert_eq!((&networks[0]["auth"], &networks[0]["rssi"]), (&"WPA2_PSK".into(), &Value::from(-52)));
    }
}
