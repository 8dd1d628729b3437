/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "sn/peer.h"
#include "sn/topic.h"
#include "tools/sim/options_serial.h"

#define USAGE 64

/* What the command line says before it is turned into a plan. */
struct raw {
    struct sim_options *out;
    const char *topic, *short_name, *payload, *will;
    const char *filters[PLAN_FILTERS], *names[PLAN_FILTERS];
    unsigned filter_count, name_count;
    double rate, total_rate, retry_s, sleep_s, loss, duplicate;
    uint32_t predefined, count, window, keep_alive, size, retry_count, sub_qos, will_qos, seed;
    int32_t qos;
    uint32_t expect;
    bool no_clean;
    struct serial_words serial;
};

enum kind { NUMBER, QOS, REAL, TEXT, FLAG, FILTER, NAME };

#define RAW(member) offsetof(struct raw, member)
#define OUT(member) (offsetof(struct sim_options, member) | IN_OPTIONS)
#define IN_OPTIONS  ((size_t)1 << 31)

static const struct row {
    const char *name, *argument;
    enum kind kind;
    size_t where;
    double least, most;
    const char *help;
} rows[] = {
    {"gateway", "HOST:PORT", TEXT, OUT(net.gateway), 0, 0, "the gateway (localhost:1883)"},
    {"clients", "N", NUMBER, OUT(net.clients), 1, 1e6, "simulated nodes (1)"},
    {"id-prefix", "TEXT", TEXT, OUT(plan.id_prefix), 0, 0, "client ids are TEXT1, TEXT2... (sim-)"},
    {"keepalive", "S", NUMBER, RAW(keep_alive), 0, 65535, "keep-alive in CONNECT (60)"},
    {"no-clean", NULL, FLAG, RAW(no_clean), 0, 0, "keep the session between connections"},
    {"clean", NULL, FLAG, OUT(plan.clean), 0, 0, "begin with a clean session (default)"},
    {"will", "TOPIC=TEXT", TEXT, RAW(will), 0, 0, "last will; %c is the client id"},
    {"will-qos", "0|1|2", NUMBER, RAW(will_qos), 0, 2, "QoS of the will (0)"},
    {"will-retain", NULL, FLAG, OUT(plan.will_retain), 0, 0, "retain the will"},
    {"connect-rate", "N", REAL, OUT(connect_rate), 0, 1e6, "connections begun per second (all)"},
    {"connect-window", "N", NUMBER, OUT(connect_window), 1, 1e6,
     "nodes that connect at the same time (100)"},

    {"topic", "NAME", TEXT, RAW(topic), 0, 0, "publish to NAME, registered; %c is the client id"},
    {"predefined", "ID", NUMBER, RAW(predefined), 1, 65534, "publish to a predefined topic id"},
    {"short", "XX", TEXT, RAW(short_name), 0, 0, "publish to a short topic name"},
    {"qos", "-1|0|1|2", QOS, RAW(qos), -1, 2, "QoS of what is published (0)"},
    {"register", "NAME", NAME, 0, 0, 0, "register NAME, too, as often as given"},
    {"retain", NULL, FLAG, OUT(plan.retain), 0, 0, "retain what is published"},
    {"rate", "R", REAL, RAW(rate), 0, 1e6,
     "messages per second and client (1); 0 is as fast as the window allows"},
    {"total-rate", "R", REAL, RAW(total_rate), 0, 1e7, "messages per second of all clients"},
    {"count", "N", NUMBER, RAW(count), 1, 4294967295.0, "messages per client (no end)"},
    {"size", "N", NUMBER, RAW(size), 0, 65000, "payload octets (as few as the text needs)"},
    {"payload", "KIND", TEXT, RAW(payload), 0, 0,
     "text: can be checked at the other end; counter; temperature (text)"},
    {"window", "N", NUMBER, RAW(window), 1, 4096, "QoS 1, 2 messages in flight per client (1)"},

    {"subscribe", "FILTER", FILTER, 0, 0, 0,
     "subscribe; also predefined:ID, short:XX; may be repeated"},
    {"sub-qos", "0|1|2", NUMBER, RAW(sub_qos), 0, 2, "QoS of the subscriptions (0)"},
    {"sleep", "S", REAL, RAW(sleep_s), 0.001, 65535, "sleep, and wake every S seconds"},

    {"forwarder", "OCTETS", NUMBER, OUT(net.node_id_size), 1, SN_NODE_ID_MAX,
     "nodes sit behind forwarders and have node ids of so many octets"},
    {"sockets", "N", NUMBER, OUT(net.sockets), 1, 1000, "how many forwarders (1)"},
    {"loss", "PERCENT", REAL, RAW(loss), 0, 100, "datagrams to lose, each way"},
    {"duplicate", "PERCENT", REAL, RAW(duplicate), 0, 100, "datagrams to double, each way"},
    {"seed", "N", NUMBER, RAW(seed), 0, 4294967295.0, "repeat the losses of an earlier run"},
    {"serial", "PATH", TEXT, OUT(net.serial.link), 0, 0,
     "behind a dongle, whose port is a new pseudo-terminal that PATH will lead to"},
    {"framing", "KIND", TEXT, RAW(serial.framing), 0, 0,
     "raw, slip, hdlc, cobs, xbee or aquila (hdlc)"},
    {"crc", "KIND", TEXT, RAW(serial.crc), 0, 0, "none, xmodem or x25 behind each message (none)"},
    {"api", "1|2", NUMBER, RAW(serial.api), 1, 2, "xbee: the module's API mode (1)"},
    {"max-packet", "N", NUMBER, OUT(net.serial.max_packet), 16, 4096,
     "longest message that the dongle takes (255)"},
    {"baud", "N", NUMBER, OUT(net.serial.baud), 50, 1e8, "pace of the port (as fast as it goes)"},
    {"noise", "SHARE", TEXT, RAW(serial.noise), 0, 0,
     "octets to flip, lose or insert, each way, as 1/1000"},
    {"replug", "S", REAL, RAW(serial.replug_s), 0.001, 1e6,
     "unplug the dongle every S seconds, for half as long; it comes back under another name"},
    {"replug-count", "N", NUMBER, OUT(net.serial.replug_count), 1, 1e6, "so many times (no end)"},
    {"retry-interval", "S", REAL, RAW(retry_s), 0.001, 3600, "T_retry (10)"},
    {"retry-count", "N", NUMBER, RAW(retry_count), 0, 100, "N_retry (3)"},

    {"together", NULL, FLAG, OUT(together), 0, 0, "publish only when all nodes are ready"},
    {"duration", "S", REAL, OUT(duration_s), 0.001, 1e9, "end after so many seconds of publishing"},
    {"expect", "N", NUMBER, RAW(expect), 1, 4294967295.0,
     "end when so many different messages were received; fewer are a failure"},
    {"linger", "S", REAL, OUT(linger_s), 0, 3600,
     "leave after so many seconds without a message (0.5)"},
    {"vanish", NULL, FLAG, OUT(vanish), 0, 0, "end without DISCONNECT"},
    {"pid", "PID", NUMBER, OUT(pid), 1, 4294967295.0,
     "report the CPU time that this process spends while messages flow"},
    {"show", NULL, FLAG, OUT(show), 0, 0, "print every packet"},
    {"quiet", NULL, FLAG, OUT(quiet), 0, 0, "no report"},
    {"json", NULL, FLAG, OUT(json), 0, 0, "the report as JSON"},
    {"help", NULL, FLAG, 0, 0, 0, "this text"},
};

