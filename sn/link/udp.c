/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/udp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sn/link/udp_receive.h"
#include "sn/link/udp_send.h"
#include "sn/link/udp_socket.h"

#define BATCHES_PER_WAKE    4 /* so that one busy listener leaves the others their turn */
#define QUEUE_MAX_DATAGRAMS 4096
#define QUEUE_MAX_OCTETS    (8u << 20)

struct source {
    uv_poll_t poll;
    struct udp *udp;
    int fd;
    bool broadcast;    /* the group's socket */
    uint32_t overruns; /* as the kernel last told them */
};

struct udp {
    struct link link; /* first: struct link * is struct udp * */
    struct udp_sockets sockets;
    struct udp_queue queue;
    struct udp_receive receive;
    struct source listener, group;
    bool blocked; /* waiting for the listener to become writable */
    bool fresh;   /* something is queued that no flush has allowed to leave */
    bool closing;
    int open_handles;
};

static struct udp *of(struct link *link)
{
    return (struct udp *)link;
}

static void hand_on(struct udp *u, struct source *source, int index)
{
    struct udp_arrival arrival;
    struct sn_bytes wire;
    struct sn_peer peer = {.link = u->link.number, .address_len = UDP_KEY_LEN};
    bool fits = udp_receive_take(&u->receive, index, &wire, &arrival);

    u->link.counters.datagrams_in++;
    u->link.counters.octets_in += wire.len;
    if (arrival.overruns_known) {
        u->link.counters.overruns += (uint32_t)(arrival.overruns - source->overruns);
        source->overruns = arrival.overruns;
    }
    if (fits) {
        udp_key(peer.key, &u->receive.from[index]);
        peer.broadcast = source->broadcast || arrival.broadcast;
        memcpy(peer.route, arrival.route, sizeof peer.route);
        u->link.receiver.datagram(u->link.receiver.self, &peer, wire);
    } else {
        u->link.counters.oversize_in++;
    }
    udp_receive_done(&u->receive, index);
}

static void read_source(struct source *source)
{
    struct udp *u = source->udp;

    for (int round = 0; round < BATCHES_PER_WAKE; round++) {
        int count = udp_receive_batch(&u->receive, source->fd);
        for (int i = 0; i < count && !u->closing; i++)
            hand_on(u, source, i);
        if (count < UDP_BATCH || u->closing)
            return; /* also for errors: they are about datagrams that are gone */
    }
}

static void on_poll(uv_poll_t *handle, int status, int events);

static void watch(struct source *source)
{
    bool writable = source == &source->udp->listener && source->udp->blocked;

    uv_poll_start(&source->poll, UV_READABLE | (writable ? UV_WRITABLE : 0), on_poll);
}

static void flush(struct link *link)
{
    struct udp *u = of(link);
    bool was_blocked = u->blocked;

    if (u->closing)
        return;
    u->fresh = false;
    u->blocked =
        !udp_send_queue(&u->queue, u->sockets.listener, u->sockets.family, &u->link.counters);
    if (u->blocked != was_blocked)
        watch(&u->listener);
}

/* What this turn has queued may promise what is not safe yet: then the barrier goes on. */
static void go_on(struct udp *u)
{
    if (!u->fresh) {
        flush(&u->link);
        return;
    }
    u->blocked = false;
    watch(&u->listener);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct source *source = handle->data;

    if (status < 0) {
        /* libuv stops watching a socket that has an error pending. Reading the error clears it. */
        int error;
        socklen_t len = sizeof error;
        getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        watch(source);
        return;
    }
    if (events & UV_READABLE)
        read_source(source);
    if ((events & UV_WRITABLE) && !source->udp->closing)
        go_on(source->udp);
}

