/* SPDX-License-Identifier: Apache-2.0 */
/* PUBLISH to the device: MQTT-SN 1.2, 6.6 and 6.13; sections 8.8 and 8.12 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

/* Subscribed to b (id 1) and c (id 2) with QoS 2. */
static void begin(const char *config)
{
    story_begin(config);
    client_says(sn_connect("sensor-1", 0, 600));
    gateway_says(sn_connack(SN_ACCEPTED));
    client_says(sn_subscribe(QOS(1), 1, "b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    client_says(sn_subscribe(QOS(2), 2, "c"));
    gateway_says(sn_suback(2, 2, 2, SN_ACCEPTED));
    broker_looks_away();
}

START_TEST(qos_1_one_at_a_time_in_order)
{
    begin(NULL);
    broker_delivers("sensor-1", "b", "1", 1);
    broker_delivers("sensor-1", "b", "2", 1);
    broker_delivers("sensor-1", "b", "3", 0); /* does not overtake */
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    gateway_is_silent();
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1), 1, 2, "2"));
    gateway_is_silent();
    client_says(sn_ack(SN_PUBACK, 1, 2, SN_ACCEPTED));
    gateway_says(sn_publish(0, 1, 0, "3"));
    story_end();
}
END_TEST

START_TEST(qos_2_takes_four_steps)
{
    begin(NULL);
    broker_delivers("sensor-1", "c", "1", 2);
    broker_delivers("sensor-1", "c", "2", 2);
    gateway_says(sn_publish(QOS(2), 2, 1, "1"));
    client_says(sn_msg(SN_PUBREC, 1));
    gateway_says(sn_msg(SN_PUBREL, 1));
    client_says(sn_msg(SN_PUBREC, 1)); /* repeated: the same answer */
    gateway_says(sn_msg(SN_PUBREL, 1));
    client_says(sn_msg(SN_PUBCOMP, 1));
    gateway_says(sn_publish(QOS(2), 2, 2, "2"));
    story_end();
}
END_TEST

/* [broker] qos2_subscriptions = safe: QoS 1 upstream, QoS 2 on the radio. */
START_TEST(a_qos_2_subscription_is_served_with_four_steps_from_qos_1)
{
    begin(_i ? "[broker]\nqos2_subscriptions = native\n" : NULL);
    broker_delivers("sensor-1", "c", "1", 1);
    gateway_says(sn_publish(_i ? QOS(1) : QOS(2), 2, 1, "1"));
    story_end();
}
END_TEST

START_TEST(unanswered_is_repeated_with_dup_then_waits_for_the_client)
{
    begin("[gateway]\nretry_count = 2\n");
    broker_delivers("sensor-1", "b", "1", 1);
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    for (int i = 0; i < 2; i++) {
        pass(seconds(9));
        gateway_is_silent();
        pass(seconds(1));
        gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "1"));
    }
    pass(seconds(200)); /* N_retry: it stops, and the keep-alive decides */
    gateway_is_silent();
    ck_assert_str_eq(state_of("sensor-1"), "active");
    ck_assert_uint_eq(queued_for("sensor-1"), 1);
    client_says(sn_simple(SN_PINGREQ)); /* there it is again */
    gateway_says(sn_simple(SN_PINGRESP));
    pass(seconds(1));
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    ck_assert_uint_eq(queued_for("sensor-1"), 0);
    story_end();
}
END_TEST

START_TEST(without_repetitions_a_client_that_is_heard_again_gets_one)
{
    begin("[gateway]\nretry_count = 0\n");
    broker_delivers("sensor-1", "b", "1", 1);
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    pass(seconds(20));
    gateway_is_silent();
    for (int i = 0; i < 2; i++) {
        client_says(sn_simple(SN_PINGREQ));
        gateway_says(sn_simple(SN_PINGRESP));
        pass(seconds(20));
        gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "1"));
    }
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(what_no_longer_fits_the_link_does_not_block_what_is_behind)
{
    begin(NULL);
    broker_delivers("sensor-1", "b", "0123456789012345678901234567890123456789", 1);
    ck_assert_int_eq(gateway_said().type, SN_PUBLISH);
    broker_delivers("sensor-1", "b", "2", 1);
    core_link(story->core, 0, &(struct core_link){.max_packet = 30, .retry_count = -1});
    pass(seconds(10)); /* the radio has told its limit meanwhile */
    gateway_says(sn_publish(QOS(1), 1, 2, "2"));
    client_says(sn_ack(SN_PUBACK, 1, 2, SN_ACCEPTED));
    ck_assert_uint_eq(queued_for("sensor-1"), 0);
    ck_assert_uint_eq(counted(COUNT_oversize), 1);
    story_end();
}
END_TEST

