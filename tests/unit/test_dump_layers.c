/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/run.h"
#include "tools/dump/layers.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* 127.0.0.1:1000 > 127.0.0.2:1884 or ::1 > ::2 on the same ports, PINGREQ. */
#define IPV4 "\x45\x00\x00\x1E\x00\x00\x00\x00\x40\x11\x00\x00\x7F\x00\x00\x01\x7F\x00\x00\x02" UDP
#define IPV4_OPTIONS                                                                               \
    "\x46\x00\x00\x22\x00\x00\x40\x00\x40\x11\x00\x00\x7F\x00\x00\x01\x7F\x00\x00\x02"             \
    "\x01\x01\x01\x00" UDP
#define IPV6_HEAD(next)                                                                            \
    "\x60\x00\x00\x00\x00\x0A" next "\x40"                                                         \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"
#define IPV6 IPV6_HEAD("\x11") UDP
#define UDP  "\x03\xE8\x07\x5C\x00\x0A\x00\x00\x02\x16"
#define MACS "\x02\0\0\0\0\x01\x02\0\0\0\0\x02"
#define T(literal)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static const struct {
    uint32_t link_type;
    uint8_t address_len;
    struct sn_bytes frame;
} frames[] = {
    {LINK_ETHERNET, 4, T(MACS "\x08\x00" IPV4)},
    {LINK_ETHERNET, 4, T(MACS "\x08\x00" IPV4_OPTIONS)},
    {LINK_ETHERNET, 16, T(MACS "\x86\xDD" IPV6)},
    {LINK_ETHERNET, 4, T(MACS "\x81\x00\x00\x05\x08\x00" IPV4)},
    {LINK_ETHERNET, 16, T(MACS "\x88\xA8\x00\x05\x81\x00\x00\x06\x86\xDD" IPV6)},
    {LINK_SLL, 4, T("\x00\x00\x00\x01\x00\x06\x02\0\0\0\0\x01\0\0\x08\x00" IPV4)},
    {LINK_SLL2, 16, T("\x86\xDD\0\0\0\0\0\x01\x00\x01\x00\x06\x02\0\0\0\0\x01\0\0" IPV6)},
    {LINK_NULL, 4, T("\x02\x00\x00\x00" IPV4)},
    {LINK_NULL, 16, T("\x00\x00\x00\x1E" IPV6)},
    {LINK_LOOP, 4, T("\x00\x00\x00\x02" IPV4)},
    {LINK_RAW, 4, T(IPV4)},
    {LINK_RAW, 16, T(IPV6)},
    {LINK_RAW_BSD, 4, T(IPV4)},
    {LINK_RAW_OPENBSD, 16, T(IPV6)},
    {LINK_IPV4, 4, T(IPV4)},
    {LINK_IPV6, 16, T(IPV6)},
    /* Hop-by-hop, destination options of 16 octets, a fragment header of a whole datagram. */
    {LINK_RAW, 16, T(IPV6_HEAD("\x00") "\x11\x00\0\0\0\0\0\0" UDP)},
    {LINK_RAW, 16, T(IPV6_HEAD("\x3C") "\x11\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0" UDP)},
    {LINK_RAW, 16, T(IPV6_HEAD("\x2C") "\x11\x00\x00\x00\x12\x34\x56\x78" UDP)},
};

static bool find_exactly(uint32_t link_type, struct sn_bytes frame, size_t *payload_len)
{
    uint8_t *copy = malloc(frame.len > 0 ? frame.len : 1); /* its end is watched */
    struct udp_datagram udp;

    ck_assert_ptr_nonnull(copy);
    if (frame.len > 0)
        memcpy(copy, frame.data, frame.len);
    bool found = find_udp(link_type, sn_bytes(copy, frame.len), &udp);
    *payload_len = udp.payload.len;
    free(copy);
    return found;
}

START_TEST(finds_the_datagram)
{
    const size_t address_len = frames[_i].address_len;
    struct udp_datagram udp;

    ck_assert(link_type_known(frames[_i].link_type));
    ck_assert(find_udp(frames[_i].link_type, frames[_i].frame, &udp));
    ck_assert_uint_eq(udp.address_len, address_len);
    ck_assert_uint_eq(udp.from_port, 1000);
    ck_assert_uint_eq(udp.to_port, 1884);
    ck_assert_uint_eq(udp.from[address_len - 1], 1);
    ck_assert_uint_eq(udp.to[address_len - 1], 2);
    ck_assert(sn_bytes_equal(udp.payload, sn_text("\x02\x16")));
}
END_TEST

START_TEST(survives_every_cut)
{
    const struct sn_bytes frame = frames[_i].frame;
    size_t payload_len;

    for (size_t len = 0; len < frame.len; len++) {
        bool found = find_exactly(frames[_i].link_type, sn_bytes(frame.data, len), &payload_len);
        /* Only the payload itself may be cut. */
        ck_assert_int_eq(found, len + 2 >= frame.len);
        ck_assert(!found || payload_len == len + 2 - frame.len);
    }
}
END_TEST

static const struct {
    uint32_t link_type;
    struct sn_bytes frame;
} others[] = {
    {LINK_ETHERNET, T(MACS "\x08\x06" IPV4)},                              /* ARP */
    {LINK_RAW, T("\x55" UDP UDP UDP)},                                     /* version 5 */
    {LINK_RAW, T("\x44\x00\x00\x1E\0\0\0\0\x40\x11\0\0AAAABBBB" UDP)},     /* header of 16 */
    {LINK_RAW, T("\x45\x00\x00\x1E\0\0\0\0\x40\x06\0\0AAAABBBB" UDP)},     /* TCP */
    {LINK_RAW, T("\x45\x00\x00\x1E\0\0\x20\x00\x40\x11\0\0AAAABBBB" UDP)}, /* more fragments */
    {LINK_RAW, T("\x45\x00\x00\x1E\0\0\x00\x07\x40\x11\0\0AAAABBBB" UDP)}, /* a later fragment */
    {LINK_RAW, T(IPV6_HEAD("\x06") UDP)},                                  /* TCP */
    {LINK_RAW, T(IPV6_HEAD("\x2C") "\x11\x00\x00\x01\x12\x34\x56\x78" UDP)},
    {LINK_RAW, T(IPV6_HEAD("\x2C") "\x11\x00\x00\x08\x12\x34\x56\x78" UDP)},
    {LINK_RAW, T(IPV6_HEAD("\x11") "\x03\xE8\x07\x5C\x00\x07\x00\x00\x02\x16")}, /* length 7 */
    {105, T(IPV4)},                                                              /* 802.11 */
};

START_TEST(leaves_others_alone)
{
    size_t payload_len;

    ck_assert(!find_exactly(others[_i].link_type, others[_i].frame, &payload_len));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("dump_layers");

    tcase_add_loop_test(tc, finds_the_datagram, 0, COUNT(frames));
    tcase_add_loop_test(tc, survives_every_cut, 0, COUNT(frames));
    tcase_add_loop_test(tc, leaves_others_alone, 0, COUNT(others));
    return run_case("dump_layers", tc);
}
