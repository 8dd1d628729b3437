/* SPDX-License-Identifier: Apache-2.0 */
/* Restoring: the records of an earlier run become sessions again. Nothing of this is recorded, and
 * nothing leaves before core_restored. */
#include "gateway/core/internal.h"
#include "gateway/v12/engine.h"
#include "sn/topic.h"

enum { SLOTS_MAX = 1000000 };         /* as many as max_clients can be */
#define SEQUENCE_MAX (UINT64_MAX / 4) /* so that there is always a next one */

static enum session_state state_of(enum record_state state)
{
    switch (state) {
    case RECORD_DISCONNECTED: return DISCONNECTED;
    case RECORD_ACTIVE: return ACTIVE;
    case RECORD_ASLEEP: return ASLEEP;
    case RECORD_LOST: return LOST;
    }
    return DISCONNECTED;
}

static struct session *session_numbered(const struct core *core, uint32_t slot)
{
    const struct sessions *t = &core->sessions;

    return slot >= 1 && slot <= t->count && t->slots[slot - 1]->client_id.data ? t->slots[slot - 1]
                                                                               : NULL;
}

static bool restore_address(struct core *core, struct session *s, const struct record_session *r)
{
    return !session_live(s) || !r->reachable || session_at(&core->sessions, &r->peer) ||
           session_bind(&core->sessions, s, &r->peer);
}

/* Topic names are what brokers took and gave, whatever they were. */
static bool fits_message(struct sn_bytes topic, struct sn_bytes payload, uint8_t qos)
{
    return topic.len > 0 && topic.len <= UINT16_MAX && payload.len <= UINT16_MAX && qos <= 2;
}

static bool sensible_message(const struct record_message *r)
{
    return fits_message(r->topic, r->payload, r->qos) && r->sequence > 0 &&
           r->sequence <= SEQUENCE_MAX;
}

/* The client has it, and waits for the PUBREL. */
static bool awaits_release(const struct record_message *r)
{
    return r->topic.len == 0 && r->payload.len == 0 && r->qos == 2 && r->sequence > 0 &&
           r->sequence <= SEQUENCE_MAX;
}

static bool sensible_session(const struct record_session *r)
{
    return r->client_id.len > 0 && r->client_id.len <= UINT16_MAX && sn_utf8_ok(r->client_id) &&
           (r->will_topic.len == 0 || (sn_topic_name_ok(r->will_topic) &&
                                       fits_message(r->will_topic, r->will_payload, r->will_qos)));
}

static bool sensible_subscription(const struct record_subscription *r)
{
    return sn_topic_filter_ok(r->filter) && r->type <= SN_TOPIC_SHORT && r->qos_asked <= 2 &&
           r->qos_granted <= 2;
}

/* A client that was connected is so again, and has its full time from now on. All are taken, also
 * where max_clients has become smaller: messages are owed to them. */
static bool restore_session(struct core *core, msec_t now, uint32_t slot,
                            const struct record_session *r)
{
    if (!sensible_session(r) || slot > SLOTS_MAX || slot <= core->sessions.count ||
        session_find(&core->sessions, r->client_id) ||
        !deadlines_reserve(&core->deadlines, (size_t)core->sessions.live + 3))
        return false;
    struct session *s = session_new_at(&core->sessions, slot, r->client_id);
    if (!s)
        return false;
    s->clean = r->clean;
    s->fresh = r->fresh;
    s->keep_alive = r->keep_alive;
    s->sleep_duration = r->sleep_duration;
    s->will_updated = r->will_updated;
    s->heard_since_accept = true;
    s->last_heard = now;
    if (r->will_topic.len > 0 &&
        !will_set(&s->will, r->will_topic, r->will_payload, r->will_qos, r->will_retain))
        return false;
    session_enter(core, s, state_of(r->state), now);
    core->restored++;
    return restore_address(core, s, r);
}

static bool restore_topic(struct core *core, struct session *s, const struct record_topic *r)
{
    if (r->name.len > UINT16_MAX || r->topic_id == SN_TOPIC_ID_NONE || r->topic_id == UINT16_MAX)
        return false;
    struct topic *topic = registry_restore(&s->topics, &core->key, r->topic_id, r->name);
    if (!topic)
        return r->name.len == 0;
    topic->known = r->known;
    topic->given = r->given;
    return true;
}

