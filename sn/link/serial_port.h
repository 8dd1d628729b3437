/* SPDX-License-Identifier: Apache-2.0 */
/* serial_port - one tty, opened so that every octet passes unchanged
 *
 * Raw mode is set through termios2, for baud rates of any value, and read back: a driver that
 * refuses something is noticed here and not by mangled messages. The port is locked in both ways
 * that other programs look at. Nothing here waits.
 *
 * libserialport is not asked to open ports: as of 0.1.1 it knows only names right below /dev that
 * sysfs lists, and so neither /dev/serial/by-id/... nor ptys.
 */
#ifndef SN_LINK_SERIAL_PORT_H
#define SN_LINK_SERIAL_PORT_H

#include "config/config.h"

enum serial_trouble {
    SERIAL_NO_TROUBLE,
    SERIAL_MISSING,
    SERIAL_BUSY,
    SERIAL_FORBIDDEN,
    SERIAL_NOT_A_TTY,
    SERIAL_BAUD_REFUSED,
    SERIAL_MODE_REFUSED,
    SERIAL_OTHER_TROUBLE,
};

/* The open port, or -1 with what is wrong and, in `text`, why and what to do about it. */
int serial_port_open(const char *path, const struct serial_config *config,
                     enum serial_trouble *trouble, char *text, size_t size);

/* Others may open the port from then on. What it has not sent yet holds the close up, for long when
 * flow control does; so it is discarded but for a good end. */
void serial_port_close(int fd, bool discard);

/* DTR and RTS as the configuration wants them; a pulse begins here and ends with
 * serial_port_set_dtr. Ports without such lines ignore it. */
void serial_port_lines(int fd, const struct serial_config *config, bool pulse);
void serial_port_set_dtr(int fd, bool on);

/* Octets the hardware or the kernel has lost since the driver knows the port; 0 when unknown. */
uint64_t serial_port_overruns(int fd);

#endif
