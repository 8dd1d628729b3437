/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/framing/framing.h"

#include <assert.h>
#include <stdlib.h>

#include "sn/framing/crc.h"
#include "sn/framing/framing_private.h"
#include "sn/framing/message.h"

#define CRC_LEN        2
#define DELIMITERS     2
#define DEFAULT_GAP_MS 50

static const struct framing_ops *const all_ops[] = {
    [FRAMING_RAW] = &raw_ops,   [FRAMING_SLIP] = &slip_ops, [FRAMING_HDLC] = &hdlc_ops,
    [FRAMING_COBS] = &cobs_ops, [FRAMING_XBEE] = &xbee_ops, [FRAMING_AQUILA] = &aquila_ops,
};

static const struct framing_address nobody;

static bool buffer_make(struct buffer *b, size_t cap)
{
    b->octets = malloc(cap);
    b->cap = cap;
    return b->octets != NULL;
}

static bool make_buffers(struct framing *f)
{
    size_t plain = f->options.max_packet + CRC_LEN + f->ops->overhead;
    size_t stuffed = 2 * plain + DELIMITERS; /* no framing more than doubles */

    return buffer_make(&f->opened, plain) && buffer_make(&f->closed, plain) &&
           buffer_make(&f->in, stuffed) && buffer_make(&f->out, stuffed);
}

struct framing *framing_new(const struct framing_options *options, const struct framing_sink *sink)
{
    assert((size_t)options->kind < sizeof all_ops / sizeof all_ops[0]);
    assert(options->max_packet >= MESSAGE_MIN);
    const struct framing_ops *ops = all_ops[options->kind];
    struct framing *f = calloc(1, ops->size);

    if (!f)
        return NULL;
    f->ops = ops;
    f->options = *options;
    f->sink = *sink;
    f->room = options->max_packet;
    if (f->options.byte_gap_ms == 0)
        f->options.byte_gap_ms = DEFAULT_GAP_MS;
    if (f->options.crc == FRAMING_CRC_NONE || options->kind == FRAMING_AQUILA)
        f->options.crc = ops->own_crc;
    if (!make_buffers(f)) {
        framing_free(f);
        return NULL;
    }
    return f;
}

void framing_free(struct framing *f)
{
    if (!f)
        return;
    free(f->in.octets);
    free(f->opened.octets);
    free(f->closed.octets);
    free(f->out.octets);
    free(f);
}

void framing_start(struct framing *f, uint64_t now_ms)
{
    f->in.len = f->mark = 0;
    f->discarding = false;
    f->last_ms = now_ms;
    f->room = f->options.max_packet;
    if (f->ops->start)
        f->ops->start(f, now_ms);
}

void framing_receive(struct framing *f, uint64_t now_ms, struct sn_bytes octets)
{
    bool midway = f->in.len > 0 || f->discarding;

    if (octets.len == 0)
        return;
    if (midway && now_ms >= f->last_ms + f->options.byte_gap_ms)
        f->ops->silence(f, now_ms);
    f->last_ms = now_ms;
    f->ops->receive(f, now_ms, octets);
}

bool framing_ready(const struct framing *f)
{
    return !f->ops->ready || f->ops->ready(f);
}

struct sn_bytes framing_encode(struct framing *f, uint64_t now_ms, uint32_t ticket,
                               const struct framing_address *to, uint8_t radius,
                               struct sn_bytes packet)
{
    struct framing_frame frame = {now_ms, ticket, radius, to ? to : &nobody, packet};
    struct sn_writer out = sn_writer(f->out.octets, f->out.cap);

    if (packet.len < MESSAGE_MIN || packet.len > f->room || !framing_ready(f))
        return (struct sn_bytes){0};
    if (!f->ops->encode(f, &frame, &out))
        return (struct sn_bytes){0};
    assert(!out.failed);
    f->counters.frames_out++;
    return sn_written(&out);
}

uint64_t framing_deadline(const struct framing *f)
{
    return f->ops->deadline(f);
}

void framing_expire(struct framing *f, uint64_t now_ms)
{
    if (f->ops->take && window_deadline(f) <= now_ms)
        f->ops->silence(f, now_ms);
    if (f->ops->expire)
        f->ops->expire(f, now_ms);
}

size_t framing_room(const struct framing *f)
{
    return f->room;
}

const struct framing_counters *framing_counters(const struct framing *f)
{
    return &f->counters;
}

uint64_t *framing_deliver(struct framing *f, const struct framing_origin *from,
                          struct sn_bytes packet)
{
    if (!message_is_whole(packet))
        return &f->counters.bad_length;
    if (packet.len > f->options.max_packet)
        return &f->counters.too_long;
    f->counters.frames_in++;
    f->counters.valid++;
    f->sink.packet(f->sink.self, from, packet);
    return NULL;
}

void framing_tell_sent(struct framing *f, uint32_t ticket, enum framing_sent result)
{
    if (f->sink.sent)
        f->sink.sent(f->sink.self, ticket, result);
}

void framing_write(struct framing *f, struct sn_bytes octets)
{
    if (f->sink.write)
        f->sink.write(f->sink.self, octets);
}

void framing_set_room(struct framing *f, size_t room)
{
    if (room > f->options.max_packet)
        room = f->options.max_packet;
    if (room == f->room)
        return;
    f->room = room;
    if (f->sink.room_changed)
        f->sink.room_changed(f->sink.self, room);
}

void framing_tell_reset(struct framing *f)
{
    f->counters.dongle_resets++;
    if (f->sink.dongle_reset)
        f->sink.dongle_reset(f->sink.self);
}

size_t framing_crc_len(const struct framing *f)
{
    return f->options.crc == FRAMING_CRC_NONE ? 0 : CRC_LEN;
}

static uint16_t crc_of(const struct framing *f, struct sn_bytes over)
{
    return f->options.crc == FRAMING_CRC_XMODEM ? crc_xmodem(over) : crc_x25(over);
}

void framing_add_crc(const struct framing *f, struct sn_writer *w)
{
    if (framing_crc_len(f) == 0)
        return;
    uint16_t crc = crc_of(f, sn_written(w));
    sn_write_u8(w, (uint8_t)crc);
    sn_write_u8(w, (uint8_t)(crc >> 8));
}

bool framing_check_crc(const struct framing *f, struct sn_bytes *frame)
{
    size_t crc_len = framing_crc_len(f);

    if (frame->len < crc_len)
        return false;
    frame->len -= crc_len;
    if (crc_len == 0)
        return true;
    const uint8_t *end = frame->data + frame->len;
    return crc_of(f, *frame) == (end[1] << 8 | end[0]);
}
