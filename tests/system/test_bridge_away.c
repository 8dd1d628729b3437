/* SPDX-License-Identifier: Apache-2.0 */
/* A broker that is away: who waits for it, what is given back meanwhile, and that a QoS 2 message
 * stays one. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"
#include "tests/system/fake_broker.h"

enum { CONNECT = 1, PUBLISH = 3, PUBREL = 6 };

static struct world *w;
static struct fake_broker fake;
static char told[256]; /* what the sessions' clients sent: C, P, + is P with DUP, R, D */
static char stamp[32]; /* received-at of the last PUBLISH */
static int reason;     /* of the next CONNACKs; -1 is silence */
static int acks;       /* answers to publishes and releases that are still given */
static bool remembers; /* sessions are present from the second CONNECT on */
static struct fake_client *last;
static unsigned opening, opening_most, held_len;
static struct fake_client *held[64];

static void note(char letter)
{
    size_t len = strlen(told);

    ck_assert_uint_lt(len + 1, sizeof told);
    told[len] = letter;
    told[len + 1] = '\0';
}

static void note_stamp(struct sn_bytes body)
{
    const char *at = memmem(body.data, body.len, "\0\13received-at\0\16", 15);

    stamp[0] = '\0';
    if (at && body.len >= 29)
        snprintf(stamp, sizeof stamp, "%.14s", at + 15);
}

static void on_connect(struct fake_client *client)
{
    bool again = strchr(told, 'C');

    note('C');
    if (reason >= 0)
        fake_send(client,
                  (uint8_t[]){0x20, 3, remembers && again && reason == 0, (uint8_t)reason, 0}, 5);
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
    case CONNECT: on_connect(client); break;
    case PUBLISH:
        note(first & 8 ? '+' : 'P');
        note_stamp(body);
        answer(client, first & 4 ? 0x50 : 0x40, fake_publish_mid(body));
        break;
    case PUBREL:
        note('R');
        answer(client, 0x70, sn_read_u16(&r));
        break;
    default: note('D'); break;
    }
}

static void begin_with(void (*packet)(void *, struct fake_client *, uint8_t, struct sn_bytes))
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, "");
    told[0] = stamp[0] = '\0';
    reason = 0;
    acks = 100;
    remembers = true;
    fake = (struct fake_broker){.packet = packet};
    fake_broker_start(&fake, &w->loop);
    w->config.broker.address.port = fake.port;
    world_bridge_start(w);
}

static void begin(void)
{
    begin_with(on_packet);
    expect(w, BRIDGE_OPENED, 0, 0);
}

static void end(void)
{
    fake_broker_stop(&fake);
    world_fini(w);
    free(w);
}

static void broker_goes(void)
{
    fake_own_away(&fake);
    fake_hang_up_on_all(&fake);
    await(w, !bridge_broker_up(w->bridge));
}

static void broker_is_not_there(void)
{
    fake_own_away(&fake);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 0, 0)->result, BRIDGE_BUSY);
}

static void broker_returns(void)
{
    fake.own_away = false;
    await(w, bridge_broker_up(w->bridge));
}

static bool open_patiently(uint32_t slot, const char *id)
{
    return bridge_request(w->bridge, &(struct bridge_request){.type = BRIDGE_OPEN,
                                                              .session = ref(slot),
                                                              .client_id = sn_text(id),
                                                              .patient = true});
}

/* --- a patient OPEN --------------------------------------------------------------------------- */

START_TEST(waits_for_a_broker_that_was_never_there)
{
    begin_with(on_packet);
    broker_is_not_there();
    ck_assert(open_patiently(1, "dev"));
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 1);
    ck_assert_int_eq(expect(w, BRIDGE_CLOSED, 1, 0)->result, BRIDGE_OK);
    ck_assert(!publish(w, 1, 1, "t", "x", 1));
    ck_assert_str_eq(told, "");
    broker_returns();
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 1, 0)->result, BRIDGE_OK);
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 1);
    ck_assert_str_eq(told, "C");
    end();
}
END_TEST

START_TEST(waits_for_a_broker_that_goes_meanwhile)
{
    begin();
    reason = -1;
    ck_assert(open_patiently(1, "dev"));
    await(w, strcmp(told, "C") == 0);
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 0);
    broker_goes();
    ck_assert_int_eq(expect(w, BRIDGE_CLOSED, 1, 0)->result, BRIDGE_OK);
    reason = 0;
    broker_returns();
    const struct bridge_event *e = expect(w, BRIDGE_OPENED, 1, 0);
    ck_assert_int_eq(e->result, BRIDGE_OK);
    ck_assert(e->session_present);
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 1);
    end();
}
END_TEST

