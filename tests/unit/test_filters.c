/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/filters.h"

#include <stdio.h>
#include <stdlib.h>

#include "sn/topic.h"
#include "tests/support/run.h"

static const uint8_t seed[16] = {1, 2, 3};

static struct filters *t;

static void setup(void)
{
    t = filters_new(seed);
    ck_assert_ptr_nonnull(t);
}

static void teardown(void)
{
    filters_audit(t);
    filters_free(t);
}

static uint32_t subscribed(const char *filter, uint32_t slot, uint8_t qos)
{
    uint32_t number = filters_take(t, sn_text(filter));

    ck_assert_uint_ne(number, 0);
    ck_assert(filters_add(t, number, slot, qos));
    filters_grant(t, number, slot, qos);
    return number;
}

/* Who gets a message that came for all filters that match, as "1:q0 2:q1". */
static const char *getters(const char *topic)
{
    static char text[200];
    const uint32_t *numbers;
    const struct filters_hit *hits;
    size_t count = filters_match(t, sn_text(topic), &numbers);
    size_t n = filters_collect(t, sn_text(topic), numbers, count, &hits);
    size_t len = 0;

    text[0] = '\0';
    for (uint32_t slot = 0; slot < 100; slot++)
        for (size_t i = 0; i < n; i++)
            if (hits[i].slot == slot)
                len += (size_t)snprintf(text + len, sizeof text - len, "%s%u:q%u", len ? " " : "",
                                        slot, hits[i].qos);
    return text;
}

static const char *getters_of(uint32_t number, const char *topic)
{
    static char text[200];
    const struct filters_hit *hits;
    size_t n = filters_collect(t, sn_text(topic), &number, 1, &hits);
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%u:q%u", len ? " " : "",
                                hits[i].slot, hits[i].qos);
    return text;
}

START_TEST(names_and_numbers)
{
    uint32_t plain = filters_take(t, sn_text("a/b")), wild = filters_take(t, sn_text("a/+"));

    ck_assert_uint_ne(plain, wild);
    ck_assert_uint_eq(filters_take(t, sn_text("a/b")), plain);
    ck_assert_uint_eq(filters_find(t, sn_text("a/+")), wild);
    ck_assert_uint_eq(filters_find(t, sn_text("a")), 0);
    ck_assert_str_eq((const char *)filters_text(t, wild).data, "a/+");
    ck_assert_uint_eq(filters_count(t), 2);
    filters_drop(t, plain);
    ck_assert(!filters_has(t, plain) && filters_has(t, wild) && !filters_has(t, 0));
    ck_assert_uint_eq(filters_find(t, sn_text("a/b")), 0);
    ck_assert_uint_eq(filters_take(t, sn_text("c")), plain); /* the number is used again */
}
END_TEST

/* What the owner has to tell the broker follows from these two. */
START_TEST(counts_and_highest_qos)
{
    uint32_t number = subscribed("a/#", 1, 0);

    ck_assert_uint_eq(filters_qos(t, number), 0);
    subscribed("a/#", 2, 2);
    subscribed("a/#", 3, 1);
    ck_assert_uint_eq(filters_subscribers(t, number), 3);
    ck_assert_uint_eq(filters_qos(t, number), 2);
    ck_assert(filters_remove(t, number, 2));
    ck_assert_uint_eq(filters_qos(t, number), 1);
    filters_grant(t, number, 3, 0);
    ck_assert_uint_eq(filters_qos(t, number), 0);
    ck_assert(!filters_remove(t, number, 2));
    ck_assert(filters_remove(t, number, 1) && filters_remove(t, number, 3));
    ck_assert_uint_eq(filters_subscribers(t, number), 0);
    ck_assert_str_eq(getters("a/b"), "");
}
END_TEST

START_TEST(all_of_one_slot)
{
    subscribed("a", 7, 0);
    subscribed("b/+", 7, 1);
    subscribed("a", 8, 0);
    for (uint32_t number; (number = filters_of_slot(t, 7)) > 0;)
        ck_assert(filters_remove(t, number, 7));
    ck_assert_str_eq(getters("a"), "8:q0");
    ck_assert_str_eq(getters("b/c"), "");
    ck_assert_uint_eq(filters_of_slot(t, 4000000), 0);
}
END_TEST

