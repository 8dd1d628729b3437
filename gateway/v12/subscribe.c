/* SPDX-License-Identifier: Apache-2.0 */
/* REGISTER from the device, SUBSCRIBE and UNSUBSCRIBE: MQTT-SN 1.2, 6.5, 6.7, 6.9. */
#include "gateway/core/predefined.h"
#include "gateway/core/recording.h"
#include "gateway/v12/engine.h"
#include "sn/topic.h"

static uint8_t register_topic(const struct turn *t, uint16_t *topic_id)
{
    struct core *core = t->core;
    struct sn_bytes name = t->p->body;
    const struct gateway_config *limits = &core->config->gateway;

    if (!sn_topic_name_ok(name) || name.len > limits->max_topic_length)
        return SN_NOT_SUPPORTED; /* A16 */
    struct topic *topic = topic_make(core, t->s, name);
    if (!topic)
        return SN_CONGESTION; /* A17 */
    topic_told(core, t->s, topic);
    topic->muted = false;
    *topic_id = topic->id;
    return SN_ACCEPTED;
}

void on_register(const struct turn *t)
{
    struct sn_packet p = {.type = SN_REGACK, .msg_id = t->p->msg_id};

    if (told_to_connect(t))
        return;
    count(t->core, COUNT_registers_in);
    p.return_code = register_topic(t, &p.topic_id);
    if (p.return_code != SN_ACCEPTED)
        count(t->core, COUNT_registers_refused);
    reply(t, &p);
}

static void suback(struct core *core, const struct session *s, uint16_t msg_id, uint16_t topic_id,
                   uint8_t qos, uint8_t return_code)
{
    struct sn_packet p = {
        .type = SN_SUBACK,
        .flags = sn_qos_flags(qos),
        .topic_id = topic_id,
        .msg_id = msg_id,
        .return_code = return_code,
    };

    if (return_code != SN_ACCEPTED)
        count(core, COUNT_subscribes_refused);
    core_send(core, &s->peer, &p);
}

/* The topic filter that a SUBSCRIBE or UNSUBSCRIBE names. SN_ACCEPTED, or why there is none. */
static uint8_t named_filter(const struct turn *t, uint8_t scratch[2], struct sn_bytes *filter)
{
    const struct sn_packet *p = t->p;

    switch (sn_topic_type(p->flags)) {
    case SN_TOPIC_NORMAL:
        *filter = p->body;
        return sn_topic_filter_ok(*filter) &&
                       filter->len <= t->core->config->gateway.max_topic_length
                   ? SN_ACCEPTED
                   : SN_NOT_SUPPORTED;
    case SN_TOPIC_PREDEFINED:
        *filter = predefined_name(t->core->config, t->s->client_id, p->topic_id);
        return filter->len > 0 ? SN_ACCEPTED : SN_INVALID_TOPIC_ID;
    case SN_TOPIC_SHORT:
        sn_short_name(p->topic_id, scratch);
        *filter = sn_bytes(scratch, 2);
        return sn_short_name_ok(p->topic_id) ? SN_ACCEPTED : SN_NOT_SUPPORTED; /* A29 */
    case SN_TOPIC_RESERVED: break;
    }
    return SN_NOT_SUPPORTED;
}

static bool ask(struct core *core, const struct session *s, const struct subscription *sub,
                enum token_kind kind)
{
    struct bridge_request r = {
        .type = BRIDGE_SUBSCRIBE,
        .session = session_ref(s),
        .token = token_pack((struct token){kind, s->epoch, sub->serial, sub->asking_msg_id}),
        .patient = kind == TOKEN_RENEW,
        .message = {.topic = subscription_filter(sub), .qos = sub->qos_asked},
    };

    return s->upstream == UPSTREAM_OPEN && core->sink.request(core->sink.self, &r);
}

/* A row for the filter, and a topic id for a plain name: what the SUBACK will need. */
static struct subscription *make_row(const struct turn *t, struct sn_bytes filter)
{
    struct core *core = t->core;
    struct session *s = t->s;
    const struct gateway_config *limits = &core->config->gateway;
    struct subscription *sub = subscription_find(&s->subscriptions, filter);

    if (sn_topic_type(t->p->flags) == SN_TOPIC_NORMAL && !sn_topic_has_wildcard(filter) &&
        !topic_make(core, s, filter))
        return NULL;
    if (!sub && s->subscriptions.count < limits->max_subscriptions)
        sub = subscription_add(&s->subscriptions, filter);
    return sub;
}

