/* SPDX-License-Identifier: Apache-2.0 */
/* net - the simulated radio network between the nodes and the gateway
 *
 * Over UDP a node has a socket of its own, or sits behind one of a few forwarders, which put its
 * packets in envelopes (5.5). Over a serial line all nodes sit behind one dongle (net_serial.h). On
 * the way, in both directions, some packets get lost or doubled on purpose.
 */
#ifndef TOOLS_SIM_NET_H
#define TOOLS_SIM_NET_H

#include "sn/framing/framing.h"
#include "tools/sim/node.h"

/* A pseudo-terminal with a dongle at its far end. */
struct net_serial_options {
    const char *link; /* where the port appears, as a symbolic link; NULL: over UDP */
    enum framing_kind framing;
    enum framing_crc crc;
    enum framing_api api;
    uint32_t max_packet;
    uint32_t baud;         /* 0: as fast as it goes */
    double noise;          /* octets flipped, lost or inserted, 0..1 */
    usec_t replug;         /* the dongle vanishes so long after it came; 0: never */
    uint32_t replug_count; /* 0: no end */
};

struct net_options {
    const char *gateway; /* HOST:PORT, [IPv6]:PORT or HOST */
    uint32_t clients;
    uint32_t node_id_size;  /* octets; 0: no forwarder */
    uint32_t sockets;       /* how many forwarders */
    double loss, duplicate; /* 0..1 */
    uint64_t seed;
    struct net_serial_options serial;
};

/* What came for node `number`; the packet's views live until the call returns. */
struct net_receiver {
    void *self;
    void (*packet)(void *self, uint32_t number, const struct sn_packet *packet);
};

/* Octets over the serial line so far. */
struct net_octets {
    uint64_t up, down;
};

struct net;

/* NULL with one line in `error` when the name is unknown, descriptors are short, or the port cannot
 * be made. */
struct net *net_open(const struct net_options *options, struct tally *tally, char *error,
                     size_t error_size);
void net_close(struct net *net);

void net_send(struct net *net, uint32_t number, const struct sn_packet *packet);
void net_flush(struct net *net);

/* Waits until something came or `timeout` is over (NODE_NEVER: no end) and hands over what came.
 * Returns early on a signal. */
void net_wait(struct net *net, usec_t timeout, const struct net_receiver *receiver);

bool net_ready(const struct net *net);   /* somebody may listen: the port has been opened */
bool net_busy(const struct net *net);    /* the dongle is still to vanish */
bool net_refused(const struct net *net); /* nobody listens at the gateway's port */
bool net_heard(const struct net *net);   /* at least one datagram ever came */

struct net_octets net_octets(const struct net *net);

#endif
