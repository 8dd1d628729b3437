# SPDX-License-Identifier: Apache-2.0
"""A bad radio: a fifth of all datagrams is lost, both ways (digest 8.12)."""

from collections import Counter

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import Silence, publish_packet
from gateway import both_versions
from waiting import PATIENCE

LOSS = 0.2
T_RETRY = 0.05  # of the device; loopback answers in far less


class Patient:
    """Drives a lossy device: repeats each request until its answer comes, and serves whatever
    the gateway sends meanwhile, exactly as a client with one request in flight does."""

    def __init__(self, device):
        self.device = device
        self.taken = []  # (topic, data), once per QoS 2 message
        self.released = set()  # QoS 2 message ids received and not yet released

    def request(self, packet, *kinds, mid=None, repeat=None, tries=200):
        """`repeat`: what is sent the second time (DUP). Returns the answer."""
        for attempt in range(tries):
            self.device.send(packet if attempt == 0 or repeat is None else repeat)
            answer = self.listen(T_RETRY, kinds, mid)
            if answer:
                return answer
        raise AssertionError(f"no answer to {packet.summary()} in {tries} tries")

    def listen(self, seconds, kinds=(), mid=None):
        while True:
            try:
                heard = self.device.receive(timeout=seconds)
            except Silence:
                return None
            if heard.type in kinds and (mid is None or heard.mid == mid):
                return heard
            self.serve(heard)

    def serve(self, heard):
        if heard.type == "REGISTER":
            self.device.regack(heard)
        elif heard.type == "PUBLISH":
            if heard.qos < 2 or heard.mid not in self.released:
                self.taken.append((self.device.topic_of(heard), heard.data))
            if heard.qos == 1:
                self.device.puback(heard)
            elif heard.qos == 2:
                self.released.add(heard.mid)
                self.device.pubrec(heard.mid)
        elif heard.type == "PUBREL":
            self.released.discard(heard.mid)
            self.device.pubcomp(heard.mid)

    def connect(self):
        self.request(self.device.connect_packet(), "CONNACK")

    def register(self, name):
        mid = self.device.mid()
        packet = MQTTSN() / sn.MQTTSNRegister(mid=mid, topic_name=name)
        return self.request(packet, "REGACK", mid=mid).tid

    def subscribe(self, name, qos):
        mid = self.device.mid()
        packet = MQTTSN() / sn.MQTTSNSubscribe(qos=qos, mid=mid, topic_name=name)
        answer = self.request(packet, "SUBACK", mid=mid)
        assert answer.return_code == 0
        if answer.tid:
            self.device.topics[answer.tid] = name

    def publish(self, tid, data, qos):
        mid = self.device.mid()
        first = publish_packet(tid, data, qos, mid)
        again = publish_packet(tid, data, qos, mid, dup=1)
        if qos == 1:
            answer = self.request(first, "PUBACK", mid=mid, repeat=again)
            assert answer.return_code == 0
        else:
            self.request(first, "PUBREC", mid=mid, repeat=again)
            self.request(MQTTSN() / sn.MQTTSNPubrel(mid=mid), "PUBCOMP", mid=mid)

    def serve_until(self, enough):
        for _ in range(int(3 * PATIENCE / T_RETRY)):
            self.listen(T_RETRY)
            if enough():
                return
        raise AssertionError(f"still waiting, {len(self.taken)} messages taken")


@pytest.fixture
def patient(new_device):
    return Patient(new_device(loss=LOSS, seed=20))


LOSSY = {"gateway": {"retry_interval": 0.1, "retry_count": 20}, "sleep": {"max_messages": 1000}}


@both_versions
def test_every_qos_1_message_arrives(patient, observer):
    """At least once, though every fifth datagram is lost."""
    patient.connect()
    tid = patient.register(b"up/one")
    for n in range(60):
        patient.publish(tid, b"%d" % n, 1)
    observer.hears("up/one", b"59")
    counts = Counter(observer.payloads("up/one"))
    assert set(counts) == {b"%d" % n for n in range(60)}


@both_versions
def test_every_qos_2_message_arrives_exactly_once(patient, observer):
    """Each lost datagram of the four-way exchange is one that must be harmless."""
    patient.connect()
    tid = patient.register(b"up/two")
    for n in range(60):
        patient.publish(tid, b"%d" % n, 2)
    observer.hears("up/two", b"59")
    observer.barrier()
    assert observer.payloads("up/two") == [b"%d" % n for n in range(60)]


@both_versions
@pytest.mark.config(**LOSSY)
def test_messages_down_arrive_at_least_once_with_qos_1(patient, observer):
    """The gateway repeats; new topics come by REGISTER, and that is lost too."""
    patient.connect()
    patient.subscribe(b"down/#", 1)
    pairs = [(f"down/{n % 10}", b"%d" % n) for n in range(60)]
    observer.publish_many(pairs)
    wanted = {(topic.encode(), data) for topic, data in pairs}
    patient.serve_until(lambda: set(patient.taken) == wanted)


@both_versions
@pytest.mark.config(**LOSSY)
def test_messages_down_arrive_exactly_once_and_in_order_with_qos_2(patient, observer):
    """The radio leg is exactly once (design 7)."""
    patient.connect()
    patient.subscribe(b"down/x", 2)
    observer.publish_many([("down/x", b"%d" % n) for n in range(30)], qos=2)
    patient.serve_until(lambda: len(patient.taken) >= 30)
    patient.request(MQTTSN(len=2, type=sn.PINGREQ), "PINGRESP")
    assert patient.taken == [(b"down/x", b"%d" % n) for n in range(30)]


@pytest.mark.config(**LOSSY)
def test_a_sleeper_on_a_bad_radio_loses_nothing(patient, broker, observer):
    """8.11 with loss: wakes until PINGRESP comes, messages exactly once with QoS 2."""
    patient.connect()
    patient.subscribe(b"down/x", 2)
    device = patient.device
    patient.request(MQTTSN() / sn.MQTTSNDisconnect(duration=60), "DISCONNECT")
    sent = 0
    for round in range(4):
        observer.publish_many([("down/x", b"%d" % n) for n in range(sent, sent + 5)], qos=2)
        sent += 5
        broker.until_taken("sensor-1", sent)
        patient.request(MQTTSN() / sn.MQTTSNPingReq(client_id=device.client_id), "PINGRESP")
    patient.request(MQTTSN() / sn.MQTTSNPingReq(client_id=device.client_id), "PINGRESP")
    assert patient.taken == [(b"down/x", b"%d" % n) for n in range(sent)]


@pytest.mark.config(**LOSSY)
def test_many_devices_on_a_bad_radio(new_device, observer):
    """Both ways at once, twelve clients: each message once, each to its client."""
    patients = []
    for n in range(12):
        patient = Patient(new_device(f"node-{n}", loss=LOSS, seed=n))
        patient.connect()
        patient.subscribe(b"down/%d" % n, 2)
        patient.up = patient.register(b"up/%d" % n)
        patients.append(patient)
    for round in range(5):
        for n, patient in enumerate(patients):
            observer.publish(f"down/{n}", b"%d" % round, qos=2)
            patient.publish(patient.up, b"%d" % round, 2)
    for n, patient in enumerate(patients):
        patient.serve_until(lambda: len(patient.taken) >= 5)
        assert patient.taken == [(b"down/%d" % n, b"%d" % round) for round in range(5)]
    observer.barrier()
    for n in range(12):
        assert observer.payloads(f"up/{n}") == [b"%d" % round for round in range(5)]
