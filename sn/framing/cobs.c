/* SPDX-License-Identifier: Apache-2.0 */
/* cobs (Cheshire and Baker): blocks of [n][n - 1 octets without 00], and 00 behind the last.
 *
 * Each block but the last stands for its octets and a 00; n = FF for 254 octets and no 00. */
#include "sn/framing/framing_private.h"

#define BLOCK_MAX 254

static bool unstuff(struct sn_bytes stuffed, struct sn_writer *out)
{
    struct sn_reader r = sn_reader(stuffed);

    while (r.left > 0 && !r.failed) {
        size_t block = sn_read_u8(&r) - (size_t)1; /* the delimiter has taken every 00 */
        sn_write(out, sn_read(&r, block));
        if (block < BLOCK_MAX && r.left > 0)
            sn_write_u8(out, 0);
    }
    return !r.failed;
}

static void stuff(struct sn_bytes plain, struct sn_writer *out)
{
    struct sn_reader r = sn_reader(plain);
    bool open; /* the last block ended in a 00, or was full, and another one follows */

    do {
        size_t most = r.left < BLOCK_MAX ? r.left : BLOCK_MAX;
        const uint8_t *zero = memchr(r.at, 0, most);
        size_t block = zero ? (size_t)(zero - r.at) : most;
        sn_write_u8(out, (uint8_t)(block + 1));
        sn_write(out, sn_read(&r, block));
        open = zero || r.left > 0;
        if (zero)
            sn_read(&r, 1);
    } while (open);
    sn_write_u8(out, 0);
}

const struct framing_ops cobs_ops = {
    .size = sizeof(struct framing),
    .receive = delimited_receive,
    .silence = delimited_silence,
    .deadline = delimited_deadline,
    .delimiter = 0x00,
    .only_behind = true,
    .unstuff = unstuff,
    .stuff = stuff,
    .frame = plain_frame,
    .encode = plain_encode,
};
