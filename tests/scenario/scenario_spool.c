/* SPDX-License-Identifier: Apache-2.0 */
/* The broker is away and clients publish all the same ([broker] offline = store). */
#include "tests/support/run.h"
#include "tests/support/story.h"

START_TEST(messages_are_taken_and_replayed_in_order)
{
    begin_publishing(NULL);
    broker_is_gone();
    publishes(1, 5, "1");
    publishes(2, 6, "2");
    publishes(1, 7, "3");
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 3);
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    client_says(sn_publish(QOS(2) | SN_FLAG_DUP, 1, 6, "2")); /* a repetition is not kept twice */
    gateway_says(sn_msg(SN_PUBREC, 6));
    broker_is_back(true);
    pass(seconds(1));
    broker_gets("t", "1", 1);
    broker_gets("t", "2", 2);
    broker_gets("t", "3", 1);
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    ck_assert_uint_eq(counted(COUNT_spool_forwarded), 3);
    story_end();
}
END_TEST

START_TEST(they_stay_until_the_broker_has_acknowledged)
{
    begin_publishing(NULL);
    broker_is_gone();
    publishes(1, 5, "1");
    story->broker.silent = true;
    broker_is_back(true);
    pass(seconds(1));
    struct bridge_request r = broker_sees(BRIDGE_PUBLISH);
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 1);
    broker_says((struct bridge_event){.type = BRIDGE_PUBLISHED,
                                      .session = r.session,
                                      .token = r.token,
                                      .result = _i ? BRIDGE_OK : BRIDGE_BUSY});
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), !_i);
    if (!_i) { /* it went away again */
        story->broker.silent = false;
        broker_is_gone();
        broker_is_back(true);
        pass(seconds(1));
        broker_gets("t", "1", 1);
        ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    }
    story_end();
}
END_TEST

START_TEST(live_messages_queue_behind_the_backlog_of_their_client)
{
    begin_publishing("[spool]\ndrain_rate = 10\n");
    broker_is_gone();
    for (uint16_t i = 0; i < 5; i++)
        publishes(1, (uint16_t)(10 + i), i < 4 ? "old" : "older than live");
    broker_is_back(true);
    publishes(1, 20, "live"); /* acknowledged: it is kept */
    client_says(sn_publish(0, 1, 0, "live qos 0"));
    pass(seconds(1));
    for (int i = 0; i < 4; i++)
        broker_gets("t", "old", 1);
    broker_gets("t", "older than live", 1);
    broker_gets("t", "live", 1);
    broker_gets("t", "live qos 0", 0);
    publishes(1, 21, "direct");
    broker_gets("t", "direct", 1);
    ck_assert_uint_eq(counted(COUNT_spooled), 7);
    story_end();
}
END_TEST

START_TEST(the_drain_rate_holds_for_all_together)
{
    begin_publishing("[spool]\ndrain_rate = 10\n");
    broker_is_gone();
    for (uint16_t i = 0; i < 30; i++)
        publishes(1, (uint16_t)(10 + i), "x");
    broker_is_back(true);
    pass(seconds(1));
    ck_assert_uint_ge(counted(COUNT_spool_forwarded), 9);
    ck_assert_uint_le(counted(COUNT_spool_forwarded), 12);
    pass(seconds(1));
    ck_assert_uint_le(counted(COUNT_spool_forwarded), 22);
    pass(seconds(1));
    ck_assert_uint_eq(counted(COUNT_spool_forwarded), 30);
    story_end();
}
END_TEST

START_TEST(clients_take_turns)
{
    begin_publishing("[spool]\ndrain_rate = 10\n");
    client_says_from(device(2), sn_connect("sensor-2", 0, 60));
    gateway_says_to(device(2), sn_connack(SN_ACCEPTED));
    broker_is_gone();
    for (uint16_t i = 0; i < 20; i++)
        publishes(1, (uint16_t)(10 + i), "greedy");
    client_says_from(device(2), sn_publish(QOS(1) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 3, "modest"));
    gateway_says_to(device(2), (struct sn_packet){.type = SN_PUBACK,
                                                  .topic_id = 'a' << 8 | 'b',
                                                  .msg_id = 3,
                                                  .return_code = SN_ACCEPTED});
    broker_is_back(true);
    pass(300);
    bool modest = false;
    while (broker_saw(BRIDGE_PUBLISH))
        modest |= sn_bytes_equal(broker_sees(BRIDGE_PUBLISH).message.payload, sn_text("modest"));
    ck_assert(modest);
    story_end();
}
END_TEST

