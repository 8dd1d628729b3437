/* SPDX-License-Identifier: Apache-2.0 */
/* aggregating - all sessions over a few links
 *
 * What the files of this mode share: aggregating.c (the sessions), places.c (the links, and which
 * filter is on which), shared.c (publishing over the links, a fair share for each), detour.c (over
 * another one while a link stays out), demand.c (what the broker is asked for), asks.c (who waits
 * for the answers), inheriting.c (what the broker has of an earlier run), restoring.c (after a
 * loss, until the broker has been asked again), hand_on.c (whose a message is).
 *
 * A link carries the publishes of the sessions that are hashed to it by client id, and filters. QoS
 * 0 goes out over a link of its own, so that it does not wait behind the others' acknowledgements
 * nor use up their packet identifiers: the order between a device's QoS 0 and its other publishes
 * is not kept.
 *
 * While one link is open the sessions are. So the loss of one is not told to any session: what it
 * publishes waits for a while, or goes over another link when that one stays out, and what it
 * subscribes to is asked when the link is back.
 */
#ifndef BRIDGE_AGGREGATING_H
#define BRIDGE_AGGREGATING_H

#include <sys/queue.h>

#include "bridge/filters.h"
#include "bridge/mode.h"
#include "bridge/pending.h"

enum {
    SHARED_LINKS_MAX = 1000,      /* as max_connections can be */
    QOS0_LINK = SHARED_LINKS_MAX, /* its number */
};

enum session_state { SESSION_CLOSED, SESSION_OPENING, SESSION_OPEN, SESSION_AWAY };

struct session_will {
    uint32_t payload_len;
    uint16_t topic_len;
    uint8_t qos;
    bool retain;
    uint8_t octets[]; /* topic, payload */
};

struct lane;

struct session {
    char *client_id; /* NULL: nothing is known of this slot */
    struct session_will *will;
    struct lane *lane; /* publishes that wait; NULL: none */
    uint32_t generation;
    uint8_t link, home; /* of its QoS 1 and 2 publishes; see detour.c */
    uint8_t serial;     /* counts OPEN and CLOSE: answers to what came before are not told */
    uint16_t asks;      /* of subscriptions, without an answer */
    uint8_t state : 4;
    bool present : 1; /* for OPENED: its subscriptions are still held */
    bool patient : 1;
};

/* A publish under way: whom its answer is for. */
struct upload {
    struct session_ref session; /* slot 0: free */
    uint64_t token;
    uint32_t next; /* free one */
    uint8_t serial;
    bool is_will;
};

/* The publishes of one session that wait for a place in the window of its link. It outlives the
 * session when that is closed. */
struct lane {
    TAILQ_ENTRY(lane) turns;      /* of the link: who is next */
    struct pending_table waiting; /* `sent_at`: since when the gateway has it, 0 goes without a
                                     word; `quiet`: a will */
    struct session_ref session;
    uint8_t serial;
    bool detached; /* the session is closed */
    bool served;   /* one of its messages is being told or sent: it is not to be freed */
};

struct shared_link {
    struct broker_link *link; /* NULL: closed */
    bool open;
    bool overfull; /* the broker has more of an earlier run than max_filters */
    bool present;  /* the broker remembered it when it was opened last */
    bool pumping;
    bool given_up; /* its last attempt failed, or the broker is away: nothing may wait */
    bool expected; /* is soon to be opened, and may have to ask again; see restoring.c */
    bool hopeless; /* its last attempt failed while others were open */
    uint64_t opened_at;
    uint64_t out_since;  /* given up while others are open, 0: is not */
    uint32_t unanswered; /* filters that the broker forgot and has not answered */
    struct upload *uploads;
    uint32_t uploads_free, uploads_used;
    TAILQ_HEAD(, lane) lanes;
    uint32_t wills;               /* in lanes */
    uint32_t asks;                /* SUBSCRIBE and UNSUBSCRIBE without answer */
    uint32_t first_due, last_due; /* filters that wait for room among these */
    uint32_t filters;             /* that have a place here */
    uint32_t first_here, last_here;
    uint32_t next_here; /* of the walk over them that is under way */
    bool absent;        /* demand_absent has been said of them */
    uint32_t empty_since_s;
};

