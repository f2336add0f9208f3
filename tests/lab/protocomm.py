"""An Espressif provisioning peripheral (protocomm over GATT): Security 0, 1 and 2, scan, credentials, a token endpoint.

Messages are written and read by a few lines of protobuf of our own. `python protocomm.py` checks the key agreements
against published vectors.
"""

import asyncio
import hashlib
import json
import os

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ENDPOINTS = {"prov-ctrl": 0xFF4F, "prov-scan": 0xFF50, "prov-session": 0xFF51, "prov-config": 0xFF52, "proto-ver": 0xFF53}
CUSTOM = 0xFF54
ATT_UNLIKELY = 0x0E
SUCCESS, INVALID_PROTO, INVALID_ARGUMENT, INTERNAL_ERROR = 0, 2, 4, 5
CONNECTED, CONNECTING, DISCONNECTED, FAILED = range(4)


class Refused(Exception):
    """The handler of an endpoint failed: an ATT error, after which the device drops the link."""


class Gone(Exception):
    """The device drops the link instead of answering."""


# Protobuf, proto3: a message is a list of (field, int or bytes); zero and empty values are left out by the caller.


def varint(number):
    octets = b""
    while number > 0x7F:
        octets += bytes([number & 0x7F | 0x80])
        number >>= 7
    return octets + bytes([number])


def message(*fields):
    octets = b""
    for field, value in fields:
        if isinstance(value, int):
            octets += varint(field << 3) + varint(value & (1 << 64) - 1)
        else:
            value = value.encode() if isinstance(value, str) else value
            octets += varint(field << 3 | 2) + varint(len(value)) + value
    return octets


def parse(octets):
    """The last value of each field."""
    fields, at = {}, 0

    def number():
        nonlocal at
        result = shift = 0
        while True:
            octet = octets[at]
            at += 1
            result |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return result

    try:
        while at < len(octets):
            key = number()
            if key & 7 == 0:
                fields[key >> 3] = number()
            elif key & 7 == 2:
                length = number()
                if at + length > len(octets):
                    raise Refused("a field runs past the end")
                fields[key >> 3] = octets[at : at + length]
                at += length
            else:
                raise Refused(f"wire type {key & 7}")
    except IndexError as error:
        raise Refused("a message ends early") from error
    return fields


# Security. Each scheme has `handshake(fields of its own part) -> its answer`, `opens` and `seals` for the endpoints.


class Security0:
    version = 0

    def __init__(self, _options):
        self.is_open = False

    def handshake(self, _fields):
        self.is_open = True
        return message((1, 1), (21, b""))

    def opens(self, octets):
        return octets

    seals = opens


class Security1:
    version = 1

    def __init__(self, options):
        self.pop, self.is_open, self.stream = options.pop.encode(), False, None
        self.key = X25519PrivateKey.generate()
        self.random = os.urandom(16)

    def handshake(self, fields):
        public = self.key.public_key().public_bytes_raw()
        if fields.get(1, 0) == 0:
            self.client = parse(fields[20])[1]
            shared = self.key.exchange(X25519PublicKey.from_public_bytes(self.client))
            if self.pop:
                digest = hashlib.sha256(self.pop).digest()
                shared = bytes(a ^ b for a, b in zip(shared, digest))
            # One keystream for both directions, its octets used in order.
            self.stream = Cipher(algorithms.AES(shared), modes.CTR(self.random)).encryptor()
            return message((1, 1), (21, message((2, public), (3, self.random))))
        if self.stream is None or self.stream.update(parse(fields[22])[2]) != public:
            raise Refused("proof of possession")
        self.is_open = True
        return message((1, 3), (23, message((3, self.stream.update(self.client)))))

    def opens(self, octets):
        return self.stream.update(octets)

    seals = opens


