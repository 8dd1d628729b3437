/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/predefined.h"

#include "tests/support/run.h"

static struct topic_row pumps[] = {{1, "pump/one"}, {5, "shared"}};
static struct topic_row pump_7[] = {{1, "pump/seven"}};
static struct topic_row everybody[] = {{1, "all/one"}, {2, "all/two"}, {9, "shared"}};
static struct topic_set sets[] = {
    {"pump-7", pump_7, 1}, {"pump-*", pumps, 2}, {NULL, everybody, 3}};
static const struct config config = {.topics = sets, .topics_count = 3};

/* The sets in the order of the file, those of all clients last. */
static const struct {
    const char *client_id;
    uint16_t id;
    const char *name;
} names[] = {
    {"pump-7", 1, "pump/seven"},
    {"pump-8", 1, "pump/one"},
    {"fan", 1, "all/one"},
    {"", 1, "all/one"},
    {"pump-7", 2, "all/two"},
    {"pump-7", 5, "shared"},
    {"fan", 5, ""},
    {"", 5, ""},
    {"fan", 0, ""},
    {"fan", 3, ""},
    {"fan", 0xFFFF, ""},
};

START_TEST(name_of_an_id)
{
    struct sn_bytes name = predefined_name(&config, sn_text(names[_i].client_id), names[_i].id);

    ck_assert(sn_bytes_equal(name, sn_text(names[_i].name)));
}
END_TEST

static const struct {
    const char *client_id, *name;
    uint16_t id;
} ids[] = {
    {"pump-7", "pump/seven", 1}, {"pump-8", "pump/seven", 0},
    {"pump-7", "pump/one", 0},   {"pump-8", "pump/one", 1},
    {"pump-8", "all/one", 0}, /* 1 is pump/one to it */
    {"fan", "all/one", 1},       {"pump-8", "shared", 5},
    {"fan", "shared", 9},        {"fan", "", 0},
    {"fan", "all/on", 0},
};

START_TEST(id_of_a_name)
{
    ck_assert_uint_eq(predefined_id(&config, sn_text(ids[_i].client_id), sn_text(ids[_i].name)),
                      ids[_i].id);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("predefined");

    tcase_add_loop_test(tc, name_of_an_id, 0, sizeof names / sizeof *names);
    tcase_add_loop_test(tc, id_of_a_name, 0, sizeof ids / sizeof *ids);
    return run_case("predefined", tc);
}
