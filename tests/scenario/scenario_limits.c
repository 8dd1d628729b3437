/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound is configured, and every drop has a counter. */
#include <stdio.h>

#include "tests/support/run.h"
#include "tests/support/story.h"

static void connects(uint8_t number, uint8_t return_code)
{
    char id[8];

    snprintf(id, sizeof id, "s%d", number);
    client_says_from(device(number), sn_connect(id, 0, 600));
    gateway_says_to(device(number), sn_connack(return_code));
}

static void leaves(uint8_t number)
{
    client_says_from(device(number), sn_disconnect(0));
    gateway_says_to(device(number), sn_disconnect(0));
}

START_TEST(a_gateway_full_of_connected_clients_says_congestion)
{
    story_begin("[gateway]\nmax_clients = 2\n");
    connects(1, SN_ACCEPTED);
    connects(2, SN_ACCEPTED);
    connects(3, SN_CONGESTION);
    ck_assert_uint_eq(counted(COUNT_connects_congested), 1);
    story_end();
}
END_TEST

START_TEST(the_client_absent_longest_gives_way)
{
    story_begin("[gateway]\nmax_clients = 3\n");
    connects(1, SN_ACCEPTED);
    connects(2, SN_ACCEPTED);
    connects(3, SN_ACCEPTED);
    leaves(2);
    pass(seconds(1));
    leaves(1);
    connects(4, SN_ACCEPTED);
    ck_assert_uint_eq(counted(COUNT_evictions), 1);
    ck_assert_str_eq(state_of("s2"), "absent");
    ck_assert_str_eq(state_of("s1"), "disconnected");
    ck_assert_str_eq(state_of("s3"), "active");
    story_end();
}
END_TEST

START_TEST(will_dialogues_take_no_sessions_place)
{
    story_begin("[gateway]\nmax_clients = 1\n");
    client_says_from(device(1), sn_connect("s1", SN_FLAG_WILL, 60));
    gateway_says_to(device(1), sn_simple(SN_WILLTOPICREQ));
    client_says_from(device(2), sn_connect("s2", SN_FLAG_WILL, 60));
    gateway_says_to(device(2), sn_connack(SN_CONGESTION));
    pass(seconds(41)); /* the first never went on */
    connects(2, SN_ACCEPTED);
    story_end();
}
END_TEST

