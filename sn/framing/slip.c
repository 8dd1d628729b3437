/* SPDX-License-Identifier: Apache-2.0 */
/* slip (RFC 1055): C0 | packet, CRC if any | C0, with C0 sent as DB DC and DB as DB DD.
 *
 * RFC 1055's sample keeps the octet behind a DB that escapes nothing. Without a CRC that could make
 * a wrong message pass, so the frame is dropped here. */
#include "sn/framing/framing_private.h"

#define END     0xC0
#define ESC     0xDB
#define ESC_END 0xDC
#define ESC_ESC 0xDD

bool slip_unstuff(struct sn_bytes stuffed, struct sn_writer *out)
{
    struct sn_reader r = sn_reader(stuffed);

    while (r.left > 0) {
        uint8_t octet = sn_read_u8(&r);
        if (octet == ESC) {
            uint8_t escaped = sn_read_u8(&r);
            if (escaped != ESC_END && escaped != ESC_ESC)
                return false;
            octet = escaped == ESC_END ? END : ESC;
        }
        sn_write_u8(out, octet);
    }
    return true;
}

void slip_stuff(struct sn_bytes plain, struct sn_writer *out)
{
    sn_write_u8(out, END);
    for (size_t i = 0; i < plain.len; i++) {
        uint8_t octet = plain.data[i];
        if (octet == END || octet == ESC) {
            sn_write_u8(out, ESC);
            octet = octet == END ? ESC_END : ESC_ESC;
        }
        sn_write_u8(out, octet);
    }
    sn_write_u8(out, END);
}

const struct framing_ops slip_ops = {
    .size = sizeof(struct framing),
    .receive = delimited_receive,
    .silence = delimited_silence,
    .deadline = delimited_deadline,
    .delimiter = END,
    .unstuff = slip_unstuff,
    .stuff = slip_stuff,
    .frame = plain_frame,
    .encode = plain_encode,
};
