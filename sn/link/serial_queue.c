/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/serial_queue.h"

#include <assert.h>
#include <sys/mman.h>

#include "sn/forwarder.h"
#include "sn/packet.h"

#define CELLS     256
#define ALIGNMENT 16
#define PLACE     0xFFFFu
#define LONG_FORM 1 /* the escape octet of 5.2.1 */

static struct serial_cell *at(const struct serial_queue *q, size_t place)
{
    return (struct serial_cell *)(void *)(q->block + place * q->stride);
}

bool serial_queue_init(struct serial_queue *q, size_t max_packet)
{
    *q = (struct serial_queue){.count = CELLS, .max_packet = max_packet};
    q->stride = (sizeof(struct serial_cell) + max_packet + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *block = mmap(NULL, q->count * q->stride, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED)
        return false;
    q->block = block;
    for (size_t i = q->count; i-- > 0;) {
        at(q, i)->ticket = (uint32_t)i + (1u << 16);
        at(q, i)->next = q->free;
        q->free = at(q, i);
    }
    return true;
}

void serial_queue_fini(struct serial_queue *q)
{
    if (q->block)
        munmap(q->block, q->count * q->stride);
    *q = (struct serial_queue){0};
}

static void append(struct serial_queue *q, struct serial_cell *cell)
{
    cell->state = CELL_WAITING;
    cell->next = NULL;
    if (q->last)
        q->last->next = cell;
    else
        q->first = cell;
    q->last = cell;
}

static void take_out(struct serial_queue *q, struct serial_cell *cell)
{
    struct serial_cell *before = NULL;

    for (struct serial_cell *c = q->first; c != cell; c = c->next)
        before = c;
    if (before)
        before->next = cell->next;
    else
        q->first = cell->next;
    if (q->last == cell)
        q->last = before;
}

bool serial_queue_push(struct serial_queue *q, const struct framing_address *to, uint8_t radius,
                       struct sn_bytes packet)
{
    struct serial_cell *cell = q->free;

    assert(packet.len <= q->max_packet);
    if (!cell)
        return false;
    q->free = cell->next;
    cell->to = *to;
    cell->radius = radius;
    cell->tries = 0;
    cell->len = packet.len;
    if (packet.len > 0)
        memcpy(cell + 1, packet.data, packet.len);
    q->held++;
    append(q, cell);
    return true;
}

/* Where the flags of a PUBLISH are, behind an envelope as well; SIZE_MAX for all other packets. */
static size_t publish_flags(struct sn_bytes packet)
{
    size_t at = 0;

    if (packet.len > 2 && packet.data[1] == SN_FORWARDED)
        at = packet.data[0];
    at += at < packet.len && packet.data[at] == LONG_FORM ? 3 : 1;
    return at + 1 < packet.len && packet.data[at] == SN_PUBLISH ? at + 1 : SIZE_MAX;
}

static bool is_repetition(struct sn_bytes a, struct sn_bytes b, size_t flags)
{
    if (a.len != b.len)
        return false;
    if (flags >= a.len)
        return memcmp(a.data, b.data, a.len) == 0;
    return memcmp(a.data, b.data, flags) == 0 &&
           ((a.data[flags] ^ b.data[flags]) & ~SN_FLAG_DUP) == 0 &&
           memcmp(a.data + flags + 1, b.data + flags + 1, a.len - flags - 1) == 0;
}

static bool same_address(const struct framing_address *a, const struct framing_address *b)
{
    return a->broadcast == b->broadcast && a->len == b->len &&
           memcmp(a->octets, b->octets, a->len) == 0;
}

struct serial_cell *serial_queue_find(const struct serial_queue *q,
                                      const struct framing_address *to, struct sn_bytes packet)
{
    size_t flags = publish_flags(packet), left = q->held;
    uint8_t qos = flags < packet.len ? sn_qos(packet.data[flags]) : 1;

    if (qos != 1 && qos != 2)
        return NULL;
    for (size_t i = 0; left > 0 && i < q->count; i++) {
        struct serial_cell *cell = at(q, i);
        if (cell->state == CELL_FREE)
            continue;
        left--;
        if (same_address(&cell->to, to) && is_repetition(serial_queue_packet(cell), packet, flags))
            return cell;
    }
    return NULL;
}

struct serial_cell *serial_queue_first(struct serial_queue *q, uint64_t now)
{
    for (size_t i = 0; q->delayed > 0 && i < q->count; i++) {
        struct serial_cell *cell = at(q, i);
        if (cell->state == CELL_DELAYED && cell->not_before <= now) {
            q->delayed--;
            append(q, cell);
        }
    }
    return q->first;
}

struct sn_bytes serial_queue_packet(const struct serial_cell *cell)
{
    return sn_bytes((const uint8_t *)(cell + 1), cell->len);
}

void serial_queue_start(struct serial_queue *q, struct serial_cell *cell)
{
    assert(cell->state == CELL_WAITING);
    take_out(q, cell);
    cell->state = CELL_UNDER_WAY;
}

static bool is_under_way(const struct serial_cell *cell)
{
    return cell->state == CELL_UNDER_WAY || cell->state == CELL_OVERDUE;
}

struct serial_cell *serial_queue_of(struct serial_queue *q, uint32_t ticket)
{
    size_t place = ticket & PLACE;

    if (place >= q->count)
        return NULL;
    struct serial_cell *cell = at(q, place);
    return cell->ticket == ticket && is_under_way(cell) ? cell : NULL;
}

void serial_queue_delay(struct serial_queue *q, struct serial_cell *cell, uint64_t until)
{
    assert(is_under_way(cell));
    cell->state = CELL_DELAYED;
    cell->not_before = until;
    q->delayed++;
}

void serial_queue_drop(struct serial_queue *q, struct serial_cell *cell)
{
    if (cell->state == CELL_WAITING)
        take_out(q, cell);
    else if (cell->state == CELL_DELAYED)
        q->delayed--;
    cell->state = CELL_FREE;
    cell->ticket += 1u << 16;
    if (cell->ticket <= PLACE) /* the count began again; 0 must not come out */
        cell->ticket += 1u << 16;
    cell->next = q->free;
    q->free = cell;
    q->held--;
}

uint64_t serial_queue_due(const struct serial_queue *q)
{
    uint64_t due = UINT64_MAX;

    for (size_t i = 0; q->delayed > 0 && i < q->count; i++) {
        const struct serial_cell *cell = at(q, i);
        if (cell->state == CELL_DELAYED && cell->not_before < due)
            due = cell->not_before;
    }
    return due;
}

size_t serial_queue_clear(struct serial_queue *q)
{
    size_t held = q->held;

    for (size_t i = 0; i < q->count; i++) {
        if (at(q, i)->state != CELL_FREE)
            serial_queue_drop(q, at(q, i));
    }
    return held;
}
