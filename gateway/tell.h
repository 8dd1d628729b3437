/* SPDX-License-Identifier: Apache-2.0 */
/* tell - what core, bridge and links have to say, as lines of the log */
#ifndef GATEWAY_TELL_H
#define GATEWAY_TELL_H

#include "bridge/transparent.h"
#include "gateway/core/core.h"

void tell_notice(const struct notice *notice);
void tell_bridge(enum bridge_severity severity, const char *text);

/* At level trace, one line for a packet. `peer` NULL: everybody. Payloads are not shown. */
void tell_packet(const char *direction, const struct sn_peer *peer, struct sn_bytes wire);

#endif
