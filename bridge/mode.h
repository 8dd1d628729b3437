/* SPDX-License-Identifier: Apache-2.0 */
/* mode - what the two ways to use broker connections have in common, and where they differ
 *
 * door.c owns the bridge, the gateway's own connection and the end of it all; a mode owns the
 * sessions and which of them uses which link.
 */
#ifndef BRIDGE_MODE_H
#define BRIDGE_MODE_H

#include "bridge/scout.h"

struct bridge_mode {
    /* Makes bridge->own. False: memory is short; bridge->own then is NULL. */
    bool (*start)(struct bridge *bridge);
    /* Of any link but the scout's. */
    void (*event)(struct bridge *bridge, struct broker_link *link,
                  const struct bridge_event *event);
    /* The scout has found out that the broker is there, or away. */
    void (*broker_changed)(struct bridge *bridge);
    /* All but what GATEWAY_SELF asks, and nothing but CLOSE and SET_WILL while stopping. */
    bool (*request)(struct bridge *bridge, const struct bridge_request *request);
    /* Whose message it is, for the log. */
    const char *(*client_of)(struct bridge *bridge, struct broker_link *link, uint64_t token);
    /* As bridge_hold; NULL: no link is one session's, and every MESSAGE says so. */
    void (*hold)(struct bridge *bridge, uint32_t slot, bool on);
    /* As bridge_restore and bridge_open; NULL: no link is shared. */
    void (*restore)(struct bridge *bridge, struct sn_bytes filter, uint32_t connection);
    bool (*open)(struct bridge *bridge);
    /* Closes every link politely. */
    void (*stop)(struct bridge *bridge);
    void (*free)(struct bridge *bridge);
};

extern const struct bridge_mode transparent_mode, aggregating_mode;

struct bridge {
    uv_loop_t *loop;
    const struct config *config;
    struct bridge_sink sink;
    const struct bridge_mode *mode;
    void *own; /* the mode's */
    struct broker *broker;
    struct scout scout;
    uint64_t trouble_told_at, unbearable_told_at, cut_short_told_at; /* ms */
    bool stopping;
    uv_timer_t stop_timer;
    void (*done)(void *self);
    void *done_self;
};

static inline void bridge_tell(struct bridge *bridge, const struct bridge_event *event)
{
    bridge->sink.event(bridge->sink.self, event);
}

/* What befalls a connection is its devices' affair and counted; the log shows a sample. `whose`:
 * "of a client". */
void bridge_trouble(struct bridge *bridge, const struct broker_link *link, const char *whose);

/* A request is not taken. Counts it; false. */
bool bridge_turn_away(struct bridge *bridge, const struct bridge_request *request);

#endif
