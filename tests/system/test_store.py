# SPDX-License-Identifier: Apache-2.0
"""What survives the gateway: kill -9 and a restart with [store], and a file that gives trouble."""

import os
import signal
import sqlite3
import stat

import pytest

from device import SHORT, publish_packet
from gateway import AGGREGATING, QUICK, both_versions, only_transparent, run
from waiting import until

UNAVAILABLE, INPUT_OUTPUT, CONFIGURATION = 69, 74, 78


@pytest.fixture
def state(tmp_path):
    return str(tmp_path / "state.db")


@pytest.fixture
def gateway(new_gateway, broker, observer, state):
    gateway = new_gateway(broker.url, {"gateway": QUICK, "store": {"path": state}})
    return gateway.start().until_listening().until_online(observer)


@pytest.fixture
def restart(gateway, observer):
    def now(how=signal.SIGKILL):
        observer.forget()
        if how == signal.SIGKILL:
            gateway.kill()
        else:
            assert gateway.stop() == 0
        observer.hears(gateway.state_topic, b"offline")
        gateway.start().until_listening().until_online(observer)

    return now


class Hold:
    def __init__(self, path):
        self.path = path
        self.db = None

    def take(self):
        self.db = sqlite3.connect(self.path, isolation_level=None, timeout=10)
        self.db.execute("BEGIN IMMEDIATE")

    def release(self):
        if self.db:
            self.db.close()
        self.db = None


@pytest.fixture
def hold(state):
    """Another program holds the file: every commit fails until it lets go."""
    hold = Hold(state)
    yield hold
    hold.release()


def count(state, table):
    with sqlite3.connect(f"file:{state}?mode=ro", uri=True) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


@both_versions
def test_an_active_device_notices_nothing(device, observer, restart):
    """It publishes with its old topic id, and hears what it has subscribed to, by the old id."""
    device.connect()
    tid = device.register("up/one")
    device.subscribe("down/one", qos=1)
    restart()
    device.publish(tid, b"after", qos=1)
    observer.hears("up/one", b"after")
    observer.publish("down/one", b"hello", qos=1)
    heard = device.expect("PUBLISH", data=b"hello")
    assert device.topic_of(heard) == b"down/one"
    device.puback(heard)


@both_versions
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_sleeping_device_finds_its_messages(device, broker, observer, restart, state, how):
    device.connect()
    device.subscribe("down/two", qos=2)
    device.sleep(300)
    observer.publish_many([("down/two", b"%d" % i) for i in range(5)], qos=1)
    broker.until_taken("sensor-1", 5)
    restart(how)
    assert [message.data for message in device.wake()] == [b"0", b"1", b"2", b"3", b"4"]
    until(lambda: count(state, "message") == 0, "the messages to leave the file")
    restart()
    assert device.wake() == []


@both_versions
def test_what_the_broker_gets_while_the_gateway_is_down_comes_too(
    gateway, device, observer, mqtt_version
):
    device.connect(clean=False)
    device.subscribe("down/three", qos=1)
    device.sleep(300)
    gateway.kill()
    observer.hears(gateway.state_topic, b"offline")
    observer.publish("down/three", b"meanwhile", qos=1)
    gateway.start().until_listening().until_online(observer)
    until(lambda: [m.data for m in device.wake()] == [b"meanwhile"], "the broker's own queue")


@both_versions
def test_a_client_that_left_gets_what_came_before_during_and_after_a_restart(
    gateway, device, broker, observer, mqtt_version
):
    """8.3: CleanSession=0. Whether the broker keeps its session or the gateway does."""
    device.connect(clean=False)
    device.subscribe("down/four", qos=1)
    device.disconnect()
    broker.until_gone("sensor-1")
    observer.publish("down/four", b"before", qos=1)
    if AGGREGATING:
        broker.until_taken("sensor-1", 1)
    gateway.kill()
    observer.hears(gateway.state_topic, b"offline")
    observer.publish("down/four", b"during", qos=1)
    observer.forget()
    gateway.start().until_listening().until_online(observer)
    observer.publish("down/four", b"after", qos=1)
    if AGGREGATING:
        broker.until_taken("sensor-1", 3)
    device.connect(clean=False)
    assert [device.take().data for _ in range(3)] == [b"before", b"during", b"after"]


