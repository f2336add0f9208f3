"""The lab's radio: the guest's Bluetooth adapter and the peripherals it meets over the air. Bumble does the work.

The radio is perfect: no loss, no range. A peripheral is a `Peripheral` with services, an advertisement and a log.
"""

import asyncio
import itertools
import logging
import time

from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import AdvertisingData
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import Characteristic
from bumble.hci import Address
from bumble.host import Host
from bumble.link import LocalLink
from bumble.pairing import PairingConfig
from bumble.transport.common import AsyncPipeSink

ADAPTER_ADDRESS = "F0:F1:F2:00:00:01/P"
# Without these both sides use the commands of Bluetooth 4, which Bumble's controller follows more closely. With privacy
# the kernel waits for another event than Bumble sends, and after four seconds it calls off what has long been connected.
BEYOND = (hci.LeFeatureMask.LE_EXTENDED_ADVERTISING | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
          | hci.LeFeatureMask.LL_PRIVACY)

logging.getLogger("bumble").setLevel(logging.ERROR)


class Air(LocalLink):
    """What all controllers share. Bumble's own takes every sender for its random address; BlueZ sends from its public one."""

    def send_acl_data(self, sender, destination, transport, data):
        connection, receiver = sender.le_connections.get(destination), self.find_le_controller(destination)
        if connection and receiver:
            asyncio.get_running_loop().call_soon(receiver.on_link_acl_data, connection.self_address, transport, data)


class Adapter(Controller):
    """The guest's hci0. Three things that Bumble's controller leaves out and BlueZ minds: scan responses with their own
    content, a signal strength, and the end of a connection attempt that is called off."""

    le_features = Controller.le_features & ~BEYOND

    def on_advertising_pdu(self, pdu):
        sender = self.link.find_le_controller(pdu.advertiser_address)
        if sender is None:
            return
        if self.le_scan_enable:
            event = hci.HCI_LE_Advertising_Report_Event
            self.report(event.EventType.ADV_IND, pdu.advertiser_address, sender.rssi, pdu.data)
            if self.le_scan_type == 1:
                answer = sender.le_legacy_advertiser.scan_response_data
                self.report(event.EventType.SCAN_RSP, pdu.advertiser_address, sender.rssi, answer)
        pending = self.pending_le_connection
        if pending and pending.peer_address == pdu.advertiser_address:
            if getattr(sender, "leaves_when_called", False):
                sender.le_legacy_advertiser.stop()
            else:
                self.create_le_connection(pdu.advertiser_address)

    def report(self, event_type, address, rssi, data):
        event = hci.HCI_LE_Advertising_Report_Event
        self.send_hci_packet(event([event.Report(event_type=event_type, address_type=address.address_type,
                                                 address=address, data=bytes(data), rssi=rssi)]))

    def on_hci_le_create_connection_cancel_command(self, _command):
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        asyncio.get_running_loop().call_soon(self.send_hci_packet, hci.HCI_LE_Connection_Complete_Event(
            status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR, connection_handle=0, role=0,
            peer_address_type=pending.peer_address.address_type, peer_address=pending.peer_address,
            connection_interval=0, peripheral_latency=0, supervision_timeout=0, central_clock_accuracy=0))
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    async def hear_crowd(self, count, interval_secs=2):
        """Hears many devices that only advertise, each with its own address and strength, for as long as this runs."""
        event = hci.HCI_LE_Advertising_Report_Event
        for number in itertools.cycle(range(count)):
            if self.le_scan_enable:
                address = Address(f"D0:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}", Address.RANDOM_DEVICE_ADDRESS)
                data = b"\x02\x01\x06" + b"\x05\xff\x59\x00" + number.to_bytes(2, "little")
                self.report(event.EventType.ADV_IND, address, -40 - number % 60, data)
            await asyncio.sleep(interval_secs / count)


class PeripheralController(Controller):
    le_features = Controller.le_features & ~BEYOND
    rssi = -50