static void enqueue(struct udp *u, const uint8_t *key, const uint8_t *route, struct sn_bytes wire)
{
    if (wire.len > u->link.max_packet) {
        u->link.counters.oversize_out++;
        return;
    }
    u->fresh = true;
    if (udp_queue_push(&u->queue, key, route, wire))
        return;
    /* One turn may have more to say than the queue holds, as when a message goes to thousands. */
    u->link.receiver.full(u->link.receiver.self);
    u->fresh = true; /* that flush did not know of this one */
    if (!udp_queue_push(&u->queue, key, route, wire))
        u->link.counters.queue_full++;
}

static void send_to(struct link *link, const struct sn_peer *to, struct sn_bytes wire)
{
    enqueue(of(link), to->key, to->route, wire);
}

static void broadcast(struct link *link, uint8_t radius, struct sn_bytes wire)
{
    static const uint8_t any_route[SN_ROUTE_MAX];
    struct udp *u = of(link);

    (void)radius; /* IP hops are the operator's choice, see `hops` */
    if (u->sockets.group >= 0)
        enqueue(u, u->sockets.group_key, any_route, wire);
}

static void release(struct udp *u)
{
    udp_sockets_close(&u->sockets);
    udp_queue_fini(&u->queue);
    udp_receive_fini(&u->receive);
    free(u);
}

static void on_closed(uv_handle_t *handle)
{
    struct source *source = handle->data;

    if (--source->udp->open_handles == 0)
        release(source->udp);
}

static void close_link(struct link *link)
{
    struct udp *u = of(link);

    if (u->closing)
        return;
    u->closing = true;
    uv_close((uv_handle_t *)&u->listener.poll, on_closed);
    if (u->sockets.group >= 0)
        uv_close((uv_handle_t *)&u->group.poll, on_closed);
}

static char *peer_text(const struct link *link, const struct sn_peer *peer, char *out, size_t size)
{
    (void)link;
    return udp_peer_text(peer, out, size);
}

static const struct link_ops udp_ops = {
    .send = send_to,
    .broadcast = broadcast,
    .flush = flush,
    .close = close_link,
    .peer_text = peer_text,
};

static int start(struct udp *u, uv_loop_t *loop, struct source *source, int fd)
{
    source->udp = u;
    source->fd = fd;
    source->poll.data = source;
    int error = uv_poll_init(loop, &source->poll, fd);
    if (error != 0)
        return error;
    u->open_handles++;
    watch(source);
    return 0;
}

/* True when everything is watched. Otherwise `u` is gone, or goes when the loop lets it. */
static bool start_all(struct udp *u, uv_loop_t *loop)
{
    u->group.broadcast = true;
    if (start(u, loop, &u->listener, u->sockets.listener) != 0) {
        release(u);
        return false;
    }
    if (u->sockets.group < 0 || start(u, loop, &u->group, u->sockets.group) == 0)
        return true;
    u->closing = true;
    uv_close((uv_handle_t *)&u->listener.poll, on_closed);
    return false;
}

struct link *udp_open(uv_loop_t *loop, uint8_t number, const struct udp_config *config,
                      struct link_receiver receiver, char *error, size_t error_size)
{
    char address[UDP_SOCKADDR_TEXT_MAX];
    struct udp *u = calloc(1, sizeof *u);

    if (!u || !udp_queue_init(&u->queue, QUEUE_MAX_DATAGRAMS, QUEUE_MAX_OCTETS) ||
        !udp_receive_init(&u->receive, config->max_packet)) {
        snprintf(error, error_size, "udp %s: out of memory", config->listen);
        if (u)
            udp_queue_fini(&u->queue);
        free(u);
        return NULL;
    }
    u->link = (struct link){
        .ops = &udp_ops, .receiver = receiver, .number = number, .max_packet = config->max_packet};
    if (!udp_sockets_open(&u->sockets, config, error, error_size)) {
        release(u);
        return NULL;
    }
    udp_sockaddr_text(&u->sockets.bound, address, sizeof address);
    snprintf(u->link.name, sizeof u->link.name, "udp %.58s", address);
    if (!start_all(u, loop)) {
        snprintf(error, error_size, "udp %s: the event loop takes no more sockets", config->listen);
        return NULL;
    }
    return &u->link;
}
