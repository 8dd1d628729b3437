# SPDX-License-Identifier: Apache-2.0
"""A cloud broker's customs in front of a plain mosquitto: reads what the gateway says and ends the
connection at the first packet beyond the limits, as those services do."""

import socket
import threading
import time
from collections import deque, namedtuple

CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE = 1, 3, 8, 10

Limits = namedtuple(
    "Limits",
    "qos retain rate filters_per_subscribe filters topic inflight",
    defaults=(2, True, None, None, None, None, None),
)

# Each as its operator publishes it.
AWS = Limits(qos=1, rate=100, filters_per_subscribe=8, filters=50, topic=256, inflight=100)
AZURE = Limits(qos=1, retain=False, rate=100, filters=50, topic=256)


class Reader:
    def __init__(self, octets):
        self.octets = octets
        self.at = 0

    def take(self, count):
        self.at += count
        return self.octets[self.at - count : self.at]

    def number(self, octets):
        return int.from_bytes(self.take(octets), "big")

    def text(self):
        return self.take(self.number(2))

    def varint(self):
        value = shift = 0
        while True:
            octet = self.number(1)
            value |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return value

    def left(self):
        return len(self.octets) - self.at


class Traveller:
    """What one connection has done so far, and what the broker remembers of its session."""

    def __init__(self, limits, sessions):
        self.limits = limits
        self.sessions = sessions
        self.version = 4
        self.client_id = None
        self.filters = set()
        self.published = deque()  # when, of the last second

    def inspect(self, first, body):
        """What is wrong with the packet, or None."""
        checks = {CONNECT: self.connect, PUBLISH: self.publish, SUBSCRIBE: self.subscribe}
        checks[UNSUBSCRIBE] = self.unsubscribe
        check = checks.get(first >> 4)
        return check(first, Reader(body)) if check else None

    def properties(self, body):
        if self.version == 5:
            body.take(body.varint())

    def connect(self, _, body):
        body.text()
        self.version, flags = body.number(1), body.number(1)
        body.take(2)
        self.properties(body)
        self.client_id = body.text()
        self.filters = self.sessions.setdefault(self.client_id.decode(), set())
        return self.message("will", flags >> 3 & 3, flags & 0x20) if flags & 4 else None

    def accepted(self, connack):
        if not connack[2] & 1:  # no session present
            self.filters.clear()

    def message(self, what, qos, retain):
        if qos > self.limits.qos:
            return f"{what} of QoS {qos}"
        if retain and not self.limits.retain:
            return f"retained {what}"
        return None

    def publish(self, first, body):
        now = time.monotonic()
        topic = body.text()
        self.published.append(now)
        while self.published[0] <= now - 1:
            self.published.popleft()
        if self.limits.rate and len(self.published) > self.limits.rate:
            return f"{len(self.published)} publishes in a second"
        if self.limits.topic and len(topic) > self.limits.topic:
            return f"topic of {len(topic)} octets"
        return self.message("publish", first >> 1 & 3, first & 1)

    def subscribe(self, _, body):
        count = 0
        body.take(2)
        self.properties(body)
        while body.left():
            self.filters.add(body.text())
            count += 1
            if body.number(1) & 3 > self.limits.qos:
                return "subscription of a QoS too high"
        if self.limits.filters_per_subscribe and count > self.limits.filters_per_subscribe:
            return f"{count} filters in a SUBSCRIBE"
        if self.limits.filters and len(self.filters) > self.limits.filters:
            return f"{len(self.filters)} filters"
        return None

    def unsubscribe(self, _, body):
        body.take(2)
        self.properties(body)
        while body.left():
            self.filters.discard(body.text())


class StrictFront(threading.Thread):
    def __init__(self, broker_port, limits):
        super().__init__(daemon=True)
        self.broker_port = broker_port
        self.limits = limits
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "mqtt://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.unwelcome = set()  # client ids
        self.travellers = {}  # by client id: where they come from and go to
        self.offences = []
        self.sessions = {}  # client id: filters
        self.ends = []
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self.broker_port))
            except OSError:
                client.close()
                continue
            self.ends += [client, broker]
            ends = (Traveller(self.limits, self.sessions), client, broker)
            for pump in (self.inwards, self.outwards):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    def inwards(self, traveller, client, broker):
        """Packet by packet, so that nothing of an offence reaches the broker."""
        stream = client.makefile("rb")
        try:
            while head := stream.read(1):
                length = b""
                while not length or length[-1] >= 0x80:
                    length += stream.read(1)
                body = stream.read(Reader(length).varint())
                if offence := traveller.inspect(head[0], body):
                    self.offences.append(offence)
                    break
                if head[0] >> 4 == CONNECT:
                    self.travellers[traveller.client_id] = (client, broker)
                    if traveller.client_id in self.unwelcome:
                        break
                broker.sendall(head + length + body)
        except (OSError, IndexError):
            pass
        self.cut(client, broker)

    def outwards(self, traveller, client, broker):
        try:
            connack = broker.recv(65536)
            traveller.accepted(connack)
            client.sendall(connack)
            while octets := broker.recv(65536):
                client.sendall(octets)
        except (OSError, IndexError):
            pass
        self.cut(client, broker)

    def refuse(self, client_id):
        """Its connection ends, and no other is let through."""
        self.unwelcome.add(client_id)
        self.cut(*self.travellers[client_id])

    @staticmethod
    def cut(*ends):
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        self.cut(*self.ends)
