/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge against a real broker: what a device would notice, and what an operator would. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"

static struct world *w;

static void begin(const char *extra)
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, extra);
}

static void begin_connected(const char *extra)
{
    begin(extra);
    world_broker_start(w);
    world_bridge_start(w);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 0, 0)->result, BRIDGE_OK);
}

static void end(void)
{
    world_fini(w);
    free(w);
}

static const uint32_t versions[] = {MQTT_VERSION_5, MQTT_VERSION_3_1_1};

static void begin_version(int i)
{
    begin("");
    w->config.broker.mqtt_version = versions[i];
    world_broker_start(w);
    world_bridge_start(w);
}

START_TEST(publishes_and_receives_at_every_qos)
{
    begin_version(_i);
    opened_as(w, 1, "sensor", true);
    opened_as(w, 2, "watcher", true);
    subscribed(w, 2, "t/#", 2);
    ck_assert(publish(w, 1, 0, "t/0", "zero", 0));
    ck_assert_uint_eq(expect_message(w, 2, "zero")->message.qos, 0);
    ck_assert(publish(w, 1, 71, "t/1", "one", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 71)->result, BRIDGE_OK);
    ck_assert_uint_eq(expect_message(w, 2, "one")->message.qos, 1);
    ck_assert(publish(w, 1, 72, "t/2", "two", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 72)->result, BRIDGE_OK);
    /* qos2_subscriptions = safe: the broker was asked for QoS 1. */
    ck_assert_uint_eq(expect_message(w, 2, "two")->message.qos, 1);
    end();
}
END_TEST

START_TEST(tells_of_itself_by_the_status_topic)
{
    begin_version(_i);
    opened_as(w, 1, "watcher", true);
    subscribed(w, 1, "gw/1/state", 1);
    ck_assert(expect_message(w, 1, "online")->message.retain);
    end();
}
END_TEST

static void on_stopped(void *self)
{
    ((struct world *)self)->stopped = true;
}

START_TEST(says_offline_when_it_stops)
{
    begin_version(_i);
    opened_as(w, 1, "sensor", true);
    bridge_stop(w->bridge, 5000, on_stopped, w);
    uint64_t start = uv_hrtime();
    await(w, w->stopped);
    ck_assert_uint_lt(since(w, start), 3000);
    bridge_free(w->bridge);
    w->count = 0;
    w->config.broker.status = "";
    world_bridge_start(w);
    opened_as(w, 1, "watcher", true);
    subscribed(w, 1, "gw/1/state", 1);
    ck_assert(expect_message(w, 1, "offline")->message.retain);
    end();
}
END_TEST

START_TEST(will_fires_only_when_asked)
{
    begin_version(_i);
    opened_as(w, 1, "watcher", true);
    subscribed(w, 1, "will/#", 1);
    ck_assert(open_with_will(w, 2, "polite", "will/polite"));
    ck_assert(open_with_will(w, 3, "lost", "will/lost"));
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 2, 0)->result, BRIDGE_OK);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 3, 0)->result, BRIDGE_OK);
    close_it(w, 2, BRIDGE_POLITELY, false);
    close_it(w, 3, BRIDGE_WITH_WILL, false);
    const struct bridge_event *e = expect_message(w, 1, "lost");
    ck_assert(sn_bytes_equal(e->message.topic, sn_text("will/lost")));
    ck_assert(publish(w, 1, 5, "will/end", "end", 1));
    expect_message(w, 1, "end");
    end();
}
END_TEST

START_TEST(polite_close_waits_for_what_is_under_way)
{
    begin_version(_i);
    opened_as(w, 1, "sensor", true);
    opened_as(w, 2, "watcher", true);
    subscribed(w, 2, "t/#", 1);
    ck_assert(publish(w, 1, 1, "t/a", "first", 1));
    ck_assert(publish(w, 1, 2, "t/a", "second", 2));
    close_it(w, 1, BRIDGE_POLITELY, false);
    expect_message(w, 2, "first");
    expect_message(w, 2, "second");
    ck_assert_uint_eq(count_events(w, BRIDGE_PUBLISHED, 1), 0);
    end();
}
END_TEST

