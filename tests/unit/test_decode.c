/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/packet.h"
#include "tests/support/run.h"
#include "tests/unit/examples.h"

#include <stdio.h>

#define ANY SIZE_MAX

/* Body sizes by type, copied by hand from the message formats (5.4), not from packets.def. */
static const struct size_rule {
    uint8_t type;
    const char *name;
    bool from_client;
    size_t min, max;
} size_rules[] = {
    {0x00, "ADVERTISE", false, 3, 3},     {0x01, "SEARCHGW", true, 1, 1},
    {0x02, "GWINFO", true, 1, ANY},       {0x04, "CONNECT", true, 4, ANY},
    {0x05, "CONNACK", false, 1, 1},       {0x06, "WILLTOPICREQ", false, 0, 0},
    {0x07, "WILLTOPIC", true, 0, ANY},    {0x08, "WILLMSGREQ", false, 0, 0},
    {0x09, "WILLMSG", true, 0, ANY},      {0x0A, "REGISTER", true, 4, ANY},
    {0x0B, "REGACK", true, 5, 5},         {0x0C, "PUBLISH", true, 5, ANY},
    {0x0D, "PUBACK", true, 5, 5},         {0x0E, "PUBCOMP", true, 2, 2},
    {0x0F, "PUBREC", true, 2, 2},         {0x10, "PUBREL", true, 2, 2},
    {0x12, "SUBSCRIBE", true, 3, ANY},    {0x13, "SUBACK", false, 6, 6},
    {0x14, "UNSUBSCRIBE", true, 3, ANY},  {0x15, "UNSUBACK", false, 2, 2},
    {0x16, "PINGREQ", true, 0, ANY},      {0x17, "PINGRESP", true, 0, 0},
    {0x18, "DISCONNECT", true, 0, 2},     {0x1A, "WILLTOPICUPD", true, 0, ANY},
    {0x1B, "WILLTOPICRESP", false, 1, 1}, {0x1C, "WILLMSGUPD", true, 0, ANY},
    {0x1D, "WILLMSGRESP", false, 1, 1},
};

static const struct size_rule *rule_of(int type)
{
    for (size_t i = 0; i < sizeof size_rules / sizeof size_rules[0]; i++)
        if (size_rules[i].type == type)
            return &size_rules[i];
    return NULL;
}

/* Decodes a copy on the heap that is exactly as long as the datagram, so that the address
 * sanitizer sees an access behind it. The body is not kept: only its length is. */
static enum sn_error decode_exactly(struct sn_bytes datagram, struct sn_packet *out,
                                    size_t *trailing)
{
    uint8_t *copy = malloc(datagram.len > 0 ? datagram.len : 1);
    ck_assert_ptr_nonnull(copy);
    if (datagram.len > 0)
        memcpy(copy, datagram.data, datagram.len);
    enum sn_error error = sn_decode(out, sn_bytes(copy, datagram.len), trailing);
    free(copy);
    return error;
}

START_TEST(reads_example)
{
    const struct example *e = &examples[_i];
    uint8_t octets[64];
    struct sn_bytes datagram = from_hex(e->hex, octets, sizeof octets);
    struct sn_packet p;
    size_t trailing = 99;

    ck_assert_int_eq(sn_decode(&p, datagram, &trailing), SN_OK);
    ck_assert_msg(same_packet(&p, &e->packet), "%s", e->hex);
    ck_assert_uint_eq(trailing, 0);
    ck_assert(p.body.len == 0 || (p.body.data + p.body.len == octets + datagram.len));
}
END_TEST

START_TEST(reads_example_in_long_header)
{
    const struct example *e = &examples[_i];
    uint8_t octets[64] = {1, 0};
    struct sn_bytes datagram = from_hex(e->hex, octets + 2, sizeof octets - 2);
    struct sn_packet p;

    octets[2] = (uint8_t)(datagram.len + 2);
    ck_assert_int_eq(sn_decode(&p, sn_bytes(octets, datagram.len + 2), NULL), SN_OK);
    ck_assert_msg(same_packet(&p, &e->packet), "%s", e->hex);
}
END_TEST

START_TEST(ignores_and_counts_what_follows)
{
    const struct example *e = &examples[_i];
    uint8_t octets[64];
    struct sn_bytes datagram = from_hex(e->hex, octets, sizeof octets - 3);
    struct sn_packet p;
    size_t trailing = 0;

    memcpy(octets + datagram.len, "\x02\x17!", 3);
    ck_assert_int_eq(sn_decode(&p, sn_bytes(octets, datagram.len + 3), &trailing), SN_OK);
    ck_assert_msg(same_packet(&p, &e->packet), "%s", e->hex);
    ck_assert_uint_eq(trailing, 3);
}
END_TEST

/* The datagram ends early and the length field does not know. */
START_TEST(refuses_every_cut)
{
    uint8_t octets[64];
    struct sn_bytes datagram = from_hex(examples[_i].hex, octets, sizeof octets);

    for (size_t len = 0; len < datagram.len; len++) {
        struct sn_packet p;
        enum sn_error expected = len < 2 ? SN_E_SHORT : SN_E_LENGTH;
        ck_assert_int_eq(decode_exactly(sn_bytes(octets, len), &p, NULL), expected);
    }
}
END_TEST

