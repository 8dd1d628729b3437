# SPDX-License-Identifier: Apache-2.0
"""A TLS listener in front of a broker's plain one, for what mosquitto cannot do: ALPN, deafness."""

import socket
import ssl
import threading


class Relay:
    """One connection through the front."""

    def __init__(self, client, broker):
        self.client, self.broker = client, broker
        self.alpn = client.selected_alpn_protocol()
        self.mute = False  # what the broker says is lost
        for source, sink in ((client, broker), (broker, client)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while octets := source.recv(65536):
                if not (self.mute and source is self.broker):
                    sink.sendall(octets)
        except OSError:
            pass
        self.cut()

    def cut(self):
        for end in (self.client, self.broker):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class TlsFront(threading.Thread):
    def __init__(self, broker_port, key, file, alpn=()):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(file, key)
        self.context.set_alpn_protocols(list(alpn))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "mqtts://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.broker_port = broker_port
        self.relays = []

    def run(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            try:
                client = self.context.wrap_socket(plain, server_side=True)
            except OSError:
                plain.close()
                continue
            broker = socket.create_connection(("127.0.0.1", self.broker_port))
            self.relays.append(Relay(client, broker))

    def close(self):
        self.listener.close()
        for relay in self.relays:
            relay.cut()
