/* SPDX-License-Identifier: Apache-2.0 */
/* PUBLISH from the device: MQTT-SN 1.2, 6.6, 6.8; section 8.7 of the digest.
 *
 * The gateway answers only what the broker has answered: the token of a request carries all that
 * the acknowledgement needs, so nothing is kept for QoS 1. */
#include <stdlib.h>

#include "gateway/core/recording.h"
#include "gateway/v12/engine.h"
#include "sn/topic.h"

static void puback(const struct turn *t, uint8_t return_code)
{
    const struct sn_packet *p = t->p;

    count(t->core,
          return_code == SN_CONGESTION ? COUNT_publishes_congested : COUNT_publishes_refused);
    reply(t, &(struct sn_packet){
                 .type = SN_PUBACK,
                 .topic_id = p->topic_id,
                 .msg_id = sn_qos(p->flags) == 0 ? 0 : p->msg_id,
                 .return_code = return_code,
             });
}

/* `as` NULL: over the gateway's own connection. False: the broker is away or its window full. */
static bool forward(const struct turn *t, const struct session *as, struct sn_bytes topic,
                    struct sn_bytes data, uint8_t qos, struct token token)
{
    struct bridge_request r = {
        .type = BRIDGE_PUBLISH,
        .session = as ? session_ref(as) : GATEWAY_SELF,
        .token = token_pack(token),
        .message = {topic, data, qos, t->p->flags & SN_FLAG_RETAIN},
    };

    if (as && as->upstream != UPSTREAM_OPEN)
        return false;
    return t->core->sink.request(t->core->sink.self, &r);
}

static bool spool(const struct turn *t, struct session *s, struct sn_bytes topic, uint8_t qos)
{
    const struct bridge_message m = {topic, t->p->body, qos, t->p->flags & SN_FLAG_RETAIN};

    return spool_take(t->core, s, t->now, &m, false);
}

/* QoS 0 is promised nothing; it is kept if asked for, or to stay behind what is. */
static bool spool_qos0(const struct turn *t, struct session *s, struct sn_bytes topic,
                       struct sn_bytes data)
{
    const struct bridge_message m = {topic, data, 0, t->p->flags & SN_FLAG_RETAIN};
    bool open = s ? s->upstream == UPSTREAM_OPEN : t->core->broker_up;

    return (open || t->core->config->spool.keep_qos0) && spool_take(t->core, s, t->now, &m, false);
}

/* QoS -1 in the form of Paho's library: TopicId is the length of the topic name that stands in
 * front of the data (A25). */
static bool split_long_topic(const struct turn *t, struct sn_bytes *topic, struct sn_bytes *data)
{
    struct sn_reader r = sn_reader(t->p->body);

    if (t->core->config->gateway.qos_minus_one != QOS_MINUS_ONE_LONG_TOPICS)
        return false;
    *topic = sn_read(&r, t->p->topic_id);
    *data = sn_read_rest(&r);
    return !r.failed && sn_topic_name_ok(*topic);
}

/* QoS -1 needs no connection and never gets an answer (6.8, A26). */
static void publish_without_connection(const struct turn *t)
{
    struct core *core = t->core;
    const struct sn_packet *p = t->p;
    enum sn_topic_type type = sn_topic_type(p->flags);
    uint8_t scratch[2];
    struct sn_bytes topic, data = p->body;
    bool known;

    if (type == SN_TOPIC_NORMAL) {
        known = split_long_topic(t, &topic, &data);
    } else {
        topic = topic_named(core, NULL, type, p->topic_id, scratch);
        known = topic.len > 0;
    }
    if (!known || core->config->gateway.qos_minus_one == QOS_MINUS_ONE_NO) {
        count(core, COUNT_qos_minus_one_refused);
        return;
    }
    bool taken = spool_wanted(core, NULL) ? spool_qos0(t, NULL, topic, data)
                                          : forward(t, NULL, topic, data, 0, (struct token){0});
    count(core, taken ? COUNT_publishes_in_qos_minus_one : COUNT_qos0_not_forwarded);
}

void on_stranger_publish(const struct turn *t)
{
    if (sn_qos(t->p->flags) == SN_QOS_MINUS_ONE)
        publish_without_connection(t);
    else if (t->a)
        count(t->core, COUNT_protocol_errors); /* its connect is under way */
    else
        answer_stranger(t);
}

