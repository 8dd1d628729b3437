/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "bridge/filters_private.h"
#include "sn/siphash.h"
#include "sn/topic.h"

enum { FIRST_BUCKETS = 64, FIRST_ROOM = 64 };

void *filters_grown(void *items, uint32_t *room, uint32_t needed, size_t size)
{
    uint32_t wanted = *room ? *room : FIRST_ROOM;

    while (wanted < needed)
        wanted += wanted / 2;
    if (wanted == *room)
        return items;
    void *grown = realloc(items, wanted * size);
    if (grown)
        *room = wanted;
    return grown;
}

struct filters *filters_new(const uint8_t seed[16])
{
    struct filters *t = calloc(1, sizeof *t);

    if (t)
        memcpy(t->trie.seed, seed, sizeof t->trie.seed);
    return t;
}

/* What a filter of a shared subscription is about: "$share/group/filter". */
static struct sn_bytes topic_part(const struct filter *f)
{
    struct sn_reader r = sn_reader(filter_text(f));

    for (int slashes = f->shared ? 2 : 0; slashes > 0;)
        slashes -= sn_read_u8(&r) == '/';
    return sn_read_rest(&r);
}

void filters_free(struct filters *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->filters_used; i++) {
        struct filter *f = t->filters[i];
        if (f && f->in_trie)
            trie_leave(&t->trie, topic_part(f));
        free(f);
    }
    trie_fini(&t->trie);
    free(t->filters);
    free(t->spare);
    free(t->buckets);
    free(t->entries);
    free(t->of_slot);
    free(t->numbers);
    free(t->hits);
    free(t);
}

/* --- filters ---------------------------------------------------------------------------------- */

static uint32_t hash_of(const struct filters *t, struct sn_bytes text)
{
    return (uint32_t)sn_siphash(t->trie.seed, text.data, text.len);
}

static uint32_t find(const struct filters *t, struct sn_bytes text, uint32_t hash)
{
    uint32_t number = t->size > 0 ? t->buckets[hash & (t->size - 1)] : 0;

    while (number > 0) {
        const struct filter *f = t->filters[number - 1];
        if (f->hash == hash && sn_bytes_equal(filter_text(f), text))
            break;
        number = f->next;
    }
    return number;
}

uint32_t filters_find(const struct filters *t, struct sn_bytes text)
{
    return find(t, text, hash_of(t, text));
}

static void link_filter(struct filters *t, uint32_t number)
{
    struct filter *f = t->filters[number - 1];
    uint32_t *bucket = &t->buckets[f->hash & (t->size - 1)];

    f->next = *bucket;
    *bucket = number;
}

static bool make_buckets(struct filters *t)
{
    uint32_t size = t->size ? t->size * 2 : FIRST_BUCKETS;

    if (t->filters_live < t->size)
        return true;
    uint32_t *buckets = calloc(size, sizeof *buckets);
    if (!buckets)
        return t->size > 0; /* slower, not wrong */
    free(t->buckets);
    t->buckets = buckets;
    t->size = size;
    for (uint32_t number = 1; number <= t->filters_used; number++)
        if (t->filters[number - 1])
            link_filter(t, number);
    return true;
}

/* Room to give every number back is made together with the number. */
static bool make_number(struct filters *t)
{
    uint32_t needed = t->filters_used + 1;
    void *numbered = filters_grown(t->filters, &t->filters_room, needed, sizeof *t->filters);

    if (!numbered)
        return false;
    t->filters = numbered;
    void *spare = filters_grown(t->spare, &t->spare_room, needed, sizeof *t->spare);
    if (!spare)
        return false;
    t->spare = spare;
    return true;
}

/* A number nobody has; its place is there. 0: memory is short or all are used. */
static uint32_t take_number(struct filters *t)
{
    if (t->spares > 0)
        return t->spare[--t->spares];
    if (t->filters_used >= FILTERS_MAX || !make_number(t))
        return 0;
    t->filters[t->filters_used] = NULL;
    return ++t->filters_used;
}

static bool enter_trie(struct filters *t, struct filter *f, uint32_t number)
{
    uint32_t *first = trie_enter(&t->trie, topic_part(f));

    if (!first)
        return false;
    f->in_trie = true;
    f->alike = *first;
    *first = number;
    return true;
}

uint32_t filters_take(struct filters *t, struct sn_bytes text)
{
    uint32_t hash = hash_of(t, text), number = find(t, text, hash);

    if (number > 0 || text.len > UINT16_MAX || !make_buckets(t) || !(number = take_number(t)))
        return number;
    struct filter *f = calloc(1, sizeof *f + text.len + 1);
    if (f) {
        f->hash = hash;
        f->len = (uint16_t)text.len;
        memcpy(f->text, text.data, text.len);
        f->shared = text.len > 7 && memcmp(text.data, "$share/", 7) == 0;
    }
    if (!f || ((f->shared || sn_topic_has_wildcard(text)) && !enter_trie(t, f, number))) {
        free(f);
        t->spare[t->spares++] = number;
        return 0;
    }
    t->filters[number - 1] = f;
    t->filters_live++;
    link_filter(t, number);
    return number;
}

static void leave_trie(struct filters *t, const struct filter *f, uint32_t number)
{
    uint32_t *link = trie_at(&t->trie, topic_part(f));

    while (*link != number)
        link = &t->filters[*link - 1]->alike;
    *link = f->alike;
    trie_leave(&t->trie, topic_part(f));
}

