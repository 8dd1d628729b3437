# SPDX-License-Identifier: Apache-2.0
"""The broker is away and devices publish all the same ([broker] offline = store, the default)."""

import signal
import time
from collections import Counter

import paho.mqtt.client as paho
import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import PREDEFINED, SHORT, publish_packet
from gateway import AGGREGATING, both_versions
from waiting import until

IMPATIENT = {"broker": {"ack_timeout": 1, "connect_timeout": 1}}


@pytest.fixture
def goes_away(broker, observer):
    def now():
        broker.kill()
        until(lambda: not observer.subscribed, "the observer to lose the broker")

    return now


@pytest.fixture
def comes_back(broker, observer):
    """The gateway stands still until the observer is there, who would miss messages otherwise."""

    def now(gateway, start_another=lambda: None):
        gateway.signal(signal.SIGSTOP)
        broker.start()
        observer.until_subscribed()
        another = start_another()
        gateway.signal(signal.SIGCONT)
        return another

    return now


def numbers(first, behind):
    return [b"%d" % i for i in range(first, behind)]


def in_order(observer, topic, qos):
    """MQTT keeps the order of one QoS: a broker routes QoS 2 with its PUBREL, a QoS 1 message sent
    behind it at once."""
    return [seen.payload for seen in observer.on(topic) if seen.qos == qos]


@both_versions
@pytest.mark.parametrize("clean", [True, False])
def test_what_is_published_meanwhile_arrives_in_order(
    gateway, new_device, observer, goes_away, comes_back, clean
):
    old = new_device("old")
    old.connect(clean=clean)
    tid = old.register("up/old")
    goes_away()
    new = new_device("new").connect(clean=clean)
    for i, data in enumerate(numbers(0, 20)):
        old.publish(tid, data, qos=1 + i % 2)
        new.publish("ne", data, qos=1 + i % 2, tid_type=SHORT)
    comes_back(gateway)
    for topic in ("up/old", "ne"):
        observer.hears(topic, b"18")
        observer.hears(topic, b"19")
        assert in_order(observer, topic, 1) == numbers(0, 20)[0::2]
        assert in_order(observer, topic, 2) == numbers(0, 20)[1::2]
    until(lambda: gateway.counters()["core.spool_forwarded"] == 40, "the spool to be empty")
    old.publish(tid, b"live")
    observer.hears("up/old", b"live")


@both_versions
def test_a_qos_2_message_repeated_by_its_device_arrives_once(
    device, gateway, observer, goes_away, comes_back
):
    """Before the broker is back and after; only the PUBREL ends it."""
    device.connect()
    goes_away()
    packet = publish_packet("ab", b"once", qos=2, mid=9, tid_type=SHORT)
    again = publish_packet("ab", b"once", qos=2, mid=9, tid_type=SHORT, dup=1)
    for one in (packet, again):
        device.send(one)
        device.expect("PUBREC", mid=9)
    comes_back(gateway)
    observer.hears("ab", b"once")
    device.send(again)
    device.expect("PUBREC", mid=9)
    device.send(MQTTSN() / sn.MQTTSNPubrel(mid=9))
    device.expect("PUBCOMP", mid=9)
    device.publish("ab", b"end", tid_type=SHORT)
    observer.hears("ab", b"end")
    assert observer.payloads("ab") == [b"once", b"end"]


@both_versions
def test_sensors_that_come_and_go_meanwhile(
    gateway, new_device, broker, observer, goes_away, comes_back
):
    """The usual battery sensor: connect, publish, disconnect. Its connection to the broker is made
    for its messages alone, and ended politely."""
    goes_away()
    for turn in range(3):
        for i in range(4):
            sensor = new_device(f"s{i}").connect()
            sensor.publish(f"s{i}", b"%d" % turn, tid_type=SHORT)
            sensor.disconnect()
    comes_back(gateway)
    for i in range(4):
        observer.hears(f"s{i}", b"2")
        assert observer.payloads(f"s{i}") == numbers(0, 3)
        if not AGGREGATING:
            broker.until_logged(rf"Received DISCONNECT from s{i}\n")


