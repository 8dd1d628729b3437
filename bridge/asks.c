/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for the answer to a SUBSCRIBE, for each filter in the order of asking. A session has a
 * bounded number of these: a device may ask again and again while the broker does not answer. */
#include <stdlib.h>
#include <utlist.h>

#include "bridge/aggregating.h"

enum { SPARE_ASKS = 16 }; /* of one session, beyond two for each of its filters */

bool asks_full(struct aggregating *a, uint32_t slot)
{
    uint32_t most = 2 * a->bridge->config->gateway.max_subscriptions + SPARE_ASKS;
    bool full = a->sessions[slot].asks >= (most < UINT16_MAX ? most : UINT16_MAX);

    counters_of(a)->queue_full += full;
    return full;
}

void asks_add(struct aggregating *a, struct demand *d, struct subscriber_ask *ask)
{
    DL_APPEND(d->asks, ask);
    a->sessions[ask->slot].asks++;
}

static bool is_one(const struct subscriber_ask *ask, enum which which)
{
    return which == ASKS_ALL || (which == ASKS_UNDER_WAY ? ask->current : !ask->patient);
}

struct subscriber_ask *asks_take(struct demand *d, enum which which)
{
    struct subscriber_ask *ask = d->asks;

    while (ask && !is_one(ask, which))
        ask = ask->next;
    if (ask)
        DL_DELETE(d->asks, ask);
    return ask;
}

void asks_free(struct aggregating *a, struct subscriber_ask *ask)
{
    a->sessions[ask->slot].asks--;
    free(ask);
}

static struct subscriber_ask *ask_of(const struct demand *d, uint32_t slot)
{
    struct subscriber_ask *ask = d->asks;

    while (ask && ask->slot != slot)
        ask = ask->next;
    return ask;
}

bool asks_another(const struct aggregating *a, const struct demand *d,
                  const struct subscriber_ask *taken)
{
    return a->sessions[taken->slot].asks > 1 && ask_of(d, taken->slot);
}

void asks_forget(struct aggregating *a, struct demand *d, uint32_t slot)
{
    struct subscriber_ask *ask;

    while (a->sessions[slot].asks > 0 && (ask = ask_of(d, slot))) {
        DL_DELETE(d->asks, ask);
        asks_free(a, ask);
    }
}

void demand_forget(struct aggregating *a, uint32_t number)
{
    struct subscriber_ask *ask;

    while ((ask = asks_take(demand_of(a, number), ASKS_ALL)))
        free(ask);
}
