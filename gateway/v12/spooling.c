/* SPDX-License-Identifier: Apache-2.0 */
/* What clients publish while the broker is away ([broker] offline = store).
 *
 * A message is acknowledged to the device as soon as it is recorded, and leaves when the broker has
 * acknowledged it. Clients with a backlog take turns, at [spool] drain_rate together; a client's
 * live messages queue behind its backlog, so that its order is kept. */
#include "gateway/core/recording.h"
#include "gateway/v12/engine.h"

enum {
    BURST_US = 100000, /* of drain_rate, sent at once after a pause */
    AGAIN_MS = 100,    /* until a connection that took nothing is tried again */
    REST_MS = 1000,    /* and one whose broker has no quota left */
};

static struct backlog **backlog_at(struct core *core, struct session *s)
{
    return s ? &s->backlog : &core->spool.own;
}

static bool is_open(const struct core *core, const struct session *s)
{
    return s ? s->upstream == UPSTREAM_OPEN : core->broker_up;
}

bool spool_wanted(const struct core *core, const struct session *s)
{
    const struct backlog *b = s ? s->backlog : core->spool.own;

    return is_open(core, s) ? b != NULL : core->keeps_offline;
}

/* The client left before its backlog was the broker's; now nothing keeps its connection. */
static void emptied(struct core *core, struct session *s)
{
    if (session_live(s) || s->attempt)
        return;
    upstream_close(core, s, s->parting == PARTING_WITH_WILL ? BRIDGE_WITH_WILL : BRIDGE_POLITELY);
    s->parting = NOT_PARTING;
    if (s->clean)
        session_forget(core, s);
}

/* The message is the broker's, or lost. May end its session. */
static void finish(struct core *core, struct spooled *m)
{
    struct session *s = m->backlog->owner;

    record_spooled_gone(core, s, m);
    spool_remove(&core->spool, m);
    if (s && !s->backlog)
        emptied(core, s);
}

static void drop_too_old(struct core *core, msec_t now)
{
    uint32_t max_age = core->config->spool.max_age_ms;
    struct spooled *m;

    while (max_age > 0 && (m = spool_oldest(&core->spool)) &&
           (int64_t)now - m->received > max_age) {
        count(core, COUNT_spool_dropped_age);
        finish(core, m);
    }
}

static bool too_full(const struct core *core)
{
    const struct spool_config *limits = &core->config->spool;

    return core->spool.count > limits->max_messages || core->spool.octets > limits->max_octets;
}

static msec_t drain_due(const struct core *core, msec_t now)
{
    msec_t due = (core->drain_free_at + 999) / 1000;

    return due > now ? due : now + 1;
}

/* When the spool wants attention: for the next message in turn, or for the first that grows old. */
static void arm(struct core *core, msec_t now)
{
    uint32_t max_age = core->config->spool.max_age_ms;
    const struct spooled *oldest = spool_oldest(&core->spool);
    msec_t due = NEVER;

    if (oldest && max_age > 0 && oldest->received + (int64_t)max_age < (int64_t)now)
        due = now + 1;
    else if (oldest && max_age > 0)
        due = (msec_t)(oldest->received + (int64_t)max_age) + 1;
    if (core->spool.ready && drain_due(core, now) < due)
        due = drain_due(core, now);
    if (core->rest_until > 0 && core->rest_until < due)
        due = core->rest_until > now ? core->rest_until : now + 1;
    deadline_set(&core->deadlines, &core->draining, due);
}

/* As many as the bridge may have had of a client before its first message was kept. */
static struct gap new_gap(struct core *core)
{
    const struct broker_config *broker = &core->config->broker;
    uint64_t next = core->last_sequence + 1;

    core->last_sequence += broker->max_inflight + broker->max_queued_per_client;
    return (struct gap){next, core->last_sequence + 1};
}

bool spool_take(struct core *core, struct session *s, msec_t now, const struct bridge_message *m,
                bool given_back)
{
    size_t octets = m->topic.len + m->payload.len;
    struct backlog **holder = backlog_at(core, s);
    struct spooled *oldest;

    if (octets > core->config->spool.max_octets) {
        count(core, COUNT_spool_too_large);
        return false;
    }
    struct gap gap = *holder ? (*holder)->gap : new_gap(core);
    bool in_front = given_back && gap.next < gap.end;
    uint64_t sequence = in_front ? gap.next++ : ++core->last_sequence;
    struct spooled *kept = spool_push(&core->spool, holder, s, m, sequence, (int64_t)now, in_front);
    if (!kept) {
        count(core, COUNT_no_memory);
        return false;
    }
    (*holder)->gap = gap;
    record_spooled(core, s, kept);
    count(core, COUNT_spooled);
    /* Afterwards, so that the client of this message keeps its backlog. */
    while (too_full(core) && (oldest = spool_oldest(&core->spool)) && oldest != kept) {
        count(core, COUNT_spool_dropped_oldest);
        finish(core, oldest);
    }
    if (is_open(core, s) && !kept->backlog->resting)
        spool_set_ready(&core->spool, kept->backlog, true);
    arm(core, now);
    return true;
}

