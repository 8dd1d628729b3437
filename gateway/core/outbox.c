/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/outbox.h"

#include <assert.h>
#include <stdlib.h>

static size_t octets_of(const struct message *m)
{
    return (size_t)m->topic_len + m->payload_len;
}

struct message *outbox_push(struct outbox *q, const struct bridge_message *from, uint8_t qos)
{
    struct sn_bytes topic = from->topic, payload = from->payload;
    struct message *m = malloc(sizeof *m + topic.len + payload.len);

    if (!m)
        return NULL;
    *m = (struct message){
        .qos = qos,
        .retain = from->retain,
        .topic_len = (uint16_t)topic.len,
        .payload_len = (uint32_t)payload.len,
    };
    if (topic.len > 0)
        memcpy(m->data, topic.data, topic.len);
    if (payload.len > 0)
        memcpy(m->data + topic.len, payload.data, payload.len);
    if (q->tail)
        q->tail->next = m;
    else
        q->head = m;
    q->tail = m;
    q->count++;
    q->octets += octets_of(m);
    return m;
}

void outbox_remove(struct outbox *q, struct message *m)
{
    struct message *before = NULL;

    if (q->head != m)
        for (before = q->head; before->next != m; before = before->next)
            assert(before->next); /* m is in this queue */
    if (before)
        before->next = m->next;
    else
        q->head = m->next;
    if (q->tail == m)
        q->tail = before;
    q->count--;
    q->octets -= octets_of(m);
    free(m);
}

void outbox_clear(struct outbox *q)
{
    while (q->head)
        outbox_remove(q, q->head);
}

static bool is_free(const struct outbox *q, const struct message *m, uint16_t msg_id)
{
    const struct message *earlier = q->head;

    while (earlier != m && earlier->msg_id != msg_id)
        earlier = earlier->next;
    return earlier == m;
}

uint16_t outbox_msg_id(const struct outbox *q, const struct message *m)
{
    const struct message *first = q->head;
    uint16_t id = (uint16_t)((m->sequence - 1) % MSG_IDS + 1);

    while (first != m && first->sequence == 0)
        first = first->next;
    if (m->sequence - first->sequence < MSG_IDS)
        return id;
    while (!is_free(q, m, id))
        id = (uint16_t)(id % MSG_IDS + 1);
    return id;
}

struct message *outbox_oldest_unsent(const struct outbox *q)
{
    struct message *m = q->head;

    while (m && m->sent)
        m = m->next;
    return m;
}

struct message *outbox_unsent_on(const struct outbox *q, struct sn_bytes topic)
{
    struct message *m = q->head;

    while (m && (m->sent || !sn_bytes_equal(message_topic(m), topic)))
        m = m->next;
    return m;
}
