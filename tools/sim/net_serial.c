/* SPDX-License-Identifier: Apache-2.0 */
/* All nodes behind one dongle, and the dongle at the far end of a pseudo-terminal. While no host
 * has the port open, or the dongle is away, what the nodes send goes nowhere, as it does in the
 * air. */
#include "tools/sim/net_private.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tools/sim/dongle.h"
#include "tools/sim/line.h"
#include "tools/sim/pty.h"

#define QUEUE    (1 << 20) /* octets for the host */
#define CHUNK    4096
#define LOOK     5000  /* how often to look for a host, in microseconds */
#define SETTLING 20000 /* the host empties the port's buffers when it opens it */
#define TICK     1000  /* a paced line is served so often */

struct net_serial {
    struct net net;
    struct dongle *dongle;
    struct pty pty;
    struct line up, down; /* to the host, from the host */
    bool host;
    usec_t host_since, next_replug;
    uint32_t vanished;
    bool full; /* the host does not read */
    uint8_t *queue;
    size_t queued;
};

static struct net_serial *of(struct net *net)
{
    return (struct net_serial *)net;
}

static usec_t clock_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (usec_t)ts.tv_sec * 1000000 + (usec_t)ts.tv_nsec / 1000;
}

static void to_host(void *self, struct sn_bytes octets)
{
    struct net_serial *s = self;

    if (2 * octets.len > QUEUE - s->queued) {
        s->net.tally->unsent++;
        return;
    }
    s->queued += line_spoil(&s->up, octets, s->queue + s->queued);
    line_begin(&s->up, clock_us());
}

static void to_node(void *self, uint32_t number, struct sn_bytes packet)
{
    struct net_serial *s = self;

    net_took(&s->net, number, packet);
}

static void send_wire(struct net *net, uint32_t number, struct sn_bytes wire)
{
    struct net_serial *s = of(net);

    if (!s->host)
        net->tally->unheard++;
    else if (!dongle_send(s->dongle, clock_us() / 1000, number, wire))
        net->tally->unsent++;
}

static void drop_queue(struct net_serial *s)
{
    s->queued = 0;
    s->full = s->up.busy = s->down.busy = false;
}

static void flush(struct net *net)
{
    struct net_serial *s = of(net);
    usec_t now = clock_us();
    size_t most = line_passed(&s->up, now);
    ssize_t written;

    if (!s->host || s->queued == 0 || now < s->host_since + SETTLING || most == 0)
        return;
    most = most < s->queued ? most : s->queued;
    written = write(s->pty.master, s->queue, most);
    s->full = written < 0 && errno == EAGAIN;
    if (written <= 0)
        return;
    s->queued -= (size_t)written;
    memmove(s->queue, s->queue + written, s->queued);
    net->octets.up += (uint64_t)written;
    line_take(&s->up, now, (size_t)written, s->queued > 0);
}

/* Octets wait in the port until their time on the line is over. */
static void take(struct net_serial *s)
{
    uint8_t octets[CHUNK], heard[2 * CHUNK];
    usec_t now = clock_us();

    line_begin(&s->down, now);
    size_t most = line_passed(&s->down, now);
    if (most == 0)
        return;
    ssize_t got = read(s->pty.master, octets, most < CHUNK ? most : CHUNK);
    if (got <= 0) {
        line_take(&s->down, now, 0, false);
        return;
    }
    s->net.octets.down += (uint64_t)got;
    line_take(&s->down, now, (size_t)got, true);
    size_t count = line_spoil(&s->down, sn_bytes(octets, (size_t)got), heard);
    dongle_hear(s->dongle, now / 1000, sn_bytes(heard, count));
}

static void set_host(struct net_serial *s, bool there, usec_t now)
{
    if (s->host == there)
        return;
    s->host = there;
    drop_queue(s);
    if (!there)
        return;
    s->host_since = now;
    dongle_start(s->dongle, now / 1000);
}

/* One dongle goes, and half of the time that it stayed later it is back. */
static void replug(struct net_serial *s, usec_t now)
{
    const struct net_serial_options *o = &s->net.options.serial;

    if (s->pty.master >= 0) {
        pty_unplug(&s->pty);
        set_host(s, false, now);
        s->vanished++;
        s->net.tally->unplugged++;
        s->next_replug = now + o->replug / 2;
    } else {
        bool last = o->replug_count > 0 && s->vanished >= o->replug_count;
        s->next_replug = now + o->replug;
        if (pty_plug(&s->pty) && last)
            s->next_replug = NODE_NEVER;
    }
}

