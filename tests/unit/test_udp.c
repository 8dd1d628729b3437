/* SPDX-License-Identifier: Apache-2.0 */
/* A UDP link on loopback sockets: what a device at the other end of the wire notices. */
#include <check.h>
#include <errno.h>
#include <unistd.h>

#include "sn/link/udp.h"
#include "tests/support/run.h"
#include "tests/support/udp_bench.h"

/* A socket whose buffer is full, after some sends. */
static int free_sends, busy_sends;

int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);

int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (busy_sends == 0 || free_sends-- > 0)
        return __real_sendmmsg(fd, messages, count, flags);
    free_sends = 0;
    busy_sends--;
    errno = EAGAIN;
    return -1;
}

/* One row: the listener, where the device stands, which address it asks. */
static const struct way {
    const char *listen, *device, *asked;
} ways[] = {
    {"127.0.0.1", "127.0.0.1", "127.0.0.1"},
    {"0.0.0.0", "127.0.0.1", "127.0.0.2"},
    {"::", "127.0.0.1", "127.0.0.1"},
    {"::", "127.0.0.3", "127.0.0.2"},
    {"::", "::1", "::1"},
    {"::1", "::1", "::1"},
};

START_TEST(answers_from_the_address_that_was_asked)
{
    const struct way *way = &ways[_i];
    struct udp_bench b;
    char octets[32], from[64], expected[64];
    union udp_sockaddr asked;

    ck_assert_msg(udp_bench_open(&b, way->listen), "%s", b.error);
    int fd = device_open(way->device);
    device_says(fd, way->asked, udp_bench_port(&b), "\x03\x01\x00", 3);
    udp_bench_receive(&b, 1);
    ck_assert_uint_eq(b.count, 1);
    ck_assert_uint_eq(b.last_len, 3);
    ck_assert(!b.peer.broadcast);
    ck_assert_uint_eq(b.peer.link, 3);

    link_send(b.link, &b.peer, sn_bytes("\x02\x17", 2));
    link_flush(b.link);
    ck_assert_uint_eq(device_hears(fd, octets, sizeof octets, from, sizeof from), 2);
    udp_bench_address(&asked, way->asked, udp_bench_port(&b));
    ck_assert_str_eq(from, udp_sockaddr_text(&asked, expected, sizeof expected));
    close(fd);
    udp_bench_close(&b);
}
END_TEST

START_TEST(one_device_is_one_peer_on_either_kind_of_socket)
{
    struct udp_bench both, v4;
    char text[UDP_PEER_TEXT_MAX];
    int fd = device_open("127.0.0.1");

    ck_assert(udp_bench_open(&both, "::"));
    ck_assert(udp_bench_open(&v4, "127.0.0.1"));
    device_says(fd, "127.0.0.1", udp_bench_port(&both), "a", 1);
    udp_bench_receive(&both, 1);
    device_says(fd, "127.0.0.1", udp_bench_port(&v4), "a", 1);
    udp_bench_receive(&v4, 1);
    ck_assert(sn_peer_equal(&both.peer, &v4.peer));
    udp_peer_text(&v4.peer, text, sizeof text);
    ck_assert_int_eq(strncmp(text, "127.0.0.1:", 10), 0);
    close(fd);
    udp_bench_close(&both);
    udp_bench_close(&v4);
}
END_TEST

START_TEST(a_thousand_at_once_come_and_go)
{
    struct udp_bench b;
    char octets[32], from[64];
    uint32_t number;
    int fd = device_open("127.0.0.1"), size = 4 << 20;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    ck_assert(udp_bench_open(&b, "127.0.0.1"));
    b.echo = true;
    for (number = 0; number < 1000; number++)
        device_says(fd, "127.0.0.1", udp_bench_port(&b), &number, sizeof number);
    udp_bench_receive(&b, 1000);
    ck_assert_uint_eq(b.count, 1000);
    ck_assert_uint_eq(b.link->counters.datagrams_in, 1000);
    ck_assert_uint_eq(b.link->counters.octets_in, 4000);
    link_flush(b.link);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(device_hears(fd, octets, sizeof octets, from, sizeof from),
                          sizeof number);
        memcpy(&number, octets, sizeof number);
        ck_assert_uint_eq(number, i);
    }
    ck_assert_uint_eq(b.link->counters.datagrams_out, 1000);
    ck_assert_uint_eq(b.link->counters.queue_full, 0);
    close(fd);
    udp_bench_close(&b);
}
END_TEST

