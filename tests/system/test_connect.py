# SPDX-License-Identifier: Apache-2.0
"""Connecting, being refused, coming back, taking over, leaving (digest 8.2, 8.3, 8.10)."""

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import CONGESTION, INVALID_TOPIC, NOT_SUPPORTED
from gateway import EACH, both_versions
from waiting import until

WILL = ("wills/sensor-1", b"gone", 1, False)


@both_versions
def test_connect_opens_a_connection_of_the_same_name_at_the_broker(broker, device):
    """8.2: CONNACK tells what the broker said; transparent mode passes the client id through."""
    device.connect()
    assert broker.connections_of("sensor-1") == EACH


@both_versions
def test_disconnect_is_echoed_and_closes_upstream(broker, device):
    """8.10"""
    device.connect()
    device.disconnect()
    broker.until_gone("sensor-1")


def test_a_disconnect_repeated_is_answered_again(device, gateway):
    """A37, field notes A4: the answer may have been lost."""
    device.connect()
    device.disconnect()
    device.say("DISCONNECT")
    device.expect("DISCONNECT")


def test_connect_with_will_runs_the_dialogue(device):
    """8.2: CONNECT, WILLTOPICREQ, WILLTOPIC, WILLMSGREQ, WILLMSG, CONNACK, in this order."""
    device.send(device.connect_packet(will=True))
    device.expect("WILLTOPICREQ")
    device.send(device.will_topic("wills/sensor-1", 1))
    device.expect("WILLMSGREQ")
    device.send(MQTTSN() / sn.MQTTSNWillMsg(will_msg=b"gone"))
    device.expect("CONNACK", return_code=0)


def test_each_repeated_step_of_the_will_dialogue_gets_the_same_answer(broker, device):
    """8.2 step 6, A5: the client retransmits, and it may do so at every step."""
    for _ in range(2):
        device.send(device.connect_packet(will=True))
        device.expect("WILLTOPICREQ")
    for _ in range(2):
        device.send(device.will_topic("wills/sensor-1", 1))
        device.expect("WILLMSGREQ")
    for _ in range(2):
        device.send(MQTTSN() / sn.MQTTSNWillMsg(will_msg=b"gone"))
        device.expect("CONNACK", return_code=0)
    assert broker.connections_of("sensor-1") == EACH


def test_an_empty_willtopic_skips_the_will_message(device):
    """8.2 step 3"""
    device.send(device.connect_packet(will=True))
    device.expect("WILLTOPICREQ")
    device.say("WILLTOPIC")
    device.expect("CONNACK", return_code=0)


@pytest.mark.parametrize("topic", [b"a/+", b"#", b"a\x00b", b"\xff\xfe"])
def test_a_will_topic_that_is_no_topic_name_is_refused(device, topic):
    """8.2 step 4"""
    device.send(device.connect_packet(will=True))
    device.expect("WILLTOPICREQ")
    device.send(device.will_topic(topic))
    device.expect("CONNACK", return_code=NOT_SUPPORTED)


def test_a_will_of_qos_3_is_refused(device):
    """A27"""
    device.send(device.connect_packet(will=True))
    device.expect("WILLTOPICREQ")
    device.send(device.will_topic("wills/x", qos=3))
    device.expect("CONNACK", return_code=NOT_SUPPORTED)


@pytest.mark.config(gateway={"retry_interval": 0.2, "retry_count": 1})
def test_an_abandoned_will_dialogue_leaves_the_old_session_alone(new_device, observer):
    """A33: forgotten silently, no CONNACK; the session that was there goes on."""
    device = new_device().connect()
    device.subscribe("cmd/x")
    stranger = new_device("sensor-1")
    stranger.send(stranger.connect_packet(will=True))
    stranger.expect("WILLTOPICREQ")
    observer.publish("cmd/x", b"still here")
    assert device.take().data == b"still here"
    # The dialogue is over when WILLTOPIC is no longer understood.
    def over():
        stranger.send(stranger.will_topic("wills/x"))
        return stranger.receive().type == "DISCONNECT"

    until(over, "the will dialogue to be forgotten")
    device.ping()


