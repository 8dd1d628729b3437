/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT 3.1.1 has one flag for two things: a session that is dropped when a connection opens, and
 * one that is dropped when it ends. A clean session that must survive a restart of the gateway is
 * therefore a persistent one for the broker, and is dropped by hand: a connection with the flag set
 * opens and says goodbye. That is done first when the broker has a session that should not be
 * there, and last when the session ends. */
#include <stdlib.h>

#include "bridge/link_private.h"

enum { TRIES = 5 }; /* failed attempts, not counting the time while the broker is known away */

bool link_is_persistent(const struct broker_link *link)
{
    const struct broker *broker = link->broker;

    return !broker_mqtt5(broker) && !link->urgent && *link->client_id &&
           (link->keep_session || broker->keeps_clean);
}

static bool finds_old_session(const struct broker_link *link)
{
    return link->clean_start && !link->was_open && link->present && link_is_persistent(link);
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
    link->clean_start = link->clean_start && !link->purging;
    link->purging = !link->purging;
    link->renew = true;
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
