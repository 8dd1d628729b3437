/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/seen.h"

#include "tests/support/run.h"

static bool again(struct seen *seen, uint16_t mid, const char *topic, const char *payload)
{
    return seen_again(seen, mid, sn_text(topic), sn_text(payload));
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
    seen_resume(seen);
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
    seen_resume(seen);
    ck_assert(!again(seen, 1, "t", "b"));
    seen_free(seen);
}
END_TEST

START_TEST(forgetting_makes_everything_new)
{
    struct seen *seen = seen_new(4);

    again(seen, 1, "t", "a");
    seen_forget(seen);
    seen_resume(seen);
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
    seen_resume(seen);
    ck_assert(again(seen, 2, "t", "b"));
    ck_assert(again(seen, 3, "t", "c"));
    ck_assert(!again(seen, 1, "t", "a"));
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
    return run_case("seen", tc);
}
