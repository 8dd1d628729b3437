/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/random.h>

#include "bridge/link_private.h"

enum { TICK_MS = 1000 };

msec_t broker_now(const struct broker *broker)
{
    return uv_now(broker->loop);
}

/* xorshift64*: jitter needs no more. */
uint64_t broker_random(struct broker *broker)
{
    broker->random ^= broker->random >> 12;
    broker->random ^= broker->random << 25;
    broker->random ^= broker->random >> 27;
    return broker->random * 2685821657736338717u;
}

void broker_release(struct broker *broker)
{
    if (--broker->holds > 0)
        return;
    mosquitto_lib_cleanup();
    free(broker);
}

static void on_handle_closed(uv_handle_t *handle)
{
    broker_release(handle->data);
}

/* The top of the loop: what must not happen inside a callback of libmosquitto, or in the middle of
 * a request, happens here. */
static void on_idle(uv_idle_t *idle)
{
    struct broker *broker = idle->data;
    struct broker_link *link;

    uv_idle_stop(idle);
    while ((link = TAILQ_FIRST(&broker->attention))) {
        TAILQ_REMOVE(&broker->attention, link, attention);
        link->has_attention = false;
        link_attend(link);
    }
    broker_pump(broker);
}

void broker_wake(struct broker *broker)
{
    if (!broker->freed)
        uv_idle_start(&broker->idle, on_idle);
}

static void on_tick(uv_timer_t *timer)
{
    struct broker *broker = timer->data;
    msec_t now = broker_now(broker);
    struct broker_link *link;

    /* Links are only freed at the top of the loop and new ones join at the tail. */
    TAILQ_FOREACH(link, &broker->all, all)
    link_tick(link, now);
}

static void init_handles(struct broker *broker)
{
    uv_timer_init(broker->loop, &broker->tick);
    uv_timer_init(broker->loop, &broker->urgent);
    uv_timer_init(broker->loop, &broker->pace);
    uv_idle_init(broker->loop, &broker->idle);
    broker->tick.data = broker->urgent.data = broker->pace.data = broker->idle.data = broker;
    broker->holds = 4;
    uv_timer_start(&broker->tick, on_tick, TICK_MS, TICK_MS);
}

struct broker *broker_new(uv_loop_t *loop, const struct config *config, struct broker_owner owner)
{
    struct broker *broker = calloc(1, sizeof *broker);

    if (!broker)
        return NULL;
    broker->loop = loop;
    broker->config = &config->broker;
    broker->owner = owner;
    broker->keeps_clean = config->broker.mqtt_version == MQTT_VERSION_3_1_1 &&
                          config->broker.session_grace > 0 && *config->store.path &&
                          config->store.sync != SYNC_OFF;
    broker->paused = true;
    broker->witnessed_since = NEVER;
    TAILQ_INIT(&broker->all);
    TAILQ_INIT(&broker->dirty);
    TAILQ_INIT(&broker->attention);
    TAILQ_INIT(&broker->waiting);
    TAILQ_INIT(&broker->closing);
    TAILQ_INIT(&broker->paced);
    if (getrandom(&broker->random, sizeof broker->random, GRND_NONBLOCK) < 0 || !broker->random)
        broker->random = uv_hrtime() | 1;
    mosquitto_lib_init();
    init_handles(broker);
    return broker;
}

void broker_free(struct broker *broker)
{
    struct broker_link *link;

    broker->freed = true;
    while ((link = TAILQ_FIRST(&broker->all)))
        link_free(link);
    uv_close((uv_handle_t *)&broker->tick, on_handle_closed);
    uv_close((uv_handle_t *)&broker->urgent, on_handle_closed);
    uv_close((uv_handle_t *)&broker->pace, on_handle_closed);
    uv_close((uv_handle_t *)&broker->idle, on_handle_closed);
}

void broker_flush(struct broker *broker)
{
    struct broker_link *link;

    while ((link = TAILQ_FIRST(&broker->dirty))) {
        TAILQ_REMOVE(&broker->dirty, link, dirty);
        link->is_dirty = false;
        if (!link->held)
            link_write(link);
    }
}

void broker_pump(struct broker *broker)
{
    struct broker_link *link;

    while (!broker->paused && broker->connecting < broker->config->max_connecting &&
           (link = TAILQ_FIRST(&broker->waiting)))
        link_start(link);
}

void broker_pause(struct broker *broker, bool paused)
{
    struct broker_link *link;
    bool ended = broker->paused && !paused;

    broker->paused = paused;
    if (!ended)
        return;
    TAILQ_FOREACH(link, &broker->all, all)
    if (link->state == LINK_DOWN && link->deadline != NEVER && !link->urgent)
        broker_link_connect(link);
    broker_wake(broker);
}

void broker_away(struct broker *broker, bool away)
{
    struct broker_link *link;

    broker->away = away;
    if (!away)
        return;
    TAILQ_FOREACH(link, &broker->all, all)
    if (!broker_link_is_open(link))
        link_return_all(link);
}

size_t broker_link_count(const struct broker *broker)
{
    return broker->links;
}

struct bridge_counters *broker_counters(struct broker *broker)
{
    return &broker->counters;
}
