/* SPDX-License-Identifier: Apache-2.0 */
/* The header that dongles are built with, against the gateway's own framing. */
#include "sn/forwarder.h"
#include "tests/support/framing_bench.h"
#include "tests/support/run.h"
#include "tools/firmware/mqtt_sn_hdlc.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const struct framing_options options = {.kind = FRAMING_HDLC, .max_packet = 400};

struct line {
    uint8_t octets[1024];
    size_t len;
};

static void put(void *self, uint8_t octet)
{
    struct line *line = self;

    ck_assert_uint_lt(line->len, sizeof line->octets);
    line->octets[line->len++] = octet;
}

static const struct {
    const char *node, *message, *wire; /* wire NULL: only there and back */
} frames[] = {
    {"01 02", "09 0C 21 00 11 00 13 C0 DB",
     "7E 05 FE 00 01 02 09 0C 21 00 7D 31 00 7D 33 C0 DB E1 D1 7E"},
    {"00 13 A2 00 40 52 2B AA", "02 16", NULL},
    {"7E", "09 0C 21 00 11 00 13 7E 7D", NULL},
    {"01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10", "05 00 01 03 84", NULL},
    {"11 13", "01 00 04 16", NULL},
};

START_TEST(the_gateway_hears_the_dongle)
{
    uint8_t *node_octets, *message_octets;
    struct sn_bytes node = hex_octets(frames[_i].node, &node_octets);
    struct sn_bytes message = hex_octets(frames[_i].message, &message_octets);
    uint8_t wrapped[64];
    struct line line = {0};
    struct framing_bench b;

    framing_bench_open(&b, &options);
    ck_assert(mqtt_sn_hdlc_send(put, &line, node.data, node.len, message.data, message.len));
    framing_bench_hear(&b, sn_bytes(line.octets, line.len));
    struct sn_bytes packet = sn_wrap(node, 0, message, wrapped, sizeof wrapped);
    struct sn_bytes wire = framing_encode(b.framing, 0, 1, NULL, 0, packet);
    ck_assert(sn_bytes_equal(wire, sn_bytes(line.octets, line.len)));
    char *text = hex_text(packet), *said = calloc(1, strlen(text) + 64);
    ck_assert_ptr_nonnull(said);
    sprintf(said, "packet %.*s\nsent 1 delivered\n", (int)strlen(text) - 1, text);
    framing_bench_expect(&b, said);
    if (frames[_i].wire) {
        char *got = hex_text(wire);
        ck_assert_str_eq(strncmp(got, frames[_i].wire, strlen(frames[_i].wire)) ? got : "", "");
        free(got);
    }
    framing_bench_close(&b);
    free(text);
    free(said);
    free(node_octets);
    free(message_octets);
}
END_TEST

static bool hears(struct mqtt_sn_hdlc *dongle, struct sn_bytes wire,
                  struct mqtt_sn_hdlc_message *out)
{
    bool heard = false;

    for (size_t i = 0; i < wire.len; i++)
        heard = mqtt_sn_hdlc_receive(dongle, wire.data[i], out) || heard;
    return heard;
}

START_TEST(the_dongle_hears_the_gateway)
{
    uint8_t *node_octets, *message_octets;
    struct sn_bytes node = hex_octets(frames[_i].node, &node_octets);
    struct sn_bytes message = hex_octets(frames[_i].message, &message_octets);
    uint8_t wrapped[64];
    struct mqtt_sn_hdlc dongle = {0};
    struct mqtt_sn_hdlc_message m;
    struct framing_bench b;

    framing_bench_open(&b, &options);
    struct sn_bytes packet = sn_wrap(node, 2, message, wrapped, sizeof wrapped);
    for (int round = 0; round < 2; round++) {
        ck_assert(hears(&dongle, framing_encode(b.framing, 0, 1, NULL, 0, packet), &m));
        ck_assert(sn_bytes_equal(sn_bytes(m.node, m.node_len), node));
        ck_assert(sn_bytes_equal(sn_bytes(m.octets, m.len), message));
        ck_assert_uint_eq(m.radius, 2);
    }
    ck_assert(hears(&dongle, framing_encode(b.framing, 0, 1, NULL, 0, message), &m));
    ck_assert_uint_eq(m.node_len, 0); /* a broadcast */
    ck_assert(sn_bytes_equal(sn_bytes(m.octets, m.len), message));
    ck_assert_uint_eq(dongle.frames, 3);
    ck_assert_uint_eq(dongle.damaged, 0);
    framing_bench_close(&b);
    free(node_octets);
    free(message_octets);
}
END_TEST

