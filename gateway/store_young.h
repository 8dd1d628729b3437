/* SPDX-License-Identifier: Apache-2.0 */
/* store_young - messages that may be acknowledged before they need to be written
 *
 * A message for a client that is awake is usually acknowledged within milliseconds. Until
 * [store] commit_window is over it is kept here instead of being written; when the acknowledgement
 * comes first, nothing is ever written. That is safe because the broker has no acknowledgement
 * either: whoever owns the store holds back the connection of each session that has such messages.
 */
#ifndef GATEWAY_STORE_YOUNG_H
#define GATEWAY_STORE_YOUNG_H

#include "gateway/core/record.h"

struct young_message;

/* Told when the first young message of a session comes and when the last has gone. */
struct young_holder {
    void *self;
    void (*hold)(void *self, uint32_t session, bool on);
};

/* Zero-initialised is empty. */
struct young {
    struct young_message *by_sequence;
    struct young_message *oldest;
    uint32_t *of_session; /* how many each session has, by its number */
    uint32_t sessions;
    struct young_holder holder;
};

/* False: memory is short, write it at once. */
bool young_add(struct young *y, const struct record *message, uint64_t due);

/* False: it is not among them. */
bool young_cancel(struct young *y, uint64_t sequence);
void young_cancel_session(struct young *y, uint32_t session);

/* When the oldest must be written; UINT64_MAX: there is none. */
uint64_t young_due(const struct young *y);

/* Hands out and forgets those that are due by `now`, or all of one session (0: of all), oldest
 * first. False: `put` failed, and the rest stays. */
bool young_grow(struct young *y, uint64_t now, bool (*put)(void *self, const struct record *),
                void *self);
bool young_grow_session(struct young *y, uint32_t session,
                        bool (*put)(void *self, const struct record *), void *self);

void young_fini(struct young *y); /* forgets all, and holds nobody */

#endif