START_TEST(waits_for_a_broker_that_does_not_answer)
{
    begin();
    w->config.broker.connect_timeout_ms = 300;
    reason = -1;
    ck_assert(open_patiently(1, "dev"));
    ck_assert_int_eq(expect(w, BRIDGE_CLOSED, 1, 0)->result, BRIDGE_OK);
    await(w, strlen(told) >= 2);
    reason = 0;
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 1, 0)->result, BRIDGE_OK);
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 1);
    end();
}
END_TEST

START_TEST(is_answered_when_the_broker_refuses)
{
    begin();
    reason = 0x87;
    ck_assert(open_patiently(1, "dev"));
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 1, 0)->result, BRIDGE_REFUSED);
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 0);
    reason = 0;
    ck_assert(!publish(w, 1, 1, "t", "x", 1));
    ck_assert_str_eq(told, "C");
    end();
}
END_TEST

START_TEST(ends_when_the_broker_comes_and_refuses)
{
    begin();
    broker_goes();
    ck_assert(open_patiently(1, "dev"));
    ck_assert_int_eq(expect(w, BRIDGE_CLOSED, 1, 0)->result, BRIDGE_OK);
    reason = 0x87;
    broker_returns();
    ck_assert_int_eq(expect(w, BRIDGE_CLOSED, 1, 0)->result, BRIDGE_REFUSED);
    ck_assert_uint_eq(count_events(w, BRIDGE_OPENED, 1), 0);
    end();
}
END_TEST

START_TEST(can_be_closed_while_it_waits)
{
    begin();
    broker_goes();
    ck_assert(open_patiently(1, "gone"));
    expect(w, BRIDGE_CLOSED, 1, 0);
    close_it(w, 1, BRIDGE_POLITELY, false);
    broker_returns();
    opened_as(w, 2, "dev", true);
    ck_assert_str_eq(told, "C");
    ck_assert_uint_eq(count_events(w, BRIDGE_OPENED, 1), 0);
    end();
}
END_TEST

/* --- a thousand of them ----------------------------------------------------------------------- */

static void count_opening(void *self, struct fake_client *client, uint8_t first,
                          struct sn_bytes body)
{
    (void)self, (void)body;
    if (first >> 4 != CONNECT)
        return;
    ck_assert_uint_lt(held_len, 64);
    held[held_len++] = client;
    if (++opening > opening_most)
        opening_most = opening;
}

static void let_in(void)
{
    while (held_len > 0) {
        opening--;
        fake_send(held[--held_len], "\x20\x03\0\0\0", 5);
    }
}

START_TEST(many_come_in_turn)
{
    enum { WAITING = 1000, AT_ONCE = 10 };
    char id[16];

    begin_with(count_opening);
    w->config.broker.max_connecting = AT_ONCE;
    opening = opening_most = held_len = 0;
    broker_is_not_there();
    for (uint32_t i = 1; i <= WAITING; i++) {
        snprintf(id, sizeof id, "dev%u", i);
        ck_assert(open_patiently(i, id));
        ck_assert_int_eq(expect(w, BRIDGE_CLOSED, i, 0)->result, BRIDGE_OK);
    }
    broker_returns();
    while (bridge_counters(w->bridge)->connects < WAITING + 1) {
        turn(w);
        let_in();
    }
    for (uint32_t i = 1; i <= WAITING; i++)
        ck_assert_int_eq(expect(w, BRIDGE_OPENED, i, 0)->result, BRIDGE_OK);
    ck_assert_uint_le(opening_most, AT_ONCE);
    end();
}
END_TEST

/* --- publishes given back --------------------------------------------------------------------- */

static void expect_back(uint64_t token, const char *payload, uint8_t qos)
{
    const struct bridge_event *e = expect(w, BRIDGE_PUBLISHED, 1, token);

    ck_assert_int_eq(e->result, BRIDGE_BUSY);
    ck_assert(sn_bytes_equal(e->message.topic, sn_text("t")));
    ck_assert(sn_bytes_equal(e->message.payload, sn_text(payload)));
    ck_assert_uint_eq(e->message.qos, qos);
}

static void begin_unanswered(int answers)
{
    begin();
    opened_as(w, 1, "dev", false);
    acks = answers;
}

START_TEST(what_is_unanswered_comes_back_at_once)
{
    uint64_t start = uv_hrtime();

    begin_unanswered(0);
    w->config.broker.ack_timeout_ms = 60000;
    ck_assert(publish(w, 1, 1, "t", "one", 1));
    ck_assert(publish(w, 1, 2, "t", "two", 1));
    await(w, strcmp(told, "CPP") == 0);
    broker_goes();
    expect(w, BRIDGE_CLOSED, 1, 0);
    expect_back(1, "one", 1);
    expect_back(2, "two", 1);
    ck_assert_uint_lt(since(w, start), 10000);
    broker_returns();
    expect(w, BRIDGE_OPENED, 1, 0);
    acks = 100;
    ck_assert(publish(w, 1, 3, "t", "one", 1));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 3)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "CPPCP");
    end();
}
END_TEST

