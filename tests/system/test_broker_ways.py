# SPDX-License-Identifier: Apache-2.0
"""Ways to a broker: unix sockets, TLS, passwords, MQTT versions (issue 4)."""

import subprocess

import pytest

from certificates import Authority
from device import CONGESTION, NOT_SUPPORTED, SHORT, publish_packet
from gateway import both_versions
from ports import free_port
from tls_front import TlsFront
from waiting import until


def device_story(gateway, observer, device):
    device.connect()
    device.subscribe("cmd/x", qos=1)
    device.publish(device.register("state/x"), b"up", qos=2)
    observer.hears("state/x", b"up")
    observer.publish("cmd/x", b"down")
    assert device.take().data == b"down"


@both_versions
def test_unix_socket(tmp_path, start_broker, start_observer, new_gateway, new_device_at):
    """Issue 4: unix: URLs for a local broker."""
    path = tmp_path / "mosquitto.sock"
    broker = start_broker(lines=f"listener 0 {path}\n")
    observer = start_observer(broker.port)
    gateway = new_gateway(f"unix:{path}").start().until_listening().until_online(observer)
    device_story(gateway, observer, new_device_at(gateway))


class Secured:
    """A broker with a plain listener for the observer and a TLS listener for the gateway."""

    def __init__(self, start_broker, start_observer, lines):
        self.port = free_port()
        self.broker = start_broker(
            lines=f"listener {self.port} 127.0.0.1\n" + "\n".join(lines) + "\n"
        )
        self.observer = start_observer(self.broker.port)
        self.url = f"mqtts://127.0.0.1:{self.port}"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def server_lines(authority, alternatives="IP:127.0.0.1,DNS:localhost"):
    key, file = authority.issue("server", alternatives)
    return [f"cafile {authority.file}", f"certfile {file}", f"keyfile {key}"]


@both_versions
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_mqtts(authority, start_broker, start_observer, new_gateway, new_device_at, host):
    """Issue 4, field notes F2: verified by host name, also when the URL holds an address."""
    secured = Secured(start_broker, start_observer, server_lines(authority))
    url = f"mqtts://{host}:{secured.port}"
    gateway = new_gateway(url, {"broker": {"ca_file": authority.file}}).start()
    gateway.until_listening().until_online(secured.observer)
    device_story(gateway, secured.observer, new_device_at(gateway))


def test_mqtts_refuses_a_certificate_for_another_host(
    authority, start_broker, start_observer, new_gateway, new_device_at
):
    """Field notes F2"""
    secured = Secured(start_broker, start_observer, server_lines(authority, "DNS:other.example"))
    options = {"ca_file": authority.file, "offline": "reject"}
    gateway = new_gateway(secured.url, {"broker": options}).start().until_listening()
    secured.broker.handshakes_fail = True
    device = new_device_at(gateway)
    device.send(device.connect_packet())
    assert device.expect("CONNACK").return_code in (CONGESTION, NOT_SUPPORTED)
    assert secured.broker.connections_of("sensor-1") == 0
    gateway.until_logged(r"(?i)certificate|tls|verif")


def test_mqtts_insecure_takes_any_host_name_on_request(
    authority, start_broker, start_observer, new_gateway, new_device_at
):
    """`[broker] tls_insecure`"""
    secured = Secured(start_broker, start_observer, server_lines(authority, "DNS:other.example"))
    options = {"ca_file": authority.file, "tls_insecure": "yes"}
    gateway = new_gateway(secured.url, {"broker": options}).start().until_listening()
    gateway.until_online(secured.observer)
    new_device_at(gateway).connect()


def test_mqtts_refuses_a_foreign_authority(
    tmp_path, authority, start_broker, start_observer, new_gateway, new_device_at
):
    """Field notes F2"""
    other = Authority(tmp_path, "other")
    secured = Secured(start_broker, start_observer, server_lines(authority))
    options = {"ca_file": other.file, "offline": "reject"}
    gateway = new_gateway(secured.url, {"broker": options}).start().until_listening()
    secured.broker.handshakes_fail = True
    device = new_device_at(gateway)
    device.send(device.connect_packet())
    assert device.expect("CONNACK").return_code in (CONGESTION, NOT_SUPPORTED)
    assert secured.broker.connections_of("sensor-1") == 0


def test_mqtts_with_a_client_certificate(
    authority, start_broker, start_observer, new_gateway, new_device_at
):
    """Issue 4"""
    lines = server_lines(authority) + ["require_certificate true"]
    secured = Secured(start_broker, start_observer, lines)
    key, file = authority.issue("gateway")
    options = {"ca_file": authority.file, "cert_file": file, "key_file": key}
    gateway = new_gateway(secured.url, {"broker": options}).start().until_listening()
    gateway.until_online(secured.observer)
    device_story(gateway, secured.observer, new_device_at(gateway))


def test_mqtts_with_a_pre_shared_key(
    tmp_path, start_broker, start_observer, new_gateway, new_device_at
):
    """Issue 4"""
    keys, key = tmp_path / "psk", tmp_path / "gateway.psk"
    keys.write_text("gateway:0123456789abcdef0123456789abcdef\n")
    key.write_text("0123456789abcdef0123456789abcdef\n")
    secured = Secured(start_broker, start_observer, [f"psk_file {keys}", "psk_hint test"])
    options = {"psk_identity": "gateway", "psk_file": key}
    gateway = new_gateway(secured.url, {"broker": options}).start().until_listening()
    gateway.until_online(secured.observer)
    device_story(gateway, secured.observer, new_device_at(gateway))


