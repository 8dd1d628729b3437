/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/ledger.h"

#include <assert.h>
#include <stdlib.h>

static struct sn_bytes keep(uint8_t **at, struct sn_bytes from)
{
    uint8_t *here = *at;

    if (from.len > 0)
        memcpy(here, from.data, from.len);
    *at += from.len;
    return sn_bytes(here, from.len);
}

/* Every view of the record, so that a row can own them. */
static size_t views(struct record *r, struct sn_bytes *into[3])
{
    switch (r->type) {
    case RECORD_SESSION:
        into[0] = &r->client.client_id;
        into[1] = &r->client.will_topic;
        into[2] = &r->client.will_payload;
        return 3;
    case RECORD_TOPIC: into[0] = &r->topic.name; return 1;
    case RECORD_SUBSCRIPTION: into[0] = &r->subscription.filter; return 1;
    case RECORD_PLACE: into[0] = &r->place.filter; return 1;
    case RECORD_MESSAGE:
    case RECORD_SPOOLED:
        into[0] = &r->message.topic;
        into[1] = &r->message.payload;
        return 2;
    case RECORD_RECEIVED:
    case RECORD_SESSION_WIPED:
    case RECORD_SESSION_GONE:
    case RECORD_TOPICS_UNKNOWN:
    case RECORD_SUBSCRIPTION_GONE:
    case RECORD_MESSAGE_GONE:
    case RECORD_RECEIVED_GONE:
    case RECORD_SPOOLED_GONE:
    case RECORD_ID_KEY:
    case RECORD_PLACE_GONE: break;
    }
    return 0;
}

static struct ledger_row row_of(const struct record *record)
{
    struct ledger_row row = {.record = *record};
    struct sn_bytes *of[3];
    size_t count = views(&row.record, of), len = 1;

    for (size_t i = 0; i < count; i++)
        len += of[i]->len;
    uint8_t *at = row.text = malloc(len);
    assert(at);
    for (size_t i = 0; i < count; i++)
        *of[i] = keep(&at, *of[i]);
    return row;
}

/* The type of the rows that a record is about. */
static enum record_type rows_of(enum record_type type)
{
    switch (type) {
    case RECORD_SUBSCRIPTION_GONE: return RECORD_SUBSCRIPTION;
    case RECORD_MESSAGE_GONE: return RECORD_MESSAGE;
    case RECORD_RECEIVED_GONE: return RECORD_RECEIVED;
    case RECORD_SPOOLED_GONE: return RECORD_SPOOLED;
    case RECORD_PLACE_GONE: return RECORD_PLACE;
    case RECORD_TOPICS_UNKNOWN: return RECORD_TOPIC;
    case RECORD_SESSION:
    case RECORD_SESSION_WIPED:
    case RECORD_SESSION_GONE:
    case RECORD_TOPIC:
    case RECORD_SUBSCRIPTION:
    case RECORD_MESSAGE:
    case RECORD_RECEIVED:
    case RECORD_SPOOLED:
    case RECORD_ID_KEY:
    case RECORD_PLACE: break;
    }
    return type;
}

static bool same_key(const struct record *a, const struct record *b)
{
    switch (a->type) {
    case RECORD_SESSION:
    case RECORD_ID_KEY: return true;
    case RECORD_TOPIC: return a->topic.topic_id == b->topic.topic_id;
    case RECORD_SUBSCRIPTION: return sn_bytes_equal(a->subscription.filter, b->subscription.filter);
    case RECORD_PLACE: return sn_bytes_equal(a->place.filter, b->place.filter);
    case RECORD_RECEIVED: return a->received.msg_id == b->received.msg_id;
    case RECORD_MESSAGE:
    case RECORD_SPOOLED: return a->message.sequence == b->message.sequence;
    case RECORD_SESSION_WIPED:
    case RECORD_SESSION_GONE:
    case RECORD_TOPICS_UNKNOWN:
    case RECORD_SUBSCRIPTION_GONE:
    case RECORD_MESSAGE_GONE:
    case RECORD_RECEIVED_GONE:
    case RECORD_SPOOLED_GONE:
    case RECORD_PLACE_GONE: break;
    }
    return false;
}