class Security2:
    version = 2
    # The 3072-bit group of RFC 5054, appendix A.
    N = int(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
        "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
        "49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D"
        "670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
        "3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7D"
        "B3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
        "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF", 16)
    g = 5

    def __init__(self, options):
        self.user, self.password, self.patch = options.username.encode(), options.pop.encode(), options.patch
        self.salt, self.b, self.nonce = os.urandom(16), os.urandom(32), os.urandom(8) + b"\0\0\0\1"
        self.is_open, self.m1 = False, None

    @staticmethod
    def hash(*parts):
        return hashlib.sha512(b"".join(parts)).digest()

    @staticmethod
    def pad(number):
        return number.to_bytes(384, "big")

    @staticmethod
    def plain(octets):
        return octets.lstrip(b"\0")

    def answer(self, user, client):
        """What the device knows after the first message: B, and the proofs it expects and gives."""
        N, g, pad = self.N, self.g, self.pad
        k = int.from_bytes(self.hash(pad(N), pad(g)), "big")
        x = int.from_bytes(self.hash(self.salt, self.hash(user, b":", self.password)), "big")
        b, verifier = int.from_bytes(self.b, "big"), pow(g, x, N)
        self.B = pad((k * verifier + pow(g, b, N)) % N)
        u = int.from_bytes(self.hash(client.rjust(384, b"\0"), self.B), "big")
        secret = pow(int.from_bytes(client, "big") * pow(verifier, u, N), b, N)
        self.K = self.hash(self.plain(pad(secret)))
        groups = bytes(a ^ c for a, c in zip(self.hash(self.plain(pad(N))), self.hash(pad(g))))
        self.m1 = self.hash(groups, self.hash(user), self.salt, client, self.plain(self.B), self.K)
        self.m2 = self.hash(client, self.m1, self.K)

    def handshake(self, fields):
        if fields.get(1, 0) == 0:
            start = parse(fields[20])
            if start.get(1) != self.user:
                raise Refused("user name")
            self.answer(start[1], start[2])
            return message((1, 1), (21, message((2, self.B), (3, self.salt))))
        if self.m1 is None or parse(fields[22]).get(1) != self.m1:
            raise Refused("proof of the password")
        self.is_open = True
        return message((1, 3), (23, message((2, self.m2), (3, self.nonce))))

    def next_nonce(self):
        nonce = self.nonce
        if self.patch:
            counter = int.from_bytes(nonce[8:], "big") + 1
            self.nonce = nonce[:8] + counter.to_bytes(4, "big")
        return nonce

    def opens(self, octets):
        return AESGCM(self.K[:32]).decrypt(self.next_nonce(), octets, None)

    def seals(self, octets):
        return AESGCM(self.K[:32]).encrypt(self.next_nonce(), octets, None)


SCHEMES = {0: Security0, 1: Security1, 2: Security2}

try:
    from bumble.core import AdvertisingData, UUID
    from bumble.att import ATT_Error
    from bumble.gatt import Characteristic, CharacteristicValue, Descriptor, Service

    from radio import Peripheral
except ImportError:
    # The key agreements can be checked without Bumble.
    Peripheral = object


