/* SPDX-License-Identifier: Apache-2.0 */
/* record - what must survive a crash, one change at a time
 *
 * The core tells every change of what it has promised through its sink, in the order of the
 * changes; applied to an empty state they give what core_restore takes back. A record says the
 * whole of one row, so that applying it twice is as good as once. Views live until the call
 * returns.
 *
 * Rows belong to a client by its `session` number, 1 and up, which another client may get once
 * RECORD_SESSION_GONE has been told. Session 0 is the gateway itself, which has only spooled
 * messages, the key of the client ids it makes up and places. Places are no affair of the core:
 * the bridge tells them and takes them back.
 */
#ifndef GATEWAY_CORE_RECORD_H
#define GATEWAY_CORE_RECORD_H

#include "sn/cursor.h"
#include "sn/peer.h"

/* Each is known by what stands in brackets. */
enum record_type {
    RECORD_SESSION,           /* new or changed [session] */
    RECORD_SESSION_WIPED,     /* all its rows but the session itself and the spooled are gone */
    RECORD_SESSION_GONE,      /* it and all its rows are gone */
    RECORD_TOPIC,             /* new or changed [session, topic id] */
    RECORD_TOPICS_UNKNOWN,    /* a new connection: none of its topics is `known` */
    RECORD_SUBSCRIPTION,      /* new or changed [session, filter] */
    RECORD_SUBSCRIPTION_GONE, /* `subscription.filter` only */
    RECORD_MESSAGE,           /* waits in the outbox [session, sequence] */
    RECORD_MESSAGE_GONE,      /* `message.sequence` only */
    RECORD_RECEIVED,          /* a QoS 2 PUBLISH of the client was taken [session, msg_id] */
    RECORD_RECEIVED_GONE,     /* `received.msg_id` only: PUBREL came */
    RECORD_SPOOLED,           /* waits for the broker [session, sequence] */
    RECORD_SPOOLED_GONE,      /* `message.sequence` only */
    RECORD_ID_KEY,            /* for clients without ClientId; one, and it never changes */
    RECORD_PLACE,             /* a filter that the broker may hold for a connection [filter] */
    RECORD_PLACE_GONE,        /* `place.filter` only */
};

enum record_state { RECORD_DISCONNECTED, RECORD_ACTIVE, RECORD_ASLEEP, RECORD_LOST };

struct record_session {
    struct sn_bytes client_id;
    enum record_state state; /* awake counts as asleep */
    bool clean;
    bool fresh;     /* the broker is still to drop what it has kept of the client */
    bool reachable; /* `peer` is its address */
    struct sn_peer peer;
    uint16_t keep_alive, sleep_duration; /* seconds */
    uint64_t silent_until; /* monotonic ms, when it counts as lost; UINT64_MAX never */
    struct sn_bytes will_topic, will_payload; /* topic empty: no will */
    uint8_t will_qos;
    bool will_retain;
    bool will_updated; /* the broker holds an older will */
};

struct record_topic {
    uint16_t topic_id;
    struct sn_bytes name; /* empty: the id is used up and names nothing */
    bool known;           /* the client has been told in this connection */
    bool given;           /* at some time */
};

struct record_subscription {
    struct sn_bytes filter;
    uint8_t type; /* enum sn_topic_type: how the client named it */
    uint16_t topic_id;
    uint8_t qos_asked, qos_granted;
    bool leaving; /* unsubscribed, which the broker has not confirmed */
};

/* An outbox message or a spooled one. */
struct record_message {
    uint64_t sequence;              /* no other message of the gateway has it; order of a queue */
    struct sn_bytes topic, payload; /* topic empty: the client has it (PUBREC) and waits for the
                                       PUBREL of its message id, which follows from the sequence */
    uint8_t qos;
    bool retain;
    int64_t received; /* monotonic ms; below 0 for one from before the machine started */
    bool soon;        /* its client is awake and may acknowledge it in a moment; not of the row.
                         Never with QoS 2: the client would remember the message id longer than we */
};

struct record_received {
    uint16_t msg_id, topic_id;
    uint32_t digest;
};

struct record_id_key {
    uint64_t k0, k1;
};

struct record_place {
    struct sn_bytes filter;
    uint32_t connection; /* 1 and up */
};

struct record {
    enum record_type type;
    uint32_t session;
    union {
        struct record_session client;
        struct record_topic topic;
        struct record_subscription subscription;
        struct record_message message;
        struct record_received received;
        struct record_id_key id_key;
        struct record_place place;
    };
};

#endif
