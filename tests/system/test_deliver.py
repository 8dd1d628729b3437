# SPDX-License-Identifier: Apache-2.0
"""Messages to an awake device: repetitions, repairs, refusals (digest 8.8, 8.12)."""

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import CONGESTION, INVALID_TOPIC, NOT_SUPPORTED, Silence
from gateway import QUICK, both_versions


@both_versions
@pytest.mark.config(gateway=QUICK)
def test_an_unanswered_qos_1_message_is_repeated_with_dup(device, observer):
    """8.12, A21: the same MsgId, DUP=1 on every repetition, N_retry times."""
    device.connect()
    device.subscribe("cmd/x", qos=1)
    observer.publish("cmd/x", b"on")
    first = device.expect("PUBLISH", dup=0, qos=1, data=b"on")
    for _ in range(2):
        device.expect("PUBLISH", dup=1, qos=1, mid=first.mid, data=b"on")
    with pytest.raises(Silence):
        device.receive(timeout=0.9)  # three times T_retry: it has given up
    device.ping()  # the keep-alive decides, the client is still connected


@pytest.mark.config(gateway=QUICK)
def test_an_answer_to_the_repetition_ends_it(device, observer):
    """8.12: and the next message follows."""
    device.connect()
    device.subscribe("cmd/x", qos=1)
    observer.publish("cmd/x", b"1")
    observer.publish("cmd/x", b"2")
    device.expect("PUBLISH", dup=0, data=b"1")
    again = device.expect("PUBLISH", dup=1, data=b"1")
    device.puback(again)
    second = device.expect("PUBLISH", dup=0, data=b"2")
    assert second.mid != again.mid
    device.puback(second)
    device.nothing_pending()


@pytest.mark.config(gateway=QUICK)
def test_qos_2_repeats_publish_until_pubrec_and_pubrel_until_pubcomp(device, observer):
    """8.12, both halves."""
    device.connect()
    device.subscribe("cmd/x", qos=2)
    observer.publish("cmd/x", b"on", qos=2)
    mid = device.expect("PUBLISH", dup=0, qos=2).mid
    device.expect("PUBLISH", dup=1, qos=2, mid=mid)
    device.pubrec(mid)
    device.expect("PUBREL", mid=mid)
    device.expect("PUBREL", mid=mid)
    device.pubcomp(mid)
    device.ping()
    device.nothing_pending()


def test_one_unacknowledged_message_at_a_time(device, observer):
    """8.8: small clients handle no more."""
    device.connect()
    device.subscribe("cmd/x", qos=1)
    for n in range(3):
        observer.publish("cmd/x", b"%d" % n)
    device.ping()
    for n in range(3):
        held = device.expect("PUBLISH", data=b"%d" % n)
        device.nothing_pending()
        device.puback(held)
    device.nothing_pending()


@both_versions
def test_puback_0x02_is_repaired_by_a_register_of_the_same_id(device, observer):
    """8.8: the client's table differs; REGISTER, then the message once more."""
    device.connect()
    tid = device.subscribe("cmd/x", qos=1).tid
    observer.publish("cmd/x", b"on")
    device.puback(device.expect("PUBLISH", data=b"on"), INVALID_TOPIC)
    device.regack(device.expect("REGISTER", tid=tid, topic_name="cmd/x"))
    device.puback(device.expect("PUBLISH", tid=tid, data=b"on"))
    device.nothing_pending()


def test_puback_0x02_after_the_repair_does_not_loop(device, observer):
    """8.8: repeat the message once."""
    device.connect()
    tid = device.subscribe("cmd/x", qos=1).tid
    observer.publish("cmd/x", b"1")
    device.puback(device.expect("PUBLISH", data=b"1"), INVALID_TOPIC)
    device.regack(device.expect("REGISTER", tid=tid))
    device.puback(device.expect("PUBLISH", data=b"1"), INVALID_TOPIC)
    device.nothing_pending()
    device.ping()


def test_puback_0x02_for_qos_0_announces_the_id(device, observer):
    """A22: MsgId 0, found by the topic id."""
    device.connect()
    tid = device.subscribe("cmd/x", qos=0).tid
    observer.publish("cmd/x", b"1", qos=0)
    device.puback(device.expect("PUBLISH", qos=0, mid=0, data=b"1"), INVALID_TOPIC)
    device.regack(device.expect("REGISTER", tid=tid, topic_name="cmd/x"))
    observer.publish("cmd/x", b"2", qos=0)
    while device.receive().data != b"2":  # the first may come once more
        pass


