/* SPDX-License-Identifier: Apache-2.0 */
/* Keep-alive: MQTT-SN 1.2, 6.11 and 7.2; sections 6 and 8.9 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

/* 10 % over more than 60 s, else 50 %. */
static const struct {
    uint16_t duration;
    msec_t lost_after;
} tolerances[] = {{1, 1500}, {60, 90000}, {61, 67100}, {300, 330000}, {65535, 72088500}};

START_TEST(an_active_client_is_lost_after_its_keep_alive_and_tolerance)
{
    story_begin("[gateway]\nadvertise_interval = 0\n");
    client_says(sn_connect("sensor-1", 0, tolerances[_i].duration));
    gateway_says(sn_connack(SN_ACCEPTED));
    pass(tolerances[_i].lost_after - 1);
    ck_assert_str_eq(state_of("sensor-1"), "active");
    pass(1);
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    ck_assert_uint_eq(counted(COUNT_lost_clients), 1);
    story_end();
}
END_TEST

START_TEST(a_sleeper_is_lost_after_its_sleep_and_tolerance)
{
    story_begin("[gateway]\nadvertise_interval = 0\n");
    connected("sensor-1", 0);
    client_says(sn_disconnect(tolerances[_i].duration));
    gateway_says(sn_disconnect(0));
    pass(tolerances[_i].lost_after - 1);
    ck_assert_str_eq(state_of("sensor-1"), "asleep");
    pass(1);
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    story_end();
}
END_TEST

/* Any valid message counts, and PINGREQ with or without an id is answered. */
static const char *const signs[] = {
    "02 16",
    "0A 16 73 65 6E 73 6F 72 2D 31",
    "02 17",
    "03 01 01",
    "07 0D 00 01 00 02 00",
    "08 0C 02 61 62 00 00 32",
    "07 0A 00 00 12 34 61",
    "04 10 00 01",
};

START_TEST(any_message_is_a_life_sign)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    for (int i = 0; i < 5; i++) {
        pass(seconds(60));
        client_sends(signs[_i]);
    }
    story->out_first = story->out_count; /* the answers are told elsewhere */
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

START_TEST(pingreq_is_answered)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    client_sends("02 16");
    gateway_sends("02 17");
    client_sends("0A 16 73 65 6E 73 6F 72 2D 31");
    gateway_sends("02 17");
    story_end();
}
END_TEST

START_TEST(a12_only_connect_leads_out_of_lost)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    pass(seconds(91));
    client_sends("0A 16 73 65 6E 73 6F 72 2D 31");
    gateway_says(sn_disconnect(0));
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    connected("sensor-1", 0);
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

START_TEST(a9_pingreq_with_an_id_that_is_not_asleep)
{
    story_begin(NULL);
    client_says(sn_text_of(SN_PINGREQ, "nobody"));
    gateway_says(sn_disconnect(0));
    client_says_from(device(2), sn_connect("sensor-2", 0, 60));
    gateway_says_to(device(2), sn_connack(SN_ACCEPTED));
    client_says_from(device(3), sn_text_of(SN_PINGREQ, "sensor-2")); /* active elsewhere */
    gateway_says_to(device(3), sn_disconnect(0));
    ck_assert_str_eq(state_of("sensor-2"), "active");
    client_says_from(device(2), sn_simple(SN_PINGREQ));
    gateway_says_to(device(2), sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

/* The gateway was deaf for a while, because its disk took nothing. */
START_TEST(who_could_not_be_heard_is_not_lost)
{
    story_begin(NULL);
    connected("sensor-1", 0);
    story->now += seconds(1000); /* nothing expires meanwhile */
    core_hears_again(story->core, story->now);
    pass(seconds(89));
    ck_assert_str_eq(state_of("sensor-1"), "active");
    pass(seconds(2));
    ck_assert_str_eq(state_of("sensor-1"), "lost");
    story->out_first = story->out_count; /* ADVERTISE */
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("keepalive");
    int rows = sizeof tolerances / sizeof *tolerances;

    tcase_add_loop_test(tc, an_active_client_is_lost_after_its_keep_alive_and_tolerance, 0, rows);
    tcase_add_loop_test(tc, a_sleeper_is_lost_after_its_sleep_and_tolerance, 0, rows);
    tcase_add_loop_test(tc, any_message_is_a_life_sign, 0, sizeof signs / sizeof *signs);
    tcase_add_test(tc, pingreq_is_answered);
    tcase_add_test(tc, a12_only_connect_leads_out_of_lost);
    tcase_add_test(tc, a9_pingreq_with_an_id_that_is_not_asleep);
    tcase_add_test(tc, who_could_not_be_heard_is_not_lost);
    return run_case("keepalive", tc);
}
