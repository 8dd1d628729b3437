# SPDX-License-Identifier: Apache-2.0
"""A device: a UDP socket that speaks MQTT-SN through scapy's codec.

The codec was written by other people than the gateway's, so the two check each other. What every
device checks on every datagram: it comes from the address that was asked, its length field is the
datagram's length, and the short header is used wherever it fits (RIOT's clients read fixed
offsets). `send` also takes octets as they are, for what no codec would write.
"""

import random
import socket
import time
from collections import deque, namedtuple

from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from waiting import PATIENCE

NORMAL, PREDEFINED, SHORT = 0, 1, 2
ACCEPTED, CONGESTION, INVALID_TOPIC, NOT_SUPPORTED = 0, 1, 2, 3

Message = namedtuple("Message", "topic data qos retain dup")


class Silence(AssertionError):
    pass


class Heard:
    """A decoded packet: its name, its octets and scapy's fields as attributes."""

    def __init__(self, wire):
        self.wire = wire
        packet = MQTTSN(wire)
        self.type = sn.PACKET_TYPE.get(packet.type, f"0x{packet.type:02x}")
        body = packet.payload
        names = [field.name for field in body.fields_desc] if body else []
        self.fields = {name: text(body.getfieldval(name)) for name in names}
        assert packet.len == len(wire), f"length field {packet.len}, datagram {len(wire)}"
        assert wire[0] != 1 or len(wire) > 255, f"long header on a short message: {wire.hex()}"

    def __getattr__(self, name):
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(f"{self!r} has no {name}") from None

    def __repr__(self):
        fields = " ".join(f"{k}={str(v)[:60]}" for k, v in self.fields.items() if v)
        return f"<{self.type} {fields}>"


def text(value):
    return value.encode() if isinstance(value, str) else value


def publish_packet(tid, data, qos=0, mid=0, tid_type=NORMAL, retain=0, dup=0):
    if tid_type == SHORT and not isinstance(tid, int):
        tid = int.from_bytes(text(tid), "big")
    return MQTTSN() / sn.MQTTSNPublish(
        dup=dup, qos=qos, retain=int(retain), tid_type=tid_type, tid=tid, mid=mid, data=text(data)
    )


def topic_fields(topic):
    """A predefined id is an int, a short name a pair ("ab",), anything else is a name."""
    if isinstance(topic, int):
        return {"tid_type": PREDEFINED, "tid": topic}
    if isinstance(topic, tuple):
        return {"tid_type": SHORT, "short_topic": text(topic[0])}
    return {"tid_type": NORMAL, "topic_name": text(topic)}


