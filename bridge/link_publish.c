/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/link_private.h"

enum {
    BEHIND_MAX = 262144,    /* octets of QoS 0 that may wait for a blocked socket */
    MESSAGE_COST = 128,     /* what libmosquitto adds to each */
    MIDS_IN_FLIGHT = 65000, /* libmosquitto reuses identifiers without looking: 65535 later */
};

/* What libmosquitto refuses before queueing anything. Other errors may leave a message of QoS 1 or
 * 2 queued, so it must not be published again in the same struct. */
static bool never_queued(int rc)
{
    return rc == MOSQ_ERR_INVAL || rc == MOSQ_ERR_MALFORMED_UTF8 || rc == MOSQ_ERR_PAYLOAD_SIZE ||
           rc == MOSQ_ERR_NOT_SUPPORTED || rc == MOSQ_ERR_QOS_NOT_SUPPORTED ||
           rc == MOSQ_ERR_RETAIN_NOT_SUPPORTED || rc == MOSQ_ERR_OVERSIZE_PACKET;
}

/* A C string for the length of a call; NULL when it cannot be one. */
static const char *as_text(struct broker_link *link, struct sn_bytes octets)
{
    char *text = link->broker->text;

    if (octets.len == 0 || octets.len >= sizeof link->broker->text ||
        memchr(octets.data, 0, octets.len))
        return NULL;
    memcpy(text, octets.data, octets.len);
    text[octets.len] = '\0';
    return text;
}

static void settle_answer(struct broker_link *link, struct pending *p, enum bridge_result result)
{
    struct bridge_event event = {.type = BRIDGE_PUBLISHED, .token = p->token, .result = result};

    if (result == BRIDGE_OK)
        link->broker->counters.acknowledged++;
    else if (link->state == LINK_OPEN || result == BRIDGE_REFUSED)
        link->broker->counters.refused++;
    else
        link->broker->counters.away++;
    if (p->returned && result == BRIDGE_OK) {
        pending_done(&link->pending, p);
        return;
    }
    if (result == BRIDGE_BUSY)
        event.message = pending_message(p);
    pending_detach(&link->pending, p);
    if (!p->quiet && !p->returned)
        link_emit(link, event);
    pending_free(p);
}

/* ms since 1970; 0 when it shall not be told. */
static int64_t time_of_receipt(const struct broker_link *link, uint64_t kept_ms)
{
    struct timespec now;

    if (kept_ms == 0 || !broker_mqtt5(link->broker))
        return 0;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - (int64_t)kept_ms;
}

/* The library copies the property and sends it again with the message. */
static int publish(struct broker_link *link, int *mid, const char *topic,
                   const struct bridge_message *message, int64_t received_at)
{
    mosquitto_property *properties = NULL;
    int rc = MOSQ_ERR_SUCCESS;
    char text[32];

    if (received_at > 0) {
        snprintf(text, sizeof text, "%" PRId64 ".%03d", received_at / 1000,
                 (int)(received_at % 1000));
        rc = mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, "received-at",
                                                text);
    }
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_publish_v5(link->mosq, mid, topic, (int)message->payload.len,
                                  message->payload.data, message->qos, message->retain, properties);
    mosquitto_property_free_all(&properties);
    return rc;
}

static void hand_over(struct broker_link *link, struct pending *p)
{
    const struct bridge_message message = pending_message(p);
    int mid = 0;

    p->mid = 0;
    int rc = publish(link, &mid, pending_topic(p), &message, p->received_at);
    p->mid = (uint16_t)mid;
    p->stamp = link->mids++;
    p->sent_at = broker_now(link->broker);
    link_need_flush(link);
    if (rc == MOSQ_ERR_SUCCESS)
        return;
    if (never_queued(rc))
        link_answered(link, p, BRIDGE_REFUSED);
    else
        link_fail(link, (struct failure){FAILURE_LIBRARY, rc, errno});
}

