/* SPDX-License-Identifier: Apache-2.0 */
/* report - what the bridge tells the operator: notices and counters */
#ifndef BRIDGE_REPORT_H
#define BRIDGE_REPORT_H

#include <stdint.h>

enum bridge_severity { BRIDGE_ERROR, BRIDGE_WARNING, BRIDGE_INFO, BRIDGE_DEBUG };

#define BRIDGE_COUNTERS(X)                                                                         \
    X(connects, "broker connections opened")                                                       \
    X(connect_failures, "attempts to open a broker connection that failed")                        \
    X(losses, "broker connections lost")                                                           \
    X(ack_timeouts, "broker connections renewed because acknowledgements stayed out")              \
    X(published, "messages handed to the broker")                                                  \
    X(acknowledged, "QoS 1 and 2 messages the broker acknowledged")                                \
    X(refused, "messages and subscriptions the broker refused")                                    \
    X(unbearable, "of these, messages on which the broker ended the connection, twice")            \
    X(replayed, "messages published again after a connection was lost")                            \
    X(window_full, "publishes turned away because max_inflight were under way")                    \
    X(paced, "publishes that waited for max_publish_rate")                                         \
    X(over_rate, "QoS 0 messages dropped: over max_publish_rate")                                  \
    X(away, "requests turned away because the broker was away")                                    \
    X(dropped_qos0, "QoS 0 messages dropped because the broker was away or slow")                  \
    X(messages, "messages received from the broker")                                               \
    X(redeliveries, "messages received again after a reconnect, dropped")                          \
    X(handed_on, "aggregating: messages handed to clients, once for each that gets one")           \
    X(unwanted, "aggregating: messages that no client has subscribed to, dropped")                 \
    X(queued, "aggregating: publishes that waited for a place among max_inflight")                 \
    X(queue_full, "aggregating: requests turned away because their client had enough waiting")     \
    X(no_room, "aggregating: subscriptions turned away: all connections have max_filters")         \
    X(resubscribed, "aggregating: filters subscribed again after a connection was lost")           \
    X(wills_published, "aggregating: wills of clients published by the gateway")                   \
    X(messages_too_late, "messages received on a connection already given up, dropped")            \
    X(wills_late, "wills of clients lost while the broker was away, published afterwards")         \
    X(wills_lost, "such wills given up, which the broker may not have published")

struct bridge_counters {
#define X(name, help) uint64_t name;
    BRIDGE_COUNTERS(X)
#undef X
};

#endif
