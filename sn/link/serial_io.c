/* SPDX-License-Identifier: Apache-2.0 */
/* Octets through the framing, both ways, while the port is open. */
#include "sn/link/serial_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sn/forwarder.h"

#define READ_SIZE      4096
#define READS_PER_WAKE 8 /* so that one busy port leaves the others their turn */
#define STATUS_MS      5000
#define BYTE_GAP_MS    50
#define BLOCKED_MS     2000
#define TRIES_MAX      4
#define TRY_AGAIN_MS   250
#define BITS_PER_OCTET 10
#define TICK_US        1000
#define OWN_OCTETS     1024 /* of the framing itself */

static uint64_t now_of(const struct serial *s)
{
    return uv_now(s->loop);
}

static struct sn_peer peer_of(const struct serial *s, const struct framing_origin *origin)
{
    struct sn_peer peer = {.link = s->link.number,
                           .address_len = origin->from.len,
                           .broadcast = origin->from.broadcast,
                           .has_rssi = origin->has_rssi,
                           .has_lqi = origin->has_lqi,
                           .rssi = origin->rssi,
                           .lqi = origin->lqi};

    memcpy(peer.key, origin->from.octets, origin->from.len);
    memcpy(peer.route, origin->from.hint, sizeof origin->from.hint);
    return peer;
}

static void on_packet(void *self, const struct framing_origin *origin, struct sn_bytes packet)
{
    struct serial *s = self;
    struct sn_peer peer = peer_of(s, origin);

    s->link.counters.datagrams_in++;
    if (!s->config->forwarder && sn_is_forwarded(packet)) {
        s->counters.envelopes++;
        return;
    }
    s->link.receiver.datagram(s->link.receiver.self, &peer, packet);
}

/* The framing's own words are few and small; what does not fit would be asked again. */
static void on_write(void *self, struct sn_bytes octets)
{
    struct serial *s = self;

    if (octets.len > s->out_cap - s->out_len) {
        s->link.counters.queue_full++;
        return;
    }
    memcpy(s->out + s->out_len, octets.data, octets.len);
    s->out_len += octets.len;
}

static void try_again(struct serial *s, struct serial_cell *cell)
{
    if (++cell->tries >= TRIES_MAX) {
        s->counters.given_up++;
        serial_queue_drop(&s->queue, cell);
        return;
    }
    s->counters.repeated++;
    serial_queue_delay(&s->queue, cell, now_of(s) + ((uint64_t)TRY_AGAIN_MS << (cell->tries - 1)));
}

static void on_sent(void *self, uint32_t ticket, enum framing_sent result)
{
    struct serial *s = self;
    struct serial_cell *cell = serial_queue_of(&s->queue, ticket);

    if (!cell)
        return;
    switch (result) {
    case FRAMING_TRY_AGAIN: try_again(s, cell); return;
    case FRAMING_OVERDUE: cell->state = CELL_OVERDUE; return;
    case FRAMING_UNREACHABLE: s->counters.unreachable++; break;
    case FRAMING_TOO_LONG: s->counters.too_long_for_radio++; break;
    case FRAMING_UNKNOWN: /* who needs it to arrive repeats it; others must not see it twice */
    case FRAMING_DELIVERED: break;
    }
    serial_queue_drop(&s->queue, cell);
}

static void on_dongle_reset(void *self)
{
    struct serial *s = self;

    s->events.notice(s->events.self, &s->link, LINK_INFO, "the dongle has restarted");
}

static void on_room_changed(void *self, size_t max_packet)
{
    struct serial *s = self;

    size_t was = s->link.max_packet;

    s->link.max_packet = max_packet < s->config->max_packet ? max_packet : s->config->max_packet;
    if (s->link.max_packet != was)
        s->events.room(s->events.self, &s->link);
}

static uint32_t byte_gap_ms(const struct serial_config *config)
{
    uint32_t of_octets = 20 * BITS_PER_OCTET * 1000 / config->baud + 1;

    if (config->byte_gap_ms > 0)
        return config->byte_gap_ms;
    return of_octets > BYTE_GAP_MS ? of_octets : BYTE_GAP_MS;
}

