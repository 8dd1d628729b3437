/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/aggregating.h"

#include <stdlib.h>
#include <sys/random.h>

enum { FIRST_SLOTS = 64, TICK_MS = 1000 };

/* --- sessions --------------------------------------------------------------------------------- */

struct session *aggregated_session(const struct aggregating *a, struct session_ref ref)
{
    if (ref.slot >= a->slots)
        return NULL;
    struct session *s = &a->sessions[ref.slot];
    return s->client_id && s->generation == ref.generation ? s : NULL;
}

/* NULL when memory is short. The core's slots are dense and it bounds them. */
static struct session *take_slot(struct aggregating *a, uint32_t slot)
{
    size_t slots = a->slots > 0 ? a->slots : FIRST_SLOTS;

    while (slots <= slot)
        slots *= 2;
    if (slots > a->slots) {
        struct session *grown = realloc(a->sessions, slots * sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + a->slots, 0, (slots - a->slots) * sizeof *grown);
        a->sessions = grown;
        a->slots = slots;
    }
    return &a->sessions[slot];
}

static bool set_will(struct session *s, const struct bridge_message *m)
{
    size_t topic_len = m->topic.len, payload_len = m->payload.len;
    struct session_will *will = NULL;

    if (topic_len > 0) {
        if (topic_len > UINT16_MAX || payload_len > UINT16_MAX ||
            !(will = malloc(sizeof *will + topic_len + payload_len)))
            return false;
        *will = (struct session_will){.payload_len = (uint32_t)payload_len,
                                      .topic_len = (uint16_t)topic_len,
                                      .qos = m->qos,
                                      .retain = m->retain};
        memcpy(will->octets, m->topic.data, topic_len);
        if (payload_len > 0)
            memcpy(will->octets + topic_len, m->payload.data, payload_len);
    }
    free(s->will);
    s->will = will;
    return true;
}

static void forget(struct aggregating *a, struct session *s)
{
    demand_drop(a, (uint32_t)(s - a->sessions));
    shared_detach(s);
    free(s->client_id);
    free(s->will);
    *s = (struct session){.serial = s->serial};
}

static void tell(struct aggregating *a, uint32_t slot, struct bridge_event event)
{
    event.session = (struct session_ref){slot, a->sessions[slot].generation};
    bridge_tell(a->bridge, &event);
}

static void tell_opened(struct aggregating *a, uint32_t slot)
{
    struct session *s = &a->sessions[slot];
    bool present = s->present;

    s->state = SESSION_OPEN;
    s->present = true;
    tell(a, slot, (struct bridge_event){.type = BRIDGE_OPENED, .session_present = present});
}

static void tell_away(struct aggregating *a, uint32_t slot)
{
    a->sessions[slot].state = SESSION_AWAY;
    tell(a, slot, (struct bridge_event){.type = BRIDGE_CLOSED, .result = BRIDGE_BUSY});
}

/* --- the links come and go -------------------------------------------------------------------- */

static void tell_all_opened(struct aggregating *a)
{
    for (uint32_t slot = 1; slot < a->slots; slot++)
        if (a->sessions[slot].state == SESSION_OPENING || a->sessions[slot].state == SESSION_AWAY)
            tell_opened(a, slot);
}

static void tell_all_away(struct aggregating *a)
{
    for (uint32_t i = 0; i < a->count; i++)
        demand_failed(a, &a->links[i]);
    for (uint32_t slot = 1; slot < a->slots; slot++)
        if (a->sessions[slot].state == SESSION_OPEN)
            tell_away(a, slot);
}

/* No link could be opened: those that may wait do, the others get their answer. */
static void answer_waiting(struct aggregating *a, enum bridge_result result)
{
    for (uint32_t slot = 1; slot < a->slots; slot++) {
        struct session *s = &a->sessions[slot];
        if (s->state != SESSION_OPENING)
            continue;
        if (s->patient && result == BRIDGE_BUSY) {
            tell_away(a, slot);
            continue;
        }
        s->state = SESSION_CLOSED;
        tell(a, slot, (struct bridge_event){.type = BRIDGE_OPENED, .result = result});
    }
}

static void on_link_opened(struct aggregating *a, struct shared_link *l,
                           const struct bridge_event *e)
{
    bool first = a->open == 0;

    l->open = true;
    l->given_up = false;
    a->open++;
    for (uint32_t i = 0; !e->session_present && i < a->count; i++)
        if (!a->links[i].open)
            demand_absent(a, &a->links[i]); /* forgotten, too, most likely */
    demand_opened(a, l, e->session_present);
    restoring_opened(a, l);
    shared_pump(a, l);
    if (first)
        tell_all_opened(a);
}

