/* SPDX-License-Identifier: Apache-2.0 */
/* udp_bench - a UDP link on a loop of its own, and device sockets to talk to it
 *
 * Each function fails the test when the system does not do what it must.
 */
#ifndef TESTS_SUPPORT_UDP_BENCH_H
#define TESTS_SUPPORT_UDP_BENCH_H

#include "sn/link/udp.h"
#include "sn/link/udp_address.h"

/* The link under test, and what it has received. */
struct udp_bench {
    uv_loop_t loop;
    uv_timer_t patience;
    struct link *link;
    char host[64], group[64], error[256], last[32];
    struct udp_config config;
    struct sn_peer peer;
    size_t count, wanted, last_len;
    bool echo;
    bool stuck;    /* does nothing when the send queue is full */
    unsigned full; /* how often it was */
};

/* `host` on `port` (0: any), `group` on `group_port` or NULL. False with `error` filled. */
bool udp_bench_open_on(struct udp_bench *b, const char *host, uint16_t port, const char *group,
                       uint16_t group_port, const char *interface);
bool udp_bench_open(struct udp_bench *b, const char *host);
void udp_bench_close(struct udp_bench *b);

/* Runs the loop until `wanted` datagrams have come, or patience ends; `count` tells. */
void udp_bench_receive(struct udp_bench *b, size_t wanted);
uint16_t udp_bench_port(const struct udp_bench *b);
socklen_t udp_bench_address(union udp_sockaddr *out, const char *host, uint16_t port);

/* A device's socket, on `host`, any port. */
int device_open(const char *host);
void device_says(int fd, const char *host, uint16_t port, const void *octets, size_t len);

/* Waits for a datagram and tells who sent it. */
size_t device_hears(int fd, char *octets, size_t size, char *from, size_t from_size);

#endif
