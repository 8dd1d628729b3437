/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt-native - what a broker takes from plain MQTT clients, for tools/bench to compare with
 *
 * Publishes stamped messages over one or more connections, as fast as the window allows or at a
 * given rate, and prints rate and latencies as JSON. With several topics, %d in the name is the
 * topic's number and the stamp names it as the sender, so that simulated nodes which subscribe to
 * one topic each can check what they get.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tools/sim/latency.h"
#include "tools/sim/mqtt_wire.h"
#include "tools/sim/stamp.h"

#define WINDOW_MAX  8192
#define NAME_MAX_   256
#define PAYLOAD_MAX 65000
#define BURST       64

struct plan {
    const char *broker, *topic;
    unsigned connections, topics, qos, window;
    double rate, seconds;
    uint64_t count;
    size_t size;
};

struct connection {
    struct mqtt mqtt;
    struct load *load;
    uint16_t last_msg_id;
    unsigned in_flight;
    uint64_t sent_us[WINDOW_MAX]; /* by message id */
    bool pinged, ponged;
};

struct load {
    struct plan plan;
    struct connection *connections;
    struct pollfd *polls;
    uint64_t now, begun, sent, answered, *sequence;
    uint32_t run;
    struct latency answer;
};

static uint64_t clock_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static bool may_send(const struct load *load)
{
    const struct plan *p = &load->plan;
    double elapsed = (double)(load->now - load->begun) / 1e6;

    if ((p->count > 0 && load->sent >= p->count) || (p->seconds > 0 && elapsed >= p->seconds))
        return false;
    return p->rate <= 0 || (double)load->sent < elapsed * p->rate + 1;
}

static bool is_over(const struct load *load)
{
    const struct plan *p = &load->plan;

    return (p->count > 0 && load->sent >= p->count) ||
           (p->seconds > 0 && (double)(load->now - load->begun) >= p->seconds * 1e6);
}

static void publish(struct load *load, struct connection *c)
{
    static uint8_t payload[PAYLOAD_MAX];
    const struct plan *p = &load->plan;
    unsigned number = (unsigned)(load->sent % p->topics);
    char digits[16], name[NAME_MAX_];
    const char *mark = strstr(p->topic, "%d");
    struct stamp stamp = {.run = load->run,
                          .client = number + 1,
                          .sequence = ++load->sequence[number],
                          .time_us = load->now};
    struct sn_writer w = sn_writer((uint8_t *)name, sizeof name);

    sn_write(&w, sn_bytes(p->topic, mark ? (size_t)(mark - p->topic) : strlen(p->topic)));
    if (mark) {
        int len = snprintf(digits, sizeof digits, "%u", number + 1);
        sn_write(&w, sn_bytes(digits, (size_t)len));
        sn_write(&w, sn_text(mark + 2));
    }
    size_t len = stamp_write(&stamp, payload, p->size, sizeof payload);
    c->last_msg_id = (uint16_t)(c->last_msg_id == UINT16_MAX ? 1 : c->last_msg_id + 1);
    c->sent_us[c->last_msg_id % WINDOW_MAX] = load->now;
    c->in_flight += p->qos > 0;
    load->sent++;
    mqtt_publish(&c->mqtt, sn_written(&w), p->qos, c->last_msg_id, sn_bytes(payload, len));
}

static bool has_room(const struct load *load, const struct connection *c)
{
    return (load->plan.qos == 0 || c->in_flight < load->plan.window) &&
           mqtt_has_room(&c->mqtt, NAME_MAX_ + load->plan.size + STAMP_MAX);
}

/* Round robin over the connections, so that a low rate uses them all. */
static void publish_due(struct load *load)
{
    unsigned full = 0, c = (unsigned)(load->sent % load->plan.connections);

    for (unsigned i = 0; i < BURST * load->plan.connections; i++) {
        if (full == load->plan.connections || !may_send(load))
            return;
        if (has_room(load, &load->connections[c])) {
            publish(load, &load->connections[c]);
            full = 0;
        } else {
            full++;
        }
        c = (c + 1) % load->plan.connections;
    }
}

static void on_packet(void *self, uint8_t type, uint16_t msg_id)
{
    struct connection *c = self;

    if (type == MQTT_PINGRESP)
        c->ponged = true;
    if (type == MQTT_PUBREC)
        mqtt_short(&c->mqtt, MQTT_PUBREL, msg_id);
    if (type == MQTT_PUBACK || type == MQTT_PUBCOMP) {
        c->in_flight--;
        c->load->answered++;
        latency_add(&c->load->answer, c->load->now - c->sent_us[msg_id % WINDOW_MAX]);
    }
}

/* A PINGRESP behind the last message tells that the broker has taken in all of QoS 0. */
static bool is_done(struct load *load)
{
    bool done = true;

    if (!is_over(load))
        return false;
    for (unsigned i = 0; i < load->plan.connections; i++) {
        struct connection *c = &load->connections[i];
        if (!c->pinged && c->in_flight == 0 && mqtt_has_room(&c->mqtt, 0)) {
            mqtt_short(&c->mqtt, MQTT_PINGREQ, 0);
            c->pinged = true;
        }
        done = done && c->ponged;
    }
    return done;
}

