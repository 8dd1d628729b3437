/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that share connections, with a real broker: what each of them gets. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"

static struct world *w;

static const uint32_t versions[] = {MQTT_VERSION_5, MQTT_VERSION_3_1_1};

static void begin_with(uint32_t version, uint32_t connections)
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, "max_queued_messages 0\n");
    w->config.gateway.mode = MODE_AGGREGATING;
    w->config.broker.mqtt_version = version;
    w->config.broker.connections = connections;
    w->config.broker.receive_maximum = 1000;
    w->config.broker.max_queued_per_client = 10;
    world_broker_start(w);
    world_bridge_start(w);
}

static void begin(void)
{
    begin_with(MQTT_VERSION_5, 4);
}

static void end(void)
{
    world_fini(w);
    free(w);
}

static void retained(uint32_t slot, const char *topic, const char *payload)
{
    ck_assert(bridge_request(
        w->bridge,
        &(struct bridge_request){.type = BRIDGE_PUBLISH,
                                 .session = ref(slot),
                                 .token = 77,
                                 .message = {sn_text(topic), sn_text(payload), 1, true}}));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, slot, 77)->result, BRIDGE_OK);
}

static void said(uint32_t slot, const char *topic, const char *payload, uint8_t qos)
{
    ck_assert(publish(w, slot, 78, topic, payload, qos));
    if (qos > 0)
        ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, slot, 78)->result, BRIDGE_OK);
}

static void unsubscribed(uint32_t slot, const char *filter)
{
    ck_assert(
        bridge_request(w->bridge, &(struct bridge_request){.type = BRIDGE_UNSUBSCRIBE,
                                                           .session = ref(slot),
                                                           .token = 5,
                                                           .message = {.topic = sn_text(filter)}}));
    expect(w, BRIDGE_UNSUBSCRIBED, slot, 5);
}

static void opened(uint32_t first, uint32_t last)
{
    char id[16];

    for (uint32_t slot = first; slot <= last; slot++) {
        snprintf(id, sizeof id, "dev-%u", slot);
        opened_as(w, slot, id, false);
    }
}

/* Exactly these, when so many copies have come from the broker. */
static void got(uint32_t slot, size_t messages)
{
    ck_assert_uint_eq(count_events(w, BRIDGE_MESSAGE, slot), messages);
}

START_TEST(one_copy_from_the_broker_serves_all)
{
    begin_with(versions[_i], 4);
    opened(1, 5);
    for (uint32_t slot = 1; slot <= 5; slot++)
        subscribed(w, slot, "a/+", (uint8_t)(slot % 3));
    said(1, "a/b", "hello", 2);
    for (uint32_t slot = 1; slot <= 5; slot++) {
        const struct bridge_event *e = expect_message(w, slot, "hello");
        ck_assert_uint_eq(e->message.qos, slot % 3 > 0); /* 2 is done with the device */
        ck_assert(!e->message.retain);
        ck_assert(e->unheld);
    }
    ck_assert_uint_eq(bridge_counters(w->bridge)->messages, 1);
    ck_assert_uint_eq(bridge_counters(w->bridge)->handed_on, 5);
    end();
}
END_TEST

START_TEST(qos_is_raised_for_the_second_and_lowered_again)
{
    begin();
    opened(1, 2);
    subscribed(w, 1, "a", 0);
    subscribed(w, 2, "a", 1);
    said(1, "a", "1", 1);
    ck_assert_uint_eq(expect_message(w, 1, "1")->message.qos, 0);
    ck_assert_uint_eq(expect_message(w, 2, "1")->message.qos, 1);
    unsubscribed(2, "a");
    said(1, "a", "2", 1);
    ck_assert_uint_eq(expect_message(w, 1, "2")->message.qos, 0);
    got(2, 1);
    unsubscribed(1, "a");
    subscribed(w, 2, "end", 1);
    said(1, "a", "3", 1);
    said(1, "end", "4", 1);
    expect_message(w, 2, "4");
    got(1, 2);
    end();
}
END_TEST

