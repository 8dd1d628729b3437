# SPDX-License-Identifier: Apache-2.0
"""SUBSCRIBE and UNSUBSCRIBE in all their forms, and what comes of them (digest 8.6, 8.8)."""

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import CONGESTION, INVALID_TOPIC, NORMAL, NOT_SUPPORTED, PREDEFINED, SHORT
from gateway import both_versions

TOPICS = {"topics": {42: "predefined/all"}}
FORMS = [("cmd/x", "cmd/x"), ("cmd/+", "cmd/x"), ("cmd/#", "cmd/x/y"), (42, "predefined/all"),
         (("ab",), "ab")]  # fmt: skip


def same_topic(heard, topic):
    return heard == (42 if topic == "predefined/all" else topic)


@both_versions
@pytest.mark.config(**TOPICS)
@pytest.mark.parametrize("subscription, topic", FORMS)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_subscriber_gets_messages_at_the_granted_qos(device, observer, subscription, topic, qos):
    """8.6, 8.8: every form, every QoS; wildcards by REGISTER, REGACK, PUBLISH."""
    device.connect()
    assert device.subscribe(subscription, qos=qos).qos == qos
    observer.publish(topic, b"on", qos=qos)
    message = device.take()
    assert same_topic(message.topic, topic)
    assert (message.data, message.qos, message.retain, message.dup) == (b"on", qos, False, False)
    device.unsubscribe(subscription)
    observer.publish(topic, b"off", qos=1)
    device.publish("zz", b"", tid_type=SHORT)
    device.nothing_pending()


@pytest.mark.config(**TOPICS)
def test_the_suback_tells_the_topic_id(device):
    """8.6: a plain name's id, 0 for a wildcard, the predefined id itself, 0 for a short name."""
    device.connect()
    assert 0 < device.subscribe("a/b").tid < 0xFFFF
    assert device.subscribe("a/+").tid == 0
    assert device.subscribe("#").tid == 0
    assert device.subscribe(42).tid == 42
    assert device.subscribe(("ab",)).tid == 0


@pytest.mark.config(**TOPICS)
def test_the_id_type_of_the_subscription_is_that_of_its_messages(device, observer):
    """8.6, third column"""
    device.connect()
    tid = device.subscribe("a/b").tid
    device.subscribe(42)
    device.subscribe(("ab",))
    observer.publish("a/b", b"1", qos=0)
    device.expect("PUBLISH", tid_type=NORMAL, tid=tid, data=b"1")
    observer.publish("predefined/all", b"2", qos=0)
    device.expect("PUBLISH", tid_type=PREDEFINED, tid=42, data=b"2")
    observer.publish("ab", b"3", qos=0)
    device.expect("PUBLISH", tid_type=SHORT, tid=0x6162, data=b"3")


@pytest.mark.config(**TOPICS)
def test_a_wildcard_prefers_ids_that_need_no_register(device, observer):
    """A45: predefined id, then short name, then REGISTER."""
    device.connect()
    device.subscribe("predefined/+")
    device.subscribe("+")
    device.subscribe("a/#")
    observer.publish("predefined/all", b"1", qos=0)
    device.expect("PUBLISH", tid_type=PREDEFINED, tid=42, data=b"1")
    observer.publish("ab", b"2", qos=0)
    device.expect("PUBLISH", tid_type=SHORT, tid=0x6162, data=b"2")
    observer.publish("a/b", b"3", qos=0)
    device.expect("REGISTER", topic_name="a/b")


@pytest.mark.config(**TOPICS)
def test_a_name_subscriber_of_a_predefined_topic_gets_the_normal_id(device, observer):
    """A45: the id type the subscriber subscribed with."""
    device.connect()
    tid = device.subscribe("predefined/all").tid
    observer.publish("predefined/all", b"1", qos=0)
    device.expect("PUBLISH", tid_type=NORMAL, tid=tid, data=b"1")


def test_a_name_registered_before_keeps_its_id_when_subscribed(device):
    """8.6: newly assigned or existing id."""
    device.connect()
    assert device.register("a/b") == device.subscribe("a/b").tid


@both_versions
def test_a_message_is_downgraded_to_the_granted_qos(device, observer):
    """8.8: min(message QoS, granted QoS)."""
    device.connect()
    device.subscribe("low", qos=0)
    device.subscribe("high", qos=2)
    observer.publish("low", b"x", qos=2)
    assert device.take().qos == 0
    observer.publish("high", b"x", qos=0)
    assert device.take().qos == 0


@both_versions
def test_a_retained_message_comes_at_each_subscribe(device, observer):
    """A28: the same id, the new QoS, and the retained message again."""
    observer.publish("kept", b"x", qos=1, retain=True)
    device.connect()
    first = device.subscribe("kept", qos=0)
    message = device.take()
    assert (message.data, message.retain, message.qos) == (b"x", True, 0)
    second = device.subscribe("kept", qos=1)
    assert second.tid == first.tid
    message = device.take()
    assert (message.data, message.retain, message.qos) == (b"x", True, 1)
    observer.publish("kept", b"y", qos=1)
    assert device.take().retain is False


@pytest.mark.parametrize("size", [0, 247, 248, 249, 60000, 65498])
def test_payloads_of_every_size_arrive_at_the_device(device, observer, size):
    """Field notes K2"""
    device.connect()
    device.subscribe("big", qos=1)
    payload = bytes(n * 11 & 0xFF for n in range(size))
    observer.publish("big", payload)
    assert device.take().data == payload