#define ROWS (sizeof rows / sizeof *rows)

static void print_help(void)
{
    printf("usage: mqtt-sn-sim [OPTION...]\n"
           "Simulated MQTT-SN 1.2 nodes over UDP, or behind a serial dongle.\n\n");
    for (size_t i = 0; i < ROWS; i++) {
        char left[40];
        snprintf(left, sizeof left, "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        printf("  %-24s %s\n", left, rows[i].help);
    }
    printf("\nExit: 0 all that was promised arrived, 1 something is missing, 64 wrong usage,\n"
           "69 the gateway cannot be reached.\n");
}

static bool complain(const char *name, const char *value, const char *why)
{
    fprintf(stderr, "mqtt-sn-sim: --%s %s: %s\n", name, value, why);
    return false;
}

static void *where(struct raw *raw, const struct row *row)
{
    char *base = row->where & IN_OPTIONS ? (char *)raw->out : (char *)raw;
    return base + (row->where & ~IN_OPTIONS);
}

static bool take_number(struct raw *raw, const struct row *row, const char *text)
{
    char *end, range[80];
    double value;

    errno = 0;
    value = strtod(text, &end);
    snprintf(range, sizeof range, "not a %s from %g to %.10g",
             row->kind == REAL ? "number" : "whole number", row->least, row->most);
    if (end == text || *end != '\0' || errno != 0 || !(value >= row->least && value <= row->most) ||
        (row->kind != REAL && value != floor(value)))
        return complain(row->name, text, range);
    if (row->kind == REAL)
        *(double *)where(raw, row) = value;
    else if (row->kind == QOS)
        *(int32_t *)where(raw, row) = (int32_t)value;
    else
        *(uint32_t *)where(raw, row) = (uint32_t)value;
    return true;
}

static bool take_one_of(const char **list, unsigned *count, const struct row *row, const char *text)
{
    if (*count == PLAN_FILTERS)
        return complain(row->name, text, "too many");
    list[(*count)++] = text;
    return true;
}

static bool take(struct raw *raw, const struct row *row, const char *text)
{
    switch (row->kind) {
    case NUMBER:
    case QOS:
    case REAL: return take_number(raw, row, text);
    case TEXT: *(const char **)where(raw, row) = text; return true;
    case FLAG: *(bool *)where(raw, row) = true; return true;
    case FILTER: return take_one_of(raw->filters, &raw->filter_count, row, text);
    case NAME: return take_one_of(raw->names, &raw->name_count, row, text);
    }
    return false;
}

static bool parse_topic(struct topic_plan *out, const char *option, const char *text)
{
    static const char predefined[] = "predefined:", brief[] = "short:";

    out->given = true;
    if (strncmp(text, predefined, sizeof predefined - 1) == 0) {
        char *end;
        unsigned long id = strtoul(text + sizeof predefined - 1, &end, 10);
        if (*end != '\0' || id < 1 || id > SN_TOPIC_ID_LAST)
            return complain(option, text, "not a predefined id from 1 to 65534");
        out->type = SN_TOPIC_PREDEFINED;
        out->id = (uint16_t)id;
    } else if (strncmp(text, brief, sizeof brief - 1) == 0) {
        if (strlen(text) != sizeof brief - 1 + 2)
            return complain(option, text, "a short name has two characters");
        out->type = SN_TOPIC_SHORT;
        out->id = sn_short_id(sn_bytes(text + sizeof brief - 1, 2));
    } else {
        out->type = SN_TOPIC_NORMAL;
        out->name = text;
        if (text[0] == '\0' || strlen(text) > NODE_TOPIC_TEXT / 2)
            return complain(option, text, "empty or too long");
    }
    return true;
}

static bool plan_topic(struct plan *plan, const struct raw *raw)
{
    char text[64];

    if (!!raw->topic + !!raw->short_name + !!raw->predefined > 1) {
        fprintf(stderr, "mqtt-sn-sim: only one of --topic, --predefined and --short\n");
        return false;
    }
    if (raw->topic)
        return parse_topic(&plan->topic, "topic", raw->topic);
    if (raw->predefined) {
        plan->topic = (struct topic_plan){
            .type = SN_TOPIC_PREDEFINED, .id = (uint16_t)raw->predefined, .given = true};
    } else if (raw->short_name) {
        snprintf(text, sizeof text, "short:%s", raw->short_name);
        return parse_topic(&plan->topic, "short", text);
    }
    return true;
}

static bool plan_payload(struct plan *plan, const char *kind)
{
    static const char *const kinds[] = {[PAYLOAD_TEXT] = "text",
                                        [PAYLOAD_COUNTER] = "counter",
                                        [PAYLOAD_TEMPERATURE] = "temperature"};

    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kind, kinds[i]) == 0) {
            plan->payload = (enum payload)i;
            return true;
        }
    }
    return complain("payload", kind, "text, counter or temperature");
}

