#!/usr/bin/env bash
# Runs the tests where a newcomer may stand, in rooms of their own: see README.md beside this.
#
#   tests/rooms/run.sh              rooms a, b and c
#   tests/rooms/run.sh a d          these rooms
#
# ROOMS_DIR        where the rooms are built (target/rooms); a second run takes up what the first left there
# ROOMS_TARGET     a target folder that is copied in before the first run, so that less is built
# ROOMS_PACKAGES   more Debian packages in each room, separated by commas
# ROOMS_COMMAND    what is run there instead of the tests, to look around
# RUSTFLAGS and CARGO_PROFILE_* are handed on, so that such a target folder fits.
# shellcheck disable=SC2317  # the rooms are called by name
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[ "$(id -u)" = 0 ] || { echo "Rooms are built by root." >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "debootstrap is missing (Debian: apt install debootstrap)" >&2; exit 2; }
# Whatever is mounted and started for the rooms ends with this script.
if [ "${ROOMS_INSIDE:-}" != 1 ]; then
  exec env ROOMS_INSIDE=1 unshare --mount --pid --fork --kill-child --propagation private bash "${BASH_SOURCE[0]}" "$@"
fi

rooms=${ROOMS_DIR:-$PWD/target/rooms}
mkdir -p "$rooms/logs"
rooms=$(cd "$rooms" && pwd)
readonly rooms tree=$rooms/tree
# Two runs in one tree would take each other's folders away.
exec 9>"$rooms/lock"
flock --nonblock 9 || { echo "Another run is in $rooms." >&2; exit 2; }
readonly who=kim clone="/home/kim/My gateways – Geräte/linesman"
readonly trusted=/etc/ssl/certs/ca-certificates.crt
# Cargo rebuilds all dependencies if the folder of their sources has another path, so it has the same in here.
readonly crates=${CARGO_HOME:-${HOME:-/root}/.cargo}

say() { printf '\n### %s\n' "$*"; }

# A Debian with what the README asks for: a C compiler, and Rust, which is this machine's.
build_tree() {
  local suite
  # shellcheck source=/dev/null
  suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
  [ "$(cat "$rooms/made" 2>/dev/null)" = "$suite" ] && return
  say "Debian $suite into $tree"
  rm -rf "$tree"
  debootstrap --variant=minbase --include="ca-certificates,gcc,git,libc6-dev${ROOMS_PACKAGES:+,$ROOMS_PACKAGES}" \
    "$suite" "$tree" >"$rooms/logs/debootstrap.log"
  chroot "$tree" useradd --create-home --shell /bin/bash "$who"
  mkdir -p "$tree/opt/rust" "$tree$crates"
  echo "$suite" >"$rooms/made"
}

