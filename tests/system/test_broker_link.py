# SPDX-License-Identifier: Apache-2.0
"""The way to the broker: it goes away, hangs, comes back, kicks (issue 4)."""

import socket
import threading
import time

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import CONGESTION, SHORT, publish_packet
from gateway import AGGREGATING, both_versions, only_aggregating, only_transparent
from strict_front import Limits, StrictFront
from waiting import PATIENCE, until

AWAY = {"broker": {"ack_timeout": 1, "connect_timeout": 1}}
# What the spool takes away from these stories is told in test_spool.py.
REJECT = {"broker": AWAY["broker"] | {"offline": "reject"}}


class KickingBroker(threading.Thread):
    """Accepts MQTT 5 connections, acknowledges what is published, and ends one on request."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "mqtt://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.connections = {}

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        stream = connection.makefile("rb")
        while head := stream.read(1):
            size = stream.read(1)[0]
            assert size < 128
            body = stream.read(size)
            kind = head[0] >> 4
            if kind == 1:
                at = 11 + body[10]
                self.connections[body[at + 2 : at + 2 + body[at + 1]]] = connection
                connection.sendall(b"\x20\x03\x00\x00\x00")
            elif kind == 3 and head[0] & 0x06 == 0x02:
                at = 2 + body[1]
                connection.sendall(b"\x40\x02" + body[at : at + 2])
            elif kind == 14:
                break
        connection.close()

    def kick(self, client_id):
        self.connections[client_id].sendall(b"\xe0\x02\x8e\x00")


@pytest.fixture
def start_kicking_broker():
    brokers = []

    def start():
        brokers.append(KickingBroker())
        brokers[-1].start()
        return brokers[-1]

    yield start
    for broker in brokers:
        broker.listener.close()


def publish_until_accepted(device, tid, data):
    """As a patient device: congestion means try again later. Returns how often it was told."""
    congested = 0
    deadline = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline:
        device.send(publish_packet(tid, data, qos=1, mid=device.mid()))
        answer = device.answer("PUBACK", timeout=2 * PATIENCE, mid=device.last_mid)
        if answer.return_code == 0:
            return congested
        assert answer.return_code == CONGESTION
        congested += 1
        time.sleep(0.02)
    raise AssertionError("congestion for ever")


def deliver_until_heard(observer, device, topic, data):
    """Publishes to the device until it hears, because a subscription is renewed in its own time."""

    def heard():
        observer.publish(topic, data)
        try:
            return device.take(timeout=0.2).data == data
        except AssertionError:
            return False

    until(heard, f"{topic} to reach the device", timeout=2 * PATIENCE)


@both_versions
@pytest.mark.parametrize("end", ["kill", "leave"])
@pytest.mark.config(**REJECT)
def test_a_broker_restart_disconnects_nobody_and_everything_resumes(
    broker, observer, gateway, new_device, end
):
    """Issue 4, field notes D4: congestion while away, then publish, subscriptions and sleep."""
    active = new_device("active").connect(clean=True)
    stored = new_device("stored").connect(clean=False)
    sleeper = new_device("sleeper").connect(clean=False)
    tid = active.register("state/active")
    for device in (active, stored, sleeper):
        device.subscribe(f"cmd/{device.client_id.decode()}", qos=1)
    sleeper.sleep(60)

    getattr(broker, end)()
    active.ping()
    active.send(publish_packet(tid, b"away", qos=1, mid=100))
    active.answer("PUBACK", mid=100, return_code=CONGESTION)
    active.send(publish_packet(tid, b"away", qos=2, mid=101))
    active.answer("PUBACK", mid=101, return_code=CONGESTION)
    newcomer = new_device("newcomer").connect(code=CONGESTION)
    assert sleeper.wake() == []
    stored.ping()

    broker.start()
    observer.until_subscribed()
    publish_until_accepted(active, tid, b"back")
    observer.hears("state/active", b"back")
    until(lambda: newcomer_connects(newcomer), "the newcomer to be let in")
    deliver_until_heard(observer, active, "cmd/active", b"1")
    deliver_until_heard(observer, stored, "cmd/stored", b"2")
    heard = []

    def sleeper_heard():
        observer.publish("cmd/sleeper", b"3")
        heard.extend(sleeper.wake())
        return heard

    until(sleeper_heard, "the sleeper to get messages", timeout=2 * PATIENCE)
    assert {message.data for message in heard} == {b"3"}
    active.ping()
    assert observer.retained(gateway.state_topic) == b"online"


def newcomer_connects(device):
    device.send(device.connect_packet())
    return device.expect("CONNACK").return_code == 0


@both_versions
@pytest.mark.config(**AWAY)
def test_a_sleepers_queue_survives_a_broker_restart(broker, observer, device):
    """What the broker was told is ours to keep."""
    device.connect(clean=False)
    device.subscribe("cmd/x", qos=1)
    device.sleep(60)
    observer.publish("cmd/x", b"1")
    broker.until_taken("sensor-1", 1)
    broker.kill()
    broker.start()
    assert [message.data for message in device.wake()] == [b"1"]


@both_versions
@only_aggregating("with connections of their own each device comes back by itself")
@pytest.mark.parametrize("offline", ["store", "reject"])
def test_what_is_acknowledged_after_a_restart_reaches_all_subscribers(
    broker, observer, new_gateway, new_device_at, offline
):
    """mosquitto has forgotten every filter, and the shared connections come back one by one."""
    gateway = new_gateway(broker.url, {"broker": {"offline": offline}})
    gateway.start().until_listening().until_online(observer)
    pairs = [(new_device_at(gateway, f"s{i}"), new_device_at(gateway, f"h{i}")) for i in range(15)]
    for i, (speaker, hearer) in enumerate(pairs):
        speaker.connect()
        speaker.tid = speaker.register(f"to/h{i}")
        hearer.connect()
        hearer.subscribe(f"to/h{i}", qos=1)
    broker.kill()
    broker.start()
    for number in range(10):
        for speaker, _ in pairs:
            publish_until_accepted(speaker, speaker.tid, b"%d" % number)
    for _, hearer in pairs:
        heard = set()
        while heard != {b"%d" % number for number in range(10)}:
            heard.add(hearer.take().data)


@only_aggregating("no other client's connection could stand in")
@pytest.mark.parametrize("offline", ["store", "reject"])
def test_devices_whose_connection_is_refused_publish_over_another(
    broker, observer, new_gateway, new_device_at, offline
):
    front = StrictFront(broker.port, Limits())
    gateway = new_gateway(front.url, {"broker": {"offline": offline}})
    gateway.start().until_listening().until_online(observer)
    devices = [new_device_at(gateway, f"s{i}").connect() for i in range(12)]
    for i, device in enumerate(devices):
        device.tid = device.register(f"up/{i}")
        device.publish(device.tid, b"0")
    front.refuse(f"mqtt-sn-gateway-{gateway.id}-2".encode())
    for number in range(1, 6):
        for device in devices:
            publish_until_accepted(device, device.tid, b"%d" % number)
    for i in range(len(devices)):
        observer.hears(f"up/{i}", b"5")
        assert observer.payloads(f"up/{i}") == [b"%d" % number for number in range(6)]
    front.close()


@both_versions
@pytest.mark.config(**AWAY)
def test_an_updated_will_outlives_a_broker_restart(broker, observer, device):
    """8.4: published once, and in its newer form."""
    device.connect(keep_alive=3, will=("wills/x", b"old", 1, False))
    device.send(MQTTSN() / sn.MQTTSNWillMsgUpd(will_msg=b"new"))
    device.answer("WILLMSGRESP", return_code=0)
    broker.kill()
    broker.start()
    observer.until_subscribed()
    device.ping()
    observer.hears("wills/x", b"new")
    observer.barrier()
    assert observer.payloads("wills/x") == [b"new"]


@pytest.mark.config(**AWAY)
def test_qos_0_is_dropped_without_a_word_while_the_broker_is_away(broker, device):
    """Counted, not answered; nothing breaks."""
    device.connect()
    tid = device.register("a/b")
    broker.kill()
    for _ in range(5):
        device.publish(tid, b"x", qos=0)
        device.send(publish_packet("ab", b"x", qos=3, tid_type=SHORT))
    device.ping()


@pytest.mark.config(**AWAY)
def test_subscribe_while_the_broker_is_away_is_congestion(broker, device):
    """8.6: the client repeats it after T_WAIT."""
    device.connect()
    broker.kill()
    device.subscribe("cmd/x", code=CONGESTION)
    device.unsubscribe("cmd/x")
    device.ping()


@pytest.mark.config(**REJECT)
def test_the_gateway_may_start_before_the_broker(start_broker, start_observer, new_gateway, new_device_at):
    """Issue 4: everything resumes by itself."""
    broker = start_broker()
    broker.kill()
    gateway = new_gateway(broker.url).start().until_listening()
    device = new_device_at(gateway)
    device.connect(code=CONGESTION)
    broker.start()
    until(lambda: newcomer_connects(device), "the device to be let in", timeout=2 * PATIENCE)
    gateway.until_online(start_observer(broker.port))


@pytest.mark.config(**REJECT)
def test_a_broker_that_hangs_blocks_nobody(broker, observer, gateway, new_device):
    """Issue 4: an acknowledgement timer; never blocking the loop."""
    first = new_device("first").connect()
    tid = first.register("a/b")
    broker.freeze()
    try:
        first.send(publish_packet(tid, b"x", qos=1, mid=1))
        late = new_device("late")
        late.send(late.connect_packet())
        for _ in range(20):
            start = time.monotonic()
            first.ping()
            assert time.monotonic() - start < 1
        assert first.answer("PUBACK", mid=1).return_code == CONGESTION
        # A shared connection is open already, and nobody has found out yet.
        late.answer("CONNACK", return_code=0 if AGGREGATING else CONGESTION)
    finally:
        broker.thaw()
    publish_until_accepted(first, tid, b"y")


@pytest.mark.config(**AWAY)
def test_many_broker_restarts(broker, observer, gateway, device):
    """Field notes D7: no stuck link."""
    device.connect()
    tid = device.subscribe("cmd/x", qos=1).tid
    for n in range(4):
        broker.kill()
        broker.start()
        observer.until_subscribed()
        publish_until_accepted(device, tid, b"up %d" % n)
        observer.hears("cmd/x", b"up %d" % n)
    assert gateway.process.poll() is None


@both_versions
def test_acknowledged_means_the_broker_has_it(broker, observer, device):
    """Rule 3: PUBACK after the broker's, so a killed broker takes no acknowledged QoS 1 back."""
    device.connect()
    tid = device.register("a/b")
    broker.freeze()
    device.send(publish_packet(tid, b"x", qos=1, mid=1))
    device.nothing_pending()
    device.send(publish_packet(tid, b"y", qos=2, mid=2))
    device.nothing_pending()
    broker.thaw()
    device.answer("PUBACK", mid=1, return_code=0)
    device.answer("PUBREC", mid=2)


@only_transparent("the broker knows no client that it could end")
def test_a_client_kicked_by_the_broker_is_told(start_kicking_broker, new_gateway, new_device_at):
    """Section 9: DISCONNECT from the broker for good (here: session taken over) is DISCONNECT to
    the client. mosquitto 2.0 never says it, so the broker is a sketch of one."""
    broker = start_kicking_broker()
    device = new_device_at(new_gateway(broker.url).start().until_listening()).connect()
    device.ping()
    broker.kick(b"sensor-1")
    device.expect("DISCONNECT")


@only_transparent("no other client can have the id of a device")
def test_two_that_fight_for_a_client_id_are_told_of(gateway, broker, new_device, start_observer):
    """mosquitto 2.0 does not say who took the id: all that is seen is that the connection ends."""
    new_device().connect()
    start_observer(broker.port, client_id="sensor-1")
    gateway.until_logged("connection of client sensor-1 soon after .* another MQTT client")
