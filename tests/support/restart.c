/* SPDX-License-Identifier: Apache-2.0 */
/* The great events of a story: the gateway's process ends and the next begins; the broker goes for
 * everybody and comes back. */
#include <check.h>

#include "tests/support/story.h"

void story_broker_comes_up(void)
{
    size_t said = story->out_count;

    broker_says((struct bridge_event){.type = BRIDGE_OPENED, .session = GATEWAY_SELF});
    if (story->out_first == said && story->out_count > said && story->out[said].broadcast)
        story->out_first++; /* the ADVERTISE of a gateway that has a broker */
}

static void restore(void *self, const struct record *r)
{
    (void)self;
    ck_assert(core_restore(story->core, story->now, r));
}

void gateway_restarts(msec_t ms)
{
    core_free(story->core);
    story->now += ms;
    story->to_answer = story->request_first = story->request_count;
    story_start("another seed ...");
    uint64_t writes = story->ledger.writes;
    ledger_each(&story->ledger, restore, NULL);
    core_audit(story->core);
    ck_assert_uint_eq(story->ledger.writes, writes); /* what is restored is recorded already */
    core_restored(story->core, story->now);
    story_oblige();
    core_audit(story->core);
    if (!story->broker.away)
        story_broker_comes_up();
    pass(1);
}

size_t recorded(enum record_type type)
{
    return ledger_count(&story->ledger, type);
}

struct crowd {
    struct session_ref refs[256];
    size_t count;
};

/* Every connection that was asked for and not closed, as the bridge knows them. */
static struct crowd open_connections(void)
{
    struct crowd crowd = {0};

    for (size_t i = 0; i < story->request_count; i++) {
        const struct bridge_request *r = &story->requests[i].request;
        if (r->type != BRIDGE_OPEN && r->type != BRIDGE_CLOSE)
            continue;
        for (size_t j = crowd.count; j-- > 0;)
            if (crowd.refs[j].slot == r->session.slot)
                crowd.refs[j] = crowd.refs[--crowd.count];
        if (r->type == BRIDGE_OPEN)
            crowd.refs[crowd.count++] = r->session;
    }
    return crowd;
}

static void all_hear(struct bridge_event e)
{
    struct crowd crowd = open_connections();

    e.session = GATEWAY_SELF;
    broker_says(e);
    for (size_t i = 0; i < crowd.count; i++) {
        e.session = crowd.refs[i];
        broker_says(e);
    }
}

void broker_is_gone(void)
{
    story->broker.away = true;
    all_hear((struct bridge_event){.type = BRIDGE_CLOSED});
}

void broker_is_back(bool session_present)
{
    story->broker.away = false;
    size_t said = story->out_count;
    all_hear((struct bridge_event){.type = BRIDGE_OPENED, .session_present = session_present});
    if (story->out_first == said && story->out_count > said && story->out[said].broadcast)
        story->out_first++;
}
