/* SPDX-License-Identifier: Apache-2.0 */
/* After a loss, until the broker has been asked again.
 *
 * A broker that was restarted may have forgotten what all links had subscribed to. They come back
 * one by one, and what the first one published would pass the subscribers whose filters the others
 * carry: acknowledged, and lost to them. So publishes of QoS 1 and 2 wait, also those that are sent
 * again, while a link that is open has filters without an answer, and while one is expected:
 *
 * - after the loss of all, each of the others that was open before, because only its return tells
 *   whether the broker has forgotten;
 * - after its loss alone, one that the broker forgets at that moment in any case.
 *
 * A link whose attempt fails is not expected any more. And nothing waits for longer than
 * PATIENCE_MS without a step ahead: a pause below T_retry (10 to 15 seconds) is noticed by no
 * device, while one hanging connection must not stop the others. Then it waits for nothing before
 * all is well again, so that a link that comes and goes does not stop them again and again. */
#include "bridge/aggregating.h"

enum {
    PATIENCE_MS = 5000,
    SETTLED_MS = 10000, /* open for this long, a link is worth waiting for */
};

static bool is_awaited(const struct shared_link *l)
{
    return l->open ? l->unanswered > 0 : l->expected;
}

void restoring_review(struct aggregating *a)
{
    bool before = a->restoring, awaited = a->open == 0;

    for (uint32_t i = 0; i < a->count; i++)
        awaited = awaited || is_awaited(&a->links[i]);
    a->impatient = a->impatient && awaited && a->open > 0;
    a->restoring = awaited && !a->impatient;
    for (uint32_t i = 0; i < a->count; i++) {
        struct shared_link *l = &a->links[i];
        /* One that is down shall publish nothing before it has come to restoring_opened. */
        if (l->link)
            broker_link_withhold(l->link, a->restoring || !l->open);
        if (before && !a->restoring)
            shared_pump(a, l);
    }
}

void restoring_start(struct aggregating *a)
{
    a->restored_at = uv_now(a->bridge->loop);
    restoring_review(a);
}

void restoring_opened(struct aggregating *a, struct shared_link *l)
{
    a->restored_at = l->opened_at = uv_now(a->bridge->loop);
    l->expected = l->hopeless = false;
    for (uint32_t i = 0; i < a->count && a->open == 1; i++)
        a->links[i].expected = a->links[i].link && &a->links[i] != l && !a->links[i].hopeless;
    restoring_review(a);
}

void restoring_lost(struct aggregating *a, struct shared_link *l)
{
    uint64_t now = uv_now(a->bridge->loop);

    l->expected = broker_link_is_forgotten(l->link) && now - l->opened_at >= SETTLED_MS;
    if (!a->restoring)
        a->restored_at = now;
    restoring_review(a);
}

void restoring_failed(struct aggregating *a, struct shared_link *l)
{
    l->expected = false;
    l->hopeless = a->open > 0;
    restoring_review(a);
}

void restoring_tick(struct aggregating *a)
{
    if (!a->restoring && !a->impatient)
        return;
    if (uv_now(a->bridge->loop) - a->restored_at >= PATIENCE_MS)
        a->impatient = true;
    restoring_review(a); /* a filter that was awaited may have lost its last subscriber */
}
