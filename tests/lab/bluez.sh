#!/bin/sh
# Runs bluetoothd, and says in its log how it ended: Debian's crashes now and then.
/usr/libexec/bluetooth/bluetoothd --nodetach
echo "bluetoothd ended with $?"
