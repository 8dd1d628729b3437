/* SPDX-License-Identifier: Apache-2.0 */
/* The broker connection of one session, as the engine asks for it. */
#include "gateway/v12/engine.h"

/* A connection that is closed or replaced takes its answers with it: what waits for them must be
 * asked again when the client repeats it. */
void upstream_answers_lost(struct session *s)
{
    subscribe_forget_asked(s);
    publish_forget_unanswered(s);
    if (s->backlog)
        backlog_recall(s->backlog);
}

bool upstream_open(struct core *core, struct session *s, const struct will *will, bool clean_start,
                   bool keep_session, bool patient)
{
    enum upstream before = s->upstream;
    struct bridge_request r = {
        .type = BRIDGE_OPEN,
        .session = session_ref(s),
        .client_id = s->client_id,
        .clean_start = clean_start || s->fresh,
        .keep_session = keep_session,
        .patient = patient,
    };

    if (will)
        r.will = (struct bridge_message){will->topic, will->payload, will->qos, will->retain};
    s->upstream = UPSTREAM_OPENING; /* OPENED may come before the request returns */
    if (core->sink.request(core->sink.self, &r))
        return true;
    s->upstream = before;
    return false;
}

void upstream_close(struct core *core, struct session *s, enum bridge_close how)
{
    struct bridge_request r = {
        .type = BRIDGE_CLOSE,
        .session = session_ref(s),
        .how = how,
        .keep_session = !s->clean,
    };

    if (s->upstream == UPSTREAM_CLOSED)
        return;
    core->sink.request(core->sink.self, &r);
    s->upstream = UPSTREAM_CLOSED;
    upstream_answers_lost(s);
}

void upstream_closed(struct core *core, struct session *s, msec_t now, enum bridge_result result)
{
    bool opening = s->upstream == UPSTREAM_OPENING;

    subscribe_forget_asked(s);
    if (result == BRIDGE_REFUSED) {
        ended_by_broker(core, s, now);
        return;
    }
    s->upstream = UPSTREAM_AWAY;
    if (opening)
        connect_waits(core, s, now);
}

void upstream_part(struct core *core, struct session *s, enum bridge_close how)
{
    if (s->backlog && s->upstream != UPSTREAM_CLOSED)
        s->parting = how == BRIDGE_WITH_WILL ? PARTING_WITH_WILL : PARTING_POLITELY;
    else
        upstream_close(core, s, how);
}

bool upstream_forgets(const struct core *core, const struct session *s)
{
    return core->config->gateway.mode == MODE_AGGREGATING && !s->clean &&
           s->subscriptions.count > 0;
}

void upstream_restore(struct core *core, struct session *s, msec_t now)
{
    if (upstream_open(core, s, &s->will, false, !s->clean, true))
        return;
    upstream_close(core, s, BRIDGE_POLITELY);
    ended_by_broker(core, s, now);
}
