/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/throttle.h"

#include "tests/support/run.h"

START_TEST(once_per_pause)
{
    struct throttle t;

    ck_assert(throttle_init(&t, 16));
    ck_assert(throttle_pass(&t, 77, 1000, 100));
    ck_assert(!throttle_pass(&t, 77, 1000, 100));
    ck_assert(!throttle_pass(&t, 77, 1099, 100));
    ck_assert(throttle_pass(&t, 77, 1100, 100));
    throttle_fini(&t);
}
END_TEST

/* Many senders at once: none is answered twice in a pause, and nobody gets in after the table is
 * full, but after the pause everything is as before. */
START_TEST(never_too_often_however_many)
{
    struct throttle t;
    unsigned answered = 0, again = 0, later = 0;

    ck_assert(throttle_init(&t, 64));
    for (uint64_t who = 1; who <= 5000; who++)
        answered += throttle_pass(&t, who * 0x9E3779B97F4A7C15, 1000, 100);
    for (uint64_t who = 1; who <= 5000; who++)
        again += throttle_pass(&t, who * 0x9E3779B97F4A7C15, 1050, 100);
    ck_assert_uint_gt(answered, 32);
    ck_assert_uint_le(answered, 64);
    ck_assert_uint_le(answered + again, 64);
    for (uint64_t who = 1; who <= 5000; who++)
        later += throttle_pass(&t, who * 0x9E3779B97F4A7C15, 2000, 100);
    ck_assert_uint_gt(later, 32);
    throttle_fini(&t);
}
END_TEST

START_TEST(the_size_is_rounded_up)
{
    struct throttle t;

    ck_assert(throttle_init(&t, 100));
    ck_assert_uint_eq(t.count, 128);
    throttle_fini(&t);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("throttle");

    tcase_add_test(tc, once_per_pause);
    tcase_add_test(tc, never_too_often_however_many);
    tcase_add_test(tc, the_size_is_rounded_up);
    return run_case("throttle", tc);
}
