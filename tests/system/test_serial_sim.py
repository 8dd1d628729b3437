# SPDX-License-Identifier: Apache-2.0
"""The simulator's dongles before the real daemon: nodes, noise and unplugging, as bench and demo use
them."""

import json
import os
import subprocess

import pytest

from gateway import program

SIM = os.path.join(os.path.dirname(os.path.dirname(program())), "tools", "sim", "mqtt-sn-sim")

pytestmark = pytest.mark.config(gateway={"retry_interval": 0.3, "retry_count": 20})


@pytest.fixture
def play(broker, observer, new_gateway, tmp_path):
    """Runs the simulator at the port of a new daemon; returns its report."""

    def run(framing, *options, crc=None, api=None, retry=0.3):
        port = str(tmp_path / "port")
        section = {"port": port, "framing": framing, "crc": crc, "retry_interval": retry}
        gateway = new_gateway(broker.url, {"serial dongle": section})
        gateway.start().until_listening().until_online(observer)
        command = [SIM, "--serial", port, "--framing", framing, "--json", "--retry-interval",
                   str(retry), "--retry-count", "50", "--topic", "sim/%c", "--subscribe", "sim/%c",
                   "--sub-qos", "1", "--qos", "1", *options]  # fmt: skip
        command += ["--crc", crc] if crc else []
        command += ["--api", str(api)] if api else []
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=100, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr + gateway.log()[-3000:]
        assert not os.path.lexists(port)
        return json.loads(result.stdout)

    return run


@pytest.mark.parametrize("clients", [1, 30])
@pytest.mark.parametrize(
    "framing, more",
    [("raw", {"crc": "x25"}), ("slip", {}), ("hdlc", {}), ("cobs", {"crc": "xmodem"}),
     ("xbee", {"api": 1}), ("xbee", {"api": 2}), ("aquila", {})],
)  # fmt: skip
def test_every_dongle_carries_messages_both_ways(play, framing, more, clients):
    report = play(framing, "--clients", str(clients), "--count", "20", "--rate", "0", **more)
    assert report["acknowledged"] == report["distinct"] == 20 * clients
    assert report["retries"] == report["malformed"] == 0


@pytest.fixture
def noisy(play):
    """Ten nodes, each of which hears its own messages; one octet in a thousand is wrong."""

    def run(framing, *options, count=30, **more):
        sent = 10 * count
        report = play(
            framing, "--clients", "10", "--count", str(count), "--rate", "0", "--size", "60",
            "--noise", "1/1000", "--seed", "7", *options, **more
        )  # fmt: skip
        assert report["retries"] > 0
        assert report["acknowledged"] == report["sent"] == sent
        return sent, report

    return run


@pytest.mark.parametrize(
    "framing, more",
    [("hdlc", {}), ("cobs", {"crc": "x25"}), ("slip", {"crc": "xmodem"}), ("raw", {"crc": "x25"})],
)
def test_noise_both_ways_loses_nothing(noisy, framing, more):
    """The nodes tell by their stamps: nothing missing, and nothing that nobody sent. Without a CRC
    raw could not: a flipped octet of a payload is a message like any other."""
    sent, report = noisy(framing, "--linger", "3", **more)
    assert report["distinct"] == sent
    assert report["unstamped"] == report["malformed"] == 0


def test_noise_at_a_dongle_that_takes_one_frame_at_a_time(noisy):
    """Each frame that came damaged is answered by nothing, and stops all others until the answer is
    given up: T_retry has to be longer than that, or the repetitions are spent in the queue."""
    sent, report = noisy("aquila", "--expect", "60", "--linger", "20", count=6, retry=2)
    assert report["distinct"] == sent
    assert report["unstamped"] == report["malformed"] == 0


@pytest.mark.parametrize("api", [1, 2])
def test_noise_at_a_radio_that_reports_delivery(noisy, api):
    """A lost transmit status holds up nobody. The frame's sum of eight bits misses an inserted octet
    that equals it, one in 256: such a message is acknowledged and wrong, and nobody repeats it.
    One of the 600 here is to be expected in every tenth run or so."""
    sent, report = noisy("xbee", "--linger", "5", api=api)
    assert report["distinct"] >= sent - 2


def test_a_dongle_that_comes_and_goes(play):
    report = play("hdlc", "--clients", "5", "--rate", "20", "--replug", "0.35", "--replug-count",
                  "10", "--duration", "6", "--linger", "3")  # fmt: skip
    assert report["unplugged"] == 10
    assert report["missing"] == 0 and report["acknowledged"] == report["sent"]


def test_a_paced_line_is_full_and_not_beyond(play):
    """115,200 baud, 20 nodes: at least 85 % of the octets that the line can carry, and no trick."""
    report = play("hdlc", "--clients", "20", "--rate", "0", "--baud", "115200", "--size", "100",
                  "--together", "--duration", "3", "--retry-interval", "5")  # fmt: skip
    assert 85 <= report["line_up_percent"] <= 101
    assert report["missing"] == 0
