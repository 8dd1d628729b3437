/* SPDX-License-Identifier: Apache-2.0 */
/* net_address - HOST:PORT as a socket address. May block for a name lookup. */
#ifndef TOOLS_SIM_NET_ADDRESS_H
#define TOOLS_SIM_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* `type` is SOCK_DGRAM or SOCK_STREAM. Without a port: 1883. False with one line in `error`. */
bool net_resolve(const char *text, int type, struct sockaddr_storage *address, socklen_t *len,
                 char *error, size_t error_size);

#endif
