/* SPDX-License-Identifier: Apache-2.0 */
/* The broker goes and comes back, answers late, or has too much to do. */
#include "tests/support/run.h"
#include "tests/support/story.h"

static void comes_back(const char *client_id, bool session_present)
{
    broker_says((struct bridge_event){
        .type = BRIDGE_OPENED, .session = ref_of(client_id), .session_present = session_present});
}

static void answered(struct bridge_request r, enum bridge_event_type type)
{
    broker_says((struct bridge_event){.type = type, .session = r.session, .token = r.token});
}

/* With offline = store these stories are told in scenario_spool.c. */
static const char reject[] = "[broker]\noffline = reject\n";

static void begin(void)
{
    story_begin(reject);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    client_says(sn_subscribe(QOS(2), 2, "a/#"));
    gateway_says(sn_suback(2, 0, 2, SN_ACCEPTED));
    broker_looks_away();
}

START_TEST(clients_stay_connected_and_hear_congestion)
{
    begin();
    broker_goes_away("sensor-1");
    gateway_is_silent();
    client_says(sn_publish(QOS(1), 1, 5, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 5, SN_CONGESTION));
    client_says(sn_publish(QOS(2), 1, 6, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 6, SN_CONGESTION));
    client_says(sn_subscribe(QOS(1), 7, "c"));
    gateway_says(sn_suback(0, 0, 7, SN_CONGESTION));
    client_says(sn_publish(0, 1, 0, "lost"));
    ck_assert_uint_eq(counted(COUNT_qos0_not_forwarded), 1);
    client_says(sn_register(0, 8, "d")); /* needs no broker */
    ck_assert_uint_eq(gateway_said().return_code, SN_ACCEPTED);
    client_says(sn_simple(SN_PINGREQ));
    gateway_says(sn_simple(SN_PINGRESP));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));

    comes_back("sensor-1", true);
    ck_assert(!broker_saw(BRIDGE_SUBSCRIBE)); /* the broker has them still */
    client_says(sn_publish(QOS(1), 1, 5, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 5, SN_ACCEPTED));
    story_end();
}
END_TEST

/* The broker keeps the session of the connection on which they were not all renewed. */
START_TEST(a_renewal_without_answer_is_made_again)
{
    begin();
    broker_goes_away("sensor-1");
    story->broker.silent = true;
    comes_back("sensor-1", false);
    struct bridge_request r = broker_sees(BRIDGE_SUBSCRIBE);
    ck_assert(r.patient);
    answered(r, BRIDGE_SUBSCRIBED);
    r = broker_sees(BRIDGE_SUBSCRIBE);
    broker_goes_away("sensor-1");
    comes_back("sensor-1", true);
    struct bridge_request again = broker_sees(BRIDGE_SUBSCRIBE);
    ck_assert(sn_bytes_equal(again.message.topic, r.message.topic));
    ck_assert(!broker_saw(BRIDGE_SUBSCRIBE));
    story_end();
}
END_TEST

