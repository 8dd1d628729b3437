# SPDX-License-Identifier: Apache-2.0
"""The rows of --aggregating: all nodes over a few broker connections.

The columns are those of rows.py. The crowd sits behind forwarders, because a machine has not enough
ports for so many sockets.
"""
import subprocess
import tempfile
import time

import machine
import rows
from parts import Broker, Failed, Gateway, native, wait_until

CROWD = 100000
FORWARDERS = 10
FAN = 10000


class Bench(rows.Bench):
    """The same, with gateways in the other mode."""

    bare_links = 4  # as many as the gateway has

    def gateway(self, via="tcp", url=None):
        if self.programs.get("gateway") is None:
            raise Failed("there is no gateway in this tree yet")
        return Gateway(self.programs["gateway"], self.folder, url or self.url(via),
                       mode="aggregating", max_clients=CROWD + 10000,
                       broker="max_inflight = 1000\n")


def crowd(options, what):
    """What a client costs that only stays connected."""

    def run(bench):
        with bench.gateway() as gateway:
            rss = machine.rss_kib(gateway.pid)
            spent = machine.cpu_seconds(gateway.pid)
            every = ["--clients", CROWD, "--keepalive", 600, "--forwarder", 4, "--sockets",
                     FORWARDERS, *options]
            with bench.nodes(gateway, *every) as nodes:
                nodes.wait_ready()
                connect_cpu = machine.cpu_seconds(gateway.pid) - spent
                rss = 1024 * (machine.rss_kib(gateway.pid) - rss) / CROWD
                nodes.process.terminate()
                result = nodes.result(180)
        return {"clients": CROWD, "per_second": CROWD / max(result["connect_s"], 1e-9),
                "gateway_us": connect_cpu * 1e6 / CROWD, "rss_octets": rss,
                "note": f"{what}: {rss:.0f} octets RSS per client; "
                        + (rows.troubles(result) or "no trouble")}

    return run


def fan(qos):
    """One message to every node: until the last datagram is there."""

    def run(bench):
        with bench.gateway() as gateway:
            options = ["--subscribe", "all/news", "--sub-qos", qos, "--clients", FAN,
                       "--forwarder", 4, "--sockets", FORWARDERS, "--keepalive", 600,
                       "--expect", FAN, "--duration", 30]
            with bench.nodes(gateway, *options) as nodes:
                nodes.wait_ready()
                native(bench.programs["native"], bench.broker.tcp, machine.OTHER_CPU, "--topic",
                       "all/news", "--qos", qos, "--count", 1, "--size", rows.SIZE)
                result = nodes.result(90)
        arrival = result["arrival"]
        return {"clients": FAN, "loss_percent": rows.loss(FAN, result["received"]),
                "gateway_us": result["cpu_s"] * 1e6 / FAN, "p50_ms": arrival["p50_ms"],
                "p99_ms": arrival["p99_ms"],
                "note": f"the last after {arrival['max_ms']:.1f} ms; "
                        + (rows.troubles(result) or "no trouble")}

    return run


def restart(bench):
    """The broker, one of its own, restarts: how soon all filters are there again, and whether a
    node notices."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder, Broker(folder) as broker:
        with bench.gateway(url=f"mqtt://{broker.tcp}") as gateway:
            return restarted(bench, broker, gateway)


def restarted(bench, broker, gateway):
    options = ["--id-prefix", "n", "--subscribe", "down/%c", "--sub-qos", 1, "--clients", FAN,
               "--forwarder", 4, "--sockets", FORWARDERS, "--keepalive", 600, "--expect", FAN,
               "--duration", 60]
    with bench.nodes(gateway, *options) as nodes:
        nodes.wait_ready()
        spent = machine.cpu_seconds(gateway.pid)
        broker.restart()
        back = time.monotonic()
        wait_until("10000 filters", lambda: broker.subscriptions() >= FAN)
        took = time.monotonic() - back
        spent = machine.cpu_seconds(gateway.pid) - spent
        native(bench.programs["native"], broker.tcp, machine.OTHER_CPU, "--topic", "down/n%d",
               "--topics", FAN, "--qos", 1, "--count", FAN, "--rate", 5000)
        result = nodes.result(90)
    return {"clients": FAN, "loss_percent": rows.loss(FAN, result["distinct"]),
            "gateway_us": spent * 1e6 / FAN,
            "note": f"all filters after {took:.1f} s, back-off included; "
                    + (rows.troubles(result) or "no node noticed")}


def match(bench):
    """What finding the subscribers of a message costs among 100,000 filters."""
    program = bench.programs.get("filters")
    if program is None:
        raise Failed("filters_bench is not built")
    result = subprocess.run([program, str(CROWD)], stdout=subprocess.PIPE, text=True, check=True,
                            preexec_fn=machine.pinned(machine.GATEWAY_CPU))
    figures = dict(line.split() for line in result.stdout.splitlines())
    return {"clients": CROWD, **figures,
            "note": f"{figures['match_plain_us']} us plain, {figures['match_wildcard_us']} with a "
                    f"wildcard, {figures['match_overlapping_us']} with three more that overlap; "
                    f"{figures['octets_per_filter']} octets per filter"}


ROWS = {
    "native-qos0": rows.native_row(0),
    "native-qos1": rows.native_row(1),
    **{f"up-qos{qos}-1000": rows.beside_bare(rows.up, qos, 1000) for qos in (0, 1)},
    "up-qos2-1000": rows.up(2, 1000),
    "up-qos0-1000-fast": rows.beside_bare(rows.up, 0, 1000, offered=100000),
    "up-qos0-1000-full": rows.beside_bare(rows.up, 0, 1000, offered=rows.OFFERED_ALL),
    "up-unix-qos1-1000": rows.beside_bare(rows.up, 1, 1000, "unix"),
    "down-qos1-1000": rows.beside_bare(rows.down, 1, 1000, 50000),
    "delay-up-qos1": rows.delay_up(1),
    "fan-qos0-10000": fan(0),
    "fan-qos1-10000": fan(1),
    "restart-10000": restart,
    "match": match,
    "crowd-idle": crowd([], "idle"),
    "crowd-subscribed": crowd(["--topic", "site/%c/state", "--register", "site/%c/temperature",
                               "--register", "site/%c/battery", "--subscribe", "site/%c/set/+",
                               "--rate", 0.0001], "three topics and a subscription"),
}
