# SPDX-License-Identifier: Apache-2.0
"""Wills: when they are published, when never, and how they change (digest 8.3, 8.4, 8.9)."""

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import NOT_SUPPORTED
from gateway import both_versions, only_transparent

TOPIC = "wills/sensor-1"
WILL = (TOPIC, b"gone", 1, False)


def update_topic(device, topic, qos=0, retain=False, code=0):
    if topic:
        packet = MQTTSN() / sn.MQTTSNWillTopicUpd(qos=qos, retain=int(retain), will_topic=topic)
        device.send(packet)
    else:
        device.say("WILLTOPICUPD")
    device.answer("WILLTOPICRESP", return_code=code)


def update_message(device, message, code=0):
    device.send(MQTTSN() / sn.MQTTSNWillMsgUpd(will_msg=message))
    device.answer("WILLMSGRESP", return_code=code)


def a_lost_client(new_device, observer):
    """Another client with the same keep-alive dies of silence; by then ours would have, too."""
    other = new_device("other").connect(keep_alive=1, will=("wills/other", b"x", 0, False))
    observer.hears("wills/other", b"x")
    other.close()


@both_versions
def test_silence_beyond_the_keep_alive_publishes_the_will(device, observer):
    """8.9: lost after keep-alive and half of it again."""
    device.connect(keep_alive=1, will=WILL)
    assert observer.hears(TOPIC, b"gone").qos == 1
    device.say("PINGREQ")
    device.expect("DISCONNECT")  # A12


@both_versions
def test_a_disconnect_never_publishes_the_will(device, new_device, observer):
    """8.10"""
    device.connect(keep_alive=1, will=WILL)
    device.disconnect()
    a_lost_client(new_device, observer)
    assert observer.payloads(TOPIC) == []


def test_a_client_asleep_in_time_keeps_its_will(device, new_device, observer):
    """Section 7: asleep is supervised by the sleep time, not by the keep-alive."""
    device.connect(keep_alive=1, will=WILL)
    device.sleep(60)
    a_lost_client(new_device, observer)
    assert observer.payloads(TOPIC) == []
    assert device.wake() == []


@both_versions
def test_a_sleeper_that_does_not_wake_in_time_is_lost(device, observer):
    """Section 7: sleep timer expiry."""
    device.connect(keep_alive=60, will=WILL)
    device.sleep(1)
    observer.hears(TOPIC, b"gone")
    device.wake_up()
    device.expect("DISCONNECT")  # A9, A12


def test_each_wake_restarts_the_sleep_time(device, new_device, observer):
    """8.11: asleep again without a new DISCONNECT, as long as the wakes come in time."""
    device.connect(will=WILL)
    device.sleep(1)
    other = new_device("other").connect(keep_alive=2, will=("wills/other", b"x", 0, False))
    while not observer.payloads("wills/other"):  # for twice as long as one sleep may last
        assert device.wake() == []
    assert observer.payloads(TOPIC) == []
    observer.hears(TOPIC, b"gone")  # and the last sleep is supervised like the first
    other.close()


def test_any_message_is_a_life_sign(device, new_device, observer):
    """8.9: not only PINGREQ."""
    device.connect(keep_alive=1, will=WILL)
    tid = device.register("a/b")
    other = new_device("other").connect(keep_alive=2, will=("wills/other", b"x", 0, False))
    while not observer.payloads("wills/other"):
        device.publish(tid, b"x")
    assert observer.payloads(TOPIC) == []
    other.close()


@pytest.mark.parametrize("retain", [False, True])
def test_the_will_carries_its_retain_flag(device, observer, retain):
    """8.2"""
    device.connect(keep_alive=1, will=(TOPIC, b"gone", 2, retain))
    observer.hears(TOPIC, b"gone")
    assert observer.retained(TOPIC) == (b"gone" if retain else None)


def test_an_empty_will_message_is_a_will(device, observer):
    """Section 3: WILLMSG may be empty."""
    device.connect(keep_alive=1, will=(TOPIC, b"", 0, False))
    observer.hears(TOPIC, b"")


def test_the_will_is_kept_for_a_later_connect_without_prompts(device, observer):
    """8.3, Clean=0 Will=0: the stored will counts again."""
    device.connect(clean=False, will=WILL)
    device.disconnect()
    device.connect(clean=False, keep_alive=1)
    observer.hears(TOPIC, b"gone")


