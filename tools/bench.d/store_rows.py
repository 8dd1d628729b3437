# SPDX-License-Identifier: Apache-2.0
"""What the store costs: the modes of [store] sync side by side, and sleepers over a restart.

The modes take turns in short rounds, so that a busy machine disturbs all alike; the ratio is the
CPU time per message against sync = off. Octets are those of the write-ahead log.
"""
import os
import re
import signal
import time

import machine
from parts import Failed, Gateway, native, wait_until
from rows import SIZE, loss, troubles

COLUMNS = [
    ("clients", "clients", "d"),
    ("messages", "messages", "d"),
    ("per_second", "msg/s", ".0f"),
    ("loss_percent", "loss %", ".3f"),
    ("gateway_us", "gw us/msg", ".2f"),
    ("ratio", "of off", ".2f"),
    ("octets", "octets/msg", ".0f"),
    ("p99_ms", "p99 ms", ".3f"),
    ("others_percent", "others %", ".0f"),
    ("note", "", "s"),
]
MODES = ("off", "normal", "full")
TURNS = 3


def gateway_with(bench, path, sync):
    more = f"[store]\npath = {path}\nsync = {sync}\n"
    return Gateway(bench.programs["gateway"], bench.folder, bench.url("tcp"), more, "info")


def report(gateway):
    """Its counters, by SIGUSR1."""

    def log():
        with open(gateway.log_path, encoding="utf-8") as text:
            return text.read()

    before = log().count("report end")
    os.kill(gateway.pid, signal.SIGUSR1)
    wait_until("a report", lambda: log().count("report end") > before, gateway.process)
    found = re.findall(r"counter=(\S+) value=(\d+)", log().rsplit("report end", 2)[-2])
    return {name: int(value) for name, value in found}


def one_up(bench, gateway, clients):
    options = ["--topic", "bench/%c", "--clients", clients, "--qos", 1, "--size", SIZE,
               "--duration", bench.seconds / TURNS, "--rate", 0]
    with bench.nodes(gateway, *options) as nodes:
        result = nodes.result(bench.seconds + 90)
    return result, result["sent"], result["acknowledged"], result["answer"]["p99_ms"]


def one_down(bench, gateway, clients, sleep=None, count=20000, rate=50000):
    count = int(count * bench.seconds / TURNS)
    options = ["--id-prefix", "n", "--subscribe", "down/%c", "--sub-qos", 1, "--clients", clients,
               "--expect", count, "--duration", bench.seconds * 5 + 20]
    if sleep:
        options += ["--sleep", sleep]
    with bench.nodes(gateway, *options) as nodes:
        nodes.wait_ready()
        before = machine.cpu_seconds(gateway.pid)  # also of what happens before the first wakes
        native(bench.programs["native"], bench.broker.tcp, machine.OTHER_CPU, "--topic",
               "down/n%d", "--topics", clients, "--qos", 1, "--count", count, "--rate", rate,
               "--size", SIZE)
        result = nodes.result(bench.seconds * 5 + 90)
        result["cpu_s"] = machine.cpu_seconds(gateway.pid) - before
    return result, count, result["distinct"], None


def one_down_paced(bench, gateway, clients):
    """No more than can pass: devices answer within [store] commit_window."""
    return one_down(bench, gateway, clients, count=4000, rate=4000)


def one_down_asleep(bench, gateway, clients):
    return one_down(bench, gateway, clients, sleep=1)


def turns(bench, once, clients):
    """All modes, in turns; sums of each."""
    sums = {mode: {"cpu": 0, "sent": 0, "arrived": 0, "flow": 0, "octets": 0, "p99": [],
                   "notes": []} for mode in MODES}
    for turn in range(TURNS):
        for mode in MODES:
            path = os.path.join(bench.folder, f"{mode}-{turn}-{time.monotonic_ns()}.db")
            with gateway_with(bench, path, mode) as gateway:
                result, sent, arrived, p99 = once(bench, gateway, clients)
                octets = report(gateway)["store.octets"]
            of = sums[mode]
            of["cpu"] += result["cpu_s"]
            of["sent"] += sent
            of["arrived"] += arrived
            of["flow"] += result["flow_s"]
            of["octets"] += octets
            of["p99"] += [p99] if p99 is not None else []
            of["notes"] += [troubles(result)] if troubles(result) else []
    return sums