START_TEST(what_is_unanswered_comes_back_when_only_this_client_cannot_connect)
{
    begin_unanswered(0);
    w->config.broker.ack_timeout_ms = 60000;
    w->config.broker.connect_timeout_ms = 300;
    ck_assert(publish(w, 1, 1, "t", "one", 1));
    await(w, strcmp(told, "CP") == 0);
    reason = -1;
    fake_hang_up(last);
    expect(w, BRIDGE_CLOSED, 1, 0);
    expect_back(1, "one", 1);
    end();
}
END_TEST

START_TEST(nothing_comes_back_to_who_rejects)
{
    begin_unanswered(0);
    w->config.broker.offline = OFFLINE_REJECT;
    ck_assert(publish(w, 1, 1, "t", "one", 1));
    await(w, strcmp(told, "CP") == 0);
    broker_goes();
    expect(w, BRIDGE_CLOSED, 1, 0);
    acks = 100;
    broker_returns();
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "CPCP");
    end();
}
END_TEST

/* answers: how far the handshake comes; then what the broker hears in all. */
static const struct {
    int answers;
    bool remembers;
    const char *before, *told;
} handshakes[] = {
    {0, true, "CP", "CPC+R"},    /* it may have been received */
    {1, true, "CPR", "CPRCR"},   /* it was */
    {0, false, "CP", "CPCDCPR"}, /* the broker knows of nothing any more */
    {1, false, "CPR", "CPRCDCPR"},
};

START_TEST(qos2_is_one_message_though_it_was_given_back)
{
    begin_unanswered(handshakes[_i].answers);
    ck_assert(publish(w, 1, 1, "t", "once", 2));
    await(w, strcmp(told, handshakes[_i].before) == 0);
    broker_goes();
    expect_back(1, "once", 2);
    acks = 100;
    remembers = handshakes[_i].remembers;
    broker_returns();
    expect(w, BRIDGE_OPENED, 1, 0);
    ck_assert(publish(w, 1, 2, "t", "once", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_OK);
    ck_assert_str_eq(told, handshakes[_i].told);
    ck_assert_uint_eq(count_events(w, BRIDGE_PUBLISHED, 1), 2);
    end();
}
END_TEST

/* The link has its answer before the owner comes back to it. */
START_TEST(qos2_is_one_message_though_it_was_over_before)
{
    begin_unanswered(1);
    ck_assert(publish(w, 1, 1, "t", "once", 2));
    await(w, strcmp(told, "CPR") == 0);
    broker_goes();
    expect_back(1, "once", 2);
    acks = 100;
    broker_returns();
    await(w, bridge_counters(w->bridge)->acknowledged == 3); /* twice "online" */
    ck_assert(publish(w, 1, 2, "t", "once", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "CPRCR");
    /* Now it is another one. */
    ck_assert(publish(w, 1, 3, "t", "once", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 3)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "CPRCRPR");
    end();
}
END_TEST

/* The owner has dropped it: the same words said later are a message of their own. */
START_TEST(another_message_ends_the_claim)
{
    begin_unanswered(1);
    ck_assert(publish(w, 1, 1, "t", "once", 2));
    await(w, strcmp(told, "CPR") == 0);
    broker_goes();
    expect_back(1, "once", 2);
    acks = 100;
    broker_returns();
    await(w, strcmp(told, "CPRCR") == 0);
    await(w, bridge_counters(w->bridge)->acknowledged == 3);
    ck_assert(publish(w, 1, 2, "t", "other", 1));
    ck_assert(publish(w, 1, 3, "t", "once", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 3)->result, BRIDGE_OK);
    ck_assert_str_eq(told, "CPRCRPPR");
    end();
}
END_TEST

static size_t publishes_told(void)
{
    size_t count = 0;

    for (const char *at = told; (at = strchr(at, 'P')); at++)
        count++;
    return count;
}

/* On a link that clients share another one may well be the first to publish. */
START_TEST(another_clients_message_ends_no_claim)
{
    begin_unanswered(1);
    bridge_free(w->bridge);
    w->config.gateway.mode = MODE_AGGREGATING;
    w->config.broker.connections = 1;
    w->config.broker.receive_maximum = 20;
    w->config.broker.max_queued_per_client = 10;
    w->config.store.path = "kept";
    w->count = 0;
    world_bridge_start(w);
    opened_as(w, 1, "one", false);
    opened_as(w, 2, "two", false);
    ck_assert(publish(w, 1, 1, "t", "once", 2));
    await(w, strchr(told, 'R'));
    broker_goes();
    expect_back(1, "once", 2);
    acks = 100;
    broker_returns();
    expect(w, BRIDGE_OPENED, 2, 0);
    ck_assert(publish(w, 2, 7, "t", "other", 1));
    ck_assert(publish(w, 1, 2, "t", "once", 2));
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 2)->result, BRIDGE_OK);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 2, 7)->result, BRIDGE_OK);
    ck_assert_uint_eq(publishes_told(), 2);
    end();
}
END_TEST

