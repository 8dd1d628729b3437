/* SPDX-License-Identifier: Apache-2.0 */
/* What the bridge must not lose, repeat or stop when connections end at bad moments. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"
#include "tests/system/fake_broker.h"

enum { CONNECT = 1, PUBLISH = 3, PUBREL = 6, SUBSCRIBE = 8, DISCONNECT = 14 };

static struct world *w;
static struct fake_broker fake;
static char told[256]; /* what the sessions' clients sent: C, P, R, D, and W is D with the will */
static struct fake_client *last;
static uint16_t last_mid;
static bool forgets;  /* no session is ever present */
static bool silent;   /* publishes and asks stay unanswered */
static int hang_ups;  /* publishes that still end their connection */
static bool hesitant; /* answers to publishes wait in `late`, and are lost with the connection */
static struct {
    struct fake_client *client;
    uint8_t type;
    uint16_t mid;
} late[16];
static size_t late_count;
static unsigned late_since; /* turn of the loop */

static void connack(struct fake_client *client, bool present)
{
    fake_send(client, (uint8_t[]){0x20, 3, present, 0, 0}, 5);
}

static void ack(struct fake_client *client, uint16_t mid)
{
    fake_ack(client, 0x40, mid);
}

static void on_publish(struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    uint8_t type = first & 4 ? 0x50 : 0x40; /* PUBREC, PUBACK */

    last_mid = fake_publish_mid(body);
    if (hang_ups > 0 || memmem(body.data, body.len, "unbearable", 10)) {
        hang_ups -= hang_ups > 0;
        late_count = 0;
        fake_hang_up(client);
    } else if (hesitant) {
        ck_assert_uint_lt(late_count, 16);
        late[late_count].client = client;
        late[late_count].type = type;
        late[late_count++].mid = last_mid;
        late_since = w->turns;
    } else if (!silent) {
        fake_ack(client, type, last_mid);
    }
}

/* When nothing more seems to come. */
static void answer_late(void)
{
    if (w->turns - late_since < 20)
        return;
    for (size_t i = 0; i < late_count; i++)
        fake_ack(late[i].client, late[i].type, late[i].mid);
    late_count = 0;
}

static void on_packet(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    static const char letters[] = "?C?P??R?S?????D?";
    size_t len = strlen(told);

    (void)self;
    ck_assert_uint_lt(len + 1, sizeof told);
    if (first >> 4 != SUBSCRIBE) {
        told[len] = letters[first >> 4];
        told[len + 1] = '\0';
        if (first >> 4 == DISCONNECT && body.len > 0 && body.data[0] == 4)
            told[len] = 'W';
    }
    last = client;
    if (first >> 4 == CONNECT)
        connack(client, len > 0 && !forgets);
    else if (first >> 4 == PUBLISH)
        on_publish(client, first, body);
    else if (first >> 4 == PUBREL)
        fake_ack(client, 0x70, (uint16_t)(body.data[0] << 8 | body.data[1]));
    else if (first >> 4 == SUBSCRIBE && !silent)
        fake_suback(client, body, 1);
}

static void begin_empty(void)
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, "");
    told[0] = '\0';
    silent = forgets = hesitant = false;
    late_count = 0;
    hang_ups = 0;
    fake = (struct fake_broker){.packet = on_packet};
    fake_broker_start(&fake, &w->loop);
    w->config.broker.address.port = fake.port;
    world_bridge_start(w);
}

static void begin(void)
{
    begin_empty();
    opened_as(w, 1, "dev", false);
}

static void end(void)
{
    fake_broker_stop(&fake);
    world_fini(w);
    free(w);
}

/* topic "t", no properties */
static const uint8_t message[] = {0x32, 7, 0, 1, 't', 0, 7, 0, '1'};

/* The library acknowledges it before anybody can say no. */
START_TEST(messages_are_handed_over_while_a_connection_closes)
{
    begin();
    silent = true;
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    await(w, strcmp(told, "CP") == 0);
    if (_i == 0)
        close_it(w, 1, BRIDGE_POLITELY, true);
    else
        ck_assert(open_as(w, 1, "dev", false));
    fake_send(last, message, sizeof message);
    expect_message(w, 1, "1");
    ck_assert_str_eq(told, "CP?");
    ack(last, last_mid);
    await(w, strstr(told, "D"));
    ck_assert_uint_eq(bridge_counters(w->bridge)->messages, 1);
    ck_assert_uint_eq(bridge_counters(w->bridge)->messages_too_late, 0);
    end();
}
END_TEST

