/* SPDX-License-Identifier: Apache-2.0 */
/* show - a datagram as a line of text, and octets out of one */
#ifndef TOOLS_DUMP_SHOW_H
#define TOOLS_DUMP_SHOW_H

#include "sn/cursor.h"

/* The rest of a line, behind what tells time and sender. */
void show_datagram(struct sn_bytes datagram);
bool show_is_mqtt_sn(struct sn_bytes datagram);

/* "02 16", "0216", "0x02,0x16"; a # begins a comment. False when the line is not made of whole
 * octets. */
bool octets_of_hex(const char *line, uint8_t *into, size_t cap, size_t *len);

#endif
