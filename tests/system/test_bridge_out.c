/* SPDX-License-Identifier: Apache-2.0 */
/* One of the shared connections stays out while the others are open: what its sessions publish, and
 * what the others wait for. The broker behaves as the test says. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"
#include "tests/system/fake_broker.h"

enum { CONNECT = 1, PUBLISH = 3, PUBREL = 6, SUBSCRIBE = 8, UNSUBSCRIBE = 10 };
enum { SESSIONS = 6 };

static struct world *w;
static struct fake_broker fake;
static const char *unwelcome;         /* the link whose CONNECT is refused */
static const char *ignored;           /* ... is not answered */
static const char *refused;           /* a filter */
static bool deaf, asked;              /* SUBSCRIBE is not answered; one has come */
static bool silent;                   /* publishes of QoS 1 and 2 are not acknowledged */
static int unordered;                 /* publishes of QoS 0 */
static char told[256];                /* the payloads of the others, as they came */
static struct fake_client *publisher; /* of the last */
static struct fake_client *subscriber;
static struct fake_client *shared[2];
static const char *const ids[] = {"own-1", "own-2"};

static bool holds(struct sn_bytes body, const char *text)
{
    return text && memmem(body.data, body.len, text, strlen(text));
}

static void on_publish(struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    uint16_t mid = fake_publish_mid(body);
    uint8_t type = first & 4 ? 0x50 : 0x40;

    if ((first & 6) == 0) {
        unordered++;
        return;
    }
    snprintf(told + strlen(told), sizeof told - strlen(told), "%c", body.data[body.len - 1]);
    publisher = client;
    if (!silent)
        fake_ack(client, type, mid);
}

static void on_packet(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    (void)self;
    switch (first >> 4) {
    case CONNECT:
        for (int i = 0; i < 2; i++)
            if (holds(body, ids[i]))
                shared[i] = client;
        if (holds(body, unwelcome))
            fake_send(client, "\x20\x03\0\x88\0", 5);
        else if (!holds(body, ignored))
            fake_send(client, "\x20\x03\0\0\0", 5);
        break;
    case PUBLISH: on_publish(client, first, body); break;
    case PUBREL: fake_ack(client, 0x70, (uint16_t)(body.data[0] << 8 | body.data[1])); break;
    case SUBSCRIBE:
        asked = true;
        subscriber = client;
        if (!deaf)
            fake_suback(client, body, holds(body, refused) ? 0x87 : 1);
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
    unwelcome = ignored = refused = NULL;
    deaf = asked = silent = false;
    unordered = 0;
    told[0] = '\0';
    fake = (struct fake_broker){.packet = on_packet};
    fake_broker_start(&fake, &w->loop);
    w->config.gateway.mode = MODE_AGGREGATING;
    w->config.broker.address.port = fake.port;
    w->config.broker.connections = 2;
    w->config.broker.max_queued_per_client = 3;
    w->config.broker.reconnect_min_ms = 100;
}

static void opened_all(void)
{
    char id[16];

    world_bridge_start(w);
    for (uint32_t slot = 1; slot <= SESSIONS; slot++) {
        snprintf(id, sizeof id, "dev-%u", slot);
        opened_as(w, slot, id, true);
    }
}

static void end(void)
{
    fake_broker_stop(&fake);
    world_fini(w);
    free(w);
}

static bool say(uint32_t slot, uint64_t token, char what, uint8_t qos)
{
    return publish(w, slot, token, "t", (char[]){what, 0}, qos);
}

static void accepted(uint32_t slot, uint64_t token, char what, uint8_t qos)
{
    await(w, say(slot, token, what, qos));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, slot, token)->result, BRIDGE_OK);
}

static void given_back(uint32_t slot, uint64_t token, char what)
{
    const struct bridge_event *e = expect(w, BRIDGE_PUBLISHED, slot, token);

    ck_assert_int_eq(e->result, BRIDGE_BUSY);
    ck_assert_int_eq(e->message.payload.data[0], what);
}

static int link_of(uint32_t slot)
{
    accepted(slot, 800, 'x', 1);
    return publisher == shared[1];
}

/* The link is lost, and the broker does not want it back. */
static void put_out(int link)
{
    unwelcome = ids[link];
    fake_hang_up(shared[link]);
}

static uint32_t another_on(int link)
{
    uint32_t slot = 2;

    while (link_of(slot) != link)
        ck_assert_uint_le(++slot, SESSIONS);
    return slot;
}

/* --- what the sessions of the link publish ---------------------------------------------------- */

