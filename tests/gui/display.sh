#!/usr/bin/env bash
# Runs a command in a desktop session of its own: X display, message bus, accessibility bus, window manager.
#   tests/gui/display.sh COMMAND [ARGUMENT…]
# LINESMAN_SCREEN is the size of the screen; with LINESMAN_BARE windows fill it and have no frame.
# Nothing of the caller's session is touched, and all of it is gone when the command ends.
# Needs (Debian): xvfb openbox xdotool dbus at-spi2-core libgl1-mesa-dri; what drops files: pcmanfm libatk-adaptor libgail-common
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: display.sh COMMAND [ARGUMENT…]" >&2; exit 2; }

folder=$(mktemp -d)
started=()
clean_up() {
  local at
  # Last started, first ended.
  for ((at = ${#started[@]} - 1; at >= 0; at--)); do
    kill "${started[at]}" 2>/dev/null || true
  done
  for pid in "${started[@]}"; do
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

give_up() {
  echo "display.sh: $1" >&2
  tail -n 20 "$folder"/*.log >&2 || true
  exit 3
}

# Waits up to 20 s for a command to succeed; on a busy machine a bus takes its time.
await() {
  local what=$1
  shift
  for _ in $(seq 200); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  give_up "$what did not come up"
}

mkdir -m 700 "$folder/run" "$folder/home" "$folder/screen"
export XDG_RUNTIME_DIR=$folder/run HOME=$folder/home XDG_SESSION_TYPE=x11
export XDG_CONFIG_HOME=$HOME/.config XDG_DATA_HOME=$HOME/.local/share XDG_CACHE_HOME=$HOME/.cache XDG_STATE_HOME=$HOME/.local/state
export LIBGL_ALWAYS_SOFTWARE=1 LANG=C.UTF-8
unset WAYLAND_DISPLAY WAYLAND_SOCKET AT_SPI_BUS_ADDRESS DBUS_SESSION_BUS_ADDRESS XAUTHORITY DESKTOP_SESSION XDG_CURRENT_DESKTOP

# Xvfb picks a free display number and keeps its picture in a file, where screenshots are taken from.
screen=${LINESMAN_SCREEN:-1600x1000}
Xvfb -displayfd 3 -screen 0 "${screen}x24" -fbdir "$folder/screen" -nolisten tcp -noreset \
  3>"$folder/display" >"$folder/xvfb.log" 2>&1 &
started+=($!)
await "Xvfb" test -s "$folder/display"
DISPLAY=:$(cat "$folder/display")
export DISPLAY LINESMAN_SCREEN_FILE=$folder/screen/Xvfb_screen0

dbus-daemon --session --nofork --address="unix:path=$folder/run/bus" >"$folder/dbus.log" 2>&1 &
started+=($!)
export DBUS_SESSION_BUS_ADDRESS=unix:path=$folder/run/bus
await "the message bus" test -S "$folder/run/bus"

for launcher in /usr/libexec/at-spi-bus-launcher /usr/lib/at-spi2-core/at-spi-bus-launcher; do
  [ -x "$launcher" ] && break
done
"$launcher" --launch-immediately >"$folder/atspi.log" 2>&1 &
started+=($!)
ask_atspi() { dbus-send --session --print-reply --dest=org.a11y.Bus /org/a11y/bus "$@"; }
await "the accessibility bus" ask_atspi org.a11y.Bus.GetAddress
# A window offers its accessibility tree only when somebody wants it.
ask_atspi org.freedesktop.DBus.Properties.Set string:org.a11y.Status string:IsEnabled variant:boolean:true >/dev/null ||
  give_up "accessibility could not be switched on"

rules=()
if [ -n "${LINESMAN_BARE:-}" ]; then
  cat >"$folder/openbox.xml" <<'XML'
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <applications><application class="*"><decor>no</decor><maximized>yes</maximized></application></applications>
</openbox_config>
XML
  rules=(--config-file "$folder/openbox.xml")
fi
openbox "${rules[@]}" >"$folder/openbox.log" 2>&1 &
started+=($!)
await "openbox" xdotool get_num_desktops
# The pointer starts mid-screen and would hover what is there.
xdotool mousemove $((${screen%x*} - 1)) $((${screen#*x} - 1))

"$@"
