# SPDX-License-Identifier: Apache-2.0
"""A wire between gateway and broker that can be cut: what is on it then is lost.

A process of its own, told by lines: "cut" resets every connection and refuses new ones, "mend" ends
that. Each is answered by a line."""

import os
import selectors
import signal
import socket
import struct
import subprocess
import sys

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: no time to say goodbye


class Proxy:
    """The other side of it."""

    def __init__(self, port, broker_port):
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(port), str(broker_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.mend()

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline(), "the proxy has ended"

    def cut(self):
        self.tell("cut")

    def mend(self):
        self.tell("mend")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Wire:
    def __init__(self, port, broker_port):
        self.port = port
        self.broker = ("127.0.0.1", broker_port)
        self.selector = selectors.DefaultSelector()
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        self.listener = None
        self.pairs = {}

    def mend(self):
        if not self.listener:
            self.listener = socket.create_server(("127.0.0.1", self.port), backlog=1000)
            self.selector.register(self.listener, selectors.EVENT_READ, self.accept)

    def cut(self):
        if self.listener:
            self.selector.unregister(self.listener)
            self.listener.close()
            self.listener = None
        for one in list(self.pairs):
            self.drop(one)

    def drop(self, one):
        if one not in self.pairs:
            return
        for end in (one, self.pairs[one]):
            del self.pairs[end]
            self.selector.unregister(end)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.close()

    def accept(self, listener):
        if listener is not self.listener:  # cut in this very turn
            return
        near, _ = listener.accept()
        try:
            far = socket.create_connection(self.broker, 1)
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs[one] = other
            self.selector.register(one, selectors.EVENT_READ, self.forward)

    def hang_up(self, one):
        """The end of what one side says reaches the other behind all of it."""
        other = self.pairs.pop(one, None)
        if other is None:
            return
        del self.pairs[other]
        for end in (one, other):
            self.selector.unregister(end)
            end.close()

    def forward(self, one):
        if one not in self.pairs:
            return
        try:
            octets = one.recv(65536)
            if octets:
                self.pairs[one].settimeout(5)  # a broker that hangs may fill it
                self.pairs[one].sendall(octets)
            else:
                self.hang_up(one)
        except OSError:
            self.drop(one)

    def obey(self):
        words = os.read(sys.stdin.fileno(), 4096).decode().split()
        for word in words:
            self.cut() if word == "cut" else self.mend()
            print(word, flush=True)
        return bool(words)

    def run(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is not None:
                    key.data(key.fileobj)
                elif not self.obey():
                    return


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Wire(int(sys.argv[1]), int(sys.argv[2])).run()
