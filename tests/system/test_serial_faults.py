# SPDX-License-Identifier: Apache-2.0
"""Dongles that vanish, ports that cannot be opened, lines that lie: nothing is lost but what is
damaged, and each trouble is told once, with its remedy.

REPLUGS=200 for the long run of the unplugging story.
"""

import fcntl
import os
import random
import shutil
import tempfile
import time

import pytest

from device import Silence, publish_packet
from framings import reflected_crc
from gateway import Gateway
from radios import NAMED

REPLUGS = int(os.environ.get("REPLUGS", 10))
QUICK = pytest.mark.config(gateway={"retry_interval": 0.3, "retry_count": 20})


def descriptors(gateway):
    return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))


def cpu_seconds(gateway):
    return time.clock_gettime((~gateway.process.pid << 3) | 2)


def warnings(gateway):
    return [line for line in gateway.log().splitlines() if " warning: serial" in line]


def publish_until_answered(device, tid, data, timeout=0.5):
    """As a device does whose dongle may be gone: the same message again until its PUBACK."""
    mid = device.mid()
    for attempt in range(50):
        device.send(publish_packet(tid, data, 1, mid, dup=int(attempt > 0)))
        try:
            return device.answer("PUBACK", timeout=timeout, mid=mid)
        except Silence:
            continue
    raise AssertionError(f"{data!r} was never acknowledged")


@QUICK
@pytest.mark.parametrize("name", ["hdlc-forwarded", "xbee-2"])
def test_unplugging_loses_nothing(new_radio, observer, name):
    """Pulled out while a message is under way each way, and back under another name each time."""
    radio = new_radio(NAMED[name])
    gateway = radio.gateway
    device = radio.device().connect(keep_alive=600)
    device.subscribe("radio/down", qos=1)
    tid = device.register("radio/up")
    publish_until_answered(device, tid, b"before")
    open_before, names = descriptors(gateway), {radio.dongle.name}
    down = []
    for number in range(REPLUGS):
        device.send(publish_packet(tid, b"lost or not %d" % number, 0))
        observer.publish("radio/down", b"%d" % number)
        radio.unplug()
        radio.plug()
        names.add(radio.dongle.name)
        publish_until_answered(device, tid, b"up %d" % number)
        while b"%d" % number not in down:
            down.append(device.take().data)
    observer.barrier()
    seen = observer.payloads("radio/up")
    for number in range(REPLUGS):
        assert b"up %d" % number in seen
        assert b"%d" % number in down
    assert len(names) > 1
    assert descriptors(gateway) == open_before
    assert gateway.counters()["link.lost"] == REPLUGS
    device.ping()


def test_an_absent_dongle_costs_nothing(new_radio, observer):
    """Neither processor time nor log lines, and the sessions stay."""
    radio = new_radio(NAMED["hdlc"])
    device = radio.device().connect(keep_alive=600)
    device.subscribe("radio/down", qos=1)
    open_before = descriptors(radio.gateway)
    radio.unplug()
    told, before = len(radio.gateway.log().splitlines()), cpu_seconds(radio.gateway)
    time.sleep(1.5)  # nothing must happen: there is no event to wait for
    assert cpu_seconds(radio.gateway) - before < 0.02 * 1.5
    assert len(radio.gateway.log().splitlines()) <= told + 1
    observer.publish("radio/down", b"meanwhile")
    radio.plug()
    device.ping()
    assert descriptors(radio.gateway) == open_before
    observer.publish("radio/down", b"afterwards")
    heard = [device.take().data]
    while heard[-1] != b"afterwards":
        heard.append(device.take().data)
    assert heard == [b"meanwhile", b"afterwards"]


@pytest.mark.config(gateway={"retry_interval": 0.3, "retry_count": 2})
def test_a_will_waits_for_its_own_time(new_radio, observer):
    """Unplugging is no sign that a node has died."""
    radio = new_radio(NAMED["hdlc"])
    device = radio.device().connect(keep_alive=60, will=("radio/will", b"died", 1, False))
    device.subscribe("radio/down", qos=1)
    radio.unplug()
    observer.publish("radio/down", b"into the void")
    time.sleep(1.5)  # nothing must happen: there is no event to wait for
    observer.barrier()
    assert observer.on("radio/will") == []
    radio.plug()
    assert device.take().data == b"into the void"
    device.ping()


def test_a_port_missing_at_start_is_opened_when_it_appears(new_radio, observer):
    radio = new_radio(NAMED["hdlc"], plugged=False)
    radio.gateway.until_logged(r"port0: not there; waiting for it")
    radio.plug()
    assert len(warnings(radio.gateway)) == 1
    device = radio.device().connect()
    device.ping()


