/* SPDX-License-Identifier: Apache-2.0 */
/* throttle - at most one DISCONNECT per T_retry to a sender without a session (A8, A37)
 *
 * A fixed table remembers whom it answered. It never grows and never answers too often: when the
 * places where a sender could be remembered are taken by others still in their pause, it gets no
 * answer this time.
 */
#ifndef GATEWAY_CORE_THROTTLE_H
#define GATEWAY_CORE_THROTTLE_H

#include "gateway/core/core.h"

struct throttle {
    struct throttle_row {
        uint64_t who; /* keyed hash of the sender; 0 is a free place */
        msec_t until;
    } * rows;
    size_t count; /* a power of two */
};

bool throttle_init(struct throttle *t, size_t count); /* rounded up */
void throttle_fini(struct throttle *t);

/* True when `who` may be answered now; it then may not be again for `pause`. */
bool throttle_pass(struct throttle *t, uint64_t who, msec_t now, msec_t pause);

#endif
