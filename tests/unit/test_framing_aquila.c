/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/framing_laws.h"
#include "tests/support/run.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

#define CONFIG         "C0 13 02 01 FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF BD A2 C0"
#define ACK            "C0 00 00 02 01 43 76 C0"
#define NACK           "C0 00 00 02 00 62 66 C0"
#define CONFIG_REQUEST "C0 00 00 02 02 20 46 C0"
#define AS_PUBACK      "C0 05 FE 01 02 01 07 0D 00 11 00 13 00 26 ED C0"
#define SEARCHGW       "C0 B4 C5 05 FE 01 02 01 03 01 01 44 2B C0"

static const struct framing_options options = {.kind = FRAMING_AQUILA, .max_packet = 60};
static const struct framing_address node = {.len = 2, .octets = {1, 2}};
static const struct framing_address everybody = {.broadcast = true};

static const struct framing_example examples[] = {
    {"C0 FF C5 05 FE 01 02 01 09 0C 21 00 11 00 13 DB DC DB DD 54 14 C0",
     "packet 0102 lqi=255 rssi=197 09 0C 21 00 11 00 13 C0 DB\n"},
    {"C0 FF C5 0E FE 01 02 01 09 0C 21 00 11 00 13 DB DC DB DD 9C 72 C0",
     "packet 0102 lqi=255 rssi=197 09 0C 21 00 11 00 13 C0 DB\n"},
    {SEARCHGW, "packet 0102 lqi=180 rssi=197 03 01 01\n"},
    {ACK, ""},
    {NACK, ""},
};

static const struct framing_law law = {
    {.kind = FRAMING_AQUILA, .max_packet = 60},
    examples,
    COUNT(examples),
    {SEARCHGW, "packet 0102 lqi=180 rssi=197 03 01 01\n"},
    false,
};

/* Configured and ready; nothing is said. */
static void begin(struct framing_bench *b)
{
    framing_bench_open(b, &options);
    ck_assert(!framing_ready(b->framing));
    framing_bench_pass(b, 2100);
    framing_bench_expect(b, "write " CONFIG "\n");
    framing_bench_hear_hex(b, ACK);
    framing_bench_expect(b, "");
    ck_assert(framing_ready(b->framing));
    ck_assert_uint_eq(framing_deadline(b->framing), UINT64_MAX);
}

START_TEST(configures_after_the_reset_of_an_arduino)
{
    struct framing_bench b;

    framing_bench_open(&b, &options);
    framing_bench_pass(&b, 2099);
    framing_bench_expect(&b, "");
    framing_bench_pass(&b, 1);
    framing_bench_expect(&b, "write " CONFIG "\n");
    ck_assert(!framing_ready(b.framing));
    framing_bench_pass(&b, 1000); /* firmware that does not acknowledge it */
    ck_assert(framing_ready(b.framing));
    framing_bench_pass(&b, 60000);
    framing_bench_expect(&b, "");
    framing_bench_close(&b);
}
END_TEST

START_TEST(configures_on_request)
{
    struct framing_bench b;

    framing_bench_open(&b, &options);
    framing_bench_hear_hex(&b, CONFIG_REQUEST);
    framing_bench_expect(&b, "write " CONFIG "\n");
    framing_bench_hear_hex(&b, ACK);
    ck_assert(framing_ready(b.framing));
    ck_assert_uint_eq(framing_counters(b.framing)->dongle_resets, 0);
    framing_bench_pass(&b, 5000);
    framing_bench_expect(&b, "");

    framing_bench_encodes(&b, 9, &node, "07 0D 00 11 00 13 00", AS_PUBACK);
    framing_bench_hear_hex(&b, CONFIG_REQUEST); /* it has begun anew */
    framing_bench_expect(&b, "sent 9 try again\nwrite " CONFIG "\nreset\n");
    ck_assert_uint_eq(framing_counters(b.framing)->dongle_resets, 1);
    framing_bench_close(&b);
}
END_TEST

static const struct {
    const struct framing_address *to;
    const char *packet, *wire;
} sent[] = {
    {&node, "07 0D 00 11 00 13 00", AS_PUBACK},
    {&node, "02 17", "C0 05 FE 01 02 01 02 17 05 1C C0"},
    {&everybody, "05 00 01 03 84", "C0 05 FE 01 FF FF 05 00 01 03 84 4B 83 C0"},
};

