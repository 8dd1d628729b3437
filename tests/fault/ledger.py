# SPDX-License-Identifier: Apache-2.0
"""What was promised and what came of it, message by message. Payloads are unique and name their
direction, QoS, device and number: b"up:1:ap-7:42"."""

from collections import Counter


class Direction:
    """Each message is written by one thread, so the sets need no lock."""

    def __init__(self):
        self.offered = set()
        self.promised = set()
        self.came = Counter()
        self.excused = set()

    def sent(self, data):
        self.offered.add(data)

    def acknowledged(self, data):
        self.promised.add(data)

    def arrived(self, data, again=False):
        """`again`: whoever hands it over says that it may have done so before. Then it is no
        duplicate of the gateway's making."""
        if not (again and data in self.came):
            self.came[data] += 1

    def lost(self):
        return sorted(data for data in list(self.promised) if data not in self.came)

    def invented(self):
        return sorted(data for data in list(self.came) if data not in self.offered)

    def duplicates(self, qos):
        return sum(
            times - 1 for data, times in list(self.came.items()) if data.split(b":")[1] == b"%d" % qos
        )

    def summary(self):
        return (
            f"sent {len(self.offered)}, acknowledged {len(self.promised)}, "
            f"arrived {len(self.came)}, lost {len(set(self.lost()) - self.excused)}, "
            f"duplicates QoS 1 {self.duplicates(1)}, QoS 2 {self.duplicates(2)}"
        )


class Ledger:
    def __init__(self):
        self.up = Direction()  # promised by the gateway's PUBACK or PUBREC
        self.down = Direction()  # promised by the broker's PUBACK or PUBCOMP to the publisher
        self.serving = set()  # devices that have their subscriptions
        self.expelled = Counter()
        self.mistaken = []  # messages under the id of another that the device still waits to end

    def ready(self, node):
        self.serving.add(node.name)

    def thrown_out(self, node):
        """A device with a clean session loses what waits for it when it has to connect again; that
        is excused, but told."""
        self.expelled[node.name] += 1
        self.serving.discard(node.name)
        if node.clean:
            waits = {data for data in list(self.down.offered) if data.split(b":")[2] == node.name}
            self.down.excused |= waits

    def losses(self):
        return self.up.lost() + [
            data for data in self.down.lost() if data not in self.down.excused
        ]

    def progress(self):
        return len(self.up.came) + len(self.down.came) + len(self.up.promised)
