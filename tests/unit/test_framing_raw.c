/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/framing_laws.h"
#include "tests/support/run.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const struct framing_example examples[] = {
    {"02 16", "packet 02 16\n"},
    {"0D 04 04 01 00 3C 73 65 6E 73 6F 72 31", "packet 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31\n"},
    {"09 0C 21 00 11 00 13 7E 7D", "packet 09 0C 21 00 11 00 13 7E 7D\n"},
    {"05 FE 00 01 02 09 0C 21 00 11 00 13 C0 DB",
     "packet 05 FE 00 01 02 09 0C 21 00 11 00 13 C0 DB\n"},
    {"03 FE 00 02 16", "packet 03 FE 00 02 16\n"}, /* no node id at all */
};

static const struct framing_example with_x25[] = {
    {"02 16 40 49", "packet 02 16\n"},
    {"0D 04 04 01 00 3C 73 65 6E 73 6F 72 31 17 69",
     "packet 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31\n"},
    {"09 0C 21 00 11 00 13 7E 7D A7 53", "packet 09 0C 21 00 11 00 13 7E 7D\n"},
    {"05 FE 00 01 02 09 0C 21 00 11 00 13 C0 DB E1 D1",
     "packet 05 FE 00 01 02 09 0C 21 00 11 00 13 C0 DB\n"},
};

static const struct framing_law laws[] = {
    {{.kind = FRAMING_RAW, .max_packet = 255},
     examples,
     COUNT(examples),
     {"02 16", "packet 02 16\n"},
     true},
    {{.kind = FRAMING_RAW, .crc = FRAMING_CRC_X25, .max_packet = 255},
     with_x25,
     COUNT(with_x25),
     {"02 16 40 49", "packet 02 16\n"},
     false},
};

static const struct framing_odd odd[] = {
    {"02 16 09 0C 21 00 11 00 13 7E 7D", "packet 02 16\npacket 09 0C 21 00 11 00 13 7E 7D\n",
     COUNTER(frames_in)},
    {"00 00 02 16", "packet 02 16\n", COUNTER(skipped_octets)},
    {"55 AA FF AA 00 02 16", "packet 02 16\n", COUNTER(skipped_octets)},
    {"01 00 04 17 02 16", "packet 01 00 04 17\npacket 02 16\n", COUNTER(frames_in)},
    {"01 00 03 FF FF 00 02 16", "packet 02 16\n", COUNTER(skipped_octets)},
    {"02 03 FF FF 00 02 16", "packet 02 16\n", COUNTER(skipped_octets)}, /* a reserved type */
    {"06 0D FF FF FF 00 02 16", "packet 02 16\n",
     COUNTER(skipped_octets)}, /* PUBACK has seven octets */
    {"05 18 FF FF 00 02 16", "packet 02 16\n", COUNTER(skipped_octets)},
    {"06 0C FF FF FF 00 02 16", "packet 02 16\n", COUNTER(skipped_octets)},
    {"04 18 00 01 02 18", "packet 04 18 00 01\npacket 02 18\n", COUNTER(frames_in)},
    {"01 02 00 0C FF FF 00 02 16", "packet 02 16\n", COUNTER(too_long)},
    {"01 00 40 FE FF FF 00 02 16", "packet 02 16\n", COUNTER(skipped_octets)},
    {"04 FE 00 05 04 FE 00 06 02 16", "packet 04 FE 00 06 02 16\n", COUNTER(skipped_octets)},
    {"02 FE FF 00 02 16", "packet 02 16\n", COUNTER(skipped_octets)},
    {"14 FE FF 00 02 16", "packet 02 16\n", COUNTER(skipped_octets)},
    {"04 FE FF FF 03 03 FF 00 02 16", "packet 02 16\n", COUNTER(skipped_octets)},
};

START_TEST(drops_what_is_wrong)
{
    odd_frame_is_counted(&laws[0], &odd[_i]);
}
END_TEST

/* njh's bridge lost the next message too. */
START_TEST(gives_up_one_octet_at_a_silence)
{
    struct framing_options options = {.kind = FRAMING_RAW, .max_packet = 255, .byte_gap_ms = 80};
    struct framing_bench b;

    framing_bench_open(&b, &options);
    ck_assert_uint_eq(framing_deadline(b.framing), UINT64_MAX);
    framing_bench_hear_hex(&b, "0D 04 04 01");
    ck_assert_uint_eq(framing_deadline(b.framing), b.now + 80);
    framing_bench_pass(&b, 79);
    framing_bench_hear_hex(&b, "00 3C 73 65 6E 73 6F 72 31"); /* late, but not too late */
    framing_bench_expect(&b, "packet 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31\n");

    framing_bench_hear_hex(&b, "0D 02 16 07 0D 00 11 00 13 00 09");
    framing_bench_expect(&b, "");
    framing_bench_pass(&b, 80);
    framing_bench_expect(&b, "packet 02 16\npacket 07 0D 00 11 00 13 00\n");
    ck_assert_uint_eq(framing_counters(b.framing)->cut_short, 1);
    ck_assert_uint_eq(framing_counters(b.framing)->skipped_octets, 2);
    framing_bench_close(&b);
}
END_TEST

START_TEST(keeps_to_max_packet)
{
    struct framing_options options = {.kind = FRAMING_RAW, .max_packet = 309};
    struct framing_bench b;
    uint8_t publish[517] = {0x01, 0x01, 0x35, 0x0C, 0x21, 0x00, 0x11, 0x00, 0x14};

    framing_bench_open(&b, &options);
    for (size_t step = 1; step <= 309; step += 77) {
        framing_bench_hear_slowly(&b, sn_bytes(publish, 309), step);
        ck_assert_uint_eq(b.packets, 1);
        framing_bench_forget(&b);
    }
    struct sn_bytes same = framing_encode(b.framing, 0, 1, NULL, 0, sn_bytes(publish, 309));
    ck_assert_uint_eq(same.len, 309);
    ck_assert_mem_eq(same.data, publish, 309);
    publish[1] = 0x02; /* 517 octets, of a kind that no false start is in */
    publish[2] = 0x05;
    memset(publish + 5, 0xFF, sizeof publish - 5);
    ck_assert_uint_eq(framing_encode(b.framing, 0, 1, NULL, 0, sn_bytes(publish, 517)).len, 0);
    framing_bench_hear(&b, sn_bytes(publish, 517));
    framing_bench_expect(&b, "sent 1 delivered\n");
    ck_assert_uint_eq(framing_counters(b.framing)->too_long, 1);
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
    TCase *tc = tcase_create("framing_raw");

    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, drops_what_is_wrong, 0, COUNT(odd));
    tcase_add_test(tc, gives_up_one_octet_at_a_silence);
    tcase_add_test(tc, keeps_to_max_packet);
    tcase_add_loop_test(tc, holds_the_laws, 0, COUNT(laws));
    return run_case("framing_raw", tc);
}
