/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/run.h"
#include "tests/unit/xbee_examples.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define RECEIVED     COUNT(xbee_received)
#define ASK_AP       "7E 00 04 08 01 41 50 65"
#define ASK_NP       "7E 00 04 08 02 4E 50 57"
#define AP_IS_2      "7E 00 06 88 01 41 50 00 02 E3"
#define AP_IS_1      "7E 00 06 88 01 41 50 00 01 E4"
#define NP_IS_84     "7E 00 07 88 02 4E 50 00 00 54 83"
#define NP_UNKNOWN   "7E 00 05 88 02 4E 50 01 D6"
#define RESET        "7E 00 02 8A 00 75"
#define WATCHDOG     "7E 00 02 8A 01 74"

static struct framing_example examples[2][RECEIVED];

/* The examples in API mode 1 (which = 0) or 2. */
static struct framing_law law(int which)
{
    for (int i = 0; i < RECEIVED; i++) {
        bool same = which == 0 || !xbee_received[i].api2;
        examples[which][i] = (struct framing_example){
            same ? xbee_received[i].api1 : xbee_received[i].api2, xbee_received[i].said};
    }
    return (struct framing_law){
        {.kind = FRAMING_XBEE,
         .api = which == 0 ? FRAMING_API_1 : FRAMING_API_2,
         .max_packet = 255,
         .in_flight = 4},
        examples[which],
        RECEIVED,
        {"7E 00 07 81 12 34 28 00 02 16 F8", "packet 1234 rssi=-40 02 16\n"},
        false,
    };
}

static void begin(struct framing_bench *b, int which)
{
    struct framing_options options = law(which).options;

    framing_bench_open(b, &options);
    framing_bench_hear_hex(b, NP_UNKNOWN);
    framing_bench_expect(b, "write " ASK_NP "\n");
}

START_TEST(decodes)
{
    for (int which = 0; which < 2; which++) {
        struct framing_law l = law(which);
        struct framing_bench b;
        begin(&b, which);
        framing_bench_hear_hex(&b, l.examples[_i].wire);
        framing_bench_expect(&b, l.examples[_i].said);
        ck_assert_uint_eq(framing_counters(b.framing)->skipped_octets, 0);
        framing_bench_close(&b);
    }
}
END_TEST

START_TEST(encodes)
{
    const char *wires[] = {xbee_sent_frames[_i].api1, xbee_sent_frames[_i].api2};

    for (int which = 0; which < 2; which++) {
        struct framing_bench b;
        begin(&b, which);
        for (unsigned id = 1; id < xbee_sent_frames[_i].frame_id; id++)
            ck_assert_uint_gt(
                framing_encode(b.framing, b.now, id, &xbee_node, 0, sn_text("\x02\x17")).len, 0);
        framing_bench_encodes(&b, 77, xbee_sent_frames[_i].to, xbee_sent_frames[_i].packet,
                              wires[which] ? wires[which] : wires[0]);
        framing_bench_expect(&b, xbee_sent_frames[_i].to->broadcast ? "sent 77 delivered\n" : "");
        framing_bench_close(&b);
    }
}
END_TEST

/* 309 octets of payload i * 7: the length has two octets, and 335 octets go out in API 2. */
START_TEST(encodes_a_long_publish)
{
    struct framing_options options = law(1).options;
    uint8_t publish[309] = {0x01, 0x01, 0x35, 0x0C, 0x21, 0x00, 0x11, 0x00, 0x14};
    struct framing_bench b;

    for (size_t i = 0; i < 300; i++)
        publish[9 + i] = (uint8_t)(7 * i);
    options.max_packet = 309;
    framing_bench_open(&b, &options);
    struct sn_bytes wire =
        framing_encode(b.framing, 0, 1, &xbee_node_unhinted, 0, sn_bytes(publish, 309));
    ck_assert_uint_eq(wire.len, 335);
    ck_assert_mem_eq(wire.data, "\x7E\x01\x43\x10", 4);
    ck_assert_uint_eq(wire.data[wire.len - 1], 0xEE);
    framing_bench_close(&b);
}
END_TEST

