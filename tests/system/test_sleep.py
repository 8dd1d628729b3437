# SPDX-License-Identifier: Apache-2.0
"""Sleeping clients (digest 8.11, rows A4, A9, A10, A19, A48)."""

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import NOT_SUPPORTED, SHORT
from gateway import EACH, QUICK, both_versions


def data_of(messages):
    return [message.data for message in messages]


@pytest.fixture
def sleeper(device, broker, observer):
    """A device asleep with one subscription; `is_sent` returns when the gateway holds the messages,
    which the PUBACKs that the broker logs tell."""
    device.connect()
    device.subscribe("cmd/x", qos=2)
    device.sleep(60)
    device.sent = 0

    def is_sent(*payloads, qos=1):
        observer.publish_many([("cmd/x", data) for data in payloads], qos=qos)
        device.sent += len(payloads)
        broker.until_taken("sensor-1", device.sent)

    device.is_sent = is_sent
    return device


@both_versions
def test_nothing_queued_is_an_immediate_pingresp(sleeper):
    """8.11"""
    assert sleeper.wake() == []


@both_versions
def test_queued_messages_come_in_order_and_pingresp_last(sleeper):
    """8.11, field notes A1"""
    sleeper.is_sent(b"1", b"2", b"3")
    sleeper.nothing_pending()
    assert data_of(sleeper.wake()) == [b"1", b"2", b"3"]
    sleeper.nothing_pending()


@both_versions
@pytest.mark.parametrize("qos", [1, 2])
def test_strictly_one_at_a_time_and_pingresp_after_the_last_answer(sleeper, qos):
    """8.11: never the next message, nor PINGRESP, before the acknowledgement."""
    sleeper.is_sent(b"1", b"2", qos=qos)
    sleeper.wake_up()
    for data in (b"1", b"2"):
        heard = sleeper.expect("PUBLISH", data=data)
        sleeper.nothing_pending()
        if heard.qos == 2:
            sleeper.pubrec(heard.mid)
            sleeper.expect("PUBREL", mid=heard.mid)
            sleeper.nothing_pending()
            sleeper.pubcomp(heard.mid)
        else:
            sleeper.puback(heard)
    sleeper.expect("PINGRESP")


@both_versions
def test_the_worked_sleep_cycle_with_a_new_topic(device, broker, observer):
    """Section 12, field notes A5: REGISTER, REGACK, PUBLISH inside the wake."""
    device.connect()
    device.subscribe("a/+", qos=1)
    known = device.register("a/temp")
    device.sleep(300)
    observer.publish("a/temp", b"21.5")
    observer.publish("a/hum", b"60")
    broker.until_taken("sensor-1", 2)
    device.wake_up()
    device.puback(device.expect("PUBLISH", tid=known, data=b"21.5"))
    register = device.expect("REGISTER", topic_name="a/hum")
    device.nothing_pending()
    device.regack(register)
    device.puback(device.expect("PUBLISH", tid=register.tid, data=b"60"))
    device.expect("PINGRESP")


def test_two_hundred_new_topics_while_asleep(device, broker, observer):
    """Field notes B2, A5"""
    device.connect()
    device.subscribe("many/#", qos=1)
    device.sleep(60)
    pairs = [(f"many/{n}", b"%d" % n) for n in range(200)]
    observer.publish_many(pairs)
    broker.until_taken("sensor-1", 200)
    assert [(m.topic, m.data) for m in device.wake()] == pairs
    assert device.wake() == []


def test_nothing_comes_twice(sleeper):
    """Field notes A2: what was acknowledged is gone."""
    sleeper.is_sent(b"1")
    assert data_of(sleeper.wake()) == [b"1"]
    assert sleeper.wake() == []
    sleeper.is_sent(b"2")
    assert data_of(sleeper.wake()) == [b"2"]


def test_ids_survive_the_sleep(sleeper, observer):
    """Field notes A5: a known id needs no new REGISTER."""
    sleeper.is_sent(b"1")
    sleeper.wake_up()
    sleeper.acknowledge(sleeper.expect("PUBLISH", data=b"1"))
    sleeper.expect("PINGRESP")