START_TEST(sessions_go_on_without_the_gateways_own_connection)
{
    begin();
    fake_own_away(&fake);
    await(w, !bridge_broker_up(w->bridge));
    ck_assert(!open_as(w, 2, "late", true));
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    subscribed(w, 1, "t", 1);
    fake.own_away = false;
    await(w, bridge_broker_up(w->bridge));
    ck_assert_str_eq(told, "CP");
    end();
}
END_TEST

START_TEST(slots_beyond_the_first_max_clients)
{
    begin();
    w->config.gateway.max_clients = 1;
    opened_as(w, 1000, "thousandth", true);
    end();
}
END_TEST

START_TEST(one_client_id_is_never_connected_twice)
{
    begin();
    silent = true;
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    await(w, strcmp(told, "CP") == 0);
    ck_assert(open_as(w, 1, "dev", false));
    close_it(w, 1, BRIDGE_POLITELY, true);
    ck_assert(open_as(w, 1, "dev", false));
    opened_as(w, 2, "other", false);
    opened_as(w, 3, "third", false);
    ck_assert_uint_eq(count_events(w, BRIDGE_OPENED, 1), 1);
    ack(last, last_mid);
    expect(w, BRIDGE_OPENED, 1, 0);
    ck_assert_str_eq(told, "CPCCDC");
    end();
}
END_TEST

START_TEST(asks_that_stay_unanswered_renew_the_connection)
{
    begin();
    silent = true;
    w->config.broker.ack_timeout_ms = 1000;
    ck_assert(subscribe(w, 1, 1, "t", 1));
    ck_assert_int_eq(expect(w, BRIDGE_CLOSED, 1, 0)->result, BRIDGE_BUSY);
    silent = false;
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 1, 0)->result, BRIDGE_OK);
    subscribed(w, 1, "t", 1);
    ck_assert_uint_eq(bridge_counters(w->bridge)->ack_timeouts, 1);
    end();
}
END_TEST

START_TEST(a_thousand_subscriptions_at_once)
{
    begin();
    for (uint64_t i = 1; i <= 1000; i++)
        ck_assert(subscribe(w, 1, i, "t", 1));
    await(w, count_events(w, BRIDGE_SUBSCRIBED, 1) == 1000);
    end();
}
END_TEST

START_TEST(what_the_broker_cannot_bear_is_refused)
{
    begin();
    hang_ups = 2;
    ck_assert(publish(w, 1, 1, "t/bad", "x", _i == 0 ? 1 : 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_REFUSED);
    ck_assert_uint_eq(bridge_counters(w->bridge)->unbearable, 1);
    ck_assert_ptr_nonnull(strstr(w->notices, "client dev on each message to t/bad"));
    expect(w, BRIDGE_OPENED, 1, 0);
    expect(w, BRIDGE_OPENED, 1, 0);
    ck_assert(publish(w, 1, 2, "t/good", "y", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "CPCPCP");
    end();
}
END_TEST

static bool is_known(size_t answers)
{
    answer_late();
    return count_events(w, BRIDGE_PUBLISHED, 1) == answers;
}

/* Those before it are not to blame, though one is the oldest under way each time. */
START_TEST(the_unbearable_one_is_found_among_others)
{
    uint8_t qos = _i == 0 ? 1 : 2;

    begin();
    hesitant = true;
    ck_assert(publish(w, 1, 1, "t", "x", qos));
    ck_assert(publish(w, 1, 2, "t", "y", qos));
    ck_assert(publish(w, 1, 3, "unbearable", "z", qos));
    ck_assert(publish(w, 1, 4, "t", "w", qos));
    await(w, is_known(4));
    for (uint64_t token = 1; token <= 4; token++)
        ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, token)->result,
                         token == 3 ? BRIDGE_REFUSED : BRIDGE_OK);
    ck_assert_uint_eq(bridge_counters(w->bridge)->unbearable, 1);
    end();
}
END_TEST

/* The gateway's own connection is lost each time too: the publish is innocent. */
START_TEST(losses_that_befall_all_do_not_count)
{
    begin();
    silent = true;
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    for (int i = 0; i < 3; i++) {
        await(w, strlen(told) == 2 + (size_t)i * 2);
        fake_hang_up_on_all(&fake);
        expect(w, BRIDGE_CLOSED, 1, 0);
    }
    silent = false;
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    end();
}
END_TEST

