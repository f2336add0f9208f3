"""Drives a simulated device with esp-rainmaker-cli's provisioning, and prints what came of it as JSON lines.

    drive.py HOST:PORT SECURITY USERNAME PROOF SSID PASSPHRASE

Its own code does everything from the version to the verdict; only where the device is comes from here, since it knows one
address. It asks nobody, needs no account and reaches nothing else.
"""

import builtins
import contextlib
import io
import json
import sys
import time

from rmaker_tools.common import transport
from rmaker_tools.rmaker_prov import esp_rainmaker_prov


def tell(step, **facts):
    print(json.dumps({"step": step, **facts}), file=sys.__stdout__, flush=True)


def main():
    address, security, username, proof, ssid, passphrase = sys.argv[1:]
    prov = esp_rainmaker_prov.esp_prov
    prov.get_transport = lambda _mode, _name: transport.Transport_HTTP(address)

    def no_questions(*_):
        raise EOFError("it asks a question")

    builtins.input = no_questions
    began = time.monotonic()
    said = io.StringIO()
    result, error = None, None
    with contextlib.redirect_stdout(said):
        try:
            result = esp_rainmaker_prov.provision_device(
                "softap",
                proof,
                "user",
                "secret key",
                ssid=ssid,
                passphrase=passphrase,
                security_version=int(security) if security else None,
                sec2_username=username,
                sec2_password=proof,
                no_retry=True,
            )
        except BaseException as raised:  # noqa: B902  (it ends by exit in places)
            error = f"{type(raised).__name__}: {raised}"
    is_joined = isinstance(result, tuple) and result[0] is not None
    tell("result", joined=is_joined, node=result[0] if is_joined else None, error=error,
         secs=round(time.monotonic() - began, 3), said=said.getvalue().splitlines())


def scan():
    """Lists networks by the client's own scan, in a session of its own."""
    address, security, username, proof = sys.argv[2:]
    prov = esp_rainmaker_prov.esp_prov
    with contextlib.redirect_stdout(io.StringIO()):
        link = transport.Transport_HTTP(address)
        patch = prov.get_sec_patch_ver(link)
        cipher = prov.get_security(int(security), patch, username, proof, proof)
        is_open = prov.establish_session(link, cipher)
        networks = prov.scan_wifi_APs("softap", link, cipher)
    tell("scan", open=bool(is_open), patch=patch, networks=networks)


if sys.argv[1] == "scan":
    scan()
else:
    main()