@pytest.mark.parametrize(
    "wire",
    [
        "06 04 04 01 00 3c",  # no client id
        "09 04 04 02 00 3c 61 62 63",  # ProtocolId 2
        "09 04 04 01 00 3c 61 00 63",  # NUL in the client id
        "09 04 04 01 00 3c 61 ff fe",  # not UTF-8
        "47 04 04 01 00 3c" + "61" * 65,  # longer than max_client_id
    ],
    ids=["empty", "protocol", "nul", "utf8", "long"],
)
def test_connect_with_an_unusable_id_or_protocol_is_refused(device, wire):
    """A39, A40"""
    device.send(bytes.fromhex(wire))
    device.expect("CONNACK", return_code=NOT_SUPPORTED)


def test_a_client_id_longer_than_23_characters_is_accepted(new_device):
    """A39, field notes J1"""
    new_device("x" * 64).connect()


@pytest.mark.config(gateway={"allow_empty_client_id": "yes"})
def test_an_empty_client_id_is_accepted_by_option(new_device):
    """A39"""
    device = new_device("").connect()
    device.publish(device.register("from/nobody"), b"x")


def test_unused_flag_bits_are_ignored(device):
    """A3: DUP, QoS, Retain and TopicIdType mean nothing in CONNECT."""
    device.send(bytes.fromhex("0e 04 f7 01 00 3c 73 65 6e 73 6f 72 2d 31"))
    device.expect("CONNACK", return_code=0)


def test_the_long_header_on_a_short_message_is_accepted(device):
    """A2"""
    device.send(bytes.fromhex("01 00 10 04 04 01 00 3c 73 65 6e 73 6f 72 2d 31"))
    device.expect("CONNACK", return_code=0)
    device.send(bytes.fromhex("01 00 04 16"))
    device.expect("PINGRESP")


def test_octets_behind_the_message_are_ignored(device):
    """A1, field notes J1 (padded CONNECT)"""
    device.send(bytes(device.connect_packet()) + b"\x00\x00\x00")
    device.expect("CONNACK", return_code=0)
    device.ping()


def test_connect_repeated_unchanged_is_answered_and_changes_nothing(broker, device):
    """A5, field notes C3: a radio repeated it, the device did not reboot."""
    packet = device.connect_packet()
    for _ in range(3):
        device.send(packet)
        device.expect("CONNACK", return_code=0)
    assert broker.connections_of("sensor-1") == EACH


def test_connect_repeated_at_once_is_one_connect(broker, device):
    """A5: the repetition comes before the broker has answered the first."""
    for _ in range(3):
        device.send(device.connect_packet())
    device.expect("CONNACK", return_code=0)
    device.ping()
    assert broker.connections_of("sensor-1") == EACH


def test_a_rebooted_device_connects_anew_and_its_old_will_stays_silent(device, observer):
    """A5: something was said since, so it is not a repetition."""
    device.connect(will=WILL)
    old = device.register("a/b")
    device.subscribe("cmd/x")
    device.connect(will=WILL)
    device.publish(old, b"x", code=INVALID_TOPIC)
    device.publish(device.register("done"), b"1")
    observer.hears("done")
    observer.barrier()
    assert observer.payloads("wills/sensor-1") == []


@both_versions
def test_a_persistent_session_keeps_ids_and_subscriptions(device, observer):
    """8.3, A14: with CleanSession=0 they survive; ids are announced again before use."""
    device.connect(clean=False)
    granted = device.subscribe("cmd/x", qos=1)
    mine = device.register("state/x")
    device.disconnect()
    observer.publish("cmd/x", b"while away")
    device.connect(clean=False)
    register = device.expect("REGISTER", tid=granted.tid, topic_name="cmd/x")
    device.regack(register)
    assert device.take().data == b"while away"
    device.publish(mine, b"old id")
    observer.hears("state/x", b"old id")


def test_a_clean_connect_forgets_ids_and_subscriptions(device, observer):
    """8.3"""
    device.connect(clean=False)
    device.subscribe("cmd/x", qos=1)
    mine = device.register("state/x")
    device.disconnect()
    device.connect(clean=True)
    device.publish(mine, b"x", code=INVALID_TOPIC)
    observer.publish("cmd/x", b"nobody wants it")
    device.subscribe("cmd/y", qos=1)
    observer.publish("cmd/y", b"wanted")
    message = device.take()
    assert (message.topic, message.data) == ("cmd/y", b"wanted")


