/* SPDX-License-Identifier: Apache-2.0 */
/* outbox - messages waiting for one client
 *
 * What the broker sends a client waits here while the client sleeps (MQTT-SN 1.2, 6.14), while an
 * earlier message is unanswered, or until its topic is registered. First in, first out, bounded in
 * messages and octets. Time never appears: whoever drains decides when.
 */
#ifndef GATEWAY_CORE_OUTBOX_H
#define GATEWAY_CORE_OUTBOX_H

#include "bridge/bridge.h"

enum { MSG_IDS = 0xFFFF }; /* 1..0xFFFF; 0 is none */

struct message {
    struct message *next;
    uint64_t sequence; /* under which it is recorded; 0: it is not */
    uint8_t qos;
    bool retain;
    bool sent;       /* a PUBLISH has left: the next one is a repetition, DUP=1 */
    bool released;   /* QoS 2: the client has it (PUBREC); only PUBREL, PUBCOMP are left */
    bool repaired;   /* PUBACK 0x02 was answered with a new REGISTER once already */
    uint16_t msg_id; /* from the first PUBLISH on, also over several wakes; 0 before */
    uint16_t topic_len;
    uint32_t payload_len;
    uint8_t data[]; /* topic, payload */
};

/* Zero-initialised is empty. Owns its messages. */
struct outbox {
    struct message *head, *tail;
    uint32_t count;
    size_t octets; /* topics and payloads */
};

static inline struct sn_bytes message_topic(const struct message *m)
{
    return sn_bytes(m->data, m->topic_len);
}

static inline struct sn_bytes message_payload(const struct message *m)
{
    return sn_bytes(m->data + m->topic_len, m->payload_len);
}

/* Copies the message to the tail, with `qos` instead of its own. NULL: memory is short. */
struct message *outbox_push(struct outbox *q, const struct bridge_message *from, uint8_t qos);

/* Takes it out and frees it. */
void outbox_remove(struct outbox *q, struct message *m);
void outbox_clear(struct outbox *q);

/* The message id for a recorded message. It follows from the sequence, so that a message under way
 * comes again under the same id after a crash, which is how a client tells a repetition of QoS 2
 * from something new; an id that an earlier message of the queue still has is left out. */
uint16_t outbox_msg_id(const struct outbox *q, const struct message *m);

/* The first message that has never been sent, or NULL; a message under way is not given up. */
struct message *outbox_oldest_unsent(const struct outbox *q);

/* The first unsent message on the topic, or NULL. */
struct message *outbox_unsent_on(const struct outbox *q, struct sn_bytes topic);

#endif