START_TEST(a_new_client_hears_congestion)
{
    story_begin(reject);
    story->broker.away = true;
    client_says(sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    gateway_says(sn_connack(SN_CONGESTION));
    ck_assert_str_eq(state_of("sensor-1"), "absent");
    story_end();
}
END_TEST

START_TEST(a_broker_that_forgot_is_told_the_subscriptions_again)
{
    begin();
    broker_goes_away("sensor-1");
    comes_back("sensor-1", false);
    bool named = false, wildcard = false;
    for (int i = 0; i < 2; i++) {
        struct bridge_message m = broker_sees(BRIDGE_SUBSCRIBE).message;
        named = named || (sn_bytes_equal(m.topic, sn_text("b")) && m.qos == 1);
        wildcard = wildcard || (sn_bytes_equal(m.topic, sn_text("a/#")) && m.qos == 2);
    }
    ck_assert(named && wildcard);
    ck_assert(!broker_saw(BRIDGE_SUBSCRIBE));
    gateway_is_silent(); /* the client notices nothing */
    story_end();
}
END_TEST

START_TEST(what_was_unsubscribed_meanwhile_stays_so)
{
    begin();
    broker_goes_away("sensor-1");
    struct sn_packet leave = sn_subscribe(0, 9, "b");
    leave.type = SN_UNSUBSCRIBE;
    client_says(leave);
    gateway_says(sn_msg(SN_UNSUBACK, 9)); /* A30: always */
    comes_back("sensor-1", _i);
    if (_i) {
        ck_assert(sn_bytes_equal(broker_sees(BRIDGE_UNSUBSCRIBE).message.topic, sn_text("b")));
        ck_assert(!broker_saw(BRIDGE_SUBSCRIBE));
    } else {
        ck_assert(sn_bytes_equal(broker_sees(BRIDGE_SUBSCRIBE).message.topic, sn_text("a/#")));
        ck_assert(!broker_saw(BRIDGE_SUBSCRIBE));
    }
    story_end();
}
END_TEST

START_TEST(a_sleeper_sleeps_on)
{
    begin();
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    broker_delivers("sensor-1", "b", "x", 1);
    broker_goes_away("sensor-1");
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(QOS(1), 1, 1, "x"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_simple(SN_PINGRESP));
    comes_back("sensor-1", true);
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    story_end();
}
END_TEST

START_TEST(a_publish_under_way_is_answered_after_the_return)
{
    begin();
    story->broker.silent = true;
    client_says(sn_publish(QOS(1), 1, 5, "x"));
    struct bridge_request r = broker_sees(BRIDGE_PUBLISH);
    broker_goes_away("sensor-1");
    comes_back("sensor-1", true);
    gateway_is_silent();
    answered(r, BRIDGE_PUBLISHED); /* bridge.h: a publish survives a short loss */
    gateway_says(sn_ack(SN_PUBACK, 1, 5, SN_ACCEPTED));
    story_end();
}
END_TEST

/* A SUBSCRIBE under way is not: the client repeats it. */
START_TEST(a_subscribe_under_way_is_asked_again_when_repeated)
{
    begin();
    story->broker.silent = true;
    client_says(sn_subscribe(QOS(1), 7, "c"));
    broker_sees(BRIDGE_SUBSCRIBE);
    broker_goes_away("sensor-1");
    comes_back("sensor-1", true);
    ck_assert(!broker_saw(BRIDGE_SUBSCRIBE));
    story->broker.silent = false;
    client_says(sn_subscribe(QOS(1) | SN_FLAG_DUP, 7, "c"));
    ck_assert_uint_eq(gateway_said().return_code, SN_ACCEPTED);
    story_end();
}
END_TEST

/* An answer for a session that is gone, in the slot of its successor. */
START_TEST(late_answers_of_an_earlier_session_are_counted_not_followed)
{
    story_begin(NULL);
    connected("sensor-1", SN_FLAG_CLEAN);
    story->broker.silent = true;
    client_says(sn_subscribe(QOS(1), 1, "b"));
    struct bridge_request subscribe = broker_sees(BRIDGE_SUBSCRIBE);
    client_says(sn_publish(QOS(1) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 5, "x"));
    struct bridge_request publish = broker_sees(BRIDGE_PUBLISH);
    story->broker.silent = false;
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    connected("sensor-2", SN_FLAG_CLEAN);

    answered(subscribe, BRIDGE_SUBSCRIBED);
    answered(publish, BRIDGE_PUBLISHED);
    broker_says((struct bridge_event){.type = BRIDGE_MESSAGE,
                                      .session = publish.session,
                                      .message = {sn_text("b"), sn_text("for the other"), 1, 0}});
    gateway_is_silent();
    ck_assert_uint_eq(counted(COUNT_late_answers), 2);
    ck_assert_uint_eq(counted(COUNT_messages_without_client), 1);
    story_end();
}
END_TEST

/* The same session, reconnected: the MsgIds belong to the connection before (epoch). */
START_TEST(late_answers_of_an_earlier_connection_are_not_sent)
{
    begin();
    story->broker.silent = true;
    client_says(sn_publish(QOS(1), 1, 5, "x"));
    struct bridge_request publish = broker_sees(BRIDGE_PUBLISH);
    client_says(sn_subscribe(QOS(1), 6, "c"));
    struct bridge_request subscribe = broker_sees(BRIDGE_SUBSCRIBE);
    story->broker.silent = false;
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    connected("sensor-1", 0);
    answered(publish, BRIDGE_PUBLISHED);
    answered(subscribe, BRIDGE_SUBSCRIBED);
    gateway_is_silent();
    story_end();
}
END_TEST

/* QoS 2: the answer to the earlier connection's PUBLISH still tells a repetition from a new one. */
START_TEST(a_qos_2_publish_repeated_after_a_reconnect_is_not_forwarded_twice)
{
    begin();
    story->broker.silent = true;
    client_says(sn_publish(QOS(2), 1, 5, "x"));
    struct bridge_request r = broker_sees(BRIDGE_PUBLISH);
    story->broker.silent = false;
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    connected("sensor-1", 0);
    answered(r, BRIDGE_PUBLISHED);
    gateway_is_silent();
    client_says(sn_publish(QOS(2) | SN_FLAG_DUP, 1, 5, "x"));
    gateway_says(sn_msg(SN_PUBREC, 5));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story_end();
}
END_TEST

START_TEST(a48_the_upstream_connection_outlives_a_long_sleep)
{
    begin();
    client_says(sn_disconnect(65535));
    gateway_says(sn_disconnect(0));
    pass(seconds(65535));
    story->out_first = story->out_count; /* ADVERTISE */
    ck_assert(!broker_saw(BRIDGE_CLOSE) && !broker_saw(BRIDGE_OPEN));
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

/* What comes meanwhile queues behind, and asks for nothing either. */
START_TEST(a_broker_without_quota_is_asked_once_a_second)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_register(0, 1, "t"));
    gateway_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    broker_is_gone();
    client_says(sn_publish(QOS(1), 1, 5, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 5, SN_ACCEPTED));
    story->broker.publishing = BRIDGE_BUSY;
    broker_is_back(true);
    pass(250);
    ck_assert(broker_saw(BRIDGE_PUBLISH));
    broker_looks_away();
    client_says(sn_publish(QOS(1), 1, 6, "y"));
    gateway_says(sn_ack(SN_PUBACK, 1, 6, SN_ACCEPTED));
    pass(250);
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story->broker.publishing = BRIDGE_OK;
    pass(seconds(1));
    broker_gets("t", "x", 1);
    broker_gets("t", "y", 1);
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("broker_away");

    tcase_add_test(tc, clients_stay_connected_and_hear_congestion);
    tcase_add_test(tc, a_renewal_without_answer_is_made_again);
    tcase_add_test(tc, a_new_client_hears_congestion);
    tcase_add_test(tc, a_broker_that_forgot_is_told_the_subscriptions_again);
    tcase_add_loop_test(tc, what_was_unsubscribed_meanwhile_stays_so, 0, 2);
    tcase_add_test(tc, a_sleeper_sleeps_on);
    tcase_add_test(tc, a_publish_under_way_is_answered_after_the_return);
    tcase_add_test(tc, a_subscribe_under_way_is_asked_again_when_repeated);
    tcase_add_test(tc, late_answers_of_an_earlier_session_are_counted_not_followed);
    tcase_add_test(tc, late_answers_of_an_earlier_connection_are_not_sent);
    tcase_add_test(tc, a_qos_2_publish_repeated_after_a_reconnect_is_not_forwarded_twice);
    tcase_add_test(tc, a48_the_upstream_connection_outlives_a_long_sleep);
    tcase_add_test(tc, a_broker_without_quota_is_asked_once_a_second);
    return run_case("broker_away", tc);
}