START_TEST(the_dongle_drops_what_is_wrong)
{
    static const char *const wrong[] = {
        "7E 02 16 40 48 7E", "7E 02 16 40 49 7D 7E", "7E 02 7E",
        "7E 03 16 98 50 7E", "7E 00 16 F0 7A 7E",
    };
    struct mqtt_sn_hdlc dongle = {0};
    struct mqtt_sn_hdlc_message m;

    for (int i = 0; i < COUNT(wrong); i++) {
        uint8_t *octets;
        ck_assert(!hears(&dongle, hex_octets(wrong[i], &octets), &m));
        ck_assert_uint_eq(dongle.damaged, (unsigned)i + 1);
        free(octets);
    }
    for (int i = 0; i < 5000; i++)
        ck_assert(!mqtt_sn_hdlc_receive(&dongle, 0x16, &m));
    ck_assert(hears(&dongle, sn_text("\x7E\x02\x16\x40\x49\x7E"), &m));
}
END_TEST

/* Every octet in a thousand is damaged, lost or doubled: what comes through is what was sent. */
START_TEST(survives_noise)
{
    const uint8_t node[] = {1, 2}, message[] = {9, 0x0C, 0x21, 0, 0x11, 0, 0x13, 0x7E, 0x7D};
    struct mqtt_sn_hdlc dongle = {0};
    struct mqtt_sn_hdlc_message m;
    struct framing_bench b;
    unsigned dongle_heard = 0, seed = 5;
    enum { ROUNDS = 5000 };

    framing_bench_open(&b, &options);
    for (int round = 0; round < ROUNDS; round++) {
        struct line line = {0};
        mqtt_sn_hdlc_send(put, &line, node, sizeof node, message, sizeof message);
        for (size_t i = 0; i < line.len; i++) {
            seed = seed * 1103515245 + 12345;
            unsigned dice = seed >> 8;
            size_t times = dice % 1000 ? 1 : dice / 1000 % 3;
            uint8_t octet = line.octets[i];
            if (dice % 1000 == 1)
                octet ^= (uint8_t)(1u << dice / 1000 % 8);
            while (times-- > 0) {
                framing_bench_hear(&b, sn_bytes(&octet, 1));
                if (!mqtt_sn_hdlc_receive(&dongle, octet, &m))
                    continue;
                dongle_heard++;
                ck_assert(sn_bytes_equal(sn_bytes(m.node, m.node_len), sn_bytes(node, 2)));
                ck_assert(sn_bytes_equal(sn_bytes(m.octets, m.len), sn_bytes(message, 9)));
            }
        }
        const char *said = framing_bench_said(&b);
        const char *right = "packet 05 FE 00 01 02 09 0C 21 00 11 00 13 7E 7D\n";
        for (size_t len = strlen(right); *said; said += len)
            ck_assert_int_eq(strncmp(said, right, len), 0);
        framing_bench_forget(&b);
    }
    ck_assert_uint_gt(dongle_heard, ROUNDS * 9 / 10);
    ck_assert_uint_eq(framing_counters(b.framing)->frames_in, dongle_heard);
    ck_assert_uint_gt(framing_counters(b.framing)->bad_crc, 0);
    framing_bench_close(&b);
}
END_TEST

START_TEST(sends_for_no_impossible_node)
{
    uint8_t node[17] = {0};
    struct line line = {0};

    ck_assert(!mqtt_sn_hdlc_send(put, &line, node, 0, node, 2));
    ck_assert(!mqtt_sn_hdlc_send(put, &line, node, 17, node, 2));
    ck_assert_uint_eq(line.len, 0);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("firmware");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, the_gateway_hears_the_dongle, 0, COUNT(frames));
    tcase_add_loop_test(tc, the_dongle_hears_the_gateway, 0, COUNT(frames));
    tcase_add_test(tc, the_dongle_drops_what_is_wrong);
    tcase_add_test(tc, survives_noise);
    tcase_add_test(tc, sends_for_no_impossible_node);
    return run_case("firmware", tc);
}