START_TEST(a_link_may_have_timers_of_its_own)
{
    begin(NULL);
    const struct core_link lora = {.max_packet = 100, .retry_interval_ms = 30000, .retry_count = 1};
    core_link(story->core, 0, &lora);
    broker_delivers("sensor-1", "b", "1", 1);
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    pass(seconds(29));
    gateway_is_silent();
    pass(seconds(1));
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "1"));
    pass(seconds(200));
    story_end();
}
END_TEST

START_TEST(pubrel_is_repeated_too)
{
    begin(NULL);
    broker_delivers("sensor-1", "c", "1", 2);
    gateway_says(sn_publish(QOS(2), 2, 1, "1"));
    client_says(sn_msg(SN_PUBREC, 1));
    gateway_says(sn_msg(SN_PUBREL, 1));
    pass(seconds(10));
    gateway_says(sn_msg(SN_PUBREL, 1));
    client_says(sn_msg(SN_PUBCOMP, 1));
    pass(seconds(60));
    story_end();
}
END_TEST

START_TEST(a22_unknown_id_is_repaired_by_a_register_once)
{
    begin(NULL);
    broker_delivers("sensor-1", "b", "1", 1);
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 1, _i ? 0 : 1, SN_INVALID_TOPIC_ID)); /* some leave MsgId 0 */
    gateway_says(sn_register(1, 1, "b"));
    client_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_INVALID_TOPIC_ID)); /* once */
    ck_assert_uint_eq(queued_for("sensor-1"), 0);
    story_end();
}
END_TEST

START_TEST(a22_an_error_for_qos_0_registers_again)
{
    begin(NULL);
    broker_delivers("sensor-1", "b", "1", 0);
    gateway_says(sn_publish(0, 1, 0, "1"));
    client_says(sn_ack(SN_PUBACK, 1, 0, SN_INVALID_TOPIC_ID));
    gateway_says(sn_register(1, 1, "b"));
    client_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    broker_delivers("sensor-1", "b", "2", 0);
    gateway_says(sn_publish(0, 1, 0, "2"));
    story_end();
}
END_TEST

/* 8.8: of a predefined id the message is dropped. */
START_TEST(a22_unknown_predefined_id_drops_the_message)
{
    story_begin("[topics]\n42 = p\n");
    connected("sensor-1", 0);
    client_says(sn_subscribe_id(QOS(1) | SN_TOPIC_PREDEFINED, 1, 42));
    gateway_says(sn_suback(1, 42, 1, SN_ACCEPTED));
    broker_delivers("sensor-1", "p", "1", 1);
    broker_delivers("sensor-1", "p", "2", 1);
    gateway_says(sn_publish(QOS(1) | SN_TOPIC_PREDEFINED, 42, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 42, 1, SN_INVALID_TOPIC_ID));
    gateway_says(sn_publish(QOS(1) | SN_TOPIC_PREDEFINED, 42, 2, "2"));
    story_end();
}
END_TEST

static const uint8_t final[] = {SN_NOT_SUPPORTED, 0x04, 0x80, 0xFF};

START_TEST(a21_a46_any_other_rejection_is_final)
{
    begin(NULL);
    broker_delivers("sensor-1", "b", "1", 1);
    broker_delivers("sensor-1", "c", "2", 2);
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 1, 1, final[_i]));
    gateway_says(sn_publish(QOS(2), 2, 2, "2"));
    client_says(sn_ack(SN_PUBACK, 2, 2, final[_i])); /* A23: an error ends QoS 2 */
    pass(seconds(60));
    ck_assert_uint_eq(queued_for("sensor-1"), 0);
    story_end();
}
END_TEST

START_TEST(a23_acknowledgements_of_the_wrong_qos_are_ignored)
{
    begin(NULL);
    broker_delivers("sensor-1", "c", "1", 2);
    gateway_says(sn_publish(QOS(2), 2, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 2, 1, SN_ACCEPTED));
    ck_assert_uint_eq(queued_for("sensor-1"), 1);
    client_says(sn_msg(SN_PUBREC, 1));
    gateway_says(sn_msg(SN_PUBREL, 1));
    client_says(sn_msg(SN_PUBCOMP, 1));
    broker_delivers("sensor-1", "b", "2", 1);
    gateway_says(sn_publish(QOS(1), 1, 2, "2"));
    client_says(sn_msg(SN_PUBREC, 2));
    gateway_is_silent();
    ck_assert_uint_eq(queued_for("sensor-1"), 1);
    story_end();
}
END_TEST

