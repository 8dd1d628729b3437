/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/deadline.h"

#include <assert.h>
#include <stdlib.h>

enum { WIDTH = 4 };

bool deadlines_reserve(struct deadlines *h, size_t count)
{
    if (count <= h->cap)
        return true;
    size_t cap = h->cap ? h->cap : 64;
    while (cap < count)
        cap *= 2;
    struct deadline **heap = realloc(h->heap, cap * sizeof *heap);
    if (!heap)
        return false;
    h->heap = heap;
    h->cap = cap;
    return true;
}

void deadlines_fini(struct deadlines *h)
{
    free(h->heap);
    *h = (struct deadlines){0};
}

static void put(struct deadlines *h, size_t at, struct deadline *d)
{
    h->heap[at] = d;
    d->place = (uint32_t)(at + 1);
}

static void sift_up(struct deadlines *h, size_t at, struct deadline *d)
{
    while (at > 0) {
        size_t parent = (at - 1) / WIDTH;
        if (h->heap[parent]->due <= d->due)
            break;
        put(h, at, h->heap[parent]);
        at = parent;
    }
    put(h, at, d);
}

static void sift_down(struct deadlines *h, size_t at, struct deadline *d)
{
    for (;;) {
        size_t first = at * WIDTH + 1, least = first;

        if (first >= h->count)
            break;
        for (size_t i = first + 1; i < first + WIDTH && i < h->count; i++)
            if (h->heap[i]->due < h->heap[least]->due)
                least = i;
        if (h->heap[least]->due >= d->due)
            break;
        put(h, at, h->heap[least]);
        at = least;
    }
    put(h, at, d);
}

void deadline_set(struct deadlines *h, struct deadline *d, msec_t due)
{
    if (due == NEVER) {
        deadline_clear(h, d);
        return;
    }
    if (d->place == 0) {
        assert(h->count < h->cap); /* deadlines_reserve counts every owner */
        d->due = due;
        h->count++;
        sift_up(h, h->count - 1, d);
        return;
    }
    bool earlier = due < d->due;
    d->due = due;
    if (earlier)
        sift_up(h, d->place - 1, d);
    else
        sift_down(h, d->place - 1, d);
}

void deadline_clear(struct deadlines *h, struct deadline *d)
{
    if (d->place == 0)
        return;
    size_t at = d->place - 1;
    struct deadline *last = h->heap[--h->count];

    d->place = 0;
    if (last == d)
        return;
    bool earlier = last->due < d->due;
    if (earlier)
        sift_up(h, at, last);
    else
        sift_down(h, at, last);
}

struct deadline *deadline_first(const struct deadlines *h)
{
    return h->count ? h->heap[0] : NULL;
}

bool deadlines_sound(const struct deadlines *h)
{
    for (size_t i = 0; i < h->count; i++) {
        if (h->heap[i]->place != i + 1)
            return false;
        if (i > 0 && h->heap[(i - 1) / WIDTH]->due > h->heap[i]->due)
            return false;
    }
    return true;
}