@both_versions
def test_a_gateway_may_start_before_its_broker(
    broker, observer, new_gateway, new_device_at, goes_away, comes_back
):
    goes_away()
    gateway = new_gateway(broker.url).start().until_listening()
    device = new_device_at(gateway).connect()
    tid = device.register("up/early")
    for data in numbers(0, 5):
        device.publish(tid, data)
    comes_back(gateway)
    observer.hears("up/early", b"4")
    assert observer.payloads("up/early") == numbers(0, 5)


@both_versions
@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.config(**IMPATIENT)
def test_what_is_under_way_when_the_broker_hangs(device, broker, gateway, observer, clean):
    """The broker reads what was sent to it when it wakes up, so QoS 1 may arrive twice: its
    acknowledgement came too late for the connection that waited for it. QoS 2 arrives once."""
    device.connect(clean=clean)
    device.publish("ab", b"before", tid_type=SHORT)
    broker.freeze()
    for mid in range(10, 15):
        device.send(publish_packet("ab", b"q1 %d" % mid, qos=1, mid=mid, tid_type=SHORT))
    for mid in range(15, 20):
        device.send(publish_packet("cd", b"q2 %d" % mid, qos=2, mid=mid, tid_type=SHORT))
    for mid in range(10, 15):
        device.answer("PUBACK", mid=mid, return_code=0)
    for mid in range(15, 20):
        device.answer("PUBREC", mid=mid)
    device.publish("cd", b"q2 behind", qos=2, tid_type=SHORT)
    broker.thaw()
    observer.hears("cd", b"q2 behind")
    device.publish("ab", b"after", tid_type=SHORT)
    observer.hears("ab", b"after")
    once = observer.payloads("cd")
    assert once == [b"q2 %d" % mid for mid in range(15, 20)] + [b"q2 behind"]
    arrived = Counter(observer.payloads("ab"))
    assert set(arrived) == {b"before", b"after"} | {b"q1 %d" % mid for mid in range(10, 15)}
    assert max(arrived.values()) <= 2


@both_versions
def test_a_lost_clients_will_comes_behind_its_backlog(
    device, gateway, observer, goes_away, comes_back
):
    goes_away()
    device.connect(keep_alive=1, will=("wi", b"gone", 1, False))
    for data in numbers(0, 5):
        device.publish("wi", data, tid_type=SHORT)
    until(lambda: gateway.counters()["core.lost_clients"] == 1, "the client to be lost")
    comes_back(gateway)
    observer.hears("wi", b"gone")
    assert observer.payloads("wi") == numbers(0, 5) + [b"gone"]


@both_versions
@pytest.mark.config(spool={"drain_rate": 20})
def test_the_backlog_goes_out_no_faster_than_drain_rate(
    gateway, new_device, observer, goes_away, comes_back
):
    goes_away()
    devices = [new_device(f"d{i}").connect() for i in range(4)]
    for device in devices:
        for data in numbers(0, 10):
            device.publish(device.client_id.decode(), data, tid_type=SHORT)
    comes_back(gateway)
    began = time.monotonic()
    for i in range(4):
        observer.hears(f"d{i}", b"9")
    assert time.monotonic() - began > 1.5  # 40 messages, of which 2 or 3 go out at once


@pytest.mark.config(spool={"keep_qos0": "yes"}, topics={7: "minus/one"})
def test_qos_0_is_kept_by_option(device, gateway, observer, goes_away, comes_back):
    device.connect()
    goes_away()
    device.publish("q0", b"zero", qos=0, tid_type=SHORT)
    device.send(publish_packet(7, b"minus one", qos=3, tid_type=PREDEFINED))
    until(lambda: gateway.counters()["core.spooled"] == 2, "both to be kept")
    comes_back(gateway)
    assert observer.hears("q0", b"zero").qos == 0
    assert observer.hears("minus/one", b"minus one").qos == 0


