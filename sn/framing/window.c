/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sn/framing/framing_private.h"

/* Takes what is whole from `at` on; gives where the first frame begins that is not. */
static size_t take_all(struct framing *f, uint64_t now_ms, size_t at)
{
    while (at < f->in.len) {
        struct sn_bytes window = sn_bytes(f->in.octets + at, f->in.len - at);
        size_t taken = f->ops->take(f, now_ms, window);
        if (taken == 0)
            break;
        assert(taken <= window.len);
        at += taken;
    }
    return at;
}

static void drop_front(struct framing *f, size_t len)
{
    f->in.len -= len;
    if (len > 0)
        memmove(f->in.octets, f->in.octets + len, f->in.len);
}

void window_receive(struct framing *f, uint64_t now_ms, struct sn_bytes octets)
{
    struct sn_reader r = sn_reader(octets);

    while (r.left > 0) {
        size_t room = f->in.cap - f->in.len;
        assert(room > 0); /* `take` never waits for more than the longest frame */
        struct sn_bytes part = sn_read(&r, r.left < room ? r.left : room);
        memcpy(f->in.octets + f->in.len, part.data, part.len);
        f->in.len += part.len;
        drop_front(f, take_all(f, now_ms, 0));
    }
}

/* What has waited for its end through the silence is given up at its first octet only; a good frame
 * may begin at the second. The silence is as long for each of them. */
void window_silence(struct framing *f, uint64_t now_ms)
{
    size_t at = 0;

    f->counters.cut_short++;
    while (at < f->in.len) {
        f->counters.skipped_octets++;
        at = take_all(f, now_ms, at + 1);
    }
    drop_front(f, at);
}

uint64_t window_deadline(const struct framing *f)
{
    return f->in.len > 0 ? f->last_ms + f->options.byte_gap_ms : NEVER;
}