/* One session's SUBSCRIBE until it is answered. */
struct subscriber_ask {
    struct subscriber_ask *next, *prev;
    uint64_t token;
    uint32_t slot;
    uint8_t qos;
    uint8_t serial; /* of the session: after CLOSE or OPEN nobody is told */
    bool current;   /* of the SUBSCRIBE under way, or else of the next */
    bool patient;   /* of what the session already had: it waits for the link */
};

/* What the broker was told of one filter. */
struct demand {
    struct subscriber_ask *asks; /* the oldest first: the last one of a session decides */
    uint32_t next_due;
    uint32_t next_here, prev_here; /* on the same link */
    uint32_t replayed_ms;          /* the last SUBACK, or retained message without an identifier */
    uint16_t link;
    uint8_t round;
    uint8_t asked_qos;
    bool placed : 1;    /* on the link */
    bool inherited : 1; /* from an earlier run; who wants it may still say so */
    bool held : 1;      /* the broker has the subscription, or may have it */
    bool was_held : 1;  /* before the SUBSCRIBE under way */
    bool under_way : 1; /* SUBSCRIBE or UNSUBSCRIBE is not answered */
    bool due : 1;       /* in the link's queue */
    bool unsure : 1;    /* asked_qos may not have reached the broker */
    bool renew : 1;     /* the broker has forgotten it */
    bool refused : 1;   /* nobody asks again before the next subscriber or connection does */
    bool awaited : 1;   /* among its link's `unanswered` */
};

struct aggregating {
    struct bridge *bridge;
    struct shared_link *links; /* SHARED_LINKS_MAX */
    uint32_t count, open;      /* of links that are or were there; of those that are open */
    struct broker_link *qos0;
    struct session *sessions; /* by slot; 0 stays empty */
    size_t slots;
    struct filters *filters;
    struct demand *demands; /* by number of the filter */
    uint32_t demands_room;
    bool told_full;
    bool inherits;        /* filters of an earlier run, until a while after `opened_s` */
    uint32_t opened_s;    /* the first link, or not before */
    bool restoring;       /* publishes of QoS 1 and 2 wait */
    bool impatient;       /* ... no more */
    uint64_t restored_at; /* ms; when it last went on */
    uint8_t run;          /* tells subscription identifiers of this process from an earlier one's */
    uv_timer_t tick;
};

static inline struct bridge_counters *counters_of(const struct aggregating *a)
{
    return broker_counters(a->bridge->broker);
}

/* NULL: the slot holds another generation, or nothing. */
struct session *aggregated_session(const struct aggregating *a, struct session_ref ref);

/* A subscription identifier has 28 bits: the filter's number, the round, the run. */
enum { ROUND_SHIFT = 21, RUN_SHIFT = 24, RUN_MASK = 0xF };

static inline uint32_t demand_identifier(const struct aggregating *a, uint32_t number,
                                         uint8_t round)
{
    return number | (uint32_t)round << ROUND_SHIFT | (uint32_t)(a->run & RUN_MASK) << RUN_SHIFT;
}

static inline struct demand *demand_of(const struct aggregating *a, uint32_t number)
{
    return &a->demands[number];
}

/* Is it a filter of this link? Not of one that has no place yet. */
static inline bool demand_is_on(const struct aggregating *a, uint32_t number,
                                const struct shared_link *l)
{
    return filters_has(a->filters, number) && demand_of(a, number)->placed &&
           &a->links[demand_of(a, number)->link] == l;
}

static inline uint32_t aggregated_seconds(const struct aggregating *a)
{
    return (uint32_t)(uv_now(a->bridge->loop) / 1000);
}

/* Wraps around; only differences count. */
static inline uint32_t aggregated_ms(const struct aggregating *a)
{
    return (uint32_t)uv_now(a->bridge->loop);
}

/* places.c */
bool places_open(struct bridge *bridge);
bool places_survive_restart(const struct aggregating *a);
void places_tick(struct aggregating *a);
/* Which of [broker] connections something is hashed to. */
uint32_t shared_number(const struct aggregating *a, struct sn_bytes text);
/* False: there is no room on any link; the operator has been told. */
bool place_take(struct aggregating *a, struct sn_bytes filter, uint16_t *link);
/* What has taken a place is among the link's from here on, and leaves it. */
void place_enter(struct aggregating *a, uint32_t number);
void place_give_back(struct aggregating *a, uint32_t number);
/* The filters of a link one by one: `for (n = place_first(a, l); n > 0; n = place_next(a, l))`.
 * They may come and go meanwhile. One walk at a time. */
