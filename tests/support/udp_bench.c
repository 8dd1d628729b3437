/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/udp_bench.h"

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_MS 5000

static void on_datagram(void *self, const struct sn_peer *from, struct sn_bytes wire)
{
    struct udp_bench *b = self;

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

static void on_full(void *self)
{
    struct udp_bench *b = self;

    b->full++;
    if (!b->stuck)
        link_flush(b->link);
}

static struct endpoint endpoint(const char *host, uint16_t port)
{
    return (struct endpoint){.kind = ENDPOINT_UDP, .host = host, .port = port};
}

bool udp_bench_open_on(struct udp_bench *b, const char *host, uint16_t port, const char *group,
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
    b->link = udp_open(&b->loop, 3, &b->config, (struct link_receiver){b, on_datagram, on_full},
                       b->error, sizeof b->error);
    return b->link != NULL;
}

bool udp_bench_open(struct udp_bench *b, const char *host)
{
    return udp_bench_open_on(b, host, 0, NULL, 0, "");
}

void udp_bench_close(struct udp_bench *b)
{
    if (b->link)
        link_close(b->link);
    uv_close((uv_handle_t *)&b->patience, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&b->loop), 0);
}

void udp_bench_receive(struct udp_bench *b, size_t wanted)
{
    b->count = 0;
    b->wanted = wanted;
    uv_timer_start(&b->patience, on_patience, PATIENCE_MS, 0);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&b->patience);
}

uint16_t udp_bench_port(const struct udp_bench *b)
{
    return (uint16_t)atoi(strrchr(b->link->name, ':') + 1);
}

socklen_t udp_bench_address(union udp_sockaddr *out, const char *host, uint16_t port)
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

int device_open(const char *host)
{
    union udp_sockaddr own;
    socklen_t len = udp_bench_address(&own, host, 0);
    int fd = socket(own.any.sa_family, SOCK_DGRAM, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, &own.any, len), 0);
    return fd;
}

void device_says(int fd, const char *host, uint16_t port, const void *octets, size_t len)
{
    union udp_sockaddr to;
    socklen_t to_len = udp_bench_address(&to, host, port);

    ck_assert_int_eq(sendto(fd, octets, len, 0, &to.any, to_len), (ssize_t)len);
}

size_t device_hears(int fd, char *octets, size_t size, char *from, size_t from_size)
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
