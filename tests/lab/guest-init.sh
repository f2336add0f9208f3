#!/bin/sh
# First process of the lab's guest: loads the drivers, starts D-Bus, the adapter and bluetoothd, then hands over.
# Every process costs tens of milliseconds in an emulated machine, so it starts few of them.
export PATH=/lab/bin:/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 PYTHONPATH=/opt/site
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t tmpfs run /run
for module in /modules/*; do busybox insmod "$module"; done
busybox mkdir -p /run/dbus
busybox ip link set lo up
dbus-uuidgen --ensure
dbus-daemon --system --nopidfile --nofork &
btattach --bredr /dev/hvc0 --protocol h4 --noflowctl >/run/btattach.log 2>&1 &
until [ -S /run/dbus/system_bus_socket ]; do busybox usleep 20000; done
/lab/bluez.sh >/run/bluetoothd.log 2>&1 &
exec python3 /lab/guest.py
