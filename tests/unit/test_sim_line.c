/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/run.h"
#include "tools/sim/chance.h"
#include "tools/sim/line.h"

#define BEGIN 1000000

/* 115200 baud are 11520 octets per second: one in 86.8 microseconds. */
START_TEST(octets_pass_at_the_pace_of_the_line)
{
    struct line line = {.baud = 115200};

    ck_assert_uint_eq(line_passed(&line, BEGIN), 0);
    ck_assert_uint_eq(line_due(&line), NODE_NEVER);
    line_begin(&line, BEGIN);
    ck_assert_uint_eq(line_passed(&line, BEGIN + 86), 0);
    ck_assert_uint_eq(line_passed(&line, BEGIN + 87), 1);
    ck_assert_uint_eq(line_due(&line), BEGIN + 87);
    ck_assert_uint_eq(line_passed(&line, BEGIN + 10000), 115);
    line_take(&line, BEGIN + 10000, 115, true);
    ck_assert_uint_eq(line_passed(&line, BEGIN + 10000), 0);
    line_begin(&line, BEGIN + 15000); /* more came; the line was busy all along */
    ck_assert_uint_eq(line_passed(&line, BEGIN + 20000), 115);
    line_take(&line, BEGIN + 20000, 115, false);
    line_begin(&line, BEGIN + 500000); /* an idle line saves nothing up */
    ck_assert_uint_eq(line_passed(&line, BEGIN + 500000), 0);
}
END_TEST

/* Whatever the rhythm of those who ask, a second carries no more than a second's octets. */
START_TEST(no_more_than_the_pace_in_the_long_run)
{
    struct line line = {.baud = 9600};
    size_t taken = 0;

    line_begin(&line, BEGIN);
    for (usec_t now = BEGIN; now <= BEGIN + 1000000; now += 700 + now % 13 * 300) {
        size_t passed = line_passed(&line, now);
        line_take(&line, now, passed, true);
        taken += passed;
    }
    ck_assert_uint_le(taken, 961);
    ck_assert_uint_ge(taken, 940);
}
END_TEST

START_TEST(without_a_pace_all_passes_at_once)
{
    struct line line = {0};

    line_begin(&line, BEGIN);
    ck_assert_uint_eq(line_passed(&line, BEGIN), SIZE_MAX);
    ck_assert_uint_le(line_due(&line), BEGIN);
    line_take(&line, BEGIN, 4000, false);
    ck_assert_uint_eq(line_passed(&line, BEGIN), 0);
}
END_TEST

START_TEST(noise_flips_loses_and_inserts)
{
    static uint8_t octets[100000], heard[2 * sizeof octets];
    uint64_t random = chance_seed(3);
    struct line line = {.noise = 0.001, .random = &random};
    size_t lost = 0, inserted = 0, flipped = 0;

    for (size_t i = 0; i < sizeof octets; i++) {
        uint64_t before = line.spoilt;
        size_t len = line_spoil(&line, sn_bytes(octets + i, 1), heard);
        if (line.spoilt == before) {
            ck_assert(len == 1 && heard[0] == 0);
            continue;
        }
        lost += len == 0;
        inserted += len == 2;
        flipped += len == 1 && (heard[0] & (heard[0] - 1)) == 0 && heard[0] != 0;
    }
    ck_assert_uint_eq(lost + inserted + flipped, line.spoilt);
    ck_assert(line.spoilt > 60 && line.spoilt < 140);
    ck_assert(lost > 10 && inserted > 10 && flipped > 10);

    line.noise = 0;
    ck_assert_uint_eq(line_spoil(&line, sn_bytes(octets, sizeof octets), heard), sizeof octets);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("sim_line");

    tcase_add_test(tc, octets_pass_at_the_pace_of_the_line);
    tcase_add_test(tc, no_more_than_the_pace_in_the_long_run);
    tcase_add_test(tc, without_a_pace_all_passes_at_once);
    tcase_add_test(tc, noise_flips_loses_and_inserts);
    return run_case("sim_line", tc);
}
