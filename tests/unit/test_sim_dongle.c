/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated dongles against the gateway's framings, octets carried both ways, and against the
 * frames that vendors and firmware are known to send. */
#include <stdio.h>

#include "tests/support/run.h"
#include "tools/sim/dongle.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define ROOM         2048

/* Two ends and what has arrived at each. */
struct pair {
    struct dongle *dongle;
    struct framing *host;
    uint64_t now;
    uint8_t to_host[ROOM], to_dongle[ROOM];
    size_t to_host_len, to_dongle_len;

    uint32_t number; /* the last node that got something */
    uint8_t packet[ROOM];
    size_t packet_len;
    struct framing_origin origin;
    unsigned sent[4]; /* by enum framing_sent */
    unsigned resets;
};

static void keep(uint8_t *into, size_t *len, struct sn_bytes octets)
{
    ck_assert_uint_le(*len + octets.len, ROOM);
    memcpy(into + *len, octets.data, octets.len);
    *len += octets.len;
}

static void on_host(void *self, struct sn_bytes octets)
{
    struct pair *p = self;

    keep(p->to_host, &p->to_host_len, octets);
}

static void on_node(void *self, uint32_t number, struct sn_bytes packet)
{
    struct pair *p = self;

    p->number = number;
    p->packet_len = 0;
    keep(p->packet, &p->packet_len, packet);
}

static void on_packet(void *self, const struct framing_origin *origin, struct sn_bytes packet)
{
    struct pair *p = self;

    p->origin = *origin;
    on_node(p, 0, packet);
}

static void on_write(void *self, struct sn_bytes octets)
{
    struct pair *p = self;

    keep(p->to_dongle, &p->to_dongle_len, octets);
}

static void on_sent(void *self, uint32_t ticket, enum framing_sent result)
{
    struct pair *p = self;

    ck_assert_uint_eq(ticket, 5);
    p->sent[result]++;
}

static void on_reset(void *self)
{
    struct pair *p = self;

    p->resets++;
}

/* Octets go to and fro until both are silent. */
static void carry(struct pair *p)
{
    uint8_t octets[ROOM];

    while (p->to_host_len + p->to_dongle_len > 0) {
        size_t len = p->to_dongle_len;
        memcpy(octets, p->to_dongle, len);
        p->to_dongle_len = 0;
        dongle_hear(p->dongle, p->now, sn_bytes(octets, len));
        len = p->to_host_len;
        memcpy(octets, p->to_host, len);
        p->to_host_len = 0;
        framing_receive(p->host, p->now, sn_bytes(octets, len));
    }
}

static void open_pair(struct pair *p, const struct dongle_options *options, enum framing_api api)
{
    struct framing_options host = options->framing;
    const struct framing_sink host_sink = {.self = p,
                                           .packet = on_packet,
                                           .write = on_write,
                                           .sent = on_sent,
                                           .dongle_reset = on_reset};
    const struct dongle_sink sink = {.self = p, .host = on_host, .node = on_node};

    *p = (struct pair){.now = 1000};
    host.api = api;
    host.in_flight = 3;
    host.max_packet = options->framing.max_packet + 19;
    p->dongle = dongle_new(options, &sink);
    p->host = framing_new(&host, &host_sink);
    ck_assert_ptr_nonnull(p->dongle);
    ck_assert_ptr_nonnull(p->host);
    framing_start(p->host, p->now);
    dongle_start(p->dongle, p->now);
    carry(p);
}

static void close_pair(struct pair *p)
{
    dongle_free(p->dongle);
    framing_free(p->host);
}

static void expect(const struct pair *p, struct sn_bytes packet)
{
    ck_assert(sn_bytes_equal(sn_bytes(p->packet, p->packet_len), packet));
}

static const struct way {
    struct dongle_options options;
    enum framing_api api; /* of the host */
    uint8_t address_len, envelope_len;
} ways[] = {
    {{{.kind = FRAMING_RAW, .max_packet = 300}, 1, 0}, FRAMING_API_AUTO, 0, 0},
    {{{.kind = FRAMING_RAW, .crc = FRAMING_CRC_X25, .max_packet = 300}, 700, 2}, 0, 0, 5},
    {{{.kind = FRAMING_SLIP, .max_packet = 300}, 700, 2}, 0, 0, 5},
    {{{.kind = FRAMING_SLIP, .crc = FRAMING_CRC_XMODEM, .max_packet = 300}, 700, 8}, 0, 0, 11},
    {{{.kind = FRAMING_HDLC, .max_packet = 300}, 700, 4}, 0, 0, 7},
    {{{.kind = FRAMING_COBS, .crc = FRAMING_CRC_X25, .max_packet = 300}, 700, 2}, 0, 0, 5},
    {{{.kind = FRAMING_XBEE, .api = FRAMING_API_1, .max_packet = 255}, 700, 0},
     FRAMING_API_1,
     8,
     0},
    {{{.kind = FRAMING_XBEE, .api = FRAMING_API_2, .max_packet = 255}, 700, 0},
     FRAMING_API_2,
     8,
     0},
    {{{.kind = FRAMING_XBEE, .api = FRAMING_API_1, .max_packet = 255}, 700, 0},
     FRAMING_API_AUTO,
     8,
     0},
    {{{.kind = FRAMING_XBEE, .api = FRAMING_API_2, .max_packet = 255}, 700, 0},
     FRAMING_API_AUTO,
     8,
     0},
    {{{.kind = FRAMING_AQUILA, .max_packet = 300}, 700, 0}, FRAMING_API_AUTO, 2, 0},
};