/* One that fails alone says nothing of the others. */
static bool another_may_open(const struct aggregating *a)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (a->links[i].link && !a->links[i].given_up)
            return true;
    return false;
}

static void on_link_not_opened(struct aggregating *a, struct shared_link *l,
                               const struct bridge_event *e)
{
    if (e->result == BRIDGE_REFUSED)
        bridge_trouble(a->bridge, l->link, "that clients share");
    shared_give_up(a, l);
    demand_failed(a, l);
    demand_absent(a, l);
    restoring_failed(a, l);
    broker_link_retry(l->link);
    if (a->open == 0 && !another_may_open(a))
        answer_waiting(a, e->result);
}

static void on_link_closed(struct aggregating *a, struct shared_link *l,
                           const struct bridge_event *e)
{
    if (e->result == BRIDGE_REFUSED || broker_link_failure(l->link)->kind == FAILURE_ACKS)
        bridge_trouble(a->bridge, l->link, "that clients share");
    l->open = false;
    a->open--;
    demand_lost(a, l);
    if (broker_link_is_forgotten(l->link))
        demand_absent(a, l);
    restoring_lost(a, l);
    broker_link_retry(l->link);
    if (a->open == 0)
        tell_all_away(a);
}

static void on_event(struct bridge *bridge, struct broker_link *link, const struct bridge_event *e)
{
    struct aggregating *a = bridge->own;
    uint32_t number = e->session.slot;

    if (number == QOS0_LINK) {
        if ((e->type == BRIDGE_OPENED && e->result != BRIDGE_OK) || e->type == BRIDGE_CLOSED)
            broker_link_retry(link);
        return;
    }
    struct shared_link *l = &a->links[number];
    if (l->link != link) {
        counters_of(a)->unwanted++; /* it is closed, and has no filters */
        return;
    }
    switch (e->type) {
    case BRIDGE_OPENED:
        if (e->result == BRIDGE_OK)
            on_link_opened(a, l, e);
        else
            on_link_not_opened(a, l, e);
        break;
    case BRIDGE_CLOSED: on_link_closed(a, l, e); break;
    case BRIDGE_PUBLISHED: shared_answered(a, l, e); break;
    case BRIDGE_SUBSCRIBED:
    case BRIDGE_UNSUBSCRIBED:
        demand_answered(a, l, e);
        if (a->restoring)
            restoring_review(a);
        break;
    case BRIDGE_MESSAGE: hand_on_message(a, l, e); break;
    }
}

static void on_broker_changed(struct bridge *bridge)
{
    struct aggregating *a = bridge->own;

    if (bridge->scout.state != BROKER_AWAY)
        return;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->links[i].link && !a->links[i].open) {
            shared_give_up(a, &a->links[i]);
            demand_failed(a, &a->links[i]);
        }
    if (a->open == 0)
        answer_waiting(a, BRIDGE_BUSY);
}

/* --- requests --------------------------------------------------------------------------------- */

static bool take_over(struct aggregating *a, struct session *s, const struct bridge_request *r)
{
    bool same = s->client_id && s->generation == r->session.generation;
    char *client_id = strndup((const char *)r->client_id.data, r->client_id.len);

    if (!client_id || !set_will(s, &r->will)) {
        free(client_id);
        return false;
    }
    if (!same || r->clean_start)
        demand_drop(a, r->session.slot);
    shared_detach(s);
    free(s->client_id);
    s->client_id = client_id;
    s->generation = r->session.generation;
    s->home = (uint8_t)shared_number(a, r->client_id);
    if (!same)
        s->link = s->home;
    s->present = same && !r->clean_start;
    s->patient = r->patient;
    return true;
}

static bool open_session(struct aggregating *a, const struct bridge_request *r)
{
    uint32_t slot = r->session.slot;
    bool away = a->open == 0 && a->bridge->scout.state == BROKER_AWAY;
    struct session *s = away && !r->patient ? NULL : take_slot(a, slot);

    if (!s)
        return bridge_turn_away(a->bridge, r);
    if (!take_over(a, s, r))
        return false;
    s->state = SESSION_OPENING;
    if (a->open > 0)
        tell_opened(a, slot);
    else if (away)
        tell_away(a, slot);
    return true;
}

static void close_session(struct aggregating *a, const struct bridge_request *r)
{
    struct session *s = aggregated_session(a, r->session);

    if (!s)
        return;
    if (s->state != SESSION_CLOSED && r->how == BRIDGE_WITH_WILL)
        shared_publish_will(a, s, r->session.slot);
    if (!r->keep_session) {
        forget(a, s);
        return;
    }
    shared_detach(s); /* what it has asked for is asked all the same */
    set_will(s, &(struct bridge_message){0});
    s->state = SESSION_CLOSED;
}

