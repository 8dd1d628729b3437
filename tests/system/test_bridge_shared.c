/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that share connections, with a broker that behaves as the test says: how they get their
 * turn, and that none suffers for another. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"
#include "tests/system/fake_broker.h"

enum { CONNECT = 1, PUBLISH = 3, PUBREL = 6, SUBSCRIBE = 8, UNSUBSCRIBE = 10 };

static struct world *w;
static struct fake_broker fake;
static bool silent;           /* publishes are not acknowledged */
static bool no_identifiers;   /* CONNACK says so */
static bool deaf, asked;      /* SUBSCRIBE is not answered; one has come */
static int identified;        /* SUBSCRIBEs with an identifier */
static bool retains;          /* a/b = r, which follows each SUBACK */
static const char *unwelcome; /* the link whose CONNECT is refused */
static char told[256];        /* the payloads of QoS 1 publishes, as they came */
static struct {
    struct fake_client *client;
    uint16_t mid;
} unacked[32];
static size_t unacked_count;

static void ack(struct fake_client *client, uint16_t mid)
{
    fake_ack(client, 0x40, mid);
}

static void on_publish(struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    if (first & 6)
        snprintf(told + strlen(told), sizeof told - strlen(told), "%c", body.data[body.len - 1]);
    if (memmem(body.data, body.len, "bad", 3)) {
        fake_hang_up(client);
    } else if (silent) {
        ck_assert_uint_lt(unacked_count, 32);
        unacked[unacked_count].client = client;
        unacked[unacked_count++].mid = fake_publish_mid(body);
    } else if (first & 6) {
        fake_ack(client, first & 4 ? 0x50 : 0x40, fake_publish_mid(body)); /* PUBREC, PUBACK */
    }
}

static void on_packet(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    (void)self;
    switch (first >> 4) {
    case CONNECT:
        if (unwelcome && memmem(body.data, body.len, unwelcome, strlen(unwelcome)))
            fake_send(client, "\x20\x03\0\x88\0", 5);
        else if (no_identifiers)
            fake_send(client, "\x20\x05\0\0\x02\x29\0", 7);
        else
            fake_send(client, "\x20\x03\0\0\0", 5);
        break;
    case PUBLISH: on_publish(client, first, body); break;
    case PUBREL: fake_ack(client, 0x70, (uint16_t)(body.data[0] << 8 | body.data[1])); break;
    case SUBSCRIBE:
        asked = true;
        if (deaf)
            break;
        identified += body.data[2] > 0 && body.data[3] == 0x0B;
        fake_suback(client, body, memmem(body.data, body.len, "bad", 3) ? 0x87 : 1);
        if (retains)
            fake_send(client, "\x31\x07\0\3a/b\0r", 9);
        break;
    case UNSUBSCRIBE: fake_unsuback(client, body); break;
    default: break;
    }
}

static void begin(void)
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, "");
    told[0] = '\0';
    silent = no_identifiers = retains = deaf = asked = false;
    unwelcome = NULL;
    unacked_count = 0;
    identified = 0;
    fake = (struct fake_broker){.packet = on_packet};
    fake_broker_start(&fake, &w->loop);
    w->config.gateway.mode = MODE_AGGREGATING;
    w->config.broker.address.port = fake.port;
    w->config.broker.connections = 1;
    w->config.broker.max_queued_per_client = 3;
    w->config.broker.reconnect_min_ms = 100;
}

static void opened_all(void)
{
    world_bridge_start(w);
    opened_as(w, 1, "one", true);
    opened_as(w, 2, "two", true);
    opened_as(w, 3, "three", true);
}

static void end(void)
{
    fake_broker_stop(&fake);
    world_fini(w);
    free(w);
}

static void ack_next(void)
{
    await(w, unacked_count > 0);
    ack(unacked[0].client, unacked[0].mid);
    memmove(unacked, unacked + 1, --unacked_count * sizeof *unacked);
}

/* One fills the window and its own queue; two has to wait for one message only. */
START_TEST(a_greedy_session_starves_no_other)
{
    begin();
    w->config.broker.max_inflight = 2;
    silent = true;
    opened_all();
    for (uint64_t i = 0; i < 5; i++)
        ck_assert(publish(w, 1, i, "t", (char[]){(char)('a' + i), 0}, 1));
    ck_assert(!publish(w, 1, 5, "t", "f", 1));
    ck_assert(publish(w, 2, 0, "t", "2", 1));
    ck_assert(publish(w, 3, 0, "t", "3", 1));
    for (int i = 0; i < 7; i++)
        ack_next();
    await(w, count_events(w, BRIDGE_PUBLISHED, 1) == 5);
    ck_assert_str_eq(told, "abc23de");
    ck_assert_uint_eq(bridge_counters(w->bridge)->queue_full, 1);
    ck_assert_uint_eq(bridge_counters(w->bridge)->queued, 5);
    end();
}
END_TEST

