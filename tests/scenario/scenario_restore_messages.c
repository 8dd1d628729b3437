/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's process ends with messages under way, and the next one goes on with them. */
#include "tests/support/run.h"
#include "tests/support/story.h"

static void wakes_to(const char *const payloads[], size_t count)
{
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    for (size_t i = 0; i < count; i++) {
        struct sn_packet p = gateway_said();
        ck_assert_uint_eq(p.type, SN_PUBLISH);
        ck_assert(sn_bytes_equal(p.body, sn_text(payloads[i])));
        client_says(sn_ack(SN_PUBACK, p.topic_id, p.msg_id, SN_ACCEPTED));
    }
    gateway_says(sn_simple(SN_PINGRESP));
}

static struct sn_packet delivers_qos_2(const char *data)
{
    broker_delivers("sensor-1", "down", data, 1);
    struct sn_packet p = gateway_said();
    ck_assert_int_eq(p.type, SN_PUBLISH);
    ck_assert_uint_eq(sn_qos(p.flags), 2);
    ck_assert(sn_bytes_equal(p.body, sn_text(data)));
    return p;
}

static void begin_qos_2(void)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(2), 1, "down"));
    gateway_says(sn_suback(2, 1, 1, SN_ACCEPTED));
}

START_TEST(a_sleeping_client_finds_its_messages_in_order)
{
    static const char *const all[] = {"1", "2", "3"};

    story_begin(NULL);
    fell_asleep();
    for (int i = 0; i < 3; i++)
        broker_delivers("sensor-1", "down", all[i], 1);
    ck_assert_uint_eq(recorded(RECORD_MESSAGE), 3);
    gateway_restarts(seconds(60));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    wakes_to(all, 3);
    ck_assert_uint_eq(recorded(RECORD_MESSAGE), 0);
    story_end();
}
END_TEST

/* A message that was acknowledged before the end does not come again; one that was not, does. */
START_TEST(only_what_is_unacknowledged_comes_again)
{
    static const char *const rest[] = {"2"};

    story_begin(NULL);
    fell_asleep();
    broker_delivers("sensor-1", "down", "1", 1);
    broker_delivers("sensor-1", "down", "2", 1);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    struct sn_packet p = gateway_said();
    client_says(sn_ack(SN_PUBACK, p.topic_id, p.msg_id, SN_ACCEPTED));
    gateway_said(); /* the second leaves, and nobody hears it */
    gateway_restarts(10);
    wakes_to(rest, 1);
    story_end();
}
END_TEST

/* QoS 2: after PUBREC the client has it, and remembers its message id until PUBREL: a new message
 * under that id would be a repetition to it. */
START_TEST(a_released_qos_2_message_is_only_brought_to_its_end)
{
    begin_qos_2();
    struct sn_packet p = delivers_qos_2("once");
    client_says(sn_msg(SN_PUBREC, p.msg_id));
    gateway_says(sn_msg(SN_PUBREL, p.msg_id)); /* nobody hears it */
    gateway_restarts(10);
    gateway_says(sn_msg(SN_PUBREL, p.msg_id));
    if (_i) { /* nor this one */
        gateway_restarts(10);
        gateway_says(sn_msg(SN_PUBREL, p.msg_id));
    }
    client_says(sn_msg(SN_PUBCOMP, p.msg_id));
    ck_assert_uint_eq(recorded(RECORD_MESSAGE), 0);
    gateway_restarts(10);
    gateway_is_silent();
    story_end();
}
END_TEST

START_TEST(an_unanswered_qos_2_message_comes_again_under_its_id)
{
    begin_qos_2();
    struct sn_packet p = delivers_qos_2("once");
    broker_delivers("sensor-1", "down", "next", 1);
    gateway_restarts(10); /* the client has it, but its PUBREC was lost */
    struct sn_packet again = gateway_said();
    ck_assert_uint_eq(again.msg_id, p.msg_id);
    ck_assert(sn_bytes_equal(again.body, sn_text("once")));
    client_says(sn_msg(SN_PUBREC, p.msg_id));
    gateway_says(sn_msg(SN_PUBREL, p.msg_id));
    client_says(sn_msg(SN_PUBCOMP, p.msg_id));
    struct sn_packet next = gateway_said();
    ck_assert(sn_bytes_equal(next.body, sn_text("next")) && next.msg_id != p.msg_id);
    story_end();
}
END_TEST

