/* SPDX-License-Identifier: Apache-2.0 */
/* stamp - what a simulated message says about itself
 *
 *   "#RUN CLIENT SEQUENCE TIME #....", padded with dots to the wished size
 *
 * RUN keeps the messages of several simulators apart; SEQUENCE counts from 1 for each client, so
 * that a receiver sees loss, order and duplicates; TIME is CLOCK_MONOTONIC in microseconds and
 * means something only on the same machine. It is text, so that it can be read in any MQTT client.
 */
#ifndef TOOLS_SIM_STAMP_H
#define TOOLS_SIM_STAMP_H

#include "sn/cursor.h"

#define STAMP_MAX 80 /* the longest stamp without padding, terminator included */

struct stamp {
    uint32_t run, client;
    uint64_t sequence, time_us;
};

/* Writes the stamp and its padding, `size` octets or as many as the stamp needs. Returns the
 * octets written, never more than `cap`. */
size_t stamp_write(const struct stamp *stamp, uint8_t *into, size_t size, size_t cap);

/* False when the payload does not begin with a stamp. */
bool stamp_read(struct stamp *out, struct sn_bytes payload);

#endif
