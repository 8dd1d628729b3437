# SPDX-License-Identifier: Apache-2.0
"""The stories of the radio nodes, through every framing: the far end of the line is Python's."""

import re

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import publish_packet
from radios import NAMED, with_all, with_many
from waiting import until

# With every octet that any framing treats in a way of its own.
OCTETS = bytes(range(0x70, 0x100)) + bytes(range(0x50))

pytestmark = pytest.mark.config(gateway={"retry_interval": 1})


@with_all
def test_publishes_with_every_qos(new_radio, observer, way):
    """The CONNECT of "sensor1" has 13 octets, and a carriage return for its length."""
    device = new_radio(way).device("sensor1").connect()
    tid = device.register("radio/up")
    for qos in (0, 1, 2):
        device.publish(tid, b"qos %d" % qos, qos)
        assert observer.hears("radio/up", b"qos %d" % qos).qos == qos
    device.publish(tid, OCTETS, qos=1)
    observer.hears("radio/up", OCTETS)
    device.ping()
    device.disconnect()


@with_all
def test_receives_with_every_qos(new_radio, observer, way):
    device = new_radio(way).device().connect()
    for qos in (0, 1, 2):
        device.subscribe(f"radio/down/{qos}", qos=qos)
        observer.publish(f"radio/down/{qos}", b"qos %d" % qos, qos)
        assert device.take()[:3] == (f"radio/down/{qos}", b"qos %d" % qos, qos)
    device.subscribe("radio/any/#", qos=1)
    observer.publish("radio/any/topic", OCTETS, qos=1)
    assert device.take().data == OCTETS
    device.disconnect()


@with_all
def test_sleeps_and_wakes(new_radio, observer, way):
    radio = new_radio(way)
    device = radio.device().connect()
    device.subscribe("radio/asleep", qos=1)
    device.sleep(60)
    for number in range(3):
        observer.publish("radio/asleep", b"%d" % number)
    until(lambda: device_report(radio.gateway, "queued") == 3, "three messages for the sleeper")
    assert [message.data for message in device.wake()] == [b"0", b"1", b"2"]
    assert device.wake() == []
    device.connect(clean=False)
    device.disconnect()


def device_report(gateway, key):
    gateway.counters()
    return int(re.findall(rf"report session .* {key}=(\d+)", gateway.log())[-1])


@with_many
def test_nodes_behind_one_dongle_are_told_apart(new_radio, observer, way):
    radio = new_radio(way)
    devices = [radio.device(f"node-{n}", n).connect() for n in range(1, 6)]
    for number, device in enumerate(devices):
        device.subscribe(f"radio/to/{number}", qos=1)
    for number, device in enumerate(devices):
        observer.publish(f"radio/to/{number}", b"for %d" % number)
    for number, device in enumerate(devices):
        assert device.take().data == b"for %d" % number
    tid = devices[2].register("radio/from")
    devices[2].publish(tid, b"two", qos=2)
    observer.hears("radio/from", b"two")
    for device in devices:
        device.disconnect()
    assert not any(radio.dongle.waiting.values())


@with_all
def test_octets_one_by_one_and_all_at_once(new_radio, observer, way):
    """How the driver cuts the stream means nothing."""
    radio = new_radio(way)
    device = radio.device().connect()
    tid = device.register("radio/pieces")
    frame = radio.dongle.framing.frame
    wires = []
    for number in range(6):
        packet = bytes(publish_packet(tid, b"%d \x7e\x7d\xc0\xdb\x00\x11\x13" % number))
        wires.append(frame(wrapped(device, packet), device.radio))
    for octet in b"".join(wires[:3]):
        radio.dongle.write(bytes([octet]))
    radio.dongle.write(b"".join(wires[3:]))
    for number in range(6):
        observer.hears("radio/pieces", b"%d \x7e\x7d\xc0\xdb\x00\x11\x13" % number)
    device.disconnect()


def wrapped(device, packet):
    if device.node_id is None:
        return packet
    return bytes([3 + len(device.node_id), 0xFE, 0]) + device.node_id + packet


@with_all
@pytest.mark.config(gateway={"advertise_interval": 1})
def test_advertises_to_everybody_and_answers_searches(new_radio, way):
    radio = new_radio(way)
    asker = radio.device()
    asker.send(MQTTSN() / sn.MQTTSNSearchGW(radius=1))

    def heard(packet):
        kept = [one for queue in radio.dongle.waiting.values() for one in queue]
        return any(one.endswith(packet) for one in kept + radio.dongle.broadcasts)

    radio.dongle.until(lambda: heard(b"\x03\x02\x07"), "GWINFO of gateway 7")
    radio.dongle.until(lambda: heard(b"\x05\x00\x07\x00\x01"), "ADVERTISE of gateway 7")


@pytest.mark.parametrize("status", [0x01, 0x21, 0x24])
def test_a_frame_that_the_radio_could_not_deliver_is_repeated(new_radio, observer, status):
    radio = new_radio(NAMED["xbee-2"])
    device = radio.device().connect()
    device.subscribe("radio/down", qos=0)
    radio.dongle.framing.refuse = [status, status]
    observer.publish("radio/down", b"third time lucky", qos=0)
    assert device.take().data == b"third time lucky"
    assert radio.gateway.counters()["link.delivery_failures"] == 2


def test_the_dongle_tells_how_well_it_hears(new_radio):
    radio = new_radio(NAMED["aquila"])
    radio.device().connect()
    assert device_report(radio.gateway, "last_rssi") == radio.dongle.framing.RSSI
    assert device_report(radio.gateway, "last_lqi") == radio.dongle.framing.LQI


def test_a_module_that_restarts_is_asked_again(new_radio, observer):
    """It may come back in the other API mode."""
    radio = new_radio(NAMED["xbee-auto"])
    device = radio.device().connect()
    framing = radio.dongle.framing
    framing.asked.clear()
    framing.api = 1
    radio.dongle.write(framing.modem_status(0))
    radio.settle()
    tid = device.register("radio/again")
    device.publish(tid, b"in API mode 1", qos=2)
    observer.hears("radio/again", b"in API mode 1")


def test_raw_serial_as_the_plain_bridges_speak_it(new_radio, observer):
    """One node at the port and nothing but messages: what Arduino sketches for njh's bridge send,
    in the octets of the protocol's description."""
    radio = new_radio(NAMED["raw"])
    line = radio.dongle

    def says(text, answer):
        line.write(bytes.fromhex(text))
        assert line.receive(None, 5) == bytes.fromhex(answer)

    says("0d 04 04 01 00 3c 73 65 6e 73 6f 72 31", "03 05 00")
    line.write(bytes.fromhex("0d 0c 02 61 62 00 00 31 32 33 34 35 0d"))  # QoS 0, short topic
    assert observer.hears("ab").payload == b"12345\r"
    says("0d 0a 00 00 00 01 72 61 77 2f 75 70 73", "07 0b 00 01 00 01 00")
    says("09 0c 20 00 01 00 02 0d 0a", "07 0d 00 01 00 02 00")
    assert observer.hears("raw/ups").payload == b"\r\n"
    says("02 16", "02 17")
    says("02 18", "02 18")