START_TEST(answers_in_kind)
{
    static const struct {
        const char *heard, *answer;
    } kinds[] = {
        {"7E 00 14 91 00 13 A2 00 40 52 2B AA 7D 84 E8 E8 00 11 C1 05 01 02 16 91",
         "7E 00 16 11 01 00 13 A2 00 40 52 2B AA 7D 84 E8 E8 00 11 C1 05 00 00 02 17 10"},
        {"7E 00 07 81 12 34 28 00 02 16 F8", "7E 00 07 01 01 12 34 00 02 17 9E"},
        {"7E 00 0D 80 00 13 A2 00 40 52 2B AA 28 00 02 16 23",
         "7E 00 0D 00 01 00 13 A2 00 40 52 2B AA 00 02 17 C9"},
    };

    for (int i = 0; i < COUNT(kinds); i++) {
        struct framing_bench b;
        begin(&b, 0);
        framing_bench_hear_hex(&b, kinds[i].heard);
        framing_bench_encodes(&b, 1, &b.from, "02 17", kinds[i].answer);
        framing_bench_close(&b);
    }
}
END_TEST

/* The firmware of a module speaks one form to everybody; who was stored without a hint gets it. */
START_TEST(keeps_to_the_form_of_the_module)
{
    struct framing_bench b;

    begin(&b, 0);
    framing_bench_hear_hex(&b, "7E 00 0D 80 00 13 A2 00 40 52 2B AA 28 00 02 16 23");
    framing_bench_encodes(&b, 1, &xbee_node_unhinted, "02 17",
                          "7E 00 0D 00 01 00 13 A2 00 40 52 2B AA 00 02 17 C9");
    framing_bench_encodes(&b, 2, &xbee_everybody, "05 00 01 03 84",
                          "7E 00 10 00 00 00 00 00 00 00 00 FF FF 00 05 00 01 03 84 74");
    framing_bench_close(&b);
}
END_TEST

static const struct {
    const char *ap_answer, *written, *puback;
} modes[] = {
    {AP_IS_2, "write " ASK_NP "\n",
     "7E 00 7D 31 10 01 00 7D 33 A2 00 40 52 2B AA FF FE 00 00 "
     "03 05 00 CD"},
    {AP_IS_1, "write " ASK_NP "\n",
     "7E 00 11 10 01 00 13 A2 00 40 52 2B AA FF FE 00 00 03 05 00 CD"},
    {"", "", "7E 00 11 10 01 00 13 A2 00 40 52 2B AA FF FE 00 00 03 05 00 CD"},
};

START_TEST(finds_the_api_mode)
{
    struct framing_options options = law(0).options;
    struct framing_bench b;

    options.api = FRAMING_API_AUTO;
    framing_bench_open(&b, &options);
    framing_bench_expect(&b, "write " ASK_AP "\n");
    framing_bench_encodes(&b, 1, &xbee_node_unhinted, "03 05 00", ""); /* how would it be sent? */
    framing_bench_pass(&b, 1000);
    framing_bench_expect(&b, "write " ASK_AP "\n");
    framing_bench_hear_hex(&b, modes[_i].ap_answer);
    framing_bench_expect(&b, modes[_i].written);
    if (!*modes[_i].ap_answer) {
        ck_assert(!framing_ready(b.framing));
        framing_bench_pass(&b, 2000);
        framing_bench_expect(&b, "write " ASK_AP "\nwrite " ASK_NP "\n");
    }
    ck_assert(framing_ready(b.framing));
    framing_bench_encodes(&b, 1, &xbee_node_unhinted, "03 05 00", modes[_i].puback);
    framing_bench_close(&b);
}
END_TEST

/* Node 00 13 A2.. says CONNECT and a PUBLISH with 7E 7D, in API 1 and in API 2, and a short frame
 * whose length is an escape octet to API 1. */
static const char *const early[] = {
    "7E 00 19 90 00 13 A2 00 40 52 2B AA 7D 84 01 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31 34",
    "7E 00 19 90 00 7D 33 A2 00 40 52 2B AA 7D 5D 84 01 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31 34",
    "7E 00 15 90 00 13 A2 00 40 52 2B AA 7D 84 01 09 0C 21 00 11 00 13 7E 7D FC",
    "7E 00 15 90 00 7D 33 A2 00 40 52 2B AA 7D 5D 84 01 09 0C 21 00 7D 31 00 7D 33 7D 5E 7D 5D FC",
    "7E 00 7D 31 90 00 7D 33 A2 00 40 52 2B AA 7D 5D 84 01 05 00 01 03 84 C4",
};

