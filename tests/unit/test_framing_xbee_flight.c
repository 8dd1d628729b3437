/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way through an XBee module: transmit statuses in time, late and never. */
#include "tests/support/run.h"
#include "tests/unit/xbee_examples.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define ASK_NP       "7E 00 04 08 02 4E 50 57"
#define NP_UNKNOWN   "7E 00 05 88 02 4E 50 01 D6"
#define RESET        "7E 00 02 8A 00 75"

/* A module in API mode 1 that does not tell what it can carry. status_ms 0: as long as usual. */
static void begin(struct framing_bench *b, uint8_t in_flight, uint32_t status_ms)
{
    struct framing_options options = {.kind = FRAMING_XBEE,
                                      .api = FRAMING_API_1,
                                      .max_packet = 255,
                                      .in_flight = in_flight,
                                      .status_ms = status_ms};

    framing_bench_open(b, &options);
    framing_bench_hear_hex(b, NP_UNKNOWN);
}

static const struct {
    const char *status, *said;
} statuses[] = {
    {"7E 00 07 8B 01 7D 84 00 00 00 72", "sent 11 delivered\n"},
    {"7E 00 07 8B 02 FF FE 00 24 00 51", "sent 12 try again\n"},
    {"7E 00 07 8B 02 7D 84 00 00 00 71", "sent 12 delivered\n"},
    {"7E 00 07 8B 01 7D 84 00 25 00 4D", "sent 11 try again\n"},
    {"7E 00 07 8B 01 7D 84 00 23 00 4F", "sent 11 unreachable\n"},
    {"7E 00 07 8B 04 00 00 00 00 00 70", ""}, /* nobody's */
    {"7E 00 07 8B 00 00 00 00 00 00 74", ""},
    {"7E 00 03 89 01 00 75", "sent 11 delivered\n"},
    {"7E 00 03 89 01 02 73", "sent 11 try again\n"},
};

START_TEST(matches_statuses_by_frame_id)
{
    struct framing_bench b;

    begin(&b, 2, 700); /* less than the first wait: no overdue before */
    for (uint32_t ticket = 11; ticket < 13; ticket++) {
        ck_assert(framing_ready(b.framing));
        framing_encode(b.framing, b.now, ticket, &xbee_node, 0, sn_text("\x02\x17"));
    }
    ck_assert(!framing_ready(b.framing));
    framing_bench_forget(&b);
    framing_bench_hear_hex(&b, statuses[_i].status);
    ck_assert(framing_ready(b.framing) == (*statuses[_i].said != '\0'));
    framing_bench_expect(&b, statuses[_i].said);
    framing_bench_hear_hex(&b, statuses[_i].status); /* it is told once */
    framing_bench_expect(&b, "");
    framing_bench_pass(&b, 700);
    ck_assert(framing_ready(b.framing));
    ck_assert_uint_eq(framing_counters(b.framing)->status_timeouts, *statuses[_i].said ? 1 : 2);
    framing_bench_close(&b);
}
END_TEST

static void say_status(struct framing_bench *b, uint8_t frame_id, uint8_t delivery)
{
    uint8_t status[] = {0x7E, 0, 7, 0x8B, frame_id, 0x7D, 0x84, 0, delivery, 0, 0};
    uint8_t sum = 0xFF;

    for (size_t i = 3; i < sizeof status - 1; i++)
        sum = (uint8_t)(sum - status[i]);
    status[sizeof status - 1] = sum;
    framing_bench_hear(b, sn_bytes(status, sizeof status));
}

static void send_one(struct framing_bench *b, uint32_t ticket)
{
    ck_assert(framing_ready(b->framing));
    ck_assert_uint_gt(
        framing_encode(b->framing, b->now, ticket, &xbee_node, 0, sn_text("\x02\x17")).len, 0);
}

/* Ticket 1 has frame id 1, and its status took 10 ms. */
static void begin_window(struct framing_bench *b, uint8_t in_flight)
{
    begin(b, in_flight, 0);
    send_one(b, 1);
    framing_bench_pass(b, 10);
    say_status(b, 1, 0);
    framing_bench_forget(b);
}

/* And 2 is lost, and alone in the window. */
static void lose_one(struct framing_bench *b)
{
    begin_window(b, 1);
    send_one(b, 2);
    ck_assert(!framing_ready(b->framing));
    framing_bench_pass(b, 199);
    framing_bench_expect(b, "");
    framing_bench_pass(b, 1);
    framing_bench_expect(b, "sent 2 overdue\n");
    ck_assert_uint_eq(framing_counters(b->framing)->statuses_overdue, 1);
}

START_TEST(an_overdue_status_leaves_the_window)
{
    struct framing_bench b;

    lose_one(&b);
    send_one(&b, 3);
    ck_assert(!framing_ready(b.framing));
    say_status(&b, 3, 0);
    framing_bench_expect(&b, "sent 3 delivered\n");
    framing_bench_pass(&b, 4799);
    framing_bench_expect(&b, "");
    framing_bench_pass(&b, 1);
    framing_bench_expect(&b, "sent 2 unknown\n");
    ck_assert_uint_eq(framing_counters(b.framing)->status_timeouts, 1);
    ck_assert_uint_eq(framing_deadline(b.framing), UINT64_MAX);
    framing_bench_close(&b);
}
END_TEST

