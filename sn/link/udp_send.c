/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/udp_send.h"

#include <errno.h>
#include <sys/uio.h>

#define BATCH 64

struct batch {
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    union udp_sockaddr to[BATCH];
    _Alignas(struct cmsghdr) uint8_t control[BATCH][UDP_CONTROL_SIZE];
};

static unsigned fill(struct batch *b, const struct udp_queue *q, int family)
{
    unsigned count = q->count < BATCH ? (unsigned)q->count : BATCH;

    for (unsigned i = 0; i < count; i++) {
        const struct udp_datagram *d = udp_queue_at(q, i);
        b->parts[i] = (struct iovec){q->arena + d->offset, d->len};
        b->messages[i] =
            (struct mmsghdr){.msg_hdr = {.msg_name = &b->to[i],
                                         .msg_namelen = udp_sockaddr(&b->to[i], d->key, family),
                                         .msg_iov = &b->parts[i],
                                         .msg_iovlen = 1}};
        size_t control = udp_write_control(b->control[i], d->route, family);
        if (control > 0) {
            b->messages[i].msg_hdr.msg_control = b->control[i];
            b->messages[i].msg_hdr.msg_controllen = control;
        }
    }
    return count;
}

static void sent(struct udp_queue *q, unsigned count, struct link_counters *counters)
{
    for (unsigned i = 0; i < count; i++)
        counters->octets_out += udp_queue_at(q, i)->len;
    counters->datagrams_out += count;
    udp_queue_pop(q, count);
}

/* The first datagram was refused. A peer may have been heard long ago, on an own address or an
 * interface that is gone by now: then the system may choose. */
static void refused(struct udp_queue *q, struct link_counters *counters)
{
    static const uint8_t any[SN_ROUTE_MAX];
    struct udp_datagram *d = udp_queue_at(q, 0);

    if (memcmp(d->route, any, sizeof any) != 0) {
        memset(d->route, 0, sizeof d->route);
        return;
    }
    counters->send_failed++;
    udp_queue_pop(q, 1);
}

bool udp_send_queue(struct udp_queue *q, int fd, int family, struct link_counters *counters)
{
    struct batch b;

    while (q->count > 0) {
        int count = sendmmsg(fd, b.messages, fill(&b, q, family), MSG_DONTWAIT);
        if (count > 0)
            sent(q, (unsigned)count, counters);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return false;
        else if (errno != EINTR)
            refused(q, counters);
    }
    return true;
}
