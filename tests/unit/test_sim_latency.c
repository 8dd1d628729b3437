/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/run.h"
#include "tools/sim/latency.h"

static struct latency l; /* too large for a stack */

START_TEST(empty_is_zero)
{
    ck_assert_uint_eq(latency_percentile(&l, 50), 0);
    ck_assert_uint_eq(latency_percentile(&l, 100), 0);
}
END_TEST

START_TEST(small_values_are_exact)
{
    for (uint64_t us = 1; us <= 50; us++)
        latency_add(&l, us);
    ck_assert_uint_eq(latency_percentile(&l, 50), 25);
    ck_assert_uint_eq(latency_percentile(&l, 90), 45);
    ck_assert_uint_eq(latency_percentile(&l, 100), 50);
    ck_assert_uint_eq(l.count, 50);
    ck_assert_uint_eq(l.sum, 1275);
}
END_TEST

/* One value alone is every percentile, and never told as more than it is. */
START_TEST(one_value_within_precision)
{
    static const uint64_t values[] = {0, 1, 63, 64, 65, 127, 128, 1000, 44000, 999999, 3600000000};

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        l = (struct latency){0};
        latency_add(&l, values[i]);
        uint64_t told = latency_percentile(&l, 99);
        ck_assert_uint_le(told, values[i]);
        ck_assert_uint_le(values[i] - told, values[i] / 60);
        ck_assert_uint_eq(l.greatest, values[i]);
    }
}
END_TEST

START_TEST(the_tail_shows)
{
    for (int i = 0; i < 980; i++)
        latency_add(&l, 100);
    for (int i = 0; i < 20; i++)
        latency_add(&l, 44000);
    ck_assert_uint_le(latency_percentile(&l, 98), 100);
    ck_assert_uint_ge(latency_percentile(&l, 99), 43000);
}
END_TEST

START_TEST(beyond_the_table_counts_too)
{
    latency_add(&l, UINT64_MAX);
    latency_add(&l, 5);
    ck_assert_uint_eq(l.count, 2);
    ck_assert_uint_eq(latency_percentile(&l, 100), UINT64_MAX);
    ck_assert_uint_eq(latency_percentile(&l, 50), 5);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("latency");
    tcase_add_test(tc, empty_is_zero);
    tcase_add_test(tc, small_values_are_exact);
    tcase_add_test(tc, one_value_within_precision);
    tcase_add_test(tc, the_tail_shows);
    tcase_add_test(tc, beyond_the_table_counts_too);
    return run_case("sim_latency", tc);
}
