/* SPDX-License-Identifier: Apache-2.0 */
/* The send queue against a plain model of it, and its bounds. */
#include <check.h>
#include <stdlib.h>

#include "sn/link/udp_queue.h"
#include "tests/support/run.h"

static const uint8_t route[SN_ROUTE_MAX] = {[0] = 0xFE, [19] = 3};

static bool push(struct udp_queue *q, uint32_t number, size_t len)
{
    uint8_t key[UDP_KEY_LEN] = {0}, wire[64];

    memcpy(key, &number, sizeof number);
    memset(wire, (int)(number & 0xFF), sizeof wire);
    return udp_queue_push(q, key, route, sn_bytes(wire, len));
}

static void expect(const struct udp_queue *q, size_t index, uint32_t number, size_t len)
{
    const struct udp_datagram *d = udp_queue_at(q, index);
    struct sn_bytes wire = udp_queue_wire(q, d);

    ck_assert_int_eq(memcmp(d->key, &number, sizeof number), 0);
    ck_assert_int_eq(memcmp(d->route, route, sizeof route), 0);
    ck_assert_uint_eq(wire.len, len);
    for (size_t i = 0; i < wire.len; i++)
        ck_assert_uint_eq(wire.data[i], number & 0xFF);
}

START_TEST(keeps_the_order_through_many_rounds)
{
    struct udp_queue q;
    size_t lens[4096];
    uint32_t pushed = 0, popped = 0, refused = 0;

    srand(7);
    ck_assert(udp_queue_init(&q, 16, 300));
    for (int step = 0; step < 5000; step++) {
        size_t len = (size_t)(rand() % 64);
        if (rand() % 2) {
            lens[pushed % 4096] = len;
            if (push(&q, pushed, len))
                pushed++;
            else
                refused++;
        } else if (q.count > 0) {
            size_t count = 1 + (size_t)rand() % q.count;
            udp_queue_pop(&q, count);
            popped += (uint32_t)count;
        }
        ck_assert_uint_eq(q.count, pushed - popped);
        for (uint32_t i = popped; i < pushed; i++)
            expect(&q, i - popped, i, lens[i % 4096]);
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_gt(pushed, 1000);
    udp_queue_fini(&q);
}
END_TEST

START_TEST(is_bounded_in_datagrams)
{
    struct udp_queue q;

    ck_assert(udp_queue_init(&q, 3, 1000));
    for (uint32_t i = 0; i < 3; i++)
        ck_assert(push(&q, i, 0));
    ck_assert(!push(&q, 3, 0));
    udp_queue_pop(&q, 1);
    ck_assert(push(&q, 3, 10));
    expect(&q, 2, 3, 10);
    udp_queue_fini(&q);
}
END_TEST

START_TEST(is_bounded_in_octets)
{
    struct udp_queue q;

    ck_assert(udp_queue_init(&q, 100, 100));
    ck_assert(push(&q, 0, 60));
    ck_assert(!push(&q, 1, 41));
    ck_assert(push(&q, 1, 40));
    ck_assert(!push(&q, 2, 1));
    udp_queue_pop(&q, 2);
    ck_assert(push(&q, 2, 50));
    expect(&q, 0, 2, 50);
    udp_queue_fini(&q);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("udp_queue");

    tcase_add_test(tcase, keeps_the_order_through_many_rounds);
    tcase_add_test(tcase, is_bounded_in_datagrams);
    tcase_add_test(tcase, is_bounded_in_octets);
    return run_case("udp_queue", tcase);
}
