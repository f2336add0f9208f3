"""Provisions a gateway with esp-rainmaker-cli's own modules over BLE. Prints JSON lines with the times of steps.

    esp_client.py NAME SSID PASSWORD POP [TOKEN-ENDPOINT TOKEN]
"""

import json
import sys
import time

BEGAN = time.monotonic()

from rmaker_tools.rmaker_prov.prov import prov_util  # noqa: E402


def tell(step, **more):
    print(json.dumps({"step": step, "at_millis": round((time.monotonic() - BEGAN) * 1000), **more}), flush=True)


def main(name, ssid, password, pop, endpoint=None, token=None):
    tell("imported")
    link = prov_util.get_transport("ble", name)
    tell("connected")
    version = json.loads(prov_util.get_version(link))["prov"]
    tell("described", version=version)
    security = prov_util.get_security(version["sec_ver"], version.get("sec_patch_ver", 0), "wifiprov", pop, pop)
    try:
        is_open = prov_util.establish_session(link, security)
    except Exception as error:
        return tell("result", outcome="refused", error=type(error).__name__)
    tell("session", is_open=is_open)
    networks = prov_util.scan_wifi_APs("ble", link, security)
    tell("networks", networks=[[network["ssid"], network["rssi"], network["auth"]] for network in networks])
    if endpoint:
        answer = link.send_data(endpoint, security.encrypt_data(token.encode()).decode("latin-1"))
        tell("token", answer=security.decrypt_data(answer.encode("latin-1")).decode())
    assert prov_util.send_wifi_config(link, security, ssid, password)
    assert prov_util.apply_wifi_config(link, security)
    while (state := prov_util.get_wifi_config(link, security)) == "connecting":
        time.sleep(0.2)
    tell("result", outcome=state)
    link.disconnect()


main(*sys.argv[1:])
