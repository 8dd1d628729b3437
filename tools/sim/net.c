/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tools/sim/chance.h"
#include "tools/sim/net_private.h"

#define PACKET_MAX 65536

struct net *net_open(const struct net_options *options, struct tally *tally, char *error,
                     size_t error_size)
{
    struct net *net = options->serial.link ? net_serial_open(options, error, error_size)
                                           : net_udp_open(options, error, error_size);

    if (!net)
        return NULL;
    net->tally = tally;
    net->random = chance_seed(options->seed);
    net->scratch = malloc(PACKET_MAX);
    if (!net->scratch) {
        net_close(net);
        return NULL;
    }
    return net;
}

void net_close(struct net *net)
{
    if (!net)
        return;
    free(net->scratch);
    net->ops->close(net);
}

void net_send(struct net *net, uint32_t number, const struct sn_packet *packet)
{
    struct sn_bytes wire = sn_encode(packet, net->scratch, PACKET_MAX);

    if (wire.len == 0) {
        net->tally->unsent++;
        return;
    }
    if (chance(&net->random, net->options.loss)) {
        net->tally->lost_out++;
        return;
    }
    net->ops->send(net, number, wire);
    if (chance(&net->random, net->options.duplicate)) {
        net->tally->doubled++;
        net->ops->send(net, number, wire);
    }
}

void net_flush(struct net *net)
{
    net->ops->flush(net);
}

void net_took(struct net *net, uint32_t number, struct sn_bytes wire)
{
    struct sn_packet packet;

    net->heard = true;
    if (number == 0 || sn_decode(&packet, wire, NULL) != SN_OK) {
        net->tally->malformed++;
        return;
    }
    if (chance(&net->random, net->options.loss)) {
        net->tally->lost_in++;
        return;
    }
    net->receiver->packet(net->receiver->self, number, &packet);
    if (chance(&net->random, net->options.duplicate)) {
        net->tally->doubled++;
        net->receiver->packet(net->receiver->self, number, &packet);
    }
}

void net_wait(struct net *net, usec_t timeout, const struct net_receiver *receiver)
{
    net->receiver = receiver;
    net->ops->wait(net, timeout);
}

bool net_ready(const struct net *net)
{
    return !net->ops->ready || net->ops->ready(net);
}

bool net_busy(const struct net *net)
{
    return net->ops->busy && net->ops->busy(net);
}

bool net_refused(const struct net *net)
{
    return net->refused;
}

bool net_heard(const struct net *net)
{
    return net->heard;
}

struct net_octets net_octets(const struct net *net)
{
    return net->octets;
}