/* Is the row one that this record takes away? */
static bool takes(const struct record *record, const struct record *row)
{
    if (row->session != record->session)
        return false;
    if (record->type == RECORD_SESSION_GONE)
        return true;
    if (record->type == RECORD_SESSION_WIPED)
        return row->type != RECORD_SESSION && row->type != RECORD_SPOOLED;
    return row->type == rows_of(record->type) && record->type != row->type && same_key(row, record);
}

static void remove_row(struct ledger *ledger, size_t i)
{
    free(ledger->rows[i].text);
    memmove(&ledger->rows[i], &ledger->rows[i + 1], (--ledger->count - i) * sizeof ledger->rows[0]);
}

static void put(struct ledger *ledger, const struct record *record)
{
    for (size_t i = 0; i < ledger->count; i++) {
        struct ledger_row *row = &ledger->rows[i];
        if (row->record.type != record->type || row->record.session != record->session ||
            !same_key(&row->record, record))
            continue;
        free(row->text);
        *row = row_of(record);
        return;
    }
    if (ledger->count == ledger->cap) {
        ledger->cap = ledger->cap ? ledger->cap * 2 : 64;
        ledger->rows = realloc(ledger->rows, ledger->cap * sizeof ledger->rows[0]);
        assert(ledger->rows);
    }
    ledger->rows[ledger->count++] = row_of(record);
}

void ledger_apply(struct ledger *ledger, const struct record *record)
{
    struct sn_bytes *of[3];
    struct record probe = *record;

    ledger->writes++;
    if (record->type == RECORD_RECEIVED || record->type == RECORD_ID_KEY || views(&probe, of) > 0) {
        put(ledger, record);
        return;
    }
    for (size_t i = ledger->count; i-- > 0;) {
        struct record *row = &ledger->rows[i].record;
        if (record->type == RECORD_TOPICS_UNKNOWN) {
            if (row->type == RECORD_TOPIC && row->session == record->session)
                row->topic.known = false;
        } else if (takes(record, row)) {
            remove_row(ledger, i);
        }
    }
}

void ledger_clear(struct ledger *ledger)
{
    while (ledger->count > 0)
        free(ledger->rows[--ledger->count].text);
    free(ledger->rows);
    *ledger = (struct ledger){0};
}

size_t ledger_count(const struct ledger *ledger, enum record_type type)
{
    size_t count = 0;

    for (size_t i = 0; i < ledger->count; i++)
        count += ledger->rows[i].record.type == type ? 1 : 0;
    return count;
}

static int by_key(const void *one, const void *other)
{
    const struct record *a = &((const struct ledger_row *)one)->record;
    const struct record *b = &((const struct ledger_row *)other)->record;

    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    if (a->type == RECORD_TOPIC && a->session == b->session)
        return a->topic.topic_id < b->topic.topic_id ? -1 : 1;
    if (a->type == RECORD_MESSAGE || a->type == RECORD_SPOOLED)
        return a->message.sequence < b->message.sequence ? -1 : 1;
    return a->session < b->session ? -1 : a->session > b->session;
}

void ledger_each(const struct ledger *ledger, void (*each)(void *self, const struct record *),
                 void *self)
{
    struct ledger_row *sorted = malloc(ledger->count * sizeof *sorted + 1);

    assert(sorted);
    if (ledger->count > 0)
        memcpy(sorted, ledger->rows, ledger->count * sizeof *sorted);
    qsort(sorted, ledger->count, sizeof *sorted, by_key);
    for (size_t i = 0; i < ledger->count; i++)
        each(self, &sorted[i].record);
    free(sorted);
}