/* Not at all while there is something to publish; a while when answers must come first. */
static struct timespec pause_before_next(const struct load *load)
{
    if (is_over(load))
        return (struct timespec){.tv_nsec = 1000000};
    if (load->plan.rate > 0)
        return (struct timespec){.tv_nsec = 50000};
    for (unsigned i = 0; i < load->plan.connections; i++)
        if (has_room(load, &load->connections[i]))
            return (struct timespec){0};
    return (struct timespec){.tv_nsec = 100000000};
}

static bool exchange(struct load *load)
{
    for (unsigned i = 0; i < load->plan.connections; i++) {
        struct mqtt *m = &load->connections[i].mqtt;
        if (!mqtt_flush(m))
            return false;
        load->polls[i] = (struct pollfd){
            .fd = m->fd, .events = (short)(POLLIN | (m->out_len > 0 ? POLLOUT : 0))};
    }
    struct timespec pause = pause_before_next(load);
    int n = ppoll(load->polls, load->plan.connections, &pause, NULL);
    load->now = clock_us();
    for (unsigned i = 0; n > 0 && i < load->plan.connections; i++)
        if (load->polls[i].revents & ~POLLOUT &&
            !mqtt_read(&load->connections[i].mqtt, on_packet, &load->connections[i]))
            return false;
    return true;
}

static bool play(struct load *load)
{
    load->now = load->begun = clock_us();
    do {
        publish_due(load);
        if (!exchange(load))
            return false;
    } while (!is_done(load));
    return true;
}

static bool open_all(struct load *load)
{
    char error[256], id[64];

    for (unsigned i = 0; i < load->plan.connections; i++) {
        struct connection *c = &load->connections[i];
        c->load = load;
        snprintf(id, sizeof id, "native-%d-%u", (int)getpid(), i);
        if (!mqtt_open(&c->mqtt, load->plan.broker, id, error, sizeof error)) {
            fprintf(stderr, "mqtt-native: %s\n", error);
            return false;
        }
    }
    return true;
}

static void report(const struct load *load)
{
    double seconds = (double)(load->now - load->begun) / 1e6;

    printf(
        "{\"sent\": %" PRIu64 ", \"acknowledged\": %" PRIu64
        ", \"seconds\": %.6f, \"per_second\": %.1f,\n"
        " \"answer\": {\"p50_ms\": %.4f, \"p90_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f}}\n",
        load->sent, load->answered, seconds, (double)load->sent / seconds,
        (double)latency_percentile(&load->answer, 50) / 1000,
        (double)latency_percentile(&load->answer, 90) / 1000,
        (double)latency_percentile(&load->answer, 99) / 1000, (double)load->answer.greatest / 1000);
}

/* --name VALUE pairs only: this is the bench's own tool. */
static bool parse(struct plan *p, int argc, char **argv)
{
    static const char *const names[] = {"broker", "topic", "connections", "topics", "qos",
                                        "window", "rate",  "seconds",     "count",  "size"};
    struct option longs[sizeof names / sizeof *names + 1] = {0};
    int i;

    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        longs[n] = (struct option){.name = names[n], .has_arg = required_argument, .val = (int)n};
    while ((i = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        double value = optarg ? strtod(optarg, NULL) : 0;
        switch (i) {
        case 0: p->broker = optarg; break;
        case 1: p->topic = optarg; break;
        case 2: p->connections = (unsigned)value; break;
        case 3: p->topics = (unsigned)value; break;
        case 4: p->qos = (unsigned)value; break;
        case 5: p->window = (unsigned)value; break;
        case 6: p->rate = value; break;
        case 7: p->seconds = value; break;
        case 8: p->count = (uint64_t)value; break;
        case 9: p->size = (size_t)value; break;
        default: return false;
        }
    }
    return p->connections > 0 && p->topics > 0 && p->qos <= 2 && p->window > 0 &&
           p->window < WINDOW_MAX && strlen(p->topic) < NAME_MAX_ / 2 && p->size <= PAYLOAD_MAX &&
           (p->count > 0 || p->seconds > 0);
}

int main(int argc, char **argv)
{
    static struct load load = {.plan = {.broker = "localhost:1883",
                                        .topic = "native",
                                        .connections = 1,
                                        .topics = 1,
                                        .window = 1000,
                                        .size = 100}};

    if (!parse(&load.plan, argc, argv)) {
        fprintf(stderr, "usage: mqtt-native --broker HOST:PORT|unix:PATH --topic NAME "
                        "--count N|--seconds S [--qos Q --rate R --connections N --topics N "
                        "--window N --size N]\n");
        return 64;
    }
    load.run = (uint32_t)getpid();
    load.connections = calloc(load.plan.connections, sizeof *load.connections);
    load.polls = calloc(load.plan.connections, sizeof *load.polls);
    load.sequence = calloc(load.plan.topics, sizeof *load.sequence);
    bool ok = load.connections && load.polls && load.sequence && open_all(&load) && play(&load);
    if (ok)
        report(&load);
    for (unsigned i = 0; load.connections && i < load.plan.connections; i++)
        mqtt_close(&load.connections[i].mqtt);
    free(load.connections);
    free(load.polls);
    free(load.sequence);
    return ok ? 0 : 69;
}
