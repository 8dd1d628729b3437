/* SPDX-License-Identifier: Apache-2.0 */
/* DISCONNECT in both directions: MQTT-SN 1.2, 6.12; section 8.10 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

START_TEST(a11_duration_0_is_a_plain_disconnect)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_sends(_i ? "04 18 00 00" : "02 18");
    gateway_sends("02 18");
    ck_assert_str_eq(state_of("sensor-1"), "disconnected");
    struct bridge_request r = broker_sees(BRIDGE_CLOSE);
    ck_assert_int_eq(r.how, BRIDGE_POLITELY);
    ck_assert(r.keep_session);
    story_end();
}
END_TEST

START_TEST(a13_a_clean_session_ends_with_its_connection)
{
    story_begin(NULL);
    connected("sensor-1", SN_FLAG_CLEAN);
    if (_i)
        pass(seconds(91));
    else
        client_says(sn_disconnect(0)), gateway_says(sn_disconnect(0));
    ck_assert_str_eq(state_of("sensor-1"), "absent");
    ck_assert(!broker_sees(BRIDGE_CLOSE).keep_session);
    story_end();
}
END_TEST

START_TEST(a13_a_persistent_session_keeps_subscriptions_and_queue)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    broker_delivers("sensor-1", "b", "x", 1);
    gateway_says(sn_publish(QOS(1), 1, 1, "x"));
    client_says(sn_disconnect(0)); /* without having acknowledged */
    gateway_says(sn_disconnect(0));
    story->broker.session_present = true;
    connected("sensor-1", 0);
    gateway_says(sn_register(1, 1, "b"));
    client_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "x"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    story_end();
}
END_TEST

/* A8, A37: at most once per address per T_retry. */
START_TEST(a8_a37_strangers_are_answered_seldom)
{
    story_begin(NULL);
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    for (int i = 0; i < 10; i++)
        client_says(i % 2 ? sn_disconnect(0) : sn_simple(SN_PINGREQ));
    gateway_is_silent();
    client_says_from(device(2), sn_disconnect(0)); /* another address has its own */
    gateway_says_to(device(2), sn_disconnect(0));
    pass(seconds(9));
    client_says(sn_disconnect(0));
    gateway_is_silent();
    pass(seconds(1));
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    ck_assert_uint_eq(counted(COUNT_disconnects_suppressed), 11);
    story_end();
}
END_TEST

START_TEST(a37_a_repeated_disconnect_is_answered_again)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    pass(seconds(10)); /* the answer was lost */
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    story_end();
}
END_TEST

/* Two gateways never echo each other. */
START_TEST(a37_two_gateways_fall_silent)
{
    story_begin(NULL);
    unsigned answers = 0;
    for (int i = 0; i < 1000; i++) {
        client_says(sn_disconnect(0));
        for (; story->out_first < story->out_count; story->out_first++)
            answers++;
        pass(10);
    }
    ck_assert_uint_le(answers, 2);
    story_end();
}
END_TEST

START_TEST(a8_never_guesses_the_client)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_register(0, 1, "a/temp"));
    gateway_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    broker_looks_away();
    client_says_from(device(2), sn_publish(QOS(1), 1, 2, "x")); /* the only client, new port */
    gateway_says_to(device(2), sn_disconnect(0));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story_end();
}
END_TEST

START_TEST(a_gateway_that_stops_tells_its_clients)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says_from(device(2), sn_connect("sensor-2", 0, 60));
    gateway_says_to(device(2), sn_connack(SN_ACCEPTED));
    client_says_from(device(3), sn_connect("sensor-3", 0, 60));
    gateway_says_to(device(3), sn_connack(SN_ACCEPTED));
    client_says_from(device(3), sn_disconnect(300));
    gateway_says_to(device(3), sn_disconnect(0));
    core_stop(story->core);
    gateway_says_to(device(1), sn_disconnect(0));
    gateway_says_to(device(2), sn_disconnect(0)); /* the sleeper would not hear it */
    story_end();
}
END_TEST

START_TEST(what_the_broker_ends_the_client_is_told)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    broker_says((struct bridge_event){
        .type = BRIDGE_CLOSED, .session = ref_of("sensor-1"), .result = BRIDGE_REFUSED});
    gateway_says(sn_disconnect(0));
    ck_assert_str_eq(state_of("sensor-1"), "disconnected");
    connected("sensor-1", 0);
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("disconnect");

    tcase_add_loop_test(tc, a11_duration_0_is_a_plain_disconnect, 0, 2);
    tcase_add_loop_test(tc, a13_a_clean_session_ends_with_its_connection, 0, 2);
    tcase_add_test(tc, a13_a_persistent_session_keeps_subscriptions_and_queue);
    tcase_add_test(tc, a8_a37_strangers_are_answered_seldom);
    tcase_add_test(tc, a37_a_repeated_disconnect_is_answered_again);
    tcase_add_test(tc, a37_two_gateways_fall_silent);
    tcase_add_test(tc, a8_never_guesses_the_client);
    tcase_add_test(tc, a_gateway_that_stops_tells_its_clients);
    tcase_add_test(tc, what_the_broker_ends_the_client_is_told);
    return run_case("disconnect", tc);
}
