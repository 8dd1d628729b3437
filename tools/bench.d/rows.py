# SPDX-License-Identifier: Apache-2.0
"""The rows of the table. Each stands alone: it starts a gateway of its own and returns a dict.

A row may have: clients, offered, per_second, native_percent, loss_percent, gateway_us (CPU per
message), bare_us, times_bare, gateway_percent (of its processor), broker_us, p50_ms, p99_ms, note.
"""
import time

import machine
from parts import Bare, Failed, Gateway, Nodes, native

SIZE = 100
OFFERED_QOS0 = 50000
OFFERED_ALL = 1000000  # more than the nodes can send on the processor they share with the broker


class Bench:
    """What all rows share: programs, broker, how long, and the native figures, measured once."""

    bare_links = 0  # each node has one

    def __init__(self, programs, broker, folder, seconds):
        self.programs = programs
        self.broker = broker
        self.folder = folder
        self.seconds = seconds
        # A minute sees every client's keep-alive once; a quick run does not wait for that.
        self.idle_seconds = 60 if seconds >= 5 else 5
        self.natives = {}

    def url(self, via):
        return f"unix:{self.broker.path}" if via == "unix" else f"mqtt://{self.broker.tcp}"

    def gateway(self, via="tcp"):
        if self.programs.get("gateway") is None:
            raise Failed("there is no gateway in this tree yet")
        return Gateway(self.programs["gateway"], self.folder, self.url(via))

    def bare(self, via="tcp"):
        """What only moves messages, in the gateway's place."""
        if self.programs.get("bare") is None:
            raise Failed("mqtt-sn-bare is not built")
        return Bare(self.programs["bare"], self.folder,
                    self.broker.path if via == "unix" else self.broker.tcp, self.bare_links)

    def nodes(self, gateway, *options):
        return Nodes(self.programs["sim"], gateway, *options)

    def native(self, qos, via="tcp"):
        """What mosquitto takes from one pipelining client, the publisher on the other processor."""
        if (qos, via) not in self.natives:
            address = f"unix:{self.broker.path}" if via == "unix" else self.broker.tcp
            before = machine.cpu_seconds(self.broker.pid)
            result = native(self.programs["native"], address, machine.GATEWAY_CPU, "--qos", qos,
                            "--seconds", self.seconds, "--size", SIZE)
            spent = machine.cpu_seconds(self.broker.pid) - before
            self.natives[qos, via] = {
                "clients": 1, "per_second": result["per_second"],
                "loss_percent": 0 if qos == 0 else loss(result["sent"], result["acknowledged"]),
                "broker_us": spent * 1e6 / result["sent"], **latency(result["answer"], qos)}
        return self.natives[qos, via]


def loss(sent, arrived):
    return 100 * max(sent - arrived, 0) / max(sent, 1)


def latency(answer, qos=1):
    return {} if qos == 0 else {"p50_ms": answer["p50_ms"], "p99_ms": answer["p99_ms"]}


def used(result, messages):
    """The gateway's CPU time, as the simulator saw it between the first and the last message."""
    return {"gateway_us": result["cpu_s"] * 1e6 / max(messages, 1),
            "gateway_percent": 100 * result["cpu_s"] / max(result["flow_s"], 1e-9)}


def native_row(qos, via="tcp"):
    return lambda bench: dict(bench.native(qos, via))