/* What one published before it was closed goes on, and nobody is told. */
START_TEST(a_closed_sessions_queue_goes_on)
{
    begin();
    w->config.broker.max_inflight = 1;
    silent = true;
    opened_all();
    ck_assert(publish(w, 1, 1, "t", "a", 1));
    ck_assert(publish(w, 1, 2, "t", "b", 1));
    close_it(w, 1, BRIDGE_POLITELY, false);
    opened_as(w, 1, "one", true);
    ck_assert(publish(w, 1, 3, "t", "c", 1));
    for (int i = 0; i < 3; i++)
        ack_next();
    expect(w, BRIDGE_PUBLISHED, 1, 3);
    ck_assert_str_eq(told, "abc");
    ck_assert_uint_eq(count_events(w, BRIDGE_PUBLISHED, 1), 1);
    end();
}
END_TEST

/* Of several under way it is found which one the broker ends the connection on. */
START_TEST(the_unbearable_one_is_found_among_others)
{
    begin();
    opened_all();
    ck_assert(publish(w, 1, 1, "t/good", "a", 1));
    ck_assert(publish(w, 1, 2, "t/good", "b", 1));
    ck_assert(publish(w, 2, 3, "t/bad", "c", 1));
    ck_assert(publish(w, 3, 4, "t/good", "d", 1));
    ck_assert(publish(w, 1, 5, "t/good", "e", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 2, 3)->result, BRIDGE_REFUSED);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_OK);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 3, 4)->result, BRIDGE_OK);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 5)->result, BRIDGE_OK);
    ck_assert_uint_eq(bridge_counters(w->bridge)->unbearable, 1);
    ck_assert_uint_eq(bridge_counters(w->bridge)->losses, 2);
    ck_assert_ptr_nonnull(strstr(w->notices, "client two on each message to t/bad"));
    end();
}
END_TEST

/* A link may break once, whatever is under way. */
START_TEST(a_loss_with_qos_2_under_way_refuses_nobody)
{
    begin();
    silent = true;
    opened_all();
    ck_assert(publish(w, 1, 1, "t", "a", 1));
    ck_assert(publish(w, 2, 2, "t", "b", 2));
    await(w, unacked_count == 2);
    silent = false;
    fake_hang_up(unacked[0].client);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 2, 2)->result, BRIDGE_OK);
    end();
}
END_TEST

START_TEST(a_refused_filter_is_the_affair_of_who_asks)
{
    begin();
    opened_all();
    subscribed(w, 1, "a/good", 1);
    ck_assert(subscribe(w, 2, 1, "a/bad", 1));
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 2, 1)->result, BRIDGE_REFUSED);
    subscribed(w, 2, "a/good", 1);
    ck_assert(subscribe(w, 3, 2, "a/bad", 1));
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 3, 2)->result, BRIDGE_REFUSED);
    ck_assert_int_eq(identified, 4);
    end();
}
END_TEST

/* It repeats what is already under way: the second is asked, too, and answered. */
START_TEST(a_refused_filter_asked_twice_is_answered_twice)
{
    begin();
    opened_all();
    ck_assert(subscribe(w, 1, 1, "a/bad", 1));
    ck_assert(subscribe(w, 1, 2, "a/bad", 1));
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 1)->result, BRIDGE_REFUSED);
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 2)->result, BRIDGE_REFUSED);
    end();
}
END_TEST

/* The first is under way when the others come. */
START_TEST(the_last_subscribe_decides)
{
    begin();
    opened_all();
    for (uint64_t i = 1; i <= 3; i++)
        ck_assert(subscribe(w, 1, i, "a", i == 2));
    expect(w, BRIDGE_SUBSCRIBED, 1, 1);
    ck_assert_uint_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 2)->granted_qos, 1);
    ck_assert_uint_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 3)->granted_qos, 0);
    await(w, identified == 3); /* the broker is told to lower it again */
    end();
}
END_TEST

START_TEST(who_asks_when_the_last_link_is_lost_is_told)
{
    begin();
    opened_all();
    deaf = true;
    ck_assert(subscribe(w, 1, 1, "a", 1));
    await(w, asked);
    fake_hang_up_on_all(&fake);
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 1)->result, BRIDGE_BUSY);
    expect(w, BRIDGE_CLOSED, 1, 0);
    deaf = false;
    expect(w, BRIDGE_OPENED, 1, 0);
    subscribed(w, 1, "a", 1);
    end();
}
END_TEST

