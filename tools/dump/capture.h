/* SPDX-License-Identifier: Apache-2.0 */
/* capture - reads a classic pcap file, frame by frame
 *
 * Both byte orders, micro- and nanoseconds. The file may be a pipe: nothing is sought.
 */
#ifndef TOOLS_DUMP_CAPTURE_H
#define TOOLS_DUMP_CAPTURE_H

#include <stdio.h>

#include "sn/cursor.h"

#define CAPTURE_FRAME_MAX 262144 /* the largest snapshot length that tcpdump writes */

struct capture {
    FILE *file;
    bool little_endian, in_nanoseconds;
    uint32_t link_type;
    uint8_t octets[CAPTURE_FRAME_MAX];
};

struct frame {
    uint32_t seconds, nanoseconds;
    struct sn_bytes octets; /* valid until the next frame is read */
};

enum capture_result {
    CAPTURE_OK,
    CAPTURE_END,
    CAPTURE_FOREIGN, /* not a pcap file */
    CAPTURE_BROKEN,  /* cut, or a frame longer than any can be */
};

/* True when a file that begins with this octet may be a capture; no text begins so. */
bool capture_begins_with(int octet);

enum capture_result capture_open(struct capture *c, FILE *file);
enum capture_result capture_next(struct capture *c, struct frame *out);

#endif
