/* SPDX-License-Identifier: Apache-2.0 */
/* session - what the gateway knows of one client
 *
 * A session is a client id. Its address is an attribute that may change (A6, A9) and that only a
 * reachable session has. The pool is bounded; its slots are reused with a new generation, so that a
 * session_ref of an earlier owner finds nothing.
 *
 * Sessions of absent clients (disconnected or lost, Clean=0) stay until their place is needed: then
 * the one that has been away longest is evicted.
 */
#ifndef GATEWAY_CORE_SESSION_H
#define GATEWAY_CORE_SESSION_H

#include "gateway/core/deadline.h"
#include "gateway/core/outbox.h"
#include "gateway/core/registry.h"
#include "gateway/core/spool.h"
#include "gateway/core/subscriptions.h"

/* MQTT-SN 1.2, 6.14 */
enum session_state { DISCONNECTED, ACTIVE, ASLEEP, AWAKE, LOST };

enum upstream {
    UPSTREAM_CLOSED,
    UPSTREAM_OPENING, /* OPEN was asked for, OPENED is to come */
    UPSTREAM_OPEN,
    UPSTREAM_AWAY, /* lost; the bridge brings it back */
};

/* The one packet towards the device that waits for its answer. */
struct inflight {
    enum { IDLE, AWAIT_REGACK, AWAIT_PUBACK, AWAIT_PUBREC, AWAIT_PUBCOMP } waits;
    uint16_t msg_id;
    uint16_t topic_id;       /* of the REGISTER or PUBLISH */
    uint32_t tries;          /* repetitions so far */
    bool resumed;            /* the client is heard again: repeat whatever N_retry says */
    msec_t since, due;       /* first sent / next repetition */
    struct message *message; /* in the outbox; NULL for a REGISTER without one (A22) */
};

/* A QoS 2 PUBLISH of the device between PUBLISH and PUBREL. */
struct received {
    uint16_t msg_id, topic_id;
    uint16_t epoch;  /* the connection that brought it */
    uint32_t digest; /* of its data: tells a repetition from a rebooted client's new message */
    bool forwarded;  /* the broker has it: PUBREC may be sent */
};

/* Owned text; topic.len 0 is no will. Both views lie in one allocation that begins at topic.data.
 */
struct will {
    struct sn_bytes topic, payload;
    uint8_t qos;
    bool retain;
};

bool will_set(struct will *w, struct sn_bytes topic, struct sn_bytes payload, uint8_t qos,
              bool retain); /* copies; false: memory is short, nothing changed */
void will_clear(struct will *w);
bool will_equal(const struct will *a, const struct will *b);

struct attempt;

struct session {
    uint32_t slot, generation; /* slot counts from 1 */
    struct sn_bytes client_id; /* owned */
    enum session_state state;  /* only session_enter assigns */
    enum upstream upstream;
    bool clean;              /* Clean=1: everything ends with the connection (A13) */
    bool fresh;              /* a Clean=1 that the broker, who is away, has not heard of */
    bool reachable;          /* `peer` is this client's address now */
    bool heard_since_accept; /* something came after the CONNACK (A5, A34) */
    bool will_updated;       /* the broker holds an older will (8.4) */
    bool will_dialogue;      /* the last connect ran the will prompts (A34) */
    bool stalled;            /* does not answer: wait until it is heard again */
    /* How the broker connection is closed when the backlog of a client that left is empty. */
    enum { NOT_PARTING, PARTING_POLITELY, PARTING_WITH_WILL } parting;
    uint16_t keep_alive, sleep_duration; /* seconds */
    uint16_t epoch;                      /* counts connections; part of tokens */
    uint16_t last_msg_id;
    uint16_t received_count;
    uint32_t drained; /* messages sent in this wake */
    uint64_t connect_digest;
    struct sn_peer peer;
    msec_t last_heard;
    msec_t accepted_at;    /* its last CONNECT (A5) */
    msec_t register_pause; /* the client answered congestion: no REGISTER before (A15) */
    msec_t publish_pause;  /* nor PUBLISH */
    struct deadline deadline;
    struct inflight inflight;
    struct outbox outbox;
    struct registry topics;
    struct subscriptions subscriptions;
    struct received *received; /* RECEIVED_MAX of them, allocated at the first QoS 2 PUBLISH */
    struct backlog *backlog;   /* of the spool; NULL: nothing waits for the broker */
    struct will will;
    struct attempt *attempt; /* the connect that waits for this session's OPENED */

    UT_hash_handle by_id, by_peer;
    struct session *next, *prev; /* absent: longest away first; free: next only */
};

enum { RECEIVED_MAX = 16 };

struct sessions {
    struct session **slots; /* slot - 1 */
    struct session *by_id, *by_peer, *absent, *free;
    uint32_t count, cap, live; /* slots made / room / sessions now */
    const struct hash_key *key;
};

void sessions_fini(struct sessions *t);

/* A new session, DISCONNECTED and absent. NULL: memory is short. The caller checks the limit. */
struct session *session_new(struct sessions *t, struct sn_bytes client_id);

/* As session_new, with a slot of its own choice, which must be higher than any before. */
struct session *session_new_at(struct sessions *t, uint32_t slot, struct sn_bytes client_id);

/* Gives the slot back; the session must be in no other table (no deadline, attempt or backlog). */
void session_free(struct sessions *t, struct session *s);

/* A place for one more QoS 2 PUBLISH. NULL: all are taken, or memory is short. */
struct received *session_receive(struct session *s);

/* Deletes subscriptions, topic ids, queue, will and QoS 2 state (Clean=1, 8.3). */
void session_wipe(struct session *s);

struct session *session_find(const struct sessions *t, struct sn_bytes client_id);
struct session *session_at(const struct sessions *t, const struct sn_peer *peer);
struct session *session_of(const struct sessions *t, struct session_ref ref);

/* Makes `peer` this session's address; no other session may have it. False: memory is short. */
bool session_bind(struct sessions *t, struct session *s, const struct sn_peer *peer);
void session_unbind(struct sessions *t, struct session *s);

void session_set_absent(struct sessions *t, struct session *s, bool absent);

static inline struct session_ref session_ref(const struct session *s)
{
    return (struct session_ref){s->slot, s->generation};
}

/* Connected in the protocol's sense: active, asleep or awake. */
static inline bool session_live(const struct session *s)
{
    return s->state == ACTIVE || s->state == ASLEEP || s->state == AWAKE;
}

const char *session_state_name(enum session_state state);

#endif