/* False: it waits for its turn. */
static bool take_turn(struct broker_link *link, struct pending *p)
{
    if (!link_may_publish(link)) {
        link_wait_for_turn(link);
        return false;
    }
    hand_over(link, p);
    return true;
}

/* All that has to go out, or while careful the oldest only. */
void link_proceed(struct broker_link *link)
{
    struct pending *p = pending_oldest(&link->pending), *next;

    if (link->withheld)
        return;
    if (link->careful && p && p->suspect) {
        if (p->mid == 0)
            take_turn(link, p);
        return;
    }
    link->careful = false;
    for (; p && !link->failed; p = next) {
        next = TAILQ_NEXT(p, entries);
        if (p->mid == 0 && !take_turn(link, p))
            return;
    }
}

void link_answered(struct broker_link *link, struct pending *p, enum bridge_result result)
{
    settle_answer(link, p, result);
    if (link->careful && link->state == LINK_OPEN && !link->failed)
        link_proceed(link);
}

void link_replay(struct broker_link *link)
{
    struct pending *p;

    link_drop_returned(link);
    TAILQ_FOREACH(p, &link->pending.list, entries)
    {
        p->mid = 0;
        p->sent_at = broker_now(link->broker);
        link->broker->counters.replayed++;
    }
    link_proceed(link);
}

void link_resume(struct broker_link *link)
{
    struct pending *p;

    TAILQ_FOREACH(p, &link->pending.list, entries)
    p->sent_at = broker_now(link->broker);
    link_proceed(link); /* the library never had what waited for its turn */
}

void link_age_pending(struct broker_link *link, msec_t sent_before)
{
    struct pending *p, *next;

    for (p = pending_oldest(&link->pending); p && p->sent_at <= sent_before; p = next) {
        next = TAILQ_NEXT(p, entries);
        if (p->returned || link_return(link, p))
            continue;
        link->discard = link->discard || link->holds;
        link_answered(link, p, BRIDGE_BUSY);
    }
    if (link->discard && link->state != LINK_CONNECTING)
        link_drop_mosq(link);
}

/* Some brokers answer a publish they dislike - too long, forbidden - by ending the connection, and
 * would again for ever. The gateway's own connection is the witness: when it stayed up, the loss
 * was this link's alone. Of several publishes under way any may be to blame, and the others must
 * not suffer: they are sent again one at a time, and the one that is alone under way at the next
 * such loss it is. With QoS 2 under way that waits for a second loss, because the handshakes start
 * over, too. A publish that was the only one is to blame the second time: once may be chance. */
static void become_careful(struct broker_link *link)
{
    struct pending *p;

    link->careful = true;
    TAILQ_FOREACH(p, &link->pending.list, entries)
    p->suspect = true;
    link->discard = link->holds; /* or the library would send them all */
    if (link->discard)
        link_drop_mosq(link);
}

static void refuse_unbearable(struct broker_link *link, struct pending *p)
{
    struct broker_owner *owner = &link->broker->owner;

    link->discard = link->holds; /* or the library would send it again */
    link->broker->counters.unbearable++;
    owner->unbearable(owner->self, link, p->token, pending_topic(p));
    link_answered(link, p, BRIDGE_REFUSED);
    if (link->discard)
        link_drop_mosq(link);
}

void link_blame(struct broker_link *link)
{
    struct pending *p = pending_oldest(&link->pending);
    bool alone = link->suspicious && link->broker->witnessed_since <= link->lost_at;

    link->suspicious = false;
    if (!p || !alone)
        return;
    bool first = p->losses++ == 0;
    if (link->careful)
        refuse_unbearable(link, p);
    else if (link->pending.count > 1 && !(first && link->pending.qos2 > 0))
        become_careful(link);
    else if (link->pending.count == 1 && !first)
        refuse_unbearable(link, p);
}

