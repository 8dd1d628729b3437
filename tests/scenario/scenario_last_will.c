/* SPDX-License-Identifier: Apache-2.0 */
/* A will that is due and cannot be published yet is a promise of the gateway: with a store it waits
 * in the spool, behind what its client has published, and survives a restart. */
#include "tests/support/run.h"
#include "tests/support/story.h"

#define STORE       "[store]\npath = /nowhere/state.db\n"
#define AGGREGATING "[gateway]\nmode = aggregating\n"

static void will_dialogue(uint8_t flags, uint8_t qos)
{
    client_says(sn_connect("sensor-1", flags | SN_FLAG_WILL, 60));
    gateway_says(sn_simple(SN_WILLTOPICREQ));
    client_says(sn_willtopic(SN_WILLTOPIC, (uint8_t)(QOS(qos) | SN_FLAG_RETAIN), "gone"));
    gateway_says(sn_simple(SN_WILLMSGREQ));
    client_says(sn_text_of(SN_WILLMSG, "bye"));
    gateway_says(sn_connack(SN_ACCEPTED));
}

static void begin(const char *lines, uint8_t flags)
{
    story_begin(lines);
    story->broker.session_present = true;
    will_dialogue(flags, 1);
    broker_looks_away();
}

static void publishes_by_short_name(uint8_t qos, uint16_t msg_id, const char *data)
{
    client_says(sn_publish(QOS(qos) | SN_TOPIC_SHORT, 'a' << 8 | 'b', msg_id, data));
    if (qos > 0)
        ck_assert_uint_eq(gateway_said().return_code, SN_ACCEPTED);
}

static void is_lost(void)
{
    pass(seconds(100));
    ck_assert_uint_eq(counted(COUNT_lost_clients), 1);
}

static void broker_gets_the_will(void)
{
    struct bridge_message m = broker_sees(BRIDGE_PUBLISH).message;

    ck_assert(sn_bytes_equal(m.topic, sn_text("gone")));
    ck_assert(sn_bytes_equal(m.payload, sn_text("bye")));
    ck_assert(m.qos == 1 && m.retain);
}

static const struct {
    const char *lines;
    uint8_t flags;
    bool restart;
} waits[] = {
    {STORE, 0, false},
    {STORE, 0, true},
    {STORE, SN_FLAG_CLEAN, false},
    {STORE, SN_FLAG_CLEAN, true},
    {STORE AGGREGATING, 0, false},
    {STORE AGGREGATING, 0, true},
    {STORE AGGREGATING, SN_FLAG_CLEAN, true},
};
enum { WAITS = sizeof waits / sizeof *waits };

START_TEST(it_waits_for_a_broker_that_is_away)
{
    begin(waits[_i].lines, waits[_i].flags);
    broker_is_gone();
    is_lost();
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 1);
    ck_assert_uint_eq(counted(COUNT_wills_kept), 1);
    ck_assert(!broker_saw(BRIDGE_CLOSE));
    /* It would fire once more if the connection broke while the rest goes out. */
    ck_assert_uint_eq(broker_sees(BRIDGE_SET_WILL).will.topic.len, 0);
    if (waits[_i].restart) {
        gateway_restarts(10);
        ck_assert_uint_eq(broker_sees(BRIDGE_OPEN).will.topic.len, 0);
    }
    broker_is_back(true);
    pass(seconds(1));
    broker_gets_the_will();
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_POLITELY);
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    ck_assert_uint_eq(counted(COUNT_spool_forwarded), 1);
    ck_assert_str_eq(state_of("sensor-1"), waits[_i].flags ? "absent" : "lost");
    story_end();
}
END_TEST

START_TEST(it_comes_behind_what_its_client_published)
{
    begin(waits[_i].lines, waits[_i].flags);
    broker_is_gone();
    publishes_by_short_name(1, 3, "last words");
    is_lost();
    if (waits[_i].restart)
        gateway_restarts(10);
    broker_is_back(true);
    pass(seconds(1));
    broker_gets("ab", "last words", 1);
    broker_gets_the_will();
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_POLITELY);
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    ck_assert_str_eq(state_of("sensor-1"), waits[_i].flags ? "absent" : "lost");
    story_end();
}
END_TEST

static void broker_acknowledges(struct bridge_request r)
{
    broker_says(
        (struct bridge_event){.type = BRIDGE_PUBLISHED, .session = r.session, .token = r.token});
}

/* The connection is back, and the backlog under way, when the client is lost. */
START_TEST(it_comes_behind_a_backlog_that_is_going_out)
{
    begin(waits[_i].lines, waits[_i].flags);
    broker_is_gone();
    publishes_by_short_name(1, 3, "last words");
    story->broker.silent = true;
    broker_is_back(true);
    is_lost();
    struct bridge_request words = broker_sees(BRIDGE_PUBLISH), will = broker_sees(BRIDGE_PUBLISH);
    ck_assert(!broker_saw(BRIDGE_CLOSE));
    if (waits[_i].restart) {
        story->broker.silent = false;
        gateway_restarts(10);
        pass(seconds(1));
        broker_gets("ab", "last words", 1);
        broker_gets_the_will();
    } else {
        ck_assert(sn_bytes_equal(will.message.payload, sn_text("bye")));
        broker_acknowledges(words);
        broker_acknowledges(will);
    }
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_POLITELY);
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    story_end();
}
END_TEST

