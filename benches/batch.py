#!/usr/bin/env python3
"""Commissions many simulated gateways in one run of `linesman batch` and counts what is on record.

    cargo build --profile dist --locked
    python3 benches/batch.py target/dist/linesman [gateways] [parallel]

Each gateway is a process of its own (`linesman sim`) behind a pseudo-terminal, and joins after 1.2 s. Measured are the
time of the whole run on the wall, and the most memory the program had, as the system tells of an ended process. Nothing
may be lost: as many jobs with the outcome `joined` stand in the records, and as many lines in the results, as there are
gateways.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

JOIN_MILLIS = 1200


def start(program: str, folder: Path, number: int) -> tuple[subprocess.Popen, dict]:
    """One simulated gateway, and where it is."""
    arguments = ["sim", "--profile", "generic-improv", "--serial-number", f"B{number:04}"]
    arguments += ["--join-millis", str(JOIN_MILLIS), "--data-dir", str(folder / "sims")]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
    return process, json.loads(process.stdout.readline())


def main() -> None:
    program = sys.argv[1] if len(sys.argv) > 1 else "target/dist/linesman"
    gateways = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    parallel = sys.argv[3] if len(sys.argv) > 3 else "8"
    processes = []
    with tempfile.TemporaryDirectory(prefix="linesman-batch-") as name:
        folder = Path(name)
        try:
            rows = []
            for number in range(1, gateways + 1):
                process, ready = start(program, folder, number)
                processes.append(process)
                rows.append([f"Gateway {number}", ready["link"], "generic-improv", ready["ssid"], "wifi.txt"])
            (folder / "wifi.txt").write_text(ready["password"])
            with open(folder / "site.csv", "w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([["name", "match", "profile", "ssid", "password_file"], *rows])
            measure(program, folder, gateways, parallel)
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait()


def measure(program: str, folder: Path, gateways: int, parallel: str) -> None:
    data = ["--data-dir", str(folder / "data")]
    results = folder / "results.csv"
    arguments = ["batch", str(folder / "site.csv"), "--parallel", parallel, "--out", str(results), "--json", *data]
    began = time.monotonic()
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
    summary = json.loads(process.stdout.read().splitlines()[-1])
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, summary

    listed = subprocess.run(
        [program, "records", "list", "--limit", "100000", "--json", *data], stdout=subprocess.PIPE, text=True, check=True
    )
    jobs = [json.loads(line) for line in listed.stdout.splitlines()]
    joined = sum(job["outcome"] == "joined" for job in jobs)
    with open(results, newline="", encoding="utf-8") as file:
        lines = [row for row in csv.DictReader(file) if row["row"] != "total"]
    in_results = sum(row["outcome"] == "joined" for row in lines)
    # The gateways alone, one after the other on each of the links, take that long.
    floor = -(-gateways // int(parallel)) * JOIN_MILLIS / 1000
    print(f"{gateways} gateways, {parallel} at once, each joins after {JOIN_MILLIS / 1000:.1f} s")
    print(f"  whole run            {took:8.2f} s  (the joins alone: {floor:.2f} s)")
    print(f"  CPU time             {usage.ru_utime + usage.ru_stime:8.2f} s")
    print(f"  most memory          {usage.ru_maxrss / 1024:8.1f} MiB")
    print(f"  jobs on record       {len(jobs):8}    joined {joined}")
    print(f"  lines in the results {len(lines):8}    joined {in_results}")
    assert summary["joined"] == len(jobs) == joined == len(lines) == in_results == gateways, "something was lost"


if __name__ == "__main__":
    main()
