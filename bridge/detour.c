/* SPDX-License-Identifier: Apache-2.0 */
/* Which link a session publishes over: its own, or another while that is given up.
 *
 * It changes over only when it has nothing on the link it leaves - nothing that waits, is under
 * way, or was given back and may be claimed there - so that none of its messages passes an older
 * one, and none arrives twice for it. A link that stays out keeps what may be claimed for
 * ack_timeout; then it is dropped, because no session of it could publish before it is back. */
#include "bridge/aggregating.h"

static bool is_under_way(const struct aggregating *a, const struct shared_link *l,
                         struct session_ref ref)
{
    uint32_t left = l->uploads_used;

    for (uint32_t i = 1; left > 0 && i < a->bridge->config->broker.max_inflight + 1; i++) {
        const struct upload *u = &l->uploads[i];
        left -= u->session.slot > 0;
        if (u->session.slot == ref.slot && u->session.generation == ref.generation)
            return true;
    }
    return false;
}

/* NULL: there is none. Always the same for the sessions of one link, so that what it leaves behind
 * stays in front of them. */
static struct shared_link *stand_in(const struct aggregating *a, uint32_t home)
{
    const uint32_t count = a->bridge->config->broker.connections;

    for (uint32_t i = 1; i < count; i++)
        if (a->links[(home + i) % count].open)
            return &a->links[(home + i) % count];
    return NULL;
}

struct shared_link *detour_of(struct aggregating *a, struct session *s, uint32_t slot)
{
    struct shared_link *home = &a->links[s->home], *now = &a->links[s->link], *other;
    const struct session_ref ref = {slot, s->generation};

    if (now == home ? !home->given_up : !now->given_up && !home->open)
        return now;
    if (s->lane || broker_link_has_returned(now->link) || is_under_way(a, now, ref))
        return now;
    other = home->given_up ? stand_in(a, s->home) : home;
    if (other)
        s->link = (uint8_t)(other - a->links);
    return &a->links[s->link];
}

/* What is not given back: the wills of sessions that have closed. */
static void move_wills(struct aggregating *a, struct shared_link *from, struct shared_link *to)
{
    struct lane *lane, *next;

    for (lane = TAILQ_FIRST(&from->lanes); lane; lane = next) {
        next = TAILQ_NEXT(lane, turns);
        if (!lane->detached)
            continue;
        TAILQ_REMOVE(&from->lanes, lane, turns);
        TAILQ_INSERT_TAIL(&to->lanes, lane, turns);
        from->wills -= lane->waiting.count;
        to->wills += lane->waiting.count;
    }
    shared_pump(a, to);
}

void detour_tick(struct aggregating *a, struct shared_link *l)
{
    struct shared_link *other = stand_in(a, (uint32_t)(l - a->links));
    uint64_t now = uv_now(a->bridge->loop);

    if (!l->given_up || !other) {
        l->out_since = 0;
        return;
    }
    if (l->out_since == 0)
        l->out_since = now;
    if (now - l->out_since >= a->bridge->config->broker.ack_timeout_ms)
        broker_link_drop_returned(l->link);
    if (l->uploads_used == 0 && !broker_link_has_returned(l->link))
        move_wills(a, l, other);
}