static void subscribe(const struct turn *t, struct sn_bytes filter)
{
    struct session *s = t->s;
    const struct sn_packet *p = t->p;
    struct subscription *sub = make_row(t, filter);

    if (!sub) {
        suback(t->core, s, p->msg_id, 0, 0, SN_CONGESTION);
        return;
    }
    if (sub->asking && sub->asking_msg_id == p->msg_id) {
        count(t->core, COUNT_subscribes_repeated);
        return; /* the answer is on its way */
    }
    bool leaving = sub->state == SUBSCRIPTION_LEAVING;
    if (leaving) {
        sub->state = SUBSCRIPTION_ASKED;
        record_subscription_gone(t->core, s, sub);
    }
    sub->type = sn_topic_type(p->flags);
    sub->topic_id = p->topic_id;
    sub->qos_asked = sn_qos(p->flags);
    sub->asking = true;
    sub->asking_msg_id = p->msg_id;
    if (ask(t->core, s, sub, TOKEN_SUBSCRIBE))
        return; /* the answer, and the end of the row, may have come already */
    sub->asking = false;
    if (leaving) { /* that the broker is still to be told */
        sub->state = SUBSCRIPTION_LEAVING;
        record_subscription(t->core, s, sub);
    } else if (sub->state == SUBSCRIPTION_ASKED) {
        subscription_remove(&s->subscriptions, sub);
    }
    suback(t->core, s, p->msg_id, 0, 0, SN_CONGESTION);
}

void on_subscribe(const struct turn *t)
{
    uint8_t scratch[2];
    struct sn_bytes filter = {0};
    uint8_t return_code = named_filter(t, scratch, &filter);

    if (told_to_connect(t))
        return;
    count(t->core, COUNT_subscribes);
    if (sn_qos(t->p->flags) == SN_QOS_MINUS_ONE) /* A27 */
        return_code = SN_NOT_SUPPORTED;
    registry_unmute(&t->s->topics); /* A15 */
    if (return_code == SN_ACCEPTED)
        subscribe(t, filter);
    else
        suback(t->core, t->s, t->p->msg_id, 0, 0, return_code);
}

/* What SUBACK says the gateway will use in PUBLISH (8.6). */
static uint16_t suback_topic_id(struct core *core, struct session *s,
                                const struct subscription *sub)
{
    if (sub->type == SN_TOPIC_PREDEFINED)
        return sub->topic_id;
    if (sub->type == SN_TOPIC_SHORT || sub->wildcard)
        return SN_TOPIC_ID_NONE;
    struct topic *t = registry_by_name(&s->topics, &core->key, subscription_filter(sub));
    if (!t)
        return SN_TOPIC_ID_NONE;
    topic_told(core, s, t);
    return t->id;
}

/* The row ends, also where it was recorded. */
static void remove_row(struct core *core, struct session *s, struct subscription *sub)
{
    record_subscription_gone(core, s, sub);
    subscription_remove(&s->subscriptions, sub);
}

void subscribe_answered(struct core *core, struct session *s, msec_t now,
                        const struct bridge_event *event)
{
    struct token token = token_unpack(event->token);
    struct subscription *sub = subscription_by_serial(&s->subscriptions, token.id);
    uint8_t return_code = return_code_of(event->result);
    bool wanted = token.kind == TOKEN_SUBSCRIBE && token.epoch == s->epoch && s->reachable;

    if (!sub) {
        count(core, COUNT_late_answers);
        return;
    }
    if (token.kind == TOKEN_SUBSCRIBE && sub->asking_msg_id == token.msg_id)
        sub->asking = false;
    if (return_code != SN_ACCEPTED) {
        if (token.kind == TOKEN_RENEW) {
            sub->unsure = true;
            count(core, COUNT_renewals_failed);
        }
        bool over = token.kind == TOKEN_RENEW ? return_code == SN_NOT_SUPPORTED
                                              : sub->state == SUBSCRIPTION_ASKED;
        if (over && sub->state != SUBSCRIPTION_LEAVING && !sub->asking)
            remove_row(core, s, sub);
        if (wanted)
            suback(core, s, token.msg_id, 0, 0, return_code);
        return;
    }
    if (sub->state == SUBSCRIPTION_ASKED)
        sub->state = SUBSCRIPTION_GRANTED;
    sub->unsure = false;
    sub->qos_granted = event->granted_qos;
    record_subscription(core, s, sub);
    if (!wanted)
        return;
    suback(core, s, token.msg_id, suback_topic_id(core, s, sub), sub->qos_granted, SN_ACCEPTED);
    deliver_next(core, s, now); /* what was muted may go now */
}

