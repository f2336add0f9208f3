"""Provisions a gateway with esp-rainmaker-cli's own modules over BLE. Prints JSON lines with the times of steps.

    esp_client.py NAME SSID PASSWORD POP [TOKEN-ENDPOINT TOKEN] [--again PASSWORD] [--takes-back]

`--again` resets a refused attempt by `prov-ctrl` and sends this passphrase. `--takes-back` asks after the join for the reset
that only a refused one may have, then for the one that makes the gateway forget its network.
"""

import argparse
import json
import time

BEGAN = time.monotonic()

from rmaker_tools.rmaker_prov.prov import prov_util  # noqa: E402


def tell(step, **more):
    print(json.dumps({"step": step, "at_millis": round((time.monotonic() - BEGAN) * 1000), **more}), flush=True)


def main(options):
    tell("imported")
    link = prov_util.get_transport("ble", options.name)
    tell("connected")
    version = json.loads(prov_util.get_version(link))["prov"]
    tell("described", version=version)
    level, patch = version["sec_ver"], version.get("sec_patch_ver", 0)
    security = prov_util.get_security(level, patch, "wifiprov", options.pop, options.pop)
    try:
        is_open = prov_util.establish_session(link, security)
    except Exception as error:
        return tell("result", outcome="refused", error=type(error).__name__)
    tell("session", is_open=is_open)
    networks = prov_util.scan_wifi_APs("ble", link, security)
    tell("networks", networks=[[network["ssid"], network["rssi"], network["auth"]] for network in networks])
    if options.endpoint:
        answer = link.send_data(options.endpoint, security.encrypt_data(options.token.encode()).decode("latin-1"))
        tell("token", answer=security.decrypt_data(answer.encode("latin-1")).decode())
    state = join(link, security, options.ssid, options.password)
    if state == "failed" and options.again:
        tell("reset", is_accepted=is_accepted(prov_util.ctrl_reset, link, security))
        state = join(link, security, options.ssid, options.again)
    tell("result", outcome=state)
    if options.takes_back:
        tell("reset", is_accepted=is_accepted(prov_util.ctrl_reset, link, security))
        tell("forgotten", is_accepted=is_accepted(prov_util.ctrl_reprov, link, security))
        tell("state", state=prov_util.get_wifi_config(link, security))
    link.disconnect()


def join(link, security, ssid, password):
    assert prov_util.send_wifi_config(link, security, ssid, password)
    assert prov_util.apply_wifi_config(link, security)
    while (state := prov_util.get_wifi_config(link, security)) == "connecting":
        time.sleep(0.2)
    return state


def is_accepted(request, link, security):
    """Whether the gateway took it: the client's module raises where the gateway names a status."""
    try:
        return request(link, security)
    except RuntimeError:
        return False


parser = argparse.ArgumentParser()
for place in ("name", "ssid", "password", "pop"):
    parser.add_argument(place)
for place in ("endpoint", "token"):
    parser.add_argument(place, nargs="?")
parser.add_argument("--again")
parser.add_argument("--takes-back", action="store_true")
main(parser.parse_args())
