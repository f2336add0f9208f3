"""Checks a records file by docs/records.md alone, without Linesman: python3 verify.py records.sqlite [HEAD]

Prints the head, or the first thing that is wrong. Needs nothing but Python; Ed25519 is written from RFC 8032.
"""

import hashlib
import sqlite3
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def point_of(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(key, message, signature):
    a, r = point_of(key), point_of(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(h, a))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


def canonical(*values):
    out = bytearray()
    for value in values:
        if value is None:
            out += b"\x00"
        elif isinstance(value, int):
            out += b"\x01" + value.to_bytes(8, "big", signed=True)
        else:
            tag, content = (b"\x02", value.encode()) if isinstance(value, str) else (b"\x03", value)
            out += tag + len(content).to_bytes(4, "big") + content
    return bytes(out)


def sha256(data):
    return hashlib.sha256(data).digest()


class Wrong(Exception):
    pass


def verify(path, given):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    nonce, began_at, adopted_to, root_key = db.execute(
        "SELECT nonce, began_at, adopted_to, root_key FROM chain"
    ).fetchone()
    chain = sha256(canonical("linesman.chain.1", nonce, began_at, adopted_to, root_key))
    jobs = {
        row[0]: row[1:]
        for row in db.execute(
            "SELECT id, instance, started_at, action, gateway, link, profile, driver, operator, is_simulated FROM jobs"
        )
    }
    rows = {
        row[0]: row[1:]
        for row in db.execute(
            "SELECT job, batch, name, content, started_at, source FROM batch_rows JOIN batches ON batches.id = batch"
        )
    }
    segments = db.execute(
        "SELECT number, first, last, head, sealed_at, clock_quality, latest_at, key, next_key, signature"
        " FROM segments ORDER BY number"
    ).fetchall()
    previous, last, latest, begun, seen = chain, 0, "", set(), {chain}
    key, number, first, waiting = root_key, 1, 1, list(segments)
    for row in db.execute(
        "SELECT sequence, job, at, clock_quality, step, phase, outcome, reason, summary, detail, is_end,"
        " prev_hash, hash FROM entries ORDER BY sequence"
    ):
        sequence, job, at, quality, step, phase = row[:6]
        prev_hash, stored = row[11:]
        if sequence > last + 1 and (sequence > adopted_to or prev_hash != previous):
            raise Wrong(f"entry {last + 1} is missing")
        values = ["linesman.entry.1", chain, sequence, prev_hash, job, *row[2:11]]
        if step == "job" and phase == "intent":
            if job in begun or job not in jobs:
                raise Wrong(f"entry {sequence}: job {job} is begun twice or missing")
            begun.add(job)
            values += [*jobs[job], *rows.get(job, (None,) * 5)]
        if job not in begun:
            raise Wrong(f"entry {sequence}: job {job} was not begun")
        if sha256(canonical(*values)) != stored:
            raise Wrong(f"entry {sequence} was changed")
        if prev_hash != previous:
            raise Wrong(f"entry {sequence} is out of place")
        if at < latest and quality != "set-back" and sequence > adopted_to:
            raise Wrong(f"entry {sequence} is older than what precedes it, or than its key")
        previous, last, latest = stored, sequence, max(latest, at)
        seen.add(stored)
        while waiting and waiting[0][2] <= sequence:
            segment = waiting.pop(0)
            if segment[0] != number or segment[1] != first or segment[2] != sequence or segment[3] != stored:
                raise Wrong(f"segment {segment[0]} doesn't fit its entries")
            if segment[7] != key:
                raise Wrong(f"segment {segment[0]} has a key that nobody announced")
            if not is_signed(key, canonical("linesman.segment.1", chain, *segment[:9]), segment[9]):
                raise Wrong(f"segment {segment[0]} has a wrong signature")
            number, first, key = number + 1, sequence + 1, segment[8]
            latest = max(latest, segment[4])
    if waiting:
        raise Wrong(f"entries {last + 1} to {waiting[-1][2]} were cut")
    if set(jobs) - begun:
        raise Wrong(f"job {min(set(jobs) - begun)} has no entry")
    if given is not None and bytes.fromhex(given) not in seen:
        raise Wrong("the given head isn't in this file")
    return last, previous


if __name__ == "__main__":
    try:
        entry, head = verify(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
    except Wrong as wrong:
        print(wrong)
        sys.exit(1)
    print(f"head {head.hex()} (entry {entry})")
