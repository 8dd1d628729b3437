/* SPDX-License-Identifier: Apache-2.0 */
/* pending - the publishes of one link that the broker has not acknowledged
 *
 * libmosquitto keeps such messages too, but only as long as its struct lives and without telling
 * how many they are. This table is ours: it bounds them, answers them, and is what is published
 * again after a connection was lost. One allocation per message; the table owns it.
 */
#ifndef BRIDGE_PENDING_H
#define BRIDGE_PENDING_H

#include <sys/queue.h>

#include "bridge/bridge.h"

struct pending {
    TAILQ_ENTRY(pending) entries;
    uint64_t token;
    uint64_t sent_at;     /* ms; when it was last handed to libmosquitto */
    int64_t received_at;  /* ms since 1970, when the gateway took it; 0 is nobody's business */
    uint32_t stamp;       /* how many message ids the link had used by then */
    uint32_t payload_len; /* the payload follows the topic's NUL in `octets` */
    uint16_t topic_len;
    uint16_t mid; /* MQTT packet identifier; 0 while it waits for a connection */
    uint8_t qos, repeats;
    uint8_t losses; /* connections that ended while it was the oldest */
    bool retain;
    bool quiet;    /* nobody waits for the answer */
    bool returned; /* the owner has it back; see link_return.c */
    bool suspect;  /* was under way when the broker ended the connection; see link_blame */
    char octets[];
};

struct pending_table {
    TAILQ_HEAD(pending_list, pending) list; /* oldest first */
    struct pending_list done;               /* returned, and acknowledged since */
    uint16_t count, qos2;                   /* of the list */
};

void pending_init(struct pending_table *table);
void pending_fini(struct pending_table *table);

/* Copies topic and payload. NULL when memory is short. The topic must hold no NUL. */
struct pending *pending_add(struct pending_table *table, uint64_t token,
                            const struct bridge_message *message);
void pending_remove(struct pending_table *table, struct pending *p);
/* In two steps, for who still needs it in between. */
void pending_detach(struct pending_table *table, struct pending *p);
void pending_free(struct pending *p);
void pending_put_back(struct pending_table *table, struct pending *p); /* as the oldest */

/* From the list to the end of `done`, and out of there. */
void pending_done(struct pending_table *table, struct pending *p);
void pending_forget(struct pending_table *table, struct pending *p);
void pending_forget_done(struct pending_table *table);

struct pending *pending_oldest(const struct pending_table *table);
/* NULL when no publish waits under this id. */
struct pending *pending_find(const struct pending_table *table, int mid);

/* The oldest of `done`, or else of the returned, that is this message. */
struct pending *pending_find_returned(const struct pending_table *table,
                                      const struct bridge_message *message);

/* Its views live as long as the entry. */
struct bridge_message pending_message(const struct pending *p);
const char *pending_topic(const struct pending *p);
const void *pending_payload(const struct pending *p);

#endif
