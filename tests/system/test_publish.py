# SPDX-License-Identifier: Apache-2.0
"""From the device to the broker: REGISTER and PUBLISH (digest 8.5, 8.7)."""

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import (
    CONGESTION,
    INVALID_TOPIC,
    NORMAL,
    NOT_SUPPORTED,
    PREDEFINED,
    SHORT,
    publish_packet,
)
from gateway import both_versions

TOPICS = {"topics": {42: "predefined/all", 1: "predefined/one"}}
RESERVED = 3


@both_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_publish_on_a_registered_id_reaches_the_broker(device, observer, qos):
    """8.7: the exchange of each QoS, and the same QoS upstream."""
    device.connect()
    device.publish(device.register("a/temp"), b"21.5", qos=qos)
    assert observer.hears("a/temp", b"21.5").qos == qos


@pytest.mark.config(**TOPICS)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_publish_on_a_predefined_id_needs_no_register(device, observer, qos):
    """2.3"""
    device.connect()
    device.publish(42, b"x", qos=qos, tid_type=PREDEFINED)
    assert observer.hears("predefined/all", b"x").qos == qos


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_publish_on_a_short_name_needs_no_register(device, observer, qos):
    """2.3: the id is the name."""
    device.connect()
    device.publish("ab", b"x", qos=qos, tid_type=SHORT)
    assert observer.hears("ab", b"x").qos == qos


@both_versions
def test_the_puback_repeats_topic_id_and_message_id(device):
    """Section 4, PUBACK; field notes B5: wrong ids in answers."""
    device.connect()
    tid = device.register("a/b")
    device.send(publish_packet(tid, b"x", qos=1, mid=0xFFFF))
    device.expect("PUBACK", tid=tid, mid=0xFFFF, return_code=0)


@pytest.mark.config(**TOPICS)
def test_predefined_and_normal_ids_are_separate_numbers(device, observer):
    """2.3: the type bits differ, so id 1 is two topics."""
    device.connect()
    names = {}
    for n in range(50):
        names[device.register(f"normal/{n}")] = f"normal/{n}"
    assert 1 in names or 42 in names
    for tid in (1, 42):
        if tid in names:
            device.publish(tid, b"normal", tid_type=NORMAL)
            observer.hears(names[tid], b"normal")
        device.publish(tid, b"predefined", tid_type=PREDEFINED)
    observer.hears("predefined/one", b"predefined")
    observer.hears("predefined/all", b"predefined")


@pytest.mark.config(**{"topics": {1: "all/clients"}, "topics pump-*": {1: "pumps/only", 2: "p/2"}})
def test_predefined_ids_can_belong_to_some_client_ids(new_device, observer):
    """Field notes B4: global and per client id pattern; the pattern wins."""
    pump = new_device("pump-7").connect()
    pump.publish(1, b"p", tid_type=PREDEFINED)
    pump.publish(2, b"p", tid_type=PREDEFINED)
    observer.hears("pumps/only", b"p")
    observer.hears("p/2", b"p")
    fan = new_device("fan-1").connect()
    fan.publish(1, b"f", tid_type=PREDEFINED)
    fan.publish(2, b"f", tid_type=PREDEFINED, code=INVALID_TOPIC)
    observer.hears("all/clients", b"f")


def test_the_same_name_gets_the_same_id(device):
    """8.5: makes retransmissions harmless."""
    device.connect()
    assert device.register("a/b") == device.register("a/b")
    assert device.register("a/c") != device.register("a/b")


def test_ids_belong_to_one_client(new_device, observer):
    """2.3: a wrong id cannot hit another client's topic."""
    first, second = new_device("first").connect(), new_device("second").connect()
    one = first.register("of/first")
    for n in range(3):
        second.register(f"of/second/{n}")
    second.publish(second.register("of/second/last"), b"2")
    first.publish(one, b"1")
    for tid in range(one + 1, one + 5):
        first.publish(tid, b"x", code=INVALID_TOPIC)
    observer.hears("of/first", b"1")
    observer.barrier()
    assert [s.topic for s in observer.messages if s.payload == b"x"] == []