/* mosquitto sends a copy for each filter, over whichever link it is on. */
START_TEST(overlapping_filters_bring_each_message_once)
{
    begin_with(MQTT_VERSION_5, 1 + (uint32_t)_i * 3);
    opened(1, 4);
    subscribed(w, 1, "a/+", 1);
    subscribed(w, 2, "a/#", 0);
    subscribed(w, 3, "a/+", 0);
    subscribed(w, 3, "a/#", 1);
    subscribed(w, 3, "a/b", 1);
    subscribed(w, 4, "a/b", 1);
    said(4, "a/b", "1", 1);
    said(4, "a/b", "2", 1);
    await(w, bridge_counters(w->bridge)->messages == 6);
    for (uint32_t slot = 1; slot <= 4; slot++) {
        got(slot, 2);
        const struct bridge_event *e = expect_message(w, slot, "1");
        ck_assert_uint_eq(e->message.qos, slot != 2);
        expect_message(w, slot, "2");
    }
    end();
}
END_TEST

/* Without identifiers the first may get it again: nothing tells that it is the second's. */
START_TEST(retained_messages_go_to_who_subscribes)
{
    begin_with(versions[_i], 2);
    opened(1, 3);
    retained(1, "a/x", "kept");
    subscribed(w, 1, "a/+", 1);
    ck_assert(expect_message(w, 1, "kept")->message.retain);
    subscribed(w, 2, "a/+", 0);
    const struct bridge_event *e = expect_message(w, 2, "kept");
    ck_assert(e->message.retain && e->message.qos == 0);
    if (versions[_i] == MQTT_VERSION_5) {
        subscribed(w, 3, "a/#", 1); /* another filter, the same message */
        expect_message(w, 3, "kept");
        got(1, 1);
    } else if (count_events(w, BRIDGE_MESSAGE, 1) == 2) {
        expect_message(w, 1, "kept");
    }
    retained(1, "a/x", "new");
    ck_assert(!expect_message(w, 1, "new")->message.retain);
    ck_assert(!expect_message(w, 2, "new")->message.retain);
    end();
}
END_TEST

/* They join while the broker has not answered the first. */
START_TEST(a_crowd_gets_the_retained_message)
{
    const uint32_t crowd = 200;

    begin();
    opened(1, crowd);
    retained(1, "a/x", "kept");
    for (uint32_t slot = 1; slot <= crowd; slot++)
        ck_assert(subscribe(w, slot, 9, "a/#", 1));
    for (uint32_t slot = 1; slot <= crowd; slot++) {
        ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, slot, 9)->result, BRIDGE_OK);
        expect_message(w, slot, "kept");
        got(slot, 1);
    }
    ck_assert_uint_lt(bridge_counters(w->bridge)->messages, 10); /* and so many rounds */
    end();
}
END_TEST

