/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting: MQTT-SN 1.2, 6.2 and 6.3; section 8.2 of the digest.
 *
 * A CONNECT becomes an attempt. The attempt collects the will, has the broker connection opened,
 * and only when that has succeeded does the session change: so a connect that fails or that
 * somebody starts in another's name leaves the session as it was. */
#include "gateway/core/recording.h"
#include "gateway/v12/engine.h"
#include "sn/topic.h"

static void connack(struct core *core, const struct sn_peer *to, uint8_t return_code)
{
    core_send(core, to, &(struct sn_packet){.type = SN_CONNACK, .return_code = return_code});
}

static void count_refusal(struct core *core, uint8_t return_code)
{
    count(core, return_code == SN_CONGESTION ? COUNT_connects_congested : COUNT_connects_refused);
}

static void refuse(const struct turn *t, uint8_t return_code)
{
    count_refusal(t->core, return_code);
    connack(t->core, t->from, return_code);
}

void connect_refuse(struct core *core, struct attempt *a, uint8_t return_code)
{
    struct notice n = {
        .type = NOTICE_REFUSED,
        .client_id = a->client_id,
        .peer = &a->peer,
        .detail = return_code,
    };

    count_refusal(core, return_code);
    core->sink.notice(core->sink.self, &n);
    connack(core, &a->peer, return_code);
    attempt_free(core, a);
}

/* The client has left, and the connect took the connection that its backlog needs. */
static void backlog_reopens(struct core *core, struct session *s)
{
    const struct will *will = s->parting == PARTING_WITH_WILL ? &s->will : NULL;

    if (s->upstream == UPSTREAM_OPENING && !upstream_open(core, s, will, false, !s->clean, true))
        upstream_close(core, s, BRIDGE_POLITELY);
}

/* The session after a connect on its behalf that came to nothing. May end it. */
static void give_back(struct core *core, struct session *s, bool new_session, msec_t now)
{
    if (session_live(s)) {
        if (s->upstream == UPSTREAM_OPENING)
            upstream_restore(core, s, now);
        return;
    }
    if (s->backlog) {
        backlog_reopens(core, s);
        return;
    }
    upstream_close(core, s, BRIDGE_POLITELY);
    if (new_session || s->clean)
        session_forget(core, s);
}

void connect_abandon(struct core *core, struct attempt *a, msec_t now)
{
    struct session *s = a->phase == OPENING ? a->session : NULL;
    bool new_session = a->new_session;

    count(core, COUNT_connects_abandoned);
    attempt_free(core, a);
    if (s)
        give_back(core, s, new_session, now);
}

/* The broker connection must be opened anew when the client asks for a fresh session, when the
 * broker should hold another will than it does, or when it could not be told to keep the session.
 */
static bool upstream_fits(const struct core *core, const struct session *s, const struct attempt *a)
{
    if (!session_live(s) || (a->flags & SN_FLAG_CLEAN))
        return false;
    if (s->clean && !core->can_keep_later)
        return false;
    if (s->upstream != UPSTREAM_OPEN && s->upstream != UPSTREAM_AWAY)
        return false;
    return !(a->flags & SN_FLAG_WILL) || (!s->will_updated && will_equal(&a->will, &s->will));
}

static void reset_transactions(struct session *s)
{
    deliver_stop(s);
    s->stalled = false;
    s->register_pause = s->publish_pause = 0;
    s->epoch++;
}

/* The registrations and subscriptions of a session that starts anew or goes on (8.3, A14). */
static void apply_clean_session(struct core *core, struct session *s, const struct attempt *a)
{
    bool slept = s->state == ASLEEP || s->state == AWAKE;

    if (a->flags & SN_FLAG_CLEAN) {
        session_wipe(s);
        record_session_wiped(core, s);
    } else if (slept) {
        registry_unmute(&s->topics);
    } else {
        registry_new_connection(&s->topics);
        record_topics_unknown(core, s);
    }
}

static bool apply_will(struct session *s, const struct attempt *a)
{
    if (!(a->flags & SN_FLAG_WILL))
        return true;
    s->will_updated = false;
    if (a->will.topic.len == 0) { /* empty WILLTOPIC: delete the stored will */
        will_clear(&s->will);
        return true;
    }
    return will_set(&s->will, a->will.topic, a->will.payload, a->will.qos, a->will.retain);
}

/* The address belongs to this session from now on. Its former user keeps its timers without an
 * address (A7); the session's former address is told (A6). */
static bool take_address(struct core *core, struct session *s, const struct sn_peer *peer)
{
    struct session *other = session_at(&core->sessions, peer);

    if (other && other != s) {
        if (other->state == AWAKE)
            session_enter(core, other, ASLEEP, other->last_heard);
        deliver_stop(other);
        session_unbind(&core->sessions, other);
        record_session(core, other);
    }
    if (s->reachable && !sn_peer_equal(&s->peer, peer)) {
        count(core, COUNT_take_overs);
        core_notice(core, NOTICE_TAKEN_OVER, s, 0);
        core_send(core, &s->peer, &(struct sn_packet){.type = SN_DISCONNECT});
    }
    return session_bind(&core->sessions, s, peer);
}

