/* SPDX-License-Identifier: Apache-2.0 */
/* Each wrong file with the line and the words that its error must have. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load.h"
#include "tests/support/run.h"

#define X10  "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static const struct {
    const char *file;
    int line;
    const char *words[3]; /* in this order; NULL ends them */
} rows[] = {
    /* names */
    {"[gatway]\n", 1, {"gatway", "[gateway]?"}},
    {"\n[UDP]\n", 2, {"UDP", "[udp]?"}},
    {"[topic]\n1 = a\n", 1, {"topic", "[topics]?"}},
    {"[bananas]\n", 1, {"bananas", "gateway, broker, udp"}},
    {"[]\n", 1, {"not a section"}},
    {"[gateway]\nretry_intervall = 5\n", 2, {"retry_intervall", "retry_interval?"}},
    {"[gateway]\nRetry-Count = 5\n", 2, {"Retry-Count", "retry_count?"}},
    {"[gateway]\nmax_cleints = 5\n", 2, {"max_cleints", "max_clients?"}},
    {"[broker]\nretry_count = 5\n", 2, {"retry_count", "[gateway]"}},
    {"[gateway]\nfrobnicate = 5\n", 2, {"frobnicate", "--print-sample"}},
    {"id = 5\n", 1, {"id", "[gateway]"}},
    {"color = 5\n[gateway]\n", 1, {"color", "before the first"}},
    {"[gateway north]\n", 1, {"north", "[gateway]", "no name"}},
    /* twice */
    {"[gateway]\nid = 1\nid = 1\n", 3, {"id", "line 2"}},
    {"[log]\n[gateway]\n[log]\n", 3, {"[log]", "line 1"}},
    {"[udp]\n[udp]\nlisten = [::]:1\n", 2, {"[udp]", "line 1"}},
    {"[udp a]\n[udp  a]\nlisten=[::]:1\n", 2, {"[udp a]", "line 1"}},
    {"[topics]\n[topics]\n", 2, {"[topics]", "line 1"}},
    {"[topics a*]\n[topics a*]\n", 2, {"[topics a*]", "line 1"}},
    /* lines that are none */
    {"[gateway]\nid\n", 2, {"key = value"}},
    {"[gateway]\nid = 1\n  and more\n", 3, {"key = value"}},
    {"[gateway]\nid = 1\nlast", 3, {"key = value"}},
    {"[gateway\nid = 700\n", 1, {"[gateway", "']'"}},
    {"[gateway] id = 1\n", 1, {"[gateway]", "id = 1", "behind"}},
    {"[broker]\nusername = \xff\n", 2, {"username", "UTF-8"}},
    {"[broker]\nusername = \xc0\xaf\n", 2, {"username", "UTF-8"}},
    {"[broker]\nusername = \xed\xa0\x80\n", 2, {"username", "UTF-8"}},
    {"[broker]\nusername = \xf4\x90\x80\x80\n", 2, {"username", "UTF-8"}},
    {"[broker]\nusername = \xe2\x82\n", 2, {"username", "UTF-8"}},
    {"[broker]\nusername = \xef\xbf\xbe\n", 2, {"username", "Unicode reserves"}},
    {"[broker]\nusername = a\x01\n", 2, {"username", "control"}},
    {"[broker]\nusername = a\tb\n", 2, {"username", "control"}},
    {"[broker]\nusername = a\rb\n", 2, {"username", "control"}},
    {"[broker]\npassword = " X100 X100 "\nid = 1\n", 2, {"password", "longer than 199"}},
    {"[udp " X100 X100 "]\n", 1, {"longer than 199"}},
    /* NUMBER */
    {"[gateway]\nid =\n", 2, {"[gateway] id", "no value", "0 to 255"}},
    {"[gateway]\nid = 256\n", 2, {"id", "\"256\"", "0 to 255"}},
    {"[gateway]\nid = 99999999999999999999\n", 2, {"id", "0 to 255"}},
    {"[gateway]\nid = -1\n", 2, {"id", "\"-1\"", "whole number"}},
    {"[gateway]\nid = +1\n", 2, {"id", "\"+1\""}},
    {"[gateway]\nid = 10x\n", 2, {"id", "\"10x\""}},
    {"[gateway]\nid = 1e2\n", 2, {"id", "\"1e2\""}},
    {"[gateway]\nid = 0x10\n", 2, {"id", "\"0x10\""}},
    {"[gateway]\nid = 1.5\n", 2, {"id", "\"1.5\""}},
    {"[gateway]\nid = 1 2\n", 2, {"id", "\"1 2\""}},
    {"[gateway]\nid = 1 # the first\n", 2, {"id", "begins with ;"}},
    {"[gateway]\nmax_clients = 0\n", 2, {"max_clients", "1 to 1000000"}},
    {"[broker]\nsession_expiry = 4294967296\n", 2, {"session_expiry", "4294967295"}},
    /* SECONDS */
    {"[gateway]\nretry_interval =\n", 2, {"retry_interval", "no value", "0.1 to 3600"}},
    {"[gateway]\nretry_interval = 0.05\n", 2, {"retry_interval", "0.1 to 3600"}},
    {"[gateway]\nretry_interval = 3600.001\n", 2, {"retry_interval", "0.1 to 3600"}},
    {"[gateway]\nretry_interval = 4294968\n", 2, {"retry_interval", "0.1 to 3600"}},
    {"[gateway]\nretry_interval = 1.0001\n", 2, {"retry_interval", "seconds"}},
    {"[gateway]\nretry_interval = 1e3\n", 2, {"retry_interval", "\"1e3\"", "seconds"}},
    {"[gateway]\nretry_interval = -1\n", 2, {"retry_interval", "\"-1\""}},
    {"[gateway]\nretry_interval = inf\n", 2, {"retry_interval", "\"inf\""}},
    {"[gateway]\nretry_interval = nan\n", 2, {"retry_interval", "\"nan\""}},
    {"[gateway]\nretry_interval = 10s\n", 2, {"retry_interval", "\"10s\""}},
    {"[gateway]\nretry_interval = .5\n", 2, {"retry_interval", "\".5\""}},
    {"[gateway]\nretry_interval = 5.\n", 2, {"retry_interval", "\"5.\""}},
    {"[gateway]\nretry_interval = 1,5\n", 2, {"retry_interval", "\"1,5\""}},
    {"[gateway]\nretry_interval = 00000000000000000001\n", 2, {"retry_interval"}},
    /* FLAG, CHOICE, TEXT */
    {"[gateway]\nallow_empty_client_id = true\n", 2, {"allow_empty", "\"true\"", "yes or no"}},
    {"[gateway]\nallow_empty_client_id =\n", 2, {"allow_empty", "yes or no"}},
    {"[gateway]\nqos_minus_one = long\n",
     2,
     {"qos_minus_one", "\"long\"", "yes | no | long-topics"}},
    {"[broker]\nmqtt_version = 3.1\n", 2, {"mqtt_version", "\"3.1\"", "5 | 3.1.1"}},
    {"[log]\nlevel = Info\n", 2, {"level", "\"Info\"", "error | warning | info"}},
    {"[broker]\nurl =\n", 2, {"[broker] url", "empty"}},
    {"[broker]\nusername = \"me\"\n", 2, {"username", "quotes"}},
    {"[broker]\nusername = me # myself\n", 2, {"username", "begins with ;"}},
    {"[udp]\nmulticast=225.1.1.1:1\ninterface = " X10 X10 X10 X10 X10 X10 X10 "\n",
     3,
     {"interface", "longer than 64"}},
    /* the broker's address */
    {"[broker]\nurl = broker:1883\n", 2, {"url", "mqtt://"}},
    {"[broker]\nurl = http://broker\n", 2, {"url", "mqtt://"}},
    {"[broker]\nurl = tcp://broker\n", 2, {"url", "mqtt://"}},
    {"[broker]\nurl = ssl://broker\n", 2, {"url", "mqtts://"}},
    {"[broker]\nurl = mqtt://\n", 2, {"url", "HOST"}},
    {"[broker]\nurl = mqtt://broker:0\n", 2, {"url", "HOST:PORT"}},
    {"[broker]\nurl = mqtt://broker:99999\n", 2, {"url", "HOST:PORT"}},
    {"[broker]\nurl = mqtt://::1\n", 2, {"url", "[ ]"}},
    {"[broker]\nurl = mqtt://broker/topic\n", 2, {"url", "no path", "mqtt://HOST"}},
    {"[broker]\nurl = mqtt://me:hidden@broker\n", 2, {"url", "username and password_file"}},
    {"[broker]\nurl = unix:run/x\n", 2, {"url", "full path"}},
    {"[broker]\nurl = unix:/" X100 X10 "\n", 2, {"url", "longer than 107"}},
    /* the broker's options together */
    {"[broker]\nca_file = /dev/null\n", 2, {"ca_file", "mqtts://"}},
    {"[broker]\nalpn = mqtt\n", 2, {"alpn", "mqtts://"}},
    {"[broker]\nurl = unix:/run/x\ntls_insecure = yes\n", 3, {"tls_insecure", "mqtts://"}},
    {"[broker]\nurl = mqtts://b\ncert_file = config.crt\n", 3, {"cert_file", "key_file"}},
    {"[broker]\nurl = mqtts://b\nkey_file = config.key\n", 3, {"key_file", "cert_file"}},
    {"[broker]\nurl = mqtts://b\npsk_identity = me\n", 3, {"psk_identity", "psk_file"}},
    {"[broker]\nurl = mqtts://b\npsk_file = x\n", 3, {"psk_file", "psk_identity"}},
    {"[broker]\nurl = mqtts://b\nca_file = none.pem\n", 3, {"ca_file", "none.pem", "No such file"}},
    {"[broker]\nurl = mqtts://b\nca_file = /\n", 3, {"ca_file", "not a file"}},
    {"[broker]\npassword_file = none.txt\n", 2, {"password_file", "none.txt", "No such file"}},
    {"[broker]\npassword = a\npassword_file = none.txt\n", 2, {"password", "password_file"}},
    {"[broker]\nmqtt_version = 3.1.1\npassword = a\n", 3, {"password", "username"}},
    {"[broker]\nreconnect_min = 61\n", 2, {"reconnect_min", "reconnect_max"}},
    {"[broker]\nreconnect_max = 1\nreconnect_min = 1.5\n", 3, {"reconnect_min", "reconnect_max"}},
    {"[gateway]\ntopic_prefix = a/+/\n", 2, {"topic_prefix", "wildcard"}},
    {"[gateway]\ntopic_prefix = a/${clent}/\n", 2, {"\"${clent}\"", "${gateway}", "${client}"}},
    {"[gateway]\ntopic_prefix = ${client}/${x\n", 2, {"\"${x\"", "${client}"}},
    {"[gateway]\ntopic_prefix = a-${client}\n", 2, {"topic_prefix", "end with /"}},
    {"[gateway]\ntopic_prefix = $share/g/\n", 2, {"topic_prefix", "$share"}},
    {"[broker]\npreset = aws\n", 2, {"preset", "\"aws\"", "aws-iot"}},
    {"\n[broker]\npreset = aws-iot\n", 2, {"alpn of preset aws-iot", "mqtts://"}},
    {"[broker]\nmax_qos = 1\nqos2_subscriptions = native\n", 3, {"qos2_subscriptions", "max_qos"}},
    {"[broker]\nmax_qos = 0\n", 2, {"max_qos", "1 to 2"}},
    {"[broker]\nstatus_topic = a/+\n", 2, {"status_topic", "wildcard"}},
    {"[broker]\nstatus_topic = a/${name}\n", 2, {"status_topic", "${id}"}},
    /* listeners */
    {"[udp]\nlisten = *:1884\n", 2, {"listen", "[::]:1884"}},
    {"[udp]\nlisten = :1884\n", 2, {"listen", "[::]:1884"}},
    {"[udp]\nlisten = localhost\n", 2, {"listen", "no port", "localhost:1883"}},
    {"[udp]\nlisten = ::1:1883\n", 2, {"listen", "[ ]"}},
    {"[udp]\nlisten = udp://[::]:1\n", 2, {"listen", "without udp://"}},
    {"[udp]\nmulticast = 192.0.2.1:1883\n", 2, {"multicast", "225.1.1.1:1883"}},
    {"[udp]\nmulticast = [2001:db8::1]:1883\n", 2, {"multicast", "[ff02::1]"}},
    {"[udp]\nmulticast = 225.1.1.1:0\n", 2, {"multicast", "225.1.1.1:1883"}},
    {"[udp]\nmulticast = 225.1.1.1\n", 2, {"multicast", "no port"}},
    {"[udp]\nmulticast = all-nodes:1883\n", 2, {"multicast", "225.1.1.1:1883"}},
    {"[udp]\ninterface = eth0\n", 2, {"interface", "multicast"}},
    {"[udp]\n[udp b]\n", 2, {"[udp b] listen", "line 1"}},
    {"[udp a]\nlisten=[::1]:5\n\n[udp b]\nlisten=[0:0::1]:5\n", 5, {"[udp b] listen", "line 1"}},
    /* serial ports */
    {"[serial a]\nbaud = 9600\n", 1, {"[serial a] port", "--list-ports"}},
    {"[serial]\nport = ttyUSB0\n", 2, {"[serial] port", "/dev/ttyUSB0"}},
    {"[serial]\nport = usb:403\n", 2, {"port", "usb:0403:6015"}},
    {"[serial]\nport = usb:12345:1\n", 2, {"port", "hexadecimal"}},
    {"[serial]\nport = usb:1:2:\n", 2, {"port", "usb:VID:PID:SERIAL"}},
    {"[serial]\nport = usb:1:2x\n", 2, {"port", "usb:VID:PID:SERIAL"}},
    {"[serial]\nport = usb:1:\n", 2, {"port", "usb:VID:PID:SERIAL"}},
    {"[serial]\nport = /dev/a\n[serial b]\nport = /dev/a\n", 4, {"[serial b] port", "line 1"}},
    {"[serial]\nport=usb:1:2\n[serial b]\nport=usb:0001:2\n", 4, {"[serial b] port", "line 1"}},
    {"[serial]\nport = /dev/a\n[serial]\nport = /dev/b\n", 3, {"[serial]", "line 1", "second"}},
    {"[serial]\nport = /dev/a\ncrc = x25\nframing = xbee\n", 3, {"crc", "of its own"}},
    {"[serial]\nport = /dev/a\ncrc = xmodem\nframing=aquila\n", 3, {"crc", "of its own"}},
    {"[serial]\nport = /dev/a\napi = 2\n", 3, {"api", "xbee"}},
    {"[serial]\nport = /dev/a\nbyte_gap = 1\n", 3, {"byte_gap", "raw"}},
    {"[serial]\nport = /dev/a\nrts = set\nflow = rtscts\n", 3, {"rts", "flow"}},
    {"[serial]\nport = /dev/a\nbaud = 10\n", 3, {"baud", "50"}},
    {"[serial]\nport = /dev/a\nframing = zigbee\n", 3, {"framing", "xbee"}},
    /* predefined topics */
    {"[topics]\n0 = a\n", 2, {"\"0\"", "1 to 65534"}},
    {"[topics]\n65535 = a\n", 2, {"\"65535\"", "1 to 65534"}},
    {"[topics]\n0x10 = a\n", 2, {"\"0x10\"", "1 to 65534"}},
    {"[topics]\na/b = 1\n", 2, {"\"a/b\"", "1 to 65534"}},
    {"[topics]\n1 =\n", 2, {"[topics] 1", "empty"}},
    {"[topics]\n1 = a/#\n", 2, {"[topics] 1", "wildcard"}},
    {"[topics p*]\n1 = a/+/b\n", 2, {"[topics p*] 1", "wildcard"}},
    {"[topics]\n1 = a\n2 = b\n1 = c\n", 4, {"[topics] 1", "line 2"}},
    {"[topics]\n1 = a\n2 = b\n3 = a\n", 4, {"[topics] a", "line 2"}},
};

