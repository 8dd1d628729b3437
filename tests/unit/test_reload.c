/* SPDX-License-Identifier: Apache-2.0 */
/* Which changed options have to wait for a restart. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/reload.h"
#include "tests/support/run.h"

static const struct change {
    const char *before, *after, *told; /* what is told, each followed by ; */
} changes[] = {
    {"", "", ""},
    {"[log]\nlevel = debug\n", "", ""},
    {"", "[gateway]\nretry_interval = 3\n[sleep]\nmax_messages = 7\n[topics]\n1 = a/b\n", ""},
    {"", "[gateway]\ntopic_prefix = a/\n", "[gateway] topic_prefix;"},
    {"", "[gateway]\nid = 7\n[broker]\nstatus_topic = x\n",
     "[gateway] id, for the broker side;[broker] status_topic;"},
    {"", "[broker]\nurl = mqtt://example.org\nack_timeout = 3\n",
     "[broker] url;[broker] ack_timeout;"},
    {"[broker]\nusername = u\npassword = old\n", "[broker]\nusername = u\npassword = new\n",
     "[broker] password;"},
    {"[store]\nsync = full\n", "[store]\npath = /a\n[spool]\nmax_age = 1\n",
     "[store] path;[store] sync;"},
    {"[udp]\nmax_packet = 100\n", "[udp]\nmax_packet = 200\n", "[udp] max_packet;"},
    {"[udp]\nlisten = 127.0.0.1:1\n", "[udp]\nlisten = 127.0.0.1:1\n[udp b]\nlisten = [::1]:1\n",
     "[udp], the number of listeners;"},
    {"[serial]\nport = /dev/a\n", "[serial]\nport = /dev/b\nbaud = 9600\n",
     "[serial] port;[serial] baud;"},
    {"[udp]\n", "[udp]\n[serial]\nport = /dev/b\n", "[serial], the number of ports;"},
};

static struct config *load(const char *text)
{
    char path[] = "/tmp/test_reload.XXXXXX";
    struct config_errors errors = {0};
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    struct config *config = config_load(path, &(struct config_overrides){0}, &errors);
    unlink(path);
    ck_assert_msg(config != NULL, "%s", errors.list[0].text);
    return config;
}

static void note(void *self, const char *option)
{
    strcat(self, option);
    strcat(self, ";");
}

START_TEST(tells_what_has_to_wait)
{
    struct config *before = load(changes[_i].before), *after = load(changes[_i].after);
    char told[512] = "";

    reload_compare(before, after, note, told);
    ck_assert_str_eq(told, changes[_i].told);
    config_free(before);
    config_free(after);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("reload");

    tcase_add_loop_test(tcase, tells_what_has_to_wait, 0, (int)(sizeof changes / sizeof *changes));
    return run_case("reload", tcase);
}
