/* SPDX-License-Identifier: Apache-2.0 */
/* A message from the broker arrives for a client: MQTT-SN 1.2, 6.10, 6.14. It goes out at once or
 * into the client's outbox, within its bounds. */
#include "gateway/core/recording.h"
#include "gateway/v12/engine.h"
#include "sn/topic.h"

/* The QoS the client gets: the broker's, but for a subscription that was granted QoS 2 and is
 * served with QoS 1 upstream ([broker] qos2_subscriptions = safe). */
static uint8_t radio_qos(const struct core *core, const struct session *s,
                         const struct bridge_message *m)
{
    if (m->qos != 1 || !core->qos2_safe)
        return m->qos;
    for (uint32_t i = 0; i < s->subscriptions.count; i++) {
        const struct subscription *sub = s->subscriptions.rows[i];
        if (sub->qos_granted == 2 && sn_topic_matches(subscription_filter(sub), m->topic))
            return 2;
    }
    return m->qos;
}

/* What no REGISTER or PUBLISH of this client could carry is not queued (6.10, A42). */
static bool fits(const struct core *core, const struct session *s, const struct bridge_message *m)
{
    size_t room = core->links[s->peer.link].max_packet;
    size_t envelope = s->peer.node_len > 0 ? 3u + s->peer.node_len : 0;
    size_t body = 5 + m->payload.len, total = body + (body > 253 ? 4 : 2);

    return m->topic.len <= core->config->gateway.max_topic_length && total + envelope <= room;
}

static bool has_room(const struct core *core, const struct session *s, size_t octets)
{
    const struct sleep_config *limits = &core->config->sleep;

    return s->outbox.count < limits->max_messages &&
           s->outbox.octets + octets <= limits->max_octets;
}

/* Makes room as [sleep] when_full says. False: the new message gives way. */
static bool make_room(struct core *core, struct session *s, const struct bridge_message *m)
{
    size_t octets = m->topic.len + m->payload.len;
    uint32_t policy = core->config->sleep.when_full;

    if (octets > core->config->sleep.max_octets)
        return false;
    while (!has_room(core, s, octets)) {
        struct message *old = NULL;
        enum counter counter = COUNT_queue_replaced;

        if (policy == WHEN_FULL_DROP_NEWEST)
            return false;
        if (policy == WHEN_FULL_LATEST_PER_TOPIC)
            old = outbox_unsent_on(&s->outbox, m->topic);
        if (!old) {
            old = outbox_oldest_unsent(&s->outbox);
            counter = COUNT_queue_dropped_oldest;
        }
        if (!old)
            return false;
        if (old == s->inflight.message) /* its topic was being registered */
            s->inflight.message = NULL;
        count(core, counter);
        core_notice(core, NOTICE_QUEUE_DROP, s, 0);
        session_drop(core, s, old);
    }
    return true;
}

static void enqueue(struct core *core, struct session *s, msec_t now,
                    const struct bridge_message *m)
{
    if (!make_room(core, s, m)) {
        count(core, COUNT_queue_dropped_newest);
        core_notice(core, NOTICE_QUEUE_DROP, s, 0);
        return;
    }
    struct message *queued = outbox_push(&s->outbox, m, m->qos);
    if (queued)
        record_message(core, s, queued, now);
    else
        count(core, COUNT_no_memory);
}

void arrive(struct core *core, struct session *s, msec_t now, const struct bridge_message *m)
{
    struct bridge_message here = *m;
    bool awaits_it = s->state == ACTIVE || s->state == AWAKE;

    count(core, COUNT_messages_in);
    if (!session_live(s) && s->clean && !s->attempt) { /* only its backlog is left */
        count(core, COUNT_messages_without_client);
        return;
    }
    if (!sn_topic_name_ok(m->topic)) { /* REGISTER never names a wildcard (5.4.10) */
        count(core, COUNT_messages_bad_topic);
        return;
    }
    if (!fits(core, s, m)) {
        count(core, COUNT_oversize);
        return;
    }
    /* An absent client's broker connection may still bring what it was sent before it left. */
    if (m->qos == 0 && !awaits_it && !(s->state == ASLEEP && core->config->sleep.keep_qos0)) {
        count(core, COUNT_qos0_not_kept);
        return;
    }
    here.qos = radio_qos(core, s, m);
    if (deliver_at_once(core, s, &here, now))
        return;
    enqueue(core, s, now, &here);
    deliver_next(core, s, now);
}
