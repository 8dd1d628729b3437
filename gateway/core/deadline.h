/* SPDX-License-Identifier: Apache-2.0 */
/* deadline - what is due next: a 4-ary heap of deadlines embedded in their owners
 *
 * An owner has one struct deadline, zero-initialised. Moving one later is free for the caller who
 * leaves it alone until it fires, looks, and sets it anew: traffic then costs nothing here.
 */
#ifndef GATEWAY_CORE_DEADLINE_H
#define GATEWAY_CORE_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/core.h"

enum deadline_owner { OWNER_SESSION, OWNER_ATTEMPT, OWNER_ADVERTISE, OWNER_SPOOL };

struct deadline {
    msec_t due;
    uint32_t place; /* in the heap, counted from 1; 0 is not set */
    enum deadline_owner owner;
};

struct deadlines {
    struct deadline **heap;
    size_t count, cap;
};

/* Makes room for `count` deadlines, so that setting one never fails. False: memory is short. */
bool deadlines_reserve(struct deadlines *h, size_t count);
void deadlines_fini(struct deadlines *h);

/* Sets or moves; NEVER clears. */
void deadline_set(struct deadlines *h, struct deadline *d, msec_t due);
void deadline_clear(struct deadlines *h, struct deadline *d);

/* The earliest, or NULL. It stays in the heap. */
struct deadline *deadline_first(const struct deadlines *h);

bool deadlines_sound(const struct deadlines *h); /* for core_audit */

#endif