@pytest.mark.parametrize(
    "name", [b"a/+", b"a/#", b"#", b"", b"a\x00b", b"\xff\xfe", b"\xed\xa0\x80", b"/" * 300]
)
def test_register_of_what_no_broker_takes_is_refused(device, name):
    """A16 and Bad input: such a name never reaches the broker."""
    device.connect()
    assert device.register(name, code=NOT_SUPPORTED) == 0


@pytest.mark.config(**TOPICS)
def test_register_of_a_short_or_predefined_name_gives_a_normal_id(device, observer):
    """A16"""
    device.connect()
    for name in ("ab", "predefined/all"):
        device.publish(device.register(name), b"x", tid_type=NORMAL)
        observer.hears(name, b"x")


@pytest.mark.config(gateway={"max_topics": 2})
def test_register_beyond_the_limit_is_congestion(device):
    """A17"""
    device.connect()
    first = device.register("a/1")
    device.register("a/2")
    device.register("a/3", code=CONGESTION)
    assert device.register("a/1") == first


def test_several_registers_at_once_are_each_answered(device):
    """A43: forbidden to clients, answered all the same. A20: MsgId 0 is echoed."""
    device.connect()
    for mid in range(4):
        device.send(MQTTSN() / sn.MQTTSNRegister(mid=mid, topic_name=f"a/{mid}".encode()))
    ids = {device.expect("REGACK", mid=mid, return_code=0).tid for mid in range(4)}
    assert len(ids) == 4 and not ids & {0, 0xFFFF}


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("tid_type", [NORMAL, PREDEFINED])
def test_an_unknown_topic_id_is_told_at_every_qos(device, qos, tid_type):
    """A18: PUBACK 0x02, also for QoS 0 and 2."""
    device.connect()
    mid = 9 if qos else 0
    device.send(publish_packet(777, b"x", qos=qos, mid=mid, tid_type=tid_type))
    device.expect("PUBACK", tid=777, mid=mid, return_code=INVALID_TOPIC)
    device.nothing_pending()


@pytest.mark.parametrize("tid", [0, 0xFFFF])
def test_the_reserved_topic_ids_are_unknown(device, tid):
    """5.3.11"""
    device.connect()
    device.publish(tid, b"x", code=INVALID_TOPIC)


def test_the_reserved_topic_id_type_is_not_supported(device):
    """A18: TopicIdType 11."""
    device.connect()
    device.publish(1, b"x", tid_type=RESERVED, code=NOT_SUPPORTED)


@pytest.mark.parametrize("name", [b"a+", b"#a", b"a\x00", b"\xff\xff"])
def test_a_short_name_that_is_no_name_is_refused(device, name):
    """A29"""
    device.connect()
    device.publish(name, b"x", tid_type=SHORT, code=NOT_SUPPORTED)
    device.ping()


@both_versions
def test_retain_reaches_the_broker_and_an_empty_payload_clears_it(device, observer):
    """Section 4, PUBLISH: retained both ways."""
    device.connect()
    tid = device.register("kept")
    device.publish(tid, b"x", retain=True)
    assert observer.retained("kept") == b"x"
    device.publish(tid, b"", retain=True)
    observer.hears("kept", b"")
    assert observer.retained("kept") is None


@pytest.mark.parametrize("size", [0, 1, 247, 248, 249, 250, 251, 60000, 65498])
def test_payloads_of_every_size_arrive_whole(device, observer, size):
    """Field notes K2: both header forms, up to the largest UDP datagram."""
    device.connect()
    payload = bytes(n * 7 & 0xFF for n in range(size))
    device.publish(device.register("big"), payload)
    assert observer.hears("big").payload == payload


@pytest.mark.config(udp={"max_packet": 100})
def test_a_datagram_beyond_the_listeners_limit_is_dropped(device, observer):
    """A42"""
    device.connect()
    tid = device.register("big")
    device.send(publish_packet(tid, b"x" * 94, qos=1, mid=1))
    device.nothing_pending()
    device.publish(tid, b"y" * 93)
    observer.barrier()
    assert observer.payloads("big") == [b"y" * 93]


def test_a_repeated_qos_1_publish_is_forwarded_again(device, observer):
    """A21: at least once, and the PUBACK comes each time."""
    device.connect()
    tid = device.register("a/b")
    for dup in (0, 1):
        device.send(publish_packet(tid, b"x", qos=1, mid=5, dup=dup))
        device.expect("PUBACK", mid=5, return_code=0)
    observer.hears("a/b", b"x", times=2)


