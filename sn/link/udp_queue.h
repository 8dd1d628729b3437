/* SPDX-License-Identifier: Apache-2.0 */
/* udp_queue - datagrams that wait for the barrier, or for a socket that is full
 *
 * Bounded in datagrams and in octets. The memory is mapped once and costs only what the largest
 * burst has touched: whenever the queue runs empty it begins again at its start.
 */
#ifndef SN_LINK_UDP_QUEUE_H
#define SN_LINK_UDP_QUEUE_H

#include "sn/link/udp_address.h"

struct udp_datagram {
    uint8_t key[UDP_KEY_LEN];
    uint8_t route[SN_ROUTE_MAX];
    size_t offset, len;
};

struct udp_queue {
    struct udp_datagram *slots;
    uint8_t *arena; /* a ring; each datagram lies in one piece */
    size_t max_datagrams, max_octets;
    size_t first, count;
    size_t read, write; /* the arena's oldest octet and its next free one */
};

/* False when memory is short. */
bool udp_queue_init(struct udp_queue *q, size_t max_datagrams, size_t max_octets);
void udp_queue_fini(struct udp_queue *q);

/* Copies everything. False when a bound is reached; nothing is kept then. */
bool udp_queue_push(struct udp_queue *q, const uint8_t key[UDP_KEY_LEN],
                    const uint8_t route[SN_ROUTE_MAX], struct sn_bytes wire);

/* The datagram behind `index` others; index < count. Valid until it is popped. */
struct udp_datagram *udp_queue_at(const struct udp_queue *q, size_t index);
struct sn_bytes udp_queue_wire(const struct udp_queue *q, const struct udp_datagram *d);

void udp_queue_pop(struct udp_queue *q, size_t count);

#endif
