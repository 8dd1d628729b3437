/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/pending.h"

#include "tests/support/run.h"

static struct pending_table table;

static struct pending *add(uint64_t token, const char *topic, const char *payload, uint8_t qos)
{
    return pending_add(&table, token,
                       &(struct bridge_message){sn_text(topic), sn_text(payload), qos, true});
}

START_TEST(keeps_a_copy)
{
    char topic[] = "a/b", payload[] = "hello";

    pending_init(&table);
    struct pending *p = add(7, topic, payload, 1);
    topic[0] = payload[0] = 'X';
    ck_assert_str_eq(pending_topic(p), "a/b");
    ck_assert_uint_eq(p->payload_len, 5);
    ck_assert_mem_eq(pending_payload(p), "hello", 5);
    ck_assert_uint_eq(p->token, 7);
    ck_assert(p->retain);
    pending_fini(&table);
}
END_TEST

START_TEST(takes_an_empty_payload)
{
    pending_init(&table);
    ck_assert_uint_eq(add(1, "t", "", 1)->payload_len, 0);
    pending_fini(&table);
}
END_TEST

START_TEST(answers_in_any_order)
{
    pending_init(&table);
    for (uint16_t mid = 1; mid <= 5; mid++)
        add(mid * 10u, "t", "x", 1)->mid = mid;
    ck_assert_uint_eq(pending_oldest(&table)->token, 10);
    pending_remove(&table, pending_find(&table, 1));
    ck_assert_uint_eq(pending_oldest(&table)->token, 20);
    pending_remove(&table, pending_find(&table, 4));
    ck_assert_ptr_null(pending_find(&table, 4));
    ck_assert_uint_eq(pending_find(&table, 5)->token, 50);
    ck_assert_uint_eq(table.count, 3);
    pending_fini(&table);
    ck_assert_uint_eq(table.count, 0);
    ck_assert_ptr_null(pending_oldest(&table));
}
END_TEST

/* Without an identifier it was not handed to the library yet, so no answer can be for it. */
START_TEST(does_not_find_what_has_no_identifier)
{
    pending_init(&table);
    add(1, "t", "x", 1);
    ck_assert_ptr_null(pending_find(&table, 0));
    pending_fini(&table);
}
END_TEST

START_TEST(counts_qos2)
{
    pending_init(&table);
    struct pending *two = add(1, "t", "x", 2);
    add(2, "t", "x", 1);
    ck_assert_uint_eq(table.qos2, 1);
    pending_remove(&table, two);
    ck_assert_uint_eq(table.qos2, 0);
    ck_assert_uint_eq(table.count, 1);
    pending_fini(&table);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("pending");

    tcase_add_test(tc, keeps_a_copy);
    tcase_add_test(tc, takes_an_empty_payload);
    tcase_add_test(tc, answers_in_any_order);
    tcase_add_test(tc, does_not_find_what_has_no_identifier);
    tcase_add_test(tc, counts_qos2);
    return run_case("pending", tc);
}
