/* SPDX-License-Identifier: Apache-2.0 */
/* The doors: what comes in is sorted here and handed to the protocol engine. */
#include "gateway/core/core.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#include "gateway/core/internal.h"
#include "gateway/v12/engine.h"

struct core *core_new(const struct config *config, const struct core_sink *sink,
                      const uint8_t seed[16])
{
    struct core *core = calloc(1, sizeof *core);

    if (!core)
        return NULL;
    core->config = config;
    core->sink = *sink;
    memcpy(&core->key, seed, sizeof core->key);
    /* Another than that of the tables: of this one anybody sees the results, and it may last. */
    core->id_key =
        (struct hash_key){keyed_hash(&core->key, "id 0", 4), keyed_hash(&core->key, "id 1", 4)};
    core->sessions.key = &core->key;
    core->keeps_offline = config->broker.offline == OFFLINE_STORE;
    core->keeps_wills = *config->store.path && config->store.sync != SYNC_OFF;
    core->qos2_safe = config->broker.qos2_subscriptions == QOS2_SAFE;
    core->can_keep_later =
        config->broker.mqtt_version == MQTT_VERSION_5 && config->broker.session_grace > 0;
    core->advertise.owner = OWNER_ADVERTISE;
    core->draining.owner = OWNER_SPOOL;
    for (size_t i = 0; i < 256; i++)
        core->links[i] = (struct core_link){.max_packet = SN_PACKET_MAX, .retry_count = -1};
    if (!throttle_init(&core->throttle, config->gateway.max_unknown_senders) ||
        !deadlines_reserve(&core->deadlines, 64)) {
        core_free(core);
        return NULL;
    }
    return core;
}

void core_free(struct core *core)
{
    if (!core)
        return;
    while (core->attempt_list)
        attempt_free(core, core->attempt_list);
    spool_fini(&core->spool);
    sessions_fini(&core->sessions);
    deadlines_fini(&core->deadlines);
    throttle_fini(&core->throttle);
    free(core);
}

void core_configure(struct core *core, const struct config *config)
{
    core->config = config;
    /* The new timers may be due earlier than the old; what is due already fires at once. */
    for (uint32_t i = 0; i < core->sessions.count; i++)
        session_arm(core, core->sessions.slots[i], 0);
    deadline_set(&core->deadlines, &core->draining, 0);
    if (core->broker_up) /* clients count on the Duration they were told (6.1): tell the new one */
        deadline_set(&core->deadlines, &core->advertise,
                     config->gateway.advertise_interval_ms > 0 ? 0 : NEVER);
}

void core_link(struct core *core, uint8_t link, const struct core_link *profile)
{
    core->links[link] = *profile;
    if (profile->max_packet > SN_PACKET_MAX)
        core->links[link].max_packet = SN_PACKET_MAX;
}

void core_link_up(struct core *core, msec_t now, uint8_t link, bool up)
{
    core->link_down[link] = !up;
    for (uint32_t i = 0; i < core->sessions.count; i++) {
        struct session *s = core->sessions.slots[i];
        if (session_live(s) && s->reachable && s->peer.link == link)
            (up ? deliver_resume : deliver_suspend)(core, s, now);
    }
}

static void count_malformed(struct core *core, enum sn_error error)
{
    static const enum counter counters[] = {
        [SN_E_SHORT] = COUNT_malformed_short,         [SN_E_LENGTH] = COUNT_malformed_length,
        [SN_E_TYPE] = COUNT_malformed_type,           [SN_E_TRAILING] = COUNT_malformed_long,
        [SN_E_FORWARDER] = COUNT_malformed_forwarder, [SN_E_NODE_ID] = COUNT_malformed_node_id,
    };

    count(core, counters[error]);
}

