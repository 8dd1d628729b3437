/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store_young.h"

#define HASH_NONFATAL_OOM 1
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

struct young_message {
    uint64_t sequence, due;
    struct record record; /* its views point into `octets` */
    struct young_message *next, *prev;
    UT_hash_handle hh;
    uint8_t octets[];
};

static bool count_in(struct young *y, uint32_t session)
{
    if (session >= y->sessions) {
        uint32_t sessions = y->sessions ? y->sessions : 64;
        while (sessions <= session)
            sessions *= 2;
        uint32_t *grown = realloc(y->of_session, sessions * sizeof *grown);
        if (!grown)
            return false;
        memset(grown + y->sessions, 0, (sessions - y->sessions) * sizeof *grown);
        y->of_session = grown;
        y->sessions = sessions;
    }
    if (y->of_session[session]++ == 0)
        y->holder.hold(y->holder.self, session, true);
    return true;
}

static void count_out(struct young *y, uint32_t session)
{
    if (--y->of_session[session] == 0)
        y->holder.hold(y->holder.self, session, false);
}

static struct young_message *copy_of(const struct record *record)
{
    struct sn_bytes topic = record->message.topic, payload = record->message.payload;
    struct young_message *m = malloc(sizeof *m + topic.len + payload.len);

    if (!m)
        return NULL;
    *m = (struct young_message){.sequence = record->message.sequence, .record = *record};
    memcpy(m->octets, topic.data, topic.len);
    if (payload.len > 0)
        memcpy(m->octets + topic.len, payload.data, payload.len);
    m->record.message.topic = sn_bytes(m->octets, topic.len);
    m->record.message.payload = sn_bytes(m->octets + topic.len, payload.len);
    return m;
}

bool young_add(struct young *y, const struct record *message, uint64_t due)
{
    struct young_message *m = copy_of(message);

    if (!m)
        return false;
    HASH_ADD(hh, y->by_sequence, sequence, sizeof m->sequence, m);
    bool counted = m->hh.tbl && count_in(y, message->session);
    if (!counted) {
        if (m->hh.tbl)
            HASH_DEL(y->by_sequence, m);
        free(m);
        return false;
    }
    m->due = due;
    DL_APPEND(y->oldest, m);
    return true;
}

static void take_out(struct young *y, struct young_message *m)
{
    HASH_DEL(y->by_sequence, m);
    DL_DELETE(y->oldest, m);
    count_out(y, m->record.session);
    free(m);
}

bool young_cancel(struct young *y, uint64_t sequence)
{
    struct young_message *m;

    HASH_FIND(hh, y->by_sequence, &sequence, sizeof sequence, m);
    if (m)
        take_out(y, m);
    return m != NULL;
}

static bool has_any(const struct young *y, uint32_t session)
{
    return session < y->sessions && y->of_session[session] > 0;
}

void young_cancel_session(struct young *y, uint32_t session)
{
    struct young_message *m, *next;

    if (!has_any(y, session))
        return;
    DL_FOREACH_SAFE(y->oldest, m, next)
    if (m->record.session == session)
        take_out(y, m);
}

uint64_t young_due(const struct young *y)
{
    return y->oldest ? y->oldest->due : UINT64_MAX;
}

bool young_grow(struct young *y, uint64_t now, bool (*put)(void *self, const struct record *),
                void *self)
{
    struct young_message *m;

    while ((m = y->oldest) && m->due <= now) {
        if (!put(self, &m->record))
            return false;
        take_out(y, m);
    }
    return true;
}

bool young_grow_session(struct young *y, uint32_t session,
                        bool (*put)(void *self, const struct record *), void *self)
{
    struct young_message *m, *next;

    if (session > 0 && !has_any(y, session))
        return true;
    DL_FOREACH_SAFE(y->oldest, m, next)
    {
        if (session > 0 && m->record.session != session)
            continue;
        if (!put(self, &m->record))
            return false;
        take_out(y, m);
    }
    return true;
}

void young_fini(struct young *y)
{
    while (y->oldest)
        take_out(y, y->oldest);
    free(y->of_session);
    y->of_session = NULL;
    y->sessions = 0;
}