class Protocomm(Peripheral):
    defaults = {
        "name": "PROV_A1B2C3",
        "service": "1775244d-6b43-439b-877c-060f2d9bed07",
        "security": 2,
        "patch": 1,                 # of Security 2: 0 is the constant nonce
        "username": "wifiprov",
        "pop": "abcd1234",          # proof of possession, or password of Security 2; empty with Security 1: none
        "ssid": "LabNet",
        "password": "secret123",
        "networks": [["LabNet", -48, 6, 3], ["Guest", -71, 11, 0]],   # SSID, dBm, channel, authentication
        "custom": ["custom-data"],  # further endpoints, in the order in which the firmware made them
        "is_labelled": True,        # endpoints have their name in descriptor 0x2901
        "polls": 1,                 # status answers that say "connecting"
        "address_given": "192.168.1.42",
        "leaves_after_success": True,
        "drops": "",                # the link, instead of an answer to "apply" or "status"
        "silent_from": "",          # no answer from this endpoint on
        "in_flash": False,          # it starts on the network, from its flash
        "wipes": "flash",           # what the endpoint "wipe" and prov-ctrl empty: "flash", "memory", or "nothing" (it lies)
    }

    def services(self):
        self.endpoints, self.answers = {}, {}
        properties = Characteristic.Properties.READ | Characteristic.Properties.WRITE
        service, characteristics = UUID(self.service), []
        for name, number in [*ENDPOINTS.items(), *((name, CUSTOM + i) for i, name in enumerate(self.custom))]:
            uuid = UUID(f"{self.service[:4]}{number:04x}{self.service[8:]}")
            label = Descriptor("2901", Descriptor.READABLE, name.encode())
            characteristics.append(Characteristic(
                uuid, properties, self.permissions(),
                CharacteristicValue(read=lambda _, name=name: self.answers.get(name, b""),
                                    write=lambda _, value, name=name: self.on_write(name, bytes(value))),
                [label] if self.is_labelled else []))
        self.start_from_flash()
        return [Service(service, characteristics)]

    def advertisement(self):
        return [
            (AdvertisingData.FLAGS, b"\x06"),
            (AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, bytes(UUID(self.service))),
        ]

    def reset_state(self):
        self.config, self.phase, self.polled, self.failure = None, "start", 0, 0

    def start_from_flash(self):
        self.reset_state()
        if self.in_flash:
            self.config, self.phase = (self.ssid.encode(), self.password.encode()), "joined"

    async def power_off(self):
        """Its power is taken away: it is neither heard nor connected, and its memory is gone."""
        self.is_gone = True
        await self.device.stop_advertising()
        await self.drop()
        self.say("has no power")

    async def power_on(self):
        self.is_gone = False
        self.start_from_flash()
        self.say("starts on its network" if self.in_flash else "starts without a network")
        await self.advertise()

    def on_connected(self):
        # A new connection starts a new session.
        self.session, self.answers = SCHEMES[self.security](self), {}

    async def on_write(self, name, value):
        if not value:
            return
        if self.silent_from == name:
            self.say(f"{name} stays silent")
            await asyncio.Event().wait()
        try:
            if name == "proto-ver":
                self.answers[name] = self.describe()
            elif name == "prov-session":
                self.answers[name] = self.shake_hands(value)
            else:
                if not self.session.is_open:
                    raise Refused(f"{name} before the session")
                plain = self.session.opens(value)
                self.answers[name] = self.session.seals(self.serve(name, plain))
        except Gone:
            await self.drop()
        except Exception as error:
            # As the firmware does it: whatever fails in a handler is one ATT error, and the end of the link.
            self.say(f"refuses {name}: {error or type(error).__name__}")
            self.soon(self.drop_soon())
            raise ATT_Error(ATT_UNLIKELY) from error

    def drop_at(self, occasion):
        if self.drops == occasion:
            raise Gone

    async def drop_soon(self):
        await asyncio.sleep(0.05)
        await self.drop()

    def describe(self):
        capabilities = ["wifi_prov", "wifi_scan"]
        if self.security == 0:
            capabilities.insert(0, "no_sec")
        if self.security == 1 and not self.pop:
            capabilities.insert(0, "no_pop")
        version = {"ver": "netprov-v1.2", "sec_ver": self.security, "cap": capabilities}
        if self.security == 2:
            version["sec_patch_ver"] = self.patch
        return json.dumps({"prov": version, "lab": {"ver": "1", "cap": ["token"]}}).encode()

    def shake_hands(self, value):
        fields = parse(value)
        scheme = fields.get(2, 0)
        if scheme != self.session.version:
            raise Refused(f"security {scheme}")
        part = 10 + scheme
        answer = self.session.handshake(parse(fields.get(part, b"")))
        if self.session.is_open:
            self.say(f"session open, security {scheme}")
        return message(*[(2, scheme)] * bool(scheme), (part, answer))

    def serve(self, name, plain):
        if name in self.custom:
            self.say(f"{name} got {plain.decode(errors='backslashreplace')}")
            if name == "wipe" and self.wipes != "nothing":
                self.in_flash = self.in_flash and self.wipes != "flash"
                self.reset_state()
            return b"ok"
        fields = parse(plain)
        return {"prov-scan": self.scan, "prov-config": self.configure, "prov-ctrl": self.control}[name](fields)

    def scan(self, fields):
        kind = fields.get(1, 0)
        if kind == 0:
            self.say("scans")
            return message((1, 1), (11, b""))
        if kind == 2:
            return message((1, 3), (13, message((1, 1), (2, len(self.networks)))))
        ask = parse(fields.get(14, b""))
        start, count = ask.get(1, 0), ask.get(2, 0)
        entries = [
            (1, message((1, ssid), (2, channel), (3, rssi), (4, bytes([2, 0, 0, 0, 0, i])), *[(5, auth)] * bool(auth)))
            for i, (ssid, rssi, channel, auth) in enumerate(self.networks)
        ][start : start + count]
        return message((1, 5), (15, message(*entries)))

    def configure(self, fields):
        kind = fields.get(1, 0)
        if kind == 2:
            return message((1, 3), (13, self.status(self.set_config(parse(fields.get(12, b""))))))
        if kind == 4:
            if self.config is None or self.phase != "start":
                return message((1, 5), (15, self.status(INTERNAL_ERROR)))
            self.say("applies")
            self.phase = "joining"
            self.drop_at("apply")
            return message((1, 5), (15, b""))
        self.drop_at("status")
        return message((1, 1), (11, self.report()))

    @staticmethod
    def status(code):
        return message((1, code)) if code else b""

    def set_config(self, config):
        if self.phase != "start":
            return INTERNAL_ERROR
        ssid, password = config.get(1, b""), config.get(2, b"")
        if not ssid or len(ssid) > 32 or len(password) > 63:
            return INVALID_ARGUMENT
        self.say(f"credentials for {ssid.decode(errors='replace')}")
        self.config = (ssid, password)
        return SUCCESS

    def report(self):
        if self.phase == "joining":
            if self.polled < self.polls:
                self.polled += 1
                return message((2, CONNECTING))
            right_name = self.config[0] == self.ssid.encode()
            self.failure = 0 if right_name else 1
            self.phase = "joined" if self.config == (self.ssid.encode(), self.password.encode()) else "failed"
        if self.phase == "failed":
            self.say(f"reports failure {self.failure}")
            return message((2, FAILED), (10, self.failure))
        if self.phase == "start":
            return message((2, DISCONNECTED))
        self.say("reports connected")
        if self.leaves_after_success:
            self.soon(self.leave())
        return message((11, message((1, self.address_given), (2, 3), (3, self.ssid), (4, bytes(6)), (5, 6))))

    async def leave(self):
        await asyncio.sleep(1)
        await self.drop()

    def control(self, fields):
        kind = fields.get(1, 0)
        if kind == 1:
            if self.phase not in ("failed", "start"):
                return message((1, 2), (2, INTERNAL_ERROR), (12, b""))
            self.say("resets")
            self.reset_state()
            return message((1, 2), (12, b""))
        if self.phase != "joined":
            return message((1, 4), (2, INTERNAL_ERROR), (14, b""))
        self.say("starts anew")
        # Its memory only: what is in flash comes back with its power.
        if self.wipes != "nothing":
            self.reset_state()
        return message((1, 4), (14, b""))


