/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/loop.h"

#include <stdio.h>
#include <sys/random.h>

#include "gateway/command.h"
#include "gateway/log.h"
#include "gateway/loop_store.h"
#include "gateway/tell.h"
#include "sn/link/serial.h"
#include "sn/link/udp.h"

#define STOP_MS        5000
#define TEARDOWN_MS    2000
#define LINKS_STOP_MS  2000
#define BARRIER_ROUNDS 4

static void to_core(void *self, const struct sn_peer *from, struct sn_bytes wire)
{
    struct gateway *g = self;

    tell_packet("in", from, wire);
    if (store_failing(g->store))
        g->unheard++; /* it cannot be answered; the device says it again */
    else if (!g->stopping)
        core_datagram(g->core, uv_now(&g->uv), from, wire);
}

static void flush_links(struct gateway *g)
{
    for (size_t i = 0; i < g->link_count; i++)
        link_flush(g->links[i]);
}

/* A barrier ahead of time, for the datagrams alone. */
static void links_full(void *self)
{
    struct gateway *g = self;

    if (store_commit(g->store, uv_now(&g->uv)))
        flush_links(g);
}

static void sink_send(void *self, const struct sn_peer *to, struct sn_bytes wire)
{
    struct gateway *g = self;

    tell_packet("out", to, wire);
    g->effects = true;
    if (to->link < g->link_count)
        link_send(g->links[to->link], to, wire);
}

static void sink_broadcast(void *self, uint8_t link, uint8_t radius, struct sn_bytes wire)
{
    struct gateway *g = self;

    tell_packet("broadcast", NULL, wire);
    g->effects = true;
    for (size_t i = 0; i < g->link_count; i++) {
        if (link == ALL_LINKS || link == i)
            link_broadcast(g->links[i], radius, wire);
    }
}

static bool sink_request(void *self, const struct bridge_request *request)
{
    struct gateway *g = self;

    g->effects = true;
    if (request->type == BRIDGE_OPEN || request->type == BRIDGE_CLOSE)
        store_hurry(g->store, request->session.slot);
    return g->prefix ? prefix_request(g->prefix, request) : bridge_request(g->bridge, request);
}

static bool to_bridge(void *self, const struct bridge_request *request)
{
    struct gateway *g = self;

    return bridge_request(g->bridge, request);
}

static void sink_record(void *self, const struct record *record)
{
    struct gateway *g = self;

    store_record(g->store, record);
}

static void sink_notice(void *self, const struct notice *notice)
{
    (void)self;
    tell_notice(notice);
}

static void event_to_core(void *self, const struct bridge_event *event)
{
    struct gateway *g = self;
    /* The broker counts a message as taken, and hears of it with the good-bye. */
    bool counts = event->type == BRIDGE_MESSAGE || event->type == BRIDGE_PUBLISHED;

    if (uv_is_closing((uv_handle_t *)&g->barrier))
        return;
    if (!g->stopping || counts)
        core_bridge_event(g->core, uv_now(&g->uv), event);
    if (event->unheld)
        store_hurry(g->store, event->session.slot);
}

static void from_bridge(void *self, const struct bridge_event *event)
{
    struct gateway *g = self;

    if (g->prefix)
        prefix_event(g->prefix, event);
    else
        event_to_core(g, event);
}

static void bridge_notice(void *self, enum bridge_severity severity, const char *text)
{
    (void)self;
    tell_bridge(severity, text);
}

static void bridge_placed(void *self, struct sn_bytes filter, uint32_t connection)
{
    struct gateway *g = self;

    store_record(g->store,
                 &(struct record){.type = connection > 0 ? RECORD_PLACE : RECORD_PLACE_GONE,
                                  .place = {filter, connection}});
}

static void on_deadline(uv_timer_t *timer)
{
    struct gateway *g = timer->data;

    g->armed = NEVER;
    if (!g->stopping && !store_failing(g->store)) /* a repetition that does not leave is none */
        core_expire(g->core, uv_now(&g->uv));
}

/* What is to be done next without anything coming in. */
static msec_t next_due(const struct gateway *g)
{
    msec_t store = store_due(g->store);
    msec_t due = g->stopping || store_failing(g->store) ? NEVER : core_deadline(g->core);

    if (g->effects && !store_failing(g->store))
        return uv_now(&g->uv); /* a barrier produced ever more: go on without waiting */
    if (g->stopping && g->stop_at < due)
        due = g->stop_at;
    return store < due ? store : due;
}

