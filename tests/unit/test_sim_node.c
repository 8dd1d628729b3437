/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated node told as stories: what the gateway says, what the node says. */
#include <stdio.h>

#include "sn/print.h"
#include "tests/support/run.h"
#include "tools/sim/node_parts.h"

#define SECOND UINT64_C(1000000)
#define LINES  32

static struct plan plan;
static struct tally tally;
static struct node node;
static usec_t now;
static char said[LINES][SN_PRINT_MAX];
static unsigned said_count, heard_count;
static char last_message[64];

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

static void plan_defaults(void)
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

static void tear_down(void)
{
    node_fini(&node);
}

static void starts(void)
{
    ck_assert(node_init(&node, &plan, &sink, 7));
    node_start(&node, now);
}

/* The next thing the node said begins like this. */
static void says(const char *line)
{
    ck_assert_msg(heard_count < said_count, "silent instead of: %s", line);
    ck_assert_msg(strncmp(said[heard_count], line, strlen(line)) == 0, "'%s' instead of '%s'",
                  said[heard_count], line);
    heard_count++;
}

static void is_silent(void)
{
    ck_assert_msg(heard_count == said_count, "unexpected: %s", said[heard_count]);
}

static void hears(struct sn_packet p)
{
    node_packet(&node, now, &p);
}

static void passes(usec_t time)
{
    now += time;
    if (node_deadline(&node) <= now)
        node_expire(&node, now);
}

static void hears_accept(uint8_t type, uint16_t topic_id, uint16_t msg_id)
{
    hears((struct sn_packet){.type = type, .topic_id = topic_id, .msg_id = msg_id});
}

static void gets_ready(void)
{
    starts();
    says("CONNECT");
    hears_accept(SN_CONNACK, 0, 0);
    says("REGISTER topic_id=0 msg_id=1 topic=\"a/n7\"");
    hears_accept(SN_REGACK, 5, 1);
}

START_TEST(publishes_and_finishes)
{
    gets_ready();
    says("PUBLISH qos=1 topic_id=5 msg_id=2 data=1 \"1\"");
    is_silent();
    now += 300;
    hears_accept(SN_PUBACK, 5, 2);
    ck_assert_uint_eq(node_deadline(&node), now - 300 + SECOND);
    passes(SECOND);
    says("PUBLISH qos=1 topic_id=5 msg_id=3 data=1 \"2\"");
    ck_assert_uint_eq(tally.finished, 0);
    hears_accept(SN_PUBACK, 5, 3);
    ck_assert_uint_eq(tally.finished, 1);
    ck_assert_uint_eq(tally.acknowledged, 2);
    ck_assert_uint_eq(tally.open, 0);
    ck_assert_uint_ge(latency_percentile(&tally.answer, 100), 300);
    node_stop(&node, now);
    says("DISCONNECT");
    hears_accept(SN_DISCONNECT, 0, 0);
    ck_assert_uint_eq(tally.left, 1);
    is_silent();
}
END_TEST

START_TEST(registers_more_names_than_it_publishes_to)
{
    plan.names[0] = (struct topic_plan){.name = "b/%c", .given = true};
    plan.names[1] = (struct topic_plan){.name = "c", .given = true};
    plan.name_count = 2;
    starts();
    says("CONNECT");
    hears_accept(SN_CONNACK, 0, 0);
    says("REGISTER topic_id=0 msg_id=1 topic=\"b/n7\"");
    hears_accept(SN_REGACK, 5, 1);
    says("REGISTER topic_id=0 msg_id=2 topic=\"c\"");
    hears_accept(SN_REGACK, 6, 2);
    says("REGISTER topic_id=0 msg_id=3 topic=\"a/n7\"");
    hears_accept(SN_REGACK, 7, 3);
    says("PUBLISH qos=1 topic_id=7");
}
END_TEST

START_TEST(answers_the_will_prompts)
{
    plan.will_topic = "w/%c";
    plan.will_message = "gone";
    plan.will_qos = 1;
    plan.will_retain = true;
    plan.topic.given = false;
    starts();
    says("CONNECT will clean");
    hears_accept(SN_WILLTOPICREQ, 0, 0);
    says("WILLTOPIC qos=1 retain");
    ck_assert_ptr_nonnull(strstr(said[1], "w/n7"));
    hears_accept(SN_WILLTOPICREQ, 0, 0); /* came twice: no second answer */
    is_silent();
    hears_accept(SN_WILLMSGREQ, 0, 0);
    says("WILLMSG");
    hears_accept(SN_CONNACK, 0, 0);
    ck_assert_uint_eq(tally.connected, 1);
    is_silent();
}
END_TEST