def test_a_busy_port_is_told_once_and_taken_when_it_is_free(new_radio):
    radio = new_radio(NAMED["hdlc"], plugged=False)
    wanted, radio.dongle.path = radio.dongle.path, radio.dongle.path + "-elsewhere"
    radio.dongle.plug()
    with open(radio.dongle.name, "rb", buffering=0) as port:
        fcntl.flock(port, fcntl.LOCK_EX)
        os.rename(radio.dongle.path, wanted)
        radio.dongle.path = wanted
        radio.gateway.until_logged(r"in use by .*; stop it")
        time.sleep(1.2)  # nothing must happen: there is no event to wait for
    radio.dongle.until(lambda: radio.opened() == 1, "the port to be taken")
    assert len(warnings(radio.gateway)) == 2  # not there, in use
    radio.device().connect().ping()


def test_the_good_bye_waits_for_a_slow_radio(new_radio):
    """An air-time budget holds the last words back; the gateway does not leave without them."""
    radio = new_radio(NAMED["hdlc-forwarded"], max_bytes_per_second=60)
    devices = [radio.device(f"sensor{number}", number).connect() for number in range(1, 4)]
    radio.gateway.ask_to_stop()
    for device in devices:
        device.expect("DISCONNECT")
    radio.gateway.stop()


def test_what_is_no_port_is_told_once(new_radio):
    radio = new_radio(NAMED["hdlc"], plugged=False)
    with open(radio.dongle.path, "w", encoding="ascii") as file:
        file.write("no port")
    radio.gateway.until_logged(r"not a serial port; --list-ports")
    time.sleep(1.2)  # nothing must happen: there is no event to wait for
    assert len(warnings(radio.gateway)) == 2
    os.unlink(radio.dongle.path)
    radio.plug()
    radio.device().connect().ping()


