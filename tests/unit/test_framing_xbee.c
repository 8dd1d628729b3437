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

static const struct {
    const char *status, *said;
} statuses[] = {
    {"7E 00 07 8B 01 7D 84 00 00 00 72", "sent 11 delivered\n"},
    {"7E 00 07 8B 02 FF FE 00 24 00 51", "sent 12 try again\n"},
    {"7E 00 07 8B 02 7D 84 00 00 00 71", "sent 12 delivered\n"},
    {"7E 00 07 8B 01 7D 84 00 25 00 4D", "sent 11 try again\n"},
    {"7E 00 07 8B 01 7D 84 00 23 00 4F", "sent 11 unreachable\n"},
    {"7E 00 07 8B 04 00 00 00 00 00 70", ""}, /* nobody's */
    {"7E 00 07 8B 00 00 00 00 00 00 74", ""},
    {"7E 00 03 89 01 00 75", "sent 11 delivered\n"},
    {"7E 00 03 89 01 02 73", "sent 11 try again\n"},
};

START_TEST(matches_statuses_by_frame_id)
{
    struct framing_options options = law(0).options;
    struct framing_bench b;

    options.in_flight = 2;
    options.status_ms = 700; /* less than the first wait: no overdue before */
    framing_bench_open(&b, &options);
    framing_bench_hear_hex(&b, NP_UNKNOWN);
    for (uint32_t ticket = 11; ticket < 13; ticket++) {
        ck_assert(framing_ready(b.framing));
        framing_encode(b.framing, b.now, ticket, &xbee_node, 0, sn_text("\x02\x17"));
    }
    ck_assert(!framing_ready(b.framing));
    framing_bench_forget(&b);
    framing_bench_hear_hex(&b, statuses[_i].status);
    ck_assert(framing_ready(b.framing) == (*statuses[_i].said != '\0'));
    framing_bench_expect(&b, statuses[_i].said);
    framing_bench_hear_hex(&b, statuses[_i].status); /* it is told once */
    framing_bench_expect(&b, "");
    framing_bench_pass(&b, 700);
    ck_assert(framing_ready(b.framing));
    ck_assert_uint_eq(framing_counters(b.framing)->status_timeouts, *statuses[_i].said ? 1 : 2);
    framing_bench_close(&b);
}
END_TEST

static void say_status(struct framing_bench *b, uint8_t frame_id, uint8_t delivery)
{
    uint8_t status[] = {0x7E, 0, 7, 0x8B, frame_id, 0x7D, 0x84, 0, delivery, 0, 0};
    uint8_t sum = 0xFF;

    for (size_t i = 3; i < sizeof status - 1; i++)
        sum = (uint8_t)(sum - status[i]);
    status[sizeof status - 1] = sum;
    framing_bench_hear(b, sn_bytes(status, sizeof status));
}

static void send_one(struct framing_bench *b, uint32_t ticket)
{
    ck_assert(framing_ready(b->framing));
    ck_assert_uint_gt(
        framing_encode(b->framing, b->now, ticket, &xbee_node, 0, sn_text("\x02\x17")).len, 0);
}

/* Ticket 1 has frame id 1, and its status took 10 ms. */
static void begin_window(struct framing_bench *b, uint8_t in_flight)
{
    struct framing_options options = law(0).options;

    options.in_flight = in_flight;
    framing_bench_open(b, &options);
    framing_bench_hear_hex(b, NP_UNKNOWN);
    send_one(b, 1);
    framing_bench_pass(b, 10);
    say_status(b, 1, 0);
    framing_bench_forget(b);
}

/* And 2 is lost, and alone in the window. */
static void lose_one(struct framing_bench *b)
{
    begin_window(b, 1);
    send_one(b, 2);
    ck_assert(!framing_ready(b->framing));
    framing_bench_pass(b, 199);
    framing_bench_expect(b, "");
    framing_bench_pass(b, 1);
    framing_bench_expect(b, "sent 2 overdue\n");
    ck_assert_uint_eq(framing_counters(b->framing)->statuses_overdue, 1);
}

START_TEST(an_overdue_status_leaves_the_window)
{
    struct framing_bench b;

    lose_one(&b);
    send_one(&b, 3);
    ck_assert(!framing_ready(b.framing));
    say_status(&b, 3, 0);
    framing_bench_expect(&b, "sent 3 delivered\n");
    framing_bench_pass(&b, 4799);
    framing_bench_expect(&b, "");
    framing_bench_pass(&b, 1);
    framing_bench_expect(&b, "sent 2 unknown\n");
    ck_assert_uint_eq(framing_counters(b.framing)->status_timeouts, 1);
    ck_assert_uint_eq(framing_deadline(b.framing), UINT64_MAX);
    framing_bench_close(&b);
}
END_TEST

static const struct {
    uint8_t delivery;
    const char *said;
} late[] = {
    {0x00, "sent 2 delivered\n"}, {0x21, "sent 2 try again\n"}, {0x22, "sent 2 unreachable\n"}};

