"""Payloads as foreign libraries write them, one JSON line each: name, topic, payload in base64, kind, and what it holds.

  python drive.py
"""

import base64
import datetime
import gzip
import json
import struct
import uuid
import zlib
from decimal import Decimal

import cbor2
import msgpack
import pysparkplug as sp
import zstandard
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.timestamp_pb2 import Timestamp
from pysparkplug import _protobuf as raw

NOW = datetime.datetime(2026, 1, 31, 12, 0, 0, 500000, tzinfo=datetime.timezone.utc)
MILLIS = int(NOW.timestamp() * 1000)
SHOWN = "2026-01-31T12:00:00.5Z"
READING = {
    "device": "gw-4",
    "temperature": 21.5,
    "count": 18446744073709551615,
    "below": -9223372036854775808,
    "on": True,
    "nothing": None,
    "list": [1, [2, {"deep": "Größe"}], []],
}


def tell(name, kind, payload, expected, topic="site/a", packed=()):
    shown = base64.b64encode(payload).decode()
    print(json.dumps({
        "name": name, "kind": kind, "topic": topic, "payload": shown, "expected": expected, "packed": list(packed),
    }))


def cbor():
    tell("cbor", "cbor", cbor2.dumps(READING), READING)
    tell("cbor canonical", "cbor", cbor2.dumps(READING, canonical=True), READING)
    tell("cbor self-described", "cbor", cbor2.dumps(cbor2.CBORTag(55799, {"a": 1})), {"a": 1})
    special = {
        "text time": NOW, "decimal": Decimal("273.15"), "large": 2**70, "small": -(2**70),
        "uuid": uuid.UUID(int=7), "bytes": b"\x00\xff", "unknown": cbor2.CBORTag(4711, [1]),
    }
    expected = {
        "text time": SHOWN, "decimal": 273.15, "large": 2**70, "small": -(2**70),
        "uuid": str(uuid.UUID(int=7)), "bytes": "AP8=", "unknown": {"tag": 4711, "value": [1]},
    }
    tell("cbor tags", "cbor", cbor2.dumps(special), expected)
    tell("cbor number time", "cbor", cbor2.dumps({"t": NOW}, datetime_as_timestamp=True), {"t": SHOWN})
    tell("cbor numbers as names", "cbor", cbor2.dumps({"a": {1: "x", -2: "y"}}), {"a": {"1": "x", "-2": "y"}})


def message_pack():
    tell("msgpack", "messagepack", msgpack.packb(READING), READING)
    tell("msgpack floats", "messagepack", msgpack.packb({"a": 0.1}, use_single_float=True), {"a": 0.1})
    tell("msgpack time", "messagepack", msgpack.packb({"t": NOW}, datetime=True), {"t": SHOWN})
    extension = msgpack.packb({"e": msgpack.ExtType(5, b"\x07"), "b": b"\x01\x02"})
    tell("msgpack extension", "messagepack", extension, {"e": {"extension": 5, "bytes": "Bw=="}, "b": "AQI="})
    many = {f"name {place}": list(range(20)) for place in range(40)}
    tell("msgpack long", "messagepack", msgpack.packb(many), many)


def packings():
    text = json.dumps(READING).encode()
    tell("gzip", "json", gzip.compress(text), READING, packed=["gzip"])
    tell("gzip in two members", "json", gzip.compress(text[:20]) + gzip.compress(text[20:]), READING, packed=["gzip"])
    tell("zlib", "json", zlib.compress(text), READING, packed=["zlib"])
    tell("zstd", "json", zstandard.ZstdCompressor().compress(text), READING, packed=["zstd"])
    stream = zstandard.ZstdCompressor().compressobj()
    tell("zstd stream", "json", stream.compress(text) + stream.flush(), READING, packed=["zstd"])
    twice = gzip.compress(zstandard.ZstdCompressor().compress(cbor2.dumps(READING)))
    tell("cbor in zstd in gzip", "cbor", twice, READING, packed=["gzip", "zstd"])
    tell("cbor in base64", "base64", base64.b64encode(cbor2.dumps(READING)), READING)