def test_a_clean_connect_deletes_the_stored_will(device, new_device, observer):
    """8.3, Clean=1 Will=0"""
    device.connect(clean=False, will=WILL)
    device.disconnect()
    device.connect(clean=True, keep_alive=1)
    a_lost_client(new_device, observer)
    observer.barrier()
    assert observer.payloads(TOPIC) == []


def test_an_empty_willtopic_deletes_the_stored_will(device, new_device, observer):
    """8.3, Clean=0 Will=1"""
    device.connect(clean=False, will=WILL)
    device.disconnect()
    device.send(device.connect_packet(clean=False, keep_alive=1, will=True))
    device.expect("WILLTOPICREQ")
    device.say("WILLTOPIC")
    device.expect("CONNACK", return_code=0)
    a_lost_client(new_device, observer)
    observer.barrier()
    assert observer.payloads(TOPIC) == []


@both_versions
def test_updated_topic_and_message_take_effect_once(device, new_device, observer):
    """8.4: the newer will is published, the stale one never."""
    device.connect(keep_alive=1, will=WILL)
    update_topic(device, b"wills/new", qos=1, retain=True)
    update_message(device, b"newer")
    observer.hears("wills/new", b"newer")
    a_lost_client(new_device, observer)
    observer.barrier()
    assert observer.payloads(TOPIC) == []
    assert observer.payloads("wills/new") == [b"newer"]
    assert observer.retained("wills/new") == b"newer"


def test_a_will_message_can_change_alone(device, observer):
    """8.4: independent of each other."""
    device.connect(keep_alive=1, will=WILL)
    update_message(device, b"newer")
    observer.hears(TOPIC, b"newer")


def test_a_will_can_be_deleted_during_a_connection(device, new_device, observer):
    """8.4: empty WILLTOPICUPD."""
    device.connect(keep_alive=1, will=WILL)
    update_topic(device, b"")
    a_lost_client(new_device, observer)
    observer.barrier()
    assert observer.payloads(TOPIC) == []


def test_a_topic_without_name_deletes_too(device, new_device, observer):
    """A35: flags but no topic."""
    device.connect(keep_alive=1, will=WILL)
    device.send(bytes.fromhex("03 1a 00"))
    device.expect("WILLTOPICRESP", return_code=0)
    a_lost_client(new_device, observer)
    observer.barrier()
    assert observer.payloads(TOPIC) == []


def test_a_will_can_begin_during_a_connection(device, observer):
    """A36: WILLTOPICUPD without a will message: accepted, the message is empty."""
    device.connect(keep_alive=1)
    update_topic(device, b"wills/late")
    observer.hears("wills/late", b"")


def test_a_will_message_without_a_topic_is_refused(device):
    """A36"""
    device.connect()
    update_message(device, b"of what?", code=NOT_SUPPORTED)


@pytest.mark.parametrize("topic, qos", [(b"a/#", 0), (b"a\x00", 0), (b"a", 3)])
def test_an_unusable_update_is_refused_and_the_will_stays(device, observer, topic, qos):
    """A27, 8.2 step 4"""
    device.connect(keep_alive=1, will=WILL)
    update_topic(device, topic, qos=qos, code=NOT_SUPPORTED)
    observer.hears(TOPIC, b"gone")


def test_will_messages_out_of_order_are_ignored(device):
    """A34: WILLTOPIC and WILLMSG without a question."""
    device.connect()
    device.ping()
    device.send(device.will_topic("wills/x"))
    device.send(MQTTSN() / sn.MQTTSNWillMsg(will_msg=b"x"))
    device.nothing_pending()
    device.ping()


@only_transparent("the gateway publishes the wills, so none fires when it dies")
@both_versions
def test_the_will_fires_when_the_gateway_dies(device, gateway, observer):
    """Design 6: the broker holds the will, also that of the gateway's own status topic."""
    device.connect(will=WILL)
    gateway.kill()
    observer.hears(TOPIC, b"gone")
    observer.hears(gateway.state_topic, b"offline")
    assert observer.retained(gateway.state_topic) == b"offline"


def test_the_will_of_a_sleeper_can_be_updated(device, observer):
    """A19: other messages are accepted and answered while asleep."""
    device.connect(will=WILL)
    device.sleep(1)
    update_message(device, b"newer")
    observer.hears(TOPIC, b"newer")