def side_by_side(name, mode, once, clients):
    def run(bench):
        key = ("store", name)
        if key not in bench.natives:
            bench.natives[key] = turns(bench, once, clients)
        of, off = bench.natives[key][mode], bench.natives[key]["off"]
        each = of["cpu"] * 1e6 / max(of["arrived"], 1)
        return {"clients": clients, "messages": of["arrived"],
                "per_second": of["arrived"] / max(of["flow"], 1e-9),
                "loss_percent": loss(of["sent"], of["arrived"]), "gateway_us": each,
                "ratio": each / (off["cpu"] * 1e6 / max(off["arrived"], 1)),
                "octets": of["octets"] / max(of["arrived"], 1),
                "p99_ms": max(of["p99"]) if of["p99"] else None, "note": "; ".join(of["notes"])}

    return run


def fill(bench, gateway, clients, each):
    """Nodes that fall asleep and are not heard of again; then their messages. Returns the RAM of
    each, in octets."""
    options = ["--id-prefix", "n", "--no-clean", "--subscribe", "down/%c", "--sub-qos", 1,
               "--clients", clients, "--sleep", 3600, "--duration", 1, "--vanish"]
    with bench.nodes(gateway, *options) as nodes:
        nodes.wait_ready()
        nodes.result(90)
    before = machine.rss_kib(gateway.pid)
    native(bench.programs["native"], bench.broker.tcp, machine.OTHER_CPU, "--topic", "down/n%d",
           "--topics", clients, "--qos", 1, "--count", clients * each, "--rate", 20000, "--size",
           SIZE)
    wait_until("all messages at the gateway",
               lambda: report(gateway)["core.messages_in"] >= clients * each, gateway.process)
    return (machine.rss_kib(gateway.pid) - before) * 1024 / (clients * each)


def restart(sync, clients, each):
    """Sleepers with messages, kill -9, start again, and every client comes for its messages."""

    def run(bench):
        path = os.path.join(bench.folder, f"sleepers-{sync}.db")
        with gateway_with(bench, path, sync) as gateway:
            ram = fill(bench, gateway, clients, each)
            octets = report(gateway)["store.octets"] / (clients * each)
            size = os.path.getsize(path)
            gateway.process.kill()
            gateway.process.wait()
        begun = time.monotonic()
        with gateway_with(bench, path, sync) as gateway:
            ready = time.monotonic() - begun
            took = re.search(r"restored .*", open(gateway.log_path, encoding="utf-8").read())
            options = ["--id-prefix", "n", "--no-clean", "--clients", clients, "--expect",
                       clients * each, "--duration", 120]
            begun = time.monotonic()
            with bench.nodes(gateway, *options) as nodes:
                result = nodes.result(200)
            drained = time.monotonic() - begun
        if not took:
            raise Failed("nothing was restored")
        return {"clients": clients, "messages": result["distinct"],
                "per_second": result["distinct"] / drained,
                "loss_percent": loss(clients * each, result["distinct"]),
                "octets": octets,
                "note": f"RAM {ram:.0f} octets/msg; file {size / 1e6:.0f} MB; ready in {ready:.2f}"
                        f" s; connected and drained in {drained:.1f} s; "
                        + (troubles(result) or "no trouble"),
                "ram_octets": ram, "ready_s": ready, "drained_s": drained}

    return run


ROWS = {
    **{f"up-qos1-50-{mode}": side_by_side("up", mode, one_up, 50) for mode in MODES},
    **{f"down-qos1-50-{mode}": side_by_side("down", mode, one_down, 50) for mode in MODES},
    **{f"paced-qos1-50-{mode}": side_by_side("paced", mode, one_down_paced, 50)
       for mode in MODES},
    **{f"asleep-qos1-50-{mode}": side_by_side("asleep", mode, one_down_asleep, 50)
       for mode in MODES},
    "restart-10000": restart("normal", 10000, 10),
    "restart-10000-full": restart("full", 10000, 10),
}
