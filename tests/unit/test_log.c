/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines as a pipe in place of stderr receives them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/clock.h"
#include "gateway/log.h"
#include "tests/support/run.h"

static int read_end;
static char seen[1 << 16];

static void catch_stderr(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    read_end = ends[0];
}

/* All that was written since the last time; at least one line must have been. */
static const char *lines(void)
{
    ssize_t len = read(read_end, seen, sizeof seen - 1);

    ck_assert_int_gt(len, 0);
    seen[len] = '\0';
    return seen;
}

static int count(const char *text, char c)
{
    int found = 0;

    for (; *text; text++)
        found += *text == c;
    return found;
}

static int evaluated(int *times)
{
    return ++*times;
}

START_TEST(the_level_is_tested_before_the_arguments)
{
    int times = 0;

    catch_stderr();
    log_set_level(LEVEL_WARNING);
    log_info("quiet times=%d", evaluated(&times));
    ck_assert_int_eq(times, 0);
    log_warning("loud times=%d", evaluated(&times));
    ck_assert_int_eq(times, 1);
    ck_assert_ptr_nonnull(strstr(lines(), "Z warning: loud times=1\n"));
}
END_TEST

START_TEST(the_journal_gets_a_priority_instead_of_the_time)
{
    struct stat status;
    char stream[64];

    catch_stderr();
    fstat(STDERR_FILENO, &status);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_init();
    log_error("broken part=%s", "x");
    ck_assert_str_eq(lines(), "<3>broken part=x\n");
    log_info("fine");
    ck_assert_str_eq(lines(), "<6>fine\n");

    catch_stderr(); /* redirected: the variable now names another stream */
    log_init();
    log_info("fine");
    ck_assert_ptr_nonnull(strstr(lines(), "Z info: fine\n"));
}
END_TEST

static void chatter(int number)
{
    log_info("chatter number=%d", number);
}

START_TEST(a_noisy_site_is_cut_and_says_so)
{
    uint64_t second = clock_now() / 1000;

    catch_stderr();
    for (int i = 0; i < 200; i++)
        chatter(i);
    bool one_second = clock_now() / 1000 == second;
    int written = count(lines(), '\n');
    if (one_second)
        ck_assert_int_eq(written, LOG_LINES_PER_SECOND);
    ck_assert_int_le(written, 2 * LOG_LINES_PER_SECOND);
    log_info("another site");
    ck_assert_ptr_nonnull(strstr(lines(), "another site\n"));

    log_tell_suppressed();
    char expected[32];
    snprintf(expected, sizeof expected, "suppressed=%d ", 200 - written);
    ck_assert_ptr_nonnull(strstr(lines(), expected));
    ck_assert_ptr_nonnull(strstr(seen, "chatter"));
}
END_TEST

START_TEST(the_next_line_of_the_site_tells_what_was_suppressed)
{
    struct log_site site = {0};

    catch_stderr();
    for (int i = 0; i < 3 * LOG_LINES_PER_SECOND; i++)
        log_write(&site, LEVEL_INFO, "event");
    lines();
    uint32_t suppressed = site.suppressed;
    ck_assert_uint_gt(suppressed, 0);
    site.second = 1; /* long ago */
    log_write(&site, LEVEL_INFO, "event");
    char expected[64];
    snprintf(expected, sizeof expected, "event suppressed=%u\n", suppressed);
    ck_assert_ptr_nonnull(strstr(lines(), expected));
    ck_assert_uint_eq(site.suppressed, 0);
}
END_TEST

START_TEST(a_long_line_is_cut)
{
    static char text[3 * LOG_LINE_MAX];

    memset(text, 'x', sizeof text - 1);
    catch_stderr();
    log_info("%s", text);
    ck_assert_uint_le(strlen(lines()), LOG_LINE_MAX + 1);
    ck_assert_int_eq(seen[strlen(seen) - 1], '\n');
}
END_TEST

static const struct text {
    const char *octets, *shown;
} texts[] = {
    {"sensor-1", "sensor-1"},
    {"a b\nc", "a\\x20b\\x0ac"},
    {"\x1b[31m\xC3\xA4\\", "\\x1b[31m\\xc3\\xa4\\x5c"},
    {"a-very-long-name-indeed", "a-very-long-"},
};

START_TEST(strange_octets_cannot_forge_lines)
{
    char out[17];

    if (_i < 3) {
        char roomy[64];
        ck_assert_str_eq(log_text(sn_text(texts[_i].octets), roomy, sizeof roomy), texts[_i].shown);
    }
    log_text(sn_text(texts[_i].octets), out, sizeof out);
    ck_assert_uint_lt(strlen(out), sizeof out);
    ck_assert_int_eq(strncmp(out, texts[_i].shown, strlen(out) < 12 ? strlen(out) : 12), 0);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("log");

    tcase_add_test(tcase, the_level_is_tested_before_the_arguments);
    tcase_add_test(tcase, the_journal_gets_a_priority_instead_of_the_time);
    tcase_add_test(tcase, a_noisy_site_is_cut_and_says_so);
    tcase_add_test(tcase, the_next_line_of_the_site_tells_what_was_suppressed);
    tcase_add_test(tcase, a_long_line_is_cut);
    tcase_add_loop_test(tcase, strange_octets_cannot_forge_lines, 0, 4);
    return run_case("log", tcase);
}
