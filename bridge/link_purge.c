/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of the broker that should not be there.
 *
 * MQTT 3.1.1 has one flag for two things: a session that is dropped when a connection opens, and
 * one that is dropped when it ends. A clean session that must survive a restart of the gateway is
 * therefore a persistent one for the broker, and is dropped by hand: a connection with the flag set
 * opens and says goodbye. That is done first when the broker has a session that should not be
 * there, and last when the session ends.
 *
 * MQTT 5 keeps the two apart, but libmosquitto cannot: it sends the flag a struct was made with
 * whenever it connects that struct again. Only the same struct can finish a QoS 2 handshake after
 * a loss, and only if the broker did not drop the session at that very moment, so the flag is not
 * set for a clean session either. When the broker has an old one, the connection ends it with its
 * goodbye and opens again; when it is there even then, the flag is set after all. */
#include <stdlib.h>

#include "bridge/link_private.h"

enum { TRIES = 5 }; /* failed attempts, not counting the time while the broker is known away */

bool link_is_persistent(const struct broker_link *link)
{
    const struct broker *broker = link->broker;

    return !broker_mqtt5(broker) && !link->urgent && *link->client_id &&
           (link->keep_session || broker->keeps_clean);
}

bool broker_link_is_forgotten(const struct broker_link *link)
{
    return broker_mqtt5(link->broker) ? link->expiry == 0 : !link_is_persistent(link);
}

bool link_clean_flag(const struct broker_link *link)
{
    if (!*link->client_id)
        return true;
    if (!broker_mqtt5(link->broker))
        return link->purging || !link_is_persistent(link);
    return link->clean_start && !link->was_open && (link->urgent || link->stubborn);
}

static bool finds_old_session(const struct broker_link *link)
{
    return link->clean_start && !link->was_open && link->present &&
           (broker_mqtt5(link->broker) ? !link_clean_flag(link) : link_is_persistent(link));
}

static void end_session(struct broker_link *link)
{
    mosquitto_property *properties = NULL;

    link->stubborn = link->ended;
    link->ended = true;
    if (mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0) !=
        MOSQ_ERR_SUCCESS)
        link->stubborn = true;
    mosquitto_disconnect_v5(link->mosq, 0, properties);
    mosquitto_property_free_all(&properties);
}

bool link_purges(struct broker_link *link)
{
    if (link->purging && link->closing) {
        link->purging = false;
        link_say_goodbye(link);
        return true;
    }
    if (!link->purging && !finds_old_session(link))
        return false;
    link->renew = true;
    if (broker_mqtt5(link->broker)) {
        end_session(link);
        return true;
    }
    link->clean_start = link->clean_start && !link->purging;
    link->purging = !link->purging;
    mosquitto_disconnect_v5(link->mosq, 0, NULL);
    return true;
}

bool link_owes_purge(const struct broker_link *link)
{
    return link->close_keep == BROKER_DROP_SESSION && !link->purged &&
           failure_result(&link->failure) != BRIDGE_REFUSED && link->client_id &&
           link_is_persistent(link) && (link->was_open || !link->clean_start);
}

void link_begin_purge(struct broker_link *link)
{
    link->purging = link->purged = true;
    link->close_how = BRIDGE_POLITELY;
    link->cut = false;
    free(link->will);
    link->will = NULL;
}

void link_purge_first(struct broker_link *link)
{
    link_begin_purge(link);
    if (link->failed)
        return; /* is dealt with at the top of the loop */
    if (link->state == LINK_CONNECTING) {
        link->renew = true;
        link_fail(link, (struct failure){FAILURE_NONE, 0, 0});
        return;
    }
    link_drop_mosq(link); /* it would not come with the flag */
    if (link->state == LINK_DOWN && link->deadline == NEVER)
        broker_link_retry(link);
}

bool link_waits_for_purge(struct broker_link *link)
{
    if (!link->purging)
        return false;
    if (link->successor) {
        link_leave_purge(link, link->successor);
        return false;
    }
    return ++link->will_tries < TRIES && failure_result(&link->failure) != BRIDGE_REFUSED;
}

void link_leave_purge(struct broker_link *link, struct broker_link *successor)
{
    link->purging = false;
    if (!successor->was_open)
        successor->clean_start = true;
}
