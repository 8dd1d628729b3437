/* SPDX-License-Identifier: Apache-2.0 */
/* To the node: topics that the gateway registers, messages and their handshakes. */
#include <stdlib.h>

#include "tools/sim/node_parts.h"

static const struct node_topic *find_topic(const struct node *n, uint16_t id)
{
    for (uint16_t i = 0; i < n->topic_count; i++)
        if (n->topics[i].id == id)
            return &n->topics[i];
    return NULL;
}

void node_forget_topics(struct node *n)
{
    for (uint16_t i = 0; i < n->topic_count; i++)
        free(n->topics[i].name);
    n->topic_count = 0;
}

static struct node_topic *new_topic(struct node *n)
{
    if (n->topic_count == n->topic_cap) {
        uint16_t cap = (uint16_t)(n->topic_cap ? n->topic_cap * 2 : 2);
        struct node_topic *more = realloc(n->topics, cap * sizeof *more);
        if (!more || cap < n->topic_cap)
            abort();
        n->topics = more;
        n->topic_cap = cap;
    }
    return &n->topics[n->topic_count++];
}

void node_learn(struct node *n, uint16_t id, struct sn_bytes name)
{
    const struct node_topic *known = find_topic(n, id);
    struct node_topic *t = known ? &n->topics[known - n->topics] : new_topic(n);

    if (known)
        free(t->name);
    *t =
        (struct node_topic){.id = id, .name_len = (uint16_t)name.len, .name = malloc(name.len + 1)};
    if (!t->name)
        abort();
    if (name.len > 0)
        memcpy(t->name, name.data, name.len);
}

void node_on_register(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)now;
    n->sink->tally->registered++;
    node_learn(n, p->topic_id, p->body);
    node_send(n,
              &(struct sn_packet){.type = SN_REGACK, .topic_id = p->topic_id, .msg_id = p->msg_id});
}

static void answer_puback(struct node *n, const struct sn_packet *p, uint8_t code)
{
    node_send(n, &(struct sn_packet){.type = SN_PUBACK,
                                     .topic_id = p->topic_id,
                                     .msg_id = p->msg_id,
                                     .return_code = code});
}

static bool is_held(const struct node *n, uint16_t msg_id)
{
    for (size_t i = 0; i < NODE_HELD; i++)
        if (n->held[i] == msg_id)
            return true;
    return false;
}

/* The newest stands first. A gateway sends one at a time, so the table never fills. */
static void hold(struct node *n, uint16_t msg_id)
{
    memmove(n->held + 1, n->held, (NODE_HELD - 1) * sizeof *n->held);
    n->held[0] = msg_id;
}

void node_on_pubrel(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)now;
    for (size_t i = 0; i < NODE_HELD; i++)
        if (n->held[i] == p->msg_id)
            n->held[i] = 0;
    node_send(n, &(struct sn_packet){.type = SN_PUBCOMP, .msg_id = p->msg_id});
}

static bool name_of(const struct node *n, const struct sn_packet *p, struct sn_bytes *name,
                    char text[NODE_TOPIC_TEXT])
{
    if (sn_topic_type(p->flags) == SN_TOPIC_NORMAL) {
        const struct node_topic *t = find_topic(n, p->topic_id);
        *name = t ? sn_bytes(t->name, t->name_len) : sn_bytes(NULL, 0);
        return t != NULL;
    }
    const struct topic_plan topic = {.type = sn_topic_type(p->flags), .id = p->topic_id};
    *name = node_topic_name(n, &topic, text);
    return true;
}

static void deliver(struct node *n, struct sn_bytes name, const struct sn_packet *p)
{
    n->sink->tally->received++;
    n->sink->message(n->sink->self, n, name, p);
}

void node_on_publish(struct node *n, usec_t now, const struct sn_packet *p)
{
    char text[NODE_TOPIC_TEXT];
    struct sn_bytes name;

    (void)now;
    if (p->flags & SN_FLAG_DUP)
        n->sink->tally->dup_flagged++;
    if (!name_of(n, p, &name, text)) {
        n->sink->tally->unknown_topic++;
        answer_puback(n, p, SN_INVALID_TOPIC_ID);
        return;
    }
    if (sn_qos(p->flags) != 2) {
        deliver(n, name, p);
        if (sn_qos(p->flags) == 1)
            answer_puback(n, p, SN_ACCEPTED);
        return;
    }
    if (is_held(n, p->msg_id)) {
        n->sink->tally->repeated++;
    } else {
        hold(n, p->msg_id);
        deliver(n, name, p);
    }
    node_send(n, &(struct sn_packet){.type = SN_PUBREC, .msg_id = p->msg_id});
}
