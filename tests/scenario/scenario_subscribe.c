/* SPDX-License-Identifier: Apache-2.0 */
/* SUBSCRIBE and UNSUBSCRIBE: MQTT-SN 1.2, 6.7 and 6.9; section 8.6 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

static const char topics[] = "[topics]\n42 = a/temp\n";

START_TEST(what_the_suback_names)
{
    story_begin(topics);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED)); /* a new normal id */
    client_says(sn_subscribe(QOS(2), 2, "a/+"));
    gateway_says(sn_suback(2, SN_TOPIC_ID_NONE, 2, SN_ACCEPTED));
    client_says(sn_subscribe_id(QOS(0) | SN_TOPIC_PREDEFINED, 3, 42));
    gateway_says(sn_suback(0, 42, 3, SN_ACCEPTED));
    client_says(sn_subscribe_id(QOS(1) | SN_TOPIC_SHORT, 4, 'a' << 8 | 'b'));
    gateway_says(sn_suback(1, SN_TOPIC_ID_NONE, 4, SN_ACCEPTED));
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_SUBSCRIBE).message.topic, sn_text("b")));
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_SUBSCRIBE).message.topic, sn_text("a/+")));
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_SUBSCRIBE).message.topic, sn_text("a/temp")));
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_SUBSCRIBE).message.topic, sn_text("ab")));
    story_end();
}
END_TEST

START_TEST(the_granted_qos_is_the_brokers)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    story->broker.silent = true;
    client_says(sn_subscribe(QOS(2), 1, "b"));
    gateway_is_silent();
    struct bridge_request r = broker_sees(BRIDGE_SUBSCRIBE);
    ck_assert_uint_eq(r.message.qos, 2);
    broker_says((struct bridge_event){
        .type = BRIDGE_SUBSCRIBED, .session = r.session, .token = r.token, .granted_qos = 1});
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    story_end();
}
END_TEST

static const struct {
    struct sn_packet p;
    uint8_t return_code;
} refused[] = {
    {{.type = SN_SUBSCRIBE, .flags = QOS(3), .msg_id = 5, .body = {(const uint8_t *)"b", 1}},
     SN_NOT_SUPPORTED}, /* A27 */
    {{.type = SN_SUBSCRIBE, .msg_id = 5, .body = {(const uint8_t *)"b#", 2}}, SN_NOT_SUPPORTED},
    {{.type = SN_SUBSCRIBE, .msg_id = 5, .body = {(const uint8_t *)"\xC3", 1}}, SN_NOT_SUPPORTED},
    {{.type = SN_SUBSCRIBE, .msg_id = 5, .body = {(const uint8_t *)"a\0b", 3}}, SN_NOT_SUPPORTED},
    {{.type = SN_SUBSCRIBE, .msg_id = 5}, SN_NOT_SUPPORTED}, /* an empty name */
    {{.type = SN_SUBSCRIBE, .flags = SN_TOPIC_PREDEFINED, .msg_id = 5, .topic_id = 7},
     SN_INVALID_TOPIC_ID},
    {{.type = SN_SUBSCRIBE, .flags = SN_TOPIC_SHORT, .msg_id = 5, .topic_id = 'a' << 8 | '#'},
     SN_NOT_SUPPORTED}, /* A29 */
    {{.type = SN_SUBSCRIBE, .flags = SN_TOPIC_SHORT, .msg_id = 5, .topic_id = 'a' << 8},
     SN_NOT_SUPPORTED},
};

START_TEST(a27_a29_what_cannot_be_subscribed)
{
    story_begin(topics);
    connected("sensor-1", 0);
    client_says(refused[_i].p);
    gateway_says(sn_suback(0, SN_TOPIC_ID_NONE, 5, refused[_i].return_code));
    ck_assert(!broker_saw(BRIDGE_SUBSCRIBE));
    struct sn_packet leave = refused[_i].p; /* A30: UNSUBACK always */
    leave.type = SN_UNSUBSCRIBE;
    client_says(leave);
    gateway_says(sn_msg(SN_UNSUBACK, 5));
    story_end();
}
END_TEST

START_TEST(the_brokers_refusal_is_handed_on)
{
    static const uint8_t codes[] = {SN_ACCEPTED, SN_CONGESTION, SN_NOT_SUPPORTED};

    story_begin(NULL);
    connected("sensor-1", 0);
    story->broker.subscribing = (enum bridge_result)_i;
    client_says(sn_subscribe(QOS(1), 1, "b/#"));
    gateway_says(sn_suback(0, SN_TOPIC_ID_NONE, 1, codes[_i]));
    story_end();
}
END_TEST

START_TEST(a28_again_keeps_the_id_and_goes_to_the_broker)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(0), 1, "b"));
    gateway_says(sn_suback(0, 1, 1, SN_ACCEPTED));
    broker_looks_away();
    client_says(sn_subscribe(QOS(2), 2, "b"));
    gateway_says(sn_suback(2, 1, 2, SN_ACCEPTED));
    ck_assert_uint_eq(broker_sees(BRIDGE_SUBSCRIBE).message.qos, 2);
    client_says(sn_subscribe(QOS(2) | SN_FLAG_DUP, 2, "b")); /* A21: DUP is ignored */
    gateway_says(sn_suback(2, 1, 2, SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(a30_unsuback_always_and_the_id_stays)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(0), 1, "b"));
    gateway_says(sn_suback(0, 1, 1, SN_ACCEPTED));
    struct sn_packet leave = sn_subscribe(0, 2, "b");
    leave.type = SN_UNSUBSCRIBE;
    client_says(leave);
    gateway_says(sn_msg(SN_UNSUBACK, 2));
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_UNSUBSCRIBE).message.topic, sn_text("b")));
    leave = sn_subscribe(0, 3, "never/subscribed");
    leave.type = SN_UNSUBSCRIBE;
    client_says(leave);
    gateway_says(sn_msg(SN_UNSUBACK, 3));
    client_says(sn_publish(QOS(1), 1, 4, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 4, SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(a20_msg_id_0_is_echoed)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(0), 0, "b"));
    gateway_says(sn_suback(0, 1, 0, SN_ACCEPTED));
    struct sn_packet leave = sn_subscribe(0, 0, "b");
    leave.type = SN_UNSUBSCRIBE;
    client_says(leave);
    gateway_says(sn_msg(SN_UNSUBACK, 0));
    story_end();
}
END_TEST