static const struct {
    const char *filter, *topic;
    bool matches;
} rules[] = {
    {"#", "a/b", true},
    {"#", "$SYS/a", false},
    {"+/a", "$SYS/a", false},
    {"$SYS/#", "$SYS/a", true},
    {"$SYS/+", "$SYS/a", true},
    {"a/#", "a", true},
    {"a/#", "ab", false},
    {"a/+/#", "a/b", true},
    {"a/+/#", "a", false},
    {"a/+", "a/", true},
    {"a/+", "a", false},
    {"+/+", "/x", true},
    {"/+", "/x", true},
    {"+", "/x", false},
    {"a/+/c", "a/b/c", true},
    {"a/+/c", "a/b/d", false},
    {"$share/g/a/+", "a/b", true},
    {"$share/g/a", "a", true},
    {"$share/g/#", "$SYS/a", false},
    {"a/b", "a/b", true},
    {"a/b", "a/b/", false},
};

START_TEST(rule)
{
    const uint32_t *numbers;
    struct sn_bytes topic = sn_text(rules[_i].topic);
    uint32_t number = filters_take(t, sn_text(rules[_i].filter));

    ck_assert_uint_eq(filters_match(t, topic, &numbers), rules[_i].matches);
    ck_assert_int_eq(filters_matches(t, number, topic), rules[_i].matches);
    if (rules[_i].matches)
        ck_assert_uint_eq(numbers[0], number);
    filters_drop(t, number);
    ck_assert_uint_eq(filters_match(t, topic, &numbers), 0);
}
END_TEST

/* A session with overlapping filters gets one copy, with the highest QoS; for each copy that comes
 * it is decided alone whether it is the one. */
START_TEST(overlapping_filters)
{
    uint32_t plus = subscribed("a/+", 1, 0), deep = subscribed("a/#", 1, 1);

    subscribed("a/#", 2, 0);
    ck_assert_str_eq(getters("a/b"), "1:q1 2:q0");
    ck_assert_str_eq(getters_of(plus, "a/b"), "");
    ck_assert_str_eq(getters_of(deep, "a/b"), "1:q1 2:q0");
    ck_assert_str_eq(getters("a/b/c"), "1:q1 2:q0");
    filters_remove(t, deep, 1);
    ck_assert_str_eq(getters_of(plus, "a/b"), "1:q0");
}
END_TEST

/* The connection that carries it is down, so the copy of the other is the only one. */
START_TEST(an_absent_filter_keeps_nothing_from_coming)
{
    uint32_t plus = subscribed("a/+", 1, 0), deep = subscribed("a/#", 1, 1);

    filters_set_absent(t, deep, true);
    ck_assert_str_eq(getters_of(plus, "a/b"), "1:q0");
    ck_assert_str_eq(getters_of(deep, "a/b"), "1:q1"); /* if one comes, it is not lost */
    filters_set_absent(t, deep, false);
    ck_assert_str_eq(getters_of(plus, "a/b"), "");
}
END_TEST

START_TEST(of_equal_filters_the_oldest)
{
    uint32_t first = subscribed("a/+", 1, 1), second = subscribed("a/#", 1, 1);

    ck_assert_str_eq(getters_of(first, "a/b"), "1:q1");
    ck_assert_str_eq(getters_of(second, "a/b"), "");
    filters_remove(t, first, 1);
    subscribed("a/+", 1, 1);
    ck_assert_str_eq(getters_of(first, "a/b"), "");
    ck_assert_str_eq(getters_of(second, "a/b"), "1:q1");
}
END_TEST

/* Until the broker has granted a filter its copies may not come yet: others must not wait for them.
 */
