/* SPDX-License-Identifier: Apache-2.0 */
/* Topic ids in both directions: MQTT-SN 1.2, 6.5 and 6.10; section 8.5 of the digest. */
#include <stdio.h>

#include "tests/support/run.h"
#include "tests/support/story.h"

static void registers(const char *name, uint16_t topic_id)
{
    client_says(sn_register(0, 9, name));
    gateway_says(sn_ack(SN_REGACK, topic_id, 9, SN_ACCEPTED));
}

static void subscribed(const char *filter, uint16_t topic_id)
{
    client_says(sn_subscribe(QOS(1), 5, filter));
    gateway_says(sn_suback(1, topic_id, 5, SN_ACCEPTED));
}

static void reconnected(void)
{
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    connected("sensor-1", 0);
}

static void sleeps(void)
{
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
}

START_TEST(the_same_name_gets_the_same_id)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    registers("a/temp", 1);
    registers("a/hum", 2);
    registers("a/temp", 1);
    story_end();
}
END_TEST

START_TEST(ids_are_per_client)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    registers("a/temp", 1);
    client_says_from(device(2), sn_connect("sensor-2", 0, 60));
    gateway_says_to(device(2), sn_connack(SN_ACCEPTED));
    client_says_from(device(2), sn_publish(QOS(1), 1, 1, "x"));
    gateway_says_to(device(2), sn_ack(SN_PUBACK, 1, 1, SN_INVALID_TOPIC_ID));
    story_end();
}
END_TEST

START_TEST(a14_clean_0_keeps_ids_and_announces_them_again)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    subscribed("a/temp", 1);
    reconnected();
    client_says(sn_publish(QOS(1), 1, 3, "up")); /* the client's old id is accepted */
    gateway_says(sn_ack(SN_PUBACK, 1, 3, SN_ACCEPTED));
    broker_delivers("sensor-1", "a/temp", "down", 0);
    gateway_says(sn_register(1, 1, "a/temp"));
    client_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_publish(0, 1, 0, "down"));
    broker_delivers("sensor-1", "a/temp", "again", 0);
    gateway_says(sn_publish(0, 1, 0, "again")); /* once is enough */
    story_end();
}
END_TEST

START_TEST(a14_ids_survive_sleep_without_being_announced)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    subscribed("a/temp", 1);
    sleeps();
    broker_delivers("sensor-1", "a/temp", "x", 0);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(0, 1, 0, "x"));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

START_TEST(a14_clean_1_deletes_them)
{
    story_begin(NULL);
    connected("sensor-1", SN_FLAG_CLEAN);
    registers("a/temp", 1);
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    connected("sensor-1", SN_FLAG_CLEAN);
    client_says(sn_publish(QOS(1), 1, 3, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 3, SN_INVALID_TOPIC_ID));
    story_end();
}
END_TEST

/* A15, 0x01: try again after T_WAIT. */
START_TEST(a15_congestion_waits)
{
    story_begin("[gateway]\ncongestion_wait = 50\n");
    client_says(sn_connect("sensor-1", 0, 600));
    gateway_says(sn_connack(SN_ACCEPTED));
    subscribed("a/#", 0);
    broker_delivers("sensor-1", "a/temp", "x", 1);
    gateway_says(sn_register(1, 1, "a/temp"));
    client_says(sn_ack(SN_REGACK, 1, 1, SN_CONGESTION));
    pass(seconds(49));
    gateway_is_silent();
    pass(seconds(1));
    gateway_says(sn_register(1, 2, "a/temp"));
    client_says(sn_ack(SN_REGACK, 1, 2, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1), 1, 1, "x"));
    story_end();
}
END_TEST

/* A15, 0x02: another id, once. */
START_TEST(a15_invalid_id_gets_another_once)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    subscribed("a/#", 0);
    broker_delivers("sensor-1", "a/temp", "x", 1);
    gateway_says(sn_register(1, 1, "a/temp"));
    client_says(sn_ack(SN_REGACK, 1, 1, SN_INVALID_TOPIC_ID));
    gateway_says(sn_register(2, 2, "a/temp"));
    client_says(sn_ack(SN_REGACK, 2, 2, SN_INVALID_TOPIC_ID));
    broker_delivers("sensor-1", "a/temp", "y", 1);
    gateway_is_silent();
    story_end();
}
END_TEST

