/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/scout.h"

#include <stdio.h>

enum { REMIND_MS = 60000 };

/* "PREFIX/state"; false when the status topic is switched off. */
static bool status_message(const struct scout *scout, const char *status, char *topic, size_t size,
                           struct bridge_message *message)
{
    const char *prefix = scout->config->broker.status;
    int len = snprintf(topic, size, "%s/state", prefix);

    if (!*prefix || len < 0 || (size_t)len >= size)
        return false;
    *message = (struct bridge_message){sn_text(topic), sn_text(status), 1, true};
    return true;
}

bool scout_start(struct scout *scout, uv_loop_t *loop, struct broker *broker,
                 const struct config *config, struct bridge_sink sink)
{
    char topic[1100];
    struct broker_session session = {
        .client_id = sn_text(config->broker.own_id), .clean_start = true, .urgent = true};

    *scout = (struct scout){.config = config, .sink = sink, .loop = loop};
    if (!status_message(scout, "offline", topic, sizeof topic, &session.will))
        session.will = (struct bridge_message){0};
    scout->link = broker_link_new(broker, GATEWAY_SELF, &session);
    if (!scout->link)
        return false;
    broker_link_connect(scout->link);
    return true;
}

static void tell(struct scout *scout, enum scout_condition condition)
{
    static const struct {
        enum bridge_severity severity;
        const char *text;
    } words[] = {
        [SCOUT_STARTING] = {BRIDGE_DEBUG, ""},
        [SCOUT_OPEN] = {BRIDGE_INFO, "connected"},
        [SCOUT_LOST] = {BRIDGE_WARNING, "connection lost, trying again: "},
        [SCOUT_REFUSED] = {BRIDGE_ERROR, ""},
        [SCOUT_AWAY] = {BRIDGE_ERROR, "cannot be reached, trying again: "},
    };
    uint64_t now = uv_now(scout->loop);
    char cause[400] = "", line[900];

    if (condition == scout->told && now - scout->told_at < REMIND_MS)
        return;
    scout->told = condition;
    scout->told_at = now;
    if (condition != SCOUT_OPEN)
        broker_link_failure_text(scout->link, cause, sizeof cause);
    snprintf(line, sizeof line, "broker %.400s: %s%s", scout->config->broker.url,
             words[condition].text, cause);
    scout->sink.notice(scout->sink.self, words[condition].severity, line);
}

static void publish_status(struct scout *scout, const char *status)
{
    char topic[1100];
    struct bridge_message message;

    if (status_message(scout, status, topic, sizeof topic, &message))
        broker_link_publish(scout->link, 0, &message, true);
}

static bool has_answered(const struct failure *failure)
{
    return failure->kind == FAILURE_REFUSED || failure->kind == FAILURE_DISCONNECTED;
}

static void on_opened(struct scout *scout, const struct bridge_event *event)
{
    bool first = scout->told == SCOUT_STARTING, ok = event->result == BRIDGE_OK;
    bool reached = ok || has_answered(broker_link_failure(scout->link));

    scout->state = reached ? BROKER_UP : BROKER_AWAY;
    tell(scout, ok ? SCOUT_OPEN : reached ? SCOUT_REFUSED : SCOUT_AWAY);
    if (ok)
        publish_status(scout, "online");
    else
        broker_link_retry(scout->link);
    if (ok || first)
        scout->sink.event(scout->sink.self, event);
}

/* A lost connection alone says little of the broker: the next attempt tells. */
static void on_closed(struct scout *scout, const struct bridge_event *event)
{
    struct bridge_event lost = *event;

    tell(scout, SCOUT_LOST);
    broker_link_retry(scout->link);
    lost.result = BRIDGE_BUSY; /* even when another client took the id: it is tried again */
    scout->sink.event(scout->sink.self, &lost);
}

void scout_event(struct scout *scout, const struct bridge_event *event)
{
    switch (event->type) {
    case BRIDGE_OPENED: on_opened(scout, event); break;
    case BRIDGE_CLOSED: on_closed(scout, event); break;
    case BRIDGE_PUBLISHED:
    case BRIDGE_SUBSCRIBED:
    case BRIDGE_UNSUBSCRIBED:
    case BRIDGE_MESSAGE: scout->sink.event(scout->sink.self, event); break;
    }
}

void scout_stop(struct scout *scout)
{
    if (!scout->link)
        return;
    if (broker_link_is_open(scout->link))
        publish_status(scout, "offline");
    broker_link_close(scout->link, BRIDGE_POLITELY, BROKER_DROP_SESSION);
    scout->link = NULL;
}