START_TEST(a_broker_without_identifiers_is_given_none)
{
    begin();
    no_identifiers = true;
    opened_all();
    subscribed(w, 1, "a/#", 1);
    ck_assert_int_eq(identified, 0);
    fake_send_to_all(&fake, "\x30\x07\0\3a/b\0x", 9); /* the others have no filters */
    expect_message(w, 1, "x");
    end();
}
END_TEST

/* The second asks before the first is answered: what follows that answer comes when the second
 * SUBSCRIBE is already under way, and is for the first. */
START_TEST(retained_messages_without_identifiers_miss_nobody)
{
    begin();
    no_identifiers = retains = true;
    opened_all();
    ck_assert(subscribe(w, 1, 1, "a/#", 1));
    ck_assert(subscribe(w, 2, 1, "a/#", 1));
    expect_message(w, 1, "r");
    expect_message(w, 2, "r");
    end();
}
END_TEST

START_TEST(qos_0_passes_those_who_wait)
{
    begin();
    w->config.broker.max_inflight = 1;
    silent = true;
    opened_all();
    await(w, bridge_counters(w->bridge)->connects == 3); /* own, shared, QoS 0 */
    ck_assert(publish(w, 1, 1, "t", "a", 1));
    ck_assert(publish(w, 1, 2, "t", "b", 1));
    await(w, unacked_count == 1);
    ck_assert(publish(w, 1, 0, "t", "0", 0));
    await(w, unacked_count == 2); /* it has come */
    ck_assert_str_eq(told, "a");
    end();
}
END_TEST

/* Acknowledgements stop: the link is renewed, and nobody hears of it but the log. */
START_TEST(a_link_without_acknowledgements_is_renewed)
{
    begin();
    w->config.broker.connections = 2;
    w->config.broker.ack_timeout_ms = 1000;
    silent = true;
    opened_all();
    ck_assert(publish(w, 1, 1, "t", "a", 1));
    await(w, unacked_count == 1);
    silent = false;
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "aa");
    ck_assert_uint_eq(bridge_counters(w->bridge)->ack_timeouts, 1);
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 0);
    end();
}
END_TEST

/* When the broker stays away everything is given back, in its order. */
START_TEST(what_waits_is_given_back)
{
    begin();
    w->config.broker.max_inflight = 1;
    w->config.broker.offline = OFFLINE_STORE;
    silent = true;
    opened_all();
    for (uint64_t i = 1; i <= 3; i++)
        ck_assert(publish(w, 1, i, "t", (char[]){(char)('0' + i), 0}, 1));
    await(w, unacked_count == 1);
    fake_own_away(&fake);
    uv_close((uv_handle_t *)&fake.listener, NULL);
    fake_hang_up_on_all(&fake);
    expect(w, BRIDGE_CLOSED, 1, 0);
    for (uint64_t i = 1; i <= 3; i++) {
        const struct bridge_event *e = expect(w, BRIDGE_PUBLISHED, 1, i);
        ck_assert_int_eq(e->result, BRIDGE_BUSY);
        ck_assert_uint_eq(e->message.payload.data[0], '0' + i);
    }
    for (size_t i = 0, next = 1; i < w->count; i++)
        if (w->events[i].event.type == BRIDGE_PUBLISHED)
            ck_assert_uint_eq(w->events[i].event.token, next++);
    world_fini(w);
    free(w);
}
END_TEST

static bool renew(uint32_t slot, uint64_t token, const char *filter)
{
    return bridge_request(
        w->bridge, &(struct bridge_request){.type = BRIDGE_SUBSCRIBE,
                                            .session = ref(slot),
                                            .token = token,
                                            .patient = true,
                                            .message = {.topic = sn_text(filter), .qos = 1}});
}

/* A device believes that it has these filters and will not ask: they wait for the link they need,
 * while others are turned away. Also when the device is absent meanwhile. */
START_TEST(what_a_session_already_had_waits_for_its_link)
{
    begin();
    w->config.broker.connections = 2;
    opened_all();
    await(w, bridge_counters(w->bridge)->connects == 4);
    for (uint64_t i = 0; i < 8; i++) {
        subscribed(w, 3, (char[]){'f', (char)('0' + i), 0}, 1);
        subscribed(w, 3, (char[]){'g', (char)('0' + i), 0}, 1);
    }
    unwelcome = "own-2";
    fake_hang_up_on_all(&fake);
    expect(w, BRIDGE_CLOSED, 1, 0);
    expect(w, BRIDGE_OPENED, 1, 0);
    for (uint64_t i = 0; i < 8; i++)
        ck_assert(renew(1, i, (char[]){'f', (char)('0' + i), 0}));
    for (uint64_t i = 0; i < 8; i++)
        ck_assert(renew(2, i, (char[]){'g', (char)('0' + i), 0}));
    close_it(w, 2, BRIDGE_POLITELY, true);
    await(w, bridge_counters(w->bridge)->connect_failures >= 3);
    ck_assert_uint_lt(count_events(w, BRIDGE_SUBSCRIBED, 1), 8);
    unwelcome = NULL;
    for (uint64_t i = 0; i < 8; i++)
        ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, i)->result, BRIDGE_OK);
    await(w, bridge_counters(w->bridge)->resubscribed == 16);
    end();
}
END_TEST

