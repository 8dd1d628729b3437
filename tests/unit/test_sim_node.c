/* SPDX-License-Identifier: Apache-2.0 */
/* A node comes, stays, sleeps and goes. */
#include "tests/support/node_stage.h"
#include "tests/support/run.h"

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
    says("WILLTOPIC qos=1 retain will_topic=\"w/n7\"");
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
    says("CONNECT");
    says("DISCONNECT");
    for (int i = 0; i < 3; i++)
        says("PINGREQ");
    is_silent();
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

int main(void)
{
    TCase *tc = tcase_create("node");
    tcase_add_checked_fixture(tc, node_stage_set, node_stage_clear);
    tcase_add_test(tc, registers_more_names_than_it_publishes_to);
    tcase_add_test(tc, answers_the_will_prompts);
    tcase_add_test(tc, subscribes_one_by_one);
    tcase_add_test(tc, gives_up_connecting);
    tcase_add_test(tc, sleeps_and_wakes);
    tcase_add_test(tc, sleeps_on_without_pingresp);
    tcase_add_test(tc, a_sleeper_connects_to_publish);
    tcase_add_test(tc, keeps_alive);
    tcase_add_test(tc, comes_back_when_sent_away);
    tcase_add_test(tc, does_not_hammer_a_gateway_that_sends_it_away);
    tcase_add_test(tc, waits_when_there_is_congestion);
    return run_case("sim_node", tc);
}
