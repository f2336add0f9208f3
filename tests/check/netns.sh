#!/usr/bin/env bash
# Runs a command where nothing can leave the machine: in a network namespace of its own.
#
#   bash tests/check/netns.sh COMMAND…         with loopback only
#   bash tests/check/netns.sh --lab COMMAND…   with a router and a server beyond it
#
# In the lab the command runs as the client 10.9.1.2 (fd00:9:1::2) on eth0; its router is 10.9.1.1 (fd00:9:1::1), and beyond it,
# on 10.9.2.1, is the server 10.9.2.2 (fd00:9:2::2). LAB_ROUTER and LAB_SERVER are processes in the namespaces of those two:
# `nsenter --target "$LAB_ROUTER" --net nft …`.
#
# Without root it needs user namespaces; where they are forbidden it says which setting does it, and ends with 3.
set -euo pipefail

say_why() {
  local setting value
  for setting in kernel.unprivileged_userns_clone=0 user.max_user_namespaces=0 kernel.apparmor_restrict_unprivileged_userns=1; do
    value=$(cat "/proc/sys/$(tr . / <<<"${setting%=*}")" 2>/dev/null || true)
    if [ "$value" = "${setting#*=}" ]; then
      echo "namespaces are forbidden by $setting: sudo sysctl -w ${setting%=*}=$((1 - value))" >&2
      return
    fi
  done
  echo "namespaces are not to be had: the kernel or the container forbids them" >&2
}

# Starts a process in a network namespace of its own, and sets the variable to its number. It says so once it is there.
in_new_space() {
  local said
  exec {said}< <(exec unshare --net sh -c 'echo $$; exec sleep infinity')
  if ! read -r "$1" <&"$said"; then
    echo "no second namespace" >&2
    exit 3
  fi
}

in_space() { nsenter --target "$1" --net "${@:2}"; }

build_lab() {
  local space
  in_new_space LAB_ROUTER
  in_new_space LAB_SERVER
  export LAB_ROUTER LAB_SERVER
  trap 'kill $LAB_ROUTER $LAB_SERVER' EXIT
  # Addresses are there at once: nobody else could have them.
  for space in $$ "$LAB_ROUTER" "$LAB_SERVER"; do
    in_space "$space" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad'
  done
  ip link add eth0 type veth peer name lan netns "$LAB_ROUTER"
  in_space "$LAB_ROUTER" ip link add wan type veth peer name eth0 netns "$LAB_SERVER"
  place "$$" eth0 10.9.1.2/24 fd00:9:1::2/64
  place "$LAB_ROUTER" lan 10.9.1.1/24 fd00:9:1::1/64
  place "$LAB_ROUTER" wan 10.9.2.1/24 fd00:9:2::1/64
  place "$LAB_SERVER" eth0 10.9.2.2/24 fd00:9:2::2/64
  in_space "$LAB_ROUTER" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
  # Each error is told, however many there are.
  in_space "$LAB_ROUTER" sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit'
  ip route add default via 10.9.1.1
  ip -6 route add default via fd00:9:1::1
  in_space "$LAB_SERVER" ip route add default via 10.9.2.1
  in_space "$LAB_SERVER" ip -6 route add default via fd00:9:2::1
}

# Gives an interface its addresses: namespace, interface, addresses.
place() {
  local space=$1 interface=$2 address
  in_space "$space" ip link set lo up
  in_space "$space" ip link set "$interface" up
  for address in "${@:3}"; do
    in_space "$space" ip address add "$address" dev "$interface"
  done
}

if [ "${1:-}" != --inside ]; then
  user=()
  if [ "$(id -u)" != 0 ]; then user=(--user --map-root-user); fi
  if ! unshare "${user[@]}" --net --mount true 2>/dev/null; then
    say_why
    exit 3
  fi
  exec unshare "${user[@]}" --net --mount -- bash "$0" --inside "$@"
fi
shift
ip link set lo up
if [ "${1:-}" != --lab ]; then exec "$@"; fi
shift
build_lab
"$@"
