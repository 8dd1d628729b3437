/* SPDX-License-Identifier: Apache-2.0 */
/* PUBLISH from the device: MQTT-SN 1.2, 6.6 and 6.8; section 8.7 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

static void begin(const char *config)
{
    story_begin(config);
    connected("sensor-1", 0);
    client_says(sn_register(0, 1, "a/temp"));
    gateway_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    broker_looks_away();
}

static void broker_answers(struct bridge_request r, enum bridge_result result)
{
    broker_says((struct bridge_event){
        .type = BRIDGE_PUBLISHED, .session = r.session, .token = r.token, .result = result});
}

START_TEST(qos_0_is_forwarded_and_not_answered)
{
    begin(NULL);
    client_says(sn_publish(SN_FLAG_RETAIN, 1, 0, ""));
    struct bridge_message m = broker_sees(BRIDGE_PUBLISH).message;
    ck_assert(m.retain && m.qos == 0 && m.payload.len == 0);
    story_end();
}
END_TEST

START_TEST(qos_1_is_acknowledged_after_the_broker)
{
    begin(NULL);
    story->broker.silent = true;
    client_says(sn_publish(QOS(1), 1, 2, "21.5"));
    gateway_is_silent();
    struct bridge_request r = broker_sees(BRIDGE_PUBLISH);
    broker_answers(r, BRIDGE_OK);
    gateway_says(sn_ack(SN_PUBACK, 1, 2, SN_ACCEPTED));
    story_end();
}
END_TEST

static const struct {
    enum bridge_result result;
    uint8_t return_code;
} answers[] = {{BRIDGE_BUSY, SN_CONGESTION}, {BRIDGE_REFUSED, SN_NOT_SUPPORTED}};

START_TEST(the_brokers_refusal_is_handed_on)
{
    begin(NULL);
    story->broker.publishing = answers[_i].result;
    client_says(sn_publish(QOS(1), 1, 2, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 2, answers[_i].return_code));
    client_says(sn_publish(QOS(2), 1, 3, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 3, answers[_i].return_code));
    story->broker.publishing = BRIDGE_OK;
    client_says(sn_publish(QOS(2), 1, 3, "x")); /* the exchange was over */
    gateway_says(sn_msg(SN_PUBREC, 3));
    story_end();
}
END_TEST

START_TEST(a21_qos_2_is_forwarded_once_whatever_dup_says)
{
    begin(NULL);
    client_says(sn_publish(QOS(2), 1, 3, "x"));
    gateway_says(sn_msg(SN_PUBREC, 3));
    broker_gets("a/temp", "x", 2);
    for (int i = 0; i < 2; i++) {
        client_says(sn_publish(QOS(2) | (i ? SN_FLAG_DUP : 0), 1, 3, "x"));
        gateway_says(sn_msg(SN_PUBREC, 3));
    }
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    client_says(sn_msg(SN_PUBREL, 3));
    gateway_says(sn_msg(SN_PUBCOMP, 3));
    client_says(sn_publish(QOS(2), 1, 3, "x")); /* the MsgId is free again */
    gateway_says(sn_msg(SN_PUBREC, 3));
    broker_gets("a/temp", "x", 2);
    story_end();
}
END_TEST

START_TEST(a21_a_first_publish_with_dup_is_new)
{
    begin(NULL);
    client_says(sn_publish(QOS(2) | SN_FLAG_DUP, 1, 3, "x"));
    gateway_says(sn_msg(SN_PUBREC, 3));
    broker_gets("a/temp", "x", 2);
    client_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 4, "y"));
    gateway_says(sn_ack(SN_PUBACK, 1, 4, SN_ACCEPTED));
    broker_gets("a/temp", "y", 1);
    client_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 4, "y")); /* QoS 1 always goes on */
    gateway_says(sn_ack(SN_PUBACK, 1, 4, SN_ACCEPTED));
    broker_gets("a/temp", "y", 1);
    story_end();
}
END_TEST

START_TEST(qos_2_repeated_before_the_broker_answered_is_answered_once_it_has)
{
    begin(NULL);
    story->broker.silent = true;
    client_says(sn_publish(QOS(2), 1, 3, "x"));
    client_says(sn_publish(QOS(2) | SN_FLAG_DUP, 1, 3, "x"));
    gateway_is_silent();
    struct bridge_request r = broker_sees(BRIDGE_PUBLISH);
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    broker_answers(r, BRIDGE_OK);
    gateway_says(sn_msg(SN_PUBREC, 3));
    story_end();
}
END_TEST