@both_versions
@pytest.mark.parametrize("clean", [True, False])
def test_a_will_that_waits_for_the_broker_survives(gateway, device, broker, observer, clean):
    """Behind what its client published, and once."""
    device.connect(clean=clean, keep_alive=1, will=("wi", b"gone", 1, False))
    broker.kill()
    until(lambda: not observer.subscribed, "the observer to lose the broker")
    device.publish("wi", b"last words", tid_type=SHORT)
    until(lambda: gateway.counters()["core.lost_clients"] == 1, "the client to be lost")
    gateway.kill()
    gateway.start().until_listening().signal(signal.SIGSTOP)
    broker.start()
    observer.until_subscribed()
    gateway.signal(signal.SIGCONT)
    observer.hears("wi", b"gone")
    assert observer.payloads("wi") == [b"last words", b"gone"]
    until(lambda: gateway.counters()["core.spool_forwarded"] == 2, "the spool to be empty")


def test_nothing_is_acknowledged_before_it_is_written(gateway, device, broker, observer, hold):
    """Neither to the broker nor to a device; and all of it is, as soon as it can be."""
    device.connect()
    device.subscribe("down/four", qos=1)
    device.sleep(300)
    hold.take()
    observer.publish("down/four", b"held", qos=1)
    gateway.until_logged("store cannot be written")
    assert broker.count("Received PUBACK from sensor-1") == 0
    device.wake_up()
    until(lambda: gateway.counters()["store.unheard"] >= 1, "the PINGREQ to go unheard")
    assert broker.count("Received PUBACK from sensor-1") == 0
    hold.release()
    gateway.until_logged("store is written again")
    broker.until_taken("sensor-1", 1)
    assert [message.data for message in device.wake()] == [b"held"]


def test_a_device_is_not_answered_before_it_is_written(gateway, device, hold):
    """CONNECT makes a session, which must be safe before CONNACK says that there is one."""
    hold.take()
    device.send(device.connect_packet())
    gateway.until_logged("store cannot be written")
    with pytest.raises(AssertionError):
        device.receive(timeout=0.5)
    hold.release()
    device.expect("CONNACK")


def test_a_message_that_was_not_written_is_not_lost(gateway, device, broker, observer, hold, state):
    """The gateway dies with it: the broker, which was not told that it was taken, sends it again."""
    device.connect(clean=False)
    device.subscribe("down/five", qos=1)
    device.sleep(300)
    hold.take()
    observer.publish("down/five", b"again", qos=1)
    gateway.until_logged("store cannot be written")
    gateway.kill()
    assert broker.count("Received PUBACK from sensor-1") == 0
    assert count(state, "message") == 0
    hold.release()
    gateway.start().until_listening().until_online(observer)
    until(lambda: [m.data for m in device.wake()] == [b"again"], "the broker to send it again")


def test_leaving_while_the_file_cannot_be_written(gateway, device, hold):
    """It does not hang, and says that something is missing."""
    hold.take()
    device.send(device.connect_packet())
    gateway.until_logged("store cannot be written")
    assert gateway.stop() == INPUT_OUTPUT
    gateway.until_logged("store closed without its last changes .*none of them acknowledged")
    hold.release()
    gateway.start().until_listening()  # and goes on from what was written


@only_transparent("a shared connection cannot wait for one client")
@pytest.mark.config(store={"commit_window": 1})
def test_a_message_acknowledged_at_once_is_never_written(gateway, device, broker, observer):
    """Issue 4, flash: the broker's acknowledgement waits for the client's instead."""
    device.connect()
    device.subscribe("down/six", qos=1)
    before = gateway.counters()
    for n in range(5):
        observer.publish("down/six", b"%d" % n, qos=1)
        assert device.take().data == b"%d" % n
    broker.until_taken("sensor-1", 5)
    after = gateway.counters()
    assert after["store.spared"] - before["store.spared"] == 5
    assert after["store.commits"] == before["store.commits"]