static struct config *load(const char *text, size_t len, const struct config_overrides *overrides,
                           struct config_errors *errors)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, len, "r");
    struct config *config;

    ck_assert_ptr_nonnull(file);
    config = config_load_stream(file, overrides, errors);
    fclose(file);
    return config;
}

static void has_words(const struct config_error *error, const char *const *words, size_t count)
{
    const char *from = error->text;

    for (size_t i = 0; i < count && words[i]; i++) {
        const char *found = strstr(from, words[i]);

        ck_assert_msg(found, "\"%s\" is missing in: %s", words[i], error->text);
        from = found;
    }
}

START_TEST(names_line_and_remedy)
{
    struct config_errors errors;
    const char *file = rows[_i].file;
    size_t at = 0;

    ck_assert_ptr_null(load(file, strlen(file), NULL, &errors));
    ck_assert_uint_gt(errors.count, 0);
    while (at + 1 < errors.count && errors.list[at].line != rows[_i].line)
        at++;
    ck_assert_msg(errors.list[at].line == rows[_i].line, "line %d: %s in\n%s", errors.list[0].line,
                  errors.list[0].text, file);
    has_words(&errors.list[at], rows[_i].words, 3);
}
END_TEST

/* One slip is one error, except where a second one follows from it. */
START_TEST(does_not_repeat_itself)
{
    static const char *const files[] = {"[gatway]\nid = 700\nnonsense = 5\n",
                                        "[gateway\nid = 700\n", "[gateway]\nid = 700\n",
                                        "[broker]\nurl = nothing\nca_file = /dev/nothing/at/all\n"};
    static const size_t counts[] = {1, 1, 1, 2};
    struct config_errors errors;

    ck_assert_ptr_null(load(files[_i], strlen(files[_i]), NULL, &errors));
    ck_assert_uint_eq(errors.count, counts[_i]);
}
END_TEST

