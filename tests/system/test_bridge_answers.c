/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge against answers that no real broker gives on demand. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"
#include "tests/system/fake_broker.h"

enum {
    CONNECT = 1,
    PUBLISH = 3,
    PUBACK = 4,
    PUBREC = 5,
    PUBREL = 6,
    SUBSCRIBE = 8,
    DISCONNECT = 14
};

static struct world *w;
static struct fake_broker fake;
static char told[512]; /* what the session's client sent: type and first octet's flags */
static int connects;

static void note(uint8_t first, struct sn_bytes body)
{
    static const char *const names[] = {
        [CONNECT] = "CONNECT", [PUBLISH] = "PUBLISH",     [PUBACK] = "PUBACK",
        [PUBREL] = "PUBREL",   [SUBSCRIBE] = "SUBSCRIBE", [DISCONNECT] = "DISCONNECT"};
    size_t len = strlen(told);
    int type = first >> 4;

    snprintf(told + len, sizeof told - len, "%s%s%s ", type < 15 && names[type] ? names[type] : "?",
             type == PUBLISH && first & 8 ? "+" : "",
             type == DISCONNECT && body.len > 0 && body.data[0] == 4 ? "/4" : "");
}

static void connack(struct fake_client *client, bool present)
{
    fake_send(client, (uint8_t[]){0x20, 3, present, 0, 0}, 5);
}

static void answer(struct fake_client *client, uint8_t first, uint16_t mid, int reason)
{
    uint8_t octets[] = {first, 4, (uint8_t)(mid >> 8), (uint8_t)mid, (uint8_t)reason, 0};

    fake_send(client, octets, sizeof octets);
}

static void begin(void (*packet)(void *, struct fake_client *, uint8_t, struct sn_bytes))
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, "");
    told[0] = '\0';
    connects = 0;
    fake = (struct fake_broker){.packet = packet};
    fake_broker_start(&fake, &w->loop);
    w->config.broker.address.port = fake.port;
    world_bridge_start(w);
    opened_as(w, 1, "dev", false);
}

static void end(void)
{
    fake_broker_stop(&fake);
    world_fini(w);
    free(w);
}

static void kick(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    (void)self;
    note(first, body);
    if (first >> 4 == CONNECT)
        connack(client, false);
    else if (first >> 4 == PUBLISH)
        fake_send(client, "\xE0\x01\x8E", 3);
}

START_TEST(taken_over_is_the_end)
{
    begin(kick);
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    ck_assert_int_eq(expect(w, BRIDGE_CLOSED, 1, 0)->result, BRIDGE_REFUSED);
    ck_assert(!publish(w, 1, 2, "t", "x", 1));
    ck_assert_ptr_nonnull(strstr(w->notices, "another client uses the same client id"));
    ck_assert_str_eq(told, "CONNECT PUBLISH ");
    end();
}
END_TEST

static void over_quota(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    (void)self;
    switch (first >> 4) {
    case CONNECT: connack(client, false); break;
    case PUBLISH: answer(client, first & 4 ? 0x50 : 0x40, fake_publish_mid(body), 0x97); break;
    case SUBSCRIBE: fake_suback(client, body, 0x97); break;
    default: break;
    }
}

START_TEST(quota_means_busy)
{
    begin(over_quota);
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_BUSY);
    ck_assert(publish(w, 1, 2, "t", "x", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_BUSY);
    ck_assert(subscribe(w, 1, 3, "t", 1));
    ck_assert_int_eq(expect(w, BRIDGE_SUBSCRIBED, 1, 3)->result, BRIDGE_BUSY);
    ck_assert_uint_eq(bridge_counters(w->bridge)->refused, 3);
    end();
}
END_TEST

/* Takes the QoS 2 publish as far as PUBREC, then loses the connection. `self`: is the session kept?
 */
static void lose_half_way(void *self, struct fake_client *client, uint8_t first,
                          struct sn_bytes body)
{
    const bool *kept = self;
    struct sn_reader r = sn_reader(body);
    uint16_t mid = first >> 4 == PUBREL ? sn_read_u16(&r) : fake_publish_mid(body);

    note(first, body);
    switch (first >> 4) {
    case CONNECT: connack(client, ++connects > 1 && (*kept || connects > 2)); break;
    case PUBLISH: answer(client, 0x50, mid, 0); break;
    case PUBREL:
        if (connects == 1)
            fake_hang_up(client);
        else
            answer(client, 0x70, mid, 0);
        break;
    default: break;
    }
}