@pytest.mark.config(gateway={"retry_interval": 0.2, "retry_count": 1})
def test_messages_survive_a_wake_without_answers(sleeper):
    """8.12: retries exhausted, asleep again, everything stays for the next wake."""
    sleeper.is_sent(b"1", b"2")
    sleeper.wake_up()
    sleeper.expect("PUBLISH", dup=0, data=b"1")
    sleeper.expect("PUBLISH", dup=1, data=b"1")  # and here the device fell asleep
    messages = sleeper.wake()
    assert data_of(messages) == [b"1", b"2"]
    assert sleeper.wake() == []


@pytest.mark.config(gateway={"retry_interval": 0.2, "retry_count": 1})
def test_the_repetitions_of_a_wake_end(sleeper):
    """8.12: a sleeping radio is not called for ever."""
    sleeper.is_sent(b"1")
    sleeper.wake_up()
    heard = [sleeper.receive(), sleeper.receive()]
    assert [one.dup for one in heard] == [0, 1]
    try:
        more = sleeper.receive(timeout=0.8)
    except AssertionError:
        more = None
    assert more is None
    assert data_of(sleeper.wake()) == [b"1"]


def test_pingreq_repeated_while_draining_resends_the_outstanding_message(sleeper):
    """A10: with DUP, at once, and the queue does not start over."""
    sleeper.is_sent(b"1", b"2")
    sleeper.wake_up()
    first = sleeper.expect("PUBLISH", dup=0, data=b"1")
    sleeper.wake_up()
    again = sleeper.expect("PUBLISH", dup=1, mid=first.mid, data=b"1")
    sleeper.acknowledge(again)
    sleeper.acknowledge(sleeper.expect("PUBLISH", data=b"2"))
    sleeper.expect("PINGRESP")
    sleeper.nothing_pending()


def test_pingreq_without_id_wakes_too(sleeper):
    """A9: the client is found by its address."""
    sleeper.is_sent(b"1")
    sleeper.say("PINGREQ")
    sleeper.acknowledge(sleeper.expect("PUBLISH", data=b"1"))
    sleeper.expect("PINGRESP")


def test_a_wake_from_a_new_address_is_found_by_client_id(sleeper, new_device):
    """A9, field notes A6, C2: NAT and radio addresses change."""
    sleeper.is_sent(b"1", b"2")
    moved = new_device("sensor-1")
    moved.topics = sleeper.topics
    assert data_of(moved.wake()) == [b"1", b"2"]
    moved.publish("ab", b"x", tid_type=SHORT)  # the address is bound now
    sleeper.nothing_pending()


def test_the_wake_address_may_change_while_draining(sleeper, new_device):
    """A9, A10: the outstanding message follows."""
    sleeper.is_sent(b"1")
    sleeper.wake_up()
    sleeper.expect("PUBLISH", data=b"1")
    moved = new_device("sensor-1")
    moved.topics = sleeper.topics
    assert data_of(moved.wake()) == [b"1"]


def test_pingreq_of_nobody_is_told(new_device):
    """A9: unknown id."""
    device = new_device("nobody")
    device.wake_up()
    device.expect("DISCONNECT")


def test_pingreq_of_an_active_client_is_answered_at_its_address_only(new_device):
    """A9: no hijack of an active session."""
    owner = new_device().connect()
    owner.wake_up()
    owner.expect("PINGRESP")
    thief = new_device("sensor-1")
    thief.wake_up()
    thief.expect("DISCONNECT")
    owner.ping()


def test_a_new_sleep_duration_keeps_the_queue(sleeper, observer):
    """Section 7: DISCONNECT(d) while asleep sets a new time and loses nothing."""
    sleeper.is_sent(b"1")
    sleeper.sleep(120)
    assert data_of(sleeper.wake()) == [b"1"]


def test_sleep_repeated_is_answered_again(sleeper):
    """Field notes A4"""
    for _ in range(3):
        sleeper.sleep(60)


def test_duration_zero_is_a_plain_disconnect(device, broker):
    """A11"""
    device.connect()
    device.send(bytes.fromhex("04 18 00 00"))
    device.expect("DISCONNECT")
    broker.until_gone("sensor-1")