/* The message ends early and says so. A name may then be shorter; a fixed field may not. */
START_TEST(refuses_every_honest_cut_below_the_minimum)
{
    const struct example *e = &examples[_i];
    uint8_t octets[64];
    struct sn_bytes datagram = from_hex(e->hex, octets, sizeof octets);
    const struct size_rule *rule = rule_of(e->packet.type);
    size_t min = rule->min;

    if ((rule->type == SN_SUBSCRIBE || rule->type == SN_UNSUBSCRIBE) &&
        (e->packet.flags & 3) != 0 && (e->packet.flags & 3) != 3)
        min = 5;
    for (size_t len = 2; len < datagram.len; len++) {
        struct sn_packet p;
        bool whole = len - 2 >= min && !(rule->type == SN_DISCONNECT && len == 3);
        octets[0] = (uint8_t)len;
        ck_assert_int_eq(decode_exactly(sn_bytes(octets, len), &p, NULL),
                         whole ? SN_OK : SN_E_SHORT);
    }
}
END_TEST

static enum sn_error expected_for(int type, size_t body_len)
{
    const struct size_rule *rule = rule_of(type);

    if (!rule)
        return SN_E_TYPE;
    if (body_len < rule->min || (type == SN_DISCONNECT && body_len == 1))
        return SN_E_SHORT;
    return body_len > rule->max ? SN_E_TRAILING : SN_OK;
}

START_TEST(knows_the_sizes_of_every_type)
{
    for (int type = 0; type < 256; type++)
        for (size_t body_len = 0; body_len <= 12; body_len++) {
            uint8_t octets[16] = {(uint8_t)(body_len + 2), (uint8_t)type};
            struct sn_packet p;
            enum sn_error error = decode_exactly(sn_bytes(octets, body_len + 2), &p, NULL);
            ck_assert_msg(error == expected_for(type, body_len), "type 0x%02X, body of %zu",
                          (unsigned)type, body_len);
        }
}
END_TEST

START_TEST(knows_every_type)
{
    for (int type = 0; type < 256; type++) {
        const struct size_rule *rule = rule_of(type);
        char unknown[8];

        snprintf(unknown, sizeof unknown, "0x%02X", (unsigned)type);
        ck_assert_str_eq(sn_type_name((uint8_t)type), rule ? rule->name : unknown);
        ck_assert_int_eq(sn_from_client((uint8_t)type), rule && rule->from_client);
    }
}
END_TEST

static const struct {
    const char *hex;
    enum sn_error error;
} broken[] = {
    {"", SN_E_SHORT},
    {"02", SN_E_SHORT},
    {"01", SN_E_SHORT},
    {"01 00", SN_E_SHORT},
    {"01 00 04", SN_E_SHORT},
    {"00 17", SN_E_LENGTH},
    {"03 17", SN_E_LENGTH},
    {"FF 16", SN_E_LENGTH},
    {"01 00 00 17", SN_E_LENGTH},
    {"01 00 03 17", SN_E_LENGTH},
    {"01 00 05 17", SN_E_LENGTH},
    {"01 FF FF 16", SN_E_LENGTH},
    {"02 03", SN_E_TYPE},
    {"02 FF", SN_E_TYPE},
    {"04 FE 00 05 02 16", SN_E_TYPE},
    {"01 00 06 FE 00 05 02 16", SN_E_TYPE},
    {"03 18 00", SN_E_SHORT},
    {"05 18 00 01 02", SN_E_TRAILING},
    {"08 0D 00 01 00 02 00 00", SN_E_TRAILING},
    {"04 01 01 01", SN_E_TRAILING},
    {"06 12 21 00 07 2A", SN_E_SHORT},
    {"08 12 21 00 07 00 2A 00", SN_E_TRAILING},
    {"06 14 02 00 0B 61", SN_E_SHORT},
    {"08 14 02 00 0B 61 62 63", SN_E_TRAILING},
};

START_TEST(refuses_broken)
{
    uint8_t octets[16];
    struct sn_packet p;
    struct sn_bytes datagram = from_hex(broken[_i].hex, octets, sizeof octets);

    ck_assert_msg(decode_exactly(datagram, &p, NULL) == broken[_i].error, "%s", broken[_i].hex);
}
END_TEST

START_TEST(will_topic_of_flags_alone_is_empty)
{
    struct sn_packet p;

    ck_assert_int_eq(sn_decode(&p, sn_bytes("\x03\x07\x30", 3), NULL), SN_OK);
    ck_assert_uint_eq(p.flags, 0x30);
    ck_assert_uint_eq(p.body.len, 0);
}
END_TEST

START_TEST(every_error_has_its_own_text)
{
    for (int a = SN_OK; a <= SN_E_NODE_ID; a++)
        for (int b = SN_OK; b < a; b++)
            ck_assert_str_ne(sn_error_text((enum sn_error)a), sn_error_text((enum sn_error)b));
    ck_assert_str_eq(sn_error_text(SN_E_TYPE), "unknown or reserved type");
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("decode");
    const int broken_count = sizeof broken / sizeof broken[0];

    tcase_add_loop_test(tc, reads_example, 0, EXAMPLES);
    tcase_add_loop_test(tc, reads_example_in_long_header, 0, EXAMPLES);
    tcase_add_loop_test(tc, ignores_and_counts_what_follows, 0, EXAMPLES);
    tcase_add_loop_test(tc, refuses_every_cut, 0, EXAMPLES);
    tcase_add_loop_test(tc, refuses_every_honest_cut_below_the_minimum, 0, EXAMPLES);
    tcase_add_test(tc, knows_the_sizes_of_every_type);
    tcase_add_test(tc, knows_every_type);
    tcase_add_loop_test(tc, refuses_broken, 0, broken_count);
    tcase_add_test(tc, will_topic_of_flags_alone_is_empty);
    tcase_add_test(tc, every_error_has_its_own_text);
    return run_case("decode", tc);
}
