/* SPDX-License-Identifier: Apache-2.0 */
/* [broker]: the options that depend on each other, and what is derived from them. */
#include "config/draft.h"
#include "config/errors.h"
#include "config/secret.h"
#include "config/text.h"

#include <string.h>
#include <sys/un.h>

/* The first that fits is meant; the ones without a kind are what people also try. */
static const struct scheme {
    const char *prefix;
    int kind;
    uint16_t port;
    const char *instead;
} schemes[] = {
    {"mqtt://", ENDPOINT_TCP, 1883, NULL},    {"mqtts://", ENDPOINT_TLS, 8883, NULL},
    {"unix:", ENDPOINT_UNIX, 0, NULL},        {"tcp://", ENDPOINT_NONE, 0, "mqtt://"},
    {"ssl://", ENDPOINT_NONE, 0, "mqtts://"}, {"tls://", ENDPOINT_NONE, 0, "mqtts://"},
};

static void take_unix(struct draft *draft, const struct entry *entry, const char *path)
{
    struct broker_config *broker = &draft->config->broker;

    if (*path != '/')
        draft_error(draft, entry, AT_broker_url, "give the socket's full path: unix:/PATH");
    else if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        draft_error(draft, entry, AT_broker_url, "the path of the socket is longer than %zu octets",
                    sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
    else
        broker->address = (struct endpoint){ENDPOINT_UNIX, path, 0};
}

static void take_host(struct draft *draft, const struct entry *entry, const struct scheme *scheme,
                      const char *text)
{
    struct broker_config *broker = &draft->config->broker;
    size_t len = strcspn(text, "/");
    struct endpoint address = {0};

    if (strchr(text, '@')) {
        /* Not quoted: there may be a password in front of the '@'. */
        draft_error(draft, entry, AT_broker_url,
                    "\"USER:PASSWORD@\" is not taken from a URL: set username and password_file");
        return;
    }
    if (text[len] == '/' && text[len + 1] != '\0') {
        draft_error(draft, entry, AT_broker_url,
                    "\"%.40s\" behind the host: a broker has no path, write %sHOST[:PORT]",
                    text + len, scheme->prefix);
        return;
    }

    char *host = memory_new(draft->config->memory, len + 1);
    const char *given = memory_text(&draft->scratch, text, len);
    if (!host)
        return;
    if (!endpoint_parse(given, scheme->port, &address, host, len + 1) || address.port == 0) {
        draft_error(draft, entry, AT_broker_url,
                    "\"%.60s\" is not HOST or HOST:PORT; an IPv6 address stands in [ ]", given);
        return;
    }
    address.kind = scheme->kind == ENDPOINT_TLS ? ENDPOINT_TLS : ENDPOINT_TCP;
    broker->address = address;
}

static void take_url(struct draft *draft, const struct entry *entry)
{
    const char *url = draft->config->broker.url;
    const struct scheme *scheme = schemes;
    const struct scheme *end = schemes + sizeof(schemes) / sizeof(schemes[0]);

    while (scheme < end && strncmp(url, scheme->prefix, strlen(scheme->prefix)) != 0)
        scheme++;
    if (scheme == end)
        draft_error(draft, entry, AT_broker_url,
                    "begin it with mqtt://, mqtts:// (TLS) or unix:, as mqtt://HOST:1883");
    else if (scheme->instead)
        draft_error(draft, entry, AT_broker_url, "write %s instead of %s", scheme->instead,
                    scheme->prefix);
    else if (scheme->kind == ENDPOINT_UNIX)
        take_unix(draft, entry, url + strlen(scheme->prefix));
    else
        take_host(draft, entry, scheme, url + strlen(scheme->prefix));
}

static void check_tls_is_used(struct draft *draft, const struct entry *entry)
{
    static const size_t tls_only[] = {
        AT_broker_ca_file,      AT_broker_cert_file, AT_broker_key_file,    AT_broker_alpn,
        AT_broker_psk_identity, AT_broker_psk_file,  AT_broker_tls_insecure};
    const struct broker_config *broker = &draft->config->broker;

    if (broker->address.kind == ENDPOINT_TLS || broker->address.kind == ENDPOINT_NONE)
        return;
    for (size_t i = 0; i < sizeof(tls_only) / sizeof(tls_only[0]); i++) {
        const struct option *option = &entry->section->options[tls_only[i]];
        const char *field = (const char *)broker + option->offset;
        bool on = option->type == OPTION_FLAG ? *(const bool *)field
                                              : **(const char *const *)field != '\0';

        if (on)
            draft_error(draft, entry, tls_only[i],
                        "needs TLS: write the url as mqtts://HOST, or remove this");
    }
}

/* Two options that make sense only together. */
static void check_pair(struct draft *draft, const struct entry *entry, size_t one,
                       const char *one_value, size_t other, const char *other_value)
{
    bool first = *one_value != '\0';

    if (first == (*other_value != '\0'))
        return;
    draft_error(draft, entry, first ? one : other, "needs %s too",
                entry->section->options[first ? other : one].key);
}

static void check_file(struct draft *draft, const struct entry *entry, size_t option,
                       const char *path)
{
    char reason[SECRET_REASON_MAX];

    if (*path != '\0' && !file_is_readable(path, reason))
        draft_error(draft, entry, option, "\"%.80s\" %s", path, reason);
}

static const char *read_secret(struct draft *draft, const struct entry *entry, size_t option,
                               const char *path)
{
    char reason[SECRET_REASON_MAX];
    const char *secret = "";

    if (*path != '\0') {
        secret = secret_read(path, draft->config->memory, reason);
        if (!secret)
            draft_error(draft, entry, option, "\"%.80s\" %s", path, reason);
    }
    return secret ? secret : "";
}

static void check_login(struct draft *draft, const struct entry *entry)
{
    struct broker_config *broker = &draft->config->broker;

    broker->secret = broker->password;
    if (*broker->password_file) {
        if (*broker->password)
            draft_error(draft, entry, AT_broker_password,
                        "stands beside password_file: remove one of them");
        broker->secret = read_secret(draft, entry, AT_broker_password_file, broker->password_file);
    }
    if (*broker->secret && !*broker->username && broker->mqtt_version == MQTT_VERSION_3_1_1)
        draft_error(draft, entry, *broker->password ? AT_broker_password : AT_broker_password_file,
                    "needs username too: MQTT 3.1.1 knows no password without one");
}

static void check_tls(struct draft *draft, const struct entry *entry)
{
    struct broker_config *broker = &draft->config->broker;

    check_tls_is_used(draft, entry);
    check_pair(draft, entry, AT_broker_cert_file, broker->cert_file, AT_broker_key_file,
               broker->key_file);
    check_pair(draft, entry, AT_broker_psk_identity, broker->psk_identity, AT_broker_psk_file,
               broker->psk_file);
    if (*broker->psk_file && (*broker->ca_file || *broker->cert_file))
        draft_error(draft, entry, AT_broker_psk_file,
                    "a pre-shared key takes the place of certificates: remove ca_file, cert_file "
                    "and key_file, or psk_identity and psk_file");
    check_file(draft, entry, AT_broker_ca_file, broker->ca_file);
    check_file(draft, entry, AT_broker_cert_file, broker->cert_file);
    check_file(draft, entry, AT_broker_key_file, broker->key_file);
    broker->psk = read_secret(draft, entry, AT_broker_psk_file, broker->psk_file);
    /* 256 octets is what every OpenSSL takes. */
    if (strspn(broker->psk, "0123456789abcdefABCDEF") != strlen(broker->psk) ||
        strlen(broker->psk) > 512)
        draft_error(draft, entry, AT_broker_psk_file,
                    "the key in the file must be at most 512 hexadecimal digits and nothing else");
}

/* ${id} is the one thing that is filled in. */
static const char *fill_in(struct draft *draft, const char *text)
{
    char filled[4 * 1024], number[8];
    size_t len = 0;

    snprintf(number, sizeof(number), "%u", (unsigned)draft->config->gateway.id);
    while (*text && len + sizeof(number) < sizeof(filled)) {
        if (strncmp(text, "${id}", 5) == 0) {
            memcpy(filled + len, number, strlen(number));
            len += strlen(number);
            text += 5;
        } else {
            filled[len++] = *text++;
        }
    }
    return memory_text(draft->config->memory, filled, len);
}

static void derive_names(struct draft *draft, const struct entry *entry)
{
    struct broker_config *broker = &draft->config->broker;
    const char *fault;

    broker->own_id =
        *broker->client_id ? broker->client_id : fill_in(draft, "mqtt-sn-gateway-${id}");
    broker->status = fill_in(draft, broker->status_topic);
    fault = *broker->status ? topic_name_fault(broker->status) : NULL;
    if (fault)
        draft_error(draft, entry, AT_broker_status_topic, "%s", fault);
    else if (strstr(broker->status, "${"))
        draft_error(draft, entry, AT_broker_status_topic, "only ${id} is filled in");
}

/* Without QoS 2 at the broker, the device's QoS 2 is its own and the gateway's affair. */
static void check_qos(struct draft *draft, const struct entry *entry)
{
    struct broker_config *broker = &draft->config->broker;

    if (broker->max_qos == 2 || broker->qos2_subscriptions == QOS2_SAFE)
        return;
    draft_error(
        draft, entry, AT_broker_qos2_subscriptions,
        "native asks the broker for QoS 2, which max_qos = 1 rules out: remove one of them");
}

void check_broker(struct draft *draft)
{
    const struct entry *entry = draft_entry(draft, "broker");
    const struct broker_config *broker = &draft->config->broker;

    take_url(draft, entry);
    check_login(draft, entry);
    check_tls(draft, entry);
    check_qos(draft, entry);
    derive_names(draft, entry);
    if (broker->reconnect_min_ms > broker->reconnect_max_ms)
        draft_error(draft, entry,
                    entry->line[AT_broker_reconnect_min] ? AT_broker_reconnect_min
                                                         : AT_broker_reconnect_max,
                    "reconnect_min is longer than reconnect_max");
}
