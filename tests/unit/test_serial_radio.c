/* SPDX-License-Identifier: Apache-2.0 */
/* Radios that have addresses and tell what became of a frame, behind a serial link. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run.h"
#include "tests/support/serial_bench.h"

/* The worked frames of Digi's API mode 1 for node 00 13 A2 00 40 52 2B AA, network address 7D 84.
 */
#define NODE "\x00\x13\xA2\x00\x40\x52\x2B\xAA"
static const uint8_t sn_connect[] = "\x7E\x00\x19\x90" NODE "\x7D\x84\x01\x0D\x04\x04\x01\x00\x3C"
                                    "sensor1\x34";
static const uint8_t connack[] = "\x7E\x00\x11\x10\x01" NODE "\x7D\x84\x00\x00\x03\x05\x00";
static const uint8_t ask_np[] = "\x7E\x00\x04\x08\x02\x4E\x50\x57";
static const uint8_t np_is_84[] = "\x7E\x00\x07\x88\x02\x4E\x50\x00\x00\x54\x83";

enum { CONNACK_FRAME = 21, FRAME_ID = 4, NOT_FOUND = 0x24, TOO_LONG = 0x74, NO_SUCH = 0x22 };

#define LEN_OF(text) (sizeof(text) - 1)

static void asked_for_its_room(struct serial_bench *b)
{
    uint8_t heard[LEN_OF(ask_np)];

    ck_assert_uint_eq(dongle_hears(b, heard, sizeof heard, 5000), sizeof heard);
    ck_assert_mem_eq(heard, ask_np, sizeof heard);
    dongle_says(b, np_is_84, LEN_OF(np_is_84));
}

/* The module is in mode 1, takes 84 octets, and the node has sent its CONNECT. */
static void node_connects(struct serial_bench *b, const char *lines)
{
    char all[200];

    snprintf(all, sizeof all, "framing=xbee\napi=1\n%s", lines);
    serial_bench_open(b, all);
    serial_bench_plug(b);
    ck_assert(serial_bench_wait_up(b, true));
    asked_for_its_room(b);
    dongle_says(b, sn_connect, LEN_OF(sn_connect));
    ck_assert(serial_bench_wait(b, &b->packets, 1, 5000));
}

/* As long as a CONNACK, and each another packet. */
static void say_answer(struct serial_bench *b, uint8_t code)
{
    const uint8_t packet[] = {3, 5, code};

    link_send(b->link, &b->peer, sn_bytes(packet, sizeof packet));
}

static void say_connack(struct serial_bench *b)
{
    say_answer(b, 0);
}

/* Takes a CONNACK to the node and returns its frame id. */
static uint8_t connack_id(struct serial_bench *b)
{
    uint8_t heard[CONNACK_FRAME];

    ck_assert_uint_eq(dongle_hears(b, heard, sizeof heard, 5000), sizeof heard);
    ck_assert_mem_eq(heard, connack, 4);
    ck_assert_mem_eq(heard + 5, connack + 5, 8);
    return heard[FRAME_ID];
}

static void say_status(struct serial_bench *b, uint8_t frame_id, uint8_t delivery)
{
    uint8_t frame[] = {0x7E, 0, 7, 0x8B, frame_id, 0x7D, 0x84, 0, delivery, 0, 0};
    uint8_t sum = 0;

    for (size_t i = 3; i < 10; i++)
        sum = (uint8_t)(sum + frame[i]);
    frame[10] = (uint8_t)(0xFF - sum);
    dongle_says(b, frame, sizeof frame);
}

START_TEST(a_node_is_its_long_address)
{
    struct serial_bench b;
    char text[LINK_PEER_TEXT_MAX];
    uint8_t heard[CONNACK_FRAME];

    node_connects(&b, "");
    ck_assert_uint_eq(b.peer.address_len, 8);
    ck_assert_mem_eq(b.peer.key, NODE, 8);
    ck_assert_str_eq(link_peer_text(b.link, &b.peer, text, sizeof text), "serial:0013a20040522baa");
    ck_assert(!b.peer.broadcast);
    say_connack(&b);
    ck_assert_uint_eq(dongle_hears(&b, heard, sizeof heard, 5000), sizeof heard);
    ck_assert_mem_eq(heard, connack, LEN_OF(connack)); /* with the network address it came from */
    say_status(&b, heard[FRAME_ID], 0);
    serial_bench_turn(&b, 50);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 0);
    serial_bench_close(&b);
}
END_TEST

/* What the radio can carry holds until another one is plugged in. */
START_TEST(the_radios_room_is_told)
{
    struct serial_bench b;
    static const uint8_t packet[85] = {85, 0x0C};

    node_connects(&b, "");
    ck_assert_uint_eq(b.rooms, 1);
    ck_assert_uint_eq(b.link->max_packet, 84);
    link_send(b.link, &b.peer, sn_bytes(packet, sizeof packet));
    ck_assert_uint_eq(b.link->counters.oversize_out, 1);
    serial_bench_unplug(&b);
    ck_assert(serial_bench_wait_up(&b, false));
    serial_bench_plug(&b);
    ck_assert(serial_bench_wait_up(&b, true));
    ck_assert_uint_eq(b.link->max_packet, 255);
    ck_assert_uint_eq(b.rooms, 2);
    serial_bench_close(&b);
}
END_TEST

