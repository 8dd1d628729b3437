/* SPDX-License-Identifier: Apache-2.0 */
/* From the node: its schedule, its window of messages in flight, their repetitions. */
#include <stdio.h>

#include "tools/sim/node_parts.h"
#include "tools/sim/stamp.h"

#define BURST 64 /* messages published in one call, so that no node starves the others */

static struct tally *tally(const struct node *n)
{
    return n->sink->tally;
}

static bool is_acknowledged(const struct node *n)
{
    return n->plan->qos == 1 || n->plan->qos == 2;
}

bool node_may_publish(const struct node *n)
{
    return n->plan->topic.given && !n->quiet && n->published < n->plan->count &&
           n->next_publish != NODE_NEVER;
}

void node_note_finished(struct node *n)
{
    bool all = n->quiet || n->state == NODE_GONE ||
               (n->plan->topic.given && n->published >= n->plan->count);

    if (!n->finished && all && (n->flying == 0 || n->state == NODE_GONE)) {
        n->finished = true;
        tally(n)->finished++;
    }
}

/* A temperature that wanders between 15 and 25 degrees, different for each node. */
static int temperature_tenths(uint32_t number, uint64_t sequence)
{
    uint64_t phase = (sequence + number * 7) % 200;

    return 150 + (int)(phase < 100 ? phase : 200 - phase);
}

static size_t write_payload(const struct node *n, const struct flight *f, uint8_t *into, size_t cap)
{
    struct stamp stamp = {
        .run = n->plan->run, .client = n->number, .sequence = f->sequence, .time_us = f->sent};
    int tenths = temperature_tenths(n->number, f->sequence);

    switch (n->plan->payload) {
    case PAYLOAD_TEXT: return stamp_write(&stamp, into, n->plan->size, cap);
    case PAYLOAD_COUNTER:
        return (size_t)snprintf((char *)into, cap, "%llu", (unsigned long long)f->sequence);
    case PAYLOAD_TEMPERATURE:
        return (size_t)snprintf((char *)into, cap, "%d.%d", tenths / 10, tenths % 10);
    }
    return 0;
}

static void send_publish(struct node *n, const struct flight *f, bool dup)
{
    static uint8_t payload[SN_PACKET_MAX];
    struct sn_packet p = {.type = SN_PUBLISH, .topic_id = n->topic_id, .msg_id = f->msg_id};

    p.flags = (uint8_t)(sn_qos_flags(n->plan->qos) | n->plan->topic.type);
    if (n->plan->retain)
        p.flags |= SN_FLAG_RETAIN;
    if (dup)
        p.flags |= SN_FLAG_DUP;
    p.body = sn_bytes(payload, write_payload(n, f, payload, sizeof payload));
    node_send(n, &p);
}

static void send_pubrel(struct node *n, uint16_t msg_id)
{
    node_send(n, &(struct sn_packet){.type = SN_PUBREL, .msg_id = msg_id});
}

static struct flight *flight_of(struct node *n, uint16_t msg_id)
{
    struct flight *f = &n->flights[msg_id % n->plan->window];

    return msg_id != 0 && f->msg_id == msg_id ? f : NULL;
}

static void land(struct node *n, struct flight *f)
{
    f->msg_id = 0;
    n->flying--;
    tally(n)->open--;
}

static void count_sent(struct node *n, usec_t now)
{
    struct tally *t = tally(n);

    if (t->sent++ == 0)
        t->first_sent = now;
    t->last_answered = is_acknowledged(n) ? t->last_answered : now;
    n->published++;
    n->last_sent = now;
}

static bool publish_one(struct node *n, usec_t now)
{
    struct flight message = {.sequence = n->published + 1, .sent = now};

    if (is_acknowledged(n)) {
        uint16_t next = (uint16_t)(n->last_msg_id == UINT16_MAX ? 1 : n->last_msg_id + 1);
        struct flight *f = &n->flights[next % n->plan->window];
        if (f->msg_id != 0)
            return false;
        message.msg_id = node_next_msg_id(n);
        message.deadline = now + n->plan->retry;
        *f = message;
        if (n->flying++ == 0 || message.deadline < n->flight_deadline)
            n->flight_deadline = message.deadline;
        tally(n)->open++;
    }
    count_sent(n, now);
    send_publish(n, &message, false);
    return true;
}

