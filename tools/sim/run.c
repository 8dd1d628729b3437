/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sn/print.h"
#include "tools/sim/agenda.h"

#define SECOND     1000000.0
#define PER_TURN   1024 /* deadlines handled before the network is looked at again */
#define HOST_WAIT  60000000
#define STILL_WAIT 1000 /* pause of a loop that waits for a condition, in microseconds */

enum phase { CONNECTING, FLOWING, SETTLING, LEAVING, ENDED };

struct run {
    const struct sim_options *options;
    struct outcome *out;
    struct net *net;
    struct node *nodes;
    struct node_sink sink;
    struct agenda agenda;
    bool *ready;
    uint32_t ready_count, started, stopped;
    enum phase phase;
    usec_t now, begun, phase_begun, flow_begun, first_arrival, last_arrival;
    clockid_t watched;
    uint64_t watched_begin;
    struct net_octets octets_begin;
    unsigned signals_seen;
};

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals = signals + 1;
}

static usec_t clock_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (usec_t)ts.tv_sec * 1000000 + (usec_t)ts.tv_nsec / 1000;
}

static uint64_t watched_cpu(const struct run *run)
{
    struct timespec ts = {0};

    if (run->options->pid != 0)
        clock_gettime(run->watched, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void show(const struct run *run, const struct node *node, const char *arrow,
                 const struct sn_packet *packet)
{
    char id[NODE_ID_TEXT], line[SN_PRINT_MAX];

    if (!run->options->show)
        return;
    node_id(node, id);
    printf("%11.6f %s %s %s\n", (double)(run->now - run->begun) / SECOND, id, arrow,
           sn_print(line, sizeof line, packet, true));
}

static void on_send(void *self, struct node *node, const struct sn_packet *packet)
{
    struct run *run = self;

    show(run, node, "->", packet);
    net_send(run->net, node->number, packet);
}

static void on_message(void *self, struct node *node, struct sn_bytes topic,
                       const struct sn_packet *publish)
{
    struct run *run = self;
    struct outcome *out = run->out;
    struct stamp stamp;

    (void)topic;
    run->last_arrival = run->now;
    if (run->first_arrival == 0)
        run->first_arrival = run->now;
    if (!stamp_read(&stamp, publish->body)) {
        out->unstamped++;
        return;
    }
    if (flows_add(&out->flows, node->number, &stamp) && run->now >= stamp.time_us)
        latency_add(&out->arrival, run->now - stamp.time_us);
}

static void begin_flow(struct run *run)
{
    run->phase = FLOWING;
    run->phase_begun = run->flow_begun = run->now;
    run->watched_begin = watched_cpu(run);
    run->octets_begin = net_octets(run->net);
}

/* All messages of one interval are spread evenly over the nodes. */
static void begin_together(struct run *run)
{
    uint32_t clients = run->options->net.clients;
    usec_t interval = run->options->plan.interval;

    begin_flow(run);
    if (!run->options->quiet)
        fprintf(stderr, "ready: %u nodes\n", run->ready_count);
    for (uint32_t i = 0; i < clients; i++) {
        node_begin(&run->nodes[i], run->now, run->now + interval * i / clients);
        agenda_update(&run->agenda, &run->nodes[i]);
    }
}

static void on_ready(void *self, struct node *node, usec_t now)
{
    struct run *run = self;

    if (!run->ready[node->number - 1]) {
        run->ready[node->number - 1] = true;
        run->ready_count++;
        run->out->connect_us = now - run->begun;
    }
    if (!run->options->together || run->phase != CONNECTING)
        node_begin(node, now, now);
}

static void on_packet(void *self, uint32_t number, const struct sn_packet *packet)
{
    struct run *run = self;
    struct node *node = &run->nodes[number - 1];

    run->now = clock_us();
    show(run, node, "<-", packet);
    node_packet(node, run->now, packet);
    agenda_update(&run->agenda, node);
}

static void expire(struct run *run)
{
    struct node *node;

    for (int i = 0; i < PER_TURN && (node = agenda_due(&run->agenda, run->now)); i++) {
        node_expire(node, run->now);
        agenda_update(&run->agenda, node);
    }
}

/* As many as the rate and the window allow. */
static bool may_start(const struct run *run)
{
    const struct sim_options *o = run->options;
    uint64_t done = run->ready_count + run->out->tally.failed;
    double allowed = 1 + o->connect_rate * (double)(run->now - run->begun) / SECOND;

    return run->started < o->net.clients && run->started < done + o->connect_window &&
           (o->connect_rate <= 0 || run->started < allowed);
}

static void start_some(struct run *run)
{
    while (may_start(run)) {
        struct node *node = &run->nodes[run->started++];
        node_start(node, run->now);
        agenda_update(&run->agenda, node);
    }
}

static void stop_some(struct run *run)
{
    uint32_t clients = run->options->net.clients;

    while (run->stopped < clients &&
           run->stopped < run->out->tally.left + run->options->connect_window) {
        struct node *node = &run->nodes[run->stopped++];
        node_stop(node, run->now);
        agenda_update(&run->agenda, node);
    }
}

static uint64_t arrived(const struct run *run)
{
    return run->out->flows.distinct + run->out->unstamped;
}

static bool all_flowed(const struct run *run)
{
    const struct sim_options *o = run->options;

    if (o->expect > 0 && arrived(run) >= o->expect)
        return true;
    if (o->duration_s > 0 && (double)(run->now - run->flow_begun) >= o->duration_s * SECOND)
        return true;
    return o->expect == 0 && !net_busy(run->net) && run->started == o->net.clients &&
           run->out->tally.finished >= o->net.clients;
}

/* Long enough for every repetition that is still to come. */
static usec_t patience(const struct run *run)
{
    const struct plan *plan = &run->options->plan;

    return plan->retry * (plan->retry_count + 1) + (usec_t)SECOND;
}

static void settle(struct run *run)
{
    run->phase = SETTLING;
    run->phase_begun = run->now;
    for (uint32_t i = 0; i < run->options->net.clients; i++) {
        node_quiet(&run->nodes[i]);
        agenda_update(&run->agenda, &run->nodes[i]);
    }
}

static bool settled(const struct run *run)
{
    usec_t waited = run->now - run->phase_begun;
    usec_t silent =
        run->now - (run->last_arrival > run->phase_begun ? run->last_arrival : run->phase_begun);
    const struct sim_options *o = run->options;
    bool enough = o->plan.filter_count == 0 || (o->expect > 0 && arrived(run) >= o->expect) ||
                  (double)silent >= o->linger_s * SECOND;

    return waited > patience(run) || (run->out->tally.open == 0 && enough);
}

static void end_flow(struct run *run)
{
    const struct tally *t = &run->out->tally;
    usec_t end = t->last_answered > run->last_arrival ? t->last_answered : run->last_arrival;
    usec_t begin = t->first_sent ? t->first_sent : run->first_arrival;

    run->out->watched_cpu_ns = watched_cpu(run) - run->watched_begin;
    run->out->flow_us = end > begin ? end - begin : 0;
    struct net_octets octets = net_octets(run->net);
    run->out->octets.up = octets.up - run->octets_begin.up;
    run->out->octets.down = octets.down - run->octets_begin.down;
    run->phase = run->options->vanish ? ENDED : LEAVING;
    run->phase_begun = run->now;
}

static void look_at_signals(struct run *run)
{
    if ((unsigned)signals == run->signals_seen)
        return;
    run->signals_seen = (unsigned)signals;
    if (run->signals_seen > 1)
        run->phase = ENDED;
    else if (run->phase <= FLOWING)
        settle(run);
}

static void change_phase(struct run *run)
{
    const struct tally *t = &run->out->tally;
    uint32_t clients = run->options->net.clients;

    look_at_signals(run);
    if (net_refused(run->net) && !net_heard(run->net)) {
        run->out->unreachable = true;
        run->phase = ENDED;
    }
    if (run->phase == CONNECTING && run->ready_count + t->failed >= clients)
        begin_together(run);
    if (run->phase == FLOWING && (all_flowed(run) || t->failed >= clients))
        settle(run);
    if (run->phase == SETTLING && settled(run))
        end_flow(run);
    if (run->phase == LEAVING) {
        stop_some(run);
        if (t->left >= clients || run->now - run->phase_begun > patience(run))
            run->phase = ENDED;
    }
}

static usec_t time_to_wait(const struct run *run)
{
    usec_t next = agenda_next(&run->agenda);
    usec_t wait = next == NODE_NEVER ? NODE_NEVER : next > run->now ? next - run->now : 0;
    usec_t most = 100000;

    if (run->phase >= SETTLING ||
        (run->options->connect_rate > 0 && run->started < run->options->net.clients))
        most = STILL_WAIT;
    return wait < most ? wait : most;
}

/* A port must be open at the other end before a node's first word can be heard. */
static bool await_host(struct run *run, const struct net_receiver *receiver)
{
    usec_t limit = clock_us() + HOST_WAIT;

    while (!net_ready(run->net) && signals == 0 && clock_us() < limit)
        net_wait(run->net, STILL_WAIT, receiver);
    return net_ready(run->net);
}

static void play(struct run *run)
{
    const struct net_receiver receiver = {.self = run, .packet = on_packet};

    if (!await_host(run, &receiver))
        return;
    run->now = run->begun = run->flow_begun = run->phase_begun = clock_us();
    if (!run->options->together)
        begin_flow(run);
    while (run->phase != ENDED) {
        if (run->phase <= FLOWING)
            start_some(run);
        expire(run);
        change_phase(run);
        net_flush(run->net);
        if (run->phase != ENDED)
            net_wait(run->net, time_to_wait(run), &receiver);
        net_flush(run->net);
        run->now = clock_us();
    }
}

static bool set_up(struct run *run, char *error, size_t error_size)
{
    const struct sim_options *o = run->options;

    run->sink = (struct node_sink){.self = run,
                                   .send = on_send,
                                   .message = on_message,
                                   .ready = on_ready,
                                   .tally = &run->out->tally};
    if (o->pid != 0 && clock_getcpuclockid((pid_t)o->pid, &run->watched) != 0) {
        snprintf(error, error_size, "no process %u to watch", o->pid);
        return false;
    }
    run->net = net_open(&o->net, &run->out->tally, error, error_size);
    if (!run->net)
        return false;
    snprintf(error, error_size, "out of memory");
    run->nodes = calloc(o->net.clients, sizeof *run->nodes);
    run->ready = calloc(o->net.clients, sizeof *run->ready);
    if (!run->nodes || !run->ready)
        return false;
    for (uint32_t i = 0; i < o->net.clients; i++)
        if (!node_init(&run->nodes[i], &o->plan, &run->sink, i + 1))
            return false;
    return agenda_init(&run->agenda, run->nodes, o->net.clients);
}

static void tear_down(struct run *run)
{
    for (uint32_t i = 0; run->nodes && i < run->options->net.clients; i++)
        node_fini(&run->nodes[i]);
    agenda_fini(&run->agenda);
    net_close(run->net);
    free(run->nodes);
    free(run->ready);
}

bool run_nodes(const struct sim_options *options, struct outcome *out, char *error,
               size_t error_size)
{
    struct run run = {.options = options, .out = out};
    struct sigaction action = {.sa_handler = on_signal};

    *out = (struct outcome){0};
    flows_init(&out->flows);
    bool ok = set_up(&run, error, error_size);
    if (ok) {
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        play(&run);
        out->unreachable = out->unreachable || !net_heard(run.net);
        if (options->plan.qos == SN_QOS_MINUS_ONE)
            out->unreachable = net_refused(run.net);
    }
    tear_down(&run);
    return ok;
}

void outcome_fini(struct outcome *out)
{
    flows_fini(&out->flows);
}
