/* SPDX-License-Identifier: Apache-2.0 */
/* seen - recognises messages that the broker sends again after a reconnect
 *
 * A broker that kept the session repeats what it has no acknowledgement for, under the same packet
 * identifiers and before anything new. libmosquitto does not hand on the DUP flag, so the last
 * messages of QoS 1 and 2 are remembered by identifier and hash: after a reconnect, those that
 * match are repetitions, up to the first that does not.
 *
 * A new message may match too, when the broker gives out low identifiers again and a device is told
 * the same thing twice. So a sighting counts only if its acknowledgement may have been lost: the
 * broker was heard seconds later, with its answer to a ping if nothing else, only when the way to
 * it was still good; and only soon after the reconnect, when a broker repeats. Allocated at a
 * link's first such message.
 */
#ifndef BRIDGE_SEEN_H
#define BRIDGE_SEEN_H

#include "sn/cursor.h"

struct seen;

struct seen *seen_new(size_t size);
void seen_free(struct seen *seen);

/* The connection is back and the broker still has the session. `heard_at`: when anything was read
 * from the connection before it for the last time. Times are in ms. */
void seen_resume(struct seen *seen, uint64_t now, uint64_t heard_at);
/* The broker starts afresh: nothing seen before can come again. */
void seen_forget(struct seen *seen);

/* Remembers the message. True when it is a repetition, to be dropped. */
bool seen_again(struct seen *seen, uint64_t now, uint16_t mid, struct sn_bytes topic,
                struct sn_bytes payload);

#endif