@pytest.mark.parametrize("code", [NOT_SUPPORTED, 0x04, 0xFF])
@pytest.mark.parametrize("qos", [1, 2])
def test_puback_0x03_is_final(device, observer, code, qos):
    """A21, A23, A46: dropped, and the next message follows. RIOT's emcute does it."""
    device.connect()
    device.subscribe("cmd/x", qos=qos)
    observer.publish("cmd/x", b"1", qos=qos)
    observer.publish("cmd/x", b"2", qos=qos)
    device.puback(device.expect("PUBLISH", data=b"1"), code)
    assert device.take().data == b"2"
    device.nothing_pending()


@pytest.mark.config(gateway={**QUICK, "retry_count": 5})
def test_answers_of_the_wrong_kind_are_ignored(device, observer):
    """A23, A24: PUBREC for QoS 1, PUBACK accepted for QoS 2, answers to nothing."""
    device.connect()
    device.subscribe("one", qos=1)
    device.subscribe("two", qos=2)
    observer.publish("one", b"1", qos=1)
    one = device.expect("PUBLISH", qos=1)
    device.pubrec(one.mid)
    device.pubcomp(one.mid)
    device.pubcomp(4711)
    again = device.expect("PUBLISH", dup=1, mid=one.mid, data=b"1")
    device.puback(again)
    observer.publish("two", b"2", qos=2)
    two = device.expect("PUBLISH", qos=2)
    device.puback(two)
    again = device.expect("PUBLISH", dup=1, mid=two.mid, data=b"2")
    device.acknowledge(again)
    device.nothing_pending()


def test_a_pubrec_of_nothing_is_answered_by_pubrel(device):
    """A24"""
    device.connect()
    device.pubrec(4711)
    device.expect("PUBREL", mid=4711)


@both_versions
@pytest.mark.config(gateway=QUICK)
def test_publish_waits_for_regack_and_the_register_is_repeated(device, observer):
    """8.5, field notes B1"""
    device.connect()
    device.subscribe("cmd/+", qos=1)
    observer.publish("cmd/x", b"1")
    observer.publish("cmd/x", b"2")
    first = device.expect("REGISTER", topic_name="cmd/x")
    again = device.expect("REGISTER", topic_name="cmd/x", tid=first.tid, mid=first.mid)
    device.regack(again)
    assert [device.take().data for _ in range(2)] == [b"1", b"2"]


def test_a_rejected_register_mutes_that_name_only(device, observer):
    """A15: 0x03 counts as unsubscribing from the name; the wildcard lives on."""
    device.connect()
    device.subscribe("cmd/+", qos=1)
    observer.publish("cmd/no", b"1")
    observer.publish("cmd/no", b"2")
    observer.publish("cmd/yes", b"3")
    device.regack(device.expect("REGISTER", topic_name="cmd/no"), NOT_SUPPORTED)
    message = device.take()
    assert (message.topic, message.data) == ("cmd/yes", b"3")
    observer.publish("cmd/no", b"4")
    observer.publish("cmd/yes", b"5")
    assert device.take().data == b"5"
    device.subscribe("cmd/+", qos=1)  # until the next SUBSCRIBE
    observer.publish("cmd/no", b"6")
    assert device.take().data == b"6"


def test_a_register_rejected_with_0x02_gets_another_id_once(device, observer):
    """A15"""
    device.connect()
    device.subscribe("cmd/+", qos=1)
    observer.publish("cmd/x", b"1")
    first = device.expect("REGISTER", topic_name="cmd/x")
    device.regack(first, INVALID_TOPIC)
    second = device.expect("REGISTER", topic_name="cmd/x")
    assert second.tid != first.tid
    device.regack(second)
    assert device.take().data == b"1"


@pytest.mark.config(gateway={"congestion_wait": 1})
def test_a_register_rejected_for_congestion_comes_again_after_a_pause(device, observer):
    """A15: 0x01, try again after T_WAIT."""
    device.connect()
    device.subscribe("cmd/+", qos=1)
    observer.publish("cmd/x", b"1")
    device.regack(device.expect("REGISTER", topic_name="cmd/x"), CONGESTION)
    device.nothing_pending()
    assert device.take().data == b"1"


@pytest.mark.config(gateway={"retry_interval": 0.2, "retry_count": 1})
def test_an_unanswered_register_does_not_block_the_queue(device, observer):
    """A50: RIOT's clients know no REGISTER; the name is muted, other topics go on."""
    device.connect()
    device.subscribe("cmd/+", qos=1)
    device.subscribe("plain", qos=1)
    observer.publish("cmd/x", b"lost")
    observer.publish("plain", b"kept")
    device.expect("REGISTER", topic_name="cmd/x")
    device.expect("REGISTER", topic_name="cmd/x")
    device.ping()  # it is there, it just does not know REGISTER
    assert device.take().data == b"kept"
    observer.publish("cmd/x", b"muted")
    observer.publish("plain", b"kept too")
    assert device.take().data == b"kept too"