START_TEST(sends_one_at_a_time)
{
    struct framing_bench b;

    begin(&b);
    framing_bench_encodes(&b, 5, sent[_i].to, sent[_i].packet, sent[_i].wire);
    ck_assert(!framing_ready(b.framing));
    framing_bench_encodes(&b, 6, &node, "02 17", ""); /* not now */
    framing_bench_hear_hex(&b, SEARCHGW);
    framing_bench_expect(&b, "packet 0102 lqi=180 rssi=197 03 01 01\n");
    framing_bench_hear_hex(&b, ACK);
    framing_bench_expect(&b, "sent 5 delivered\n");
    framing_bench_encodes(&b, 6, sent[_i].to, sent[_i].packet, sent[_i].wire);
    framing_bench_hear_hex(&b, NACK ACK);
    framing_bench_expect(&b, "sent 6 try again\n");
    framing_bench_encodes(&b, 7, sent[_i].to, sent[_i].packet, sent[_i].wire);
    framing_bench_pass(&b, 1500);
    framing_bench_expect(&b, "sent 7 unknown\n");
    ck_assert_uint_eq(framing_counters(b.framing)->status_timeouts, 1);
    ck_assert_uint_eq(framing_counters(b.framing)->delivery_failures, 1);
    ck_assert_uint_eq(framing_counters(b.framing)->frames_out, 3);
    framing_bench_close(&b);
}
END_TEST

/* A dongle answers nothing to a frame that came damaged; each such frame stops all others
 * meanwhile. Its answers name no frame, so it must not be hurried while it may still be at work. */
START_TEST(waits_as_long_as_answers_are_known_to_take)
{
    static const struct {
        uint32_t took, waits;
    } dongles[] = {{0, 5000}, {20, 1500}, {1000, 3000}, {2000, 5000}};
    struct framing_bench b;

    begin(&b);
    if (dongles[_i].took > 0) {
        framing_bench_encodes(&b, 1, sent[0].to, sent[0].packet, sent[0].wire);
        framing_bench_pass(&b, dongles[_i].took);
        framing_bench_hear_hex(&b, ACK);
        framing_bench_expect(&b, "sent 1 delivered\n");
    }
    framing_bench_encodes(&b, 2, sent[0].to, sent[0].packet, sent[0].wire);
    framing_bench_pass(&b, dongles[_i].waits - 1);
    framing_bench_expect(&b, "");
    ck_assert(!framing_ready(b.framing));
    framing_bench_pass(&b, 1);
    framing_bench_expect(&b, "sent 2 unknown\n");
    ck_assert(framing_ready(b.framing));
    framing_bench_close(&b);
}
END_TEST

START_TEST(answers_whom_it_heard)
{
    struct framing_bench b;

    begin(&b);
    framing_bench_hear_hex(&b, examples[0].wire);
    framing_bench_encodes(&b, 1, &b.from, "07 0D 00 11 00 13 00", AS_PUBACK);
    framing_bench_close(&b);
}
END_TEST

START_TEST(sends_to_nobody_without_an_address)
{
    struct framing_bench b;

    begin(&b);
    framing_bench_encodes(&b, 1, NULL, "02 17", "");
    framing_bench_encodes(&b, 1, &(struct framing_address){.len = 8}, "02 17", "");
    ck_assert(framing_ready(b.framing));
    ck_assert_uint_eq(framing_counters(b.framing)->frames_out, 0);
    framing_bench_close(&b);
}
END_TEST

static const struct framing_odd odd[] = {
    {"C0 02 01 43 76 C0", "", COUNTER(too_short)}, /* an ACK whose zeros were lost: the CRC holds */
    {"C0 00 00 03 03 02 41 2C C0", "", COUNTER(unknown_frames)},
    {"C0 00 00 02 01 43 77 C0", "", COUNTER(bad_crc)},
    {"C0 B4 C5 05 FE 01 02 01 03 01 01 DB C0", "", COUNTER(bad_escape)},
    {"C0 00 00 00 FE 00 00 00 03 01 6D 54 C0", "", COUNTER(bad_length)},
    {"C0 00 00 00 FE 00 00 00 03 9D DB DC C0", "", COUNTER(too_short)},
    {"C0 00 00 02 01 43 76 C0", "", COUNTER(statuses)},
};

START_TEST(drops_what_is_wrong)
{
    odd_frame_is_counted(&law, &odd[_i]);
}
END_TEST

START_TEST(holds_the_laws)
{
    law_prefix_then_silence(&law);
    law_any_pieces(&law);
    law_flipped_bit(&law);
    law_noise(&law);
    law_random_octets(&law);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("framing_aquila");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, configures_after_the_reset_of_an_arduino);
    tcase_add_test(tc, configures_on_request);
    tcase_add_loop_test(tc, sends_one_at_a_time, 0, COUNT(sent));
    tcase_add_loop_test(tc, waits_as_long_as_answers_are_known_to_take, 0, 4);
    tcase_add_test(tc, answers_whom_it_heard);
    tcase_add_test(tc, sends_to_nobody_without_an_address);
    tcase_add_loop_test(tc, drops_what_is_wrong, 0, COUNT(odd));
    tcase_add_test(tc, holds_the_laws);
    return run_case("framing_aquila", tc);
}
