//! The built program and foreign clients meet simulated Bluetooth gateways through a real kernel and a real BlueZ, in an
//! emulated machine: see `tests/lab/README.md`.

use std::path::Path;
use std::process::Command;

use crate::peers;

#[test]
fn gateways_are_commissioned_over_a_real_bluez() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lab = std::env::var_os("LINESMAN_LAB_DIR").map_or_else(|| root.join("target/lab"), Into::into);
    // It takes half a minute and 180 MB of packages: not without being asked.
    if !peers::is_strict() && !lab.join("prepared").exists() {
        peers::require("the Bluetooth lab", false, "tests/lab/prepare.sh makes it, without root");
        return;
    }
    let prepare = Command::new("bash").arg(root.join("tests/lab/prepare.sh")).env("LINESMAN_LAB_DIR", &lab).output();
    let output = prepare.unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    eprint!("{}", String::from_utf8_lossy(&output.stdout));
    if !peers::require("the Bluetooth lab", output.status.success(), why.trim()) {
        return;
    }

    let status = Command::new(lab.join("host/bin/python"))
        .arg(root.join("tests/lab/lab.py"))
        .args(["scenarios", "--binary", env!("CARGO_BIN_EXE_linesman")])
        .env("LINESMAN_LAB_DIR", &lab)
        .status()
        .unwrap();
    assert!(status.success(), "the lab ended with {status}");
}