def test_a_message_too_big_for_a_datagram_is_dropped_and_the_next_comes(device, observer):
    """A42: dropped without telling anyone."""
    device.connect()
    device.subscribe("big", qos=1)
    observer.publish("big", b"x" * 65499)
    observer.publish("big", b"small")
    assert device.take().data == b"small"


@pytest.mark.config(udp={"max_packet": 100})
def test_the_limit_of_the_listener_holds_for_publish_and_register(device, observer):
    """A42, field notes J1: small devices have small buffers."""
    device.connect()
    device.subscribe("big/#", qos=1)
    observer.publish("big/" + "long" * 30, b"name too long for REGISTER")
    observer.publish("big/x", b"x" * 94)
    observer.publish("big/x", b"y" * 93)
    assert device.take().data == b"y" * 93


@both_versions
def test_two_hundred_new_topics_at_once_arrive_in_order(device, observer):
    """Field notes B2: REGISTER, REGACK, PUBLISH for each, no stall, nothing twice."""
    device.connect()
    device.subscribe("many/#", qos=1)
    pairs = [(f"many/{n}", b"%d" % n) for n in range(200)]
    observer.publish_many(pairs)
    got = [device.take() for _ in pairs]
    assert [(m.topic, m.data) for m in got] == pairs
    assert len(set(device.topics)) == 200
    observer.publish("many/0", b"again")
    assert device.take().data == b"again"
    device.nothing_pending()


def test_many_messages_on_one_topic_arrive_in_order(device, observer):
    """8.5: later messages queue behind the REGISTER."""
    device.connect()
    device.subscribe("one/+", qos=1)
    pairs = [("one/x", b"%d" % n) for n in range(100)]
    observer.publish_many(pairs)
    assert [device.take().data for _ in pairs] == [payload for _, payload in pairs]


@pytest.mark.parametrize("filter", [b"a/#/b", b"a+", b"a\x00b", b"\xff", b"", b"$share/x", b"/" * 300])
def test_a_filter_that_a_broker_would_choke_on_is_refused(device, filter):
    """Bad input: the broker would close the connection."""
    device.connect()
    device.subscribe(filter, code=NOT_SUPPORTED)
    device.ping()


def test_an_unknown_predefined_id_is_told(device):
    """Section 4, SUBACK: `08 13 00 00 00 00 07 02`."""
    device.connect()
    device.subscribe(99, code=INVALID_TOPIC)


@pytest.mark.parametrize("name", [b"a+", b"+/", b"#a", b"a\x00"])
def test_a_short_name_with_wildcards_is_refused(device, name):
    """A29"""
    device.connect()
    device.subscribe((name,), code=NOT_SUPPORTED)


def test_qos_3_cannot_be_subscribed(device):
    """A27"""
    device.connect()
    device.subscribe("a/b", qos=3, code=NOT_SUPPORTED)


def test_dup_in_subscribe_and_message_id_zero_are_accepted(device):
    """A20, A21"""
    device.connect()
    device.send(MQTTSN() / sn.MQTTSNSubscribe(dup=1, qos=1, mid=0, topic_name=b"a/b"))
    device.expect("SUBACK", mid=0, return_code=0)
    device.send(MQTTSN() / sn.MQTTSNSubscribe(dup=1, qos=1, mid=0, topic_name=b"a/b"))
    device.expect("SUBACK", mid=0, return_code=0)


@pytest.mark.config(gateway={"max_subscriptions": 2})
def test_subscriptions_beyond_the_limit_are_congestion(device):
    """8.6: congestion; the same filter again is not one more."""
    device.connect()
    device.subscribe("a/1")
    device.subscribe("a/2")
    device.subscribe("a/3", code=CONGESTION)
    device.subscribe("a/2", qos=1)
    device.unsubscribe("a/1")
    device.subscribe("a/3")


@pytest.mark.parametrize("topic", ["never/subscribed", "a/#/b", 99, ("zz",), ("a+",), "\x00"])
def test_unsubscribe_is_always_answered(device, topic):
    """A30"""
    device.connect()
    device.unsubscribe(topic)
    device.ping()


def test_unsubscribe_keeps_the_topic_id(device, observer):
    """A30"""
    device.connect()
    tid = device.subscribe("a/b").tid
    device.unsubscribe("a/b")
    device.publish(tid, b"x")
    observer.hears("a/b", b"x")


def test_a_client_gets_its_own_messages_when_it_subscribed(device):
    """As in MQTT."""
    device.connect()
    tid = device.subscribe("echo", qos=1).tid
    device.publish(tid, b"x")
    assert device.take().data == b"x"


def test_devices_reach_each_other(new_device):
    """Through the broker, each by its own ids."""
    first, second = new_device("first").connect(), new_device("second").connect()
    second.register("something/else")
    second.subscribe("rooms/+/light", qos=2)
    first.publish(first.register("rooms/7/light"), b"on", qos=2)
    message = second.take()
    assert (message.topic, message.data, message.qos) == ("rooms/7/light", b"on", 2)


@pytest.mark.config(broker={"qos2_subscriptions": "native"})
def test_qos_2_can_be_native(device, observer):
    """Design 7: `[broker] qos2_subscriptions`."""
    device.connect()
    device.subscribe("two", qos=2)
    for n in range(5):
        observer.publish("two", b"%d" % n, qos=2)
    assert [(m.data, m.qos) for m in (device.take() for _ in range(5))] == [
        (b"%d" % n, 2) for n in range(5)
    ]
