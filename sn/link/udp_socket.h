/* SPDX-License-Identifier: Apache-2.0 */
/* udp_socket - the two sockets of a UDP listener, ready to use
 *
 * Everything is sent through the listener, also to the group, so that devices learn the address
 * that answers them. The group has a socket of its own, bound to the group's address, so that what
 * arrives there is known to be a broadcast.
 */
#ifndef SN_LINK_UDP_SOCKET_H
#define SN_LINK_UDP_SOCKET_H

#include "config/config.h"
#include "sn/link/udp_address.h"

struct udp_sockets {
    int listener, group; /* group -1: none */
    int family;          /* of the listener; AF_INET6 on [::] takes IPv4 too */
    union udp_sockaddr bound;
    uint8_t group_key[UDP_KEY_LEN];
};

/* False with one line in `error` that says what happened and what to do; nothing is open then. */
bool udp_sockets_open(struct udp_sockets *s, const struct udp_config *config, char *error,
                      size_t error_size);
void udp_sockets_close(struct udp_sockets *s);

#endif
