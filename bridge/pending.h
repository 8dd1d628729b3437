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
    uint32_t stamp;       /* how many message ids the link had used by then */
    uint32_t payload_len; /* the payload follows the topic's NUL in `octets` */
    uint16_t topic_len;
    uint16_t mid; /* MQTT packet identifier; 0 while it waits for a connection */
    uint8_t qos, repeats;
    uint8_t losses; /* connections that ended while it was the oldest */
    bool retain;
    bool quiet; /* the gateway's own; nobody waits for the answer */
    char octets[];
};

struct pending_table {
    TAILQ_HEAD(pending_list, pending) list; /* oldest first */
    uint16_t count, qos2;
};

void pending_init(struct pending_table *table);
void pending_fini(struct pending_table *table);

/* Copies topic and payload. NULL when memory is short. The topic must hold no NUL. */
struct pending *pending_add(struct pending_table *table, uint64_t token,
                            const struct bridge_message *message);
void pending_remove(struct pending_table *table, struct pending *p);

struct pending *pending_oldest(const struct pending_table *table);
/* NULL when no publish waits under this id. */
struct pending *pending_find(const struct pending_table *table, int mid);

const char *pending_topic(const struct pending *p);
const void *pending_payload(const struct pending *p);

#endif
