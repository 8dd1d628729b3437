/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/seen.h"

#include <stdlib.h>

struct seen {
    size_t size, next;
    bool resuming;
    struct sighting {
        uint32_t hash;
        uint16_t mid; /* 0 is an empty place */
    } ring[];
};

struct seen *seen_new(size_t size)
{
    struct seen *seen = calloc(1, sizeof *seen + size * sizeof seen->ring[0]);

    if (seen)
        seen->size = size;
    return seen;
}

void seen_free(struct seen *seen)
{
    free(seen);
}

void seen_resume(struct seen *seen)
{
    seen->resuming = true;
}

void seen_forget(struct seen *seen)
{
    memset(seen->ring, 0, seen->size * sizeof seen->ring[0]);
    seen->resuming = false;
}

/* FNV-1a, 32 bit. */
static uint32_t hash_on(uint32_t hash, struct sn_bytes octets)
{
    for (size_t i = 0; i < octets.len; i++)
        hash = (hash ^ octets.data[i]) * 16777619u;
    return hash;
}

static bool remembered(const struct seen *seen, uint16_t mid, uint32_t hash)
{
    for (size_t i = 0; i < seen->size; i++)
        if (seen->ring[i].mid == mid && seen->ring[i].hash == hash)
            return true;
    return false;
}

bool seen_again(struct seen *seen, uint16_t mid, struct sn_bytes topic, struct sn_bytes payload)
{
    uint32_t hash = hash_on(hash_on(2166136261u, topic), payload);

    if (seen->resuming && remembered(seen, mid, hash))
        return true;
    seen->resuming = false;
    seen->ring[seen->next] = (struct sighting){hash, mid};
    seen->next = (seen->next + 1) % seen->size;
    return false;
}