/* A node's packet reaches the host, and what the host answers to its address reaches the node; with
 * every octet that any of the framings treats in a way of its own. */
START_TEST(speaks_with_the_gateway_both_ways)
{
    static const uint8_t connect[] = {0x0D, 4, 4, 1, 0, 0x3C, 's', 'e', 'n', 's', 'o', 'r', '1'};
    uint8_t publish[255] = {255, 0x0C, 0x21, 0, 0x11, 0, 0x13};
    const struct way *w = &ways[_i];
    struct pair p;

    for (unsigned i = 7; i < sizeof publish; i++)
        publish[i] = (uint8_t)(i * 7 + 0x7E);
    open_pair(&p, &w->options, w->api);
    for (uint32_t number = 1; number <= w->options.nodes; number += 59) {
        struct sn_bytes up =
            number % 2 ? sn_bytes(connect, sizeof connect) : sn_bytes(publish, sizeof publish);
        p.now += 10;
        ck_assert(dongle_send(p.dongle, p.now, number, up));
        carry(&p);
        ck_assert_uint_eq(p.origin.from.len, w->address_len);
        ck_assert_uint_eq(p.packet_len, w->envelope_len + up.len);
        ck_assert_mem_eq(p.packet + w->envelope_len, up.data, up.len);

        /* The answer goes in the same envelope, if any. */
        uint8_t down[ROOM];
        memcpy(down, p.packet, p.packet_len);
        struct sn_bytes frame =
            framing_encode(p.host, p.now, 5, &p.origin.from, 0, sn_bytes(down, p.packet_len));
        ck_assert_uint_gt(frame.len, 0);
        keep(p.to_dongle, &p.to_dongle_len, frame);
        carry(&p);
        ck_assert_uint_eq(p.number, number);
        expect(&p, up);
        ck_assert_uint_eq(p.sent[FRAMING_DELIVERED], number / 59 + 1);
    }
    close_pair(&p);
}
END_TEST

START_TEST(an_xbee_module_tells_that_a_node_is_not_there)
{
    static const struct dongle_options options = {
        {.kind = FRAMING_XBEE, .api = FRAMING_API_1, .max_packet = 255}, 3, 0};
    const struct framing_address nobody = {.len = 8, .octets = {0, 0x13, 0xA2, 0, 0, 0, 0, 4}};
    const struct framing_address all = {.len = 8, .broadcast = true};
    static const uint8_t ping[] = {2, 0x17};
    struct pair p;

    open_pair(&p, &options, FRAMING_API_1);
    ck_assert_uint_eq(p.resets, 1);
    keep(p.to_dongle, &p.to_dongle_len,
         framing_encode(p.host, p.now, 5, &nobody, 0, sn_bytes(ping, sizeof ping)));
    carry(&p);
    ck_assert_uint_eq(p.sent[FRAMING_TRY_AGAIN], 1);
    keep(p.to_dongle, &p.to_dongle_len,
         framing_encode(p.host, p.now, 5, &all, 0, sn_bytes(ping, sizeof ping)));
    carry(&p);
    ck_assert_uint_eq(p.number, 0);
    ck_assert_uint_eq(framing_counters(p.host)->statuses, 1);
    ck_assert_uint_eq(framing_room(p.host), 255); /* AT NP */
    close_pair(&p);
}
END_TEST

static size_t octets_of(const char *hex, uint8_t *into)
{
    size_t len = 0;

    for (unsigned octet; sscanf(hex, "%2x", &octet) == 1; hex += hex[2] ? 3 : 2)
        into[len++] = (uint8_t)octet;
    return len;
}