/* A18: unknown ids, at every QoS; MsgId copied, 0 for QoS 0. */
START_TEST(a18_unknown_ids)
{
    begin(NULL);
    uint8_t flags = (uint8_t)(QOS(_i / 2) | (_i % 2 ? SN_TOPIC_PREDEFINED : SN_TOPIC_NORMAL));
    client_says(sn_publish(flags, 7, 5, "x"));
    gateway_says(sn_ack(SN_PUBACK, 7, _i / 2 ? 5 : 0, SN_INVALID_TOPIC_ID));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story_end();
}
END_TEST

START_TEST(a18_reserved_topic_id_type)
{
    begin(NULL);
    client_says(sn_publish(QOS(1) | SN_TOPIC_RESERVED, 1, 5, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 5, SN_NOT_SUPPORTED));
    client_says(sn_publish(QOS(3) | SN_TOPIC_RESERVED, 1, 5, "x")); /* never for QoS -1 */
    story_end();
}
END_TEST

START_TEST(predefined_ids_of_the_client_come_before_those_of_all)
{
    begin("[topics]\n42 = all/temp\n43 = all/hum\n[topics sensor-*]\n42 = own/temp\n");
    client_says(sn_publish(SN_TOPIC_PREDEFINED, 42, 0, "x"));
    broker_gets("own/temp", "x", 0);
    client_says(sn_publish(SN_TOPIC_PREDEFINED, 43, 0, "y"));
    broker_gets("all/hum", "y", 0);
    story_end();
}
END_TEST

START_TEST(short_names_need_nothing)
{
    begin(NULL);
    client_says(sn_publish(QOS(1) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 5, "x"));
    gateway_says(sn_ack(SN_PUBACK, 'a' << 8 | 'b', 5, SN_ACCEPTED));
    broker_gets("ab", "x", 1);
    story_end();
}
END_TEST

static const uint16_t bad_short[] = {'a' << 8 | '+', '#' << 8 | 'a', 'a' << 8, 0xC328};

START_TEST(a29_short_names_that_make_no_sense)
{
    begin(NULL);
    client_says(sn_publish(QOS(1) | SN_TOPIC_SHORT, bad_short[_i], 5, "x"));
    gateway_says(sn_ack(SN_PUBACK, bad_short[_i], 5, SN_NOT_SUPPORTED));
    client_says(sn_publish(QOS(3) | SN_TOPIC_SHORT, bad_short[_i], 0, "x"));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story_end();
}
END_TEST

START_TEST(a20_msg_id_0_is_echoed_and_one_of_qos_0_ignored)
{
    begin(NULL);
    client_says(sn_publish(QOS(1), 1, 0, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 0, SN_ACCEPTED));
    client_says(sn_publish(QOS(2), 1, 0, "x"));
    gateway_says(sn_msg(SN_PUBREC, 0));
    client_says(sn_msg(SN_PUBREL, 0));
    gateway_says(sn_msg(SN_PUBCOMP, 0));
    client_says(sn_publish(0, 1, 77, "x"));
    broker_looks_away();
    story_end();
}
END_TEST

START_TEST(a24_pubrel_for_an_unknown_msg_id)
{
    begin(NULL);
    client_says(sn_msg(SN_PUBREL, 1234));
    gateway_says(sn_msg(SN_PUBCOMP, 1234));
    story_end();
}
END_TEST

START_TEST(a25_long_topics_are_off_by_default)
{
    begin(NULL);
    client_sends("11 0C 60 00 06 00 00 61 2F 74 65 6D 70 32 31 2E 35");
    client_sends("0B 0C 60 00 01 00 00 32 31 2E 35"); /* never looked up as an id */
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story_end();
}
END_TEST

START_TEST(a25_long_topics_by_option)
{
    begin("[gateway]\nqos_minus_one = long-topics\n");
    client_sends("11 0C 60 00 06 00 00 61 2F 74 65 6D 70 32 31 2E 35");
    broker_gets("a/temp", "21.5", 0);
    client_sends("0D 0C 60 00 06 00 00 61 2F 74 65 6D 70"); /* the name alone */
    broker_gets("a/temp", "", 0);
    client_sends("0B 0C 60 00 05 00 00 32 31 2E 35"); /* longer than the data */
    client_sends("0B 0C 60 00 00 00 00 32 31 2E 35"); /* empty */
    client_sends("0B 0C 60 00 02 00 00 61 23 2E 35"); /* a wildcard */
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story_end();
}
END_TEST

START_TEST(a26_qos_minus_one_from_anybody)
{
    begin("[topics]\n42 = all/temp\n[topics sensor-*]\n42 = own/temp\n");
    client_says_from(device(2), sn_publish(QOS(3) | SN_TOPIC_PREDEFINED, 42, 0, "x"));
    struct bridge_request r = broker_sees(BRIDGE_PUBLISH);
    ck_assert_uint_eq(r.session.slot, GATEWAY_SELF.slot); /* over the gateway's own connection */
    ck_assert_uint_eq(r.message.qos, 0);
    ck_assert(sn_bytes_equal(r.message.topic, sn_text("all/temp")));
    client_says(sn_publish(QOS(3) | SN_TOPIC_PREDEFINED, 42, 0, "x"));
    broker_gets("all/temp", "x", 0); /* the table of all, from a connected client too */
    client_says(sn_publish(QOS(3) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 0, "x"));
    broker_gets("ab", "x", 0);
    client_says(sn_publish(QOS(3) | SN_TOPIC_PREDEFINED, 99, 0, "x")); /* unknown: no answer */
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story_end();
}
END_TEST

