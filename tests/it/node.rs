//! Foreign clients from npm, in a folder of their own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::peers;

/// A folder with `scripts` and the packages pinned in `tests/peers/NAME/package-lock.json`, installed below `target/` once;
/// `None` when this machine has no Node or cannot reach the packages.
pub(crate) fn with_packages(name: &str, scripts: &[&str]) -> Option<PathBuf> {
    let why = format!("{name} runs on it (Debian: apt install nodejs npm)");
    if !peers::require("node", peers::has_program("node"), &why)
        || !peers::require("npm", peers::has_program("npm"), &why)
    {
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&target).unwrap();
    // Tests run side by side, in several processes under nextest: the first one installs.
    let lock = File::create(target.join("install.lock")).unwrap();
    lock.lock().unwrap();

    let pinned = fs::read(source.join("package-lock.json")).unwrap();
    let installed = target.join("installed.json");
    for file in ["package.json", "package-lock.json"].iter().chain(scripts) {
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
    if !peers::require(name, npm.status.success(), &why) {
        return None;
    }
    fs::write(installed, pinned).unwrap();
    Some(target)
}
