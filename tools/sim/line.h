/* SPDX-License-Identifier: Apache-2.0 */
/* line - one direction of a serial line: how fast octets pass, and what happens to them
 *
 * Pure: whoever asks tells the time. An octet has passed when its time on the line is over.
 */
#ifndef TOOLS_SIM_LINE_H
#define TOOLS_SIM_LINE_H

#include "tools/sim/node.h"

struct line {
    uint32_t baud; /* 0: no limit */
    double noise;
    uint64_t *random;
    usec_t since; /* everything that passed before then is accounted for */
    bool busy;
    uint64_t spoilt;
};

/* Octets wait from now on, unless some did already. */
void line_begin(struct line *line, usec_t now);

/* How many of the waiting octets have passed by now and were not taken yet. */
size_t line_passed(const struct line *line, usec_t now);

/* `count` of them are taken; with `more` false, none wait any longer. */
void line_take(struct line *line, usec_t now, size_t count, bool more);

/* When the first waiting octet will have passed; NODE_NEVER when none waits. */
usec_t line_due(const struct line *line);

/* Copies with flipped, lost and inserted octets; `into` holds twice as many. Returns how many. */
size_t line_spoil(struct line *line, struct sn_bytes octets, uint8_t *into);

#endif
