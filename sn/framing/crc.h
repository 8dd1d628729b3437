/* SPDX-License-Identifier: Apache-2.0 */
/* crc - the two 16-bit sums that serial framings use; on the wire the low octet comes first */
#ifndef SN_FRAMING_CRC_H
#define SN_FRAMING_CRC_H

#include "sn/cursor.h"

uint16_t crc_xmodem(struct sn_bytes over); /* polynomial 1021 from 0000; "123456789" is 31C3 */
uint16_t crc_x25(struct sn_bytes over);    /* HDLC's FCS-16; "123456789" is 906E */

#endif