static bool publish_qos0(struct broker_link *link, const struct bridge_message *message,
                         uint64_t kept_ms)
{
    struct bridge_counters *counters = &link->broker->counters;
    const char *topic = as_text(link, message->topic);

    if (!broker_link_is_open(link) || (link->blocked && link->behind > BEHIND_MAX)) {
        counters->dropped_qos0++;
        return false;
    }
    if (link->is_paced || !link_may_publish(link)) {
        counters->over_rate++;
        return false;
    }
    int rc = topic ? publish(link, NULL, topic, message, time_of_receipt(link, kept_ms))
                   : MOSQ_ERR_INVAL;
    if (never_queued(rc)) {
        counters->refused++;
        return true;
    }
    if (rc != MOSQ_ERR_SUCCESS) {
        counters->dropped_qos0++;
        link_fail(link, (struct failure){FAILURE_LIBRARY, rc, errno});
        return false;
    }
    counters->published++;
    link->mids++;
    link->behind += (uint32_t)(message->topic.len + message->payload.len + MESSAGE_COST);
    link_need_flush(link);
    return true;
}

/* The distance at which libmosquitto would soon hand out the packet identifier of the oldest
 * publish or ask a second time. */
static bool mids_are_used_up(const struct broker_link *link)
{
    const struct pending *publish = pending_oldest(&link->pending);
    const struct link_ask *ask = TAILQ_FIRST(&link->asks);

    return (publish && link->mids - publish->stamp > MIDS_IN_FLIGHT) ||
           (ask && link->mids - ask->stamp > MIDS_IN_FLIGHT);
}

/* Behind those that wait already: for their turn, for the one that is under way while careful, or
 * for another connection. */
static void wait_in_line(struct broker_link *link, struct pending *p)
{
    p->sent_at = broker_now(link->broker);
    p->stamp = link->mids;
    if (link->careful || link->failed || link->withheld)
        return;
    link->broker->counters.paced++;
    link_wait_for_turn(link);
}

static bool publish_acked(struct broker_link *link, uint64_t token,
                          const struct bridge_message *message, uint64_t kept_ms, bool quiet)
{
    struct bridge_counters *counters = &link->broker->counters;
    /* Lost, which nobody has been told yet: what comes now shares the fate of what is under way. */
    bool just_lost = link->state == LINK_OPEN && link->failed && !link->closing;

    if (!broker_link_is_open(link) && !just_lost) {
        counters->away++;
        return false;
    }
    if (!quiet && link_claim(link, token, message))
        return true;
    if (link->pending.count >= link->broker->config->max_inflight || mids_are_used_up(link)) {
        counters->window_full++;
        return false;
    }
    if (!as_text(link, message->topic)) {
        counters->refused++;
        if (!quiet)
            link_emit(link, (struct bridge_event){.type = BRIDGE_PUBLISHED,
                                                  .token = token,
                                                  .result = BRIDGE_REFUSED});
        return true;
    }
    struct pending *p = pending_add(&link->pending, token, message);
    if (!p)
        return false;
    p->quiet = quiet;
    p->received_at = time_of_receipt(link, kept_ms);
    counters->published++;
    if (link->careful || link->is_paced || link->withheld || just_lost || !link_may_publish(link))
        wait_in_line(link, p);
    else
        hand_over(link, p);
    return true;
}

bool broker_link_publish(struct broker_link *link, uint64_t token,
                         const struct bridge_message *message, bool quiet)
{
    const struct bridge_message m = link_bearable(link, message);

    return m.qos == 0 ? publish_qos0(link, &m, 0) : publish_acked(link, token, &m, 0, quiet);
}

bool broker_link_publish_kept(struct broker_link *link, uint64_t token,
                              const struct bridge_message *message, uint64_t kept_ms)
{
    const struct bridge_message m = link_bearable(link, message);

    return m.qos == 0 ? publish_qos0(link, &m, kept_ms)
                      : publish_acked(link, token, &m, kept_ms, false);
}

