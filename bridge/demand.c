/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker is asked for.
 *
 * Each filter is subscribed once, over the link that it has its place on, at the highest QoS of
 * its subscribers. `settle` compares what the broker was told with what is wanted and says the
 * difference, one packet for each filter at a time; it is called whenever either may have changed.
 *
 * With MQTT 5 every SUBSCRIBE carries an identifier made of the filter's number, so the broker says
 * for which filters a message comes: filters of different devices may overlap, and it sends a copy
 * for each. That is also why there is one filter in a SUBSCRIBE: the identifier is the packet's.
 *
 * A later subscriber of a filter gets its retained messages by one more SUBSCRIBE, a round. The
 * number of the round is in the identifier too, so what is retained goes to those who asked in this
 * round, however late it comes. Who asks while a round is under way waits for the next.
 *
 * asks.c keeps who waits for the answers; hand_on.c does the rest. */
#include <stdlib.h>

#include "bridge/aggregating.h"

enum { ASKS_MAX = 100 }; /* under way on one link: brokers drop answers that queue up */

static bool is_safe(const struct aggregating *a)
{
    return a->bridge->config->broker.qos2_subscriptions == QOS2_SAFE;
}

/* --- asks ------------------------------------------------------------------------------------- */

static void answer_ask(struct aggregating *a, uint32_t number, const struct subscriber_ask *ask,
                       enum bridge_result result, uint8_t granted)
{
    const struct session *s = &a->sessions[ask->slot];
    bool whole = is_safe(a) && ask->qos == 2 && granted == 1; /* as link_io.c says */
    uint8_t qos = whole || ask->qos < granted ? ask->qos : granted;

    if (result == BRIDGE_OK)
        filters_grant(a->filters, number, ask->slot, qos);
    else if (!filters_is_granted(a->filters, number, ask->slot) &&
             !asks_another(a, demand_of(a, number), ask))
        filters_remove(a->filters, number, ask->slot);
    if (s->serial != ask->serial)
        return;
    bridge_tell(a->bridge, &(struct bridge_event){.type = BRIDGE_SUBSCRIBED,
                                                  .session = {ask->slot, s->generation},
                                                  .token = ask->token,
                                                  .result = result,
                                                  .granted_qos = result == BRIDGE_OK ? qos : 0});
}

/* --- settling --------------------------------------------------------------------------------- */

/* What was lost with the broker's memory is there again, or will not be. */
static void no_longer_awaited(struct aggregating *a, uint32_t number)
{
    struct demand *d = demand_of(a, number);

    if (!d->awaited)
        return;
    d->awaited = false;
    a->links[d->link].unanswered--;
    a->restored_at = uv_now(a->bridge->loop);
}

static uint8_t wanted_qos(const struct aggregating *a, uint32_t number)
{
    uint8_t qos = filters_qos(a->filters, number);
    const struct subscriber_ask *ask;

    for (ask = demand_of(a, number)->asks; ask; ask = ask->next)
        if (ask->qos > qos)
            qos = ask->qos;
    return qos == 2 && is_safe(a) ? 1 : qos;
}

/* Waits for its turn among the link's questions. */
static void enqueue(struct aggregating *a, struct shared_link *l, uint32_t number)
{
    struct demand *d = demand_of(a, number);

    if (d->due)
        return;
    d->due = true;
    d->next_due = 0;
    if (l->last_due > 0)
        demand_of(a, l->last_due)->next_due = number;
    else
        l->first_due = number;
    l->last_due = number;
}

/* The link fails, or memory is short: once more, after that or at the next tick. */
static void not_asked(struct aggregating *a, struct shared_link *l, uint32_t number)
{
    l->asks--;
    demand_of(a, number)->under_way = false;
    enqueue(a, l, number);
}

/* Who only asks again has had them, unless the broker has forgotten what it was told. */
static bool wants_retained(const struct shared_link *l, const struct subscriber_ask *ask)
{
    return !ask->patient || !l->present;
}

/* False: nobody wants the retained messages. */
static bool begin_round(struct aggregating *a, const struct shared_link *l, uint32_t number)
{
    struct demand *d = demand_of(a, number);
    bool wanted = d->renew;
    struct subscriber_ask *ask;

    for (ask = d->asks; ask; ask = ask->next) {
        ask->current = true;
        wanted = wanted || wants_retained(l, ask);
    }
    if (!wanted)
        return false;
    d->round = (uint8_t)(d->round % FILTER_ROUNDS + 1);
    filters_end_round(a->filters, number, d->round); /* of long ago */
    if (!broker_link_knows_identifiers(l->link) && !hand_on_replays(a, number))
        filters_end_round(a->filters, number, 0);
    if (d->renew)
        filters_await_all(a->filters, number, d->round);
    for (ask = d->asks; ask; ask = ask->next)
        if (wants_retained(l, ask))
            filters_await(a->filters, number, ask->slot, d->round);
    return true;
}

