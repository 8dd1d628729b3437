# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a private broker, the real daemon, an observer at the broker, devices.

    @pytest.mark.config(gateway={"retry_interval": 0.3})    options of the daemon's file
    @pytest.mark.broker("max_keepalive 60")                 lines of mosquitto's file
    @both_versions (gateway.py)                             the same story over both MQTT versions
"""

import pytest

from broker import Broker
from device import Device
from dongle import Dongle
from gateway import Gateway
from observer import Observer
from ports import free_port
from radios import Radio


def pytest_configure(config):
    config.addinivalue_line("markers", "config(**sections): options of the gateway's file")
    config.addinivalue_line("markers", "broker(lines): lines of mosquitto's file")


@pytest.fixture
def mqtt_version():
    return "5"


@pytest.fixture
def start_broker(tmp_path):
    """Starts brokers; each must end without having found fault with the gateway's MQTT."""
    brokers = []

    def start(**options):
        directory = tmp_path / f"broker{len(brokers)}"
        directory.mkdir()
        broker = Broker(directory, free_port(), **options)
        brokers.append(broker)
        return broker.start()

    yield start
    for broker in brokers:
        broker.kill()
    for broker in brokers:
        assert broker.complaints() == []


@pytest.fixture
def broker(request, start_broker):
    marker = request.node.get_closest_marker("broker")
    return start_broker(lines="\n".join(marker.args) + "\n" if marker else "")


@pytest.fixture
def start_observer():
    observers = []

    def start(port, **options):
        observer = Observer(port, **options)
        observers.append(observer)
        return observer

    yield start
    for observer in observers:
        observer.close()


@pytest.fixture
def observer(broker, start_observer):
    return start_observer(broker.port)


@pytest.fixture
def new_gateway(request, tmp_path, mqtt_version):
    """Makes gateways, configured by the test's marker; each must leave cleanly at the end."""
    gateways = []
    marker = request.node.get_closest_marker("config")

    def new(broker_url, sections=None, **options):
        gateway = Gateway(
            tmp_path,
            broker_url,
            mqtt_version=mqtt_version,
            name=f"gateway{len(gateways)}",
            **options,
        )
        for more in (marker.kwargs if marker else {}, sections or {}):
            gateway.change(more)
        gateways.append(gateway)
        return gateway

    yield new
    for gateway in gateways:
        gateway.ask_to_stop()
    for gateway in gateways:
        gateway.verify()


@pytest.fixture
def gateway(broker, observer, new_gateway):
    """The daemon, listening and connected to the broker."""
    return new_gateway(broker.url).start().until_listening().until_online(observer)


@pytest.fixture
def new_device(gateway):
    """Makes devices that speak to the gateway; nothing is said until they are told to."""
    devices = []

    def new(client_id="sensor-1", **options):
        device = Device(options.pop("address", gateway.address), client_id, **options)
        devices.append(device)
        return device

    yield new
    for device in devices:
        device.close()


@pytest.fixture
def device(new_device):
    return new_device()


@pytest.fixture
def new_radio(broker, observer, new_gateway, tmp_path):
    """Makes daemons with a dongle of the given way (radios.py) at their port, plugged in or not."""
    dongles = []

    def new(way, plugged=True, **options):
        dongle = Dongle(tmp_path / f"port{len(dongles)}", way.firmware())
        dongles.append(dongle)
        section = {"port": dongle.path, **way.options, **options}
        radio = Radio(new_gateway(broker.url, {"serial dongle": section}), dongle, way)
        radio.gateway.start().until_listening().until_online(observer)
        if plugged:
            radio.plug()
        return radio

    yield new
    for dongle in dongles:
        dongle.close()


@pytest.fixture
def new_device_at():
    """Devices for tests that start gateways of their own."""
    devices = []

    def new(gateway, client_id="sensor-1", **options):
        device = Device(options.pop("address", gateway.address), client_id, **options)
        devices.append(device)
        return device

    yield new
    for device in devices:
        device.close()