class Device:
    def __init__(self, address, client_id="sensor-1", node_id=None, source=None, loss=0.0, seed=1):
        self.address = address
        self.client_id = text(client_id)
        self.node_id = node_id
        self.loss = loss
        self.random = random.Random(seed)
        self.backlog = deque()
        self.topics = {}  # id -> name
        self.last_mid = 0
        self.open(source)

    # -- the way to the gateway; other ways replace these four

    def open(self, source):
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((source or ("::1" if family == socket.AF_INET6 else "127.0.0.1"), 0))

    def close(self):
        self.socket.close()

    def put(self, wire):
        self.socket.sendto(wire, self.address)

    def get(self, timeout):
        self.socket.settimeout(timeout)
        wire, sender = self.socket.recvfrom(65536)
        assert sender[:2] == self.address[:2], f"answer from {sender}, asked {self.address}"
        return wire

    # -- datagrams

    def lost(self):
        return self.loss and self.random.random() < self.loss

    def send(self, packet):
        wire = bytes(packet)
        if self.node_id is not None:
            wire = bytes([3 + len(self.node_id), 0xFE, 0]) + self.node_id + wire
        if not self.lost():
            self.put(wire)

    def say(self, kind):
        """A message without a body: say("PINGREQ"). The length is given because scapy, left alone,
        miscounts a DISCONNECT without a duration."""
        self.send(MQTTSN(len=2, type=getattr(sn, kind)))

    def _receive(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            try:
                wire = self.get(max(deadline - time.monotonic(), 0.000001))
            except (socket.timeout, BlockingIOError):
                raise Silence(f"nothing came within {timeout} s") from None
            if self.node_id is not None:
                head = 3 + len(self.node_id)
                assert wire[:2] == bytes([head, 0xFE]) and wire[3:head] == self.node_id, wire.hex()
                self.radius = wire[2]
                wire = wire[head:]
            if not self.lost():
                return Heard(wire)

    def receive(self, timeout=PATIENCE):
        return self.backlog.popleft() if self.backlog else self._receive(timeout)

    def expect(self, kind, timeout=PATIENCE, **fields):
        """The next packet must be this one."""
        heard = self.receive(timeout)
        assert heard.type == kind, f"expected {kind} {fields}, heard {heard}"
        for name, value in fields.items():
            assert getattr(heard, name) == text(value), f"{name} is not {value!r} in {heard}"
        return heard

    def answer(self, kind, timeout=PATIENCE, **fields):
        """Waits for this packet; what else comes meanwhile is kept for `expect` and `take`."""
        deadline = time.monotonic() + timeout
        for heard in list(self.backlog):
            if heard.type == kind and all(getattr(heard, n) == v for n, v in fields.items()):
                self.backlog.remove(heard)
                return heard
        while True:
            heard = self._receive(deadline - time.monotonic())
            if heard.type == kind and all(getattr(heard, n) == v for n, v in fields.items()):
                return heard
            self.backlog.append(heard)

    def nothing_pending(self, id=7):
        """The gateway has sent nothing since: the answer to a new question comes first."""
        self.send(MQTTSN() / sn.MQTTSNSearchGW(radius=0))
        self.expect("GWINFO", gw_id=id)

    def mid(self):
        self.last_mid = self.last_mid % 0xFFFF + 1
        return self.last_mid

    # -- procedures

    def connect_packet(self, clean=True, keep_alive=60, will=False, client_id=None):
        return MQTTSN() / sn.MQTTSNConnect(
            cleansess=int(clean),
            will=int(bool(will)),
            duration=keep_alive,
            client_id=self.client_id if client_id is None else text(client_id),
        )

    def connect(self, clean=True, keep_alive=60, will=None, code=ACCEPTED):
        """`will`: (topic, message, qos, retain)."""
        self.send(self.connect_packet(clean, keep_alive, will))
        if will:
            topic, message, qos, retain = will
            self.answer("WILLTOPICREQ")
            self.send(self.will_topic(topic, qos, retain))
            self.answer("WILLMSGREQ")
            self.send(MQTTSN() / sn.MQTTSNWillMsg(will_msg=text(message)))
        self.answer("CONNACK", return_code=code)
        return self

    @staticmethod
    def will_topic(topic, qos=0, retain=False):
        return MQTTSN() / sn.MQTTSNWillTopic(qos=qos, retain=int(retain), will_topic=text(topic))

    def register(self, name, code=ACCEPTED):
        mid = self.mid()
        self.send(MQTTSN() / sn.MQTTSNRegister(mid=mid, topic_name=text(name)))
        answer = self.answer("REGACK", mid=mid, return_code=code)
        if code == ACCEPTED:
            assert 0 < answer.tid < 0xFFFF
            self.topics[answer.tid] = text(name)
        return answer.tid

    def subscribe(self, topic, qos=0, code=ACCEPTED):
        mid = self.mid()
        self.send(MQTTSN() / sn.MQTTSNSubscribe(qos=qos, mid=mid, **topic_fields(topic)))
        answer = self.answer("SUBACK", mid=mid)
        assert answer.return_code == code, answer
        if code == ACCEPTED and answer.tid and not isinstance(topic, (int, tuple)):
            self.topics[answer.tid] = text(topic)
        return answer

    def unsubscribe(self, topic):
        mid = self.mid()
        self.send(MQTTSN() / sn.MQTTSNUnsubscribe(mid=mid, **topic_fields(topic)))
        self.answer("UNSUBACK", mid=mid)

    def publish(self, tid, data, qos=1, tid_type=NORMAL, retain=False, code=ACCEPTED):
        """Runs the whole exchange; `code` is the PUBACK's."""
        mid = self.mid() if qos in (1, 2) else 0
        self.send(publish_packet(tid, data, qos, mid, tid_type, retain))
        if qos == 2 and code == ACCEPTED:
            self.answer("PUBREC", mid=mid)
            self.send(MQTTSN() / sn.MQTTSNPubrel(mid=mid))
            self.answer("PUBCOMP", mid=mid)
        elif qos in (1, 2) or code != ACCEPTED:
            answer = self.answer("PUBACK", mid=mid)
            assert answer.return_code == code, answer

    def regack(self, register, code=ACCEPTED):
        if code == ACCEPTED:
            self.topics[register.tid] = register.topic_name
        self.send(MQTTSN() / sn.MQTTSNRegack(tid=register.tid, mid=register.mid, return_code=code))

    def puback(self, publish, code=ACCEPTED):
        self.send(MQTTSN() / sn.MQTTSNPuback(tid=publish.tid, mid=publish.mid, return_code=code))

    def pubrec(self, mid):
        self.send(MQTTSN() / sn.MQTTSNPubrec(mid=mid))

    def pubcomp(self, mid):
        self.send(MQTTSN() / sn.MQTTSNPubcomp(mid=mid))

    def topic_of(self, publish):
        if publish.tid_type == SHORT:
            return publish.tid.to_bytes(2, "big")
        if publish.tid_type == PREDEFINED:
            return publish.tid
        assert publish.tid in self.topics, f"PUBLISH before its REGISTER: {publish}"
        return self.topics[publish.tid]

    def take(self, timeout=PATIENCE):
        """The next message, registered and acknowledged as a well-behaved client does."""
        heard = self.receive(timeout)
        if heard.type == "REGISTER":
            self.regack(heard)
            heard = self.receive(timeout)
        assert heard.type == "PUBLISH", f"expected a message, heard {heard}"
        return self.acknowledge(heard)

    def acknowledge(self, publish):
        if publish.qos == 1:
            self.puback(publish)
        elif publish.qos == 2:
            self.pubrec(publish.mid)
            self.expect("PUBREL", mid=publish.mid)
            self.pubcomp(publish.mid)
        topic = self.topic_of(publish)
        name = topic.decode() if isinstance(topic, bytes) else topic
        return Message(name, publish.data, publish.qos, bool(publish.retain), bool(publish.dup))

    def ping(self):
        self.say("PINGREQ")
        self.answer("PINGRESP")

    def sleep(self, duration):
        self.send(MQTTSN() / sn.MQTTSNDisconnect(duration=duration))
        self.answer("DISCONNECT")

    def wake_up(self, client_id=None):
        self.send(MQTTSN() / sn.MQTTSNPingReq(client_id=client_id or self.client_id))

    def wake(self):
        """Every message of one wake, up to PINGRESP."""
        self.wake_up()
        messages = []
        while True:
            heard = self.receive()
            if heard.type == "PINGRESP":
                return messages
            self.backlog.appendleft(heard)
            messages.append(self.take())

    def disconnect(self):
        self.say("DISCONNECT")
        self.answer("DISCONNECT")
