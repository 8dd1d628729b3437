/* SPDX-License-Identifier: Apache-2.0 */
/* What a right file gives. Linked with malloc and calloc wrapped, so that they can fail. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/load.h"
#include "config/options.h"
#include "tests/support/run.h"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static int allocations_left = -1; /* -1: as many as wanted */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool may_allocate(void)
{
    if (allocations_left > 0)
        allocations_left--;
    return allocations_left != 0;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

static struct config *load(const char *text)
{
    struct config_errors errors;
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    struct config *config = config_load_stream(file, NULL, &errors);

    fclose(file);
    ck_assert_msg(config, "line %d: %s", errors.list[0].line, errors.list[0].text);
    return config;
}

static struct config *load_overridden(const char *path, const struct config_overrides *overrides)
{
    struct config_errors errors;
    struct config *config = config_load(path, overrides, &errors);

    ck_assert_msg(config, "line %d: %s", errors.list[0].line, errors.list[0].text);
    return config;
}

static void write_file(char *path, const char *content, size_t len)
{
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, len), (int)len);
    close(fd);
}

START_TEST(defaults_without_a_file)
{
    struct config *config = load_overridden(NULL, NULL);

    ck_assert_uint_eq(config->gateway.id, 1);
    ck_assert_uint_eq(config->gateway.retry_interval_ms, 10000);
    ck_assert(!config->gateway.allow_empty_client_id);
    ck_assert_uint_eq(config->gateway.qos_minus_one, QOS_MINUS_ONE_YES);
    ck_assert_str_eq(config->broker.url, "mqtt://localhost:1883");
    ck_assert_uint_eq(config->broker.address.kind, ENDPOINT_TCP);
    ck_assert_str_eq(config->broker.address.host, "localhost");
    ck_assert_uint_eq(config->broker.address.port, 1883);
    ck_assert_str_eq(config->broker.own_id, "mqtt-sn-gateway-1");
    ck_assert_str_eq(config->broker.status, "mqtt-sn-gateway/1");
    ck_assert_str_eq(config->broker.secret, "");
    ck_assert_str_eq(config->broker.psk, "");
    ck_assert_uint_eq(config->broker.session_expiry, 4294967295u);
    ck_assert_uint_eq(config->udp_count, 1);
    ck_assert_str_eq(config->udp[0].name, "");
    ck_assert_uint_eq(config->udp[0].address.kind, ENDPOINT_UDP);
    ck_assert_str_eq(config->udp[0].address.host, "::");
    ck_assert_uint_eq(config->udp[0].address.port, 1883);
    ck_assert_uint_eq(config->udp[0].group.kind, ENDPOINT_NONE);
    ck_assert_uint_eq(config->topics_count, 0);
    ck_assert_uint_eq(config->log.level, LEVEL_INFO);
    config_free(config);
}
END_TEST

