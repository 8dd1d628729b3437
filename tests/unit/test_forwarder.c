/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/forwarder.h"
#include "tests/support/run.h"
#include "tests/unit/examples.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const struct sn_peer forwarder = {
    .link = 3, .address_len = 6, .key = "\xC0\xA8\x01\x0A\x07"};

static const struct {
    const char *hex, *node_id, *inner;
} envelopes[] = {
    {"05 FE 00 0A 0B 0B 0C 20 00 01 00 02 32 31 2E 35", "0A 0B",
     "0B 0C 20 00 01 00 02 32 31 2E 35"},
    {"05 FE 01 0A 0B 07 0D 00 01 00 02 00", "0A 0B", "07 0D 00 01 00 02 00"},
    {"0B FE 00 00 13 A2 00 40 C1 D2 E3 0E 04 04 01 00 3C 73 65 6E 73 6F 72 2D 31",
     "00 13 A2 00 40 C1 D2 E3", "0E 04 04 01 00 3C 73 65 6E 73 6F 72 2D 31"},
    {"04 FE 00 05 02 16", "05", "02 16"},
    {"04 FE FF 05 02 16", "05", "02 16"}, /* reserved bits of Ctrl are not looked at */
    {"13 FE 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 02 16",
     "01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10", "02 16"},
};

START_TEST(unwraps)
{
    uint8_t octets[64], node[SN_NODE_ID_MAX], message[64];
    struct sn_bytes datagram = from_hex(envelopes[_i].hex, octets, sizeof octets);
    struct sn_peer peer = forwarder;
    struct sn_bytes inner;

    ck_assert(sn_is_forwarded(datagram));
    ck_assert_int_eq(sn_unwrap(datagram, &peer, &inner), SN_OK);
    ck_assert(
        sn_bytes_equal(sn_peer_node_id(&peer), from_hex(envelopes[_i].node_id, node, sizeof node)));
    ck_assert(sn_bytes_equal(inner, from_hex(envelopes[_i].inner, message, sizeof message)));
    ck_assert_mem_eq(peer.key, forwarder.key, forwarder.address_len);
}
END_TEST

START_TEST(wraps)
{
    uint8_t octets[64], node[SN_NODE_ID_MAX], message[64], out[64];
    struct sn_bytes datagram = from_hex(envelopes[_i].hex, octets, sizeof octets);
    struct sn_bytes node_id = from_hex(envelopes[_i].node_id, node, sizeof node);
    struct sn_bytes inner = from_hex(envelopes[_i].inner, message, sizeof message);
    const uint8_t radius = octets[2];

    if (radius > 3)
        octets[2] = 3; /* all that the two bits can say */
    ck_assert(sn_bytes_equal(sn_wrap(node_id, radius, inner, out, sizeof out), datagram));
    for (size_t cap = 0; cap < datagram.len; cap++)
        ck_assert_uint_eq(sn_wrap(node_id, radius, inner, out, cap).len, 0);
}
END_TEST

static const struct {
    const char *hex;
    enum sn_error error;
} broken[] = {
    {"02 FE", SN_E_LENGTH},
    {"03 FE", SN_E_LENGTH},
    {"00 FE 00 05 02 16", SN_E_LENGTH},
    {"02 FE 00 02 16", SN_E_LENGTH},
    {"05 FE 00 05", SN_E_LENGTH},
    {"FF FE 00 05 02 16", SN_E_LENGTH},
    {"03 FE 00 02 16", SN_E_NODE_ID},
    {"14 FE 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 11 02 16", SN_E_NODE_ID},
    {"04 FE 00 05", SN_E_FORWARDER},
    {"04 FE 00 05 02", SN_E_FORWARDER},
    {"04 FE 00 05 04 FE 00 06 02 16", SN_E_FORWARDER},
    {"04 FE 00 05 01 00 06 FE 00 06", SN_E_FORWARDER},
    {"01 00 06 FE 00 05 02 16", SN_E_FORWARDER},
};

START_TEST(refuses_broken)
{
    uint8_t octets[64];
    struct sn_bytes datagram = from_hex(broken[_i].hex, octets, sizeof octets);
    uint8_t *exact = malloc(datagram.len);
    struct sn_peer peer = forwarder;
    struct sn_bytes inner;

    ck_assert_ptr_nonnull(exact);
    memcpy(exact, datagram.data, datagram.len);
    ck_assert(sn_is_forwarded(datagram));
    ck_assert_int_eq(sn_unwrap(sn_bytes(exact, datagram.len), &peer, &inner), broken[_i].error);
    ck_assert(sn_peer_equal(&peer, &forwarder));
    free(exact);
}
END_TEST

START_TEST(takes_no_packet_for_an_envelope)
{
    uint8_t octets[64];
    struct sn_peer peer = forwarder;
    struct sn_bytes inner, datagram = from_hex(examples[_i].hex, octets, sizeof octets);

    ck_assert(!sn_is_forwarded(datagram));
    ck_assert_int_eq(sn_unwrap(datagram, &peer, &inner), SN_E_FORWARDER);
}
END_TEST

START_TEST(a_long_length_is_not_an_envelope)
{
    ck_assert(!sn_is_forwarded(sn_bytes("\x01\xFE\x00\x0C", 4)));
    ck_assert(!sn_is_forwarded(sn_bytes("\xFE", 1)));
    ck_assert(!sn_is_forwarded(sn_bytes(NULL, 0)));
}
END_TEST

START_TEST(two_forwarders_make_two_peers)
{
    struct sn_peer a = forwarder, b = forwarder, c = forwarder;
    struct sn_bytes inner, datagram = sn_bytes("\x04\xFE\x00\x05\x02\x16", 6);

    b.key[0] = 1;
    ck_assert_int_eq(sn_unwrap(datagram, &a, &inner), SN_OK);
    ck_assert_int_eq(sn_unwrap(datagram, &b, &inner), SN_OK);
    ck_assert_int_eq(sn_unwrap(datagram, &c, &inner), SN_OK);
    ck_assert(!sn_peer_equal(&a, &b));
    ck_assert(sn_peer_equal(&a, &c));
    ck_assert(!sn_peer_equal(&a, &forwarder)); /* the forwarder itself is somebody else */
}
END_TEST

START_TEST(wraps_no_impossible_node_id)
{
    static const uint8_t node[SN_NODE_ID_MAX + 1];
    uint8_t out[64];
    struct sn_bytes inner = sn_text("\x02\x16");

    ck_assert_uint_eq(sn_wrap(sn_bytes(node, 0), 0, inner, out, sizeof out).len, 0);
    ck_assert_uint_eq(sn_wrap(sn_bytes(node, sizeof node), 0, inner, out, sizeof out).len, 0);
    ck_assert_uint_eq(sn_wrap(sn_bytes(node, SN_NODE_ID_MAX), 0, inner, out, sizeof out).len,
                      SN_ENVELOPE_MAX + inner.len);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("forwarder");

    tcase_add_loop_test(tc, unwraps, 0, COUNT(envelopes));
    tcase_add_loop_test(tc, wraps, 0, COUNT(envelopes));
    tcase_add_loop_test(tc, refuses_broken, 0, COUNT(broken));
    tcase_add_loop_test(tc, takes_no_packet_for_an_envelope, 0, EXAMPLES);
    tcase_add_test(tc, a_long_length_is_not_an_envelope);
    tcase_add_test(tc, two_forwarders_make_two_peers);
    tcase_add_test(tc, wraps_no_impossible_node_id);
    return run_case("forwarder", tc);
}
