/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/net_private.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/sim/envelope.h"
#include "tools/sim/net_address.h"

#define BATCH      64
#define EVENTS     128
#define DATAGRAM   65536
#define SEND_ROOM  (4 * DATAGRAM)
#define SOCKET_BUF (4 << 20)

struct batch {
    struct mmsghdr header[BATCH];
    struct iovec part[BATCH];
    int socket[BATCH];
    unsigned count;
};

struct net_udp {
    struct net net;
    int epoll, *sockets;
    uint32_t socket_count;

    struct batch out, in;
    uint8_t *out_room, *in_room, *wrapped;
    size_t out_used;
};

static struct net_udp *of(struct net *net)
{
    return (struct net_udp *)net;
}

static bool open_socket(struct net_udp *u, uint32_t i, const struct sockaddr_storage *to,
                        socklen_t to_len)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = i}};
    int size = SOCKET_BUF;

    u->sockets[i] = socket(to->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->sockets[i] < 0)
        return false;
    u->socket_count++;
    if (u->net.options.node_id_size > 0)
        setsockopt(u->sockets[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(u->sockets[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return connect(u->sockets[i], (const struct sockaddr *)to, to_len) == 0 &&
           epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->sockets[i], &event) == 0;
}

static bool open_sockets(struct net_udp *u, char *error, size_t error_size)
{
    const struct net_options *o = &u->net.options;
    uint32_t wanted = o->node_id_size > 0 ? o->sockets : o->clients;
    struct sockaddr_storage to;
    socklen_t to_len;

    if (!net_resolve(o->gateway, SOCK_DGRAM, &to, &to_len, error, error_size))
        return false;
    u->sockets = calloc(wanted, sizeof *u->sockets);
    for (uint32_t i = 0; u->sockets && i < wanted; i++) {
        if (!open_socket(u, i, &to, to_len)) {
            snprintf(error, error_size, "cannot open socket %u of %u to %s: %s", i + 1, wanted,
                     o->gateway, strerror(errno));
            return false;
        }
    }
    return u->sockets != NULL;
}

static void close_all(struct net *net)
{
    struct net_udp *u = of(net);

    for (uint32_t i = 0; i < u->socket_count; i++)
        close(u->sockets[i]);
    if (u->epoll >= 0)
        close(u->epoll);
    free(u->sockets);
    free(u->out_room);
    free(u->in_room);
    free(u->wrapped);
    free(u);
}

/* A refusal is the report of an earlier datagram; the one at hand has not gone out yet. */
static unsigned send_some(struct net_udp *u, int fd, unsigned from, unsigned count)
{
    int sent = sendmmsg(fd, &u->out.header[from], count, MSG_DONTWAIT);

    if (sent < 0 && errno == ECONNREFUSED) {
        u->net.refused = true;
        sent = sendmmsg(fd, &u->out.header[from], count, MSG_DONTWAIT);
    }
    if (sent < 0 && errno == EAGAIN) {
        poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10);
        sent = sendmmsg(fd, &u->out.header[from], count, MSG_DONTWAIT);
    }
    if (sent > 0)
        return (unsigned)sent;
    u->net.tally->unsent++;
    return 1;
}

static void flush(struct net *net)
{
    struct net_udp *u = of(net);
    struct batch *b = &u->out;

    for (unsigned i = 0; i < b->count;) {
        unsigned same = 1;
        while (i + same < b->count && b->socket[i + same] == b->socket[i])
            same++;
        i += send_some(u, b->socket[i], i, same);
    }
    b->count = 0;
    u->out_used = 0;
}

static void queue(struct net_udp *u, int fd, struct sn_bytes datagram)
{
    struct batch *b = &u->out;

    if (b->count == BATCH || SEND_ROOM - u->out_used < datagram.len)
        flush(&u->net);
    memcpy(u->out_room + u->out_used, datagram.data, datagram.len);
    b->part[b->count] =
        (struct iovec){.iov_base = u->out_room + u->out_used, .iov_len = datagram.len};
    b->socket[b->count++] = fd;
    u->out_used += datagram.len;
}

static void send_wire(struct net *net, uint32_t number, struct sn_bytes wire)
{
    struct net_udp *u = of(net);

    if (net->options.node_id_size > 0)
        wire = envelope_wrap(number, net->options.node_id_size, wire, u->wrapped, DATAGRAM);
    if (wire.len == 0)
        net->tally->unsent++;
    else
        queue(u, u->sockets[(number - 1) % u->socket_count], wire);
}

static void take(struct net_udp *u, uint32_t place, struct sn_bytes wire)
{
    uint32_t id_size = u->net.options.node_id_size, number = place + 1;

    if (id_size > 0)
        number = envelope_open(&wire, id_size, u->net.options.clients);
    net_took(&u->net, number, wire);
}

static void receive(struct net_udp *u, uint32_t place)
{
    unsigned most = u->net.options.node_id_size > 0 ? BATCH : 4;
    int got = recvmmsg(u->sockets[place], u->in.header, most, MSG_DONTWAIT, NULL);

    if (got < 0 && errno == ECONNREFUSED)
        u->net.refused = true;
    for (int i = 0; i < got; i++)
        take(u, place, sn_bytes(u->in.part[i].iov_base, u->in.header[i].msg_len));
}

static void wait_for(struct net *net, usec_t timeout)
{
    struct net_udp *u = of(net);
    struct epoll_event events[EVENTS];
    struct timespec ts = {.tv_sec = (time_t)(timeout / 1000000),
                          .tv_nsec = (long)(timeout % 1000000 * 1000)};
    int n = epoll_pwait2(u->epoll, events, EVENTS, timeout == NODE_NEVER ? NULL : &ts, NULL);

    for (int i = 0; i < n; i++)
        receive(u, events[i].data.u32);
}

static const struct net_ops udp_ops = {
    .close = close_all, .send = send_wire, .flush = flush, .wait = wait_for};

static bool make_room(struct net_udp *u)
{
    u->epoll = epoll_create1(EPOLL_CLOEXEC);
    u->out_room = malloc(SEND_ROOM);
    u->in_room = malloc((size_t)BATCH * DATAGRAM);
    u->wrapped = malloc(DATAGRAM);
    return u->epoll >= 0 && u->out_room && u->in_room && u->wrapped;
}

struct net *net_udp_open(const struct net_options *options, char *error, size_t error_size)
{
    struct net_udp *u = calloc(1, sizeof *u);

    snprintf(error, error_size, "out of memory");
    if (!u)
        return NULL;
    u->net.ops = &udp_ops;
    u->net.options = *options;
    u->epoll = -1;
    if (!make_room(u) || !open_sockets(u, error, error_size)) {
        close_all(&u->net);
        return NULL;
    }
    for (unsigned i = 0; i < BATCH; i++) {
        u->in.part[i] =
            (struct iovec){.iov_base = u->in_room + (size_t)i * DATAGRAM, .iov_len = DATAGRAM};
        u->in.header[i].msg_hdr = (struct msghdr){.msg_iov = &u->in.part[i], .msg_iovlen = 1};
        u->out.header[i].msg_hdr = (struct msghdr){.msg_iov = &u->out.part[i], .msg_iovlen = 1};
    }
    return &u->net;
}
