# SPDX-License-Identifier: Apache-2.0
"""Free ports for daemons, below the range from which the kernel gives ports to clients."""

import random
import socket

_random = random.SystemRandom()


def free_port():
    """A port nobody uses, neither over TCP nor UDP, on any address of this host."""
    for _ in range(200):
        port = _random.randrange(15000, 32000)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("0.0.0.0", port))
                with socket.socket(socket.AF_INET6, kind) as probe:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    probe.bind(("::", port))
        except OSError:
            continue
        return port
    raise AssertionError("no free port in 15000..32000")
