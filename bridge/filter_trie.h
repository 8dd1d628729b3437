/* SPDX-License-Identifier: Apache-2.0 */
/* filter_trie - finds the filters with wildcards that match a topic
 *
 * One node for each level. A child is found by one hash table of all nodes, keyed by its parent and
 * its level, so that neither broad nor deep tries are slow; the child + is pointed to. Filters that
 * end at the same node are a list of numbers, which the owner chains.
 */
#ifndef BRIDGE_FILTER_TRIE_H
#define BRIDGE_FILTER_TRIE_H

#include "sn/cursor.h"

struct trie_node {
    struct trie_node *parent, *plus;
    struct trie_node *next; /* in its bucket */
    uint32_t hash;
    uint32_t uses;        /* children, and filters that end here */
    uint32_t exact, deep; /* first filter that ends here; with # as the next level */
    uint16_t len;
    uint8_t level[];
};

/* Zero-initialised is empty; `seed` is set by the owner. */
struct filter_trie {
    struct trie_node *root;
    struct trie_node **buckets;
    uint32_t count, size; /* nodes but the root and every + / buckets, a power of two */
    uint64_t seed[2];
};

void trie_fini(struct filter_trie *trie);

/* Where the list of filters with this text begins; the path is made when it is new, and kept until
 * trie_leave, once for each trie_enter. NULL: memory is short. */
uint32_t *trie_enter(struct filter_trie *trie, struct sn_bytes filter);
/* The same place, for a filter that is there. */
uint32_t *trie_at(const struct filter_trie *trie, struct sn_bytes filter);
void trie_leave(struct filter_trie *trie, struct sn_bytes filter);

/* Calls `found` with the begin of each list whose filters match. */
void trie_match(const struct filter_trie *trie, struct sn_bytes topic,
                void (*found)(void *self, uint32_t first), void *self);

#endif
