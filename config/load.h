/* SPDX-License-Identifier: Apache-2.0 */
/* load - config_load from a stream, for tests and the fuzzer */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "config/config.h"

/* As config_load; `file` NULL is no file. Does not close it. */
struct config *config_load_stream(FILE *file, const struct config_overrides *overrides,
                                  struct config_errors *errors);

#endif
