/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/seen.h"

#include "tests/support/run.h"

static uint64_t now = 1000000;

static bool again(struct seen *seen, uint16_t mid, const char *topic, const char *payload)
{
    return seen_again(seen, now, mid, sn_text(topic), sn_text(payload));
}

START_TEST(equal_messages_are_new_while_connected)
{
    struct seen *seen = seen_new(4);

    ck_assert(!again(seen, 1, "t", "on"));
    ck_assert(!again(seen, 1, "t", "on"));
    seen_free(seen);
}
END_TEST

START_TEST(repetitions_end_with_the_first_new_message)
{
    struct seen *seen = seen_new(4);

    again(seen, 1, "t", "a");
    again(seen, 2, "t", "b");
    seen_resume(seen, now, now);
    ck_assert(again(seen, 1, "t", "a"));
    ck_assert(again(seen, 2, "t", "b"));
    ck_assert(!again(seen, 3, "t", "c"));
    ck_assert(!again(seen, 1, "t", "a"));
    seen_free(seen);
}
END_TEST

START_TEST(another_payload_under_the_same_identifier_is_new)
{
    struct seen *seen = seen_new(4);

    again(seen, 1, "t", "a");
    seen_resume(seen, now, now);
    ck_assert(!again(seen, 1, "t", "b"));
    seen_free(seen);
}
END_TEST

START_TEST(forgetting_makes_everything_new)
{
    struct seen *seen = seen_new(4);

    again(seen, 1, "t", "a");
    seen_forget(seen);
    seen_resume(seen, now, now);
    ck_assert(!again(seen, 1, "t", "a"));
    seen_free(seen);
}
END_TEST

START_TEST(the_oldest_gives_way)
{
    struct seen *seen = seen_new(2);

    again(seen, 1, "t", "a");
    again(seen, 2, "t", "b");
    again(seen, 3, "t", "c");
    seen_resume(seen, now, now);
    ck_assert(again(seen, 2, "t", "b"));
    ck_assert(again(seen, 3, "t", "c"));
    ck_assert(!again(seen, 1, "t", "a"));
    seen_free(seen);
}
END_TEST

/* A broker that gives out low identifiers again, and a device that is told the same once more. */
START_TEST(what_was_surely_acknowledged_does_not_come_again)
{
    struct seen *seen = seen_new(4);

    again(seen, 1, "t", "on");
    uint64_t heard_at = now + 6000;
    now += 7000;
    seen_resume(seen, now, heard_at);
    ck_assert(!again(seen, 1, "t", "on"));
    seen_free(seen);
}
END_TEST

/* The connection went silent with the message; it took minutes to notice. */
START_TEST(silence_proves_nothing)
{
    struct seen *seen = seen_new(4);

    again(seen, 1, "t", "on");
    uint64_t heard_at = now;
    now += 90000;
    seen_resume(seen, now, heard_at);
    heard_at = now + 1; /* the CONNACK; then it is lost once more */
    now += 90000;
    seen_resume(seen, now, heard_at);
    ck_assert(again(seen, 1, "t", "on"));
    seen_free(seen);
}
END_TEST

START_TEST(repetitions_come_soon_or_not_at_all)
{
    struct seen *seen = seen_new(4);

    again(seen, 1, "t", "on");
    seen_resume(seen, now, now);
    now += 60000;
    ck_assert(!again(seen, 1, "t", "on"));
    seen_free(seen);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("seen");

    tcase_add_test(tc, equal_messages_are_new_while_connected);
    tcase_add_test(tc, repetitions_end_with_the_first_new_message);
    tcase_add_test(tc, another_payload_under_the_same_identifier_is_new);
    tcase_add_test(tc, forgetting_makes_everything_new);
    tcase_add_test(tc, the_oldest_gives_way);
    tcase_add_test(tc, what_was_surely_acknowledged_does_not_come_again);
    tcase_add_test(tc, silence_proves_nothing);
    tcase_add_test(tc, repetitions_come_soon_or_not_at_all);
    return run_case("seen", tc);
}
