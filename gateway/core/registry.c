/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/registry.h"

#include <assert.h>
#include <stdlib.h>

enum { FEW = 8 }; /* names up to this many are compared one by one */

void registry_clear(struct registry *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        free(r->by_id[i]);
    free(r->by_id);
    free(r->by_name);
    *r = (struct registry){0};
}

struct topic *registry_by_id(const struct registry *r, uint16_t id)
{
    return id >= 1 && id <= r->count ? r->by_id[id - 1] : NULL;
}

static bool is_named(const struct topic *t, struct sn_bytes name)
{
    return sn_bytes_equal(sn_bytes(t->name, t->len), name);
}

/* Where the name is in by_name, or the empty slot where it would go. */
static uint32_t slot_of(const struct registry *r, const struct hash_key *key, struct sn_bytes name)
{
    uint32_t at = table_hash(key, name.data, name.len) & (r->slots - 1);

    while (r->by_name[at] != 0 && !is_named(r->by_id[r->by_name[at] - 1], name))
        at = (at + 1) & (r->slots - 1);
    return at;
}

struct topic *registry_by_name(const struct registry *r, const struct hash_key *key,
                               struct sn_bytes name)
{
    if (r->by_name) {
        uint16_t id = r->by_name[slot_of(r, key, name)];
        return id ? r->by_id[id - 1] : NULL;
    }
    for (uint32_t i = 0; i < r->count; i++)
        if (r->by_id[i] && is_named(r->by_id[i], name))
            return r->by_id[i];
    return NULL;
}

static bool rebuild_names(struct registry *r, const struct hash_key *key, uint32_t slots)
{
    uint16_t *by_name = calloc(slots, sizeof *by_name);

    if (!by_name)
        return false;
    free(r->by_name);
    r->by_name = by_name;
    r->slots = slots;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct topic *t = r->by_id[i];
        if (t)
            by_name[slot_of(r, key, sn_bytes(t->name, t->len))] = t->id;
    }
    return true;
}

static bool make_room(struct registry *r, const struct hash_key *key)
{
    if (r->count == r->cap) {
        uint32_t cap = r->cap ? r->cap * 2 : 4;
        struct topic **by_id = realloc(r->by_id, cap * sizeof(struct topic *));
        if (!by_id)
            return false;
        r->by_id = by_id;
        r->cap = cap;
    }
    if (r->count < FEW || r->count * 2 < r->slots)
        return true;
    return rebuild_names(r, key, r->slots ? r->slots * 2 : 4 * FEW);
}

static void append(struct registry *r, const struct hash_key *key, struct topic *t)
{
    r->by_id[r->count++] = t;
    t->id = (uint16_t)r->count;
    if (r->by_name)
        r->by_name[slot_of(r, key, sn_bytes(t->name, t->len))] = t->id;
}

struct topic *registry_add(struct registry *r, const struct hash_key *key, struct sn_bytes name,
                           uint32_t limit)
{
    struct topic *t = registry_by_name(r, key, name);

    if (t || r->count >= limit || !make_room(r, key))
        return t;
    t = calloc(1, sizeof *t + name.len);
    if (!t)
        return NULL;
    t->len = (uint16_t)name.len;
    memcpy(t->name, name.data, name.len);
    append(r, key, t);
    return t;
}

bool registry_renumber(struct registry *r, const struct hash_key *key, struct topic *t,
                       uint32_t limit)
{
    struct sn_bytes name = sn_bytes(t->name, t->len);

    if (r->count >= limit || !make_room(r, key))
        return false;
    uint16_t old = t->id;
    if (r->by_name) {
        uint32_t at = slot_of(r, key, name);
        r->by_id[r->count++] = t;
        t->id = (uint16_t)r->count;
        r->by_name[at] = t->id;
    } else {
        append(r, key, t);
    }
    r->by_id[old - 1] = NULL;
    return true;
}

/* Ids that are skipped are holes, and stay used up. */
static bool skip_to(struct registry *r, const struct hash_key *key, uint16_t id)
{
    while (r->count < id) {
        if (!make_room(r, key))
            return false;
        r->by_id[r->count++] = NULL;
    }
    return true;
}

struct topic *registry_restore(struct registry *r, const struct hash_key *key, uint16_t id,
                               struct sn_bytes name)
{
    if (id <= r->count || registry_by_name(r, key, name))
        return NULL;
    if (name.len == 0) {
        skip_to(r, key, id);
        return NULL;
    }
    return skip_to(r, key, (uint16_t)(id - 1)) ? registry_add(r, key, name, id) : NULL;
}

void registry_new_connection(struct registry *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (r->by_id[i])
            r->by_id[i]->known = false;
    registry_unmute(r);
}

void registry_unmute(struct registry *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (r->by_id[i])
            r->by_id[i]->muted = false;
}
