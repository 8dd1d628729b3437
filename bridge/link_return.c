/* SPDX-License-Identifier: Apache-2.0 */
/* Publishes that are given back while the broker is away, and how they stay exactly once.
 *
 * With a QoS 2 publish under way the struct mosquitto is kept, and it sends all it holds again by
 * itself when the connection is back: the broker may have had any of it. So what is given back
 * meanwhile is only marked as returned. When the owner publishes it again, it claims what is under
 * way, or already acknowledged, instead of making a second message of it. The owner publishes in
 * the old order and what was given back first: so the first message that is none of these ends
 * every claim, as does time, because a device may well say the same thing twice. On a shared link
 * only time does: a client that was given nothing back may be the first to publish there. */
#include "bridge/link_private.h"

enum { CLAIM_MS = 600000 }; /* after OPENED; the owner may have much to publish */

static bool can_be_returned(const struct broker_link *link, const struct pending *p)
{
    return link->broker->config->offline == OFFLINE_STORE && !link->closing && !p->quiet &&
           !p->returned;
}

bool link_return(struct broker_link *link, struct pending *p)
{
    bool is_held = link->holds && p->mid != 0; /* else it waited for its turn */

    if (!can_be_returned(link, p))
        return false;
    link->broker->counters.away++;
    p->returned = true;
    if (!is_held)
        pending_detach(&link->pending, p);
    link_emit(link, (struct bridge_event){.type = BRIDGE_PUBLISHED,
                                          .token = p->token,
                                          .result = BRIDGE_BUSY,
                                          .message = pending_message(p)});
    if (!is_held)
        pending_free(p);
    return true;
}

void link_return_all(struct broker_link *link)
{
    struct pending *p, *next;

    for (p = pending_oldest(&link->pending); p; p = next) {
        next = TAILQ_NEXT(p, entries);
        link_return(link, p);
    }
}

void link_drop_returned(struct broker_link *link)
{
    struct pending *p, *next;

    for (p = pending_oldest(&link->pending); p; p = next) {
        next = TAILQ_NEXT(p, entries);
        if (p->returned)
            pending_remove(&link->pending, p);
    }
}

bool broker_link_has_returned(const struct broker_link *link)
{
    const struct pending *p;

    TAILQ_FOREACH(p, &link->pending.list, entries)
    if (p->returned)
        return true;
    return !TAILQ_EMPTY(&link->pending.done);
}

void broker_link_drop_returned(struct broker_link *link)
{
    if (link->state >= LINK_CONNECTING || !broker_link_has_returned(link))
        return;
    link_drop_returned(link);
    pending_forget_done(&link->pending);
    link_drop_mosq(link); /* it would send them again */
}

static void end_claims(struct broker_link *link)
{
    struct pending *p;

    pending_forget_done(&link->pending);
    TAILQ_FOREACH(p, &link->pending.list, entries)
    if (p->returned) {
        p->returned = false;
        p->quiet = true;
    }
}

bool link_claim(struct broker_link *link, uint64_t token, const struct bridge_message *message)
{
    bool too_late = broker_now(link->broker) - link->opened_at > CLAIM_MS;
    struct pending *p = too_late ? NULL : pending_find_returned(&link->pending, message);

    if (!p) {
        if (too_late || !link->shared)
            end_claims(link);
        return false;
    }
    if (p->returned) {
        p->returned = false;
        p->token = token;
        return true;
    }
    pending_forget(&link->pending, p);
    link_emit(link, (struct bridge_event){.type = BRIDGE_PUBLISHED, .token = token});
    return true;
}
