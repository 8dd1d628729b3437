/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes behind forwarders: MQTT-SN 1.2, 5.5; section 5 of the digest. */
#include "tests/support/run.h"
#include "tests/support/story.h"

static struct sn_peer node(uint8_t forwarder)
{
    return behind(forwarder, "\x0A\x0B", 2);
}

START_TEST(everything_goes_back_through_the_forwarder)
{
    story_begin(NULL);
    client_sends("05 FE 00 0A 0B 07 0A 00 00 12 34 61"); /* a stranger */
    gateway_sends("05 FE 00 0A 0B 02 18");
    client_says_from(node(1), sn_connect("sensor-1", 0, 60));
    gateway_sends("05 FE 00 0A 0B 03 05 00");
    client_sends("05 FE 01 0A 0B 0A 0C 22 61 62 00 02 32 31 2E"); /* its radius is of no interest */
    gateway_sends("05 FE 00 0A 0B 07 0D 61 62 00 02 00");
    client_says_from(node(1), sn_subscribe(QOS(1), 1, "a/#"));
    gateway_says_to(node(1), sn_suback(1, 0, 1, SN_ACCEPTED));
    broker_delivers("sensor-1", "a/temp", "x", 1);
    gateway_says_to(node(1), sn_register(1, 1, "a/temp"));
    story_end();
}
END_TEST

START_TEST(the_same_node_id_behind_two_forwarders_is_two_clients)
{
    story_begin(NULL);
    client_says_from(node(1), sn_connect("sensor-1", 0, 60));
    gateway_says_to(node(1), sn_connack(SN_ACCEPTED));
    client_says_from(node(2), sn_simple(SN_PINGREQ));
    gateway_says_to(node(2), sn_disconnect(0));
    client_says_from(node(2), sn_connect("sensor-2", 0, 60));
    gateway_says_to(node(2), sn_connack(SN_ACCEPTED));
    ck_assert_str_eq(state_of("sensor-1"), "active");
    ck_assert_str_eq(state_of("sensor-2"), "active");
    story_end();
}
END_TEST

START_TEST(a_forwarder_is_itself_no_client)
{
    story_begin(NULL);
    client_says_from(node(1), sn_connect("sensor-1", 0, 60));
    gateway_says_to(node(1), sn_connack(SN_ACCEPTED));
    client_sends("02 16"); /* plain, from the forwarder's address */
    gateway_sends("02 18");
    story_end();
}
END_TEST

/* Compared as length and octets: 0A is not the beginning of 0A 0B, nor 0A 00. */
START_TEST(node_ids_of_different_length_are_different)
{
    story_begin(NULL);
    client_says_from(node(1), sn_connect("sensor-1", 0, 60));
    gateway_says_to(node(1), sn_connack(SN_ACCEPTED));
    client_sends("04 FE 00 0A 02 16");
    gateway_sends("04 FE 00 0A 02 18");
    client_sends("05 FE 00 0A 00 02 16");
    gateway_sends("05 FE 00 0A 00 02 18");
    story_end();
}
END_TEST

START_TEST(a47_the_radius_is_clamped_to_two_bits)
{
    static const char *const searches[][2] = {
        {"05 FE 00 0A 0B 03 01 02", "05 FE 02 0A 0B 03 02 01"},
        {"05 FE 00 0A 0B 03 01 FF", "05 FE 03 0A 0B 03 02 01"},
        {"05 FE 00 0A 0B 03 01 04", "05 FE 03 0A 0B 03 02 01"},
    };
    story_begin(NULL);
    client_sends(searches[_i][0]);
    gateway_sends(searches[_i][1]);
    story_end();
}
END_TEST

START_TEST(a_sleeping_node_may_wake_behind_another_forwarder)
{
    story_begin(NULL);
    client_says_from(node(1), sn_connect("sensor-1", 0, 60));
    gateway_says_to(node(1), sn_connack(SN_ACCEPTED));
    client_says_from(node(1), sn_disconnect(300));
    gateway_says_to(node(1), sn_disconnect(0));
    client_says_from(node(2), sn_text_of(SN_PINGREQ, "sensor-1"));
    gateway_says_to(node(2), sn_simple(SN_PINGRESP));
    story_end();
}
END_TEST

static const struct {
    const char *hex;
    enum counter counter;
} broken[] = {
    {"03 FE 00 02 17", COUNT_malformed_node_id},                  /* empty node id */
    {"04 FE 00 05 05 FE 00 06 02 16", COUNT_malformed_forwarder}, /* in another envelope */
    {"01 00 06 FE 00 05 02 16", COUNT_malformed_forwarder},       /* A2: long form */
    {"04 FE 00 05", COUNT_malformed_forwarder},                   /* nothing inside */
    {"04 FE 00 05 02", COUNT_malformed_forwarder},                /* one octet inside */
    {"09 FE 00 05 02 16", COUNT_malformed_length},                /* node id beyond the datagram */
    {"02 FE", COUNT_malformed_length},
};

START_TEST(broken_envelopes_are_dropped_and_counted)
{
    story_begin(NULL);
    client_sends(broken[_i].hex);
    gateway_is_silent();
    ck_assert_uint_eq(counted(broken[_i].counter), 1);
    story_end();
}
END_TEST

START_TEST(the_envelope_counts_for_the_longest_datagram)
{
    story_begin(NULL);
    client_says_from(node(1), sn_connect("sensor-1", 0, 60));
    gateway_says_to(node(1), sn_connack(SN_ACCEPTED));
    client_says_from(node(1), sn_subscribe(0, 1, "b"));
    gateway_says_to(node(1), sn_suback(0, 1, 1, SN_ACCEPTED));
    core_link(story->core, 0, &(struct core_link){.max_packet = 20, .retry_count = -1});
    broker_delivers("sensor-1", "b", "12345678", 0); /* 5 + 7 + 8 = 20 */
    gateway_says_to(node(1), sn_publish(0, 1, 0, "12345678"));
    broker_delivers("sensor-1", "b", "123456789", 0);
    ck_assert_uint_eq(counted(COUNT_oversize), 1);
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("forwarder");

    tcase_add_test(tc, everything_goes_back_through_the_forwarder);
    tcase_add_test(tc, the_same_node_id_behind_two_forwarders_is_two_clients);
    tcase_add_test(tc, a_forwarder_is_itself_no_client);
    tcase_add_test(tc, node_ids_of_different_length_are_different);
    tcase_add_loop_test(tc, a47_the_radius_is_clamped_to_two_bits, 0, 3);
    tcase_add_test(tc, a_sleeping_node_may_wake_behind_another_forwarder);
    tcase_add_loop_test(tc, broken_envelopes_are_dropped_and_counted, 0,
                        sizeof broken / sizeof *broken);
    tcase_add_test(tc, the_envelope_counts_for_the_longest_datagram);
    return run_case("forwarder", tc);
}
