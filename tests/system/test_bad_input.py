# SPDX-License-Identifier: Apache-2.0
"""Twenty thousand datagrams nobody should send; after them everything still works.

The seed is fixed, so a failure can be repeated; mosquitto's log is checked at the end of every test
for connections closed over a protocol error.
"""

import random
import socket

import pytest

from device import SHORT, Device

EXAMPLES = [
    bytes.fromhex(text)
    for text in (
        "05 00 07 03 84", "03 01 01", "03 02 07", "09 02 07 c0 a8 01 0a 07 5c",
        "0e 04 04 01 00 3c 73 65 6e 73 6f 72 2d 31", "0e 04 0c 01 00 3c 73 65 6e 73 6f 72 2d 31",
        "0e 04 00 01 00 3c 73 65 6e 73 6f 72 2d 31", "03 05 00", "02 06", "02 08", "02 07", "02 09",
        "0e 07 30 73 74 2f 73 65 6e 73 6f 72 2d 31", "09 09 6f 66 66 6c 69 6e 65",
        "0c 0a 00 00 12 34 61 2f 74 65 6d 70", "07 0b 00 01 12 34 00",
        "0b 0c 00 00 01 00 00 32 31 2e 35", "0b 0c 20 00 01 00 02 32 31 2e 35",
        "0b 0c 40 00 01 00 03 32 31 2e 35", "0b 0c 01 00 2a 00 00 32 31 2e 35",
        "0b 0c 22 61 62 00 04 32 31 2e 35", "0b 0c 61 00 2a 00 00 32 31 2e 35",
        "11 0c 60 00 06 00 00 61 2f 74 65 6d 70 32 31 2e 35", "07 0c 10 00 01 00 00",
        "01 00 0d 0c 00 00 01 00 00 32 31 2e 35", "07 0d 00 01 00 02 00", "07 0d 00 09 00 00 02",
        "04 0f 00 03", "04 10 00 03", "04 0e 00 03", "0b 12 20 00 05 61 2f 74 65 6d 70",
        "08 12 20 00 06 61 2f 23", "07 12 21 00 07 00 2a", "07 12 22 00 08 61 62",
        "08 13 20 00 01 00 05 00", "0b 14 00 00 09 61 2f 74 65 6d 70", "07 14 01 00 0a 00 2a",
        "07 14 02 00 0b 61 62", "04 15 00 09", "02 16", "0a 16 73 65 6e 73 6f 72 2d 31", "02 17",
        "02 18", "04 18 01 2c", "09 1a 30 73 74 2f 6e 65 77", "02 1a", "03 1b 00",
        "06 1c 67 6f 6e 65", "03 1d 00", "05 fe 00 0a 0b 0b 0c 20 00 01 00 02 32 31 2e 35",
        "0b fe 00 00 13 a2 00 40 c1 d2 e3 0e 04 04 01 00 3c 73 65 6e 73 6f 72 2d 31",
        "04 fe 00 05 02 16",
    )
]  # fmt: skip

# Octets that topic names, filters and lengths trip over.
SPICE = [0x00, 0x01, 0x02, 0x23, 0x24, 0x2B, 0x2F, 0x7F, 0x80, 0xC0, 0xED, 0xF4, 0xFE, 0xFF]


class Monkey:
    """Says nonsense from a few addresses and listens to nothing."""

    def __init__(self, address, seed):
        self.random = random.Random(seed)
        self.address = address
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
        self.guard = Device(address)

    def mutate(self, wire):
        """Keeps the length field right more often than not, or nothing deeper is reached."""
        chance = self.random
        wire = bytearray(wire)
        for _ in range(chance.choice((0, 1, 1, 2, 4))):
            kind = chance.randrange(4)
            at = chance.randrange(len(wire) + 1)
            if kind == 0 and at < len(wire):
                wire[at] = chance.choice(SPICE)
            elif kind == 1 and at < len(wire):
                wire[at] ^= 1 << chance.randrange(8)
            elif kind == 2:
                wire[at:at] = bytes(chance.choice(SPICE) for _ in range(chance.randrange(1, 9)))
            elif kind == 3:
                del wire[at : at + chance.randrange(1, 4)]
        if wire and wire[0] not in (0, 1) and 2 <= len(wire) <= 255 and chance.random() < 0.8:
            if len(wire) < 2 or wire[1] != 0xFE:
                wire[0] = len(wire)
        return bytes(wire)

    def sane(self, who):
        """Something in order now and then, or no session ever lives long enough to be harmed."""
        name = b"monkey-%d" % who
        return self.random.choice((
            packet(0x04, b"\x04\x01\x00\x3c" + name),
            packet(0x04, b"\x00\x01\x00\x3c" + name),
            packet(0x12, b"\x20\x00\x07a/#"),
            packet(0x18, b"\x00\x3c"),
            packet(0x16, name),
        ))  # fmt: skip

    def datagram(self, who):
        chance = self.random.random()
        if self.random.random() < 0.15:
            return self.sane(who)
        if chance < 0.1:
            return self.random.randbytes(self.random.randrange(0, 64))
        if chance < 0.101:
            return self.random.randbytes(self.random.randrange(64, 65000))
        if chance < 0.2:  # the right head, anything behind it
            body = self.random.randbytes(self.random.randrange(0, 40))
            return bytes([2 + len(body), self.random.randrange(0x20)]) + body
        return self.mutate(self.random.choice(EXAMPLES))

    def rage(self, count, meanwhile):
        for n in range(count):
            who = self.random.randrange(len(self.sockets))
            self.sockets[who].sendto(self.datagram(who), self.address)
            if n % 50 == 49:  # at the gateway's pace: the kernel drops what a full buffer gets
                self.guard.nothing_pending()
                meanwhile(n)
                for one in self.sockets:
                    self.drain(one)

    @staticmethod
    def drain(one):
        try:
            while True:
                one.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass

    def close(self):
        for one in self.sockets:
            one.close()
        self.guard.close()


