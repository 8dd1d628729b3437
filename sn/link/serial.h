/* SPDX-License-Identifier: Apache-2.0 */
/* serial - radios behind a serial port, a USB dongle most often
 *
 * The port is opened when it is there and again whenever it comes back; meanwhile the link is down
 * and says so through its events, as it says each trouble once. Octets go through the framing,
 * whole frames leave from a bounded queue, as fast as the port, the radio's window, `gap` and the
 * air-time budget allow. A peer is the radio's address, or the port itself where the framing knows
 * none.
 */
#ifndef SN_LINK_SERIAL_H
#define SN_LINK_SERIAL_H

#include <uv.h>

#include "config/config.h"
#include "sn/link/link.h"
#include "sn/link/serial_find.h"

/* X(name, help) */
#define SERIAL_COUNTERS(X)                                                                         \
    X(opened, "times the port was opened")                                                         \
    X(lost, "times the port vanished or failed")                                                   \
    X(silences, "times it was opened again because nothing valid came")                            \
    X(dtr_pulses, "times DTR was pulsed because nothing valid came")                               \
    X(repeated, "frames repeated because the radio could not deliver them")                        \
    X(given_up, "packets dropped after all repetitions to the radio")                              \
    X(superseded, "packets not queued: an earlier repetition still was")                           \
    X(unreachable, "packets dropped: the radio knows no way to the node")                          \
    X(too_long_for_radio, "packets dropped: the radio refused their length")                       \
    X(away, "packets dropped: the port was away")                                                  \
    X(envelopes, "packets dropped: a forwarder envelope, and forwarder = no")

struct serial_counters {
#define X(name, help) uint64_t name;
    SERIAL_COUNTERS(X)
#undef X
};

/* Where things are on this host; tests have places of their own. */
struct serial_host {
    const char *devices; /* where ports appear: /dev */
    size_t (*find_all)(struct serial_found *out, size_t max);
};

extern const struct serial_host serial_host_linux;

/* Begins to look for the port on `loop`; a port that is not there is no failure. NULL with one line
 * in `error` when memory is short. The config must outlive the link. */
struct link *serial_open(uv_loop_t *loop, uint8_t number, const struct serial_config *config,
                         const struct serial_host *host, struct link_receiver receiver,
                         struct link_events events, char *error, size_t error_size);

#endif
