/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/subscriptions.h"

#include <stdio.h>

#include "tests/support/run.h"

START_TEST(found_by_filter_and_by_serial)
{
    struct subscriptions t = {0};
    struct subscription *plain = subscription_add(&t, sn_text("a/b"));
    struct subscription *wild = subscription_add(&t, sn_text("a/#"));

    ck_assert(!plain->wildcard && wild->wildcard);
    ck_assert_int_eq(plain->state, SUBSCRIPTION_ASKED);
    ck_assert_ptr_eq(subscription_find(&t, sn_text("a/b")), plain);
    ck_assert_ptr_null(subscription_find(&t, sn_text("a/"))); /* no prefix, no match */
    ck_assert_ptr_null(subscription_find(&t, sn_text("a/b/c")));
    ck_assert_uint_ne(plain->serial, wild->serial);
    ck_assert_ptr_eq(subscription_by_serial(&t, wild->serial), wild);
    subscription_remove(&t, plain);
    ck_assert_ptr_null(subscription_find(&t, sn_text("a/b")));
    ck_assert_ptr_eq(subscription_find(&t, sn_text("a/#")), wild);
    subscriptions_clear(&t);
    ck_assert_uint_eq(t.count, 0);
}
END_TEST

/* A late answer must not find a later row: not after removal, clearing, or 65536 rows. */
START_TEST(serials_are_not_reused)
{
    struct subscriptions t = {0};
    struct subscription *kept = subscription_add(&t, sn_text("kept"));
    uint16_t first = kept->serial, last = first;

    for (int i = 0; i < 70000; i++) {
        struct subscription *sub = subscription_add(&t, sn_text("x"));
        ck_assert_uint_ne(sub->serial, first);
        ck_assert_uint_ne(sub->serial, last);
        last = sub->serial;
        subscription_remove(&t, sub);
    }
    subscriptions_clear(&t);
    ck_assert_uint_ne(subscription_add(&t, sn_text("y"))->serial, last);
    subscriptions_clear(&t);
}
END_TEST

START_TEST(many_rows)
{
    struct subscriptions t = {0};
    char filter[16];

    for (int i = 0; i < 300; i++) {
        snprintf(filter, sizeof filter, "f/%d", i);
        ck_assert_ptr_nonnull(subscription_add(&t, sn_text(filter)));
    }
    for (int i = 0; i < 300; i += 2) {
        snprintf(filter, sizeof filter, "f/%d", i);
        subscription_remove(&t, subscription_find(&t, sn_text(filter)));
    }
    for (int i = 0; i < 300; i++) {
        snprintf(filter, sizeof filter, "f/%d", i);
        ck_assert_int_eq(subscription_find(&t, sn_text(filter)) != NULL, i % 2);
    }
    subscriptions_clear(&t);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("subscriptions");

    tcase_add_test(tc, found_by_filter_and_by_serial);
    tcase_add_test(tc, serials_are_not_reused);
    tcase_add_test(tc, many_rows);
    return run_case("subscriptions", tc);
}
