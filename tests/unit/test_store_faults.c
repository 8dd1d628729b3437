/* SPDX-License-Identifier: Apache-2.0 */
/* What the disk does to the store. What the power cuts here prove, and what not, stands in
 * tests/support/faulty_disk.h. */
#include "gateway/store.h"

#include <sqlite3.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/clock.h"
#include "tests/support/faulty_disk.h"
#include "tests/support/run.h"
#include "tests/support/store_bench.h"

#define MESSAGES "SELECT count(*) FROM message"

static void up(void)
{
    bench_up();
    faulty_disk_install();
}

static void commit_three_and_die_in_the_fourth(void)
{
    bench_open();
    for (uint64_t i = 1; i <= 3; i++) {
        record(message(1, i));
        ck_assert(commit());
    }
    for (uint64_t i = 4; i <= 2000; i++)
        record(message(1, i));
    faulty_disk.writes_to_live = 4;
    commit();
    ck_abort_msg("lived");
}

/* As kill -9 in the middle of a transaction: the process ends inside SQLite's write. */
START_TEST(a_crash_takes_the_turn_and_nothing_before_it)
{
    bench_in_another_process(commit_three_and_die_in_the_fourth);
    bench_open();
    ck_assert_int_eq(bench_query(MESSAGES), 3);
}
END_TEST

static void record_and_die(void)
{
    bench_open();
    record(message(1, 1));
    ck_assert(commit());
    record(message(1, 2));
}

START_TEST(what_was_not_committed_is_not_there)
{
    bench_in_another_process(record_and_die);
    bench_open();
    ck_assert_int_eq(bench_query(MESSAGES), 1);
}
END_TEST

static void commit_many_and_lose_power(void)
{
    bench_open();
    for (uint64_t i = 1; i <= 300; i++) {
        record(message((uint32_t)(i % 20), i));
        ck_assert(commit());
    }
    faulty_disk_cut_power();
}

START_TEST(full_survives_a_power_cut)
{
    store_config.store.sync = SYNC_FULL;
    bench_in_another_process(commit_many_and_lose_power);
    bench_open();
    ck_assert_int_eq(bench_query(MESSAGES), 300);
}
END_TEST

static uint64_t *acknowledged; /* shared with the process that loses power */

static void commit_until_the_power_goes(void)
{
    bench_open();
    for (uint64_t i = 1; i <= 1000; i++) {
        record(message(1, i));
        if (commit())
            *acknowledged = i;
    }
    ck_abort_msg("the power stayed");
}

/* In the middle of a commit or of a checkpoint, too. The commit that it hits may be there or not:
 * nobody has been told. */
START_TEST(full_survives_a_power_cut_at_any_moment)
{
    acknowledged =
        mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(acknowledged != MAP_FAILED);
    store_config.store.sync = SYNC_FULL;
    faulty_disk.power_goes = true;
    faulty_disk.writes_to_live = 40 + _i * 277;
    bench_in_another_process(commit_until_the_power_goes);
    faulty_disk = (struct faulty_disk){0};
    bench_open();
    ck_assert_int_ge(bench_query(MESSAGES), (int64_t)*acknowledged);
    ck_assert_int_le(bench_query(MESSAGES), (int64_t)*acknowledged + 1);
    munmap(acknowledged, sizeof *acknowledged);
}
END_TEST

/* The same with normal: consistent, but not all of it. This is what the difference buys. */
START_TEST(normal_may_lose_the_last_commits_to_a_power_cut)
{
    bench_in_another_process(commit_many_and_lose_power);
    bench_open();
    ck_assert_int_lt(bench_query(MESSAGES), 300);
    record(message(1, 1));
    ck_assert(commit());
}
END_TEST

static void commit_and_be_killed(void)
{
    bench_open();
    for (uint64_t i = 1; i <= 300; i++) {
        record(message((uint32_t)(i % 20), i));
        ck_assert(commit());
    }
}

START_TEST(normal_survives_kill)
{
    bench_in_another_process(commit_and_be_killed);
    bench_open();
    ck_assert_int_eq(bench_query(MESSAGES), 300);
}
END_TEST

/* Each commit syncs once with full, and none without a checkpoint with normal. */
START_TEST(normal_does_not_sync_each_commit)
{
    bench_open();
    record(message(1, 1));
    ck_assert(commit());
    unsigned before = faulty_disk.syncs;
    for (uint64_t i = 1; i <= 50; i++) {
        record(message(1, i));
        ck_assert(commit());
    }
    ck_assert_uint_eq(faulty_disk.syncs, before);
    ck_assert_uint_ge(store_counters(store)->octets, 50 * 1024);
}
END_TEST

START_TEST(an_idle_store_does_not_touch_the_disk)
{
    bench_open();
    record(message(1, 1));
    ck_assert(commit());
    unsigned writes = faulty_disk.writes, syncs = faulty_disk.syncs;
    for (int i = 0; i < 1000; i++)
        ck_assert(commit());
    ck_assert_uint_eq(faulty_disk.writes, writes);
    ck_assert_uint_eq(faulty_disk.syncs, syncs);
}
END_TEST

static const int errors[] = {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_READONLY};