/* What a host sends, in the octets of the vendors' papers, and what a dongle answers. */
static const struct {
    enum framing_kind kind;
    enum framing_api api;
    const char *host, *dongle;
    uint32_t number;
} known[] = {
    {FRAMING_XBEE, FRAMING_API_1, "7E 00 04 08 01 41 50 65", "7E 00 06 88 01 41 50 00 01 E4", 0},
    {FRAMING_XBEE, FRAMING_API_2, "7E 00 04 08 01 41 50 65", "7E 00 06 88 01 41 50 00 02 E3", 0},
    {FRAMING_XBEE, FRAMING_API_1, "7E 00 04 08 03 41 4F 64", "7E 00 05 88 03 41 4F 02 E2", 0},
    {FRAMING_XBEE, FRAMING_API_1, "7E 00 11 10 01 00 13 A2 00 40 52 2B AA FF FE 00 00 03 05 00 CD",
     "7E 00 07 8B 01 FF FE 00 24 00 52", 0},
    {FRAMING_XBEE, FRAMING_API_2,
     "7E 00 7D 31 10 01 00 7D 33 A2 00 40 52 2B AA FF FE 00 00 03 05 00 CD",
     "7E 00 07 8B 01 FF FE 00 24 00 52", 0},
    {FRAMING_XBEE, FRAMING_API_2,
     "7E 00 7D 33 10 00 00 00 00 00 00 00 FF FF FF FE 00 00 05 00 01 03 84 67", "", 0},
    {FRAMING_XBEE, FRAMING_API_1, "55 AA 7E 00 04 08 01 41 50 66 7E FF FF 7E 00 04 08 01 41 50 65",
     "7E 00 06 88 01 41 50 00 01 E4", 0},
    {FRAMING_XBEE, FRAMING_API_2, "7E 00 04 08 7E 00 04 08 01 41 50 65",
     "7E 00 06 88 01 41 50 00 02 E3", 0},
    {FRAMING_AQUILA, FRAMING_API_AUTO, "C0 05 FE 01 02 01 02 17 05 1C C0",
     "C0 00 00 02 01 43 76 C0", 0x0102},
    {FRAMING_AQUILA, FRAMING_API_AUTO, "C0 05 FE 01 FF FF 05 00 01 03 84 4B 83 C0",
     "C0 00 00 02 01 43 76 C0", 0},
    {FRAMING_AQUILA, FRAMING_API_AUTO,
     "C0 13 02 01 FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF BD A2 C0",
     "C0 00 00 02 01 43 76 C0", 0},
    {FRAMING_AQUILA, FRAMING_API_AUTO, "C0 05 FE 01 02 01 02 17 05 1D C0", "", 0},
};

START_TEST(answers_the_known_frames_to_the_octet)
{
    const struct dongle_options options = {
        {.kind = known[_i].kind, .api = known[_i].api, .max_packet = 255}, 700, 0};
    uint8_t octets[ROOM], answer[ROOM];
    size_t len = octets_of(known[_i].host, octets), answer_len;
    struct pair p;

    open_pair(&p, &options, known[_i].api);
    dongle_hear(p.dongle, p.now, sn_bytes(octets, len));
    answer_len = octets_of(known[_i].dongle, answer);
    ck_assert_uint_eq(p.to_host_len, answer_len);
    if (answer_len > 0)
        ck_assert_mem_eq(p.to_host, answer, answer_len);
    ck_assert_uint_eq(p.number, known[_i].number);
    close_pair(&p);
}
END_TEST

START_TEST(an_arduino_asks_for_its_settings)
{
    static const struct dongle_options options = {
        {.kind = FRAMING_AQUILA, .max_packet = 255}, 3, 0};
    static const uint8_t wanted[] = {0xC0, 0, 0, 2, 2, 0x20, 0x46, 0xC0};
    static const uint8_t search[] = {3, 1, 1};
    static const uint8_t sent[] = {0xC0, 0xB4, 0xC5, 5, 0xFE, 1, 2, 0, 3, 1, 1};
    struct pair p;

    open_pair(&p, &options, FRAMING_API_AUTO);
    ck_assert(framing_ready(p.host)); /* configured and acknowledged, long before 2.1 s */
    dongle_start(p.dongle, p.now);
    ck_assert_uint_eq(p.to_host_len, sizeof wanted);
    ck_assert_mem_eq(p.to_host, wanted, sizeof wanted);
    carry(&p);
    ck_assert(dongle_send(p.dongle, p.now, 2, sn_bytes(search, sizeof search)));
    ck_assert_uint_eq(p.to_host_len, sizeof sent + 3);
    ck_assert_mem_eq(p.to_host, sent, sizeof sent);
    close_pair(&p);
}
END_TEST

START_TEST(refuses_what_is_too_long)
{
    static const uint8_t long_packet[400] = {1, 1, 0x90, 0x0C};
    struct pair p;

    open_pair(&p, &ways[_i].options, ways[_i].api);
    ck_assert(!dongle_send(p.dongle, p.now, 1, sn_bytes(long_packet, sizeof long_packet)));
    ck_assert_uint_eq(p.to_host_len, 0);
    close_pair(&p);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("sim_dongle");

    tcase_add_loop_test(tc, speaks_with_the_gateway_both_ways, 0, COUNT(ways));
    tcase_add_test(tc, an_xbee_module_tells_that_a_node_is_not_there);
    tcase_add_loop_test(tc, answers_the_known_frames_to_the_octet, 0, COUNT(known));
    tcase_add_test(tc, an_arduino_asks_for_its_settings);
    tcase_add_loop_test(tc, refuses_what_is_too_long, 0, COUNT(ways));
    return run_case("sim_dongle", tc);
}
