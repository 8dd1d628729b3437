/* SPDX-License-Identifier: Apache-2.0 */
/* loop - the event loop, and the barrier between what the core wants and what leaves the process
 *
 * One thread owns everything. A turn reads inputs and hands them to the core; effects are only
 * queued. At the barrier, before the loop waits again, they leave: first the datagrams, then what
 * libmosquitto holds for the broker (a store will commit before both).
 */
#ifndef GATEWAY_LOOP_H
#define GATEWAY_LOOP_H

#include <uv.h>

#include "bridge/transparent.h"
#include "config/config.h"
#include "gateway/core/core.h"
#include "sn/link/link.h"

#define LINKS_MAX 64

struct gateway {
    uv_loop_t uv;
    const struct config *config; /* as it was when the links were opened */
    uv_prepare_t barrier;
    uv_timer_t deadline;
    msec_t armed; /* what `deadline` is set to, NEVER when it is stopped */
    struct core *core;
    struct bridge *bridge;
    struct link *links[LINKS_MAX];
    size_t link_count;
    bool effects;  /* something was queued since the last flush */
    bool stopping; /* the core has said good-bye and hears no more */
    bool bridge_stopped;
    msec_t stop_at; /* what links still hold is not waited for any longer */
};

/* Opens every listener, and starts core and bridge. `config` must outlive the gateway. False with
 * one line in `error`; loop_close must follow in either case. */
bool loop_open(struct gateway *g, const struct config *config, char *error, size_t error_size);

/* Runs until the gateway has been stopped. */
void loop_run(struct gateway *g);

/* Tells the clients and the broker good-bye; loop_run returns when that is done, at the latest
 * after five seconds. */
void loop_stop(struct gateway *g);

void loop_close(struct gateway *g);

#endif