START_TEST(a24_unknown_msg_ids)
{
    begin(NULL);
    client_says(sn_msg(SN_PUBREC, 77));
    gateway_says(sn_msg(SN_PUBREL, 77));
    client_says(sn_msg(SN_PUBCOMP, 77));
    client_says(sn_ack(SN_PUBACK, 1, 77, SN_ACCEPTED));
    client_says(sn_ack(SN_REGACK, 1, 77, SN_ACCEPTED));
    story_end();
}
END_TEST

/* A42: what does not fit the link is dropped before it is queued; others go on. */
START_TEST(a42_messages_too_big_for_the_link)
{
    begin(NULL);
    core_link(story->core, 0, &(struct core_link){.max_packet = 20, .retry_count = -1});
    broker_delivers("sensor-1", "b", "fourteen char", 0);
    gateway_says(sn_publish(0, 1, 0, "fourteen char"));
    broker_delivers("sensor-1", "b", "fourteen chars", 0);
    ck_assert_uint_eq(counted(COUNT_oversize), 1);
    client_says(sn_subscribe(QOS(1), 3, "#"));
    gateway_says(sn_suback(1, 0, 3, SN_ACCEPTED));
    broker_delivers("sensor-1", "a/name/that/does/not/fit", "x", 1); /* nor does its REGISTER */
    gateway_is_silent();
    broker_delivers("sensor-1", "b", "1", 1);
    struct sn_packet next = gateway_said();
    ck_assert_uint_eq(next.type, SN_PUBLISH);
    story_end();
}
END_TEST

START_TEST(the_largest_payload_of_the_short_header_and_the_first_of_the_long)
{
    static char text[250];

    begin(NULL);
    memset(text, 'x', 248);
    broker_delivers("sensor-1", "b", text, 0);
    ck_assert_uint_eq(story->out[story->out_first].len, 255);
    gateway_says(sn_publish(0, 1, 0, text));
    text[248] = 'x';
    broker_delivers("sensor-1", "b", text, 0);
    ck_assert_uint_eq(story->out[story->out_first].len, 258);
    gateway_says(sn_publish(0, 1, 0, text));
    story_end();
}
END_TEST

/* A broken broker: what REGISTER could not name is not announced to the client. */
START_TEST(what_comes_for_no_topic_name_is_dropped)
{
    static const char *const names[] = {"", "a/+", "#", "\xff"};

    begin(NULL);
    broker_delivers("sensor-1", names[_i], "1", 1);
    gateway_is_silent();
    ck_assert_uint_eq(counted(COUNT_messages_bad_topic), 1);
    story_end();
}
END_TEST

START_TEST(an_empty_payload_is_a_message)
{
    begin(NULL);
    broker_delivers("sensor-1", "b", "", 1);
    gateway_says(sn_publish(QOS(1), 1, 1, ""));
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("deliver");

    tcase_add_test(tc, qos_1_one_at_a_time_in_order);
    tcase_add_test(tc, qos_2_takes_four_steps);
    tcase_add_loop_test(tc, a_qos_2_subscription_is_served_with_four_steps_from_qos_1, 0, 2);
    tcase_add_test(tc, unanswered_is_repeated_with_dup_then_waits_for_the_client);
    tcase_add_test(tc, without_repetitions_a_client_that_is_heard_again_gets_one);
    tcase_add_test(tc, what_no_longer_fits_the_link_does_not_block_what_is_behind);
    tcase_add_test(tc, a_link_may_have_timers_of_its_own);
    tcase_add_test(tc, pubrel_is_repeated_too);
    tcase_add_loop_test(tc, a22_unknown_id_is_repaired_by_a_register_once, 0, 2);
    tcase_add_test(tc, a22_an_error_for_qos_0_registers_again);
    tcase_add_test(tc, a22_unknown_predefined_id_drops_the_message);
    tcase_add_loop_test(tc, a21_a46_any_other_rejection_is_final, 0, 4);
    tcase_add_test(tc, a23_acknowledgements_of_the_wrong_qos_are_ignored);
    tcase_add_test(tc, a24_unknown_msg_ids);
    tcase_add_test(tc, a42_messages_too_big_for_the_link);
    tcase_add_test(tc, the_largest_payload_of_the_short_header_and_the_first_of_the_long);
    tcase_add_loop_test(tc, what_comes_for_no_topic_name_is_dropped, 0, 4);
    tcase_add_test(tc, an_empty_payload_is_a_message);
    return run_case("deliver", tc);
}
