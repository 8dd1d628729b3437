/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "bridge/filters_private.h"
#include "sn/topic.h"

/* --- messages --------------------------------------------------------------------------------- */

bool filters_matches(const struct filters *t, uint32_t number, struct sn_bytes topic)
{
    const struct filter *f = filter_at(t, number);

    return f->in_trie ? sn_topic_matches(filter_text(f), topic)
                      : sn_bytes_equal(filter_text(f), topic);
}

/* Lists that only grow; when memory is short what does not fit is left out. */
static void add_number(struct filters *t, uint32_t number)
{
    uint32_t *grown = filters_grown(t->numbers, &t->numbers_room, t->found + 1, sizeof *grown);

    if (!grown)
        return;
    t->numbers = grown;
    t->numbers[t->found++] = number;
}

static void add_alike(void *self, uint32_t first)
{
    struct filters *t = self;

    for (uint32_t number = first; number > 0; number = t->filters[number - 1]->alike)
        add_number(t, number);
}

size_t filters_match(struct filters *t, struct sn_bytes topic, const uint32_t **numbers)
{
    uint32_t exact = filters_find(t, topic);

    t->found = 0;
    if (exact > 0 && !t->filters[exact - 1]->in_trie)
        add_number(t, exact);
    trie_match(&t->trie, topic, add_alike, t);
    *numbers = t->numbers;
    return t->found;
}

void filters_set_absent(struct filters *t, uint32_t number, bool absent)
{
    filter_at(t, number)->absent = absent;
}

static void add_hit(struct filters *t, const struct entry *e)
{
    struct filters_hit *grown = filters_grown(t->hits, &t->hits_room, t->hit + 1, sizeof *grown);

    if (!grown)
        return;
    t->hits = grown;
    t->hits[t->hit++] = (struct filters_hit){e->slot, e->qos};
}

static bool outranks(const struct entry *a, const struct entry *b, bool older)
{
    if (a->granted != b->granted)
        return a->granted;
    return a->qos != b->qos ? a->qos > b->qos : older;
}

static bool brings(const struct filters *t, uint32_t number, struct sn_bytes topic)
{
    const struct filter *f = filter_at(t, number);

    return !f->shared && !f->absent && filters_matches(t, number, topic);
}

/* Does another filter of the same session bring it the message? Those behind it in its chain are
 * older. */
static bool has_better(const struct filters *t, uint32_t place, struct sn_bytes topic)
{
    const struct entry *e = &t->entries[place];
    bool older = false;

    for (uint32_t p = t->of_slot[e->slot]; p > 0; p = t->entries[p].next_of_slot) {
        const struct entry *other = &t->entries[p];
        if (p == place)
            older = true;
        else if (outranks(other, e, older) && brings(t, other->filter, topic))
            return true;
    }
    return false;
}

static void collect_of(struct filters *t, struct filter *f, struct sn_bytes topic)
{
    uint32_t place = f->first;

    if (f->shared && place > 0) {
        filters_take_out(t, f, place);
        filters_append(t, f, place);
        add_hit(t, &t->entries[place]);
        return;
    }
    for (; place > 0; place = t->entries[place].next)
        if (!has_better(t, place, topic))
            add_hit(t, &t->entries[place]);
}

size_t filters_collect(struct filters *t, struct sn_bytes topic, const uint32_t *numbers,
                       size_t count, const struct filters_hit **hits)
{
    t->hit = 0;
    for (size_t i = 0; i < count; i++)
        collect_of(t, filter_at(t, numbers[i]), topic);
    *hits = t->hits;
    return t->hit;
}

size_t filters_collect_waiting(struct filters *t, uint32_t number, uint8_t round,
                               const struct filters_hit **hits)
{
    t->hit = 0;
    for (uint32_t p = filter_at(t, number)->first; p > 0; p = t->entries[p].next)
        if (t->entries[p].round > 0 && (round == 0 || t->entries[p].round == round))
            add_hit(t, &t->entries[p]);
    *hits = t->hits;
    return t->hit;
}

/* --- for tests -------------------------------------------------------------------------------- */

static uint32_t audit_filter(const struct filters *t, uint32_t number)
{
    const struct filter *f = filter_at(t, number);
    uint32_t by_qos[QOS_LEVELS] = {0}, before = 0, count = 0;

    assert(filters_find(t, filter_text(f)) == number);
    for (uint32_t p = f->first; p > 0; p = t->entries[p].next) {
        const struct entry *e = &t->entries[p];
        assert(e->filter == number && e->prev == before && filters_entry(t, number, e->slot) == e);
        by_qos[e->qos]++;
        before = p;
        count++;
    }
    assert(f->last == before && memcmp(by_qos, f->by_qos, sizeof by_qos) == 0);
    return count;
}

void filters_audit(const struct filters *t)
{
    uint32_t live = 0, in_filters = 0, in_slots = 0, given_back = 0;

    for (uint32_t number = 1; number <= t->filters_used; number++)
        if (t->filters[number - 1]) {
            in_filters += audit_filter(t, number);
            live++;
        }
    assert(live == t->filters_live && live + t->spares == t->filters_used);
    for (uint32_t slot = 0; slot < t->slots; slot++)
        for (uint32_t p = t->of_slot[slot]; p > 0; p = t->entries[p].next_of_slot) {
            assert(t->entries[p].slot == slot);
            in_slots++;
        }
    for (uint32_t p = t->entries_free; p > 0; p = t->entries[p].next)
        given_back++;
    assert(in_filters == in_slots && in_slots + given_back == t->entries_used);
}