class Peripheral:
    """One device on the air. `options` are those of the scenario file; unknown ones are an error."""

    defaults = {
        "name": "GW-0001",          # in the scan response
        "address": None,            # a static random address: its first two bits are 1
        "rssi_dbm": -50,            # as the guest hears it
        "mtu": 517,                 # the largest ATT MTU agreed to
        "pairing": False,           # its characteristics need an encrypted link (Just Works)
        "leaves_when_called": False,  # is heard, and gone as soon as somebody connects
        "interval_millis": 100,     # between advertisements
    }

    def __init__(self, air, options):
        known = {**Peripheral.defaults, **self.defaults}
        if unknown := options.keys() - known.keys() - {"kind"}:
            raise ValueError(f"unknown options of a peripheral: {unknown}")
        self.__dict__.update({**known, **options})
        self.air, self.log, self.connection, self.tasks, self.is_gone = air, [], None, set(), False
        self.began = time.monotonic()

    def say(self, text):
        self.log.append(text)
        print(f"    [{time.monotonic() - self.began:6.2f} s] {self.name}: {text}", flush=True)

    def soon(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        task.add_done_callback(lambda task: task.cancelled() or task.result())

    # What a kind of peripheral says of itself.
    def services(self):
        raise NotImplementedError

    def advertisement(self):
        raise NotImplementedError

    def on_connected(self):
        pass

    def permissions(self):
        allowed = Characteristic.Permissions.READABLE | Characteristic.Permissions.WRITEABLE
        if self.pairing:
            allowed |= Characteristic.Permissions.READ_REQUIRES_ENCRYPTION
            allowed |= Characteristic.Permissions.WRITE_REQUIRES_ENCRYPTION
        return allowed

    async def start(self):
        self.controller = PeripheralController(self.name, link=self.air)
        self.controller.rssi = self.rssi_dbm
        self.controller.leaves_when_called = self.leaves_when_called
        host = Host()
        host.controller = self.controller
        self.controller.host = AsyncPipeSink(host)
        address = Address(self.address, Address.RANDOM_DEVICE_ADDRESS)
        self.device = Device(config=DeviceConfiguration(name=self.name, address=address), host=host)
        self.device.add_services(self.services())
        self.device.gatt_server.max_mtu = self.mtu
        self.device.pairing_config_factory = lambda _: PairingConfig(sc=True, mitm=False, bonding=True)
        self.device.on("connection", self.connected)
        await self.device.power_on()
        await self.advertise()

    async def advertise(self):
        response = AdvertisingData([(AdvertisingData.COMPLETE_LOCAL_NAME, self.name.encode())])
        await self.device.start_advertising(
            advertising_data=bytes(AdvertisingData(self.advertisement())), scan_response_data=bytes(response),
            advertising_interval_min=self.interval_millis, advertising_interval_max=self.interval_millis)

    def connected(self, connection):
        self.connection = connection
        self.say("connected")
        connection.on("disconnection", self.disconnected)
        connection.on("pairing", lambda _keys: self.say("paired"))
        connection.on("pairing_failure", lambda reason: self.say(f"pairing failed: {reason}"))
        self.on_connected()

    def disconnected(self, _reason):
        self.say("disconnected")
        self.connection = None
        if not self.is_gone:
            self.soon(self.advertise())

    async def is_let_go(self, within_secs=8):
        """Whether nobody is connected, or soon nobody will be: BlueZ takes its time after a program has ended."""
        until = time.monotonic() + within_secs
        while self.connection and time.monotonic() < until:
            await asyncio.sleep(0.02)
        return self.connection is None

    async def drop(self):
        """Ends the link as a device does that restarts: nothing is said at the level of the protocol."""
        if self.connection:
            self.say("drops the link")
            await self.connection.disconnect()

    async def stop(self):
        self.is_gone = True
        if self.connection:
            await self.connection.disconnect()
        # What only has to finish a command may do so; what waits for something else may not.
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=0.1)
        for task in list(self.tasks):
            task.cancel()
        # From here on its host hears nothing more, not even the answers to commands that a cancelled task has sent.
        self.controller.le_legacy_advertiser.stop()
        self.controller.host = None
        self.air.remove_controller(self.controller)
