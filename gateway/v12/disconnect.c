/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a connection: DISCONNECT (MQTT-SN 1.2, 6.12), sleep (6.14), loss (6.13). */
#include "gateway/core/recording.h"
#include "gateway/v12/engine.h"

/* A connect that waits for the broker on behalf of this session goes on without its old state. */
static void leave(struct core *core, struct session *s, enum session_state state, msec_t now)
{
    struct attempt *a = s->attempt;

    if (a)
        connect_refuse(core, a, SN_CONGESTION);
    deliver_stop(s);
    s->epoch++;
    session_enter(core, s, state, now);
    if (s->clean && s->backlog) { /* what it published is still owed to the broker */
        session_wipe(s);
        record_session_wiped(core, s);
        record_session(core, s);
    } else if (s->clean) {
        session_forget(core, s); /* A13 */
    }
}

static void disconnected(struct core *core, struct session *s, msec_t now)
{
    core_notice(core, NOTICE_DISCONNECTED, s, 0);
    upstream_part(core, s, BRIDGE_POLITELY);
    leave(core, s, DISCONNECTED, now);
}

static bool publish_will(struct core *core, const struct will *will, struct session_ref as)
{
    struct bridge_request r = {
        .type = BRIDGE_PUBLISH,
        .session = as,
        .message = {will->topic, will->payload, will->qos, will->retain},
    };

    return core->sink.request(core->sink.self, &r);
}

/* A newer will than the broker's is published by the gateway: over the client's connection, which
 * keeps its order, or else over the gateway's own. False: neither can. */
static bool publish_own_will(struct core *core, struct session *s)
{
    bool done = s->will.topic.len == 0 || publish_will(core, &s->will, session_ref(s)) ||
                publish_will(core, &s->will, GATEWAY_SELF);

    if (done && s->will.topic.len > 0)
        count(core, COUNT_wills_published);
    return done;
}

/* An open connection of its own whose end makes the broker publish the newest will, in its order.
 */
static bool broker_would(const struct core *core, const struct session *s)
{
    return core->config->gateway.mode == MODE_TRANSPARENT && s->upstream == UPSTREAM_OPEN &&
           !s->will_updated && !s->backlog;
}

/* With a store a will that the gateway must see to is kept like what the client published, behind
 * that, until the broker has acknowledged it. A broker that lived on while it could not be reached
 * publishes the one it has, too. */
static bool keep_will(struct core *core, struct session *s, msec_t now)
{
    const struct will *w = &s->will;
    const struct bridge_message m = {w->topic, w->payload, w->qos, w->retain};

    if (!core->keeps_wills || w->topic.len == 0 || broker_would(core, s) ||
        !spool_take(core, s, now, &m, false))
        return false;
    count(core, COUNT_wills_kept);
    /* Else it fires again when the connection breaks before it can be closed. */
    core->sink.request(core->sink.self, &(struct bridge_request){.type = BRIDGE_SET_WILL,
                                                                 .session = session_ref(s)});
    return true;
}

void client_lost(struct core *core, struct session *s, msec_t now)
{
    bool broker_has_it = s->will.topic.len > 0 || s->will_updated;

    count(core, COUNT_lost_clients);
    core_notice(core, NOTICE_LOST, s, 0);
    if (keep_will(core, s, now) || (s->will_updated && publish_own_will(core, s)))
        broker_has_it = false; /* and the older one there must not fire */
    upstream_part(core, s, broker_has_it ? BRIDGE_WITH_WILL : BRIDGE_POLITELY);
    leave(core, s, LOST, now);
}

/* Taken over by another connection of the same client id, or shut out. The device is told, unless
 * it sleeps: then it hears at its next PINGREQ. */
void ended_by_broker(struct core *core, struct session *s, msec_t now)
{
    s->upstream = UPSTREAM_CLOSED; /* the bridge has let it go */
    upstream_answers_lost(s);
    core_notice(core, NOTICE_ENDED_BY_BROKER, s, 0);
    if (s->reachable && (s->state == ACTIVE || s->state == AWAKE))
        core_send(core, &s->peer, &(struct sn_packet){.type = SN_DISCONNECT});
    leave(core, s, DISCONNECTED, now);
}

static void go_to_sleep(const struct turn *t)
{
    struct session *s = t->s;

    count(t->core, COUNT_sleeps);
    deliver_stop(s);
    bool news = s->state != ACTIVE && s->sleep_duration != t->p->duration;
    s->sleep_duration = t->p->duration;
    session_enter(t->core, s, ASLEEP, t->now);
    if (news)
        record_session(t->core, s);
    core_notice(t->core, NOTICE_ASLEEP, s, s->sleep_duration);
}

void on_disconnect(const struct turn *t)
{
    if (t->p->duration > 0) {
        go_to_sleep(t);
    } else { /* also with Duration 0 (A11) */
        count(t->core, COUNT_disconnects);
        disconnected(t->core, t->s, t->now);
    }
    reply_type(t, SN_DISCONNECT);
}

/* A repetition of a DISCONNECT whose answer was lost, or of another gateway: answered seldom enough
 * that two gateways cannot talk for ever (A37). */
void on_stranger_disconnect(const struct turn *t)
{
    answer_stranger(t);
}

/* The client gave up its connect (A49). Its session, if it has one, is what it was. */
void on_attempt_disconnect(const struct turn *t)
{
    struct turn still = *t;

    connect_abandon(t->core, t->a, t->now);
    still.a = NULL;
    still.s = session_at(&t->core->sessions, t->from); /* it may have ended with the connect */
    if (still.s)
        on_disconnect(&still);
    else
        reply_type(t, SN_DISCONNECT);
}

void core_stop(struct core *core)
{
    for (uint32_t i = 0; i < core->sessions.count; i++) {
        struct session *s = core->sessions.slots[i];
        if (s->client_id.data && s->reachable && s->state != ASLEEP)
            core_send(core, &s->peer, &(struct sn_packet){.type = SN_DISCONNECT});
    }
}
