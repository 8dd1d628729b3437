/* SPDX-License-Identifier: Apache-2.0 */
/* xbee_frames - Digi's API frames: the envelope (length, checksum, escapes) and the fields
 *
 *   7E | length(2) | type, fields | FF - sum of type and fields
 *
 * In API 2 whatever of 7E, 7D, 11 and 13 stands behind the first 7E goes as 7D and the octet
 * XOR 20. Private to this folder.
 */
#ifndef SN_FRAMING_XBEE_FRAMES_H
#define SN_FRAMING_XBEE_FRAMES_H

#include "sn/framing/framing.h"

#define XBEE_START    0x7E
#define XBEE_FRAME    4  /* octets of the envelope, unescaped */
#define XBEE_TX_MAX   20 /* octets before the packet in the longest frame (11) */
#define XBEE_EXPLICIT 6  /* endpoints, cluster and profile */

enum xbee_type {
    XBEE_TX64 = 0x00, /* 802.15.4 firmware */
    XBEE_TX16 = 0x01,
    XBEE_AT = 0x08,
    XBEE_TX = 0x10,
    XBEE_TX_EXPLICIT = 0x11,
    XBEE_RX64 = 0x80,
    XBEE_RX16 = 0x81,
    XBEE_AT_ANSWER = 0x88,
    XBEE_STATUS_802154 = 0x89,
    XBEE_MODEM = 0x8A,
    XBEE_STATUS = 0x8B,
    XBEE_RX = 0x90,
    XBEE_RX_EXPLICIT = 0x91,
};

/* Transmit statuses that tell of a 16-bit address which is not the node's any more. */
enum xbee_status { XBEE_NO_ADDRESS = 0x24, XBEE_NO_ROUTE = 0x25 };

extern const uint8_t xbee_unknown16[2];

/* What framing_address.hint holds. */
enum xbee_hint { HINT_ADDRESS16 = 0, HINT_FORM = 2, HINT_EXPLICIT = 3 };

enum xbee_look {
    XBEE_OPEN,         /* more octets are needed to tell */
    XBEE_WHOLE,        /* `fields` is a frame's type and fields, the checksum is right */
    XBEE_BAD_CHECKSUM, /* and the others: no frame; the search goes on behind `len` octets */
    XBEE_TOO_LONG,
    XBEE_TOO_SHORT,
    XBEE_CUT_SHORT, /* API 2: another frame began */
};

struct xbee_seen {
    size_t len; /* octets of the stream */
    struct sn_bytes fields;
};

/* Looks at a stream that begins with 7E. `into` takes the unescaped frame, `max` fields at most. */
enum xbee_look xbee_look1(struct sn_bytes stream, size_t max, struct xbee_seen *out);
enum xbee_look xbee_look2(struct sn_bytes stream, size_t max, uint8_t *into, struct xbee_seen *out);

void xbee_put(struct sn_bytes fields, bool escaped, struct sn_writer *out);

/* A received packet of any form. False when it is shorter than its form. */
bool xbee_read_packet(struct sn_bytes fields, struct framing_origin *from, struct sn_bytes *packet);

/* The fields up to the packet: in the form that `to` is known to understand, else in `form` and
 * with the `explicit` octets, which are those of the last packet from anybody. False when there is
 * no address. */
struct xbee_route {
    uint8_t form; /* enum xbee_type of a received packet */
    uint8_t explicit[XBEE_EXPLICIT];
};

bool xbee_write_header(const struct framing_address *to, const struct xbee_route *last,
                       uint8_t frame_id, uint8_t radius, struct sn_writer *w);

/* The delivery octet of 8B and the status octet of 89. */
enum framing_sent xbee_sent(uint8_t status);

#endif
