/* SPDX-License-Identifier: Apache-2.0 */
/* serial_find - the serial ports of this host, and which one a configuration means
 *
 * What sysfs knows of the ports comes through libserialport.
 */
#ifndef SN_LINK_SERIAL_FIND_H
#define SN_LINK_SERIAL_FIND_H

#include "config/config.h"

#define SERIAL_PORTS_MAX 64
#define SERIAL_PATH_MAX  256

struct serial_found {
    char path[SERIAL_PATH_MAX];  /* /dev/ttyUSB0 */
    char by_id[SERIAL_PATH_MAX]; /* /dev/serial/by-id/..., "" when udev made none */
    bool usb;
    uint16_t vid, pid;
    char serial[128], product[128]; /* "" when the device has none */
};

/* Fills `out` and returns how many; `by_id` folder "" asks for no such names. */
size_t serial_find_all(const char *by_id, struct serial_found *out, size_t max);

/* True when the configuration's port, path or usb:, is this one. */
bool serial_find_match(const struct serial_config *config, const struct serial_found *port);

/* One line for each port, with what would match it; says so when there is none. */
void serial_find_print(const struct serial_found *ports, size_t count,
                       const struct serial_config *configs, size_t config_count, FILE *to);

#endif
