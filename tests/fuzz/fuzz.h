/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz - what every target gives to libFuzzer and to replay_main.c
 *
 * A target states what must hold for any input by assert, which no build of ours removes.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
