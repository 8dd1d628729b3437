/* SPDX-License-Identifier: Apache-2.0 */
/* Wills: MQTT-SN 1.2, 6.3 and 6.4; sections 8.2 to 8.4 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

#define WILL_FLAGS ((uint8_t)(QOS(1) | SN_FLAG_RETAIN))

static void asks_with_will(uint8_t flags)
{
    client_says(sn_connect("sensor-1", flags | SN_FLAG_WILL, 60));
    gateway_says(sn_simple(SN_WILLTOPICREQ));
}

static void connected_with_will(uint8_t flags, const char *topic, const char *message)
{
    asks_with_will(flags);
    client_says(sn_willtopic(SN_WILLTOPIC, WILL_FLAGS, topic));
    gateway_says(sn_simple(SN_WILLMSGREQ));
    client_says(sn_text_of(SN_WILLMSG, message));
    gateway_says(sn_connack(SN_ACCEPTED));
}

static void broker_holds(const char *topic, const char *payload)
{
    struct bridge_message will = broker_sees(BRIDGE_OPEN).will;

    ck_assert(sn_bytes_equal(will.topic, sn_text(topic)));
    ck_assert(sn_bytes_equal(will.payload, sn_text(payload)));
}

START_TEST(the_digests_dialogue)
{
    story_begin(NULL);
    client_sends("0E 04 0C 01 00 3C 73 65 6E 73 6F 72 2D 31");
    gateway_sends("02 06");
    client_sends("0E 07 30 73 74 2F 73 65 6E 73 6F 72 2D 31");
    gateway_sends("02 08");
    ck_assert(!broker_saw(BRIDGE_OPEN));
    client_sends("09 09 6F 66 66 6C 69 6E 65");
    gateway_sends("03 05 00");
    struct bridge_message will = broker_sees(BRIDGE_OPEN).will;
    ck_assert(sn_bytes_equal(will.topic, sn_text("st/sensor-1")));
    ck_assert(sn_bytes_equal(will.payload, sn_text("offline")));
    ck_assert(will.qos == 1 && will.retain);
    story_end();
}
END_TEST

/* 8.2, step 6: the client repeats, each duplicate gets the same answer. */
START_TEST(each_step_repeated_gets_its_answer_again)
{
    story_begin(NULL);
    asks_with_will(0);
    asks_with_will(0);
    for (int i = 0; i < 3; i++) {
        client_says(sn_willtopic(SN_WILLTOPIC, 0, "w"));
        gateway_says(sn_simple(SN_WILLMSGREQ));
    }
    client_says(sn_text_of(SN_WILLMSG, "gone"));
    gateway_says(sn_connack(SN_ACCEPTED));
    broker_holds("w", "gone");
    ck_assert(!broker_saw(BRIDGE_OPEN));
    story_end();
}
END_TEST

START_TEST(a5_connect_repeated_after_willtopic_gets_the_last_prompt)
{
    story_begin(NULL);
    asks_with_will(0);
    client_says(sn_willtopic(SN_WILLTOPIC, 0, "w"));
    gateway_says(sn_simple(SN_WILLMSGREQ));
    client_says(sn_connect("sensor-1", SN_FLAG_WILL, 60));
    gateway_says(sn_simple(SN_WILLMSGREQ));
    pass(seconds(11)); /* the radio would not: the device rebooted */
    client_says(sn_connect("sensor-1", SN_FLAG_WILL, 60));
    gateway_says(sn_simple(SN_WILLTOPICREQ));
    client_says(sn_willtopic(SN_WILLTOPIC, 0, "w2"));
    gateway_says(sn_simple(SN_WILLMSGREQ));
    client_says(sn_text_of(SN_WILLMSG, "gone"));
    gateway_says(sn_connack(SN_ACCEPTED));
    broker_holds("w2", "gone");
    story_end();
}
END_TEST

/* A5: one CONNECT that the radio repeats is answered again; but a device that reboots before it has
 * said anything sends the very same one, waits for the prompt, and may take nothing else. */
