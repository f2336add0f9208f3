//! The reference Improv client, from npm, drives our simulated gateway over its pseudo-terminal.
//!
//! This proves the simulator: a gateway that a foreign client accepts is a fair partner for our own driver.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::peers;

#[test]
fn reference_client_commissions_the_simulated_gateway() {
    let Some(client) = install_client() else { return };
    let gateway = SimulatedGateway::start(&[]);
    let steps = gateway.drive(&client, "not the passphrase");

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

/// A `linesman sim` that ends with the test.
struct SimulatedGateway {
    process: Child,
    port: String,
    ssid: String,
    password: String,
    _state_dir: tempfile::TempDir,
}

impl SimulatedGateway {
    fn start(arguments: &[&str]) -> Self {
        let state_dir = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_linesman"))
            .args(["sim", "--profile", "generic-improv", "--driver", "improv", "--state-dir"])
            .arg(state_dir.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert_eq!(ready["kind"], "sim");
        let text = |name: &str| ready[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned();
        Self { port: text("port"), ssid: text("ssid"), password: text("password"), process, _state_dir: state_dir }
    }

    fn drive(&self, client: &Path, wrong_password: &str) -> Vec<Value> {
        let output = Command::new("node")
            .arg(client.join("drive.mjs"))
            .args([&self.port, &self.ssid, wrong_password, &self.password])
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let steps = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
        steps
    }
}

impl Drop for SimulatedGateway {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn step<'a>(steps: &'a [Value], name: &str) -> &'a Value {
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name} in {steps:#?}"))
}

/// Installs the client below `target/` once; `None` when this machine has no Node or cannot reach the packages.
fn install_client() -> Option<PathBuf> {
    let why = "improv-wifi-serial-sdk runs on it (Debian: apt install nodejs npm)";
    if !peers::require("node", peers::has_program("node"), why)
        || !peers::require("npm", peers::has_program("npm"), why)
    {
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/improv-sdk");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("improv-sdk");
    fs::create_dir_all(&target).unwrap();
    // Tests run side by side, in several processes under nextest: the first one installs.
    let lock = File::create(target.join("install.lock")).unwrap();
    lock.lock().unwrap();

    let pinned = fs::read(source.join("package-lock.json")).unwrap();
    let installed = target.join("installed.json");
    for file in ["package.json", "package-lock.json", "drive.mjs"] {
        fs::copy(source.join(file), target.join(file)).unwrap();
    }
    if fs::read(&installed).is_ok_and(|last| last == pinned) {
        return Some(target);
    }
    let npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&target)
        .output()
        .unwrap();
    let why = format!("npm ci failed: {}", String::from_utf8_lossy(&npm.stderr).trim());
    if !peers::require("improv-wifi-serial-sdk", npm.status.success(), &why) {
        return None;
    }
    fs::write(installed, pinned).unwrap();
    Some(target)
}
