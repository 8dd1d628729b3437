/* SPDX-License-Identifier: Apache-2.0 */
/* Stamps and what is concluded from them. */
#include "tests/support/run.h"
#include "tools/sim/flows.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const struct stamp stamps[] = {
    {1, 1, 1, 0},
    {UINT32_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX},
    {7, 10000, 123456, 98765432109},
};

START_TEST(a_stamp_survives)
{
    uint8_t payload[256];
    struct stamp read;

    for (size_t size = 0; size <= sizeof payload; size += 128) {
        size_t len = stamp_write(&stamps[_i], payload, size, sizeof payload);
        ck_assert_uint_eq(len, size == 0 ? len : size);
        ck_assert(stamp_read(&read, sn_bytes(payload, len)));
        ck_assert_uint_eq(read.run, stamps[_i].run);
        ck_assert_uint_eq(read.client, stamps[_i].client);
        ck_assert_uint_eq(read.sequence, stamps[_i].sequence);
        ck_assert_uint_eq(read.time_us, stamps[_i].time_us);
    }
}
END_TEST

START_TEST(a_stamp_reads_as_text)
{
    uint8_t payload[64];
    size_t len = stamp_write(&(struct stamp){5, 17, 42, 1234}, payload, 20, sizeof payload);

    ck_assert(sn_bytes_equal(sn_bytes(payload, len), sn_text("#5 17 42 1234 #.....")));
}
END_TEST

START_TEST(every_cut_stamp_is_refused)
{
    uint8_t payload[64];
    struct stamp read;
    size_t len = stamp_write(&stamps[2], payload, 0, sizeof payload);

    for (size_t cut = 0; cut < len; cut++)
        ck_assert(!stamp_read(&read, sn_bytes(payload, cut)));
}
END_TEST

static const char *const no_stamps[] = {"21.5",        "#",          "#1 2 3 4 5#", "#1 2 x 4 #",
                                        "# 1 2 3 4 #", "#1 2 3 4 .", "hello"};

START_TEST(other_payloads_are_no_stamps)
{
    struct stamp read;

    ck_assert(!stamp_read(&read, sn_text(no_stamps[_i])));
}
END_TEST

/* What arrives, told as sequence numbers up to 0, and what is concluded from it. */
static const struct {
    uint64_t sequence[12], distinct, duplicates, disordered, missing;
} stories[] = {
    {{1, 2, 3, 4}, 4, 0, 0, 0},  {{1, 2, 2, 3, 1}, 3, 2, 0, 0},
    {{1, 3, 2, 4}, 4, 0, 1, 0},  {{1, 4, 9}, 3, 0, 0, 6},
    {{5, 6, 7}, 3, 0, 0, 0}, /* subscribed late */
    {{5, 4, 6}, 3, 0, 1, 0},     {{1, 100, 100, 99}, 3, 1, 1, 97},
    {{1, 200, 1}, 2, 1, 0, 198}, /* older than the window */
};

START_TEST(tells_the_story)
{
    struct flows flows;

    flows_init(&flows);
    for (int i = 0; stories[_i].sequence[i] != 0; i++)
        flows_add(&flows, 1,
                  &(struct stamp){.run = 3, .client = 2, .sequence = stories[_i].sequence[i]});
    ck_assert_uint_eq(flows.distinct, stories[_i].distinct);
    ck_assert_uint_eq(flows.duplicates, stories[_i].duplicates);
    ck_assert_uint_eq(flows.disordered, stories[_i].disordered);
    ck_assert_uint_eq(flows_missing(&flows), stories[_i].missing);
    flows_fini(&flows);
}
END_TEST

START_TEST(keeps_many_flows_apart)
{
    struct flows flows;

    flows_init(&flows);
    for (uint64_t sequence = 1; sequence <= 3; sequence++)
        for (uint32_t client = 0; client < 1000; client++)
            for (uint32_t receiver = 0; receiver < 3; receiver++)
                for (uint32_t run = 0; run < 2; run++)
                    ck_assert(
                        flows_add(&flows, receiver, &(struct stamp){run, client, sequence, 0}));
    ck_assert_uint_eq(flows.distinct, 18000);
    ck_assert_uint_eq(flows.duplicates, 0);
    ck_assert_uint_eq(flows_missing(&flows), 0);
    flows_fini(&flows);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("flows");
    tcase_add_loop_test(tc, a_stamp_survives, 0, COUNT(stamps));
    tcase_add_test(tc, a_stamp_reads_as_text);
    tcase_add_test(tc, every_cut_stamp_is_refused);
    tcase_add_loop_test(tc, other_payloads_are_no_stamps, 0, COUNT(no_stamps));
    tcase_add_loop_test(tc, tells_the_story, 0, COUNT(stories));
    tcase_add_test(tc, keeps_many_flows_apart);
    return run_case("sim_flows", tc);
}
