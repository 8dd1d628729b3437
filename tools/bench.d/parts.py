# SPDX-License-Identifier: Apache-2.0
"""The processes of a measurement: private broker, gateway, simulated nodes, plain MQTT."""
import json
import os
import signal
import socket
import subprocess
import time

import machine

PATIENCE = 20.0


class Failed(Exception):
    """A measurement that could not be made; the bench says why and goes on."""


def wait_until(what, ready, process=None):
    end = time.monotonic() + PATIENCE
    while not ready():
        if process is not None and process.poll() is not None:
            raise Failed(f"{what} ended at once with {process.returncode}")
        if time.monotonic() > end:
            raise Failed(f"{what} was not ready after {PATIENCE:.0f} s")
        time.sleep(0.01)


class Part:
    """A child process that is always ended, and its log, kept when it went wrong."""

    def __init__(self, name, command, folder, cpu):
        self.name = name
        self.log_path = os.path.join(folder, f"{name}.log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            preexec_fn=machine.pinned(cpu))
        self.pid = self.process.pid

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def last_words(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            lines = log.read().strip().splitlines()
        return lines[-1] if lines else "no output"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Broker(Part):
    """mosquitto with its queues raised, on a free TCP port and on a unix socket."""

    def __init__(self, folder):
        self.port = machine.free_port()
        self.tcp = f"127.0.0.1:{self.port}"
        self.path = os.path.join(folder, "broker.sock")
        config = os.path.join(folder, "mosquitto.conf")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"listener {self.port} 127.0.0.1\nlistener 0 {self.path}\n"
                      "allow_anonymous true\npersistence false\nsys_interval 1\n"
                      "max_inflight_messages 1000\nmax_queued_messages 1000000\n"
                      "log_type error\nlog_type warning\n")
            if os.geteuid() == 0:
                out.write("user root\n")
        self.folder = folder
        self.start(config)

    def start(self, config):
        super().__init__("mosquitto", ["mosquitto", "-c", config], self.folder, machine.OTHER_CPU)
        try:
            wait_until("mosquitto", self.answers, self.process)
        except Failed:
            self.stop()
            raise

    def restart(self):
        """It has forgotten everything then."""
        self.stop()
        self.start(os.path.join(self.folder, "mosquitto.conf"))

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def subscriptions(self):
        result = subprocess.run(
            ["mosquitto_sub", "-p", str(self.port), "-h", "127.0.0.1", "-C", "1", "-W", "5", "-t",
             "$SYS/broker/subscriptions/count"], stdout=subprocess.PIPE, text=True, check=False)
        return int(result.stdout or 0)

    def published(self):
        """PUBLISH packets that the broker has received since it started, once it is quiet."""
        last, since = None, time.monotonic()
        while time.monotonic() - since < 2.2:
            result = subprocess.run(
                ["mosquitto_sub", "-p", str(self.port), "-h", "127.0.0.1", "-C", "1", "-W", "5",
                 "-t", "$SYS/broker/publish/messages/received"],
                stdout=subprocess.PIPE, text=True, check=False)
            if result.stdout != last:
                last, since = result.stdout, time.monotonic()
            time.sleep(0.2)
        return int(last or 0)


class Gateway(Part):
    """A fresh gateway, empty, before the broker by TCP or unix socket. `more` goes into its file,
    `broker` into that section."""

    def __init__(self, program, folder, url, more="", level="warning", mode="transparent",
                 max_clients=20000, broker=""):
        self.port = machine.free_port(socket.SOCK_DGRAM)
        self.address = f"127.0.0.1:{self.port}"
        self.way = ["--gateway", self.address]
        config = os.path.join(folder, "gateway.ini")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"[gateway]\nmode = {mode}\nmax_clients = {max_clients}\n"
                      f"advertise_interval = 0\n[broker]\nurl = {url}\n{broker}"
                      f"[udp]\nlisten = {self.address}\n"
                      "[sleep]\nmax_messages = 10000\nmax_octets = 10000000\n"
                      f"[log]\nlevel = {level}\n{more}")
        self.start(program, ["-c", config], folder)

    def start(self, program, options, folder):
        super().__init__("gateway", [program, *options], folder, machine.GATEWAY_CPU)
        try:
            wait_until("the gateway", self.answers, self.process)
        except Failed as why:
            self.stop()
            raise Failed(f"{why}: {self.last_words()}") from None

    def answers(self):
        """SEARCHGW is answered with GWINFO."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.1)
            probe.connect(("127.0.0.1", self.port))
            try:
                probe.send(b"\x03\x01\x00")
                return probe.recv(16)[1:2] == b"\x02"
            except OSError:
                return False


class Bare(Gateway):
    """mqtt-sn-bare in the gateway's place. `address` is the broker's, or the path of its socket."""

    def __init__(self, program, folder, address, links=0):
        self.port = machine.free_port(socket.SOCK_DGRAM)
        self.way = ["--gateway", f"127.0.0.1:{self.port}"]
        self.start(program, ["--listen", str(self.port), "--broker", address,
                             "--links", str(links)], folder)


class Nodes:
    """mqtt-sn-sim, which waits until all nodes are ready and reports as JSON."""

    def __init__(self, program, gateway, *options):
        command = [program, *gateway.way, "--pid", str(gateway.pid), "--together",
                   "--json", *map(str, options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, preexec_fn=machine.pinned(machine.OTHER_CPU))

    def wait_ready(self):
        line = self.process.stderr.readline()
        if not line.startswith("ready:"):
            self.stop()
            raise Failed(f"the nodes did not get ready: {line.strip()}")

    def result(self, timeout):
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            raise Failed(f"the nodes did not end within {timeout:.0f} s") from None
        if self.process.returncode not in (0, 1):
            raise Failed(f"the nodes: {err.strip()}")
        return json.loads(out)

    def stop(self):
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGKILL):
            if self.process.poll() is not None:
                break
            self.process.send_signal(number)
            try:
                self.process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def native(program, broker, cpu, *options):
    """A plain MQTT publisher; returns what it reports."""
    command = [program, "--broker", broker, *map(str, options)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            timeout=300, check=False, preexec_fn=machine.pinned(cpu))
    if result.returncode != 0:
        raise Failed(f"mqtt-native: {result.stderr.strip()}")
    return json.loads(result.stdout)
