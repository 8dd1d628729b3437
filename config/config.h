/* SPDX-License-Identifier: Apache-2.0 */
/* config - what the operator asked for, checked
 *
 * config_load fills a struct config from the defaults and a file, or lists every error it found.
 * After that the struct is constant and every string in it lives until config_free. Nothing here
 * opens a socket or logs; certificate and password files are read so that --check can tell.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/options.def"

#define CONFIG_FIELD_NUMBER(key)                          uint32_t key;
#define CONFIG_FIELD_SECONDS(key)                         uint32_t key##_ms;
#define CONFIG_FIELD_FLAG(key)                            bool key;
#define CONFIG_FIELD_TEXT(key)                            const char *key;
#define CONFIG_FIELD_CHOICE(key)                          uint32_t key;
#define CONFIG_FIELD(type, key, value, least, most, help) CONFIG_FIELD_##type(key)

enum { MODE_TRANSPARENT, MODE_AGGREGATING };
enum { QOS_MINUS_ONE_YES, QOS_MINUS_ONE_NO, QOS_MINUS_ONE_LONG_TOPICS };
enum { TAKE_OVER_ALWAYS, TAKE_OVER_NOT_ACTIVE };
enum { MQTT_VERSION_5, MQTT_VERSION_3_1_1 };
enum { RETAIN_KEEP, RETAIN_STRIP };
enum { QOS2_SAFE, QOS2_NATIVE };
enum { OFFLINE_STORE, OFFLINE_REJECT };
enum { SYNC_FULL, SYNC_NORMAL, SYNC_OFF };
enum { WHEN_FULL_DROP_OLDEST, WHEN_FULL_DROP_NEWEST, WHEN_FULL_LATEST_PER_TOPIC };
enum { SERIAL_RAW, SERIAL_SLIP, SERIAL_HDLC, SERIAL_COBS, SERIAL_XBEE, SERIAL_AQUILA };
enum { SERIAL_CRC_NONE, SERIAL_CRC_XMODEM, SERIAL_CRC_X25 };
enum { SERIAL_API_AUTO, SERIAL_API_1, SERIAL_API_2 };
enum { SERIAL_DTR_KEEP, SERIAL_DTR_SET, SERIAL_DTR_CLEAR, SERIAL_DTR_PULSE };
enum { SERIAL_RTS_KEEP, SERIAL_RTS_SET, SERIAL_RTS_CLEAR };
enum { SERIAL_FLOW_NONE, SERIAL_FLOW_RTSCTS };
enum { SERIAL_RETRY_COUNT_OF_GATEWAY = 255 };
enum { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG, LEVEL_TRACE };

/* "host:port", "[v6]:port"; for a unix socket `host` is the path and `port` 0. */
struct endpoint {
    enum { ENDPOINT_NONE, ENDPOINT_TCP, ENDPOINT_TLS, ENDPOINT_UNIX, ENDPOINT_UDP } kind;
    const char *host;
    uint16_t port;
};

struct gateway_config {
    GATEWAY_OPTIONS(CONFIG_FIELD)
};

struct broker_config {
    BROKER_OPTIONS(CONFIG_FIELD)
    struct endpoint address; /* of url */
    const char *secret;      /* password, or what password_file held; "" is none */
    const char *psk;         /* what psk_file held, hexadecimal; "" is none */
    const char *own_id;      /* client_id or its default */
    const char *status;      /* status_topic with ${id} filled in; "" is off */
};

struct udp_config {
    const char *name; /* of [udp NAME]; "" for plain [udp] */
    UDP_OPTIONS(CONFIG_FIELD)
    struct endpoint address; /* of listen */
    struct endpoint group;   /* of multicast; ENDPOINT_NONE is off */
};

/* A port is named by its path, or by the ids of its USB device. */
struct serial_usb {
    bool wanted; /* port = usb:... */
    uint16_t vid, pid;
    const char *serial; /* "" is any */
};

struct serial_config {
    const char *name; /* of [serial NAME]; "" for plain [serial] */
    SERIAL_OPTIONS(CONFIG_FIELD)
    struct serial_usb usb;
};

struct sleep_config {
    SLEEP_OPTIONS(CONFIG_FIELD)
};

struct store_config {
    STORE_OPTIONS(CONFIG_FIELD)
};

struct spool_config {
    SPOOL_OPTIONS(CONFIG_FIELD)
};

struct log_config {
    LOG_OPTIONS(CONFIG_FIELD)
};

/* Predefined topic ids (MQTT-SN 1.2, 6.5) of the clients whose id matches `pattern`; NULL is all.
 * Sorted by id; an id and a name stand at most once in one set. */
struct topic_set {
    const char *pattern;
    struct topic_row {
        uint16_t id;
        const char *name;
    } * rows;
    size_t count;
};

struct config {
    struct gateway_config gateway;
    struct broker_config broker;
    struct sleep_config sleep;
    struct store_config store;
    struct spool_config spool;
    struct log_config log;
    struct udp_config *udp; /* at least one, unless there is a serial port */
    size_t udp_count;
    struct serial_config *serial;
    size_t serial_count;
    struct topic_set *topics; /* in the order of the file, all-clients set last */
    size_t topics_count;
    struct config_memory *memory; /* owns every string and array above */
};

struct config_error {
    int line; /* 0: about the whole file, or the command line when the text begins with - */
    char text[240];
};

struct config_errors {
    size_t count; /* how many there were, also those beyond the list */
    struct config_error list[32];
};

/* What the command line says instead of the file; NULL is nothing. */
struct config_overrides {
    const char *broker_url; /* -b */
    const char *udp_listen; /* -u: replaces every [udp] section */
    const char *state_path; /* -s */
};

/* `path` NULL: defaults and overrides only. NULL with `errors` filled when anything is wrong; the
 * file is read to its end, so that all errors are listed. Free with config_free. */
struct config *config_load(const char *path, const struct config_overrides *overrides,
                           struct config_errors *errors);
void config_free(struct config *config);

/* Prints the configuration as a file that config_load would read to the same result; secrets are
 * shown as a comment that they are set. */
void config_print(const struct config *config, FILE *to);

/* Prints every section and option with its default and help: the sample file. */
void config_print_sample(FILE *to);

/* Takes "host:port" or "[v6]:port" apart; `host` points into `into`, which must be as large as the
 * text. `default_port` 0: a port must be there. False when it is none. */
bool endpoint_parse(const char *text, uint16_t default_port, struct endpoint *out, char *into,
                    size_t size);

#endif