/* TOPIC=TEXT is taken apart in place: argv is ours to write. */
static bool plan_will(struct plan *plan, const char *will)
{
    static char topic[NODE_TOPIC_TEXT / 2];
    const char *equals = will ? strchr(will, '=') : NULL;

    if (!will)
        return true;
    if (!equals || equals == will || (size_t)(equals - will) >= sizeof topic ||
        strlen(equals) > NODE_TOPIC_TEXT / 2)
        return complain("will", will, "not TOPIC=TEXT");
    memcpy(topic, will, (size_t)(equals - will));
    plan->will_topic = topic;
    plan->will_message = equals + 1;
    return true;
}

static bool plan_rates(struct plan *plan, const struct raw *raw, uint32_t clients)
{
    double rate = raw->total_rate > 0 ? raw->total_rate / clients : raw->rate;

    plan->interval = rate > 0 ? (usec_t)(1e6 / rate) : 0;
    plan->count = raw->count > 0 ? raw->count : UINT64_MAX;
    plan->sleep = (usec_t)(raw->sleep_s * 1e6);
    plan->retry = (usec_t)(raw->retry_s * 1e6);
    if (raw->qos < 0 && plan->topic.given && plan->topic.type == SN_TOPIC_NORMAL) {
        fprintf(stderr, "mqtt-sn-sim: QoS -1 needs --predefined or --short\n");
        return false;
    }
    return true;
}