START_TEST(an_undelivered_frame_is_repeated)
{
    struct serial_bench b;

    node_connects(&b, "");
    say_connack(&b);
    say_status(&b, connack_id(&b), NOT_FOUND);
    say_status(&b, connack_id(&b), 0);
    serial_bench_turn(&b, 600);
    ck_assert_uint_eq(serial_bench_counter(&b, "repeated"), 1);
    ck_assert_uint_eq(serial_bench_counter(&b, "given_up"), 0);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 0);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 2);
    serial_bench_close(&b);
}
END_TEST

START_TEST(repeating_ends)
{
    struct serial_bench b;
    int times = 0;

    node_connects(&b, "");
    say_connack(&b);
    while (serial_bench_counter(&b, "given_up") == 0) {
        ck_assert_int_lt(times++, 10);
        say_status(&b, connack_id(&b), NOT_FOUND);
        serial_bench_turn(&b, 20);
    }
    ck_assert_int_eq(times, 4);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 0);
    serial_bench_close(&b);
}
END_TEST

static const struct {
    uint8_t delivery;
    const char *counter;
} finals[] = {{NO_SUCH, "unreachable"}, {TOO_LONG, "too_long_for_radio"}};

START_TEST(a_final_refusal_is_counted)
{
    struct serial_bench b;

    node_connects(&b, "");
    say_connack(&b);
    say_status(&b, connack_id(&b), finals[_i].delivery);
    serial_bench_turn(&b, 400);
    ck_assert_uint_eq(serial_bench_counter(&b, finals[_i].counter), 1);
    ck_assert_uint_eq(serial_bench_counter(&b, "repeated"), 0);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 0);
    serial_bench_close(&b);
}
END_TEST

/* A radio without word for so long may well have delivered it. */
START_TEST(a_lost_status_repeats_nothing)
{
    struct serial_bench b;

    node_connects(&b, "");
    say_connack(&b);
    say_connack(&b); /* waits already */
    ck_assert_uint_eq(serial_bench_counter(&b, "superseded"), 1);
    connack_id(&b);
    say_connack(&b); /* is under way */
    ck_assert_uint_eq(serial_bench_counter(&b, "superseded"), 2);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 1);
    serial_bench_turn(&b, 6000);
    ck_assert_uint_eq(serial_bench_counter(&b, "status_timeouts"), 1);
    ck_assert_uint_eq(serial_bench_counter(&b, "repeated"), 0);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 0);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 1);
    serial_bench_close(&b);
}
END_TEST

/* Waits until the place of a frame without a status is free for others. */
static void wait_overdue(struct serial_bench *b)
{
    for (int i = 0; i < 100 && serial_bench_counter(b, "statuses_overdue") == 0; i++)
        serial_bench_turn(b, 20);
    ck_assert_uint_eq(serial_bench_counter(b, "statuses_overdue"), 1);
}

/* One place in the window, and it is free long before the status is given up: for other packets,
 * and for whoever repeats this one. What was not delivered before is not sent once more then. */
START_TEST(a_lost_status_holds_nobody_up)
{
    struct serial_bench b;

    node_connects(&b, "in_flight=1\n");
    say_answer(&b, 1);
    say_status(&b, connack_id(&b), 0);
    say_connack(&b);
    uint8_t lost = connack_id(&b);
    say_answer(&b, 2);
    wait_overdue(&b);
    say_status(&b, connack_id(&b), 0);
    serial_bench_turn(&b, 50);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 1);
    say_connack(&b); /* T_retry */
    ck_assert_uint_eq(serial_bench_counter(&b, "superseded"), 0);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 1);
    uint8_t repeated = connack_id(&b);
    ck_assert_uint_ne(repeated, lost);
    say_status(&b, lost, NOT_FOUND);
    say_status(&b, repeated, 0);
    serial_bench_turn(&b, 600);
    ck_assert_uint_eq(serial_bench_counter(&b, "repeated"), 0);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 0);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 4);
    serial_bench_close(&b);
}
END_TEST

START_TEST(a_late_failure_is_repeated)
{
    struct serial_bench b;

    node_connects(&b, "in_flight=1\n");
    say_answer(&b, 1);
    say_status(&b, connack_id(&b), 0);
    say_connack(&b);
    uint8_t late = connack_id(&b);
    wait_overdue(&b);
    say_status(&b, late, NOT_FOUND);
    say_status(&b, connack_id(&b), 0);
    serial_bench_turn(&b, 50);
    ck_assert_uint_eq(serial_bench_counter(&b, "repeated"), 1);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 0);
    serial_bench_close(&b);
}
END_TEST

