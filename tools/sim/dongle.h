/* SPDX-License-Identifier: Apache-2.0 */
/* dongle - the firmware of a simulated radio dongle: nodes on one side, a host on the other
 *
 * Pure: octets from the host go in, octets for the host and packets for nodes come out through the
 * sink, within the same call. Where both ends of a framing speak alike (raw, slip, hdlc, cobs) the
 * gateway's own framing does the work, and several nodes sit in envelopes. An XBee module (API
 * frames, transmit statuses, AT AP and AT NP) names them by 64-bit addresses, an Aquila dongle
 * (CONFIG, one ACK for each frame) by 16-bit ones.
 */
#ifndef TOOLS_SIM_DONGLE_H
#define TOOLS_SIM_DONGLE_H

#include "sn/framing/framing.h"

struct dongle_options {
    struct framing_options framing; /* api: what the module is set to; auto is 1 */
    uint32_t nodes;
    uint32_t node_id_size; /* of envelopes, in octets; 0: the port is the one node */
};

struct dongle_sink {
    void *self;
    void (*host)(void *self, struct sn_bytes octets); /* one whole frame */
    void (*node)(void *self, uint32_t number, struct sn_bytes packet);
};

struct dongle;

/* NULL when memory is short. */
struct dongle *dongle_new(const struct dongle_options *options, const struct dongle_sink *sink);
void dongle_free(struct dongle *d);

/* The host has opened the port, which resets most dongles. */
void dongle_start(struct dongle *d, uint64_t now_ms);
void dongle_hear(struct dongle *d, uint64_t now_ms, struct sn_bytes octets);

/* A node's packet, on its way to the host. False when it is too long. */
bool dongle_send(struct dongle *d, uint64_t now_ms, uint32_t number, struct sn_bytes packet);

#endif
