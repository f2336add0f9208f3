#!/usr/bin/env bash
# Runs every test of the project, after installing what they need on Debian or Ubuntu.
#
#   bash tests/run.sh
#
# Without root (or sudo without a password) nothing is installed: it says what is missing. Whatever cannot run here is
# listed at the end as skipped, with its reason. With CI=true nothing may be skipped: what is missing is a failure.
# shellcheck disable=SC2317  # the functions are called by name, from stage()
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly DENY_VERSION=0.20.2
# What the window and its test load at run time.
readonly WINDOW_PACKAGES=(
  xvfb openbox xdotool dbus at-spi2-core python3 python3-gi gir1.2-atspi-2.0 pcmanfm libatk-adaptor
  libgail-common
  libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libgl1 libgl1-mesa-dri
)
# What prepares the Bluetooth lab; all else of it is unpacked below target/.
readonly LAB_PACKAGES=(python3 python3-venv xz-utils)

# The consoles that the driver linux-console logs in to, the NetworkManager behind them, and what checks our keys. nmcli and
# wpa_passphrase come out of packages that are unpacked and not installed, so that no daemon starts.
readonly CONSOLE_PACKAGES=(
  util-linux login busybox dash libnm0 libreadline8 python3-dbusmock python3-dbus
)

# The broker mosquitto is unpacked and not installed, so that it does not start; these are the libraries it needs, and the
# clients that come with it.
readonly BROKER_PACKAGES=(libdlt2 libwrap0 libcjson1 libcap2 libsystemd0 mosquitto-clients)

# The network check is proven in network namespaces with nftables, and against real servers. All of them are unpacked and not
# installed, so that none of them starts; these are the libraries they need. unbound needs the library of the system's Python.
CHECK_PACKAGES=(
  iproute2 openssl libdbus-1-3 libevent-2.1-7 libnghttp2-14 libpcre2-8-0 libnettle8 libhogweed6 libgnutls30 libseccomp2 libidn2-0
)
unbound_python=$(apt-cache depends unbound 2>/dev/null | sed -n 's/^ *Depends: \(libpython3[0-9.a-z]*\)$/\1/p' || true)
if [ -n "$unbound_python" ]; then CHECK_PACKAGES+=("$unbound_python"); fi
readonly CHECK_PACKAGES

# What reads the reports that are PDF.
readonly PDF_PACKAGES=(poppler-utils)

# The server of a team's records. Each test starts a cluster of its own; none is made by the installation.
readonly POSTGRES_PACKAGES=(postgresql)

# What foreign programs from package registries are installed with.
PEER_PACKAGES=(python3-venv python3-pip)
# Zephyr's SMP servers are 32-bit programs; other machines than these cannot run them.
if [ "$(uname -m)" = x86_64 ]; then PEER_PACKAGES+=(libc6-i386 lib32gcc-s1); fi
readonly PEER_PACKAGES

# Modules of tests/it/ that start foreign programs, windows or machines: each is a stage of its own.
readonly APART=(
  bench_broker check_lab check_pdf cloud improv_sdk improv_ble_client esp_rainmaker inspect linux_console mqtt_client recordings
  records_server smp_client telemetry_payloads zephyr window ble_lab
)

# What is built and tested beyond the usual: forms of export and report that a newcomer need not wait for.
readonly FEATURES=(--features "parquet,pdf,postgres")

export PATH=$PWD/target/tools/bin:$PATH
export CARGO_TERM_COLOR=never NO_COLOR=1
logs=target/test-logs
mkdir -p "$logs"
strict=0
if [ "${CI:-}" = true ]; then strict=1; fi
# Each test that leaves something out adds a line to the list, whatever its runner does with what a test prints.
: >"$logs/skipped"
export LINESMAN_REQUIRE_PEERS=$strict LINESMAN_SKIPPED=$PWD/$logs/skipped

results=()
failed=0
started=$SECONDS

has() { command -v "$1" >/dev/null 2>&1; }