START_TEST(what_is_too_long_is_dropped_and_counted)
{
    struct udp_bench b;
    static const char long_one[1001];
    int fd = device_open("127.0.0.1");

    ck_assert(udp_bench_open(&b, "127.0.0.1"));
    device_says(fd, "127.0.0.1", udp_bench_port(&b), long_one, 1001);
    device_says(fd, "127.0.0.1", udp_bench_port(&b), long_one, 1000);
    udp_bench_receive(&b, 1);
    ck_assert_uint_eq(b.last_len, 1000);
    ck_assert_uint_eq(b.link->counters.oversize_in, 1);

    link_send(b.link, &b.peer, sn_bytes(long_one, 1001));
    ck_assert_uint_eq(b.link->counters.oversize_out, 1);
    close(fd);
    udp_bench_close(&b);
}
END_TEST

START_TEST(a_full_queue_asks_to_be_flushed)
{
    struct udp_bench b;
    int fd = device_open("127.0.0.1");

    ck_assert(udp_bench_open(&b, "127.0.0.1"));
    device_says(fd, "127.0.0.1", udp_bench_port(&b), "a", 1);
    udp_bench_receive(&b, 1);
    for (int i = 0; i < 10000; i++)
        link_send(b.link, &b.peer, sn_bytes("b", 1));
    link_flush(b.link);
    ck_assert_uint_eq(b.full, 10000 / 4096);
    ck_assert_uint_eq(b.link->counters.queue_full, 0);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 10000);
    close(fd);
    udp_bench_close(&b);
}
END_TEST

START_TEST(a_queue_that_stays_full_drops_and_counts)
{
    struct udp_bench b;
    int fd = device_open("127.0.0.1");

    ck_assert(udp_bench_open(&b, "127.0.0.1"));
    b.stuck = true;
    device_says(fd, "127.0.0.1", udp_bench_port(&b), "a", 1);
    udp_bench_receive(&b, 1);
    for (int i = 0; i < 5000; i++)
        link_send(b.link, &b.peer, sn_bytes("b", 1));
    ck_assert_uint_eq(b.link->counters.queue_full, 5000 - 4096);
    link_flush(b.link);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 4096);
    close(fd);
    udp_bench_close(&b);
}
END_TEST

START_TEST(a_refused_datagram_hurts_nobody_else)
{
    struct udp_bench b;
    char octets[32], from[64];
    int fd = device_open("127.0.0.1");

    ck_assert(udp_bench_open(&b, "127.0.0.1"));
    device_says(fd, "127.0.0.1", udp_bench_port(&b), "a", 1);
    udp_bench_receive(&b, 1);
    struct sn_peer nowhere = b.peer, moved = b.peer;
    memset(nowhere.key + 16, 0, 2); /* port 0 */
    memset(moved.route + 12, 9, 4); /* 9.9.9.9: an own address of ours no more */
    link_send(b.link, &nowhere, sn_bytes("x", 1));
    link_send(b.link, &moved, sn_bytes("y", 1));
    link_flush(b.link);
    ck_assert_uint_eq(device_hears(fd, octets, sizeof octets, from, sizeof from), 1);
    ck_assert_int_eq(octets[0], 'y');
    ck_assert_uint_eq(b.link->counters.send_failed, 1);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 1);
    close(fd);
    udp_bench_close(&b);
}
END_TEST