def test_disconnect_ends_the_sleep(sleeper, broker):
    """Section 7: asleep, DISCONNECT: disconnected."""
    sleeper.disconnect()
    broker.until_gone("sensor-1")
    sleeper.wake_up()
    sleeper.expect("DISCONNECT")


@both_versions
def test_connect_from_sleep_delivers_the_queue(sleeper, broker, mqtt_version):
    """A4, field notes A2: Clean=0, Will=0: CONNACK at once, then what is queued. Only MQTT 5 lets a
    connection that began with Clean=1 keep its session; 3.1.1 needs a new one."""
    sleeper.is_sent(b"1", b"2")
    sleeper.send(sleeper.connect_packet(clean=False))
    sleeper.expect("CONNACK", return_code=0)
    assert data_of([sleeper.take(), sleeper.take()]) == [b"1", b"2"]
    sleeper.nothing_pending()
    sleeper.ping()
    assert broker.connections_of("sensor-1") == EACH * (1 if mqtt_version == "5" else 2)


def test_connect_from_sleep_with_clean_session_forgets_the_queue(sleeper, observer):
    """A4: the client has lost its state."""
    sleeper.is_sent(b"1")
    sleeper.connect(clean=True)
    sleeper.nothing_pending()
    observer.publish("cmd/x", b"not subscribed any more")
    sleeper.publish("ab", b"", tid_type=SHORT)
    sleeper.nothing_pending()


def test_connect_from_sleep_with_will_runs_the_dialogue(sleeper):
    """A4: a client that set Will waits for WILLTOPICREQ."""
    sleeper.is_sent(b"1")
    sleeper.connect(clean=False, will=("wills/x", b"gone", 0, False))
    assert sleeper.take().data == b"1"


def test_a_sleeper_stays_connected_upstream(sleeper, broker):
    """A48, section 7"""
    sleeper.is_sent(b"1")
    assert broker.count(r"Client sensor-1 (disconnected|closed|has exceeded)") == 0


def test_qos_0_messages_are_kept_too(device, broker, observer):
    """8.11: by default."""
    device.connect()
    device.subscribe("cmd/x", qos=0)
    device.subscribe("sync", qos=1)
    device.sleep(60)
    observer.publish("cmd/x", b"1", qos=0)
    observer.publish("sync", b"2", qos=1)
    broker.until_taken("sensor-1", 1)
    assert [(m.data, m.qos) for m in device.wake()] == [(b"1", 0), (b"2", 1)]


@pytest.mark.config(sleep={"keep_qos0": "no"})
def test_qos_0_messages_can_be_dropped_while_asleep(device, broker, observer):
    """8.11: optional."""
    device.connect()
    device.subscribe("cmd/x", qos=0)
    device.subscribe("sync", qos=1)
    device.sleep(60)
    observer.publish("cmd/x", b"1", qos=0)
    observer.publish("sync", b"2", qos=1)
    broker.until_taken("sensor-1", 1)
    assert data_of(device.wake()) == [b"2"]


@pytest.mark.parametrize("policy, kept", [
    ("drop-oldest", [b"3", b"4"]),
    ("drop-newest", [b"1", b"2"]),
    ("latest-per-topic", [b"4"]),
])  # fmt: skip
def test_a_full_queue_gives_way_as_configured(
    broker, observer, new_gateway, new_device_at, policy, kept
):
    """Field notes A7"""
    gateway = new_gateway(broker.url, {"sleep": {"max_messages": 2, "when_full": policy}})
    gateway.start().until_listening().until_online(observer)
    device = new_device_at(gateway).connect()
    device.subscribe("cmd/x", qos=1)
    device.sleep(60)
    observer.publish_many([("cmd/x", b"%d" % n) for n in (1, 2, 3, 4)])
    broker.until_taken("sensor-1", 4)
    assert data_of(device.wake())[-len(kept) :] == kept


