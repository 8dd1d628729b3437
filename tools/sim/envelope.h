/* SPDX-License-Identifier: Apache-2.0 */
/* envelope - how the simulated forwarders name their nodes (5.5)
 *
 * The node id is the node's number, most significant octet first, in as many octets as asked.
 */
#ifndef TOOLS_SIM_ENVELOPE_H
#define TOOLS_SIM_ENVELOPE_H

#include "sn/cursor.h"

/* The packet in the envelope of node `number`, in `into`; empty when it does not fit. */
struct sn_bytes envelope_wrap(uint32_t number, size_t id_size, struct sn_bytes packet,
                              uint8_t *into, size_t size);

/* Leaves the packet in `wire`. The number, 0 when this is no envelope of one of `nodes` nodes. */
uint32_t envelope_open(struct sn_bytes *wire, size_t id_size, uint32_t nodes);

#endif