static void refuse_ask(struct broker_link *link, const struct link_ask *ask)
{
    link->broker->counters.refused++;
    link_emit(link, (struct bridge_event){.type = ask->unsubscribe ? BRIDGE_UNSUBSCRIBED
                                                                   : BRIDGE_SUBSCRIBED,
                                          .token = ask->token,
                                          .result = BRIDGE_REFUSED});
}

static int send_subscribe(struct broker_link *link, struct link_ask *ask, const char *filter)
{
    bool safe = link->broker->config->qos2_subscriptions == QOS2_SAFE;
    int qos = safe && ask->qos > 1 ? 1 : ask->qos, rc = MOSQ_ERR_SUCCESS;
    mosquitto_property *properties = NULL;

    if (ask->identifier > 0 && broker_link_knows_identifiers(link))
        rc = mosquitto_property_add_varint(&properties, MQTT_PROP_SUBSCRIPTION_IDENTIFIER,
                                           ask->identifier);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_subscribe_v5(link->mosq, &ask->mid, filter, qos,
                                    ask->retained ? MQTT_SUB_OPT_SEND_RETAIN_ALWAYS
                                                  : MQTT_SUB_OPT_SEND_RETAIN_NEVER,
                                    properties);
    mosquitto_property_free_all(&properties);
    return rc;
}

static int send_ask(struct broker_link *link, struct link_ask *ask, const char *filter)
{
    ask->stamp = link->mids++;
    ask->sent_at = broker_now(link->broker);
    if (ask->unsubscribe)
        return mosquitto_unsubscribe_v5(link->mosq, &ask->mid, filter, NULL);
    link->listens = true;
    return send_subscribe(link, ask, filter);
}

/* Nothing of a SUBSCRIBE outlives an error here: libmosquitto does not repeat it. */
static bool request_ask(struct broker_link *link, struct link_ask *ask, struct sn_bytes octets)
{
    const char *filter = as_text(link, octets);
    int rc = filter ? send_ask(link, ask, filter) : MOSQ_ERR_INVAL;

    if (rc == MOSQ_ERR_SUCCESS) {
        TAILQ_INSERT_TAIL(&link->asks, ask, entries);
        link->asked++;
        link_need_flush(link);
        return true;
    }
    bool refused = never_queued(rc);
    if (refused)
        refuse_ask(link, ask);
    else
        link_fail(link, (struct failure){FAILURE_LIBRARY, rc, errno});
    free(ask);
    return refused;
}

static bool ask(struct broker_link *link, struct link_ask wanted, struct sn_bytes filter)
{
    struct bridge_counters *counters = &link->broker->counters;

    if (!broker_link_is_open(link)) {
        counters->away++;
        return false;
    }
    if (mids_are_used_up(link)) {
        counters->window_full++;
        return false;
    }
    struct link_ask *kept = malloc(sizeof *kept);
    if (!kept)
        return false;
    *kept = wanted;
    return request_ask(link, kept, filter);
}

bool broker_link_subscribe(struct broker_link *link, uint64_t token, struct sn_bytes filter,
                           uint8_t qos)
{
    return broker_link_subscribe_as(link, token, filter, qos, 0, true);
}

bool broker_link_subscribe_as(struct broker_link *link, uint64_t token, struct sn_bytes filter,
                              uint8_t qos, uint32_t identifier, bool retained)
{
    return ask(link,
               (struct link_ask){
                   .token = token, .qos = qos, .identifier = identifier, .retained = retained},
               filter);
}

bool broker_link_unsubscribe(struct broker_link *link, uint64_t token, struct sn_bytes filter)
{
    return ask(link, (struct link_ask){.token = token, .unsubscribe = true}, filter);
}

void link_forget_asks(struct broker_link *link)
{
    struct link_ask *forgotten;

    while ((forgotten = TAILQ_FIRST(&link->asks))) {
        TAILQ_REMOVE(&link->asks, forgotten, entries);
        free(forgotten);
    }
    link->asked = 0;
}
