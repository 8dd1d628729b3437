/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/filter_trie.h"

#include <assert.h>
#include <stdlib.h>

#include "sn/siphash.h"
#include "sn/topic.h"

enum { FIRST_BUCKETS = 64 };

/* The levels of a name or filter, one after the other; "a/" has two, the second empty. */
struct walk {
    struct sn_reader rest;
    bool over;
};

static bool next_level(struct walk *w, struct sn_bytes *level)
{
    if (w->over)
        return false;
    const uint8_t *slash = w->rest.left > 0 ? memchr(w->rest.at, '/', w->rest.left) : NULL;
    *level = slash ? sn_read(&w->rest, (size_t)(slash - w->rest.at)) : sn_read_rest(&w->rest);
    if (slash)
        sn_read_u8(&w->rest);
    else
        w->over = true;
    return true;
}

static bool is(struct sn_bytes level, char wildcard)
{
    return level.len == 1 && level.data[0] == wildcard;
}

static uint32_t level_hash(const struct filter_trie *trie, struct sn_bytes level)
{
    return (uint32_t)sn_siphash(trie->seed, level.data, level.len);
}

static uint32_t child_hash(const struct trie_node *parent, uint32_t level)
{
    return (parent->hash * 0x9E3779B1u + 1) ^ level;
}

static struct trie_node *find_child(const struct filter_trie *trie, const struct trie_node *parent,
                                    struct sn_bytes level, uint32_t hash)
{
    struct trie_node *node;

    if (trie->size == 0)
        return NULL;
    for (node = trie->buckets[hash & (trie->size - 1)]; node; node = node->next)
        if (node->hash == hash && node->parent == parent && node->len == level.len &&
            memcmp(node->level, level.data, level.len) == 0)
            return node;
    return NULL;
}

static struct trie_node *child_of(const struct filter_trie *trie, const struct trie_node *parent,
                                  struct sn_bytes level)
{
    return is(level, '+')
               ? parent->plus
               : find_child(trie, parent, level, child_hash(parent, level_hash(trie, level)));
}

/* --- growing ---------------------------------------------------------------------------------- */

static bool make_room(struct filter_trie *trie)
{
    uint32_t size = trie->size ? trie->size * 2 : FIRST_BUCKETS;

    if (trie->count < trie->size)
        return true;
    struct trie_node **buckets = calloc(size, sizeof(struct trie_node *));
    if (!buckets)
        return trie->size > 0; /* slower, not wrong */
    for (uint32_t i = 0; i < trie->size; i++) {
        struct trie_node *node, *next;
        for (node = trie->buckets[i]; node; node = next) {
            next = node->next;
            node->next = buckets[node->hash & (size - 1)];
            buckets[node->hash & (size - 1)] = node;
        }
    }
    free(trie->buckets);
    trie->buckets = buckets;
    trie->size = size;
    return true;
}

static struct trie_node *new_node(struct trie_node *parent, struct sn_bytes level)
{
    struct trie_node *node = calloc(1, sizeof *node + level.len);

    if (!node)
        return NULL;
    node->parent = parent;
    node->len = (uint16_t)level.len;
    if (level.len > 0)
        memcpy(node->level, level.data, level.len);
    if (parent)
        parent->uses++;
    return node;
}

static struct trie_node *add_child(struct filter_trie *trie, struct trie_node *parent,
                                   struct sn_bytes level)
{
    if (is(level, '+')) {
        parent->plus = new_node(parent, level);
        if (parent->plus)
            parent->plus->hash = child_hash(parent, level_hash(trie, level));
        return parent->plus;
    }
    struct trie_node *node = make_room(trie) ? new_node(parent, level) : NULL;
    if (!node)
        return NULL;
    node->hash = child_hash(parent, level_hash(trie, level));
    node->next = trie->buckets[node->hash & (trie->size - 1)];
    trie->buckets[node->hash & (trie->size - 1)] = node;
    trie->count++;
    return node;
}

static void unlink_node(struct filter_trie *trie, struct trie_node *node)
{
    struct trie_node **at;

    if (!node->parent) {
        trie->root = NULL;
        return;
    }
    node->parent->uses--;
    if (node->parent->plus == node) {
        node->parent->plus = NULL;
        return;
    }
    for (at = &trie->buckets[node->hash & (trie->size - 1)]; *at != node;)
        at = &(*at)->next;
    *at = node->next;
    trie->count--;
}