START_TEST(a26_it_is_a_life_sign_of_a_known_client)
{
    begin(NULL);
    pass(seconds(60));
    client_says(sn_publish(QOS(3) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 0, "x"));
    pass(seconds(60));
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

START_TEST(a26_switched_off)
{
    begin("[gateway]\nqos_minus_one = no\n");
    client_says(sn_publish(QOS(3) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 0, "x"));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story_end();
}
END_TEST

START_TEST(a43_several_at_once_are_each_handled)
{
    begin(NULL);
    story->broker.silent = true;
    struct bridge_request asked[4];
    for (uint16_t i = 0; i < 4; i++) {
        client_says(sn_publish(QOS(1 + i % 2), 1, (uint16_t)(10 + i), "x"));
        asked[i] = broker_sees(BRIDGE_PUBLISH);
    }
    client_says(sn_register(0, 3, "b"));
    gateway_says(sn_ack(SN_REGACK, 2, 3, SN_ACCEPTED));
    for (uint16_t i = 4; i-- > 0;) { /* the broker answers the last first */
        broker_answers(asked[i], BRIDGE_OK);
        if (i % 2)
            gateway_says(sn_msg(SN_PUBREC, (uint16_t)(10 + i)));
        else
            gateway_says(sn_ack(SN_PUBACK, 1, (uint16_t)(10 + i), SN_ACCEPTED));
    }
    story_end();
}
END_TEST

START_TEST(a19_a_sleeper_may_publish_and_its_sleep_starts_anew)
{
    begin(NULL);
    client_says(sn_disconnect(100));
    gateway_says(sn_disconnect(0));
    pass(seconds(100));
    client_says(sn_publish(QOS(1), 1, 2, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 2, SN_ACCEPTED));
    pass(seconds(100));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    story_end();
}
END_TEST

START_TEST(a19_strict_tells_it_to_connect)
{
    static const char *const said[] = {"0B 0C 20 00 01 00 02 32 31 2E 35",
                                       "0C 0A 00 00 12 34 61 2F 74 65 6D 70",
                                       "08 12 20 00 06 61 2F 23"};
    begin("[sleep]\nstrict = yes\n");
    client_says(sn_disconnect(100));
    gateway_says(sn_disconnect(0));
    client_sends(said[_i]);
    gateway_says(sn_disconnect(0));
    ck_assert(!broker_saw(BRIDGE_PUBLISH) && !broker_saw(BRIDGE_SUBSCRIBE));
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("publish");

    tcase_add_test(tc, qos_0_is_forwarded_and_not_answered);
    tcase_add_test(tc, qos_1_is_acknowledged_after_the_broker);
    tcase_add_loop_test(tc, the_brokers_refusal_is_handed_on, 0, 2);
    tcase_add_test(tc, a21_qos_2_is_forwarded_once_whatever_dup_says);
    tcase_add_test(tc, a21_a_first_publish_with_dup_is_new);
    tcase_add_test(tc, qos_2_repeated_before_the_broker_answered_is_answered_once_it_has);
    tcase_add_loop_test(tc, a18_unknown_ids, 0, 6);
    tcase_add_test(tc, a18_reserved_topic_id_type);
    tcase_add_test(tc, predefined_ids_of_the_client_come_before_those_of_all);
    tcase_add_test(tc, short_names_need_nothing);
    tcase_add_loop_test(tc, a29_short_names_that_make_no_sense, 0, 4);
    tcase_add_test(tc, a20_msg_id_0_is_echoed_and_one_of_qos_0_ignored);
    tcase_add_test(tc, a24_pubrel_for_an_unknown_msg_id);
    tcase_add_test(tc, a25_long_topics_are_off_by_default);
    tcase_add_test(tc, a25_long_topics_by_option);
    tcase_add_test(tc, a26_qos_minus_one_from_anybody);
    tcase_add_test(tc, a26_it_is_a_life_sign_of_a_known_client);
    tcase_add_test(tc, a26_switched_off);
    tcase_add_test(tc, a43_several_at_once_are_each_handled);
    tcase_add_test(tc, a19_a_sleeper_may_publish_and_its_sleep_starts_anew);
    tcase_add_loop_test(tc, a19_strict_tells_it_to_connect, 0, 3);
    return run_case("publish", tc);
}
