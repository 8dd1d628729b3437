/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's process ends and the next one goes on: one story for each kind of record. */
#include "tests/support/run.h"
#include "tests/support/story.h"

START_TEST(an_active_client_goes_on_with_its_topic_ids)
{
    story_begin(NULL);
    connected("sensor-1", _i ? SN_FLAG_CLEAN : 0);
    client_says(sn_register(0, 1, "a"));
    gateway_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    client_says(sn_register(0, 2, "b"));
    gateway_says(sn_ack(SN_REGACK, 2, 2, SN_ACCEPTED));
    gateway_restarts(seconds(5));
    struct bridge_request open = broker_sees(BRIDGE_OPEN);
    ck_assert(!open.clean_start && open.patient); /* what the broker queued comes too */
    ck_assert_int_eq(open.keep_session, !_i);
    client_says(sn_publish(QOS(1), 2, 9, "x"));
    gateway_says(sn_ack(SN_PUBACK, 2, 9, SN_ACCEPTED));
    broker_gets("b", "x", 1);
    client_says(sn_register(0, 3, "c"));
    gateway_says(sn_ack(SN_REGACK, 3, 3, SN_ACCEPTED)); /* no id is given twice */
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

/* It is known by its address, and that is the same. */
START_TEST(a_client_without_id_is_still_the_same)
{
    story_begin("[gateway]\nallow_empty_client_id = yes\n");
    connected("", 0);
    struct sn_bytes id = broker_sees(BRIDGE_OPEN).client_id;
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    ck_assert_uint_eq(recorded(RECORD_ID_KEY), 1);
    gateway_restarts(10);
    connected("", 0);
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_OPEN).client_id, id));
    client_says_from(device(2), sn_connect("", 0, 60));
    gateway_says_to(device(2), sn_connack(SN_ACCEPTED));
    ck_assert_uint_eq(recorded(RECORD_SESSION), 2);
    ck_assert_uint_eq(recorded(RECORD_ID_KEY), 1);
    story_end();
}
END_TEST

/* What the broker still has of before must not come back to it. */
START_TEST(a_clean_connect_that_waits_for_the_broker_is_still_clean)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "down"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    broker_is_gone();
    connected("sensor-1", SN_FLAG_CLEAN);
    gateway_restarts(10);
    ck_assert(broker_sees(BRIDGE_OPEN).clean_start);
    broker_is_back(false);
    story_end();
}
END_TEST

/* The broker may have forgotten the session: the gateway has not. */
START_TEST(subscriptions_are_made_again)
{
    story_begin(NULL);
    story->broker.session_present = _i;
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "a/+"));
    gateway_says(sn_suback(1, 0, 1, SN_ACCEPTED));
    client_says(sn_subscribe(QOS(0), 2, "b"));
    gateway_says(sn_suback(0, 1, 2, SN_ACCEPTED));
    struct sn_packet leave = sn_subscribe(0, 3, "b");
    leave.type = SN_UNSUBSCRIBE;
    client_says(leave);
    gateway_says(sn_msg(SN_UNSUBACK, 3));
    ck_assert_uint_eq(recorded(RECORD_SUBSCRIPTION), 1);
    gateway_restarts(10);
    ck_assert_int_eq(broker_saw(BRIDGE_SUBSCRIBE), !_i);
    if (!_i) {
        struct bridge_message m = broker_sees(BRIDGE_SUBSCRIBE).message;
        ck_assert(sn_bytes_equal(m.topic, sn_text("a/+")) && m.qos == 1);
        ck_assert(!broker_saw(BRIDGE_SUBSCRIBE));
    }
    broker_delivers("sensor-1", "a/x", "new", 1); /* in its words: REGISTER first */
    ck_assert_uint_eq(gateway_said().type, SN_REGISTER);
    story_end();
}
END_TEST

START_TEST(an_unsubscription_the_broker_has_not_heard_is_remembered)
{
    story_begin(NULL);
    story->broker.session_present = true;
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    broker_is_gone();
    struct sn_packet leave = sn_subscribe(0, 3, "b");
    leave.type = SN_UNSUBSCRIBE;
    client_says(leave);
    gateway_says(sn_msg(SN_UNSUBACK, 3));
    gateway_restarts(10);
    ck_assert(!broker_saw(BRIDGE_UNSUBSCRIBE));
    broker_is_back(true);
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_UNSUBSCRIBE).message.topic, sn_text("b")));
    ck_assert_uint_eq(recorded(RECORD_SUBSCRIPTION), 0);
    story_end();
}
END_TEST

