/* SPDX-License-Identifier: Apache-2.0 */
/* core - the gateway without the world around it
 *
 * Datagrams and broker events go in through the doors below, with the time as an argument; what the
 * core wants done leaves through the sink, within the same call. It opens no socket, reads no
 * clock, writes no log and holds no global: a day of keep-alives runs in milliseconds.
 *
 * Every session, topic id, queued message and table it keeps is bounded by the configuration. What
 * it does not answer or keep increments a counter of counters.def.
 */
#ifndef GATEWAY_CORE_CORE_H
#define GATEWAY_CORE_CORE_H

#include "bridge/bridge.h"
#include "config/config.h"
#include "gateway/core/record.h"
#include "sn/peer.h"

typedef uint64_t msec_t; /* monotonic milliseconds */

#define NEVER UINT64_MAX /* no deadline pending */

enum counter {
#define COUNTER(name, help) COUNT_##name,
#include "gateway/core/counters.def"
#undef COUNTER
    COUNTERS
};

/* What happened to a client, for logs. X(name, words) */
#define NOTICES(X)                                                                                 \
    X(CONNECTED, "connected")                                                                      \
    X(REFUSED, "connect refused")                                                                  \
    X(DISCONNECTED, "disconnected")                                                                \
    X(ASLEEP, "asleep")                                                                            \
    X(AWAKE, "awake")                                                                              \
    X(LOST, "lost")                                                                                \
    X(TAKEN_OVER, "taken over by a new address")                                                   \
    X(MOVED, "woke at a new address")                                                              \
    X(EVICTED, "forgotten to make room")                                                           \
    X(UNREACHABLE, "does not answer")                                                              \
    X(QUEUE_DROP, "queue full, message dropped")                                                   \
    X(ENDED_BY_BROKER, "connection ended by the broker")

enum notice_type {
#define X(name, words) NOTICE_##name,
    NOTICES(X)
#undef X
};

struct notice {
    enum notice_type type;
    struct sn_bytes client_id;
    const struct sn_peer *peer; /* NULL when the client has no address now */
    unsigned detail;            /* REFUSED: the return code; ASLEEP, CONNECTED: seconds */
};

/* Where the core's effects go. None of these may call back into the core, except that `request` may
 * report events of the very request through core_bridge_event. */
struct core_sink {
    void *self;
    void (*send)(void *self, const struct sn_peer *to, struct sn_bytes wire);
    void (*broadcast)(void *self, uint8_t link, uint8_t radius, struct sn_bytes wire);
    bool (*request)(void *self, const struct bridge_request *request);
    void (*record)(void *self, const struct record *record);
    void (*notice)(void *self, const struct notice *notice);
};

#define ALL_LINKS 0xFF

struct core;

/* `seed`: 16 random octets that key the hash tables; tests pass a fixed one. NULL when memory is
 * short. The config must outlive the core and may be replaced by core_configure. */
struct core *core_new(const struct config *config, const struct core_sink *sink,
                      const uint8_t seed[16]);
void core_free(struct core *core);

/* Takes over a reloaded configuration: limits, timers and predefined topics hold from now on. */
void core_configure(struct core *core, const struct config *config);

/* What is special about one link. Before core_link: SN_PACKET_MAX and the [gateway] timers. */
struct core_link {
    size_t max_packet;          /* longest datagram, envelope included */
    uint32_t retry_interval_ms; /* T_retry; 0 is that of [gateway] */
    int32_t retry_count;        /* N_retry; negative is that of [gateway] */
};

void core_link(struct core *core, uint8_t link, const struct core_link *profile);

/* A link went away, as a dongle that is unplugged, or came back. While it is down nothing is sent
 * to its peers and no repetition counts; their keep-alive goes on. When it is up again, what is
 * outstanding is sent again. Links are up at first. */
void core_link_up(struct core *core, msec_t now, uint8_t link, bool up);

/* Before anything else comes in: the records of an earlier run, sessions first and each client's
 * rows in their order. False: it contradicts what is there or memory is short; left out. Then
 * core_restored opens what must be open and starts the timers: every client that was connected gets
 * a full period before it counts as lost. */
bool core_restore(struct core *core, msec_t now, const struct record *record);
void core_restored(struct core *core, msec_t now);

void core_datagram(struct core *core, msec_t now, const struct sn_peer *from, struct sn_bytes wire);
void core_bridge_event(struct core *core, msec_t now, const struct bridge_event *event);
void core_expire(struct core *core, msec_t now);
/* Nobody could be heard until now: every client has a full period before it counts as lost. */
void core_hears_again(struct core *core, msec_t now);
msec_t core_deadline(const struct core *core); /* NEVER when nothing is pending */

/* Tells every reachable client DISCONNECT, so that it looks for another gateway (6.12). The last
 * thing before core_free, unless the next run is to go on with the clients. */
void core_stop(struct core *core);

const uint64_t *core_counters(const struct core *core); /* COUNTERS of them */

/* One client as an operator wants to see it. Views live until the next call of any door. */
struct session_view {
    struct sn_bytes client_id;
    const char *state;
    const struct sn_peer *peer; /* NULL: none */
    msec_t last_heard;
    unsigned keep_alive, topics, subscriptions, queued;
    size_t queued_octets;
    bool upstream;
    bool link_up; /* the peer's link */
};

void core_each_session(const struct core *core,
                       void (*each)(void *self, const struct session_view *), void *self);

/* For tests: checks every table, queue and heap against each other, and aborts when one is wrong.
 */
void core_audit(const struct core *core);

#endif
