/* SPDX-License-Identifier: Apache-2.0 */
/* udp_address - IP addresses as peers, and peers as IP addresses
 *
 * A UDP peer's key is always the 16 octets of an IPv6 address (IPv4 as ::ffff:a.b.c.d, so that one
 * device is one peer whichever socket it came through), the port and, for link-local addresses
 * only, the interface index. Its route is the own address that was asked and, where the answer
 * cannot find its way without it, the interface. Nothing here touches a socket.
 */
#ifndef SN_LINK_UDP_ADDRESS_H
#define SN_LINK_UDP_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "sn/peer.h"

#define UDP_KEY_LEN      22 /* address 16, port 2, scope id 4 */
#define UDP_CONTROL_SIZE 128

union udp_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* What the kernel tells beside a datagram. */
struct udp_arrival {
    bool broadcast;              /* asked was a group or a broadcast address, not this host alone */
    uint8_t route[SN_ROUTE_MAX]; /* for struct sn_peer */
    bool overruns_known;
    uint32_t overruns; /* datagrams the socket has lost since it was opened, modulo 2^32 */
};

void udp_key(uint8_t key[UDP_KEY_LEN], const union udp_sockaddr *from);

/* For a socket of `family`; an IPv4 socket reaches v4-mapped keys only. 0 when it cannot. */
socklen_t udp_sockaddr(union udp_sockaddr *out, const uint8_t key[UDP_KEY_LEN], int family);

void udp_read_control(struct udp_arrival *out, struct msghdr *message,
                      const union udp_sockaddr *from);

/* Writes the control message that makes an answer leave by `route` into UDP_CONTROL_SIZE octets.
 * Returns its length, 0 when the route leaves the choice to the system. */
size_t udp_write_control(void *control, const uint8_t route[SN_ROUTE_MAX], int family);

/* "[::]:1883", "192.0.2.7:1883". */
#define UDP_SOCKADDR_TEXT_MAX 80
char *udp_sockaddr_text(const union udp_sockaddr *address, char *out, size_t size);

#endif
