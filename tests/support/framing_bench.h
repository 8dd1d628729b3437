/* SPDX-License-Identifier: Apache-2.0 */
/* framing_bench - a framing with everything that it says written down
 *
 * What comes out is a text, one line for each event, so that a test compares whole histories:
 *
 *   "packet 02 16"                      from a port without addresses
 *   "packet 0013A200.. rssi=-40 02 16"  from an address; " broadcast", " lqi=" and " rssi=" if told
 *   "write 7E 00 04 .."                 of the framing's own making
 *   "sent 3 delivered", "reset", "room 84"
 */
#ifndef TESTS_SUPPORT_FRAMING_BENCH_H
#define TESTS_SUPPORT_FRAMING_BENCH_H

#include <stdio.h>

#include "sn/framing/framing.h"

struct framing_bench {
    struct framing *framing;
    uint64_t now;
    char *said; /* since the last framing_bench_forget */
    size_t said_len;
    FILE *stream;
    struct framing_address from; /* of the last packet */
    unsigned packets;
};

/* Started at time 1000. */
void framing_bench_open(struct framing_bench *b, const struct framing_options *options);
void framing_bench_close(struct framing_bench *b);

void framing_bench_forget(struct framing_bench *b);
const char *framing_bench_said(struct framing_bench *b);
/* Fails unless this was said since the last look, line by line; then forgets it. */
void framing_bench_expect(struct framing_bench *b, const char *said);

void framing_bench_hear(struct framing_bench *b, struct sn_bytes octets);
void framing_bench_hear_hex(struct framing_bench *b, const char *hex);
/* In pieces of `step` octets, at one moment. */
void framing_bench_hear_slowly(struct framing_bench *b, struct sn_bytes octets, size_t step);
/* Time passes; what falls due is done at its time. */
void framing_bench_pass(struct framing_bench *b, uint64_t ms);

/* The frame for a packet to `to` (NULL: nobody) must be these octets. */
void framing_bench_encodes(struct framing_bench *b, uint32_t ticket,
                           const struct framing_address *to, const char *packet, const char *wire);

/* Any octets as hex; the result is to be freed. */
char *hex_text(struct sn_bytes octets);
struct sn_bytes hex_octets(const char *hex, uint8_t **into);

#endif