START_TEST(the_will_comes_back)
{
    story_begin(NULL);
    client_says(sn_connect("sensor-1", SN_FLAG_WILL, 60));
    gateway_says(sn_simple(SN_WILLTOPICREQ));
    client_says(sn_willtopic(SN_WILLTOPIC, QOS(1) | SN_FLAG_RETAIN, "gone"));
    gateway_says(sn_simple(SN_WILLMSGREQ));
    client_says(sn_text_of(SN_WILLMSG, "old"));
    gateway_says(sn_connack(SN_ACCEPTED));
    if (_i) {
        client_says(sn_text_of(SN_WILLMSGUPD, "new"));
        gateway_says((struct sn_packet){.type = SN_WILLMSGRESP});
    }
    gateway_restarts(10);
    struct bridge_message will = broker_sees(BRIDGE_OPEN).will;
    ck_assert(sn_bytes_equal(will.topic, sn_text("gone")));
    ck_assert(sn_bytes_equal(will.payload, sn_text(_i ? "new" : "old")));
    ck_assert(will.qos == 1 && will.retain);
    pass(seconds(100)); /* nobody is heard */
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    story_end();
}
END_TEST

/* However long the gateway was away, and whenever the client was heard last. */
START_TEST(every_client_has_a_full_period_from_the_restart)
{
    story_begin(NULL);
    connected("sensor-1", 0); /* keep-alive 60 s, half of it more is tolerated */
    pass(seconds(80));
    gateway_restarts(_i ? seconds(86400) : 10);
    pass(seconds(89));
    ck_assert_str_eq(state_of("sensor-1"), "active");
    pass(seconds(2));
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    story_end();
}
END_TEST

START_TEST(a_sleeper_has_a_full_sleep_from_the_restart)
{
    story_begin(NULL);
    fell_asleep();
    pass(seconds(320));
    gateway_restarts(seconds(1000));
    pass(seconds(329));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    pass(seconds(2));
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    story_end();
}
END_TEST

START_TEST(ids_that_a_sleeper_knows_need_no_register)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "a/#"));
    gateway_says(sn_suback(1, 0, 1, SN_ACCEPTED));
    broker_delivers("sensor-1", "a/x", "1", 1);
    struct sn_packet p = gateway_said();
    ck_assert_uint_eq(p.type, SN_REGISTER);
    client_says(sn_ack(SN_REGACK, p.topic_id, p.msg_id, SN_ACCEPTED));
    uint16_t id = p.topic_id;
    p = gateway_said();
    client_says(sn_ack(SN_PUBACK, p.topic_id, p.msg_id, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    broker_delivers("sensor-1", "a/x", "2", 1);
    gateway_restarts(10);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    p = gateway_said();
    ck_assert(p.type == SN_PUBLISH && p.topic_id == id);
    client_says(sn_ack(SN_PUBACK, p.topic_id, p.msg_id, SN_ACCEPTED));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

/* One that the client was told only in an earlier connection is announced again (A14). */
START_TEST(ids_of_an_earlier_connection_do)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    connected("sensor-1", 0);
    gateway_restarts(10);
    broker_delivers("sensor-1", "b", "x", 1);
    ck_assert_uint_eq(gateway_said().type, SN_REGISTER);
    story_end();
}
END_TEST

START_TEST(a_renumbered_topic_keeps_its_new_id_and_the_old_stays_used_up)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "a/#"));
    gateway_says(sn_suback(1, 0, 1, SN_ACCEPTED));
    broker_delivers("sensor-1", "a/x", "1", 1);
    struct sn_packet p = gateway_said();
    ck_assert_uint_eq(p.topic_id, 1);
    client_says(sn_ack(SN_REGACK, 1, p.msg_id, SN_INVALID_TOPIC_ID)); /* A15 */
    p = gateway_said();
    ck_assert(p.type == SN_REGISTER && p.topic_id == 2);
    gateway_restarts(10);
    p = gateway_said();
    ck_assert(p.type == SN_REGISTER && p.topic_id == 2);
    client_says(sn_register(0, 9, "new"));
    gateway_says(sn_ack(SN_REGACK, 3, 9, SN_ACCEPTED));
    story_end();
}
END_TEST

/* What ends leaves nothing behind. */
START_TEST(clean_sessions_leave_no_rows)
{
    story_begin(NULL);
    connected("sensor-1", SN_FLAG_CLEAN);
    client_says(sn_subscribe(QOS(1), 2, "down"));
    gateway_says(sn_suback(1, 1, 2, SN_ACCEPTED));
    broker_delivers("sensor-1", "down", "x", 1);
    gateway_said();
    client_says(sn_publish(QOS(2) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 7, "once"));
    gateway_says(sn_msg(SN_PUBREC, 7));
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    ck_assert_uint_eq(story->ledger.count, 0);
    gateway_restarts(10);
    ck_assert_str_eq(state_of("sensor-1"), "absent");
    story_end();
}
END_TEST