# Runs one stage: its name, then the command. A failed stage does not stop the ones after it.
stage() {
  local name=$1 log began=$SECONDS verdict=ok
  shift
  log=$logs/${name// /-}.log
  printf '\n=== %s\n' "$name"
  if ! "$@" 2>&1 | tee "$log"; then
    verdict=FAILED
    failed=1
  fi
  results+=("$(printf '%-24s %-7s %4d s' "$name" "$verdict" $((SECONDS - began)))")
}

# Notes a stage that cannot run here; a failure where nothing may be skipped.
skip_stage() {
  local name=$1 why=$2 verdict=skipped
  printf '\n=== %s\nskipped: %s\n' "$name" "$why"
  echo "skipped: $name: $why" >>"$logs/skipped"
  if [ "$strict" = 1 ]; then
    verdict=FAILED
    failed=1
  fi
  results+=("$(printf '%-24s %-7s (%s)' "$name" "$verdict" "$why")")
}

has_node() { has node && has npm && [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge 18 ]; }
is_installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

install_packages() {
  local wanted=(shellcheck "${WINDOW_PACKAGES[@]}" "${LAB_PACKAGES[@]}" "${PEER_PACKAGES[@]}" "${CONSOLE_PACKAGES[@]}" "${BROKER_PACKAGES[@]}" "${CHECK_PACKAGES[@]}" "${PDF_PACKAGES[@]}" "${POSTGRES_PACKAGES[@]}")
  local missing=() package as_root=()
  has cc || wanted+=(gcc libc6-dev)
  has git || wanted+=(git ca-certificates)
  has_node || wanted+=(nodejs npm)
  if ! has apt-get || ! has dpkg-query; then
    echo "This is not Debian or Ubuntu. The tests use what these Debian packages hold: ${wanted[*]}"
    return
  fi
  for package in "${wanted[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  if [ ${#missing[@]} = 0 ]; then
    echo "All packages are there: ${wanted[*]}"
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    if ! has sudo || ! sudo --non-interactive true 2>/dev/null; then
      echo "Missing, and not installed without root. The tests that need them will be skipped. To install:"
      echo "  sudo apt-get install --no-install-recommends ${missing[*]}"
      return
    fi
    as_root=(sudo --non-interactive)
  fi
  echo "Installing: ${missing[*]}"
  if [[ " ${missing[*]} " = *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    "${as_root[@]}" mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  # A list that cannot be renewed may still do.
  "${as_root[@]}" apt-get -qq update >"$logs/apt.log" 2>&1 || true
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold install --yes \
    --no-install-recommends "${missing[@]}" </dev/null >>"$logs/apt.log" 2>&1; then
    grep '^E: ' "$logs/apt.log" | tail -n 3
    echo "They could not be installed ($logs/apt.log). The tests that need them will be skipped."
    [ "$strict" = 0 ]
  fi
}

install_deny() {
  if [ "$(cargo-deny --version 2>/dev/null)" = "cargo-deny $DENY_VERSION" ]; then return; fi
  echo "Installing cargo-deny $DENY_VERSION into target/tools"
  # An optimised build takes longer to make than it saves in a run of one second.
  cargo install --quiet --locked --debug --root target/tools --target-dir target/tools/build \
    cargo-deny --version "=$DENY_VERSION"
}

# Tests that start peers or a window have a stage of their own, where what they print can be read.
run_tests() {
  local apart
  apart="binary(it) and test(/^($(IFS='|' && echo "${APART[*]}"))::/)"
  local skips=() module
  for module in "${APART[@]}"; do skips+=(--skip "$module::"); done
  if has cargo-nextest; then
    cargo nextest run --locked "${FEATURES[@]}" --no-fail-fast --status-level fail --final-status-level fail -E "not ($apart)"
  else
    cargo test --locked "${FEATURES[@]}" --lib --bins &&
      cargo test --locked "${FEATURES[@]}" --test it -- "${skips[@]}"
  fi
}

# Runs the integration tests of one module and shows what they print. No test is as bad as a failed one.
run_apart() {
  local log=$logs/apart.log
  cargo test --locked "${FEATURES[@]}" --test it -- --nocapture --test-threads=1 "$1::" 2>&1 | tee "$log" || return 1
  if grep -q '^running 0 tests' "$log"; then
    echo "error: there is no test in tests/it/$1.rs, or tests/it/main.rs does not name it"
    return 1
  fi
}

check_scripts() {
  local script
  for script in .ci/run tests/*.sh tests/*/*.sh; do
    bash -n "$script" || return 1
  done
  if has shellcheck; then
    shellcheck .ci/run tests/*.sh tests/*/*.sh
  else
    echo "skipped: shellcheck is missing: scripts are only parsed (Debian: shellcheck)" | tee -a "$logs/skipped"
    [ "$strict" = 0 ]
  fi
}

echo "Machine: $(uname -srm), $(nproc) cores; $(rustc --version)"
[ "$strict" = 1 ] && echo "Nothing may be skipped (CI=true)"

stage "packages" install_packages
if cargo fmt --version >/dev/null 2>&1; then
  stage "format" cargo fmt --all --check
else
  skip_stage "format" "rustfmt is missing: rustup component add rustfmt"
fi
stage "scripts" check_scripts
if cargo clippy --version >/dev/null 2>&1; then
  stage "clippy" cargo clippy --locked "${FEATURES[@]}" --all-targets --quiet -- --deny warnings
else
  skip_stage "clippy" "clippy is missing: rustup component add clippy"
fi
if install_deny; then
  stage "dependencies" bash tests/deny.sh
else
  skip_stage "dependencies" "cargo-deny could not be installed"
fi
stage "tests" run_tests
stage "documentation tests" cargo test --locked "${FEATURES[@]}" --doc --quiet
for module in "${APART[@]}"; do
  stage "${module//_/ }" run_apart "$module"
done

printf '\n=== result after %d min %02d s\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
printf '%s\n' "${results[@]}"
if [ -s "$logs/skipped" ]; then
  printf '\n=== skipped here, with the number of tests\n'
  sort "$logs/skipped" | uniq -c | sed -E 's/^ *([0-9]+) (.*)$/\2 (\1)/'
fi
echo
# The closing lines of the test runners, the largest run last.
for name in documentation-tests "${APART[@]//_/-}" tests; do
  grep -ahE '^ *(test result: |Summary )' "$logs/$name.log" || echo "$name: no result"
done
exit "$failed"
