# SPDX-License-Identifier: Apache-2.0
"""MQTT-SN 1.2 as far as these devices speak it, small enough for thousands of packets a second."""

import struct
from collections import namedtuple

CONNECT, CONNACK = 0x04, 0x05
REGISTER, REGACK, PUBLISH, PUBACK = 0x0A, 0x0B, 0x0C, 0x0D
PUBCOMP, PUBREC, PUBREL = 0x0E, 0x0F, 0x10
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 0x12, 0x13, 0x16, 0x17, 0x18
ACCEPTED, CONGESTION, INVALID_TOPIC = 0, 1, 2
DUP, CLEAN = 0x80, 0x04

Heard = namedtuple("Heard", "kind flags topic_id msg_id code data", defaults=(0, 0, 0, 0, b""))


def packet(kind, body=b""):
    assert len(body) < 254
    return bytes([2 + len(body), kind]) + body


def connect(client_id, clean, keep_alive):
    return packet(CONNECT, struct.pack(">BBH", CLEAN if clean else 0, 1, keep_alive) + client_id)


def register(msg_id, name):
    return packet(REGISTER, struct.pack(">HH", 0, msg_id) + name)


def regack(topic_id, msg_id):
    return packet(REGACK, struct.pack(">HHB", topic_id, msg_id, ACCEPTED))


def publish(qos, topic_id, msg_id, data, dup=False):
    flags = qos << 5 | (DUP if dup else 0)
    return packet(PUBLISH, struct.pack(">BHH", flags, topic_id, msg_id) + data)


def puback(topic_id, msg_id):
    return packet(PUBACK, struct.pack(">HHB", topic_id, msg_id, ACCEPTED))


def handshake(kind, msg_id):
    """PUBREC, PUBREL, PUBCOMP."""
    return packet(kind, struct.pack(">H", msg_id))


def subscribe(qos, msg_id, name, dup=False):
    return packet(SUBSCRIBE, struct.pack(">BH", qos << 5 | (DUP if dup else 0), msg_id) + name)


def disconnect(duration):
    return packet(DISCONNECT, struct.pack(">H", duration))


def decode(wire):
    kind, body = wire[1], wire[2:]
    assert wire[0] == len(wire), wire.hex()
    if kind == CONNACK:
        return Heard(kind, code=body[0])
    if kind == REGISTER:
        return Heard(kind, 0, *struct.unpack(">HH", body[:4]), data=body[4:])
    if kind in (REGACK, PUBACK):
        return Heard(kind, 0, *struct.unpack(">HHB", body))
    if kind == PUBLISH:
        return Heard(kind, *struct.unpack(">BHH", body[:5]), data=body[5:])
    if kind == SUBACK:
        return Heard(kind, *struct.unpack(">BHHB", body))
    if kind in (PUBREC, PUBREL, PUBCOMP):
        return Heard(kind, msg_id=struct.unpack(">H", body)[0])
    return Heard(kind)
