/* SPDX-License-Identifier: Apache-2.0 */
/* errors - the list of what is wrong */
#ifndef CONFIG_ERRORS_H
#define CONFIG_ERRORS_H

#include "config/config.h"

void errors_add(struct config_errors *errors, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* By line; what is about no line comes last. */
void errors_sort(struct config_errors *errors);

#endif
