/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/framing_laws.h"
#include "tests/support/run.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const struct framing_example examples[] = {
    {"03 02 16 00", "packet 02 16\n"},
    {"05 0D 04 04 01 09 3C 73 65 6E 73 6F 72 31 00",
     "packet 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31\n"},
};

static const struct framing_example with_x25[] = {
    {"05 02 16 40 49 00", "packet 02 16\n"},
    {"05 0D 04 04 01 0B 3C 73 65 6E 73 6F 72 31 17 69 00",
     "packet 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31\n"},
    {"04 09 0C 21 02 11 06 13 C0 DB E5 33 00", "packet 09 0C 21 00 11 00 13 C0 DB\n"},
};

static const struct framing_law laws[] = {
    {{.kind = FRAMING_COBS, .max_packet = 255},
     examples,
     COUNT(examples),
     {"03 02 16 00", "packet 02 16\n"},
     true},
    {{.kind = FRAMING_COBS, .crc = FRAMING_CRC_X25, .max_packet = 255},
     with_x25,
     COUNT(with_x25),
     {"05 02 16 40 49 00", "packet 02 16\n"},
     false},
};

static const struct framing_odd odd[] = {
    {"00 00 00", "", COUNTER(frames_in)},
    {"00 03 02 16 00 03 02 16 00", "packet 02 16\npacket 02 16\n", COUNTER(frames_in)},
    {"05 02 16 00", "", COUNTER(bad_escape)},
    {"FF 02 16 00", "", COUNTER(bad_escape)},
    {"02 02 00", "", COUNTER(too_short)},
    {"01 01 00", "", COUNTER(too_short)},
    {"02 02 02 16 00", "", COUNTER(bad_length)},
    {"03 03 16 00", "", COUNTER(bad_length)},
    {"04 02 16 17 00", "", COUNTER(bad_length)},
    {"01 02 16 00", "", COUNTER(bad_length)},
};

START_TEST(drops_what_is_wrong)
{
    odd_frame_is_counted(&laws[0], &odd[_i]);
}
END_TEST

/* Blocks of 254 octets need no zero behind them; a sender may add an empty block. */
START_TEST(full_blocks)
{
    struct framing_options options = {.kind = FRAMING_COBS, .max_packet = 1024};
    uint8_t packet[1024], wire[1100];

    for (size_t len = 250; len <= sizeof packet; len++) {
        struct framing_bench b, twin;
        memset(packet, 0x16, sizeof packet);
        packet[0] = 1;
        packet[1] = (uint8_t)(len >> 8);
        packet[2] = (uint8_t)len;
        packet[len / 2] = (uint8_t)(len % 3); /* a zero at times */
        framing_bench_open(&b, &options);
        framing_bench_open(&twin, &options);
        struct sn_bytes got = framing_encode(b.framing, 0, 1, NULL, 0, sn_bytes(packet, len));
        ck_assert_uint_le(got.len, len + len / 254 + 2);
        ck_assert_ptr_eq(memchr(got.data, 0, got.len), got.data + got.len - 1);
        framing_bench_hear(&twin, got);
        memcpy(wire, got.data, got.len);
        if (got.len >= 256 && wire[got.len - 256] == 0xFF) { /* the last block is full */
            memcpy(wire + got.len - 1, "\x01", 2);
            framing_bench_hear(&twin, sn_bytes(wire, got.len + 1));
        } else {
            framing_bench_hear(&twin, got);
        }
        char *text = hex_text(sn_bytes(packet, len)), *said = calloc(2, strlen(text) + 9);
        ck_assert_ptr_nonnull(said);
        text[strlen(text) - 1] = '\0';
        sprintf(said, "packet %s\npacket %s\n", text, text);
        framing_bench_expect(&twin, said);
        free(text);
        free(said);
        framing_bench_close(&b);
        framing_bench_close(&twin);
    }
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
    TCase *tc = tcase_create("framing_cobs");

    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, drops_what_is_wrong, 0, COUNT(odd));
    tcase_add_test(tc, full_blocks);
    tcase_add_loop_test(tc, holds_the_laws, 0, COUNT(laws));
    return run_case("framing_cobs", tc);
}