def normal_day(device, observer):
    """What any client does; nothing that came before may have spoilt it."""
    device.connect(will=("wills/good", b"gone", 1, False))
    device.subscribe("good/+", qos=2)
    device.publish(device.register("good/state"), b"up", qos=2)
    assert device.take().data == b"up"
    device.sleep(60)
    observer.publish("good/cmd", b"down", qos=1)
    got = []
    while not got:
        got = device.wake()
    assert got[0].data == b"down"
    device.disconnect()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.config(
    gateway={"retry_interval": 0.3, "qos_minus_one": "long-topics"},
    topics={42: "predefined/all"},
)
def test_random_and_mutated_datagrams_harm_nobody(gateway, observer, new_device, seed):
    """Bad input: 5,000 of them for each seed, from eight addresses, while messages come down to
    whatever these have subscribed."""
    bystander = new_device("bystander").connect()
    monkey = Monkey(gateway.address, seed)

    def publish(n):
        observer.publish(("a/temp", "a/new/%d" % n, "ab")[n // 50 % 3], b"x", qos=n // 50 % 2 + 1)

    try:
        monkey.rage(5000, meanwhile=publish)
    finally:
        monkey.close()
    bystander.ping()
    counters = gateway.counters()
    for deep in ("connects_accepted", "subscribes", "sleeps", "messages_out", "malformed_length"):
        assert counters[f"core.{deep}"] > 5, "the nonsense did not get far"
    normal_day(new_device("good"), observer)


NAMES = [
    b"a\x00b", b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\x01b",
    b"\x7f", b"\xc2\x80", b"\xef\xbf\xbf", b"\xef\xb7\x90", b"\xf0\x9f\xbf\xbf", b"/" * 201,
    b"a" * 65000, b"$SYS/x", b"$share/g/x", b"$share//x", b"$share/+/x", b"$share/g/", b"+a", b"#/a",
]  # fmt: skip


@pytest.mark.parametrize("mqtt_version", ["5", "3.1.1"])
def test_no_name_makes_the_broker_close_a_connection(broker, new_device, observer):
    """Bad input: whatever a device puts into a name, its connection at the broker survives."""
    device = new_device("odd").connect()
    for name in NAMES:
        mid = device.mid()
        device.send(packet(0x0A, b"\0\0" + mid.to_bytes(2, "big") + name))
        registered = device.answer("REGACK", mid=mid)
        if registered.return_code == 0:
            device.send(publish(registered.tid, device.mid()))
            device.answer("PUBACK", mid=device.last_mid)
        mid = device.mid()
        device.send(packet(0x12, b"\x20" + mid.to_bytes(2, "big") + name))
        device.answer("SUBACK", mid=mid)
        mid = device.mid()
        device.send(packet(0x14, b"\x00" + mid.to_bytes(2, "big") + name))
        device.answer("UNSUBACK", mid=mid)
        device.ping()
        device.send(packet(0x1A, b"\x00" + name))
        device.answer("WILLTOPICRESP")
        device.send(packet(0x1A, b""))
        device.answer("WILLTOPICRESP", return_code=0)
    device.publish("ab", b"x", tid_type=SHORT)
    observer.hears("ab", b"x")


def packet(kind, body):
    if len(body) <= 253:
        return bytes([2 + len(body), kind]) + body
    return b"\x01" + (4 + len(body)).to_bytes(2, "big") + bytes([kind]) + body


def publish(tid, mid):
    return packet(0x0C, b"\x20" + tid.to_bytes(2, "big") + mid.to_bytes(2, "big") + b"x")


def test_names_in_will_and_qos_minus_one_are_checked_too(broker, observer, new_device):
    """Bad input: every door into the broker has the same guard."""
    for n, name in enumerate(NAMES):
        device = new_device(f"odd-{n}")
        device.send(device.connect_packet(will=True))
        device.expect("WILLTOPICREQ")
        device.send(packet(0x07, b"\x00" + name))
        if device.receive().type == "WILLMSGREQ":
            device.send(packet(0x09, b"gone"))
            device.expect("CONNACK")
        device.send(packet(0x0C, b"\x60" + len(name).to_bytes(2, "big") + b"\0\0" + name))
    last = new_device("last").connect()
    last.publish("ab", b"x", tid_type=SHORT)
    observer.hears("ab", b"x")


def test_every_type_in_every_state_is_survived(new_device, observer):
    """Field notes K1: a total state machine. Each example in each state, twice."""
    for n, example in enumerate(EXAMPLES):
        for state in ("unknown", "dialogue", "active", "asleep", "disconnected"):
            device = new_device(f"s{n}-{state}")
            if state == "dialogue":
                device.send(device.connect_packet(will=True))
                device.expect("WILLTOPICREQ")
            elif state != "unknown":
                device.connect()
            if state == "asleep":
                device.sleep(60)
            elif state == "disconnected":
                device.disconnect()
            device.send(example)
            device.send(example)
            device.close()
    normal_day(new_device("good"), observer)


def test_a_flood_of_unknown_senders_costs_no_session(gateway, observer, new_device):
    """Field notes G1: unknown peers cost nothing until a valid CONNECT."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(300)]
    guard = new_device("guard")
    for one in sockets:
        for _ in range(5):
            one.sendto(bytes.fromhex("02 16"), gateway.address)
        guard.nothing_pending()
    for one in sockets:
        one.settimeout(5)
        assert one.recv(64) == bytes.fromhex("02 18")
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            one.recv(64)
        one.close()
    normal_day(new_device("good"), observer)
