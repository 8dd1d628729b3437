# SPDX-License-Identifier: Apache-2.0
"""An MQTT client that sees everything the broker routes, and speaks to the devices."""

import threading
from collections import namedtuple

import paho.mqtt.client as paho

from waiting import PATIENCE

Seen = namedtuple("Seen", "topic payload qos retain")


def new_client(client_id):
    """paho 2 asks which callback API is meant; paho 1 does not know the question."""
    if hasattr(paho, "CallbackAPIVersion"):
        return paho.Client(paho.CallbackAPIVersion.VERSION1, client_id)
    return paho.Client(client_id)


class Observer:
    def __init__(self, port, client_id="observer", username=None, password=None):
        self.port = port
        self.messages = []
        self.changed = threading.Condition()
        self.subscribed = False
        self.markers = 0
        self.client = new_client(client_id)
        if username:
            self.client.username_pw_set(username, password)
        self.client.reconnect_delay_set(0.1, 0.1)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message
        self.connect()
        self.client.loop_start()
        self.until_subscribed()

    def connect(self):
        self.client.connect("127.0.0.1", self.port, keepalive=60)

    def _on_connect(self, client, userdata, flags, code):
        client.subscribe("#", 2)

    def _on_disconnect(self, client, userdata, code):
        with self.changed:
            self.subscribed = False

    def _on_subscribe(self, client, userdata, mid, granted):
        with self.changed:
            self.subscribed = True
            self.changed.notify_all()

    def _on_message(self, client, userdata, message):
        seen = Seen(message.topic, message.payload, message.qos, message.retain)
        with self.changed:
            self.messages.append(seen)
            self.changed.notify_all()

    def until_subscribed(self, timeout=PATIENCE):
        with self.changed:
            assert self.changed.wait_for(lambda: self.subscribed, timeout), "observer not connected"

    def on(self, topic):
        """Every message seen on a topic, oldest first."""
        with self.changed:
            return [seen for seen in self.messages if seen.topic == topic]

    def payloads(self, topic):
        return [seen.payload for seen in self.on(topic)]

    def until(self, true, what, timeout=PATIENCE):
        with self.changed:
            if not self.changed.wait_for(true, timeout):
                seen = "\n".join(str(m)[:200] for m in self.messages[-30:])
                raise AssertionError(f"waited {timeout} s for {what}; seen:\n{seen}")

    def hears(self, topic, payload=None, timeout=PATIENCE, times=1):
        """Waits for the message and returns it (the newest, when several were asked for)."""

        def found():
            return [
                seen
                for seen in self.messages
                if seen.topic == topic and (payload is None or seen.payload == payload)
            ]

        self.until(lambda: len(found()) >= times, f"{topic} {payload!r} {times} times", timeout)
        return found()[times - 1]

    def forget(self):
        with self.changed:
            self.messages.clear()

    def barrier(self):
        """Returns when everything the broker had routed before has been seen here."""
        self.markers += 1
        marker = f"observer/barrier/{self.markers}"
        self.publish(marker, b"", qos=2)
        self.hears(marker)

    def publish(self, topic, payload=b"", qos=1, retain=False):
        """Returns when the broker has it."""
        sent = self.client.publish(topic, payload, qos, retain)
        sent.wait_for_publish(PATIENCE)
        assert sent.is_published(), f"the broker did not take {topic}"

    def publish_many(self, pairs, qos=1):
        sent = [self.client.publish(topic, payload, qos) for topic, payload in pairs]
        for one in sent:
            one.wait_for_publish(PATIENCE)
            assert one.is_published()

    def retained(self, topic):
        """What a new subscriber gets on the topic, None when nothing is retained there."""
        found = []
        done = threading.Event()
        marker = "observer/retained"
        fresh = new_client("observer-retained")
        fresh.on_message = lambda c, u, m: (
            done.set() if m.topic == marker else found.append(m.payload) if m.retain else None
        )
        fresh.on_connect = lambda c, u, f, rc: c.subscribe([(topic, 0), (marker, 0)])
        fresh.on_subscribe = lambda c, u, mid, granted: c.publish(marker, b"", 0)
        fresh.connect("127.0.0.1", self.port)
        fresh.loop_start()
        try:
            assert done.wait(PATIENCE)
        finally:
            fresh.disconnect()
            fresh.loop_stop()
        return found[-1] if found else None

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()
