/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/transparent.h"

#include <stdio.h>
#include <stdlib.h>

#include "bridge/scout.h"

enum { FIRST_SLOTS = 64, TROUBLE_NOTICE_MS = 60000 };

struct session {
    struct broker_link *link; /* NULL: not open and not opening */
    uint32_t generation;
    bool was_open; /* the OPEN has been answered with BRIDGE_OK */
    bool patient;  /* it may wait for a broker that is away */
    bool told;     /* ... and has been told that it does */
};

struct bridge {
    uv_loop_t *loop;
    const struct config *config;
    struct bridge_sink sink;
    struct broker *broker;
    struct scout scout;
    struct session *sessions; /* by slot; slot 0 is the scout's and stays empty */
    size_t slots;
    uint64_t trouble_told_at, unbearable_told_at; /* ms */
    bool stopping;
    uv_timer_t stop_timer;
    void (*done)(void *self);
    void *done_self;
};

static struct session *find(const struct bridge *bridge, struct session_ref ref)
{
    if (ref.slot == GATEWAY_SELF.slot || ref.slot >= bridge->slots)
        return NULL;
    struct session *session = &bridge->sessions[ref.slot];
    return session->link && session->generation == ref.generation ? session : NULL;
}

/* NULL when memory is short. The core's slots are dense and it bounds them. */
static struct session *take_slot(struct bridge *bridge, uint32_t slot)
{
    size_t slots = bridge->slots > 0 ? bridge->slots : FIRST_SLOTS;

    if (slot == GATEWAY_SELF.slot)
        return NULL;
    while (slots <= slot)
        slots *= 2;
    if (slots > bridge->slots) {
        struct session *grown = realloc(bridge->sessions, slots * sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + bridge->slots, 0, (slots - bridge->slots) * sizeof *grown);
        bridge->sessions = grown;
        bridge->slots = slots;
    }
    return &bridge->sessions[slot];
}

static void detach(struct session *session, enum bridge_close how, enum broker_keep keep)
{
    struct broker_link *link = session->link;

    session->link = NULL;
    broker_link_close(link, how, keep);
}

/* --- events ----------------------------------------------------------------------------------- */

/* What befalls one session is its device's affair and counted; the log shows a sample. */
static void tell_trouble(struct bridge *bridge, const struct broker_link *link)
{
    uint64_t now = uv_now(bridge->loop);
    char cause[400], line[500];

    if (bridge->trouble_told_at > 0 && now - bridge->trouble_told_at < TROUBLE_NOTICE_MS)
        return;
    bridge->trouble_told_at = now;
    broker_link_failure_text(link, cause, sizeof cause);
    snprintf(line, sizeof line, "broker, connection of a client: %s", cause);
    bridge->sink.notice(bridge->sink.self, BRIDGE_WARNING, line);
}

static void on_unbearable(void *self, const char *client_id, const char *topic)
{
    struct bridge *bridge = self;
    uint64_t now = uv_now(bridge->loop);
    char line[1000];

    if (bridge->unbearable_told_at > 0 && now - bridge->unbearable_told_at < TROUBLE_NOTICE_MS)
        return;
    bridge->unbearable_told_at = now;
    snprintf(line, sizeof line,
             "broker ends the connection of client %.200s on each message to %.600s, which is "
             "refused now; see the broker's log, its limits and permissions",
             client_id, topic);
    bridge->sink.notice(bridge->sink.self, BRIDGE_WARNING, line);
}

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
        tell_trouble(bridge, session->link);
    if (session->was_open) {
        broker_link_retry(session->link);
    } else if (session->patient && event->result == BRIDGE_BUSY) {
        broker_link_retry(session->link);
        tell_away(bridge, session, event->session);
    } else {
        answer.type = session->told ? BRIDGE_CLOSED : BRIDGE_OPENED;
        detach(session, BRIDGE_POLITELY, BROKER_LEAVE_SESSION);
        bridge->sink.event(bridge->sink.self, &answer);
    }
}

static void on_opened(struct bridge *bridge, struct session *session,
                      const struct bridge_event *event)
{
    if (event->result == BRIDGE_OK) {
        session->was_open = true;
        bridge->sink.event(bridge->sink.self, event);
    } else {
        on_not_opened(bridge, session, event);
    }
}

static void on_closed(struct bridge *bridge, struct session *session,
                      const struct bridge_event *event)
{
    enum failure_kind kind = broker_link_failure(session->link)->kind;

    if (event->result == BRIDGE_REFUSED || kind == FAILURE_ACKS)
        tell_trouble(bridge, session->link);
    if (event->result == BRIDGE_REFUSED)
        detach(session, BRIDGE_POLITELY, BROKER_LEAVE_SESSION);
    else
        broker_link_retry(session->link);
    bridge->sink.event(bridge->sink.self, event);
}

/* Those that never were open get their answer; they and the others come back with the broker if
 * they may. */
static void answer_waiting(struct bridge *bridge)
{
    for (uint32_t slot = 1; slot < bridge->slots; slot++) {
        struct session *session = &bridge->sessions[slot];
        struct session_ref ref = {slot, session->generation};
        if (!session->link || session->was_open)
            continue;
        if (session->patient) {
            tell_away(bridge, session, ref);
            continue;
        }
        struct bridge_event event = {.type = BRIDGE_OPENED, .session = ref, .result = BRIDGE_BUSY};
        detach(session, BRIDGE_POLITELY, BROKER_LEAVE_SESSION);
        bridge->sink.event(bridge->sink.self, &event);
    }
}

