# SPDX-License-Identifier: Apache-2.0
"""[broker] preset against a front as strict as the service is: nothing is ever beyond its limits,
and the devices get what they ask for."""

import pytest
from scapy.contrib import mqttsn as sn
from scapy.contrib.mqttsn import MQTTSN

from device import publish_packet
from gateway import both_versions
from strict_front import AWS, AZURE, Limits, StrictFront
from waiting import until

SERVICES = {"aws-iot": AWS, "azure-event-grid": AZURE}
each_preset = pytest.mark.parametrize("preset", SERVICES)


@pytest.fixture
def preset():
    return "aws-iot"


@pytest.fixture
def front(broker, preset):
    front = StrictFront(broker.port, SERVICES[preset])
    yield front
    front.close()


@pytest.fixture
def gateway(new_gateway, front, observer, preset):
    """Without TLS, whose protocol aws-iot would set."""
    gateway = new_gateway(front.url, {"broker": {"preset": preset, "alpn": ""}})
    gateway.start().until_listening().until_online(observer)
    yield gateway
    gateway.stop()
    assert front.offences == []


@both_versions
@each_preset
def test_qos_2_is_completed_with_the_device(device, observer, preset):
    """The whole handshake here, QoS 1 there, and a repetition has no second effect."""
    device.connect()
    tid = device.register("t")
    for data in (b"one", b"two"):
        device.publish(tid, data, qos=2)
    repeated = publish_packet(tid, b"three", 2, device.mid())
    device.send(repeated)
    device.answer("PUBREC")
    device.send(repeated)
    device.answer("PUBREC", mid=device.last_mid)
    device.send(MQTTSN() / sn.MQTTSNPubrel(mid=device.last_mid))
    device.answer("PUBCOMP", mid=device.last_mid)
    observer.barrier()
    assert observer.payloads("t") == [b"one", b"two", b"three"]
    assert {seen.qos for seen in observer.on("t")} == {1}


@both_versions
@each_preset
def test_a_subscription_of_qos_2_is_one(device, observer, preset):
    """Granted, and delivered with four packets."""
    device.connect()
    assert device.subscribe("t", qos=2).qos == 2
    observer.publish("t", b"x", qos=2)
    assert device.take().qos == 2


@both_versions
@each_preset
def test_wills(device, observer, preset):
    device.connect(keep_alive=1, will=("gone", b"lost", 2, True))
    assert observer.hears("gone", b"lost").qos == 1
    assert observer.retained("gone") == (b"lost" if preset == "aws-iot" else None)


@both_versions
@each_preset
def test_retained_messages_and_the_status(device, observer, gateway, preset):
    device.connect()
    device.publish(device.register("state"), b"on", qos=1, retain=True)
    observer.hears("state", b"on")
    kept = preset == "aws-iot"
    assert observer.retained("state") == (b"on" if kept else None)
    assert observer.retained(gateway.state_topic) == (b"online" if kept else None)


@both_versions
def test_publishes_wait_for_their_turn(device, observer, gateway):
    """As fast as the acknowledgements come, which is beyond the limit; in order, none congested."""
    device.connect()
    tid = device.register("t")
    for n in range(250):
        device.publish(tid, b"%d" % n, qos=1)
    observer.hears("t", b"249")
    assert observer.payloads("t") == [b"%d" % n for n in range(250)]
    assert gateway.counters()["bridge.paced"] > 100


def test_a_burst_waits_too(device, observer):
    """All at once, as many as may be under way."""
    device.connect()
    tid = device.register("t")
    for n in range(20):
        device.send(publish_packet(tid, b"%d" % n, 1, device.mid()))
    for n in range(20):
        device.answer("PUBACK", mid=n + 2, return_code=0)
    observer.hears("t", b"19")
    assert observer.payloads("t") == [b"%d" % n for n in range(20)]


def test_qos_0_beyond_the_rate_is_dropped_and_counted(device, observer, gateway):
    device.connect()
    tid = device.register("t")
    for n in range(200):
        device.send(publish_packet(tid, b"%d" % n, 0, 0))

    def all_known():
        return len(observer.on("t")) + gateway.counters()["bridge.over_rate"] == 200

    until(all_known, what="each message to arrive or be counted")
    assert 10 <= len(observer.on("t")) < 200


