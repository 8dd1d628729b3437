/* SPDX-License-Identifier: Apache-2.0 */
/* subscriptions - what one client subscribed to, and in which words
 *
 * The broker keeps the real subscriptions. The gateway remembers them to use the id type the client
 * chose (A45), to know the granted QoS, and to subscribe again when the broker has forgotten.
 */
#ifndef GATEWAY_CORE_SUBSCRIPTIONS_H
#define GATEWAY_CORE_SUBSCRIPTIONS_H

#include "sn/packet.h"

enum subscription_state {
    SUBSCRIPTION_ASKED,   /* never granted yet */
    SUBSCRIPTION_GRANTED, /* also while the client asks again */
    SUBSCRIPTION_LEAVING, /* unsubscribed; the broker has not confirmed */
};

struct subscription {
    uint16_t serial; /* names it in tokens; never reused while the table lives */
    enum subscription_state state;
    enum sn_topic_type type; /* how the client named it */
    uint16_t topic_id;       /* predefined id or short name, as the client said */
    uint16_t asking_msg_id;  /* of the SUBSCRIBE the broker has not answered */
    bool asking;
    bool unsure; /* the broker was asked to hold it again and has not said that it does */
    bool wildcard;
    uint8_t qos_asked, qos_granted;
    uint16_t len;
    uint8_t filter[];
};

/* Zero-initialised is empty. Owns its rows. */
struct subscriptions {
    struct subscription **rows;
    uint32_t count, cap;
    uint16_t last_serial;
};

void subscriptions_clear(struct subscriptions *t);
struct subscription *subscription_find(const struct subscriptions *t, struct sn_bytes filter);
struct subscription *subscription_by_serial(const struct subscriptions *t, uint16_t serial);

/* Adds a row in state ASKED. NULL: memory is short. */
struct subscription *subscription_add(struct subscriptions *t, struct sn_bytes filter);
void subscription_remove(struct subscriptions *t, struct subscription *sub);

static inline struct sn_bytes subscription_filter(const struct subscription *sub)
{
    return sn_bytes(sub->filter, sub->len);
}

#endif
