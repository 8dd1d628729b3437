/* SPDX-License-Identifier: Apache-2.0 */
/* read_ahead - one read() of a broker's socket instead of libmosquitto's many
 *
 * The library reads a packet in three pieces, and a last time to find nothing. So the executable
 * defines read(): between begin and end, on this thread and for this descriptor, it takes what the
 * socket has at once and deals it out; at any other time, and for any other descriptor, it is the
 * system's. Not for TLS, whose library keeps octets back itself. It needs libmosquitto as a shared
 * library.
 */
#ifndef BRIDGE_READ_AHEAD_H
#define BRIDGE_READ_AHEAD_H

#include <stdbool.h>

void read_ahead_begin(int fd);

/* Octets were taken from the socket that the library has not read yet: it must be let read until
 * there are none, or they are lost. */
bool read_ahead_left(void);

/* Nothing more is taken from the socket until begin. */
void read_ahead_last(void);
void read_ahead_end(void);

#endif
