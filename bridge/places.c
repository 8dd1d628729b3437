/* SPDX-License-Identifier: Apache-2.0 */
/* Which filter is on which link, and how many links there are.
 *
 * Some brokers end a connection that subscribes to more filters than they allow. So a filter takes
 * a place on a link before the broker is asked, and gives it back when the broker no longer has it
 * and is asked no more: over the loss of a link and the memory of the broker alike there never are
 * more filters than places. It stays where it is: on the link that its text is hashed to, or, where
 * that is full or stays out, on the first with room, or on one that is added. An added link carries
 * no publishes; when it has had no filter for a while it is closed.
 *
 * With a store the broker remembers the filters of a link for the next run. So the places are
 * recorded, before the SUBSCRIBE leaves, and that run begins with them: see inheriting.c. */
#include <stdio.h>

#include "bridge/aggregating.h"

#define NO_LINK UINT32_MAX

/* FNV-1a: the same in every run, because the broker remembers what was asked over which link. */
uint32_t shared_number(const struct aggregating *a, struct sn_bytes text)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ text.data[i]) * 16777619u;
    return (hash ^ hash >> 16) % a->bridge->config->broker.connections;
}

/* --- links ------------------------------------------------------------------------------------ */

/* Nothing of an earlier run is left to wait for unless the store has kept who waits. */
bool places_survive_restart(const struct aggregating *a)
{
    const struct store_config *store = &a->bridge->config->store;

    return *store->path && store->sync != SYNC_OFF;
}

static struct broker_link *new_link(struct aggregating *a, uint32_t number, bool clean)
{
    const struct broker_config *config = &a->bridge->config->broker;
    bool ordered = number != QOS0_LINK, kept = ordered && places_survive_restart(a);
    char id[512];
    int len = ordered ? snprintf(id, sizeof id, "%s-%u", config->own_id, number + 1)
                      : snprintf(id, sizeof id, "%s-qos0", config->own_id);
    const struct broker_session wanted = {.client_id = sn_bytes(id, (size_t)len),
                                          .clean_start = clean || !kept,
                                          .keep_session = kept,
                                          .shared = true,
                                          .receive_maximum = (uint16_t)config->receive_maximum};
    struct broker_link *link =
        broker_link_new(a->bridge->broker, (struct session_ref){number, 0}, &wanted);

    if (link)
        broker_link_connect(link);
    return link;
}

/* Of a link without places the broker may still know something, if the store is a new one: it shall
 * forget that. */
static bool open_link(struct aggregating *a, uint32_t number)
{
    struct shared_link *l = &a->links[number];

    if (number >= a->count)
        a->count = number + 1;
    if (!l->uploads && !shared_init(a, l))
        return false;
    l->empty_since_s = aggregated_seconds(a);
    l->link = new_link(a, number, l->filters == 0 || l->overfull);
    return l->link != NULL;
}

static bool is_added(const struct aggregating *a, uint32_t number)
{
    return number >= a->bridge->config->broker.connections;
}

/* Those of [broker] connections and those that had filters in the run before. */
bool places_open(struct bridge *bridge)
{
    struct aggregating *a = bridge->own;

    for (uint32_t i = 0; i < a->count || !is_added(a, i); i++)
        if ((!is_added(a, i) || a->links[i].filters > 0) && !open_link(a, i))
            return false;
    restoring_start(a);
    a->qos0 = new_link(a, QOS0_LINK, true);
    return a->qos0 != NULL;
}

/* The number of one that was not there, or is closed. */
static uint32_t add_link(struct aggregating *a)
{
    uint32_t i = a->bridge->config->broker.connections;

    while (i < a->count && a->links[i].link)
        i++;
    return i < a->bridge->config->broker.max_connections && open_link(a, i) ? i : NO_LINK;
}

/* For so long nobody has asked. No connection comes and goes faster than it would after a loss. */
bool place_is_long_ago(const struct aggregating *a, uint32_t since_s)
{
    return (uint64_t)(aggregated_seconds(a) - since_s) * 1000 >=
           a->bridge->config->broker.reconnect_max_ms;
}

