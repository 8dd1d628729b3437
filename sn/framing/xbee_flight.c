/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/framing/xbee_flight.h"

#include <assert.h>

#include "sn/framing/framing_private.h"

#define NO_ID 0

void flight_init(struct flight *f, unsigned limit)
{
    *f = (struct flight){.limit = (uint8_t)(limit < WINDOW_MAX ? limit : WINDOW_MAX)};
    if (f->limit == 0)
        f->limit = 1;
}

bool flight_is_full(const struct flight *f)
{
    return f->window >= f->limit;
}

static const struct flight_slot *find(const struct flight *f, uint8_t frame_id)
{
    for (size_t i = 0; i < FLIGHT_MAX; i++)
        if (f->slots[i].frame_id == frame_id)
            return &f->slots[i];
    return NULL;
}

uint8_t flight_next_id(const struct flight *f)
{
    uint8_t id = f->last_id;

    do
        id = (uint8_t)(id == UINT8_MAX ? 1 : id + 1);
    while (find(f, id));
    return id;
}

void flight_add(struct flight *f, struct flight_slot slot)
{
    const struct flight_slot *free_slot = find(f, NO_ID);

    assert(!flight_is_full(f) && free_slot);
    slot.frame_id = f->last_id = flight_next_id(f);
    f->slots[free_slot - f->slots] = slot;
    f->window++;
}

bool flight_take(struct flight *f, uint8_t frame_id, struct flight_slot *out)
{
    const struct flight_slot *slot = find(f, frame_id);

    if (frame_id == NO_ID || !slot)
        return false;
    *out = *slot;
    f->slots[slot - f->slots].frame_id = NO_ID;
    if (!slot->overdue)
        f->window--;
    return true;
}

bool flight_evict(struct flight *f, struct flight_slot *out)
{
    const struct flight_slot *oldest = NULL;

    if (find(f, NO_ID))
        return false;
    for (size_t i = 0; i < FLIGHT_MAX; i++)
        if (f->slots[i].overdue && (!oldest || f->slots[i].deadline < oldest->deadline))
            oldest = &f->slots[i];
    assert(oldest); /* the window alone is smaller */
    return flight_take(f, oldest->frame_id, out);
}

bool flight_take_overdue(struct flight *f, uint64_t now_ms, uint32_t wait_ms,
                         struct flight_slot *out)
{
    for (size_t i = 0; i < FLIGHT_MAX; i++) {
        struct flight_slot *slot = &f->slots[i];
        if (slot->frame_id == NO_ID || slot->overdue || slot->sent_at + wait_ms > now_ms ||
            slot->deadline <= now_ms)
            continue;
        slot->overdue = true;
        f->window--;
        *out = *slot;
        return true;
    }
    return false;
}

bool flight_take_due(struct flight *f, uint64_t now_ms, struct flight_slot *out)
{
    for (size_t i = 0; i < FLIGHT_MAX; i++)
        if (f->slots[i].frame_id != NO_ID && f->slots[i].deadline <= now_ms)
            return flight_take(f, f->slots[i].frame_id, out);
    return false;
}

uint64_t flight_deadline(const struct flight *f, uint32_t wait_ms)
{
    uint64_t deadline = UINT64_MAX;

    for (size_t i = 0; i < FLIGHT_MAX; i++) {
        const struct flight_slot *slot = &f->slots[i];
        if (slot->frame_id == NO_ID)
            continue;
        deadline = earlier(deadline, slot->deadline);
        if (!slot->overdue)
            deadline = earlier(deadline, slot->sent_at + wait_ms);
    }
    return deadline;
}

static bool same(const struct framing_address *a, const struct framing_address *b)
{
    return a->len == b->len && memcmp(a->octets, b->octets, a->len) == 0 &&
           memcmp(a->hint, b->hint, 2) == 0;
}

static size_t stale_at(const struct flight *f, const struct framing_address *address)
{
    size_t i = 0;

    while (i < STALE_MAX && (f->stale[i].len == 0 || !same(&f->stale[i], address)))
        i++;
    return i;
}

void flight_mark_stale(struct flight *f, const struct framing_address *address)
{
    if (flight_is_stale(f, address))
        return;
    f->stale[f->stale_next] = *address;
    f->stale_next = (uint8_t)((f->stale_next + 1) % STALE_MAX);
}

void flight_mark_fresh(struct flight *f, const struct framing_address *address)
{
    size_t i = stale_at(f, address);

    if (i < STALE_MAX)
        f->stale[i].len = 0;
}

bool flight_is_stale(const struct flight *f, const struct framing_address *address)
{
    return stale_at(f, address) < STALE_MAX;
}
