/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting: MQTT-SN 1.2, 6.2; sections 8.2 and 8.3 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

START_TEST(the_broker_is_asked_before_the_client_is_told)
{
    story_begin(NULL);
    story->broker.silent = true;
    client_says(sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    gateway_is_silent();
    struct bridge_request r = broker_sees(BRIDGE_OPEN);
    ck_assert(sn_bytes_equal(r.client_id, sn_text("sensor-1")));
    ck_assert(r.clean_start && !r.keep_session && r.will.topic.len == 0);
    broker_says((struct bridge_event){.type = BRIDGE_OPENED, .session = r.session});
    gateway_says(sn_connack(SN_ACCEPTED));
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

static const struct {
    struct broker_manners manners;
    uint8_t return_code;
} refusals[] = {
    {{.away = true}, SN_CONGESTION},
    {{.opening = BRIDGE_BUSY}, SN_CONGESTION},
    {{.opening = BRIDGE_REFUSED}, SN_NOT_SUPPORTED},
};

START_TEST(a_refusal_of_the_broker_leaves_no_session)
{
    story_begin("[broker]\noffline = reject\n");
    story->broker = refusals[_i].manners;
    client_says(sn_connect("sensor-1", 0, 60));
    gateway_says(sn_connack(refusals[_i].return_code));
    ck_assert_str_eq(state_of("sensor-1"), "absent");
    story->broker = (struct broker_manners){0};
    connected("sensor-1", 0);
    story_end();
}
END_TEST

/* A4: Clean=0, Will=0 keeps everything and delivers what is queued. */
START_TEST(a4_connect_from_sleep_keeps_the_connection_and_drains)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "a/temp"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    broker_delivers("sensor-1", "a/temp", "1", 1);
    broker_looks_away();

    client_says(sn_connect("sensor-1", 0, 120));
    gateway_says(sn_connack(SN_ACCEPTED));
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    ck_assert_str_eq(state_of("sensor-1"), "active");
    ck_assert(!broker_saw(BRIDGE_OPEN) && !broker_saw(BRIDGE_CLOSE));
    pass(seconds(131)); /* the new keep-alive */
    ck_assert_str_eq(state_of("sensor-1"), "active");
    pass(seconds(2));
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    story_end();
}
END_TEST

/* A4: Clean=1 deletes subscriptions, registrations, queue and will. */
START_TEST(a4_clean_connect_from_sleep_deletes_everything)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "a/temp"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    broker_delivers("sensor-1", "a/temp", "1", 1);
    broker_looks_away();

    client_says(sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    gateway_says(sn_connack(SN_ACCEPTED));
    gateway_is_silent();
    ck_assert(broker_sees(BRIDGE_OPEN).clean_start);
    ck_assert(!broker_saw(BRIDGE_SUBSCRIBE));
    client_says(sn_publish(QOS(1), 1, 7, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 7, SN_INVALID_TOPIC_ID));
    story_end();
}
END_TEST

START_TEST(a5_repeated_connect_gets_the_same_answer_and_does_nothing)
{
    story_begin(NULL);
    connected("sensor-1", SN_FLAG_CLEAN);
    broker_looks_away();
    connected("sensor-1", SN_FLAG_CLEAN);
    connected("sensor-1", SN_FLAG_CLEAN);
    ck_assert(!broker_saw(BRIDGE_OPEN) && !broker_saw(BRIDGE_CLOSE));
    story_end();
}
END_TEST

START_TEST(a5_repeated_while_the_broker_is_asked_does_not_ask_again)
{
    story_begin(NULL);
    story->broker.silent = true;
    client_says(sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    struct session_ref ref = broker_sees(BRIDGE_OPEN).session;
    client_says(sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    ck_assert(!broker_saw(BRIDGE_OPEN));
    broker_says((struct bridge_event){.type = BRIDGE_OPENED, .session = ref});
    gateway_says(sn_connack(SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(a5_connect_after_other_traffic_is_a_reboot)
{
    story_begin(NULL);
    connected("sensor-1", SN_FLAG_CLEAN);
    client_says(sn_register(0, 1, "a/temp"));
    gateway_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    broker_looks_away();
    connected("sensor-1", SN_FLAG_CLEAN);
    ck_assert(broker_saw(BRIDGE_OPEN));
    for (size_t i = story->request_first; i < story->request_count; i++)
        ck_assert(story->requests[i].request.type != BRIDGE_CLOSE ||
                  story->requests[i].request.how == BRIDGE_POLITELY); /* no will fires */
    client_says(sn_publish(QOS(1), 1, 1, "x"));
    gateway_says(sn_ack(SN_PUBACK, 1, 1, SN_INVALID_TOPIC_ID));
    story_end();
}
END_TEST

START_TEST(a6_a_new_address_takes_over_once_it_is_accepted)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    story->broker.silent = true;
    client_says_from(device(2), sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    gateway_is_silent(); /* not yet */
    client_says(sn_simple(SN_PINGREQ));
    gateway_says(sn_simple(SN_PINGRESP));
    broker_says((struct bridge_event){.type = BRIDGE_OPENED, .session = ref_of("sensor-1")});
    gateway_says(sn_disconnect(0)); /* one, to the old address */
    gateway_says_to(device(2), sn_connack(SN_ACCEPTED));
    story->broker.silent = false;

    client_says(sn_simple(SN_PINGREQ)); /* it is a stranger now */
    gateway_says(sn_disconnect(0));
    client_says_from(device(2), sn_simple(SN_PINGREQ));
    gateway_says_to(device(2), sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

/* The broker takes its time, and the old connection's keep-alive ends meanwhile. */
START_TEST(a6_a_client_that_connects_anew_is_not_lost)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    pass(seconds(85));
    story->broker.silent = true;
    client_says_from(device(2), sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    broker_looks_away();
    pass(seconds(10));
    gateway_is_silent();
    ck_assert(!broker_saw(BRIDGE_CLOSE)); /* no will fires */
    broker_says((struct bridge_event){.type = BRIDGE_OPENED, .session = ref_of("sensor-1")});
    gateway_says(sn_disconnect(0));
    gateway_says_to(device(2), sn_connack(SN_ACCEPTED));
    story_end();
}
END_TEST

/* The first has the connection replaced, the second cannot ask again: nothing is left of it, and
 * the old address must not go on as if there were. */
START_TEST(a6_two_connects_that_fail_give_back_the_connection_they_took)
{
    story_begin("[broker]\noffline = reject\n");
    connected("sensor-1", 0);
    story->broker.silent = true;
    client_says_from(device(2), sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    story->broker.away = true;
    client_says_from(device(3), sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    gateway_says_to(device(3), sn_connack(SN_CONGESTION));
    ck_assert_str_eq(state_of("sensor-1"), "active");
    broker_sees(BRIDGE_OPEN);
    broker_sees(BRIDGE_OPEN);
    ck_assert(broker_sees(BRIDGE_OPEN).patient); /* its own, as soon as the broker is there */
    story_end();
}
END_TEST

START_TEST(a6_no_take_over_while_active_by_option)
{
    story_begin("[gateway]\ntake_over = not-active\n");
    connected("sensor-1", 0);
    client_says_from(device(2), sn_connect("sensor-1", 0, 60));
    gateway_says_to(device(2), sn_connack(SN_NOT_SUPPORTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    client_says_from(device(2), sn_connect("sensor-1", 0, 60));
    struct sn_packet first = gateway_said();
    ck_assert_uint_eq(first.type, SN_DISCONNECT); /* to the old address */
    gateway_says_to(device(2), sn_connack(SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(a7_another_client_takes_the_address)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    pass(seconds(30));
    client_says(sn_connect("sensor-2", 0, 600));
    gateway_says(sn_connack(SN_ACCEPTED));
    ck_assert_str_eq(state_of("sensor-1"), "active"); /* it keeps its timers */
    pass(seconds(61));
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    ck_assert_str_eq(state_of("sensor-2"), "active");
    story_end();
}
END_TEST

START_TEST(a38_keep_alive_0_is_not_supervised)
{
    story_begin(NULL);
    client_says(sn_connect("sensor-1", 0, 0));
    gateway_says(sn_connack(SN_ACCEPTED));
    pass(seconds(7 * 86400));
    story->out_first = story->out_count; /* a week of ADVERTISE */
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

START_TEST(a38_keep_alive_0_has_a_ceiling_by_option)
{
    story_begin("[gateway]\nmax_silence = 100\n");
    client_says(sn_connect("sensor-1", 0, 0));
    gateway_says(sn_connack(SN_ACCEPTED));
    pass(seconds(101));
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    story_end();
}
END_TEST

START_TEST(a38_a_reloaded_ceiling_holds_for_the_connected)
{
    story_begin("[gateway]\nadvertise_interval = 0\n");
    client_says(sn_connect("sensor-1", 0, 0));
    gateway_says(sn_connack(SN_ACCEPTED));
    story->config->gateway.max_silence_ms = 100000;
    core_configure(story->core, story->config);
    pass(seconds(101));
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    story_end();
}
END_TEST

START_TEST(a38_keep_alive_0_is_refused_by_option)
{
    story_begin("[gateway]\nallow_zero_keep_alive = no\n");
    client_says(sn_connect("sensor-1", 0, 0));
    gateway_says(sn_connack(SN_NOT_SUPPORTED));
    story_end();
}
END_TEST

static const struct {
    const char *client_id;
    uint8_t return_code;
} ids[] = {
    {"", SN_NOT_SUPPORTED},
    {"exactly-twenty-three-ch", SN_ACCEPTED},
    {"a-client-id-of-more-than-twenty-three-octets", SN_ACCEPTED},
    {"this-client-id-is-longer-than-the-limit-of-sixty-four-octets-that", SN_NOT_SUPPORTED},
    {"caf\xC3\xA9", SN_ACCEPTED},
    {"caf\xC3", SN_NOT_SUPPORTED},
    {"\xED\xA0\x80", SN_NOT_SUPPORTED},
};

START_TEST(a39_client_ids)
{
    story_begin(NULL);
    client_says(sn_connect(ids[_i].client_id, SN_FLAG_CLEAN, 60));
    gateway_says(sn_connack(ids[_i].return_code));
    ck_assert_int_eq(broker_saw(BRIDGE_OPEN), ids[_i].return_code == SN_ACCEPTED);
    story_end();
}
END_TEST

START_TEST(a39_a_nul_in_a_client_id_is_refused)
{
    story_begin(NULL);
    client_sends("09 04 04 01 00 3C 61 00 62");
    gateway_says(sn_connack(SN_NOT_SUPPORTED));
    ck_assert(!broker_saw(BRIDGE_OPEN));
    story_end();
}
END_TEST

START_TEST(a39_an_empty_id_gets_one_from_its_address_by_option)
{
    story_begin("[gateway]\nallow_empty_client_id = yes\n");
    client_says(sn_connect("", SN_FLAG_CLEAN, 60));
    gateway_says(sn_connack(SN_ACCEPTED));
    struct sn_bytes first = broker_sees(BRIDGE_OPEN).client_id;
    ck_assert_uint_gt(first.len, 0);
    client_says_from(device(2), sn_connect("", SN_FLAG_CLEAN, 60));
    gateway_says_to(device(2), sn_connack(SN_ACCEPTED));
    ck_assert(!sn_bytes_equal(broker_sees(BRIDGE_OPEN).client_id, first));
    story_end();
}
END_TEST

START_TEST(a40_another_protocol_id_is_refused)
{
    story_begin(NULL);
    client_sends("0E 04 04 02 00 3C 73 65 6E 73 6F 72 2D 31");
    gateway_says(sn_connack(SN_NOT_SUPPORTED));
    client_sends("0E 04 04 00 00 3C 73 65 6E 73 6F 72 2D 31");
    gateway_says(sn_connack(SN_NOT_SUPPORTED));
    story_end();
}
END_TEST

START_TEST(a49_disconnect_while_connecting_leaves_nothing_behind)
{
    story_begin(NULL);
    story->broker.silent = true;
    client_says(sn_connect("sensor-1", 0, 60));
    client_says(sn_disconnect(_i ? 300 : 0));
    gateway_says(sn_disconnect(0));
    ck_assert(broker_saw(BRIDGE_CLOSE)); /* the OPEN is taken back */
    ck_assert_str_eq(state_of("sensor-1"), "absent");
    story_end();
}
END_TEST

START_TEST(a49_sleep_from_an_unknown_address_is_answered_and_makes_no_state)
{
    story_begin(NULL);
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    client_says_from(device(2), sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says_to(device(2), sn_disconnect(0));
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("connect");

    tcase_add_test(tc, the_broker_is_asked_before_the_client_is_told);
    tcase_add_loop_test(tc, a_refusal_of_the_broker_leaves_no_session, 0, 3);
    tcase_add_test(tc, a4_connect_from_sleep_keeps_the_connection_and_drains);
    tcase_add_test(tc, a4_clean_connect_from_sleep_deletes_everything);
    tcase_add_test(tc, a5_repeated_connect_gets_the_same_answer_and_does_nothing);
    tcase_add_test(tc, a5_repeated_while_the_broker_is_asked_does_not_ask_again);
    tcase_add_test(tc, a5_connect_after_other_traffic_is_a_reboot);
    tcase_add_test(tc, a6_a_new_address_takes_over_once_it_is_accepted);
    tcase_add_test(tc, a6_a_client_that_connects_anew_is_not_lost);
    tcase_add_test(tc, a6_two_connects_that_fail_give_back_the_connection_they_took);
    tcase_add_test(tc, a6_no_take_over_while_active_by_option);
    tcase_add_test(tc, a7_another_client_takes_the_address);
    tcase_add_test(tc, a38_keep_alive_0_is_not_supervised);
    tcase_add_test(tc, a38_keep_alive_0_has_a_ceiling_by_option);
    tcase_add_test(tc, a38_a_reloaded_ceiling_holds_for_the_connected);
    tcase_add_test(tc, a38_keep_alive_0_is_refused_by_option);
    tcase_add_loop_test(tc, a39_client_ids, 0, sizeof ids / sizeof *ids);
    tcase_add_test(tc, a39_a_nul_in_a_client_id_is_refused);
    tcase_add_test(tc, a39_an_empty_id_gets_one_from_its_address_by_option);
    tcase_add_test(tc, a40_another_protocol_id_is_refused);
    tcase_add_loop_test(tc, a49_disconnect_while_connecting_leaves_nothing_behind, 0, 2);
    tcase_add_test(tc, a49_sleep_from_an_unknown_address_is_answered_and_makes_no_state);
    return run_case("connect", tc);
}