START_TEST(what_a_full_socket_does_not_take_leaves_later)
{
    struct udp_bench b;
    char octets[32], from[64];
    int fd = device_open("127.0.0.1");

    ck_assert(udp_bench_open(&b, "127.0.0.1"));
    device_says(fd, "127.0.0.1", udp_bench_port(&b), "a", 1);
    udp_bench_receive(&b, 1);
    link_send(b.link, &b.peer, sn_bytes("x", 1));
    busy_sends = 1;
    link_flush(b.link);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 0);
    uv_run(&b.loop, UV_RUN_ONCE); /* the socket is writable again */
    ck_assert_uint_eq(b.link->counters.datagrams_out, 1);
    ck_assert_uint_eq(device_hears(fd, octets, sizeof octets, from, sizeof from), 1);
    ck_assert_uint_eq(b.link->counters.send_failed + b.link->counters.queue_full, 0);
    close(fd);
    udp_bench_close(&b);
}
END_TEST

/* The barrier: whatever was queued behind it may not be safe yet. */
START_TEST(nothing_queued_leaves_before_a_flush)
{
    struct udp_bench b;
    int fd = device_open("127.0.0.1");

    ck_assert(udp_bench_open(&b, "127.0.0.1"));
    device_says(fd, "127.0.0.1", udp_bench_port(&b), "a", 1);
    udp_bench_receive(&b, 1);
    link_send(b.link, &b.peer, sn_bytes("x", 1));
    busy_sends = 1;
    link_flush(b.link);
    link_send(b.link, &b.peer, sn_bytes("y", 1));
    uv_run(&b.loop, UV_RUN_ONCE);   /* the socket is writable again */
    uv_run(&b.loop, UV_RUN_NOWAIT); /* and is not waited for */
    ck_assert_uint_eq(b.link->counters.datagrams_out, 0);
    link_flush(b.link);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 2);
    close(fd);
    udp_bench_close(&b);
}
END_TEST

/* Nor does the one for which a full queue was flushed: what it promises may be recorded behind it.
 */
START_TEST(what_made_the_queue_flush_waits_for_the_next)
{
    struct udp_bench b;
    int fd = device_open("127.0.0.1");

    ck_assert(udp_bench_open(&b, "127.0.0.1"));
    device_says(fd, "127.0.0.1", udp_bench_port(&b), "a", 1);
    udp_bench_receive(&b, 1);
    for (int i = 0; i < 4096; i++)
        link_send(b.link, &b.peer, sn_bytes("x", 1));
    free_sends = busy_sends = 1;
    link_send(b.link, &b.peer, sn_bytes("y", 1));
    ck_assert_uint_eq(b.full, 1);
    uint64_t sent = b.link->counters.datagrams_out;
    ck_assert_uint_gt(sent, 0);
    uv_run(&b.loop, UV_RUN_ONCE); /* the socket is writable again */
    ck_assert_uint_eq(b.link->counters.datagrams_out, sent);
    link_flush(b.link);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 4097);
    close(fd);
    udp_bench_close(&b);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    TCase *tcase = tcase_create("udp");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, answers_from_the_address_that_was_asked, 0, ROWS(ways));
    tcase_add_test(tcase, one_device_is_one_peer_on_either_kind_of_socket);
    tcase_add_test(tcase, a_thousand_at_once_come_and_go);
    tcase_add_test(tcase, what_is_too_long_is_dropped_and_counted);
    tcase_add_test(tcase, a_full_queue_asks_to_be_flushed);
    tcase_add_test(tcase, a_queue_that_stays_full_drops_and_counts);
    tcase_add_test(tcase, a_refused_datagram_hurts_nobody_else);
    tcase_add_test(tcase, what_a_full_socket_does_not_take_leaves_later);
    tcase_add_test(tcase, nothing_queued_leaves_before_a_flush);
    tcase_add_test(tcase, what_made_the_queue_flush_waits_for_the_next);
    return run_case("udp", tcase);
}
