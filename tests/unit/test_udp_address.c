/* SPDX-License-Identifier: Apache-2.0 */
/* The names of peers. */
#include <check.h>

#include "sn/link/udp.h"
#include "tests/support/run.h"
#include "tests/support/udp_bench.h"

static const struct name {
    const char *host;
    uint16_t port;
    const char *node, *text;
} names[] = {
    {"192.0.2.7", 40001, "", "192.0.2.7:40001"},
    {"2001:db8::7", 40001, "", "[2001:db8::7]:40001"},
    {"192.0.2.7", 1, "\x0A\xFF", "192.0.2.7:1/0aff"},
};

START_TEST(a_peer_has_a_readable_name)
{
    const struct name *n = &names[_i];
    struct sn_peer peer = {.address_len = UDP_KEY_LEN, .node_len = (uint8_t)strlen(n->node)};
    union udp_sockaddr from;
    char text[UDP_PEER_TEXT_MAX], cut[8];

    udp_bench_address(&from, n->host, n->port);
    udp_key(peer.key, &from);
    memcpy(peer.key + UDP_KEY_LEN, n->node, peer.node_len);
    ck_assert_str_eq(udp_peer_text(&peer, text, sizeof text), n->text);
    udp_peer_text(&peer, cut, sizeof cut);
    ck_assert_uint_eq(strlen(cut), 7);
    ck_assert_int_eq(strncmp(cut, n->text, 7), 0);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    TCase *tcase = tcase_create("udp_address");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, a_peer_has_a_readable_name, 0, ROWS(names));
    return run_case("udp_address", tcase);
}