@both_versions
def test_the_spool_drains_no_faster(device, broker, observer, gateway):
    """[spool] drain_rate is beyond the limit."""
    device.connect()
    tid = device.register("t")
    broker.kill()
    gateway.until_logged("broker .*(lost|cannot)")
    for n in range(200):
        device.publish(tid, b"%d" % n, qos=1)
    broker.start()
    observer.until_subscribed()
    observer.hears("t", b"199")
    heard = observer.payloads("t")  # the first may have come before the observer was back
    assert heard == [b"%d" % n for n in range(int(heard[0]), 200)]
    until(lambda: gateway.counters()["core.spool_forwarded"] == 200, what="each to be taken")


def test_filters_have_room_in_their_connection(device, observer):
    """The 51st would end the connection at the broker."""
    device.connect()
    for n in range(50):
        device.subscribe(f"t/{n}")
    mid = device.mid()
    device.send(MQTTSN() / sn.MQTTSNSubscribe(mid=mid, topic_name=b"t/50"))
    assert device.answer("SUBACK", mid=mid).return_code != 0
    observer.publish("t/49", b"x")
    assert device.take().data == b"x"


def test_many_devices_have_many_filters(new_device, observer, front):
    """Shared connections are more than there were, and none has too many."""
    devices = [new_device(f"sensor-{n}").connect() for n in range(5)]
    for n, device in enumerate(devices):
        for m in range(49):
            device.subscribe(f"t/{n}/{m}", qos=1)
    observer.publish_many([(f"t/{n}/{m}", b"x") for n in range(5) for m in range(49)], qos=1)
    for device in devices:
        assert len({device.take().topic for _ in range(49)}) == 49
    assert sum(len(filters) for filters in front.sessions.values()) == 5 * 49


def test_topics_too_long_for_the_service_are_refused_before(device, observer):
    device.connect()
    mid = device.mid()
    device.send(MQTTSN() / sn.MQTTSNRegister(mid=mid, topic_name=b"t" * 257))
    assert device.answer("REGACK", mid=mid).return_code != 0
    device.publish(device.register("t" * 256), b"x")
    observer.hears("t" * 256, b"x")


@both_versions
@pytest.mark.parametrize("qos", [1, 2])
def test_what_waits_survives_a_lost_connection(
    new_gateway, broker, observer, new_device_at, qos
):
    """Both what the library resumes by itself, with QoS 2, and what it never had."""
    front = StrictFront(broker.port, Limits())
    gateway = new_gateway(front.url, {"broker": {"max_publish_rate": 10}})
    gateway.start().until_listening().until_online(observer)
    devices = [new_device_at(gateway, f"sensor-{n}").connect() for n in range(4)]
    ids = [device.register("t") for device in devices]
    rounds = 4 if qos == 1 else 1
    for n in range(rounds):
        for device, tid in zip(devices, ids):
            device.send(publish_packet(tid, device.client_id + b"%d" % n, qos, device.mid()))
    observer.until(lambda: observer.on("t"), "the first")
    front.cut(*front.ends)
    for device in devices:
        for _ in range(rounds):
            device.answer("PUBACK" if qos == 1 else "PUBREC")
    wanted = {device.client_id + b"%d" % n for device in devices for n in range(rounds)}
    observer.until(lambda: wanted == set(observer.payloads("t")), "all that was acknowledged")
    gateway.stop()
    front.close()


def test_without_the_preset_the_front_bites(new_gateway, broker, observer, new_device_at):
    """That the stories above prove something."""
    front = StrictFront(broker.port, AWS)
    gateway = new_gateway(front.url, {"broker": {"offline": "reject"}})
    gateway.start().until_listening().until_online(observer)
    device = new_device_at(gateway).connect()
    tid = device.register("t")
    device.send(publish_packet(tid, b"x", 2, device.mid()))
    until(lambda: "publish of QoS 2" in front.offences, what="an offence")
    gateway.stop()
    front.close()