START_TEST(hears_nodes_before_the_mode_is_known)
{
    struct framing_options options = law(0).options;
    struct framing_bench b;

    options.api = FRAMING_API_AUTO;
    for (int at_once = 0; at_once < 2; at_once++) {
        uint8_t *copy;
        struct sn_bytes octets = hex_octets(early[_i], &copy);

        framing_bench_open(&b, &options);
        for (size_t i = 0; !at_once && i < octets.len; i++)
            framing_bench_hear(&b, sn_bytes(octets.data + i, 1));
        if (at_once)
            framing_bench_hear(&b, octets);
        free(copy);
        ck_assert_uint_eq(b.packets, 1);
        framing_bench_hear_hex(&b, _i % 2 || _i == 4 ? AP_IS_2 : AP_IS_1);
        framing_bench_hear_hex(&b, early[_i]);
        ck_assert_uint_eq(b.packets, 2);
        ck_assert_uint_eq(framing_counters(b.framing)->skipped_octets, 0);
        framing_bench_close(&b);
    }
}
END_TEST

START_TEST(learns_what_the_radio_can_carry)
{
    static const uint8_t long_packet[85] = {85, 0x16};
    struct framing_options options = law(0).options;
    struct framing_bench b;

    framing_bench_open(&b, &options);
    framing_bench_expect(&b, "write " ASK_NP "\n");
    ck_assert_uint_eq(framing_room(b.framing), 255);
    framing_bench_pass(&b, 1000);
    framing_bench_expect(&b, "write " ASK_NP "\n");
    framing_bench_hear_hex(&b, NP_IS_84);
    framing_bench_expect(&b, "room 84\n");
    ck_assert_uint_eq(framing_deadline(b.framing), UINT64_MAX);
    ck_assert_uint_eq(framing_encode(b.framing, 0, 1, &xbee_node, 0, sn_bytes(long_packet, 85)).len,
                      0);
    ck_assert_uint_gt(
        framing_encode(b.framing, b.now, 1, &xbee_node, 0, sn_bytes(long_packet, 84)).len, 0);
    framing_bench_hear_hex(&b, "7E 00 07 8B 01 7D 84 00 74 00 FE");
    framing_bench_expect(&b, "room 83\nsent 1 too long\n");
    framing_start(b.framing, b.now);
    ck_assert_uint_eq(framing_room(b.framing), 255);
    framing_bench_close(&b);
}
END_TEST

/* The 16-bit address changes when a node joins again; the caller still holds the old one. */
START_TEST(forgets_a_stale_network_address)
{
    const char *unhinted = "7E 00 10 10 02 00 13 A2 00 40 52 2B AA FF FE 00 00 02 17 BB";
    struct framing_bench b;

    begin(&b, 0);
    framing_encode(b.framing, b.now, 1, &xbee_node, 0, sn_text("\x02\x17"));
    framing_bench_hear_hex(&b, "7E 00 07 8B 01 7D 84 00 24 00 4E");
    framing_bench_expect(&b, "sent 1 try again\n");
    framing_bench_encodes(&b, 2, &xbee_node, "02 17", unhinted);
    framing_bench_hear_hex(&b, xbee_received[0].api1); /* but here it is, with that address */
    framing_bench_encodes(&b, 3, &xbee_node, "02 17",
                          "7E 00 10 10 03 00 13 A2 00 40 52 2B AA 7D 84 00 00 02 17 B6");
    framing_bench_close(&b);
}
END_TEST

START_TEST(starts_over_with_the_dongle)
{
    struct framing_options options = law(0).options;
    struct framing_bench b;

    options.api = FRAMING_API_AUTO;
    framing_bench_open(&b, &options);
    framing_bench_hear_hex(&b, AP_IS_2 NP_IS_84);
    framing_encode(b.framing, b.now, 5, &xbee_node, 0, sn_text("\x02\x17"));
    framing_bench_forget(&b);
    framing_bench_hear_hex(&b, _i == 0 ? RESET : WATCHDOG);
    framing_bench_expect(&b, "write " ASK_AP "\nsent 5 try again\nreset\n");
    ck_assert(!framing_ready(b.framing));
    framing_bench_hear_hex(&b, AP_IS_1);
    framing_bench_expect(&b, "write " ASK_NP "\n");
    framing_bench_encodes(&b, 6, &xbee_node_short, "02 17", "7E 00 07 01 02 12 34 00 02 17 9D");
    framing_bench_close(&b);
}
END_TEST

START_TEST(sends_to_nobody_without_an_address)
{
    struct framing_bench b;

    begin(&b, 0);
    framing_bench_encodes(&b, 1, NULL, "02 17", "");
    framing_bench_encodes(&b, 1, &(struct framing_address){.len = 3}, "02 17", "");
    framing_bench_close(&b);
}
END_TEST

