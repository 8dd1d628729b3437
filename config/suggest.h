/* SPDX-License-Identifier: Apache-2.0 */
/* suggest - which valid name was meant */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include <stddef.h>

/* How many letters must be added, removed, changed or swapped with their neighbour to turn one
 * name into the other; capitals count as small letters, and '-' and blank as '_'. */
size_t name_distance(const char *one, const char *other);

/* Is `distance` small enough for a slip of the pen in `name`? */
int name_is_near(const char *name, size_t distance);

#endif
