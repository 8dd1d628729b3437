/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker has of an earlier run.
 *
 * With a store it remembers the filters of each link, and keeps what comes for them. They have
 * their places again before anything is asked, so that the sessions of that run find them there.
 * What nobody has asked for a while after the first link was opened, was about to be unsubscribed
 * when that run ended, and is now. */
#include "bridge/aggregating.h"
#include "sn/topic.h"

static bool make_demand(struct aggregating *a, struct sn_bytes filter, uint32_t link)
{
    uint32_t number = filters_take(a->filters, filter);

    if (number == 0)
        return false;
    if (!demand_reserve(a, number)) {
        filters_drop(a->filters, number);
        return false;
    }
    if (demand_of(a, number)->placed)
        return false;
    *demand_of(a, number) =
        (struct demand){.link = (uint16_t)link, .inherited = true, .held = true, .unsure = true};
    place_enter(a, number);
    return true;
}

static bool inherit(struct aggregating *a, struct sn_bytes filter, uint32_t link)
{
    uint32_t limit = a->bridge->config->broker.max_filters;

    if (link >= SHARED_LINKS_MAX || !sn_topic_filter_ok(filter))
        return false;
    struct shared_link *l = &a->links[link];
    if (limit > 0 && l->filters >= limit) {
        l->overfull = true; /* the limit was higher: the broker shall forget them all */
        return false;
    }
    if (!make_demand(a, filter, link))
        return false;
    l->filters++;
    if (link >= a->count)
        a->count = link + 1;
    return true;
}

void inherit_place(struct bridge *bridge, struct sn_bytes filter, uint32_t connection)
{
    struct aggregating *a = bridge->own;

    if (!inherit(a, filter, connection - 1)) {
        place_record(a, filter, 0);
        return;
    }
    a->inherits = true;
    a->opened_s = aggregated_seconds(a);
}

void inheriting_tick(struct aggregating *a)
{
    if (!a->inherits)
        return;
    if (a->open == 0)
        a->opened_s = aggregated_seconds(a);
    if (!place_is_long_ago(a, a->opened_s))
        return;
    a->inherits = false;
    for (uint32_t number = 1; number <= filters_last(a->filters); number++) {
        if (!filters_has(a->filters, number) || !demand_of(a, number)->inherited)
            continue;
        demand_of(a, number)->inherited = false;
        demand_settle(a, number);
    }
}