/* The network's own repetitions take seconds before they fail: that word still counts. */
START_TEST(a_late_status_is_heard)
{
    struct framing_bench b;

    lose_one(&b);
    send_one(&b, 3);
    framing_bench_pass(&b, 350); /* missed once: twice the patience */
    framing_bench_expect(&b, "");
    say_status(&b, 2, late[_i].delivery);
    framing_bench_expect(&b, late[_i].said);
    ck_assert(!framing_ready(b.framing)); /* 3 is in the window, 2 was not */
    framing_bench_pass(&b, 150);          /* the late one has taught more than that */
    framing_bench_expect(&b, "");
    framing_bench_close(&b);
}
END_TEST

/* The radio has answered a later one: who knows how soon, waits for an earlier one no longer. */
START_TEST(a_later_status_shows_that_an_earlier_one_is_lost)
{
    struct framing_bench b;

    begin_window(&b, 2);
    send_one(&b, 2);
    framing_bench_pass(&b, 200);
    framing_bench_expect(&b, "sent 2 overdue\n");
    send_one(&b, 3); /* waits for 400 ms, as 2 was missed */
    framing_bench_pass(&b, 250);
    framing_bench_expect(&b, "");
    send_one(&b, 4);
    say_status(&b, 4, 0);
    framing_bench_expect(&b, "sent 4 delivered\n");
    framing_bench_pass(&b, 0);
    framing_bench_expect(&b, "sent 3 overdue\n");
    framing_bench_close(&b);
}
END_TEST

/* Two windows of 32 are overdue: the oldest of them makes room. */
START_TEST(many_overdue_ones_are_bounded)
{
    struct framing_bench b;
    uint32_t ticket = 2;

    begin_window(&b, 32);
    for (int window = 0; window < 2; window++) {
        for (int i = 0; i < 32; i++)
            send_one(&b, ticket++);
        ck_assert(!framing_ready(b.framing));
        framing_bench_pass(&b, 200);
        ck_assert_uint_eq(framing_counters(b.framing)->statuses_overdue,
                          32u * (unsigned)(window + 1));
        framing_bench_forget(&b);
        if (window == 0) { /* one that is answered, or the next ones are waited for longer */
            send_one(&b, ticket);
            say_status(&b, (uint8_t)ticket++, 0);
        }
    }
    framing_bench_forget(&b);
    send_one(&b, ticket);
    framing_bench_expect(&b, "sent 2 unknown\n");
    ck_assert_uint_eq(framing_counters(b.framing)->status_timeouts, 1);
    say_status(&b, (uint8_t)ticket, 0);
    framing_bench_forget(&b);
    say_status(&b, 2, 0); /* too late: nobody knows it any more */
    framing_bench_expect(&b, "");
    framing_bench_close(&b);
}
END_TEST

/* Those under way were in the module's memory; of the overdue ones nothing is known. */
START_TEST(a_restart_repeats_no_overdue_one)
{
    struct framing_bench b;

    lose_one(&b);
    send_one(&b, 3);
    framing_bench_hear_hex(&b, RESET);
    framing_bench_expect(&b, "write " ASK_NP "\nsent 2 unknown\nsent 3 try again\nreset\n");
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

/* Each frame id is taken once while it is under way. */
START_TEST(goes_round_the_frame_ids)
{
    struct framing_bench b;
    uint8_t last = 0;

    begin(&b, 0);
    framing_encode(b.framing, b.now, 999, &xbee_node_short, 0, sn_text("\x02\x17")); /* id 1 */
    for (uint32_t ticket = 1000; ticket < 1600; ticket++) {
        struct sn_bytes wire =
            framing_encode(b.framing, b.now, ticket, &xbee_node_short, 0, sn_text("\x02\x17"));
        ck_assert_uint_gt(wire.len, 0);
        uint8_t id = wire.data[4], status[] = {0x7E, 0, 3, 0x89, id, 0, (uint8_t)(0x76 - id)};
        ck_assert(id > 1 && id != last);
        last = id;
        framing_bench_forget(&b);
        framing_bench_hear(&b, sn_bytes(status, sizeof status));
        ck_assert_ptr_nonnull(strstr(framing_bench_said(&b), "delivered"));
    }
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
    tcase_add_loop_test(tc, matches_statuses_by_frame_id, 0, COUNT(statuses));
    tcase_add_test(tc, an_overdue_status_leaves_the_window);
    tcase_add_loop_test(tc, a_late_status_is_heard, 0, COUNT(late));
    tcase_add_test(tc, a_later_status_shows_that_an_earlier_one_is_lost);
    tcase_add_test(tc, many_overdue_ones_are_bounded);
    tcase_add_test(tc, a_restart_repeats_no_overdue_one);
    tcase_add_test(tc, forgets_a_stale_network_address);
    tcase_add_loop_test(tc, starts_over_with_the_dongle, 0, 2);
    tcase_add_test(tc, goes_round_the_frame_ids);
    tcase_add_test(tc, sends_to_nobody_without_an_address);
    tcase_add_loop_test(tc, drops_what_is_wrong, 0, COUNT(odd));
    tcase_add_loop_test(tc, takes_foreign_data_for_no_message, 0, COUNT(xbee_foreign));
    tcase_add_test(tc, a_start_octet_begins_anew);
    tcase_add_loop_test(tc, holds_the_laws, 0, 2);
    return run_case("framing_xbee", tc);
}
