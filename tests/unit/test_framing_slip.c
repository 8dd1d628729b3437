/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/framing_laws.h"
#include "tests/support/run.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define PLAIN                                                                                      \
    (struct framing_options)                                                                       \
    {                                                                                              \
        .kind = FRAMING_SLIP, .max_packet = 255                                                    \
    }

/* A packet and its frame, both ways. */
static const struct framing_example examples[] = {
    {"C0 02 16 C0", "packet 02 16\n"},
    {"C0 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31 C0",
     "packet 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31\n"},
    {"C0 09 0C 21 00 11 00 13 DB DC DB DD C0", "packet 09 0C 21 00 11 00 13 C0 DB\n"},
    {"C0 05 FE 00 01 02 09 0C 21 00 11 00 13 DB DC DB DD C0",
     "packet 05 FE 00 01 02 09 0C 21 00 11 00 13 C0 DB\n"},
};

/* The same with CRCs, which are those of the HDLC, COBS and Aquila examples. */
static const struct framing_example with_x25[] = {
    {"C0 02 16 40 49 C0", "packet 02 16\n"},
    {"C0 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31 17 69 C0",
     "packet 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31\n"},
    {"C0 09 0C 21 00 11 00 13 DB DC DB DD E5 33 C0", "packet 09 0C 21 00 11 00 13 C0 DB\n"},
};

static const struct framing_law laws[] = {
    {{.kind = FRAMING_SLIP, .max_packet = 255},
     examples,
     COUNT(examples),
     {"C0 02 16 C0", "packet 02 16\n"},
     true},
    {{.kind = FRAMING_SLIP, .crc = FRAMING_CRC_X25, .max_packet = 255},
     with_x25,
     COUNT(with_x25),
     {"C0 02 16 40 49 C0", "packet 02 16\n"},
     false},
};

static const struct framing_odd odd[] = {
    {"55 AA C0 02 16 C0", "packet 02 16\n", COUNTER(bad_length)},
    {"C0 02 16 C0 02 17 C0", "packet 02 16\npacket 02 17\n", COUNTER(frames_in)},
    {"02 16 C0", "packet 02 16\n", COUNTER(frames_in)},
    {"C0 C0 C0", "", COUNTER(frames_in)},
    {"C0 04 DB 16 00 C0", "", COUNTER(bad_escape)},
    {"C0 04 16 00 DB C0", "", COUNTER(bad_escape)},
    {"C0 03 16 DB DB 00 C0", "", COUNTER(bad_escape)},
    {"C0 02 C0", "", COUNTER(too_short)},
    {"C0 03 16 C0", "", COUNTER(bad_length)},
    {"C0 02 16 00 C0", "", COUNTER(bad_length)},
    {"C0 00 16 C0", "", COUNTER(bad_length)},
    {"C0 01 00 03 C0", "", COUNTER(bad_length)},
    {"C0 01 00 04 16 C0", "packet 01 00 04 16\n", COUNTER(frames_in)},
    {"C0 05 FE 00 01 02 02 16 00 C0", "", COUNTER(bad_length)},
    {"C0 05 FE 00 01 02 C0", "", COUNTER(bad_length)},
    {"C0 05 FE 00 01 02 03 16 C0", "", COUNTER(bad_length)},
    {"C0 02 FE C0", "packet 02 FE\n", COUNTER(frames_in)}, /* for the core to refuse */
};

START_TEST(drops_what_is_wrong)
{
    odd_frame_is_counted(&laws[0], &odd[_i]);
}
END_TEST

START_TEST(discards_what_is_too_long)
{
    struct framing_options options = {.kind = FRAMING_SLIP, .max_packet = 8};
    struct framing_bench b;
    const uint8_t endless[4096] = {0};

    framing_bench_open(&b, &options);
    framing_bench_hear_hex(&b, "C0 09 0C 21 00 11 00 13 78 79 C0");
    framing_bench_hear(&b, sn_bytes(endless, sizeof endless));
    framing_bench_hear_hex(&b, "C0 02 16 C0");
    framing_bench_expect(&b, "packet 02 16\n");
    ck_assert_uint_eq(framing_counters(b.framing)->too_long, 2);
    ck_assert_uint_eq(framing_encode(b.framing, 0, 1, NULL, 0, sn_bytes(endless, 9)).len, 0);
    framing_bench_expect(&b, "");
    framing_bench_close(&b);
}
END_TEST

/* No start mark, and the stump of a broken frame before: the gap tells. */
START_TEST(a_gap_may_part_frames)
{
    struct framing_bench b;

    framing_bench_open(&b, &PLAIN);
    framing_bench_hear_hex(&b, "C0 09 0C 21");
    framing_bench_pass(&b, 100);
    framing_bench_hear_hex(&b, "02 16 C0");
    framing_bench_expect(&b, "packet 02 16\n");
    ck_assert_uint_eq(framing_counters(b.framing)->cut_short, 1);

    framing_bench_hear_hex(&b, "C0 04 18");
    framing_bench_pass(&b, 100); /* but it need not */
    framing_bench_hear_hex(&b, "00 01 C0");
    framing_bench_expect(&b, "packet 04 18 00 01\n");
    ck_assert_uint_eq(framing_counters(b.framing)->cut_short, 1);
    framing_bench_close(&b);
}
END_TEST

/* A pause before what looks like a message for another node is still inside the one frame. */
START_TEST(the_whole_goes_before_its_end)
{
    struct framing_bench b;

    framing_bench_open(&b, &PLAIN);
    framing_bench_hear_hex(&b, "C0 09 0C 20 00 01 00 02");
    framing_bench_pass(&b, 100);
    framing_bench_hear_hex(&b, "02 16 C0");
    framing_bench_expect(&b, "packet 09 0C 20 00 01 00 02 02 16\n");
    ck_assert_uint_eq(framing_counters(b.framing)->cut_short, 0);
    framing_bench_close(&b);
}
END_TEST

START_TEST(holds_the_laws)
{
    law_both_ways(&laws[_i]);
    law_prefix_then_silence(&laws[_i]);
    law_any_pieces(&laws[_i]);
    law_flipped_bit(&laws[_i]);
    law_noise(&laws[_i]);
    law_random_octets(&laws[_i]);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("framing_slip");

    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, drops_what_is_wrong, 0, COUNT(odd));
    tcase_add_test(tc, discards_what_is_too_long);
    tcase_add_test(tc, a_gap_may_part_frames);
    tcase_add_test(tc, the_whole_goes_before_its_end);
    tcase_add_loop_test(tc, holds_the_laws, 0, COUNT(laws));
    return run_case("framing_slip", tc);
}