START_TEST(a_client_may_connect_meanwhile)
{
    story_begin(NULL);
    story->broker.session_present = true;
    broker_is_gone();
    connected("sensor-1", _i ? SN_FLAG_CLEAN : 0);
    struct bridge_request open = broker_sees(BRIDGE_OPEN);
    ck_assert(open.patient);
    ck_assert_int_eq(open.clean_start, _i);
    client_says(sn_publish(QOS(1) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 3, "x"));
    ck_assert_uint_eq(gateway_said().return_code, SN_ACCEPTED);
    client_says(sn_subscribe(QOS(1), 4, "down"));
    gateway_says(sn_suback(0, 0, 4, SN_CONGESTION)); /* only the broker can grant that */
    broker_is_back(false);
    pass(seconds(1));
    broker_gets("ab", "x", 1);
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

START_TEST(a_client_the_broker_refuses_later_is_told)
{
    story_begin(NULL);
    broker_is_gone();
    connected("sensor-1", 0);
    struct session_ref ref = ref_of("sensor-1");
    broker_says(
        (struct bridge_event){.type = BRIDGE_CLOSED, .session = ref, .result = BRIDGE_REFUSED});
    gateway_says(sn_disconnect(0));
    ck_assert_str_eq(state_of("sensor-1"), "disconnected");
    story_end();
}
END_TEST

/* The usual battery sensor: connect, publish, disconnect. */
START_TEST(a_client_that_left_is_served_until_its_backlog_is_empty)
{
    story_begin(NULL);
    broker_is_gone();
    for (uint16_t i = 0; i < 3; i++) {
        connected("sensor-1", SN_FLAG_CLEAN);
        client_says(sn_publish(QOS(1) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 3, "x"));
        ck_assert_uint_eq(gateway_said().return_code, SN_ACCEPTED);
        client_says(sn_disconnect(0));
        gateway_says(sn_disconnect(0));
    }
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 3);
    ck_assert_uint_eq(recorded(RECORD_SESSION), 1);
    if (_i)
        gateway_restarts(10);
    broker_is_back(false);
    pass(seconds(1));
    for (int i = 0; i < 3; i++)
        broker_gets("ab", "x", 1);
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_POLITELY);
    ck_assert_str_eq(state_of("sensor-1"), "absent");
    ck_assert_uint_eq(story->ledger.count, 0);
    story_end();
}
END_TEST

/* Without a store; scenario_last_will.c tells of the other case. */
START_TEST(a_lost_client_has_its_will_published_behind_its_backlog)
{
    story_begin(NULL);
    client_says(sn_connect("sensor-1", SN_FLAG_WILL | (_i ? SN_FLAG_CLEAN : 0), 60));
    gateway_says(sn_simple(SN_WILLTOPICREQ));
    client_says(sn_willtopic(SN_WILLTOPIC, QOS(1), "gone"));
    gateway_says(sn_simple(SN_WILLMSGREQ));
    client_says(sn_text_of(SN_WILLMSG, "bye"));
    gateway_says(sn_connack(SN_ACCEPTED));
    broker_is_gone();
    client_says(sn_publish(QOS(1) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 3, "last words"));
    ck_assert_uint_eq(gateway_said().return_code, SN_ACCEPTED);
    pass(seconds(100));
    ck_assert(!broker_saw(BRIDGE_CLOSE));
    broker_is_back(true);
    pass(seconds(1));
    broker_gets("ab", "last words", 1);
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    story_end();
}
END_TEST

/* Also when the next run would take no more of them. */
START_TEST(the_backlog_of_an_earlier_run_stays_in_front)
{
    begin_publishing(NULL);
    broker_is_gone();
    publishes(1, 5, "1");
    story->config->broker.offline = OFFLINE_REJECT;
    gateway_restarts(10);
    client_says(sn_publish(QOS(1), 1, 6, "2"));
    gateway_says(sn_ack(SN_PUBACK, 1, 6, SN_CONGESTION));
    story->broker.away = false;
    broker_says((struct bridge_event){
        .type = BRIDGE_OPENED, .session = ref_of("sensor-1"), .session_present = true});
    publishes(1, 7, "3");
    pass(seconds(1));
    broker_gets("t", "1", 1);
    broker_gets("t", "3", 1);
    story_end();
}
END_TEST

START_TEST(a_connection_that_takes_nothing_is_tried_again)
{
    begin_publishing(NULL);
    broker_is_gone();
    publishes(1, 5, "x");
    broker_is_back(true);
    story->broker.away = true; /* open, and its window is full */
    pass(seconds(1));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story->broker.away = false;
    pass(seconds(1));
    broker_gets("t", "x", 1);
    story_end();
}
END_TEST

START_TEST(a_refused_message_does_not_hold_up_the_rest)
{
    begin_publishing(NULL);
    broker_is_gone();
    publishes(1, 5, "poison");
    story->broker.publishing = BRIDGE_REFUSED;
    broker_is_back(true);
    pass(seconds(1));
    ck_assert_uint_eq(counted(COUNT_spool_refused), 1);
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    story_end();
}
END_TEST

START_TEST(kept_messages_survive_a_restart)
{
    begin_publishing(NULL);
    broker_is_gone();
    publishes(1, 5, "1");
    publishes(2, 6, "2");
    gateway_restarts(seconds(30));
    publishes(1, 7, "3");
    broker_is_back(true);
    pass(seconds(1));
    broker_gets("t", "1", 1);
    broker_gets("t", "2", 2);
    broker_gets("t", "3", 1);
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    story_end();
}
END_TEST

