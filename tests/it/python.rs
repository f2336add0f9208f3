//! Foreign clients from PyPI, in a Python of their own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::peers;

/// A Python that has the packages pinned in `tests/peers/NAME/requirements.txt`, installed below `target/` once; `None`
/// when this machine has no Python or cannot reach the packages.
pub(crate) fn with_packages(name: &str) -> Option<PathBuf> {
    let why = format!("{name} runs on it (Debian: apt install python3-venv)");
    if !peers::require("python3", peers::has_program("python3"), &why) {
        return None;
    }
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name).join("requirements.txt");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&target).unwrap();
    // Tests run side by side, in several processes under nextest: the first one installs.
    let lock = File::create(target.join("install.lock")).unwrap();
    lock.lock().unwrap();

    let pinned = fs::read(&requirements).unwrap();
    let (installed, python) = (target.join("installed.txt"), target.join("venv/bin/python"));
    if fs::read(&installed).is_ok_and(|last| last == pinned) && python.exists() {
        return Some(python);
    }
    let venv = Command::new("python3").args(["-m", "venv", "--clear"]).arg(target.join("venv")).output().unwrap();
    let why = format!(
        "python3 -m venv failed (Debian: apt install python3-venv): {}",
        String::from_utf8_lossy(&venv.stderr).trim()
    );
    if !peers::require("python3-venv", venv.status.success(), &why) {
        return None;
    }
    let pip = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"])
        .args(["--only-binary=:all:", "--require-hashes", "--requirement"])
        .arg(requirements)
        .output()
        .unwrap();
    let why = format!("pip install failed: {}", String::from_utf8_lossy(&pip.stderr).trim());
    if !peers::require(name, pip.status.success(), &why) {
        return None;
    }
    fs::write(installed, pinned).unwrap();
    Some(python)
}