def check_vectors():
    """Security 1 and 2 with fixed keys, as exchanged with the vendor's own tool."""

    class Options:
        pop, username, patch = "abcd1234", "wifiprov", 1

    def hexadecimal(text):
        return bytes.fromhex(text)

    one = Security1(Options)
    one.key = X25519PrivateKey.from_private_bytes(bytes(range(0x21, 0x41)))
    one.random = bytes(range(16))
    client = X25519PrivateKey.from_private_bytes(bytes(range(1, 0x21))).public_key().public_bytes_raw()
    answer = parse(parse(one.handshake({20: message((1, client))}))[21])
    assert answer == {
        2: hexadecimal("5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b"), 3: bytes(range(16))}
    verify = hexadecimal("ce6096fef8de28d2e24098904ad16b30483db15d1e6ba6f936881e45aa043493")
    answer = parse(parse(one.handshake({1: 2, 22: message((2, verify))}))[23])
    assert answer[3] == hexadecimal("8e887a715e350c6b2c04edef13efe19b88e36f379279a204989b964bc27d738d")
    config = hexadecimal("080262200a0c4d79576972656c657373415012106d7973656375726570617373776f7264")
    sealed = hexadecimal("6731131b524c44638794e7bb537594fead0d7c06e65a39265de40136acb76f227d9a9dbb")
    assert one.opens(sealed) == config
    assert one.seals(hexadecimal("08036a00")) == hexadecimal("3b7d171f")

    two = Security2(Options)
    two.salt = hexadecimal("036ee0c7bcb9eda84c9eac97d93decf4")
    two.b = hexadecimal("a122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40")
    a = hexadecimal("8102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20")
    public = two.pad(pow(two.g, int.from_bytes(a, "big"), two.N))
    answer = parse(parse(two.handshake({20: message((1, b"wifiprov"), (2, public))}))[21])
    assert hashlib.sha256(answer[2]).hexdigest() == "4d3a0b90024ad7419dd7046a861bd3df4068b76ba2f882890c48fe441232be4c"
    proof = hexadecimal(
        "0d0ffe92d8cea3ee4d69087c8b834ddb652e2eb7273afb9ffff2a3395277d618"
        "d2765d2c73298e14d25251ed6e8d1cdbe992be14aa1ed63e15ab7b1d11730739")
    answer = parse(parse(two.handshake({1: 2, 22: message((1, proof))}))[23])
    assert answer[2] == hexadecimal(
        "fc8fa03456cd7c08002a47ab8a522f7be1a4a375548a062ca9ba5ed8c88cb703"
        "e28f0872f98c00f66211757b3a4671da446f2f2321d713aa964843dc36995dc9")
    two.nonce = hexadecimal("000102030405060700000001")
    sealed = hexadecimal(
        "062d798e69f740123f8127b664c368ef90a0987f5179a1fb377911b548355eaf65ac0c3161452f01f1cbb1a6e5ae259765be76aa")
    assert two.opens(sealed) == config
    assert two.seals(hexadecimal("08036a00")) == hexadecimal("d4e12c15b4676db01ed0f2520bf8cac2e16116fa")


if __name__ == "__main__":
    check_vectors()
    print("Security 1 and 2 agree with the vectors")