START_TEST(qos2_goes_on_where_it_was)
{
    bool kept = true;

    begin(lose_half_way);
    fake.self = &kept;
    ck_assert(publish(w, 1, 1, "t", "x", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "CONNECT PUBLISH PUBREL CONNECT PUBREL ");
    end();
}
END_TEST

/* PUBREL alone would be answered and the message lost: it is published anew, without DUP. */
START_TEST(qos2_starts_again_when_the_broker_forgot)
{
    bool kept = false;

    begin(lose_half_way);
    fake.self = &kept;
    ck_assert(publish(w, 1, 1, "t", "x", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "CONNECT PUBLISH PUBREL CONNECT DISCONNECT CONNECT PUBLISH PUBREL ");
    ck_assert(!expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    ck_assert_uint_eq(count_events(w, BRIDGE_OPENED, 1), 2);
    end();
}
END_TEST

static void lose_once(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    (void)self;
    note(first, body);
    if (first >> 4 == CONNECT)
        connack(client, ++connects > 1);
    else if (first >> 4 == PUBLISH && connects == 1)
        fake_hang_up(client);
    else if (first >> 4 == PUBLISH)
        answer(client, 0x40, fake_publish_mid(body), 0);
}

START_TEST(qos1_is_published_again_before_anything_new)
{
    begin(lose_once);
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    expect(w, BRIDGE_CLOSED, 1, 0);
    ck_assert(!publish(w, 1, 2, "t", "y", 1));
    ck_assert(expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "CONNECT PUBLISH CONNECT PUBLISH ");
    ck_assert_uint_eq(bridge_counters(w->bridge)->replayed, 1);
    end();
}
END_TEST

/* topic "t", no properties */
static const uint8_t one[] = {0x32, 7, 0, 1, 't', 0, 7, 0, '1'};
static const uint8_t two[] = {0x32, 7, 0, 1, 't', 0, 8, 0, '2'};

static void repeat(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    (void)self;
    note(first, body);
    if (first >> 4 == CONNECT) {
        connack(client, ++connects > 1);
        fake_send(client, one, sizeof one);
        if (connects > 1)
            fake_send(client, two, sizeof two);
    } else if (first >> 4 == PUBACK && connects == 1) {
        fake_hang_up(client);
    }
}

START_TEST(repetitions_after_a_loss_are_dropped)
{
    begin(repeat);
    expect_message(w, 1, "1");
    expect(w, BRIDGE_CLOSED, 1, 0);
    expect_message(w, 1, "2");
    ck_assert_uint_eq(count_events(w, BRIDGE_MESSAGE, 1), 2);
    ck_assert_uint_eq(bridge_counters(w->bridge)->redeliveries, 1);
    end();
}
END_TEST

static void silent(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    (void)self;
    note(first, body);
    if (first >> 4 == CONNECT)
        connack(client, true);
}

/* One renewal for the hope, then the answer: no endless circle. */
START_TEST(what_is_never_acknowledged_is_given_up)
{
    begin(silent);
    w->config.broker.ack_timeout_ms = 2000;
    ck_assert(publish(w, 1, 1, "t", "x", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_BUSY);
    ck_assert_str_eq(told, "CONNECT PUBLISH CONNECT PUBLISH ");
    ck_assert_uint_eq(bridge_counters(w->bridge)->ack_timeouts, 2);
    end();
}
END_TEST

START_TEST(loss_with_will_says_so_in_mqtt_5)
{
    begin(silent);
    close_it(w, 1, BRIDGE_WITH_WILL, false);
    await(w, strstr(told, "DISCONNECT/4"));
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("answers");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, taken_over_is_the_end);
    tcase_add_test(tc, quota_means_busy);
    tcase_add_test(tc, qos2_goes_on_where_it_was);
    tcase_add_test(tc, qos2_starts_again_when_the_broker_forgot);
    tcase_add_test(tc, qos1_is_published_again_before_anything_new);
    tcase_add_test(tc, repetitions_after_a_loss_are_dropped);
    tcase_add_test(tc, what_is_never_acknowledged_is_given_up);
    tcase_add_test(tc, loss_with_will_says_so_in_mqtt_5);
    return run_case("bridge answers", tc);
}
