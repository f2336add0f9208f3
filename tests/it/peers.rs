//! What to do when something a test needs is not on this machine.

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