START_TEST(lists_all_in_order_of_lines)
{
    static const char file[] = "[topics]\n"
                               "1 = a\n"
                               "1 = b\n"
                               "[gateway]\n"
                               "id = x\n"
                               "ide = 1\n"
                               "[broker]\n"
                               "url = x\n"
                               "[gateway]\n"
                               "nonsense\n";
    static const int lines[] = {3, 5, 6, 8, 9, 10};
    struct config_errors errors;

    ck_assert_ptr_null(load(file, strlen(file), NULL, &errors));
    ck_assert_uint_eq(errors.count, sizeof(lines) / sizeof(lines[0]));
    for (size_t i = 0; i < errors.count; i++)
        ck_assert_int_eq(errors.list[i].line, lines[i]);
}
END_TEST

START_TEST(counts_more_than_it_lists)
{
    struct config_errors errors;
    char file[400] = "";

    for (int i = 0; i < 100; i++)
        strcat(file, "x=\n");
    ck_assert_ptr_null(load(file, strlen(file), NULL, &errors));
    ck_assert_uint_eq(errors.count, 100);
    ck_assert_int_eq(errors.list[31].line, 32);
}
END_TEST

START_TEST(refuses_nul)
{
    static const char file[] = "[broker]\nusername = a\0b\n";
    struct config_errors errors;

    ck_assert_ptr_null(load(file, sizeof(file) - 1, NULL, &errors));
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_int_eq(errors.list[0].line, 2);
    has_words(&errors.list[0], (const char *[]){"username", "NUL"}, 2);
}
END_TEST