static void on_scout(struct bridge *bridge, const struct bridge_event *event)
{
    enum broker_state before = bridge->scout.state;

    scout_event(&bridge->scout, event);
    if (bridge->scout.state == before)
        return;
    broker_pause(bridge->broker, bridge->scout.state != BROKER_UP);
    broker_away(bridge->broker, bridge->scout.state == BROKER_AWAY);
    if (bridge->scout.state == BROKER_AWAY)
        answer_waiting(bridge);
}

static void on_event(void *self, struct broker_link *link, const struct bridge_event *event)
{
    struct bridge *bridge = self;

    if (link == bridge->scout.link) {
        on_scout(bridge, event);
        return;
    }
    /* Also of a session that was closed or opened anew: the broker may be told that it is taken. */
    struct session *session = find(bridge, event->session);
    if (event->type == BRIDGE_MESSAGE) {
        struct bridge_event message = *event;
        message.unheld = !session || session->link != link;
        bridge->sink.event(bridge->sink.self, &message);
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
    case BRIDGE_MESSAGE: bridge->sink.event(bridge->sink.self, event); break;
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

static struct broker_link *link_of(const struct bridge *bridge, struct session_ref ref)
{
    if (ref.slot == GATEWAY_SELF.slot)
        return bridge->scout.link;
    const struct session *session = find(bridge, ref);
    return session ? session->link : NULL;
}

static bool use_link(struct bridge *bridge, const struct bridge_request *request)
{
    const struct bridge_message *message = &request->message;
    struct broker_link *link = link_of(bridge, request->session);

    if (!link)
        return false;
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

static bool turn_away(struct bridge *bridge, const struct bridge_request *request)
{
    struct bridge_counters *counters = broker_counters(bridge->broker);

    if (request->type == BRIDGE_PUBLISH && request->message.qos == 0)
        counters->dropped_qos0++;
    else
        counters->away++;
    return false;
}

bool bridge_request(struct bridge *bridge, const struct bridge_request *request)
{
    if (request->type == BRIDGE_CLOSE) {
        close_session(bridge, request);
        return true;
    }
    if (request->type == BRIDGE_SET_WILL)
        return use_link(bridge, request);
    /* The gateway's own connection may be down alone: then those that are open go on. */
    bool hasty = request->type == BRIDGE_OPEN && !request->patient;
    if (bridge->stopping || (hasty && bridge->scout.state == BROKER_AWAY))
        return turn_away(bridge, request);
    return request->type == BRIDGE_OPEN ? open_session(bridge, request) : use_link(bridge, request);
}

/* --- life ------------------------------------------------------------------------------------- */

static void finish_stop(struct bridge *bridge)
{
    void (*done)(void *self) = bridge->done;

    bridge->done = NULL;
    uv_timer_stop(&bridge->stop_timer);
    if (done)
        done(bridge->done_self);
}

static void on_stop_timer(uv_timer_t *timer)
{
    finish_stop(timer->data);
}

static void on_emptied(void *self)
{
    struct bridge *bridge = self;

    if (bridge->stopping)
        finish_stop(bridge);
}

struct bridge *bridge_new(uv_loop_t *loop, const struct config *config, struct bridge_sink sink)
{
    struct bridge *bridge = calloc(1, sizeof *bridge);

    if (!bridge)
        return NULL;
    bridge->loop = loop;
    bridge->config = config;
    bridge->sink = sink;
    bridge->broker = broker_new(loop, config,
                                (struct broker_owner){bridge, on_event, on_emptied, on_unbearable});
    if (!bridge->broker) {
        free(bridge);
        return NULL;
    }
    uv_timer_init(loop, &bridge->stop_timer);
    bridge->stop_timer.data = bridge;
    if (!scout_start(&bridge->scout, loop, bridge->broker, config, sink)) {
        bridge_free(bridge);
        return NULL;
    }
    return bridge;
}

void bridge_hold(struct bridge *bridge, uint32_t slot, bool on)
{
    if (slot < bridge->slots && bridge->sessions[slot].link)
        broker_link_hold(bridge->sessions[slot].link, on);
}

void bridge_flush(struct bridge *bridge)
{
    broker_flush(bridge->broker);
}

void bridge_stop(struct bridge *bridge, uint32_t within_ms, void (*done)(void *self), void *self)
{
    bridge->stopping = true;
    bridge->done = done;
    bridge->done_self = self;
    scout_stop(&bridge->scout);
    broker_give_up_wills(bridge->broker);
    for (size_t slot = 1; slot < bridge->slots; slot++)
        if (bridge->sessions[slot].link)
            detach(&bridge->sessions[slot], BRIDGE_POLITELY, BROKER_LEAVE_SESSION);
    uv_timer_start(&bridge->stop_timer, on_stop_timer,
                   broker_link_count(bridge->broker) > 0 ? within_ms : 0, 0);
}

static void on_freed(uv_handle_t *handle)
{
    struct bridge *bridge = handle->data;

    free(bridge->sessions);
    free(bridge);
}

void bridge_free(struct bridge *bridge)
{
    bridge->scout.link = NULL;
    broker_free(bridge->broker);
    uv_close((uv_handle_t *)&bridge->stop_timer, on_freed);
}

bool bridge_broker_up(const struct bridge *bridge)
{
    return bridge->scout.state == BROKER_UP;
}

const struct bridge_counters *bridge_counters(const struct bridge *bridge)
{
    return broker_counters(bridge->broker);
}
