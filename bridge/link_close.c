/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/link_private.h"

enum { GOODBYE_MS = 2000 }; /* for the DISCONNECT to leave */

/* --- links of one client id, one after the other ---------------------------------------------- */

static struct broker_link *find_closing(const struct broker_link *link)
{
    struct broker_link *other;

    TAILQ_FOREACH(other, &link->broker->closing, queue)
    if (!other->successor && other->client_id && other->state != LINK_DEAD &&
        strcmp(other->client_id, link->client_id) == 0)
        return other;
    return NULL;
}

bool link_waits_for_another(struct broker_link *link)
{
    struct broker_link *holder = link->client_id ? find_closing(link) : NULL;

    if (!holder)
        return false;
    holder->successor = link;
    link->holder = holder;
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

/* A held link that is closed makes room for the next one that has to wait. */
static void stand_back(struct broker_link *link)
{
    if (link->holder)
        link->holder->successor = NULL;
    link->holder = NULL;
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

void broker_link_close(struct broker_link *link, enum bridge_close how, enum broker_keep keep)
{
    struct broker *broker = link->broker;

    if (link->closing)
        return;
    stand_back(link);
    link->close_how = (uint8_t)how;
    link->close_keep = (uint8_t)keep;
    if (link == broker->urgent_link)
        broker->urgent_link = NULL;
    if (link->failed || !link->mosq || link->state < LINK_CONNECTING) {
        link_set_state(link, LINK_DEAD);
        link_need_attention(link);
    } else if (link->state == LINK_OPEN && link->pending.count > 0) {
        link->deadline = broker_now(broker) + broker->config->ack_timeout_ms;
        link_set_state(link, LINK_DRAINING);
    } else {
        link_say_goodbye(link);
    }
    link->closing = true;
    TAILQ_INSERT_TAIL(&broker->closing, link, queue);
}
