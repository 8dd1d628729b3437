/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "gateway/log.h"
#include "gateway/tell.h"

/* The operator has asked by a signal: neither the level nor a limit may hide the answer. */
#define say(...) log_write(NULL, LEVEL_INFO, __VA_ARGS__)

static void report_core(const struct core *core)
{
    static const char *const names[] = {
#define COUNTER(name, help) #name,
#include "gateway/core/counters.def"
#undef COUNTER
    };
    const uint64_t *counters = core_counters(core);

    for (size_t i = 0; i < COUNTERS; i++)
        say("report counter=core.%s value=%" PRIu64, names[i], counters[i]);
}

static void report_bridge(const struct bridge *bridge)
{
    const struct bridge_counters *counters = bridge_counters(bridge);

    say("report broker=%s", bridge_broker_up(bridge) ? "up" : "away");
#define X(name, help) say("report counter=bridge.%s value=%" PRIu64, #name, counters->name);
    BRIDGE_COUNTERS(X)
#undef X
}

static void report_prefix(const struct prefix *prefix)
{
    const struct prefix_counters *counters = prefix_counters(prefix);

#define X(name, help) say("report counter=prefix.%s value=%" PRIu64, #name, counters->name);
    PREFIX_COUNTERS(X)
#undef X
}

static void report_store(const struct gateway *g)
{
    const struct store_counters *counters = store_counters(g->store);

    say("report store=%s", store_failing(g->store) ? "failing" : "ok");
    say("report counter=store.unheard value=%" PRIu64, g->unheard);
#define X(name, help) say("report counter=store.%s value=%" PRIu64, #name, counters->name);
    STORE_COUNTERS(X)
#undef X
}

static void report_more(void *self, const char *counter, uint64_t value)
{
    const struct link *link = self;

    say("report counter=link.%s link=\"%s\" value=%" PRIu64, counter, link->name, value);
}

static void report_link(struct link *link)
{
    const struct link_counters *counters = &link->counters;

#define X(counter, help)                                                                           \
    say("report counter=link.%s link=\"%s\" value=%" PRIu64, #counter, link->name,                 \
        counters->counter);
    LINK_COUNTERS(X)
#undef X
    if (link->ops->count)
        link->ops->count(link, link, report_more);
}

/* How well the radio last heard the client, where it says so. */
static char *signal_text(const struct sn_peer *peer, char *out, size_t size)
{
    size_t used = 0;

    *out = '\0';
    if (peer && peer->has_rssi)
        used = (size_t)snprintf(out, size, " last_rssi=%d", peer->rssi);
    if (peer && peer->has_lqi)
        snprintf(out + used, size - used, " last_lqi=%u", peer->lqi);
    return out;
}

struct session_report {
    msec_t now;
    size_t count;
};

static void report_session(void *self, const struct session_view *view)
{
    struct session_report *report = self;
    char id[160], peer[LINK_PEER_TEXT_MAX] = "none", signal[40];

    if (view->peer)
        tell_peer(view->peer, peer, sizeof peer);
    say("report session client=%s state=%s peer=%s heard=%" PRIu64 "ms keep_alive=%us topics=%u "
        "subscriptions=%u queued=%u octets=%zu upstream=%s link=%s%s",
        log_text(view->client_id, id, sizeof id), view->state, peer, report->now - view->last_heard,
        view->keep_alive, view->topics, view->subscriptions, view->queued, view->queued_octets,
        view->upstream ? "yes" : "no", view->link_up ? "up" : "down",
        signal_text(view->peer, signal, sizeof signal));
    report->count++;
}

void report_all(struct gateway *g)
{
    struct session_report report = {.now = uv_now(&g->uv)};

    log_tell_suppressed();
    report_core(g->core);
    report_bridge(g->bridge);
    if (g->prefix)
        report_prefix(g->prefix);
    report_store(g);
    for (size_t i = 0; i < g->link_count; i++)
        report_link(g->links[i]);
    core_each_session(g->core, report_session, &report);
    say("report end sessions=%zu", report.count);
}
