# SPDX-License-Identifier: Apache-2.0
"""The rows of --serial: nodes behind a simulated dongle on a paced pseudo-terminal.

A row may have: clients, octets (payload), per_second, up_percent and down_percent (of what the line
can carry), gateway_us (CPU per message), p50_ms, p99_ms, note.
"""
import os
import time

import machine
from parts import Gateway, Nodes, wait_until
from rows import SIZE, idle_percent, latency, loss, troubles, used

BAUD = 115200
NODES = 20

COLUMNS = [
    ("clients", "clients", "d"),
    ("octets", "payload", "d"),
    ("per_second", "msg/s", ".0f"),
    ("up_percent", "line up %", ".1f"),
    ("down_percent", "down %", ".1f"),
    ("loss_percent", "loss %", ".3f"),
    ("gateway_us", "gw us/msg", ".2f"),
    ("gateway_percent", "gw CPU %", ".2f"),
    ("p50_ms", "p50 ms", ".3f"),
    ("p99_ms", "p99 ms", ".3f"),
    ("others_percent", "others %", ".0f"),
    ("note", "", "s"),
]


def gateway_at(bench, framing, more=""):
    path = os.path.join(bench.folder, f"dongle-{time.monotonic_ns()}")
    section = f"[serial dongle]\nport = {path}\nbaud = {BAUD}\nframing = {framing}\n{more}"
    gateway = Gateway(bench.programs["gateway"], bench.folder, bench.url("tcp"), section)
    gateway.way = ["--serial", path, "--framing", framing]
    return gateway


def line(framing, size=SIZE, clients=NODES, crc="none", api=1):
    """QoS 1, one message in flight for each node, as fast as the line takes them."""

    def run(bench):
        more = f"crc = {crc}\n" if crc != "none" else ""
        with gateway_at(bench, framing, more) as gateway:
            options = ["--clients", clients, "--topic", "b/%c", "--qos", 1, "--size", size,
                       "--rate", 0, "--baud", BAUD, "--duration", bench.seconds]
            options += ["--crc", crc] if crc != "none" else []
            options += ["--api", api] if framing == "xbee" else []
            with Nodes(bench.programs["sim"], gateway, *options) as nodes:
                result = nodes.result(bench.seconds + 90)
        return {"clients": clients, "octets": size, "per_second": result["per_second"],
                "up_percent": result["line_up_percent"],
                "down_percent": result["line_down_percent"],
                "loss_percent": loss(result["sent"], result["acknowledged"]),
                **used(result, result["acknowledged"]), **latency(result["answer"]),
                "note": troubles(result)}

    return run


def lonely(framing, size=SIZE):
    """One node at a modest rate: what the line and the gateway add to a message's way."""

    def run(bench):
        with gateway_at(bench, framing) as gateway:
            options = ["--topic", "b/%c", "--qos", 1, "--size", size, "--rate", 20, "--baud", BAUD,
                       "--duration", bench.seconds]
            with Nodes(bench.programs["sim"], gateway, *options) as nodes:
                result = nodes.result(bench.seconds + 90)
        return {"clients": 1, "octets": size, "per_second": result["per_second"],
                "up_percent": result["line_up_percent"],
                "down_percent": result["line_down_percent"],
                **used(result, result["acknowledged"]), **latency(result["answer"]),
                "note": troubles(result)}

    return run


def noise(framing, crc="none"):
    """One octet in a thousand flipped, lost or inserted, each way; nodes that repeat soon."""

    def run(bench):
        more = f"crc = {crc}\n" if crc != "none" else ""
        with gateway_at(bench, framing, more) as gateway:
            options = ["--clients", NODES, "--topic", "b/%c", "--qos", 1, "--size", SIZE, "--rate",
                       1, "--baud", BAUD, "--noise", "1/1000", "--retry-interval", 0.5,
                       "--retry-count", 40, "--duration", bench.seconds]
            options += ["--crc", crc] if crc != "none" else []
            with Nodes(bench.programs["sim"], gateway, *options) as nodes:
                result = nodes.result(bench.seconds + 90)
        return {"clients": NODES, "octets": SIZE, "per_second": result["per_second"],
                "loss_percent": loss(result["sent"], result["acknowledged"]),
                **used(result, result["acknowledged"]), **latency(result["answer"]),
                "note": troubles(result)}

    return run


def replugs(framing):
    """Unplugged 200 times under traffic both ways, back under another name each time. The nodes must
    not repeat in step with it, or some would always speak while the dongle is away."""

    def run(bench):
        times, clients = 200 if bench.seconds >= 5 else 20, 5
        with gateway_at(bench, framing) as gateway:
            options = ["--clients", clients, "--topic", "b/%c", "--qos", 1, "--subscribe", "b/%c",
                       "--sub-qos", 1, "--rate", 20, "--replug", 0.2, "--replug-count", times,
                       "--retry-interval", 0.17, "--retry-count", 100, "--linger", 3,
                       "--duration", times * 0.3 + 5]
            with Nodes(bench.programs["sim"], gateway, *options) as nodes:
                nodes.wait_ready()
                before = machine.descriptors(gateway.pid)  # with a broker connection for each
                result = nodes.result(times * 0.3 + 120)
            after = machine.descriptors(gateway.pid)
            idle = idle_percent(gateway.pid, 5)
        return {"clients": clients, "per_second": result["per_second"],
                "loss_percent": loss(result["sent"], min(result["acknowledged"],
                                                         result["distinct"])),
                **used(result, result["sent"] + result["distinct"]),
                "note": f"{result['unplugged']} times unplugged, {result['missing']} missing, "
                        f"{before - clients} descriptors before, {after} after; absent {idle:.2f} % CPU; "
                        + (troubles(result) or "no trouble"),
                "idle_percent": idle, "descriptors": [before, after]}

    return run


def absent():
    """What a dongle costs that is not there."""

    def run(bench):
        with gateway_at(bench, "hdlc") as gateway:
            wait_until("the gateway", gateway.answers, gateway.process)
            idle = idle_percent(gateway.pid, max(bench.seconds, 2))
        return {"clients": 0, "gateway_percent": idle, "note": "the port is missing"}

    return run


ROWS = {
    "line-raw-x25": line("raw", crc="x25"),
    "line-slip-x25": line("slip", crc="x25"),
    "line-hdlc": line("hdlc"),
    "line-cobs-x25": line("cobs", crc="x25"),
    "line-xbee-1": line("xbee"),
    "line-xbee-2": line("xbee", api=2),
    "line-aquila": line("aquila"),
    "line-hdlc-small": line("hdlc", size=20),
    "lonely-hdlc": lonely("hdlc"),
    "noise-hdlc": noise("hdlc"),
    "noise-cobs-x25": noise("cobs", "x25"),
    "noise-xbee": noise("xbee"),
    "absent": absent(),
    "replugs-hdlc": replugs("hdlc"),
}
