# SPDX-License-Identifier: Apache-2.0
"""The daemon as an operator meets it: command line, configuration, signals, exit codes."""

import os
import re
import resource
import signal
import socket

import pytest

from device import INVALID_TOPIC, PREDEFINED, publish_packet
from gateway import AGGREGATING, only_transparent, run
from ports import free_port
from waiting import until

OK, USAGE, UNAVAILABLE, CONFIGURATION = 0, 64, 69, 78


def said(result):
    return result.stdout + result.stderr


def write(tmp_path, text):
    path = tmp_path / "gateway.ini"
    path.write_text(text)
    return str(path)


def test_help_and_version_end_well():
    """Field notes, conventions: both exit 0."""
    assert run("--help").returncode == OK
    assert "-c" in said(run("--help"))
    version = run("--version")
    assert version.returncode == OK and re.search(r"\d+\.\d+\.\d+", said(version))


@pytest.mark.parametrize("arguments", [["--no-such-option"], ["-c"], ["stray"]])
def test_a_wrong_command_line_is_told(arguments):
    """Exit code 64."""
    result = run(*arguments)
    assert result.returncode == USAGE
    assert said(result).strip()


ERRORS = [
    ("[gateway]\nretry_intervall = 3\n", 2, "retry_interval"),
    ("[gateway]\nid = 7\nmaxclients = 3\n", 3, "max_clients"),
    ("[brokr]\nurl = mqtt://localhost\n", 1, "broker"),
    ("[gateway]\nid = 256\n", 2, "255"),
    ("[gateway]\nid = seven\n", 2, "id"),
    ("[gateway]\nid = 1\nid = 2\n", 3, "id"),
    ("[gateway]\nqos_minus_one = maybe\n", 2, "long-topics"),
    ("[gateway]\nretry_interval = -1\n", 2, "retry_interval"),
    ("[broker]\nurl = http://localhost\n", 2, "mqtt://"),
    ("[broker]\nmqtt_version = 4\n", 2, "3.1.1"),
    ("[broker]\nurl =\n", 2, "url"),
    ("[udp]\nlisten = nowhere\n", 2, "listen"),
    ("[udp]\nlisten = 127.0.0.1:99999\n", 2, "listen"),
    ("[udp]\nmulticast = 10.0.0.1:1883\n", 2, "multicast"),
    ("[topics]\n0 = a/b\n", 2, "0"),
    ("[topics]\n65535 = a/b\n", 2, "65535"),
    ("[topics]\n1 = a/#\n", 2, "wildcard"),
    ("[topics]\n1 = a\n1 = b\n", 3, "1"),
    ("[sleep]\nwhen_full = drop\n", 2, "drop-oldest"),
    ("no section\n", 1, ""),
    ("[gateway]\n" + "id = " + " " * 400 + "7\n", 2, "long"),
]


@pytest.mark.parametrize("text, line, word", ERRORS, ids=[str(n) for n in range(len(ERRORS))])
def test_a_wrong_configuration_is_told_with_file_and_line(tmp_path, text, line, word):
    """Bad input: every error with file, line, key and the nearest valid name; exit 78."""
    path = write(tmp_path, text)
    for extra in ([], ["--check"]):
        result = run("-c", path, *extra)
        assert result.returncode == CONFIGURATION, said(result)
        lines = [one for one in said(result).splitlines() if f"{path}:{line}" in one]
        assert lines, said(result)
        assert word in lines[0]


def test_all_errors_are_listed_not_only_the_first(tmp_path):
    """Design 9"""
    text = "[gateway]\nidd = 1\nretry_count = many\n\n[slep]\nx = 1\n[broker]\nurl = nope\n"
    result = run("-c", write(tmp_path, text), "--check")
    assert result.returncode == CONFIGURATION
    for line in (2, 3, 5, 8):
        assert f".ini:{line}" in said(result), said(result)


def test_a_wrong_configuration_starts_nothing(tmp_path, broker):
    """Bad input: exit 78, nothing started."""
    port = free_port()
    path = write(
        tmp_path,
        f"[broker]\nurl = {broker.url}\n[udp]\nlisten = 127.0.0.1:{port}\n[gateway]\nidd = 1\n",
    )
    assert run("-c", path).returncode == CONFIGURATION
    assert broker.connections_of("mqtt-sn-gateway-1") == 0


