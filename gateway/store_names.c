/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store_private.h"

#include <stdio.h>

static const char *const states[] = {
    [RECORD_DISCONNECTED] = "disconnected",
    [RECORD_ACTIVE] = "active",
    [RECORD_ASLEEP] = "asleep",
    [RECORD_LOST] = "lost",
};

const char *name_of_state(enum record_state state)
{
    return states[state];
}

enum record_state state_of_name(const char *name)
{
    for (size_t i = 0; name && i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i], name) == 0)
            return (enum record_state)i;
    return RECORD_DISCONNECTED;
}

/* The loop numbers the UDP listeners first, then the serial ports. A section is known by its name,
 * so that one more in the file does not send everybody's messages through another port. */
char *name_of_link(const struct config *config, uint8_t link, char *out, size_t size)
{
    const char *kind = "udp", *name = NULL;

    *out = '\0';
    if (link < config->udp_count) {
        name = config->udp[link].name;
    } else if (link < config->udp_count + config->serial_count) {
        kind = "serial";
        name = config->serial[link - config->udp_count].name;
    }
    if (name)
        snprintf(out, size, "%s%s%s", kind, *name ? " " : "", name);
    return out;
}

int link_of_name(const struct config *config, const char *name)
{
    char other[256];

    for (size_t i = 0; name && i < config->udp_count + config->serial_count; i++)
        if (strcmp(name_of_link(config, (uint8_t)i, other, sizeof other), name) == 0)
            return (int)i;
    return -1;
}
