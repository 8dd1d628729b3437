/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/pending.h"

#include <stdlib.h>

void pending_init(struct pending_table *table)
{
    TAILQ_INIT(&table->list);
    TAILQ_INIT(&table->done);
    table->count = table->qos2 = 0;
}

void pending_fini(struct pending_table *table)
{
    struct pending *p;

    while ((p = TAILQ_FIRST(&table->list)))
        pending_remove(table, p);
    pending_forget_done(table);
}

struct pending *pending_add(struct pending_table *table, uint64_t token,
                            const struct bridge_message *message)
{
    size_t topic_len = message->topic.len, payload_len = message->payload.len;

    if (topic_len > UINT16_MAX || payload_len > UINT32_MAX)
        return NULL;
    struct pending *p = calloc(1, sizeof *p + topic_len + 1 + payload_len);
    if (!p)
        return NULL;
    p->token = token;
    p->qos = message->qos;
    p->retain = message->retain;
    p->topic_len = (uint16_t)topic_len;
    p->payload_len = (uint32_t)payload_len;
    if (topic_len > 0)
        memcpy(p->octets, message->topic.data, topic_len);
    if (payload_len > 0)
        memcpy(p->octets + topic_len + 1, message->payload.data, payload_len);
    TAILQ_INSERT_TAIL(&table->list, p, entries);
    table->count++;
    table->qos2 = (uint16_t)(table->qos2 + (p->qos == 2));
    return p;
}

void pending_detach(struct pending_table *table, struct pending *p)
{
    TAILQ_REMOVE(&table->list, p, entries);
    table->count--;
    table->qos2 = (uint16_t)(table->qos2 - (p->qos == 2));
}

void pending_put_back(struct pending_table *table, struct pending *p)
{
    TAILQ_INSERT_HEAD(&table->list, p, entries);
    table->count++;
    table->qos2 = (uint16_t)(table->qos2 + (p->qos == 2));
}

void pending_free(struct pending *p)
{
    free(p);
}

void pending_remove(struct pending_table *table, struct pending *p)
{
    pending_detach(table, p);
    free(p);
}

void pending_done(struct pending_table *table, struct pending *p)
{
    pending_detach(table, p);
    TAILQ_INSERT_TAIL(&table->done, p, entries);
    p->returned = false;
}

void pending_forget(struct pending_table *table, struct pending *p)
{
    TAILQ_REMOVE(&table->done, p, entries);
    free(p);
}

void pending_forget_done(struct pending_table *table)
{
    struct pending *p;

    while ((p = TAILQ_FIRST(&table->done)))
        pending_forget(table, p);
}

struct pending *pending_oldest(const struct pending_table *table)
{
    return TAILQ_FIRST(&table->list);
}

/* Acknowledgements come in the order of the publishes, so the first one is nearly always it. */
struct pending *pending_find(const struct pending_table *table, int mid)
{
    struct pending *p;

    TAILQ_FOREACH(p, &table->list, entries)
    if (p->mid == mid && mid != 0)
        return p;
    return NULL;
}

static bool is_message(const struct pending *p, const struct bridge_message *message)
{
    const struct bridge_message own = pending_message(p);

    return own.qos == message->qos && own.retain == message->retain &&
           sn_bytes_equal(own.topic, message->topic) &&
           sn_bytes_equal(own.payload, message->payload);
}

struct pending *pending_find_returned(const struct pending_table *table,
                                      const struct bridge_message *message)
{
    struct pending *p;

    TAILQ_FOREACH(p, &table->done, entries)
    if (is_message(p, message))
        return p;
    TAILQ_FOREACH(p, &table->list, entries)
    if (p->returned && is_message(p, message))
        return p;
    return NULL;
}

struct bridge_message pending_message(const struct pending *p)
{
    return (struct bridge_message){sn_bytes(p->octets, p->topic_len),
                                   sn_bytes(pending_payload(p), p->payload_len), p->qos, p->retain};
}

const char *pending_topic(const struct pending *p)
{
    return p->octets;
}

const void *pending_payload(const struct pending *p)
{
    return p->octets + p->topic_len + 1;
}
