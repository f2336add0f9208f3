//! What to do when something a test needs is not on this machine.

#[cfg(unix)]
use std::fs::{self, File};
#[cfg(unix)]
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::Command;

/// Whether a test that needs `peer` can go on. Says `skipped: …` when it was not `found`, and why that matters.
///
/// # Panics
///
/// With `LINESMAN_REQUIRE_PEERS=1`, as `tests/run.sh` sets it where nothing may be skipped.
pub(crate) fn require(peer: &str, found: bool, why: &str) -> bool {
    if found {
        return true;
    }
    let is_required = std::env::var_os("LINESMAN_REQUIRE_PEERS").is_some_and(|value| value == "1");
    assert!(!is_required, "{peer} is missing: {why}");
    eprintln!("skipped: {peer} is missing: {why}");
    false
}

/// Whether a program of that name is on the search path.
pub(crate) fn has_program(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// A Python that has the packages pinned in `tests/peers/NAME/requirements.txt`, installed below `target/` once; `None`
/// when this machine has no Python or cannot reach the packages.
#[cfg(unix)]
pub(crate) fn python_with(name: &str) -> Option<PathBuf> {
    let why = format!("{name} runs on it (Debian: apt install python3-venv)");
    if !require("python3", has_program("python3"), &why) {
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
    if !require("python3-venv", venv.status.success(), &why) {
        return None;
    }
    let pip = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"])
        .args(["--only-binary=:all:", "--require-hashes", "--requirement"])
        .arg(requirements)
        .output()
        .unwrap();
    let why = format!("pip install failed: {}", String::from_utf8_lossy(&pip.stderr).trim());
    if !require(name, pip.status.success(), &why) {
        return None;
    }
    fs::write(installed, pinned).unwrap();
    Some(python)
}