/* Everything the connect asked for is there: the session changes hands now. False: memory is short,
 * and a session made for this connect is gone. */
static bool accept(struct core *core, struct session *s, struct attempt *a, msec_t now)
{
    struct sn_peer peer = a->peer;

    reset_transactions(s);
    apply_clean_session(core, s, a);
    if (!apply_will(s, a) || !take_address(core, s, &peer)) {
        count(core, COUNT_no_memory);
        count_refusal(core, SN_CONGESTION);
        connack(core, &peer, SN_CONGESTION);
        connect_abandon(core, a, now);
        return false;
    }
    s->clean = a->flags & SN_FLAG_CLEAN;
    s->keep_alive = a->keep_alive;
    s->connect_digest = a->connect_digest;
    s->will_dialogue = (a->flags & SN_FLAG_WILL) && a->will.topic.len > 0;
    s->heard_since_accept = false;
    s->accepted_at = now;
    s->parting = NOT_PARTING;
    s->last_heard = now;
    attempt_free(core, a);
    count(core, COUNT_connects_accepted);
    connack(core, &peer, SN_ACCEPTED);
    bool goes_on = s->state == ACTIVE;
    session_enter(core, s, ACTIVE, now);
    if (goes_on) /* else recorded with its new state */
        record_session(core, s);
    core_notice(core, NOTICE_CONNECTED, s, s->keep_alive);
    return true;
}

static bool open_for(struct core *core, struct session *s, const struct attempt *a)
{
    bool clean = a->flags & SN_FLAG_CLEAN;
    const struct will *stored = clean ? NULL : &s->will;

    return upstream_open(core, s, a->flags & SN_FLAG_WILL ? &a->will : stored, clean, !clean,
                         core->keeps_offline);
}

void connect_proceed(struct core *core, struct attempt *a, msec_t now)
{
    struct session *s = session_find(&core->sessions, a->client_id);

    if (s && upstream_fits(core, s, a)) {
        if (s->attempt)
            connect_abandon(core, s->attempt, now);
        if (s->upstream == UPSTREAM_AWAY && !core->keeps_offline) {
            connect_refuse(core, a, SN_CONGESTION);
            return;
        }
        if (accept(core, s, a, now))
            deliver_next(core, s, now);
        return;
    }
    bool inherited = s && s->attempt && s->attempt->new_session;
    if (s && s->attempt)
        attempt_free(core, s->attempt); /* its OPEN is replaced by ours */
    a->new_session = inherited || !s;
    if (!s)
        s = session_make(core, a->client_id);
    if (!s) {
        connect_refuse(core, a, SN_CONGESTION);
        return;
    }
    a->phase = OPENING;
    a->session = s;
    s->attempt = a;
    deadline_clear(&core->deadlines, &a->deadline); /* the bridge has a limit of its own */
    if (open_for(core, s, a))
        return; /* the answer, and the end of the attempt, may have come already */
    bool new_session = a->new_session;
    connect_refuse(core, a, SN_CONGESTION);
    give_back(core, s, new_session, now); /* an earlier attempt may have taken its connection */
}

/* The broker turned the connection down, and any earlier one of the session is closed for it. A
 * client at another address than the one that asked gets its own back. */
static void open_failed(struct core *core, struct session *s, struct attempt *a, msec_t now,
                        enum bridge_result result)
{
    bool new_session = a->new_session;
    bool of_another = session_live(s) && !(s->reachable && sn_peer_equal(&s->peer, &a->peer));

    s->upstream = UPSTREAM_CLOSED;
    connect_refuse(core, a, return_code_of(result));
    if (of_another) {
        upstream_restore(core, s, now);
        return;
    }
    if (session_live(s)) {
        deliver_stop(s);
        s->epoch++;
        session_enter(core, s, DISCONNECTED, now);
    }
    if ((new_session || s->clean) && !s->backlog)
        session_forget(core, s);
}

/* The broker gets the newest will with the connection. */
static void newest_will_is_there(struct core *core, struct session *s)
{
    if (!s->will_updated)
        return;
    s->will_updated = false;
    record_session(core, s);
}

void connect_opened(struct core *core, struct session *s, msec_t now,
                    const struct bridge_event *event)
{
    struct attempt *a = s->attempt;

    if (s->upstream == UPSTREAM_OPENING) /* it replaces an earlier one */
        upstream_answers_lost(s);
    if (event->result != BRIDGE_OK) {
        if (a)
            open_failed(core, s, a, now, event->result);
        else if (session_live(s)) /* it could not be restored */
            ended_by_broker(core, s, now);
        else
            s->upstream = UPSTREAM_CLOSED; /* its backlog waits for the broker's return */
        return;
    }
    s->upstream = UPSTREAM_OPEN;
    if (s->fresh) {
        s->fresh = false;
        record_session(core, s);
    }
    if (a && !accept(core, s, a, now))
        return;
    newest_will_is_there(core, s);
    subscribe_again(core, s, event->session_present);
    if (a)
        deliver_next(core, s, now);
    spool_opened(core, s, now);
}

