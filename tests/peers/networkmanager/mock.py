"""A NetworkManager for nmcli that knows one radio and four networks: python-dbusmock's, made to look at the passphrase.

Usage: mock.py PASSPHRASE, with DBUS_SYSTEM_BUS_ADDRESS set to a private bus. Prints "ready" and runs until it is ended.
"""

import os
import sys
import time

import dbus

MANAGER = '/org/freedesktop/NetworkManager'
INTERFACE = 'org.freedesktop.NetworkManager'
MOCK = 'org.freedesktop.DBus.Mock'
PSK = 0x100

# Refuses a passphrase that is not the network's, as NetworkManager does; else what the template does.
JOIN = f'''
import dbus.exceptions
import dbusmock
given = str(args[0].get('802-11-wireless-security', {{}}).get('psk', ''))
name = bytes(dbusmock.get_object(args[2]).props['org.freedesktop.NetworkManager.AccessPoint']['Ssid']).decode()
if given != {sys.argv[1]!r} and name != 'Guest':
    raise dbus.exceptions.DBusException('Secrets were required, but not provided.', name='org.freedesktop.NetworkManager.Failed')
ret = self.add_and_activate_connection(self, args[0], args[1], args[2])
# Success on another network, as where a stored profile comes first.
point = args[2] if name != 'Trap' else dbus.ObjectPath(str(args[2]).rsplit('/', 1)[0] + '/ap2')
dbusmock.get_object(ret[0]).settings['connection']['id'] = args[0]['connection']['id']
dbusmock.get_object(args[1]).Set('org.freedesktop.NetworkManager.Device.Wireless', 'ActiveAccessPoint', point)
'''

# The template's scan never ends: nmcli waits for the time of the last one to change.
SCAN = '''
import dbus, time
now = dbus.Int64(int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000))
self.UpdateProperties('org.freedesktop.NetworkManager.Device.Wireless', {'LastScan': now})
'''

# This process becomes the mock, so that ending it ends the mock; the other one sets it up and goes.
if os.fork() != 0:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.execv(sys.executable, [sys.executable, '-m', 'dbusmock', '--system', '--template', 'networkmanager'])
bus = dbus.bus.BusConnection(os.environ['DBUS_SYSTEM_BUS_ADDRESS'])
for _ in range(200):
    if bus.name_has_owner(INTERFACE):
        break
    time.sleep(0.05)
manager = bus.get_object(INTERFACE, MANAGER)
mocking = dbus.Interface(manager, MOCK)
radio = mocking.AddWiFiDevice('radio', 'wlan0', 30)
for number, (ssid, signal, flags) in enumerate([('Site-Office', 70, PSK), ('Off:ice', 55, PSK), ('Guest', 40, 0), ('Trap', 60, PSK)]):
    address = f'00:23:F8:7E:12:{number:02X}'
    mocking.AddAccessPoint(radio, f'ap{number}', ssid, address, 2, 2437, 5400, dbus.Byte(signal), flags)
mocking.AddMethod(INTERFACE, 'AddAndActivateConnection', 'a{sa{sv}}oo', 'oo', JOIN)
wireless = dbus.Interface(bus.get_object(INTERFACE, radio), MOCK)
wireless.AddProperty(INTERFACE + '.Device.Wireless', 'LastScan', dbus.Int64(1))
wireless.AddProperty(INTERFACE + '.Device.Wireless', 'ActiveAccessPoint', dbus.ObjectPath('/'))
wireless.AddMethod(INTERFACE + '.Device.Wireless', 'RequestScan', 'a{sv}', '', SCAN)
print('ready', flush=True)
