/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/loop_store.h"

#include "gateway/clock.h"
#include "gateway/log.h"

struct restoring {
    struct gateway *g;
    msec_t now;
    size_t sessions, messages, spooled, left_out;
};

static void restore_one(void *self, const struct record *record)
{
    struct restoring *r = self;

    if (!core_restore(r->g->core, r->now, record)) {
        r->left_out++;
        if (record->type == RECORD_SESSION && record->session > 0) /* is given to another */
            store_record(r->g->store,
                         &(struct record){.type = RECORD_SESSION_GONE, .session = record->session});
        return;
    }
    r->sessions += record->type == RECORD_SESSION;
    r->messages += record->type == RECORD_MESSAGE;
    r->spooled += record->type == RECORD_SPOOLED;
}

static void hold(void *self, uint32_t session, bool on)
{
    struct gateway *g = self;

    if (g->bridge)
        bridge_hold(g->bridge, session, on);
}

int loop_store_open(struct gateway *g, char *error, size_t size)
{
    struct restoring r = {.g = g, .now = uv_now(&g->uv)};
    msec_t began = clock_now();
    int code = store_open(&g->store, g->config, error, size);

    if (code != 0)
        return code;
    store_may_wait(g->store, hold, g);
    store_adopt_orphans(g->store);
    code = store_restore(g->store, restore_one, &r, error, size);
    if (code != 0)
        return code;
    if (r.sessions + r.spooled > 0)
        log_info("restored sessions=%zu messages=%zu spooled=%zu took=%lums", r.sessions,
                 r.messages, r.spooled, (unsigned long)(clock_now() - began));
    if (r.left_out > 0)
        log_warning("left out of what was kept rows=%zu; they contradict each other", r.left_out);
    return 0;
}

static void restore_place(void *self, const struct record *record)
{
    struct gateway *g = self;

    bridge_restore(g->bridge, record->place.filter, record->place.connection);
}

int loop_store_places(struct gateway *g, char *error, size_t size)
{
    return store_restore_places(g->store, restore_place, g, error, size);
}
