/* SPDX-License-Identifier: Apache-2.0 */
/* A session and its broker connection: what a reconnection, a refusal or a loss must not leave
 * behind. Sections 8.2, 8.4 and 8.7 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

static void connected_with_will(const char *client_id, const char *will)
{
    client_says(sn_connect(client_id, SN_FLAG_WILL, 60));
    gateway_says(sn_simple(SN_WILLTOPICREQ));
    client_says(sn_willtopic(SN_WILLTOPIC, 0, "w"));
    gateway_says(sn_simple(SN_WILLMSGREQ));
    client_says(sn_text_of(SN_WILLMSG, will));
    gateway_says(sn_connack(SN_ACCEPTED));
}

static void comes_again(const char *client_id)
{
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    story->broker.silent = false;
    connected(client_id, 0);
    broker_looks_away();
}

START_TEST(a_subscribe_the_old_connection_left_unanswered_is_asked_again)
{
    story_begin(NULL);
    connected("s", 0);
    story->broker.silent = true;
    client_says(sn_subscribe(QOS(1), 1, "a/b"));
    comes_again("s");
    client_says(sn_subscribe(QOS(1), 1, "a/b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(a_qos_2_publish_the_old_connection_left_unanswered_is_forwarded_again)
{
    story_begin(NULL);
    connected("s", 0);
    client_says(sn_register(0, 1, "a/b"));
    gateway_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    for (uint16_t msg_id = 5; msg_id < 30; msg_id++) { /* more often than there are places */
        story->broker.silent = true;
        client_says(sn_publish(QOS(2), 1, msg_id, "x"));
        comes_again("s");
    }
    client_says(sn_publish(QOS(2) | SN_FLAG_DUP, 1, 29, "x"));
    gateway_says(sn_msg(SN_PUBREC, 29));
    story_end();
}
END_TEST

START_TEST(a_connect_in_anothers_name_that_is_given_up_leaves_the_will)
{
    story_begin(NULL);
    connected_with_will("s", "mine");
    story->broker.silent = true;
    broker_looks_away();
    client_says_from(device(2), sn_connect("s", SN_FLAG_WILL, 60));
    gateway_says_to(device(2), sn_simple(SN_WILLTOPICREQ));
    client_says_from(device(2), sn_willtopic(SN_WILLTOPIC, 0, "w"));
    gateway_says_to(device(2), sn_simple(SN_WILLMSGREQ));
    client_says_from(device(2), sn_text_of(SN_WILLMSG, "theirs"));
    struct bridge_request r = broker_sees(BRIDGE_OPEN);
    ck_assert(sn_bytes_equal(r.will.payload, sn_text("theirs")));
    client_says_from(device(2), sn_disconnect(0));
    gateway_says_to(device(2), sn_disconnect(0));
    r = broker_sees(BRIDGE_OPEN); /* the client's own again, as it was */
    ck_assert(sn_bytes_equal(r.will.payload, sn_text("mine")));
    ck_assert(!r.clean_start && r.keep_session);
    story->broker.silent = false;
    broker_says((struct bridge_event){
        .type = BRIDGE_OPENED, .session = r.session, .session_present = true});
    ck_assert_str_eq(state_of("s"), "active");
    pass(seconds(91));
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    story_end();
}
END_TEST

START_TEST(a_take_over_that_the_broker_refuses_leaves_the_client_connected)
{
    story_begin(NULL);
    connected("s", SN_FLAG_CLEAN);
    client_says(sn_subscribe(QOS(1), 1, "a/b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    broker_looks_away();
    story->broker.silent = true;
    client_says_from(device(2), sn_connect("s", SN_FLAG_CLEAN, 60));
    struct bridge_request r = broker_sees(BRIDGE_OPEN);
    story->broker.silent = false;
    broker_says((struct bridge_event){
        .type = BRIDGE_OPENED, .session = r.session, .result = BRIDGE_REFUSED});
    gateway_says_to(device(2), sn_connack(SN_NOT_SUPPORTED));
    ck_assert_str_eq(state_of("s"), "active");
    broker_sees(BRIDGE_OPEN);
    /* The refused one had the broker forget the subscription. */
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_SUBSCRIBE).message.topic, sn_text("a/b")));
    story_end();
}
END_TEST

START_TEST(a_client_whose_connection_cannot_be_restored_is_told)
{
    story_begin(NULL);
    connected("s", 0);
    story->broker.opening = BRIDGE_BUSY;
    client_says_from(device(2), sn_connect("s", SN_FLAG_CLEAN, 60));
    gateway_says_to(device(2), sn_connack(SN_CONGESTION));
    gateway_says(sn_disconnect(0));
    ck_assert_str_eq(state_of("s"), "disconnected");
    story_end();
}
END_TEST

START_TEST(an_older_will_fires_where_the_newer_cannot_be_published)
{
    story_begin(NULL);
    connected_with_will("s", "old");
    client_says(sn_text_of(SN_WILLMSGUPD, "new"));
    gateway_says((struct sn_packet){.type = SN_WILLMSGRESP, .return_code = SN_ACCEPTED});
    broker_looks_away();
    story->broker.away = true; /* neither can take it: the older will is better than none */
    pass(seconds(91));
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    ck_assert_uint_eq(counted(COUNT_wills_published), 0);
    story_end();
}
END_TEST

/* The bridge has it from the update on; it would be lost as a publish of a session that is closed.
 */