START_TEST(a_clean_connect_wipes_the_rows_of_before)
{
    story_begin(NULL);
    fell_asleep();
    broker_delivers("sensor-1", "down", "x", 1);
    connected("sensor-1", SN_FLAG_CLEAN);
    ck_assert_uint_eq(story->ledger.count, 1);
    ck_assert_uint_eq(recorded(RECORD_SESSION), 1);
    gateway_restarts(10);
    client_says(sn_register(0, 1, "other"));
    gateway_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(an_absent_client_keeps_its_session)
{
    static const char *const waited[] = {"x"};

    story_begin(NULL);
    fell_asleep();
    broker_delivers("sensor-1", "down", "x", 1);
    pass(seconds(400));
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    broker_looks_away();
    gateway_restarts(10);
    ck_assert(!broker_saw(BRIDGE_OPEN)); /* its broker session waits without it */
    connected("sensor-1", 0);
    client_says(sn_disconnect(300));
    gateway_said(); /* the REGISTER of "down" */
    gateway_says(sn_disconnect(0));
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    struct sn_packet p = gateway_said();
    client_says(sn_ack(SN_REGACK, p.topic_id, p.msg_id, SN_ACCEPTED));
    p = gateway_said();
    ck_assert(sn_bytes_equal(p.body, sn_text(waited[0])));
    story_end();
}
END_TEST

/* The address is part of it: a sleeper that moved is told at its new one. */
START_TEST(the_last_address_counts)
{
    story_begin(NULL);
    fell_asleep();
    client_says_from(device(2), sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says_to(device(2), sn_simple(SN_PINGRESP));
    gateway_restarts(10);
    client_says_from(device(2), sn_publish(QOS(1), 1, 3, "x"));
    gateway_says_to(device(2), sn_ack(SN_PUBACK, 1, 3, SN_ACCEPTED));
    client_says_from(device(1), sn_simple(SN_PINGREQ));
    gateway_says_to(device(1), sn_disconnect(0)); /* a stranger now */
    story_end();
}
END_TEST

/* What costs flash: an idle client, and one that only sleeps and wakes, write nothing. */
START_TEST(life_signs_and_empty_wakes_write_nothing)
{
    story_begin("[gateway]\nadvertise_interval = 0\n");
    fell_asleep();
    uint64_t writes = story->ledger.writes;
    for (int i = 0; i < 10; i++) {
        pass(seconds(100));
        client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
        gateway_says(sn_simple(SN_PINGRESP));
    }
    ck_assert_uint_eq(story->ledger.writes, writes);
    connected("sensor-1", 0);
    writes = story->ledger.writes;
    for (int i = 0; i < 10; i++) {
        pass(seconds(50));
        client_says(sn_simple(SN_PINGREQ));
        gateway_says(sn_simple(SN_PINGRESP));
        client_says(sn_publish(QOS(1), 1, 5, "x")); /* the broker answers itself */
        gateway_says(sn_ack(SN_PUBACK, 1, 5, SN_ACCEPTED));
    }
    ck_assert_uint_eq(story->ledger.writes, writes);
    story_end();
}
END_TEST

START_TEST(records_that_contradict_each_other_are_left_out)
{
    struct record session = {
        .type = RECORD_SESSION,
        .session = 3,
        .client = {.client_id = sn_text("other"), .state = RECORD_ACTIVE, .keep_alive = 60},
    };
    struct record orphan = {
        .type = RECORD_TOPIC, .session = 77, .topic = {.topic_id = 1, .name = sn_text("a")}};

    story_begin(NULL);
    ck_assert(core_restore(story->core, story->now, &session));
    ck_assert(!core_restore(story->core, story->now, &session));
    ck_assert(!core_restore(story->core, story->now, &orphan));
    orphan.session = 3;
    ck_assert(core_restore(story->core, story->now, &orphan));
    ck_assert(!core_restore(story->core, story->now, &orphan));
    ck_assert_uint_eq(counted(COUNT_restore_failures), 3);
    core_restored(story->core, story->now);
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("restore");

    tcase_add_loop_test(tc, an_active_client_goes_on_with_its_topic_ids, 0, 2);
    tcase_add_test(tc, a_client_without_id_is_still_the_same);
    tcase_add_test(tc, a_clean_connect_that_waits_for_the_broker_is_still_clean);
    tcase_add_loop_test(tc, subscriptions_are_made_again, 0, 2);
    tcase_add_test(tc, an_unsubscription_the_broker_has_not_heard_is_remembered);
    tcase_add_loop_test(tc, the_will_comes_back, 0, 2);
    tcase_add_loop_test(tc, every_client_has_a_full_period_from_the_restart, 0, 2);
    tcase_add_test(tc, a_sleeper_has_a_full_sleep_from_the_restart);
    tcase_add_test(tc, ids_that_a_sleeper_knows_need_no_register);
    tcase_add_test(tc, ids_of_an_earlier_connection_do);
    tcase_add_test(tc, a_renumbered_topic_keeps_its_new_id_and_the_old_stays_used_up);
    tcase_add_test(tc, clean_sessions_leave_no_rows);
    tcase_add_test(tc, a_clean_connect_wipes_the_rows_of_before);
    tcase_add_test(tc, an_absent_client_keeps_its_session);
    tcase_add_test(tc, the_last_address_counts);
    tcase_add_test(tc, life_signs_and_empty_wakes_write_nothing);
    tcase_add_test(tc, records_that_contradict_each_other_are_left_out);
    return run_case("restore", tc);
}
