/* SPDX-License-Identifier: Apache-2.0 */
/* node - one simulated MQTT-SN 1.2 client
 *
 * Pure: packets and the time go in, packets and received messages leave through the sink, within
 * the same call. A node connects (with its will), subscribes, registers its topic, publishes on its
 * schedule, repeats what is not answered, answers what the gateway sends, and sleeps and wakes.
 *
 * All nodes share one plan, one sink and one tally; a node costs some 250 octets, its window and
 * the topic names it has learnt.
 */
#ifndef TOOLS_SIM_NODE_H
#define TOOLS_SIM_NODE_H

#include "sn/packet.h"
#include "tools/sim/latency.h"

typedef uint64_t usec_t; /* monotonic microseconds */

#define NODE_NEVER      UINT64_MAX
#define NODE_ID_TEXT    64
#define NODE_TOPIC_TEXT 1024

struct tally {
#define TALLY(name, words) uint64_t name;
#include "tools/sim/tally.def"
#undef TALLY
    struct latency answer; /* PUBLISH to PUBACK or PUBCOMP */
    usec_t first_sent, last_answered;
};

enum payload { PAYLOAD_TEXT, PAYLOAD_COUNTER, PAYLOAD_TEMPERATURE };

/* A topic as the command line names it: a name with %c for the client id, a predefined id or a
 * short name. */
struct topic_plan {
    enum sn_topic_type type;
    const char *name; /* type normal */
    uint16_t id;      /* the other types */
    bool given;
};

#define PLAN_FILTERS 16

struct plan {
    const char *id_prefix;
    bool clean;
    uint16_t keep_alive_s;
    const char *will_topic, *will_message; /* NULL: none */
    unsigned will_qos;
    bool will_retain;

    struct topic_plan topic;
    uint8_t qos; /* 0..2 or SN_QOS_MINUS_ONE */
    bool retain;
    enum payload payload;
    size_t size;
    uint64_t count;  /* messages per node */
    usec_t interval; /* between two messages of a node; 0: as fast as the window allows */
    uint16_t window; /* messages in flight per node */
    uint32_t run;    /* goes into the stamps */

    struct topic_plan filters[PLAN_FILTERS];
    struct topic_plan names[PLAN_FILTERS]; /* registered beside the topic, not published to */
    uint8_t filter_count, name_count, sub_qos;

    usec_t sleep; /* 0: stays awake */
    usec_t retry;
    unsigned retry_count;
};

struct node;

struct node_sink {
    void *self;
    void (*send)(void *self, struct node *node, const struct sn_packet *packet);
    /* Something arrived. `topic` is empty when the id is unknown to the node. */
    void (*message)(void *self, struct node *node, struct sn_bytes topic,
                    const struct sn_packet *publish);
    void (*ready)(void *self, struct node *node, usec_t now); /* may begin to publish */
    struct tally *tally;
};

enum node_state {
    NODE_IDLE,
    NODE_CONNECTING,
    NODE_WILL_TOPIC,
    NODE_WILL_MESSAGE,
    NODE_SUBSCRIBING,
    NODE_REGISTERING,
    NODE_READY,
    NODE_FALLING_ASLEEP,
    NODE_ASLEEP,
    NODE_WAKING,
    NODE_PAUSING, /* before it connects again */
    NODE_LEAVING,
    NODE_GONE,
    NODE_STATES
};

/* One message on its way. Slot msg_id % window, free when msg_id is 0. */
struct flight {
    uint64_t sequence;
    usec_t sent, deadline;
    uint16_t msg_id;
    uint8_t tries;
    bool released; /* PUBREC came, PUBREL went */
};

struct node_topic {
    uint16_t id;
    uint16_t name_len;
    char *name;
};

#define NODE_HELD 8 /* QoS 2 messages taken and not yet released */

struct node {
    const struct plan *plan;
    const struct node_sink *sink;
    uint32_t number; /* from 1 */
    enum node_state state;

    usec_t request_deadline; /* of the state's request, sleep or pause */
    unsigned request_tries;
    uint16_t request_msg_id;
    uint8_t filters_done, names_done;

    usec_t last_sent, last_connect, ping_deadline;
    unsigned ping_tries;

    usec_t next_publish;
    uint64_t published;
    uint16_t last_msg_id, topic_id;
    struct flight *flights;
    unsigned flying;
    usec_t flight_deadline; /* not later than the earliest of them */

    struct node_topic *topics;
    uint16_t topic_count, topic_cap;
    uint16_t held[NODE_HELD];

    bool was_connected, resuming, quiet, finished, counted_left;
    size_t agenda_place; /* for whoever keeps the deadlines */
};

/* `plan` and `sink` must outlive the node. False when memory is short. */
bool node_init(struct node *n, const struct plan *plan, const struct node_sink *sink,
               uint32_t number);
void node_fini(struct node *n);

void node_start(struct node *n, usec_t now);
/* Publishing begins at `when`; before that a ready node only keeps its connection. */
void node_begin(struct node *n, usec_t now, usec_t when);
void node_packet(struct node *n, usec_t now, const struct sn_packet *packet);
void node_expire(struct node *n, usec_t now);
usec_t node_deadline(const struct node *n);

void node_quiet(struct node *n);            /* publishes nothing new */
void node_stop(struct node *n, usec_t now); /* DISCONNECT, whatever is open */

/* The client id, terminated, in `out`; returns it as a view. */
struct sn_bytes node_id(const struct node *n, char out[NODE_ID_TEXT]);

#endif