START_TEST(reads_what_editors_write)
{
    struct config *config = load("\xef\xbb\xbf# comment\r\n"
                                 "  ; comment\r\n"
                                 "\r\n"
                                 "[ gateway ] ; comment\r\n"
                                 "id = 7 ; comment\r\n"
                                 "  retry_count\t=\t5\t; comment\r\n"
                                 "max_clients: 20\n"
                                 "[broker]# comment\n"
                                 "username=a;b=c:d\n"
                                 "client_id = gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x9d\n"
                                 "status_topic =\n"
                                 "password_file=\n"
                                 "\n"
                                 "[sleep]\n"
                                 "strict = yes"); /* no end of line */

    ck_assert_uint_eq(config->gateway.id, 7);
    ck_assert_uint_eq(config->gateway.retry_count, 5);
    ck_assert_uint_eq(config->gateway.max_clients, 20);
    ck_assert_str_eq(config->broker.username, "a;b=c:d");
    ck_assert_str_eq(config->broker.own_id, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x9d");
    ck_assert_str_eq(config->broker.status, "");
    ck_assert(config->sleep.strict);
    config_free(config);
}
END_TEST

/* Comments may be as long as they like; a line of 199 octets is the longest that inih takes. */
START_TEST(long_lines)
{
    char file[1000], key[] = "[broker]\npassword=";
    size_t len = 189;

    strcpy(file, "#" X50 X50 X50 X50 X50 " = 1\n");
    strcat(file, key);
    memset(file + strlen(file), 'y', len + 1);
    file[strlen("#" X50 X50 X50 X50 X50 " = 1\n") + strlen(key) + len] = '\0';
    strcat(file, "z\nusername = x\n");

    struct config *config = load(file);
    ck_assert_uint_eq(strlen(config->broker.password), 190);
    ck_assert_int_eq(config->broker.password[189], 'z');
    ck_assert_str_eq(config->broker.username, "x");
    config_free(config);
}
END_TEST

static const struct {
    const char *text;
    uint32_t ms;
} seconds[] = {{"0.1", 100}, {"0.25", 250}, {"1.005", 1005}, {"10", 10000}, {"3600.000", 3600000}};

START_TEST(fractions_of_seconds)
{
    char file[80];

    snprintf(file, sizeof(file), "[gateway]\nretry_interval = %s\n", seconds[_i].text);
    struct config *config = load(file);
    ck_assert_uint_eq(config->gateway.retry_interval_ms, seconds[_i].ms);
    config_free(config);
}
END_TEST

/* The enums of config.h follow the order of the words in options.def. */
static const struct {
    const char *file;
    size_t offset;
    uint32_t value;
} choices[] = {
#define GATEWAY(key) offsetof(struct config, gateway.key)
#define BROKER(key)  offsetof(struct config, broker.key)
    {"[gateway]\nqos_minus_one=yes", GATEWAY(qos_minus_one), QOS_MINUS_ONE_YES},
    {"[gateway]\nqos_minus_one=no", GATEWAY(qos_minus_one), QOS_MINUS_ONE_NO},
    {"[gateway]\nqos_minus_one=long-topics", GATEWAY(qos_minus_one), QOS_MINUS_ONE_LONG_TOPICS},
    {"[gateway]\ntake_over=always", GATEWAY(take_over), TAKE_OVER_ALWAYS},
    {"[gateway]\ntake_over=not-active", GATEWAY(take_over), TAKE_OVER_NOT_ACTIVE},
    {"[broker]\nmqtt_version=5", BROKER(mqtt_version), MQTT_VERSION_5},
    {"[broker]\nmqtt_version=3.1.1", BROKER(mqtt_version), MQTT_VERSION_3_1_1},
    {"[broker]\nqos2_subscriptions=safe", BROKER(qos2_subscriptions), QOS2_SAFE},
    {"[broker]\nqos2_subscriptions=native", BROKER(qos2_subscriptions), QOS2_NATIVE},
    {"[sleep]\nwhen_full=drop-oldest", offsetof(struct config, sleep.when_full),
     WHEN_FULL_DROP_OLDEST},
    {"[sleep]\nwhen_full=drop-newest", offsetof(struct config, sleep.when_full),
     WHEN_FULL_DROP_NEWEST},
    {"[sleep]\nwhen_full=latest-per-topic", offsetof(struct config, sleep.when_full),
     WHEN_FULL_LATEST_PER_TOPIC},
    {"[log]\nlevel=error", offsetof(struct config, log.level), LEVEL_ERROR},
    {"[log]\nlevel=warning", offsetof(struct config, log.level), LEVEL_WARNING},
    {"[log]\nlevel=info", offsetof(struct config, log.level), LEVEL_INFO},
    {"[log]\nlevel=debug", offsetof(struct config, log.level), LEVEL_DEBUG},
    {"[log]\nlevel=trace", offsetof(struct config, log.level), LEVEL_TRACE},
};

START_TEST(words_of_choices)
{
    struct config *config = load(choices[_i].file);
    const void *field = (const char *)config + choices[_i].offset;

    ck_assert_msg(*(const uint32_t *)field == choices[_i].value, "%s", choices[_i].file);
    config_free(config);
}
END_TEST

/* Both ends of every range are inside. */
START_TEST(limits_of_numbers)
{
    const struct section *section = &config_sections[_i];

    for (size_t i = 0; i < section->count; i++) {
        const struct option *option = &section->options[i];
        uint32_t limits[] = {option->least, option->most};

        if (option->type != OPTION_NUMBER && option->type != OPTION_SECONDS)
            continue;
        for (size_t j = 0; j < 2; j++) {
            bool is_number = option->type == OPTION_NUMBER;
            char file[200];
            int len = snprintf(file, sizeof(file), "[broker]\nreconnect_max=3600\n");

            if (strcmp(option->key, "reconnect_max") == 0)
                len = snprintf(file, sizeof(file), "[broker]\nreconnect_min=0.1\n");
            if (strcmp(section->key, "broker") != 0)
                len = snprintf(
                    file, sizeof(file), "[%s]\n%s", section->key,
                    strcmp(section->key, "serial") == 0 ? "port=/dev/ttyS9\nframing=raw\n" : "");
            snprintf(file + len, sizeof(file) - (size_t)len, "%s=%u%s\n", option->key,
                     is_number ? limits[j] : limits[j] / 1000,
                     !is_number && limits[j] % 1000 == 100 ? ".1" : "");

            struct config *config = load(file);
            const void *base = section_base(config, section, 0);
            const void *field = (const char *)base + option->offset;
            ck_assert_msg(*(const uint32_t *)field == limits[j], "%s", file);
            config_free(config);
        }
    }
}
END_TEST

static const struct {
    const char *url;
    int kind;
    const char *host;
    uint16_t port;
} urls[] = {
    {"mqtt://broker", ENDPOINT_TCP, "broker", 1883},
    {"mqtt://broker/", ENDPOINT_TCP, "broker", 1883},
    {"mqtt://192.0.2.7:11883", ENDPOINT_TCP, "192.0.2.7", 11883},
    {"mqtt://[2001:db8::7]", ENDPOINT_TCP, "2001:db8::7", 1883},
    {"mqtt://[2001:db8::7]:1", ENDPOINT_TCP, "2001:db8::7", 1},
    {"mqtts://broker.example.org", ENDPOINT_TLS, "broker.example.org", 8883},
    {"mqtts://broker.example.org:443", ENDPOINT_TLS, "broker.example.org", 443},
    {"unix:/run/mosquitto/mqtt.sock", ENDPOINT_UNIX, "/run/mosquitto/mqtt.sock", 0},
};

START_TEST(broker_urls)
{
    struct config *config =
        load_overridden(NULL, &(struct config_overrides){.broker_url = urls[_i].url});

    ck_assert_str_eq(config->broker.url, urls[_i].url);
    ck_assert_int_eq((int)config->broker.address.kind, urls[_i].kind);
    ck_assert_str_eq(config->broker.address.host, urls[_i].host);
    ck_assert_uint_eq(config->broker.address.port, urls[_i].port);
    config_free(config);
}
END_TEST

START_TEST(names_with_the_gateway_id)
{
    struct config *config = load("[broker]\nstatus_topic = ${id}/gw/${id}$\n[gateway]\nid = 255\n");

    ck_assert_str_eq(config->broker.own_id, "mqtt-sn-gateway-255");
    ck_assert_str_eq(config->broker.status, "255/gw/255$");
    ck_assert_str_eq(config->broker.status_topic, "${id}/gw/${id}$");
    config_free(config);
}
END_TEST

static const struct {
    const char *content;
    const char *secret;
} secrets[] = {{"s3cret", "s3cret"},
               {"s3cret\n", "s3cret"},
               {"s3cret\r\n", "s3cret"},
               {" two words ;#\"\n", " two words ;#\""},
               {"00ff\nsecond\n", "00ff"}};

START_TEST(secrets_from_files)
{
    char path[] = "secret-XXXXXX", file[200];

    write_file(path, secrets[_i].content, strlen(secrets[_i].content));
    snprintf(file, sizeof(file), "[broker]\npassword_file = %s\n", path);
    struct config *config = load(file);
    ck_assert_str_eq(config->broker.secret, secrets[_i].secret);
    config_free(config);
    unlink(path);
}
END_TEST

START_TEST(tls_with_certificate_or_key)
{
    char path[] = "secret-XXXXXX", file[300];
    struct config *config;

    write_file(path, "0123abCD\n", 9);
    snprintf(file, sizeof(file), "[broker]\nurl=mqtts://b\npsk_identity=me\npsk_file=%s\n", path);
    config = load(file);
    ck_assert_str_eq(config->broker.psk, "0123abCD");
    config_free(config);

    snprintf(file, sizeof(file),
             "[broker]\nurl=mqtts://b\nca_file=%s\ncert_file=%s\nkey_file=%s\n"
             "alpn=mqtt\ntls_insecure=yes\n",
             path, path, path);
    config = load(file);
    ck_assert_str_eq(config->broker.key_file, path);
    ck_assert(config->broker.tls_insecure);
    config_free(config);
    unlink(path);
}
END_TEST

START_TEST(several_listeners)
{
    struct config *config = load("[udp garden]\n"
                                 "listen = 192.0.2.7:1884\n"
                                 "multicast = 225.1.1.1:1885\n"
                                 "interface = eth0\n"
                                 "[udp]\n"
                                 "max_packet = 255\n"
                                 "[udp house]\n"
                                 "listen = [::1]:1884\n"
                                 "multicast = [ff02::1%lo]:1883\n");

    ck_assert_uint_eq(config->udp_count, 3);
    ck_assert_str_eq(config->udp[0].name, "garden");
    ck_assert_str_eq(config->udp[0].address.host, "192.0.2.7");
    ck_assert_uint_eq(config->udp[0].group.kind, ENDPOINT_UDP);
    ck_assert_str_eq(config->udp[0].group.host, "225.1.1.1");
    ck_assert_uint_eq(config->udp[0].group.port, 1885);
    ck_assert_str_eq(config->udp[1].name, "");
    ck_assert_uint_eq(config->udp[1].max_packet, 255);
    ck_assert_str_eq(config->udp[1].listen, "[::]:1883");
    ck_assert_str_eq(config->udp[2].group.host, "ff02::1%lo");
    ck_assert_uint_eq(config->udp[2].max_packet, 65507);
    config_free(config);
}
END_TEST

START_TEST(several_ports)
{
    struct config *config = load("[serial garden]\n"
                                 "port = usb:0403:6015:A B:c\n"
                                 "framing = xbee\n"
                                 "api = 2\n"
                                 "[serial]\n"
                                 "port = /dev/serial/by-id/usb-x\n"
                                 "baud = 250000\n"
                                 "gap = 0.005\n"
                                 "dtr = pulse\n"
                                 "[serial house]\n"
                                 "port = usb:1A86:7523\n"
                                 "framing = slip\n"
                                 "crc = x25\n"
                                 "forwarder = no\n");

    ck_assert_uint_eq(config->udp_count, 0);
    ck_assert_uint_eq(config->serial_count, 3);
    ck_assert_str_eq(config->serial[0].name, "garden");
    ck_assert(config->serial[0].usb.wanted);
    ck_assert_uint_eq(config->serial[0].usb.vid, 0x0403);
    ck_assert_uint_eq(config->serial[0].usb.pid, 0x6015);
    ck_assert_str_eq(config->serial[0].usb.serial, "A B:c");
    ck_assert_uint_eq(config->serial[0].framing, SERIAL_XBEE);
    ck_assert_uint_eq(config->serial[0].api, SERIAL_API_2);
    ck_assert_str_eq(config->serial[1].name, "");
    ck_assert(!config->serial[1].usb.wanted);
    ck_assert_uint_eq(config->serial[1].framing, SERIAL_HDLC);
    ck_assert_uint_eq(config->serial[1].baud, 250000);
    ck_assert_uint_eq(config->serial[1].gap_ms, 5);
    ck_assert_uint_eq(config->serial[1].dtr, SERIAL_DTR_PULSE);
    ck_assert(config->serial[1].forwarder);
    ck_assert_uint_eq(config->serial[2].usb.vid, 0x1A86);
    ck_assert_str_eq(config->serial[2].usb.serial, "");
    ck_assert_uint_eq(config->serial[2].crc, SERIAL_CRC_X25);
    ck_assert(!config->serial[2].forwarder);
    config_free(config);
}
END_TEST

/* Who names a radio only does not ask for a network port; who names none gets UDP. */
static const struct {
    const char *file, *udp_listen;
    size_t udp, serial;
} listening[] = {
    {"\n", NULL, 1, 0},
    {"[serial]\nport=/dev/x\n", NULL, 0, 1},
    {"[serial]\nport=/dev/x\n[udp]\n", NULL, 1, 1},
    {"[serial]\nport=/dev/x\n", "[::]:1", 1, 1},
};

START_TEST(a_radio_alone_opens_no_network_port)
{
    struct config_overrides overrides = {.udp_listen = listening[_i].udp_listen};
    char path[] = "config-XXXXXX";

    write_file(path, listening[_i].file, strlen(listening[_i].file));
    struct config *config = load_overridden(path, &overrides);
    unlink(path);
    ck_assert_uint_eq(config->udp_count, listening[_i].udp);
    ck_assert_uint_eq(config->serial_count, listening[_i].serial);
    config_free(config);
}
END_TEST

START_TEST(command_line_wins)
{
    static const char file[] = "[broker]\nurl = unix:/run/x\nusername = me\n"
                               "[udp a]\nlisten = [::]:1\n[udp b]\nlisten = [::]:1\nhops=7\n"
                               "[store]\npath = /tmp/y\nsync = full\n";
    struct config_overrides overrides = {
        .broker_url = "mqtt://b", .udp_listen = "127.0.0.1:0", .state_path = "/var/lib/x"};
    char path[] = "config-XXXXXX";

    write_file(path, file, strlen(file));
    struct config *config = load_overridden(path, &overrides);
    unlink(path);
    ck_assert_str_eq(config->broker.address.host, "b");
    ck_assert_str_eq(config->broker.username, "me");
    ck_assert_str_eq(config->store.path, "/var/lib/x");
    ck_assert_uint_eq(config->store.sync, SYNC_FULL);
    ck_assert_uint_eq(config->udp_count, 1);
    ck_assert_str_eq(config->udp[0].address.host, "127.0.0.1");
    ck_assert_uint_eq(config->udp[0].address.port, 0);
    ck_assert_uint_eq(config->udp[0].hops, 1);
    config_free(config);
}
END_TEST

/* Lets every allocation fail in turn, until there are enough of them. */
START_TEST(out_of_memory)
{
    static const char text[] = "[gateway]\nid=2\n[broker]\nurl=mqtt://b\nusername=x\n"
                               "[udp a]\nmulticast=225.1.1.1:1\n[udp b]\nlisten=[::]:1\n"
                               "[topics a]\n1=a\n2=b\n[topics]\n1=a\n";
    struct config_errors errors;
    struct config *config = NULL;
    int allowed = 0;

    for (; !config; allowed++) {
        FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

        ck_assert_int_lt(allowed, 1000);
        allocations_left = allowed;
        config = config_load_stream(file, NULL, &errors);
        allocations_left = -1;
        fclose(file);
        if (!config) {
            ck_assert_uint_eq(errors.count, 1);
            ck_assert_ptr_nonnull(strstr(errors.list[0].text, "out of memory"));
        }
    }
    ck_assert_int_gt(allowed, 10);
    config_free(config);
}
END_TEST

START_TEST(nothing_to_free)
{
    config_free(NULL);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("config_load");

    tcase_add_test(tcase, defaults_without_a_file);
    tcase_add_test(tcase, reads_what_editors_write);
    tcase_add_test(tcase, long_lines);
    tcase_add_loop_test(tcase, fractions_of_seconds, 0, sizeof(seconds) / sizeof(seconds[0]));
    tcase_add_loop_test(tcase, words_of_choices, 0, sizeof(choices) / sizeof(choices[0]));
    tcase_add_loop_test(tcase, limits_of_numbers, 0, SECTIONS_COUNT);
    tcase_add_loop_test(tcase, broker_urls, 0, sizeof(urls) / sizeof(urls[0]));
    tcase_add_test(tcase, names_with_the_gateway_id);
    tcase_add_loop_test(tcase, secrets_from_files, 0, sizeof(secrets) / sizeof(secrets[0]));
    tcase_add_test(tcase, tls_with_certificate_or_key);
    tcase_add_test(tcase, several_listeners);
    tcase_add_test(tcase, several_ports);
    tcase_add_loop_test(tcase, a_radio_alone_opens_no_network_port, 0,
                        sizeof(listening) / sizeof(listening[0]));
    tcase_add_test(tcase, command_line_wins);
    tcase_add_test(tcase, out_of_memory);
    tcase_add_test(tcase, nothing_to_free);
    return run_case("config_load", tcase);
}
