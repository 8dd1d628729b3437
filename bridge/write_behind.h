/* SPDX-License-Identifier: Apache-2.0 */
/* write_behind - one write() to a broker's socket for all that libmosquitto has queued
 *
 * The library writes each packet by itself, and the system's part of that is most of what a message
 * costs. So the executable defines write(), as it does read() in read_ahead.h: between begin and
 * end, on this thread and for this descriptor, it collects what the library writes; at any other
 * time, and for any other descriptor, it is the system's. What the library was told is written and
 * the socket did not take is the connection's rest, which must go before anything else. Not for
 * TLS, and not while a DISCONNECT is queued, on which the library closes the socket.
 */
#ifndef BRIDGE_WRITE_BEHIND_H
#define BRIDGE_WRITE_BEHIND_H

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialised: none. */
struct write_rest {
    unsigned char *octets; /* NULL: none */
    size_t at, len;
};

void write_behind_begin(int fd);
/* 0, or the errno of a connection that is over. `rest` was empty and takes what is left. */
int write_behind_end(struct write_rest *rest);

/* Writes the rest as far as the socket takes it; then it is empty or the socket is full. 0 or errno
 * as above. */
int write_rest_flush(struct write_rest *rest, int fd);
void write_rest_drop(struct write_rest *rest);

#endif
