/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/load.h"
#include "tests/support/run.h"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static struct config *load(const char *text)
{
    struct config_errors errors;
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    struct config *config = config_load_stream(file, NULL, &errors);

    fclose(file);
    ck_assert_msg(config, "line %d: %s", errors.list[0].line, errors.list[0].text);
    return config;
}

START_TEST(predefined_topics)
{
    struct config *config = load("[topics]\n"
                                 "65534 = z\n"
                                 "7 = sensors/temp = \xc3\xbc: 1 ; degrees\n"
                                 "1 = $SYS/a\n"
                                 "[topics " X50 "*]\n"
                                 "7 = a\n"
                                 "[topics pump ?]\n");

    ck_assert_uint_eq(config->topics_count, 3);
    ck_assert_str_eq(config->topics[0].pattern, X50 "*");
    ck_assert_uint_eq(config->topics[0].count, 1);
    ck_assert_str_eq(config->topics[0].rows[0].name, "a");
    ck_assert_str_eq(config->topics[1].pattern, "pump ?");
    ck_assert_uint_eq(config->topics[1].count, 0);
    ck_assert_ptr_null(config->topics[2].pattern);
    ck_assert_uint_eq(config->topics[2].count, 3);
    ck_assert_uint_eq(config->topics[2].rows[0].id, 1);
    ck_assert_str_eq(config->topics[2].rows[1].name, "sensors/temp = \xc3\xbc: 1");
    ck_assert_uint_eq(config->topics[2].rows[2].id, 65534);
    config_free(config);
}
END_TEST

START_TEST(every_topic_id_at_once)
{
    char path[] = "config-XXXXXX";
    struct config_errors errors;
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    fputs("[topics]\n", file);
    for (int id = 65534; id >= 1; id--)
        fprintf(file, "%d = t/%d\n", id, id);
    fclose(file);
    struct config *config = config_load(path, NULL, &errors);
    unlink(path);
    ck_assert_ptr_nonnull(config);
    ck_assert_uint_eq(config->topics[0].count, 65534);
    ck_assert_uint_eq(config->topics[0].rows[65533].id, 65534);
    ck_assert_str_eq(config->topics[0].rows[0].name, "t/1");
    config_free(config);
}
END_TEST

START_TEST(a_name_may_have_an_id_for_each_pattern)
{
    struct config *config = load("[topics a]\n1 = t\n[topics b]\n1 = t\n[topics]\n1 = t\n");

    ck_assert_uint_eq(config->topics_count, 3);
    ck_assert_str_eq(config->topics[0].pattern, "a");
    ck_assert_str_eq(config->topics[1].pattern, "b");
    config_free(config);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("config_topics");

    tcase_add_test(tcase, predefined_topics);
    tcase_add_test(tcase, every_topic_id_at_once);
    tcase_add_test(tcase, a_name_may_have_an_id_for_each_pattern);
    return run_case("config_topics", tcase);
}
