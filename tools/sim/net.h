/* SPDX-License-Identifier: Apache-2.0 */
/* net - the simulated radio network: UDP towards the gateway
 *
 * A node has a socket of its own, or sits behind one of a few forwarders, which put its packets in
 * envelopes (5.5). Datagrams are sent and taken in batches from buffers allocated once. On the way,
 * in both directions, some get lost or doubled on purpose.
 */
#ifndef TOOLS_SIM_NET_H
#define TOOLS_SIM_NET_H

#include "tools/sim/node.h"

struct net_options {
    const char *gateway; /* HOST:PORT, [IPv6]:PORT or HOST */
    uint32_t clients;
    uint32_t node_id_size;  /* octets; 0: no forwarder */
    uint32_t sockets;       /* how many forwarders */
    double loss, duplicate; /* 0..1 */
    uint64_t seed;
};

/* What came for node `number`; the packet's views live until the call returns. */
struct net_receiver {
    void *self;
    void (*packet)(void *self, uint32_t number, const struct sn_packet *packet);
};

struct net;

/* NULL with one line in `error` when the name is unknown or descriptors are short. */
struct net *net_open(const struct net_options *options, struct tally *tally, char *error,
                     size_t error_size);
void net_close(struct net *net);

void net_send(struct net *net, uint32_t number, const struct sn_packet *packet);
void net_flush(struct net *net);

/* Waits until something came or `timeout` is over (NODE_NEVER: no end) and hands over what came.
 * Returns early on a signal. */
void net_wait(struct net *net, usec_t timeout, const struct net_receiver *receiver);

bool net_refused(const struct net *net); /* nobody listens at the gateway's port */
bool net_heard(const struct net *net);   /* at least one datagram ever came */

#endif
