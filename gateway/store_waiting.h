/* SPDX-License-Identifier: Apache-2.0 */
/* store_waiting - records that are not yet on disk, in their order
 *
 * One block of memory that grows to what a turn needs and is used again in the next. The views of a
 * record are copied behind it.
 */
#ifndef GATEWAY_STORE_WAITING_H
#define GATEWAY_STORE_WAITING_H

#include "gateway/core/record.h"

struct waiting {
    uint8_t *octets;
    size_t len, cap;
    size_t count; /* records */
};

/* False when memory is short. */
bool waiting_add(struct waiting *w, const struct record *record);

/* Goes through the records: *at is 0 before the first. False behind the last. The views live until
 * the next change. */
bool waiting_next(const struct waiting *w, size_t *at, struct record *out);

void waiting_clear(struct waiting *w);
void waiting_fini(struct waiting *w);

#endif