static struct received *received_find(const struct session *s, uint16_t msg_id)
{
    for (uint16_t i = 0; i < s->received_count; i++)
        if (s->received[i].msg_id == msg_id)
            return &s->received[i];
    return NULL;
}

static void received_remove(struct session *s, struct received *r)
{
    size_t behind = (size_t)(&s->received[--s->received_count] - r);

    memmove(r, r + 1, behind * sizeof *r); /* the oldest stays first */
}

/* A client has one QoS 2 PUBLISH under way (6.6). When the places are used up, the oldest that only
 * lacks its PUBREL is of a client that will not send it any more. */
static struct received *received_add(struct core *core, struct session *s)
{
    for (uint16_t i = 0; s->received_count == RECEIVED_MAX && i < RECEIVED_MAX; i++)
        if (s->received[i].forwarded) {
            record_received_gone(core, s, s->received[i].msg_id);
            received_remove(s, &s->received[i]);
        }
    return session_receive(s);
}

/* Their answers will not come any more. Forwarded again, when the client repeats them. */
void publish_forget_unanswered(struct session *s)
{
    for (uint16_t i = s->received_count; i-- > 0;)
        if (!s->received[i].forwarded)
            received_remove(s, &s->received[i]);
}

static void pubrec(struct core *core, const struct session *s, uint16_t msg_id)
{
    core_send(core, &s->peer, &(struct sn_packet){.type = SN_PUBREC, .msg_id = msg_id});
}

static void answer_qos1(struct core *core, const struct session *s, struct token token,
                        uint8_t return_code)
{
    struct sn_packet p = {
        .type = SN_PUBACK,
        .topic_id = token.id,
        .msg_id = token.msg_id,
        .return_code = return_code,
    };

    core_send(core, &s->peer, &p);
}

static void answer_qos2(struct core *core, struct session *s, struct token token,
                        uint8_t return_code)
{
    struct received *r = received_find(s, token.msg_id);

    if (!r || r->forwarded) {
        count(core, COUNT_late_answers);
        return;
    }
    bool of_this_connection = r->epoch == s->epoch && s->reachable;
    if (return_code == SN_ACCEPTED) {
        r->forwarded = true;
        record_received(core, s, r);
    } else {
        received_remove(s, r);
    }
    if (!of_this_connection)
        return; /* answered when the client repeats it */
    if (return_code == SN_ACCEPTED)
        pubrec(core, s, token.msg_id);
    else
        answer_qos1(core, s, token, return_code); /* an error ends the exchange (A23) */
}

/* Within a connection the MsgId alone tells a repetition (A21). A client that connected anew may
 * have lost its numbering: then the contents must agree too. */
static bool repeated(const struct session *s, const struct received *r, uint16_t topic_id,
                     uint32_t digest)
{
    return r->epoch == s->epoch || (r->topic_id == topic_id && r->digest == digest);
}

static void publish_once(const struct turn *t, struct sn_bytes topic)
{
    struct core *core = t->core;
    struct session *s = t->s;
    const struct sn_packet *p = t->p;
    static const struct hash_key same_after_restart;
    uint32_t digest = (uint32_t)keyed_hash(&same_after_restart, p->body.data, p->body.len);
    struct received *r = received_find(s, p->msg_id);

    if (r && repeated(s, r, p->topic_id, digest)) {
        count(core, COUNT_publishes_repeated);
        r->epoch = s->epoch;
        if (r->forwarded)
            pubrec(core, s, p->msg_id);
        return;
    }
    if (r && r->forwarded)
        record_received_gone(core, s, r->msg_id);
    if (!r)
        r = received_add(core, s);
    if (!r) {
        puback(t, SN_CONGESTION);
        return;
    }
    *r = (struct received){p->msg_id, p->topic_id, s->epoch, digest, false};
    struct token token = {TOKEN_QOS2, s->epoch, p->topic_id, p->msg_id};
    if (spool_wanted(core, s)) {
        if (spool(t, s, topic, 2)) {
            answer_qos2(core, s, token, SN_ACCEPTED);
            return;
        }
    } else if (forward(t, s, topic, p->body, 2, token)) {
        count(core, COUNT_publishes_in_qos2);
        return; /* the answer may have come already */
    }
    received_remove(s, r);
    puback(t, SN_CONGESTION);
}