@only_transparent("a shared connection cannot wait for one client")
@pytest.mark.config(store={"commit_window": 1})
def test_while_it_is_not_written_the_broker_is_not_told(gateway, device, broker, observer, state):
    """The gateway dies within the window: the broker sends the message again."""
    device.connect(clean=False)
    device.subscribe("down/seven", qos=1)
    observer.publish("down/seven", b"young", qos=1)
    assert device.receive().data == b"young"  # and is not acknowledged
    assert count(state, "message") == 0
    gateway.kill()
    assert broker.count("Received PUBACK from sensor-1") == 0
    gateway.start().until_listening().until_online(observer)
    assert device.take().data == b"young"
    broker.until_taken("sensor-1", 1)


@pytest.mark.config(store={"commit_window": 0.05})
def test_after_the_window_it_is_written_and_the_broker_told(device, broker, observer, state):
    device.connect(clean=False)
    device.subscribe("down/eight", qos=1)
    observer.publish("down/eight", b"old", qos=1)
    assert device.receive().data == b"old"  # and is not acknowledged
    broker.until_taken("sensor-1", 1)
    assert count(state, "message") == 1


@pytest.mark.config(store={"commit_window": 1})
def test_a_device_that_leaves_with_a_young_message_finds_it_again(device, broker, observer, state):
    device.connect(clean=False)
    device.subscribe("down/nine", qos=1)
    observer.publish("down/nine", b"young", qos=1)
    assert device.receive().data == b"young"
    device.disconnect()
    broker.until_taken("sensor-1", 1)
    assert count(state, "message") == 1
    device.connect(clean=False)
    assert device.take().data == b"young"


def test_an_idle_gateway_writes_nothing(gateway, device):
    device.connect()
    before = gateway.counters()
    for _ in range(20):
        device.ping()
    after = gateway.counters()
    assert after["store.commits"] == before["store.commits"] > 0
    assert after["store.octets"] == before["store.octets"] > 0


def test_the_file_is_private_and_can_be_read_meanwhile(gateway, device, state):
    device.connect()
    device.sleep(60)
    for suffix in ("", "-wal", "-shm", ".lock"):
        assert stat.S_IMODE(os.stat(state + suffix).st_mode) == 0o600
    with sqlite3.connect(f"file:{state}?mode=ro", uri=True) as db:
        assert db.execute("SELECT client_id, state, sleep_duration, link FROM session").fetchall() \
            == [("sensor-1", "asleep", 60, "udp")]


def refused(*arguments):
    """What an attempt to start says, and its exit code."""
    result = run("-u", "127.0.0.1:0", *arguments)
    return result.returncode, result.stderr


def test_two_gateways_on_one_file(gateway, state):
    code, said = refused("-s", state)
    assert code == UNAVAILABLE
    assert f"{state} is in use by another gateway (process {gateway.process.pid})" in said


def test_a_directory_that_is_missing(tmp_path):
    code, said = refused("-s", str(tmp_path / "none" / "state.db"))
    assert code == INPUT_OUTPUT
    assert "No such file or directory" in said and str(tmp_path / "none" / "state.db") in said


def test_the_file_of_another_program(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, this is no database, and must stay as it is.")
    code, said = refused("-s", str(path))
    assert code == CONFIGURATION
    assert "must name a file of its own" in said
    assert path.read_text().startswith("Dear reader")


def test_a_damaged_file_is_set_aside_and_the_gateway_starts(gateway, device, state):
    device.connect()
    assert gateway.stop() == 0  # all is in the file itself now, not in its log
    with open(state, "r+b") as file:
        file.write(b"\0" * 4096)
    gateway.start().until_listening()
    gateway.until_logged("state.db is damaged: .* kept as .*ALL SESSIONS")
    folder = os.path.dirname(state)
    assert [name for name in os.listdir(folder) if name.startswith("state.db.corrupt-")]
    device.send(publish_packet(1, b"x", qos=1, mid=9))
    device.expect("DISCONNECT")  # it is not known any more, and is told so


def test_the_command_line_names_the_file(tmp_path):
    path = str(tmp_path / "kept.db")
    assert f"state {path}\n" in run("--check", "-s", path).stdout
    assert not os.path.exists(path)
    assert "state in memory\n" in run("--check").stdout
