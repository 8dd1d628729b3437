/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/deadline.h"

#include "tests/support/run.h"

enum { OWNERS = 300, STEPS = 20000 };

static struct deadlines heap;
static struct deadline owners[OWNERS];
static msec_t model[OWNERS]; /* NEVER: not set */

static void begin(void)
{
    heap = (struct deadlines){0};
    ck_assert(deadlines_reserve(&heap, OWNERS));
    for (int i = 0; i < OWNERS; i++) {
        owners[i] = (struct deadline){0};
        model[i] = NEVER;
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static msec_t earliest(size_t *set)
{
    msec_t least = NEVER;

    *set = 0;
    for (int i = 0; i < OWNERS; i++) {
        least = model[i] < least ? model[i] : least;
        *set += model[i] != NEVER;
    }
    return least;
}

START_TEST(any_order_of_setting_moving_and_clearing)
{
    uint32_t seed = (uint32_t)_i + 1;
    size_t set;

    begin();
    for (int step = 0; step < STEPS; step++) {
        uint32_t which = next_random(&seed) % OWNERS, what = next_random(&seed) % 8;
        if (what < 2) {
            deadline_clear(&heap, &owners[which]);
            model[which] = NEVER;
        } else {
            model[which] = what == 2 ? NEVER : next_random(&seed) % 1000;
            deadline_set(&heap, &owners[which], model[which]);
        }
        msec_t least = earliest(&set);
        struct deadline *first = deadline_first(&heap);
        ck_assert_uint_eq(heap.count, set);
        ck_assert_uint_eq(first ? first->due : NEVER, least);
        ck_assert(deadlines_sound(&heap));
    }
    deadlines_fini(&heap);
}
END_TEST

START_TEST(come_out_sorted)
{
    uint32_t seed = 7;
    msec_t before = 0;

    begin();
    for (int i = 0; i < OWNERS; i++)
        deadline_set(&heap, &owners[i], next_random(&seed) % 100);
    for (int i = 0; i < OWNERS; i++) {
        struct deadline *first = deadline_first(&heap);
        ck_assert_uint_ge(first->due, before);
        before = first->due;
        deadline_clear(&heap, first);
        ck_assert_uint_eq(first->place, 0);
    }
    ck_assert_ptr_null(deadline_first(&heap));
    deadlines_fini(&heap);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("deadline");

    tcase_add_loop_test(tc, any_order_of_setting_moving_and_clearing, 0, 4);
    tcase_add_test(tc, come_out_sorted);
    return run_case("deadline", tc);
}