static void begin_with_will(bool retain)
{
    const struct bridge_request r = {.type = BRIDGE_OPEN,
                                     .session = ref(1),
                                     .client_id = sn_text("dev"),
                                     .clean_start = true,
                                     .will = {sn_text("w"), sn_text("lost"), 1, retain}};

    begin_empty();
    ck_assert(bridge_request(w->bridge, &r));
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 1, 0)->result, BRIDGE_OK);
}

static void broker_goes(void)
{
    fake_own_away(&fake);
    fake_hang_up_on_all(&fake);
    await(w, !bridge_broker_up(w->bridge));
}

static void broker_returns(void)
{
    fake.own_away = false;
    await(w, bridge_broker_up(w->bridge));
}

static const struct {
    bool retain, forgets;
    const char *told;
    uint64_t late;
} wills[] = {
    {false, true, "CCW", 1},  /* the broker died, and its knowledge of the will with it */
    {false, false, "CCD", 0}, /* it lived on and published the will when the connection broke */
    {true, true, "CCW", 1},
    {true, false, "CCW", 1}, /* it may have been restored from an old state */
};

START_TEST(client_lost_while_the_broker_was_away)
{
    begin_with_will(wills[_i].retain);
    broker_goes();
    close_it(w, 1, BRIDGE_WITH_WILL, false);
    forgets = wills[_i].forgets;
    broker_returns();
    await(w, strlen(told) == 3);
    ck_assert_str_eq(told, wills[_i].told);
    ck_assert_uint_eq(bridge_counters(w->bridge)->wills_late, wills[_i].late);
    ck_assert_uint_eq(bridge_counters(w->bridge)->wills_lost, 0);
    end();
}
END_TEST

/* What it had said and the broker not acknowledged goes first, if nobody else keeps it. */
START_TEST(client_lost_with_a_publish_under_way)
{
    begin_with_will(false);
    w->config.broker.offline = OFFLINE_REJECT;
    silent = true;
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    await(w, strcmp(told, "CP") == 0);
    broker_goes();
    close_it(w, 1, BRIDGE_WITH_WILL, false);
    silent = false;
    forgets = true;
    broker_returns();
    await(w, strlen(told) == 5);
    ck_assert_str_eq(told, "CPCPW");
    end();
}
END_TEST

START_TEST(client_that_came_back_is_not_announced_as_lost)
{
    begin_with_will(true);
    fake_hang_up(last);
    expect(w, BRIDGE_CLOSED, 1, 0);
    close_it(w, 1, BRIDGE_WITH_WILL, false);
    opened_as(w, 1, "dev", false);
    ck_assert_str_eq(told, "CC");
    ck_assert_uint_eq(bridge_counters(w->bridge)->wills_lost, 0);
    end();
}
END_TEST

static void on_stopped(void *self)
{
    ((struct world *)self)->stopped = true;
}

START_TEST(waiting_wills_do_not_hold_up_the_end)
{
    begin_with_will(true);
    broker_goes();
    close_it(w, 1, BRIDGE_WITH_WILL, false);
    uint64_t start = uv_hrtime();
    bridge_stop(w->bridge, 10000, on_stopped, w);
    await(w, w->stopped);
    ck_assert_uint_lt(since(w, start), 5000);
    ck_assert_uint_eq(bridge_counters(w->bridge)->wills_lost, 1);
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("trouble");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, messages_are_handed_over_while_a_connection_closes, 0, 2);
    tcase_add_test(tc, sessions_go_on_without_the_gateways_own_connection);
    tcase_add_test(tc, slots_beyond_the_first_max_clients);
    tcase_add_test(tc, one_client_id_is_never_connected_twice);
    tcase_add_test(tc, asks_that_stay_unanswered_renew_the_connection);
    tcase_add_test(tc, a_thousand_subscriptions_at_once);
    tcase_add_loop_test(tc, what_the_broker_cannot_bear_is_refused, 0, 2);
    tcase_add_loop_test(tc, the_unbearable_one_is_found_among_others, 0, 2);
    tcase_add_test(tc, losses_that_befall_all_do_not_count);
    tcase_add_loop_test(tc, client_lost_while_the_broker_was_away, 0, 4);
    tcase_add_test(tc, client_lost_with_a_publish_under_way);
    tcase_add_test(tc, client_that_came_back_is_not_announced_as_lost);
    tcase_add_test(tc, waiting_wills_do_not_hold_up_the_end);
    return run_case("bridge trouble", tc);
}
