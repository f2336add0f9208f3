#!/usr/bin/env python3
"""Time from the start of a program to "joined", for Linesman and for esp-rainmaker-cli, on the same simulated device.

    python3 benches/esp_prov.py target/release/linesman target/tmp/esp-rainmaker/venv/bin/python

The device joins at once and speaks Security 2 with a counter over HTTP on this computer; each run has a new one. The second
argument is the Python that `cargo test --test it esp_rainmaker` installs the other client for. Both do the same: version,
session, a token or what the device is, credentials, apply, and questions until it says that it joined; Linesman also lets it
scan unless told not to. What the other client waits by itself is said beside its time.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = int(os.environ.get("RUNS", "7"))
DRIVE = os.path.join(os.path.dirname(__file__), "../tests/peers/esp-rainmaker/drive.py")


class Device:
    def __init__(self, binary, folder):
        command = [binary, "sim", "--profile", "generic-esp", "--driver", "esp-prov", "--via", "http",
                   "--join-millis", "0", "--state-dir", os.path.join(folder, "card"), "--data-dir", folder]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.ready = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self.ready

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def ours(binary, ready, folder, *more):
    command = [binary, "commission", "--via", ready["link"], "--driver", "esp-prov", "--ssid", ready["ssid"],
               "--username", ready["username"], "--data-dir", folder,
               "--password-file", write(folder, "password", ready["password"]),
               "--pop-file", write(folder, "pop", ready["pop"]), *more]
    began = time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and "JOINED" in ran.stdout, ran
    return time.monotonic() - began


def theirs(python, ready):
    command = [python, "-I", DRIVE, ready["port"], "2", ready["username"], ready["pop"], ready["ssid"], ready["password"]]
    began = time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    assert json.loads(ran.stdout.splitlines()[-1])["joined"], ran
    return took


def main():
    binary, python = sys.argv[1:]
    times = {"linesman": [], "linesman --no-scan": [], "esp-rainmaker-cli": []}
    for _ in range(RUNS):
        for name, taken in times.items():
            with tempfile.TemporaryDirectory() as folder, Device(binary, folder) as ready:
                if name == "esp-rainmaker-cli":
                    taken.append(theirs(python, ready))
                else:
                    taken.append(ours(binary, ready, folder, *name.split()[1:]))
    print(f"From the start of the program to joined, {RUNS} runs each in turn: least, median, most")
    for name, taken in times.items():
        print(f"{name:<20} {min(taken):6.2f} {statistics.median(taken):6.2f} {max(taken):6.2f} s")
    share = statistics.median(times["linesman"]) / statistics.median(times["esp-rainmaker-cli"])
    without = statistics.median(times["linesman"]) / (statistics.median(times["esp-rainmaker-cli"]) - 5)
    print(f"ours is {share:.2f} of theirs; {without:.2f} without the 5 s it always waits before its first question")


main()
