/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/framing_stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return framing_stage_run(FRAMING_SLIP, data, size);
}