def up(qos, clients, via="tcp", offered=OFFERED_QOS0, program="gateway"):
    """Publishing nodes. QoS 0 at a fixed rate; QoS 1 and 2 with one message in flight each."""

    def run(bench):
        options = ["--topic", "bench/%c", "--clients", clients, "--qos", qos, "--size", SIZE,
                   "--duration", bench.seconds]
        options += ["--total-rate", offered] if qos == 0 else ["--rate", 0]
        with getattr(bench, program)(via) as gateway:
            # QoS 0 has no answer: the broker's own count tells what arrived.
            before = bench.broker.published() if qos == 0 else 0
            broker_before = machine.cpu_seconds(bench.broker.pid)
            with bench.nodes(gateway, *options) as nodes:
                result = nodes.result(bench.seconds + 90)
            broker_spent = machine.cpu_seconds(bench.broker.pid) - broker_before
            arrived = (bench.broker.published() - before if qos == 0
                       else result["acknowledged"])
        sent = result["sent"]
        per_second = sent / max(result["flow_s"], 1e-9)
        return {"clients": clients, "offered": offered if qos == 0 else None,
                "per_second": per_second,
                "native_percent": 100 * per_second / bench.native(qos, via)["per_second"],
                "loss_percent": loss(sent, arrived), **used(result, arrived),
                "broker_us": broker_spent * 1e6 / max(sent, 1),
                **latency(result["answer"], qos), "note": troubles(result)}

    return run


def troubles(result):
    words = {"retries": "repeated", "gave_up": "given up", "rejected": "rejected",
             "duplicates": "twice", "missing": "missing", "sent_away": "sent away",
             "failed": "not connected"}
    return ", ".join(f"{result[key]} {text}" for key, text in words.items() if result[key])


def down(qos, clients, offered, paced=False, program="gateway"):
    """One plain MQTT publisher; every node subscribes to a topic of its own. Unless paced, more is
    offered than can pass, as in the rows upwards: the broker queues it, so there is no latency."""

    def run(bench):
        count = int(offered * bench.seconds)
        with getattr(bench, program)() as gateway:
            options = ["--id-prefix", "n", "--subscribe", "down/%c", "--sub-qos", qos, "--clients",
                       clients, "--expect", count, "--duration", bench.seconds * 5 + 20]
            with bench.nodes(gateway, *options) as nodes:
                nodes.wait_ready()
                native(bench.programs["native"], bench.broker.tcp, machine.OTHER_CPU, "--topic",
                       "down/n%d", "--topics", clients, "--qos", qos, "--count", count, "--rate",
                       offered, "--size", SIZE)
                result = nodes.result(bench.seconds * 5 + 90)
        received = result["distinct"]
        return {"clients": clients, "offered": offered,
                "per_second": received / max(result["flow_s"], 1e-9),
                "loss_percent": loss(count, received), **used(result, received),
                **(latency(result["arrival"]) if paced else {}), "note": troubles(result)}

    return run


def beside_bare(row, *args, **more):
    """The same with mqtt-sn-bare just before: what sockets and library cost here and now."""
    least, full = row(*args, program="bare", **more), row(*args, **more)

    def run(bench):
        bare_us = least(bench)["gateway_us"]
        result = full(bench)
        return {**result, "bare_us": bare_us, "times_bare": result["gateway_us"] / bare_us}

    return run


def delay_up(qos, clients=50, rate=1000):
    """PUBLISH to PUBACK or PUBCOMP, where the gateway waits for the broker's, at a modest rate."""

    def run(bench):
        with bench.gateway() as gateway:
            options = ["--topic", "bench/%c", "--clients", clients, "--qos", qos, "--size", SIZE,
                       "--duration", bench.seconds * 2, "--total-rate", rate]
            with bench.nodes(gateway, *options) as nodes:
                result = nodes.result(bench.seconds * 2 + 90)
        return {"clients": clients, "offered": rate, "per_second": result["per_second"],
                "loss_percent": loss(result["sent"], result["acknowledged"]),
                **used(result, result["sent"]), **latency(result["answer"]),
                "note": troubles(result)}

    return run


