/* SPDX-License-Identifier: Apache-2.0 */
/* door - the bridge as the gateway uses it, whichever mode it is in
 *
 * Carries out the requests of bridge.h as [gateway] mode says: transparent.c gives each session a
 * broker connection of its own, aggregating.c lets them share a few. In both there is one of the
 * gateway's own besides. It opens by itself, publishes the status topic and tells whether the
 * broker can be reached: while it cannot, OPEN is refused at once or waits, as it wishes, lost
 * connections wait until it can, and those that are open go on.
 */
#ifndef BRIDGE_DOOR_H
#define BRIDGE_DOOR_H

#include <uv.h>

#include "bridge/bridge.h"
#include "bridge/report.h"
#include "config/config.h"

struct bridge_sink {
    void *self;
    void (*event)(void *self, const struct bridge_event *event);
    void (*notice)(void *self, enum bridge_severity severity, const char *text);
    /* Over shared connections: the broker is about to hold the filter for this connection, or, with
     * 0, does not hold it any more. It is to be kept for bridge_restore; NULL: nothing is. */
    void (*placed)(void *self, struct sn_bytes filter, uint32_t connection);
};

struct bridge;

/* NULL only when memory is short. The config must outlive the bridge. Events may come from within
 * bridge_request. */
struct bridge *bridge_new(uv_loop_t *loop, const struct config *config, struct bridge_sink sink);

/* What `placed` has told in an earlier run, before bridge_open. */
void bridge_restore(struct bridge *bridge, struct sn_bytes filter, uint32_t connection);

/* Begins with the shared connections, before anything is requested. False: memory is short. */
bool bridge_open(struct bridge *bridge);

/* False: not taken, and no event will follow; the broker is away or the session's window full.
 * A CLOSE is always taken. */
bool bridge_request(struct bridge *bridge, const struct bridge_request *request);

/* The barrier: everything queued for the broker since the last flush is written now, and nothing is
 * written at any other time. No event comes from here. */
void bridge_flush(struct bridge *bridge);

/* Makes bridge_flush leave out the session's connection, until it is told otherwise: what the
 * broker has sent is not acknowledged meanwhile. Not of a session that is closed or opened anew:
 * whoever asks for that says so first. */
void bridge_hold(struct bridge *bridge, uint32_t slot, bool on);

/* Says "offline", closes every connection politely, and calls `done` when all have closed or
 * `within_ms` has passed. Only bridge_flush and bridge_free may follow. */
void bridge_stop(struct bridge *bridge, uint32_t within_ms, void (*done)(void *self), void *self);

/* Drops what is still open. Workers may still read the configuration: run the loop to its end
 * before freeing that. */
void bridge_free(struct bridge *bridge);

bool bridge_broker_up(const struct bridge *bridge);
const struct bridge_counters *bridge_counters(const struct bridge *bridge);

#endif
