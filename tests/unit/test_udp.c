/* SPDX-License-Identifier: Apache-2.0 */
/* A UDP link on loopback sockets: what a device at the other end of the wire notices. */
#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sn/link/udp.h"
#include "sn/link/udp_address.h"

#define PATIENCE_MS 5000

/* The link under test, and what it has received. */
struct bench {
    uv_loop_t loop;
    uv_timer_t patience;
    struct link *link;
    char host[64], group[64], error[256], last[32];
    struct udp_config config;
    struct sn_peer peer;
    size_t count, wanted, last_len;
    bool echo;
};

static void on_datagram(void *self, const struct sn_peer *from, struct sn_bytes wire)
{
    struct bench *b = self;

    b->peer = *from;
    b->last_len = wire.len;
    memcpy(b->last, wire.data, wire.len < sizeof b->last ? wire.len : sizeof b->last);
    if (b->echo)
        link_send(b->link, from, wire);
    if (++b->count >= b->wanted)
        uv_stop(&b->loop);
}

static void on_patience(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static struct endpoint endpoint(const char *host, uint16_t port)
{
    return (struct endpoint){.kind = ENDPOINT_UDP, .host = host, .port = port};
}

/* `host` on `port` (0: any), `group` on `group_port` or NULL. */
static bool open_on(struct bench *b, const char *host, uint16_t port, const char *group,
                    uint16_t group_port, const char *interface)
{
    memset(b, 0, sizeof *b);
    snprintf(b->host, sizeof b->host, "%s", host);
    snprintf(b->group, sizeof b->group, "%s", group ? group : "");
    b->config = (struct udp_config){.name = "",
                                    .listen = b->host,
                                    .multicast = b->group,
                                    .interface = interface,
                                    .hops = 1,
                                    .max_packet = 1000,
                                    .receive_buffer = 4 << 20,
                                    .address = endpoint(b->host, port)};
    if (group)
        b->config.group = endpoint(b->group, group_port);
    uv_loop_init(&b->loop);
    uv_timer_init(&b->loop, &b->patience);
    b->link = udp_open(&b->loop, 3, &b->config, (struct link_receiver){b, on_datagram}, b->error,
                       sizeof b->error);
    return b->link != NULL;
}

static bool open_link(struct bench *b, const char *host)
{
    return open_on(b, host, 0, NULL, 0, "");
}

static void close_bench(struct bench *b)
{
    if (b->link)
        link_close(b->link);
    uv_close((uv_handle_t *)&b->patience, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&b->loop), 0);
}

static void receive(struct bench *b, size_t wanted)
{
    b->count = 0;
    b->wanted = wanted;
    uv_timer_start(&b->patience, on_patience, PATIENCE_MS, 0);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&b->patience);
}

static uint16_t port_of(const struct bench *b)
{
    return (uint16_t)atoi(strrchr(b->link->name, ':') + 1);
}

static socklen_t address(union udp_sockaddr *out, const char *host, uint16_t port)
{
    memset(out, 0, sizeof *out);
    if (strchr(host, ':')) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        ck_assert_int_eq(inet_pton(AF_INET6, host, &out->v6.sin6_addr), 1);
        return sizeof out->v6;
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(port);
    ck_assert_int_eq(inet_pton(AF_INET, host, &out->v4.sin_addr), 1);
    return sizeof out->v4;
}

/* A device's socket, on `host`, any port. */
static int device(const char *host)
{
    union udp_sockaddr own;
    socklen_t len = address(&own, host, 0);
    int fd = socket(own.any.sa_family, SOCK_DGRAM, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, &own.any, len), 0);
    return fd;
}

static void say(int fd, const char *host, uint16_t port, const void *octets, size_t len)
{
    union udp_sockaddr to;
    socklen_t to_len = address(&to, host, port);

    ck_assert_int_eq(sendto(fd, octets, len, 0, &to.any, to_len), (ssize_t)len);
}

/* Waits for a datagram and tells who sent it. */
static size_t hear(int fd, char *octets, size_t size, char *from, size_t from_size)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    union udp_sockaddr sender;
    socklen_t len = sizeof sender;

    ck_assert_int_eq(poll(&readable, 1, PATIENCE_MS), 1);
    ssize_t got = recvfrom(fd, octets, size, 0, &sender.any, &len);
    ck_assert_int_ge(got, 0);
    udp_sockaddr_text(&sender, from, from_size);
    return (size_t)got;
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
    struct bench b;
    char octets[32], from[64], expected[64];
    union udp_sockaddr asked;

    ck_assert_msg(open_link(&b, way->listen), "%s", b.error);
    int fd = device(way->device);
    say(fd, way->asked, port_of(&b), "\x03\x01\x00", 3);
    receive(&b, 1);
    ck_assert_uint_eq(b.count, 1);
    ck_assert_uint_eq(b.last_len, 3);
    ck_assert(!b.peer.broadcast);
    ck_assert_uint_eq(b.peer.link, 3);

    link_send(b.link, &b.peer, sn_bytes("\x02\x17", 2));
    link_flush(b.link);
    ck_assert_uint_eq(hear(fd, octets, sizeof octets, from, sizeof from), 2);
    address(&asked, way->asked, port_of(&b));
    ck_assert_str_eq(from, udp_sockaddr_text(&asked, expected, sizeof expected));
    close(fd);
    close_bench(&b);
}
END_TEST

