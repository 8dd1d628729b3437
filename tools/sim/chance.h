/* SPDX-License-Identifier: Apache-2.0 */
/* chance - repeatable accidents: the same seed gives the same ones for the same traffic */
#ifndef TOOLS_SIM_CHANCE_H
#define TOOLS_SIM_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t chance_seed(uint64_t seed)
{
    return seed * 2 + 1;
}

static inline uint64_t chance_next(uint64_t *state) /* xorshift64* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

static inline bool chance(uint64_t *state, double probability)
{
    return probability > 0 &&
           (double)(chance_next(state) >> 11) < probability * (double)(UINT64_C(1) << 53);
}

#endif
