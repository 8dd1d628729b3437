/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/throttle.h"

#include <stdlib.h>

enum { WAYS = 4 }; /* places that one sender may be remembered in */

bool throttle_init(struct throttle *t, size_t count)
{
    t->count = WAYS;
    while (t->count < count)
        t->count *= 2;
    t->rows = calloc(t->count, sizeof *t->rows);
    return t->rows != NULL;
}

void throttle_fini(struct throttle *t)
{
    free(t->rows);
    *t = (struct throttle){0};
}

bool throttle_pass(struct throttle *t, uint64_t who, msec_t now, msec_t pause)
{
    struct throttle_row *set = &t->rows[who & (t->count - 1) & ~(uint64_t)(WAYS - 1)];
    struct throttle_row *place = NULL;

    who |= 1; /* never the mark of a free place */
    for (int i = 0; i < WAYS; i++) {
        if (set[i].who == who && now < set[i].until)
            return false;
        if (!place && (set[i].who == 0 || now >= set[i].until))
            place = &set[i];
    }
    if (!place)
        return false;
    *place = (struct throttle_row){.who = who, .until = now + pause};
    return true;
}