def delay_round(clients=50, rate=1000):
    """QoS 0 has no answer, so the nodes subscribe to what they publish: up and down again."""

    def run(bench):
        with bench.gateway() as gateway:
            options = ["--topic", "bench/%c", "--subscribe", "bench/%c", "--clients", clients,
                       "--size", SIZE, "--duration", bench.seconds * 2, "--total-rate", rate]
            with bench.nodes(gateway, *options) as nodes:
                result = nodes.result(bench.seconds * 2 + 90)
        return {"clients": clients, "offered": rate, "per_second": result["per_second"],
                "loss_percent": loss(result["sent"], result["distinct"]),
                **used(result, result["sent"] + result["distinct"]),
                **latency(result["arrival"]), "note": troubles(result)}

    return run


def native_delay(clients=50, rate=1000):
    """The same messages over plain MQTT: PUBLISH to PUBACK."""

    def run(bench):
        result = native(bench.programs["native"], bench.broker.tcp, machine.GATEWAY_CPU, "--qos",
                        1, "--connections", clients, "--rate", rate, "--seconds",
                        bench.seconds * 2, "--size", SIZE)
        return {"clients": clients, "offered": rate, "per_second": result["per_second"],
                "loss_percent": loss(result["sent"], result["acknowledged"]),
                **latency(result["answer"])}

    return run


def crowd(clients, via="tcp"):
    """How long it takes to connect so many, and what they cost while they only stay connected."""

    def run(bench):
        with bench.gateway(via) as gateway:
            fds, rss = machine.descriptors(gateway.pid), machine.rss_kib(gateway.pid)
            options = ["--clients", clients, "--keepalive", 60]
            with bench.nodes(gateway, *options) as nodes:
                spent = machine.cpu_seconds(gateway.pid)
                nodes.wait_ready()
                connect_cpu = machine.cpu_seconds(gateway.pid) - spent
                fds = (machine.descriptors(gateway.pid) - fds) / clients
                rss = (machine.rss_kib(gateway.pid) - rss) / clients
                idle = idle_percent(gateway.pid, bench.idle_seconds)
                nodes.process.terminate()
                result = nodes.result(90)
        return {"clients": clients, "per_second": clients / max(result["connect_s"], 1e-9),
                "gateway_us": connect_cpu * 1e6 / clients,
                "note": f"connected in {result['connect_s']:.2f} s; per client {fds:.2f} "
                        f"descriptors, {rss:.2f} KiB RSS; idle {idle:.2f} % CPU; "
                        + (troubles(result) or "no trouble"),
                "connect_s": result["connect_s"], "fds_per_client": fds, "rss_kib": rss,
                "idle_percent": idle}

    return run


def idle_percent(pid, seconds):
    time.sleep(0.5)
    before, begun = machine.cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (machine.cpu_seconds(pid) - before) / (time.monotonic() - begun)


ROWS = {
    "native-qos0": native_row(0),
    "native-qos1": native_row(1),
    "native-qos2": native_row(2),
    "native-unix-qos1": native_row(1, "unix"),
    **{f"up-qos{qos}-{clients}": beside_bare(up, qos, clients) for qos in (0, 1)
       for clients in (1, 50, 1000)},
    **{f"up-qos2-{clients}": up(2, clients) for clients in (1, 50, 1000)},
    "up-qos0-50-fast": beside_bare(up, 0, 50, offered=100000),
    "up-qos0-50-full": beside_bare(up, 0, 50, offered=OFFERED_ALL),
    **{f"up-unix-qos{qos}-1000": beside_bare(up, qos, 1000, "unix") for qos in (0, 1)},
    "up-unix-qos2-1000": up(2, 1000, "unix"),
    "down-qos1-1": beside_bare(down, 1, 1, 10000),
    "down-qos1-50": beside_bare(down, 1, 50, 50000),
    "down-qos1-1000": beside_bare(down, 1, 1000, 50000),
    "native-delay": native_delay(),
    "delay-up-qos1": delay_up(1),
    "delay-up-qos2": delay_up(2),
    "delay-round-qos0": delay_round(),
    **{f"delay-down-{clients}": down(1, clients, 1000, paced=True) for clients in (1, 50, 1000)},
    "crowd-10000": crowd(10000),
}
