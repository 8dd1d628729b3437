/* SPDX-License-Identifier: Apache-2.0 */
/* PINGREQ, as a sign of life and as the wake of a sleeping client: MQTT-SN 1.2, 6.11, 6.14. */
#include "gateway/core/recording.h"
#include "gateway/v12/engine.h"

void fall_asleep(struct core *core, struct session *s, msec_t now)
{
    if (s->reachable)
        core_send(core, &s->peer, &(struct sn_packet){.type = SN_PINGRESP});
    s->last_heard = now; /* the sleep timer starts again */
    session_enter(core, s, ASLEEP, now);
}

/* The client may wake somewhere else: its id counts, not its address (A9). */
static bool move_here(const struct turn *t, struct session *s)
{
    struct core *core = t->core;
    struct session *other = t->s;

    if (s->reachable && sn_peer_equal(&s->peer, t->from))
        return true;
    if (other) {
        deliver_stop(other);
        if (other->state == AWAKE)
            session_enter(core, other, ASLEEP, t->now);
        session_unbind(&core->sessions, other);
        record_session(core, other);
    }
    deliver_stop(s);
    if (!session_bind(&core->sessions, s, t->from))
        return false;
    record_session(core, s);
    core_notice(core, NOTICE_MOVED, s, 0);
    return true;
}

static void wake(const struct turn *t, struct session *s)
{
    struct core *core = t->core;

    if (!move_here(t, s)) {
        count(core, COUNT_no_memory);
        return;
    }
    s->last_heard = t->now;
    if (s->state == ASLEEP) {
        count(core, COUNT_wakes);
        core_notice(core, NOTICE_AWAKE, s, 0);
        s->drained = 0;
        s->publish_pause = 0; /* it has slept over its congestion, and is awake for this only */
        session_enter(core, s, AWAKE, t->now);
    }
    if (s->inflight.waits != IDLE)
        deliver_again(core, s, t->now); /* a repeated PINGREQ does not start over (A10) */
    else
        deliver_next(core, s, t->now);
}

void on_pingreq(const struct turn *t)
{
    struct sn_bytes id = t->p->body;
    struct session *s = id.len > 0 ? session_find(&t->core->sessions, id) : t->s;

    if (s && (s->state == ASLEEP || s->state == AWAKE)) {
        wake(t, s);
    } else if (s && s->state == ACTIVE && s == t->s) {
        count(t->core, COUNT_pings);
        reply_type(t, SN_PINGRESP);
    } else {
        answer_stranger(t); /* unknown, lost, or active at another address (A9) */
    }
}

void on_pingresp(const struct turn *t)
{
    (void)t; /* the gateway asks nobody; it is a sign of life all the same */
}
