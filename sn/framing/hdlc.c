/* SPDX-License-Identifier: Apache-2.0 */
/* hdlc, as OpenThread's spinel has it: 7E | packet, FCS low, FCS high | 7E
 *
 * 7E, 7D, 11 and 13 go as 7D and the octet XOR 20, so that software flow control may run below.
 * Whatever else a sender escapes (spinel: F8) is understood too. 7D 7E breaks a frame off. */
#include "sn/framing/framing_private.h"

#define FLAG 0x7E
#define ESC  0x7D
#define XON  0x11
#define XOFF 0x13
#define FLIP 0x20

static bool unstuff(struct sn_bytes stuffed, struct sn_writer *out)
{
    struct sn_reader r = sn_reader(stuffed);

    while (r.left > 0) {
        uint8_t octet = sn_read_u8(&r);
        sn_write_u8(out, octet == ESC ? sn_read_u8(&r) ^ FLIP : octet);
    }
    return !r.failed;
}

static void stuff(struct sn_bytes plain, struct sn_writer *out)
{
    sn_write_u8(out, FLAG);
    for (size_t i = 0; i < plain.len; i++) {
        uint8_t octet = plain.data[i];
        if (octet == FLAG || octet == ESC || octet == XON || octet == XOFF) {
            sn_write_u8(out, ESC);
            octet ^= FLIP;
        }
        sn_write_u8(out, octet);
    }
    sn_write_u8(out, FLAG);
}

const struct framing_ops hdlc_ops = {
    .size = sizeof(struct framing),
    .own_crc = FRAMING_CRC_X25,
    .receive = delimited_receive,
    .silence = delimited_silence,
    .deadline = delimited_deadline,
    .delimiter = FLAG,
    .unstuff = unstuff,
    .stuff = stuff,
    .frame = plain_frame,
    .encode = plain_encode,
};