/* The retained message comes between SUBSCRIBED and what follows. */
START_TEST(a_retained_message_keeps_its_flag)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(0), 1, "b"));
    gateway_says(sn_suback(0, 1, 1, SN_ACCEPTED));
    broker_says((struct bridge_event){
        .type = BRIDGE_MESSAGE,
        .session = ref_of("sensor-1"),
        .message = {sn_text("b"), sn_text("old"), 0, true},
    });
    gateway_says(sn_publish(SN_FLAG_RETAIN, 1, 0, "old"));
    story_end();
}
END_TEST

START_TEST(a44_overlapping_subscriptions_deliver_what_the_broker_sends)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(0), 1, "b"));
    gateway_says(sn_suback(0, 1, 1, SN_ACCEPTED));
    client_says(sn_subscribe(QOS(0), 2, "#"));
    gateway_says(sn_suback(0, 0, 2, SN_ACCEPTED));
    broker_delivers("sensor-1", "b", "x", 0);
    broker_delivers("sensor-1", "b", "x", 0);
    gateway_says(sn_publish(0, 1, 0, "x"));
    gateway_says(sn_publish(0, 1, 0, "x"));
    story_end();
}
END_TEST

/* A45: in the words of the subscriber. */
START_TEST(a45_the_id_type_is_the_subscribers)
{
    story_begin(topics);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(0), 1, "a/temp")); /* by name, though it has a predefined id */
    gateway_says(sn_suback(0, 1, 1, SN_ACCEPTED));
    broker_delivers("sensor-1", "a/temp", "x", 0);
    gateway_says(sn_publish(SN_TOPIC_NORMAL, 1, 0, "x"));

    client_says(sn_subscribe_id(SN_TOPIC_PREDEFINED, 2, 42));
    gateway_says(sn_suback(0, 42, 2, SN_ACCEPTED));
    broker_delivers("sensor-1", "a/temp", "x", 0);
    gateway_says(sn_publish(SN_TOPIC_PREDEFINED, 42, 0, "x"));

    client_says(sn_subscribe_id(SN_TOPIC_SHORT, 3, 'a' << 8 | 'b'));
    gateway_says(sn_suback(0, 0, 3, SN_ACCEPTED));
    broker_delivers("sensor-1", "ab", "x", 0);
    gateway_says(sn_publish(SN_TOPIC_SHORT, 'a' << 8 | 'b', 0, "x"));

    client_says(sn_subscribe(0, 4, "cd")); /* a two-octet name, subscribed as a name */
    gateway_says(sn_suback(0, 2, 4, SN_ACCEPTED));
    broker_delivers("sensor-1", "cd", "x", 0);
    gateway_says(sn_publish(SN_TOPIC_NORMAL, 2, 0, "x"));
    story_end();
}
END_TEST

START_TEST(a45_a_wildcard_prefers_predefined_then_short_then_register)
{
    story_begin("[topics]\n42 = a/temp\n43 = ab\n");
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(0), 1, "#"));
    gateway_says(sn_suback(0, 0, 1, SN_ACCEPTED));
    broker_delivers("sensor-1", "a/temp", "x", 0);
    gateway_says(sn_publish(SN_TOPIC_PREDEFINED, 42, 0, "x"));
    broker_delivers("sensor-1", "ab", "x", 0);
    gateway_says(sn_publish(SN_TOPIC_PREDEFINED, 43, 0, "x"));
    broker_delivers("sensor-1", "cd", "x", 0);
    gateway_says(sn_publish(SN_TOPIC_SHORT, 'c' << 8 | 'd', 0, "x"));
    broker_delivers("sensor-1", "a/hum", "x", 0);
    gateway_says(sn_register(1, 1, "a/hum"));
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("subscribe");

    tcase_add_test(tc, what_the_suback_names);
    tcase_add_test(tc, the_granted_qos_is_the_brokers);
    tcase_add_loop_test(tc, a27_a29_what_cannot_be_subscribed, 0, 8);
    tcase_add_loop_test(tc, the_brokers_refusal_is_handed_on, 1, 3);
    tcase_add_test(tc, a28_again_keeps_the_id_and_goes_to_the_broker);
    tcase_add_test(tc, a30_unsuback_always_and_the_id_stays);
    tcase_add_test(tc, a20_msg_id_0_is_echoed);
    tcase_add_test(tc, a_retained_message_keeps_its_flag);
    tcase_add_test(tc, a44_overlapping_subscriptions_deliver_what_the_broker_sends);
    tcase_add_test(tc, a45_the_id_type_is_the_subscribers);
    tcase_add_test(tc, a45_a_wildcard_prefers_predefined_then_short_then_register);
    return run_case("subscribe", tc);
}