static const struct {
    uint8_t delivery;
    const char *said;
} late[] = {
    {0x00, "sent 2 delivered\n"}, {0x21, "sent 2 try again\n"}, {0x22, "sent 2 unreachable\n"}};

/* The network's own repetitions take seconds before they fail: that word still counts. */
START_TEST(a_late_status_is_heard)
{
    struct framing_bench b;

    lose_one(&b);
    send_one(&b, 3);
    framing_bench_pass(&b, 350); /* missed once: twice the patience */
    framing_bench_expect(&b, "");
    say_status(&b, 2, late[_i].delivery);
    framing_bench_expect(&b, late[_i].said);
    ck_assert(!framing_ready(b.framing)); /* 3 is in the window, 2 was not */
    framing_bench_pass(&b, 150);          /* the late one has taught more than that */
    framing_bench_expect(&b, "");
    framing_bench_close(&b);
}
END_TEST

/* The radio has answered a later one: who knows how soon, waits for an earlier one no longer. */
START_TEST(a_later_status_shows_that_an_earlier_one_is_lost)
{
    struct framing_bench b;

    begin_window(&b, 2);
    send_one(&b, 2);
    framing_bench_pass(&b, 200);
    framing_bench_expect(&b, "sent 2 overdue\n");
    send_one(&b, 3); /* waits for 400 ms, as 2 was missed */
    framing_bench_pass(&b, 250);
    framing_bench_expect(&b, "");
    send_one(&b, 4);
    say_status(&b, 4, 0);
    framing_bench_expect(&b, "sent 4 delivered\n");
    framing_bench_pass(&b, 0);
    framing_bench_expect(&b, "sent 3 overdue\n");
    framing_bench_close(&b);
}
END_TEST

/* Two windows of 32 are overdue: the oldest of them makes room. */
START_TEST(many_overdue_ones_are_bounded)
{
    struct framing_bench b;
    uint32_t ticket = 2;

    begin_window(&b, 32);
    for (int window = 0; window < 2; window++) {
        for (int i = 0; i < 32; i++)
            send_one(&b, ticket++);
        ck_assert(!framing_ready(b.framing));
        framing_bench_pass(&b, 200);
        ck_assert_uint_eq(framing_counters(b.framing)->statuses_overdue,
                          32u * (unsigned)(window + 1));
        framing_bench_forget(&b);
        if (window == 0) { /* one that is answered, or the next ones are waited for longer */
            send_one(&b, ticket);
            say_status(&b, (uint8_t)ticket++, 0);
        }
    }
    framing_bench_forget(&b);
    send_one(&b, ticket);
    framing_bench_expect(&b, "sent 2 unknown\n");
    ck_assert_uint_eq(framing_counters(b.framing)->status_timeouts, 1);
    say_status(&b, (uint8_t)ticket, 0);
    framing_bench_forget(&b);
    say_status(&b, 2, 0); /* too late: nobody knows it any more */
    framing_bench_expect(&b, "");
    framing_bench_close(&b);
}
END_TEST

/* Those under way were in the module's memory; of the overdue ones nothing is known. */
START_TEST(a_restart_repeats_no_overdue_one)
{
    struct framing_bench b;

    lose_one(&b);
    send_one(&b, 3);
    framing_bench_hear_hex(&b, RESET);
    framing_bench_expect(&b, "write " ASK_NP "\nsent 2 unknown\nsent 3 try again\nreset\n");
    framing_bench_close(&b);
}
END_TEST

/* Each frame id is taken once while it is under way. */
START_TEST(goes_round_the_frame_ids)
{
    struct framing_bench b;
    uint8_t last = 0;

    begin(&b, 4, 0);
    framing_encode(b.framing, b.now, 999, &xbee_node_short, 0, sn_text("\x02\x17")); /* id 1 */
    for (uint32_t ticket = 1000; ticket < 1600; ticket++) {
        struct sn_bytes wire =
            framing_encode(b.framing, b.now, ticket, &xbee_node_short, 0, sn_text("\x02\x17"));
        ck_assert_uint_gt(wire.len, 0);
        uint8_t id = wire.data[4], status[] = {0x7E, 0, 3, 0x89, id, 0, (uint8_t)(0x76 - id)};
        ck_assert(id > 1 && id != last);
        last = id;
        framing_bench_forget(&b);
        framing_bench_hear(&b, sn_bytes(status, sizeof status));
        ck_assert_ptr_nonnull(strstr(framing_bench_said(&b), "delivered"));
    }
    framing_bench_close(&b);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("framing_xbee_flight");

    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, matches_statuses_by_frame_id, 0, COUNT(statuses));
    tcase_add_test(tc, an_overdue_status_leaves_the_window);
    tcase_add_loop_test(tc, a_late_status_is_heard, 0, COUNT(late));
    tcase_add_test(tc, a_later_status_shows_that_an_earlier_one_is_lost);
    tcase_add_test(tc, many_overdue_ones_are_bounded);
    tcase_add_test(tc, a_restart_repeats_no_overdue_one);
    tcase_add_test(tc, goes_round_the_frame_ids);
    return run_case("framing_xbee_flight", tc);
}