static bool restore_subscription(struct session *s, const struct record_subscription *r)
{
    if (!sensible_subscription(r) || subscription_find(&s->subscriptions, r->filter))
        return false;
    struct subscription *sub = subscription_add(&s->subscriptions, r->filter);
    if (!sub)
        return false;
    sub->state = r->leaving ? SUBSCRIPTION_LEAVING : SUBSCRIPTION_GRANTED;
    sub->type = r->type;
    sub->topic_id = r->topic_id;
    sub->qos_asked = r->qos_asked;
    sub->qos_granted = r->qos_granted;
    return true;
}

static struct bridge_message message_of(const struct record_message *r)
{
    return (struct bridge_message){r->topic, r->payload, r->qos, r->retain};
}

static void used(struct core *core, uint64_t sequence)
{
    if (sequence > core->last_sequence)
        core->last_sequence = sequence;
}

static bool restore_message(struct core *core, struct session *s, const struct record_message *r)
{
    const struct bridge_message from = message_of(r);

    if (!sensible_message(r) && !awaits_release(r))
        return false;
    struct message *m = outbox_push(&s->outbox, &from, r->qos);
    if (!m)
        return false;
    m->sequence = r->sequence;
    m->msg_id = r->qos > 0 ? outbox_msg_id(&s->outbox, m) : 0;
    m->sent = m->released = awaits_release(r);
    used(core, r->sequence);
    return true;
}

static bool restore_received(struct session *s, const struct record_received *r)
{
    struct received *place = session_receive(s);

    if (!place)
        return false;
    *place = (struct received){r->msg_id, r->topic_id, s->epoch, r->digest, true};
    return true;
}

static bool restore_spooled(struct core *core, struct session *s, const struct record_message *r)
{
    const struct bridge_message from = message_of(r);
    struct backlog **holder = s ? &s->backlog : &core->spool.own;

    if (!sensible_message(r))
        return false;
    used(core, r->sequence);
    return spool_push(&core->spool, holder, s, &from, r->sequence, r->received, false) != NULL;
}

static bool restore_id_key(struct core *core, const struct record_id_key *r)
{
    core->id_key = (struct hash_key){r->k0, r->k1};
    core->id_key_used = true;
    return true;
}

static bool restore(struct core *core, msec_t now, const struct record *r)
{
    struct session *s = session_numbered(core, r->session);

    if (r->type == RECORD_SESSION)
        return restore_session(core, now, r->session, &r->client);
    if (r->type == RECORD_ID_KEY)
        return restore_id_key(core, &r->id_key);
    if (!s && !(r->type == RECORD_SPOOLED && r->session == 0))
        return false;
    switch (r->type) {
    case RECORD_TOPIC: return restore_topic(core, s, &r->topic);
    case RECORD_SUBSCRIPTION: return restore_subscription(s, &r->subscription);
    case RECORD_MESSAGE: return restore_message(core, s, &r->message);
    case RECORD_RECEIVED: return restore_received(s, &r->received);
    case RECORD_SPOOLED: return restore_spooled(core, s, &r->message);
    case RECORD_SESSION:
    case RECORD_SESSION_WIPED:
    case RECORD_SESSION_GONE:
    case RECORD_TOPICS_UNKNOWN:
    case RECORD_SUBSCRIPTION_GONE:
    case RECORD_MESSAGE_GONE:
    case RECORD_RECEIVED_GONE:
    case RECORD_SPOOLED_GONE:
    case RECORD_ID_KEY:
    case RECORD_PLACE:
    case RECORD_PLACE_GONE: break;
    }
    return false;
}

bool core_restore(struct core *core, msec_t now, const struct record *record)
{
    core->restoring = true;
    bool done = restore(core, now, record);
    if (!done)
        count(core, COUNT_restore_failures);
    return done;
}

/* The clients' broker connections come back, and what waits for a client goes out as soon as the
 * links can carry it. */
void core_restored(struct core *core, msec_t now)
{
    core->restoring = false;
    /* A late answer to a message id of the run before shall not hit one of this run. */
    core->last_sequence += core->key.k0 % MSG_IDS;
    for (uint32_t i = 0; i < core->sessions.count; i++) {
        struct session *s = core->sessions.slots[i];
        if (session_live(s))
            upstream_restore(core, s, now);
        else if (s->backlog || upstream_forgets(core, s))
            upstream_open(core, s, NULL, false, !s->clean, true); /* it left */
        if (session_live(s) && s->state == ACTIVE && s->outbox.count > 0)
            deadline_set(&core->deadlines, &s->deadline, now + 1);
    }
    deadline_set(&core->deadlines, &core->draining, now + 1);
}
