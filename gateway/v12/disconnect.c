/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a connection: DISCONNECT (MQTT-SN 1.2, 6.12), sleep (6.14), loss (6.13). */
#include "gateway/v12/engine.h"

static void close_upstream(struct core *core, struct session *s, enum bridge_close how)
{
    struct bridge_request r = {
        .type = BRIDGE_CLOSE,
        .session = session_ref(s),
        .how = how,
        .keep_session = !s->clean,
    };

    if (s->upstream != UPSTREAM_CLOSED)
        core->sink.request(core->sink.self, &r);
    s->upstream = UPSTREAM_CLOSED;
}

/* A connect that waits for the broker on behalf of this session goes on without its old state. */
static void leave(struct core *core, struct session *s, enum session_state state, msec_t now)
{
    struct attempt *a = s->attempt;

    if (a)
        connect_refuse(core, a, SN_CONGESTION);
    deliver_stop(s);
    s->epoch++;
    session_enter(core, s, state, now);
    if (s->clean)
        session_forget(core, s); /* A13 */
}

static void disconnected(struct core *core, struct session *s, msec_t now)
{
    core_notice(core, NOTICE_DISCONNECTED, s, 0);
    close_upstream(core, s, BRIDGE_POLITELY);
    leave(core, s, DISCONNECTED, now);
}

/* A newer will than the broker's is published by the gateway, and the broker's must not fire. */
static void publish_own_will(struct core *core, struct session *s)
{
    struct bridge_request r = {
        .type = BRIDGE_PUBLISH,
        .session = session_ref(s),
        .message = {s->will.topic, s->will.payload, s->will.qos, s->will.retain},
    };

    if (s->will.topic.len > 0 && core->sink.request(core->sink.self, &r))
        count(core, COUNT_wills_published);
}

void client_lost(struct core *core, struct session *s, msec_t now)
{
    count(core, COUNT_lost_clients);
    core_notice(core, NOTICE_LOST, s, 0);
    if (s->will_updated) {
        publish_own_will(core, s);
        close_upstream(core, s, BRIDGE_POLITELY);
    } else {
        close_upstream(core, s, s->will.topic.len > 0 ? BRIDGE_WITH_WILL : BRIDGE_POLITELY);
    }
    leave(core, s, LOST, now);
}

/* Taken over by another connection of the same client id, or shut out. The device is told, unless
 * it sleeps: then it hears at its next PINGREQ. */
void ended_by_broker(struct core *core, struct session *s, msec_t now)
{
    s->upstream = UPSTREAM_CLOSED; /* the bridge has let it go */
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
    s->sleep_duration = t->p->duration;
    session_enter(t->core, s, ASLEEP, t->now);
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
    connect_abandon(t->core, t->a);
    if (t->s)
        on_disconnect(t);
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
