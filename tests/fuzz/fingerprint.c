/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fingerprint.h"

static void mix(uint64_t *sum, struct sn_bytes b)
{
    static const struct hash_key key;
    uint64_t both[2] = {*sum, keyed_hash(&key, b.data, b.len)};

    *sum = keyed_hash(&key, both, sizeof both);
}

static void mix_number(uint64_t *sum, uint64_t number)
{
    mix(sum, sn_bytes((const uint8_t *)&number, sizeof number));
}

static uint64_t of_topics(const struct session *s)
{
    uint64_t sum = s->topics.count;

    for (uint32_t i = 0; i < s->topics.count; i++) {
        const struct topic *t = s->topics.by_id[i];
        mix(&sum, t ? sn_bytes(t->name, t->len) : (struct sn_bytes){0});
        mix_number(&sum, t && t->given);
    }
    return sum;
}

/* Rows have no order. */
static uint64_t of_subscriptions(const struct session *s)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < s->subscriptions.count; i++) {
        const struct subscription *sub = s->subscriptions.rows[i];
        uint64_t sum = sub->qos_granted;
        if (sub->state == SUBSCRIPTION_ASKED)
            continue;
        mix(&sum, subscription_filter(sub));
        mix_number(&sum, sub->state);
        all += sum;
    }
    return all;
}

static uint64_t of_messages(const struct session *s)
{
    uint64_t sum = 0;

    for (const struct message *m = s->outbox.head; m; m = m->next) {
        if (m->sequence == 0)
            continue;
        mix_number(&sum, m->sequence << 1 | m->released);
        if (m->released) /* of which only the message id is needed */
            continue;
        mix_number(&sum, (uint64_t)m->qos << 1 | m->retain);
        mix(&sum, message_topic(m));
        mix(&sum, message_payload(m));
    }
    return sum;
}

static uint64_t of_received(const struct session *s)
{
    uint64_t all = 0;

    for (uint16_t i = 0; i < s->received_count; i++) {
        const struct received *r = &s->received[i];
        uint64_t sum = r->msg_id;
        mix_number(&sum, (uint64_t)r->digest << 16 | r->topic_id);
        all += r->forwarded ? sum : 0;
    }
    return all;
}

static uint64_t of_backlog(const struct backlog *b)
{
    uint64_t sum = 0;

    for (const struct spooled *m = b ? b->messages : NULL; m; m = m->next) {
        mix_number(&sum, m->sequence);
        mix_number(&sum, (uint64_t)m->received);
        mix_number(&sum, (uint64_t)m->qos << 1 | m->retain);
        mix(&sum, spooled_topic(m));
        mix(&sum, spooled_payload(m));
    }
    return sum;
}

static uint64_t of_session(const struct session *s)
{
    uint64_t sum = s->slot;

    mix(&sum, s->client_id);
    mix_number(&sum, recorded_state(s->state));
    mix_number(&sum, (uint64_t)s->clean << 2 | (uint64_t)s->reachable << 1 | s->will_updated);
    mix_number(&sum, (uint64_t)s->keep_alive << 16 | s->sleep_duration);
    if (s->reachable)
        mix(&sum, sn_bytes((const uint8_t *)&s->peer, SN_PEER_IDENTITY));
    mix(&sum, s->will.topic);
    mix(&sum, s->will.payload);
    mix_number(&sum, (uint64_t)s->will.qos << 1 | s->will.retain);
    mix_number(&sum, of_topics(s));
    mix_number(&sum, of_subscriptions(s));
    mix_number(&sum, of_messages(s));
    mix_number(&sum, of_received(s));
    mix_number(&sum, of_backlog(s->backlog));
    return sum;
}

uint64_t fingerprint(const struct core *core)
{
    uint64_t sum = of_backlog(core->spool.own);

    if (core->id_key_used)
        mix(&sum, sn_bytes((const uint8_t *)&core->id_key, sizeof core->id_key));
    for (uint32_t i = 0; i < core->sessions.count; i++) {
        const struct session *s = core->sessions.slots[i];
        bool promised = s->client_id.data && !(s->attempt && s->attempt->new_session);
        if (promised)
            mix_number(&sum, of_session(s));
    }
    return sum;
}
