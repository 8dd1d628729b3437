/* SPDX-License-Identifier: Apache-2.0 */
/* options_serial - what --serial brings along on the command line of mqtt-sn-sim */
#ifndef TOOLS_SIM_OPTIONS_SERIAL_H
#define TOOLS_SIM_OPTIONS_SERIAL_H

#include "tools/sim/net.h"

struct serial_words {
    const char *framing, *crc, *noise; /* NULL: not given */
    uint32_t api;
    double replug_s;
};

/* Completes `net->serial`, and the size of the node ids where nodes need them. False after a
 * complaint on stderr. */
bool options_serial(struct net_options *net, const struct serial_words *words);

#endif