/* Both in the broker's absence: it must still be told, although the client was told congestion. */
START_TEST(an_unsubscription_survives_a_subscribe_that_cannot_be)
{
    begin_publishing(NULL);
    client_says(sn_subscribe(QOS(1), 2, "b"));
    gateway_says(sn_suback(1, 2, 2, SN_ACCEPTED));
    broker_is_gone();
    struct sn_packet leave = sn_subscribe(0, 3, "b");
    leave.type = SN_UNSUBSCRIBE;
    client_says(leave);
    gateway_says(sn_msg(SN_UNSUBACK, 3));
    client_says(sn_subscribe(QOS(1), 4, "b"));
    gateway_says(sn_suback(0, 0, 4, SN_CONGESTION));
    if (_i)
        gateway_restarts(10);
    broker_is_back(true);
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_UNSUBSCRIBE).message.topic, sn_text("b")));
    story_end();
}
END_TEST

/* One of the shared connections is down, say: its clients' backlogs are tried again and again. */
START_TEST(backlogs_that_are_not_taken_hold_up_no_other)
{
    story_begin(NULL);
    for (uint8_t i = 1; i <= 6; i++) {
        char id[] = {'s', (char)('0' + i), '\0'};
        client_says_from(device(i), sn_connect(id, 0, 60));
        gateway_says_to(device(i), sn_connack(SN_ACCEPTED));
    }
    broker_is_gone();
    for (uint16_t i = 0; i < 15; i++) { /* ten of the last */
        client_says_from(
            device(i < 5 ? (uint8_t)(i + 1) : 6),
            sn_publish(QOS(1) | SN_TOPIC_SHORT, 'a' << 8 | 'b', (uint16_t)(i + 1), "x"));
        ck_assert_uint_eq(gateway_said().return_code, SN_ACCEPTED);
    }
    story->broker.deaf_up_to = 5;
    broker_is_back(true);
    pass(seconds(1));
    ck_assert_uint_eq(counted(COUNT_spool_forwarded), 10);
    story->broker.deaf_up_to = 0;
    pass(200);
    ck_assert_uint_eq(counted(COUNT_spool_forwarded), 15);
    story_end();
}
END_TEST

/* It left with a backlog, and gives up a connect that took the backlog's connection. */
START_TEST(a_connect_that_is_given_up_strands_no_backlog)
{
    begin_publishing(NULL);
    broker_is_gone();
    publishes(1, 5, "x");
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    story->broker.silent = true;
    broker_is_back(true);
    client_says(sn_connect("sensor-1", 0, 60));
    broker_looks_away();
    story->broker.silent = false;
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    pass(seconds(1));
    broker_gets("t", "x", 1);
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_POLITELY);
    story_end();
}
END_TEST

/* Nothing else would ever end its session. */
START_TEST(a_connect_that_is_given_up_ends_a_session_whose_backlog_is_gone)
{
    begin_publishing("[spool]\nmax_age = 10\n");
    connected("sensor-1", SN_FLAG_CLEAN);
    broker_is_gone();
    client_says(sn_publish(QOS(1) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 5, "x"));
    ck_assert_uint_eq(gateway_said().return_code, SN_ACCEPTED);
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    story->broker.silent = true;
    client_says(sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    pass(seconds(11));
    ck_assert_uint_eq(counted(COUNT_spool_dropped_age), 1);
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    ck_assert_str_eq(state_of("sensor-1"), "absent");
    ck_assert_uint_eq(recorded(RECORD_SESSION), 0);
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("spool");

    tcase_add_test(tc, messages_are_taken_and_replayed_in_order);
    tcase_add_loop_test(tc, they_stay_until_the_broker_has_acknowledged, 0, 2);
    tcase_add_test(tc, live_messages_queue_behind_the_backlog_of_their_client);
    tcase_add_test(tc, the_drain_rate_holds_for_all_together);
    tcase_add_test(tc, clients_take_turns);
    tcase_add_loop_test(tc, a_client_may_connect_meanwhile, 0, 2);
    tcase_add_test(tc, a_client_the_broker_refuses_later_is_told);
    tcase_add_loop_test(tc, a_client_that_left_is_served_until_its_backlog_is_empty, 0, 2);
    tcase_add_loop_test(tc, a_lost_client_has_its_will_published_behind_its_backlog, 0, 2);
    tcase_add_test(tc, the_backlog_of_an_earlier_run_stays_in_front);
    tcase_add_test(tc, a_connection_that_takes_nothing_is_tried_again);
    tcase_add_test(tc, a_refused_message_does_not_hold_up_the_rest);
    tcase_add_test(tc, kept_messages_survive_a_restart);
    tcase_add_loop_test(tc, an_unsubscription_survives_a_subscribe_that_cannot_be, 0, 2);
    tcase_add_test(tc, backlogs_that_are_not_taken_hold_up_no_other);
    tcase_add_test(tc, a_connect_that_is_given_up_strands_no_backlog);
    tcase_add_test(tc, a_connect_that_is_given_up_ends_a_session_whose_backlog_is_gone);
    return run_case("spool", tc);
}
