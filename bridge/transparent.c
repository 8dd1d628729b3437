/* SPDX-License-Identifier: Apache-2.0 */
/* transparent - one broker connection per session */
#include <stdlib.h>

#include "bridge/mode.h"

enum { FIRST_SLOTS = 64 };

struct session {
    struct broker_link *link; /* NULL: not open and not opening */
    uint32_t generation;
    bool was_open; /* the OPEN has been answered with BRIDGE_OK */
    bool patient;  /* it may wait for a broker that is away */
    bool told;     /* ... and has been told that it does */
};

struct transparent {
    struct session *sessions; /* by slot; slot 0 is the scout's and stays empty */
    size_t slots;
};

static struct session *find(const struct bridge *bridge, struct session_ref ref)
{
    const struct transparent *all = bridge->own;

    if (ref.slot >= all->slots)
        return NULL;
    struct session *session = &all->sessions[ref.slot];
    return session->link && session->generation == ref.generation ? session : NULL;
}

/* NULL when memory is short. The core's slots are dense and it bounds them. */
static struct session *take_slot(struct bridge *bridge, uint32_t slot)
{
    struct transparent *all = bridge->own;
    size_t slots = all->slots > 0 ? all->slots : FIRST_SLOTS;

    while (slots <= slot)
        slots *= 2;
    if (slots > all->slots) {
        struct session *grown = realloc(all->sessions, slots * sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + all->slots, 0, (slots - all->slots) * sizeof *grown);
        all->sessions = grown;
        all->slots = slots;
    }
    return &all->sessions[slot];
}

static void detach(struct session *session, enum bridge_close how, enum broker_keep keep)
{
    struct broker_link *link = session->link;

    session->link = NULL;
    broker_link_close(link, how, keep);
}

/* --- events ----------------------------------------------------------------------------------- */

/* A patient OPEN waits from now on. */
static void tell_away(struct bridge *bridge, struct session *session, struct session_ref ref)
{
    if (session->told)
        return;
    session->told = true;
    bridge->sink.event(bridge->sink.self,
                       &(struct bridge_event){.type = BRIDGE_CLOSED, .session = ref});
}

static void on_not_opened(struct bridge *bridge, struct session *session,
                          const struct bridge_event *event)
{
    struct bridge_event answer = *event;

    if (event->result == BRIDGE_REFUSED)
        bridge_trouble(bridge, session->link, "of a client");
    if (session->was_open) {
        broker_link_retry(session->link);
    } else if (session->patient && event->result == BRIDGE_BUSY) {
        broker_link_retry(session->link);
        tell_away(bridge, session, event->session);
    } else {
        answer.type = session->told ? BRIDGE_CLOSED : BRIDGE_OPENED;
        detach(session, BRIDGE_POLITELY, BROKER_LEAVE_SESSION);
        bridge_tell(bridge, &answer);
    }
}

static void on_opened(struct bridge *bridge, struct session *session,
                      const struct bridge_event *event)
{
    if (event->result == BRIDGE_OK) {
        session->was_open = true;
        bridge_tell(bridge, event);
    } else {
        on_not_opened(bridge, session, event);
    }
}

static void on_closed(struct bridge *bridge, struct session *session,
                      const struct bridge_event *event)
{
    enum failure_kind kind = broker_link_failure(session->link)->kind;

    if (event->result == BRIDGE_REFUSED || kind == FAILURE_ACKS)
        bridge_trouble(bridge, session->link, "of a client");
    if (event->result == BRIDGE_REFUSED)
        detach(session, BRIDGE_POLITELY, BROKER_LEAVE_SESSION);
    else
        broker_link_retry(session->link);
    bridge_tell(bridge, event);
}

/* Those that never were open get their answer; they and the others come back with the broker if
 * they may. */
static void answer_waiting(struct bridge *bridge)
{
    struct transparent *all = bridge->own;

    for (uint32_t slot = 1; slot < all->slots; slot++) {
        struct session *session = &all->sessions[slot];
        struct session_ref ref = {slot, session->generation};
        if (!session->link || session->was_open)
            continue;
        if (session->patient) {
            tell_away(bridge, session, ref);
            continue;
        }
        struct bridge_event event = {.type = BRIDGE_OPENED, .session = ref, .result = BRIDGE_BUSY};
        detach(session, BRIDGE_POLITELY, BROKER_LEAVE_SESSION);
        bridge_tell(bridge, &event);
    }
}

