/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/node_stage.h"

#include <check.h>
#include <stdio.h>

#include "sn/print.h"

#define LINES 32

struct plan plan;
struct tally tally;
struct node node;
usec_t now;
static char said[LINES][SN_PRINT_MAX];
static unsigned said_count, heard_count;
char last_message[64];

static void record(void *self, struct node *n, const struct sn_packet *p)
{
    (void)self;
    (void)n;
    ck_assert_uint_lt(said_count, LINES);
    sn_print(said[said_count++], SN_PRINT_MAX, p, true);
}

static void record_message(void *self, struct node *n, struct sn_bytes topic,
                           const struct sn_packet *p)
{
    (void)self;
    (void)n;
    snprintf(last_message, sizeof last_message, "%.*s=%.*s", (int)topic.len,
             (const char *)topic.data, (int)p->body.len, (const char *)p->body.data);
}

static void begin_at_once(void *self, struct node *n, usec_t at)
{
    (void)self;
    node_begin(n, at, at);
}

static const struct node_sink sink = {
    .send = record, .message = record_message, .ready = begin_at_once, .tally = &tally};

void node_stage_set(void)
{
    plan = (struct plan){.id_prefix = "n",
                         .clean = true,
                         .keep_alive_s = 60,
                         .payload = PAYLOAD_COUNTER,
                         .count = 2,
                         .interval = SECOND,
                         .window = 1,
                         .qos = 1,
                         .retry = 10 * SECOND,
                         .retry_count = 2};
    plan.topic = (struct topic_plan){.type = SN_TOPIC_NORMAL, .name = "a/%c", .given = true};
    tally = (struct tally){0};
    now = 1000 * SECOND;
    said_count = heard_count = 0;
}

void node_stage_clear(void)
{
    node_fini(&node);
}

void starts(void)
{
    ck_assert(node_init(&node, &plan, &sink, 7));
    node_start(&node, now);
}

/* The next thing the node said begins like this. */
void says(const char *line)
{
    ck_assert_msg(heard_count < said_count, "silent instead of: %s", line);
    ck_assert_msg(strncmp(said[heard_count], line, strlen(line)) == 0, "'%s' instead of '%s'",
                  said[heard_count], line);
    heard_count++;
}

void is_silent(void)
{
    ck_assert_msg(heard_count == said_count, "unexpected: %s", said[heard_count]);
}

void hears(struct sn_packet p)
{
    node_packet(&node, now, &p);
}

void passes(usec_t time)
{
    now += time;
    if (node_deadline(&node) <= now)
        node_expire(&node, now);
}

void hears_accept(uint8_t type, uint16_t topic_id, uint16_t msg_id)
{
    hears((struct sn_packet){.type = type, .topic_id = topic_id, .msg_id = msg_id});
}

void gets_ready(void)
{
    starts();
    says("CONNECT");
    hears_accept(SN_CONNACK, 0, 0);
    says("REGISTER topic_id=0 msg_id=1 topic=\"a/n7\"");
    hears_accept(SN_REGACK, 5, 1);
}
