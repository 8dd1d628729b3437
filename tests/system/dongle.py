# SPDX-License-Identifier: Apache-2.0
"""A radio dongle on a pseudo-terminal, which can vanish and come back under another name.

Nobody reads for it in the background: whoever waits for a packet reads the line, and what comes for
other nodes is kept for them.
"""

import errno
import os
import select
import socket
import termios
import time
import tty
from collections import defaultdict, deque

from device import Device
from waiting import PATIENCE, until


def envelope_of(packet):
    """The node id of a forwarder envelope, None when it is none."""
    return packet[3 : packet[0]] if len(packet) > 3 and packet[1] == 0xFE else None


class Dongle:
    def __init__(self, path, framing):
        self.path = str(path)
        self.framing = framing
        self.master = None
        self.name = ""
        self.waiting = defaultdict(deque)  # node -> packets
        self.broadcasts = []

    def plug(self):
        """The port appears, each time under another name than last time."""
        master, slave = os.openpty()
        name = os.ttyname(slave)
        if name == self.name:
            other, other_slave = os.openpty()
            os.close(master)
            os.close(slave)
            master, slave, name = other, other_slave, os.ttyname(other_slave)
        tty.setraw(slave, termios.TCSANOW)
        os.close(slave)
        os.set_blocking(master, False)
        self.master, self.name = master, name
        self.framing.reset()
        os.symlink(name, self.path)
        return self

    def unplug(self):
        if os.path.islink(self.path):
            os.unlink(self.path)
        os.close(self.master)
        self.master = None

    def close(self):
        if self.master is not None:
            self.unplug()

    def write(self, octets):
        """As they are: a frame, or what no firmware would send."""
        deadline = time.monotonic() + PATIENCE
        while octets:
            select.select([], [self.master], [], PATIENCE)
            octets = octets[os.write(self.master, octets) :]
            assert time.monotonic() < deadline, "the gateway does not read its port"

    def read(self, timeout):
        """Takes what the gateway sent, at most `timeout` seconds later; b"" when nothing came."""
        select.select([self.master], [], [], max(timeout, 0))
        try:
            octets = os.read(self.master, 65536)
        except BlockingIOError:
            return b""
        except OSError as why:
            assert why.errno == errno.EIO  # nobody has the port open
            time.sleep(min(0.005, max(timeout, 0)))
            return b""
        packets, answer = self.framing.hear(octets)
        if answer:
            self.write(answer)
        for address, packet in packets:
            if address in (b"\xff\xff", b"\x00" * 6 + b"\xff\xff"):
                self.broadcasts.append(packet)
            else:
                self.waiting[address or envelope_of(packet)].append(packet)
        return octets

    def send(self, node, packet):
        self.write(self.framing.frame(packet, node))

    def receive(self, node, timeout):
        deadline = time.monotonic() + timeout
        while not self.waiting[node]:
            left = deadline - time.monotonic()
            if left < 0:
                raise socket.timeout
            self.read(left)
        return self.waiting[node].popleft()

    def until(self, true, what):
        """For what happens while the dongle speaks with the gateway."""
        until(lambda: self.read(0.01) is not None and true(), what=what)


class RadioDevice(Device):
    """A device behind a dongle: in an envelope when it has a node id, else at a radio address, or
    the only one at the port."""

    def __init__(self, dongle, client_id="sensor-1", node_id=None, radio=None):
        super().__init__(None, client_id, node_id)
        self.dongle = dongle
        self.radio = radio

    def open(self, source):
        pass

    def close(self):
        pass

    def put(self, wire):
        self.dongle.send(self.radio, wire)

    def get(self, timeout):
        return self.dongle.receive(self.radio or self.node_id, timeout)
