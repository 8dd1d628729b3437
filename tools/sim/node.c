/* SPDX-License-Identifier: Apache-2.0 */
/* The node's connection: connect, will, subscribe, register, keep-alive, sleep, leave. */
#include "tools/sim/node.h"

#include <stdlib.h>

#include "tools/sim/node_parts.h"

#define SECOND UINT64_C(1000000)

static struct tally *tally(const struct node *n)
{
    return n->sink->tally;
}

void node_send(struct node *n, const struct sn_packet *packet)
{
    n->sink->send(n->sink->self, n, packet);
}

uint16_t node_next_msg_id(struct node *n)
{
    n->last_msg_id = (uint16_t)(n->last_msg_id == UINT16_MAX ? 1 : n->last_msg_id + 1);
    return n->last_msg_id;
}

/* The only assignment to n->state. A state with a request sends it at once and then waits T_retry
 * for the answer. */
void node_enter(struct node *n, enum node_state state, usec_t now)
{
    n->state = state;
    n->request_tries = 0;
    n->request_deadline = NODE_NEVER;
    n->ping_deadline = NODE_NEVER;
    n->ping_tries = 0;
    if (state == NODE_SUBSCRIBING || state == NODE_REGISTERING)
        n->request_msg_id = node_next_msg_id(n);
    if (state == NODE_CONNECTING)
        n->last_connect = now;
    if (node_has_request(state)) {
        n->request_deadline = now + n->plan->retry;
        n->last_sent = now;
        node_request(n);
    }
    if (state == NODE_GONE && !n->counted_left) {
        n->counted_left = true;
        tally(n)->left++;
    }
}

static void fail(struct node *n, usec_t now)
{
    if (!n->was_connected)
        tally(n)->failed++;
    node_enter(n, NODE_GONE, now);
    node_note_finished(n);
}

static void refuse(struct node *n, usec_t now)
{
    tally(n)->refused++;
    fail(n, now);
}

/* A broken connection is built up again from the start, but not more than once a second. */
void node_reconnect(struct node *n, usec_t now)
{
    n->resuming = false;
    if (now - n->last_connect >= SECOND) {
        node_enter(n, NODE_CONNECTING, now);
        return;
    }
    node_enter(n, NODE_PAUSING, now);
    n->request_deadline = n->last_connect + SECOND;
}

static void be_ready(struct node *n, usec_t now)
{
    node_enter(n, NODE_READY, now);
    node_resume_flights(n, now);
    if (n->next_publish == NODE_NEVER && !n->quiet)
        n->sink->ready(n->sink->self, n, now);
    node_proceed(n, now);
}

static void set_up_next(struct node *n, usec_t now)
{
    if (n->filters_done < n->plan->filter_count)
        node_enter(n, NODE_SUBSCRIBING, now);
    else if (node_registers(n))
        node_enter(n, NODE_REGISTERING, now);
    else
        be_ready(n, now);
}

static void on_connack(struct node *n, usec_t now, const struct sn_packet *p)
{
    if (p->return_code != SN_ACCEPTED) {
        tally(n)->rejected++;
        if (p->return_code != SN_CONGESTION || n->request_tries >= n->plan->retry_count)
            refuse(n, now);
        else
            n->request_deadline = now + n->plan->retry; /* the repetition is the next attempt */
        return;
    }
    if (!n->was_connected)
        tally(n)->connected++;
    n->was_connected = true;
    if (n->resuming) {
        be_ready(n, now);
        return;
    }
    if (n->plan->clean) {
        node_forget_topics(n);
        memset(n->held, 0, sizeof n->held);
    }
    n->filters_done = n->names_done = 0;
    if (n->plan->topic.type == SN_TOPIC_NORMAL)
        n->topic_id = 0;
    set_up_next(n, now);
}

static void on_will_topic_req(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)p;
    if (n->plan->will_topic && n->state == NODE_CONNECTING)
        node_enter(n, NODE_WILL_TOPIC, now);
}

static void on_will_msg_req(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)p;
    node_enter(n, NODE_WILL_MESSAGE, now);
}

static void on_suback(struct node *n, usec_t now, const struct sn_packet *p)
{
    const struct topic_plan *filter = &n->plan->filters[n->filters_done];
    char name[NODE_TOPIC_TEXT];

    if (p->msg_id != n->request_msg_id)
        return;
    if (p->return_code == SN_CONGESTION && n->request_tries < n->plan->retry_count) {
        tally(n)->rejected++;
        return;
    }
    if (p->return_code != SN_ACCEPTED) {
        tally(n)->rejected++;
        tally(n)->refused++;
    } else if (filter->type == SN_TOPIC_NORMAL && p->topic_id != 0) {
        node_learn(n, p->topic_id, node_topic_name(n, filter, name));
    }
    n->filters_done++;
    set_up_next(n, now);
}