/* A15, 0x03 and A46, any other: of a plain name it unsubscribes. */
START_TEST(a15_a46_rejecting_a_plain_name_unsubscribes)
{
    static const uint8_t codes[] = {SN_NOT_SUPPORTED, 0x04, 0x80, 0xFF};

    story_begin(NULL);
    connected("sensor-1", 0);
    subscribed("a/temp", 1);
    reconnected();
    broker_looks_away();
    broker_delivers("sensor-1", "a/temp", "x", 1);
    gateway_says(sn_register(1, 1, "a/temp"));
    client_says(sn_ack(SN_REGACK, 1, 1, codes[_i]));
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_UNSUBSCRIBE).message.topic, sn_text("a/temp")));
    gateway_is_silent();
    story_end();
}
END_TEST

/* A15, 0x03 under a wildcard mutes the name until the next SUBSCRIBE or CONNECT. */
START_TEST(a15_rejecting_a_wildcards_name_mutes_it)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    subscribed("a/#", 0);
    broker_looks_away();
    broker_delivers("sensor-1", "a/temp", "x", 1);
    gateway_says(sn_register(1, 1, "a/temp"));
    client_says(sn_ack(SN_REGACK, 1, 1, SN_NOT_SUPPORTED));
    ck_assert(!broker_saw(BRIDGE_UNSUBSCRIBE));
    broker_delivers("sensor-1", "a/temp", "y", 1);
    gateway_is_silent();
    broker_delivers("sensor-1", "a/hum", "z", 0); /* others go on */
    gateway_says(sn_register(2, 2, "a/hum"));
    client_says(sn_ack(SN_REGACK, 2, 2, SN_ACCEPTED));
    gateway_says(sn_publish(0, 2, 0, "z"));
    if (_i)
        subscribed("a/#", 0);
    else
        reconnected();
    broker_delivers("sensor-1", "a/temp", "w", 1);
    gateway_says(sn_register(1, 3, "a/temp"));
    story_end();
}
END_TEST

static const char *const bad_names[] = {"a/#", "+/b", "", "\xC3", "a\x01"};

START_TEST(a16_names_that_cannot_be_registered)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_register(0, 4, bad_names[_i]));
    gateway_says(sn_ack(SN_REGACK, SN_TOPIC_ID_NONE, 4, SN_NOT_SUPPORTED));
    story_end();
}
END_TEST

START_TEST(a16_short_and_predefined_names_get_normal_ids)
{
    story_begin("[topics]\n42 = a/temp\n");
    connected("sensor-1", 0);
    registers("ab", 1);
    registers("a/temp", 2);
    story_end();
}
END_TEST

START_TEST(a17_no_ids_left_is_congestion)
{
    story_begin("[gateway]\nmax_topics = 2\n");
    connected("sensor-1", 0);
    registers("a", 1);
    registers("b", 2);
    client_says(sn_register(0, 4, "c"));
    gateway_says(sn_ack(SN_REGACK, SN_TOPIC_ID_NONE, 4, SN_CONGESTION));
    registers("a", 1);
    story_end();
}
END_TEST

START_TEST(a20_a_msg_id_of_0_is_echoed)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_register(0, 0, "a"));
    gateway_says(sn_ack(SN_REGACK, 1, 0, SN_ACCEPTED));
    story_end();
}
END_TEST

/* A50: REGISTER never answered, but the client had the id: PUBLISH anyway. */
START_TEST(a50_a_client_that_had_the_id_gets_its_message)
{
    story_begin(NULL);
    client_says(sn_connect("sensor-1", 0, 600));
    gateway_says(sn_connack(SN_ACCEPTED));
    subscribed("a/temp", 1);
    reconnected();
    broker_delivers("sensor-1", "a/temp", "x", 0);
    gateway_says(sn_register(1, 1, "a/temp"));
    for (int i = 0; i < 3; i++) {
        pass(seconds(10));
        gateway_says(sn_register(1, 1, "a/temp"));
        client_says(sn_simple(SN_PINGREQ)); /* it is there, it only has no REGISTER handler */
        gateway_says(sn_simple(SN_PINGRESP));
    }
    pass(seconds(10));
    gateway_says(sn_publish(0, 1, 0, "x"));
    story_end();
}
END_TEST

/* A50: one that never had it: dropped and muted, and the queue goes on. */
START_TEST(a50_an_unanswered_register_does_not_block_the_queue)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    subscribed("a/#", 0);
    subscribed("b", 1);
    broker_delivers("sensor-1", "a/temp", "x", 1);
    broker_delivers("sensor-1", "b", "y", 0);
    gateway_says(sn_register(2, 1, "a/temp"));
    for (int i = 0; i < 3; i++) {
        pass(seconds(10));
        gateway_says(sn_register(2, 1, "a/temp"));
        client_says(sn_simple(SN_PINGREQ));
        gateway_says(sn_simple(SN_PINGRESP));
    }
    pass(seconds(10));
    gateway_says(sn_publish(0, 1, 0, "y"));
    broker_delivers("sensor-1", "a/temp", "z", 1);
    gateway_is_silent();
    story_end();
}
END_TEST