@both_versions
@pytest.mark.parametrize("dup", [0, 1])
def test_a_repeated_qos_2_publish_is_forwarded_once(device, observer, dup):
    """8.7, A21: MsgId alone tells, some clients never set DUP."""
    device.connect()
    tid = device.register("a/b")
    device.send(publish_packet(tid, b"x", qos=2, mid=5))
    device.expect("PUBREC", mid=5)
    for _ in range(3):
        device.send(publish_packet(tid, b"x", qos=2, mid=5, dup=dup))
        device.expect("PUBREC", mid=5)
    for _ in range(2):  # the repeated PUBREL is answered as the first
        device.send(MQTTSN() / sn.MQTTSNPubrel(mid=5))
        device.expect("PUBCOMP", mid=5)
    observer.hears("a/b", b"x")
    device.send(publish_packet(tid, b"y", qos=2, mid=5))  # the number is free again
    device.expect("PUBREC", mid=5)
    device.send(MQTTSN() / sn.MQTTSNPubrel(mid=5))
    device.expect("PUBCOMP", mid=5)
    observer.hears("a/b", b"y")
    observer.barrier()
    assert observer.payloads("a/b") == [b"x", b"y"]


def test_a_qos_2_publish_repeated_at_once_is_forwarded_once(device, observer):
    """8.7: also when the broker has not answered the first yet."""
    device.connect()
    tid = device.register("a/b")
    for _ in range(5):
        device.send(publish_packet(tid, b"x", qos=2, mid=5))
    device.expect("PUBREC", mid=5)
    device.send(MQTTSN() / sn.MQTTSNPubrel(mid=5))
    device.answer("PUBCOMP", mid=5)
    observer.barrier()
    assert observer.payloads("a/b") == [b"x"]


def test_qos_2_begun_before_a_reconnect_is_forwarded_once(device, observer):
    """8.3: with CleanSession=0 a half-finished exchange goes on."""
    device.connect(clean=False)
    tid = device.register("a/b")
    device.send(publish_packet(tid, b"x", qos=2, mid=5))
    device.expect("PUBREC", mid=5)
    device.connect(clean=False)
    device.send(publish_packet(tid, b"x", qos=2, mid=5, dup=1))
    device.expect("PUBREC", mid=5)
    device.send(MQTTSN() / sn.MQTTSNPubrel(mid=5))
    device.expect("PUBCOMP", mid=5)
    observer.barrier()
    assert observer.payloads("a/b") == [b"x"]


def test_a_pubrel_of_nothing_is_answered(device):
    """A24"""
    device.connect()
    device.send(MQTTSN() / sn.MQTTSNPubrel(mid=77))
    device.expect("PUBCOMP", mid=77)


def test_message_id_zero_is_echoed(device, observer):
    """A20"""
    device.connect()
    tid = device.register("a/b")
    device.send(publish_packet(tid, b"x", qos=1, mid=0))
    device.expect("PUBACK", tid=tid, mid=0, return_code=0)
    observer.hears("a/b", b"x")


def test_a_message_id_in_qos_0_is_ignored(device, observer):
    """A20, field notes J1 (mqtt-sn-tools does it)"""
    device.connect()
    device.send(publish_packet(device.register("a/b"), b"x", qos=0, mid=3))
    observer.hears("a/b", b"x")
    device.nothing_pending()


@pytest.mark.config(broker={"max_inflight": 200})
def test_many_publishes_in_flight_are_all_acknowledged(device, observer):
    """A43, and order at the broker."""
    device.connect()
    tid = device.register("a/b")
    for mid in range(1, 201):
        device.send(publish_packet(tid, b"%d" % mid, qos=1, mid=mid))
    acknowledged = {device.expect("PUBACK", return_code=0).mid for _ in range(200)}
    assert acknowledged == set(range(1, 201))
    observer.hears("a/b", b"200")
    assert observer.payloads("a/b") == [b"%d" % mid for mid in range(1, 201)]


