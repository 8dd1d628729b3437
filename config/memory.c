/* SPDX-License-Identifier: Apache-2.0 */
#include "config/memory.h"

#include <stdlib.h>
#include <string.h>

struct memory_block {
    struct memory_block *next;
    _Alignas(max_align_t) unsigned char octets[];
};

void *memory_new(struct config_memory *memory, size_t size)
{
    struct memory_block *block = malloc(sizeof(*block) + size);

    if (!block) {
        memory->failed = true;
        return NULL;
    }
    memset(block->octets, 0, size);
    block->next = memory->blocks;
    memory->blocks = block;
    return block->octets;
}

const char *memory_text(struct config_memory *memory, const char *text, size_t len)
{
    if (len == 0)
        return "";

    char *copy = memory_new(memory, len + 1);
    if (!copy)
        return "";
    memcpy(copy, text, len);
    return copy;
}

/* The array doubles whenever its count is a power of two; the halves left behind stay with the
 * block list and cost no more than the array itself. */
void *memory_grow(struct config_memory *memory, void *array, size_t count, size_t item_size)
{
    if (count & (count - 1))
        return array;

    void *larger = memory_new(memory, (count ? 2 * count : 1) * item_size);
    if (larger && count > 0)
        memcpy(larger, array, count * item_size);
    return larger;
}

void memory_free(struct config_memory *memory)
{
    while (memory->blocks) {
        struct memory_block *next = memory->blocks->next;

        free(memory->blocks);
        memory->blocks = next;
    }
}
