/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/seen.h"

#include <stdlib.h>

enum {
    DOUBT_MS = 5000,   /* for an acknowledgement to arrive while the broker is heard */
    REPEAT_MS = 10000, /* for the broker to repeat what it must, after a reconnect */
};

struct seen {
    size_t size, next;
    uint64_t repeats_until; /* 0: no longer */
    struct sighting {
        uint64_t at;
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

void seen_resume(struct seen *seen, uint64_t now, uint64_t heard_at)
{
    for (struct sighting *s = seen->ring; s < seen->ring + seen->size; s++) {
        if (s->at + DOUBT_MS < heard_at)
            s->mid = 0;
        s->at = now; /* what is left may be repeated, and acknowledged in vain, once more */
    }
    seen->repeats_until = now + REPEAT_MS;
}

void seen_forget(struct seen *seen)
{
    memset(seen->ring, 0, seen->size * sizeof seen->ring[0]);
    seen->repeats_until = 0;
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

bool seen_again(struct seen *seen, uint64_t now, uint16_t mid, struct sn_bytes topic,
                struct sn_bytes payload)
{
    uint32_t hash = hash_on(hash_on(2166136261u, topic), payload);

    if (now < seen->repeats_until && remembered(seen, mid, hash))
        return true;
    seen->repeats_until = 0;
    seen->ring[seen->next] = (struct sighting){now, hash, mid};
    seen->next = (seen->next + 1) % seen->size;
    return false;
}
