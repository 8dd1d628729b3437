/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/door.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/mode.h"

enum { TROUBLE_NOTICE_MS = 60000 };

/* --- what the operator hears ------------------------------------------------------------------ */

static bool is_time(const struct bridge *bridge, uint64_t *told_at)
{
    uint64_t now = uv_now(bridge->loop);

    if (*told_at > 0 && now - *told_at < TROUBLE_NOTICE_MS)
        return false;
    *told_at = now;
    return true;
}

/* Once a minute at the most for each kind of trouble. */
static void warn(struct bridge *bridge, uint64_t *told_at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void warn(struct bridge *bridge, uint64_t *told_at, const char *format, ...)
{
    char line[1000];
    va_list arguments;

    if (!is_time(bridge, told_at))
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    bridge->sink.notice(bridge->sink.self, BRIDGE_WARNING, line);
}

void bridge_trouble(struct bridge *bridge, const struct broker_link *link, const char *whose)
{
    char cause[400];

    broker_link_failure_text(link, cause, sizeof cause);
    warn(bridge, &bridge->trouble_told_at, "broker, connection %s: %s", whose, cause);
}

static void on_cut_short(void *self, struct broker_link *link)
{
    struct bridge *bridge = self;

    warn(bridge, &bridge->cut_short_told_at,
         "broker closes the connection of client %.200s soon after it was opened, again and "
         "again; look for another MQTT client with this id, and at the broker's log",
         broker_link_client_id(link));
}

static void on_unbearable(void *self, struct broker_link *link, uint64_t token, const char *topic)
{
    struct bridge *bridge = self;

    warn(bridge, &bridge->unbearable_told_at,
         "broker ends the connection of client %.200s on each message to %.600s, which is "
         "refused now; see the broker's log, its limits and permissions",
         bridge->mode->client_of(bridge, link, token), topic);
}

/* --- events and requests ---------------------------------------------------------------------- */

static void on_scout(struct bridge *bridge, const struct bridge_event *event)
{
    enum broker_state before = bridge->scout.state;

    scout_event(&bridge->scout, event);
    if (bridge->scout.state == before)
        return;
    broker_pause(bridge->broker, bridge->scout.state != BROKER_UP);
    broker_away(bridge->broker, bridge->scout.state == BROKER_AWAY);
    bridge->mode->broker_changed(bridge);
}

static void on_event(void *self, struct broker_link *link, const struct bridge_event *event)
{
    struct bridge *bridge = self;

    if (link == bridge->scout.link)
        on_scout(bridge, event);
    else
        bridge->mode->event(bridge, link, event);
}

bool bridge_turn_away(struct bridge *bridge, const struct bridge_request *request)
{
    struct bridge_counters *counters = broker_counters(bridge->broker);

    if (request->type == BRIDGE_PUBLISH && request->message.qos == 0)
        counters->dropped_qos0++;
    else
        counters->away++;
    return false;
}

/* The gateway itself only publishes. */
static bool request_of_own(struct bridge *bridge, const struct bridge_request *request)
{
    return request->type == BRIDGE_PUBLISH && bridge->scout.link &&
           broker_link_publish_kept(bridge->scout.link, request->token, &request->message,
                                    request->kept_ms);
}

bool bridge_request(struct bridge *bridge, const struct bridge_request *request)
{
    bool always = request->type == BRIDGE_CLOSE || request->type == BRIDGE_SET_WILL;

    if (bridge->stopping && !always)
        return bridge_turn_away(bridge, request);
    if (request->session.slot == GATEWAY_SELF.slot)
        return request_of_own(bridge, request);
    return bridge->mode->request(bridge, request);
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
    bridge->mode = config->gateway.mode == MODE_AGGREGATING ? &aggregating_mode : &transparent_mode;
    bridge->broker = broker_new(
        loop, config,
        (struct broker_owner){bridge, on_event, on_emptied, on_unbearable, on_cut_short});
    if (!bridge->broker) {
        free(bridge);
        return NULL;
    }
    uv_timer_init(loop, &bridge->stop_timer);
    bridge->stop_timer.data = bridge;
    if (!scout_start(&bridge->scout, loop, bridge->broker, config, sink) ||
        !bridge->mode->start(bridge)) {
        bridge_free(bridge);
        return NULL;
    }
    return bridge;
}

void bridge_restore(struct bridge *bridge, struct sn_bytes filter, uint32_t connection)
{
    if (bridge->mode->restore)
        bridge->mode->restore(bridge, filter, connection);
}

bool bridge_open(struct bridge *bridge)
{
    return !bridge->mode->open || bridge->mode->open(bridge);
}

void bridge_hold(struct bridge *bridge, uint32_t slot, bool on)
{
    if (bridge->mode->hold)
        bridge->mode->hold(bridge, slot, on);
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
    bridge->mode->stop(bridge);
    uv_timer_start(&bridge->stop_timer, on_stop_timer,
                   broker_link_count(bridge->broker) > 0 ? within_ms : 0, 0);
}

static void on_freed(uv_handle_t *handle)
{
    free(handle->data);
}

void bridge_free(struct bridge *bridge)
{
    bridge->scout.link = NULL;
    broker_free(bridge->broker);
    if (bridge->own)
        bridge->mode->free(bridge);
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
