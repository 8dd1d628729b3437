/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/config.h"
#include "tests/support/run.h"

static const struct {
    const char *text;
    uint16_t default_port;
    const char *host; /* NULL: refused */
    uint16_t port;
} rows[] = {
    {"localhost:1883", 0, "localhost", 1883},
    {"192.0.2.7:40001", 0, "192.0.2.7", 40001},
    {"[::]:1883", 0, "::", 1883},
    {"[2001:db8::7]:65535", 0, "2001:db8::7", 65535},
    {"[fe80::1%eth0]:1883", 0, "fe80::1%eth0", 1883},
    {"[::ffff:192.0.2.7]:1", 0, "::ffff:192.0.2.7", 1},
    {"broker.example.org", 1883, "broker.example.org", 1883},
    {"broker.example.org:8884", 1883, "broker.example.org", 8884},
    {"[::1]", 8883, "::1", 8883},
    {"a_b-c:0", 0, "a_b-c", 0},
    {"localhost", 0, NULL, 0},
    {"localhost:", 1883, NULL, 0},
    {":1883", 0, NULL, 0},
    {"", 1883, NULL, 0},
    {"*:1883", 0, NULL, 0},
    {"localhost:65536", 0, NULL, 0},
    {"localhost:18446744073709551617", 0, NULL, 0},
    {"localhost:1883x", 0, NULL, 0},
    {"localhost:-1", 0, NULL, 0},
    {"localhost: 1883", 0, NULL, 0},
    {"local host:1883", 0, NULL, 0},
    {"::1:1883", 0, NULL, 0},
    {"[::1", 1883, NULL, 0},
    {"[::1]1883", 0, NULL, 0},
    {"[]:1883", 0, NULL, 0},
    {"[localhost]:1883", 0, NULL, 0},
    {"[fe80::1%]:1883", 0, NULL, 0},
    {"300.0.2.7:1883", 0, NULL, 0},
    {"192.0.2:1883", 0, NULL, 0},
    {"a..b:1883", 0, NULL, 0},
    {"-a:1883", 0, NULL, 0},
    {".a:1883", 0, NULL, 0},
};

START_TEST(takes_apart)
{
    struct endpoint out = {.kind = ENDPOINT_TLS};
    char into[64];
    bool taken =
        endpoint_parse(rows[_i].text, rows[_i].default_port, &out, into, strlen(rows[_i].text) + 1);

    ck_assert_msg(taken == (rows[_i].host != NULL), "%s", rows[_i].text);
    if (!taken)
        return;
    ck_assert_str_eq(out.host, rows[_i].host);
    ck_assert_uint_eq(out.port, rows[_i].port);
    ck_assert_uint_eq(out.kind, ENDPOINT_TLS);
}
END_TEST

START_TEST(refuses_what_has_no_room)
{
    struct endpoint out = {0};
    char into[8];

    ck_assert(!endpoint_parse("hosts:12", 0, &out, into, sizeof(into)));
    ck_assert(endpoint_parse("host:12", 0, &out, into, sizeof(into)));
}
END_TEST

START_TEST(refuses_a_name_longer_than_dns_allows)
{
    struct endpoint out = {0};
    char text[300], into[300];

    memset(text, 'a', sizeof(text));
    strcpy(text + 254, ":1");
    ck_assert(!endpoint_parse(text, 0, &out, into, sizeof(into)));
    ck_assert(endpoint_parse(text + 1, 0, &out, into, sizeof(into)));
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("endpoint");

    tcase_add_loop_test(tcase, takes_apart, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(tcase, refuses_what_has_no_room);
    tcase_add_test(tcase, refuses_a_name_longer_than_dns_allows);
    return run_case("endpoint", tcase);
}
