/* SPDX-License-Identifier: Apache-2.0 */
/* secret - passwords and keys that stand in files */
#ifndef CONFIG_SECRET_H
#define CONFIG_SECRET_H

#include "config/memory.h"

enum { SECRET_MAX = 1024, SECRET_REASON_MAX = 120 };

/* The first line of the file without its end. NULL with `reason`, the end of a sentence that
 * begins with the path. */
const char *secret_read(const char *path, struct config_memory *memory,
                        char reason[SECRET_REASON_MAX]);

/* Can the file be read? Else `reason` as above. */
bool file_is_readable(const char *path, char reason[SECRET_REASON_MAX]);

#endif
