/* SPDX-License-Identifier: Apache-2.0 */
/* link - a way to reach devices: a UDP listener, a serial port
 *
 * A link names who sent a datagram by a struct sn_peer and hands the octets on; it does not look
 * into them. What is sent is queued, bounded, and leaves at link_flush, which the loop calls at its
 * barrier. All calls come from the loop's thread.
 */
#ifndef SN_LINK_LINK_H
#define SN_LINK_LINK_H

#include "sn/peer.h"

/* One counter per way to lose something. X(name, help) */
#define LINK_COUNTERS(X)                                                                           \
    X(datagrams_in, "datagrams received")                                                          \
    X(octets_in, "octets received")                                                                \
    X(datagrams_out, "datagrams sent")                                                             \
    X(octets_out, "octets sent")                                                                   \
    X(oversize_in, "datagrams received that exceed max_packet, dropped")                           \
    X(oversize_out, "datagrams to send that exceed max_packet, dropped")                           \
    X(queue_full, "datagrams dropped because the send queue was full")                             \
    X(send_failed, "datagrams the system refused to send, dropped")                                \
    X(overruns, "datagrams the kernel dropped because the receive buffer was full")

struct link_counters {
#define X(name, help) uint64_t name;
    LINK_COUNTERS(X)
#undef X
};

struct link_receiver {
    void *self;
    /* For each datagram, from the loop. `wire` is valid until it returns. */
    void (*datagram)(void *self, const struct sn_peer *from, struct sn_bytes wire);
    /* The send queue is full in the middle of a turn: make safe what the queued datagrams promise,
     * as at the barrier, and flush the link. */
    void (*full)(void *self);
};

struct link;

/* What a link tells beside datagrams; it does not log. */
enum link_severity { LINK_WARNING, LINK_INFO };

struct link_events {
    void *self;
    void (*notice)(void *self, const struct link *link, enum link_severity severity,
                   const char *text);
    void (*up)(void *self, const struct link *link, bool up); /* it reaches its peers, or not */
    void (*room)(void *self, const struct link *link);        /* max_packet has changed */
};

struct link_ops {
    void (*send)(struct link *link, const struct sn_peer *to, struct sn_bytes wire);
    void (*broadcast)(struct link *link, uint8_t radius, struct sn_bytes wire);
    void (*flush)(struct link *link);
    /* Something is still to be sent and can be; NULL when a flush leaves nothing behind. */
    bool (*pending)(const struct link *link);
    void (*close)(struct link *link); /* stops at once; frees itself when the loop has let go */

    /* How a peer of this link is called in logs; always terminated, returns `out`. */
    char *(*peer_text)(const struct link *link, const struct sn_peer *peer, char *out, size_t size);
    /* Counters beyond LINK_COUNTERS; NULL when there are none. */
    void (*count)(struct link *link, void *self,
                  void (*each)(void *self, const char *counter, uint64_t value));
};

struct link {
    const struct link_ops *ops;
    struct link_receiver receiver;
    uint8_t number; /* in struct sn_peer */
    char name[64];  /* for logs: "udp [::]:1883" */
    size_t max_packet;
    struct link_counters counters;
};

static inline void link_send(struct link *link, const struct sn_peer *to, struct sn_bytes wire)
{
    link->ops->send(link, to, wire);
}

/* To everybody in reach: the multicast group, the radio's broadcast. Nothing when there is none. */
static inline void link_broadcast(struct link *link, uint8_t radius, struct sn_bytes wire)
{
    link->ops->broadcast(link, radius, wire);
}

static inline void link_flush(struct link *link)
{
    link->ops->flush(link);
}

#define LINK_PEER_TEXT_MAX 96

static inline char *link_peer_text(const struct link *link, const struct sn_peer *peer, char *out,
                                   size_t size)
{
    return link->ops->peer_text(link, peer, out, size);
}

static inline bool link_pending(const struct link *link)
{
    return link->ops->pending && link->ops->pending(link);
}

static inline void link_close(struct link *link)
{
    link->ops->close(link);
}

#endif
