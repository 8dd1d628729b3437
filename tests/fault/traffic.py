# SPDX-License-Identifier: Apache-2.0
"""The other end: who speaks to the devices over MQTT, and who counts what they say."""

import threading
import time

import paho.mqtt.client as paho


def client_of(name, port):
    """Persistent, so that the broker keeps what it owes while it or the line is down."""
    client = paho.Client(name, clean_session=False)
    client.reconnect_delay_set(0.1, 0.2)
    client.max_inflight_messages_set(100)
    client.max_queued_messages_set(0)
    return client


class Counting:
    """Subscribed before the first message; its session is never clean."""

    def __init__(self, port, ledger):
        self.ledger = ledger
        self.subscribed = threading.Event()
        self.client = client_of("fault-ledger", port)
        self.client.on_connect = lambda client, *_: client.subscribe("up/#", 2)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = lambda client, self_, message: ledger.up.arrived(
            message.payload, again=message.dup
        )
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.subscribed.wait(10)

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()


class Speaking(threading.Thread):
    """Publishes to every device in turn that has its subscriptions, and knows what the broker has
    acknowledged."""

    MOST_UNANSWERED = 100

    def __init__(self, port, ledger, random, pause):
        super().__init__(daemon=True)
        self.ledger = ledger
        self.random = random
        self.pause = pause
        self.number = 0
        self.quiet = False
        self.unanswered = {}  # message id of the MQTT client -> payload
        self.answered = []  # by the client's thread, at times before publish() has returned
        self.client = client_of("fault-speaker", port)
        self.client.on_publish = lambda client, self_, mid: self.answered.append(mid)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def run(self):
        while not self.quiet:
            time.sleep(self.random.expovariate(1 / self.pause))
            self.look()
            if len(self.unanswered) < self.MOST_UNANSWERED:
                self.speak()

    def speak(self):
        serving = sorted(self.ledger.serving)
        if serving:
            name = self.random.choice(serving)
            qos = self.random.choice((1, 2))
            self.number += 1
            data = b"down:%d:%s:%d" % (qos, name, self.number)
            self.ledger.down.sent(data)
            topic = f"down/{qos}/{name.decode()}"
            self.unanswered[self.client.publish(topic, data, qos).mid] = data

    def look(self):
        while self.answered:
            self.ledger.down.acknowledged(self.unanswered.pop(self.answered.pop(0)))

    def finish(self):
        """No more is said. True when everything is answered."""
        self.quiet = True
        if self.is_alive():
            self.join()
        self.look()
        return not self.unanswered

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()
