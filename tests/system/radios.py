# SPDX-License-Identifier: Apache-2.0
"""The ways in which dongles speak to the gateway, for tests that must hold with all of them."""

from collections import namedtuple

import pytest

from dongle import RadioDevice
from framings import Aquila, Cobs, Hdlc, Raw, Slip, XBee
from waiting import until

# `node(n)` is how the n-th device behind the dongle is addressed: keywords of RadioDevice.
Way = namedtuple("Way", "name options firmware node many")


def alone(number):
    return {}


def forwarded(size):
    return lambda number: {"node_id": number.to_bytes(size, "big")}


def radio64(number):
    return {"radio": bytes.fromhex("0013a200407e7d") + bytes([0x10 + number])}


def radio16(number):
    return {"radio": bytes([0xC0, number])}


def way(name, firmware, node, many=True, **options):
    return Way(name, options, firmware, node, many)


ALL = [
    way("raw", Raw, alone, False, framing="raw", forwarder="no", gap=0.005),
    way("raw-x25-forwarded", lambda: Raw("x25"), forwarded(1), framing="raw", crc="x25"),
    way("slip", Slip, alone, False, framing="slip"),
    way("slip-xmodem-forwarded", lambda: Slip("xmodem"), forwarded(2), framing="slip", crc="xmodem"),
    way("hdlc", Hdlc, alone, False, framing="hdlc"),
    way("hdlc-forwarded", Hdlc, forwarded(16), framing="hdlc"),
    way("cobs-forwarded", Cobs, forwarded(8), framing="cobs"),
    way("cobs-x25", lambda: Cobs("x25"), alone, False, framing="cobs", crc="x25"),
    way("xbee-1", lambda: XBee(1), radio64, framing="xbee", api=1),
    way("xbee-2", lambda: XBee(2), radio64, framing="xbee", api=2),
    way("xbee-auto", lambda: XBee(2), radio64, framing="xbee"),
    way("aquila", Aquila, radio16, framing="aquila"),
]
NAMED = {each.name: each for each in ALL}
with_all = pytest.mark.parametrize("way", ALL, ids=[each.name for each in ALL])
with_many = pytest.mark.parametrize(
    "way", [each for each in ALL if each.many], ids=[each.name for each in ALL if each.many]
)


class Radio:
    """The daemon with a dongle at its serial port."""

    def __init__(self, gateway, dongle, way):
        self.gateway = gateway
        self.dongle = dongle
        self.way = way

    def device(self, client_id="sensor1", number=1):
        return RadioDevice(self.dongle, client_id, **self.way.node(number))

    def opened(self):
        return self.gateway.log().count(f"opened {self.dongle.path} at")

    def lost(self):
        return self.gateway.log().count("unplugged;")

    def plug(self):
        before = self.opened()
        self.dongle.plug()
        self.dongle.until(lambda: self.opened() > before, "the gateway to open its port")
        self.settle()

    def settle(self):
        """Whatever the gateway asks its dongle first has been answered."""
        framing = self.dongle.framing
        if isinstance(framing, Aquila):
            self.dongle.write(framing.wants_settings())
            self.dongle.until(lambda: framing.configured, "the settings of the dongle")
        elif isinstance(framing, XBee):
            self.dongle.until(lambda: framing.asked >= {b"NP"}, "AT NP")

    def unplug(self):
        before = self.lost()
        self.dongle.unplug()
        until(lambda: self.lost() > before, "the gateway to see it", log=self.gateway.log)
