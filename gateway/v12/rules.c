/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine of MQTT-SN 1.2 as data: which packet meets which handler in which state of its
 * sender (6.14 and its figure; section 7 of the digest). An empty cell is a protocol error: dropped
 * and counted, and no sign of life. */
#include "gateway/v12/engine.h"

enum sender {
    STRANGER,   /* no session has this address: never seen, disconnected or lost */
    CONNECTING, /* a connect is under way */
    SENDER_ACTIVE,
    SENDER_ASLEEP,
    SENDER_AWAKE,
    SENDERS
};

enum { TYPES = 0x20 };

/* What every connected client may send, whatever its state. */
#define OF_A_CLIENT                                                                                \
    [SN_SEARCHGW] = on_searchgw, [SN_CONNECT] = on_connect, [SN_WILLMSG] = on_late_willmsg,        \
    [SN_REGISTER] = on_register, [SN_PUBLISH] = on_publish, [SN_PUBREL] = on_pubrel,               \
    [SN_SUBSCRIBE] = on_subscribe, [SN_UNSUBSCRIBE] = on_unsubscribe,                              \
    [SN_DISCONNECT] = on_disconnect, [SN_WILLTOPICUPD] = on_willtopicupd,                          \
    [SN_WILLMSGUPD] = on_willmsgupd, [SN_REGACK] = on_regack, [SN_PUBACK] = on_puback,             \
    [SN_PUBREC] = on_pubrec, [SN_PUBCOMP] = on_pubcomp, [SN_PINGRESP] = on_pingresp,               \
    [SN_PINGREQ] = on_pingreq

static handler *const rules[SENDERS][TYPES] = {
    [STRANGER] =
        {
            [SN_SEARCHGW] = on_searchgw,
            [SN_CONNECT] = on_connect,
            [SN_PUBLISH] = on_stranger_publish,
            [SN_PINGREQ] = on_pingreq,
            [SN_DISCONNECT] = on_stranger_disconnect,
            [SN_WILLTOPIC] = answer_stranger, /* of a dialogue that is over */
            [SN_WILLMSG] = answer_stranger,
            [SN_REGISTER] = answer_stranger,
            [SN_REGACK] = answer_stranger,
            [SN_PUBACK] = answer_stranger,
            [SN_PUBCOMP] = answer_stranger,
            [SN_PUBREC] = answer_stranger,
            [SN_PUBREL] = answer_stranger,
            [SN_SUBSCRIBE] = answer_stranger,
            [SN_UNSUBSCRIBE] = answer_stranger,
            [SN_PINGRESP] = answer_stranger,
            [SN_WILLTOPICUPD] = answer_stranger,
            [SN_WILLMSGUPD] = answer_stranger,
        },
    [CONNECTING] =
        {
            [SN_SEARCHGW] = on_searchgw,
            [SN_CONNECT] = on_connect,
            [SN_WILLTOPIC] = on_willtopic,
            [SN_WILLMSG] = on_willmsg,
            [SN_PUBLISH] = on_stranger_publish,
            [SN_PINGREQ] = on_pingreq,
            [SN_DISCONNECT] = on_attempt_disconnect,
        },
    [SENDER_ACTIVE] = {OF_A_CLIENT},
    [SENDER_ASLEEP] = {OF_A_CLIENT},
    [SENDER_AWAKE] = {OF_A_CLIENT},
};

/* A client whose connect is under way may also have a session: that of its last connection. Only
 * what belongs to the connect goes there. */
static enum sender sender_of(const struct turn *t)
{
    bool of_connect = t->p->type == SN_CONNECT || t->p->type == SN_WILLTOPIC ||
                      t->p->type == SN_WILLMSG || t->p->type == SN_DISCONNECT;

    if (t->a && (of_connect || !t->s))
        return CONNECTING;
    if (!t->s)
        return STRANGER;
    switch (t->s->state) {
    case ACTIVE: return SENDER_ACTIVE;
    case ASLEEP: return SENDER_ASLEEP;
    case AWAKE: return SENDER_AWAKE;
    case DISCONNECTED:
    case LOST: break;
    }
    return STRANGER;
}

/* Anything valid from a connected client is a sign of life (6.11), and tells the way back to it. */
static void heard(const struct turn *t)
{
    struct session *s = t->s;

    s->last_heard = t->now;
    s->peer = *t->from;
    if (t->p->type != SN_CONNECT && t->p->type != SN_WILLMSG)
        s->heard_since_accept = true;
    if (s->stalled) { /* it is back: what it did not answer is repeated from the start */
        s->stalled = false;
        s->inflight.resumed = true;
        s->inflight.tries = 0;
        s->inflight.due = t->now;
        session_arm(t->core, s, t->now);
    }
}

/* CONNECT and PINGREQ may tell that the address has another user now (A7, A9). */
static bool of_another_client(const struct turn *t)
{
    const struct sn_packet *p = t->p;

    return (p->type == SN_CONNECT || p->type == SN_PINGREQ) && p->body.len > 0 &&
           !sn_bytes_equal(p->body, t->s->client_id);
}

void answer_stranger(const struct turn *t)
{
    struct core *core = t->core;
    uint64_t who = keyed_hash(&core->key, t->from, SN_PEER_IDENTITY);

    count(core, COUNT_unknown_senders);
    if (!throttle_pass(&core->throttle, who, t->now, retry_interval(core, t->from))) {
        count(core, COUNT_disconnects_suppressed);
        return;
    }
    count(core, COUNT_disconnects_sent);
    reply_type(t, SN_DISCONNECT);
}

bool told_to_connect(const struct turn *t)
{
    if (t->s->state == ACTIVE || !t->core->config->sleep.strict)
        return false;
    reply_type(t, SN_DISCONNECT);
    return true;
}

void v12_packet(struct core *core, msec_t now, const struct sn_peer *from,
                const struct sn_packet *p, struct sn_bytes wire)
{
    struct turn t = {.core = core, .now = now, .from = from, .p = p};

    if (p->type == SN_ADVERTISE || p->type == SN_GWINFO) {
        count(core, COUNT_other_gateways);
        return;
    }
    if (!sn_from_client(p->type)) {
        count(core, COUNT_wrong_direction);
        return;
    }
    if (from->broadcast && p->type != SN_SEARCHGW) {
        count(core, COUNT_broadcast_ignored);
        return;
    }
    t.s = session_at(&core->sessions, from);
    t.a = attempt_at(core, from);
    if (p->type == SN_CONNECT)
        t.digest = keyed_hash(&core->key, wire.data, wire.len);

    handler *rule = rules[sender_of(&t)][p->type];
    if (!rule) {
        count(core, COUNT_protocol_errors);
        return;
    }
    if (t.s && !from->broadcast && !of_another_client(&t))
        heard(&t);
    rule(&t);
}
