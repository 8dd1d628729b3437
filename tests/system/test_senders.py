# SPDX-License-Identifier: Apache-2.0
"""Addresses: unknown senders, forwarders, listeners, IPv4 and IPv6 (digest 5, A8, A37)."""

import select
import socket
import time

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import Device, publish_packet
from ports import free_port
from waiting import until


@pytest.mark.parametrize(
    "wire",
    [
        "02 16",  # PINGREQ
        "02 18",  # DISCONNECT
        "04 18 01 2c",  # DISCONNECT with a duration (A49)
        "0b 0c 20 00 01 00 02 32 31 2e 35",  # PUBLISH QoS 1
        "0c 0a 00 00 12 34 61 2f 74 65 6d 70",  # REGISTER
        "08 12 20 00 06 61 2f 23",  # SUBSCRIBE
        "07 14 02 00 0b 61 62",  # UNSUBSCRIBE
        "07 0d 00 01 00 02 00",  # PUBACK
        "04 10 00 03",  # PUBREL
        "06 1c 67 6f 6e 65",  # WILLMSGUPD
    ],
)
def test_an_unknown_sender_is_told_to_connect(device, wire):
    """A8, A37, A51: DISCONNECT, so that a device behind a restarted gateway comes back at once."""
    device.send(bytes.fromhex(wire))
    device.expect("DISCONNECT")
    device.nothing_pending()


@pytest.mark.config(gateway={"retry_interval": 0.5})
def test_an_unknown_sender_is_told_once_per_t_retry(device, new_device):
    """A37: at most once per address and T_retry; another address has its own count."""
    device.say("DISCONNECT")
    device.expect("DISCONNECT")
    start = time.monotonic()
    for _ in range(20):
        device.say("PINGREQ")
    if time.monotonic() - start < 0.3:  # a stalled machine proves nothing
        device.nothing_pending()
    new_device().say("PINGREQ")
    other = new_device()
    other.say("PINGREQ")
    other.expect("DISCONNECT")

    def told_again():
        device.say("PINGREQ")
        try:
            return device.receive(timeout=0.02).type == "DISCONNECT"
        except AssertionError:
            return False

    until(told_again, "a second DISCONNECT")
    assert time.monotonic() - start > 0.35


@pytest.mark.config(gateway={"retry_interval": 0.5})
def test_two_gateways_never_echo_each_other(broker, observer, new_gateway):
    """A37: a DISCONNECT that reaches another gateway must not bounce for ever."""
    gateways = [new_gateway(broker.url, {"gateway": {"id": n}}).start() for n in (7, 8)]
    sockets = []
    for gateway in gateways:
        gateway.until_listening()
        relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        relay.connect(gateway.address)
        sockets.append(relay)
    # Each hears the other as a device; whatever one says is carried to the other.
    first, second = sockets
    first.send(bytes.fromhex("02 18"))
    carried = 0
    deadline = time.monotonic() + 1.4
    while (left := deadline - time.monotonic()) > 0:
        for ready in select.select(sockets, [], [], left)[0]:
            wire = ready.recv(2048)
            assert wire == bytes.fromhex("02 18")
            (second if ready is first else first).send(wire)
            carried += 1
    assert 1 <= carried <= 2 * 3
    for relay in sockets:
        relay.close()


def test_broken_and_foreign_messages_are_no_reason_to_answer(device):
    """A41: reserved types, the wrong direction, truncated: dropped without a word."""
    for wire in (
        "02 03", "02 11", "02 19", "02 ff", "03 05 00", "02 06", "02 08", "04 15 00 01", "03 1b 00",
        "00", "01", "02", "01 00", "00 00 00", "ff 04", "01 ff ff 04", "04 04 04 01", "03 0c 00",
        "08 13 20 00 01 00 05 00", "02 0e", "03 fe 00", "04 fe 00 05", "01 00 06 fe 00 05 02 16",
    ):  # fmt: skip
        device.send(bytes.fromhex(wire))
    device.send(b"")
    device.nothing_pending()


# -- forwarders


def test_a_client_behind_a_forwarder_has_everything_wrapped(new_device, observer):
    """Section 5: Device checks the envelope of every datagram that comes back."""
    node = new_device("node", node_id=b"\x0a\x0b")
    node.connect(will=("wills/node", b"gone", 1, False))
    node.subscribe("cmd/+", qos=2)
    node.publish(node.register("state/node"), b"x", qos=2)
    observer.hears("state/node", b"x")
    observer.publish("cmd/a", b"on", qos=2)
    assert node.take().data == b"on"
    node.sleep(60)
    assert node.wake() == []
    node.disconnect()


@pytest.mark.parametrize("node_id", [b"\x05", b"\x00\x13\xa2\x00\x40\xc1\xd2\xe3", bytes(16)])
def test_node_ids_are_opaque(new_device, node_id):
    """Section 5: of any size up to what an address table holds, zeros included."""
    new_device("node", node_id=node_id).connect().ping()


def test_the_same_node_id_behind_two_forwarders_is_two_clients(new_device, observer):
    """Section 5"""
    first = new_device("first", node_id=b"\x01").connect()
    second = new_device("second", node_id=b"\x01").connect()
    first.publish(first.register("of/first"), b"1")
    second.publish(second.register("of/second"), b"2")
    assert observer.hears("of/first").payload == b"1"
    assert observer.hears("of/second").payload == b"2"


