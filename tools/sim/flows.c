/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/flows.h"

#include <assert.h>
#include <stdlib.h>

#define START_CAP 256

static struct flow *new_table(size_t cap)
{
    struct flow *table = calloc(cap, sizeof *table);
    assert(table);
    return table;
}

void flows_init(struct flows *flows)
{
    *flows = (struct flows){.table = new_table(START_CAP), .cap = START_CAP};
}

void flows_fini(struct flows *flows)
{
    free(flows->table);
    *flows = (struct flows){0};
}

/* The flow's place, or the free place where it belongs. */
static struct flow *place_of(const struct flows *flows, uint64_t key, uint64_t run)
{
    uint64_t hash = (key ^ run << 17) * UINT64_C(0x9E3779B97F4A7C15);
    size_t at = (size_t)(hash >> 20) & (flows->cap - 1);

    while (flows->table[at].run && (flows->table[at].key != key || flows->table[at].run != run))
        at = (at + 1) & (flows->cap - 1);
    return &flows->table[at];
}

static void grow(struct flows *flows)
{
    struct flow *old = flows->table;
    size_t old_cap = flows->cap;

    flows->cap *= 2;
    flows->table = new_table(flows->cap);
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].run)
            *place_of(flows, old[i].key, old[i].run) = old[i];
    free(old);
}

static struct flow *flow_of(struct flows *flows, uint64_t key, uint64_t run, uint64_t sequence)
{
    if (flows->used * 2 >= flows->cap)
        grow(flows);
    struct flow *f = place_of(flows, key, run);
    if (!f->run) {
        *f = (struct flow){.key = key, .run = run, .first = sequence, .highest = sequence};
        flows->used++;
    }
    return f;
}

static bool is_new(struct flow *f, uint64_t sequence)
{
    if (sequence > f->highest) {
        uint64_t ahead = sequence - f->highest;
        f->window = ahead < 64 ? f->window << ahead : 0;
        f->highest = sequence;
    }
    uint64_t behind = f->highest - sequence;
    if (behind >= 64 || f->window >> behind & 1)
        return false;
    f->window |= UINT64_C(1) << behind;
    return true;
}

bool flows_add(struct flows *flows, uint32_t receiver, const struct stamp *stamp)
{
    uint64_t key = (uint64_t)receiver << 32 | stamp->client;
    struct flow *f = flow_of(flows, key, (uint64_t)stamp->run + 1, stamp->sequence);
    bool late = stamp->sequence < f->highest;

    if (!is_new(f, stamp->sequence)) {
        flows->duplicates++;
        return false;
    }
    if (stamp->sequence < f->first)
        f->first = stamp->sequence;
    f->distinct++;
    flows->distinct++;
    flows->disordered += late;
    return true;
}

uint64_t flows_missing(const struct flows *flows)
{
    uint64_t missing = 0;

    for (size_t i = 0; i < flows->cap; i++) {
        const struct flow *f = &flows->table[i];
        if (f->run)
            missing += f->highest - f->first + 1 - f->distinct;
    }
    return missing;
}
