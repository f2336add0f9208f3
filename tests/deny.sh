#!/usr/bin/env bash
# Runs `cargo deny check` with the advisories of tests/advisories in place of the database of the day.
# cargo-deny wants a git repository: the folder becomes one under target/, and git is told to find it at the database's address.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/target/tools/bin:$PATH

work=$PWD/target/advisories
rm -rf "$work" target/advisory-db
mkdir -p "$work"
cp -r tests/advisories/crates "$work/crates"
git -C "$work" init --quiet --initial-branch=main
git -C "$work" add --all
git -C "$work" -c user.name=linesman -c user.email=linesman@localhost commit --quiet --message snapshot

export GIT_CONFIG_COUNT=1
export GIT_CONFIG_KEY_0=url.file://$work.insteadOf
export GIT_CONFIG_VALUE_0=https://github.com/RustSec/advisory-db

echo "advisories as of $(sed -n 's/^committed: //p' tests/advisories/SNAPSHOT)"
later=$(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.lock | sort -u | comm -23 - <(sort tests/advisories/CRATES))
[ -z "$later" ] || echo "not covered, because added to Cargo.lock after the snapshot: ${later//$'\n'/ }"
cargo-deny check
