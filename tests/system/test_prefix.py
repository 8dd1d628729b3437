# SPDX-License-Identifier: Apache-2.0
"""[gateway] topic_prefix: each client lives in a part of the broker's tree and knows nothing of it.

The observer sees the broker's side, the devices theirs.
"""

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import NOT_SUPPORTED, PREDEFINED, SHORT, publish_packet
from gateway import both_versions

PREFIX = {"gateway": {"topic_prefix": "site/${gateway}/${client}/"}}
HOME = "site/7/sensor-1/"

pytestmark = pytest.mark.config(**PREFIX, topics={42: "fixed/topic"})


@both_versions
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_publishes_arrive_behind_the_prefix(device, observer, qos):
    device.connect()
    device.publish(device.register("a/temp"), b"1", qos=qos)
    device.publish("ab", b"2", qos=qos, tid_type=SHORT)
    device.publish(42, b"3", qos=qos, tid_type=PREDEFINED)
    assert observer.hears(HOME + "a/temp", b"1").qos == qos
    observer.hears(HOME + "ab", b"2")
    observer.hears(HOME + "fixed/topic", b"3")


@both_versions
@pytest.mark.parametrize("topic", ["cmd/x", "cmd/+", "+/x", "#"])
def test_subscriptions_are_the_clients_own(device, observer, topic):
    """The device hears its own names, and nothing of what lies beside its part of the tree."""
    device.connect()
    device.subscribe(topic, qos=1)
    observer.publish("cmd/x", b"outside")
    observer.publish("site/7/sensor-11/cmd/x", b"a neighbour's")
    observer.publish(HOME + "cmd/x", b"own")
    message = device.take()
    assert (message.topic, message.data) == ("cmd/x", b"own")
    device.unsubscribe(topic)
    observer.publish(HOME + "cmd/x", b"too late")
    device.ping()
    assert not device.backlog


@both_versions
def test_two_clients_cannot_see_each_other(new_device, observer):
    """Both have the same names; each hears itself only."""
    devices = [new_device("one").connect(), new_device("two").connect()]
    for device in devices:
        device.subscribe("#", qos=1)
    for device in devices:
        device.publish(device.register("state"), device.client_id, qos=1)
    for device in devices:
        assert device.take()[:2] == ("state", device.client_id)
        device.ping()
        assert not device.backlog


@pytest.mark.parametrize(
    "client_id, level",
    [("one/two", "one%2Ftwo"), ("+", "%2B"), ("#", "%23"), ("%2B", "%252B"), ("$SYS", "%24SYS"),
     ("gateway", "%67ateway"), ("käse", "käse")],
)
def test_a_client_id_is_one_level_whatever_it_holds(new_device, observer, client_id, level):
    device = new_device(client_id).connect()
    device.subscribe("echo", qos=1)
    device.publish(device.register("echo"), b"x", qos=1)
    observer.hears(f"site/7/{level}/echo", b"x")
    assert device.take().data == b"x"


@both_versions
def test_a_will_and_its_update(device, observer):
    device.connect(keep_alive=1, will=("gone", b"first", 1, True))
    device.send(MQTTSN() / sn.MQTTSNWillTopicUpd(qos=1, retain=1, will_topic=b"lost"))
    device.answer("WILLTOPICRESP", return_code=0)
    observer.hears(HOME + "lost", b"first")
    assert observer.retained(HOME + "lost") == b"first"
    assert not observer.on(HOME + "gone")


@both_versions
def test_the_will_of_the_connect(device, observer):
    device.connect(keep_alive=1, will=("gone", b"lost", 1, False))
    observer.hears(HOME + "gone", b"lost")


@both_versions
def test_retained_messages(device, observer):
    device.connect()
    device.publish(device.register("state"), b"on", qos=1, retain=True)
    assert observer.retained(HOME + "state") == b"on"
    device.subscribe("#", qos=1)
    message = device.take()
    assert (message.topic, message.data, message.retain) == ("state", b"on", True)


