# SPDX-License-Identifier: Apache-2.0
"""Devices that behave as real ones: one request at a time, repeated every T_RETRY until it is
answered; CONNECT again after a DISCONNECT; deaf while asleep. A device's life is a generator that
yields what it waits for."""

import heapq
import itertools
import selectors
import socket
import threading
import time
from collections import namedtuple

import wire

T_RETRY = 1.0
KEEP_ALIVE = 60
SLEEP_DURATION = 600

Request = namedtuple("Request", "wire again kind msg_id")
Pause = namedtuple("Pause", "seconds")


class ThrownOut(Exception):
    """The gateway said DISCONNECT unasked: it does not know the device."""


class Node:
    def __init__(self, nodes, number, clean, sleeps):
        self.nodes = nodes
        self.name = b"%s%s-%d" % (b"s" if sleeps else b"a", b"c" if clean else b"p", number)
        self.clean = clean
        self.sleeps = sleeps
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        self.random = nodes.random_for(self.name)
        self.up_ids = {}  # QoS -> topic id
        self.msg_id = number  # of requests
        self.sent = 0
        self.unfinished = None  # (qos, data) that must be acknowledged before anything newer
        self.received = {}  # QoS 2: message id -> payload, until PUBREL
        self.deaf = False
        self.subscribed = False
        self.waits_for = None
        self.heard_at = 0
        self.turn = 0  # of its timer; older ones are stale
        self.life = self.live()

    # -- the life of a device

    def next_msg_id(self):
        self.msg_id = self.msg_id % 0xFFFF + 1
        return self.msg_id

    def live(self):
        while True:
            try:
                yield from self.join()
                yield from self.sleeper() if self.sleeps else self.active()
            except ThrownOut:
                self.nodes.ledger.thrown_out(self)
                self.deaf = False

    def join(self):
        yield from self.connect()
        for qos in (1, 2):
            if qos not in self.up_ids or self.clean:
                yield from self.register(qos)
        for qos in (1, 2):
            if not self.subscribed or self.clean:
                yield from self.subscribe(qos)
        self.subscribed = True
        self.nodes.ledger.ready(self)

    def connect(self):
        packet = wire.connect(self.name, self.clean, KEEP_ALIVE)
        while (yield Request(packet, packet, wire.CONNACK, 0)).code != wire.ACCEPTED:
            yield Pause(T_RETRY)
        if self.clean:
            self.received.clear()

    def register(self, qos):
        packet = wire.register(self.next_msg_id(), b"up/%d/%s" % (qos, self.name))
        answer = yield Request(packet, packet, wire.REGACK, self.msg_id)
        self.up_ids[qos] = answer.topic_id

    def subscribe(self, qos):
        """Only the broker can grant it; with it away the answer is congestion."""
        name = b"down/%d/%s" % (qos, self.name)
        while True:
            msg_id = self.next_msg_id()
            first, again = (wire.subscribe(qos, msg_id, name, dup) for dup in (False, True))
            answer = yield Request(first, again, wire.SUBACK, msg_id)
            if answer.code == wire.ACCEPTED:
                assert answer.flags >> 5 & 3 == qos
                return
            yield Pause(T_RETRY)

    def publish(self):
        if not self.unfinished:
            self.sent += 1
            qos = self.random.choice((1, 2))
            self.unfinished = (qos, b"up:%d:%s:%d" % (qos, self.name, self.sent))
        qos, data = self.unfinished
        self.nodes.ledger.up.sent(data)
        while True:
            msg_id = self.next_msg_id()
            first, again = (
                wire.publish(qos, self.up_ids[qos], msg_id, data, dup) for dup in (False, True)
            )
            answer = yield Request(
                first, again, wire.PUBACK if qos == 1 else wire.PUBREC, msg_id
            )
            if answer.code == wire.ACCEPTED:
                break
            if answer.code == wire.INVALID_TOPIC:
                yield from self.register(qos)
            yield Pause(self.random.uniform(0, T_RETRY))
        self.nodes.ledger.up.acknowledged(data)
        self.unfinished = None
        if qos == 2:
            packet = wire.handshake(wire.PUBREL, msg_id)
            yield Request(packet, packet, wire.PUBCOMP, msg_id)

    def ping(self, body=b""):
        packet = wire.packet(wire.PINGREQ, body)
        yield Request(packet, packet, wire.PINGRESP, 0)

    def active(self):
        while True:
            yield Pause(self.random.expovariate(1 / self.nodes.pause))
            if self.nodes.quiet and not self.unfinished:
                yield Pause(0.1)
            elif self.random.random() < 0.05:
                yield from self.ping()
            else:
                yield from self.publish()

    def sleeper(self):
        """Mostly it wakes for its messages; one with a persistent session also connects at times
        to publish. A clean one would lose what waits for it by that."""
        while True:
            packet = wire.disconnect(SLEEP_DURATION)
            yield Request(packet, packet, wire.DISCONNECT, 0)
            self.deaf = True
            yield Pause(self.random.uniform(0.1, 1))
            self.deaf = False
            if not self.clean and not self.nodes.quiet and self.random.random() < 0.3:
                yield from self.connect()
                for _ in range(self.random.randint(1, 3)):
                    yield from self.publish()
            elif self.unfinished:
                yield from self.connect()
                yield from self.publish()
            else:
                yield from self.ping(self.name)

    # -- what drives it

    def send(self, packet):
        try:
            self.socket.sendto(packet, self.nodes.address)
        except OSError:  # nobody listens there just now
            pass

    def proceed(self, value=None, error=None):
        self.waits_for = self.life.throw(error) if error else self.life.send(value)
        self.heard_at = time.monotonic()
        if isinstance(self.waits_for, Pause):
            self.nodes.call(self, self.waits_for.seconds)
        else:
            self.send(self.waits_for.wire)
            self.nodes.call(self, T_RETRY)

    def on_timer(self):
        if isinstance(self.waits_for, Pause):
            self.proceed()
        elif self.heard_at + T_RETRY > time.monotonic():  # it is being served meanwhile
            self.nodes.call(self, T_RETRY)
        else:
            self.send(self.waits_for.again)
            self.nodes.call(self, T_RETRY)

    def on_readable(self):
        while True:
            try:
                packet = self.socket.recv(2048)
            except BlockingIOError:
                return
            except OSError:
                continue
            if not self.deaf:
                self.heard_at = time.monotonic()
                self.on_packet(wire.decode(packet))

    def answers(self, heard):
        wanted = self.waits_for
        if not isinstance(wanted, Request) or heard.msg_id != wanted.msg_id:
            return False
        # A PUBLISH of QoS 2 that is refused is answered by a PUBACK.
        return heard.kind == wanted.kind or (
            heard.kind == wire.PUBACK and wanted.kind == wire.PUBREC and heard.code != 0
        )

    def on_packet(self, heard):
        if self.answers(heard):
            self.proceed(heard)
        elif heard.kind == wire.DISCONNECT:
            self.proceed(error=ThrownOut())
        elif heard.kind == wire.REGISTER:
            self.send(wire.regack(heard.topic_id, heard.msg_id))
        elif heard.kind == wire.PUBLISH:
            self.on_message(heard, heard.flags >> 5 & 3)
        elif heard.kind == wire.PUBREL:
            self.received.pop(heard.msg_id, None)
            self.send(wire.handshake(wire.PUBCOMP, heard.msg_id))

    def on_message(self, heard, qos):
        """Of QoS 2, a message id that has not been released is a repetition, whatever it says."""
        if qos == 1:
            self.nodes.ledger.down.arrived(heard.data)
            self.send(wire.puback(heard.topic_id, heard.msg_id))
            return
        if heard.msg_id not in self.received:
            self.received[heard.msg_id] = heard.data
            self.nodes.ledger.down.arrived(heard.data)
        elif self.received[heard.msg_id] != heard.data:
            self.nodes.ledger.mistaken.append((self.name, heard.msg_id, heard.data))
        self.send(wire.handshake(wire.PUBREC, heard.msg_id))