def as_nobody():
    """Root may open everything."""
    return {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


def test_a_forbidden_port_names_the_group(broker, observer, new_radio):
    """Root may open everything, so that the daemon runs as nobody here."""
    radio = new_radio(NAMED["hdlc"], plugged=False)
    radio.gateway.stop()
    directory = tempfile.mkdtemp()
    try:
        os.chmod(directory, 0o755)
        radio.dongle.path = os.path.join(directory, "port")
        radio.dongle.plug()
        os.chmod(radio.dongle.name, 0o000)
        gateway = Gateway(directory, broker.url, {"serial dongle": {"port": radio.dongle.path}})
        os.chmod(gateway.config_path, 0o644)
        gateway.start(process_options=as_nobody()).until_listening()
        gateway.until_logged(r"warning: serial dongle: .*(group|permission)")
        time.sleep(1.2)  # nothing must happen: there is no event to wait for
        assert len(warnings(gateway)) == 1, warnings(gateway)
        os.chmod(radio.dongle.name, 0o666)
        gateway.until_logged(r"opened .*port at 115200")
        gateway.verify()
    finally:
        radio.dongle.close()
        shutil.rmtree(directory)


PING = bytes.fromhex("02 16")
PINGRESP = bytes.fromhex("02 17")


def sealed(packet, spoil=0):
    crc = reflected_crc(packet) ^ spoil
    return packet + crc.to_bytes(2, "little")


@pytest.mark.parametrize(
    "name, damaged, counter",
    [
        ("hdlc", lambda f: f.stuff(sealed(bytes.fromhex("0d 0c") + b"x" * 11, 1)), "bad_crc"),
        ("hdlc", lambda f: f.stuff(sealed(bytes.fromhex("09 0c 00 00 01"))), "bad_length"),
        ("hdlc", lambda f: f.frame(b"\x01\x01\x90\x0c" + b"x" * 396), "too_long"),
        ("hdlc", lambda f: f.frame(b"\x01\xff\xff\x0c" + b"x" * 65531), "too_long"),
        ("hdlc", lambda f: b"\x7e\x02\x7d\x7e", "bad_escape"),
        ("hdlc", lambda f: f.stuff(sealed(b"")), "too_short"),
        ("slip", lambda f: f.frame(bytes.fromhex("09 0c 00 00 01")), "bad_length"),
        ("slip", lambda f: f.frame(bytes.fromhex("02 16 17")), "bad_length"),
        ("slip", lambda f: f.frame(b"\x01\x01\x90\x0c" + b"x" * 396), "too_long"),
        ("slip", lambda f: b"\xc0\x02\xdb\x16\xc0", "bad_escape"),
        ("cobs-x25", lambda f: f.stuff(sealed(PING, 0x100)), "bad_crc"),
        ("cobs-x25", lambda f: f.frame(b"\x01\x01\x90\x0c" + b"x" * 396), "too_long"),
        ("cobs-x25", lambda f: b"\x09\x01\x02\x00", "bad_escape"),
        ("raw", lambda f: b"\x01\x01\x04\x0c" + b"\xff" * 256, "too_long"),
        ("raw", lambda f: b"\x00\x00\xff", "skipped_octets"),
        ("xbee-2", lambda f: b"\x7e\x00\x04\x90\x00\x00\x00\x00", "bad_crc"),
        ("xbee-2", lambda f: b"\x7e\xff\xff", "too_long"),
        ("xbee-2", lambda f: b"\x7e\x00\x00\xff", "too_short"),
        ("xbee-2", lambda f: f.wrap(b"\x90" + b"\x00" * 9), "too_short"),
        ("xbee-2", lambda f: f.wrap(b"\x8b\x01\x00"), "too_short"),
        ("xbee-2", lambda f: f.frame(b"\x03\x16", b"\x00" * 8), "bad_length"),
        ("xbee-2", lambda f: f.frame(PING, b"\x00" * 8)[:-4], "cut_short"),
        ("xbee-2", lambda f: f.wrap(b"\x97\x01\x00\x00"), "unknown_frames"),
        ("aquila", lambda f: f.stuff(b"\xb4\xc5\x05\xfe\x01\x01\xc0\x02\x16\x00\x00"), "bad_crc"),
        ("aquila", lambda f: f.frame(b"\x09\x16", b"\xc0\x01"), "bad_length"),
    ],
)
def test_damage_is_counted_under_its_name_and_the_next_frame_is_heard(
    new_radio, name, damaged, counter
):
    radio = new_radio(NAMED[name])
    device = radio.device().connect()
    before = radio.gateway.counters()[f"link.{counter}"]
    good = radio.dongle.framing.frame(PING, device.radio)
    radio.dongle.write(damaged(radio.dongle.framing) + good)
    assert radio.dongle.receive(device.radio, 5) == PINGRESP
    assert radio.gateway.counters()[f"link.{counter}"] > before


@QUICK
@pytest.mark.parametrize("name", ["hdlc-forwarded", "slip-xmodem-forwarded", "cobs-x25", "xbee-1"])
def test_noise_costs_repetitions_and_nothing_else(new_radio, observer, name):
    """One octet in a thousand flipped, lost or inserted on the way to the gateway: every QoS 1
    message arrives once acknowledged, and none that was not sent."""
    radio = new_radio(NAMED[name])
    device = radio.device().connect(keep_alive=600)
    tid = device.register("radio/noisy")
    line = Noise(radio.dongle, seed=5)
    sent = [b"message %d " % number + bytes(range(64, 124)) for number in range(150)]
    for data in sent:
        publish_until_answered(device, tid, data, timeout=0.1)
    line.end()
    observer.barrier()
    assert line.spoilt >= 5
    assert set(observer.payloads("radio/noisy")) == set(sent)
    device.disconnect()


class Noise:
    """Between the dongle and its host, one way: the Python end takes no damage."""

    def __init__(self, dongle, seed):
        self.random = random.Random(seed)
        self.dongle = dongle
        self.spoilt = 0
        self.write = dongle.write
        dongle.write = self.spoil

    def end(self):
        self.dongle.write = self.write

    def spoil(self, octets):
        out = bytearray()
        for octet in octets:
            kind = self.random.randrange(3) if self.random.random() < 0.001 else None
            self.spoilt += kind is not None
            if kind == 0:
                octet ^= 1 << self.random.randrange(8)
            elif kind == 1:
                continue
            elif kind == 2:
                out.append(self.random.randrange(256))
            out.append(octet)
        self.write(bytes(out))


def test_a_port_that_gets_its_group_late_is_not_complained_of(broker, new_radio):
    """udev makes the node first and gives it to its group a moment later."""
    radio = new_radio(NAMED["hdlc"], plugged=False)
    radio.gateway.stop()
    directory = tempfile.mkdtemp()
    try:
        os.chmod(directory, 0o755)
        wanted = os.path.join(directory, "port")
        gateway = Gateway(directory, broker.url, {"serial dongle": {"port": wanted}})
        os.chmod(gateway.config_path, 0o644)
        gateway.start(process_options=as_nobody()).until_listening()
        gateway.until_logged(r"port: not there")
        radio.dongle.path = wanted + "-elsewhere"
        radio.dongle.plug()
        os.chmod(radio.dongle.name, 0o000)
        os.rename(radio.dongle.path, wanted)
        radio.dongle.path = wanted
        time.sleep(0.7)  # nothing must happen: there is no event to wait for
        os.chmod(radio.dongle.name, 0o666)
        gateway.until_logged(r"opened .*port at 115200")
        assert len(warnings(gateway)) == 1, warnings(gateway)
        gateway.verify()
    finally:
        radio.dongle.close()
        shutil.rmtree(directory)