bool serial_io_init(struct serial *s)
{
    static const enum framing_kind kinds[] = {
        [SERIAL_RAW] = FRAMING_RAW,   [SERIAL_SLIP] = FRAMING_SLIP,
        [SERIAL_HDLC] = FRAMING_HDLC, [SERIAL_COBS] = FRAMING_COBS,
        [SERIAL_XBEE] = FRAMING_XBEE, [SERIAL_AQUILA] = FRAMING_AQUILA,
    };
    static const enum framing_crc crcs[] = {
        [SERIAL_CRC_NONE] = FRAMING_CRC_NONE,
        [SERIAL_CRC_XMODEM] = FRAMING_CRC_XMODEM,
        [SERIAL_CRC_X25] = FRAMING_CRC_X25,
    };
    static const enum framing_api apis[] = {
        [SERIAL_API_AUTO] = FRAMING_API_AUTO,
        [SERIAL_API_1] = FRAMING_API_1,
        [SERIAL_API_2] = FRAMING_API_2,
    };
    const struct framing_options options = {.kind = kinds[s->config->framing],
                                            .crc = crcs[s->config->crc],
                                            .api = apis[s->config->api],
                                            .max_packet = s->config->max_packet,
                                            .byte_gap_ms = byte_gap_ms(s->config),
                                            .status_ms = STATUS_MS,
                                            .in_flight = (uint8_t)s->config->in_flight};
    const struct framing_sink sink = {.self = s,
                                      .packet = on_packet,
                                      .write = on_write,
                                      .sent = on_sent,
                                      .dongle_reset = on_dongle_reset,
                                      .room_changed = on_room_changed};

    s->out_cap = 2 * (size_t)s->config->max_packet + OWN_OCTETS;
    s->out = malloc(s->out_cap);
    s->framing = framing_new(&options, &sink);
    return s->out && s->framing && serial_queue_init(&s->queue, s->config->max_packet);
}

void serial_io_fini(struct serial *s)
{
    free(s->out);
    framing_free(s->framing);
    serial_queue_fini(&s->queue);
}

void serial_io_start(struct serial *s)
{
    s->out_len = s->out_sent = 0;
    s->failed = NULL;
    s->blocked_at = 0;
    s->blocked_told = false;
    s->gap_until = s->budget_us = 0;
    framing_start(s->framing, now_of(s));
    on_room_changed(s, framing_room(s->framing)); /* it may be another radio now */
}

void serial_io_stop(struct serial *s)
{
    s->counters.away += serial_queue_clear(&s->queue);
    s->out_len = s->out_sent = 0;
}

/* Noise is no sign of life. */
static void note_valid(struct serial *s)
{
    const struct framing_counters *c = framing_counters(s->framing);

    if (c->valid == s->valid_count)
        return;
    s->valid_count = c->valid;
    s->valid_at = now_of(s);
    s->heard = true;
    s->silences = 0;
}

static const char *failure(int error)
{
    return error == EIO || error == ENXIO || error == ENODEV ? "unplugged" : strerror(error);
}

void serial_io_read(struct serial *s)
{
    uint8_t octets[READ_SIZE];

    for (int i = 0; i < READS_PER_WAKE && s->fd >= 0; i++) {
        ssize_t len = read(s->fd, octets, sizeof octets);
        if (len == 0) {
            serial_lost(s, "unplugged");
            return;
        }
        if (len < 0) {
            if (errno != EAGAIN && errno != EINTR)
                serial_lost(s, failure(errno));
            return;
        }
        s->link.counters.octets_in += (uint64_t)len;
        framing_receive(s->framing, now_of(s), sn_bytes(octets, (size_t)len));
        note_valid(s);
        if ((size_t)len < sizeof octets)
            return;
    }
}

/* The pause behind what was just written: the time that takes on the line, and `gap`. */
static void begin_gap(struct serial *s, size_t octets)
{
    const struct serial_config *config = s->config;

    if (config->gap_ms > 0 && octets > 0)
        s->gap_until =
            now_of(s) + config->gap_ms + octets * BITS_PER_OCTET * 1000 / config->baud + 1;
}

/* Writes what is in `out`. True when it is empty now. The core may be at work while this is called,
 * so a failure is dealt with later. */
static bool push_out(struct serial *s)
{
    while (s->out_sent < s->out_len) {
        ssize_t len = write(s->fd, s->out + s->out_sent, s->out_len - s->out_sent);
        if (len > 0) {
            s->out_sent += (size_t)len;
            s->link.counters.octets_out += (uint64_t)len;
            s->blocked_at = 0;
            continue;
        }
        if (len < 0 && errno == EINTR)
            continue;
        if (len == 0 || errno == EAGAIN) {
            if (s->blocked_at == 0)
                s->blocked_at = now_of(s);
            return false;
        }
        s->failed = failure(errno);
        return false;
    }
    begin_gap(s, s->out_len);
    s->out_len = s->out_sent = 0;
    s->blocked_told = false;
    return true;
}

