/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/serial_queue.h"

#include <assert.h>
#include <sys/mman.h>

#define CELLS     256
#define ALIGNMENT 16
#define PLACE     0xFFFFu

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

struct serial_cell *serial_queue_of(struct serial_queue *q, uint32_t ticket)
{
    size_t place = ticket & PLACE;

    if (place >= q->count)
        return NULL;
    struct serial_cell *cell = at(q, place);
    return cell->ticket == ticket && cell->state == CELL_UNDER_WAY ? cell : NULL;
}

void serial_queue_delay(struct serial_queue *q, struct serial_cell *cell, uint64_t until)
{
    assert(cell->state == CELL_UNDER_WAY);
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
