/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/internal.h"
#include "gateway/core/recording.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

bool core_send_radius(struct core *core, const struct sn_peer *to, uint8_t radius,
                      const struct sn_packet *p)
{
    if (core->link_down[to->link]) {
        count(core, COUNT_link_down);
        return true; /* lost on the way, as it may be on any radio */
    }
    struct sn_bytes wire = sn_encode(p, core->wire, sizeof core->wire);
    if (wire.len > 0 && to->node_len > 0)
        wire = sn_wrap(sn_peer_node_id(to), radius, wire, core->wrapped, sizeof core->wrapped);
    if (wire.len == 0 || wire.len > core->links[to->link].max_packet) {
        count(core, COUNT_oversize);
        return false;
    }
    core->sink.send(core->sink.self, to, wire);
    return true;
}

bool core_send(struct core *core, const struct sn_peer *to, const struct sn_packet *p)
{
    return core_send_radius(core, to, 0, p);
}

void core_notice(struct core *core, enum notice_type type, const struct session *s, unsigned detail)
{
    struct notice n = {
        .type = type,
        .client_id = s->client_id,
        .peer = s->reachable ? &s->peer : NULL,
        .detail = detail,
    };

    core->sink.notice(core->sink.self, &n);
}

/* 10 % over a period of more than a minute, else half of it (7.2). */
static msec_t with_tolerance(unsigned seconds)
{
    return (msec_t)seconds * (seconds > 60 ? 1100 : 1500);
}

msec_t session_lost_at(const struct core *core, const struct session *s)
{
    switch (s->state) {
    case ACTIVE:
        if (s->keep_alive > 0)
            return s->last_heard + with_tolerance(s->keep_alive);
        if (core->config->gateway.max_silence_ms > 0)
            return s->last_heard + core->config->gateway.max_silence_ms;
        return NEVER;
    case ASLEEP: return s->last_heard + with_tolerance(s->sleep_duration);
    case AWAKE: /* supervised by the retries of what it is being sent (section 7 of the digest) */
    case DISCONNECTED:
    case LOST: return NEVER;
    }
    return NEVER;
}

static msec_t sooner(msec_t a, msec_t b)
{
    return a < b ? a : b;
}

void session_arm(struct core *core, struct session *s, msec_t now)
{
    msec_t due = session_lost_at(core, s);

    if (!session_live(s))
        return;
    if (s->inflight.waits != IDLE && !s->stalled && in_reach(core, s))
        due = sooner(due, s->inflight.due);
    if (s->outbox.count > 0 && s->register_pause > now)
        due = sooner(due, s->register_pause);
    if (s->outbox.count > 0 && s->publish_pause > now)
        due = sooner(due, s->publish_pause);
    if (due == NEVER)
        return;
    if (due <= now)
        due = now + 1;
    if (s->deadline.place == 0 || due < s->deadline.due)
        deadline_set(&core->deadlines, &s->deadline, due);
}

void session_enter(struct core *core, struct session *s, enum session_state state, msec_t now)
{
    bool was_live = session_live(s);
    bool changed = recorded_state(s->state) != recorded_state(state);

    s->state = state;
    if (was_live != session_live(s))
        session_set_absent(&core->sessions, s, was_live);
    if (session_live(s)) {
        session_arm(core, s, now);
    } else {
        session_unbind(&core->sessions, s);
        deadline_clear(&core->deadlines, &s->deadline);
    }
    if (changed)
        record_session(core, s);
}

void session_drop(struct core *core, struct session *s, struct message *m)
{
    record_message_gone(core, s, m);
    outbox_remove(&s->outbox, m);
}

void session_forget(struct core *core, struct session *s)
{
    deadline_clear(&core->deadlines, &s->deadline);
    record_session_gone(core, s);
    session_free(&core->sessions, s);
}

/* The session absent longest that no connect and no acknowledged message waits for. */
static struct session *to_evict(const struct core *core)
{
    struct session *s;

    DL_FOREACH(core->sessions.absent, s)
    if (!s->attempt && !s->backlog)
        return s;
    return NULL;
}

/* The broker, or the bridge, need not keep its subscriptions any longer. */
static void let_go(struct core *core, const struct session *s)
{
    core->sink.request(core->sink.self,
                       &(struct bridge_request){.type = BRIDGE_CLOSE, .session = session_ref(s)});
}

struct session *session_make(struct core *core, struct sn_bytes client_id)
{
    if (core->sessions.live >= core->config->gateway.max_clients) {
        struct session *oldest = to_evict(core);
        if (!oldest)
            return NULL;
        count(core, COUNT_evictions);
        core_notice(core, NOTICE_EVICTED, oldest, 0);
        let_go(core, oldest);
        session_forget(core, oldest);
    }
    if (!deadlines_reserve(&core->deadlines, (size_t)core->sessions.live + core->attempt_count + 2))
        return NULL;
    return session_new(&core->sessions, client_id);
}

struct attempt *attempt_at(const struct core *core, const struct sn_peer *peer)
{
    struct attempt *a;

    if (!core->attempts)
        return NULL;
    unsigned hash = table_hash(&core->key, peer, SN_PEER_IDENTITY);
    HASH_FIND_BYHASHVALUE(hh, core->attempts, peer, (unsigned)SN_PEER_IDENTITY, hash, a);
    return a;
}

struct attempt *attempt_new(struct core *core, const struct sn_peer *peer,
                            struct sn_bytes client_id)
{
    if (core->attempt_count >= core->config->gateway.max_clients ||
        !deadlines_reserve(&core->deadlines, (size_t)core->sessions.live + core->attempt_count + 2))
        return NULL;
    struct attempt *a = calloc(1, sizeof *a + client_id.len);
    if (!a)
        return NULL;
    a->peer = *peer;
    uint8_t *id = (uint8_t *)(a + 1);
    memcpy(id, client_id.data, client_id.len);
    a->client_id = sn_bytes(id, client_id.len);
    a->deadline.owner = OWNER_ATTEMPT;
    unsigned hash = table_hash(&core->key, &a->peer, SN_PEER_IDENTITY);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, core->attempts, &a->peer, (unsigned)SN_PEER_IDENTITY, hash, a);
    if (!a->hh.tbl) {
        free(a);
        return NULL;
    }
    DL_APPEND(core->attempt_list, a);
    core->attempt_count++;
    return a;
}

void attempt_free(struct core *core, struct attempt *a)
{
    if (a->session)
        a->session->attempt = NULL;
    deadline_clear(&core->deadlines, &a->deadline);
    HASH_DEL(core->attempts, a);
    DL_DELETE(core->attempt_list, a);
    core->attempt_count--;
    will_clear(&a->will);
    free(a);
}