/* Takes the frame's share of the budget. Shares may be shorter than a tick of the loop's clock, so
 * one tick may be made up for; more would be a burst. */
static void spend(struct serial *s, size_t octets)
{
    uint64_t now_us = now_of(s) * TICK_US, rate = s->config->max_bytes_per_second;

    if (rate == 0)
        return;
    if (s->budget_us + TICK_US < now_us)
        s->budget_us = now_us - TICK_US;
    s->budget_us += ((uint64_t)octets * 1000000 + rate - 1) / rate;
}

static uint64_t may_send_at(const struct serial *s)
{
    uint64_t budget_at = (s->budget_us + TICK_US - 1) / TICK_US;

    return budget_at > s->gap_until ? budget_at : s->gap_until;
}

static void send_first(struct serial *s, struct serial_cell *cell)
{
    uint32_t ticket = cell->ticket;

    serial_queue_start(&s->queue, cell);
    struct sn_bytes frame = framing_encode(s->framing, now_of(s), ticket, &cell->to, cell->radius,
                                           serial_queue_packet(cell));
    if (frame.len == 0 || frame.len > s->out_cap - s->out_len) {
        s->link.counters.oversize_out++;
        cell = serial_queue_of(&s->queue, ticket);
        if (cell)
            serial_queue_drop(&s->queue, cell);
        return;
    }
    memcpy(s->out + s->out_len, frame.data, frame.len);
    s->out_len += frame.len;
    s->link.counters.datagrams_out++;
    spend(s, frame.len);
}

void serial_io_write(struct serial *s)
{
    struct serial_cell *cell;
    uint64_t now = now_of(s);

    if (!s->up || s->failed)
        return;
    /* What this turn has queued may promise what is not safe yet. */
    while (push_out(s) && !s->fresh && now >= may_send_at(s) && framing_ready(s->framing) &&
           (cell = serial_queue_first(&s->queue, now)))
        send_first(s, cell);
    serial_watch_writable(s, !s->failed && s->out_sent < s->out_len);
    serial_arm(s);
}

void serial_io_expire(struct serial *s)
{
    uint64_t now = now_of(s);

    if (framing_deadline(s->framing) <= now) {
        framing_expire(s->framing, now);
        note_valid(s);
    }
    if (s->blocked_at > 0 && !s->blocked_told && now >= s->blocked_at + BLOCKED_MS) {
        s->blocked_told = true;
        s->events.notice(s->events.self, &s->link, LINK_WARNING,
                         s->config->flow == SERIAL_FLOW_RTSCTS
                             ? "takes no octets for two seconds; does it have flow = rtscts wired?"
                             : "takes no octets for two seconds");
    }
    serial_io_write(s);
}

uint64_t serial_io_due(const struct serial *s)
{
    uint64_t due = framing_deadline(s->framing);

    if (!s->up)
        return due;
    if (s->blocked_at > 0)
        return s->blocked_told ? due : sooner(due, s->blocked_at + BLOCKED_MS);
    if (!framing_ready(s->framing) || s->fresh)
        return due;
    uint64_t next = s->queue.first ? 0 : serial_queue_due(&s->queue);
    if (next != NEVER_DUE)
        due = sooner(due, next > may_send_at(s) ? next : may_send_at(s));
    return due;
}

bool serial_io_pending(const struct serial *s)
{
    return s->out_sent < s->out_len || s->queue.first || s->queue.delayed > 0;
}

/* True when there is a copy of the packet that need not be sent again. One that is overdue gives
 * way to a repetition, which is sent in its stead: only one of them may still be repeated. */
static bool is_superseded(struct serial *s, const struct framing_address *to, struct sn_bytes wire)
{
    struct serial_cell *held = serial_queue_find(&s->queue, to, wire);

    if (!held || held->state != CELL_OVERDUE)
        return held;
    serial_queue_drop(&s->queue, held);
    return false;
}

void serial_io_send(struct serial *s, const struct framing_address *to, uint8_t radius,
                    struct sn_bytes wire)
{
    if (!s->up)
        s->counters.away++;
    else if (wire.len > s->link.max_packet)
        s->link.counters.oversize_out++;
    else if (is_superseded(s, to, wire))
        s->counters.superseded++;
    else if (!serial_queue_push(&s->queue, to, radius, wire))
        s->link.counters.queue_full++;
}