void core_datagram(struct core *core, msec_t now, const struct sn_peer *from, struct sn_bytes wire)
{
    struct sn_peer peer = *from;
    struct sn_packet p;
    size_t trailing = 0;
    enum sn_error error = SN_OK;

    count(core, COUNT_datagrams);
    if (sn_is_forwarded(wire))
        error = sn_unwrap(wire, &peer, &wire);
    if (error == SN_OK)
        error = sn_decode(&p, wire, &trailing);
    if (error != SN_OK) {
        count_malformed(core, error);
        return;
    }
    if (trailing > 0)
        count(core, COUNT_trailing_octets);
    wire.len -= trailing;
    v12_packet(core, now, &peer, &p, wire);
}

static void broker_seen(struct core *core, msec_t now, bool up)
{
    discover_broker(core, now, up);
    if (up)
        spool_broker_back(core, now);
}

void core_bridge_event(struct core *core, msec_t now, const struct bridge_event *event)
{
    if (event->session.slot == GATEWAY_SELF.slot) {
        if (event->type == BRIDGE_OPENED || event->type == BRIDGE_CLOSED)
            broker_seen(core, now, event->type == BRIDGE_OPENED && event->result == BRIDGE_OK);
        else if (event->type == BRIDGE_PUBLISHED)
            spool_answered(core, NULL, now, event);
        return;
    }
    struct session *s = session_of(&core->sessions, event->session);
    if (!s) {
        count(core,
              event->type == BRIDGE_MESSAGE ? COUNT_messages_without_client : COUNT_late_answers);
        return;
    }
    switch (event->type) {
    case BRIDGE_OPENED: connect_opened(core, s, now, event); break;
    case BRIDGE_CLOSED: upstream_closed(core, s, now, event->result); break;
    case BRIDGE_PUBLISHED: publish_answered(core, s, now, event); break;
    case BRIDGE_SUBSCRIBED: subscribe_answered(core, s, now, event); break;
    case BRIDGE_UNSUBSCRIBED: unsubscribe_answered(core, s, event); break;
    case BRIDGE_MESSAGE: arrive(core, s, now, &event->message); break;
    }
}

void core_hears_again(struct core *core, msec_t now)
{
    for (uint32_t i = 0; i < core->sessions.count; i++)
        core->sessions.slots[i]->last_heard = now;
}

msec_t core_deadline(const struct core *core)
{
    const struct deadline *first = deadline_first(&core->deadlines);

    return first ? first->due : NEVER;
}

static void expire_session(struct core *core, struct session *s, msec_t now)
{
    if (now >= session_lost_at(core, s) && s->attempt) {
        s->last_heard = now; /* it connects anew, perhaps elsewhere, and waits for the broker */
    } else if (now >= session_lost_at(core, s)) {
        client_lost(core, s, now);
        return;
    }
    if (!in_reach(core, s)) {
        session_arm(core, s, now); /* only the keep-alive counts */
        return;
    }
    if (s->inflight.waits != IDLE && !s->stalled && now >= s->inflight.due)
        deliver_overdue(core, s, now);
    else
        deliver_next(core, s, now); /* a pause that the client asked for may be over */
    session_arm(core, s, now);
}

#define OWNER(type, d) ((struct type *)(void *)((char *)(d)-offsetof(struct type, deadline)))

void core_expire(struct core *core, msec_t now)
{
    struct deadline *d;

    /* Every handler arms its next deadline later than now, so this ends. */
    while ((d = deadline_first(&core->deadlines)) && d->due <= now) {
        deadline_clear(&core->deadlines, d);
        switch (d->owner) {
        case OWNER_SESSION: expire_session(core, OWNER(session, d), now); break;
        case OWNER_ATTEMPT: connect_abandon(core, OWNER(attempt, d), now); break;
        case OWNER_ADVERTISE: discover_advertise(core, now); break;
        case OWNER_SPOOL: spool_drain(core, now); break;
        }
    }
}

const uint64_t *core_counters(const struct core *core)
{
    return core->counters;
}