START_TEST(subscriptions_of_one_client)
{
    story_begin("[gateway]\nmax_subscriptions = 2\n");
    connected("sensor-1", 0);
    client_says(sn_subscribe(0, 1, "a/#"));
    gateway_says(sn_suback(0, 0, 1, SN_ACCEPTED));
    client_says(sn_subscribe(0, 2, "b/#"));
    gateway_says(sn_suback(0, 0, 2, SN_ACCEPTED));
    client_says(sn_subscribe(0, 3, "c/#"));
    gateway_says(sn_suback(0, 0, 3, SN_CONGESTION));
    client_says(sn_subscribe(0, 4, "a/#")); /* one that is there */
    gateway_says(sn_suback(0, 0, 4, SN_ACCEPTED));
    struct sn_packet leave = sn_subscribe(0, 5, "b/#");
    leave.type = SN_UNSUBSCRIBE;
    client_says(leave);
    gateway_says(sn_msg(SN_UNSUBACK, 5));
    client_says(sn_subscribe(0, 6, "c/#"));
    gateway_says(sn_suback(0, 0, 6, SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(a17_topic_ids_of_one_client)
{
    story_begin("[gateway]\nmax_topics = 1\n");
    connected("sensor-1", 0);
    client_says(sn_subscribe(0, 1, "a/#"));
    gateway_says(sn_suback(0, 0, 1, SN_ACCEPTED));
    client_says(sn_register(0, 2, "first"));
    gateway_says(sn_ack(SN_REGACK, 1, 2, SN_ACCEPTED));
    client_says(sn_subscribe(0, 3, "second"));
    gateway_says(sn_suback(0, 0, 3, SN_CONGESTION));
    broker_delivers("sensor-1", "a/temp", "x", 0);
    ck_assert_uint_eq(counted(COUNT_no_topic_id), 1);
    story_end();
}
END_TEST

START_TEST(a16_topic_names_may_be_as_long_as_configured)
{
    story_begin("[gateway]\nmax_topic_length = 4\n");
    connected("sensor-1", 0);
    client_says(sn_register(0, 2, "1234"));
    gateway_says(sn_ack(SN_REGACK, 1, 2, SN_ACCEPTED));
    client_says(sn_register(0, 3, "12345"));
    gateway_says(sn_ack(SN_REGACK, 0, 3, SN_NOT_SUPPORTED));
    client_says(sn_subscribe(0, 4, "12345"));
    gateway_says(sn_suback(0, 0, 4, SN_NOT_SUPPORTED));
    story_end();
}
END_TEST

/* What a sleeper finds after five messages, the third on another topic, in a queue of three. */
static const struct {
    const char *config;
    const char *found[3];
    enum counter counter;
} policies[] = {
    {"[sleep]\nmax_messages = 3\nwhen_full = drop-oldest\n",
     {"3", "4", "5"},
     COUNT_queue_dropped_oldest},
    {"[sleep]\nmax_messages = 3\nwhen_full = drop-newest\n",
     {"1", "2", "3"},
     COUNT_queue_dropped_newest},
    {"[sleep]\nmax_messages = 3\nwhen_full = latest-per-topic\n",
     {"3", "4", "5"},
     COUNT_queue_replaced},
};

START_TEST(a_full_queue)
{
    uint16_t id[] = {1, 1, 2, 1, 1};
    char text[2] = "0";

    story_begin(policies[_i].config);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    client_says(sn_subscribe(QOS(1), 2, "c"));
    gateway_says(sn_suback(1, 2, 2, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    for (int i = 0; i < 5; i++) {
        text[0] = (char)('1' + i);
        broker_delivers("sensor-1", id[i] == 1 ? "b" : "c", text, 1);
    }
    ck_assert_uint_eq(counted(policies[_i].counter), 2);
    ck_assert_uint_eq(queued_for("sensor-1"), 3);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    for (uint16_t i = 0; i < 3; i++) {
        int number = policies[_i].found[i][0] - '0';
        uint16_t topic_id = id[number - 1], msg_id = (uint16_t)number;
        gateway_says(sn_publish(QOS(1), topic_id, msg_id, policies[_i].found[i]));
        client_says(sn_ack(SN_PUBACK, topic_id, msg_id, SN_ACCEPTED));
    }
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

/* latest-per-topic: nothing is lost of a topic that is seldom heard of. */
START_TEST(latest_per_topic_spares_the_others)
{
    story_begin("[sleep]\nmax_messages = 2\nwhen_full = latest-per-topic\n");
    connected("sensor-1", 0);
    client_says(sn_subscribe(0, 1, "b"));
    gateway_says(sn_suback(0, 1, 1, SN_ACCEPTED));
    client_says(sn_subscribe(0, 2, "c"));
    gateway_says(sn_suback(0, 2, 2, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    broker_delivers("sensor-1", "c", "seldom", 0);
    broker_delivers("sensor-1", "b", "1", 0);
    broker_delivers("sensor-1", "b", "2", 0);
    broker_delivers("sensor-1", "b", "3", 0);
    client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says(sn_publish(0, 2, 0, "seldom"));
    gateway_says(sn_publish(0, 1, 0, "3"));
    gateway_says(sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

/* Topic and payload count: 1 + 31 octets each, so two fit and not three. */
START_TEST(octets_are_bounded_too)
{
    story_begin("[sleep]\nmax_octets = 64\n");
    connected("sensor-1", 0);
    client_says(sn_subscribe(0, 1, "b"));
    gateway_says(sn_suback(0, 1, 1, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    for (int i = 0; i < 3; i++)
        broker_delivers("sensor-1", "b", "1234567890123456789012345678901", 0);
    ck_assert_uint_eq(queued_for("sensor-1"), 2);
    ck_assert_uint_eq(counted(COUNT_queue_dropped_oldest), 1);
    story_end();
}
END_TEST

START_TEST(a_message_under_way_is_not_given_up)
{
    story_begin("[sleep]\nmax_messages = 2\n");
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    broker_delivers("sensor-1", "b", "1", 1);
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    broker_delivers("sensor-1", "b", "2", 1);
    broker_delivers("sensor-1", "b", "3", 1); /* "2" gives way */
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1), 1, 3, "3"));
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("limits");

    tcase_add_test(tc, a_gateway_full_of_connected_clients_says_congestion);
    tcase_add_test(tc, the_client_absent_longest_gives_way);
    tcase_add_test(tc, will_dialogues_take_no_sessions_place);
    tcase_add_test(tc, subscriptions_of_one_client);
    tcase_add_test(tc, a17_topic_ids_of_one_client);
    tcase_add_test(tc, a16_topic_names_may_be_as_long_as_configured);
    tcase_add_loop_test(tc, a_full_queue, 0, 3);
    tcase_add_test(tc, latest_per_topic_spares_the_others);
    tcase_add_test(tc, octets_are_bounded_too);
    tcase_add_test(tc, a_message_under_way_is_not_given_up);
    return run_case("limits", tc);
}