START_TEST(one_device_is_one_peer_on_either_kind_of_socket)
{
    struct bench both, v4;
    char text[UDP_PEER_TEXT_MAX];
    int fd = device("127.0.0.1");

    ck_assert(open_link(&both, "::"));
    ck_assert(open_link(&v4, "127.0.0.1"));
    say(fd, "127.0.0.1", port_of(&both), "a", 1);
    receive(&both, 1);
    say(fd, "127.0.0.1", port_of(&v4), "a", 1);
    receive(&v4, 1);
    ck_assert(sn_peer_equal(&both.peer, &v4.peer));
    udp_peer_text(&v4.peer, text, sizeof text);
    ck_assert_int_eq(strncmp(text, "127.0.0.1:", 10), 0);
    close(fd);
    close_bench(&both);
    close_bench(&v4);
}
END_TEST

START_TEST(a_thousand_at_once_come_and_go)
{
    struct bench b;
    char octets[32], from[64];
    uint32_t number;
    int fd = device("127.0.0.1"), size = 4 << 20;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    ck_assert(open_link(&b, "127.0.0.1"));
    b.echo = true;
    for (number = 0; number < 1000; number++)
        say(fd, "127.0.0.1", port_of(&b), &number, sizeof number);
    receive(&b, 1000);
    ck_assert_uint_eq(b.count, 1000);
    ck_assert_uint_eq(b.link->counters.datagrams_in, 1000);
    ck_assert_uint_eq(b.link->counters.octets_in, 4000);
    link_flush(b.link);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(hear(fd, octets, sizeof octets, from, sizeof from), sizeof number);
        memcpy(&number, octets, sizeof number);
        ck_assert_uint_eq(number, i);
    }
    ck_assert_uint_eq(b.link->counters.datagrams_out, 1000);
    ck_assert_uint_eq(b.link->counters.queue_full, 0);
    close(fd);
    close_bench(&b);
}
END_TEST

START_TEST(what_is_too_long_is_dropped_and_counted)
{
    struct bench b;
    static const char long_one[1001];
    int fd = device("127.0.0.1");

    ck_assert(open_link(&b, "127.0.0.1"));
    say(fd, "127.0.0.1", port_of(&b), long_one, 1001);
    say(fd, "127.0.0.1", port_of(&b), long_one, 1000);
    receive(&b, 1);
    ck_assert_uint_eq(b.last_len, 1000);
    ck_assert_uint_eq(b.link->counters.oversize_in, 1);

    link_send(b.link, &b.peer, sn_bytes(long_one, 1001));
    ck_assert_uint_eq(b.link->counters.oversize_out, 1);
    close(fd);
    close_bench(&b);
}
END_TEST

START_TEST(a_full_queue_drops_and_counts)
{
    struct bench b;
    int fd = device("127.0.0.1");

    ck_assert(open_link(&b, "127.0.0.1"));
    say(fd, "127.0.0.1", port_of(&b), "a", 1);
    receive(&b, 1);
    for (int i = 0; i < 5000; i++)
        link_send(b.link, &b.peer, sn_bytes("b", 1));
    ck_assert_uint_eq(b.link->counters.queue_full, 5000 - 4096);
    link_flush(b.link);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 4096);
    close(fd);
    close_bench(&b);
}
END_TEST

START_TEST(a_refused_datagram_hurts_nobody_else)
{
    struct bench b;
    char octets[32], from[64];
    int fd = device("127.0.0.1");

    ck_assert(open_link(&b, "127.0.0.1"));
    say(fd, "127.0.0.1", port_of(&b), "a", 1);
    receive(&b, 1);
    struct sn_peer nowhere = b.peer, moved = b.peer;
    memset(nowhere.key + 16, 0, 2); /* port 0 */
    memset(moved.route + 12, 9, 4); /* 9.9.9.9: an own address of ours no more */
    link_send(b.link, &nowhere, sn_bytes("x", 1));
    link_send(b.link, &moved, sn_bytes("y", 1));
    link_flush(b.link);
    ck_assert_uint_eq(hear(fd, octets, sizeof octets, from, sizeof from), 1);
    ck_assert_int_eq(octets[0], 'y');
    ck_assert_uint_eq(b.link->counters.send_failed, 1);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 1);
    close(fd);
    close_bench(&b);
}
END_TEST

/* A port that is free for the listener and the group alike. */
static uint16_t free_port(void)
{
    union udp_sockaddr own;
    socklen_t len = sizeof own;
    int fd = device("127.0.0.1");

    ck_assert_int_eq(getsockname(fd, &own.any, &len), 0);
    close(fd);
    return ntohs(own.v4.sin_port);
}

