/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/spool.h"

#include <stdlib.h>
#include <utlist.h>

static size_t octets_of(const struct spooled *m)
{
    return (size_t)m->topic_len + m->payload_len;
}

static struct spooled *copy_of(const struct bridge_message *from)
{
    struct sn_bytes topic = from->topic, payload = from->payload;
    struct spooled *m = malloc(sizeof *m + topic.len + payload.len);

    if (!m)
        return NULL;
    *m = (struct spooled){
        .qos = from->qos,
        .retain = from->retain,
        .topic_len = (uint16_t)topic.len,
        .payload_len = (uint32_t)payload.len,
    };
    memcpy(m->data, topic.data, topic.len);
    if (payload.len > 0)
        memcpy(m->data + topic.len, payload.data, payload.len);
    return m;
}

static struct backlog *backlog_of(struct backlog **holder, struct session *owner)
{
    struct backlog *b = *holder ? *holder : calloc(1, sizeof *b);

    if (b && !*holder) {
        b->owner = owner;
        b->holder = holder;
        *holder = b;
    }
    return b;
}

static struct spooled *first_that_came(const struct backlog *b)
{
    struct spooled *m = b->messages;

    while (m && m->given_back)
        m = m->next;
    return m;
}

struct spooled *spool_push(struct spool *spool, struct backlog **holder, struct session *owner,
                           const struct bridge_message *from, uint64_t sequence, int64_t received,
                           bool given_back)
{
    struct spooled *m = copy_of(from);
    struct backlog *b = m ? backlog_of(holder, owner) : NULL;

    if (!b) {
        free(m);
        return NULL;
    }
    m->backlog = b;
    m->sequence = sequence;
    m->received = received;
    m->given_back = given_back;
    struct spooled *before = given_back ? first_that_came(b) : NULL;
    if (before)
        DL_PREPEND_ELEM(b->messages, before, m);
    else
        DL_APPEND(b->messages, m);
    DL_APPEND2(spool->oldest, m, sooner, later);
    spool->count++;
    spool->octets += octets_of(m);
    return m;
}

void spool_set_ready(struct spool *spool, struct backlog *backlog, bool ready)
{
    if (backlog->ready && ready)
        return;
    if (backlog->ready)
        DL_DELETE(spool->ready, backlog);
    if (backlog->resting)
        DL_DELETE(spool->resting, backlog);
    backlog->resting = false;
    backlog->ready = ready;
    if (ready)
        DL_APPEND(spool->ready, backlog);
}

void spool_rest(struct spool *spool, struct backlog *backlog, msec_t until)
{
    spool_set_ready(spool, backlog, false);
    backlog->resting = true;
    backlog->rests_until = until;
    DL_APPEND(spool->resting, backlog);
}

void spool_remove(struct spool *spool, struct spooled *m)
{
    struct backlog *b = m->backlog;

    DL_DELETE(b->messages, m);
    DL_DELETE2(spool->oldest, m, sooner, later);
    spool->count--;
    spool->octets -= octets_of(m);
    b->under_way -= m->under_way ? 1 : 0;
    free(m);
    if (b->messages)
        return;
    spool_set_ready(spool, b, false);
    *b->holder = NULL;
    free(b);
}

void spool_fini(struct spool *spool)
{
    while (spool->oldest)
        spool_remove(spool, spool->oldest);
}

struct spooled *backlog_next(const struct backlog *backlog)
{
    struct spooled *m = backlog->messages;

    while (m && m->under_way)
        m = m->next;
    return m;
}

struct spooled *backlog_find(const struct backlog *backlog, uint32_t sequence)
{
    struct spooled *m = backlog->messages;

    while (m && (uint32_t)m->sequence != sequence)
        m = m->next;
    return m;
}

void backlog_recall(struct backlog *backlog)
{
    struct spooled *m;

    DL_FOREACH(backlog->messages, m)
    m->under_way = false;
    backlog->under_way = 0;
}

struct spooled *spool_oldest(const struct spool *spool)
{
    struct spooled *m = spool->oldest;

    while (m && m->under_way)
        m = m->later;
    return m;
}
