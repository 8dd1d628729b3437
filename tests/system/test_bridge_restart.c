/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker keeps of a clean session while the gateway restarts, and no longer than that. */
#include <signal.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"

static struct world *w;

static const uint32_t versions[] = {MQTT_VERSION_5, MQTT_VERSION_3_1_1};

static void begin(uint32_t version)
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, "");
    w->config.broker.mqtt_version = version;
    w->config.store.path = "sessions";
    world_broker_start(w);
    world_bridge_start(w);
}

static void end(void)
{
    world_fini(w);
    free(w);
}

static void on_stopped(void *self)
{
    ((struct world *)self)->stopped = true;
}

static void stop(void)
{
    w->stopped = false;
    bridge_stop(w->bridge, 10000, on_stopped, w);
    await(w, w->stopped);
}

/* Without a stop the gateway is gone as by kill -9. */
static void restart(bool orderly)
{
    if (orderly)
        stop();
    bridge_free(w->bridge);
    w->count = 0;
    world_bridge_start(w);
    expect(w, BRIDGE_OPENED, 0, 0);
}

static const struct bridge_event *opened(const char *id, bool clean_start, bool keep)
{
    ck_assert(bridge_request(w->bridge, &(struct bridge_request){.type = BRIDGE_OPEN,
                                                                 .session = ref(1),
                                                                 .client_id = sn_text(id),
                                                                 .clean_start = clean_start,
                                                                 .keep_session = keep,
                                                                 .patient = true}));
    const struct bridge_event *e = expect(w, BRIDGE_OPENED, 1, 0);
    ck_assert_int_eq(e->result, BRIDGE_OK);
    return e;
}

static void somebody_says(const char *payload)
{
    opened_as(w, 2, "sender", true);
    ck_assert(publish(w, 2, 1, "t/a", payload, 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 2, 1)->result, BRIDGE_OK);
    close_it(w, 2, BRIDGE_POLITELY, false);
}

static void begin_subscribed(uint32_t version)
{
    begin(version);
    ck_assert(!opened("dev", true, false)->session_present);
    subscribed(w, 1, "t/a", 1);
}

/* _i: version, and with or without an orderly stop */
START_TEST(clean_session_finds_what_came_meanwhile)
{
    begin_subscribed(versions[_i / 2]);
    restart(_i % 2);
    somebody_says("meanwhile");
    ck_assert(opened("dev", false, false)->session_present);
    expect_message(w, 1, "meanwhile");
    ck_assert(publish(w, 1, 1, "t/b", "follows the acknowledgement", 1));
    expect(w, BRIDGE_PUBLISHED, 1, 1);
    /* And once more: it is still a session that outlives its connection. */
    restart(_i % 2);
    somebody_says("again");
    ck_assert(opened("dev", false, false)->session_present);
    expect_message(w, 1, "again");
    end();
}
END_TEST

START_TEST(clean_session_survives_a_lost_connection)
{
    begin_subscribed(versions[_i]);
    w->config.broker.ack_timeout_ms = 1000;
    kill(w->broker, SIGSTOP);
    ck_assert(publish(w, 1, 1, "t/b", "x", 1));
    expect(w, BRIDGE_CLOSED, 1, 0);
    kill(w->broker, SIGCONT);
    ck_assert(expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    end();
}
END_TEST

START_TEST(clean_session_is_gone_when_it_ends)
{
    begin_subscribed(versions[_i / 2]);
    close_it(w, 1, _i % 2 ? BRIDGE_WITH_WILL : BRIDGE_POLITELY, false);
    restart(true);
    ck_assert(!opened("dev", false, true)->session_present);
    end();
}
END_TEST

/* The device is restored from the store and says goodbye before it ever did anything else. */
START_TEST(restored_clean_session_is_gone_when_it_ends)
{
    begin_subscribed(versions[_i / 2]);
    restart(false);
    ck_assert(opened("dev", false, false)->session_present);
    close_it(w, 1, _i % 2 ? BRIDGE_WITH_WILL : BRIDGE_POLITELY, false);
    restart(true);
    ck_assert(!opened("dev", false, true)->session_present);
    end();
}
END_TEST

START_TEST(clean_session_that_ended_without_the_broker_is_gone_when_it_is_back)
{
    begin_subscribed(MQTT_VERSION_3_1_1);
    world_broker_stop(w, SIGTERM);
    await(w, !bridge_broker_up(w->bridge));
    close_it(w, 1, BRIDGE_POLITELY, false);
    if (_i == 0) { /* else its link has to wait for the other one */
        world_broker_start(w);
        await(w, bridge_broker_up(w->bridge));
        opened_as(w, 3, "any", true);
    }
    ck_assert(bridge_request(w->bridge, &(struct bridge_request){.type = BRIDGE_OPEN,
                                                                 .session = ref(1),
                                                                 .client_id = sn_text("dev"),
                                                                 .keep_session = true,
                                                                 .patient = true}));
    if (_i == 1)
        world_broker_start(w);
    ck_assert(!expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    end();
}
END_TEST

START_TEST(clean_start_finds_nothing)
{
    begin_subscribed(versions[_i]);
    restart(false);
    somebody_says("too late");
    ck_assert(!opened("dev", true, false)->session_present);
    subscribed(w, 1, "t/b", 1);
    ck_assert(publish(w, 1, 5, "t/b", "new", 1));
    expect_message(w, 1, "new");
    end();
}
END_TEST

START_TEST(will_of_a_clean_session_is_published_before_it_goes)
{
    begin(versions[_i]);
    opened_as(w, 3, "watcher", true);
    subscribed(w, 3, "will", 1);
    ck_assert(open_with_will(w, 1, "dev", "will"));
    expect(w, BRIDGE_OPENED, 1, 0);
    close_it(w, 1, BRIDGE_WITH_WILL, false);
    expect_message(w, 3, "lost");
    ck_assert(open_with_will(w, 1, "dev", "will"));
    expect(w, BRIDGE_OPENED, 1, 0);
    close_it(w, 1, BRIDGE_POLITELY, false);
    somebody_says("unheard");
    ck_assert(!opened("dev", false, true)->session_present);
    ck_assert(publish(w, 1, 5, "will", "end", 1));
    expect_message(w, 3, "end");
    end();
}
END_TEST

/* Where nothing survives a restart, MQTT 3.1.1 brokers are left to clean up by themselves. */
START_TEST(without_a_store_nothing_is_kept)
{
    begin(MQTT_VERSION_3_1_1);
    bridge_free(w->bridge);
    w->count = 0;
    w->config.store.path = "";
    world_bridge_start(w);
    opened("dev", true, false);
    subscribed(w, 1, "t/a", 1);
    restart(false);
    ck_assert(!opened("dev", false, true)->session_present);
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("restart");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, clean_session_finds_what_came_meanwhile, 0, 4);
    tcase_add_loop_test(tc, clean_session_survives_a_lost_connection, 0, 2);
    tcase_add_loop_test(tc, clean_session_is_gone_when_it_ends, 0, 4);
    tcase_add_loop_test(tc, restored_clean_session_is_gone_when_it_ends, 0, 4);
    tcase_add_loop_test(tc, clean_session_that_ended_without_the_broker_is_gone_when_it_is_back, 0,
                        2);
    tcase_add_loop_test(tc, clean_start_finds_nothing, 0, 2);
    tcase_add_loop_test(tc, will_of_a_clean_session_is_published_before_it_goes, 0, 2);
    tcase_add_test(tc, without_a_store_nothing_is_kept);
    return run_case("bridge restart", tc);
}
