/* SPDX-License-Identifier: Apache-2.0 */
/* net_private - what the ways to the gateway share behind net.h */
#ifndef TOOLS_SIM_NET_PRIVATE_H
#define TOOLS_SIM_NET_PRIVATE_H

#include "tools/sim/net.h"

struct net_ops {
    void (*close)(struct net *net);
    void (*send)(struct net *net, uint32_t number, struct sn_bytes wire);
    void (*flush)(struct net *net);
    void (*wait)(struct net *net, usec_t timeout);
    bool (*ready)(const struct net *net); /* NULL: always */
    bool (*busy)(const struct net *net);  /* NULL: never */
};

struct net {
    const struct net_ops *ops;
    struct net_options options;
    struct tally *tally;
    const struct net_receiver *receiver; /* while `wait` runs */
    struct net_octets octets;
    uint64_t random;
    bool refused, heard;
    uint8_t *scratch;
};

struct net *net_udp_open(const struct net_options *options, char *error, size_t error_size);
struct net *net_serial_open(const struct net_options *options, char *error, size_t error_size);

/* Something came for node `number`; 0 is for nobody. */
void net_took(struct net *net, uint32_t number, struct sn_bytes wire);

#endif