def test_a_clean_session_ends_with_its_disconnect(device, observer):
    """A13: nothing of it is left for a later CleanSession=0."""
    device.connect(clean=True)
    device.subscribe("cmd/x", qos=1)
    mine = device.register("state/x")
    device.disconnect()
    observer.publish("cmd/x", b"while away")
    device.connect(clean=False)
    device.publish(mine, b"x", code=INVALID_TOPIC)
    device.nothing_pending()


@both_versions
def test_a_new_address_takes_over_by_client_id(new_device, observer):
    """A6, field notes C2: the old address hears one DISCONNECT and nothing more."""
    old = new_device().connect(clean=False)
    tid = old.subscribe("cmd/x", qos=1).tid
    new = new_device().connect(clean=False)
    old.expect("DISCONNECT")
    observer.publish("cmd/x", b"follow me")
    register = new.expect("REGISTER", tid=tid, topic_name="cmd/x")
    new.regack(register)
    assert new.take().data == b"follow me"
    old.nothing_pending()


def test_take_over_happens_only_after_the_connect_succeeded(new_device):
    """A6: with a will dialogue pending, the old address still owns the session."""
    old = new_device().connect()
    new = new_device()
    new.send(new.connect_packet(will=True))
    new.expect("WILLTOPICREQ")
    old.ping()
    old.nothing_pending()


@pytest.mark.config(gateway={"take_over": "not-active"})
def test_take_over_of_an_active_client_can_be_forbidden(new_device):
    """A6: the option for those who fear spoofing."""
    owner = new_device().connect()
    thief = new_device()
    thief.send(thief.connect_packet())
    assert thief.expect("CONNACK").return_code != 0
    owner.ping()
    owner.nothing_pending()
    owner.disconnect()
    thief.connect()


def test_another_client_id_from_a_bound_address_is_another_client(new_device, observer):
    """A7: the address follows the new client; the old one becomes lost in its time."""
    device = new_device("first").connect(keep_alive=1, will=("wills/first", b"gone", 0, False))
    device.client_id = b"second"
    device.connect(keep_alive=60)
    device.publish(device.register("from/second"), b"x")
    observer.hears("wills/first", b"gone")
    device.ping()


def test_keep_alive_zero_is_not_supervised(device):
    """A38"""
    device.connect(keep_alive=0)
    device.ping()


@pytest.mark.config(gateway={"allow_zero_keep_alive": "no"})
def test_keep_alive_zero_can_be_refused(device):
    """A38"""
    device.connect(keep_alive=0, code=NOT_SUPPORTED)


@pytest.mark.config(gateway={"max_clients": 2})
def test_a_full_gateway_says_congestion_and_serves_its_clients_on(new_device):
    """Return code 0x01: no resources."""
    first = new_device("first").connect()
    second = new_device("second").connect()
    third = new_device("third")
    third.connect(code=CONGESTION)
    first.ping()
    second.disconnect()
    third.connect()


def test_a_client_can_come_and_go_a_hundred_times(device):
    """Field notes C3: neither every second CONNACK missing nor a session left over."""
    for _ in range(100):
        device.connect()
        device.disconnect()


def test_three_hundred_clients_connect_at_once(new_device):
    """More than may be pending at the broker at a time."""
    devices = [new_device(f"node-{n}") for n in range(300)]
    for device in devices:
        device.send(device.connect_packet())
    for device in devices:
        device.answer("CONNACK", timeout=30, return_code=0)
    for device in devices:
        device.ping()


def test_the_brokers_refusal_reaches_the_device(start_broker, new_gateway, new_device_at):
    """Section 9: bad credentials upstream are CONNACK 0x03."""
    broker = start_broker(lines="allow_anonymous false\n")
    gateway = new_gateway(broker.url).start().until_listening()
    new_device_at(gateway).connect(code=NOT_SUPPORTED)
