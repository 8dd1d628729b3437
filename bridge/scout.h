/* SPDX-License-Identifier: Apache-2.0 */
/* scout - the gateway's own connection, which tells whether the broker is there
 *
 * It opens first and never gives up. Any answer of a broker, even a refusal, means that the
 * sessions may try; silence means that they would wait in vain. It publishes the status topic and
 * is the only one to tell the operator of trouble: once when something changes, then once a minute.
 */
#ifndef BRIDGE_SCOUT_H
#define BRIDGE_SCOUT_H

#include "bridge/broker.h"
#include "bridge/door.h"

enum broker_state { BROKER_UNKNOWN, BROKER_UP, BROKER_AWAY };

enum scout_condition { SCOUT_STARTING, SCOUT_OPEN, SCOUT_LOST, SCOUT_REFUSED, SCOUT_AWAY };

struct scout {
    const struct config *config;
    struct bridge_sink sink;
    struct broker_link *link; /* NULL after scout_stop */
    enum broker_state state;
    enum scout_condition told;
    uint64_t told_at; /* ms */
    uv_loop_t *loop;
};

/* False when memory is short. */
bool scout_start(struct scout *scout, uv_loop_t *loop, struct broker *broker,
                 const struct config *config, struct bridge_sink sink);

/* What its link reports. `state` may have changed afterwards. */
void scout_event(struct scout *scout, const struct bridge_event *event);

/* "offline", then the goodbye. */
void scout_stop(struct scout *scout);

#endif