/* A path without filters goes, from its end up. */
static void prune(struct filter_trie *trie, struct trie_node *node)
{
    while (node && node->uses == 0) {
        struct trie_node *parent = node->parent;
        unlink_node(trie, node);
        free(node);
        node = parent;
    }
}

void trie_fini(struct filter_trie *trie)
{
    assert(!trie->root); /* the owner has taken every filter out */
    free(trie->buckets);
    trie->buckets = NULL;
    trie->count = trie->size = 0;
}

/* --- filters ---------------------------------------------------------------------------------- */

uint32_t *trie_enter(struct filter_trie *trie, struct sn_bytes filter)
{
    struct walk w = {.rest = sn_reader(filter)};
    struct sn_bytes level;

    if (!trie->root)
        trie->root = new_node(NULL, (struct sn_bytes){0});
    struct trie_node *node = trie->root;
    while (node && next_level(&w, &level)) {
        if (is(level, '#')) {
            node->uses++;
            return &node->deep;
        }
        struct trie_node *child = child_of(trie, node, level);
        if (!child)
            child = add_child(trie, node, level);
        if (!child)
            prune(trie, node);
        node = child;
    }
    if (!node)
        return NULL;
    node->uses++;
    return &node->exact;
}

static struct trie_node *node_of(const struct filter_trie *trie, struct sn_bytes filter, bool *deep)
{
    struct walk w = {.rest = sn_reader(filter)};
    struct trie_node *node = trie->root;
    struct sn_bytes level;

    *deep = false;
    while (next_level(&w, &level) && !*deep) {
        if (is(level, '#'))
            *deep = true;
        else
            node = child_of(trie, node, level);
        assert(node);
    }
    return node;
}

uint32_t *trie_at(const struct filter_trie *trie, struct sn_bytes filter)
{
    bool deep;
    struct trie_node *node = node_of(trie, filter, &deep);

    return deep ? &node->deep : &node->exact;
}

void trie_leave(struct filter_trie *trie, struct sn_bytes filter)
{
    bool deep;
    struct trie_node *node = node_of(trie, filter, &deep);

    node->uses--;
    prune(trie, node);
}

/* --- matching --------------------------------------------------------------------------------- */

/* A topic cut into levels once, however many branches meet it. No filter is longer than
 * SN_TOPIC_LEVELS, so what lies beyond can only match a #. */
struct cut {
    const struct filter_trie *trie;
    void (*found)(void *self, uint32_t first);
    void *self;
    size_t count;
    bool dollar; /* MQTT 4.7.2: not for a leading wildcard */
    struct {
        struct sn_bytes text;
        uint32_t hash;
    } levels[SN_TOPIC_LEVELS + 1];
};

static void match_from(const struct cut *c, const struct trie_node *node, size_t depth)
{
    bool wild = !(depth == 0 && c->dollar);

    if (node->deep && wild)
        c->found(c->self, node->deep);
    if (depth == c->count) {
        if (node->exact)
            c->found(c->self, node->exact);
        return;
    }
    const struct trie_node *child =
        find_child(c->trie, node, c->levels[depth].text, child_hash(node, c->levels[depth].hash));
    if (child)
        match_from(c, child, depth + 1);
    if (node->plus && wild)
        match_from(c, node->plus, depth + 1);
}

void trie_match(const struct filter_trie *trie, struct sn_bytes topic,
                void (*found)(void *self, uint32_t first), void *self)
{
    struct walk w = {.rest = sn_reader(topic)};
    struct cut c; /* not cleared: it is large, and this is the path of every message */

    if (!trie->root || topic.len == 0)
        return;
    c.trie = trie;
    c.found = found;
    c.self = self;
    c.count = 0;
    c.dollar = topic.data[0] == '$';
    while (c.count <= SN_TOPIC_LEVELS && next_level(&w, &c.levels[c.count].text)) {
        c.levels[c.count].hash = level_hash(trie, c.levels[c.count].text);
        c.count++;
    }
    match_from(&c, trie->root, 0);
}
