/* SPDX-License-Identifier: Apache-2.0 */
/* registry - the topic ids of one client (MQTT-SN 1.2, 6.5)
 *
 * Every client has ids of its own, 1..0xFFFE in the order of first use, so that a wrong id can
 * never reach another client's topic (7.3). An id is never given to a second name while the
 * registry lives.
 */
#ifndef GATEWAY_CORE_REGISTRY_H
#define GATEWAY_CORE_REGISTRY_H

#include "gateway/core/hash.h"
#include "sn/cursor.h"

struct topic {
    uint16_t id;
    bool known;         /* the client was told in this connection: PUBLISH needs no REGISTER */
    bool given;         /* the client was told at some time */
    bool muted;         /* the client rejected it: its messages are dropped (A15) */
    bool renumbered;    /* it has got its second id already (A15) */
    uint8_t unanswered; /* REGISTERs given up so far (A50) */
    uint16_t len;
    uint8_t name[];
};

/* Zero-initialised is empty. Owns its topics. */
struct registry {
    struct topic **by_id; /* id - 1; a hole where a topic got another id */
    uint16_t *by_name;    /* open addressing, ids; NULL while there are few */
    uint32_t count, cap;  /* ids handed out / room in by_id */
    uint32_t slots;       /* of by_name, a power of two */
};

void registry_clear(struct registry *r);
struct topic *registry_by_id(const struct registry *r, uint16_t id);
struct topic *registry_by_name(const struct registry *r, const struct hash_key *key,
                               struct sn_bytes name);

/* The topic of this name, made when it is new. NULL: `limit` ids are used up, or memory is short.*/
struct topic *registry_add(struct registry *r, const struct hash_key *key, struct sn_bytes name,
                           uint32_t limit);

/* Gives the topic another id (A15). False: none left. */
bool registry_renumber(struct registry *r, const struct hash_key *key, struct topic *t,
                       uint32_t limit);

/* Puts back what an earlier run of the gateway gave; empty `name`: the id names nothing any more.
 * NULL when nothing was made: such a name, an id or name that is there, or memory is short. */
struct topic *registry_restore(struct registry *r, const struct hash_key *key, uint16_t id,
                               struct sn_bytes name);

/* A new connection: nothing is known until announced (A14), and nothing is muted (A15). */
void registry_new_connection(struct registry *r);
void registry_unmute(struct registry *r);

#endif
