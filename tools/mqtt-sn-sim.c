/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt-sn-sim - simulated MQTT-SN 1.2 nodes: see tools/sim/options.c for what they can do */
#include <stdio.h>

#include "tools/sim/report.h"

enum { ALL_ARRIVED = 0, SOMETHING_MISSING = 1, UNREACHABLE = 69 };

static int conclude(const struct sim_options *options, const struct outcome *outcome)
{
    if (options->json)
        report_json(options, outcome);
    else if (!options->quiet)
        report_text(options, outcome);
    if (outcome->unreachable) {
        fprintf(stderr, "mqtt-sn-sim: no answer from %s; is the gateway running there?\n",
                options->net.serial.link ? options->net.serial.link : options->net.gateway);
        return UNREACHABLE;
    }
    return report_ok(options, outcome) ? ALL_ARRIVED : SOMETHING_MISSING;
}

int main(int argc, char **argv)
{
    static struct sim_options options;
    static struct outcome outcome;
    char error[256];

    setvbuf(stdout, NULL, _IOLBF, 0);
    int code = options_parse(&options, argc, argv);
    if (code >= 0)
        return code;
    if (run_nodes(&options, &outcome, error, sizeof error)) {
        code = conclude(&options, &outcome);
    } else {
        fprintf(stderr, "mqtt-sn-sim: %s\n", error);
        code = UNREACHABLE;
    }
    outcome_fini(&outcome);
    return code;
}
