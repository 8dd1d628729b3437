/* SPDX-License-Identifier: Apache-2.0 */
/* command - the command line of mqtt-sn-gateway(8) */
#ifndef GATEWAY_COMMAND_H
#define GATEWAY_COMMAND_H

#include "config/config.h"

/* Exit codes, the same as those of sysexits.h. */
enum { EXIT_USAGE = 64, EXIT_UNAVAILABLE = 69, EXIT_IO = 74, EXIT_CONFIG = 78 };

enum command_action { RUN, CHECK, PRINT_CONFIG, PRINT_SAMPLE, SHOW_VERSION, SHOW_HELP, LIST_PORTS };

struct command {
    enum command_action action;
    const char *config_path; /* NULL: defaults */
    struct config_overrides overrides;
    uint32_t verbosity; /* how many -v */
};

/* False when the usage is wrong; why stands on stderr then. */
bool command_parse(struct command *command, int argc, char **argv);

/* Carries out everything but RUN. Returns the exit code. `config` may be NULL for what needs
 * none. */
int command_show(const struct command *command, const struct config *config);

static inline bool command_needs_config(const struct command *command)
{
    /* --list-ports works without a file, and tells more with one. */
    if (command->action == LIST_PORTS)
        return command->config_path != NULL;
    return command->action == RUN || command->action == CHECK || command->action == PRINT_CONFIG;
}

#endif
