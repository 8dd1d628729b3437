/* SPDX-License-Identifier: Apache-2.0 */
/* options - the command line of mqtt-sn-sim */
#ifndef TOOLS_SIM_OPTIONS_H
#define TOOLS_SIM_OPTIONS_H

#include "tools/sim/net.h"

struct sim_options {
    struct plan plan;
    struct net_options net;
    double connect_rate; /* connections begun per second; 0: as fast as answers come */
    uint32_t connect_window;
    double duration_s, linger_s; /* duration 0: no end */
    uint64_t expect;             /* messages to receive; 0: unknown */
    uint32_t pid;                /* whose CPU time to watch; 0: nobody's */
    bool together, vanish, quiet, show, json;
};

/* Fills `out`. Returns -1 to go on, otherwise the exit code: 0 after --help, 64 after a complaint
 * on stderr. Texts are not copied. */
int options_parse(struct sim_options *out, int argc, char **argv);

#endif
