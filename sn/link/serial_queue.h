/* SPDX-License-Identifier: Apache-2.0 */
/* serial_queue - packets for one dongle: waiting, under way, or to be repeated
 *
 * A pool of cells of one size, mapped once. A cell waits in order, is under way while the radio's
 * status is out, overdue when that seems lost, and goes back to the pool when it was delivered or
 * given up. Who holds a ticket of
 * an earlier use of a cell finds nothing.
 */
#ifndef SN_LINK_SERIAL_QUEUE_H
#define SN_LINK_SERIAL_QUEUE_H

#include "sn/framing/framing.h"

struct serial_cell {
    uint32_t ticket; /* place in the low 16 bits, how often it was used above; never 0 */
    enum { CELL_FREE, CELL_WAITING, CELL_UNDER_WAY, CELL_OVERDUE, CELL_DELAYED } state;
    struct framing_address to;
    uint8_t radius, tries;
    uint64_t not_before; /* DELAYED */
    size_t len;
    struct serial_cell *next; /* of the list it is in: free or waiting */
};

struct serial_queue {
    uint8_t *block;
    size_t count, stride, max_packet;
    size_t held, delayed; /* not free / of these delayed */
    struct serial_cell *free, *first, *last;
};

bool serial_queue_init(struct serial_queue *q, size_t max_packet);
void serial_queue_fini(struct serial_queue *q);

/* Copies the packet, which is at most max_packet long, behind the others. False: the queue is full.
 */
bool serial_queue_push(struct serial_queue *q, const struct framing_address *to, uint8_t radius,
                       struct sn_bytes packet);

/* The cell that holds this packet, or another repetition of it, for the address; or NULL. Two QoS 0
 * messages of one content are two, though, as nobody repeats them. */
struct serial_cell *serial_queue_find(const struct serial_queue *q,
                                      const struct framing_address *to, struct sn_bytes packet);

/* The next one to send, or NULL. It stays where it is. */
struct serial_cell *serial_queue_first(struct serial_queue *q, uint64_t now);
struct sn_bytes serial_queue_packet(const struct serial_cell *cell);

/* The first is on its way now. */
void serial_queue_start(struct serial_queue *q, struct serial_cell *cell);

/* The cell of a ticket that is under way, overdue or not, or NULL. */
struct serial_cell *serial_queue_of(struct serial_queue *q, uint32_t ticket);
void serial_queue_delay(struct serial_queue *q, struct serial_cell *cell, uint64_t until);
void serial_queue_drop(struct serial_queue *q, struct serial_cell *cell);

/* When the first delayed one is due; UINT64_MAX when there is none. */
uint64_t serial_queue_due(const struct serial_queue *q);

/* Empties it and returns how many there were. */
size_t serial_queue_clear(struct serial_queue *q);

#endif