/* One timer for all. What is due already fires in the next turn. */
static void arm(struct gateway *g)
{
    msec_t due = next_due(g), now = uv_now(&g->uv);

    if (due == g->armed)
        return;
    g->armed = due;
    if (due == NEVER)
        uv_timer_stop(&g->deadline);
    else
        uv_timer_start(&g->deadline, on_deadline, due > now ? due - now : 0, 0);
}

/* Slow links get a moment for the last words to the clients, which have become queued only now. */
static void stop_if_done(struct gateway *g)
{
    bool pending = false;

    if (!g->stopping)
        return;
    if (uv_now(&g->uv) >= g->stop_at)
        g->stop_at = NEVER;
    for (size_t i = 0; i < g->link_count; i++)
        pending = pending || link_pending(g->links[i]);
    if (g->bridge_stopped && (!pending || g->stop_at == NEVER))
        uv_stop(&g->uv);
}

static bool commit(struct gateway *g)
{
    bool was_failing = store_failing(g->store);
    bool done = store_commit(g->store, uv_now(&g->uv));

    if (done && was_failing)
        core_hears_again(g->core, uv_now(&g->uv));
    return done;
}

/* libuv calls this right before it waits: after its timers, and after all that the last wait
 * brought. bridge_flush may find a connection broken and tell the core, whose answers then belong
 * to this turn too; so go round until nothing new comes. */
static void on_barrier(uv_prepare_t *handle)
{
    struct gateway *g = handle->data;

    for (int round = 0; round < BARRIER_ROUNDS; round++) {
        g->effects = false;
        if (!commit(g))
            break; /* what is queued stays queued */
        flush_links(g);
        bridge_flush(g->bridge);
        if (!g->effects)
            break;
    }
    stop_if_done(g);
    if (store_lost(g->store)) {
        g->code = EXIT_IO;
        uv_stop(&g->uv);
    }
    arm(g);
}

static void link_notice(void *self, const struct link *link, enum link_severity severity,
                        const char *text)
{
    (void)self;
    tell_link(link, severity, text);
}

static void link_up(void *self, const struct link *link, bool up)
{
    struct gateway *g = self;

    if (!g->stopping)
        core_link_up(g->core, uv_now(&g->uv), link->number, up);
}

static struct core_link serial_profile(const struct link *link, const struct serial_config *config)
{
    return (struct core_link){
        .max_packet = link->max_packet,
        .retry_interval_ms = config->retry_interval_ms,
        .retry_count = config->retry_count == SERIAL_RETRY_COUNT_OF_GATEWAY
                           ? -1
                           : (int32_t)config->retry_count,
    };
}

/* The radio has told how much it carries. Serial links are numbered behind the UDP listeners. */
static void link_room(void *self, const struct link *link)
{
    struct gateway *g = self;
    const struct serial_config *config = &g->config->serial[link->number - g->config->udp_count];
    struct core_link profile = serial_profile(link, config);

    core_link(g->core, link->number, &profile);
}

static void add_link(struct gateway *g, struct link *link, const struct core_link *profile)
{
    g->links[g->link_count++] = link;
    core_link(g->core, link->number, profile);
    tell_links(g->links, g->link_count);
}

static bool open_udp(struct gateway *g, const struct udp_config *config, char *error, size_t size)
{
    struct link *link = udp_open(&g->uv, (uint8_t)g->link_count, config,
                                 (struct link_receiver){g, to_core, links_full}, error, size);

    if (!link)
        return false;
    add_link(g, link, &(struct core_link){.max_packet = link->max_packet, .retry_count = -1});
    log_info("listening link=\"%s\"%s%s", link->name, *config->multicast ? " group=" : "",
             config->multicast);
    return true;
}

/* The port may come later: until it is open the link is down. */
static bool open_serial(struct gateway *g, const struct serial_config *config, char *error,
                        size_t size)
{
    const struct link_events events = {g, link_notice, link_up, link_room};
    struct link *link =
        serial_open(&g->uv, (uint8_t)g->link_count, config, &serial_host_linux,
                    (struct link_receiver){g, to_core, links_full}, events, error, size);

    if (!link)
        return false;
    struct core_link profile = serial_profile(link, config);
    add_link(g, link, &profile);
    core_link_up(g->core, uv_now(&g->uv), link->number, false);
    return true;
}

static bool open_links(struct gateway *g, const struct config *config, char *error, size_t size)
{
    if (config->udp_count + config->serial_count > LINKS_MAX) {
        snprintf(error, size, "more than %d links; leave some [udp] or [serial] sections out",
                 LINKS_MAX);
        return false;
    }
    for (size_t i = 0; i < config->udp_count; i++)
        if (!open_udp(g, &config->udp[i], error, size))
            return false;
    for (size_t i = 0; i < config->serial_count; i++)
        if (!open_serial(g, &config->serial[i], error, size))
            return false;
    return true;
}