START_TEST(subscribes_one_by_one)
{
    plan.filters[0] = (struct topic_plan){.type = SN_TOPIC_NORMAL, .name = "c/%c"};
    plan.filters[1] = (struct topic_plan){.type = SN_TOPIC_PREDEFINED, .id = 9};
    plan.filter_count = 2;
    plan.sub_qos = 1;
    starts();
    says("CONNECT");
    hears_accept(SN_CONNACK, 0, 0);
    says("SUBSCRIBE qos=1");
    is_silent();
    hears_accept(SN_SUBACK, 3, 1);
    says("SUBSCRIBE qos=1");
    hears_accept(SN_SUBACK, 9, 1); /* an old answer again */
    is_silent();
    hears_accept(SN_SUBACK, 9, 2);
    says("REGISTER");
    hears((struct sn_packet){.type = SN_PUBLISH, .topic_id = 3, .body = sn_text("x")});
    ck_assert_str_eq(last_message, "c/n7=x");
    hears((struct sn_packet){
        .type = SN_PUBLISH, .flags = SN_TOPIC_PREDEFINED, .topic_id = 9, .body = sn_text("y")});
    ck_assert_str_eq(last_message, "predefined:9=y");
    is_silent();
}
END_TEST

START_TEST(repeats_with_dup_and_gives_up)
{
    gets_ready();
    says("PUBLISH qos=1");
    passes(10 * SECOND);
    says("PUBLISH qos=1 dup topic_id=5 msg_id=2");
    passes(10 * SECOND);
    says("PUBLISH qos=1 dup topic_id=5 msg_id=2");
    passes(10 * SECOND);
    ck_assert_uint_eq(tally.gave_up, 1);
    ck_assert_uint_eq(tally.retries, 2);
    says("CONNECT"); /* the connection counts as dead */
    is_silent();
}
END_TEST

START_TEST(gives_up_connecting)
{
    starts();
    for (int i = 0; i < 3; i++) {
        says("CONNECT");
        passes(10 * SECOND);
    }
    is_silent();
    ck_assert_uint_eq(tally.failed, 1);
    ck_assert_uint_eq(tally.finished, 1);
    ck_assert_uint_eq(tally.left, 1);
    ck_assert_uint_eq(node_deadline(&node), NODE_NEVER);
}
END_TEST

START_TEST(qos_2_goes_four_ways)
{
    plan.qos = 2;
    gets_ready();
    says("PUBLISH qos=2");
    hears_accept(SN_PUBREC, 0, 2);
    says("PUBREL msg_id=2");
    passes(10 * SECOND);
    says("PUBREL msg_id=2");
    hears_accept(SN_PUBACK, 5, 2); /* does not end QoS 2 */
    ck_assert_uint_eq(tally.acknowledged, 0);
    hears_accept(SN_PUBCOMP, 0, 2);
    ck_assert_uint_eq(tally.acknowledged, 1);
}
END_TEST

START_TEST(takes_a_qos_2_message_once)
{
    struct sn_packet publish = {
        .type = SN_PUBLISH, .flags = sn_qos_flags(2), .topic_id = 5, .msg_id = 40};

    gets_ready();
    says("PUBLISH");
    hears(publish);
    says("PUBREC msg_id=40");
    publish.flags |= SN_FLAG_DUP;
    hears(publish);
    says("PUBREC msg_id=40");
    ck_assert_uint_eq(tally.received, 1);
    ck_assert_uint_eq(tally.repeated, 1);
    hears_accept(SN_PUBREL, 0, 40);
    says("PUBCOMP msg_id=40");
    hears(publish); /* released: the id names a new message */
    says("PUBREC msg_id=40");
    ck_assert_uint_eq(tally.received, 2);
}
END_TEST

START_TEST(learns_registered_topics)
{
    struct sn_packet publish = {.type = SN_PUBLISH,
                                .flags = sn_qos_flags(1),
                                .topic_id = 77,
                                .msg_id = 3,
                                .body = sn_text("21.5")};

    gets_ready();
    says("PUBLISH");
    hears(publish);
    says("PUBACK topic_id=77 msg_id=3 return_code=invalid");
    ck_assert_uint_eq(tally.unknown_topic, 1);
    hears((struct sn_packet){
        .type = SN_REGISTER, .topic_id = 77, .msg_id = 4, .body = sn_text("b/x")});
    says("REGACK topic_id=77 msg_id=4 return_code=accepted");
    hears(publish);
    says("PUBACK topic_id=77 msg_id=3 return_code=accepted");
    ck_assert_str_eq(last_message, "b/x=21.5");
}
END_TEST