/* The tail of a long line would be a key of its own to inih. */
START_TEST(does_not_parse_the_tail_of_a_long_line)
{
    static const char file[] = "[broker]\n" X100 X100 X100 "= 1\nusernam = x\n";
    struct config_errors errors;

    ck_assert_ptr_null(load(file, strlen(file), NULL, &errors));
    ck_assert_uint_eq(errors.count, 2);
    ck_assert_int_eq(errors.list[0].line, 2);
    ck_assert_int_eq(errors.list[1].line, 3);
}
END_TEST

START_TEST(never_quotes_a_password)
{
    static const char *const files[] = {
        "[broker]\nurl = mqtt://me:s3cret@broker\n",
        "[broker]\npassword = \"s3cret\"\n",
        "[broker]\npassword = s3cret # mine\n",
        "[broker]\npassword = s3cret\x01\n",
        "[broker]\npassword = s3cret" X100 X100 "\n",
        "[broker]\nmqtt_version = 3.1.1\npassword = s3cret\n",
    };
    struct config_errors errors;

    ck_assert_ptr_null(load(files[_i], strlen(files[_i]), NULL, &errors));
    for (size_t i = 0; i < errors.count; i++)
        ck_assert_msg(!strstr(errors.list[i].text, "s3cret"), "%s", errors.list[i].text);
}
END_TEST

