/* SPDX-License-Identifier: Apache-2.0 */
/* A broker that restarts without a memory: over shared connections nothing that it acknowledges
 * afterwards may pass a subscriber whose filter, on another connection, it was not asked for yet.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"

enum { MANY = 60, EACH = 20, ROOM = 400 };

static struct world *w;
static bool acked[MANY + 1][ROOM], arrived[MANY + 1][ROOM];
static uint16_t next[MANY + 1];
static bool under_way[MANY + 1], flows;

static const uint32_t versions[] = {MQTT_VERSION_5, MQTT_VERSION_3_1_1};

/* Each to its neighbour, one at a time. */
static void speak(uint32_t slot)
{
    char topic[16], text[16];

    if (under_way[slot] || next[slot] + 1 >= ROOM)
        return;
    snprintf(topic, sizeof topic, "to/%u", slot % MANY + 1);
    snprintf(text, sizeof text, "%u %u", slot, next[slot]);
    under_way[slot] = true;
    if (publish(w, slot, next[slot], topic, text, 1))
        next[slot]++;
    else
        under_way[slot] = false;
}

static void hear(struct world *world, const struct bridge_event *e)
{
    uint32_t slot = e->session.slot, from, number;

    world->count = 0;
    if (e->type == BRIDGE_MESSAGE) {
        char text[17] = "";
        memcpy(text, e->message.payload.data, e->message.payload.len);
        ck_assert_int_eq(sscanf(text, "%u %u", &from, &number), 2);
        ck_assert_uint_eq(slot, from % MANY + 1);
        arrived[from][number] = true;
    } else if (e->type == BRIDGE_PUBLISHED && slot > 0) {
        under_way[slot] = false;
        acked[slot][e->token] = e->result == BRIDGE_OK;
        if (flows)
            speak(slot);
    }
}

static uint32_t acked_of(uint32_t slot)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < next[slot]; i++)
        count += acked[slot][i];
    return count;
}

static bool all_acked(uint32_t each)
{
    for (uint32_t slot = 1; slot <= MANY; slot++) {
        if (flows)
            speak(slot);
        if (acked_of(slot) < each)
            return false;
    }
    return true;
}

static uint32_t missing(void)
{
    uint32_t count = 0;

    for (uint32_t slot = 1; slot <= MANY; slot++)
        for (uint32_t i = 0; i < next[slot]; i++)
            count += acked[slot][i] && !arrived[slot][i];
    return count;
}

static void begin(uint32_t version)
{
    char id[16], topic[16];

    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, "max_queued_messages 0\n");
    w->config.gateway.mode = MODE_AGGREGATING;
    w->config.broker.mqtt_version = version;
    w->config.broker.connections = 4;
    w->config.broker.receive_maximum = 1000;
    w->config.broker.max_queued_per_client = 10;
    w->config.broker.offline = OFFLINE_REJECT;
    world_broker_start(w);
    world_bridge_start(w);
    for (uint32_t slot = 1; slot <= MANY; slot++) {
        snprintf(id, sizeof id, "dev-%u", slot);
        snprintf(topic, sizeof topic, "to/%u", slot);
        opened_as(w, slot, id, false);
        subscribed(w, slot, topic, 1);
    }
    w->also = hear;
}

/* What is under way at the loss, what waits, and what comes as soon as one connection is back. */
START_TEST(nothing_acknowledged_is_lost_in_a_restart)
{
    begin(versions[_i]);
    ck_assert_int_eq(kill(w->broker, SIGSTOP), 0);
    for (uint32_t slot = 1; slot <= MANY; slot++)
        speak(slot);
    world_broker_stop(w, SIGKILL);
    flows = true;
    world_broker_start(w);
    await(w, all_acked(EACH));
    flows = false;
    await(w, missing() == 0);
    world_fini(w);
    free(w);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("forgotten");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, nothing_acknowledged_is_lost_in_a_restart, 0, 2);
    return run_case("bridge forgotten", tc);
}