START_TEST(registers_again_when_the_id_is_refused)
{
    gets_ready();
    says("PUBLISH qos=1 topic_id=5 msg_id=2");
    hears((struct sn_packet){
        .type = SN_PUBACK, .topic_id = 5, .msg_id = 2, .return_code = SN_INVALID_TOPIC_ID});
    says("REGISTER topic_id=0 msg_id=3");
    hears_accept(SN_REGACK, 6, 3);
    says("PUBLISH qos=1 dup topic_id=6 msg_id=2");
    hears_accept(SN_PUBACK, 6, 2);
    ck_assert_uint_eq(tally.acknowledged, 1);
    ck_assert_uint_eq(tally.rejected, 1);
}
END_TEST

START_TEST(sleeps_and_wakes)
{
    plan.topic.given = false;
    plan.sleep = 30 * SECOND;
    starts();
    says("CONNECT");
    hears_accept(SN_CONNACK, 0, 0);
    says("DISCONNECT duration=30");
    hears_accept(SN_DISCONNECT, 0, 0);
    hears((struct sn_packet){.type = SN_PUBLISH, .topic_id = 1});
    ck_assert_uint_eq(tally.heard_asleep, 1);
    passes(30 * SECOND);
    says("PINGREQ client_id=\"n7\"");
    hears(
        (struct sn_packet){.type = SN_REGISTER, .topic_id = 1, .msg_id = 1, .body = sn_text("b")});
    says("REGACK");
    passes(9 * SECOND); /* every message restarts the wait for PINGRESP */
    hears((struct sn_packet){
        .type = SN_PUBLISH, .flags = sn_qos_flags(1), .topic_id = 1, .msg_id = 2});
    says("PUBACK");
    passes(9 * SECOND);
    is_silent();
    hears_accept(SN_PINGRESP, 0, 0);
    ck_assert_uint_eq(tally.wakes, 1);
    ck_assert_uint_eq(node_deadline(&node), now + 30 * SECOND);
}
END_TEST

START_TEST(sleeps_on_without_pingresp)
{
    plan.topic.given = false;
    plan.sleep = 30 * SECOND;
    starts();
    hears_accept(SN_CONNACK, 0, 0);
    hears_accept(SN_DISCONNECT, 0, 0);
    passes(30 * SECOND);
    for (int i = 0; i < 3; i++)
        passes(10 * SECOND);
    ck_assert_uint_eq(tally.unanswered_wakes, 1);
    ck_assert_int_eq(node.state, NODE_ASLEEP);
    ck_assert_uint_eq(said_count, 5); /* CONNECT, DISCONNECT, three PINGREQ */
}
END_TEST

START_TEST(a_sleeper_connects_to_publish)
{
    plan.sleep = 5 * SECOND;
    gets_ready();
    says("PUBLISH qos=1 topic_id=5 msg_id=2");
    is_silent(); /* not before the answer */
    hears_accept(SN_PUBACK, 5, 2);
    says("DISCONNECT duration=5");
    hears_accept(SN_DISCONNECT, 0, 0);
    passes(5 * SECOND);
    says("CONNECT protocol_id"); /* keeps the session: not clean */
    hears_accept(SN_CONNACK, 0, 0);
    says("PUBLISH qos=1 topic_id=5 msg_id=3"); /* with the old id */
}
END_TEST

START_TEST(keeps_alive)
{
    plan.topic.given = false;
    starts();
    says("CONNECT");
    hears_accept(SN_CONNACK, 0, 0);
    ck_assert_uint_le(node_deadline(&node), now + 60 * SECOND);
    passes(50 * SECOND);
    says("PINGREQ");
    hears_accept(SN_PINGRESP, 0, 0);
    passes(50 * SECOND);
    for (int i = 0; i < 3; i++) {
        says("PINGREQ");
        is_silent();
        passes(10 * SECOND);
    }
    says("CONNECT");
    ck_assert_uint_eq(tally.gave_up, 1);
}
END_TEST

START_TEST(comes_back_when_sent_away)
{
    gets_ready();
    says("PUBLISH qos=1 topic_id=5 msg_id=2");
    passes(3 * SECOND);
    hears_accept(SN_DISCONNECT, 0, 0);
    ck_assert_uint_eq(tally.sent_away, 1);
    says("CONNECT");
    hears_accept(SN_DISCONNECT, 0, 0); /* still about the earlier life */
    is_silent();
    hears_accept(SN_CONNACK, 0, 0);
    says("REGISTER topic_id=0 msg_id=3");
    hears_accept(SN_REGACK, 8, 3);
    says("PUBLISH qos=1 dup topic_id=8 msg_id=2");
}
END_TEST

START_TEST(does_not_hammer_a_gateway_that_sends_it_away)
{
    plan.topic.given = false;
    starts();
    says("CONNECT");
    hears_accept(SN_CONNACK, 0, 0);
    hears_accept(SN_DISCONNECT, 0, 0);
    is_silent();
    passes(SECOND);
    says("CONNECT");
}
END_TEST

