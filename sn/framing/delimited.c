/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/framing/framing_private.h"
#include "sn/framing/message.h"

static uint64_t *open_frame(struct framing *f, uint64_t now_ms, struct sn_bytes stuffed)
{
    struct sn_writer opened = sn_writer(f->opened.octets, f->opened.cap);

    if (!f->ops->unstuff(stuffed, &opened))
        return &f->counters.bad_escape;
    if (opened.failed)
        return &f->counters.too_long;
    return f->ops->frame(f, now_ms, sn_written(&opened));
}

/* A gap proves nothing: what follows it may be the end of one frame, and look like a message for
 * another node. Behind a stump that a sender broke off, though, it parts the two: that is tried
 * when the whole is no frame. Where nothing but the gap can part them, as no delimiter goes before
 * a frame (cobs), what follows it is tried first, since without a CRC a stump and a frame may pass
 * for one message. */
static uint64_t *open_collected(struct framing *f, uint64_t now_ms, size_t len, size_t mark)
{
    struct sn_bytes whole = sn_bytes(f->in.octets, len);
    struct sn_bytes behind_gap = sn_bytes(f->in.octets + mark, len - mark);
    bool parted = mark > 0 && behind_gap.len > 0;

    if (parted && f->ops->only_behind && !open_frame(f, now_ms, behind_gap))
        return &f->counters.cut_short;
    uint64_t *wrong = open_frame(f, now_ms, whole);
    if (wrong && parted && !f->ops->only_behind && !open_frame(f, now_ms, behind_gap))
        return &f->counters.cut_short;
    return wrong;
}

static void end_frame(struct framing *f, uint64_t now_ms)
{
    size_t len = f->in.len, mark = f->mark;
    bool discarded = f->discarding;

    f->in.len = f->mark = 0;
    f->discarding = false;
    if (discarded || len == 0)
        return;
    uint64_t *wrong = open_collected(f, now_ms, len, mark);
    if (wrong)
        ++*wrong;
}

static void collect(struct framing *f, struct sn_bytes octets)
{
    if (f->discarding || octets.len == 0)
        return;
    if (octets.len > f->in.cap - f->in.len) {
        f->counters.too_long++;
        f->discarding = true;
        f->in.len = f->mark = 0;
        return;
    }
    memcpy(f->in.octets + f->in.len, octets.data, octets.len);
    f->in.len += octets.len;
}

void delimited_receive(struct framing *f, uint64_t now_ms, struct sn_bytes octets)
{
    struct sn_reader r = sn_reader(octets);

    while (r.left > 0) {
        const uint8_t *end = memchr(r.at, f->ops->delimiter, r.left);
        collect(f, sn_read(&r, end ? (size_t)(end - r.at) : r.left));
        if (end) {
            sn_read(&r, 1);
            end_frame(f, now_ms);
        }
    }
}

void delimited_silence(struct framing *f, uint64_t now_ms)
{
    (void)now_ms;
    f->discarding = false;
    f->mark = f->in.len;
}

uint64_t delimited_deadline(const struct framing *f)
{
    (void)f;
    return NEVER; /* a frame that stays open harms nobody: the next delimiter ends it */
}

uint64_t *plain_frame(struct framing *f, uint64_t now_ms, struct sn_bytes plain)
{
    static const struct framing_origin the_port;

    (void)now_ms;
    if (plain.len < MESSAGE_MIN + framing_crc_len(f))
        return &f->counters.too_short;
    if (!framing_check_crc(f, &plain))
        return &f->counters.bad_crc;
    return framing_deliver(f, &the_port, plain);
}

bool plain_encode(struct framing *f, const struct framing_frame *frame, struct sn_writer *out)
{
    struct sn_writer closed = sn_writer(f->closed.octets, f->closed.cap);

    sn_write(&closed, frame->packet);
    framing_add_crc(f, &closed);
    f->ops->stuff(sn_written(&closed), out);
    framing_tell_sent(f, frame->ticket, FRAMING_DELIVERED);
    return true;
}