START_TEST(absent_sessions_keep_their_filters)
{
    begin();
    opened(1, 2);
    subscribed(w, 1, "a", 1);
    close_it(w, 1, BRIDGE_POLITELY, true);
    said(2, "a", "meanwhile", 1);
    expect_message(w, 1, "meanwhile");
    ck_assert(open_as(w, 1, "dev-1", false));
    ck_assert(expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    close_it(w, 1, BRIDGE_POLITELY, false);
    ck_assert(open_as(w, 1, "dev-1", false));
    ck_assert(!expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    subscribed(w, 1, "a", 1);
    ck_assert(open_as(w, 1, "dev-1", true));
    ck_assert(!expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    subscribed(w, 2, "a", 1);
    said(2, "a", "for two alone", 1);
    expect_message(w, 2, "for two alone");
    got(1, 1);
    end();
}
END_TEST

/* The slot's next owner must not get what the last one asked for. */
START_TEST(a_new_generation_starts_with_nothing)
{
    begin();
    opened(1, 2);
    subscribed(w, 1, "a", 1);
    ck_assert(bridge_request(w->bridge, &(struct bridge_request){.type = BRIDGE_OPEN,
                                                                 .session = {1, 2},
                                                                 .client_id = sn_text("other")}));
    ck_assert(!expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    subscribed(w, 2, "a", 1);
    said(2, "a", "x", 1);
    expect_message(w, 2, "x");
    got(1, 0);
    ck_assert(!publish(w, 1, 1, "a", "late", 1)); /* of generation 1 */
    end();
}
END_TEST

START_TEST(the_will_is_published_when_it_must_be)
{
    begin();
    opened(1, 1);
    subscribed(w, 1, "wills/#", 1);
    ck_assert(open_with_will(w, 2, "polite", "wills/2"));
    ck_assert(open_with_will(w, 3, "lost", "wills/3"));
    ck_assert(open_with_will(w, 4, "restarted", "wills/4"));
    said(3, "wills/3/before", "still here", 1);
    close_it(w, 2, BRIDGE_POLITELY, false);
    close_it(w, 3, BRIDGE_WITH_WILL, false);
    ck_assert(open_with_will(w, 4, "restarted", "wills/4"));
    expect_message(w, 1, "still here");
    const struct bridge_event *e = expect_message(w, 1, "lost");
    ck_assert(sn_bytes_equal(e->message.topic, sn_text("wills/3")));
    said(4, "wills/end", "end", 1);
    expect_message(w, 1, "end");
    got(1, 3);
    ck_assert_uint_eq(bridge_counters(w->bridge)->wills_published, 1);
    end();
}
END_TEST

START_TEST(the_will_waits_for_the_broker)
{
    begin();
    opened(1, 1);
    subscribed(w, 1, "wills/#", 1);
    ck_assert(open_with_will(w, 2, "lost", "wills/2"));
    expect(w, BRIDGE_OPENED, 2, 0);
    world_broker_stop(w, SIGTERM);
    expect(w, BRIDGE_CLOSED, 2, 0);
    close_it(w, 2, BRIDGE_WITH_WILL, false);
    await(w, !bridge_broker_up(w->bridge));
    world_broker_start(w);
    expect_message(w, 1, "lost");
    ck_assert_uint_eq(bridge_counters(w->bridge)->wills_lost, 0);
    end();
}
END_TEST

/* One reconnect for all; each is told once, and has its filter again. */
START_TEST(a_broker_restart_with_many_sessions)
{
    const uint32_t many = 1500;
    char topic[32];

    begin_with(versions[_i], 4);
    opened(1, many);
    w->count = 0;
    for (uint32_t slot = 1; slot <= many; slot++) {
        snprintf(topic, sizeof topic, "to/%u", slot);
        ck_assert(subscribe(w, slot, 9, topic, 1));
    }
    await(w, w->count == many);
    w->count = 0;
    uint64_t connects = bridge_counters(w->bridge)->connects;
    world_broker_stop(w, SIGKILL);
    world_broker_start(w);
    await(w, count_events(w, BRIDGE_OPENED, many) == 1);
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 1);
    ck_assert(expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    await(w, bridge_counters(w->bridge)->resubscribed == many);
    ck_assert_uint_eq(bridge_counters(w->bridge)->connects - connects, 6);
    w->count = 0;
    for (uint32_t slot = 1; slot <= many; slot += 100) {
        snprintf(topic, sizeof topic, "to/%u", slot);
        said(slot, topic, "back", 1);
        expect_message(w, slot, "back");
    }
    end();
}
END_TEST

/* As the core does it: at once. */
static void subscribe_when_opened(struct world *world, const struct bridge_event *e)
{
    char topic[16];

    if (e->type != BRIDGE_OPENED || e->session.slot == 0)
        return;
    snprintf(topic, sizeof topic, "to/%u", e->session.slot);
    ck_assert(subscribe(world, e->session.slot, 9, topic, 1));
}

/* With a store the broker's memory of the links outlives the gateway. What it kept comes before
 * anybody could subscribe again, over whichever link. */
START_TEST(the_brokers_queue_survives_a_restart_of_the_gateway)
{
    char id[16], topic[16];
    const uint32_t sessions = 8;

    begin();
    bridge_free(w->bridge);
    w->config.store.path = "kept";
    world_bridge_start(w);
    opened(1, sessions);
    for (uint32_t slot = 1; slot <= sessions; slot++) {
        snprintf(topic, sizeof topic, "to/%u", slot);
        subscribed(w, slot, topic, 1);
    }
    w->held = true; /* as by kill -9 */
    bridge_free(w->bridge);
    w->held = false;
    w->config.gateway.mode = MODE_TRANSPARENT;
    world_bridge_start(w);
    opened(20, 20);
    for (uint32_t slot = 1; slot <= sessions; slot++) {
        snprintf(topic, sizeof topic, "to/%u", slot);
        said(20, topic, "meanwhile", 1);
    }
    bridge_free(w->bridge);
    w->count = 0;
    w->config.gateway.mode = MODE_AGGREGATING;
    w->also = subscribe_when_opened;
    world_bridge_start(w);
    for (uint32_t slot = 1; slot <= sessions; slot++) {
        snprintf(id, sizeof id, "dev-%u", slot);
        ck_assert(open_as(w, slot, id, false));
    }
    for (uint32_t slot = 1; slot <= sessions; slot++)
        expect_message(w, slot, "meanwhile");
    end();
}
END_TEST

static bool renew(uint32_t slot, const char *filter)
{
    return bridge_request(
        w->bridge, &(struct bridge_request){.type = BRIDGE_SUBSCRIBE,
                                            .session = ref(slot),
                                            .token = 9,
                                            .patient = true,
                                            .message = {.topic = sn_text(filter), .qos = 1}});
}

/* It has had them; as with a broker that still knows a connection of its own. Where the broker has
 * forgotten everything they come again, because they may be others. */
START_TEST(retained_messages_do_not_come_again_after_a_restart)
{
    begin();
    bridge_free(w->bridge);
    w->config.store.path = "kept";
    world_bridge_start(w);
    opened(1, 1);
    retained(1, "a/x", "kept");
    subscribed(w, 1, "a/+", 1);
    expect_message(w, 1, "kept");
    w->held = true; /* as by kill -9 */
    bridge_free(w->bridge);
    w->held = false;
    w->count = 0;
    if (_i == 1) {
        world_broker_stop(w, SIGKILL);
        world_broker_start(w);
        world_bridge_start(w);
        opened(1, 1);
        retained(1, "a/x", "kept");
    } else {
        world_bridge_start(w);
        opened(1, 1);
    }
    ck_assert(renew(1, "a/+"));
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 9)->result, BRIDGE_OK);
    said(1, "a/y", "live", 1);
    if (_i == 1)
        expect_message(w, 1, "kept");
    expect_message(w, 1, "live");
    got(1, 1 + (size_t)_i);
    subscribed(w, 1, "a/+", 1); /* asked by the device itself */
    expect_message(w, 1, "kept");
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("aggregating");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, one_copy_from_the_broker_serves_all, 0, 2);
    tcase_add_test(tc, qos_is_raised_for_the_second_and_lowered_again);
    tcase_add_loop_test(tc, overlapping_filters_bring_each_message_once, 0, 2);
    tcase_add_loop_test(tc, retained_messages_go_to_who_subscribes, 0, 2);
    tcase_add_test(tc, a_crowd_gets_the_retained_message);
    tcase_add_test(tc, absent_sessions_keep_their_filters);
    tcase_add_test(tc, a_new_generation_starts_with_nothing);
    tcase_add_test(tc, the_will_is_published_when_it_must_be);
    tcase_add_test(tc, the_will_waits_for_the_broker);
    tcase_add_loop_test(tc, a_broker_restart_with_many_sessions, 0, 2);
    tcase_add_test(tc, the_brokers_queue_survives_a_restart_of_the_gateway);
    tcase_add_loop_test(tc, retained_messages_do_not_come_again_after_a_restart, 0, 2);
    return run_case("bridge aggregating", tc);
}
