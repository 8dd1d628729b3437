/* SPDX-License-Identifier: Apache-2.0 */
/* patience - how long a dongle's word on a frame is worth waiting for
 *
 * Learnt from the words that come, as TCP learns its timeout (RFC 6298): their mean and four times
 * how far they stray from it. Each word that stays out doubles it until one comes again, so that a
 * dongle which has become slow is not hurried. Before the first word nothing is known and the
 * caller says where to begin. Private to this folder.
 */
#ifndef SN_FRAMING_PATIENCE_H
#define SN_FRAMING_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct patience {
    uint32_t first_ms, floor_ms, ceiling_ms;
    uint32_t mean_x8, stray_x4; /* in milliseconds, times 8 and 4 */
    unsigned missed;            /* words that stayed out since the last one that came */
    bool learnt;
};

void patience_init(struct patience *p, uint32_t first_ms, uint32_t floor_ms, uint32_t ceiling_ms);
void patience_came(struct patience *p, uint64_t after_ms);
void patience_missed(struct patience *p);
uint32_t patience_ms(const struct patience *p);

#endif