/* --- received-at ------------------------------------------------------------------------------ */

static bool publish_kept(uint64_t token, uint8_t qos, uint64_t kept_ms)
{
    return bridge_request(w->bridge,
                          &(struct bridge_request){.type = BRIDGE_PUBLISH,
                                                   .session = ref(1),
                                                   .token = token,
                                                   .message = {sn_text("t"), sn_text("x"), qos, 0},
                                                   .kept_ms = kept_ms});
}

static void check_stamp(uint64_t kept_ms)
{
    double at = strtod(stamp, NULL), expected = (double)time(NULL) - (double)kept_ms / 1000;

    ck_assert_ptr_nonnull(strchr(stamp, '.'));
    ck_assert_double_ge(at, expected - AWAIT_MS / 1000.0);
    ck_assert_double_le(at, expected + 1);
}

START_TEST(a_kept_message_tells_when_it_came)
{
    begin_unanswered(100);
    ck_assert(publish_kept(1, (uint8_t)_i, 3600000));
    await(w, told[1] == 'P');
    check_stamp(3600000);
    ck_assert(publish_kept(2, (uint8_t)_i, 0));
    await(w, strlen(told) >= (_i == 2 ? 4 : 3) && strrchr(told, 'P') > told + 1);
    ck_assert_str_eq(stamp, "");
    end();
}
END_TEST

START_TEST(it_still_does_when_published_again)
{
    char before[sizeof stamp];

    begin_unanswered(0);
    ck_assert(publish_kept(1, _i == 0 ? 1 : 2, 60000));
    await(w, strcmp(told, "CP") == 0);
    strcpy(before, stamp);
    check_stamp(60000);
    acks = 100;
    fake_hang_up_on_all(&fake);
    ck_assert_int_eq(expect(w, BRIDGE_PUBLISHED, 1, 1)->result, BRIDGE_OK);
    ck_assert_str_eq(told, _i == 0 ? "CPCP" : "CPC+R");
    ck_assert_str_eq(stamp, before);
    end();
}
END_TEST

/* The write finds out that the connection is gone, and the session hears of it only in the next
 * turn: what it publishes in between is taken like what was under way. */
START_TEST(what_comes_between_the_loss_and_its_news_is_taken)
{
    begin();
    opened_as(w, 1, "sensor-1", true);
    fake_hang_up_on_all(&fake);
    for (uint64_t token = 1; token <= 8; token++) {
        ck_assert(publish(w, 1, token, "a", "x", token % 2 ? 1 : 2));
        bridge_flush(w->bridge);
    }
    ck_assert_uint_eq(count_events(w, BRIDGE_CLOSED, 1), 0);
    for (uint64_t token = 1; token <= 8; token++) {
        const struct bridge_event *e = expect(w, BRIDGE_PUBLISHED, 1, token);
        ck_assert_int_eq(e->result, BRIDGE_OK); /* over the connection that came next */
    }
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("away");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, waits_for_a_broker_that_was_never_there);
    tcase_add_test(tc, waits_for_a_broker_that_goes_meanwhile);
    tcase_add_test(tc, waits_for_a_broker_that_does_not_answer);
    tcase_add_test(tc, is_answered_when_the_broker_refuses);
    tcase_add_test(tc, ends_when_the_broker_comes_and_refuses);
    tcase_add_test(tc, can_be_closed_while_it_waits);
    tcase_add_test(tc, many_come_in_turn);
    tcase_add_test(tc, what_is_unanswered_comes_back_at_once);
    tcase_add_test(tc, what_is_unanswered_comes_back_when_only_this_client_cannot_connect);
    tcase_add_test(tc, nothing_comes_back_to_who_rejects);
    tcase_add_loop_test(tc, qos2_is_one_message_though_it_was_given_back, 0, 4);
    tcase_add_test(tc, qos2_is_one_message_though_it_was_over_before);
    tcase_add_test(tc, another_message_ends_the_claim);
    tcase_add_test(tc, another_clients_message_ends_no_claim);
    tcase_add_loop_test(tc, a_kept_message_tells_when_it_came, 0, 3);
    tcase_add_loop_test(tc, it_still_does_when_published_again, 0, 2);
    tcase_add_test(tc, what_comes_between_the_loss_and_its_news_is_taken);
    return run_case("bridge away", tc);
}
