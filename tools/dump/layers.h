/* SPDX-License-Identifier: Apache-2.0 */
/* layers - from a captured frame down to the UDP datagram in it
 *
 * Pure. Knows the link types that tcpdump writes on a Linux or BSD host, VLAN tags and IPv6
 * extension headers. Fragments are not put together: a part of a datagram is no datagram.
 */
#ifndef TOOLS_DUMP_LAYERS_H
#define TOOLS_DUMP_LAYERS_H

#include "sn/cursor.h"

struct udp_datagram {
    uint8_t address_len;      /* 4 or 16 */
    uint8_t from[16], to[16]; /* in network order */
    uint16_t from_port, to_port;
    struct sn_bytes payload; /* lies in the frame */
};

/* Link types as the capture file numbers them. */
enum link_type {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
};

bool link_type_known(uint32_t link_type);

/* False when the frame holds no whole UDP datagram. */
bool find_udp(uint32_t link_type, struct sn_bytes frame, struct udp_datagram *out);

#endif
