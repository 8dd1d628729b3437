/* SPDX-License-Identifier: Apache-2.0 */
/* tell - what core, bridge and links have to say, as lines of the log */
#ifndef GATEWAY_TELL_H
#define GATEWAY_TELL_H

#include "bridge/door.h"
#include "gateway/core/core.h"
#include "sn/link/link.h"

void tell_notice(const struct notice *notice);
/* Whose names peers have: the array is not copied. */
void tell_links(struct link *const *links, size_t count);

/* How the peer is called: "192.0.2.7:4001", "dongle:0013a20040522baa/0102". Always terminated;
 * returns `out`. */
char *tell_peer(const struct sn_peer *peer, char *out, size_t size);

void tell_link(const struct link *link, enum link_severity severity, const char *text);
void tell_bridge(enum bridge_severity severity, const char *text);

/* At level trace, one line for a packet. `peer` NULL: everybody. Payloads are not shown. */
void tell_packet(const char *direction, const struct sn_peer *peer, struct sn_bytes wire);

#endif
