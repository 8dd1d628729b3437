/* SPDX-License-Identifier: Apache-2.0 */
/* dongle_xbee - the module's side of Digi's API frames; see dongle.h for what it is part of
 *
 *   from the host:  08 id command(2)                           AT AP?, AT NP?
 *                   10 id dest(8) dest(2) radius opts packet
 *   to the host:    88 id command(2) status value
 *                   8B id dest(2) retries delivery discovery
 *                   8A status
 *                   90 source(8) source(2) opts packet
 */
#ifndef TOOLS_SIM_DONGLE_XBEE_H
#define TOOLS_SIM_DONGLE_XBEE_H

#include "tools/sim/dongle.h"

#define XBEE_MODULE_FRAME 512 /* type and fields */

struct xbee_module {
    bool api2;
    uint32_t nodes;
    struct dongle_sink sink;

    uint8_t in[XBEE_MODULE_FRAME + 4]; /* from the 7E, unescaped */
    size_t in_len;                     /* 0: looking for one */
    bool flip;                         /* the escape octet was the last */
};

void xbee_module_start(struct xbee_module *m);
void xbee_module_hear(struct xbee_module *m, struct sn_bytes octets);
bool xbee_module_send(struct xbee_module *m, uint32_t number, struct sn_bytes packet);

#endif
