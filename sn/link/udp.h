/* SPDX-License-Identifier: Apache-2.0 */
/* udp - a UDP listener with an optional multicast group
 *
 * Datagrams are taken and sent in batches (recvmmsg, sendmmsg) from buffers allocated once. The
 * answer leaves from the address that was asked, also on hosts with several. What comes to the
 * group is marked `broadcast`.
 */
#ifndef SN_LINK_UDP_H
#define SN_LINK_UDP_H

#include <uv.h>

#include "config/config.h"
#include "sn/link/link.h"

/* Opens the sockets and starts receiving on `loop`. NULL on failure, with one line in `error` that
 * says what happened and what to do. The config must outlive the link. */
struct link *udp_open(uv_loop_t *loop, uint8_t number, const struct udp_config *config,
                      struct link_receiver receiver, char *error, size_t error_size);

/* "192.0.2.7:40001" or "[2001:db8::7]:40001", with the node id in hexadecimal behind a slash for a
 * peer behind a forwarder. Always terminated; returns `out`. */
char *udp_peer_text(const struct sn_peer *peer, char *out, size_t size);

#define UDP_PEER_TEXT_MAX LINK_PEER_TEXT_MAX

#endif
