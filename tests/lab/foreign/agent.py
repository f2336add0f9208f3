"""A pairing agent that agrees to everything without a display or keys, as a desktop would have one."""

import asyncio

from dbus_fast import BusType
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, method


class Agent(ServiceInterface):
    def __init__(self):
        super().__init__("org.bluez.Agent1")

    @method()
    def Release(self): ...

    @method()
    def RequestAuthorization(self, device: "o"): ...

    @method()
    def RequestConfirmation(self, device: "o", passkey: "u"): ...

    @method()
    def AuthorizeService(self, device: "o", uuid: "s"): ...

    @method()
    def Cancel(self): ...


async def main():
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bus.export("/lab/agent", Agent())
    bluez = bus.get_proxy_object("org.bluez", "/org/bluez", await bus.introspect("org.bluez", "/org/bluez"))
    manager = bluez.get_interface("org.bluez.AgentManager1")
    await manager.call_register_agent("/lab/agent", "NoInputNoOutput")
    await manager.call_request_default_agent("/lab/agent")
    print("agent registered", flush=True)
    await bus.wait_for_disconnect()


asyncio.run(main())
