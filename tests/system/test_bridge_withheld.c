/* SPDX-License-Identifier: Apache-2.0 */
/* What waits until the broker has been asked, or asked again. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"
#include "tests/system/fake_broker.h"

enum { CONNECT = 1, PUBLISH = 3, SUBSCRIBE = 8 };

static struct world *w;
static struct fake_broker fake;
static int hang_ups; /* publishes, or SUBSCRIBEs behind the first, that still end theirs */
static int subscribes, publishes;
static bool deaf; /* SUBSCRIBE is not answered */

static void on_subscribe(struct fake_client *client, struct sn_bytes body)
{
    if (subscribes++ > 0 && hang_ups > 0) {
        hang_ups--;
        fake_hang_up(client);
    } else if (!deaf) {
        fake_suback(client, body, 1);
    }
}

static void on_publish(struct fake_client *client, struct sn_bytes body)
{
    uint16_t mid = fake_publish_mid(body);

    publishes++;
    if (hang_ups > 0) {
        hang_ups--;
        fake_hang_up(client);
    } else {
        fake_send(client, (uint8_t[]){0x40, 2, (uint8_t)(mid >> 8), (uint8_t)mid}, 4);
    }
}

static void on_packet(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    (void)self;
    switch (first >> 4) {
    case CONNECT: fake_connack(client, body, false); break;
    case SUBSCRIBE: on_subscribe(client, body); break;
    case PUBLISH: on_publish(client, body); break;
    default: break;
    }
}

static void begin(void)
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, "");
    deaf = false;
    hang_ups = subscribes = publishes = 0;
    fake = (struct fake_broker){.packet = on_packet};
    fake_broker_start(&fake, &w->loop);
    w->config.gateway.mode = MODE_AGGREGATING;
    w->config.broker.address.port = fake.port;
    w->config.broker.connections = 1;
    w->config.broker.reconnect_min_ms = 100;
    world_bridge_start(w);
    opened_as(w, 1, "one", true);
    subscribed(w, 1, "a", 1);
}

static void end(void)
{
    fake_broker_stop(&fake);
    world_fini(w);
    free(w);
}

/* The first loss may be its fault; at the others it had not left. */
START_TEST(a_publish_that_has_not_left_is_not_to_blame)
{
    begin();
    hang_ups = 3;
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_int_eq(publishes, 2);
    ck_assert_int_eq(subscribes, 4);
    ck_assert_uint_eq(bridge_counters(w->bridge)->unbearable, 0);
    end();
}
END_TEST

enum { FIRST_IN_LINE = 101, ASKED = 110 };

static void subscribe_number(uint64_t number)
{
    char filter[16];

    snprintf(filter, sizeof filter, "f/%u", (unsigned)number);
    ck_assert(subscribe(w, 1, number, filter, 1));
}

static void leave_two(struct world *world, const struct bridge_event *e)
{
    char filter[16];

    if (e->type != BRIDGE_SUBSCRIBED || e->token != FIRST_IN_LINE)
        return;
    ck_assert_int_eq(e->result, BRIDGE_BUSY);
    for (unsigned number = FIRST_IN_LINE + 1; number <= FIRST_IN_LINE + 2; number++) {
        snprintf(filter, sizeof filter, "f/%u", number);
        ck_assert(bridge_request(world->bridge,
                                 &(struct bridge_request){.type = BRIDGE_UNSUBSCRIBE,
                                                          .session = ref(1),
                                                          .message = {.topic = sn_text(filter)}}));
    }
    subscribe_number(ASKED + 1);
}

/* Those behind it, of which the broker had not been asked yet, are gone at once, and another takes
 * the number of one. */
START_TEST(who_is_told_of_a_loss_may_give_up_other_filters)
{
    begin();
    deaf = true;
    w->config.gateway.max_subscriptions = ASKED;
    for (uint64_t number = 1; number <= ASKED; number++)
        subscribe_number(number);
    w->also = leave_two;
    fake_hang_up_on_all(&fake);
    expect(w, BRIDGE_CLOSED, 1, 0);
    w->also = NULL;
    ck_assert_uint_eq(count_events(w, BRIDGE_SUBSCRIBED, 1), 1 + ASKED - 2 + 1);
    expect(w, BRIDGE_SUBSCRIBED, 1, ASKED + 1);
    deaf = false;
    expect(w, BRIDGE_OPENED, 1, 0);
    subscribed(w, 1, "f/102", 1);
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("withheld");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_publish_that_has_not_left_is_not_to_blame);
    tcase_add_test(tc, who_is_told_of_a_loss_may_give_up_other_filters);
    return run_case("bridge withheld", tc);
}