START_TEST(an_active_client_gets_what_waited_without_asking)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "down"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    broker_delivers("sensor-1", "down", "x", 1);
    gateway_said();
    gateway_restarts(10);
    struct sn_packet p = gateway_said();
    ck_assert(p.type == SN_PUBLISH && sn_bytes_equal(p.body, sn_text("x")));
    client_says(sn_ack(SN_PUBACK, p.topic_id, p.msg_id, SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(a_qos_2_publish_of_the_client_is_still_known)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_publish(QOS(2) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 7, "once"));
    gateway_says(sn_msg(SN_PUBREC, 7));
    broker_gets("ab", "once", 2);
    gateway_restarts(10);
    client_says(sn_publish(QOS(2) | SN_TOPIC_SHORT | SN_FLAG_DUP, 'a' << 8 | 'b', 7, "once"));
    gateway_says(sn_msg(SN_PUBREC, 7));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    client_says(sn_msg(SN_PUBREL, 7));
    gateway_says(sn_msg(SN_PUBCOMP, 7));
    ck_assert_uint_eq(recorded(RECORD_RECEIVED), 0);
    story_end();
}
END_TEST

/* A client that rebooted uses the MsgId for something new; a crash in between must not make that a
 * repetition. */
START_TEST(a_reused_msg_id_is_not_mistaken_after_a_crash)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_publish(QOS(2) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 7, "old"));
    gateway_says(sn_msg(SN_PUBREC, 7));
    connected("sensor-1", 0);
    story->broker.silent = true;
    client_says(sn_publish(QOS(2) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 7, "new"));
    story->broker.silent = false;
    gateway_restarts(10);
    client_says(sn_publish(QOS(2) | SN_TOPIC_SHORT | SN_FLAG_DUP, 'a' << 8 | 'b', 7, "new"));
    gateway_says(sn_msg(SN_PUBREC, 7));
    broker_gets("ab", "new", 2);
    story_end();
}
END_TEST

START_TEST(qos_0_for_a_sleeper_is_recorded_by_option)
{
    static const char *const kept[] = {"0"};

    story_begin(_i ? "[store]\nkeep_qos0 = yes\n" : NULL);
    fell_asleep();
    broker_delivers("sensor-1", "down", "0", 0);
    ck_assert_int_eq((int)recorded(RECORD_MESSAGE), _i);
    gateway_restarts(10);
    ck_assert_int_eq((int)queued_for("sensor-1"), _i);
    if (_i) {
        client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
        ck_assert(sn_bytes_equal(gateway_said().body, sn_text(kept[0])));
        gateway_says(sn_simple(SN_PINGRESP));
    }
    story_end();
}
END_TEST

START_TEST(a_restart_while_the_broker_is_away_is_no_loss)
{
    static const char *const waited[] = {"x"};

    story_begin(NULL);
    fell_asleep();
    broker_delivers("sensor-1", "down", "x", 1);
    story->broker.away = true;
    gateway_restarts(10);
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    wakes_to(waited, 1);
    broker_is_back(true);
    client_says(sn_publish(QOS(1), 1, 3, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 3, SN_ACCEPTED));
    broker_gets("up", "x", 1);
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("restore_messages");

    tcase_add_test(tc, a_sleeping_client_finds_its_messages_in_order);
    tcase_add_test(tc, only_what_is_unacknowledged_comes_again);
    tcase_add_loop_test(tc, a_released_qos_2_message_is_only_brought_to_its_end, 0, 2);
    tcase_add_test(tc, an_unanswered_qos_2_message_comes_again_under_its_id);
    tcase_add_test(tc, an_active_client_gets_what_waited_without_asking);
    tcase_add_test(tc, a_qos_2_publish_of_the_client_is_still_known);
    tcase_add_test(tc, a_reused_msg_id_is_not_mistaken_after_a_crash);
    tcase_add_loop_test(tc, qos_0_for_a_sleeper_is_recorded_by_option, 0, 2);
    tcase_add_test(tc, a_restart_while_the_broker_is_away_is_no_loss);
    return run_case("restore_messages", tc);
}
