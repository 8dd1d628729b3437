/* SPDX-License-Identifier: Apache-2.0 */
/* filters_private - what filters.c (the tables) and filters_deliver.c (who gets a message) share */
#ifndef BRIDGE_FILTERS_PRIVATE_H
#define BRIDGE_FILTERS_PRIVATE_H

#include <assert.h>

#include "bridge/filter_trie.h"
#include "bridge/filters.h"

enum { QOS_LEVELS = 3 };

struct filter {
    uint32_t next;  /* of the same bucket */
    uint32_t first; /* its subscribers, in `entries` */
    uint32_t last;
    uint32_t alike; /* the next filter that ends at the same node of the trie */
    uint32_t hash;
    uint32_t by_qos[QOS_LEVELS]; /* subscribers */
    uint16_t len;
    bool shared, in_trie;
    bool absent;    /* brings no copies */
    uint8_t text[]; /* and a NUL */
};

/* One subscriber of one filter; both chain it. Named by its place, 0 is none. */
struct entry {
    uint32_t filter, slot;
    uint32_t next, prev; /* of the filter */
    uint32_t next_of_slot;
    uint8_t qos;
    uint8_t round; /* of retained messages it waits for, 0: none */
    bool granted;
};

struct filters {
    struct filter **filters; /* by number - 1, NULL is free */
    uint32_t filters_used, filters_room, filters_live;
    uint32_t *spare; /* free numbers */
    uint32_t spares, spare_room;
    uint32_t *buckets;
    uint32_t size; /* buckets, a power of two */
    struct entry *entries;
    uint32_t entries_used, entries_room, entries_free;
    uint32_t *of_slot; /* first entry */
    uint32_t slots;
    struct filter_trie trie;
    uint32_t *numbers; /* what filters_match found */
    uint32_t found, numbers_room;
    struct filters_hit *hits;
    uint32_t hit, hits_room;
};

static inline struct filter *filter_at(const struct filters *t, uint32_t number)
{
    assert(filters_has(t, number));
    return t->filters[number - 1];
}

static inline struct sn_bytes filter_text(const struct filter *f)
{
    return sn_bytes(f->text, f->len);
}

/* NULL: not subscribed. */
struct entry *filters_entry(const struct filters *t, uint32_t number, uint32_t slot);
void filters_append(struct filters *t, struct filter *f, uint32_t place);
void filters_take_out(struct filters *t, struct filter *f, uint32_t place);

/* The items, in room for `needed`; NULL: memory is short and nothing has changed. */
void *filters_grown(void *items, uint32_t *room, uint32_t needed, size_t size);

#endif