static usec_t earlier(usec_t a, usec_t b)
{
    return a < b ? a : b;
}

static int wait_ms(usec_t now, usec_t until)
{
    return until == NODE_NEVER ? -1 : until > now ? (int)((until - now + 999) / 1000) : 0;
}

/* A port that nobody has open tells so at once and for ever: it is looked at now and then. */
static void look_for_host(struct net_serial *s, usec_t now, usec_t until)
{
    struct pollfd master = {.fd = s->pty.master};

    if (master.fd >= 0)
        poll(&master, 1, 0);
    if (master.fd >= 0 && !(master.revents & POLLHUP))
        set_host(s, true, now);
    else
        poll(NULL, 0, wait_ms(now, earlier(until, now + LOOK)));
}

static void serve(struct net_serial *s, usec_t now, usec_t until)
{
    struct pollfd master = {.fd = s->pty.master};

    if (!s->down.busy || s->down.baud == 0)
        master.events |= POLLIN;
    else
        until = earlier(until, now + TICK);
    if (s->full)
        master.events |= POLLOUT;
    if (s->queued > 0 && !s->full)
        until = earlier(until, earlier(now + TICK, line_due(&s->up)));
    poll(&master, 1, wait_ms(now, until));
    now = clock_us();
    if (master.revents & POLLHUP) {
        set_host(s, false, now);
        return;
    }
    if ((master.revents & POLLIN) || s->down.busy)
        take(s);
    s->full = s->full && !(master.revents & POLLOUT);
}

static void wait_for(struct net *net, usec_t timeout)
{
    struct net_serial *s = of(net);
    usec_t now = clock_us(), until = timeout == NODE_NEVER ? NODE_NEVER : now + timeout;

    if (now >= s->next_replug)
        replug(s, now);
    until = earlier(until, s->next_replug);
    if (s->host)
        serve(s, now, until);
    else
        look_for_host(s, now, until);
}

static bool ready(const struct net *net)
{
    return ((const struct net_serial *)net)->host;
}

static bool busy(const struct net *net)
{
    const struct net_serial *s = (const struct net_serial *)net;

    return net->options.serial.replug_count > 0 && s->next_replug != NODE_NEVER;
}

static void close_port(struct net *net)
{
    struct net_serial *s = of(net);

    pty_unplug(&s->pty);
    dongle_free(s->dongle);
    free(s->queue);
    free(s);
}

static const struct net_ops serial_ops = {.close = close_port,
                                          .send = send_wire,
                                          .flush = flush,
                                          .wait = wait_for,
                                          .ready = ready,
                                          .busy = busy};

static struct dongle *new_dongle(struct net_serial *s)
{
    const struct net_options *o = &s->net.options;
    const struct dongle_sink sink = {.self = s, .host = to_host, .node = to_node};
    const struct dongle_options options = {
        .framing = {.kind = o->serial.framing,
                    .crc = o->serial.crc,
                    .api = o->serial.api,
                    .max_packet = o->serial.max_packet},
        .nodes = o->clients,
        .node_id_size = o->node_id_size,
    };

    return dongle_new(&options, &sink);
}

struct net *net_serial_open(const struct net_options *options, char *error, size_t error_size)
{
    struct net_serial *s = calloc(1, sizeof *s);

    snprintf(error, error_size, "out of memory");
    if (!s)
        return NULL;
    s->net.ops = &serial_ops;
    s->net.options = *options;
    s->up = s->down = (struct line){
        .baud = options->serial.baud, .noise = options->serial.noise, .random = &s->net.random};
    s->pty = (struct pty){.link = options->serial.link, .master = -1};
    s->queue = malloc(QUEUE);
    s->dongle = new_dongle(s);
    if (!s->queue || !s->dongle) {
        close_port(&s->net);
        return NULL;
    }
    if (!pty_plug(&s->pty)) {
        snprintf(error, error_size, "cannot make a port at %s: %s", options->serial.link,
                 strerror(errno));
        close_port(&s->net);
        return NULL;
    }
    s->next_replug = options->serial.replug > 0 ? clock_us() + options->serial.replug : NODE_NEVER;
    return &s->net;
}