static void subscribe(struct aggregating *a, struct shared_link *l, uint32_t number)
{
    struct demand *d = demand_of(a, number);
    bool retained = begin_round(a, l, number), renewed = d->renew;

    d->asked_qos = wanted_qos(a, number);
    d->was_held = d->held;
    d->held = d->under_way = true;
    d->unsure = d->refused = d->inherited = false;
    counters_of(a)->resubscribed += renewed;
    d->renew = false;
    l->asks++;
    if (!broker_link_subscribe_as(l->link, number, filters_text(a->filters, number), d->asked_qos,
                                  demand_identifier(a, number, d->round), retained)) {
        not_asked(a, l, number);
        counters_of(a)->resubscribed -= renewed;
        d->held = d->was_held;
        d->renew = renewed;
        d->unsure = true;
    }
}

static void unsubscribe(struct aggregating *a, struct shared_link *l, uint32_t number)
{
    struct demand *d = demand_of(a, number);

    d->under_way = true;
    l->asks++;
    if (!broker_link_unsubscribe(l->link, number, filters_text(a->filters, number))) {
        not_asked(a, l, number);
    }
}

static bool is_content(const struct aggregating *a, uint32_t number)
{
    const struct demand *d = demand_of(a, number);

    if (d->asks)
        return false;
    if (filters_subscribers(a->filters, number) == 0)
        return !d->held;
    return d->refused ||
           (d->held && !d->unsure && !d->renew && d->asked_qos == wanted_qos(a, number));
}

/* The broker does not have it, nor ever will. */
static void drop(struct aggregating *a, uint32_t number)
{
    struct demand *d = demand_of(a, number);

    no_longer_awaited(a, number);
    if (d->placed)
        place_give_back(a, number);
    filters_drop(a->filters, number);
}

static void settle(struct aggregating *a, uint32_t number)
{
    struct demand *d = demand_of(a, number);
    struct shared_link *l = &a->links[d->link];
    bool wanted = filters_subscribers(a->filters, number) > 0;

    if (d->under_way || d->due)
        return;
    if (is_content(a, number)) {
        if (!wanted)
            drop(a, number);
    } else if (!l->open || (!wanted && d->inherited)) {
        return; /* demand_opened, inheriting_tick come here again */
    } else if (l->asks >= ASKS_MAX) {
        enqueue(a, l, number);
    } else if (wanted) {
        subscribe(a, l, number);
    } else {
        unsubscribe(a, l, number);
    }
}

void demand_settle(struct aggregating *a, uint32_t number)
{
    settle(a, number);
}

void demand_ask_next(struct aggregating *a, struct shared_link *l)
{
    bool asked = true;

    while (asked && l->open && l->asks < ASKS_MAX && l->first_due > 0) {
        uint32_t number = l->first_due;
        struct demand *d = demand_of(a, number);
        l->first_due = d->next_due;
        if (l->first_due == 0)
            l->last_due = 0;
        d->due = false;
        settle(a, number);
        asked = !demand_of(a, number)->due;
    }
}

/* Telling may bring new requests: so each is looked for anew, and the filter is kept from being
 * settled meanwhile. */
static void answer_asks(struct aggregating *a, uint32_t number, enum which which,
                        enum bridge_result result, uint8_t granted)
{
    struct subscriber_ask *ask;

    demand_of(a, number)->under_way = true;
    while ((ask = asks_take(demand_of(a, number), which))) {
        answer_ask(a, number, ask, result, granted);
        asks_free(a, ask);
    }
    demand_of(a, number)->under_way = false;
}

void demand_answered(struct aggregating *a, struct shared_link *l, const struct bridge_event *e)
{
    uint32_t number = (uint32_t)e->token;
    struct demand *d = demand_of(a, number);

    l->asks--;
    no_longer_awaited(a, number);
    if (e->type == BRIDGE_UNSUBSCRIBED) {
        d->held = d->under_way = false;
    } else {
        d->refused = e->result != BRIDGE_OK;
        d->held = d->held && (!d->refused || d->was_held);
        d->replayed_ms = aggregated_ms(a);
        filters_set_absent(a->filters, number, !d->held);
        answer_asks(a, number, ASKS_UNDER_WAY, e->result, e->granted_qos);
    }
    settle(a, number);
    demand_ask_next(a, l);
}

/* --- requests --------------------------------------------------------------------------------- */

