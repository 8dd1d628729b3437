/* SPDX-License-Identifier: Apache-2.0 */
/* [broker] max_filters, with a broker that behaves as the test says: one filter too many on a
 * connection never reaches it. */
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"
#include "tests/system/fake_broker.h"

enum { CONNECT = 1, SUBSCRIBE = 8, UNSUBSCRIBE = 10, DISCONNECT = 14 };

static struct world *w;
static struct fake_broker fake;
static bool deaf, asked; /* UNSUBSCRIBE is not answered; one has come */
static bool left;        /* a connection was closed politely */
static uint16_t asked_mid;
static const char *unwelcome; /* the link whose CONNECT is refused */

static void on_unsubscribe(struct fake_client *client, struct sn_bytes body)
{
    asked = true;
    asked_mid = (uint16_t)(body.data[0] << 8 | body.data[1]);
    if (!deaf)
        fake_unsuback(client, body);
}

static void on_packet(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    (void)self;
    switch (first >> 4) {
    case CONNECT:
        if (unwelcome && memmem(body.data, body.len, unwelcome, strlen(unwelcome)))
            fake_send(client, "\x20\x03\0\x88\0", 5);
        else
            fake_send(client, "\x20\x03\0\0\0", 5);
        break;
    case SUBSCRIBE: fake_suback(client, body, 1); break;
    case UNSUBSCRIBE: on_unsubscribe(client, body); break;
    case DISCONNECT: left = true; break;
    default: break;
    }
}

static void begin(uint32_t connections, uint32_t most)
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, "");
    deaf = asked = false;
    unwelcome = NULL;
    fake = (struct fake_broker){.packet = on_packet};
    fake_broker_start(&fake, &w->loop);
    w->config.gateway.mode = MODE_AGGREGATING;
    w->config.broker.address.port = fake.port;
    w->config.broker.connections = connections;
    w->config.broker.max_connections = most;
    w->config.broker.max_filters = 1;
    w->config.broker.reconnect_min_ms = 100;
    world_bridge_start(w);
    opened_as(w, 1, "one", true);
    opened_as(w, 2, "two", true);
}

static void end(void)
{
    fake_broker_stop(&fake);
    world_fini(w);
    free(w);
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

/* One filter too many ends the connection: so it waits until the broker has said that it does not
 * have the other any more, or has forgotten it. */
START_TEST(a_place_is_free_when_the_broker_says_so)
{
    begin(1, 1);
    subscribed(w, 1, "a", 1);
    subscribed(w, 2, "a", 1);
    ck_assert(!subscribe(w, 1, 1, "b", 1));
    unsubscribed(1, "a");
    ck_assert(!subscribe(w, 1, 1, "b", 1));
    deaf = true;
    asked = false;
    unsubscribed(2, "a");
    await(w, asked);
    ck_assert(!subscribe(w, 1, 1, "b", 1));
    ck_assert_uint_eq(bridge_counters(w->bridge)->no_room, 3);
    deaf = false;
    if (_i == 0) {
        fake_hang_up_on_all(&fake);
        expect(w, BRIDGE_CLOSED, 1, 0);
        expect(w, BRIDGE_OPENED, 1, 0);
    } else {
        fake_send_to_all(&fake, (uint8_t[]){0xB0, 4, 0, (uint8_t)asked_mid, 0, 0}, 6);
    }
    await(w, subscribe(w, 1, 2, "b", 1));
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 2)->result, BRIDGE_OK);
    end();
}
END_TEST

/* The service allows fewer connections than it was asked for. */
START_TEST(a_connection_more_that_is_refused_is_the_affair_of_who_needs_it)
{
    begin(1, 2);
    unwelcome = "own-2";
    subscribed(w, 1, "a", 1);
    ck_assert(subscribe(w, 1, 1, "b", 1));
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 1)->result, BRIDGE_BUSY);
    fake_send_to_all(&fake, "\x30\x05\0\1a\0x", 7);
    expect_message(w, 1, "x");
    unwelcome = NULL;
    await(w, subscribe(w, 1, 2, "b", 1));
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 2)->result, BRIDGE_OK);
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 0);
    end();
}
END_TEST

/* One that was closed meanwhile has nothing to do with it. */
START_TEST(a_connection_is_added_after_the_broker_was_away)
{
    begin(2, 3);
    w->config.broker.reconnect_max_ms = 200;
    subscribed(w, 1, "a", 1);
    subscribed(w, 1, "b", 1);
    subscribed(w, 1, "c", 1);
    left = false;
    unsubscribed(1, "c");
    await(w, left);
    fake_own_away(&fake);
    fake_hang_up_on_all(&fake);
    await(w, !bridge_broker_up(w->bridge));
    fake.own_away = false;
    expect(w, BRIDGE_CLOSED, 1, 0);
    expect(w, BRIDGE_OPENED, 1, 0);
    subscribed(w, 1, "c", 1);
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("places");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_place_is_free_when_the_broker_says_so, 0, 2);
    tcase_add_test(tc, a_connection_more_that_is_refused_is_the_affair_of_who_needs_it);
    tcase_add_test(tc, a_connection_is_added_after_the_broker_was_away);
    return run_case("bridge places", tc);
}
