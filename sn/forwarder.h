/* SPDX-License-Identifier: Apache-2.0 */
/* forwarder - the encapsulation of MQTT-SN 1.2, 5.5 (type 0xFE)
 *
 *   Length(1) = 3 + node id, without the inner message | 0xFE | Ctrl: radius in bits 1..0 |
 *   WirelessNodeId | MQTT-SN message
 */
#ifndef SN_FORWARDER_H
#define SN_FORWARDER_H

#include "sn/packet.h"
#include "sn/peer.h"

#define SN_FORWARDED    0xFE
#define SN_ENVELOPE_MAX (3 + SN_NODE_ID_MAX)

/* True when the datagram begins with an envelope; it may still be broken. The long header form
 * counts too, so that it is refused here and not taken for a packet. */
bool sn_is_forwarded(struct sn_bytes datagram);

/* Takes the envelope off: the inner message goes to `inner`, and `peer`, which holds the
 * forwarder's address, gets the node id appended. An envelope in an envelope, an empty or long node
 * id, the long header form and an empty inside are errors; `peer` is then unchanged. */
enum sn_error sn_unwrap(struct sn_bytes datagram, struct sn_peer *peer, struct sn_bytes *inner);

/* Puts `inner` behind an envelope for `node_id`. `radius` is clamped to 3 (Ctrl has two bits).
 * `inner` may not lie in `into`. An empty view when it does not fit. */
struct sn_bytes sn_wrap(struct sn_bytes node_id, uint8_t radius, struct sn_bytes inner,
                        uint8_t *into, size_t cap);

#endif
