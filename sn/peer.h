/* SPDX-License-Identifier: Apache-2.0 */
/* peer - who sent a datagram, and the way back
 *
 * The first part is the identity: a link number, the sender's address on that link and, behind a
 * forwarder, the wireless node id (5.5). The same node id behind two forwarders is two peers. The
 * identity is compared octet by octet, so unused octets are zero.
 *
 * The second part is how the datagram came: which of the host's own addresses was asked, a radio's
 * 16-bit hint, how well it was heard. It may change from one datagram to the next.
 */
#ifndef SN_PEER_H
#define SN_PEER_H

#include "sn/cursor.h"

#define SN_ADDRESS_MAX 24
#define SN_NODE_ID_MAX 16
#define SN_ROUTE_MAX   20

struct sn_peer {
    uint8_t link;
    uint8_t address_len, node_len;                /* node_len 0: not behind a forwarder */
    uint8_t key[SN_ADDRESS_MAX + SN_NODE_ID_MAX]; /* address, then node id, then zeros */

    bool broadcast; /* this datagram came by multicast or radio broadcast */
    bool has_rssi, has_lqi;
    int16_t rssi; /* dBm where the radio says so, else its raw value */
    uint8_t lqi;
    uint8_t route[SN_ROUTE_MAX]; /* for the link alone */
};

#define SN_PEER_IDENTITY offsetof(struct sn_peer, broadcast) /* octets that make the identity */

static inline bool sn_peer_equal(const struct sn_peer *a, const struct sn_peer *b)
{
    return memcmp(a, b, SN_PEER_IDENTITY) == 0;
}

static inline struct sn_bytes sn_peer_node_id(const struct sn_peer *p)
{
    return sn_bytes(p->key + p->address_len, p->node_len);
}

#endif
