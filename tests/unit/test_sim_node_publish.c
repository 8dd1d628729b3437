/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a node, and messages to it. */
#include "tests/support/node_stage.h"
#include "tests/support/run.h"

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
    TCase *tc = tcase_create("node_publish");
    tcase_add_checked_fixture(tc, node_stage_set, node_stage_clear);
    tcase_add_test(tc, publishes_and_finishes);
    tcase_add_test(tc, repeats_with_dup_and_gives_up);
    tcase_add_test(tc, qos_2_goes_four_ways);
    tcase_add_test(tc, takes_a_qos_2_message_once);
    tcase_add_test(tc, learns_registered_topics);
    tcase_add_test(tc, registers_again_when_the_id_is_refused);
    tcase_add_test(tc, fills_its_window);
    tcase_add_test(tc, qos_minus_one_needs_no_connection);
    tcase_add_test(tc, repeats_a_message_after_congestion);
    tcase_add_test(tc, drops_what_is_refused_for_good);
    return run_case("sim_node_publish", tc);
}
