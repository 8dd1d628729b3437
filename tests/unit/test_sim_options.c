/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>

#include "tests/support/run.h"
#include "tools/sim/options.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define WORDS        12

static struct sim_options options;

/* The options keep pointing into these. */
static char texts[WORDS + 1][80];

static int parse(const char *const *words)
{
    char *argv[WORDS + 2] = {texts[0]};
    int argc = 1;

    snprintf(texts[0], sizeof texts[0], "mqtt-sn-sim");
    for (int i = 0; i < WORDS && words[i]; i++) {
        ck_assert_uint_lt(strlen(words[i]), sizeof texts[argc]);
        strcpy(texts[argc], words[i]);
        argv[argc] = texts[argc];
        argc++;
    }
    optind = 0; /* getopt begins anew */
    return options_parse(&options, argc, argv);
}

START_TEST(defaults_make_one_quiet_node)
{
    ck_assert_int_eq(parse((const char *const[WORDS]){NULL}), -1);
    ck_assert_uint_eq(options.net.clients, 1);
    ck_assert_str_eq(options.net.gateway, "localhost:1883");
    ck_assert(options.plan.clean);
    ck_assert(!options.plan.topic.given);
    ck_assert_uint_eq(options.plan.filter_count, 0);
    ck_assert_uint_eq(options.plan.retry, 10000000);
    ck_assert_uint_eq(options.plan.retry_count, 3);
    ck_assert_uint_eq(options.plan.window, 1);
}
END_TEST

START_TEST(makes_a_publishing_plan)
{
    ck_assert_int_eq(parse((const char *const[WORDS]){"--clients", "4", "--total-rate", "200",
                                                      "--topic", "t/%c", "--qos", "2", "--no-clean",
                                                      "--loss=2.5", "--will", "w/%c=a=b"}),
                     -1);
    ck_assert_uint_eq(options.plan.interval, 20000);
    ck_assert_uint_eq(options.plan.qos, 2);
    ck_assert(!options.plan.clean);
    ck_assert(options.net.loss > 0.0249 && options.net.loss < 0.0251);
    ck_assert_str_eq(options.plan.will_topic, "w/%c");
    ck_assert_str_eq(options.plan.will_message, "a=b");
    ck_assert(options.plan.topic.given);
    ck_assert_int_eq(options.plan.topic.type, SN_TOPIC_NORMAL);
    ck_assert_int_eq(parse((const char *const[WORDS]){"--register", "a", "--register", "b/%c"}),
                     -1);
    ck_assert_uint_eq(options.plan.name_count, 2);
    ck_assert_str_eq(options.plan.names[1].name, "b/%c");
}
END_TEST

START_TEST(knows_the_kinds_of_topics)
{
    ck_assert_int_eq(parse((const char *const[WORDS]){"--short", "ab", "--qos", "-1", "--subscribe",
                                                      "predefined:7", "--subscribe", "short:xy",
                                                      "--subscribe", "a/+/#"}),
                     -1);
    ck_assert_uint_eq(options.plan.qos, SN_QOS_MINUS_ONE);
    ck_assert_int_eq(options.plan.topic.type, SN_TOPIC_SHORT);
    ck_assert_uint_eq(options.plan.topic.id, 0x6162);
    ck_assert_uint_eq(options.plan.filter_count, 3);
    ck_assert_int_eq(options.plan.filters[0].type, SN_TOPIC_PREDEFINED);
    ck_assert_uint_eq(options.plan.filters[0].id, 7);
    ck_assert_int_eq(options.plan.filters[1].type, SN_TOPIC_SHORT);
    ck_assert_uint_eq(options.plan.filters[1].id, 0x7879);
    ck_assert_str_eq(options.plan.filters[2].name, "a/+/#");
}
END_TEST

START_TEST(puts_nodes_behind_a_dongle)
{
    ck_assert_int_eq(
        parse((const char *const[WORDS]){"--serial", "/tmp/p", "--framing", "slip", "--crc", "x25",
                                         "--clients", "3", "--noise", "1/1000", "--replug=0.5"}),
        -1);
    ck_assert_str_eq(options.net.serial.link, "/tmp/p");
    ck_assert_int_eq(options.net.serial.framing, FRAMING_SLIP);
    ck_assert_int_eq(options.net.serial.crc, FRAMING_CRC_X25);
    ck_assert(options.net.serial.noise > 0.00099 && options.net.serial.noise < 0.00101);
    ck_assert_uint_eq(options.net.serial.replug, 500000);
    ck_assert_uint_eq(options.net.node_id_size, 2); /* one port, several nodes */

    ck_assert_int_eq(parse((const char *const[WORDS]){"--serial", "/tmp/p"}), -1);
    ck_assert_int_eq(options.net.serial.framing, FRAMING_HDLC);
    ck_assert_uint_eq(options.net.node_id_size, 0);

    ck_assert_int_eq(parse((const char *const[WORDS]){"--serial", "/tmp/p", "--framing", "xbee",
                                                      "--api", "2", "--clients", "3"}),
                     -1);
    ck_assert_int_eq(options.net.serial.api, FRAMING_API_2);
    ck_assert_uint_eq(options.net.node_id_size, 0);
}
END_TEST

static const char *const refused[][WORDS] = {
    {"--clients", "0"},
    {"--clients", "many"},
    {"--clients", "1.5"},
    {"--clients", ""},
    {"--qos", "3"},
    {"--qos", "-2"},
    {"--loss", "101"},
    {"--rate", "nan"},
    {"--unknown"},
    {"--topic"},
    {"leftover"},
    {"--payload", "music"},
    {"--will", "no equals sign"},
    {"--will", "=text"},
    {"--topic", "a", "--short", "ab"},
    {"--short", "abc"},
    {"--register", "short:ab"},
    {"--topic", "a", "--qos", "-1"},
    {"--topic", ""},
    {"--subscribe", "predefined:0"},
    {"--subscribe", "predefined:7x"},
    {"--subscribe", "short:a"},
    {"--forwarder", "1", "--clients", "256"},
    {"--framing", "slip"},
    {"--replug", "1"},
    {"--serial", "p", "--framing", "morse"},
    {"--serial", "p", "--crc", "crc32"},
    {"--serial", "p", "--crc", "x25", "--framing", "xbee"},
    {"--serial", "p", "--noise", "1/0"},
    {"--serial", "p", "--noise", "2"},
    {"--serial", "p", "--noise", "1/10x"},
    {"--serial", "p", "--api", "3"},
    {"--serial", "p", "--framing", "xbee", "--forwarder", "2"},
    {"--serial", "p", "--framing", "aquila", "--clients", "65535"},
    {"--id-prefix", "0123456789012345678901234567890123456789012345678901234567890123"},
};

START_TEST(refuses)
{
    ck_assert_int_eq(parse(refused[_i]), 64);
}
END_TEST

START_TEST(helps)
{
    ck_assert_int_eq(parse((const char *const[WORDS]){"--help"}), 0);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("options");
    tcase_add_test(tc, defaults_make_one_quiet_node);
    tcase_add_test(tc, makes_a_publishing_plan);
    tcase_add_test(tc, knows_the_kinds_of_topics);
    tcase_add_test(tc, puts_nodes_behind_a_dongle);
    tcase_add_loop_test(tc, refuses, 0, COUNT(refused));
    tcase_add_test(tc, helps);
    return run_case("sim_options", tc);
}