uint32_t place_first(const struct aggregating *a, struct shared_link *l);
uint32_t place_next(const struct aggregating *a, struct shared_link *l);
/* To be written down; `connection` 0: not any more. */
void place_record(const struct aggregating *a, struct sn_bytes filter, uint32_t connection);
bool place_is_long_ago(const struct aggregating *a, uint32_t since_s);

/* inheriting.c */
void inherit_place(struct bridge *bridge, struct sn_bytes filter, uint32_t connection);
void inheriting_tick(struct aggregating *a);

/* shared.c */
bool shared_init(struct aggregating *a, struct shared_link *l);
void shared_fini(struct shared_link *l);
bool shared_publish(struct aggregating *a, struct session *s, const struct bridge_request *r);
/* The will of a session that is lost. */
void shared_publish_will(struct aggregating *a, struct session *s, uint32_t slot);
/* The session is closed or opened anew; what waits goes on without it. */
void shared_detach(struct session *s);
void shared_answered(struct aggregating *a, struct shared_link *l, const struct bridge_event *e);
void shared_pump(struct aggregating *a, struct shared_link *l);
/* What waits and what returns is given back from now on. */
void shared_give_up(struct aggregating *a, struct shared_link *l);

/* detour.c */
struct shared_link *detour_of(struct aggregating *a, struct session *s, uint32_t slot);
void detour_tick(struct aggregating *a, struct shared_link *l);

/* asks.c */
enum which { ASKS_UNDER_WAY, ASKS_IN_HASTE, ASKS_ALL };
bool asks_full(struct aggregating *a, uint32_t slot);
void asks_add(struct aggregating *a, struct demand *d, struct subscriber_ask *ask);
/* Takes the oldest of these out. NULL: there is none. */
struct subscriber_ask *asks_take(struct demand *d, enum which which);
void asks_free(struct aggregating *a, struct subscriber_ask *ask); /* that was taken out */
/* Has its session asked for the same filter again? */
bool asks_another(const struct aggregating *a, const struct demand *d,
                  const struct subscriber_ask *taken);
void asks_forget(struct aggregating *a, struct demand *d, uint32_t slot);

/* demand.c */
bool demand_subscribe(struct aggregating *a, const struct bridge_request *r);
void demand_unsubscribe(struct aggregating *a, uint32_t slot, struct sn_bytes filter);
void demand_drop(struct aggregating *a, uint32_t slot); /* all its subscriptions */
void demand_opened(struct aggregating *a, struct shared_link *l, bool present);
void demand_lost(struct aggregating *a, struct shared_link *l);
/* The link could not be opened, or none is left: who asks for one of its filters is told, unless it
 * is patient. */
void demand_failed(struct aggregating *a, struct shared_link *l);
/* Nothing comes for the filters of this link before they are asked again, or only late. */
void demand_absent(struct aggregating *a, struct shared_link *l);
void demand_ask_next(struct aggregating *a, struct shared_link *l);
void demand_answered(struct aggregating *a, struct shared_link *l, const struct bridge_event *e);
bool demand_reserve(struct aggregating *a, uint32_t number); /* False: memory is short */
void demand_settle(struct aggregating *a, uint32_t number);
void demand_forget(struct aggregating *a, uint32_t number); /* at the end */

/* restoring.c */
void restoring_start(struct aggregating *a);
void restoring_opened(struct aggregating *a, struct shared_link *l);
void restoring_lost(struct aggregating *a, struct shared_link *l);
/* It will not be opened soon. */
void restoring_failed(struct aggregating *a, struct shared_link *l);
/* Have publishes waited long enough? */
void restoring_review(struct aggregating *a);
void restoring_tick(struct aggregating *a);

/* hand_on.c */
/* Do retained messages of the last round seem to be coming? */
bool hand_on_replays(const struct aggregating *a, uint32_t number);
void hand_on_message(struct aggregating *a, struct shared_link *l, const struct bridge_event *e);

#endif
