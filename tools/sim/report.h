/* SPDX-License-Identifier: Apache-2.0 */
/* report - tells what a run found out, and whether all that was promised arrived */
#ifndef TOOLS_SIM_REPORT_H
#define TOOLS_SIM_REPORT_H

#include "tools/sim/run.h"

void report_text(const struct sim_options *options, const struct outcome *outcome);
void report_json(const struct sim_options *options, const struct outcome *outcome);

/* Every node connected; every QoS 1 and 2 message was acknowledged; nothing was refused for
 * good or given up; what was expected came. */
bool report_ok(const struct sim_options *options, const struct outcome *outcome);

#endif
