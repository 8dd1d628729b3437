/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/net.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sn/forwarder.h"
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

struct net {
    struct net_options options;
    struct tally *tally;
    int epoll, *sockets;
    uint32_t socket_count;
    uint64_t random;
    bool refused, heard;

    struct batch out, in;
    uint8_t *out_room, *in_room, *scratch;
    size_t out_used;
};

/* xorshift64*: the same seed gives the same losses for the same traffic. */
static bool chance(struct net *net, double probability)
{
    if (probability <= 0)
        return false;
    net->random ^= net->random >> 12;
    net->random ^= net->random << 25;
    net->random ^= net->random >> 27;
    uint64_t r = net->random * UINT64_C(0x2545F4914F6CDD1D) >> 11;
    return (double)r < probability * (double)(UINT64_C(1) << 53);
}

static bool open_socket(struct net *net, uint32_t i, const struct sockaddr_storage *to,
                        socklen_t to_len)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = i}};
    int size = SOCKET_BUF;

    net->sockets[i] = socket(to->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (net->sockets[i] < 0)
        return false;
    net->socket_count++;
    if (net->options.node_id_size > 0)
        setsockopt(net->sockets[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(net->sockets[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return connect(net->sockets[i], (const struct sockaddr *)to, to_len) == 0 &&
           epoll_ctl(net->epoll, EPOLL_CTL_ADD, net->sockets[i], &event) == 0;
}

static bool open_sockets(struct net *net, char *error, size_t error_size)
{
    const struct net_options *o = &net->options;
    uint32_t wanted = o->node_id_size > 0 ? o->sockets : o->clients;
    struct sockaddr_storage to;
    socklen_t to_len;

    if (!net_resolve(o->gateway, SOCK_DGRAM, &to, &to_len, error, error_size))
        return false;
    net->sockets = calloc(wanted, sizeof *net->sockets);
    for (uint32_t i = 0; net->sockets && i < wanted; i++) {
        if (!open_socket(net, i, &to, to_len)) {
            snprintf(error, error_size, "cannot open socket %u of %u to %s: %s", i + 1, wanted,
                     o->gateway, strerror(errno));
            return false;
        }
    }
    return net->sockets != NULL;
}

struct net *net_open(const struct net_options *options, struct tally *tally, char *error,
                     size_t error_size)
{
    struct net *net = calloc(1, sizeof *net);

    snprintf(error, error_size, "out of memory");
    if (!net)
        return NULL;
    net->options = *options;
    net->tally = tally;
    net->random = options->seed * 2 + 1;
    net->epoll = epoll_create1(EPOLL_CLOEXEC);
    net->out_room = malloc(SEND_ROOM);
    net->in_room = malloc((size_t)BATCH * DATAGRAM);
    net->scratch = malloc(DATAGRAM);
    if (net->epoll < 0 || !net->out_room || !net->in_room || !net->scratch ||
        !open_sockets(net, error, error_size)) {
        net_close(net);
        return NULL;
    }
    for (unsigned i = 0; i < BATCH; i++) {
        net->in.part[i] =
            (struct iovec){.iov_base = net->in_room + (size_t)i * DATAGRAM, .iov_len = DATAGRAM};
        net->in.header[i].msg_hdr = (struct msghdr){.msg_iov = &net->in.part[i], .msg_iovlen = 1};
        net->out.header[i].msg_hdr = (struct msghdr){.msg_iov = &net->out.part[i], .msg_iovlen = 1};
    }
    return net;
}

void net_close(struct net *net)
{
    if (!net)
        return;
    for (uint32_t i = 0; i < net->socket_count; i++)
        close(net->sockets[i]);
    if (net->epoll >= 0)
        close(net->epoll);
    free(net->sockets);
    free(net->out_room);
    free(net->in_room);
    free(net->scratch);
    free(net);
}

/* A refusal is the report of an earlier datagram; the one at hand has not gone out yet. */
static unsigned send_some(struct net *net, int fd, unsigned from, unsigned count)
{
    int sent = sendmmsg(fd, &net->out.header[from], count, MSG_DONTWAIT);

    if (sent < 0 && errno == ECONNREFUSED) {
        net->refused = true;
        sent = sendmmsg(fd, &net->out.header[from], count, MSG_DONTWAIT);
    }
    if (sent < 0 && errno == EAGAIN) {
        poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10);
        sent = sendmmsg(fd, &net->out.header[from], count, MSG_DONTWAIT);
    }
    if (sent > 0)
        return (unsigned)sent;
    net->tally->unsent++;
    return 1;
}

void net_flush(struct net *net)
{
    struct batch *b = &net->out;

    for (unsigned i = 0; i < b->count;) {
        unsigned same = 1;
        while (i + same < b->count && b->socket[i + same] == b->socket[i])
            same++;
        i += send_some(net, b->socket[i], i, same);
    }
    b->count = 0;
    net->out_used = 0;
}

static void queue(struct net *net, int fd, struct sn_bytes datagram)
{
    struct batch *b = &net->out;

    if (b->count == BATCH || SEND_ROOM - net->out_used < datagram.len)
        net_flush(net);
    memcpy(net->out_room + net->out_used, datagram.data, datagram.len);
    b->part[b->count] =
        (struct iovec){.iov_base = net->out_room + net->out_used, .iov_len = datagram.len};
    b->socket[b->count++] = fd;
    net->out_used += datagram.len;
}

/* The node id is the node's number, most significant octet first, in as many octets as asked. */
static struct sn_bytes envelope(const struct net *net, uint32_t number, struct sn_bytes inner,
                                uint8_t *into)
{
    uint8_t id[SN_NODE_ID_MAX] = {0};
    size_t size = net->options.node_id_size;

    for (size_t i = 0; i < size && i < 4; i++)
        id[size - 1 - i] = (uint8_t)(number >> (8 * i));
    return sn_wrap(sn_bytes(id, size), 0, inner, into, DATAGRAM);
}

void net_send(struct net *net, uint32_t number, const struct sn_packet *packet)
{
    static uint8_t wrapped[DATAGRAM];
    struct sn_bytes wire = sn_encode(packet, net->scratch, DATAGRAM);
    int fd = net->sockets[(number - 1) % net->socket_count];

    if (net->options.node_id_size > 0 && wire.len > 0)
        wire = envelope(net, number, wire, wrapped);
    if (wire.len == 0) {
        net->tally->unsent++;
        return;
    }
    if (chance(net, net->options.loss)) {
        net->tally->lost_out++;
        return;
    }
    queue(net, fd, wire);
    if (chance(net, net->options.duplicate)) {
        net->tally->doubled++;
        queue(net, fd, wire);
    }
}

static bool number_of(const struct net *net, struct sn_bytes *wire, uint32_t place,
                      uint32_t *number)
{
    struct sn_peer peer = {0};

    *number = place + 1;
    if (net->options.node_id_size == 0)
        return true;
    if (!sn_is_forwarded(*wire) || sn_unwrap(*wire, &peer, wire) != SN_OK ||
        peer.node_len != net->options.node_id_size)
        return false;
    *number = 0;
    for (size_t i = 0; i < peer.node_len; i++)
        *number = *number << 8 | peer.key[i];
    return *number >= 1 && *number <= net->options.clients;
}

static void take(struct net *net, uint32_t place, struct sn_bytes wire,
                 const struct net_receiver *receiver)
{
    struct sn_packet packet;
    uint32_t number;

    net->heard = true;
    if (!number_of(net, &wire, place, &number) || sn_decode(&packet, wire, NULL) != SN_OK) {
        net->tally->malformed++;
        return;
    }
    if (chance(net, net->options.loss)) {
        net->tally->lost_in++;
        return;
    }
    receiver->packet(receiver->self, number, &packet);
    if (chance(net, net->options.duplicate)) {
        net->tally->doubled++;
        receiver->packet(receiver->self, number, &packet);
    }
}

static void receive(struct net *net, uint32_t place, const struct net_receiver *receiver)
{
    unsigned most = net->options.node_id_size > 0 ? BATCH : 4;
    int got = recvmmsg(net->sockets[place], net->in.header, most, MSG_DONTWAIT, NULL);

    if (got < 0 && errno == ECONNREFUSED)
        net->refused = true;
    for (int i = 0; i < got; i++)
        take(net, place, sn_bytes(net->in.part[i].iov_base, net->in.header[i].msg_len), receiver);
}

void net_wait(struct net *net, usec_t timeout, const struct net_receiver *receiver)
{
    struct epoll_event events[EVENTS];
    struct timespec ts = {.tv_sec = (time_t)(timeout / 1000000),
                          .tv_nsec = (long)(timeout % 1000000 * 1000)};
    int n = epoll_pwait2(net->epoll, events, EVENTS, timeout == NODE_NEVER ? NULL : &ts, NULL);

    for (int i = 0; i < n; i++)
        receive(net, events[i].data.u32, receiver);
}

bool net_refused(const struct net *net)
{
    return net->refused;
}

bool net_heard(const struct net *net)
{
    return net->heard;
}