/* From the beginning: the broker takes one connection less than it is asked for. */
START_TEST(all_publish_over_the_connections_there_are)
{
    begin();
    w->config.broker.offline = _i ? OFFLINE_REJECT : OFFLINE_STORE;
    unwelcome = "own-2";
    opened_all();
    await(w, bridge_counters(w->bridge)->connect_failures > 0);
    for (uint32_t slot = 1; slot <= SESSIONS; slot++)
        ck_assert(say(slot, 1, (char)('a' + slot), 1));
    for (uint32_t slot = 1; slot <= SESSIONS; slot++)
        ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, slot, 1)->result, BRIDGE_OK);
    ck_assert_uint_eq(bridge_counters(w->bridge)->queue_full, 0);
    end();
}
END_TEST

/* Over another connection, in the order of the device: what was under way first, whether it is
 * given back at once, or kept for a while because the library holds it (QoS 2), or answered when
 * its time is up (offline = reject). */
START_TEST(what_is_given_back_stays_in_front)
{
    const uint8_t qos = _i == 1 ? 2 : 1;

    begin();
    w->config.broker.offline = _i == 2 ? OFFLINE_REJECT : OFFLINE_STORE;
    w->config.broker.ack_timeout_ms = 2000;
    opened_all();
    await(w, bridge_counters(w->bridge)->connects == 4);
    int link = link_of(1);
    uint32_t other = another_on(link);
    told[0] = '\0';
    silent = true;
    ck_assert(say(1, 2, 'a', qos) && say(1, 3, 'b', qos));
    await(w, strlen(told) == 2);
    silent = false;
    put_out(link);
    ck_assert(say(1, 4, 'c', 1));
    await(w, bridge_counters(w->bridge)->connect_failures > 0);
    ck_assert(_i == 0 || !say(1, 5, 'd', 1));
    if (_i == 2)
        accepted(other, 6, 'o', 1); /* it owes that connection nothing */
    given_back(1, 2, 'a');
    given_back(1, 3, 'b');
    given_back(1, 4, 'c');
    told[0] = '\0';
    accepted(1, 12, 'a', qos);
    accepted(1, 13, 'b', qos);
    accepted(1, 14, 'c', 1);
    ck_assert_str_eq(told, "abc");
    ck_assert_ptr_eq(publisher, shared[!link]);
    unwelcome = NULL;
    await(w, bridge_counters(w->bridge)->connects == 5);
    accepted(1, 15, 'd', 1);
    ck_assert_ptr_eq(publisher, shared[link]);
    ck_assert_str_eq(told, "abcd"); /* and none came again */
    end();
}
END_TEST

/* One that is under way when its connection is lost, and one of a client that is lost later. */
START_TEST(wills_go_over_another_connection)
{
    begin();
    opened_all();
    await(w, bridge_counters(w->bridge)->connects == 4);
    int link = link_of(1);
    uint32_t other = another_on(link);
    ck_assert(bridge_request(
        w->bridge, &(struct bridge_request){.type = BRIDGE_SET_WILL,
                                            .session = ref(1),
                                            .will = {sn_text("w"), sn_text("1"), 1, false}}));
    ck_assert(bridge_request(
        w->bridge, &(struct bridge_request){.type = BRIDGE_SET_WILL,
                                            .session = ref(other),
                                            .will = {sn_text("w"), sn_text("2"), 1, false}}));
    told[0] = '\0';
    silent = true;
    close_it(w, 1, BRIDGE_WITH_WILL, false);
    await(w, *told);
    silent = false;
    told[0] = '\0';
    put_out(link);
    await(w, strlen(told) == 1);
    close_it(w, other, BRIDGE_WITH_WILL, false);
    await(w, strlen(told) == 2);
    ck_assert_str_eq(told, "12");
    ck_assert_uint_eq(bridge_counters(w->bridge)->wills_lost, 0);
    end();
}
END_TEST

/* A new filter goes to another link; of those that are on this one nobody would hear for long. */
START_TEST(who_asks_for_a_filter_of_the_link_is_told)
{
    uint32_t turned_away = 0;

    begin();
    w->config.broker.reconnect_max_ms = 60000;
    opened_all();
    await(w, bridge_counters(w->bridge)->connects == 4);
    for (uint64_t i = 0; i < 8; i++)
        subscribed(w, 1, (char[]){'f', (char)('0' + i), 0}, 1);
    put_out(1);
    await(w, bridge_counters(w->bridge)->connect_failures >= 3); /* the next is seconds away */
    for (uint64_t i = 0; i < 8; i++) {
        if (subscribe(w, 2, i, (char[]){'f', (char)('0' + i), 0}, 1))
            ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 2, i)->result, BRIDGE_OK);
        else
            turned_away++;
        subscribed(w, 2, (char[]){'g', (char)('0' + i), 0}, 1);
    }
    ck_assert_uint_gt(turned_away, 0);
    ck_assert_uint_lt(turned_away, 8);
    end();
}
END_TEST