START_TEST(a5_a_reboot_soon_after_the_connect_is_asked_for_its_will)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    broker_looks_away();
    client_says(sn_connect("sensor-1", SN_FLAG_WILL, 60));
    gateway_says(sn_connack(SN_ACCEPTED));
    pass(seconds(6));
    client_says(sn_connect("sensor-1", SN_FLAG_WILL, 60));
    gateway_says(sn_connack(SN_ACCEPTED));
    pass(seconds(6)); /* T_retry since the CONNACK, though not since its repetition */
    connected_with_will(0, "w", "gone");
    ck_assert(!broker_saw(BRIDGE_OPEN) && !broker_saw(BRIDGE_CLOSE));
    pass(seconds(11));
    connected_with_will(0, "w", "really gone");
    broker_holds("w", "really gone");
    story_end();
}
END_TEST

START_TEST(a4_connect_from_sleep_with_will_runs_the_prompts)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    broker_looks_away();
    connected_with_will(0, "w", "gone");
    broker_holds("w", "gone");
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

/* 8.3, Clean=0 Will=0: the stored will is used again. */
START_TEST(clean_0_will_0_uses_the_stored_will_again)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    broker_looks_away();
    connected("sensor-1", 0);
    broker_holds("w", "gone");
    story_end();
}
END_TEST

/* 8.3, Clean=1 Will=0 deletes it. */
START_TEST(clean_1_deletes_the_stored_will)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    broker_looks_away();
    connected("sensor-1", SN_FLAG_CLEAN);
    broker_holds("", "");
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    connected("sensor-1", 0);
    broker_holds("", "");
    story_end();
}
END_TEST

/* 8.3, Clean=0 Will=1: an empty WILLTOPIC deletes, with a flags octet too (A35). */
START_TEST(a35_empty_willtopic_deletes_the_stored_will)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    broker_looks_away();
    asks_with_will(0);
    client_sends(_i ? "03 07 30" : "02 07");
    gateway_says(sn_connack(SN_ACCEPTED));
    broker_holds("", "");
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    connected("sensor-1", 0);
    broker_holds("", "");
    story_end();
}
END_TEST

static const struct {
    uint8_t flags;
    const char *topic;
} unusable[] = {{QOS(3), "w"}, {0, "w/+"}, {0, "#"}, {0, "\xC3"}};

START_TEST(a27_unusable_will_topics_are_refused)
{
    story_begin(NULL);
    asks_with_will(0);
    client_says(sn_willtopic(SN_WILLTOPIC, unusable[_i].flags, unusable[_i].topic));
    gateway_says(sn_connack(SN_NOT_SUPPORTED));
    ck_assert(!broker_saw(BRIDGE_OPEN));
    connected_with_will(0, "w", "gone");
    client_says(sn_willtopic(SN_WILLTOPICUPD, unusable[_i].flags, unusable[_i].topic));
    gateway_says(sn_ack(SN_WILLTOPICRESP, 0, 0, SN_NOT_SUPPORTED));
    story_end();
}
END_TEST

/* A33: one overall timer, no repetition, no CONNACK, the old session untouched. */
START_TEST(a33_an_abandoned_dialogue_is_forgotten_in_silence)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says_from(device(2), sn_connect("sensor-1", SN_FLAG_WILL | SN_FLAG_CLEAN, 60));
    gateway_says_to(device(2), sn_simple(SN_WILLTOPICREQ));
    pass(seconds(39));
    client_says_from(device(2), sn_willtopic(SN_WILLTOPIC, 0, "w"));
    gateway_says_to(device(2), sn_simple(SN_WILLMSGREQ));
    pass(seconds(2));
    gateway_is_silent();
    client_says(sn_simple(SN_PINGREQ));
    gateway_says(sn_simple(SN_PINGRESP));
    client_says_from(device(2), sn_text_of(SN_WILLMSG, "late"));
    gateway_says_to(device(2), sn_disconnect(0));
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

START_TEST(a34_unasked_or_out_of_order_is_ignored)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_willtopic(SN_WILLTOPIC, 0, "w"));
    client_says(sn_text_of(SN_WILLMSG, "gone"));
    gateway_is_silent();
    client_says_from(device(2), sn_connect("sensor-2", SN_FLAG_WILL, 60));
    gateway_says_to(device(2), sn_simple(SN_WILLTOPICREQ));
    client_says_from(device(2), sn_text_of(SN_WILLMSG, "too early"));
    gateway_is_silent();
    client_says_from(device(2), sn_willtopic(SN_WILLTOPIC, 0, "w"));
    gateway_says_to(device(2), sn_simple(SN_WILLMSGREQ));
    story_end();
}
END_TEST