/* The last one that is open stays, because sessions are open as long as it is. */
static bool is_idle(const struct aggregating *a, uint32_t number)
{
    const struct shared_link *l = &a->links[number];

    return is_added(a, number) && l->link && l->filters == 0 && (a->open > 1 || !l->open) &&
           place_is_long_ago(a, l->empty_since_s);
}

static void close_link(struct aggregating *a, struct shared_link *l)
{
    a->open -= l->open;
    l->open = l->given_up = l->expected = l->hopeless = false;
    broker_link_close(l->link, BRIDGE_POLITELY, BROKER_DROP_SESSION);
    l->link = NULL;
    restoring_review(a);
}

void places_tick(struct aggregating *a)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (is_idle(a, i))
            close_link(a, &a->links[i]);
}

/* --- places ----------------------------------------------------------------------------------- */

static bool has_room(const struct aggregating *a, uint32_t number)
{
    const struct shared_link *l = &a->links[number];
    uint32_t limit = a->bridge->config->broker.max_filters;

    return l->link && (limit == 0 || l->filters < limit);
}

/* One that is open, if there is any. */
static uint32_t link_with_room(struct aggregating *a)
{
    uint32_t found = NO_LINK;

    for (uint32_t i = 0; i < a->count; i++) {
        if (!has_room(a, i))
            continue;
        if (a->links[i].open)
            return i;
        if (found == NO_LINK)
            found = i;
    }
    return found == NO_LINK ? add_link(a) : found;
}

void place_record(const struct aggregating *a, struct sn_bytes filter, uint32_t connection)
{
    if (a->bridge->sink.placed && places_survive_restart(a))
        a->bridge->sink.placed(a->bridge->sink.self, filter, connection);
}

static void turn_away(struct aggregating *a)
{
    char line[200];

    counters_of(a)->no_room++;
    if (a->told_full)
        return;
    a->told_full = true;
    snprintf(line, sizeof line,
             "all %u broker connections have max_filters = %u filters; SUBSCRIBE gets congestion: "
             "raise [broker] max_connections",
             a->count, a->bridge->config->broker.max_filters);
    a->bridge->sink.notice(a->bridge->sink.self, BRIDGE_WARNING, line);
}

bool place_take(struct aggregating *a, struct sn_bytes filter, uint16_t *link)
{
    uint32_t number = shared_number(a, filter);

    if (!has_room(a, number) || a->links[number].given_up)
        number = link_with_room(a);
    if (number == NO_LINK) {
        turn_away(a);
        return false;
    }
    a->links[number].filters++;
    *link = (uint16_t)number;
    place_record(a, filter, number + 1);
    return true;
}

void place_enter(struct aggregating *a, uint32_t number)
{
    struct demand *d = demand_of(a, number);
    struct shared_link *l = &a->links[d->link];

    d->placed = true;
    d->next_here = 0;
    d->prev_here = l->last_here;
    if (l->last_here > 0)
        demand_of(a, l->last_here)->next_here = number;
    else
        l->first_here = number;
    l->last_here = number;
}

static void take_out(struct aggregating *a, struct shared_link *l, uint32_t number)
{
    const struct demand *d = demand_of(a, number);

    if (l->next_here == number)
        l->next_here = d->next_here;
    if (d->prev_here > 0)
        demand_of(a, d->prev_here)->next_here = d->next_here;
    else
        l->first_here = d->next_here;
    if (d->next_here > 0)
        demand_of(a, d->next_here)->prev_here = d->prev_here;
    else
        l->last_here = d->prev_here;
}

void place_give_back(struct aggregating *a, uint32_t number)
{
    struct demand *d = demand_of(a, number);
    struct shared_link *l = &a->links[d->link];

    take_out(a, l, number);
    d->placed = false;
    if (--l->filters == 0)
        l->empty_since_s = aggregated_seconds(a);
    place_record(a, filters_text(a->filters, number), 0);
}

uint32_t place_first(const struct aggregating *a, struct shared_link *l)
{
    l->next_here = l->first_here;
    return place_next(a, l);
}

uint32_t place_next(const struct aggregating *a, struct shared_link *l)
{
    uint32_t number = l->next_here;

    l->next_here = number > 0 ? demand_of(a, number)->next_here : 0;
    return number;
}
