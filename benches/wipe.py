#!/usr/bin/env python3
"""Takes many simulated gateways out of service in one run of `linesman wipe --manifest`, and counts what is on record.

    cargo build --release --locked
    python3 benches/wipe.py target/release/linesman [gateways] [parallel]

Each gateway is a process of its own (`linesman sim`, a Linux console behind a pseudo-terminal) that holds a network. Measured is
the time of the whole run on the wall. Each must end complete, seen empty after its restart, and stand so in the records.
"""

import csv
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def start(program: str, folder: Path, number: int) -> tuple[subprocess.Popen, dict]:
    """One simulated gateway, and where it is."""
    card = folder / f"card{number}"
    card.mkdir()
    # As a gateway keeps it that was set up: what was never there can't be seen to be gone.
    (card / "wifi.conf").write_text(f"ssid={b'Site-Office'.hex()}\npsk=correct horse battery\n")
    arguments = ["sim", "--profile", "generic-linux", "--driver", "linux-console", "--serial-number", f"W{number:04}"]
    arguments += ["--state-dir", str(card), "--join-millis", "1", "--data-dir", str(folder / "sims")]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
    return process, json.loads(process.stdout.readline())


def main() -> None:
    program = sys.argv[1] if len(sys.argv) > 1 else "target/release/linesman"
    gateways = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    parallel = sys.argv[3] if len(sys.argv) > 3 else "8"
    processes = []
    with tempfile.TemporaryDirectory(prefix="linesman-wipe-") as name:
        folder = Path(name)
        try:
            rows = []
            for number in range(1, gateways + 1):
                process, ready = start(program, folder, number)
                processes.append(process)
                serial = f"W{number:04}"
                rows.append([serial, ready["link"], "generic-linux", serial, ready["username"], "login"])
            (folder / "login").write_text(ready["pop"])
            with open(folder / "site.csv", "w", newline="", encoding="utf-8") as file:
                header = ["name", "match", "profile", "serial", "username", "pop_file"]
                csv.writer(file).writerows([header, *rows])
            measure(program, folder, gateways, parallel)
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait()


def measure(program: str, folder: Path, gateways: int, parallel: str) -> None:
    data = ["--data-dir", str(folder / "data")]
    command = [program, "wipe", "--manifest", str(folder / "site.csv"), "--confirm-all", str(gateways)]
    begun = time.monotonic()
    ran = subprocess.run([*command, "--parallel", parallel, "--json", *data], stdout=subprocess.PIPE, text=True)
    took = time.monotonic() - begun
    summary = json.loads(ran.stdout.splitlines()[-1])
    listed = subprocess.run([program, "records", "list", "--limit", "1000", "--json", *data], stdout=subprocess.PIPE, text=True)
    complete = sum(json.loads(line)["outcome"] == "complete" for line in listed.stdout.splitlines())
    print(f"{took:.2f} s for {gateways} gateways, {parallel} at once; exit {ran.returncode}")
    print(f"summary {summary['complete']} complete of {summary['gateways']}; {complete} complete on record")
    if ran.returncode or complete != gateways:
        sys.exit("lost or not complete")


main()