@pytest.fixture
def start_front(authority):
    fronts = []

    def start(broker, alpn=()):
        fronts.append(TlsFront(broker.port, *authority.issue("front", "IP:127.0.0.1"), alpn=alpn))
        fronts[-1].start()
        return fronts[-1]

    yield start
    for front in fronts:
        front.close()


def test_mqtts_with_alpn(authority, broker, observer, start_front, new_gateway, new_device_at):
    """Issue 4: as brokers ask that share port 443 with something else."""
    front = start_front(broker, alpn=["http/1.1", "x-amzn-mqtt-ca"])
    options = {"ca_file": authority.file, "alpn": "x-amzn-mqtt-ca"}
    gateway = new_gateway(front.url, {"broker": options}).start().until_listening()
    gateway.until_online(observer)
    device_story(gateway, observer, new_device_at(gateway))
    assert len(front.relays) >= 2
    assert {relay.alpn for relay in front.relays} == {"x-amzn-mqtt-ca"}


def test_a_ca_file_that_is_gone_for_a_while(
    authority, broker, observer, start_front, new_gateway, new_device_at
):
    """A connection with QoS 2 under way is resumed after attempts that fail on a worker, and what
    the TLS library says there goes nowhere it must not."""
    front = start_front(broker)
    broker_options = {"ca_file": authority.file, "offline": "reject"}
    gateway = new_gateway(front.url, {"broker": broker_options}).start()
    gateway.until_listening().until_online(observer)
    device = new_device_at(gateway).connect()
    tid = device.register("state/x")
    for relay in front.relays[1:]:
        relay.mute = True
    device.send(publish_packet(tid, b"once", qos=2, mid=device.mid()))
    broker.until_logged(f"Received PUBLISH from {broker.name_of('sensor-1')} ")
    away = authority.file.rename(authority.file.with_suffix(".away"))
    for relay in front.relays[1:]:
        relay.cut()
    failures = "bridge.connect_failures"
    until(lambda: gateway.counters()[failures] >= 3, "three attempts without the file")
    away.rename(authority.file)
    device.expect("PUBREC", mid=device.last_mid)
    observer.hears("state/x", b"once")


@both_versions
@pytest.mark.parametrize("where", ["password", "password_file"])
def test_user_and_password(
    tmp_path, start_broker, start_observer, new_gateway, new_device_at, where
):
    """Issue 4: from the file of the configuration, or better from one of its own."""
    users, secret = tmp_path / "users", tmp_path / "secret"
    subprocess.run(["mosquitto_passwd", "-b", "-c", users, "gateway", "s3cret word"], check=True)
    secret.write_text("s3cret word\n")
    broker = start_broker(lines=f"allow_anonymous false\npassword_file {users}\n")
    observer = start_observer(broker.port, username="gateway", password="s3cret word")
    options = {"username": "gateway", where: secret if where == "password_file" else "s3cret word"}
    gateway = new_gateway(broker.url, {"broker": options}).start().until_listening()
    gateway.until_online(observer)
    new_device_at(gateway).connect()
    assert "s3cret" not in gateway.log()


def test_a_wrong_password_is_told_once_and_clearly(start_broker, new_gateway, new_device_at):
    """Section 9: CONNACK 0x03, and the operator reads why. Field notes D3: no log storm."""
    broker = start_broker(lines="allow_anonymous false\n")
    gateway = new_gateway(broker.url).start().until_listening()
    device = new_device_at(gateway)
    for _ in range(5):
        device.connect(code=NOT_SUPPORTED)
    gateway.until_logged(r"(?i)not authori|refused|bad user")
    assert len(gateway.log().splitlines()) < 100


@pytest.mark.config(broker={"client_id": "my-gateway", "status_topic": "site/7/${id}"})
def test_the_gateways_own_connection_is_configurable(broker, observer, new_gateway):
    """Issue 4: `<prefix>/state` under [broker] status_topic."""
    gateway = new_gateway(broker.url).start().until_listening()
    observer.hears("site/7/7/state", b"online")
    assert observer.retained("site/7/7/state") == b"online"
    assert broker.connections_of("my-gateway") == 1
    assert gateway.stop() == 0
    observer.hears("site/7/7/state", b"offline")


@pytest.mark.config(broker={"status_topic": ""})
def test_the_status_topic_can_be_switched_off(broker, observer, new_gateway, new_device_at):
    """Empty is off."""
    gateway = new_gateway(broker.url).start().until_listening()
    device = new_device_at(gateway).connect()
    device.publish("ab", b"x", tid_type=SHORT)
    observer.hears("ab", b"x")
    assert gateway.stop() == 0
    observer.barrier()
    assert [seen.topic for seen in observer.messages if "state" in seen.topic] == []


@both_versions
def test_mqtt_version_towards_the_broker(broker, device, mqtt_version):
    """Issue 4: 5 by default, 3.1.1 by option."""
    device.connect()
    number = {"5": 5, "3.1.1": 2}[mqtt_version]  # mosquitto counts 3.1.1 as 2
    broker.until_logged(rf"as {broker.name_of('sensor-1')} \(p{number}, ")


@both_versions
def test_a_persistent_session_gets_what_the_broker_queued(broker, observer, device):
    """Section 9: Clean=0 is a session at the broker; its queue comes at the next connect."""
    device.connect(clean=False)
    device.subscribe("cmd/x", qos=1)
    device.disconnect()
    broker.until_gone("sensor-1")
    observer.publish_many([("cmd/x", b"%d" % n) for n in range(10)])
    device.connect(clean=False)
    assert [device.take().data for _ in range(10)] == [b"%d" % n for n in range(10)]