START_TEST(overrides_are_checked_alike)
{
    static const struct {
        struct config_overrides overrides;
        const char *words[3];
    } wrong[] = {
        {{.broker_url = "broker"}, {"-b:", "mqtt://"}},
        {{.broker_url = ""}, {"-b:", "empty"}},
        {{.broker_url = "mqtt://br oker"}, {"-b:", "HOST"}},
        {{.broker_url = "mqtt://\xff"}, {"-b:", "UTF-8"}},
        {{.broker_url = "unix:/run/x "}, {"-b:", "blank"}},
        {{.broker_url = "unix:/run/x ;y"}, {"-b:", "blank"}},
        {{.udp_listen = "*:7"}, {"-u:", "[::]:7"}},
        {{.udp_listen = "1883"}, {"-u:", "[::]:1883"}},
        {{.udp_listen = ""}, {"-u:", "empty"}},
    };
    struct config_errors errors;

    ck_assert_ptr_null(config_load(NULL, &wrong[_i].overrides, &errors));
    ck_assert_int_eq(errors.list[0].line, 0);
    has_words(&errors.list[0], wrong[_i].words, 3);
}
END_TEST

START_TEST(says_why_the_file_cannot_be_read)
{
    static const struct {
        const char *path;
        int error;
    } paths[] = {{"none.ini", ENOENT}, {"/", EISDIR}, {"/dev/null/x.ini", ENOTDIR}};
    struct config_errors errors;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ck_assert_ptr_null(config_load(paths[i].path, NULL, &errors));
        ck_assert_uint_eq(errors.count, 1);
        ck_assert_int_eq(errors.list[0].line, 0);
        has_words(&errors.list[0], (const char *[]){"cannot be read", strerror(paths[i].error)}, 2);
    }
}
END_TEST

