# SPDX-License-Identifier: Apache-2.0
"""The daemon under test: configured, started, watched and ended."""

import glob
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from ports import free_port
from waiting import PATIENCE, until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GATEWAY_ID = 7

# Every story is told in both modes; ctest sets it for the second.
MODE = os.environ.get("MODE", "transparent")
AGGREGATING = MODE == "aggregating"
EACH = 0 if AGGREGATING else 1  # connections of its own for each client


def only_transparent(reason):
    """For the few stories that sharing connections makes impossible; the README lists them."""
    return pytest.mark.skipif(AGGREGATING, reason=reason)


def only_aggregating(reason):
    return pytest.mark.skipif(not AGGREGATING, reason=reason)


# For the main stories: the same must happen over either version of MQTT.
both_versions = pytest.mark.parametrize("mqtt_version", ["5", "3.1.1"])

# Options of tests about repetitions: a short T_retry.
QUICK = {"retry_interval": 0.3, "retry_count": 2}
REPORTS = re.compile(
    r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|Assertion .* failed"
)


def program():
    """$GATEWAY, or the newest build in a build directory of the tree."""
    given = os.environ.get("GATEWAY")
    if given:
        return os.path.abspath(given)
    built = glob.glob(os.path.join(ROOT, "build*", "mqtt-sn-gateway"))
    built += glob.glob(os.path.join(ROOT, "build*", "gateway", "mqtt-sn-gateway"))
    assert built, "build the daemon first, or say where it is in GATEWAY"
    return max(built, key=os.path.getmtime)


def environment():
    env = dict(os.environ)
    for name, ours in (("ASAN_OPTIONS", "detect_leaks=1"), ("UBSAN_OPTIONS", "halt_on_error=1")):
        env[name] = ":".join(filter(None, (env.get(name), ours, "exitcode=99")))
    return env


def run(*arguments, timeout=20):
    """Runs the daemon to its end, for what ends by itself."""
    return subprocess.run(
        [program(), *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def config_text(sections):
    lines = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {value}" for key, value in options.items() if value is not None]
        lines.append("")
    return "\n".join(lines)


class Gateway:
    def __init__(self, directory, broker_url, sections=None, mqtt_version="5", name="gateway"):
        self.directory = str(directory)
        self.name = name
        self.port = free_port()
        self.log_path = os.path.join(self.directory, name + ".log")
        self.config_path = os.path.join(self.directory, name + ".ini")
        self.process = None
        self.killed = self.asked = False
        self.sections = {
            "gateway": {
                "id": GATEWAY_ID,
                "mode": MODE,
                "retry_interval": 2,
                "advertise_interval": 0,
            },
            "broker": {
                "url": broker_url,
                "mqtt_version": mqtt_version,
                "reconnect_min": 0.1,
                "reconnect_max": 1,
            },
            "udp": {"listen": f"127.0.0.1:{self.port}"},
            "log": {"level": "debug"},
        }
        self.change(sections or {})

    def change(self, sections):
        """Merges options into the configuration and writes the file; None takes an option out."""
        for section, options in sections.items():
            self.sections.setdefault(section, {}).update(options)
        self.write(config_text(self.sections))

    def write(self, text):
        with open(self.config_path, "w", encoding="utf-8") as config:
            config.write(text)

    @property
    def id(self):
        return self.sections["gateway"]["id"]

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    @property
    def state_topic(self):
        return f"mqtt-sn-gateway/{self.id}/state"

    def start(self, *arguments, process_options=None):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program(), "-c", self.config_path, *arguments],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **(process_options or {}),
            )
        self.killed = self.asked = False
        return self

    def until_listening(self, address=None):
        """Asks SEARCHGW until GWINFO comes, as a device would."""
        address = address or self.address
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.05)
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                assert self.process.poll() is None, "the gateway ended:\n" + self.log()
                try:
                    asker.sendto(bytes.fromhex("03 01 00"), address)
                    wire, _ = asker.recvfrom(64)
                except OSError:  # nothing there yet, or the port is still closed
                    continue
                assert wire == bytes([3, 2, int(self.id)])
                return self
        raise AssertionError("no GWINFO from the gateway:\n" + self.log())

    def until_online(self, observer):
        observer.hears(self.state_topic, b"online")
        return self

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def until_logged(self, pattern, timeout=PATIENCE):
        until(
            lambda: re.search(pattern, self.log()),
            what=f"the gateway to log {pattern!r}",
            timeout=timeout,
            log=self.log,
        )

    def counters(self):
        """What it reports on SIGUSR1."""
        reports = self.log().count("report end")
        self.process.send_signal(signal.SIGUSR1)
        until(lambda: self.log().count("report end") > reports, what="a report")
        found = re.findall(r"counter=([a-z]+\.\w+).* value=(\d+)", self.log())
        return {name: int(value) for name, value in found}  # of the last report

    def signal(self, number):
        self.process.send_signal(number)
        self.asked = self.asked or number in (signal.SIGTERM, signal.SIGINT)

    def kill(self):
        """As a power cut does it: no goodbye to anybody."""
        self.killed = True
        self.process.kill()
        self.process.wait()

    def ask_to_stop(self):
        """SIGTERM, once: a second one would make it leave without good-byes."""
        if self.process and self.process.poll() is None and not self.asked:
            self.process.send_signal(signal.SIGTERM)
            self.asked = True

    def stop(self):
        """Returns the exit code."""
        if self.process is None or self.killed:
            return 0
        self.ask_to_stop()
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the gateway did not end on SIGTERM:\n" + self.log()) from None
        return code

    def verify(self):
        """Every test ends here: a clean exit, and no sanitizer had anything to say."""
        code = self.stop()
        log = self.log() if os.path.exists(self.log_path) else ""
        report = REPORTS.search(log)
        assert not report, "sanitizer report:\n" + log[max(0, report.start() - 300):][:6000]
        assert code == 0, f"exit code {code}:\n" + log[-4000:]
