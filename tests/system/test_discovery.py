# SPDX-License-Identifier: Apache-2.0
"""Finding a gateway: ADVERTISE, SEARCHGW, GWINFO (digest 8.1)."""

import socket
import time

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import Device, Heard, Silence
from ports import free_port
from waiting import PATIENCE

GROUP = "225.1.1.1"


class Member:
    """A device in the multicast group on the loopback interface."""

    def __init__(self, port):
        self.port = port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((GROUP, port))
        loopback = socket.inet_aton("127.0.0.1")
        membership = socket.inet_aton(GROUP) + loopback
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        self.speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.speaker.bind(("127.0.0.1", 0))
        self.speaker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
        self.speaker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)

    def send(self, packet):
        self.speaker.sendto(bytes(packet), (GROUP, self.port))

    def hear(self, timeout=PATIENCE):
        """Everything said in the group but our own questions."""
        deadline = time.monotonic() + timeout
        while True:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.000001))
            try:
                wire, _ = self.socket.recvfrom(2048)
            except (socket.timeout, BlockingIOError):
                raise Silence(f"nothing in the group within {timeout} s") from None
            heard = Heard(wire)
            if heard.type in ("ADVERTISE", "GWINFO"):
                return heard

    def hear_from(self, kind, ids):
        """Waits until each of these gateways has said it; returns all that was heard."""
        heard = []
        while not set(ids) <= {one.gw_id for one in heard if one.type == kind}:
            heard.append(self.hear())
        return heard

    def close(self):
        self.socket.close()
        self.speaker.close()


@pytest.fixture
def member():
    one = Member(free_port())
    yield one
    one.close()


def in_group(member, **gateway):
    return {
        "gateway": gateway,
        "udp": {"multicast": f"{GROUP}:{member.port}", "interface": "lo"},
    }


def test_searchgw_by_unicast_is_answered_by_unicast_without_an_address(device):
    """8.1 step 4, A31: GWINFO holds the GwId alone."""
    device.send(MQTTSN() / sn.MQTTSNSearchGW(radius=1))
    assert device.receive().wire == bytes.fromhex("03 02 07")


def test_every_repeated_search_is_answered(device):
    """8.1 step 5: devices repeat SEARCHGW until they hear something."""
    for _ in range(5):
        device.nothing_pending()


def test_advertise_is_said_on_its_period_and_tells_it(broker, observer, new_gateway, member):
    """8.1 step 1: Duration is the time to the next ADVERTISE."""
    new_gateway(broker.url, in_group(member, advertise_interval=1)).start()
    times = []
    while len(times) < 3:
        heard = member.hear()
        assert (heard.type, heard.gw_id, heard.duration) == ("ADVERTISE", 7, 1)
        times.append(time.monotonic())
    assert 0.7 < times[2] - times[1] < 2.0


def test_advertise_needs_a_working_broker(start_broker, new_gateway, member):
    """ADVERTISE (section 4): only when the gateway has a working broker connection."""
    broker = start_broker()
    broker.kill()
    gateway = new_gateway(broker.url, in_group(member, advertise_interval=1)).start()
    gateway.until_listening()
    with pytest.raises(Silence):
        member.hear(timeout=1.6)
    broker.start()
    assert member.hear().type == "ADVERTISE"


def test_searchgw_in_the_group_is_answered_in_the_group(broker, new_gateway, member):
    """A31: asked by multicast, answered by multicast."""
    new_gateway(broker.url, in_group(member)).start().until_listening()
    member.send(MQTTSN() / sn.MQTTSNSearchGW(radius=1))
    heard = member.hear()
    assert (heard.type, heard.gw_id, heard.gw_addr) == ("GWINFO", 7, b"")


def test_two_gateways_in_one_group_do_not_answer_each_other(broker, observer, new_gateway, member):
    """A32: ADVERTISE and GWINFO of other gateways are ignored."""
    first = new_gateway(broker.url, in_group(member, id=7, advertise_interval=1))
    second = new_gateway(broker.url, in_group(member, id=8, advertise_interval=1))
    first.start().until_listening()
    second.start().until_listening()
    member.hear_from("ADVERTISE", (7, 8))
    member.send(MQTTSN() / sn.MQTTSNSearchGW(radius=0))
    heard = member.hear_from("GWINFO", (7, 8))
    heard += member.hear_from("ADVERTISE", (7, 8))
    heard += member.hear_from("ADVERTISE", (7, 8))
    infos = [one.gw_id for one in heard if one.type == "GWINFO"]
    assert sorted(infos) == [7, 8]


def test_other_messages_in_the_group_are_not_answered(broker, observer, new_gateway, member):
    """Only SEARCHGW is meant for whoever hears it; CONNECT to the group starts nothing."""
    gateway = new_gateway(broker.url, in_group(member)).start()
    gateway.until_listening().until_online(observer)
    member.send(MQTTSN() / sn.MQTTSNConnect(cleansess=1, duration=60, client_id=b"stray"))
    member.send(MQTTSN(len=2, type=sn.PINGREQ))
    member.send(MQTTSN() / sn.MQTTSNSearchGW(radius=0))
    assert member.hear().type == "GWINFO"
    device = Device(gateway.address, "sensor-1").connect()
    device.close()
    assert broker.connections_of("stray") == 0


def test_advertise_and_gwinfo_sent_to_the_gateway_are_ignored(device):
    """A32, A41: no answer, not even DISCONNECT."""
    device.send(MQTTSN() / sn.MQTTSNAdvertise(gw_id=9, duration=900))
    device.send(MQTTSN() / sn.MQTTSNGwInfo(gw_id=9, gw_addr=b"\x7f\x00\x00\x01\x07\x5b"))
    device.nothing_pending()