void filters_drop(struct filters *t, uint32_t number)
{
    struct filter *f = filter_at(t, number);
    uint32_t *link = &t->buckets[f->hash & (t->size - 1)];

    assert(f->first == 0);
    while (*link != number)
        link = &t->filters[*link - 1]->next;
    *link = f->next;
    if (f->in_trie)
        leave_trie(t, f, number);
    free(f);
    t->filters[number - 1] = NULL;
    t->spare[t->spares++] = number;
    t->filters_live--;
}

bool filters_has(const struct filters *t, uint32_t number)
{
    return number > 0 && number <= t->filters_used && t->filters[number - 1];
}

uint32_t filters_last(const struct filters *t)
{
    return t->filters_used;
}

uint32_t filters_count(const struct filters *t)
{
    return t->filters_live;
}

struct sn_bytes filters_text(const struct filters *t, uint32_t number)
{
    return filter_text(filter_at(t, number));
}

uint32_t filters_subscribers(const struct filters *t, uint32_t number)
{
    const struct filter *f = filter_at(t, number);

    return f->by_qos[0] + f->by_qos[1] + f->by_qos[2];
}

uint8_t filters_qos(const struct filters *t, uint32_t number)
{
    const struct filter *f = filter_at(t, number);

    return f->by_qos[2] > 0 ? 2 : f->by_qos[1] > 0 ? 1 : 0;
}

/* --- subscribers ------------------------------------------------------------------------------ */

struct entry *filters_entry(const struct filters *t, uint32_t number, uint32_t slot)
{
    uint32_t place = slot < t->slots ? t->of_slot[slot] : 0;

    while (place > 0 && t->entries[place].filter != number)
        place = t->entries[place].next_of_slot;
    return place > 0 ? &t->entries[place] : NULL;
}

static bool make_slot(struct filters *t, uint32_t slot)
{
    uint32_t before = t->slots;

    if (slot < before)
        return true;
    if (slot >= UINT32_MAX / 2)
        return false;
    uint32_t *grown = filters_grown(t->of_slot, &t->slots, slot + 1, sizeof *grown);
    if (!grown)
        return false;
    t->of_slot = grown;
    memset(grown + before, 0, (t->slots - before) * sizeof *grown);
    return true;
}

static uint32_t take_entry(struct filters *t)
{
    uint32_t place = t->entries_free;

    if (place > 0) {
        t->entries_free = t->entries[place].next;
        return place;
    }
    struct entry *grown =
        filters_grown(t->entries, &t->entries_room, t->entries_used + 2, sizeof *grown);
    if (!grown)
        return 0;
    t->entries = grown;
    return ++t->entries_used; /* place 0 stays empty */
}

void filters_append(struct filters *t, struct filter *f, uint32_t place)
{
    struct entry *e = &t->entries[place];

    e->next = 0;
    e->prev = f->last;
    if (f->last > 0)
        t->entries[f->last].next = place;
    else
        f->first = place;
    f->last = place;
}

void filters_take_out(struct filters *t, struct filter *f, uint32_t place)
{
    const struct entry *e = &t->entries[place];

    if (e->prev > 0)
        t->entries[e->prev].next = e->next;
    else
        f->first = e->next;
    if (e->next > 0)
        t->entries[e->next].prev = e->prev;
    else
        f->last = e->prev;
}

bool filters_add(struct filters *t, uint32_t number, uint32_t slot, uint8_t qos)
{
    struct filter *f = filter_at(t, number);
    uint32_t place;

    if (filters_entry(t, number, slot))
        return true;
    if (!make_slot(t, slot) || !(place = take_entry(t)))
        return false;
    t->entries[place] = (struct entry){
        .filter = number, .slot = slot, .next_of_slot = t->of_slot[slot], .qos = qos};
    t->of_slot[slot] = place;
    filters_append(t, f, place);
    f->by_qos[qos]++;
    return true;
}

void filters_grant(struct filters *t, uint32_t number, uint32_t slot, uint8_t qos)
{
    struct filter *f = filter_at(t, number);
    struct entry *e = filters_entry(t, number, slot);

    if (!e)
        return;
    f->by_qos[e->qos]--;
    f->by_qos[qos]++;
    e->qos = qos;
    e->granted = true;
}

bool filters_is_granted(const struct filters *t, uint32_t number, uint32_t slot)
{
    const struct entry *e = filters_entry(t, number, slot);

    return e && e->granted;
}

bool filters_remove(struct filters *t, uint32_t number, uint32_t slot)
{
    struct entry *e = filters_entry(t, number, slot);

    if (!e)
        return false;
    uint32_t place = (uint32_t)(e - t->entries), *link = &t->of_slot[slot];
    while (*link != place)
        link = &t->entries[*link].next_of_slot;
    *link = e->next_of_slot;
    struct filter *f = filter_at(t, number);
    filters_take_out(t, f, place);
    f->by_qos[e->qos]--;
    *e = (struct entry){.next = t->entries_free};
    t->entries_free = place;
    return true;
}

uint32_t filters_of_slot(const struct filters *t, uint32_t slot)
{
    uint32_t place = slot < t->slots ? t->of_slot[slot] : 0;

    return place > 0 ? t->entries[place].filter : 0;
}

void filters_await(struct filters *t, uint32_t number, uint32_t slot, uint8_t round)
{
    struct entry *e = filters_entry(t, number, slot);

    if (e)
        e->round = round;
}

void filters_await_all(struct filters *t, uint32_t number, uint8_t round)
{
    for (uint32_t p = filter_at(t, number)->first; p > 0; p = t->entries[p].next)
        t->entries[p].round = round;
}

void filters_end_round(struct filters *t, uint32_t number, uint8_t round)
{
    for (uint32_t p = filter_at(t, number)->first; p > 0; p = t->entries[p].next)
        if (round == 0 || t->entries[p].round == round)
            t->entries[p].round = 0;
}
