/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping clients: MQTT-SN 1.2, 6.14; sections 8.11 and 12 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

/* sensor-1 subscribed to a/temp (id 1) and a/#, and sleeps for 300 s. */
static void asleep_subscriber(void)
{
    story_begin(NULL);
    connected("sensor-1", SN_FLAG_CLEAN);
    client_says(sn_subscribe(QOS(1), 1, "a/temp"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    client_says(sn_subscribe(QOS(1), 2, "a/#"));
    gateway_says(sn_suback(1, SN_TOPIC_ID_NONE, 2, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
}

/* Section 12, packet by packet. */
START_TEST(the_worked_sleep_cycle)
{
    asleep_subscriber();
    broker_delivers("sensor-1", "a/temp", "21.5", 1);
    broker_delivers("sensor-1", "a/hum", "60", 1);
    gateway_is_silent();

    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1), 1, 1, "21.5"));
    gateway_is_silent();
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_register(2, 1, "a/hum"));
    client_says(sn_ack(SN_REGACK, 2, 1, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1), 2, 2, "60"));
    client_says(sn_ack(SN_PUBACK, 2, 2, SN_ACCEPTED));
    gateway_says(sn_simple(SN_PINGRESP));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    story_end();
}
END_TEST

START_TEST(an_empty_queue_is_answered_at_once)
{
    asleep_subscriber();
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

START_TEST(what_was_not_acknowledged_waits_for_the_next_wake)
{
    asleep_subscriber();
    broker_delivers("sensor-1", "a/temp", "1", 1);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    pass(seconds(100));
    for (int i = 0; i < 3; i++)
        gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "1"));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

START_TEST(a_sleeper_that_never_wakes_is_lost)
{
    asleep_subscriber();
    pass(seconds(329));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    pass(seconds(2));
    ck_assert_str_eq(state_of("sensor-1"), "absent");
    story_end();
}
END_TEST

START_TEST(a9_wakes_at_a_new_address)
{
    asleep_subscriber();
    broker_delivers("sensor-1", "a/temp", "1", 1);
    client_says_from(device(2), sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says_to(device(2), sn_publish(QOS(1), 1, 1, "1"));
    client_says_from(device(2), sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says_to(device(2), sn_simple(SN_PINGRESP));
    client_says(sn_simple(SN_PINGREQ)); /* the old address is a stranger's */
    gateway_says(sn_disconnect(0));
    story_end();
}
END_TEST

START_TEST(a9_moves_while_awake)
{
    asleep_subscriber();
    broker_delivers("sensor-1", "a/temp", "1", 1);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    client_says_from(device(2), sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says_to(device(2), sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "1"));
    client_says_from(device(2), sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says_to(device(2), sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

/* PUBACK 0x01 pauses what is published for T_WAIT; but a wake is for nothing else. */
START_TEST(congestion_ends_with_the_next_wake)
{
    asleep_subscriber();
    broker_delivers("sensor-1", "a/temp", "1", 1);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_CONGESTION));
    gateway_says(sn_simple(SN_PINGRESP));
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

START_TEST(a9_pingreq_without_an_id_wakes_too)
{
    asleep_subscriber();
    broker_delivers("sensor-1", "a/temp", "1", 0);
    client_says(sn_simple(SN_PINGREQ));
    gateway_says(sn_publish(0, 1, 0, "1"));
    gateway_says(sn_simple(SN_PINGRESP));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    story_end();
}
END_TEST

START_TEST(a10_pingreq_repeated_sends_the_outstanding_again)
{
    asleep_subscriber();
    broker_delivers("sensor-1", "a/hum", "1", 1);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_register(2, 1, "a/hum"));
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_register(2, 1, "a/hum"));
    client_says(sn_ack(SN_REGACK, 2, 1, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1), 2, 1, "1"));
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 2, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 2, 1, SN_ACCEPTED));
    gateway_says(sn_simple(SN_PINGRESP));
    client_says(sn_ack(SN_PUBACK, 2, 1, SN_ACCEPTED)); /* of the repetition */
    gateway_is_silent();
    story_end();
}
END_TEST

