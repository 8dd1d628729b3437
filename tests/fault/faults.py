# SPDX-License-Identifier: Apache-2.0
"""What happens to gateway, broker and the line between them in one round.

A broker that is killed loses what it has acknowledged since it last saved, which is none of the
gateway's doing. So its end is made of two: the line is cut at a random moment, with what is on it,
as a kill does it; then SIGTERM, on which mosquitto saves what it had received until then."""

import time


class Faults:
    def __init__(self, gateway, broker, proxy, random):
        self.gateway = gateway
        self.broker = broker
        self.proxy = proxy
        self.random = random
        self.kills = 0

    def pause(self, most):
        time.sleep(self.random.uniform(0, most))

    def round(self, kind):
        self.pause(1)
        {"gateway": self.gateway_dies, "broker": self.broker_trouble, "both": self.both_die}[kind]()

    def kill_gateway(self):
        assert self.gateway.process.poll() is None, "it ended:\n" + self.gateway.log()[-4000:]
        self.gateway.kill()
        self.kills += 1

    def gateway_dies(self):
        cut = self.random.random() < 0.3
        if cut:
            self.proxy.cut()
            self.pause(0.5)
        self.kill_gateway()
        if self.random.random() < 0.15:  # again, while it starts
            self.gateway.start()
            self.pause(0.1)
            self.kill_gateway()
        self.pause(0.2)
        self.gateway.start()
        if cut:
            self.pause(0.5)
            self.proxy.mend()

    def broker_dies(self):
        self.proxy.cut()
        self.broker.leave()

    def broker_is_back(self):
        self.broker.start()
        self.proxy.mend()

    def broker_trouble(self):
        what = self.random.random()
        if what < 0.6:
            self.broker_dies()
            self.pause(1)
            self.broker_is_back()
        elif what < 0.85:
            self.proxy.cut()
            self.pause(1)
            self.proxy.mend()
        else:
            self.broker.freeze()
            self.pause(3)
            self.broker.thaw()

    def both_die(self):
        ends = [self.kill_gateway, self.broker_dies]
        starts = [self.gateway.start, self.broker_is_back]
        for steps in (ends, starts):
            self.random.shuffle(steps)
            steps[0]()
            self.pause(0.4)
            steps[1]()