START_TEST(a34_willmsg_right_after_connack_gets_it_again)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    client_says(sn_text_of(SN_WILLMSG, "gone"));
    gateway_says(sn_connack(SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(the_broker_publishes_the_will_of_a_lost_client)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    pass(seconds(91));
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    story_end();
}
END_TEST

START_TEST(no_will_on_disconnect_nor_on_falling_asleep)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    pass(seconds(329));
    ck_assert(!broker_saw(BRIDGE_CLOSE) && !broker_saw(BRIDGE_PUBLISH));
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_POLITELY);
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    story_end();
}
END_TEST

START_TEST(the_will_of_a_sleeper_that_never_wakes_fires)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    pass(seconds(331));
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    story_end();
}
END_TEST

/* 8.4: updates take effect on loss, and the older will of the broker does not fire. */
START_TEST(updates_take_effect)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    client_says(sn_willtopic(SN_WILLTOPICUPD, QOS(1), "st/new"));
    gateway_says(sn_ack(SN_WILLTOPICRESP, 0, 0, SN_ACCEPTED));
    client_says(sn_text_of(SN_WILLMSGUPD, "really gone"));
    gateway_says(sn_ack(SN_WILLMSGRESP, 0, 0, SN_ACCEPTED));
    pass(seconds(91));
    broker_gets("st/new", "really gone", 1);
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_POLITELY);
    story_end();
}
END_TEST

START_TEST(an_updated_will_is_part_of_the_next_connect)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    client_says(sn_text_of(SN_WILLMSGUPD, "new"));
    gateway_says(sn_ack(SN_WILLMSGRESP, 0, 0, SN_ACCEPTED));
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    broker_looks_away();
    connected("sensor-1", 0);
    broker_holds("w", "new");
    pass(seconds(91));
    ck_assert(!broker_saw(BRIDGE_PUBLISH)); /* the broker has the newest now */
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    story_end();
}
END_TEST

START_TEST(an_empty_update_deletes_the_will)
{
    story_begin(NULL);
    connected_with_will(0, "w", "gone");
    client_sends(_i ? "03 1A 20" : "02 1A");
    gateway_says(sn_ack(SN_WILLTOPICRESP, 0, 0, SN_ACCEPTED));
    pass(seconds(91));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_POLITELY);
    story_end();
}
END_TEST

START_TEST(a36_message_without_topic_is_refused_topic_without_message_is_not)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_text_of(SN_WILLMSGUPD, "gone"));
    gateway_says(sn_ack(SN_WILLMSGRESP, 0, 0, SN_NOT_SUPPORTED));
    client_says(sn_willtopic(SN_WILLTOPICUPD, 0, "w"));
    gateway_says(sn_ack(SN_WILLTOPICRESP, 0, 0, SN_ACCEPTED));
    pass(seconds(91));
    broker_gets("w", "", 0);
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("will");

    tcase_add_test(tc, the_digests_dialogue);
    tcase_add_test(tc, each_step_repeated_gets_its_answer_again);
    tcase_add_test(tc, a5_connect_repeated_after_willtopic_gets_the_last_prompt);
    tcase_add_test(tc, a5_a_reboot_soon_after_the_connect_is_asked_for_its_will);
    tcase_add_test(tc, a4_connect_from_sleep_with_will_runs_the_prompts);
    tcase_add_test(tc, clean_0_will_0_uses_the_stored_will_again);
    tcase_add_test(tc, clean_1_deletes_the_stored_will);
    tcase_add_loop_test(tc, a35_empty_willtopic_deletes_the_stored_will, 0, 2);
    tcase_add_loop_test(tc, a27_unusable_will_topics_are_refused, 0, 4);
    tcase_add_test(tc, a33_an_abandoned_dialogue_is_forgotten_in_silence);
    tcase_add_test(tc, a34_unasked_or_out_of_order_is_ignored);
    tcase_add_test(tc, a34_willmsg_right_after_connack_gets_it_again);
    tcase_add_test(tc, the_broker_publishes_the_will_of_a_lost_client);
    tcase_add_test(tc, no_will_on_disconnect_nor_on_falling_asleep);
    tcase_add_test(tc, the_will_of_a_sleeper_that_never_wakes_fires);
    tcase_add_test(tc, updates_take_effect);
    tcase_add_test(tc, an_updated_will_is_part_of_the_next_connect);
    tcase_add_loop_test(tc, an_empty_update_deletes_the_will, 0, 2);
    tcase_add_test(tc, a36_message_without_topic_is_refused_topic_without_message_is_not);
    return run_case("will", tc);
}