static void unsuback(struct core *core, const struct session *s, uint16_t msg_id)
{
    core_send(core, &s->peer, &(struct sn_packet){.type = SN_UNSUBACK, .msg_id = msg_id});
}

static bool ask_to_leave(struct core *core, const struct session *s, struct sn_bytes filter,
                         struct token token)
{
    struct bridge_request r = {
        .type = BRIDGE_UNSUBSCRIBE,
        .session = session_ref(s),
        .token = token_pack(token),
        .message = {.topic = filter},
    };

    return s->upstream == UPSTREAM_OPEN && core->sink.request(core->sink.self, &r);
}

/* UNSUBACK has no return code and is always sent (A30). While the broker is away it is sent at once
 * and the row remembers what the broker is to be told. */
void on_unsubscribe(const struct turn *t)
{
    struct session *s = t->s;
    uint8_t scratch[2];
    struct sn_bytes filter = {0};
    uint8_t usable = named_filter(t, scratch, &filter);

    if (told_to_connect(t))
        return;
    count(t->core, COUNT_unsubscribes);
    if (usable == SN_ACCEPTED) {
        struct subscription *sub = subscription_find(&s->subscriptions, filter);
        if (sub) {
            sub->state = SUBSCRIPTION_LEAVING;
            sub->asking = false;
            record_subscription(t->core, s, sub);
        }
        struct token token = {TOKEN_UNSUBSCRIBE, s->epoch, sub ? sub->serial : 0, t->p->msg_id};
        if (ask_to_leave(t->core, s, filter, token))
            return;
    }
    unsuback(t->core, s, t->p->msg_id);
}

void unsubscribe_answered(struct core *core, struct session *s, const struct bridge_event *event)
{
    struct token token = token_unpack(event->token);
    struct subscription *sub = subscription_by_serial(&s->subscriptions, token.id);

    if (sub && sub->state == SUBSCRIPTION_LEAVING)
        remove_row(core, s, sub);
    if (token.kind != TOKEN_UNSUBSCRIBE)
        return;
    if (token.epoch == s->epoch && s->reachable)
        unsuback(core, s, token.msg_id);
    else
        count(core, COUNT_late_answers);
}

void unsubscribe(struct core *core, struct session *s, struct subscription *sub)
{
    sub->state = SUBSCRIPTION_LEAVING;
    record_subscription(core, s, sub);
    ask_to_leave(core, s, subscription_filter(sub),
                 (struct token){TOKEN_RENEW, s->epoch, sub->serial, 0});
}

void subscribe_forget_asked(struct session *s)
{
    for (uint32_t i = s->subscriptions.count; i-- > 0;) {
        struct subscription *sub = s->subscriptions.rows[i];
        sub->asking = false;
        if (sub->state == SUBSCRIPTION_ASKED)
            subscription_remove(&s->subscriptions, sub);
    }
}

/* Should the connection end before the answer, the next one may find a session without it. Of
 * shared ones the bridge remembers what it was asked. */
static void renew(struct core *core, const struct session *s, struct subscription *sub)
{
    sub->unsure = core->config->gateway.mode != MODE_AGGREGATING;
    if (ask(core, s, sub, TOKEN_RENEW))
        return; /* the answer, and the end of the row, may have come already */
    sub->unsure = true;
    count(core, COUNT_renewals_failed);
}

/* The broker must hold what the client believes it does. Rows may go while answers come. */
void subscribe_again(struct core *core, struct session *s, bool session_present)
{
    for (uint32_t i = s->subscriptions.count; i-- > 0;) {
        if (i >= s->subscriptions.count)
            continue;
        struct subscription *sub = s->subscriptions.rows[i];
        if (sub->state == SUBSCRIPTION_LEAVING && session_present)
            unsubscribe(core, s, sub);
        else if (sub->state == SUBSCRIPTION_LEAVING)
            remove_row(core, s, sub);
        else if (sub->state == SUBSCRIPTION_GRANTED && (!session_present || sub->unsure))
            renew(core, s, sub);
    }
}