START_TEST(what_the_disk_refuses_is_written_when_it_takes_it_again)
{
    uint64_t now = clock_now();

    bench_open();
    record(message(1, 1));
    ck_assert(store_commit(store, now));
    faulty_disk.write_error = errors[_i];
    record(message(1, 2));
    ck_assert(!store_commit(store, now));
    ck_assert(store_failing(store));
    record(message(1, 3));
    ck_assert(!store_commit(store, now + 1000));
    faulty_disk.write_error = 0;
    ck_assert_uint_eq(store_due(store), now + 2000);
    ck_assert(!store_commit(store, now + 1999)); /* not each turn */
    ck_assert(store_commit(store, now + 2000));
    ck_assert(!store_failing(store));
    ck_assert_uint_eq(store_due(store), UINT64_MAX);
    ck_assert_int_eq(bench_query(MESSAGES), 3);
    ck_assert_uint_eq(store_counters(store)->failures, 2);
}
END_TEST

START_TEST(a_sync_that_fails_commits_nothing)
{
    uint64_t now = clock_now();

    store_config.store.sync = SYNC_FULL;
    bench_open();
    record(message(1, 1));
    faulty_disk.sync_error = SQLITE_IOERR_FSYNC;
    ck_assert(!store_commit(store, now));
    faulty_disk.sync_error = 0;
    ck_assert(store_commit(store, now + 1000));
    ck_assert_int_eq(bench_query(MESSAGES), 1);
}
END_TEST

/* A restart while the disk is full finds what was there, and not what could not be written. */
static void fail_and_die(void)
{
    bench_open();
    record(message(1, 1));
    ck_assert(commit());
    record(message(1, 2));
    faulty_disk.write_error = SQLITE_FULL;
    ck_assert(!commit());
}

START_TEST(dying_while_the_disk_is_full_leaves_the_last_commit)
{
    bench_in_another_process(fail_and_die);
    bench_open();
    ck_assert_int_eq(bench_query(MESSAGES), 1);
}
END_TEST

START_TEST(a_file_that_turns_out_damaged_is_given_up)
{
    bench_open();
    record(message(1, 1));
    faulty_disk.write_error = SQLITE_CORRUPT;
    ck_assert(!commit());
    ck_assert(store_lost(store));
    ck_assert(store_failing(store));
    ck_assert_uint_eq(store_due(store), UINT64_MAX);
    ck_assert(!store_close(store));
    faulty_disk.write_error = 0;
    bench_open(); /* anew */
    ck_assert_int_eq(bench_query(MESSAGES), 0);
}
END_TEST

START_TEST(what_waits_for_the_disk_is_bounded)
{
    static uint8_t payload[60000];
    uint64_t i = 0;

    bench_open();
    record(message(1, i++));
    faulty_disk.write_error = SQLITE_FULL;
    ck_assert(!commit());
    while (!store_lost(store) && i < 1000)
        record(MESSAGE(1, .sequence = i++, .payload = sn_bytes(payload, sizeof payload)));
    ck_assert_uint_gt(i * sizeof payload, STORE_WAITING_MAX - sizeof payload);
    ck_assert(store_lost(store));
    faulty_disk.write_error = 0;
    ck_assert(!commit()); /* what did not fit is missing: nothing may be acknowledged any more */
}
END_TEST

START_TEST(a_slow_disk_is_noticed)
{
    store_config.store.sync = SYNC_FULL;
    bench_open();
    faulty_disk.sync_ms = 60;
    record(message(1, 1));
    ck_assert(commit());
    ck_assert_uint_ge(store_counters(store)->last_commit_ms, 60);
    ck_assert_uint_ge(store_counters(store)->slowest_commit_ms, 60);
}
END_TEST

/* Somebody has opened the file with sqlite3 and begun to write. */
START_TEST(another_writer_holds_it_up_and_no_more)
{
    uint64_t now = clock_now();
    sqlite3 *other;

    bench_open();
    ck_assert_int_eq(sqlite3_open(store_path, &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    record(message(1, 1));
    ck_assert(!store_commit(store, now));
    sqlite3_close(other);
    ck_assert(store_commit(store, now + 1000));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("store_faults");

    tcase_add_checked_fixture(tc, up, bench_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_crash_takes_the_turn_and_nothing_before_it);
    tcase_add_test(tc, what_was_not_committed_is_not_there);
    tcase_add_test(tc, full_survives_a_power_cut);
    tcase_add_loop_test(tc, full_survives_a_power_cut_at_any_moment, 0, 9);
    tcase_add_test(tc, normal_may_lose_the_last_commits_to_a_power_cut);
    tcase_add_test(tc, normal_survives_kill);
    tcase_add_test(tc, normal_does_not_sync_each_commit);
    tcase_add_test(tc, an_idle_store_does_not_touch_the_disk);
    tcase_add_loop_test(tc, what_the_disk_refuses_is_written_when_it_takes_it_again, 0,
                        sizeof errors / sizeof *errors);
    tcase_add_test(tc, a_sync_that_fails_commits_nothing);
    tcase_add_test(tc, dying_while_the_disk_is_full_leaves_the_last_commit);
    tcase_add_test(tc, a_file_that_turns_out_damaged_is_given_up);
    tcase_add_test(tc, what_waits_for_the_disk_is_bounded);
    tcase_add_test(tc, a_slow_disk_is_noticed);
    tcase_add_test(tc, another_writer_holds_it_up_and_no_more);
    return run_case("store_faults", tc);
}