def test_a_missing_configuration_file_is_told(tmp_path):
    """Exit 78, with its name."""
    result = run("-c", str(tmp_path / "absent.ini"))
    assert result.returncode == CONFIGURATION
    assert "absent.ini" in said(result)


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "password_file", "psk_file"])
def test_an_unreadable_file_is_told(tmp_path, key):
    """Bad input: certificate unreadable, one clear line."""
    missing = tmp_path / "missing.pem"
    path = write(tmp_path, f"[broker]\nurl = mqtts://localhost\n{key} = {missing}\n")
    result = run("-c", path, "--check")
    assert result.returncode == CONFIGURATION
    lines = [one for one in said(result).splitlines() if str(missing) in one]
    assert lines and f"{path}:3" in lines[0], said(result)


def test_a_file_that_is_no_certificate_is_told(tmp_path, new_gateway):
    """Bad input: at the latest when it is used, in a line that says what to look at."""
    junk = tmp_path / "junk.pem"
    junk.write_text("this is no certificate\n")
    gateway = new_gateway("mqtts://127.0.0.1:1", {"broker": {"ca_file": junk}}).start()
    gateway.until_listening().until_logged(r"certificate.*ca_file")


def test_check_accepts_a_good_file_and_touches_nothing(tmp_path, broker):
    """Field notes I2: no side effects."""
    port = free_port()
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", port))
    path = write(tmp_path, f"[broker]\nurl = {broker.url}\n[udp]\nlisten = 127.0.0.1:{port}\n")
    before = sorted(os.listdir(tmp_path))
    result = run("-c", path, "--check")
    taken.close()
    assert result.returncode == OK, said(result)
    assert sorted(os.listdir(tmp_path)) == before
    assert broker.connections_of("mqtt-sn-gateway-1") == 0


def test_the_printed_configuration_reads_back_to_itself(tmp_path):
    """`--print-config`"""
    path = write(
        tmp_path,
        "[gateway]\nid = 9\nretry_interval = 2.5\n[topics]\n1 = a/b\n[topics pump-*]\n1 = c/d\n"
        "[udp]\nlisten = 127.0.0.1:1884\n[udp second]\nlisten = [::1]:1885\n"
        "[broker]\npassword = s3cret\nusername = me\n",
    )
    first = run("-c", path, "--print-config")
    assert first.returncode == OK, said(first)
    assert "retry_interval=2.5" in first.stdout and "[topics pump-*]" in first.stdout
    assert "s3cret" not in said(first)
    second = run("-c", write(tmp_path, first.stdout), "--print-config")
    assert second.returncode == OK, said(second)
    assert options_in(first.stdout) == options_in(second.stdout)


def options_in(text):
    lines = [re.sub(r"\s*[;#].*", "", line) for line in text.splitlines()]
    return [line for line in lines if line]


def test_broker_and_address_from_the_command_line(broker, observer, new_gateway, new_device_at):
    """`-b` and `-u` replace what the file says."""
    gateway = new_gateway("mqtt://127.0.0.1:1", {"udp": {"listen": "127.0.0.1:1"}})
    gateway.start("-b", broker.url, "-u", f"127.0.0.1:{gateway.port}")
    gateway.until_listening().until_online(observer)
    new_device_at(gateway).connect()


def test_a_taken_port_is_told(tmp_path):
    """Bad input: one clear line, exit 69."""
    port = free_port()
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", port))
    result = run("-c", write(tmp_path, f"[udp]\nlisten = 127.0.0.1:{port}\n"))
    taken.close()
    assert result.returncode == UNAVAILABLE, said(result)
    lines = [line for line in said(result).splitlines() if str(port) in line]
    assert lines and "in use" in lines[-1], said(result)


def test_an_unknown_broker_name_is_told_and_blocks_nobody(new_gateway, new_device_at):
    """Bad input, field notes D6: the lookup must not stop the loop."""
    gateway = new_gateway("mqtt://no-such-broker.invalid:1883").start().until_listening()
    gateway.until_logged(r"no-such-broker\.invalid", timeout=30)
    new_device_at(gateway).nothing_pending()


@pytest.mark.config(gateway={"max_clients": 1000}, broker={"max_connections": 700})
@pytest.mark.parametrize("max_filters", [0, 50])
def test_too_few_descriptors_are_told(broker, observer, new_gateway, max_filters):
    """Shared connections need no more than a few, unless more may be opened for filters."""
    few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500))}
    gateway = new_gateway(broker.url, {"broker": {"max_filters": max_filters}})
    gateway.start(process_options=few).until_online(observer)
    told = re.findall(r"too few descriptors limit=500 wanted=(\d+); .* lower (\w+)", gateway.log())
    wanted = ("1100", "max_clients") if not AGGREGATING else ("800", "max_connections")
    assert told == ([] if AGGREGATING and not max_filters else [wanted])