static void on_regack(struct node *n, usec_t now, const struct sn_packet *p)
{
    const struct topic_plan *topic = node_registers(n);
    char name[NODE_TOPIC_TEXT];

    if (p->msg_id != n->request_msg_id || !topic)
        return;
    if (p->return_code != SN_ACCEPTED) {
        tally(n)->rejected++;
        if (p->return_code == SN_CONGESTION && n->request_tries < n->plan->retry_count)
            return;
        refuse(n, now);
        return;
    }
    node_learn(n, p->topic_id, node_topic_name(n, topic, name));
    if (topic == &n->plan->topic)
        n->topic_id = p->topic_id;
    else
        n->names_done++;
    set_up_next(n, now);
}

static void on_pingreq(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)now;
    (void)p;
    node_send(n, &(struct sn_packet){.type = SN_PINGRESP});
}

static void on_pingresp(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)now;
    (void)p;
    n->ping_deadline = NODE_NEVER;
    n->ping_tries = 0;
}

static void go_to_sleep(struct node *n, usec_t now)
{
    node_enter(n, NODE_ASLEEP, now);
    n->request_deadline = now + n->plan->sleep;
}

static void on_drained(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)p;
    tally(n)->wakes++;
    go_to_sleep(n, now);
}

static void on_asleep(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)p;
    go_to_sleep(n, now);
}

static void on_gone(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)p;
    node_enter(n, NODE_GONE, now);
}

static void on_sent_away(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)p;
    tally(n)->sent_away++;
    node_reconnect(n, now);
}

/* The answer to something that an earlier life of this address sent; the CONNECT still counts. */
static void on_ignored(struct node *n, usec_t now, const struct sn_packet *p)
{
    (void)n;
    (void)now;
    (void)p;
}

typedef void handler(struct node *, usec_t, const struct sn_packet *);

/* What every connected state understands. */
#define CONNECTED                                                                                  \
    [SN_REGISTER] = node_on_register, [SN_PUBLISH] = node_on_publish,                              \
    [SN_PUBREL] = node_on_pubrel, [SN_PINGREQ] = on_pingreq, [SN_PUBACK] = node_on_puback,         \
    [SN_PUBREC] = node_on_pubrec, [SN_PUBCOMP] = node_on_pubcomp

#define RULES_TYPES 0x20

static handler *const rules[NODE_STATES][RULES_TYPES] = {
    [NODE_CONNECTING] = {[SN_CONNACK] = on_connack,
                         [SN_WILLTOPICREQ] = on_will_topic_req,
                         [SN_DISCONNECT] = on_ignored},
    [NODE_WILL_TOPIC] = {[SN_WILLMSGREQ] = on_will_msg_req,
                         [SN_WILLTOPICREQ] = on_ignored,
                         [SN_CONNACK] = on_connack,
                         [SN_DISCONNECT] = on_sent_away},
    [NODE_WILL_MESSAGE] =
        {[SN_CONNACK] = on_connack, [SN_WILLMSGREQ] = on_ignored, [SN_DISCONNECT] = on_sent_away},
    [NODE_SUBSCRIBING] = {CONNECTED, [SN_SUBACK] = on_suback, [SN_DISCONNECT] = on_sent_away},
    [NODE_REGISTERING] = {CONNECTED, [SN_REGACK] = on_regack, [SN_DISCONNECT] = on_sent_away},
    [NODE_READY] = {CONNECTED, [SN_PINGRESP] = on_pingresp, [SN_DISCONNECT] = on_sent_away},
    [NODE_FALLING_ASLEEP] = {CONNECTED, [SN_DISCONNECT] = on_asleep},
    [NODE_WAKING] = {CONNECTED, [SN_PINGRESP] = on_drained, [SN_DISCONNECT] = on_sent_away},
    [NODE_LEAVING] = {CONNECTED, [SN_DISCONNECT] = on_gone},
};

void node_packet(struct node *n, usec_t now, const struct sn_packet *packet)
{
    handler *rule = packet->type < RULES_TYPES ? rules[n->state][packet->type] : NULL;

    if (n->state == NODE_ASLEEP) {
        tally(n)->heard_asleep++;
        return;
    }
    if (!rule) {
        tally(n)->unexpected++;
        return;
    }
    /* While the queue is being drained every message restarts T_retry (6.14). */
    if (n->state == NODE_WAKING)
        n->request_deadline = now + n->plan->retry;
    rule(n, now, packet);
}

static void give_up(struct node *n, usec_t now)
{
    if (n->state == NODE_LEAVING) {
        tally(n)->gave_up++;
        node_enter(n, NODE_GONE, now);
    } else if (n->state == NODE_WAKING) {
        tally(n)->unanswered_wakes++;
        go_to_sleep(n, now);
    } else if (n->state == NODE_FALLING_ASLEEP) {
        tally(n)->gave_up++;
        go_to_sleep(n, now);
    } else if (n->was_connected && n->state != NODE_CONNECTING) {
        tally(n)->gave_up++;
        node_reconnect(n, now);
    } else {
        tally(n)->gave_up++;
        fail(n, now);
    }
}

