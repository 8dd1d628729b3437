/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a UDP link: the multicast group, the IP versions, and what goes wrong. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "sn/link/udp.h"
#include "tests/support/run.h"
#include "tests/support/udp_bench.h"

/* A host without IPv6. */
static bool without_ipv6;

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);

int __wrap_socket(int family, int type, int protocol)
{
    if (family != AF_INET6 || !without_ipv6)
        return __real_socket(family, type, protocol);
    errno = EAFNOSUPPORT;
    return -1;
}

START_TEST(a_host_without_ipv6_listens_on_ipv4)
{
    struct udp_bench b;
    int fd = device_open("127.0.0.1");

    without_ipv6 = true;
    ck_assert_msg(udp_bench_open(&b, "::"), "%s", b.error);
    ck_assert_int_eq(strncmp(b.link->name, "udp 0.0.0.0:", 12), 0);
    device_says(fd, "127.0.0.1", udp_bench_port(&b), "a", 1);
    udp_bench_receive(&b, 1);
    ck_assert_uint_eq(b.count, 1);
    udp_bench_close(&b);

    ck_assert(!udp_bench_open(&b, "::1"));
    ck_assert_ptr_nonnull(strstr(b.error, "this host has no IPv6"));
    close(fd);
    udp_bench_close(&b);
}
END_TEST

/* A port that is free for the listener and the group alike. */
static uint16_t free_port(void)
{
    union udp_sockaddr own;
    socklen_t len = sizeof own;
    int fd = device_open("127.0.0.1");

    ck_assert_int_eq(getsockname(fd, &own.any, &len), 0);
    close(fd);
    return ntohs(own.v4.sin_port);
}

/* A device that listens to the group on the loopback interface. */
static int device_in_group(const char *group, uint16_t port)
{
    struct ip_mreqn join = {.imr_address.s_addr = htonl(INADDR_LOOPBACK)};
    union udp_sockaddr own;
    socklen_t len = udp_bench_address(&own, group, port);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), yes = 1;

    inet_pton(AF_INET, group, &join.imr_multiaddr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    ck_assert_int_eq(bind(fd, &own.any, len), 0);
    ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join), 0);
    ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &join, sizeof join), 0);
    return fd;
}

static const char *const group_listeners[] = {"127.0.0.1", "0.0.0.0", "::"};

START_TEST(the_group_works_both_ways)
{
    const char *listen = group_listeners[_i];
    struct udp_bench b;
    char octets[32], from[64], unicast[64];
    uint16_t port = free_port();

    /* A loopback listener finds the loopback interface by itself. */
    ck_assert_msg(udp_bench_open_on(&b, listen, port, "225.1.1.1", port, _i == 0 ? "" : "lo"), "%s",
                  b.error);
    int member = device_in_group("225.1.1.1", port);
    device_says(member, "225.1.1.1", port, "\x03\x01\x00", 3);
    udp_bench_receive(&b, 1);
    ck_assert_uint_eq(b.count, 1);
    ck_assert(b.peer.broadcast);
    ck_assert_uint_eq(device_hears(member, octets, sizeof octets, from, sizeof from),
                      3); /* itself */

    link_broadcast(b.link, 0, sn_bytes("\x03\x02\x07", 3));
    link_flush(b.link);
    ck_assert_uint_eq(device_hears(member, octets, sizeof octets, from, sizeof from), 3);
    ck_assert_int_eq(octets[2], 7);
    /* From the listener, so that the device knows where the gateway is. Of which address a
     * wildcard listener speaks on the loopback interface is the system's choice. */
    snprintf(unicast, sizeof unicast, "%s:%u", _i == 0 ? "127.0.0.1" : "", port);
    ck_assert_ptr_nonnull(strstr(from, unicast));

    int device_fd = device_open("127.0.0.1"); /* unicast still is unicast, and comes once */
    device_says(device_fd, "127.0.0.1", port, "\x02\x18", 2);
    udp_bench_receive(&b, 2); /* our own GWINFO came to the group, too */
    ck_assert_uint_eq(b.count, 2);
    ck_assert_uint_eq(b.link->counters.datagrams_in, 3);
    close(device_fd);
    close(member);
    udp_bench_close(&b);
}
END_TEST

START_TEST(a_busy_port_is_told_in_one_line)
{
    struct udp_bench first, second;

    ck_assert(udp_bench_open_on(&first, "127.0.0.1", 0, "225.1.1.1", free_port(), ""));
    ck_assert(!udp_bench_open_on(&second, "127.0.0.1", udp_bench_port(&first), NULL, 0, ""));
    ck_assert_str_eq(second.error,
                     "udp 127.0.0.1: address already in use; stop the other program or choose "
                     "another port with listen = ADDRESS:PORT");
    udp_bench_close(&second);
    udp_bench_close(&first);
}
END_TEST

static const struct failure {
    const char *listen, *group, *interface, *words;
} failures[] = {
    {"192.0.2.77", NULL, "", "this host has no such address"},
    {"localhost", NULL, "", "not an IP address"},
    {"127.0.0.1", "10.0.0.1", "", "no multicast group"},
    {"127.0.0.1", "ff02::1234", "", "other IP version"},
    {"::1", "225.1.1.1", "", "other IP version"},
    {"127.0.0.1", "225.1.1.1", "nowhere0", "no network interface nowhere0"},
};

START_TEST(what_cannot_be_opened_says_why)
{
    const struct failure *f = &failures[_i];
    struct udp_bench b;

    ck_assert(!udp_bench_open_on(&b, f->listen, 0, f->group, 1883, f->interface));
    ck_assert_ptr_null(b.link);
    ck_assert_msg(strstr(b.error, f->words) != NULL, "%s", b.error);
    ck_assert_ptr_null(strchr(b.error, '\n'));
    udp_bench_close(&b);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    TCase *tcase = tcase_create("udp_socket");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_host_without_ipv6_listens_on_ipv4);
    tcase_add_loop_test(tcase, the_group_works_both_ways, 0, ROWS(group_listeners));
    tcase_add_test(tcase, a_busy_port_is_told_in_one_line);
    tcase_add_loop_test(tcase, what_cannot_be_opened_says_why, 0, ROWS(failures));
    return run_case("udp_socket", tcase);
}