@pytest.mark.config(gateway={"retry_interval": 0.2, "retry_count": 1})
def test_an_id_given_earlier_is_used_even_without_regack(device, observer):
    """A50: after a reconnect the client may know the id from its SUBACK."""
    device.connect(clean=False)
    tid = device.subscribe("cmd/x", qos=1).tid
    device.disconnect()
    device.connect(clean=False)
    observer.publish("cmd/x", b"on")
    device.expect("REGISTER", tid=tid, topic_name="cmd/x")
    device.expect("REGISTER", tid=tid, topic_name="cmd/x")
    device.ping()
    device.puback(device.expect("PUBLISH", tid=tid, data=b"on"))


def test_messages_wait_while_an_answer_is_outstanding_and_requests_are_served(device, observer):
    """A43: the device may ask while it owes an answer."""
    device.connect()
    tid = device.subscribe("cmd/x", qos=1).tid
    observer.publish("cmd/x", b"1")
    owed = device.expect("PUBLISH", data=b"1")
    device.publish(tid, b"2", qos=1)
    device.ping()
    device.subscribe("other", qos=1)
    device.puback(owed)
    assert device.take().data == b"2"


def test_the_queue_of_an_awake_client_is_bounded(new_device, observer, gateway):
    """Field notes A7: a device that never answers costs bounded memory and harms nobody."""
    stuck, good = new_device("stuck").connect(), new_device("good").connect()
    stuck.subscribe("load/#", qos=1)
    good.subscribe("load/#", qos=1)
    pairs = [("load/x", b"%d" % n) for n in range(500)]
    observer.publish_many(pairs)
    last = None
    while last != b"499":
        last = good.take().data
    stuck.ping()


def test_a_gateway_id_is_never_zero_and_grows(device, observer):
    """8.8: MsgId from the gateway's own counter."""
    device.connect()
    device.subscribe("cmd/x", qos=1)
    seen = set()
    for _ in range(20):
        observer.publish("cmd/x", b"x")
        heard = device.expect("PUBLISH")
        device.puback(heard)
        seen.add(heard.mid)
    assert len(seen) == 20 and 0 not in seen


def test_a_device_that_lost_its_session_is_told(device, gateway):
    """A8, A12: PUBACK from nowhere means a device that must connect."""
    device.send(MQTTSN() / sn.MQTTSNPuback(tid=1, mid=1, return_code=0))
    device.expect("DISCONNECT")


@pytest.mark.config(gateway=QUICK)
def test_a_device_back_from_a_radio_hole_gets_what_it_missed(device, observer):
    """8.12: the queue is kept, and any life sign sets it going again."""
    device.connect()
    device.subscribe("cmd/x", qos=1)
    observer.publish("cmd/x", b"1")
    observer.publish("cmd/x", b"2")
    for dup in (0, 1, 1):
        device.expect("PUBLISH", dup=dup, data=b"1")
    with pytest.raises(Silence):
        device.receive(timeout=0.9)
    device.say("PINGREQ")
    heard = device.answer("PUBLISH", data=b"1")
    device.puback(heard)
    device.puback(device.answer("PUBLISH", data=b"2"))
    device.answer("PINGRESP")


@both_versions
@pytest.mark.parametrize("way", ["disconnect", "reconnect", "lost"])
def test_a_message_not_acknowledged_comes_again_in_the_next_connection(
    device, gateway, observer, way
):
    """8.3: CleanSession=0 keeps what the device has not acknowledged, though the broker was told."""
    device.connect(clean=False, keep_alive=1 if way == "lost" else 60)
    device.subscribe("cmd/x", qos=1)
    observer.publish("cmd/x", b"1")
    device.expect("PUBLISH", data=b"1")
    if way == "disconnect":
        device.disconnect()
    elif way == "lost":
        gateway.until_logged(r"lost.*sensor-1")
    device.connect(clean=False)
    assert device.take().data == b"1"


def test_a_message_not_acknowledged_follows_a_take_over(new_device, observer):
    """A6"""
    old = new_device().connect(clean=False)
    old.subscribe("cmd/x", qos=1)
    observer.publish("cmd/x", b"1")
    old.expect("PUBLISH", data=b"1")
    new = new_device().connect(clean=False)
    assert new.take().data == b"1"
