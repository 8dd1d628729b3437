/* SPDX-License-Identifier: Apache-2.0 */
/* spool - what clients published while the broker was away
 *
 * Each client has a backlog of its own, in order; all messages together are also in order of their
 * coming, so that the oldest gives way when the bounds are reached. A message under way to the
 * broker stays until it is acknowledged. When to send what is the engine's business.
 */
#ifndef GATEWAY_CORE_SPOOL_H
#define GATEWAY_CORE_SPOOL_H

#include "bridge/bridge.h"
#include "gateway/core/core.h"

struct backlog;
struct session;

struct spooled {
    struct spooled *next, *prev;    /* of one backlog */
    struct spooled *later, *sooner; /* of all */
    struct backlog *backlog;
    uint64_t sequence; /* as recorded */
    int64_t received;  /* monotonic ms; below 0: before the machine started */
    uint8_t qos;
    bool retain;
    bool given_back; /* was under way when the broker went: older than all that came since, and of
                        a lower sequence */
    bool under_way;  /* handed to the bridge, which will answer */
    uint16_t topic_len;
    uint32_t payload_len;
    uint8_t data[]; /* topic, payload */
};

/* Sequences that are free for what the bridge gives back. */
struct gap {
    uint64_t next, end;
};

/* Lives as long as it holds a message. */
struct backlog {
    struct session *owner;   /* NULL: the gateway itself */
    struct backlog **holder; /* the owner's pointer to this */
    struct spooled *messages;
    struct gap gap; /* in front of its first message */
    uint32_t under_way;
    bool ready;                  /* in the list of those that may send */
    bool resting;                /* in that of those whose last message was not taken */
    msec_t rests_until;          /* which is tried again then */
    struct backlog *next, *prev; /* of either list */
};

/* Zero-initialised is empty. Owns messages and backlogs. */
struct spool {
    struct spooled *oldest;  /* of all, by `later` */
    struct backlog *own;     /* of the gateway itself */
    struct backlog *ready;   /* in turn */
    struct backlog *resting; /* by and by */
    uint32_t count;
    size_t octets; /* topics and payloads */
};

static inline struct sn_bytes spooled_topic(const struct spooled *m)
{
    return sn_bytes(m->data, m->topic_len);
}

static inline struct sn_bytes spooled_payload(const struct spooled *m)
{
    return sn_bytes(m->data + m->topic_len, m->payload_len);
}

/* Copies the message to the end of the backlog behind `holder`, which is made when it is missing;
 * one that was given back, behind others of the kind. NULL: memory is short. */
struct spooled *spool_push(struct spool *spool, struct backlog **holder, struct session *owner,
                           const struct bridge_message *from, uint64_t sequence, int64_t received,
                           bool given_back);

/* Takes it out and frees it, and its backlog with the last one. */
void spool_remove(struct spool *spool, struct spooled *m);
void spool_fini(struct spool *spool);

/* A backlog that is made ready, or not, rests no longer. */
void spool_set_ready(struct spool *spool, struct backlog *backlog, bool ready);
void spool_rest(struct spool *spool, struct backlog *backlog, msec_t until);

/* The first that is not under way, or NULL. */
struct spooled *backlog_next(const struct backlog *backlog);
struct spooled *backlog_find(const struct backlog *backlog, uint32_t sequence); /* its low bits */
/* Nothing is under way any more: all is to be sent again. */
void backlog_recall(struct backlog *backlog);

/* The oldest of all that is not under way, or NULL. */
struct spooled *spool_oldest(const struct spool *spool);

#endif