START_TEST(broker_session_outlives_a_polite_close_only_if_kept)
{
    begin_version(_i);
    opened_as(w, 1, "kept", false);
    subscribed(w, 1, "t/a", 1);
    close_it(w, 1, BRIDGE_POLITELY, true);
    opened_as(w, 2, "sender", true);
    opened_as(w, 1, "other", true);
    ck_assert(publish(w, 2, 1, "t/a", "while away", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 2, 1)->result, BRIDGE_OK);
    ck_assert(open_as(w, 3, "kept", false));
    ck_assert(expect(w, BRIDGE_OPENED, 3, 0)->session_present);
    expect_message(w, 3, "while away");
    close_it(w, 3, BRIDGE_POLITELY, false);
    if (w->config.broker.mqtt_version == MQTT_VERSION_5) {
        ck_assert(open_as(w, 3, "kept", false));
        ck_assert(!expect(w, BRIDGE_OPENED, 3, 0)->session_present);
    }
    end();
}
END_TEST

START_TEST(reopening_replaces_the_connection_and_finds_the_session)
{
    begin_connected("");
    opened_as(w, 1, "device", true);
    subscribed(w, 1, "t/a", 1);
    ck_assert(open_as(w, 1, "device", false));
    const struct bridge_event *e = expect(w, BRIDGE_OPENED, 1, 0);
    ck_assert_int_eq(e->result, BRIDGE_OK);
    ck_assert(e->session_present);
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 0);
    end();
}
END_TEST

static size_t open_descriptors(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

START_TEST(costs_one_descriptor_per_connection)
{
    enum { LINKS = 50 };
    begin_version(_i);
    if (_i == 0)
        w->config.broker.address = (struct endpoint){ENDPOINT_UNIX, w->unix_path, 0};
    opened_as(w, LINKS + 1, "first", true);
    size_t before = open_descriptors();
    for (uint32_t i = 1; i <= LINKS; i++) {
        char id[16];
        snprintf(id, sizeof id, "c%u", i);
        ck_assert(open_as(w, i, id, true));
    }
    for (uint32_t i = 1; i <= LINKS; i++)
        ck_assert_int_eq(expect(w, BRIDGE_OPENED, i, 0)->result, BRIDGE_OK);
    ck_assert_uint_eq(open_descriptors() - before, LINKS);
    for (uint32_t i = 1; i <= LINKS; i++)
        ck_assert(publish(w, i, i, "t", "x", 1));
    for (uint32_t i = 1; i <= LINKS; i++)
        ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, i, i)->result, BRIDGE_OK);
    ck_assert_uint_eq(open_descriptors() - before, LINKS);
    end();
}
END_TEST

/* QoS 1 and 2 under way when the broker dies without a word; the broker kept its database. */
START_TEST(publishes_survive_a_broker_restart)
{
    begin_version(_i);
    w->config.broker.ack_timeout_ms = 20000;
    opened_as(w, 1, "sensor", false);
    opened_as(w, 2, "watcher", false);
    subscribed(w, 2, "t/#", 2);
    kill(w->broker, SIGSTOP);
    ck_assert(publish(w, 1, 1, "t/1", "one", 1));
    ck_assert(publish(w, 1, 2, "t/2", "two", 2));
    turn(w);
    world_broker_stop(w, SIGTERM); /* it may or may not have read them */
    ck_assert_int_eq(expect(w, BRIDGE_CLOSED, 1, 0)->result, BRIDGE_BUSY);
    world_broker_start(w);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 1, 0)->result, BRIDGE_OK);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_OK);
    ck_assert(expect(w, BRIDGE_OPENED, 2, 0)->session_present);
    ck_assert(publish(w, 1, 3, "t/end", "end", 1));
    expect(w, BRIDGE_PUBLISHED, 1, 3);
    const struct bridge_event *e;
    size_t twos = 0;
    do {
        e = expect(w, BRIDGE_MESSAGE, 2, 0);
        twos += sn_bytes_equal(e->message.payload, sn_text("two"));
    } while (!sn_bytes_equal(e->message.payload, sn_text("end")));
    ck_assert_uint_eq(twos, 1);
    end();
}
END_TEST

