/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator may look at, and what a test must find in order. */
#include <assert.h>
#include <utlist.h>

#include "gateway/core/internal.h"
#include "gateway/v12/engine.h"

void core_each_session(const struct core *core,
                       void (*each)(void *self, const struct session_view *), void *self)
{
    for (uint32_t i = 0; i < core->sessions.count; i++) {
        const struct session *s = core->sessions.slots[i];
        if (!s->client_id.data)
            continue;
        struct session_view view = {
            .client_id = s->client_id,
            .state = session_state_name(s->state),
            .peer = s->reachable ? &s->peer : NULL,
            .last_heard = s->last_heard,
            .keep_alive =
                s->state == ASLEEP || s->state == AWAKE ? s->sleep_duration : s->keep_alive,
            .topics = s->topics.count,
            .subscriptions = s->subscriptions.count,
            .queued = s->outbox.count,
            .queued_octets = s->outbox.octets,
            .link_up = s->reachable && !core->link_down[s->peer.link],
            .upstream = s->upstream == UPSTREAM_OPEN,
        };
        each(self, &view);
    }
}

static void audit_queue(const struct session *s)
{
    size_t octets = 0;
    uint32_t messages = 0;
    bool found = !s->inflight.message;

    for (const struct message *m = s->outbox.head; m; m = m->next) {
        messages++;
        octets += (size_t)m->topic_len + m->payload_len;
        found = found || m == s->inflight.message;
        assert(m->next || m == s->outbox.tail);
    }
    assert(messages == s->outbox.count && octets == s->outbox.octets);
    assert(found);
    assert(s->inflight.waits != IDLE || !s->inflight.message);
}

static void audit_session(const struct core *core, const struct session *s)
{
    assert(session_find(&core->sessions, s->client_id) == s);
    assert(!s->reachable || session_at(&core->sessions, &s->peer) == s);
    assert(session_live(s) || !s->reachable);
    assert(session_live(s) || s->deadline.place == 0);
    assert(session_lost_at(core, s) == NEVER || s->deadline.place > 0);
    assert(!s->attempt || (s->attempt->session == s && s->attempt->phase == OPENING));
    assert(s->state == ACTIVE || s->state == AWAKE || s->inflight.waits == IDLE);
    assert(session_live(s) || s->attempt || s->backlog || s->upstream == UPSTREAM_CLOSED ||
           upstream_forgets(core, s));
    assert(!s->backlog || (s->backlog->owner == s && s->backlog->holder == &s->backlog));
    assert(s->received_count <= RECEIVED_MAX);
    for (uint32_t i = 0; i < s->topics.count; i++) {
        const struct topic *t = s->topics.by_id[i];
        if (!t)
            continue;
        assert(t->id == i + 1);
        assert(registry_by_name(&s->topics, &core->key, sn_bytes(t->name, t->len)) == t);
    }
    audit_queue(s);
}

static void audit_spool(const struct core *core)
{
    size_t octets = 0;
    uint32_t messages = 0, ready = 0, under_way = 0;
    const struct spooled *m;
    const struct backlog *b;

    DL_FOREACH2(core->spool.oldest, m, later)
    {
        messages++;
        octets += (size_t)m->topic_len + m->payload_len;
        assert(*m->backlog->holder == m->backlog);
        assert(!m->backlog->owner || m->backlog->owner->client_id.data);
        if (m != m->backlog->messages)
            continue;
        under_way = 0;
        for (const struct spooled *one = m; one; one = one->next)
            under_way += one->under_way ? 1 : 0;
        assert(under_way == m->backlog->under_way);
    }
    assert(messages == core->spool.count && octets == core->spool.octets);
    DL_FOREACH(core->spool.ready, b)
    {
        assert(b->ready && b->messages);
        ready++;
    }
    DL_FOREACH(core->spool.resting, b)
    {
        assert(b->resting && !b->ready && b->messages && core->rest_until > 0);
        ready++;
    }
    assert(ready == 0 || core->draining.place > 0);
}

void core_audit(const struct core *core)
{
    uint32_t live = 0, absent = 0, attempts = 0;
    const struct session *s;
    const struct attempt *a;

    assert(deadlines_sound(&core->deadlines));
    audit_spool(core);
    for (uint32_t i = 0; i < core->sessions.count; i++) {
        s = core->sessions.slots[i];
        if (!s->client_id.data)
            continue;
        live++;
        absent += session_live(s) ? 0 : 1;
        audit_session(core, s);
    }
    assert(live == core->sessions.live);
    assert(live <= core->config->gateway.max_clients || live <= core->restored);
    DL_FOREACH(core->sessions.absent, s)
    absent--;
    assert(absent == 0);
    DL_FOREACH(core->attempt_list, a)
    {
        attempts++;
        assert(a->phase == OPENING ? a->session && a->session->attempt == a : !a->session);
        assert(attempt_at(core, &a->peer) == a);
    }
    assert(attempts == core->attempt_count);
    assert(HASH_CNT(hh, core->attempts) == attempts);
}