START_TEST(a50_nor_for_ever_when_the_client_sleeps)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    subscribed("a/#", 0);
    subscribed("b", 1);
    sleeps();
    broker_delivers("sensor-1", "a/temp", "x", 1);
    broker_delivers("sensor-1", "b", "y", 0);
    bool came = false;
    for (int wake = 0; wake < 3 && !came; wake++) {
        client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
        pass(seconds(60));
        while (story->out_first < story->out_count)
            came = gateway_said().type == SN_PUBLISH || came;
    }
    ck_assert(came);
    story_end();
}
END_TEST

START_TEST(a51_after_a_restart_everything_gets_disconnect)
{
    static const char *const said[] = {"02 16",
                                       "0B 0C 20 00 01 00 02 32 31 2E 35",
                                       "0C 0A 00 00 12 34 61 2F 74 65 6D 70",
                                       "08 12 20 00 06 61 2F 23",
                                       "07 0D 00 01 00 02 00",
                                       "0A 16 73 65 6E 73 6F 72 2D 31",
                                       "06 1C 67 6F 6E 65"};
    story_begin(NULL);
    client_sends(said[_i]);
    gateway_says(sn_disconnect(0));
    connected("sensor-1", 0);
    story_end();
}
END_TEST

/* 200 new topics at once, each REGISTER -> REGACK -> PUBLISH -> PUBACK, in order. */
static void two_hundred(bool asleep)
{
    char name[16], text[8];

    story_begin(NULL);
    connected("sensor-1", 0);
    subscribed("t/#", 0);
    if (asleep)
        sleeps();
    for (int i = 1; i <= 200; i++) {
        snprintf(name, sizeof name, "t/%d", i);
        snprintf(text, sizeof text, "%d", i);
        broker_delivers("sensor-1", name, text, 1);
    }
    if (asleep) {
        gateway_is_silent();
        client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    }
    for (int i = 1; i <= 200; i++) {
        snprintf(name, sizeof name, "t/%d", i);
        snprintf(text, sizeof text, "%d", i);
        uint16_t id = (uint16_t)i;
        gateway_says(sn_register(id, id, name));
        gateway_is_silent();
        client_says(sn_ack(SN_REGACK, id, id, SN_ACCEPTED));
        gateway_says(sn_publish(QOS(1), id, id, text));
        gateway_is_silent();
        client_says(sn_ack(SN_PUBACK, id, id, SN_ACCEPTED));
    }
    if (asleep)
        gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}

START_TEST(two_hundred_new_topics_while_active)
{
    two_hundred(false);
}
END_TEST

START_TEST(two_hundred_new_topics_while_asleep)
{
    two_hundred(true);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("register");

    tcase_add_test(tc, the_same_name_gets_the_same_id);
    tcase_add_test(tc, ids_are_per_client);
    tcase_add_test(tc, a14_clean_0_keeps_ids_and_announces_them_again);
    tcase_add_test(tc, a14_ids_survive_sleep_without_being_announced);
    tcase_add_test(tc, a14_clean_1_deletes_them);
    tcase_add_test(tc, a15_congestion_waits);
    tcase_add_test(tc, a15_invalid_id_gets_another_once);
    tcase_add_loop_test(tc, a15_a46_rejecting_a_plain_name_unsubscribes, 0, 4);
    tcase_add_loop_test(tc, a15_rejecting_a_wildcards_name_mutes_it, 0, 2);
    tcase_add_loop_test(tc, a16_names_that_cannot_be_registered, 0, 5);
    tcase_add_test(tc, a16_short_and_predefined_names_get_normal_ids);
    tcase_add_test(tc, a17_no_ids_left_is_congestion);
    tcase_add_test(tc, a20_a_msg_id_of_0_is_echoed);
    tcase_add_test(tc, a50_a_client_that_had_the_id_gets_its_message);
    tcase_add_test(tc, a50_an_unanswered_register_does_not_block_the_queue);
    tcase_add_test(tc, a50_nor_for_ever_when_the_client_sleeps);
    tcase_add_loop_test(tc, a51_after_a_restart_everything_gets_disconnect, 0, 7);
    tcase_add_test(tc, two_hundred_new_topics_while_active);
    tcase_add_test(tc, two_hundred_new_topics_while_asleep);
    return run_case("register", tc);
}
