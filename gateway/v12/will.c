/* SPDX-License-Identifier: Apache-2.0 */
/* Wills: the dialogue at connect (MQTT-SN 1.2, 6.3) and updates later (6.4). */
#include "gateway/core/recording.h"
#include "gateway/v12/engine.h"
#include "sn/topic.h"

static bool usable(const struct turn *t)
{
    return sn_qos(t->p->flags) != SN_QOS_MINUS_ONE && sn_topic_name_ok(t->p->body) &&
           t->p->body.len <= t->core->config->gateway.max_topic_length; /* A27, 8.2 */
}

void on_willtopic(const struct turn *t)
{
    struct attempt *a = t->a;
    const struct sn_packet *p = t->p;

    if (a->phase == OPENING)
        return;             /* a repetition; the CONNACK is on its way */
    if (p->body.len == 0) { /* delete the stored will; also with a flags octet (A35) */
        will_clear(&a->will);
        connect_proceed(t->core, a, t->now);
        return;
    }
    if (!usable(t)) {
        connect_refuse(t->core, a, SN_NOT_SUPPORTED);
        return;
    }
    if (!will_set(&a->will, p->body, (struct sn_bytes){0}, sn_qos(p->flags),
                  p->flags & SN_FLAG_RETAIN)) {
        connect_refuse(t->core, a, SN_CONGESTION);
        return;
    }
    a->phase = WANTS_WILLMSG;
    a->prompted_at = t->now;
    reply_type(t, SN_WILLMSGREQ);
}

void on_willmsg(const struct turn *t)
{
    struct attempt *a = t->a;

    if (a->phase == WANTS_WILLTOPIC) {
        count(t->core, COUNT_protocol_errors); /* out of order (A34) */
        return;
    }
    if (a->phase == OPENING) {
        count(t->core, COUNT_connect_repeats);
        return;
    }
    /* The new text is copied from the old before that is freed. */
    if (!will_set(&a->will, a->will.topic, t->p->body, a->will.qos, a->will.retain)) {
        connect_refuse(t->core, a, SN_CONGESTION);
        return;
    }
    connect_proceed(t->core, a, t->now);
}

/* The CONNACK was lost and the client repeats the step before it (A34). */
void on_late_willmsg(const struct turn *t)
{
    if (t->s->state == ACTIVE && t->s->will_dialogue && !t->s->heard_since_accept)
        reply(t, &(struct sn_packet){.type = SN_CONNACK, .return_code = SN_ACCEPTED});
    else
        count(t->core, COUNT_protocol_errors);
}

/* The broker keeps the will it got at connect. From here on the gateway publishes the newer one
 * itself when the client is lost, and a later reconnection hands it over. Where connections are
 * shared the bridge keeps the will, and sees to it that it outlives a broker that is away. */
static void updated(const struct turn *t)
{
    struct session *s = t->s;
    struct bridge_request r = {
        .type = BRIDGE_SET_WILL,
        .session = session_ref(s),
        .will = {s->will.topic, s->will.payload, s->will.qos, s->will.retain},
    };

    bool taken = t->core->sink.request(t->core->sink.self, &r);
    s->will_updated = !taken || t->core->config->gateway.mode != MODE_AGGREGATING;
    record_session(t->core, s);
}

static void respond(const struct turn *t, uint8_t type, uint8_t return_code)
{
    reply(t, &(struct sn_packet){.type = type, .return_code = return_code});
}

void on_willtopicupd(const struct turn *t)
{
    struct session *s = t->s;
    const struct sn_packet *p = t->p;

    if (p->body.len == 0) {
        will_clear(&s->will);
    } else if (!usable(t)) {
        respond(t, SN_WILLTOPICRESP, SN_NOT_SUPPORTED);
        return;
    } else if (!will_set(&s->will, p->body, s->will.payload, sn_qos(p->flags),
                         p->flags & SN_FLAG_RETAIN)) {
        respond(t, SN_WILLTOPICRESP, SN_CONGESTION);
        return;
    }
    updated(t);
    respond(t, SN_WILLTOPICRESP, SN_ACCEPTED);
}

void on_willmsgupd(const struct turn *t)
{
    struct session *s = t->s;

    if (s->will.topic.len == 0) { /* A36 */
        respond(t, SN_WILLMSGRESP, SN_NOT_SUPPORTED);
        return;
    }
    if (!will_set(&s->will, s->will.topic, t->p->body, s->will.qos, s->will.retain)) {
        respond(t, SN_WILLMSGRESP, SN_CONGESTION);
        return;
    }
    updated(t);
    respond(t, SN_WILLMSGRESP, SN_ACCEPTED);
}
