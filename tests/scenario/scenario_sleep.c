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
    gateway_says(sn_register(2, 2, "a/hum"));
    client_says(sn_ack(SN_REGACK, 2, 2, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1), 2, 3, "60"));
    client_says(sn_ack(SN_PUBACK, 2, 3, SN_ACCEPTED));
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

int main(void)
{
    TCase *tc = tcase_create("sleep");

    tcase_add_test(tc, the_worked_sleep_cycle);
    tcase_add_test(tc, an_empty_queue_is_answered_at_once);
    tcase_add_test(tc, what_was_not_acknowledged_waits_for_the_next_wake);
    tcase_add_test(tc, a_sleeper_that_never_wakes_is_lost);
    return run_case("sleep", tc);
}
