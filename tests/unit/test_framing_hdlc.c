/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/framing_laws.h"
#include "tests/support/run.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const struct framing_example examples[] = {
    {"7E 02 16 40 49 7E", "packet 02 16\n"},
    {"7E 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31 17 69 7E",
     "packet 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31\n"},
    {"7E 09 0C 21 00 7D 31 00 7D 33 7D 5E 7D 5D A7 53 7E", "packet 09 0C 21 00 11 00 13 7E 7D\n"},
    {"7E 05 FE 00 01 02 09 0C 21 00 7D 31 00 7D 33 C0 DB E1 D1 7E",
     "packet 05 FE 00 01 02 09 0C 21 00 11 00 13 C0 DB\n"},
};

/* The option wins over the FCS that HDLC has. */
static const struct framing_example with_xmodem[] = {
    {"7E 02 16 95 14 7E", "packet 02 16\n"},
};

static const struct framing_law laws[] = {
    {{.kind = FRAMING_HDLC, .max_packet = 255},
     examples,
     COUNT(examples),
     {"7E 02 16 40 49 7E", "packet 02 16\n"},
     false},
    {{.kind = FRAMING_HDLC, .crc = FRAMING_CRC_XMODEM, .max_packet = 255},
     with_xmodem,
     COUNT(with_xmodem),
     {"7E 02 16 95 14 7E", "packet 02 16\n"},
     false},
};

static const struct framing_odd odd[] = {
    {"7E 02 16 40 49 7E 02 16 40 49 7E", "packet 02 16\npacket 02 16\n", COUNTER(frames_in)},
    {"7E 7E 7E", "", COUNTER(frames_in)},
    {"7E 02 7D 36 7D 60 49 7E", "packet 02 16\n", COUNTER(frames_in)},    /* escaped without need */
    {"7E 03 16 7D D8 2E 93 7E", "packet 03 16 F8\n", COUNTER(frames_in)}, /* as spinel does */
    {"7E 02 16 40 7D 7E", "", COUNTER(bad_escape)},
    {"7E 02 16 40 49 7D 7E", "", COUNTER(bad_escape)},
    {"55 AA 7E", "", COUNTER(too_short)},
    {"55 AA 55 AA 55 7E", "", COUNTER(bad_crc)},
    {"7E 02 16 49 40 7E", "", COUNTER(bad_crc)},
    {"7E 03 16 98 50 7E", "", COUNTER(bad_length)},
    {"7E 02 16 00 35 B2 7E", "", COUNTER(bad_length)},
    {"7E 00 16 F0 7A 7E", "", COUNTER(bad_length)},
    {"7E 0A 23 01 F8 48 65 6C 6C 6F FF FF 7E", "", COUNTER(bad_crc)},
};

START_TEST(drops_what_is_wrong)
{
    odd_frame_is_counted(&laws[0], &odd[_i]);
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
    TCase *tc = tcase_create("framing_hdlc");

    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, drops_what_is_wrong, 0, COUNT(odd));
    tcase_add_loop_test(tc, holds_the_laws, 0, COUNT(laws));
    return run_case("framing_hdlc", tc);
}
