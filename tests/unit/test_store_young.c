/* SPDX-License-Identifier: Apache-2.0 */
/* What is acknowledged soon is never written, and while it is not, its connection is held. */
#include <check.h>
#include <stdio.h>

#include "gateway/clock.h"
#include "tests/support/run.h"
#include "tests/support/store_bench.h"

static char told[256];

static void hold(void *self, uint32_t session, bool on)
{
    (void)self;
    snprintf(told + strlen(told), sizeof told - strlen(told), "%c%u ", on ? '+' : '-', session);
}

static struct record soon(uint32_t session, uint64_t sequence)
{
    struct record r = message(session, sequence);

    r.message.soon = true;
    return r;
}

static struct record gone(uint32_t session, uint64_t sequence)
{
    struct record r = GONE(MESSAGE_GONE, session);

    r.message.sequence = sequence;
    return r;
}

static void begin(void)
{
    told[0] = '\0';
    store_config.store.commit_window_ms = 20;
    bench_open();
    store_may_wait(store, hold, NULL);
}

START_TEST(what_is_acknowledged_in_time_is_never_written)
{
    begin();
    record(soon(1, 5));
    record(soon(1, 6));
    ck_assert(commit());
    record(gone(1, 5));
    ck_assert_str_eq(told, "+1 ");
    record(gone(1, 6));
    ck_assert_str_eq(told, "+1 -1 ");
    ck_assert(commit());
    ck_assert_uint_eq(store_counters(store)->commits, 0);
    ck_assert_uint_eq(store_counters(store)->spared, 2);
    ck_assert_uint_eq(store_due(store), UINT64_MAX);
    ck_assert_str_eq(bench_reopened(), "");
}
END_TEST

START_TEST(what_is_not_is_written_at_the_end_of_the_window)
{
    char expected[512] = "";
    struct record r = soon(1, 5);

    begin();
    record(r);
    ck_assert(commit());
    uint64_t due = store_due(store);
    ck_assert_uint_le(due, clock_now() + 20);
    ck_assert(store_commit(store, due - 1));
    ck_assert_str_eq(told, "+1 ");
    ck_assert_uint_eq(store_counters(store)->commits, 0);
    ck_assert(store_commit(store, due));
    ck_assert_str_eq(told, "+1 -1 ");
    ck_assert_uint_eq(store_counters(store)->commits, 1);
    bench_write(expected, &r);
    ck_assert_str_eq(bench_reopened(), expected);
}
END_TEST

/* A later acknowledgement takes it off the disk again. */
START_TEST(it_may_be_acknowledged_after_the_window)
{
    begin();
    record(soon(1, 5));
    ck_assert(store_commit(store, store_due(store)));
    record(gone(1, 5));
    ck_assert(commit());
    ck_assert_uint_eq(store_counters(store)->spared, 0);
    ck_assert_str_eq(bench_reopened(), "");
}
END_TEST

START_TEST(other_records_do_not_wait)
{
    char expected[512] = "";
    struct record topic = TOPIC(1, .topic_id = 1, .name = sn_text("a"));

    begin();
    record(soon(1, 5));
    record(topic);
    record(message(2, 6)); /* its client sleeps */
    ck_assert(commit());
    ck_assert_uint_eq(store_counters(store)->records, 2);
    record(gone(1, 5));
    bench_write(expected, &topic);
    struct record asleep = message(2, 6);
    bench_write(expected + strlen(expected), &asleep);
    ck_assert_str_eq(bench_reopened(), expected);
}
END_TEST

START_TEST(they_go_with_their_session)
{
    begin();
    record(soon(1, 5));
    record(soon(2, 6));
    record(_i ? GONE(SESSION_GONE, 1) : GONE(SESSION_WIPED, 1));
    ck_assert_str_eq(told, "+1 +2 -1 ");
    record(gone(2, 6));
    ck_assert(commit());
    ck_assert_str_eq(bench_reopened(), "");
}
END_TEST

/* Before its connection is closed or replaced: then it cannot be held any more. */
START_TEST(a_session_may_be_hurried)
{
    begin();
    record(soon(1, 5));
    record(soon(2, 6));
    store_hurry(store, _i ? 0 : 1);
    ck_assert_str_eq(told, _i ? "+1 +2 -1 -2 " : "+1 +2 -1 ");
    ck_assert(commit());
    ck_assert_uint_eq(store_counters(store)->records, _i ? 2 : 1);
}
END_TEST

START_TEST(leaving_writes_them)
{
    char expected[512] = "";
    struct record r = soon(1, 5);

    begin();
    record(r);
    bench_write(expected, &r);
    ck_assert_str_eq(bench_reopened(), expected);
}
END_TEST

START_TEST(without_a_window_nothing_waits)
{
    begin();
    store_config.store.commit_window_ms = 0;
    record(soon(1, 5));
    ck_assert_str_eq(told, "");
    ck_assert(commit());
    ck_assert_uint_eq(store_counters(store)->records, 1);
}
END_TEST

/* Many at once, acknowledged in another order. */
START_TEST(many)
{
    begin();
    for (uint64_t i = 1; i <= 5000; i++)
        record(soon((uint32_t)(i % 100 + 1), i));
    for (uint64_t i = 5000; i >= 1; i--)
        record(gone((uint32_t)(i % 100 + 1), i));
    ck_assert(commit());
    ck_assert_uint_eq(store_counters(store)->spared, 5000);
    ck_assert_uint_eq(store_counters(store)->commits, 0);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("store_young");

    tcase_add_checked_fixture(tc, bench_up, bench_down);
    tcase_add_test(tc, what_is_acknowledged_in_time_is_never_written);
    tcase_add_test(tc, what_is_not_is_written_at_the_end_of_the_window);
    tcase_add_test(tc, it_may_be_acknowledged_after_the_window);
    tcase_add_test(tc, other_records_do_not_wait);
    tcase_add_loop_test(tc, they_go_with_their_session, 0, 2);
    tcase_add_loop_test(tc, a_session_may_be_hurried, 0, 2);
    tcase_add_test(tc, leaving_writes_them);
    tcase_add_test(tc, without_a_window_nothing_waits);
    tcase_add_test(tc, many);
    return run_case("store_young", tc);
}
