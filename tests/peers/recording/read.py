"""Reads a recording by docs/recording.md alone, and prints it as one JSON object: what another program has to be able to do.

Takes the index as it stands, walks the blocks besides, and insists that both say the same.
"""

import json
import struct
import sys

import zstandard


def after_eight_bits(crc):
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


CRC_OF_OCTET = [after_eight_bits(octet) for octet in range(256)]


def crc32c(octets):
    crc = 0xFFFFFFFF
    for octet in octets:
        crc = crc >> 8 ^ CRC_OF_OCTET[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


class Cursor:
    def __init__(self, octets):
        self.octets, self.at = octets, 0

    def take(self, count):
        assert self.at + count <= len(self.octets)
        taken = self.octets[self.at : self.at + count]
        self.at += count
        return taken

    def number(self):
        value = shift = 0
        while True:
            (octet,) = self.take(1)
            value |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return value

    def signed(self):
        value = self.number()
        return value >> 1 if value % 2 == 0 else -(value >> 1) - 1

    def bytes(self):
        return self.take(self.number())

    def text(self):
        return self.bytes().decode()


def fnv_mixed(topic):
    mask = (1 << 64) - 1
    h = 0xCBF29CE484222325
    for octet in topic:
        h = (h ^ octet) * 0x100000001B3 & mask
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9 & mask
    h = (h ^ h >> 27) * 0x94D049BB133111EB & mask
    return h ^ h >> 31


def is_probably_in(content, topic):
    h = fnv_mixed(topic)
    low, high = h & 0xFFFFFFFF, h >> 32 | 1
    places = [(low + turn * high) % (len(content) * 8) for turn in range(4)]
    return all(content[place // 8] & 1 << place % 8 for place in places)


def read_properties(cursor):
    (there,) = cursor.take(1)
    found = {}
    if there & 1:
        found["is_text"] = True
    if there & 2:
        found["content_type"] = cursor.text()
    if there & 4:
        found["response_topic"] = cursor.text()
    if there & 8:
        found["correlation_data"] = cursor.bytes().hex()
    if there & 16:
        found["expiry_secs"] = cursor.number()
    if there & 32:
        found["subscription_ids"] = [cursor.number() for _ in range(cursor.number())]
    if there & 64:
        found["user"] = [[cursor.text(), cursor.text()] for _ in range(cursor.number())]
    return found


def read_body(body, count, topic_count, first_mono):
    cursor = Cursor(body)
    runs, offset = [], 0
    for _ in range(cursor.number()):
        messages = cursor.number()
        offset += cursor.signed()
        runs.append((messages, offset, [cursor.number() for _ in range(4)]))
    assert sum(messages for messages, _, _ in runs) == count
    lengths = [cursor.number() for _ in range(topic_count)]
    topics = [cursor.take(length) for length in lengths]
    numbers = [cursor.number() for _ in range(count)]
    flags = cursor.take(count)
    monos, mono = [], first_mono
    for _ in range(count):
        mono += cursor.signed()
        monos.append(mono)
    payload_lengths = [cursor.number() for _ in range(count)]
    properties, place = {}, 0
    for _ in range(cursor.number()):
        place += cursor.number()
        properties[place] = read_properties(cursor)
    payloads = [cursor.take(length) for length in payload_lengths]
    assert cursor.at == len(body)

    offsets = [offset for messages, offset, _ in runs for _ in range(messages)]
    missed = [list(missed) for _, _, missed in runs if any(missed)]
    messages = [
        {
            "topic": topics[numbers[i]].hex(),
            "payload": payloads[i].hex(),
            "qos": flags[i] & 3,
            "retained": bool(flags[i] & 4),
            "duplicate": bool(flags[i] & 8),
            "mono": monos[i],
            "unix": monos[i] + offsets[i],
            "properties": properties.get(i),
        }
        for i in range(count)
    ]
    return topics, messages, missed


file = open(sys.argv[1], "rb").read()
magic, version, _, length = struct.unpack_from("<8sHHI", file)
assert magic == b"LMREC\r\n\x1a" and version == 1
begin = 16 + length + 4
assert struct.unpack_from("<I", file, begin - 4)[0] == crc32c(file[: begin - 4])
facts = json.loads(file[16 : begin - 4])

at, messages, missed, walked = begin, [], [], []
while file[at : at + 4] == b"LMB\x1a":
    fields = struct.unpack_from("<IIIIIIIIIQQQqqQQ", file, at + 4)
    header_crc, body_bytes, raw_bytes, body_crc, filter_bytes, filter_crc, count, topic_count, flags = fields[:9]
    first_message, first_mono, last_mono, min_unix, max_unix, content_bytes, missed_count = fields[9:]
    assert header_crc == crc32c(file[at + 8 : at + 96]) and flags == 0
    content = file[at + 96 : at + 96 + filter_bytes]
    body = file[at + 96 + filter_bytes : at + 96 + filter_bytes + body_bytes]
    assert filter_crc == crc32c(content) and body_crc == crc32c(body)
    raw = zstandard.ZstdDecompressor().decompress(body, max_output_size=raw_bytes)
    assert len(raw) == raw_bytes and first_message == len(messages)
    topics, found, lost = read_body(raw, count, topic_count, first_mono)
    assert all(is_probably_in(content, topic) for topic in topics)
    assert content_bytes == sum(len(m["topic"]) + len(m["payload"]) for m in found) // 2
    assert missed_count == sum(counts[0] + counts[2] + counts[3] for counts in lost)
    if found:
        assert (first_mono, last_mono) == (found[0]["mono"], found[-1]["mono"])
        times = [m["unix"] for m in found]
        assert (min_unix, max_unix) == (min(times), max(times))
    messages += found
    missed += lost
    size = 96 + filter_bytes + body_bytes
    walked.append((at, size, count, first_message, first_mono, last_mono, min_unix, max_unix))
    at += size

index_at, index_bytes, end_crc, end_magic = struct.unpack_from("<QII8s", file, len(file) - 24)
assert end_magic == b"LMEND\r\n\x1a" and end_crc == crc32c(file[len(file) - 24 :][:12])
assert index_at == at and index_at + index_bytes + 24 == len(file)
magic, index_crc, entry_bytes, blocks, total = struct.unpack_from("<4sIIIQ", file, index_at)
assert magic == b"LMF\x1a" and index_crc == crc32c(file[index_at + 8 : len(file) - 24])
cursor = Cursor(file[index_at + 24 : len(file) - 24])
assert len(cursor.octets) == entry_bytes and total == len(messages)
listed, end, expected, last_mono, max_unix = [], 0, 0, 0, 0
for _ in range(blocks):
    offset, size, count = end + cursor.number(), cursor.number(), cursor.number()
    first_message = expected + cursor.signed()
    first_mono = last_mono + cursor.signed()
    last_mono = first_mono + cursor.signed()
    min_unix = max_unix + cursor.signed()
    max_unix = min_unix + cursor.signed()
    listed.append((offset, size, count, first_message, first_mono, last_mono, min_unix, max_unix))
    end, expected = offset + size, first_message + count
assert cursor.at == entry_bytes and listed == walked, (listed, walked)
print(json.dumps({"facts": facts, "blocks": blocks, "missed": missed, "messages": messages}))