class Nodes(threading.Thread):
    """All devices, in one thread."""

    def __init__(self, address, ledger, random_for, pause):
        super().__init__(daemon=True)
        self.address = address
        self.ledger = ledger
        self.random_for = random_for
        self.pause = pause  # seconds between two messages of an active device, on average
        self.quiet = False  # nothing new is published
        self.ended = False
        self.timers = []
        self.order = itertools.count()
        self.selector = selectors.DefaultSelector()
        self.all = []
        self.failure = None

    def add(self, count, clean, sleeps):
        for _ in range(count):
            node = Node(self, len(self.all) + 1, clean, sleeps)
            self.selector.register(node.socket, selectors.EVENT_READ, node)
            self.all.append(node)

    def call(self, node, seconds):
        node.turn += 1
        due = time.monotonic() + seconds
        heapq.heappush(self.timers, (due, next(self.order), node, node.turn))

    def run(self):
        try:
            for node in self.all:
                node.proceed()
            while not self.ended:
                self.step()
        except Exception as failure:  # told by the main thread
            self.failure = failure

    def step(self):
        wait = self.timers[0][0] - time.monotonic() if self.timers else 1
        for key, _ in self.selector.select(max(0, min(wait, 1))):
            key.data.on_readable()
        while self.timers and self.timers[0][0] <= time.monotonic():
            _, _, node, turn = heapq.heappop(self.timers)
            if turn == node.turn:
                node.on_timer()

    def idle(self):
        return all(not node.unfinished for node in self.all)

    def end(self):
        self.ended = True
        self.join()
        if self.failure:
            raise self.failure
        for node in self.all:
            node.socket.close()