START_TEST(on_trial)
{
    uint32_t old = subscribed("a/+", 1, 0), young = filters_take(t, sn_text("a/#"));

    ck_assert(filters_add(t, young, 1, 2));
    ck_assert(!filters_is_granted(t, young, 1) && filters_is_granted(t, old, 1));
    ck_assert_str_eq(getters_of(old, "a/b"), "1:q0");
    ck_assert_str_eq(getters_of(young, "a/b"), "");
    ck_assert_str_eq(getters_of(young, "a/b/c"), "1:q2");
    filters_grant(t, young, 1, 1);
    ck_assert_str_eq(getters_of(old, "a/b"), "");
    ck_assert_str_eq(getters_of(young, "a/b"), "1:q1");
}
END_TEST

START_TEST(shared_subscriptions_take_turns)
{
    uint32_t group = subscribed("$share/g/a/+", 1, 0), one = subscribed("$share/g/a/+", 2, 1);

    ck_assert_uint_eq(group, one);
    subscribed("a/+", 1, 0);
    ck_assert_str_eq(getters_of(group, "a/b"), "1:q0");
    ck_assert_str_eq(getters_of(group, "a/b"), "2:q1");
    ck_assert_str_eq(getters_of(group, "a/b"), "1:q0");
    ck_assert_str_eq(getters_of(filters_find(t, sn_text("a/+")), "a/b"), "1:q0");
}
END_TEST

START_TEST(rounds_of_retained_messages)
{
    const struct filters_hit *hits;
    uint32_t number = subscribed("a/#", 1, 0);

    subscribed("a/#", 2, 1);
    filters_await(t, number, 1, 3);
    filters_await(t, number, 2, 4);
    ck_assert_uint_eq(filters_collect_waiting(t, number, 4, &hits), 1);
    ck_assert_uint_eq(hits[0].slot, 2);
    ck_assert_uint_eq(hits[0].qos, 1);
    ck_assert_uint_eq(filters_collect_waiting(t, number, 0, &hits), 2);
    filters_end_round(t, number, 4);
    ck_assert_uint_eq(filters_collect_waiting(t, number, 4, &hits), 0);
    filters_await_all(t, number, 5);
    ck_assert_uint_eq(filters_collect_waiting(t, number, 5, &hits), 2);
    filters_end_round(t, number, 0);
    ck_assert_uint_eq(filters_collect_waiting(t, number, 0, &hits), 0);
}
END_TEST

/* --- at random, against the rule itself ---------------------------------------------------------
 */

enum { SLOTS = 12, NAMES = 160, STEPS = 20000 };

static uint32_t dice = 1;

static uint32_t roll(uint32_t sides)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % sides;
}

static void random_path(char *into, const char *const *words, uint32_t count, bool filter)
{
    uint32_t levels = 1 + roll(4);

    strcpy(into, filter && roll(8) == 0 ? "$share/g/" : "");
    for (uint32_t i = 0; i < levels; i++) {
        strcat(into, words[roll(count)]);
        if (i + 1 < levels)
            strcat(into, "/");
    }
    if (filter && roll(4) == 0)
        strcat(into, "/#");
}

static struct {
    char filter[64];
    int8_t qos[SLOTS]; /* -1: not subscribed */
} model[NAMES];

static void make_model(void)
{
    static const char *const words[] = {"a", "b", "c", "+", "", "$d", "long-level-name"};

    for (int i = 0; i < NAMES;) {
        random_path(model[i].filter, words, 7, true);
        bool fresh = sn_topic_filter_ok(sn_text(model[i].filter));
        for (int k = 0; k < i; k++)
            fresh = fresh && strcmp(model[k].filter, model[i].filter) != 0;
        memset(model[i].qos, -1, sizeof model[i].qos);
        i += fresh;
    }
}

static void change_one(void)
{
    uint32_t i = roll(NAMES), slot = roll(SLOTS);
    struct sn_bytes text = sn_text(model[i].filter);

    if (roll(2) == 0) {
        uint8_t qos = (uint8_t)roll(3);
        uint32_t number = filters_take(t, text);
        ck_assert(filters_add(t, number, slot, qos));
        filters_grant(t, number, slot, qos);
        model[i].qos[slot] = (int8_t)qos;
    } else if (filters_find(t, text) > 0) {
        uint32_t number = filters_find(t, text);
        ck_assert_int_eq(filters_remove(t, number, slot), model[i].qos[slot] >= 0);
        model[i].qos[slot] = -1;
        if (filters_subscribers(t, number) == 0)
            filters_drop(t, number);
    }
}

