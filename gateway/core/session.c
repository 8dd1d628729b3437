/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/session.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

bool will_set(struct will *w, struct sn_bytes topic, struct sn_bytes payload, uint8_t qos,
              bool retain)
{
    uint8_t *text = malloc(topic.len + payload.len + 1); /* never malloc(0) */

    if (!text)
        return false;
    if (topic.len > 0)
        memcpy(text, topic.data, topic.len);
    if (payload.len > 0)
        memcpy(text + topic.len, payload.data, payload.len);
    will_clear(w);
    *w = (struct will){sn_bytes(text, topic.len), sn_bytes(text + topic.len, payload.len), qos,
                       retain};
    return true;
}

static void free_text(struct sn_bytes text)
{
    union {
        const uint8_t *borrowed;
        void *owned;
    } p = {.borrowed = text.data};

    free(p.owned);
}

void will_clear(struct will *w)
{
    free_text(w->topic);
    *w = (struct will){0};
}

bool will_equal(const struct will *a, const struct will *b)
{
    return sn_bytes_equal(a->topic, b->topic) && sn_bytes_equal(a->payload, b->payload) &&
           a->qos == b->qos && a->retain == b->retain;
}

void sessions_fini(struct sessions *t)
{
    HASH_CLEAR(by_id, t->by_id);
    HASH_CLEAR(by_peer, t->by_peer);
    for (uint32_t i = 0; i < t->count; i++) {
        session_wipe(t->slots[i]);
        free_text(t->slots[i]->client_id);
        free(t->slots[i]);
    }
    free(t->slots);
    *t = (struct sessions){0};
}

static struct session *append_slot(struct sessions *t)
{
    if (t->count == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 64;
        struct session **slots = realloc(t->slots, cap * sizeof(struct session *));
        if (!slots)
            return NULL;
        t->slots = slots;
        t->cap = cap;
    }
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    t->slots[t->count++] = s;
    s->slot = t->count;
    s->generation = 1;
    return s;
}

static struct session *take_slot(struct sessions *t)
{
    struct session *s = t->free;

    if (!s)
        return append_slot(t);
    LL_DELETE(t->free, s);
    return s;
}

/* The next owner of the slot starts from zero, but for the generation and the epoch, which late
 * answers are told by. */
static void clear_slot(struct session *s)
{
    free_text(s->client_id);
    *s = (struct session){
        .slot = s->slot,
        .generation = s->generation + 1,
        .epoch = s->epoch,
    };
}

/* `s`: an empty slot that is in no list, or NULL. */
static struct session *settle(struct sessions *t, struct session *s, struct sn_bytes client_id)
{
    uint8_t *id = s ? malloc(client_id.len + 1) : NULL;

    if (!id) {
        if (s)
            LL_PREPEND(t->free, s);
        return NULL;
    }
    memcpy(id, client_id.data, client_id.len);
    s->client_id = sn_bytes(id, client_id.len);
    unsigned hash = table_hash(t->key, id, client_id.len);
    HASH_ADD_KEYPTR_BYHASHVALUE(by_id, t->by_id, id, (unsigned)client_id.len, hash, s);
    if (!s->by_id.tbl) {
        clear_slot(s);
        LL_PREPEND(t->free, s);
        return NULL;
    }
    DL_APPEND(t->absent, s);
    t->live++;
    return s;
}

struct session *session_new(struct sessions *t, struct sn_bytes client_id)
{
    return settle(t, take_slot(t), client_id);
}

struct session *session_new_at(struct sessions *t, uint32_t slot, struct sn_bytes client_id)
{
    struct session *s = NULL;

    while (t->count < slot) {
        s = append_slot(t);
        if (s && t->count < slot)
            LL_PREPEND(t->free, s);
        if (!s)
            return NULL;
    }
    return settle(t, s, client_id);
}

void session_free(struct sessions *t, struct session *s)
{
    assert(s->deadline.place == 0 && !s->attempt && !s->backlog);
    session_unbind(t, s);
    session_wipe(s);
    if (!session_live(s))
        DL_DELETE(t->absent, s);
    HASH_DELETE(by_id, t->by_id, s);
    clear_slot(s);
    LL_PREPEND(t->free, s);
    t->live--;
}

struct received *session_receive(struct session *s)
{
    if (!s->received)
        s->received = calloc(RECEIVED_MAX, sizeof *s->received);
    if (!s->received || s->received_count == RECEIVED_MAX)
        return NULL;
    return &s->received[s->received_count++];
}

void session_wipe(struct session *s)
{
    s->inflight = (struct inflight){0};
    outbox_clear(&s->outbox);
    registry_clear(&s->topics);
    subscriptions_clear(&s->subscriptions);
    free(s->received);
    s->received = NULL;
    s->received_count = 0;
    s->register_pause = s->publish_pause = 0;
    will_clear(&s->will);
    s->will_updated = false;
}

struct session *session_find(const struct sessions *t, struct sn_bytes client_id)
{
    struct session *s;
    unsigned hash = table_hash(t->key, client_id.data, client_id.len);

    HASH_FIND_BYHASHVALUE(by_id, t->by_id, client_id.data, (unsigned)client_id.len, hash, s);
    return s;
}

struct session *session_at(const struct sessions *t, const struct sn_peer *peer)
{
    struct session *s;
    unsigned hash = table_hash(t->key, peer, SN_PEER_IDENTITY);

    HASH_FIND_BYHASHVALUE(by_peer, t->by_peer, peer, (unsigned)SN_PEER_IDENTITY, hash, s);
    return s;
}

struct session *session_of(const struct sessions *t, struct session_ref ref)
{
    if (ref.slot < 1 || ref.slot > t->count)
        return NULL;
    struct session *s = t->slots[ref.slot - 1];
    return s->client_id.data && s->generation == ref.generation ? s : NULL;
}

bool session_bind(struct sessions *t, struct session *s, const struct sn_peer *peer)
{
    session_unbind(t, s);
    s->peer = *peer;
    unsigned hash = table_hash(t->key, &s->peer, SN_PEER_IDENTITY);
    HASH_ADD_KEYPTR_BYHASHVALUE(by_peer, t->by_peer, &s->peer, (unsigned)SN_PEER_IDENTITY, hash, s);
    s->reachable = s->by_peer.tbl != NULL;
    return s->reachable;
}

void session_unbind(struct sessions *t, struct session *s)
{
    if (!s->reachable)
        return;
    HASH_DELETE(by_peer, t->by_peer, s);
    s->by_peer.tbl = NULL;
    s->reachable = false;
}

void session_set_absent(struct sessions *t, struct session *s, bool absent)
{
    if (absent)
        DL_APPEND(t->absent, s);
    else
        DL_DELETE(t->absent, s);
}

const char *session_state_name(enum session_state state)
{
    static const char *const names[] = {
        [DISCONNECTED] = "disconnected",
        [ACTIVE] = "active",
        [ASLEEP] = "asleep",
        [AWAKE] = "awake",
        [LOST] = "lost",
    };

    return names[state];
}