static const struct {
    const char *content;
    size_t len;
    const char *words;
} secrets[] = {
    {"", 0, "nothing in its first line"},
    {"\nsecond\n", 8, "nothing in its first line"},
    {"\r\n", 2, "nothing in its first line"},
    {"a\0b\n", 4, "NUL"},
    {X100 X100 X100 X100 X100 X100 X100 X100 X100 X100 X10 X10 X10, 1030, "more than 1024"},
    {"00ffxx\n", 7, "hexadecimal"},
};

START_TEST(refuses_wrong_psk_files)
{
    char path[] = "psk-XXXXXX", file[200];
    struct config_errors errors;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, secrets[_i].content, secrets[_i].len), (int)secrets[_i].len);
    close(fd);
    snprintf(file, sizeof(file), "[broker]\nurl=mqtts://b\npsk_identity=me\npsk_file=%s\n", path);
    ck_assert_ptr_null(load(file, strlen(file), NULL, &errors));
    unlink(path);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_int_eq(errors.list[0].line, 4);
    has_words(&errors.list[0], (const char *[]){"psk_file", secrets[_i].words}, 2);
}
END_TEST

/* Nobody writes into a pipe: reading it would wait for ever. */
START_TEST(does_not_wait_for_a_pipe)
{
    static const char file[] = "[broker]\npassword_file = pipe-for-config\n";
    struct config_errors errors;

    unlink("pipe-for-config");
    ck_assert_int_eq(mkfifo("pipe-for-config", 0600), 0);
    ck_assert_ptr_null(load(file, strlen(file), NULL, &errors));
    unlink("pipe-for-config");
    has_words(&errors.list[0], (const char *[]){"password_file", "not a file"}, 2);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("config_errors");

    tcase_add_loop_test(tcase, names_line_and_remedy, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_loop_test(tcase, does_not_repeat_itself, 0, 4);
    tcase_add_test(tcase, lists_all_in_order_of_lines);
    tcase_add_test(tcase, counts_more_than_it_lists);
    tcase_add_test(tcase, refuses_nul);
    tcase_add_test(tcase, does_not_parse_the_tail_of_a_long_line);
    tcase_add_loop_test(tcase, never_quotes_a_password, 0, 6);
    tcase_add_loop_test(tcase, overrides_are_checked_alike, 0, 9);
    tcase_add_test(tcase, says_why_the_file_cannot_be_read);
    tcase_add_loop_test(tcase, refuses_wrong_psk_files, 0, sizeof(secrets) / sizeof(secrets[0]));
    tcase_add_test(tcase, does_not_wait_for_a_pipe);
    return run_case("config_errors", tcase);
}
