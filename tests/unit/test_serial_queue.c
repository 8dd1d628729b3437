/* SPDX-License-Identifier: Apache-2.0 */
/* Packets waiting, under way, delayed: none is lost or sent twice by the queue itself. */
#include <check.h>
#include <stdlib.h>

#include "sn/link/serial_queue.h"
#include "tests/support/run.h"

static const struct framing_address node = {.len = 2, .octets = {1, 2}};

static bool push(struct serial_queue *q, uint8_t number)
{
    uint8_t packet[] = {3, 0x16, number};

    return serial_queue_push(q, &node, 1, sn_bytes(packet, sizeof packet));
}

static uint8_t number_of(const struct serial_cell *cell)
{
    return serial_queue_packet(cell).data[2];
}

START_TEST(first_in_first_out)
{
    struct serial_queue q;

    ck_assert(serial_queue_init(&q, 255));
    ck_assert_ptr_null(serial_queue_first(&q, 0));
    for (uint8_t i = 0; i < 5; i++)
        ck_assert(push(&q, i));
    for (uint8_t i = 0; i < 5; i++) {
        struct serial_cell *cell = serial_queue_first(&q, 0);
        ck_assert_uint_eq(number_of(cell), i);
        ck_assert_uint_eq(serial_queue_packet(cell).len, 3);
        ck_assert_uint_eq(cell->to.octets[1], 2);
        ck_assert_uint_eq(cell->radius, 1);
        ck_assert_uint_ne(cell->ticket, 0);
        serial_queue_start(&q, cell);
        ck_assert_ptr_eq(serial_queue_of(&q, cell->ticket), cell);
        serial_queue_drop(&q, cell);
    }
    ck_assert_uint_eq(q.held, 0);
    serial_queue_fini(&q);
}
END_TEST

START_TEST(is_bounded)
{
    struct serial_queue q;
    size_t room = 0;

    ck_assert(serial_queue_init(&q, 65535));
    while (push(&q, 0))
        room++;
    ck_assert_uint_eq(room, q.count);
    serial_queue_drop(&q, serial_queue_first(&q, 0));
    ck_assert(push(&q, 0));
    ck_assert(!push(&q, 0));
    ck_assert_uint_eq(serial_queue_clear(&q), q.count);
    ck_assert(push(&q, 7));
    ck_assert_uint_eq(number_of(serial_queue_first(&q, 0)), 7);
    serial_queue_fini(&q);
}
END_TEST

START_TEST(a_delayed_one_comes_behind_the_others)
{
    struct serial_queue q;

    serial_queue_init(&q, 255);
    push(&q, 1);
    struct serial_cell *cell = serial_queue_first(&q, 0);
    serial_queue_start(&q, cell);
    serial_queue_delay(&q, cell, 100);
    ck_assert_uint_eq(serial_queue_due(&q), 100);
    ck_assert_ptr_null(serial_queue_of(&q, cell->ticket)); /* not under way */
    ck_assert_ptr_null(serial_queue_first(&q, 99));
    push(&q, 2);
    ck_assert_uint_eq(number_of(serial_queue_first(&q, 100)), 2);
    ck_assert_uint_eq(serial_queue_due(&q), UINT64_MAX);
    serial_queue_drop(&q, serial_queue_first(&q, 100));
    ck_assert_ptr_eq(serial_queue_first(&q, 100), cell);
    serial_queue_fini(&q);
}
END_TEST

/* A status of before the dongle's restart meets another packet in the cell. */
START_TEST(an_old_ticket_finds_nothing)
{
    struct serial_queue q;
    uint32_t first = 0;

    serial_queue_init(&q, 255);
    for (uint32_t i = 0; i < 70000; i++) { /* once around the count of uses */
        push(&q, 0);
        struct serial_cell *cell = serial_queue_first(&q, 0);
        uint32_t ticket = cell->ticket;
        ck_assert_uint_ne(ticket, 0);
        if (i == 0)
            first = ticket;
        if (i == 1)
            ck_assert_uint_ne(ticket, first);
        serial_queue_start(&q, cell);
        serial_queue_drop(&q, cell);
        ck_assert_ptr_null(serial_queue_of(&q, ticket));
    }
    ck_assert_ptr_null(serial_queue_of(&q, 0xFFFF));
    serial_queue_fini(&q);
}
END_TEST

