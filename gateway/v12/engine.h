/* SPDX-License-Identifier: Apache-2.0 */
/* engine - the MQTT-SN 1.2 protocol engine, as its files share it
 *
 * rules.c says which handler a packet meets in which state. The handlers are grouped by procedure
 * (section 8 of the digest), one file each. Everything a handler may need about the packet at hand
 * is in struct turn.
 */
#ifndef GATEWAY_V12_ENGINE_H
#define GATEWAY_V12_ENGINE_H

#include "gateway/core/internal.h"

struct turn {
    struct core *core;
    msec_t now;
    const struct sn_peer *from;
    const struct sn_packet *p;
    uint64_t digest;   /* of the message's octets: recognises an identical repetition */
    struct session *s; /* of the sender; NULL for a stranger */
    struct attempt *a; /* the sender's connect under way, or NULL */
};

typedef void handler(const struct turn *t);

/* rules.c: one decoded packet from a peer. */
void v12_packet(struct core *core, msec_t now, const struct sn_peer *from,
                const struct sn_packet *p, struct sn_bytes wire);

/* Answers that are one line. */
static inline void reply(const struct turn *t, const struct sn_packet *p)
{
    core_send(t->core, t->from, p);
}

static inline void reply_type(const struct turn *t, uint8_t type)
{
    reply(t, &(struct sn_packet){.type = type});
}

/* Answers DISCONNECT to a sender without a session, at most once per T_retry (A8, A37). */
handler answer_stranger;

/* With [sleep] strict a client that is not active must CONNECT first (A19). True, answered: so. */
bool told_to_connect(const struct turn *t);

/* connect.c */
handler on_connect;
void connect_proceed(struct core *core, struct attempt *a, msec_t now); /* the will is complete */
void connect_refuse(struct core *core, struct attempt *a, uint8_t return_code);

/* Ends an attempt silently: its client has gone (A33) or starts another. A session that exists only
 * for it goes too, and so does the broker connection that was asked for. */
void connect_abandon(struct core *core, struct attempt *a, msec_t now);
/* The broker is away, and the connection will come: the client is served meanwhile. */
void connect_waits(struct core *core, struct session *s, msec_t now);
void connect_opened(struct core *core, struct session *s, msec_t now,
                    const struct bridge_event *event);

/* disconnect.c */
handler on_disconnect, on_stranger_disconnect, on_attempt_disconnect;
void client_lost(struct core *core, struct session *s, msec_t now);
void ended_by_broker(struct core *core, struct session *s, msec_t now);

/* upstream.c: OPEN false: nothing has changed. CLOSE on a closed one does nothing. RESTORE opens
 * the session's own connection again, or ends the session when that cannot be. */
bool upstream_open(struct core *core, struct session *s, const struct will *will, bool clean_start,
                   bool keep_session, bool patient);
void upstream_closed(struct core *core, struct session *s, msec_t now, enum bridge_result result);
void upstream_close(struct core *core, struct session *s, enum bridge_close how);
void upstream_restore(struct core *core, struct session *s, msec_t now);
/* After a restart an absent client's subscriptions must be asked for again: not the broker keeps
 * them, but the bridge. */
bool upstream_forgets(const struct core *core, const struct session *s);
void upstream_answers_lost(struct session *s);

/* The client has left: the connection is closed, with a backlog when that is empty. */
void upstream_part(struct core *core, struct session *s, enum bridge_close how);

/* spooling.c: what clients publish while the broker is away, [spool]. Its messages are recorded in
 * the same turn, so that they may be acknowledged at once. */

/* Must a message of this client wait for the broker, or for earlier ones? NULL: the gateway's. */
bool spool_wanted(const struct core *core, const struct session *s);
/* False, counted: it has no room. */
bool spool_take(struct core *core, struct session *s, msec_t now, const struct bridge_message *m,
                bool given_back);
void spool_drain(struct core *core, msec_t now);
void spool_opened(struct core *core, struct session *s, msec_t now); /* its connection is open */
void spool_broker_back(struct core *core, msec_t now);
void spool_answered(struct core *core, struct session *s, msec_t now,
                    const struct bridge_event *event);

/* will.c */
handler on_willtopic, on_willmsg, on_late_willmsg, on_willtopicupd, on_willmsgupd;

