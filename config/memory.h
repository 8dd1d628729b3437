/* SPDX-License-Identifier: Apache-2.0 */
/* memory - everything a configuration owns, freed in one go
 *
 * A failed allocation is remembered in `failed` and asked for once at the end, so that the readers
 * need not check each string.
 */
#ifndef CONFIG_MEMORY_H
#define CONFIG_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct memory_block;

/* Zero-initialised means empty. */
struct config_memory {
    struct memory_block *blocks;
    bool failed;
};

/* Zeroed; NULL when memory is short. */
void *memory_new(struct config_memory *memory, size_t size);

/* A terminated copy; "" when memory is short. */
const char *memory_text(struct config_memory *memory, const char *text, size_t len);

/* Room for one more item behind the `count` that `array` holds, zeroed. Returns the array, which
 * may have moved; NULL when memory is short, and `array` is then still good. */
void *memory_grow(struct config_memory *memory, void *array, size_t count, size_t item_size);

void memory_free(struct config_memory *memory);

#endif