@pytest.mark.config(broker={"max_inflight": 5})
def test_publishes_beyond_the_window_are_congestion_and_none_is_lost(device, observer):
    """Rule 3: whatever was acknowledged is at the broker, and only that."""
    device.connect()
    tid = device.register("a/b")
    for mid in range(1, 101):
        device.send(publish_packet(tid, b"%d" % mid, qos=2, mid=mid))
    accepted = []
    for _ in range(100):
        heard = device.receive()
        if heard.type == "PUBREC":
            accepted.append(heard.mid)
        else:
            assert (heard.type, heard.return_code) == ("PUBACK", CONGESTION)
    assert len(accepted) >= 5
    for mid in accepted:
        device.send(MQTTSN() / sn.MQTTSNPubrel(mid=mid))
        device.expect("PUBCOMP", mid=mid)
    observer.barrier()
    assert sorted(observer.payloads("a/b")) == sorted(b"%d" % mid for mid in accepted)


@pytest.mark.config(**TOPICS)
@pytest.mark.parametrize("tid, tid_type, topic", [
    (42, PREDEFINED, "predefined/all"),
    ("ab", SHORT, "ab"),
])
def test_qos_minus_one_needs_no_connection_and_no_answer(device, observer, tid, tid_type, topic):
    """8.7, A26: forwarded as QoS 0 through the gateway's own connection."""
    device.send(publish_packet(tid, b"x", qos=3, tid_type=tid_type))
    assert observer.hears(topic, b"x").qos == 0
    device.nothing_pending()


def test_qos_minus_one_from_a_connected_client(device, observer):
    """A26"""
    device.connect()
    device.send(publish_packet("ab", b"x", qos=3, tid_type=SHORT))
    observer.hears("ab", b"x")
    device.nothing_pending()


@pytest.mark.parametrize("tid, tid_type", [(9, PREDEFINED), ("+a", SHORT), (1, NORMAL), (1, 3)])
def test_an_unusable_qos_minus_one_is_dropped_without_a_word(device, observer, tid, tid_type):
    """A18, A25: never an answer to QoS -1."""
    device.send(publish_packet(tid, b"x", qos=3, tid_type=tid_type))
    device.nothing_pending()
    device.send(publish_packet("ok", b"y", qos=3, tid_type=SHORT))
    observer.hears("ok", b"y")
    assert [s for s in observer.messages if s.payload == b"x"] == []


@pytest.mark.config(gateway={"qos_minus_one": "long-topics"})
def test_qos_minus_one_with_a_long_topic_by_option(device, observer):
    """A25: Paho's form, the length of the name in TopicId and the name before the data."""
    device.send(bytes.fromhex("11 0c 60 00 06 00 00 61 2f 74 65 6d 70 32 31 2e 35"))
    observer.hears("a/temp", b"21.5")
    for tid, data in ((0, b"a/b"), (200, b"a/b"), (3, b"a/+"), (3, b"a\x00b"), (2, b"\xff\xff")):
        device.send(publish_packet(tid, data, qos=3))
    device.nothing_pending()


@pytest.mark.config(gateway={"qos_minus_one": "no"})
def test_qos_minus_one_can_be_switched_off(device, new_device, observer):
    """Field notes B3"""
    device.send(publish_packet("ab", b"x", qos=3, tid_type=SHORT))
    device.nothing_pending()
    other = new_device("other").connect()
    other.publish("cd", b"y", tid_type=SHORT)
    observer.barrier()
    assert observer.payloads("ab") == []


def test_what_the_broker_forbids_is_told_to_the_device(
    tmp_path, start_broker, new_gateway, new_device_at
):
    """Section 9: MQTT 5 reason >= 0x80 is PUBACK 0x03, a refused filter SUBACK 0x03."""
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite open/#\ntopic readwrite mqtt-sn-gateway/#\n")
    acl.chmod(0o600)
    broker = start_broker(lines=f"acl_file {acl}\n")
    gateway = new_gateway(broker.url).start().until_listening()
    device = new_device_at(gateway).connect()
    closed, open_ = device.register("closed/x"), device.register("open/x")
    device.publish(closed, b"x", qos=1, code=NOT_SUPPORTED)
    device.publish(closed, b"x", qos=2, code=NOT_SUPPORTED)
    device.publish(open_, b"x", qos=1)
    device.publish(open_, b"x", qos=2)
