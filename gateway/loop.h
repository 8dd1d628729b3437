/* SPDX-License-Identifier: Apache-2.0 */
/* loop - the event loop, and the barrier between what the core wants and what leaves the process
 *
 * One thread owns everything. A turn reads inputs and hands them to the core; effects are only
 * queued. At the barrier, before the loop waits again, the store commits what the turn has
 * promised, and then they leave: first the datagrams, then what libmosquitto holds for the broker.
 * While the disk refuses a commit nothing leaves, datagrams that come are dropped, and the core's
 * time stands still; what the broker has sent already is taken, and not acknowledged.
 */
#ifndef GATEWAY_LOOP_H
#define GATEWAY_LOOP_H

#include <uv.h>

#include "bridge/door.h"
#include "config/config.h"
#include "gateway/core/core.h"
#include "gateway/prefix.h"
#include "gateway/store.h"
#include "sn/link/link.h"

#define LINKS_MAX 64

struct gateway {
    uv_loop_t uv;
    const struct config *config; /* as it was when the links were opened */
    uv_prepare_t barrier;
    uv_timer_t deadline;
    msec_t armed; /* what `deadline` is set to, NEVER when it is stopped */
    struct core *core;
    struct store *store;
    struct bridge *bridge;
    struct prefix *prefix; /* NULL: topics go as the clients say them */
    struct link *links[LINKS_MAX];
    size_t link_count;
    bool effects;  /* something was queued since the last flush */
    bool stopping; /* the core has said good-bye and hears no more */
    bool bridge_stopped;
    msec_t stop_at;   /* what links still hold is not waited for any longer */
    uint64_t unheard; /* datagrams that came while the disk refused to write */
    int code;         /* exit code, once the loop has ended */
};

/* Takes up what the store holds of an earlier run, opens every listener, and starts core and
 * bridge. `config` must outlive the gateway. 0, or an exit code with one line in `error`;
 * loop_close must follow in either case. */
int loop_open(struct gateway *g, const struct config *config, char *error, size_t error_size);

/* Runs until the gateway has been stopped, or the store is beyond help. */
void loop_run(struct gateway *g);

/* Tells the clients and the broker good-bye; loop_run returns when that is done, at the latest
 * after five seconds. */
void loop_stop(struct gateway *g);

/* Returns the exit code of it all. */
int loop_close(struct gateway *g);

#endif