START_TEST(publishes_survive_a_broker_that_forgot_everything)
{
    begin_version(_i);
    opened_as(w, 1, "sensor", false);
    kill(w->broker, SIGSTOP);
    ck_assert(publish(w, 1, 2, "t/2", "two", 2));
    ck_assert(publish(w, 1, 1, "t/1", "one", 1));
    turn(w);
    world_broker_stop(w, SIGKILL);
    world_broker_start(w);
    opened_as(w, 2, "watcher", true);
    ck_assert(!expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_OK);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    end();
}
END_TEST

START_TEST(broker_that_stays_away_means_busy)
{
    begin_connected("");
    w->config.broker.ack_timeout_ms = 2000;
    opened_as(w, 1, "sensor", true);
    kill(w->broker, SIGSTOP);
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    ck_assert(publish(w, 1, 2, "t", "y", 2));
    turn(w);
    world_broker_stop(w, SIGKILL);
    expect(w, BRIDGE_CLOSED, 1, 0);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_BUSY);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_BUSY);
    await(w, !bridge_broker_up(w->bridge));
    ck_assert(!open_as(w, 2, "other", true));
    ck_assert(!publish(w, 1, 3, "t", "z", 1));
    ck_assert_ptr_nonnull(strstr(w->notices, "Connection refused"));
    world_broker_start(w);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 1, 0)->result, BRIDGE_OK);
    ck_assert(publish(w, 1, 4, "t", "w", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 4)->result, BRIDGE_OK);
    end();
}
END_TEST

START_TEST(nothing_leaves_before_the_barrier)
{
    begin_connected("");
    opened_as(w, 1, "watcher", false);
    opened_as(w, 2, "sender", true);
    subscribed(w, 1, "t/a", 1);
    ck_assert(publish(w, 2, 1, "t/a", "once", 1));
    expect(w, BRIDGE_PUBLISHED, 2, 1);
    expect_message(w, 1, "once");
    w->held = true;
    ck_assert(publish(w, 2, 2, "t/a", "held", 1));
    for (int i = 0; i < 4; i++)
        turn(w);
    ck_assert_uint_eq(count_events(w, BRIDGE_PUBLISHED, 2), 1);
    w->held = false;
    expect(w, BRIDGE_PUBLISHED, 2, 2);
    expect_message(w, 1, "held");
    end();
}
END_TEST

/* What the socket does not take at once goes on where it stopped: an octet lost or doubled would
 * end the connection. */
START_TEST(broker_that_reads_slowly_gets_all_of_it)
{
    char filler[300] = "";
    size_t sent = 0;

    memset(filler, 'x', sizeof filler - 1);
    begin_connected("");
    opened_as(w, 1, "sender", true);
    opened_as(w, 2, "watcher", true);
    subscribed(w, 2, "t/end", 1);
    kill(w->broker, SIGSTOP);
    for (bool more = true; more; sent++) {
        for (int i = 0; i < 1000 && more; i++)
            more = publish(w, 1, 0, "t/fill", filler, 0);
        turn(w);
        ck_assert_uint_lt(sent, 1000);
    }
    ck_assert_uint_gt(bridge_counters(w->bridge)->dropped_qos0, 0);
    kill(w->broker, SIGCONT);
    ck_assert(publish(w, 1, 1, "t/end", "end", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    expect_message(w, 2, "end");
    ck_assert_uint_eq(bridge_counters(w->bridge)->losses, 0);
    end();
}
END_TEST

START_TEST(slow_acknowledgements_renew_the_connection)
{
    begin_connected("");
    w->config.broker.ack_timeout_ms = 1000;
    opened_as(w, 1, "sensor", false);
    kill(w->broker, SIGSTOP);
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    expect(w, BRIDGE_CLOSED, 1, 0);
    ck_assert_uint_eq(bridge_counters(w->bridge)->ack_timeouts, 1);
    kill(w->broker, SIGCONT);
    expect(w, BRIDGE_OPENED, 1, 0);
    expect(w, BRIDGE_PUBLISHED, 1, 1);
    end();
}
END_TEST

START_TEST(broker_refuses_a_login)
{
    begin("allow_anonymous false");
    w->config.broker.mqtt_version = versions[_i];
    w->config.broker.username = "nobody";
    w->config.broker.secret = "wrong";
    world_broker_start(w);
    world_bridge_start(w);
    ck_assert(open_as(w, 1, "sensor", true));
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 0, 0)->result, BRIDGE_REFUSED);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 1, 0)->result, BRIDGE_REFUSED);
    ck_assert(bridge_broker_up(w->bridge));
    ck_assert_ptr_nonnull(strstr(w->notices, "check [broker] username"));
    end();
}
END_TEST