static bool new_core(struct gateway *g, const struct config *config, char *error, size_t size)
{
    const struct core_sink sink = {.self = g,
                                   .send = sink_send,
                                   .broadcast = sink_broadcast,
                                   .request = sink_request,
                                   .record = sink_record,
                                   .notice = sink_notice};
    uint8_t seed[16];

    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        snprintf(error, size, "the system gives no random numbers");
        return false;
    }
    g->core = core_new(config, &sink, seed);
    if (!g->core)
        snprintf(error, size,
                 "out of memory for %u clients; lower max_clients = ", config->gateway.max_clients);
    return g->core != NULL;
}

static bool new_prefix(struct gateway *g, const struct config *config, char *error, size_t size)
{
    if (!*config->gateway.topic_prefix)
        return true;
    g->prefix = prefix_new(&config->gateway, (struct prefix_doors){g, to_bridge, event_to_core});
    if (!g->prefix)
        snprintf(error, size, "out of memory for the topic prefix");
    return g->prefix != NULL;
}

static bool new_bridge(struct gateway *g, const struct config *config, char *error, size_t size)
{
    g->bridge = bridge_new(&g->uv, config,
                           (struct bridge_sink){g, from_bridge, bridge_notice, bridge_placed});
    if (!g->bridge)
        snprintf(error, size, "out of memory for the broker connections");
    return g->bridge != NULL;
}

/* The sessions come first, so that a link that is down at its start finds them; and the bridge
 * before they go on, because they ask for their broker connections. Nothing is read or sent before
 * the loop runs. */
int loop_open(struct gateway *g, const struct config *config, char *error, size_t size)
{
    int code;

    *g = (struct gateway){.config = config, .armed = NEVER};
    uv_loop_init(&g->uv);
    uv_prepare_init(&g->uv, &g->barrier);
    uv_timer_init(&g->uv, &g->deadline);
    g->barrier.data = g->deadline.data = g;
    if (!new_core(g, config, error, size))
        return EXIT_UNAVAILABLE;
    code = loop_store_open(g, error, size);
    if (code != 0)
        return code;
    if (!open_links(g, config, error, size) || !new_prefix(g, config, error, size) ||
        !new_bridge(g, config, error, size))
        return EXIT_UNAVAILABLE;
    code = loop_store_places(g, error, size);
    if (code != 0)
        return code;
    if (!bridge_open(g->bridge)) {
        snprintf(error, size, "out of memory for the broker connections");
        return EXIT_UNAVAILABLE;
    }
    core_restored(g->core, uv_now(&g->uv));
    uv_prepare_start(&g->barrier, on_barrier);
    return 0;
}

void loop_run(struct gateway *g)
{
    uv_run(&g->uv, UV_RUN_DEFAULT);
}

static void on_bridge_stopped(void *self)
{
    struct gateway *g = self;

    g->bridge_stopped = true; /* the barrier sees to the rest */
}

void loop_stop(struct gateway *g)
{
    /* With a store the next run goes on with the clients, and they notice nothing. */
    if (!store_keeps(g->store))
        core_stop(g->core);
    g->stopping = true;
    g->stop_at = uv_now(&g->uv) + LINKS_STOP_MS;
    store_hurry(g->store, 0);
    if (store_commit(g->store, uv_now(&g->uv)))
        flush_links(g);
    bridge_stop(g->bridge, STOP_MS, on_bridge_stopped, g);
}

static void on_teardown_limit(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Handles close in a last run of the loop. A name lookup on the worker pool cannot be called back
 * and may hold it up, so there is a limit. */
static void drain(struct gateway *g)
{
    uv_timer_start(&g->deadline, on_teardown_limit, TEARDOWN_MS, 0);
    uv_unref((uv_handle_t *)&g->deadline);
    uv_run(&g->uv, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&g->deadline, NULL);
    uv_run(&g->uv, UV_RUN_NOWAIT);
    if (uv_loop_close(&g->uv) != 0)
        log_debug("left with work under way");
}

int loop_close(struct gateway *g)
{
    g->stopping = true;
    uv_close((uv_handle_t *)&g->barrier, NULL);
    for (size_t i = 0; i < g->link_count; i++)
        link_close(g->links[i]);
    if (g->bridge)
        bridge_free(g->bridge);
    drain(g);
    tell_links(NULL, 0);
    if (g->core)
        core_free(g->core);
    if (g->prefix)
        prefix_free(g->prefix);
    if (!store_close(g->store))
        g->code = EXIT_IO;
    return g->code;
}
