//! What to do when something a test needs is not on this machine.
//!
//! What is left out is said on standard error past the capture of the test runner, so that plain `cargo test` shows it. A
//! runner that keeps a passed test's output to itself, as nextest does, is given a file by [`LIST`].

use std::fs::OpenOptions;
use std::io;

/// With `1` nothing may be left out; `tests/run.sh` sets it with `CI=true`.
const STRICT: &str = "LINESMAN_REQUIRE_PEERS";
/// The file to which each test that leaves something out adds a line.
const LIST: &str = "LINESMAN_SKIPPED";

/// Whether a test that needs `peer` can go on. Says `skipped: …` when it was not `found`, and why that matters.
///
/// # Panics
///
/// With `LINESMAN_REQUIRE_PEERS=1`.
pub(crate) fn require(peer: &str, found: bool, why: &str) -> bool {
    if found {
        return true;
    }
    assert!(!is_strict(), "{peer} is missing: {why}");
    let line = skip_line(peer, why);
    tell(&mut io::stderr(), &line);
    if let Some(list) = std::env::var_os(LIST).filter(|path| !path.is_empty()) {
        let list = OpenOptions::new().create(true).append(true).open(&list);
        tell(&mut list.unwrap_or_else(|error| panic!("{LIST}: {error}")), &line);
    }
    false
}

/// Whether nothing may be left out.
pub(crate) fn is_strict() -> bool {
    std::env::var_os(STRICT).is_some_and(|value| value == "1")
}

/// Whether a program of that name is on the search path.
pub(crate) fn has_program(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// One line, so that those of several processes do not mix, and the same one wherever the same thing is missing.
fn skip_line(peer: &str, why: &str) -> String {
    let why: Vec<&str> = why.split_whitespace().collect();
    format!("skipped: {peer} is missing: {}\n", why.join(" "))
}

fn tell(out: &mut impl io::Write, line: &str) {
    out.write_all(line.as_bytes()).unwrap();
}

/// The test binary, run again for one test, without strictness and with a list.
#[cfg(all(test, unix))]
mod tests {
    use std::process::{Command, Output};

    use super::{LIST, STRICT, require, skip_line};

    const INNER: &str = "LINESMAN_TEST_INNER";

    fn run(strict: &str, list: &std::path::Path) -> Output {
        let itself = std::env::current_exe().unwrap();
        let name = "peers::tests::what_is_left_out_is_said_although_the_test_passes";
        // Without --nocapture: this is what plain `cargo test` shows.
        let mut command = Command::new(itself);
        command.args([name, "--exact"]).env(INNER, "1").env(STRICT, strict).env(LIST, list);
        command.output().unwrap()
    }

    #[test]
    fn what_is_left_out_is_said_although_the_test_passes() {
        if std::env::var_os(INNER).is_some() {
            assert!(!require("teleporter", false, "a\nreason  of lines"));
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("skipped");
        let line = skip_line("teleporter", "a reason of lines");
        let ran = run("0", &list);
        assert!(ran.status.success(), "{ran:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains(&line), "{ran:?}");
        assert_eq!(std::fs::read_to_string(&list).unwrap(), line);
        run("0", &list);
        assert_eq!(std::fs::read_to_string(&list).unwrap(), line.repeat(2), "a line for each test");
    }

    #[test]
    fn where_nothing_may_be_left_out_it_is_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("skipped");
        let ran = run("1", &list);
        assert!(!ran.status.success(), "{ran:?}");
        assert!(!list.exists());
    }
}