/* bisquitt throws the queue away here. */
START_TEST(a_new_sleep_duration_keeps_the_queue)
{
    asleep_subscriber();
    broker_delivers("sensor-1", "a/temp", "1", 1);
    client_says(sn_disconnect(1000));
    gateway_says(sn_disconnect(0));
    pass(seconds(1000));
    story->out_first = story->out_count; /* ADVERTISE */
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    client_says(sn_disconnect(100)); /* awake: asleep again, unacknowledged */
    gateway_says(sn_disconnect(0));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

START_TEST(the_drain_starts_the_sleep_timer_anew)
{
    asleep_subscriber();
    pass(seconds(300));
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_simple(SN_PINGRESP));
    pass(seconds(329));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    story_end();
}
END_TEST

START_TEST(what_comes_while_awake_joins_the_tail)
{
    asleep_subscriber();
    broker_delivers("sensor-1", "a/temp", "1", 1);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    broker_delivers("sensor-1", "a/temp", "2", 1);
    gateway_is_silent();
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1), 1, 2, "2"));
    client_says(sn_ack(SN_PUBACK, 1, 2, SN_ACCEPTED));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

START_TEST(one_wake_is_bounded)
{
    story_begin("[sleep]\nmax_per_wake = 2\n");
    connected("sensor-1", 0);
    client_says(sn_subscribe(0, 1, "b"));
    gateway_says(sn_suback(0, 1, 1, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    for (int i = 0; i < 3; i++)
        broker_delivers("sensor-1", "b", "x", 0);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(0, 1, 0, "x"));
    gateway_says(sn_publish(0, 1, 0, "x"));
    gateway_says(sn_simple(SN_PINGRESP));
    gateway_is_silent();
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(0, 1, 0, "x"));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

START_TEST(qos_0_is_not_kept_by_option)
{
    story_begin("[sleep]\nkeep_qos0 = no\n");
    connected("sensor-1", 0);
    client_says(sn_subscribe(0, 1, "b"));
    gateway_says(sn_suback(0, 1, 1, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    broker_delivers("sensor-1", "b", "x", 0);
    ck_assert_uint_eq(counted(COUNT_qos0_not_kept), 1);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

/* QoS 2 over two wakes: what was received is not sent again, only released. */
START_TEST(qos_2_goes_on_at_the_next_wake)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(2), 1, "b"));
    gateway_says(sn_suback(2, 1, 1, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    broker_delivers("sensor-1", "b", "x", 2);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(2), 1, 1, "x"));
    client_says(sn_msg(SN_PUBREC, 1));
    gateway_says(sn_msg(SN_PUBREL, 1));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_msg(SN_PUBREL, 1));
    client_says(sn_msg(SN_PUBCOMP, 1));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

/* A19: it may subscribe while asleep, and stays so. */
START_TEST(a19_subscribes_while_asleep)
{
    asleep_subscriber();
    client_says(sn_subscribe(QOS(1), 3, "c"));
    gateway_says(sn_suback(1, 2, 3, SN_ACCEPTED));
    broker_delivers("sensor-1", "c", "x", 1);
    gateway_is_silent();
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("sleep");

    tcase_add_test(tc, the_worked_sleep_cycle);
    tcase_add_test(tc, an_empty_queue_is_answered_at_once);
    tcase_add_test(tc, what_was_not_acknowledged_waits_for_the_next_wake);
    tcase_add_test(tc, a_sleeper_that_never_wakes_is_lost);
    tcase_add_test(tc, a9_wakes_at_a_new_address);
    tcase_add_test(tc, a9_moves_while_awake);
    tcase_add_test(tc, congestion_ends_with_the_next_wake);
    tcase_add_test(tc, a9_pingreq_without_an_id_wakes_too);
    tcase_add_test(tc, a10_pingreq_repeated_sends_the_outstanding_again);
    tcase_add_test(tc, a_new_sleep_duration_keeps_the_queue);
    tcase_add_test(tc, the_drain_starts_the_sleep_timer_anew);
    tcase_add_test(tc, what_comes_while_awake_joins_the_tail);
    tcase_add_test(tc, one_wake_is_bounded);
    tcase_add_test(tc, qos_0_is_not_kept_by_option);
    tcase_add_test(tc, qos_2_goes_on_at_the_next_wake);
    tcase_add_test(tc, a19_subscribes_while_asleep);
    return run_case("sleep", tc);
}
