/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a serial link sends: gap and air-time budget, and what still waits because of them. */
#include <check.h>

#include "tests/support/run.h"
#include "tests/support/serial_bench.h"

static void opened(struct serial_bench *b, const char *lines)
{
    serial_bench_open(b, lines);
    serial_bench_plug(b);
    ck_assert(serial_bench_wait_up(b, true));
}

static const struct {
    const char *lines;
    unsigned frames, least_ms;
} paces[] = {
    {"gap=0.05\n", 6, 250},
    {"max_bytes_per_second=40\n", 6, 498}, /* one tick may be made up for */
    {"gap=0.01\nbaud=300\n", 4, 420},      /* four octets take 133 ms */
};

START_TEST(keeps_the_pace)
{
    struct serial_bench b;
    struct sn_peer peer = {.link = 3};
    uint8_t heard[64];

    opened(&b, paces[_i].lines);
    for (uint8_t i = 0; i < paces[_i].frames; i++)
        link_send(b.link, &peer, sn_bytes((const uint8_t[]){2, i}, 2));
    uint64_t start = uv_hrtime();
    ck_assert_uint_eq(dongle_hears(&b, heard, 4 * paces[_i].frames, 5000), 4 * paces[_i].frames);
    uint64_t took = (uv_hrtime() - start) / 1000000;
    ck_assert_msg(took >= paces[_i].least_ms, "%lu ms", (unsigned long)took);
    serial_bench_close(&b);
}
END_TEST

/* Frames that take less than a millisecond each are not held to one in a millisecond. */
START_TEST(short_frames_use_the_whole_budget)
{
    enum { FRAMES = 180, OCTETS = 4 * FRAMES };
    struct serial_bench b;
    struct sn_peer peer = {.link = 3};
    uint8_t heard[OCTETS];

    opened(&b, "max_bytes_per_second=40000\n");
    for (uint8_t i = 0; i < FRAMES; i++)
        link_send(b.link, &peer, sn_bytes((const uint8_t[]){2, i}, 2));
    uint64_t start = uv_hrtime();
    ck_assert_uint_eq(dongle_hears(&b, heard, sizeof heard, 5000), sizeof heard);
    uint64_t took = (uv_hrtime() - start) / 1000000;
    ck_assert_msg(took >= OCTETS / 40 - 3 && took < 150, "%lu ms", (unsigned long)took);
    serial_bench_close(&b);
}
END_TEST

START_TEST(what_is_queued_is_pending)
{
    struct serial_bench b;
    struct sn_peer peer = {.link = 3};
    uint8_t heard[8];

    opened(&b, "max_bytes_per_second=40\n");
    ck_assert(!link_pending(b.link));
    link_send(b.link, &peer, sn_bytes("\x02\x17", 2));
    link_send(b.link, &peer, sn_bytes("\x02\x18", 2));
    link_flush(b.link);
    ck_assert(link_pending(b.link));
    ck_assert_uint_eq(dongle_hears(&b, heard, sizeof heard, 5000), sizeof heard);
    ck_assert(!link_pending(b.link));
    link_send(b.link, &peer, sn_bytes("\x02\x17", 2));
    ck_assert(link_pending(b.link));
    serial_bench_unplug(&b);
    ck_assert(serial_bench_wait_up(&b, false));
    ck_assert(!link_pending(b.link)); /* it cannot be sent any more */
    serial_bench_close(&b);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("serial_pace");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, keeps_the_pace, 0, (int)(sizeof paces / sizeof *paces));
    tcase_add_test(tcase, short_frames_use_the_whole_budget);
    tcase_add_test(tcase, what_is_queued_is_pending);
    return run_case("serial_pace", tcase);
}