@both_versions
def test_a_sleeping_client(device, broker, observer):
    """Also a name that it hears of only when it wakes."""
    device.connect()
    device.subscribe("cmd/#", qos=1)
    device.sleep(60)
    observer.publish(HOME + "cmd/new", b"wake up")
    broker.until_taken("sensor-1", 1)
    assert [message[:2] for message in device.wake()] == [("cmd/new", b"wake up")]


@both_versions
def test_what_was_spooled_is_prefixed_once(device, broker, observer, gateway):
    """Taken while the broker is away; the core keeps the names without it."""
    device.connect()
    tid = device.register("state")
    broker.kill()
    gateway.until_logged("broker .*(lost|cannot)")
    for n in range(5):
        device.publish(tid, b"%d" % n, qos=1)
    device.publish(tid, b"two", qos=2)
    broker.start()
    observer.until_subscribed()
    observer.hears(HOME + "state", b"two")
    spooled = [seen for seen in observer.messages if seen.topic != gateway.state_topic]
    assert [seen.topic for seen in spooled] == [HOME + "state"] * 6
    assert [seen.payload for seen in spooled] == [b"0", b"1", b"2", b"3", b"4", b"two"]


def test_qos_minus_one_goes_as_gateway(new_device, observer):
    new_device().send(publish_packet(42, b"x", qos=3, mid=0, tid_type=PREDEFINED))
    observer.hears("site/7/gateway/fixed/topic", b"x")


@both_versions
def test_a_shared_subscription_is_within_the_prefix(device, observer):
    device.connect()
    device.subscribe("$share/group/cmd/+", qos=1)
    observer.publish("cmd/x", b"outside")
    observer.publish(HOME + "cmd/x", b"own")
    assert device.take()[:2] == ("cmd/x", b"own")


def test_topics_of_the_broker_itself_are_left_alone(device, broker):
    device.connect()
    device.subscribe("$SYS/broker/version")
    assert device.take().topic == "$SYS/broker/version"


def test_a_message_on_the_prefix_itself_is_dropped(device, observer, gateway):
    """The client's # covers the level above it, too, and that has no name here."""
    device.connect()
    device.subscribe("#", qos=1)
    observer.publish(HOME[:-1], b"nameless")
    observer.publish(HOME + "x", b"own")
    assert device.take()[:2] == ("x", b"own")
    assert gateway.counters()["prefix.outside"] == 1


def test_a_topic_that_becomes_too_deep_is_refused(device, observer, gateway):
    """mosquitto would close the connection on it."""
    device.connect()
    deep = "/" * 197
    device.publish(device.register(deep), b"x", qos=1, code=NOT_SUPPORTED)
    device.publish(device.register(deep[1:]), b"x", qos=1)
    observer.hears(HOME + deep[1:], b"x")
    assert gateway.counters()["prefix.too_long"] == 1


@both_versions
def test_sessions_that_survive_a_restart_keep_their_prefix(
    broker, observer, new_gateway, new_device_at, tmp_path
):
    state = str(tmp_path / "state.db")
    gateway = new_gateway(broker.url, {"store": {"path": state}})
    gateway.start().until_listening().until_online(observer)
    device = new_device_at(gateway).connect(clean=False)
    device.subscribe("cmd", qos=1)
    tid = device.register("state")
    observer.forget()
    gateway.kill()
    observer.hears(gateway.state_topic, b"offline")
    gateway.start().until_listening().until_online(observer)
    device.publish(tid, b"back", qos=1)
    observer.hears(HOME + "state", b"back")
    observer.publish(HOME + "cmd", b"go")
    assert device.take()[:2] == ("cmd", b"go")


@pytest.mark.config(gateway={"topic_prefix": "plant/"})
def test_a_prefix_without_the_client_is_shared(new_device, observer):
    one, two = new_device("one").connect(), new_device("two").connect()
    two.subscribe("state", qos=1)
    one.publish(one.register("state"), b"x", qos=1)
    observer.hears("plant/state", b"x")
    assert two.take()[:2] == ("state", b"x")