/* discover.c */
handler on_searchgw;
void discover_broker(struct core *core, msec_t now, bool up);
void discover_advertise(struct core *core, msec_t now);

/* publish.c: from the device */
handler on_publish, on_stranger_publish, on_pubrel;
void publish_forget_unanswered(struct session *s);
void publish_answered(struct core *core, struct session *s, msec_t now,
                      const struct bridge_event *event);

/* subscribe.c */
handler on_register, on_subscribe, on_unsubscribe;
void subscribe_answered(struct core *core, struct session *s, msec_t now,
                        const struct bridge_event *event);
void unsubscribe_answered(struct core *core, struct session *s, const struct bridge_event *event);
void subscribe_again(struct core *core, struct session *s, bool session_present);
void subscribe_forget_asked(struct session *s); /* the connection that was asked is gone */
void unsubscribe(struct core *core, struct session *s, struct subscription *sub);

/* arrive.c: a message from the broker */
void arrive(struct core *core, struct session *s, msec_t now, const struct bridge_message *m);

/* deliver.c: towards the device */
handler on_regack, on_puback, on_pubrec, on_pubcomp;
/* A QoS 0 message with nothing before it. False: it must queue. */
bool deliver_at_once(struct core *core, struct session *s, const struct bridge_message *m,
                     msec_t now);
void deliver_next(struct core *core, struct session *s, msec_t now);
void deliver_again(struct core *core, struct session *s, msec_t now);   /* the unanswered packet */
void deliver_suspend(struct core *core, struct session *s, msec_t now); /* its link is down */
void deliver_resume(struct core *core, struct session *s, msec_t now);  /* and up again */
void deliver_stop(struct session *s); /* the unanswered packet goes back into the queue */
void deliver_overdue(struct core *core, struct session *s, msec_t now);

/* topics.c: how a topic is called towards one client */
enum topic_way { TOPIC_READY, TOPIC_TO_REGISTER, TOPIC_MUTED, TOPIC_NO_ID };
struct topic_name {
    enum topic_way way;
    enum sn_topic_type type;
    uint16_t id;
    struct topic *topic; /* of a normal id */
};
struct topic_name topic_towards(struct core *core, struct session *s, struct sn_bytes name);

/* The topic of this name with its id, made when it is new. NULL: the ids are used up. */
struct topic *topic_make(struct core *core, struct session *s, struct sn_bytes name);
void topic_told(struct core *core, struct session *s,
                struct topic *topic); /* the client knows it */

/* The topic name behind an id that a client used. `from` NULL: a client without a session. Empty:
 * unknown. `scratch` holds a short name. */
struct sn_bytes topic_named(const struct core *core, const struct session *from,
                            enum sn_topic_type type, uint16_t id, uint8_t scratch[2]);

/* sleep.c */
handler on_pingreq, on_pingresp;
void fall_asleep(struct core *core, struct session *s, msec_t now); /* PINGRESP, asleep again */

/* Tokens: what an answer of the broker needs to find its request. The epoch tells answers to an
 * earlier connection of the client. `id` is a topic id, or a subscription's serial. */
enum token_kind {
    TOKEN_NONE,
    TOKEN_QOS1,
    TOKEN_QOS2,
    TOKEN_SUBSCRIBE,
    TOKEN_RENEW,
    TOKEN_UNSUBSCRIBE,
    TOKEN_SPOOL, /* `id` and `msg_id` together: the low bits of the sequence */
};
struct token {
    enum token_kind kind;
    uint16_t epoch, id, msg_id;
};

static inline uint64_t token_pack(struct token t)
{
    return (uint64_t)t.epoch << 48 | (uint64_t)t.kind << 32 | (uint64_t)t.id << 16 | t.msg_id;
}

static inline struct token token_unpack(uint64_t packed)
{
    return (struct token){
        .kind = (enum token_kind)(packed >> 32 & 0xFFFF),
        .epoch = (uint16_t)(packed >> 48),
        .id = (uint16_t)(packed >> 16),
        .msg_id = (uint16_t)packed,
    };
}

/* 0x00, 0x01 or 0x03 */
static inline uint8_t return_code_of(enum bridge_result result)
{
    return result == BRIDGE_OK     ? SN_ACCEPTED
           : result == BRIDGE_BUSY ? SN_CONGESTION
                                   : SN_NOT_SUPPORTED;
}

#endif
