/* SPDX-License-Identifier: Apache-2.0 */
/* internal - what the core's parts and the protocol engines share
 *
 * struct core is the whole gateway; nobody outside gateway/core and gateway/v12 sees into it.
 */
#ifndef GATEWAY_CORE_INTERNAL_H
#define GATEWAY_CORE_INTERNAL_H

#include "gateway/core/core.h"
#include "gateway/core/session.h"
#include "gateway/core/throttle.h"
#include "sn/forwarder.h"
#include "sn/packet.h"

/* A connect under way (MQTT-SN 1.2, 6.2, 6.3): the will dialogue, then the broker's answer. The
 * session of the same client id stays as it is until this succeeds. */
struct attempt {
    struct sn_peer peer;
    struct sn_bytes client_id; /* owned */
    enum { WANTS_WILLTOPIC, WANTS_WILLMSG, OPENING } phase;
    uint8_t flags;
    uint16_t keep_alive;
    uint64_t connect_digest;
    msec_t prompted_at; /* with WILLMSGREQ */
    struct will will;
    struct session *session; /* while OPENING */
    bool new_session;        /* made for this attempt: it goes when the attempt fails */
    struct deadline deadline;
    UT_hash_handle hh;
    struct attempt *next, *prev; /* all attempts */
};

struct core {
    const struct config *config;
    struct core_sink sink;
    struct hash_key key;
    struct hash_key id_key; /* of the ids made up for clients that have none */
    bool id_key_used;       /* so it is recorded, and the next run has it, too */
    struct sessions sessions;
    struct attempt *attempts, *attempt_list;
    uint32_t attempt_count;
    struct deadlines deadlines;
    struct deadline advertise;
    struct throttle throttle;
    struct spool spool;
    struct deadline draining; /* of the spool */
    uint64_t drain_free_at;   /* us: when drain_rate allows the next message */
    msec_t rest_until;        /* when backlogs that rest are tried again; 0: none rests */
    uint64_t last_sequence;   /* of recorded messages */
    uint32_t restored;        /* sessions of an earlier run; may exceed max_clients */
    bool restoring;           /* what happens is recorded already */
    bool broker_up;
    /* As the bridge was started with them; a reload does not change these. */
    bool keeps_offline;  /* [broker] offline = store */
    bool keeps_wills;    /* there is a store, so that they outlive the gateway */
    bool qos2_safe;      /* QoS 2 subscriptions are served with QoS 1 upstream */
    bool can_keep_later; /* a clean session's connection may still become a kept one */
    struct core_link links[256];
    bool link_down[256];
    uint64_t counters[COUNTERS];
    uint8_t wire[SN_PACKET_MAX];
    uint8_t wrapped[SN_PACKET_MAX];
};

static inline void count(struct core *core, enum counter which)
{
    core->counters[which]++;
}

/* T_retry and N_retry on the way to this peer. */
static inline msec_t retry_interval(const struct core *core, const struct sn_peer *peer)
{
    uint32_t own = core->links[peer->link].retry_interval_ms;

    return own > 0 ? own : core->config->gateway.retry_interval_ms;
}

static inline uint32_t retry_count(const struct core *core, const struct sn_peer *peer)
{
    int32_t own = core->links[peer->link].retry_count;

    return own >= 0 ? (uint32_t)own : core->config->gateway.retry_count;
}

/* Can a client be sent anything now? */
static inline bool in_reach(const struct core *core, const struct session *s)
{
    return s->reachable && !core->link_down[s->peer.link];
}

/* Sends one packet, in its envelope when the peer is behind a forwarder. False, counted: it is too
 * long for the peer's link. */
bool core_send(struct core *core, const struct sn_peer *to, const struct sn_packet *p);

/* As core_send, with the radius a forwarder should use. */
bool core_send_radius(struct core *core, const struct sn_peer *to, uint8_t radius,
                      const struct sn_packet *p);

void core_notice(struct core *core, enum notice_type type, const struct session *s,
                 unsigned detail);

/* The only way to change a session's state: keeps the table of absent sessions, unbinds the
 * address of one that is no longer connected, and arms the deadline. */
void session_enter(struct core *core, struct session *s, enum session_state state, msec_t now);

/* Sets the deadline to what is due next, unless an earlier one is set already: that one fires,
 * looks, and comes here again. So a life sign costs one store. */
void session_arm(struct core *core, struct session *s, msec_t now);

enum record_state recorded_state(enum session_state state);

/* When the client counts as lost (6.13 with the tolerances of 7.2); NEVER when unsupervised. */
msec_t session_lost_at(const struct core *core, const struct session *s);

/* Takes the message out of the client's outbox, where it is done with or given up. */
void session_drop(struct core *core, struct session *s, struct message *m);

/* Ends a session for good and gives its slot back. The upstream connection must be closed. */
void session_forget(struct core *core, struct session *s);

/* A session for a new client id, evicting the one absent longest when the table is full. NULL: all
 * places are taken by connected clients, or memory is short. */
struct session *session_make(struct core *core, struct sn_bytes client_id);

struct attempt *attempt_at(const struct core *core, const struct sn_peer *peer);
/* NULL: too many, or memory is short. */
struct attempt *attempt_new(struct core *core, const struct sn_peer *peer,
                            struct sn_bytes client_id);
void attempt_free(struct core *core, struct attempt *a);

#endif
