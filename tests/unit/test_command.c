/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/command.h"
#include "tests/support/run.h"

#define ARGS_MAX 8

static const struct line {
    const char *args[ARGS_MAX];
    bool ok;
    struct command expected;
} command_lines[] = {
    {{"gw"}, true, {.action = RUN}},
    {{"gw", "-c", "a.ini", "-vv"}, true, {.config_path = "a.ini", .verbosity = 2}},
    {{"gw", "--check", "--config=a.ini"}, true, {.action = CHECK, .config_path = "a.ini"}},
    {{"gw", "-s", "/var/lib/x"}, true, {.overrides = {.state_path = "/var/lib/x"}}},
    {{"gw", "--state", "x"}, true, {.overrides = {.state_path = "x"}}},
    {{"gw", "-b", "unix:/run/m", "-u", "127.0.0.1:1"},
     true,
     {.overrides = {.broker_url = "unix:/run/m", .udp_listen = "127.0.0.1:1"}}},
    {{"gw", "--print-config"}, true, {.action = PRINT_CONFIG}},
    {{"gw", "--print-sample"}, true, {.action = PRINT_SAMPLE}},
    {{"gw", "--version"}, true, {.action = SHOW_VERSION}},
    {{"gw", "--help"}, true, {.action = SHOW_HELP}},
    {{"gw", "--nonsense"}, false, {0}},
    {{"gw", "-c"}, false, {0}},
    {{"gw", "a.ini"}, false, {0}},
};

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

START_TEST(reads_a_command_line)
{
    const struct line *line = &command_lines[_i];
    char copies[ARGS_MAX][64], *argv[ARGS_MAX + 1] = {0};
    struct command command;
    int argc = 0;

    for (; argc < ARGS_MAX && line->args[argc]; argc++)
        argv[argc] = strcpy(copies[argc], line->args[argc]);
    optind = 0;
    ck_assert_int_eq(command_parse(&command, argc, argv), line->ok);
    if (!line->ok)
        return;
    ck_assert_int_eq(command.action, line->expected.action);
    ck_assert_uint_eq(command.verbosity, line->expected.verbosity);
    ck_assert(same_text(command.config_path, line->expected.config_path));
    ck_assert(same_text(command.overrides.broker_url, line->expected.overrides.broker_url));
    ck_assert(same_text(command.overrides.state_path, line->expected.overrides.state_path));
    ck_assert(same_text(command.overrides.udp_listen, line->expected.overrides.udp_listen));
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("command");

    tcase_add_loop_test(tcase, reads_a_command_line, 0,
                        (int)(sizeof command_lines / sizeof *command_lines));
    return run_case("command", tcase);
}