/* --- what comes in -----------------------------------------------------------------------------
 */

/* Of two filters of a session one is on the link. While that may bring the copy the other's is not
 * handed on; when it cannot, it is. */
START_TEST(overlapping_filters_do_not_wait_for_the_link)
{
    static const char *const filters[] = {"a/#", "+/b", "a/+/#", "a/b", "#", "+/+"};
    static const char message[] = "\x30\x07\0\3a/b\0x";
    int of[6], better = 0, worse = 0;

    begin();
    opened_all();
    await(w, bridge_counters(w->bridge)->connects == 4);
    for (int i = 0; i < 6; i++) {
        subscribed(w, 2, filters[i], 0);
        of[i] = subscriber == shared[1];
    }
    while (of[better] != 1)
        ck_assert_int_lt(++better, 6);
    while (of[worse] != 0)
        ck_assert_int_lt(++worse, 6);
    subscribed(w, 1, filters[worse], 0);
    subscribed(w, 1, filters[better], 1);
    fake_send(shared[0], message, 9);
    await(w, bridge_counters(w->bridge)->messages == 1);
    ck_assert_uint_eq(count_events(w, BRIDGE_MESSAGE, 1), 0);
    put_out(1);
    await(w, bridge_counters(w->bridge)->connect_failures > 0);
    fake_send(shared[0], message, 9);
    expect_message(w, 1, "x");
    unwelcome = NULL;
    await(w, bridge_counters(w->bridge)->resubscribed > 0);
    subscribed(w, 3, filters[better], 0); /* so it was answered */
    fake_send(shared[0], message, 9);
    await(w, bridge_counters(w->bridge)->messages == 3);
    ck_assert_uint_eq(count_events(w, BRIDGE_MESSAGE, 1), 1);
    end();
}
END_TEST

/* --- what the others wait for ----------------------------------------------------------------- */

static void all_are_lost(void)
{
    w->count = 0;
    fake_hang_up_on_all(&fake);
    expect(w, BRIDGE_CLOSED, 1, 0);
    expect(w, BRIDGE_OPENED, 1, 0);
    told[0] = '\0';
}

/* Whether the broker has forgotten the filters of the other connection is not known, so publishes
 * wait for it: until it has failed, or for a few seconds. QoS 0 does not. */
START_TEST(the_others_wait_for_a_while)
{
    begin();
    w->config.broker.connect_timeout_ms = _i ? 60000 : 2000;
    opened_all();
    await(w, bridge_counters(w->bridge)->connects == 4);
    ignored = "own-2";
    all_are_lost();
    await(w, bridge_counters(w->bridge)->connects == 7); /* own, shared, QoS 0 */
    uint64_t start = uv_hrtime();
    for (uint32_t slot = 1; slot <= SESSIONS; slot++)
        ck_assert(say(slot, 1, 'a', 1));
    ck_assert(say(1, 0, '0', 0));
    await(w, unordered == 1);
    ck_assert_str_eq(told, "");
    await(w, *told);
    ck_assert_uint_gt(since(w, start), 500);
    end();
}
END_TEST

/* Also one that was refused, and for a few seconds one that is not answered. */
START_TEST(publishes_follow_the_answers_to_filters)
{
    begin();
    w->config.broker.connections = 1;
    w->config.broker.ack_timeout_ms = 60000;
    opened_all();
    subscribed(w, 1, "refused", 1);
    subscribed(w, 1, "b", 1);
    refused = "refused";
    deaf = _i;
    asked = false;
    all_are_lost();
    uint64_t start = uv_hrtime();
    ck_assert(say(2, 1, 'x', 1));
    await(w, asked);
    ck_assert_str_eq(told, "");
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 2, 1)->result, BRIDGE_OK);
    ck_assert_int_eq(since(w, start) > 500, deaf);
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("out");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, all_publish_over_the_connections_there_are, 0, 2);
    tcase_add_loop_test(tc, what_is_given_back_stays_in_front, 0, 3);
    tcase_add_test(tc, wills_go_over_another_connection);
    tcase_add_test(tc, who_asks_for_a_filter_of_the_link_is_told);
    tcase_add_test(tc, overlapping_filters_do_not_wait_for_the_link);
    tcase_add_loop_test(tc, the_others_wait_for_a_while, 0, 2);
    tcase_add_loop_test(tc, publishes_follow_the_answers_to_filters, 0, 2);
    return run_case("bridge out", tc);
}
