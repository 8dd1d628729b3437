/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store_waiting.h"

#include <stdalign.h>
#include <stdlib.h>

#define FIRST_CAP 4096
#define KEPT_CAP  (1u << 20) /* memory of a flood is given back */
#define VIEWS_MAX 3

static size_t aligned(size_t len)
{
    const size_t to = alignof(struct record);

    return (len + to - 1) / to * to;
}

/* Where the views of a record are, so that they can be copied and pointed to anew. */
static size_t views_of(struct record *record, struct sn_bytes *views[VIEWS_MAX])
{
    switch (record->type) {
    case RECORD_SESSION:
        views[0] = &record->client.client_id;
        views[1] = &record->client.will_topic;
        views[2] = &record->client.will_payload;
        return 3;
    case RECORD_TOPIC: views[0] = &record->topic.name; return 1;
    case RECORD_SUBSCRIPTION:
    case RECORD_SUBSCRIPTION_GONE: views[0] = &record->subscription.filter; return 1;
    case RECORD_PLACE:
    case RECORD_PLACE_GONE: views[0] = &record->place.filter; return 1;
    case RECORD_MESSAGE:
    case RECORD_SPOOLED:
        views[0] = &record->message.topic;
        views[1] = &record->message.payload;
        return 2;
    case RECORD_SESSION_WIPED:
    case RECORD_SESSION_GONE:
    case RECORD_TOPICS_UNKNOWN:
    case RECORD_MESSAGE_GONE:
    case RECORD_RECEIVED:
    case RECORD_RECEIVED_GONE:
    case RECORD_SPOOLED_GONE:
    case RECORD_ID_KEY: return 0;
    }
    return 0;
}

static bool reserve(struct waiting *w, size_t more)
{
    size_t cap = w->cap ? w->cap : FIRST_CAP;
    uint8_t *octets;

    while (cap - w->len < more)
        cap *= 2;
    if (cap == w->cap)
        return true;
    octets = realloc(w->octets, cap);
    if (!octets)
        return false;
    w->octets = octets;
    w->cap = cap;
    return true;
}

bool waiting_add(struct waiting *w, const struct record *record)
{
    struct record copy = *record;
    struct sn_bytes *views[VIEWS_MAX];
    size_t count = views_of(&copy, views), len = sizeof copy;

    for (size_t i = 0; i < count; i++)
        len += views[i]->len;
    if (!reserve(w, aligned(len)))
        return false;
    uint8_t *to = w->octets + w->len;
    memcpy(to, &copy, sizeof copy);
    to += sizeof copy;
    for (size_t i = 0; i < count; i++) {
        if (views[i]->len > 0)
            memcpy(to, views[i]->data, views[i]->len);
        to += views[i]->len;
    }
    w->len += aligned(len);
    w->count++;
    return true;
}

bool waiting_next(const struct waiting *w, size_t *at, struct record *out)
{
    struct sn_bytes *views[VIEWS_MAX];
    size_t len = sizeof *out;

    if (*at >= w->len)
        return false;
    memcpy(out, w->octets + *at, sizeof *out);
    size_t count = views_of(out, views);
    for (size_t i = 0; i < count; i++) {
        views[i]->data = w->octets + *at + len;
        len += views[i]->len;
    }
    *at += aligned(len);
    return true;
}

void waiting_clear(struct waiting *w)
{
    w->len = w->count = 0;
    if (w->cap > KEPT_CAP)
        waiting_fini(w);
}

void waiting_fini(struct waiting *w)
{
    free(w->octets);
    *w = (struct waiting){0};
}