/* Every order of events leaves the counts and lists consistent. */
START_TEST(any_order_is_consistent)
{
    struct serial_queue q;
    struct serial_cell *under_way[8];
    size_t flying = 0;
    uint64_t now = 0;

    srandom((unsigned)_i);
    serial_queue_init(&q, 32);
    for (int step = 0; step < 20000; step++, now++) {
        struct serial_cell *cell;
        switch (random() % 4) {
        case 0: push(&q, (uint8_t)step); break;
        case 1:
            cell = serial_queue_first(&q, now);
            if (cell && flying < 8) {
                serial_queue_start(&q, cell);
                under_way[flying++] = cell;
            }
            break;
        case 2:
            if (flying > 0)
                serial_queue_drop(&q, under_way[--flying]);
            break;
        case 3:
            if (flying > 0)
                serial_queue_delay(&q, under_way[--flying], now + (uint64_t)random() % 50);
            break;
        }
        size_t waiting = 0, free_cells = 0;
        for (const struct serial_cell *c = q.first; c; c = c->next)
            waiting++;
        for (const struct serial_cell *c = q.free; c; c = c->next)
            free_cells++;
        ck_assert_uint_eq(waiting + q.delayed + flying, q.held);
        ck_assert_uint_eq(q.held + free_cells, q.count);
    }
    serial_queue_fini(&q);
}
END_TEST

#define PUBLISH_1    "\x08\x0C\x20\x00\x01\x00\x02\x41"
#define AGAIN_1      "\x08\x0C\xA0\x00\x01\x00\x02\x41"
#define PUBLISH_0    "\x08\x0C\x00\x00\x01\x00\x00\x41"
#define LONG_1       "\x01\x00\x0A\x0C\x20\x00\x01\x00\x02\x41"
#define LONG_AGAIN_1 "\x01\x00\x0A\x0C\xA0\x00\x01\x00\x02\x41"
#define ENVELOPE     "\x05\xFE\x00\x01\x02"

static const struct {
    const char *held, *packet;
    size_t len;
    bool same;
} repetitions[] = {
    {PUBLISH_1, PUBLISH_1, 8, true},
    {PUBLISH_1, AGAIN_1, 8, true},
    {AGAIN_1, PUBLISH_1, 8, true},
    {ENVELOPE PUBLISH_1, ENVELOPE AGAIN_1, 13, true},
    {LONG_1, LONG_AGAIN_1, 10, true},
    {ENVELOPE LONG_1, ENVELOPE LONG_AGAIN_1, 15, true},
    {"\x07\x0D\x00\x01\x00\x02\x00", "\x07\x0D\x00\x01\x00\x02\x00", 7, true},
    {PUBLISH_1, "\x08\x0C\x40\x00\x01\x00\x02\x41", 8, false}, /* QoS */
    {PUBLISH_1, "\x08\x0C\x20\x00\x01\x00\x03\x41", 8, false}, /* MsgId */
    {PUBLISH_0, PUBLISH_0, 8, false},
    {ENVELOPE PUBLISH_1, "\x05\xFE\x00\x01\x03" PUBLISH_1, 13, false},
    {"\x04\x18\x00\x01", "\x04\x18\x80\x01", 4, false}, /* no flags there */
};

START_TEST(knows_a_repetition)
{
    const struct framing_address other = {.len = 2, .octets = {1, 3}};
    const struct framing_address hinted = {.len = 2, .octets = {1, 2}, .hint = {9}};
    struct sn_bytes packet = sn_bytes(repetitions[_i].packet, repetitions[_i].len);
    bool same = repetitions[_i].same;
    struct serial_queue q;

    ck_assert(serial_queue_init(&q, 255));
    ck_assert_ptr_null(serial_queue_find(&q, &node, packet));
    ck_assert(serial_queue_push(&q, &node, 0, sn_bytes(repetitions[_i].held, packet.len)));
    ck_assert((serial_queue_find(&q, &node, packet) != NULL) == same);
    ck_assert((serial_queue_find(&q, &hinted, packet) != NULL) == same);
    ck_assert_ptr_null(serial_queue_find(&q, &other, packet));
    struct serial_cell *cell = serial_queue_first(&q, 0);
    serial_queue_start(&q, cell);
    ck_assert((serial_queue_find(&q, &node, packet) != NULL) == same);
    serial_queue_delay(&q, cell, 9);
    ck_assert((serial_queue_find(&q, &node, packet) != NULL) == same);
    serial_queue_drop(&q, cell);
    ck_assert_ptr_null(serial_queue_find(&q, &node, packet));
    serial_queue_fini(&q);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("serial_queue");

    tcase_add_test(tcase, first_in_first_out);
    tcase_add_test(tcase, is_bounded);
    tcase_add_test(tcase, a_delayed_one_comes_behind_the_others);
    tcase_add_test(tcase, an_old_ticket_finds_nothing);
    tcase_add_loop_test(tcase, knows_a_repetition, 0,
                        (int)(sizeof repetitions / sizeof *repetitions));
    tcase_add_loop_test(tcase, any_order_is_consistent, 0, 4);
    return run_case("serial_queue", tcase);
}