static const struct framing_odd odd[] = {
    {"7E 00 00 FF", "", COUNTER(too_short)},
    {"7E FF FF 90", "", COUNTER(too_long)},
    {"7E 02 00 90", "", COUNTER(too_long)},
    {"7E 00 0D 90 00 14 A2 00 40 52 2B AA 7F 84 01 02 4C", "", COUNTER(too_short)},
    {"7E 00 06 8B 01 7F 84 00 00 70", "", COUNTER(too_short)},
    {"7E 00 02 89 01 75", "", COUNTER(too_short)},
    {"7E 00 01 8A 75", "", COUNTER(too_short)},
    {"7E 00 04 88 01 41 50 E5", "", COUNTER(too_short)},
    {"7E 00 06 81 12 34 28 00 02 0E", "", COUNTER(too_short)}, /* 12 is none of the specials */
    {"7E 00 03 95 01 02 67", "", COUNTER(unknown_frames)},
    {"7E 00 07 81 12 34 28 00 03 16 F7", "", COUNTER(bad_length)},
    {"7E 00 08 81 12 34 28 00 02 16 00 F8", "", COUNTER(bad_length)},
    {"7E 00 07 81 12 34 28 00 02 16 F9", "", COUNTER(bad_crc)},
    {"55 AA 7E 00 07 81 12 34 28 00 02 16 F8", "packet 1234 rssi=-40 02 16\n",
     COUNTER(skipped_octets)},
};

START_TEST(drops_what_is_wrong)
{
    for (int which = 0; which < 2; which++) {
        struct framing_law l = law(which);
        odd_frame_is_counted(&l, &odd[_i]);
    }
}
END_TEST

START_TEST(takes_foreign_data_for_no_message)
{
    struct framing_bench b;

    begin(&b, 0);
    framing_bench_hear_hex(&b, xbee_foreign[_i]);
    framing_bench_expect(&b, "");
    ck_assert_uint_eq(framing_counters(b.framing)->bad_length, 1);
    ck_assert_uint_eq(framing_counters(b.framing)->bad_crc, 0);
    framing_bench_close(&b);
}
END_TEST

/* Nothing behind a bad frame is thrown away with it. */
START_TEST(a_start_octet_begins_anew)
{
    const char *inside = "7E 00 19 90 00 7D 33 A2 7E 00 07 81 12 34 28 00 02 16 F8";

    for (int which = 0; which < 2; which++) {
        struct framing_bench b;
        begin(&b, which);
        framing_bench_hear_hex(&b, inside);
        framing_bench_pass(&b, which == 0 ? 50 : 0); /* API 1 cannot tell before the silence */
        framing_bench_expect(&b, "packet 1234 rssi=-40 02 16\n");
        ck_assert_uint_eq(framing_counters(b.framing)->cut_short, 1);
        framing_bench_hear_hex(&b, "7E 00 07 81 12 34 28 00 7D");
        framing_bench_pass(&b, 50);
        framing_bench_expect(&b, "");
        ck_assert_uint_eq(framing_counters(b.framing)->cut_short, 2);
        framing_bench_close(&b);
    }
}
END_TEST

START_TEST(holds_the_laws)
{
    struct framing_law l = law(_i);

    law_prefix_then_silence(&l);
    law_any_pieces(&l);
    law_flipped_bit(&l);
    law_noise(&l);
    law_random_octets(&l);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("framing_xbee");

    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, decodes, 0, RECEIVED);
    tcase_add_loop_test(tc, encodes, 0, COUNT(xbee_sent_frames));
    tcase_add_test(tc, encodes_a_long_publish);
    tcase_add_test(tc, answers_in_kind);
    tcase_add_test(tc, keeps_to_the_form_of_the_module);
    tcase_add_loop_test(tc, finds_the_api_mode, 0, COUNT(modes));
    tcase_add_loop_test(tc, hears_nodes_before_the_mode_is_known, 0, COUNT(early));
    tcase_add_test(tc, learns_what_the_radio_can_carry);
    tcase_add_test(tc, forgets_a_stale_network_address);
    tcase_add_loop_test(tc, starts_over_with_the_dongle, 0, 2);
    tcase_add_test(tc, sends_to_nobody_without_an_address);
    tcase_add_loop_test(tc, drops_what_is_wrong, 0, COUNT(odd));
    tcase_add_loop_test(tc, takes_foreign_data_for_no_message, 0, COUNT(xbee_foreign));
    tcase_add_test(tc, a_start_octet_begins_anew);
    tcase_add_loop_test(tc, holds_the_laws, 0, 2);
    return run_case("framing_xbee", tc);
}