/* A device that listens to the group on the loopback interface. */
static int device_in_group(const char *group, uint16_t port)
{
    struct ip_mreqn join = {.imr_address.s_addr = htonl(INADDR_LOOPBACK)};
    union udp_sockaddr own;
    socklen_t len = address(&own, group, port);
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
    struct bench b;
    char octets[32], from[64], unicast[64];
    uint16_t port = free_port();

    /* A loopback listener finds the loopback interface by itself. */
    ck_assert_msg(open_on(&b, listen, port, "225.1.1.1", port, _i == 0 ? "" : "lo"), "%s", b.error);
    int member = device_in_group("225.1.1.1", port);
    say(member, "225.1.1.1", port, "\x03\x01\x00", 3);
    receive(&b, 1);
    ck_assert_uint_eq(b.count, 1);
    ck_assert(b.peer.broadcast);
    ck_assert_uint_eq(hear(member, octets, sizeof octets, from, sizeof from), 3); /* itself */

    link_broadcast(b.link, 0, sn_bytes("\x03\x02\x07", 3));
    link_flush(b.link);
    ck_assert_uint_eq(hear(member, octets, sizeof octets, from, sizeof from), 3);
    ck_assert_int_eq(octets[2], 7);
    /* From the listener, so that the device knows where the gateway is. Of which address a
     * wildcard listener speaks on the loopback interface is the system's choice. */
    snprintf(unicast, sizeof unicast, "%s:%u", _i == 0 ? "127.0.0.1" : "", port);
    ck_assert_ptr_nonnull(strstr(from, unicast));

    int device_fd = device("127.0.0.1"); /* unicast still is unicast, and comes once */
    say(device_fd, "127.0.0.1", port, "\x02\x18", 2);
    receive(&b, 2); /* our own GWINFO came to the group, too */
    ck_assert_uint_eq(b.count, 2);
    ck_assert_uint_eq(b.link->counters.datagrams_in, 3);
    close(device_fd);
    close(member);
    close_bench(&b);
}
END_TEST

START_TEST(a_busy_port_is_told_in_one_line)
{
    struct bench first, second;

    ck_assert(open_on(&first, "127.0.0.1", 0, "225.1.1.1", free_port(), ""));
    ck_assert(!open_on(&second, "127.0.0.1", port_of(&first), NULL, 0, ""));
    ck_assert_str_eq(second.error,
                     "udp 127.0.0.1: address already in use; stop the other program or choose "
                     "another port with listen = ADDRESS:PORT");
    close_bench(&second);
    close_bench(&first);
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
    struct bench b;

    ck_assert(!open_on(&b, f->listen, 0, f->group, 1883, f->interface));
    ck_assert_ptr_null(b.link);
    ck_assert_msg(strstr(b.error, f->words) != NULL, "%s", b.error);
    ck_assert_ptr_null(strchr(b.error, '\n'));
    close_bench(&b);
}
END_TEST

static const struct name {
    const char *host;
    uint16_t port;
    const char *node, *text;
} names[] = {
    {"192.0.2.7", 40001, "", "192.0.2.7:40001"},
    {"2001:db8::7", 40001, "", "[2001:db8::7]:40001"},
    {"192.0.2.7", 1, "\x0A\xFF", "192.0.2.7:1/0aff"},
};

START_TEST(a_peer_has_a_readable_name)
{
    const struct name *n = &names[_i];
    struct sn_peer peer = {.address_len = UDP_KEY_LEN, .node_len = (uint8_t)strlen(n->node)};
    union udp_sockaddr from;
    char text[UDP_PEER_TEXT_MAX], cut[8];

    address(&from, n->host, n->port);
    udp_key(peer.key, &from);
    memcpy(peer.key + UDP_KEY_LEN, n->node, peer.node_len);
    ck_assert_str_eq(udp_peer_text(&peer, text, sizeof text), n->text);
    udp_peer_text(&peer, cut, sizeof cut);
    ck_assert_uint_eq(strlen(cut), 7);
    ck_assert_int_eq(strncmp(cut, n->text, 7), 0);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    Suite *suite = suite_create("udp");
    TCase *tcase = tcase_create("loopback");
    SRunner *runner = srunner_create(suite);

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, answers_from_the_address_that_was_asked, 0, ROWS(ways));
    tcase_add_test(tcase, one_device_is_one_peer_on_either_kind_of_socket);
    tcase_add_test(tcase, a_thousand_at_once_come_and_go);
    tcase_add_test(tcase, what_is_too_long_is_dropped_and_counted);
    tcase_add_test(tcase, a_full_queue_drops_and_counts);
    tcase_add_test(tcase, a_refused_datagram_hurts_nobody_else);
    tcase_add_loop_test(tcase, the_group_works_both_ways, 0, ROWS(group_listeners));
    tcase_add_test(tcase, a_busy_port_is_told_in_one_line);
    tcase_add_loop_test(tcase, what_cannot_be_opened_says_why, 0, ROWS(failures));
    tcase_add_loop_test(tcase, a_peer_has_a_readable_name, 0, ROWS(names));
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
