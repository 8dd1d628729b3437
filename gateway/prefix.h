/* SPDX-License-Identifier: Apache-2.0 */
/* prefix - the part of the broker's topic tree that each client lives in ([gateway] topic_prefix)
 *
 * Stands between the core, whose clients know nothing of it, and the bridge: puts the prefix in
 * front of every topic and filter of a request and takes it off every topic of an event. Without a
 * prefix there is none of this and nothing is copied.
 *
 * ${gateway} is the gateway's id. ${client} is the client id with / + # $ % and control characters
 * as %XX, so that two clients never share a level and none leaves its own; what has no client (QoS
 * -1) goes as `gateway`, and a client of that name as %67ateway. Behind $share/GROUP/ the prefix
 * stands in front of the filter; other topics that begin with $ are left alone, both ways.
 *
 * What would become too long or too deep for MQTT is refused, counted and never leaves.
 */
#ifndef GATEWAY_PREFIX_H
#define GATEWAY_PREFIX_H

#include "bridge/bridge.h"
#include "config/config.h"

/* Where requests go on to, and events. */
struct prefix_doors {
    void *self;
    bool (*request)(void *self, const struct bridge_request *request);
    void (*event)(void *self, const struct bridge_event *event);
};

#define PREFIX_COUNTERS(X)                                                                         \
    X(too_long, "requests refused: with topic_prefix the topic is too long or too deep")           \
    X(outside, "messages from outside the client's topic_prefix, dropped")

struct prefix_counters {
#define X(name, help) uint64_t name;
    PREFIX_COUNTERS(X)
#undef X
};

struct prefix;

/* NULL when memory is short. The config must outlive it. */
struct prefix *prefix_new(const struct gateway_config *config, struct prefix_doors doors);
void prefix_free(struct prefix *prefix);

/* As bridge_request. The event of a refusal comes from within. */
bool prefix_request(struct prefix *prefix, const struct bridge_request *request);
void prefix_event(struct prefix *prefix, const struct bridge_event *event);

const struct prefix_counters *prefix_counters(const struct prefix *prefix);

#endif
