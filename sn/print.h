/* SPDX-License-Identifier: Apache-2.0 */
/* print - a packet as one line of text, for logs and tools
 *
 * "PUBLISH qos=1 dup topic_id=1 msg_id=2 data=4 \"21.5\"". Octets outside printable ASCII appear as
 * \xNN; long bodies are cut with "...". Payloads and will messages are shown only when asked.
 */
#ifndef SN_PRINT_H
#define SN_PRINT_H

#include "sn/packet.h"

#define SN_PRINT_MAX 256

/* Always terminated, cut to `size`; returns `out`. */
char *sn_print(char *out, size_t size, const struct sn_packet *p, bool with_payload);

#endif
