/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/run.h"
#include "tools/sim/agenda.h"

#define NODES 200

static const struct plan plan = {.window = 1};
static struct tally tally;
static const struct node_sink sink = {.tally = &tally};
static struct node nodes[NODES];
static struct agenda agenda;

static void set_up(void)
{
    for (uint32_t i = 0; i < NODES; i++)
        ck_assert(node_init(&nodes[i], &plan, &sink, i + 1));
    ck_assert(agenda_init(&agenda, nodes, NODES));
}

static void tear_down(void)
{
    agenda_fini(&agenda);
    for (uint32_t i = 0; i < NODES; i++)
        node_fini(&nodes[i]);
}

static void wants(struct node *n, usec_t at)
{
    n->request_deadline = at;
    agenda_update(&agenda, n);
}

START_TEST(nothing_is_due_at_first)
{
    ck_assert_uint_eq(agenda_next(&agenda), NODE_NEVER);
    ck_assert_ptr_null(agenda_due(&agenda, NODE_NEVER - 1));
}
END_TEST

/* Deadlines that come, move and go in a scrambled order come out sorted. */
START_TEST(comes_out_in_order)
{
    usec_t last = 0;
    size_t out = 0;

    for (uint32_t round = 0; round < 3; round++)
        for (uint32_t i = 0; i < NODES; i++)
            wants(&nodes[i], 1 + (i * 7919 + round * 104729) % 1000);
    for (uint32_t i = 0; i < NODES; i += 4)
        wants(&nodes[i], NODE_NEVER);
    for (struct node *n; (n = agenda_due(&agenda, 2000)) != NULL; out++) {
        ck_assert_uint_ge(agenda_next(&agenda), last);
        last = agenda_next(&agenda);
        wants(n, NODE_NEVER);
    }
    ck_assert_uint_eq(out, NODES - NODES / 4);
}
END_TEST

START_TEST(is_due_to_the_microsecond)
{
    wants(&nodes[3], 500);
    ck_assert_ptr_null(agenda_due(&agenda, 499));
    ck_assert_ptr_eq(agenda_due(&agenda, 500), &nodes[3]);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("agenda");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, nothing_is_due_at_first);
    tcase_add_test(tc, comes_out_in_order);
    tcase_add_test(tc, is_due_to_the_microsecond);
    return run_case("sim_agenda", tc);
}