/* A broker that does not answer, and a device that asks and asks. */
START_TEST(asks_without_an_answer_are_bounded)
{
    uint64_t taken = 0;

    begin();
    w->config.gateway.max_subscriptions = 2;
    opened_all();
    deaf = true;
    while (taken < 1000 && subscribe(w, 1, taken, "a", 1))
        taken++;
    ck_assert_uint_eq(taken, 20);
    ck_assert(subscribe(w, 2, 1, "a", 1)); /* another is not hindered */
    deaf = false;
    fake_hang_up_on_all(&fake);
    expect(w, BRIDGE_OPENED, 1, 0);
    subscribed(w, 1, "a", 1);
    end();
}
END_TEST

static void close_when_refused(struct world *world, const struct bridge_event *e)
{
    if (e->type == BRIDGE_PUBLISHED && e->result == BRIDGE_REFUSED)
        close_it(world, e->session.slot, BRIDGE_WITH_WILL, false);
}

/* Its last message is refused at once, and with that it leaves: its will finds no room. */
START_TEST(a_session_may_end_with_the_answer_to_what_waited)
{
    begin();
    w->config.broker.max_inflight = 1;
    w->config.gateway.max_clients = 0;
    silent = true;
    world_bridge_start(w);
    ck_assert(open_with_will(w, 1, "one", "w"));
    expect(w, BRIDGE_OPENED, 1, 0);
    ck_assert(publish(w, 1, 1, "t", "a", 1));
    ck_assert(publish(w, 1, 2, "no/#", "b", 1));
    w->also = close_when_refused;
    ack_next();
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_REFUSED);
    ck_assert_uint_eq(bridge_counters(w->bridge)->wills_lost, 1);
    end();
}
END_TEST

/* A client's loss is told once, however often it is lost while the broker is away. */
START_TEST(wills_that_wait_are_bounded)
{
    begin();
    w->config.gateway.max_clients = 2;
    opened_all();
    fake_own_away(&fake);
    uv_close((uv_handle_t *)&fake.listener, NULL);
    fake_hang_up_on_all(&fake);
    expect(w, BRIDGE_CLOSED, 1, 0);
    for (uint32_t lost = 0; lost < 5; lost++) {
        ck_assert(bridge_request(
            w->bridge, &(struct bridge_request){.type = BRIDGE_OPEN,
                                                .session = ref(4),
                                                .client_id = sn_text("four"),
                                                .patient = true,
                                                .will = {sn_text("w"), sn_text("x"), 1, 0}}));
        await(w, count_events(w, BRIDGE_CLOSED, 4) == lost + 1);
        close_it(w, 4, BRIDGE_WITH_WILL, true);
    }
    ck_assert_uint_eq(bridge_counters(w->bridge)->wills_lost, 3);
    world_fini(w);
    free(w);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("shared");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_greedy_session_starves_no_other);
    tcase_add_test(tc, a_closed_sessions_queue_goes_on);
    tcase_add_test(tc, the_unbearable_one_is_found_among_others);
    tcase_add_test(tc, a_loss_with_qos_2_under_way_refuses_nobody);
    tcase_add_test(tc, a_refused_filter_is_the_affair_of_who_asks);
    tcase_add_test(tc, a_refused_filter_asked_twice_is_answered_twice);
    tcase_add_test(tc, the_last_subscribe_decides);
    tcase_add_test(tc, who_asks_when_the_last_link_is_lost_is_told);
    tcase_add_test(tc, a_broker_without_identifiers_is_given_none);
    tcase_add_test(tc, retained_messages_without_identifiers_miss_nobody);
    tcase_add_test(tc, qos_0_passes_those_who_wait);
    tcase_add_test(tc, a_link_without_acknowledgements_is_renewed);
    tcase_add_test(tc, what_waits_is_given_back);
    tcase_add_test(tc, what_a_session_already_had_waits_for_its_link);
    tcase_add_test(tc, wills_that_wait_are_bounded);
    tcase_add_test(tc, asks_without_an_answer_are_bounded);
    tcase_add_test(tc, a_session_may_end_with_the_answer_to_what_waited);
    return run_case("bridge shared", tc);
}
