# SPDX-License-Identifier: Apache-2.0
"""[broker] max_filters in aggregating mode, against a front that ends a connection at the first
filter too many, and remembers over a loss what the connection has subscribed to."""

import signal

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import ACCEPTED, CONGESTION
from gateway import AGGREGATING, both_versions
from strict_front import Limits, StrictFront
from waiting import until

pytestmark = pytest.mark.skipif(not AGGREGATING, reason="each device has a connection of its own")

LIMIT, CONNECTIONS = 3, 3
ALL = [f"down/{n}" for n in range(LIMIT * CONNECTIONS)]


@pytest.fixture
def front(broker):
    front = StrictFront(broker.port, Limits(filters=LIMIT))
    yield front
    front.close()


@pytest.fixture
def gateway(new_gateway, front, observer, tmp_path, request):
    limits = {"max_filters": LIMIT, "connections": 1, "max_connections": CONNECTIONS}
    gateway = new_gateway(front.url, {"broker": limits, "store": {"path": tmp_path / "state.db"}})
    gateway.start().until_listening().until_online(observer)
    yield gateway
    gateway.stop()
    assert front.offences == []


@pytest.fixture
def full(device):
    """A device whose filters fill every connection."""
    device.connect(clean=False)
    for filter in ALL:
        device.subscribe(filter, qos=1)
    return device


def placed(front):
    """How many filters each of the gateway's connections has at the broker."""
    return sorted(len(filters) for filters in front.sessions.values() if filters)


def hears_all(device, observer, payload):
    observer.publish_many([(filter, payload) for filter in ALL], qos=1)
    heard = [device.take() for _ in ALL]
    assert sorted(message.topic for message in heard) == ALL
    assert {message.data for message in heard} == {payload}


def until_subscribed(device, topic):
    """Room comes when the broker has confirmed that it has forgotten another."""

    def granted():
        device.send(MQTTSN() / sn.MQTTSNSubscribe(qos=1, mid=device.mid(), topic_name=topic))
        answer = device.answer("SUBACK", mid=device.last_mid)
        device.topics[answer.tid] = topic
        return answer.return_code == ACCEPTED

    until(granted, what="room for a filter")


@both_versions
def test_more_filters_than_one_connection_takes(full, front, observer):
    assert placed(front) == [LIMIT] * CONNECTIONS
    hears_all(full, observer, b"x")


@both_versions
def test_when_all_are_full_who_asks_is_told(full, front, gateway, observer, new_device):
    late = new_device("late").connect()
    late.subscribe(ALL[0], qos=1)  # is there already
    late.subscribe("one/more", code=CONGESTION)
    late.subscribe("one/more", code=CONGESTION)
    assert gateway.counters()["bridge.no_room"] == 2
    assert gateway.log().count("raise [broker] max_connections") == 1
    late.unsubscribe(ALL[0])
    late.subscribe("one/more", code=CONGESTION)  # the other has it still
    full.unsubscribe(ALL[0])
    until_subscribed(late, b"one/more")
    observer.publish("one/more", b"x", qos=1)
    assert late.take().data == b"x"
    assert placed(front) == [LIMIT] * CONNECTIONS


@both_versions
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_after_a_restart_each_is_where_it_was(full, front, gateway, observer, how):
    """The broker has kept messages for each connection, and counts what it has kept."""
    before = {name: set(filters) for name, filters in front.sessions.items()}
    if how == signal.SIGKILL:
        gateway.kill()
    else:
        assert gateway.stop() == 0
    observer.forget()
    observer.publish_many([(filter, b"meanwhile") for filter in ALL], qos=1)
    gateway.start().until_listening().until_online(observer)
    assert sorted(full.take().topic for _ in ALL) == ALL
    assert front.sessions == before
    full.subscribe("one/more", code=CONGESTION)
    hears_all(full, observer, b"after")


def test_what_was_unsubscribed_at_the_end_gives_its_place_back(
    full, front, gateway, observer, broker
):
    """The broker has not heard of it before the gateway dies."""
    gateway.change({"broker": {"reconnect_max": 1}})
    broker.freeze()
    for filter in ALL[:LIMIT]:
        full.unsubscribe(filter)
    gateway.kill()
    broker.thaw()
    observer.forget()
    gateway.start().until_listening().until_online(observer)
    for n in range(LIMIT):
        until_subscribed(full, b"new/%d" % n)
    observer.publish("new/0", b"x", qos=1)
    assert full.take().data == b"x"


def test_a_broker_that_has_forgotten_everything(full, front, gateway, observer, broker):
    broker.kill()
    gateway.until_logged("broker .*(lost|cannot)")
    broker.start()
    observer.until_subscribed()
    broker.until_logged("Sending SUBACK to mqtt-sn-gateway", times=2 * len(ALL))
    hears_all(full, observer, b"x")


@both_versions
def test_connections_that_are_lost(full, front, gateway, observer):
    front.cut(*front.ends)
    until(lambda: gateway.counters()["bridge.losses"] >= CONNECTIONS, what="the losses")
    observer.publish_many([(filter, b"x") for filter in ALL], qos=1)
    assert sorted(full.take().topic for _ in ALL) == ALL
    assert placed(front) == [LIMIT] * CONNECTIONS


def test_a_new_store_lets_the_broker_forget(full, front, gateway, observer, tmp_path):
    """Nobody knows any more what it has kept for the connections."""
    gateway.kill()
    for file in tmp_path.glob("state.db*"):
        file.unlink()
    observer.forget()
    gateway.start().until_listening().until_online(observer)
    full.connect()
    for n in range(len(ALL)):
        full.subscribe(f"new/{n}", qos=1)
    observer.publish_many([(f"new/{n}", b"x") for n in range(len(ALL))], qos=1)
    assert len({full.take().topic for _ in ALL}) == len(ALL)


def test_a_lower_limit_lets_the_broker_forget(full, front, gateway, observer, broker):
    assert gateway.stop() == 0
    gateway.change({"broker": {"max_filters": LIMIT - 1, "max_connections": 5}})
    front.limits = Limits(filters=LIMIT - 1)
    observer.forget()
    gateway.start().until_listening().until_online(observer)
    until(lambda: placed(front) == [1] + [LIMIT - 1] * 4, what="all to be placed anew")
    broker.until_logged("Sending SUBACK to mqtt-sn-gateway", times=2 * len(ALL))
    hears_all(full, observer, b"x")


@pytest.mark.config(broker={"reconnect_max": 1})
def test_a_connection_without_filters_is_given_back(full, front, gateway, observer, broker):
    for filter in ALL:
        full.unsubscribe(filter)
    name = f"mqtt-sn-gateway-{gateway.id}-%d"
    for added in (2, 3):
        broker.until_logged(f"Client {name % added} disconnected")
    assert placed(front) == []
    for filter in ALL:
        full.subscribe(filter, qos=1)
    hears_all(full, observer, b"x")
    assert broker.connections_of(name % 1) == 1