/* Order holds also for QoS 0, which asks for no acknowledgement: it waits for those before it. */
START_TEST(of_qos_0_it_waits_for_what_is_under_way)
{
    story_begin(STORE AGGREGATING);
    will_dialogue(0, 0);
    broker_is_gone();
    publishes_by_short_name(1, 3, "last words");
    is_lost();
    story->broker.silent = true;
    broker_is_back(true);
    pass(seconds(1));
    struct bridge_request r = broker_sees(BRIDGE_PUBLISH);
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    broker_acknowledges(r);
    pass(seconds(1));
    broker_gets("gone", "bye", 0);
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    story_end();
}
END_TEST

/* Who is there already when the broker comes back says something newer. */
START_TEST(it_comes_before_what_the_client_says_when_it_is_back)
{
    begin(waits[_i].lines, waits[_i].flags);
    broker_is_gone();
    is_lost();
    if (waits[_i].restart)
        gateway_restarts(10);
    connected("sensor-1", waits[_i].flags);
    publishes_by_short_name(1, 4, "here again");
    broker_is_back(true);
    pass(seconds(1));
    broker_gets_the_will();
    broker_gets("ab", "here again", 1);
    ck_assert_str_eq(state_of("sensor-1"), "active");
    story_end();
}
END_TEST

START_TEST(the_newest_is_what_waits)
{
    begin(STORE, 0);
    client_says(sn_text_of(SN_WILLMSGUPD, "newer"));
    gateway_says(sn_ack(SN_WILLMSGRESP, 0, 0, SN_ACCEPTED));
    if (_i)
        broker_is_gone();
    else
        story->broker.silent = true; /* it takes the will, and acknowledges nothing */
    is_lost();
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 1);
    story->broker.silent = false;
    broker_looks_away();
    gateway_restarts(10);
    if (_i)
        broker_is_back(true);
    pass(seconds(1));
    broker_gets("gone", "newer", 1);
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_POLITELY);
    story_end();
}
END_TEST

/* Nobody but the gateway has it there, so it is kept until the broker has acknowledged it. */
START_TEST(over_shared_connections_it_is_always_kept)
{
    begin(STORE AGGREGATING, SN_FLAG_CLEAN);
    story->broker.silent = true;
    is_lost();
    broker_gets_the_will();
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 1);
    story->broker.silent = false;
    gateway_restarts(10);
    pass(seconds(1));
    broker_gets_the_will();
    ck_assert_uint_eq(story->ledger.count, 0);
    story_end();
}
END_TEST

START_TEST(a_broker_that_has_it_publishes_it)
{
    begin(STORE, 0);
    is_lost();
    ck_assert(!broker_saw(BRIDGE_PUBLISH));
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    ck_assert_uint_eq(counted(COUNT_spooled), 0);
    story_end();
}
END_TEST

/* Nothing could survive; the bridge knows better whether the broker has published it. */
START_TEST(without_a_store_it_waits_in_the_bridge)
{
    begin(_i ? "[store]\npath = /nowhere/state.db\nsync = off\n" : NULL, 0);
    broker_is_gone();
    is_lost();
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    ck_assert_uint_eq(counted(COUNT_spooled), 0);
    story_end();
}
END_TEST

START_TEST(one_that_is_too_large_for_the_spool_waits_in_the_bridge)
{
    static char text[100];

    begin(STORE "[spool]\nmax_octets = 64\n", 0);
    memset(text, 'x', sizeof text - 1);
    client_says(sn_text_of(SN_WILLMSGUPD, text));
    gateway_says(sn_ack(SN_WILLMSGRESP, 0, 0, SN_ACCEPTED));
    broker_is_gone();
    is_lost();
    ck_assert_uint_eq(counted(COUNT_spool_too_large), 1);
    ck_assert_int_eq(broker_sees(BRIDGE_CLOSE).how, BRIDGE_WITH_WILL);
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("last will");

    tcase_add_loop_test(tc, it_waits_for_a_broker_that_is_away, 0, WAITS);
    tcase_add_loop_test(tc, it_comes_behind_what_its_client_published, 0, WAITS);
    tcase_add_loop_test(tc, it_comes_behind_a_backlog_that_is_going_out, 0, WAITS);
    tcase_add_test(tc, of_qos_0_it_waits_for_what_is_under_way);
    tcase_add_loop_test(tc, it_comes_before_what_the_client_says_when_it_is_back, 0, WAITS);
    tcase_add_loop_test(tc, the_newest_is_what_waits, 0, 2);
    tcase_add_test(tc, over_shared_connections_it_is_always_kept);
    tcase_add_test(tc, a_broker_that_has_it_publishes_it);
    tcase_add_loop_test(tc, without_a_store_it_waits_in_the_bridge, 0, 2);
    tcase_add_test(tc, one_that_is_too_large_for_the_spool_waits_in_the_bridge);
    return run_case("last will", tc);
}
