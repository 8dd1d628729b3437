/* SPDX-License-Identifier: Apache-2.0 */
/* flows - checks what arrives: is anything missing, twice, out of order?
 *
 * A flow is the messages of one sender as one receiver sees them. A window of the last 64 sequence
 * numbers tells a duplicate from a late one; what is older than that counts as a duplicate.
 */
#ifndef TOOLS_SIM_FLOWS_H
#define TOOLS_SIM_FLOWS_H

#include "tools/sim/stamp.h"

struct flow {
    uint64_t key, run; /* run 0 marks a free place */
    uint64_t first, highest, distinct;
    uint64_t window; /* bit n: highest - n has arrived */
};

struct flows {
    struct flow *table; /* open addressing, a power of two */
    size_t cap, used;
    uint64_t distinct, duplicates, disordered;
};

void flows_init(struct flows *flows);
void flows_fini(struct flows *flows);

/* False for a duplicate. */
bool flows_add(struct flows *flows, uint32_t receiver, const struct stamp *stamp);

/* Sequence numbers that never came, between the first and the highest of each flow. */
uint64_t flows_missing(const struct flows *flows);

#endif