/* Awake again: with something to publish it comes back by CONNECT, otherwise it only fetches what
 * waits for it. */
static void wake(struct node *n, usec_t now)
{
    n->resuming = true;
    if (n->next_publish <= now && node_may_publish(n))
        node_enter(n, NODE_CONNECTING, now);
    else
        node_enter(n, NODE_WAKING, now);
}

static void request_expired(struct node *n, usec_t now)
{
    if (n->state == NODE_ASLEEP) {
        wake(n, now);
    } else if (n->state == NODE_PAUSING) {
        node_enter(n, NODE_CONNECTING, now);
    } else if (n->request_tries >= n->plan->retry_count) {
        give_up(n, now);
    } else {
        n->request_tries++;
        n->request_deadline = now + n->plan->retry;
        tally(n)->retries++;
        node_request(n);
    }
}

static usec_t ping_due(const struct node *n)
{
    if (n->state != NODE_READY || n->plan->keep_alive_s == 0 || n->plan->qos == SN_QOS_MINUS_ONE)
        return NODE_NEVER;
    if (n->ping_deadline != NODE_NEVER)
        return n->ping_deadline;
    return n->last_sent + n->plan->keep_alive_s * SECOND * 8 / 10;
}

static void ping(struct node *n, usec_t now)
{
    if (n->ping_tries > n->plan->retry_count) {
        tally(n)->gave_up++;
        node_reconnect(n, now);
        return;
    }
    tally(n)->retries += n->ping_tries > 0;
    n->ping_tries++;
    n->ping_deadline = now + n->plan->retry;
    n->last_sent = now;
    node_send(n, &(struct sn_packet){.type = SN_PINGREQ});
}

/* In a ready node nothing waits: publish what is due, then sleep if it is one that sleeps. */
void node_proceed(struct node *n, usec_t now)
{
    if (n->state != NODE_READY)
        return;
    node_publish_due(n, now);
    node_note_finished(n);
    bool more = n->next_publish <= now && node_may_publish(n);
    if (n->plan->sleep > 0 && n->flying == 0 && !more)
        node_enter(n, NODE_FALLING_ASLEEP, now);
}

void node_expire(struct node *n, usec_t now)
{
    if (n->request_deadline <= now)
        request_expired(n, now);
    if (n->state == NODE_READY && n->flight_deadline <= now)
        node_repeat_flights(n, now);
    if (ping_due(n) <= now)
        ping(n, now);
    node_proceed(n, now);
}

static bool has_room(const struct node *n)
{
    return n->plan->qos == 0 || n->plan->qos == SN_QOS_MINUS_ONE || n->flying < n->plan->window;
}

usec_t node_deadline(const struct node *n)
{
    usec_t at = n->request_deadline;

    if (n->state != NODE_READY)
        return at;
    if (n->flying > 0 && n->flight_deadline < at)
        at = n->flight_deadline;
    if (node_may_publish(n) && has_room(n) && n->next_publish < at)
        at = n->next_publish;
    return ping_due(n) < at ? ping_due(n) : at;
}

void node_start(struct node *n, usec_t now)
{
    if (n->plan->topic.type != SN_TOPIC_NORMAL)
        n->topic_id = n->plan->topic.id;
    if (n->plan->qos == SN_QOS_MINUS_ONE)
        be_ready(n, now);
    else
        node_enter(n, NODE_CONNECTING, now);
}

void node_begin(struct node *n, usec_t now, usec_t when)
{
    n->next_publish = when;
    if (n->state == NODE_READY)
        node_proceed(n, now);
}

void node_quiet(struct node *n)
{
    n->quiet = true;
    node_note_finished(n);
}

void node_stop(struct node *n, usec_t now)
{
    n->quiet = true;
    if (n->plan->qos == SN_QOS_MINUS_ONE || !n->was_connected)
        node_enter(n, NODE_GONE, now);
    else if (n->state != NODE_GONE && n->state != NODE_LEAVING)
        node_enter(n, NODE_LEAVING, now);
    node_note_finished(n);
}

bool node_init(struct node *n, const struct plan *plan, const struct node_sink *sink,
               uint32_t number)
{
    *n = (struct node){.plan = plan, .sink = sink, .number = number};
    n->request_deadline = n->ping_deadline = n->next_publish = n->flight_deadline = NODE_NEVER;
    n->flights = calloc(plan->window, sizeof *n->flights);
    return n->flights != NULL;
}

void node_fini(struct node *n)
{
    node_forget_topics(n);
    free(n->topics);
    free(n->flights);
}