def test_qos_0_is_dropped_and_counted_by_default(device, gateway, observer, goes_away, comes_back):
    device.connect()
    goes_away()
    device.publish("ab", b"zero", qos=0, tid_type=SHORT)
    device.publish("ab", b"one", qos=1, tid_type=SHORT)
    assert gateway.counters()["core.qos0_not_forwarded"] == 1
    comes_back(gateway)
    observer.hears("ab", b"one")
    assert observer.payloads("ab") == [b"one"]


@pytest.fixture
def start_mqtt5_subscriber(broker):
    """Receives user properties, which MQTT 3.1.1 does not know."""
    clients = []

    def start():
        heard, subscribed = [], []
        client = paho.Client("properties", protocol=paho.MQTTv5)
        client.on_connect = lambda *_: client.subscribe("#", 1)
        client.on_subscribe = lambda *_: subscribed.append(True)
        client.on_message = lambda client, self, message: heard.append(
            (message.topic, dict(getattr(message.properties, "UserProperty", [])))
        )
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        clients.append(client)
        until(lambda: subscribed, "the subscription")
        return heard

    yield start
    for client in clients:
        client.disconnect()
        client.loop_stop()


@pytest.mark.config(spool={"received_at": "yes"})
def test_when_it_was_received_is_told_by_option(
    device, gateway, observer, goes_away, comes_back, start_mqtt5_subscriber
):
    device.connect()
    goes_away()
    earliest = time.time()
    device.publish("ab", b"x", tid_type=SHORT)
    latest = time.time()
    heard = comes_back(gateway, start_mqtt5_subscriber)
    until(lambda: any(topic == "ab" for topic, _ in heard), "the message")
    told = next(properties["received-at"] for topic, properties in heard if topic == "ab")
    assert earliest - 0.05 <= float(told) <= latest + 0.05
    device.publish("cd", b"y", tid_type=SHORT)
    until(lambda: ("cd", {}) in heard, "a live message, which has no such property")


@both_versions
def test_the_spool_outlives_the_gateway(
    new_gateway, new_device_at, broker, observer, goes_away, comes_back, tmp_path
):
    """kill -9 while the broker is away. The devices notice nothing, not even that of QoS 2."""
    store = {"path": str(tmp_path / "state.db")}
    gateway = new_gateway(broker.url, {"store": store})
    gateway.start().until_listening().until_online(observer)
    device, gone = new_device_at(gateway, "stays"), new_device_at(gateway, "gone")
    device.connect(clean=False)
    tid = device.register("up/stays")
    goes_away()
    for i, data in enumerate(numbers(0, 10)):
        device.publish(tid, data, qos=1 + i % 2)
    gone.connect()
    gone.publish("go", b"left", tid_type=SHORT)
    gone.disconnect()
    half = publish_packet(tid, b"half", qos=2, mid=9000)
    device.send(half)
    device.answer("PUBREC", mid=9000)
    gateway.kill()
    gateway.start().until_listening()
    device.send(half)
    device.expect("PUBREC", mid=9000)
    device.send(MQTTSN() / sn.MQTTSNPubrel(mid=9000))
    device.expect("PUBCOMP", mid=9000)
    device.publish(tid, b"behind")
    comes_back(gateway)
    observer.hears("up/stays", b"behind")
    observer.hears("up/stays", b"half")
    observer.hears("go", b"left")
    assert in_order(observer, "up/stays", 1) == numbers(0, 10)[0::2] + [b"behind"]
    assert in_order(observer, "up/stays", 2) == numbers(0, 10)[1::2] + [b"half"]


@both_versions
def test_the_spool_outlives_a_gateway_that_is_stopped(
    new_gateway, new_device_at, broker, observer, goes_away, comes_back, tmp_path
):
    store = {"path": str(tmp_path / "state.db")}
    gateway = new_gateway(broker.url, {"store": store})
    gateway.start().until_listening().until_online(observer)
    device = new_device_at(gateway).connect()
    goes_away()
    device.publish("ab", b"kept", tid_type=SHORT)
    assert gateway.stop() == 0
    gateway.start().until_listening()
    comes_back(gateway)
    observer.hears("ab", b"kept")
