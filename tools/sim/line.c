/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/line.h"

#include "tools/sim/chance.h"

#define BITS    10    /* of an octet, with start and stop */
#define CATCHUP 50000 /* microseconds of which a late caller may make up */
#define SECOND  1000000

void line_begin(struct line *line, usec_t now)
{
    if (!line->busy && line->since < now)
        line->since = now;
    line->busy = true;
}

size_t line_passed(const struct line *line, usec_t now)
{
    usec_t time = now > line->since ? now - line->since : 0;

    if (!line->busy)
        return 0;
    if (line->baud == 0)
        return SIZE_MAX;
    return (size_t)((time < CATCHUP ? time : CATCHUP) * line->baud / BITS / SECOND);
}

void line_take(struct line *line, usec_t now, size_t count, bool more)
{
    usec_t time = line->baud > 0 ? (usec_t)count * BITS * SECOND / line->baud : 0;

    line->since += time;
    if (now > CATCHUP && line->since < now - CATCHUP)
        line->since = now - CATCHUP;
    if (line->baud == 0)
        line->since = now;
    line->busy = more;
}

usec_t line_due(const struct line *line)
{
    if (!line->busy)
        return NODE_NEVER;
    return line->baud > 0 ? line->since + BITS * SECOND / line->baud + 1 : line->since;
}

size_t line_spoil(struct line *line, struct sn_bytes octets, uint8_t *into)
{
    size_t count = 0;

    for (size_t i = 0; i < octets.len; i++) {
        into[count++] = octets.data[i];
        if (!chance(line->random, line->noise))
            continue;
        uint64_t accident = chance_next(line->random) >> 32;
        line->spoilt++;
        if (accident % 3 == 0)
            into[count - 1] ^= (uint8_t)(1 << (accident >> 8) % 8);
        else if (accident % 3 == 1)
            count--;
        else
            into[count++] = (uint8_t)(accident >> 8);
    }
    return count;
}