static bool unsubscribe(struct aggregating *a, const struct bridge_request *r)
{
    struct bridge_event event = {.type = BRIDGE_UNSUBSCRIBED, .token = r->token};

    /* From here on nothing is handed on; what the broker is told is no affair of the session. */
    demand_unsubscribe(a, r->session.slot, r->message.topic);
    tell(a, r->session.slot, event);
    return true;
}

static bool on_request(struct bridge *bridge, const struct bridge_request *r)
{
    struct aggregating *a = bridge->own;
    struct session *s = aggregated_session(a, r->session);

    switch (r->type) {
    case BRIDGE_OPEN: return open_session(a, r);
    case BRIDGE_CLOSE: close_session(a, r); return true;
    case BRIDGE_SET_WILL: return s && set_will(s, &r->will);
    case BRIDGE_PUBLISH:
    case BRIDGE_SUBSCRIBE:
    case BRIDGE_UNSUBSCRIBE: break;
    }
    if (!s || s->state != SESSION_OPEN)
        return bridge_turn_away(bridge, r);
    return r->type == BRIDGE_PUBLISH     ? shared_publish(a, s, r)
           : r->type == BRIDGE_SUBSCRIBE ? demand_subscribe(a, r)
                                         : unsubscribe(a, r);
}

/* --- life ------------------------------------------------------------------------------------- */

/* What neither an answer nor a connection would set going. */
static void on_tick(uv_timer_t *timer)
{
    struct aggregating *a = timer->data;

    restoring_tick(a);
    for (uint32_t i = 0; i < a->count; i++) {
        detour_tick(a, &a->links[i]);
        shared_pump(a, &a->links[i]);
        demand_ask_next(a, &a->links[i]);
    }
    places_tick(a);
    inheriting_tick(a);
}

static bool on_start(struct bridge *bridge)
{
    struct aggregating *a = calloc(1, sizeof *a);
    uint8_t seed[16];

    if (!a)
        return false;
    bridge->own = a;
    a->bridge = bridge;
    uv_timer_init(bridge->loop, &a->tick);
    a->tick.data = a;
    if (getrandom(seed, sizeof seed, 0) != sizeof seed || getrandom(&a->run, 1, 0) != 1)
        return false;
    a->filters = filters_new(seed);
    a->links = calloc(SHARED_LINKS_MAX, sizeof *a->links);
    if (!a->filters || !a->links)
        return false;
    uv_timer_start(&a->tick, on_tick, TICK_MS, TICK_MS);
    return true;
}

static const char *client_of(struct bridge *bridge, struct broker_link *link, uint64_t token)
{
    const struct aggregating *a = bridge->own;

    for (uint32_t i = 0; i < a->count; i++) {
        if (a->links[i].link != link)
            continue;
        const struct session *s = aggregated_session(a, a->links[i].uploads[token].session);
        if (s)
            return s->client_id;
    }
    return broker_link_client_id(link);
}

static void on_stop(struct bridge *bridge)
{
    struct aggregating *a = bridge->own;

    uv_timer_stop(&a->tick);
    for (uint32_t i = 0; i < a->count; i++) {
        counters_of(a)->wills_lost += a->links[i].wills;
        a->links[i].open = false;
        if (a->links[i].link)
            broker_link_close(a->links[i].link, BRIDGE_POLITELY,
                              places_survive_restart(a) ? BROKER_LEAVE_SESSION
                                                        : BROKER_DROP_SESSION);
    }
    a->open = 0;
    broker_link_close(a->qos0, BRIDGE_POLITELY, BROKER_DROP_SESSION);
    a->qos0 = NULL;
}

static void on_tick_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_free(struct bridge *bridge)
{
    struct aggregating *a = bridge->own;

    for (size_t slot = 0; slot < a->slots; slot++) {
        free(a->sessions[slot].client_id);
        free(a->sessions[slot].will);
    }
    for (uint32_t i = 0; a->links && i < a->count; i++)
        shared_fini(&a->links[i]);
    for (uint32_t number = 1; number < a->demands_room; number++)
        demand_forget(a, number);
    free(a->demands);
    free(a->sessions);
    free(a->links);
    filters_free(a->filters);
    uv_close((uv_handle_t *)&a->tick, on_tick_closed);
}

const struct bridge_mode aggregating_mode = {
    .start = on_start,
    .event = on_event,
    .broker_changed = on_broker_changed,
    .request = on_request,
    .client_of = client_of,
    .restore = inherit_place,
    .open = places_open,
    .stop = on_stop,
    .free = on_free,
};
