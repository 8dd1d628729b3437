/* SPDX-License-Identifier: Apache-2.0 */
/* udp_receive - one batch of datagrams, read by one system call
 *
 * The buffers are mapped once. Each can hold one octet more than max_packet, so that a datagram
 * that is too long is seen to be; pages that no datagram has reached cost nothing.
 */
#ifndef SN_LINK_UDP_RECEIVE_H
#define SN_LINK_UDP_RECEIVE_H

#include "sn/link/udp_address.h"

#define UDP_BATCH 64

struct udp_receive {
    uint8_t *block;
    size_t stride, max_packet;
    struct mmsghdr messages[UDP_BATCH];
    struct iovec parts[UDP_BATCH];
    union udp_sockaddr from[UDP_BATCH];
    _Alignas(struct cmsghdr) uint8_t control[UDP_BATCH][UDP_CONTROL_SIZE];
};

/* False when memory is short. */
bool udp_receive_init(struct udp_receive *r, size_t max_packet);
void udp_receive_fini(struct udp_receive *r);

/* How many came, or -errno. */
int udp_receive_batch(struct udp_receive *r, int fd);

/* Message `index` of the last batch. False when it was longer than max_packet. The view lives until
 * udp_receive_done(index), which must follow; in between, octets behind it are out of bounds for
 * the address sanitizer. */
bool udp_receive_take(struct udp_receive *r, int index, struct sn_bytes *wire,
                      struct udp_arrival *arrival);
void udp_receive_done(struct udp_receive *r, int index);

#endif
