/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/latency.h"

/* Values below LATENCY_STEPS have a bucket each. Above, the highest bit chooses a row and the six
 * bits below it the place in the row. */
static unsigned bucket_of(uint64_t us)
{
    if (us < LATENCY_STEPS)
        return (unsigned)us;
    unsigned shift = 63 - (unsigned)__builtin_clzll(us) - 6;
    unsigned bucket = (shift + 1) * LATENCY_STEPS + (unsigned)(us >> shift) - LATENCY_STEPS;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static uint64_t least_of(unsigned bucket)
{
    if (bucket < LATENCY_STEPS)
        return bucket;
    unsigned shift = bucket / LATENCY_STEPS - 1;
    return (uint64_t)(LATENCY_STEPS + bucket % LATENCY_STEPS) << shift;
}

void latency_add(struct latency *l, uint64_t us)
{
    l->bucket[bucket_of(us)]++;
    l->count++;
    l->sum += us;
    if (us > l->greatest)
        l->greatest = us;
}

uint64_t latency_percentile(const struct latency *l, double percent)
{
    double wanted = (double)l->count * percent / 100;
    uint64_t seen = 0;

    if (l->count == 0)
        return 0;
    if (percent >= 100)
        return l->greatest;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += l->bucket[i];
        if (seen > 0 && (double)seen >= wanted)
            return least_of(i);
    }
    return l->greatest;
}
