/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/print.h"
#include "tests/support/run.h"
#include "tests/unit/examples.h"

static const struct {
    const char *hex, *line;
} lines[] = {
    {"05 00 07 03 84", "ADVERTISE gw_id=7 duration=900"},
    {"03 01 01", "SEARCHGW radius=1"},
    {"04 02 07 C0", "GWINFO gw_id=7 gw_add=\"\\xC0\""},
    {"07 04 0C 01 00 3C 61", "CONNECT will clean protocol_id=1 duration=60 client_id=\"a\""},
    {"07 04 F3 01 00 3C 61", "CONNECT protocol_id=1 duration=60 client_id=\"a\""},
    {"03 05 01", "CONNACK return_code=congestion"},
    {"03 05 84", "CONNACK return_code=0x84"},
    {"02 06", "WILLTOPICREQ"},
    {"02 07", "WILLTOPIC"},
    {"06 07 30 73 74 2F", "WILLTOPIC qos=1 retain will_topic=\"st/\""},
    {"04 09 6F 66", "WILLMSG will_msg=2 \"of\""},
    {"07 0A 00 01 12 34 61", "REGISTER topic_id=1 msg_id=4660 topic=\"a\""},
    {"07 0B 00 01 12 34 03", "REGACK topic_id=1 msg_id=4660 return_code=not-supported"},
    {"0B 0C A0 00 01 00 02 32 31 2E 35", "PUBLISH qos=1 dup topic_id=1 msg_id=2 data=4 \"21.5\""},
    {"08 0C 61 00 2A 00 00 0A", "PUBLISH qos=-1 predefined=42 msg_id=0 data=1 \"\\x0A\""},
    {"09 0C 52 61 22 00 04 22 5C",
     "PUBLISH qos=2 retain short=\"a\\x22\" msg_id=4 data=2 \"\\x22\\x5C\""},
    {"07 0C 03 00 05 00 00", "PUBLISH qos=0 reserved=5 msg_id=0 data=0 \"\""},
    {"07 0D 00 09 00 00 02", "PUBACK topic_id=9 msg_id=0 return_code=invalid-topic-id"},
    {"08 12 A0 00 06 61 2F 23", "SUBSCRIBE qos=1 dup msg_id=6 topic=\"a/#\""},
    {"07 12 21 00 07 00 2A", "SUBSCRIBE qos=1 msg_id=7 predefined=42"},
    {"07 12 22 00 08 61 62", "SUBSCRIBE qos=1 msg_id=8 short=\"ab\""},
    {"08 13 23 00 01 00 05 00", "SUBACK qos=1 topic_id=1 msg_id=5 return_code=accepted"},
    {"07 14 62 00 0B 61 62", "UNSUBSCRIBE msg_id=11 short=\"ab\""},
    {"04 15 00 09", "UNSUBACK msg_id=9"},
    {"02 16", "PINGREQ"},
    {"03 16 61", "PINGREQ client_id=\"a\""},
    {"02 18", "DISCONNECT"},
    {"04 18 01 2C", "DISCONNECT duration=300"},
};

START_TEST(prints)
{
    uint8_t octets[64];
    char out[SN_PRINT_MAX];
    struct sn_packet p;

    ck_assert_int_eq(sn_decode(&p, from_hex(lines[_i].hex, octets, sizeof octets), NULL), SN_OK);
    ck_assert_str_eq(sn_print(out, sizeof out, &p, true), lines[_i].line);
}
END_TEST

START_TEST(prints_an_unknown_type)
{
    char out[SN_PRINT_MAX];
    struct sn_packet p = {.type = 0x1F};

    ck_assert_str_eq(sn_print(out, sizeof out, &p, true), "0x1F");
}
END_TEST

START_TEST(keeps_payloads_private)
{
    static const uint8_t private_types[] = {SN_PUBLISH, SN_WILLMSG, SN_WILLMSGUPD};
    char out[SN_PRINT_MAX];

    for (size_t i = 0; i < sizeof private_types; i++) {
        struct sn_packet p = {.type = private_types[i], .body = sn_text("secret")};
        sn_print(out, sizeof out, &p, false);
        ck_assert_ptr_null(strstr(out, "secret"));
        ck_assert_ptr_nonnull(strstr(out, "=6"));
        ck_assert_ptr_nonnull(strstr(sn_print(out, sizeof out, &p, true), "secret"));
    }
}
END_TEST

START_TEST(fits_any_room)
{
    struct sn_packet p = examples[_i].packet;
    char whole[SN_PRINT_MAX];
    size_t len = strlen(sn_print(whole, sizeof whole, &p, true));

    for (size_t size = 0; size <= len + 1; size++) {
        char *out = malloc(size > 0 ? size : 1);
        ck_assert_ptr_nonnull(out);
        ck_assert_ptr_eq(sn_print(out, size, &p, true), out);
        if (size > 0)
            ck_assert_uint_lt(strlen(out), size);
        free(out);
    }
}
END_TEST

START_TEST(cuts_a_long_body_where_the_line_ends)
{
    static uint8_t body[60000];
    char out[SN_PRINT_MAX];
    struct sn_packet p = {.type = SN_PUBLISH, .topic_id = 1, .body = sn_bytes(body, sizeof body)};

    for (int octet = 0; octet < 256; octet++) {
        memset(body, octet, sizeof body);
        size_t len = strlen(sn_print(out, sizeof out, &p, true));
        ck_assert_uint_lt(len, sizeof out);
        ck_assert_uint_gt(len, sizeof out - 12);
        ck_assert_str_eq(out + len - 4, "...\"");
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("print");

    tcase_add_loop_test(tc, prints, 0, (int)(sizeof lines / sizeof lines[0]));
    tcase_add_test(tc, prints_an_unknown_type);
    tcase_add_test(tc, keeps_payloads_private);
    tcase_add_loop_test(tc, fits_any_room, 0, EXAMPLES);
    tcase_add_test(tc, cuts_a_long_body_where_the_line_ends);
    return run_case("print", tc);
}