def sparkplug():
    def metric(name, datatype, value, **more):
        return sp.Metric(timestamp=MILLIS, name=name, datatype=datatype, value=value, **more)

    kinds = sp.DataType
    metrics = (
        metric("bdSeq", kinds.INT64, 0),
        metric("Temperature", kinds.FLOAT, 0.1, alias=1),
        metric("Count", kinds.INT8, -5, alias=2),
        metric("Below", kinds.INT64, -(2**40), alias=3),
        metric("Above", kinds.UINT64, 2**63 + 1, alias=4),
        metric("State", kinds.BOOLEAN, True, alias=5),
        metric("Name", kinds.STRING, "Größe", alias=6),
        metric("When", kinds.DATETIME, NOW, alias=7),
        metric("Shorts", kinds.INT16_ARRAY, (-1, 2, 300), alias=8),
        metric("Flags", kinds.BOOLEAN_ARRAY, (True, False, True), alias=9),
        metric("Words", kinds.STRING_ARRAY, ("a", "", "ü"), alias=10),
        metric("Floats", kinds.FLOAT_ARRAY, (0.1, -2.5), alias=11),
        metric("Bytes", kinds.BYTES, b"\x00\xff", alias=12),
    )
    values = {
        "bdSeq": 0, "Temperature": 0.1, "Count": -5, "Below": -(2**40), "Above": 2**63 + 1, "State": True,
        "Name": "Größe", "When": SHOWN, "Shorts": [-1, 2, 300], "Flags": [True, False, True],
        "Words": ["a", "", "ü"], "Floats": [0.1, -2.5], "Bytes": "AP8=",
    }
    birth = sp.NBirth(timestamp=MILLIS, seq=0, metrics=metrics)
    tell("birth", "sparkplug-b", birth.encode(include_dtypes=True), values, topic="spBv1.0/Hall/NBIRTH/Edge")
    # By alias only, and without types, as the specification wants it.
    payload = raw.Payload(timestamp=MILLIS, seq=1)
    for alias, field, value in [(1, "float_value", 22.5), (2, "int_value", 2**32 - 6), (3, "long_value", 2**64 - 1)]:
        setattr(payload.metrics.add(alias=alias, timestamp=MILLIS), field, value)
    payload.metrics.add(alias=6, is_null=True)
    tell("data", "sparkplug-b", payload.SerializeToString(), {"Temperature": 22.5, "Count": -6, "Below": -1, "Name": None},
         topic="spBv1.0/Hall/NDATA/Edge")
    stranger = raw.Payload(timestamp=MILLIS, seq=0)
    stranger.metrics.add(alias=77).int_value = 4
    tell("data without birth", "sparkplug-b", stranger.SerializeToString(), {"alias 77": 4},
         topic="spBv1.0/Hall/NDATA/Other")

    payload = raw.Payload(timestamp=MILLIS, seq=2)
    table = payload.metrics.add(name="Table", datatype=16).dataset_value
    table.num_of_columns = 2
    table.columns.extend(["name", "offset"])
    table.types.extend([12, 3])
    for name, offset in [("a", -1), ("b", 2)]:
        row = table.rows.add()
        row.elements.add().string_value = name
        row.elements.add().int_value = offset % 2**32
    template = payload.metrics.add(name="Motor 1", datatype=19).template_value
    template.template_ref = "Motor"
    template.metrics.add(name="Speed", datatype=10).double_value = 3.5
    template.parameters.add(name="Poles", type=7).int_value = 4
    tell("table and template", "sparkplug-b", payload.SerializeToString(), {
        "Table": [{"name": "a", "offset": -1}, {"name": "b", "offset": 2}],
        "Motor 1": {
            "template": "Motor", "parameters": {"Poles": 4}, "metrics": {"Speed": 3.5},
            "details": {"Speed": {"type": "Double"}},
        },
    }, topic="spBv1.0/Hall/DDATA/Edge/Plc")


def protobuf():
    file = descriptor_pb2.FileDescriptorProto(name="site.proto", package="site", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    message = file.message_type.add(name="Reading")
    field = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind, many) in enumerate([
        ("name", field.TYPE_STRING, False), ("value", field.TYPE_DOUBLE, False), ("offset", field.TYPE_SINT64, False),
        ("counts", field.TYPE_UINT32, True), ("raw", field.TYPE_BYTES, False), ("small", field.TYPE_FLOAT, False),
        ("below", field.TYPE_INT32, False),
    ], start=1):
        label = field.LABEL_REPEATED if many else field.LABEL_OPTIONAL
        message.field.add(name=name, number=number, type=kind, label=label)
    message.field.add(name="inner", number=8, type=field.TYPE_MESSAGE, type_name=".site.Reading", label=1)
    message.field.add(name="at", number=9, type=field.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp", label=1)
    pool = descriptor_pool.DescriptorPool()
    stamp = descriptor_pb2.FileDescriptorProto()
    Timestamp.DESCRIPTOR.file.CopyToProto(stamp)
    pool.Add(stamp)
    pool.Add(file)
    reading = message_factory.GetMessageClass(pool.FindMessageTypeByName("site.Reading"))()
    reading.name, reading.value, reading.offset, reading.raw = "Größe", 21.5, -(2**40), b"\x00\xff"
    reading.counts.extend([1, 300, 4294967295])
    reading.small, reading.below, reading.inner.name = 0.1, -7, "inside"
    reading.at.seconds, reading.at.nanos = MILLIS // 1000, 500000000
    usual = {"value": 0.0, "offset": 0, "raw": "", "small": 0.0, "below": 0}
    tell("protobuf", "protobuf", reading.SerializeToString(), {
        "name": "Größe", "value": 21.5, "offset": -(2**40), "counts": [1, 300, 4294967295], "raw": "AP8=", "small": 0.1,
        "below": -7, "inner": {"name": "inside", **usual}, "at": SHOWN,
    }, topic="proto/a")
    unknown = reading.SerializeToString() + b"\xa2\x06\x02hi" + b"\xa9\x06" + struct.pack("<d", 1.5)
    tell("protobuf in gzip", "protobuf", gzip.compress(unknown), {
        "name": "Größe", "value": 21.5, "offset": -(2**40), "counts": [1, 300, 4294967295], "raw": "AP8=", "small": 0.1,
        "below": -7, "inner": {"name": "inside", **usual}, "at": SHOWN, "unknown 100": "hi", "unknown 101": 1.5,
    }, topic="proto/a", packed=["gzip"])


for part in (cbor, message_pack, packings, sparkplug, protobuf):
    part()
