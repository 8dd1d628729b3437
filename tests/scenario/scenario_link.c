/* SPDX-License-Identifier: Apache-2.0 */
/* A link that goes away and comes back, as a dongle does: nobody is lost before time, nothing is
 * repeated into the void, and what is outstanding goes on. */
#include "tests/support/run.h"
#include "tests/support/story.h"

enum { LINK = 0 }; /* of device(n) */

static void unplug(void)
{
    core_link_up(story->core, story->now, LINK, false);
    core_audit(story->core);
}

static void plug_in(void)
{
    core_link_up(story->core, story->now, LINK, true);
    core_audit(story->core);
}

/* Connected for 60 s, subscribed to a/temp (id 1) with QoS 1. */
static void subscriber(const char *client_id)
{
    story_begin(NULL);
    connected(client_id, SN_FLAG_CLEAN);
    client_says(sn_subscribe(QOS(1), 1, "a/temp"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
}

START_TEST(what_is_unanswered_waits_for_the_link)
{
    subscriber("s");
    broker_delivers("s", "a/temp", "21", 1);
    gateway_says(sn_publish(QOS(1), 1, 1, "21"));
    unplug();
    pass(seconds(80));
    gateway_is_silent();
    ck_assert_uint_eq(counted(COUNT_retries), 0);
    ck_assert_uint_eq(counted(COUNT_unanswered), 0);
    ck_assert_str_eq(state_of("s"), "active");

    plug_in();
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "21"));
    /* The radio is no further than before: all repetitions are still there. */
    pass(seconds(5));
    gateway_is_silent();
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(what_comes_meanwhile_is_kept_in_order)
{
    subscriber("s");
    unplug();
    broker_delivers("s", "a/temp", "1", 1);
    broker_delivers("s", "a/temp", "2", 0);
    broker_delivers("s", "a/temp", "3", 1);
    gateway_is_silent();
    ck_assert_uint_eq(queued_for("s"), 3);

    plug_in();
    gateway_says(sn_publish(QOS(1), 1, 1, "1"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_publish(QOS(0), 1, 0, "2"));
    gateway_says(sn_publish(QOS(1), 1, 2, "3"));
    client_says(sn_ack(SN_PUBACK, 1, 2, SN_ACCEPTED));
    story_end();
}
END_TEST

START_TEST(a_client_that_had_stalled_gets_another_chance)
{
    subscriber("s");
    broker_delivers("s", "a/temp", "21", 1);
    gateway_says(sn_publish(QOS(1), 1, 1, "21"));
    pass(seconds(40));
    for (int i = 0; i < 3; i++)
        gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "21"));
    ck_assert_uint_eq(counted(COUNT_unanswered), 1);
    unplug();
    plug_in();
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "21"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    story_end();
}
END_TEST

/* The dongle's absence is no reason to fire a will early, nor to spare it for ever. */
START_TEST(the_keep_alive_goes_on)
{
    subscriber("s");
    unplug();
    pass(seconds(89));
    ck_assert_str_eq(state_of("s"), "active");
    pass(seconds(2));
    ck_assert_str_eq(state_of("s"), "absent");
    ck_assert_uint_eq(counted(COUNT_lost_clients), 1);
    story_end();
}
END_TEST

START_TEST(one_caught_awake_sleeps_on)
{
    subscriber("s");
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
    broker_delivers("s", "a/temp", "21", 1);
    client_says(sn_text_of(SN_PINGREQ, "s"));
    gateway_says(sn_publish(QOS(1), 1, 1, "21"));
    ck_assert_str_eq(state_of("s"), "awake");
    unplug();
    ck_assert_str_eq(state_of("s"), "asleep");
    pass(seconds(100));
    plug_in();
    gateway_is_silent();
    client_says(sn_text_of(SN_PINGREQ, "s"));
    gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "21"));
    client_says(sn_ack(SN_PUBACK, 1, 1, SN_ACCEPTED));
    gateway_says(sn_simple(SN_PINGRESP));
    unplug();
    pass(seconds(331));
    ck_assert_str_eq(state_of("s"), "absent");
    story_end();
}
END_TEST

START_TEST(answers_that_come_too_late_are_counted)
{
    story_begin(NULL);
    connected("s", SN_FLAG_CLEAN);
    story->broker.silent = true;
    client_says(sn_publish(QOS(1) | SN_TOPIC_SHORT, 'a' << 8 | 'b', 7, "x"));
    struct bridge_request asked = broker_sees(BRIDGE_PUBLISH);
    unplug();
    broker_says((struct bridge_event){
        .type = BRIDGE_PUBLISHED, .session = asked.session, .token = asked.token});
    gateway_is_silent();
    ck_assert_uint_eq(counted(COUNT_link_down), 1);
    story_end();
}
END_TEST

START_TEST(other_links_do_not_notice)
{
    story_begin(NULL);
    struct sn_peer elsewhere = device(1);

    elsewhere.link = LINK + 1;
    client_says_from(elsewhere, sn_connect("t", SN_FLAG_CLEAN, 60));
    gateway_says_to(elsewhere, sn_connack(SN_ACCEPTED));
    unplug();
    client_says_from(elsewhere, sn_simple(SN_PINGREQ));
    gateway_says_to(elsewhere, sn_simple(SN_PINGRESP));
    plug_in();
    gateway_is_silent();
    story_end();
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("link");

    tcase_add_test(tcase, what_is_unanswered_waits_for_the_link);
    tcase_add_test(tcase, what_comes_meanwhile_is_kept_in_order);
    tcase_add_test(tcase, a_client_that_had_stalled_gets_another_chance);
    tcase_add_test(tcase, the_keep_alive_goes_on);
    tcase_add_test(tcase, one_caught_awake_sleeps_on);
    tcase_add_test(tcase, answers_that_come_too_late_are_counted);
    tcase_add_test(tcase, other_links_do_not_notice);
    return run_case("link", tcase);
}