static void publish_known(const struct turn *t, struct sn_bytes topic)
{
    struct core *core = t->core;
    struct session *s = t->s;
    const struct sn_packet *p = t->p;
    uint8_t qos = sn_qos(p->flags);

    if (qos == 2) {
        publish_once(t, topic);
        return;
    }
    struct token token = {qos ? TOKEN_QOS1 : TOKEN_NONE, s->epoch, p->topic_id, p->msg_id};
    bool wait = spool_wanted(core, s);
    bool taken = !wait      ? forward(t, s, topic, p->body, qos, token)
                 : qos == 0 ? spool_qos0(t, s, topic, p->body)
                            : spool(t, s, topic, 1);
    if (taken && wait && qos > 0)
        answer_qos1(core, s, token, SN_ACCEPTED);
    if (taken)
        count(core, qos ? COUNT_publishes_in_qos1 : COUNT_publishes_in_qos0);
    else if (qos == 0)
        count(core, COUNT_qos0_not_forwarded);
    else
        puback(t, SN_CONGESTION);
}

void on_publish(const struct turn *t)
{
    struct core *core = t->core;
    const struct sn_packet *p = t->p;
    enum sn_topic_type type = sn_topic_type(p->flags);
    uint8_t scratch[2];

    if (sn_qos(p->flags) == SN_QOS_MINUS_ONE) {
        publish_without_connection(t);
        return;
    }
    if (told_to_connect(t))
        return;
    struct sn_bytes topic = topic_named(core, t->s, type, p->topic_id, scratch);
    if (topic.len > 0) {
        publish_known(t, topic);
    } else if (type == SN_TOPIC_NORMAL || type == SN_TOPIC_PREDEFINED) {
        count(core, COUNT_publishes_unknown_topic);
        puback(t, SN_INVALID_TOPIC_ID); /* regardless of QoS (6.6, A18) */
    } else {
        puback(t, SN_NOT_SUPPORTED); /* A18, A29 */
    }
}

void on_pubrel(const struct turn *t)
{
    struct received *r = received_find(t->s, t->p->msg_id);

    if (r && !r->forwarded) {
        count(t->core, COUNT_protocol_errors); /* PUBREC was not sent yet */
        return;
    }
    if (r) {
        record_received_gone(t->core, t->s, r->msg_id);
        received_remove(t->s, r);
    }
    reply(t, &(struct sn_packet){.type = SN_PUBCOMP, .msg_id = t->p->msg_id}); /* A24 */
}

/* The broker has gone and the bridge gives the message back. */
static bool kept(struct core *core, struct session *s, msec_t now, struct token token,
                 const struct bridge_message *m)
{
    const struct received *r = token.kind == TOKEN_QOS2 ? received_find(s, token.msg_id) : NULL;
    bool awaited =
        token.kind == TOKEN_QOS2 ? r && !r->forwarded : token.epoch == s->epoch && s->reachable;

    return awaited && m->topic.len > 0 && core->keeps_offline && spool_take(core, s, now, m, true);
}

void publish_answered(struct core *core, struct session *s, msec_t now,
                      const struct bridge_event *event)
{
    struct token token = token_unpack(event->token);
    uint8_t return_code = return_code_of(event->result);

    if (token.kind == TOKEN_NONE)
        return; /* a will */
    if (token.kind == TOKEN_SPOOL) {
        spool_answered(core, s, now, event);
        return;
    }
    if (return_code == SN_CONGESTION && kept(core, s, now, token, &event->message))
        return_code = SN_ACCEPTED;
    if (return_code == SN_CONGESTION)
        count(core, COUNT_publishes_congested);
    else if (return_code != SN_ACCEPTED)
        count(core, COUNT_publishes_refused);
    if (token.kind == TOKEN_QOS2)
        answer_qos2(core, s, token, return_code);
    else if (token.epoch == s->epoch && s->reachable)
        answer_qos1(core, s, token, return_code);
    else
        count(core, COUNT_late_answers);
}