static uint32_t random_number(void)
{
    uint32_t r = 0;

    if (getrandom(&r, sizeof r, 0) != sizeof r)
        r = 1;
    return r;
}

static bool make_plan(struct raw *raw)
{
    struct sim_options *out = raw->out;
    struct plan *plan = &out->plan;

    plan->clean = !raw->no_clean;
    plan->keep_alive_s = (uint16_t)raw->keep_alive;
    plan->will_qos = raw->will_qos;
    plan->qos = raw->qos < 0 ? SN_QOS_MINUS_ONE : (uint8_t)raw->qos;
    plan->size = raw->size;
    plan->window = (uint16_t)raw->window;
    plan->sub_qos = (uint8_t)raw->sub_qos;
    plan->retry_count = raw->retry_count;
    plan->run = random_number();
    out->expect = raw->expect;
    out->net.loss = raw->loss / 100;
    out->net.duplicate = raw->duplicate / 100;
    out->net.seed = raw->seed ? raw->seed : random_number();
    if (!options_serial(&out->net, &raw->serial))
        return false;
    if (strlen(plan->id_prefix) > NODE_ID_TEXT - 12)
        return complain("id-prefix", plan->id_prefix, "too long");
    for (unsigned i = 0; i < raw->filter_count; i++)
        if (!parse_topic(&plan->filters[plan->filter_count++], "subscribe", raw->filters[i]))
            return false;
    for (unsigned i = 0; i < raw->name_count; i++) {
        struct topic_plan *name = &plan->names[plan->name_count++];
        if (!parse_topic(name, "register", raw->names[i]))
            return false;
        if (name->type != SN_TOPIC_NORMAL)
            return complain("register", raw->names[i], "not a name");
    }
    if (out->net.node_id_size > 0 && out->net.node_id_size < 4 &&
        out->net.clients >= 1U << (8 * out->net.node_id_size)) {
        fprintf(stderr, "mqtt-sn-sim: node ids of %u octets cannot name %u clients\n",
                out->net.node_id_size, out->net.clients);
        return false;
    }
    return plan_topic(plan, raw) && plan_payload(plan, raw->payload) &&
           plan_will(plan, raw->will) && plan_rates(plan, raw, out->net.clients);
}

static void set_defaults(struct raw *raw, struct sim_options *out)
{
    *out = (struct sim_options){.connect_window = 100, .linger_s = 0.5};
    out->plan.id_prefix = "sim-";
    out->net = (struct net_options){
        .gateway = "localhost:1883", .clients = 1, .sockets = 1, .serial.max_packet = 255};
    *raw = (struct raw){.out = out,
                        .payload = "text",
                        .rate = 1,
                        .retry_s = 10,
                        .retry_count = 3,
                        .window = 1,
                        .keep_alive = 60};
}

int options_parse(struct sim_options *out, int argc, char **argv)
{
    struct option longs[ROWS + 1] = {0};
    struct raw raw;
    int i;

    set_defaults(&raw, out);
    for (size_t r = 0; r < ROWS; r++)
        longs[r] = (struct option){.name = rows[r].name,
                                   .has_arg = rows[r].argument ? required_argument : no_argument,
                                   .val = (int)r};
    while ((i = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (i == '?')
            return USAGE;
        if (strcmp(rows[i].name, "help") == 0) {
            print_help();
            return 0;
        }
        if (!take(&raw, &rows[i], optarg))
            return USAGE;
    }
    if (optind < argc) {
        fprintf(stderr, "mqtt-sn-sim: '%s' is not an option; try --help\n", argv[optind]);
        return USAGE;
    }
    return make_plan(&raw) ? -1 : USAGE;
}