START_TEST(fills_its_window)
{
    plan.window = 3;
    plan.count = 5;
    plan.interval = 0;
    gets_ready();
    says("PUBLISH qos=1 topic_id=5 msg_id=2");
    says("PUBLISH qos=1 topic_id=5 msg_id=3");
    says("PUBLISH qos=1 topic_id=5 msg_id=4");
    is_silent();
    hears_accept(SN_PUBACK, 5, 3);
    is_silent(); /* the next id shares the oldest one's place */
    hears_accept(SN_PUBACK, 5, 2);
    says("PUBLISH qos=1 topic_id=5 msg_id=5");
    says("PUBLISH qos=1 topic_id=5 msg_id=6");
    is_silent();
    ck_assert_uint_eq(tally.open, 3);
}
END_TEST

START_TEST(qos_minus_one_needs_no_connection)
{
    plan.qos = SN_QOS_MINUS_ONE;
    plan.topic = (struct topic_plan){.type = SN_TOPIC_SHORT, .id = 0x6162, .given = true};
    starts();
    says("PUBLISH qos=-1");
    passes(SECOND);
    says("PUBLISH qos=-1");
    passes(100 * SECOND);
    node_stop(&node, now);
    is_silent();
    ck_assert_uint_eq(tally.finished, 1);
    ck_assert_uint_eq(tally.left, 1);
}
END_TEST

START_TEST(waits_when_there_is_congestion)
{
    starts();
    says("CONNECT");
    hears((struct sn_packet){.type = SN_CONNACK, .return_code = SN_CONGESTION});
    is_silent();
    passes(10 * SECOND);
    says("CONNECT");
    hears((struct sn_packet){.type = SN_CONNACK, .return_code = SN_NOT_SUPPORTED});
    passes(10 * SECOND);
    is_silent();
    ck_assert_uint_eq(tally.failed, 1);
    ck_assert_uint_eq(tally.rejected, 2);
    ck_assert_uint_eq(tally.refused, 1);
}
END_TEST

START_TEST(repeats_a_message_after_congestion)
{
    struct sn_packet puback = {.type = SN_PUBACK, .topic_id = 5, .msg_id = 2};

    gets_ready();
    says("PUBLISH qos=1 topic_id=5 msg_id=2");
    puback.return_code = SN_CONGESTION;
    hears(puback);
    is_silent();
    passes(10 * SECOND);
    says("PUBLISH qos=1 dup topic_id=5 msg_id=2");
    puback.return_code = SN_ACCEPTED;
    hears(puback);
    ck_assert_uint_eq(tally.acknowledged, 1);
    ck_assert_uint_eq(tally.refused, 0);
}
END_TEST

START_TEST(drops_what_is_refused_for_good)
{
    gets_ready();
    says("PUBLISH qos=1 topic_id=5 msg_id=2");
    hears((struct sn_packet){
        .type = SN_PUBACK, .topic_id = 5, .msg_id = 2, .return_code = SN_NOT_SUPPORTED});
    ck_assert_uint_eq(tally.refused, 1);
    ck_assert_uint_eq(tally.open, 0);
    passes(SECOND);
    says("PUBLISH qos=1 topic_id=5 msg_id=3");
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("node");
    tcase_add_checked_fixture(tc, plan_defaults, tear_down);
    tcase_add_test(tc, publishes_and_finishes);
    tcase_add_test(tc, registers_more_names_than_it_publishes_to);
    tcase_add_test(tc, answers_the_will_prompts);
    tcase_add_test(tc, subscribes_one_by_one);
    tcase_add_test(tc, repeats_with_dup_and_gives_up);
    tcase_add_test(tc, gives_up_connecting);
    tcase_add_test(tc, qos_2_goes_four_ways);
    tcase_add_test(tc, takes_a_qos_2_message_once);
    tcase_add_test(tc, learns_registered_topics);
    tcase_add_test(tc, registers_again_when_the_id_is_refused);
    tcase_add_test(tc, sleeps_and_wakes);
    tcase_add_test(tc, sleeps_on_without_pingresp);
    tcase_add_test(tc, a_sleeper_connects_to_publish);
    tcase_add_test(tc, keeps_alive);
    tcase_add_test(tc, comes_back_when_sent_away);
    tcase_add_test(tc, does_not_hammer_a_gateway_that_sends_it_away);
    tcase_add_test(tc, fills_its_window);
    tcase_add_test(tc, qos_minus_one_needs_no_connection);
    tcase_add_test(tc, waits_when_there_is_congestion);
    tcase_add_test(tc, repeats_a_message_after_congestion);
    tcase_add_test(tc, drops_what_is_refused_for_good);
    return run_case("sim_node", tc);
}
