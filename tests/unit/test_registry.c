/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/registry.h"

#include <stdio.h>

#include "tests/support/run.h"

static const struct hash_key key = {1, 2};
static char text[32];

static struct sn_bytes name(unsigned number)
{
    snprintf(text, sizeof text, "topic/%u", number);
    return sn_text(text);
}

/* Few names are searched one by one, many through a table: both ways and the step between. */
START_TEST(thousands_of_names)
{
    struct registry r = {0};

    for (unsigned i = 1; i <= 5000; i++) {
        ck_assert_ptr_null(registry_by_name(&r, &key, name(i)));
        ck_assert_uint_eq(registry_add(&r, &key, name(i), 65534)->id, i);
        ck_assert_uint_eq(registry_add(&r, &key, name(i / 2 + 1), 65534)->id, i / 2 + 1);
    }
    for (unsigned i = 1; i <= 5000; i++) {
        struct topic *t = registry_by_name(&r, &key, name(i));
        ck_assert_ptr_eq(t, registry_by_id(&r, (uint16_t)i));
        ck_assert(sn_bytes_equal(sn_bytes(t->name, t->len), name(i)));
    }
    ck_assert_ptr_null(registry_by_id(&r, 0));
    ck_assert_ptr_null(registry_by_id(&r, 5001));
    ck_assert_ptr_null(registry_by_id(&r, 0xFFFF));
    registry_clear(&r);
    ck_assert_ptr_null(registry_by_name(&r, &key, name(1)));
}
END_TEST

START_TEST(ids_end_at_the_limit)
{
    struct registry r = {0};
    uint32_t limit = _i ? 65534 : 3;

    for (unsigned i = 1; i <= limit; i++)
        ck_assert_ptr_nonnull(registry_add(&r, &key, name(i), limit));
    ck_assert_ptr_null(registry_add(&r, &key, name(limit + 1), limit));
    ck_assert_uint_eq(registry_add(&r, &key, name(limit), limit)->id, limit);
    struct topic *first = registry_by_id(&r, 1);
    ck_assert(!registry_renumber(&r, &key, first, limit));
    ck_assert_uint_eq(first->id, 1);
    registry_clear(&r);
}
END_TEST

START_TEST(a_renumbered_topic_leaves_a_hole)
{
    struct registry r = {0};
    unsigned count = _i ? 50 : 4;

    for (unsigned i = 1; i <= count; i++)
        registry_add(&r, &key, name(i), 1000);
    struct topic *t = registry_by_name(&r, &key, name(2));
    ck_assert(registry_renumber(&r, &key, t, 1000));
    ck_assert_uint_eq(t->id, count + 1);
    ck_assert_ptr_null(registry_by_id(&r, 2));
    ck_assert_ptr_eq(registry_by_id(&r, t->id), t);
    for (unsigned i = 1; i <= 200; i++) /* and the table grows over it */
        registry_add(&r, &key, name(i), 1000);
    ck_assert_ptr_eq(registry_by_name(&r, &key, name(2)), t);
    ck_assert_uint_eq(registry_by_name(&r, &key, name(count + 1))->id, count + 2);
    ck_assert_ptr_null(registry_by_id(&r, 2));
    registry_clear(&r);
}
END_TEST

START_TEST(a_new_connection_knows_and_mutes_nothing)
{
    struct registry r = {0};
    struct topic *t = registry_add(&r, &key, name(1), 10);

    t->known = t->given = t->muted = true;
    registry_unmute(&r);
    ck_assert(t->known && !t->muted);
    t->muted = true;
    registry_new_connection(&r);
    ck_assert(!t->known && !t->muted && t->given);
    registry_clear(&r);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("registry");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, thousands_of_names);
    tcase_add_loop_test(tc, ids_end_at_the_limit, 0, 2);
    tcase_add_loop_test(tc, a_renumbered_topic_leaves_a_hole, 0, 2);
    tcase_add_test(tc, a_new_connection_knows_and_mutes_nothing);
    return run_case("registry", tc);
}
