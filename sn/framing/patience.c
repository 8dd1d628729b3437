/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/framing/patience.h"

#define STRAYS       4
#define DOUBLING_MAX 16

void patience_init(struct patience *p, uint32_t first_ms, uint32_t floor_ms, uint32_t ceiling_ms)
{
    *p = (struct patience){.first_ms = first_ms, .floor_ms = floor_ms, .ceiling_ms = ceiling_ms};
}

/* Kept as multiples, the shares of 1/8 and 1/4 lose nothing to rounding. */
void patience_came(struct patience *p, uint64_t after_ms)
{
    uint32_t took = after_ms < p->ceiling_ms ? (uint32_t)after_ms : p->ceiling_ms;
    uint32_t mean = p->mean_x8 / 8;

    p->missed = 0;
    if (!p->learnt) {
        p->learnt = true;
        p->mean_x8 = 8 * took;
        p->stray_x4 = 2 * took;
        return;
    }
    p->stray_x4 = p->stray_x4 - p->stray_x4 / 4 + (took > mean ? took - mean : mean - took);
    p->mean_x8 = p->mean_x8 - mean + took;
}

void patience_missed(struct patience *p)
{
    if (p->missed < DOUBLING_MAX)
        p->missed++;
}

uint32_t patience_ms(const struct patience *p)
{
    uint64_t ms = p->mean_x8 / 8 + STRAYS * (p->stray_x4 / 4);

    if (ms < p->floor_ms)
        ms = p->floor_ms;
    if (!p->learnt)
        ms = p->first_ms;
    ms <<= p->missed;
    return ms < p->ceiling_ms ? (uint32_t)ms : p->ceiling_ms;
}
