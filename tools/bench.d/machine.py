# SPDX-License-Identifier: Apache-2.0
"""What the bench asks of the machine: processors, CPU time of a process, memory, noise."""
import os
import platform
import resource
import socket
import subprocess
import time

CPUS = sorted(os.sched_getaffinity(0))
GATEWAY_CPU = CPUS[0]
OTHER_CPU = CPUS[-1]


def pinned(cpu):
    """For subprocess: runs the child on one processor, with all descriptors it may have."""

    def prepare():
        os.sched_setaffinity(0, {cpu})
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    return prepare


def cpu_seconds(pid):
    """CPU time of all threads of a process, to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ticks():
    """Busy, stolen and all ticks of the machine so far."""
    with open("/proc/stat", encoding="ascii") as stat:
        values = [int(v) for v in stat.readline().split()[1:9]]
    return sum(values) - values[3] - values[4], values[7], sum(values)


class Others:
    """What the rest of the machine did meanwhile: busy time that is not the bench's own."""

    def __init__(self, *pids):
        self.pids = pids
        self.begun = time.monotonic()
        self.busy, self.own = ticks()[0], self.own_seconds()

    def own_seconds(self):
        total = sum(cpu_seconds(pid) for pid in self.pids)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            usage = resource.getrusage(who)
            total += usage.ru_utime + usage.ru_stime
        return total

    def percent(self):
        """Of one processor, on average."""
        busy = (ticks()[0] - self.busy) / os.sysconf("SC_CLK_TCK")
        own = self.own_seconds() - self.own
        return max(100 * (busy - own) / (time.monotonic() - self.begun), 0)


def noise(seconds=1.0):
    """How busy the machine is while the bench does nothing."""
    before = ticks()
    time.sleep(seconds)
    after = ticks()
    every = max(after[2] - before[2], 1)
    load = "/".join(f"{value:.2f}" for value in os.getloadavg())
    return (f"load {load}, {100 * (after[0] - before[0]) / every:.0f} % busy and "
            f"{100 * (after[1] - before[1]) / every:.1f} % stolen while waiting")


def first_line(*command):
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, check=False)
    except OSError:
        return "missing"
    return (result.stdout.splitlines() or ["?"])[0].strip()


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()
