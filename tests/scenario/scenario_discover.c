/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the gateway: MQTT-SN 1.2, 6.1; section 8.1 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

static struct sn_packet gwinfo(void)
{
    return (struct sn_packet){.type = SN_GWINFO, .gw_id = 1};
}

static struct sn_packet searchgw(uint8_t radius)
{
    return (struct sn_packet){.type = SN_SEARCHGW, .radius = radius};
}

static struct sn_packet advertise(uint16_t duration)
{
    return (struct sn_packet){.type = SN_ADVERTISE, .gw_id = 1, .duration = duration};
}

START_TEST(advertises_on_its_period_while_the_broker_is_there)
{
    story_begin("[gateway]\nadvertise_interval = 100\n");
    pass(seconds(99));
    gateway_is_silent();
    pass(seconds(1));
    gateway_broadcasts(advertise(100));
    pass(seconds(100));
    gateway_broadcasts(advertise(100));

    broker_says((struct bridge_event){.type = BRIDGE_CLOSED, .session = GATEWAY_SELF});
    pass(seconds(1000));
    gateway_is_silent();
    broker_says((struct bridge_event){.type = BRIDGE_OPENED, .session = GATEWAY_SELF});
    gateway_broadcasts(advertise(100));
    story_end();
}
END_TEST

START_TEST(advertises_nothing_when_switched_off)
{
    story_begin("[gateway]\nadvertise_interval = 0\n");
    pass(seconds(86400));
    story_end();
}
END_TEST

START_TEST(a_reloaded_period_is_told_at_once)
{
    story_begin("[gateway]\nadvertise_interval = 0\n");
    story->config->gateway.advertise_interval_ms = 50000;
    core_configure(story->core, story->config);
    pass(0);
    gateway_broadcasts(advertise(50));
    pass(seconds(50));
    gateway_broadcasts(advertise(50));
    story->config->gateway.advertise_interval_ms = 0;
    core_configure(story->core, story->config);
    pass(seconds(500));
    story_end();
}
END_TEST

START_TEST(a31_unicast_search_is_answered_by_unicast)
{
    story_begin(NULL);
    client_sends("03 01 01");
    gateway_sends("03 02 01");
    story_end();
}
END_TEST

START_TEST(a31_search_to_the_group_is_answered_to_the_group_with_its_radius)
{
    story_begin(NULL);
    struct sn_peer from = device(1);
    from.broadcast = true;
    client_says_from(from, searchgw(2));
    ck_assert_uint_eq(story->out[story->out_first].radius, 2);
    ck_assert_uint_eq(story->out[story->out_first].to.link, from.link);
    gateway_broadcasts(gwinfo());
    story_end();
}
END_TEST

START_TEST(other_packets_to_the_group_are_ignored)
{
    story_begin(NULL);
    struct sn_peer from = device(1);
    from.broadcast = true;
    client_says_from(from, sn_connect("sensor-1", SN_FLAG_CLEAN, 60));
    client_says_from(from, sn_disconnect(0));
    ck_assert_str_eq(state_of("sensor-1"), "absent");
    ck_assert_uint_eq(counted(COUNT_broadcast_ignored), 2);
    story_end();
}
END_TEST

START_TEST(a32_other_gateways_are_ignored)
{
    story_begin(NULL);
    client_says(advertise(900));
    client_says(gwinfo());
    ck_assert_uint_eq(counted(COUNT_other_gateways), 2);
    story_end();
}
END_TEST

START_TEST(searching_is_answered_again_and_again)
{
    story_begin(NULL);
    for (int i = 0; i < 3; i++) {
        client_says(searchgw(0));
        gateway_says(gwinfo());
    }
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("discover");

    tcase_add_test(tc, advertises_on_its_period_while_the_broker_is_there);
    tcase_add_test(tc, advertises_nothing_when_switched_off);
    tcase_add_test(tc, a_reloaded_period_is_told_at_once);
    tcase_add_test(tc, a31_unicast_search_is_answered_by_unicast);
    tcase_add_test(tc, a31_search_to_the_group_is_answered_to_the_group_with_its_radius);
    tcase_add_test(tc, other_packets_to_the_group_are_ignored);
    tcase_add_test(tc, a32_other_gateways_are_ignored);
    tcase_add_test(tc, searching_is_answered_again_and_again);
    return run_case("discover", tc);
}
