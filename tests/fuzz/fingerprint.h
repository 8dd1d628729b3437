/* SPDX-License-Identifier: Apache-2.0 */
/* fingerprint - all that a core has promised, as one number
 *
 * Equal before and after a restart: what is recorded is what is there. It leaves out what need not
 * survive, such as timers, and what only saves a packet, such as which topics are known.
 */
#ifndef TESTS_FUZZ_FINGERPRINT_H
#define TESTS_FUZZ_FINGERPRINT_H

#include "gateway/core/internal.h"

uint64_t fingerprint(const struct core *core);

#endif
