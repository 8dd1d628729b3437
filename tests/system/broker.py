# SPDX-License-Identifier: Apache-2.0
"""A private mosquitto: its own port, its own directory, killed and started again at will.

Its log is kept, because it tells what a test cannot see from outside: which connections it closed
and why, and which messages the gateway has acknowledged.
"""

import os
import re
import signal
import socket
import subprocess

from waiting import until

AGGREGATING = os.environ.get("MODE") == "aggregating"

# What mosquitto 2.0 writes when the peer broke the MQTT protocol. None of it may ever happen.
COMPLAINTS = re.compile(
    r"protocol error|malformed packet|Invalid UTF-8|exceeded maximum packet|"
    r"oversize packet|Bad socket read/write",
    re.IGNORECASE,
)


class Broker:
    def __init__(self, directory, port, lines=""):
        """`lines` are added to its configuration file."""
        self.directory = str(directory)
        self.port = port
        self.log_path = os.path.join(self.directory, "mosquitto.log")
        self.config_path = os.path.join(self.directory, "mosquitto.conf")
        self.process = None
        self.handshakes_fail = False
        with open(self.config_path, "w", encoding="utf-8") as config:
            config.write("log_dest stderr\nlog_type all\nlog_timestamp false\n")
            if os.geteuid() == 0:
                config.write("user root\n")
            if "allow_anonymous" not in lines:
                config.write("allow_anonymous true\n")
            config.write(f"listener {self.port} 127.0.0.1\n")
            config.write(lines)

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["mosquitto", "-c", self.config_path], stdout=log, stderr=log
            )
        until(self._accepts, what="mosquitto to accept connections", log=self.log)
        return self

    def _accepts(self):
        assert self.process.poll() is None, "mosquitto ended:\n" + self.log()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def count(self, pattern):
        return len(re.findall(pattern, self.log()))

    @staticmethod
    def name_of(client_id):
        """What its connection is called here, as a pattern: a shared one, in aggregating mode."""
        return r"mqtt-sn-gateway-\d+-\d+" if AGGREGATING else re.escape(client_id)

    def until_taken(self, client_id, messages):
        """Waits until the gateway has acknowledged this many QoS 1 messages for a client, over the
        whole test. What it acknowledged, it holds."""
        line = rf"Received PUBACK from {self.name_of(client_id)} "
        until(lambda: self.count(line) >= messages, what=f"{messages} PUBACK from {client_id}")

    def until_gone(self, client_id, way="disconnected"):
        """Waits until a client's connection is closed, if it has one of its own."""
        if not AGGREGATING:
            self.until_logged(rf"Client {re.escape(client_id)} {way}")

    def until_logged(self, pattern, times=1):
        until(lambda: self.count(pattern) >= times, what=f"mosquitto to log {pattern!r}")

    def connections_of(self, client_id):
        return self.count(rf"New client connected from \S+ as {re.escape(client_id)} ")

    def complaints(self):
        lines = self.log().splitlines()
        return [line for line in lines if COMPLAINTS.search(line) and not self.expected(line)]

    def expected(self, line):
        """A TLS handshake that the gateway breaks off is a protocol error to mosquitto."""
        return self.handshakes_fail and "Client <unknown>" in line

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def leave(self):
        """As an operator restarts it: it says goodbye to its clients."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