def test_sigterm_says_goodbye_to_everybody(gateway, observer, new_device):
    """8.10, issue 4: DISCONNECT to clients, `offline` retained, exit code 0."""
    active, sleeper = new_device("active").connect(), new_device("sleeper").connect()
    will = ("wills/polite", b"gone", 1, False)
    polite = new_device("polite").connect(will=will)
    sleeper.sleep(60)
    gateway.signal(signal.SIGTERM)
    active.expect("DISCONNECT")
    polite.expect("DISCONNECT")
    assert gateway.process.wait(10) == OK
    observer.hears(gateway.state_topic, b"offline")
    assert observer.retained(gateway.state_topic) == b"offline"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_that_end_end_well(gateway, device, number):
    """Exit code 0."""
    device.connect()
    gateway.signal(number)
    assert gateway.process.wait(10) == OK


def test_sigterm_while_the_broker_is_away_does_not_hang(broker, gateway, device):
    """A gateway must be able to leave."""
    device.connect()
    broker.kill()
    gateway.signal(signal.SIGTERM)
    assert gateway.process.wait(10) == OK


def test_killed_outright_the_status_is_offline(gateway, observer):
    """Issue 4: last will of the gateway's own connection."""
    gateway.kill()
    observer.hears(gateway.state_topic, b"offline")
    assert observer.retained(gateway.state_topic) == b"offline"


@only_transparent("only a store remembers subscriptions over a restart")
def test_after_a_restart_devices_are_sent_to_connect(gateway, observer, device):
    """A51"""
    device.connect(clean=False)
    tid = device.subscribe("cmd/x", qos=1).tid
    assert gateway.stop() == OK
    device.expect("DISCONNECT")
    observer.hears(gateway.state_topic, b"offline")
    observer.forget()
    gateway.start().until_listening().until_online(observer)
    device.say("PINGREQ")
    device.expect("DISCONNECT")
    device.connect(clean=False)
    observer.publish("cmd/x", b"still subscribed at the broker")
    assert device.take().data == b"still subscribed at the broker"
    assert tid


def test_sigusr1_prints_counters_and_sessions(gateway, device):
    """Issue 6: all counters and sessions to the log."""
    device.connect()
    device.register("a/b")
    gateway.signal(signal.SIGUSR1)
    gateway.until_logged(r"connects_accepted\D+1\b")
    gateway.until_logged(r"registers_in\D+1\b")
    gateway.until_logged(r"sensor-1.*active|active.*sensor-1")
    device.ping()


def test_sighup_applies_topics_and_keeps_sessions(gateway, observer, device):
    """Design 9: validate, then apply what can change while running."""
    device.connect()
    tid = device.register("a/b")
    device.publish(77, b"x", tid_type=PREDEFINED, code=INVALID_TOPIC)
    gateway.change({"topics": {77: "reloaded/topic"}})
    gateway.signal(signal.SIGHUP)
    gateway.until_logged(r"(?i)reload|SIGHUP|configuration")

    def known():
        device.send(publish_packet(77, b"x", qos=1, mid=9, tid_type=PREDEFINED))
        return device.expect("PUBACK").return_code == 0

    until(known, "the new predefined id")
    observer.hears("reloaded/topic", b"x")
    device.publish(tid, b"y")
    observer.hears("a/b", b"y")


def test_sighup_with_a_broken_file_changes_nothing(gateway, observer, device):
    """Field notes I4: keep the old configuration on error, and say so."""
    device.connect()
    gateway.write("[gateway]\nidd = 1\n")
    gateway.signal(signal.SIGHUP)
    gateway.until_logged(re.escape(gateway.config_path) + ":2")
    device.ping()
    device.publish(device.register("a/b"), b"x")
    observer.hears("a/b", b"x")


@pytest.mark.config(log={"level": "trace"})
def test_a_packet_is_one_line_of_the_log_at_trace(gateway, device):
    """Field notes H1: direction, client or address, type, ids."""
    device.connect()
    device.register("some/topic/name")
    gateway.until_logged(r"REGISTER.*some/topic/name")
    gateway.until_logged(r"REGACK")


@pytest.mark.config(log={"level": "info"})
def test_payloads_and_passwords_stay_out_of_the_log(gateway, observer, device):
    """Field notes F6, style: never above debug."""
    device.connect(will=("wills/x", b"will-payload-secret", 0, False))
    device.publish(device.register("a/b"), b"payload-secret")
    observer.hears("a/b", b"payload-secret")
    assert "payload-secret" not in gateway.log()
