"""An Improv Wi-Fi peripheral, after improv-wifi.com/ble (revision 2.4), with the faults that the scenarios name."""

import asyncio
import re

from bumble.core import AdvertisingData, UUID
from bumble.gatt import Characteristic, CharacteristicValue, Service

from radio import Peripheral

BASE = "00467768-6228-2272-4663-27747826800"
AUTHORIZATION_REQUIRED, AUTHORIZED, PROVISIONING, PROVISIONED = 1, 2, 3, 4
NONE, INVALID_PACKET, UNKNOWN_COMMAND, UNABLE_TO_CONNECT, NOT_AUTHORIZED, BAD_HOSTNAME = range(6)
WIFI, IDENTIFY, INFO, SCAN, HOSTNAME = range(1, 6)
HOST_NAME = re.compile(rb"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")


class Improv(Peripheral):
    defaults = {
        "ssid": "LabNet",
        "password": "secret123",
        "capabilities": 0x0F,
        "info": ["LabFirmware", "1.0.0", "LabChip", "GW-0001"],
        "networks": [["LabNet", "-48", "WPA2"], ["Guest", "-71", "NO"]],
        "urls": ["http://192.168.1.42/"],
        "needs_button": False,      # state 1 until the scenario presses the button
        "is_provisioned": False,    # starts in state 4
        "join_millis": 100,
        "drops": "",                # the link, in state 3: "link" (and goes on joining) or "power" (and is gone for good)
        "silent_from": 0,           # no answer to this command and those above it; 1 is the Wi-Fi settings
        "leaves_after_success": True,
    }

    def services(self):
        self.state = PROVISIONED if self.is_provisioned else AUTHORIZED
        if self.needs_button:
            self.state = AUTHORIZATION_REQUIRED
        self.error, self.result, self.buffer, self.host_name = NONE, b"", b"", b"gw-7"
        read, notify = Characteristic.Properties.READ, Characteristic.Properties.NOTIFY

        def characteristic(number, properties, **value):
            return Characteristic(UUID(f"{BASE}{number}"), properties, self.permissions(), CharacteristicValue(**value))

        self.state_value = characteristic(1, read | notify, read=lambda _: bytes([self.state]))
        self.error_value = characteristic(2, read | notify, read=lambda _: bytes([self.error]))
        command = characteristic(3, Characteristic.Properties.WRITE, write=self.on_write)
        self.result_value = characteristic(4, read | notify, read=lambda _: self.result)
        capabilities = characteristic(5, read, read=lambda _: bytes([self.capabilities]))
        return [Service(UUID(f"{BASE}0"), [self.state_value, self.error_value, command, self.result_value, capabilities])]

    def advertisement(self):
        # 3 + 18 + 10 octets: all of an advertisement's 31. The name is in the scan response.
        return [
            (AdvertisingData.FLAGS, b"\x06"),
            (AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, bytes(UUID(f"{BASE}0"))),
            (AdvertisingData.SERVICE_DATA_16_BIT_UUID, b"\x77\x46" + bytes([self.state, self.capabilities, 0, 0, 0, 0])),
        ]

    def on_connected(self):
        self.buffer = b""

    async def press(self):
        self.say("button pressed")
        await self.set_state(AUTHORIZED)

    async def set_state(self, state):
        self.state = state
        self.say(f"state {state}")
        await self.device.notify_subscribers(self.state_value, bytes([state]))

    async def set_error(self, error):
        if error or self.error:
            self.say(f"error {error}")
        self.error = error
        await self.device.notify_subscribers(self.error_value, bytes([error]))

    async def answer(self, command, strings):
        data = b"".join(bytes([len(text)]) + text for text in strings)
        frame = bytes([command, len(data)]) + data
        self.result = frame + bytes([sum(frame) & 0xFF])
        # Bumble cuts a notification at MTU - 3 octets, as every stack does; the whole is there to be read.
        await self.device.notify_subscribers(self.result_value, self.result)

    def on_write(self, _connection, value):
        self.buffer += bytes(value)
        wanted = self.buffer[1] + 3 if len(self.buffer) > 1 else 2
        if len(self.buffer) < wanted:
            return
        frame, self.buffer = self.buffer, b""
        self.soon(self.execute(frame))

    async def execute(self, frame):
        if len(frame) != frame[1] + 3 or sum(frame[:-1]) & 0xFF != frame[-1]:
            self.say("frame refused")
            return await self.set_error(INVALID_PACKET)
        command, data = frame[0], frame[2:-1]
        self.say(f"command {command}")
        if self.silent_from and command >= self.silent_from:
            return
        if command == WIFI:
            return await self.provision(data)
        await self.set_error(NONE)
        if command == IDENTIFY and self.capabilities & 1:
            self.say("identifies itself")
        elif command == INFO and self.capabilities & 2:
            await self.answer(INFO, [text.encode() for text in self.info])
        elif command == SCAN and self.capabilities & 4:
            await self.answer(SCAN, [text.encode() for network in self.networks for text in network])
        elif command == HOSTNAME and self.capabilities & 8:
            if data and not HOST_NAME.fullmatch(data):
                return await self.set_error(BAD_HOSTNAME)
            if data and self.state == AUTHORIZATION_REQUIRED:
                return await self.set_error(NOT_AUTHORIZED)
            self.host_name = data or self.host_name
            await self.answer(HOSTNAME, [self.host_name])
        else:
            await self.set_error(UNKNOWN_COMMAND)

    async def provision(self, data):
        if self.state == AUTHORIZATION_REQUIRED:
            return await self.set_error(NOT_AUTHORIZED)
        ssid, rest = take_string(data)
        password, rest = take_string(rest)
        if ssid is None or password is None or rest:
            return await self.set_error(INVALID_PACKET)
        self.say(f"credentials for {ssid.decode(errors='replace')}")
        await self.set_error(NONE)
        await self.set_state(PROVISIONING)
        await asyncio.sleep(self.join_millis / 1000)
        if self.drops:
            self.is_gone = self.drops == "power"
            await self.drop()
            await asyncio.sleep(self.join_millis / 1000)
        if (ssid, password) != (self.ssid.encode(), self.password.encode()):
            await self.set_state(AUTHORIZED)
            return await self.set_error(UNABLE_TO_CONNECT)
        await self.set_state(PROVISIONED)
        await self.answer(WIFI, [url.encode() for url in self.urls])
        if self.leaves_after_success:
            await asyncio.sleep(1)
            await self.drop()


def take_string(data):
    """The length-prefixed string at the start, and what follows it; `None` when it runs past the end."""
    if not data or len(data) < 1 + data[0]:
        return None, data
    return data[1 : 1 + data[0]], data[1 + data[0] :]
