//! A simulated gateway is commissioned in the real window, under a display of its own: see `tests/gui/window.py`.

use std::path::Path;
use std::process::Command;

use crate::peers;

#[test]
fn gateway_is_commissioned_in_the_window() {
    let needs = "the window test runs in a display of its own (the packages: bash tests/run.sh)";
    for program in ["Xvfb", "openbox", "xdotool", "dbus-daemon", "dbus-send", "pcmanfm"] {
        if !peers::require(program, peers::has_program(program), needs) {
            return;
        }
    }
    let imports = "import gi; gi.require_version('Atspi', '2.0'); from gi.repository import Atspi";
    let has_atspi =
        Command::new("/usr/bin/python3").args(["-c", imports]).output().is_ok_and(|output| output.status.success());
    if !peers::require("Atspi for /usr/bin/python3", has_atspi, needs) {
        return;
    }

    for (package, module) in [("libatk-adaptor", "libatk-bridge.so"), ("libgail-common", "libgail.so")] {
        let name = format!("{package}, through which the file manager is used");
        if !peers::require(&name, has_gtk2_module(module), needs) {
            return;
        }
    }

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new("bash")
        .arg(root.join("tests/gui/display.sh"))
        .arg("/usr/bin/python3")
        .arg(root.join("tests/gui/window.py"))
        .args(["--binary", env!("CARGO_BIN_EXE_linesman"), "--pictures"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("window"))
        .status()
        .unwrap();
    assert!(status.success(), "the window test ended with {status}");
}

/// Whether programs with GTK 2 offer their accessibility tree: without one of the modules for that they show none. They lie below
/// a folder named after the machine.
fn has_gtk2_module(module: &str) -> bool {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.map(|folder| folder.path().join("gtk-2.0/modules").join(module)).any(|module| module.exists())
}