mount_tree() {
  mount --bind "$tree" "$tree"
  mount -t proc proc "$tree/proc"
  mount --bind -o ro /sys "$tree/sys"
  mkdir -p "$tree/dev/pts" "$tree/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$tree/dev/pts"
  ln -sfn pts/ptmx "$tree/dev/ptmx"
  mount -t tmpfs -o mode=1777 tmpfs "$tree/dev/shm"
  mount --bind -o ro "$(rustc --print sysroot)" "$tree/opt/rust"
  cp /etc/resolv.conf "$tree/etc/resolv.conf"
  # Which every installer and every container writes, and debootstrap does not.
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$tree/etc/hosts"
  # Behind a proxy of a company the registries show a certificate that this machine was told to trust.
  local authority
  for authority in /usr/local/share/ca-certificates/*.crt; do
    if [ -e "$authority" ]; then cp "$authority" "$tree/usr/local/share/ca-certificates/"; fi
  done
  chroot "$tree" update-ca-certificates >/dev/null
}

# The sources as they are committed; what earlier runs built stays.
bring_clone() {
  local bundle=$rooms/linesman.bundle
  if [ -d "$crates/registry" ] && [ ! -d "$tree$crates/registry" ]; then cp -a "$crates/registry" "$tree$crates/"; fi
  if [ ! -d "$tree$clone/.git" ]; then
    mkdir -p "$tree$clone"
    git init --quiet "$tree$clone"
  fi
  git bundle create --quiet "$bundle" HEAD
  git -c safe.directory='*' -C "$tree$clone" fetch --quiet "$bundle" HEAD
  git -c safe.directory='*' -C "$tree$clone" checkout --quiet --force --detach FETCH_HEAD
  if [ -n "${ROOMS_TARGET:-}" ] && [ ! -d "$tree$clone/target" ]; then
    say "warm target folder from $ROOMS_TARGET"
    mkdir "$tree$clone/target"
    (cd "$ROOMS_TARGET" && cp -a --reflink=auto --parents debug/.fingerprint debug/build debug/deps "$tree$clone/target/")
    if [ -d "$ROOMS_TARGET/tools/bin" ]; then
      mkdir -p "$tree$clone/target/tools"
      cp -a "$ROOMS_TARGET/tools/bin" "$tree$clone/target/tools/"
    fi
  fi
}

# Runs a command in the clone: in_room NAME=VALUE… -- PREFIX… -- COMMAND…
in_room() {
  local variables=() prefix=() name
  while [ "$1" != -- ]; do variables+=("$1"); shift; done
  shift
  while [ "$1" != -- ]; do prefix+=("$1"); shift; done
  shift
  while IFS= read -r name; do variables+=("$name=${!name}"); done < <(compgen -e | grep -E '^(RUSTFLAGS|CARGO_PROFILE_.*)$')
  # shellcheck disable=SC2016  # the variables are the inner shell's
  env -i PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    CARGO_HOME="$crates" CARGO_INCREMENTAL=0 \
    NODE_EXTRA_CA_CERTS="$trusted" PIP_CERT="$trusted" "${variables[@]}" \
    chroot "$tree" "${prefix[@]}" bash -c 'umask "${ROOM_UMASK:-022}"; cd "$1" && shift && exec "$@"' bash "$clone" "$@"
}

# Gives home, clone and crates to an account and its group, which have the same number.
give_to() {
  chown -R "$1:$1" "$tree/home/$who" "$tree$crates"
  chmod 0755 "$tree$(dirname "$crates")"
  chmod "$2" "$tree/home/$who"
}

tests=(bash tests/run.sh)
if [ -n "${ROOMS_COMMAND:-}" ]; then tests=(bash -c "$ROOMS_COMMAND"); fi
no_capabilities=(setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs)

room_a() {
  give_to 0 0700
  in_room HOME=/root LANG=C.UTF-8 -- env -- "${tests[@]}"
}

# An ordinary account, a locale without UTF-8, new files for nobody else.
room_b() {
  give_to "$(chroot "$tree" id -u "$who")" 0755
  in_room HOME="/home/$who" LC_ALL=C ROOM_UMASK=077 -- setpriv --reuid "$who" --regid "$who" --init-groups -- "${tests[@]}"
}

# Root that may do nothing more than others, as in a locked container; no HOME.
room_c() {
  give_to 0 0755
  if in_room -- "${no_capabilities[@]}" -- unshare --mount true 2>/dev/null ||
    in_room -- "${no_capabilities[@]}" -- unshare --user --mount true 2>/dev/null; then
    echo "This room has mount namespaces after all."
    return 1
  fi
  in_room -- "${no_capabilities[@]}" -- "${tests[@]}"
}

room_d() {
  give_to 0 0700
  in_room HOME=/root LANG=C.UTF-8 -- env -- .ci/run
}

[ $# -gt 0 ] || set -- c b a
build_tree
mount_tree
bring_clone
results=()
failed=0
for room in "$@"; do
  say "room $room"
  began=$SECONDS
  log=$rooms/logs/$room.log
  if "room_$room" 2>&1 | tee "$log"; then verdict=ok; else verdict=FAILED failed=1; fi
  skipped=$(grep -c '^skipped: ' "$log" || true)
  if [ "$room" != d ] && ! grep -q '^=== skipped here' "$log"; then verdict=FAILED failed=1; fi
  results+=("room $room: $verdict, $(((SECONDS - began) / 60)) min, $skipped lines of what was skipped, $log")
done
say "rooms"
printf '%s\n' "${results[@]}"
exit "$failed"
