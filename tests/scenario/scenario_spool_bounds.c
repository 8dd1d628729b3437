/* SPDX-License-Identifier: Apache-2.0 */
/* What the spool holds, how much of it and how long ([spool]). */
#include <stdio.h>

#include "tests/support/run.h"
#include "tests/support/story.h"

/* [spool] max_messages, max_octets: the oldest of all gives way, and is counted. */
START_TEST(the_oldest_give_way)
{
    begin_publishing(_i ? "[spool]\nmax_octets = 64\n" : "[spool]\nmax_messages = 4\n");
    broker_is_gone();
    for (uint16_t i = 0; i < 10; i++) {
        char text[20];
        snprintf(text, sizeof text, "fifteen octets%u", i);
        publishes(1, (uint16_t)(10 + i), text);
    }
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 4);
    ck_assert_uint_eq(counted(COUNT_spool_dropped_oldest), 6);
    broker_is_back(true);
    pass(seconds(1));
    broker_gets("t", "fifteen octets6", 1);
    story_end();
}
END_TEST

START_TEST(a_message_larger_than_the_spool_is_congestion)
{
    begin_publishing("[spool]\nmax_octets = 64\n");
    broker_is_gone();
    char text[100] = {0};
    memset(text, 'x', sizeof text - 1);
    client_says(sn_publish(QOS(1), 1, 9, text));
    gateway_says(sn_ack(SN_PUBACK, 1, 9, SN_CONGESTION));
    ck_assert_uint_eq(counted(COUNT_spool_too_large), 1);
    story_end();
}
END_TEST

START_TEST(the_aged_are_dropped)
{
    begin_publishing("[spool]\nmax_age = 30\n[gateway]\nmax_silence = 0\n");
    broker_is_gone();
    publishes(1, 5, "old");
    pass(seconds(20));
    publishes(1, 6, "young");
    if (_i)
        gateway_restarts(seconds(1)); /* age goes on */
    pass(seconds(11));
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 1);
    ck_assert_uint_eq(counted(COUNT_spool_dropped_age), 1);
    broker_is_back(true);
    pass(seconds(1));
    broker_gets("t", "young", 1);
    story_end();
}
END_TEST

START_TEST(a_new_max_age_holds_at_once)
{
    begin_publishing("[spool]\nmax_age = 0\n[gateway]\nmax_silence = 0\n");
    broker_is_gone();
    publishes(1, 5, "old");
    pass(seconds(20));
    story->config->spool.max_age_ms = 10000;
    core_configure(story->core, story->config);
    pass(1);
    ck_assert_uint_eq(counted(COUNT_spool_dropped_age), 1);
    story_end();
}
END_TEST

START_TEST(qos_0_is_kept_by_option)
{
    begin_publishing(_i ? "[spool]\nkeep_qos0 = yes\n" : NULL);
    broker_is_gone();
    client_says(sn_publish(0, 1, 0, "zero"));
    client_says(sn_publish(QOS(3) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 0, "minus one"));
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), _i ? 2 : 0);
    ck_assert_uint_eq(counted(COUNT_qos0_not_forwarded), _i ? 0 : 2);
    broker_is_back(true);
    pass(seconds(1));
    ck_assert_int_eq(broker_saw(BRIDGE_PUBLISH), _i);
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    story_end();
}
END_TEST

START_TEST(their_age_is_told_by_option)
{
    begin_publishing(_i ? "[spool]\nreceived_at = yes\n" : NULL);
    broker_is_gone();
    publishes(1, 5, "x");
    pass(seconds(20));
    broker_is_back(true);
    pass(seconds(1));
    uint64_t kept_ms = broker_sees(BRIDGE_PUBLISH).kept_ms;
    ck_assert_uint_ge(kept_ms, _i ? 20000 : 0);
    ck_assert_uint_lt(kept_ms, _i ? 21000 : 1);
    story_end();
}
END_TEST

/* A full table does not forget a client to whom messages are owed. */
START_TEST(a_client_with_a_backlog_is_not_evicted)
{
    story_begin("[gateway]\nmax_clients = 1\n");
    broker_is_gone();
    connected("sensor-1", 0);
    client_says(sn_publish(QOS(1) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 3, "x"));
    ck_assert_uint_eq(gateway_said().return_code, SN_ACCEPTED);
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    client_says_from(device(2), sn_connect("sensor-2", 0, 60));
    gateway_says_to(device(2), sn_connack(SN_CONGESTION));
    broker_is_back(true);
    pass(seconds(1));
    broker_gets("ab", "x", 1);
    client_says_from(device(2), sn_connect("sensor-2", 0, 60));
    gateway_says_to(device(2), sn_connack(SN_ACCEPTED));
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("spool_bounds");

    tcase_add_loop_test(tc, the_oldest_give_way, 0, 2);
    tcase_add_test(tc, a_message_larger_than_the_spool_is_congestion);
    tcase_add_loop_test(tc, the_aged_are_dropped, 0, 2);
    tcase_add_test(tc, a_new_max_age_holds_at_once);
    tcase_add_loop_test(tc, qos_0_is_kept_by_option, 0, 2);
    tcase_add_loop_test(tc, their_age_is_told_by_option, 0, 2);
    tcase_add_test(tc, a_client_with_a_backlog_is_not_evicted);
    return run_case("spool_bounds", tc);
}
