#!/usr/bin/env python3
"""Searches an image for secrets by `linesman wipe scan`, and by `grep -c` with the same patterns, one after the other in one run.

    cargo build --release --locked
    python3 benches/card_scan.py target/release/linesman [GiB] [rounds]

The image is full of random bytes and text, without holes, and holds no copy but one at its very end, so that both read all of
it. Both read it from the page cache where it fits there; what fits is told. grep gets the plain text and the hexadecimal digits,
the base64 forms and UTF-16 of the same secrets: as many fixed patterns as linesman looks for, near enough, as `grep -a -c -F -f`.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECRETS = ["correct horse battery", "9f86d081884c7d659a2feaa0c55ad015"]


def patterns(secret: str) -> list[bytes]:
    """The forms without line breaks or zero bytes, which grep can take from a file."""
    raw = secret.encode()
    forms = [raw, raw.hex().encode(), raw.hex().upper().encode()]
    for lead in range(3):
        padded = b"\0" * lead + raw
        whole = padded[: len(padded) // 3 * 3]
        forms.append(base64.b64encode(whole)[lead + 1 if lead else 0 :].rstrip(b"="))
    percent = "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in secret)
    forms += [percent.encode(), percent.lower().encode(), "".join(f"%{b:02x}" for b in raw).encode()]
    forms += ["".join(f"%{b:02X}" for b in raw).encode(), percent.replace("%20", "+").encode()]
    forms += ["".join(f"\\u{b:04x}" for b in raw).encode(), "".join(f"\\u{b:04X}" for b in raw).encode()]
    return list(dict.fromkeys(forms))


def make(image: Path, gibibytes: float) -> None:
    """Random bytes and text in turns, and the secret last."""
    text = (b"network={\n\tssid=\"Site-Office\"\n\tpsk=\"not this one\"\n}\n" * 20000)[: 1 << 20]
    with open(image, "wb") as file:
        for _ in range(int(gibibytes * 512)):
            file.write(os.urandom(1 << 20))
            file.write(text)
        file.write(SECRETS[0].encode())


def timed(command: list[str], expected: int) -> tuple[float, int]:
    """How long it took, and the most memory it had, in KiB."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - begun
    if os.waitstatus_to_exitcode(status) != expected:
        sys.exit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return took, usage.ru_maxrss


def main() -> None:
    program = sys.argv[1] if len(sys.argv) > 1 else "target/release/linesman"
    gibibytes = float(sys.argv[2]) if len(sys.argv) > 2 else 2
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    with tempfile.TemporaryDirectory(prefix="linesman-scan-", dir=os.environ.get("SCAN_DIR")) as name:
        folder = Path(name)
        image = folder / "image"
        make(image, gibibytes)
        files = []
        for number, secret in enumerate(SECRETS):
            (folder / f"secret{number}").write_text(secret)
            files += ["--secret-file", str(folder / f"secret{number}")]
        (folder / "patterns").write_bytes(b"\n".join(form for secret in SECRETS for form in patterns(secret)) + b"\n")
        scan = [program, "wipe", "scan", str(image), *files, "--json", "--data-dir", str(folder / "data")]
        grep = ["grep", "-a", "-c", "-F", "-f", str(folder / "patterns"), str(image)]
        for number in range(rounds):
            ours, memory = timed(scan, 1)
            theirs, _ = timed(["env", "LC_ALL=C", *grep], 0)
            rate = image.stat().st_size / (1 << 20)
            print(
                f"round {number + 1}: linesman {ours:.2f} s ({rate / ours:.0f} MiB/s, {memory / 1024:.0f} MiB), "
                f"grep {theirs:.2f} s ({rate / theirs:.0f} MiB/s): {theirs / ours:.2f} times"
            )


main()