static void on_event(struct bridge *bridge, struct broker_link *link,
                     const struct bridge_event *event)
{
    /* Also of a session that was closed or opened anew: the broker may be told that it is taken. */
    struct session *session = find(bridge, event->session);
    if (event->type == BRIDGE_MESSAGE) {
        struct bridge_event message = *event;
        message.unheld = !session || session->link != link;
        bridge_tell(bridge, &message);
        return;
    }
    if (!session || session->link != link)
        return;
    switch (event->type) {
    case BRIDGE_OPENED: on_opened(bridge, session, event); break;
    case BRIDGE_CLOSED: on_closed(bridge, session, event); break;
    case BRIDGE_PUBLISHED:
    case BRIDGE_SUBSCRIBED:
    case BRIDGE_UNSUBSCRIBED:
    case BRIDGE_MESSAGE: bridge_tell(bridge, event); break;
    }
}

/* --- requests --------------------------------------------------------------------------------- */

static bool open_session(struct bridge *bridge, const struct bridge_request *request)
{
    struct session *session = take_slot(bridge, request->session.slot);
    const struct broker_session wanted = {.client_id = request->client_id,
                                          .clean_start = request->clean_start,
                                          .keep_session = request->keep_session,
                                          .will = request->will};

    if (!session)
        return false;
    /* The broker's session outlives the old connection; clean_start decides its fate. */
    if (session->link)
        detach(session, BRIDGE_POLITELY, BROKER_LEAVE_SESSION);
    struct broker_link *link = broker_link_new(bridge->broker, request->session, &wanted);
    if (!link)
        return false;
    *session = (struct session){link, request->session.generation, .patient = request->patient};
    broker_link_connect(link);
    if (bridge->scout.state == BROKER_AWAY)
        tell_away(bridge, session, request->session);
    return true;
}

static void close_session(struct bridge *bridge, const struct bridge_request *request)
{
    struct session *session = find(bridge, request->session);

    if (session)
        detach(session, request->how,
               request->keep_session ? BROKER_KEEP_SESSION : BROKER_DROP_SESSION);
}

static bool use_link(struct bridge *bridge, const struct bridge_request *request)
{
    const struct bridge_message *message = &request->message;
    const struct session *session = find(bridge, request->session);

    if (!session)
        return false;
    struct broker_link *link = session->link;
    switch (request->type) {
    case BRIDGE_PUBLISH:
        return broker_link_publish_kept(link, request->token, message, request->kept_ms);
    case BRIDGE_SUBSCRIBE:
        return broker_link_subscribe(link, request->token, message->topic, message->qos);
    case BRIDGE_UNSUBSCRIBE: return broker_link_unsubscribe(link, request->token, message->topic);
    case BRIDGE_SET_WILL: return broker_link_set_will(link, &request->will);
    case BRIDGE_OPEN:
    case BRIDGE_CLOSE: break;
    }
    return false;
}

static bool on_request(struct bridge *bridge, const struct bridge_request *request)
{
    switch (request->type) {
    case BRIDGE_OPEN:
        /* The gateway's own connection may be down alone: then those that are open go on. */
        if (bridge->scout.state == BROKER_AWAY && !request->patient)
            return bridge_turn_away(bridge, request);
        return open_session(bridge, request);
    case BRIDGE_CLOSE: close_session(bridge, request); return true;
    case BRIDGE_SET_WILL:
    case BRIDGE_PUBLISH:
    case BRIDGE_SUBSCRIBE:
    case BRIDGE_UNSUBSCRIBE: break;
    }
    return use_link(bridge, request);
}

/* --- life ------------------------------------------------------------------------------------- */

static bool on_start(struct bridge *bridge)
{
    bridge->own = calloc(1, sizeof(struct transparent));
    return bridge->own != NULL;
}

static void on_broker_changed(struct bridge *bridge)
{
    if (bridge->scout.state == BROKER_AWAY)
        answer_waiting(bridge);
}

static const char *client_of(struct bridge *bridge, struct broker_link *link, uint64_t token)
{
    (void)bridge, (void)token;
    return broker_link_client_id(link);
}

static void on_stop(struct bridge *bridge)
{
    struct transparent *all = bridge->own;

    for (size_t slot = 1; slot < all->slots; slot++)
        if (all->sessions[slot].link)
            detach(&all->sessions[slot], BRIDGE_POLITELY, BROKER_LEAVE_SESSION);
}

static void on_hold(struct bridge *bridge, uint32_t slot, bool on)
{
    const struct transparent *all = bridge->own;

    if (slot < all->slots && all->sessions[slot].link)
        broker_link_hold(all->sessions[slot].link, on);
}

static void on_free(struct bridge *bridge)
{
    struct transparent *all = bridge->own;

    free(all->sessions);
    free(all);
}

const struct bridge_mode transparent_mode = {
    .start = on_start,
    .event = on_event,
    .broker_changed = on_broker_changed,
    .request = on_request,
    .client_of = client_of,
    .hold = on_hold,
    .stop = on_stop,
    .free = on_free,
};