static bool publish(struct core *core, const struct spooled *m, msec_t now)
{
    const struct session *s = m->backlog->owner;
    struct token token = {TOKEN_SPOOL, s ? s->epoch : 0, (uint16_t)(m->sequence >> 16),
                          (uint16_t)m->sequence};
    struct bridge_request r = {
        .type = BRIDGE_PUBLISH,
        .session = s ? session_ref(s) : GATEWAY_SELF,
        .token = token_pack(token),
        .message = {spooled_topic(m), spooled_payload(m), m->qos, m->retain},
    };

    if (core->config->spool.received_at)
        r.kept_ms = (uint64_t)((int64_t)now - m->received);
    return is_open(core, s) && core->sink.request(core->sink.self, &r);
}

/* It is left out for so long, and holds up no other. Many end their rest together, so that they do
 * not keep the processor awake. */
static void rest(struct core *core, struct backlog *b, msec_t now, msec_t ms)
{
    msec_t until = now + ms + AGAIN_MS - 1;

    spool_rest(&core->spool, b, until - until % AGAIN_MS);
    if (core->rest_until == 0 || b->rests_until < core->rest_until)
        core->rest_until = b->rests_until;
    arm(core, now);
}

static void end_rest(struct core *core, msec_t now)
{
    struct backlog *b, *next;

    if (core->rest_until == 0 || now < core->rest_until)
        return;
    core->rest_until = 0;
    for (b = core->spool.resting; b; b = next) {
        next = b->next;
        if (b->rests_until <= now)
            spool_set_ready(&core->spool, b, true);
        else if (core->rest_until == 0 || b->rests_until < core->rest_until)
            core->rest_until = b->rests_until;
    }
}

/* One more message of this backlog, which goes to the end of the line, or out of it until an answer
 * comes or it has rested. Its messages, it and its session may end here. */
static void send_one(struct core *core, struct backlog *b, msec_t now)
{
    struct spooled *m = backlog_next(b);
    uint32_t others = b->under_way;

    spool_set_ready(&core->spool, b, false);
    if (!m || (m->qos == 0 && others > 0)) /* over shared connections it would overtake them */
        return;
    spool_set_ready(&core->spool, b, true);
    m->under_way = true; /* the answer may come at once */
    b->under_way++;
    bool qos0 = m->qos == 0;
    if (publish(core, m, now)) {
        core->drain_free_at += 1000000 / core->config->spool.drain_rate;
        if (qos0)
            finish(core, m);
        return;
    }
    m->under_way = false;
    b->under_way--;
    if (others > 0 || !is_open(core, b->owner))
        spool_set_ready(&core->spool, b, false);
    else
        rest(core, b, now, AGAIN_MS);
}

static void may_send(struct core *core, struct backlog *b, msec_t now)
{
    if (!b)
        return;
    spool_set_ready(&core->spool, b, true);
    arm(core, now);
}

void spool_drain(struct core *core, msec_t now)
{
    uint64_t now_us = now * 1000, earliest = now_us > BURST_US ? now_us - BURST_US : 0;

    drop_too_old(core, now);
    end_rest(core, now);
    if (core->drain_free_at < earliest)
        core->drain_free_at = earliest;
    while (core->spool.ready && core->drain_free_at <= now_us)
        send_one(core, core->spool.ready, now);
    arm(core, now);
}

void spool_opened(struct core *core, struct session *s, msec_t now)
{
    if (s->backlog)
        may_send(core, s->backlog, now);
    else
        emptied(core, s);
}

/* Those whose connection the broker ended, or refused, get another chance. */
void spool_broker_back(struct core *core, msec_t now)
{
    may_send(core, core->spool.own, now);
    for (uint32_t i = 0; core->spool.count > 0 && i < core->sessions.count; i++) {
        struct session *s = core->sessions.slots[i];
        if (s->backlog && s->upstream == UPSTREAM_CLOSED && !s->attempt)
            upstream_open(core, s, NULL, false, !s->clean, true);
    }
}

void spool_answered(struct core *core, struct session *s, msec_t now,
                    const struct bridge_event *event)
{
    struct token token = token_unpack(event->token);
    struct backlog *b = *backlog_at(core, s);
    struct spooled *m = b ? backlog_find(b, (uint32_t)token.id << 16 | token.msg_id) : NULL;

    if (token.kind != TOKEN_SPOOL || !m) {
        count(core, COUNT_late_answers);
        return;
    }
    if (is_open(core, s) && event->result == BRIDGE_BUSY)
        rest(core, b, now, REST_MS); /* it would say so again at once */
    else if (is_open(core, s) && !b->resting)
        may_send(core, b, now);
    if (event->result == BRIDGE_BUSY) {
        b->under_way -= m->under_way ? 1 : 0;
        m->under_way = false;
        return;
    }
    count(core, event->result == BRIDGE_OK ? COUNT_spool_forwarded : COUNT_spool_refused);
    finish(core, m);
}
