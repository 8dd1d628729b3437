/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a message is. With identifiers the broker says for which filters it comes; what is retained
 * goes to those who wait for this round.
 *
 * Without identifiers (MQTT 3.1.1, some brokers) a message goes to all whose filters on its link
 * match. Then overlapping filters of different devices may bring it more than once, and retained
 * messages go to all that subscribed a short while ago. */
#include "bridge/aggregating.h"

enum {
    IDENTIFIERS_MAX = 64, /* of one message */
    /* Without identifiers: how long retained messages may follow SUBACK or each other, and what is
     * not between two of them any more. */
    REPLAY_MS = 5000,
    BETWEEN_MS = 300,
};

static void hand_to(struct aggregating *a, const struct filters_hit *hits, size_t count,
                    const struct bridge_message *message)
{
    struct bridge_event event = {.type = BRIDGE_MESSAGE, .message = *message, .unheld = true};

    for (size_t i = 0; i < count; i++) {
        const struct session *s = &a->sessions[hits[i].slot];
        if (!s->client_id)
            continue; /* it went meanwhile */
        event.session = (struct session_ref){hits[i].slot, s->generation};
        event.message.qos = hits[i].qos < message->qos ? hits[i].qos : message->qos;
        counters_of(a)->handed_on++;
        bridge_tell(a->bridge, &event);
    }
}

/* The filters of ours that the broker named; their numbers may have passed to others since. */
static size_t named_filters(const struct aggregating *a, const struct shared_link *l,
                            struct sn_bytes topic, uint32_t *identifiers)
{
    size_t count = broker_link_identifiers(l->link, identifiers, IDENTIFIERS_MAX), kept = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t number = identifiers[i] & FILTERS_MAX;
        bool ours = identifiers[i] >> RUN_SHIFT == (a->run & RUN_MASK);
        if (ours && demand_is_on(a, number, l) && filters_matches(a->filters, number, topic))
            identifiers[kept++] = identifiers[i];
    }
    return kept;
}

static size_t hand_on_named(struct aggregating *a, uint32_t *identifiers, size_t count,
                            const struct bridge_message *m)
{
    const struct filters_hit *hits;
    size_t got = 0;

    if (m->retain) {
        for (size_t i = 0; i < count; i++) {
            if (!filters_has(a->filters, identifiers[i] & FILTERS_MAX))
                continue; /* who got the last one has left it */
            size_t n =
                filters_collect_waiting(a->filters, identifiers[i] & FILTERS_MAX,
                                        identifiers[i] >> ROUND_SHIFT & FILTER_ROUNDS, &hits);
            hand_to(a, hits, n, m);
            got += n;
        }
        return got;
    }
    for (size_t i = 0; i < count; i++)
        identifiers[i] &= FILTERS_MAX;
    got = filters_collect(a->filters, m->topic, identifiers, count, &hits);
    hand_to(a, hits, got, m);
    return got;
}

bool hand_on_replays(const struct aggregating *a, uint32_t number)
{
    const struct demand *d = demand_of(a, number);

    return d->under_way || aggregated_ms(a) - d->replayed_ms <= BETWEEN_MS;
}

/* May they still come? Then this is one. */
static bool is_replay(struct aggregating *a, uint32_t number)
{
    struct demand *d = demand_of(a, number);
    uint32_t now = aggregated_ms(a);

    if (!d->under_way && now - d->replayed_ms > REPLAY_MS)
        return false;
    d->replayed_ms = now;
    return true;
}

/* Without identifiers the messages of several rounds cannot be told apart: 0 is any of them. */
static uint32_t round_of(const struct aggregating *a, const struct shared_link *l, uint32_t number)
{
    return broker_link_knows_identifiers(l->link) ? demand_of(a, number)->round : 0;
}

/* Without identifiers, or with those of an earlier run: all filters of this link that match. */
static size_t hand_on_matching(struct aggregating *a, const struct shared_link *l,
                               const struct bridge_message *m)
{
    const uint32_t *found;
    uint32_t numbers[IDENTIFIERS_MAX];
    size_t all = filters_match(a->filters, m->topic, &found), got = 0;

    for (size_t i = 0; i < all;) {
        size_t count = 0;
        /* As many at a time as there is room for: each session's best filter is told anyway. */
        for (; i < all && count < IDENTIFIERS_MAX; i++)
            if (demand_is_on(a, found[i], l) && (!m->retain || is_replay(a, found[i])))
                numbers[count++] = found[i] | round_of(a, l, found[i]) << ROUND_SHIFT;
        got += hand_on_named(a, numbers, count, m);
    }
    return got;
}

void hand_on_message(struct aggregating *a, struct shared_link *l, const struct bridge_event *e)
{
    uint32_t identifiers[IDENTIFIERS_MAX];
    const struct bridge_message *m = &e->message;
    size_t named = named_filters(a, l, m->topic, identifiers);
    size_t got = named > 0 ? hand_on_named(a, identifiers, named, m) : hand_on_matching(a, l, m);

    if (got == 0)
        counters_of(a)->unwanted++;
}
