/* SPDX-License-Identifier: Apache-2.0 */
/* framing_stage - one framing under fuzz
 *
 * The first octet of the input chooses CRC and API mode. Then come pieces: an octet with the length
 * in its low six bits and the time before it in the others, and as many octets.
 */
#ifndef TESTS_FUZZ_FRAMING_STAGE_H
#define TESTS_FUZZ_FRAMING_STAGE_H

#include "sn/framing/framing.h"
#include "tests/fuzz/fuzz.h"

int framing_stage_run(enum framing_kind kind, const uint8_t *data, size_t size);

#endif