bool demand_reserve(struct aggregating *a, uint32_t number)
{
    uint32_t room = a->demands_room ? a->demands_room : 64;

    while (room <= number)
        room += room / 2;
    if (room > a->demands_room) {
        struct demand *grown = realloc(a->demands, room * sizeof *grown);
        if (!grown)
            return false;
        memset(grown + a->demands_room, 0, (room - a->demands_room) * sizeof *grown);
        a->demands = grown;
        a->demands_room = room;
    }
    return true;
}

static bool make_demand(struct aggregating *a, uint32_t number, struct sn_bytes filter)
{
    uint16_t link;

    if (!demand_reserve(a, number))
        return false;
    struct demand *d = demand_of(a, number);
    if (d->placed)
        return true;
    if (!place_take(a, filter, &link))
        return false;
    *d = (struct demand){.link = link, .round = d->round};
    place_enter(a, number);
    return true;
}

/* Nobody would answer before the link is back. */
static bool can_wait(struct aggregating *a, uint32_t number, bool patient)
{
    bool out = a->links[demand_of(a, number)->link].given_up;

    counters_of(a)->away += out && !patient;
    return !out || patient;
}

bool demand_subscribe(struct aggregating *a, const struct bridge_request *r)
{
    uint32_t slot = r->session.slot;
    struct subscriber_ask *ask = asks_full(a, slot) ? NULL : malloc(sizeof *ask);
    uint32_t number = ask ? filters_take(a->filters, r->message.topic) : 0;

    if (number == 0 || !make_demand(a, number, r->message.topic) ||
        !can_wait(a, number, r->patient) ||
        !filters_add(a->filters, number, slot, r->message.qos)) {
        free(ask);
        if (number > 0 && (number >= a->demands_room || !demand_of(a, number)->placed))
            filters_drop(a->filters, number);
        else if (number > 0)
            settle(a, number);
        return false;
    }
    struct demand *d = demand_of(a, number);
    *ask = (struct subscriber_ask){.token = r->token,
                                   .slot = slot,
                                   .qos = r->message.qos,
                                   .patient = r->patient,
                                   .serial = a->sessions[slot].serial};
    asks_add(a, d, ask);
    settle(a, number);
    return true;
}

static void leave(struct aggregating *a, uint32_t number, uint32_t slot)
{
    asks_forget(a, demand_of(a, number), slot);
    filters_remove(a->filters, number, slot);
    settle(a, number);
}

void demand_unsubscribe(struct aggregating *a, uint32_t slot, struct sn_bytes filter)
{
    uint32_t number = filters_find(a->filters, filter);

    if (number > 0)
        leave(a, number, slot);
}

void demand_drop(struct aggregating *a, uint32_t slot)
{
    uint32_t number;

    while ((number = filters_of_slot(a->filters, slot)) > 0)
        leave(a, number, slot);
}

/* --- the link comes and goes ------------------------------------------------------------------ */

void demand_lost(struct aggregating *a, struct shared_link *l)
{
    l->asks = l->unanswered = 0;
    l->first_due = l->last_due = 0;
    for (uint32_t number = place_first(a, l); number > 0; number = place_next(a, l)) {
        struct demand *d = demand_of(a, number);
        struct subscriber_ask *ask;
        d->unsure = d->unsure || d->under_way;
        d->under_way = d->due = d->awaited = false;
        for (ask = d->asks; ask; ask = ask->next)
            ask->current = false;
    }
}

static void must_ask_again(struct aggregating *a, struct shared_link *l, uint32_t number)
{
    struct demand *d = demand_of(a, number);

    d->renew = d->renew || d->held;
    d->held = false;
    filters_set_absent(a->filters, number, true);
    d->awaited = d->asks || filters_subscribers(a->filters, number) > 0;
    l->unanswered += d->awaited;
}

void demand_opened(struct aggregating *a, struct shared_link *l, bool present)
{
    l->present = present;
    l->absent = false;
    for (uint32_t number = place_first(a, l); number > 0; number = place_next(a, l)) {
        demand_of(a, number)->refused = false;
        if (present)
            filters_set_absent(a->filters, number, false);
        else
            must_ask_again(a, l, number);
    }
    for (uint32_t number = place_first(a, l); number > 0; number = place_next(a, l))
        settle(a, number);
}

void demand_absent(struct aggregating *a, struct shared_link *l)
{
    if (l->absent)
        return;
    l->absent = true;
    for (uint32_t number = place_first(a, l); number > 0; number = place_next(a, l))
        filters_set_absent(a->filters, number, true);
}

void demand_failed(struct aggregating *a, struct shared_link *l)
{
    for (uint32_t number = place_first(a, l); number > 0; number = place_next(a, l)) {
        if (!demand_of(a, number)->asks)
            continue;
        answer_asks(a, number, ASKS_IN_HASTE, BRIDGE_BUSY, 0);
        settle(a, number);
    }
}
