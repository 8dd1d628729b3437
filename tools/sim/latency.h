/* SPDX-License-Identifier: Apache-2.0 */
/* latency - a histogram of durations
 *
 * Buckets grow with the value: 64 for each power of two, so that a percentile is never more than
 * 1.6 % below the truth, from one microsecond to hours, in a fixed table. The greatest value is
 * kept exactly. Zero-initialised means empty.
 */
#ifndef TOOLS_SIM_LATENCY_H
#define TOOLS_SIM_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS   64 /* buckets for each power of two */
#define LATENCY_BUCKETS (LATENCY_STEPS * 36)

struct latency {
    uint64_t count, greatest, sum;
    uint32_t bucket[LATENCY_BUCKETS];
};

void latency_add(struct latency *l, uint64_t us);

/* The value that `percent` of all lie at or below, to the histogram's precision; 0 when empty. */
uint64_t latency_percentile(const struct latency *l, double percent);

#endif
