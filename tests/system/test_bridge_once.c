/* SPDX-License-Identifier: Apache-2.0 */
/* A QoS 2 publish of a clean session stays one message when its connection breaks half-way: the
 * broker has to find its session again, although the session began clean. */
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"
#include "tests/system/fake_broker.h"

enum { CONNECT = 1, PUBLISH = 3, PUBREL = 6, DISCONNECT = 14 };

static struct world *w;
static struct fake_broker fake;
/* What the client sent: C clean, c not, P, + is P with DUP, R, D, d is D that ends the session. */
static char told[64];
static bool mqtt5, clean, session; /* of the broker; clean: MQTT 3.1.1's session ends as it began */
static bool clings;                /* ... and a DISCONNECT does not end it */
static int acks;                   /* answers to publishes and releases that are still given */
static struct fake_client *last;

static void note(char letter)
{
    size_t len = strlen(told);

    ck_assert_uint_lt(len + 1, sizeof told);
    told[len] = letter;
    told[len + 1] = '\0';
}

static void on_connect(struct fake_client *client, struct sn_bytes body)
{
    bool ended = clean && !mqtt5;

    ck_assert_uint_gt(body.len, 7);
    clean = body.data[7] & 2;
    note(clean ? 'C' : 'c');
    fake_connack(client, body, session && !clean && !ended);
    session = true;
}

static void on_disconnect(struct sn_bytes body)
{
    bool ends = body.len == 7 && memcmp(body.data + 1, "\5\x11\0\0\0\0", 6) == 0;

    note(ends ? 'd' : 'D');
    if (ends && !clings)
        session = false;
}

static void answer(struct fake_client *client, uint8_t type, uint16_t mid)
{
    if (acks-- > 0)
        fake_ack(client, type, mid);
}

static void on_packet(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    struct sn_reader r = sn_reader(body);

    (void)self;
    last = client;
    switch (first >> 4) {
    case CONNECT: on_connect(client, body); break;
    case PUBLISH:
        note(first & 8 ? '+' : 'P');
        answer(client, 0x50, fake_publish_mid(body));
        break;
    case PUBREL:
        note('R');
        answer(client, 0x70, sn_read_u16(&r));
        break;
    case DISCONNECT: on_disconnect(body); break;
    default: ck_abort_msg("unexpected packet %02x", first);
    }
}

static void begin(uint32_t version, const char *store)
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, "");
    w->config.broker.mqtt_version = version;
    w->config.store.path = store;
    told[0] = '\0';
    mqtt5 = version == MQTT_VERSION_5;
    clean = session = clings = false;
    acks = 100;
    fake = (struct fake_broker){.packet = on_packet};
    fake_broker_start(&fake, &w->loop);
    w->config.broker.address.port = fake.port;
    world_bridge_start(w);
    expect(w, BRIDGE_OPENED, 0, 0);
}

static void end(void)
{
    fake_broker_stop(&fake);
    world_fini(w);
    free(w);
}

/* answers: how far the handshake comes before the connection breaks. */
static const struct {
    uint32_t version;
    const char *store;
    int answers;
    const char *before, *told;
} breaks[] = {
    {MQTT_VERSION_5, "", 0, "cP", "cPc+R"},
    {MQTT_VERSION_5, "", 1, "cPR", "cPRcR"},
    {MQTT_VERSION_3_1_1, "sessions", 0, "cP", "cPc+R"},
    {MQTT_VERSION_3_1_1, "sessions", 1, "cPR", "cPRcR"},
    /* Here the broker forgets, and what it had released already comes twice. */
    {MQTT_VERSION_3_1_1, "", 1, "CPR", "CPRCDCPR"},
};

START_TEST(goes_on_where_the_connection_broke)
{
    begin(breaks[_i].version, breaks[_i].store);
    opened_as(w, 1, "dev", true);
    acks = breaks[_i].answers;
    ck_assert(publish(w, 1, 1, "t", "once", 2));
    await(w, strcmp(told, breaks[_i].before) == 0);
    acks = 100;
    fake_hang_up(last);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_str_eq(told, breaks[_i].told);
    end();
}
END_TEST

START_TEST(an_old_session_is_dropped_first)
{
    begin(MQTT_VERSION_5, "");
    session = true;
    ck_assert(open_as(w, 1, "dev", true));
    ck_assert(!expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    ck_assert_str_eq(told, "cdc");
    acks = 1;
    ck_assert(publish(w, 1, 1, "t", "once", 2));
    await(w, strcmp(told, "cdcPR") == 0);
    acks = 100;
    fake_hang_up(last);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "cdcPRcR");
    end();
}
END_TEST

/* Or the goodbye was lost: a session that shall start clean does. */
START_TEST(an_old_session_that_stays_is_overridden)
{
    begin(MQTT_VERSION_5, "");
    session = clings = true;
    opened_as(w, 1, "dev", true);
    ck_assert_str_eq(told, "cdcdC");
    end();
}
END_TEST

START_TEST(a_session_that_is_kept_is_found)
{
    begin(MQTT_VERSION_5, "");
    session = true;
    ck_assert(open_as(w, 1, "dev", false));
    ck_assert(expect(w, BRIDGE_OPENED, 1, 0)->session_present);
    ck_assert_str_eq(told, "c");
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("once");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, goes_on_where_the_connection_broke, 0, sizeof breaks / sizeof *breaks);
    tcase_add_test(tc, an_old_session_is_dropped_first);
    tcase_add_test(tc, an_old_session_that_stays_is_overridden);
    tcase_add_test(tc, a_session_that_is_kept_is_found);
    return run_case("bridge once", tc);
}