/* The schedule is kept even when the node was late, so that the offered rate holds. */
void node_publish_due(struct node *n, usec_t now)
{
    for (int i = 0; i < BURST; i++) {
        if (n->next_publish > now || !node_may_publish(n) || !publish_one(n, now))
            return;
        n->next_publish = n->plan->interval > 0 ? n->next_publish + n->plan->interval : now;
    }
}

static void repeat(struct node *n, struct flight *f, usec_t now)
{
    f->deadline = now + n->plan->retry;
    tally(n)->retries++;
    n->last_sent = now;
    if (f->released)
        send_pubrel(n, f->msg_id);
    else
        send_publish(n, f, true);
}

static void refresh_deadline(struct node *n)
{
    n->flight_deadline = NODE_NEVER;
    for (unsigned i = 0; i < n->plan->window; i++)
        if (n->flights[i].msg_id != 0 && n->flights[i].deadline < n->flight_deadline)
            n->flight_deadline = n->flights[i].deadline;
}

/* A message that was never answered ends the connection too (6.13). */
void node_repeat_flights(struct node *n, usec_t now)
{
    bool dead = false;

    for (unsigned i = 0; i < n->plan->window && n->flying > 0; i++) {
        struct flight *f = &n->flights[i];
        if (f->msg_id == 0 || f->deadline > now)
            continue;
        if (f->tries >= n->plan->retry_count) {
            tally(n)->gave_up++;
            land(n, f);
            dead = true;
        } else {
            f->tries++;
            repeat(n, f, now);
        }
    }
    refresh_deadline(n);
    node_note_finished(n);
    if (dead)
        node_reconnect(n, now);
}

/* After a new connection what was in flight goes out again, with its old message ids. */
void node_resume_flights(struct node *n, usec_t now)
{
    for (unsigned i = 0; i < n->plan->window && n->flying > 0; i++)
        if (n->flights[i].msg_id != 0)
            repeat(n, &n->flights[i], now);
    refresh_deadline(n);
}

static void answered(struct node *n, struct flight *f, usec_t now)
{
    tally(n)->acknowledged++;
    tally(n)->last_answered = now;
    latency_add(&tally(n)->answer, now - f->sent);
    land(n, f);
    node_note_finished(n);
    node_proceed(n, now);
}

static void refused(struct node *n, struct flight *f, usec_t now, uint8_t code)
{
    if (code == SN_INVALID_TOPIC_ID && n->plan->topic.type == SN_TOPIC_NORMAL &&
        n->state == NODE_READY && f->tries < n->plan->retry_count) {
        f->tries++; /* register again; then everything in flight is repeated */
        n->topic_id = 0;
        node_enter(n, NODE_REGISTERING, now);
        return;
    }
    if (code == SN_CONGESTION)
        return; /* it is repeated after T_retry, the plan's T_WAIT */
    tally(n)->refused++;
    land(n, f);
    node_note_finished(n);
    node_proceed(n, now);
}

void node_on_puback(struct node *n, usec_t now, const struct sn_packet *p)
{
    struct flight *f = flight_of(n, p->msg_id);

    if (p->return_code != SN_ACCEPTED)
        tally(n)->rejected++;
    if (!f) {
        /* Without a message in flight a refusal means one of QoS 0; other answers are repeated. */
        tally(n)->refused += p->return_code != SN_ACCEPTED && n->plan->qos == 0;
        return;
    }
    if (p->return_code != SN_ACCEPTED)
        refused(n, f, now, p->return_code);
    else if (n->plan->qos == 1)
        answered(n, f, now);
}

void node_on_pubrec(struct node *n, usec_t now, const struct sn_packet *p)
{
    struct flight *f = flight_of(n, p->msg_id);

    if (f && n->plan->qos != 2)
        return;
    if (f && !f->released) {
        f->released = true;
        f->tries = 0;
        f->deadline = now + n->plan->retry;
    }
    send_pubrel(n, p->msg_id); /* also for an id that is done: the gateway waits for it */
}

void node_on_pubcomp(struct node *n, usec_t now, const struct sn_packet *p)
{
    struct flight *f = flight_of(n, p->msg_id);

    if (f && f->released)
        answered(n, f, now);
}
