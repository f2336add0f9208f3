"""Provisions a gateway with py-improv-ble-client, the client of Home Assistant. Prints JSON lines with the times of steps.

    improv_client.py ADDRESS SSID PASSWORD [--identify] [--describe]
"""

import asyncio
import json
import sys
import time

BEGAN = time.monotonic()

from bleak import BleakScanner  # noqa: E402
from improv_ble_client import ImprovBLEClient, State, device_filter, errors  # noqa: E402


def tell(step, **more):
    print(json.dumps({"step": step, "at_millis": round((time.monotonic() - BEGAN) * 1000), **more}), flush=True)


async def main(address, ssid, password, *flags):
    tell("imported")
    heard = {}

    def is_ours(device, advertisement):
        heard[device.address] = advertisement
        return device.address == address and device_filter(advertisement)

    device = await BleakScanner.find_device_by_filter(is_ours, timeout=20)
    if device is None:
        return tell("result", outcome="not-found")
    tell("found", name=heard[address].local_name, rssi_dbm=heard[address].rssi)
    client = ImprovBLEClient(device)
    try:
        await client.ensure_connected()
        tell("connected", can_identify=client.can_identify)
        if "--identify" in flags:
            await client.identify()
            tell("identified")
        if "--describe" in flags:
            tell("info", text=str(await client.get_device_info()))
            tell("networks", text=str(await client.scan_wifi()))
        if await client.need_authorization():
            ready = asyncio.Event()
            await client.subscribe_state_updates(lambda state: state == State.AUTHORIZED and ready.set())
            tell("authorization-required")
            await asyncio.wait_for(ready.wait(), 20)
        url = await client.provision(ssid, password, lambda state: tell("state", state=state.name))
        tell("result", outcome="joined", url=url)
    except errors.ProvisioningFailed as error:
        tell("result", outcome="refused", error=error.error.name)
    except errors.ImprovError as error:
        tell("result", outcome="failed", error=type(error).__name__)


asyncio.run(main(*sys.argv[1:]))