/* An answer of the module itself is a sign of life, though it carries no packet. */
START_TEST(own_words_break_the_silence)
{
    struct serial_bench b;

    serial_bench_open(&b, "framing=xbee\napi=1\nsilence=1\n");
    serial_bench_plug(&b);
    ck_assert(serial_bench_wait_up(&b, true));
    for (int i = 0; i < 8; i++) {
        dongle_says(&b, np_is_84, LEN_OF(np_is_84));
        serial_bench_turn(&b, 200);
    }
    ck_assert_uint_eq(serial_bench_counter(&b, "silences"), 0);
    serial_bench_close(&b);
}
END_TEST

START_TEST(few_frames_are_under_way)
{
    struct serial_bench b;
    uint8_t heard[CONNACK_FRAME * 3];

    node_connects(&b, "in_flight=2\n");
    for (uint8_t i = 0; i < 5; i++)
        say_answer(&b, i);
    ck_assert_uint_eq(dongle_hears(&b, heard, sizeof heard, 300), CONNACK_FRAME * 2);
    say_status(&b, heard[CONNACK_FRAME + FRAME_ID], 0);
    say_status(&b, heard[FRAME_ID], 0);
    say_status(&b, connack_id(&b), 0);
    say_status(&b, connack_id(&b), 0);
    say_status(&b, connack_id(&b), 0);
    serial_bench_turn(&b, 50);
    ck_assert_uint_eq(serial_bench_counter(&b, "queued"), 0);
    serial_bench_close(&b);
}
END_TEST

/* What was under way is not waited for, and a status of then closes nothing now. */
START_TEST(unplugging_ends_what_is_under_way)
{
    struct serial_bench b;

    node_connects(&b, "in_flight=1\n");
    say_connack(&b);
    say_answer(&b, 1);
    uint8_t id = connack_id(&b);
    serial_bench_unplug(&b);
    ck_assert(serial_bench_wait_up(&b, false));
    ck_assert_uint_eq(serial_bench_counter(&b, "away"), 2);
    serial_bench_plug(&b);
    ck_assert(serial_bench_wait_up(&b, true));
    asked_for_its_room(&b);
    say_status(&b, id, NOT_FOUND);
    serial_bench_turn(&b, 50);
    ck_assert_uint_eq(serial_bench_counter(&b, "repeated"), 0);
    say_connack(&b);
    say_status(&b, connack_id(&b), 0);
    serial_bench_close(&b);
}
END_TEST

/* Questions that a dongle cannot have heard while it started are asked when it has settled. */
START_TEST(asks_when_it_has_settled)
{
    struct serial_bench b;
    uint8_t heard[LEN_OF(ask_np)];

    serial_bench_open(&b, "framing=xbee\napi=1\nsettle=1.5\n");
    serial_bench_plug(&b);
    ck_assert_uint_eq(dongle_hears(&b, heard, sizeof heard, 1200), 0);
    asked_for_its_room(&b);
    ck_assert(serial_bench_wait(&b, &b.rooms, 1, 5000));
    ck_assert_uint_eq(dongle_hears(&b, heard, sizeof heard, 1200), 0); /* and once only */
    serial_bench_close(&b);
}
END_TEST

START_TEST(signal_strength_is_handed_on)
{
    struct serial_bench b;
    static const uint8_t searchgw[] = "\xC0\xB4\xC5\x05\xFE\x01\x02\x01\x03\x01\x01\x44\x2B\xC0";

    serial_bench_open(&b, "framing=aquila\n");
    serial_bench_plug(&b);
    ck_assert(serial_bench_wait_up(&b, true));
    dongle_says(&b, searchgw, LEN_OF(searchgw));
    ck_assert(serial_bench_wait(&b, &b.packets, 1, 5000));
    ck_assert(b.peer.has_lqi && b.peer.has_rssi);
    ck_assert_uint_eq(b.peer.lqi, 0xB4);
    ck_assert_uint_eq(b.peer.address_len, 2);
    serial_bench_close(&b);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("serial_radio");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_node_is_its_long_address);
    tcase_add_test(tcase, the_radios_room_is_told);
    tcase_add_test(tcase, an_undelivered_frame_is_repeated);
    tcase_add_test(tcase, repeating_ends);
    tcase_add_loop_test(tcase, a_final_refusal_is_counted, 0,
                        (int)(sizeof finals / sizeof *finals));
    tcase_add_test(tcase, a_lost_status_repeats_nothing);
    tcase_add_test(tcase, a_lost_status_holds_nobody_up);
    tcase_add_test(tcase, a_late_failure_is_repeated);
    tcase_add_test(tcase, own_words_break_the_silence);
    tcase_add_test(tcase, few_frames_are_under_way);
    tcase_add_test(tcase, unplugging_ends_what_is_under_way);
    tcase_add_test(tcase, asks_when_it_has_settled);
    tcase_add_test(tcase, signal_strength_is_handed_on);
    return run_case("serial_radio", tcase);
}