@pytest.mark.config(sleep={"max_per_wake": 2})
def test_one_wake_is_bounded(sleeper):
    """8.11: bound one drain by count so that it ends; the rest waits."""
    sleeper.is_sent(b"1", b"2", b"3")
    assert data_of(sleeper.wake()) == [b"1", b"2"]
    assert data_of(sleeper.wake()) == [b"3"]


def test_messages_that_arrive_while_awake_join_the_tail(sleeper):
    """8.11"""
    sleeper.is_sent(b"1")
    sleeper.wake_up()
    first = sleeper.expect("PUBLISH", data=b"1")
    sleeper.is_sent(b"2")
    sleeper.acknowledge(first)
    sleeper.acknowledge(sleeper.expect("PUBLISH", data=b"2"))
    sleeper.expect("PINGRESP")


@both_versions
def test_requests_of_a_sleeper_are_served(sleeper, observer):
    """A19: PUBLISH, REGISTER, SUBSCRIBE while asleep; it stays asleep."""
    tid = sleeper.register("state/x")
    sleeper.publish(tid, b"q1", qos=1)
    sleeper.publish(tid, b"q2", qos=2)
    observer.hears("state/x", b"q2")
    sleeper.subscribe("cmd/y", qos=1)
    sleeper.is_sent(b"1")
    sleeper.nothing_pending()
    assert data_of(sleeper.wake()) == [b"1"]


@pytest.mark.config(sleep={"strict": "yes"})
def test_strict_sends_a_sleeper_to_connect_first(sleeper):
    """A19: the option."""
    sleeper.send(bytes.fromhex("0b 0c 22 61 62 00 04 32 31 2e 35"))
    sleeper.expect("DISCONNECT")


@pytest.mark.config(gateway=QUICK)
def test_a_rejected_message_does_not_stop_the_wake(sleeper):
    """A21 while awake."""
    sleeper.is_sent(b"1", b"2")
    sleeper.wake_up()
    sleeper.puback(sleeper.expect("PUBLISH", data=b"1"), NOT_SUPPORTED)
    sleeper.acknowledge(sleeper.expect("PUBLISH", data=b"2"))
    sleeper.expect("PINGRESP")


@pytest.mark.config(gateway={"retry_interval": 0.2, "retry_count": 1})
def test_qos_2_interrupted_in_a_wake_is_finished_in_the_next(sleeper):
    """8.11 with QoS 2: exactly once, also when the device slept between PUBREC and PUBCOMP."""
    sleeper.is_sent(b"1", b"2", qos=2)
    sleeper.wake_up()
    heard = sleeper.expect("PUBLISH", dup=0, qos=2, data=b"1")
    sleeper.pubrec(heard.mid)
    sleeper.expect("PUBREL", mid=heard.mid)
    sleeper.expect("PUBREL", mid=heard.mid)  # repeated; the device does not hear it
    sleeper.wake_up()
    sleeper.expect("PUBREL", mid=heard.mid)
    sleeper.pubcomp(heard.mid)
    heard = sleeper.expect("PUBLISH", qos=2, data=b"2")
    sleeper.acknowledge(heard)
    sleeper.expect("PINGRESP")


def test_sleep_in_the_middle_of_a_delivery_loses_nothing(device, broker, observer):
    """The device falls asleep owing a PUBACK; the message comes at its next wake."""
    device.connect()
    device.subscribe("cmd/x", qos=1)
    observer.publish("cmd/x", b"1")
    device.expect("PUBLISH", data=b"1")
    device.sleep(60)
    device.nothing_pending()
    assert data_of(device.wake()) == [b"1"]
    assert device.wake() == []


def test_a_thousand_wakes(sleeper):
    """Nothing piles up."""
    for _ in range(1000):
        assert sleeper.wake() == []


def test_a_sleeping_client_is_not_moved_by_a_foreign_disconnect(sleeper, new_device):
    """A37: DISCONNECT carries no id, so it speaks for its address only."""
    sleeper.is_sent(b"1")
    stranger = new_device("sensor-1")
    stranger.send(MQTTSN() / sn.MQTTSNDisconnect(duration=5))
    stranger.expect("DISCONNECT")
    assert data_of(sleeper.wake()) == [b"1"]
