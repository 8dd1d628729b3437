/* SPDX-License-Identifier: Apache-2.0 */
/* run - plays all nodes from the first CONNECT to the last DISCONNECT
 *
 *   connecting -> flowing -> settling (nothing new, what is open gets its answer) -> leaving
 *
 * Flowing begins at once, or with --together when every node is ready. It ends when all is sent or
 * received that was asked for, after the duration, or by SIGINT or SIGTERM; a second signal ends
 * everything.
 */
#ifndef TOOLS_SIM_RUN_H
#define TOOLS_SIM_RUN_H

#include "tools/sim/flows.h"
#include "tools/sim/options.h"

/* What a run found out. */
struct outcome {
    struct tally tally;
    struct flows flows;
    struct latency arrival;   /* stamp to reception */
    uint64_t unstamped;       /* received without a stamp: not checked */
    usec_t connect_us;        /* until the last node was connected */
    usec_t flow_us;           /* from the first message to the last answer or arrival */
    uint64_t watched_cpu_ns;  /* of --pid, while messages flowed */
    struct net_octets octets; /* over the serial line, while messages flowed */
    bool unreachable;
};

/* False with one line in `error` when nothing could be started. The outcome is to be freed by
 * outcome_fini in either case. */
bool run_nodes(const struct sim_options *options, struct outcome *out, char *error,
               size_t error_size);
void outcome_fini(struct outcome *out);

#endif
