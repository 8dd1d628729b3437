/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/recording.h"

static void tell(struct core *core, const struct record *r)
{
    if (!core->restoring)
        core->sink.record(core->sink.self, r);
}

static void tell_of(struct core *core, enum record_type type, const struct session *s)
{
    tell(core, &(struct record){.type = type, .session = s->slot});
}

enum record_state recorded_state(enum session_state state)
{
    switch (state) {
    case DISCONNECTED: return RECORD_DISCONNECTED;
    case ACTIVE: return RECORD_ACTIVE;
    case ASLEEP:
    case AWAKE: return RECORD_ASLEEP;
    case LOST: return RECORD_LOST;
    }
    return RECORD_DISCONNECTED;
}

void record_session(struct core *core, const struct session *s)
{
    struct record r = {
        .type = RECORD_SESSION,
        .session = s->slot,
        .client =
            {
                .client_id = s->client_id,
                .state = recorded_state(s->state),
                .clean = s->clean,
                .fresh = s->fresh,
                .reachable = s->reachable,
                .peer = s->peer,
                .keep_alive = s->keep_alive,
                .sleep_duration = s->sleep_duration,
                .silent_until = session_lost_at(core, s),
                .will_topic = s->will.topic,
                .will_payload = s->will.payload,
                .will_qos = s->will.qos,
                .will_retain = s->will.retain,
                .will_updated = s->will_updated,
            },
    };

    tell(core, &r);
}

void record_session_wiped(struct core *core, const struct session *s)
{
    tell_of(core, RECORD_SESSION_WIPED, s);
}

void record_session_gone(struct core *core, const struct session *s)
{
    tell_of(core, RECORD_SESSION_GONE, s);
}

void record_topic(struct core *core, const struct session *s, const struct topic *topic)
{
    struct record r = {
        .type = RECORD_TOPIC,
        .session = s->slot,
        .topic = {topic->id, sn_bytes(topic->name, topic->len), topic->known, topic->given},
    };

    tell(core, &r);
}

void record_topic_used_up(struct core *core, const struct session *s, uint16_t topic_id)
{
    tell(core, &(struct record){
                   .type = RECORD_TOPIC, .session = s->slot, .topic = {.topic_id = topic_id}});
}

void record_topics_unknown(struct core *core, const struct session *s)
{
    tell_of(core, RECORD_TOPICS_UNKNOWN, s);
}

static void tell_subscription(struct core *core, enum record_type type, const struct session *s,
                              const struct subscription *sub)
{
    struct record r = {
        .type = type,
        .session = s->slot,
        .subscription = {subscription_filter(sub), (uint8_t)sub->type, sub->topic_id,
                         sub->qos_asked, sub->qos_granted, sub->state == SUBSCRIPTION_LEAVING},
    };

    tell(core, &r);
}

void record_subscription(struct core *core, const struct session *s, const struct subscription *sub)
{
    tell_subscription(core, RECORD_SUBSCRIPTION, s, sub);
}

void record_subscription_gone(struct core *core, const struct session *s,
                              const struct subscription *sub)
{
    tell_subscription(core, RECORD_SUBSCRIPTION_GONE, s, sub);
}

void record_message(struct core *core, const struct session *s, struct message *m, msec_t now)
{
    if (m->qos == 0 && !core->config->store.keep_qos0)
        return;
    m->sequence = ++core->last_sequence;
    struct record r = {
        .type = RECORD_MESSAGE,
        .session = s->slot,
        .message = {m->sequence, message_topic(m), message_payload(m), m->qos, m->retain,
                    (int64_t)now, m->qos < 2 && in_reach(core, s) && s->state != ASLEEP},
    };
    tell(core, &r);
}

void record_message_released(struct core *core, const struct session *s, const struct message *m,
                             msec_t now)
{
    struct record r = {
        .type = RECORD_MESSAGE,
        .session = s->slot,
        .message = {.sequence = m->sequence, .qos = m->qos, .received = (int64_t)now},
    };

    tell(core, &r);
}

void record_message_gone(struct core *core, const struct session *s, struct message *m)
{
    if (m->sequence == 0)
        return;
    tell(core, &(struct record){.type = RECORD_MESSAGE_GONE,
                                .session = s->slot,
                                .message = {.sequence = m->sequence}});
    m->sequence = 0;
}

static void tell_received(struct core *core, enum record_type type, const struct session *s,
                          struct record_received r)
{
    tell(core, &(struct record){.type = type, .session = s->slot, .received = r});
}

void record_received(struct core *core, const struct session *s, const struct received *r)
{
    tell_received(core, RECORD_RECEIVED, s,
                  (struct record_received){r->msg_id, r->topic_id, r->digest});
}

void record_received_gone(struct core *core, const struct session *s, uint16_t msg_id)
{
    tell_received(core, RECORD_RECEIVED_GONE, s, (struct record_received){.msg_id = msg_id});
}

void record_spooled(struct core *core, const struct session *s, const struct spooled *m)
{
    struct record r = {
        .type = RECORD_SPOOLED,
        .session = s ? s->slot : 0,
        .message = {m->sequence, spooled_topic(m), spooled_payload(m), m->qos, m->retain,
                    m->received, false},
    };

    tell(core, &r);
}

void record_spooled_gone(struct core *core, const struct session *s, const struct spooled *m)
{
    tell(core, &(struct record){.type = RECORD_SPOOLED_GONE,
                                .session = s ? s->slot : 0,
                                .message = {.sequence = m->sequence}});
}

void record_id_key(struct core *core)
{
    tell(core,
         &(struct record){.type = RECORD_ID_KEY, .id_key = {core->id_key.k0, core->id_key.k1}});
}