def test_many_nodes_and_the_forwarder_itself_share_one_socket(new_device, observer):
    """Section 5: a plain message from the forwarder's address belongs to a different client."""
    forwarder = new_device("forwarder").connect()
    nodes = []
    for n in range(5):
        node = new_device(f"node-{n}", node_id=bytes([n + 1]))
        node.socket.close()
        node.socket = forwarder.socket
        node.connect()
        nodes.append(node)
    for n, node in enumerate(nodes):
        node.publish(node.register(f"of/{n}"), b"%d" % n)
        observer.hears(f"of/{n}", b"%d" % n)
    nodes[0].disconnect()
    forwarder.ping()
    nodes[1].ping()


def test_an_unknown_node_is_told_within_its_envelope(new_device):
    """A8, section 5"""
    node = new_device("node", node_id=b"\x09")
    node.say("PINGREQ")
    node.expect("DISCONNECT")


@pytest.mark.parametrize("radius, told", [(0, 0), (2, 2), (3, 3), (200, 3)])
def test_gwinfo_for_a_node_carries_the_radius_in_two_bits(new_device, radius, told):
    """Section 5, A47"""
    node = new_device("node", node_id=b"\x09")
    node.send(MQTTSN() / sn.MQTTSNSearchGW(radius=radius))
    node.expect("GWINFO", gw_id=7)
    assert node.radius == told


def test_broken_envelopes_are_dropped(device):
    """Section 5: no node id, nothing inside, an envelope in an envelope, the long form."""
    for wire in ("03 fe 00 02 16", "04 fe 00 05", "04 fe 00 05 00", "04 fe 00 05 04 fe 00 06 02 16",
                 "01 00 06 fe 00 05 02 16", "02 fe 02 16", "ff fe 00 05 02 16"):  # fmt: skip
        device.send(bytes.fromhex(wire))
    device.nothing_pending()


def test_qos_minus_one_through_a_forwarder(new_device, observer):
    """Section 5 with 8.7"""
    node = new_device("node", node_id=b"\x09")
    node.send(publish_packet("ab", b"x", qos=3, tid_type=2))
    observer.hears("ab", b"x")


def test_a_client_moves_from_a_forwarder_to_the_air(new_device):
    """A6: an envelope is a part of the address."""
    node = new_device("node", node_id=b"\x09").connect()
    direct = new_device("node").connect()
    node.expect("DISCONNECT")
    direct.ping()


# -- listeners


def story(device, observer):
    device.connect()
    device.subscribe("cmd/x", qos=1)
    device.publish(device.register("state/x"), b"up")
    observer.hears("state/x", b"up")
    observer.publish("cmd/x", b"down")
    assert device.take().data == b"down"
    device.disconnect()
    observer.forget()


def test_ipv6(broker, observer, new_gateway, new_device_at):
    """Issue 5: IPv4 and IPv6."""
    gateway = new_gateway(broker.url)
    gateway.change({"udp": {"listen": f"[::1]:{gateway.port}"}})
    address = ("::1", gateway.port)
    gateway.start().until_listening(address).until_online(observer)
    story(new_device_at(gateway, address=address), observer)


def test_one_listener_for_both_families(broker, observer, new_gateway, new_device_at):
    """`[::]` takes IPv4 too."""
    gateway = new_gateway(broker.url)
    gateway.change({"udp": {"listen": f"[::]:{gateway.port}"}})
    gateway.start().until_listening().until_online(observer)
    story(new_device_at(gateway, address=("::1", gateway.port)), observer)
    story(new_device_at(gateway, address=("127.0.0.1", gateway.port)), observer)


@pytest.mark.parametrize("listen", ["0.0.0.0", "[::]"])
def test_the_answer_comes_from_the_address_that_was_asked(
    broker, observer, new_gateway, new_device_at, listen
):
    """Issue 5: multi-homed hosts. Device checks the sender of every datagram."""
    gateway = new_gateway(broker.url)
    gateway.change({"udp": {"listen": f"{listen}:{gateway.port}"}})
    gateway.start().until_listening().until_online(observer)
    for host in ("127.0.0.2", "127.0.0.3", "127.0.0.1"):
        story(new_device_at(gateway, address=(host, gateway.port)), observer)


def test_several_listeners_serve_one_set_of_clients(broker, observer, new_gateway, new_device_at):
    """Issue 5: a client may move from one to the other."""
    gateway = new_gateway(broker.url)
    second, third = ("127.0.0.1", free_port()), ("::1", free_port())
    gateway.change({
        "udp second": {"listen": f"127.0.0.1:{second[1]}"},
        "udp third": {"listen": f"[::1]:{third[1]}"},
    })  # fmt: skip
    gateway.start().until_listening().until_online(observer)
    device = new_device_at(gateway).connect(clean=False)
    device.subscribe("cmd/x", qos=1)
    device.sleep(60)
    observer.publish("cmd/x", b"1")
    broker.until_taken("sensor-1", 1)
    moved = new_device_at(gateway, address=second)
    moved.topics = device.topics
    assert [m.data for m in moved.wake()] == [b"1"]
    story(new_device_at(gateway, "six", address=third), observer)


def test_the_same_port_on_two_listeners_keeps_clients_apart(
    broker, observer, new_gateway, new_device_at
):
    """A peer is a link and an address: one socket may be two clients on two listeners."""
    gateway = new_gateway(broker.url)
    second = ("127.0.0.1", free_port())
    gateway.change({"udp second": {"listen": f"127.0.0.1:{second[1]}"}})
    gateway.start().until_listening().until_online(observer)
    one = new_device_at(gateway, "one").connect()
    two = Device(second, "two")
    two.socket.close()
    two.socket = one.socket
    two.connect()
    one.publish(one.register("of/one"), b"1")
    two.publish(two.register("of/two"), b"2")
    observer.hears("of/one", b"1")
    observer.hears("of/two", b"2")
