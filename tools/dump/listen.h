/* SPDX-License-Identifier: Apache-2.0 */
/* listen - shows datagrams as they arrive on a UDP port, over IPv4 and IPv6 */
#ifndef TOOLS_DUMP_LISTEN_H
#define TOOLS_DUMP_LISTEN_H

#include <stdint.h>
#include <sys/socket.h>

#include "sn/cursor.h"

typedef void arrival(const struct sockaddr *from, struct sn_bytes datagram);

/* Until SIGINT or SIGTERM; then 0. Otherwise -errno. Port 0 takes a free one; the port is told on
 * standard error. */
int dump_listen(uint16_t port, arrival *arrived);

#endif
