/* SPDX-License-Identifier: Apache-2.0 */
/* What was under way when the broker went away comes back to the spool. */
#include "tests/support/run.h"
#include "tests/support/story.h"

static void gives_back(struct bridge_request r)
{
    broker_says((struct bridge_event){.type = BRIDGE_PUBLISHED,
                                      .session = r.session,
                                      .token = r.token,
                                      .result = BRIDGE_BUSY,
                                      .message = r.message});
}

/* bridge.h: a publish under way is given back when the broker stays away. */
START_TEST(what_the_bridge_gives_back_is_kept)
{
    uint8_t qos = (uint8_t)(1 + _i);

    begin_publishing(NULL);
    story->broker.silent = true;
    client_says(sn_publish(QOS(qos), 1, 5, "x"));
    struct bridge_request r = broker_sees(BRIDGE_PUBLISH);
    broker_is_gone();
    gateway_is_silent();
    gives_back(r);
    gateway_says(qos == 1 ? sn_ack(SN_PUBACK, 1, 5, SN_ACCEPTED) : sn_msg(SN_PUBREC, 5));
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 1);
    story->broker.silent = false;
    broker_is_back(true);
    pass(seconds(1));
    broker_gets("t", "x", qos);
    story_end();
}
END_TEST

/* A device with several under way: what was published first goes first, also after a restart. */
START_TEST(what_is_given_back_is_older_than_what_came_since)
{
    struct bridge_request r[3];

    begin_publishing(NULL);
    story->broker.silent = true;
    for (uint16_t i = 0; i < 3; i++) {
        client_says(sn_publish(QOS(1), 1, (uint16_t)(5 + i), i == 0 ? "1" : i == 1 ? "2" : "3"));
        r[i] = broker_sees(BRIDGE_PUBLISH);
    }
    broker_is_gone();
    if (_i >= 2) { /* else what is given back is the first in the spool */
        publishes(1, 8, "4");
        publishes(1, 9, "5");
    }
    for (uint16_t i = 0; i < 3; i++) {
        gives_back(r[i]);
        gateway_says(sn_ack(SN_PUBACK, 1, (uint16_t)(5 + i), SN_ACCEPTED));
        if (_i < 2 && i < 2)
            publishes(1, (uint16_t)(8 + i), i ? "5" : "4");
    }
    publishes(1, 10, "6");
    story->broker.silent = false;
    if (_i % 2)
        gateway_restarts(10);
    broker_is_back(true);
    pass(seconds(1));
    broker_gets("t", "1", 1);
    broker_gets("t", "2", 1);
    broker_gets("t", "3", 1);
    broker_gets("t", "4", 1);
    broker_gets("t", "5", 1);
    broker_gets("t", "6", 1);
    ck_assert_uint_eq(recorded(RECORD_SPOOLED), 0);
    story_end();
}
END_TEST

/* Two losses in a row: the bridge had one of them longer than the other. */
START_TEST(what_is_given_back_is_older_than_what_is_under_way)
{
    begin_publishing(NULL);
    story->broker.silent = true;
    client_says(sn_publish(QOS(1), 1, 5, "1"));
    struct bridge_request first = broker_sees(BRIDGE_PUBLISH);
    broker_is_gone();
    publishes(1, 6, "2");
    broker_is_back(true);
    pass(seconds(1));
    struct bridge_request second = broker_sees(BRIDGE_PUBLISH);
    broker_is_gone();
    gives_back(first);
    gives_back(second);
    gateway_says(sn_ack(SN_PUBACK, 1, 5, SN_ACCEPTED));
    story->broker.silent = false;
    if (_i)
        gateway_restarts(10);
    broker_is_back(true);
    pass(seconds(1));
    broker_gets("t", "1", 1);
    broker_gets("t", "2", 1);
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("given_back");

    tcase_add_loop_test(tc, what_the_bridge_gives_back_is_kept, 0, 2);
    tcase_add_loop_test(tc, what_is_given_back_is_older_than_what_came_since, 0, 4);
    tcase_add_loop_test(tc, what_is_given_back_is_older_than_what_is_under_way, 0, 2);
    return run_case("given_back", tc);
}
