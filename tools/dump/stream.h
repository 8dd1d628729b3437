/* SPDX-License-Identifier: Apache-2.0 */
/* stream - what came over a serial line, as lines of text */
#ifndef TOOLS_DUMP_STREAM_H
#define TOOLS_DUMP_STREAM_H

#include <stdio.h>

#include "sn/framing/framing.h"

/* Octets as they are, or hex text when the beginning looks like it. What arrives is shown at once.
 * Gives an exit status; max_packet of the options is of no account. */
int dump_stream(FILE *file, const char *name, const struct framing_options *options);

#endif