static bool is_shared(int i)
{
    return strncmp(model[i].filter, "$share/", 7) == 0;
}

/* Every plain subscriber once with its highest QoS, whether the copies come together or one by one.
 */
static void compare(const char *topic)
{
    int wanted[SLOTS], got[SLOTS];
    uint32_t list[NAMES];
    const uint32_t *numbers;
    size_t found = filters_match(t, sn_text(topic), &numbers), expected = 0, plain = 0;

    memset(wanted, -1, sizeof wanted);
    memset(got, -1, sizeof got);
    for (int i = 0; i < NAMES; i++) {
        bool used = filters_find(t, sn_text(model[i].filter)) > 0;
        if (!used || !sn_topic_matches(sn_text(model[i].filter), sn_text(topic)))
            continue;
        expected++;
        for (int slot = 0; slot < SLOTS && !is_shared(i); slot++)
            if (model[i].qos[slot] > wanted[slot])
                wanted[slot] = model[i].qos[slot];
    }
    ck_assert_uint_eq(found, expected);
    for (size_t i = 0; i < found; i++) {
        ck_assert(filters_matches(t, numbers[i], sn_text(topic)));
        struct sn_bytes text = filters_text(t, numbers[i]);
        if (text.len < 7 || memcmp(text.data, "$share/", 7) != 0)
            list[plain++] = numbers[i];
    }
    size_t step = roll(2) ? 1 : plain;
    for (size_t i = 0; i < plain; i += step) {
        const struct filters_hit *hits;
        size_t n = filters_collect(t, sn_text(topic), list + i, step, &hits);
        for (size_t k = 0; k < n; k++) {
            ck_assert_int_eq(got[hits[k].slot], -1);
            got[hits[k].slot] = hits[k].qos;
        }
    }
    ck_assert_mem_eq(got, wanted, sizeof got);
}

START_TEST(at_random)
{
    static const char *const words[] = {"a", "b", "c", "", "$d", "long-level-name"};
    char topic[128];

    make_model();
    for (int step = 0; step < STEPS; step++) {
        change_one();
        random_path(topic, words, 6, false);
        if (sn_topic_name_ok(sn_text(topic)))
            compare(topic);
        if (step % 1000 == 0)
            filters_audit(t);
    }
}
END_TEST

/* A hundred thousand come and go, and nothing is left behind. */
START_TEST(a_hundred_thousand)
{
    const uint32_t count = 100000;
    char filter[64];

    for (uint32_t i = 1; i <= count; i++) {
        snprintf(filter, sizeof filter, i % 2 ? "site/%u/+/set" : "site/%u/set", i);
        ck_assert_uint_eq(subscribed(filter, i, 1), i);
    }
    ck_assert_uint_eq(filters_count(t), count);
    filters_audit(t);
    for (uint32_t i = 1; i <= count; i++) {
        uint32_t number = filters_of_slot(t, i);
        ck_assert(filters_remove(t, number, i));
        filters_drop(t, number);
    }
    ck_assert_uint_eq(filters_count(t), 0);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("filters");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, names_and_numbers);
    tcase_add_test(tc, counts_and_highest_qos);
    tcase_add_test(tc, all_of_one_slot);
    tcase_add_loop_test(tc, rule, 0, sizeof rules / sizeof *rules);
    tcase_add_test(tc, overlapping_filters);
    tcase_add_test(tc, an_absent_filter_keeps_nothing_from_coming);
    tcase_add_test(tc, of_equal_filters_the_oldest);
    tcase_add_test(tc, on_trial);
    tcase_add_test(tc, shared_subscriptions_take_turns);
    tcase_add_test(tc, rounds_of_retained_messages);
    tcase_add_test(tc, at_random);
    tcase_add_test(tc, a_hundred_thousand);
    return run_case("filters", tc);
}