START_TEST(broker_refuses_topics)
{
    char text[512];

    begin("");
    world_write(w, "rules.json",
                "{\"defaultACLAccess\": {\"publishClientSend\": false, \"subscribe\": false,"
                " \"publishClientReceive\": true, \"unsubscribe\": true}}");
    snprintf(text, sizeof text,
             "user root\nlistener %u 127.0.0.1\nallow_anonymous true\nplugin %s\n"
             "plugin_opt_config_file %s/rules.json\n",
             w->port, MOSQUITTO_RULES, w->folder);
    world_write(w, "broker.conf", text);
    world_broker_start(w);
    world_bridge_start(w);
    opened_as(w, 1, "sensor", true);
    ck_assert(subscribe(w, 1, 1, "secret/a", 1));
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 1)->result, BRIDGE_REFUSED);
    ck_assert(publish(w, 1, 2, "secret/a", "x", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_REFUSED);
    ck_assert(publish(w, 1, 3, "secret/a", "x", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 3)->result, BRIDGE_REFUSED);
    ck_assert_uint_eq(bridge_counters(w->bridge)->refused, 4); /* and the status topic */
    end();
}
END_TEST

START_TEST(strings_that_brokers_hate_stay_here)
{
    begin_connected("");
    opened_as(w, 1, "sensor", true);
    static const char *const names[] = {"a/+", "\xC3\x28", "", "bell\x07"};
    for (uint64_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert(publish(w, 1, i + 1, names[i], "x", 1));
        ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, i + 1)->result, BRIDGE_REFUSED);
    }
    ck_assert(subscribe(w, 1, 9, "a/#/b", 1));
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 9)->result, BRIDGE_REFUSED);
    ck_assert(publish(w, 1, 10, "fine", "x", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 10)->result, BRIDGE_OK);
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 0);
    end();
}
END_TEST

START_TEST(window_is_bounded)
{
    begin_connected("");
    w->config.broker.max_inflight = 3;
    opened_as(w, 1, "sensor", true);
    for (uint64_t i = 1; i <= 3; i++)
        ck_assert(publish(w, 1, i, "t", "x", 1));
    ck_assert(!publish(w, 1, 4, "t", "x", 1));
    ck_assert_uint_eq(bridge_counters(w->bridge)->window_full, 1);
    for (uint64_t i = 1; i <= 3; i++)
        expect(w, BRIDGE_PUBLISHED, 1, i);
    ck_assert(publish(w, 1, 4, "t", "x", 1));
    expect(w, BRIDGE_PUBLISHED, 1, 4);
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("bridge");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, publishes_and_receives_at_every_qos, 0, 2);
    tcase_add_loop_test(tc, tells_of_itself_by_the_status_topic, 0, 2);
    tcase_add_loop_test(tc, says_offline_when_it_stops, 0, 2);
    tcase_add_loop_test(tc, will_fires_only_when_asked, 0, 2);
    tcase_add_loop_test(tc, polite_close_waits_for_what_is_under_way, 0, 2);
    tcase_add_loop_test(tc, broker_session_outlives_a_polite_close_only_if_kept, 0, 2);
    tcase_add_loop_test(tc, costs_one_descriptor_per_connection, 0, 2);
    tcase_add_loop_test(tc, publishes_survive_a_broker_restart, 0, 2);
    tcase_add_loop_test(tc, publishes_survive_a_broker_that_forgot_everything, 0, 2);
    tcase_add_loop_test(tc, broker_refuses_a_login, 0, 2);
    tcase_add_test(tc, reopening_replaces_the_connection_and_finds_the_session);
    tcase_add_test(tc, broker_that_stays_away_means_busy);
    tcase_add_test(tc, nothing_leaves_before_the_barrier);
    tcase_add_test(tc, broker_that_reads_slowly_gets_all_of_it);
    tcase_add_test(tc, slow_acknowledgements_renew_the_connection);
    tcase_add_test(tc, broker_refuses_topics);
    tcase_add_test(tc, strings_that_brokers_hate_stay_here);
    tcase_add_test(tc, window_is_bounded);
    return run_case("bridge", tc);
}
