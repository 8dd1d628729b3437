/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/link_private.h"

enum {
    GOODBYE_MS = 2000, /* for the DISCONNECT to leave */
    WILL_TRIES = 5,    /* failed attempts, not counting the time while the broker is known away */
};

/* --- links of one client id, one after the other ---------------------------------------------- */

static struct broker_link *find_closing(const struct broker_link *link)
{
    struct broker_link *other;

    TAILQ_FOREACH(other, &link->broker->closing, leaving)
    if (other != link && !other->successor && other->client_id && other->state != LINK_DEAD &&
        strcmp(other->client_id, link->client_id) == 0)
        return other;
    return NULL;
}

/* A held link that is closed makes room for the next one that has to wait. */
static void stand_back(struct broker_link *link)
{
    if (link->holder)
        link->holder->successor = NULL;
    link->holder = NULL;
}

static void give_up(struct broker_link *link)
{
    stand_back(link);
    link->will_due = link->purging = false;
    link_set_state(link, LINK_DEAD);
    link_need_attention(link);
}

bool link_waits_for_another(struct broker_link *link)
{
    struct broker_link *holder = link->client_id ? find_closing(link) : NULL;

    if (!holder)
        return false;
    holder->successor = link;
    link->holder = holder;
    /* The client is back. */
    if ((holder->will_due && holder->state < LINK_OPEN) ||
        (holder->purging && holder->state < LINK_CONNECTING)) {
        if (holder->purging || link_owes_purge(holder))
            link_leave_purge(holder, link);
        give_up(holder);
    }
    link_set_state(link, LINK_HELD);
    return true;
}

void link_let_successor_go(struct broker_link *link)
{
    struct broker_link *next = link->successor;

    if (link->holder)
        link->holder->successor = NULL;
    link->holder = link->successor = NULL;
    if (next) {
        next->holder = NULL;
        if (next->state == LINK_HELD)
            broker_link_connect(next);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

void link_say_goodbye(struct broker_link *link)
{
    const struct broker_config *config = link->broker->config;
    bool mqtt5 = broker_mqtt5(link->broker), with_will = link->close_how == BRIDGE_WITH_WILL;
    mosquitto_property *properties = NULL;
    uint32_t expiry = link->close_keep == BROKER_DROP_SESSION ? 0 : config->session_expiry;
    int rc = MOSQ_ERR_SUCCESS;

    link->deadline = broker_now(link->broker) + GOODBYE_MS;
    link_set_state(link, LINK_LEAVING);
    link->cut = with_will && !mqtt5;
    if (!link->cut) {
        /* MQTT 5, 3.14.2.2.2: not from zero to something. */
        if (mqtt5 && link->close_keep != BROKER_LEAVE_SESSION && link->expiry != 0 &&
            expiry != link->expiry)
            rc = mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                              expiry);
        if (rc == MOSQ_ERR_SUCCESS)
            rc = mosquitto_disconnect_v5(
                link->mosq, mqtt5 && with_will ? MQTT_RC_DISCONNECT_WITH_WILL_MSG : 0, properties);
        mosquitto_property_free_all(&properties);
    }
    if (rc == MOSQ_ERR_SUCCESS)
        link_need_flush(link);
    else
        link_fail(link, (struct failure){FAILURE_LIBRARY, rc, 0});
}

/* --- the will of a client that was lost while its connection was down ----------------------------
 *
 * When the connection broke, a broker that lived on published the will itself; one that died did
 * not. A retained will does no harm twice, so it is published when the broker is back. Any other is
 * if the broker had to remember the session and does not: then it has started anew. */

static bool owes_will(const struct broker_link *link)
{
    return link->close_how == BRIDGE_WITH_WILL && link->will && link->was_open &&
           link->state != LINK_LEAVING;
}

bool link_waits_for_will(struct broker_link *link)
{
    if (!owes_will(link))
        return false;
    if (link->will_due &&
        (++link->will_tries >= WILL_TRIES || failure_result(&link->failure) == BRIDGE_REFUSED)) {
        link->broker->counters.wills_lost++;
        return false;
    }
    link->will_due = true;
    return true;
}

static bool must_be_remembered(const struct broker_link *link)
{
    msec_t away = broker_now(link->broker) - link->lost_at;

    if (!broker_mqtt5(link->broker))
        return link_is_persistent(link);
    return link->expiry == UINT32_MAX || away < (msec_t)link->expiry * 1000;
}

static void drain(struct broker_link *link)
{
    struct broker *broker = link->broker;

    if (link->pending.count == 0) {
        link_say_goodbye(link);
    } else {
        link->deadline = broker_now(broker) + broker->config->ack_timeout_ms;
        link_set_state(link, LINK_DRAINING);
    }
}

void link_publish_will(struct broker_link *link)
{
    struct bridge_counters *counters = &link->broker->counters;

    link->will_due = false;
    if (link->will->retain || (!link->present && must_be_remembered(link))) {
        counters->wills_late++;
    } else {
        link->close_how = BRIDGE_POLITELY;
        counters->wills_lost += !link->present;
    }
    drain(link);
}

void broker_give_up_wills(struct broker *broker)
{
    struct broker_link *link;

    TAILQ_FOREACH(link, &broker->closing, leaving)
    if (link->will_due || (link->purging && link->state < LINK_CONNECTING)) {
        broker->counters.wills_lost += link->will_due;
        give_up(link);
    }
}

void broker_link_close(struct broker_link *link, enum bridge_close how, enum broker_keep keep)
{
    struct broker *broker = link->broker;

    bool down = link->failed || link->state < LINK_OPEN;

    if (link->closing)
        return;
    link->held = false;
    broker_link_withhold(link, false);
    link->close_how = (uint8_t)how;
    link->close_keep = (uint8_t)keep;
    if (link == broker->urgent_link)
        broker->urgent_link = NULL;
    if (down && owes_will(link))
        link->will_due = true;
    else if (down && link_owes_purge(link))
        link_purge_first(link);
    else if (link->failed || !link->mosq || link->state < LINK_CONNECTING)
        give_up(link);
    else if (link->state == LINK_OPEN)
        drain(link);
    else
        link_say_goodbye(link);
    link->closing = true;
    TAILQ_INSERT_TAIL(&broker->closing, link, leaving);
}
