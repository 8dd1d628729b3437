/* SPDX-License-Identifier: Apache-2.0 */
/* serial_bench - a serial link on a pty, with a dongle that the test plays
 *
 * The port's name is a symbolic link, as those of udev are; plugging in makes a pty and lets the
 * link lead to it, unplugging closes the far end and removes the link.
 */
#ifndef TESTS_SUPPORT_SERIAL_BENCH_H
#define TESTS_SUPPORT_SERIAL_BENCH_H

#include <uv.h>

#include "config/config.h"
#include "sn/link/serial.h"

struct serial_bench {
    uv_loop_t loop;
    uv_timer_t limit;
    bool late; /* a wait took too long */
    struct link *link;
    struct config *config;
    char folder[64], path[96];
    int dongle; /* the far end, -1: unplugged */
    unsigned packets, ups, downs, rooms, notices;
    bool up;
    struct sn_peer peer; /* of the last packet */
    uint8_t last[1024];
    size_t last_len;
    char notice[400]; /* the last */
};

/* One pty pair: the dongle's end; the other's name goes to `name`. */
int pty_open(char *name, size_t size);

/* `lines` are those of a [serial] section; port is the bench's link and framing is slip unless they
 * name another. */
void serial_bench_open(struct serial_bench *b, const char *lines);
void serial_bench_open_on(struct serial_bench *b, const struct serial_host *host,
                          const char *lines);
void serial_bench_close(struct serial_bench *b);

void serial_bench_plug(struct serial_bench *b);
void serial_bench_unplug(struct serial_bench *b);

/* Turns the loop until `*what` is `value` or more, at most `ms`. False when that did not come. */
bool serial_bench_wait(struct serial_bench *b, const unsigned *what, unsigned value, unsigned ms);
bool serial_bench_wait_up(struct serial_bench *b, bool up);
void serial_bench_turn(struct serial_bench *b, unsigned ms); /* for so long */

/* The dongle says these octets. */
void dongle_says(struct serial_bench *b, const void *octets, size_t len);

/* What the dongle hears, waiting for `len` octets at most `ms`; returns how many came. */
size_t dongle_hears(struct serial_bench *b, void *octets, size_t len, unsigned ms);

uint64_t serial_bench_counter(struct serial_bench *b, const char *name);

#endif
