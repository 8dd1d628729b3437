/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/subscriptions.h"

#include <assert.h>
#include <stdlib.h>

#include "sn/topic.h"

void subscriptions_clear(struct subscriptions *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        free(t->rows[i]);
    free(t->rows);
    *t = (struct subscriptions){.last_serial = t->last_serial};
}

struct subscription *subscription_find(const struct subscriptions *t, struct sn_bytes filter)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (sn_bytes_equal(subscription_filter(t->rows[i]), filter))
            return t->rows[i];
    return NULL;
}

struct subscription *subscription_by_serial(const struct subscriptions *t, uint16_t serial)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (t->rows[i]->serial == serial)
            return t->rows[i];
    return NULL;
}

struct subscription *subscription_add(struct subscriptions *t, struct sn_bytes filter)
{
    if (t->count == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 2;
        struct subscription **rows = realloc(t->rows, cap * sizeof(struct subscription *));
        if (!rows)
            return NULL;
        t->rows = rows;
        t->cap = cap;
    }
    struct subscription *sub = calloc(1, sizeof *sub + filter.len);
    if (!sub)
        return NULL;
    do
        t->last_serial++;
    while (subscription_by_serial(t, t->last_serial));
    sub->serial = t->last_serial;
    sub->wildcard = sn_topic_has_wildcard(filter);
    sub->len = (uint16_t)filter.len;
    memcpy(sub->filter, filter.data, filter.len);
    t->rows[t->count++] = sub;
    return sub;
}

void subscription_remove(struct subscriptions *t, struct subscription *sub)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->rows[i] != sub)
            continue;
        t->rows[i] = t->rows[--t->count];
        free(sub);
        return;
    }
    assert(false && "the row is in this table");
}