void connect_waits(struct core *core, struct session *s, msec_t now)
{
    upstream_answers_lost(s);
    s->fresh = s->fresh || (s->attempt && (s->attempt->flags & SN_FLAG_CLEAN));
    if (s->attempt && !accept(core, s, s->attempt, now))
        return;
    newest_will_is_there(core, s);
    deliver_next(core, s, now);
}

/* A client id for a client that has none, the same for the same address. The key keeps it from
 * being guessed by those who know the address. */
static struct sn_bytes id_from_address(const struct turn *t, char text[32])
{
    static const char prefix[] = "mqtt-sn-";
    size_t len = sizeof prefix - 1;
    uint64_t who = keyed_hash(&t->core->id_key, t->from, SN_PEER_IDENTITY);

    if (!t->core->id_key_used)
        record_id_key(t->core);
    t->core->id_key_used = true;
    memcpy(text, prefix, len);
    for (int shift = 60; shift >= 0; shift -= 4)
        text[len++] = "0123456789abcdef"[who >> shift & 0xF];
    return sn_bytes(text, len);
}

/* SN_ACCEPTED, or the code to refuse with before any state is made. */
static uint8_t check_connect(const struct turn *t, struct sn_bytes client_id)
{
    const struct gateway_config *limits = &t->core->config->gateway;

    if (t->p->protocol_id != SN_PROTOCOL_ID)
        return SN_NOT_SUPPORTED; /* A40 */
    if (client_id.len == 0 || client_id.len > limits->max_client_id || !sn_utf8_ok(client_id))
        return SN_NOT_SUPPORTED; /* A39 */
    if (t->p->duration == 0 && !limits->allow_zero_keep_alive)
        return SN_NOT_SUPPORTED; /* A38 */
    const struct session *s = session_find(&t->core->sessions, client_id);
    if (s && s->state == ACTIVE && s->reachable && !sn_peer_equal(&s->peer, t->from) &&
        limits->take_over == TAKE_OVER_NOT_ACTIVE)
        return SN_NOT_SUPPORTED; /* A6 */
    return SN_ACCEPTED;
}

/* Nothing but this very CONNECT has come since it was accepted. With Will=1 it is a repetition only
 * as long as the radio may still repeat it: a device that rebooted waits for WILLTOPICREQ, and some
 * take nothing else, so they would never be connected again. */
static bool accepted_already(const struct turn *t)
{
    const struct session *s = t->s;

    if (!s || s->state != ACTIVE || s->heard_since_accept || s->connect_digest != t->digest)
        return false;
    return !(t->p->flags & SN_FLAG_WILL) ||
           t->now - s->accepted_at < retry_interval(t->core, t->from);
}

/* The radio repeated the CONNECT: the same answer again (A5). True when that is what it was. A
 * device that rebooted after WILLTOPIC waits for WILLTOPICREQ, which it gets when no radio would
 * repeat the old CONNECT any more. */
static bool answered_again(const struct turn *t)
{
    struct attempt *a = t->a;

    if (a && a->connect_digest == t->digest) {
        bool late = t->now - a->prompted_at >= retry_interval(t->core, t->from);
        if (a->phase == WANTS_WILLTOPIC || (a->phase == WANTS_WILLMSG && late))
            reply_type(t, SN_WILLTOPICREQ);
        else if (a->phase == WANTS_WILLMSG)
            reply_type(t, SN_WILLMSGREQ);
        return true; /* while OPENING the CONNACK is on its way */
    }
    if (!a && accepted_already(t)) {
        connack(t->core, t->from, SN_ACCEPTED);
        return true;
    }
    return false;
}

void on_connect(const struct turn *t)
{
    struct core *core = t->core;
    char text[32];
    struct sn_bytes client_id = t->p->body;

    count(core, COUNT_connects);
    if (answered_again(t)) {
        count(core, COUNT_connect_repeats);
        return;
    }
    if (client_id.len == 0 && core->config->gateway.allow_empty_client_id)
        client_id = id_from_address(t, text);
    uint8_t return_code = check_connect(t, client_id);
    if (return_code != SN_ACCEPTED) {
        refuse(t, return_code);
        return;
    }
    if (t->a)
        connect_abandon(core, t->a, t->now);
    struct attempt *a = attempt_new(core, t->from, client_id);
    if (!a) {
        refuse(t, SN_CONGESTION);
        return;
    }
    a->flags = t->p->flags;
    a->keep_alive = t->p->duration;
    a->connect_digest = t->digest;
    if (!(a->flags & SN_FLAG_WILL)) {
        connect_proceed(core, a, t->now);
        return;
    }
    /* The client drives the dialogue; the gateway only puts an end to it (A33). */
    deadline_set(&core->deadlines, &a->deadline,
                 t->now + retry_interval(core, t->from) * (retry_count(core, t->from) + 1));
    reply_type(t, SN_WILLTOPICREQ);
}
