/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams that are no good packets: sections 1 to 4 of the digest, rows A1 to A3 and A41. */
#include "tests/support/run.h"
#include "tests/support/story.h"

static const struct {
    const char *hex;
    enum counter counter;
} dropped[] = {
    {"00 16", COUNT_malformed_length},         /* Length 0 */
    {"02", COUNT_malformed_short},             /* one octet */
    {"05 16", COUNT_malformed_length},         /* A1: Length beyond the datagram */
    {"01 00 09 16", COUNT_malformed_length},   /* the same in the long form */
    {"01 00 03 16", COUNT_malformed_length},   /* Length shorter than its header */
    {"01 00", COUNT_malformed_short},          /* cut inside the long header */
    {"02 04", COUNT_malformed_short},          /* CONNECT without a body */
    {"05 0B 00 01 00", COUNT_malformed_short}, /* REGACK cut */
    {"02 03", COUNT_malformed_type},           /* A41: reserved, bisquitt's AUTH */
    {"02 11", COUNT_malformed_type},
    {"02 19", COUNT_malformed_type},
    {"02 1E", COUNT_malformed_type},
    {"02 FD", COUNT_malformed_type},
    {"02 FF", COUNT_malformed_type},
    {"03 05 00", COUNT_wrong_direction}, /* A41: only gateways say CONNACK ... */
    {"02 06", COUNT_wrong_direction},
    {"02 08", COUNT_wrong_direction},
    {"08 13 20 00 01 00 05 00", COUNT_wrong_direction},
    {"04 15 00 09", COUNT_wrong_direction},
    {"03 1B 00", COUNT_wrong_direction},
    {"03 1D 00", COUNT_wrong_direction},
    {"05 18 01 2C 00", COUNT_malformed_long}, /* DISCONNECT with three octets of body */
    {"01 00 06 FE 00 05 02 16", COUNT_malformed_forwarder}, /* A2: envelope in the long form */
};

/* Row by row: from a stranger, no answer; counted under its own name. */
START_TEST(is_dropped_and_counted)
{
    story_begin(NULL);
    enum counter counter = dropped[_i].counter;
    uint64_t before = counted(counter);
    client_sends(dropped[_i].hex);
    ck_assert_uint_eq(counted(counter), before + 1);
    story_end();
}
END_TEST

/* A41: and it is no sign of life of a client. */
START_TEST(is_no_sign_of_life)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    pass(seconds(60));
    client_sends(dropped[_i].hex);
    pass(seconds(31));
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    story_end();
}
END_TEST

START_TEST(a1_trailing_octets_are_ignored_and_counted)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_sends("02 16 02 18"); /* the second message is not looked at */
    gateway_sends("02 17");
    ck_assert_uint_eq(counted(COUNT_trailing_octets), 1);
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

START_TEST(a2_a_long_header_may_carry_a_short_message)
{
    story_begin(NULL);
    client_sends("01 00 10 04 04 01 00 3C 73 65 6E 73 6F 72 2D 31");
    gateway_sends("03 05 00"); /* and is never sent without need */
    client_sends("01 00 04 16");
    gateway_sends("02 17");
    story_end();
}
END_TEST

START_TEST(a3_flags_that_are_not_used_are_ignored)
{
    story_begin(NULL);
    client_sends("0E 04 F7 01 00 3C 73 65 6E 73 6F 72 2D 31"); /* CONNECT, only Clean counts */
    gateway_sends("03 05 00");
    client_sends("0B 12 BC 00 05 61 2F 74 65 6D 70"); /* SUBSCRIBE QoS 1 */
    gateway_sends("08 13 20 00 01 00 05 00");         /* and we send 0 */
    client_sends("0B 14 FC 00 09 61 2F 74 65 6D 70"); /* UNSUBSCRIBE */
    gateway_sends("04 15 00 09");
    story_end();
}
END_TEST

START_TEST(the_digests_octets_meet_the_digests_answers)
{
    static const char *const said[][2] = {
        {"0E 04 04 01 00 3C 73 65 6E 73 6F 72 2D 31", "03 05 00"},
        {"0C 0A 00 00 12 34 61 2F 74 65 6D 70", "07 0B 00 01 12 34 00"},
        {"0B 0C 20 00 01 00 02 32 31 2E 35", "07 0D 00 01 00 02 00"},
        {"0B 0C 20 00 09 00 02 32 31 2E 35", "07 0D 00 09 00 02 02"},
        {"0B 0C 40 00 01 00 03 32 31 2E 35", "04 0F 00 03"},
        {"04 10 00 03", "04 0E 00 03"},
        {"0B 0C 22 61 62 00 04 32 31 2E 35", "07 0D 61 62 00 04 00"},
        {"0B 12 20 00 05 61 2F 74 65 6D 70", "08 13 20 00 01 00 05 00"},
        {"08 12 20 00 06 61 2F 23", "08 13 20 00 00 00 06 00"},
        {"07 12 21 00 07 00 2A", "08 13 00 00 00 00 07 02"},
        {"07 12 22 00 08 61 62", "08 13 20 00 00 00 08 00"},
        {"0B 14 00 00 09 61 2F 74 65 6D 70", "04 15 00 09"},
        {"02 16", "02 17"},
        {"09 1A 30 73 74 2F 6E 65 77", "03 1B 00"},
        {"06 1C 67 6F 6E 65", "03 1D 00"},
        {"02 1A", "03 1B 00"},
        {"04 18 01 2C", "02 18"},
        {"0A 16 73 65 6E 73 6F 72 2D 31", "02 17"},
        {"02 18", "02 18"},
    };

    story_begin(NULL);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        client_sends(said[i][0]);
        gateway_sends(said[i][1]);
        gateway_is_silent();
    }
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("packets");
    int rows = sizeof dropped / sizeof *dropped;

    tcase_add_loop_test(tc, is_dropped_and_counted, 0, rows);
    tcase_add_loop_test(tc, is_no_sign_of_life, 0, rows);
    tcase_add_test(tc, a1_trailing_octets_are_ignored_and_counted);
    tcase_add_test(tc, a2_a_long_header_may_carry_a_short_message);
    tcase_add_test(tc, a3_flags_that_are_not_used_are_ignored);
    tcase_add_test(tc, the_digests_octets_meet_the_digests_answers);
    return run_case("packets", tc);
}
