/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>

#include "sn/framing/patience.h"
#include "tests/support/run.h"

static void begin(struct patience *p)
{
    patience_init(p, 1000, 200, 5000);
}

static void comes(struct patience *p, unsigned times, uint64_t after_ms)
{
    while (times-- > 0)
        patience_came(p, after_ms);
}

START_TEST(knows_nothing_at_first)
{
    struct patience p;

    begin(&p);
    ck_assert_uint_eq(patience_ms(&p), 1000);
    patience_missed(&p);
    ck_assert_uint_eq(patience_ms(&p), 2000);
    patience_came(&p, 100);
    ck_assert_uint_eq(patience_ms(&p), 300); /* as RFC 6298 begins: R + 4 * R/2 */
}
END_TEST

static const struct {
    uint64_t took;
    uint32_t least, most;
} steady[] = {{0, 200, 200},      {1, 200, 200},      {30, 200, 200},          {400, 400, 420},
              {4000, 4000, 4020}, {6000, 5000, 5000}, {UINT64_MAX, 5000, 5000}};

START_TEST(settles_between_floor_and_ceiling)
{
    struct patience p;

    begin(&p);
    comes(&p, 200, steady[_i].took);
    ck_assert_uint_ge(patience_ms(&p), steady[_i].least);
    ck_assert_uint_le(patience_ms(&p), steady[_i].most);
}
END_TEST

/* One failure that took its time is no reason to be short with the next one. */
START_TEST(a_slow_word_makes_it_patient_for_a_while)
{
    struct patience p;

    begin(&p);
    comes(&p, 100, 20);
    ck_assert_uint_eq(patience_ms(&p), 200);
    patience_came(&p, 2000);
    ck_assert_uint_ge(patience_ms(&p), 2000);
    comes(&p, 40, 20);
    ck_assert_uint_eq(patience_ms(&p), 200);
}
END_TEST

START_TEST(what_strays_is_waited_for)
{
    struct patience p;

    begin(&p);
    for (int i = 0; i < 100; i++)
        patience_came(&p, i % 2 ? 500 : 100);
    ck_assert_uint_gt(patience_ms(&p), 500);
    ck_assert_uint_lt(patience_ms(&p), 1500);
}
END_TEST

START_TEST(each_one_missed_doubles_it_until_one_comes)
{
    struct patience p;

    begin(&p);
    comes(&p, 100, 10);
    for (uint32_t ms = 200; ms < 5000; ms *= 2) {
        ck_assert_uint_eq(patience_ms(&p), ms);
        patience_missed(&p);
    }
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(patience_ms(&p), 5000);
        patience_missed(&p);
    }
    patience_came(&p, 10);
    ck_assert_uint_eq(patience_ms(&p), 200);
}
END_TEST

START_TEST(the_ceiling_is_above_all)
{
    struct patience p;

    patience_init(&p, 2000, 1500, 700);
    ck_assert_uint_eq(patience_ms(&p), 700);
    comes(&p, 100, 10);
    ck_assert_uint_eq(patience_ms(&p), 700);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("patience");

    tcase_add_test(tc, knows_nothing_at_first);
    tcase_add_loop_test(tc, settles_between_floor_and_ceiling, 0,
                        (int)(sizeof steady / sizeof *steady));
    tcase_add_test(tc, a_slow_word_makes_it_patient_for_a_while);
    tcase_add_test(tc, what_strays_is_waited_for);
    tcase_add_test(tc, each_one_missed_doubles_it_until_one_comes);
    tcase_add_test(tc, the_ceiling_is_above_all);
    return run_case("patience", tc);
}