START_TEST(the_newer_will_is_the_bridges_where_connections_are_shared)
{
    story_begin("[gateway]\nmode = aggregating\n");
    connected_with_will("s", "old");
    client_says(sn_text_of(SN_WILLMSGUPD, "new"));
    gateway_says((struct sn_packet){.type = SN_WILLMSGRESP, .return_code = SN_ACCEPTED});
    ck_assert(sn_bytes_equal(broker_sees(BRIDGE_SET_WILL).will.payload, sn_text("new")));
    broker_looks_away();
    pass(seconds(91));
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    story_end();
}
END_TEST

/* With 3.1.1 the broker cannot be told later to keep a session that began as clean. */
START_TEST(a_clean_session_that_goes_on_as_kept_is_opened_anew_where_it_must_be)
{
    static const char *const versions[] = {"5", "3.1.1"};
    char lines[64] = "[broker]\nmqtt_version = ";

    story_begin(strcat(lines, versions[_i]));
    connected("s", SN_FLAG_CLEAN);
    client_says(sn_subscribe(QOS(1), 1, "a/b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    broker_looks_away();
    connected("s", 0);
    ck_assert_int_eq(broker_saw(BRIDGE_OPEN), _i == 1);
    ck_assert_int_eq(broker_saw(BRIDGE_SUBSCRIBE), _i == 1);
    story_end();
}
END_TEST

START_TEST(what_comes_for_a_client_that_has_just_left_waits_for_its_return)
{
    story_begin(NULL);
    connected("s", 0);
    client_says(sn_subscribe(QOS(1), 1, "a/b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    client_says(sn_disconnect(0));
    gateway_says(sn_disconnect(0));
    broker_delivers("s", "a/b", "late", 1);
    broker_delivers("s", "a/b", "not kept", 0);
    gateway_is_silent();
    ck_assert_uint_eq(queued_for("s"), 1);
    connected("s", 0);
    gateway_says(sn_register(1, 1, "a/b"));
    client_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1), 1, 1, "late"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(a_refused_change_of_a_subscription_leaves_the_granted_one)
{
    story_begin(NULL);
    connected("s", 0);
    client_says(sn_subscribe(QOS(0), 1, "a/b"));
    gateway_says(sn_suback(0, 1, 1, SN_ACCEPTED));
    story->broker.subscribing = BRIDGE_BUSY;
    client_says(sn_subscribe(QOS(1), 2, "a/b"));
    gateway_says(sn_suback(0, 0, 2, SN_CONGESTION));
    story->broker.subscribing = BRIDGE_OK;
    broker_looks_away();
    broker_goes_away("s");
    broker_says((struct bridge_event){.type = BRIDGE_OPENED, .session = ref_of("s")});
    ck_assert(broker_saw(BRIDGE_SUBSCRIBE));
    story_end();
}
END_TEST

START_TEST(a_topic_that_changed_its_way_is_registered_before_it_is_repeated)
{
    story_begin("[topics]\n5 = a/b\n");
    connected("s", SN_FLAG_CLEAN);
    client_says(sn_subscribe_id(QOS(1) | SN_TOPIC_PREDEFINED, 1, 5));
    gateway_says(sn_suback(1, 5, 1, SN_ACCEPTED));
    struct config *with_topics = story->config;
    broker_delivers("s", "a/b", "v", 1);
    gateway_says(sn_publish(QOS(1) | SN_TOPIC_PREDEFINED, 5, 1, "v"));
    client_says((struct sn_packet){
        .type = SN_UNSUBSCRIBE, .flags = SN_TOPIC_PREDEFINED, .msg_id = 2, .topic_id = 5});
    gateway_says(sn_msg(SN_UNSUBACK, 2));
    static struct config_errors errors;
    struct config *without = config_load(NULL, NULL, &errors);
    ck_assert_ptr_nonnull(without);
    core_configure(story->core, without);
    pass(seconds(11));
    ck_assert_int_eq(gateway_said().type, SN_ADVERTISE);
    gateway_says(sn_register(1, 1, "a/b"));
    core_configure(story->core, with_topics);
    config_free(without);
    pass(1);
    ck_assert_int_eq(gateway_said().type, SN_ADVERTISE);
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("upstream");

    tcase_add_test(tc, a_subscribe_the_old_connection_left_unanswered_is_asked_again);
    tcase_add_test(tc, a_qos_2_publish_the_old_connection_left_unanswered_is_forwarded_again);
    tcase_add_test(tc, a_connect_in_anothers_name_that_is_given_up_leaves_the_will);
    tcase_add_test(tc, a_take_over_that_the_broker_refuses_leaves_the_client_connected);
    tcase_add_test(tc, a_client_whose_connection_cannot_be_restored_is_told);
    tcase_add_test(tc, an_older_will_fires_where_the_newer_cannot_be_published);
    tcase_add_test(tc, the_newer_will_is_the_bridges_where_connections_are_shared);
    tcase_add_loop_test(tc, a_clean_session_that_goes_on_as_kept_is_opened_anew_where_it_must_be, 0,
                        2);
    tcase_add_test(tc, what_comes_for_a_client_that_has_just_left_waits_for_its_return);
    tcase_add_test(tc, a_refused_change_of_a_subscription_leaves_the_granted_one);
    tcase_add_test(tc, a_topic_that_changed_its_way_is_registered_before_it_is_repeated);
    return run_case("upstream", tc);
}
