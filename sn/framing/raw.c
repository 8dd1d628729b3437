/* SPDX-License-Identifier: Apache-2.0 */
/* raw: [LEN] [TYPE] [body], one behind the other; the message's own length is the only mark.
 *
 * With a CRC its two octets follow the message. Whatever cannot be the header of a message is gone
 * over octet by octet, and so is the front of a message that a silence cuts.
 */
#include "sn/forwarder.h"
#include "sn/framing/framing_private.h"
#include "sn/framing/message.h"

static size_t skip_one(struct framing *f)
{
    f->counters.skipped_octets++;
    return 1;
}

static size_t take(struct framing *f, uint64_t now_ms, struct sn_bytes window)
{
    static const struct framing_origin the_port;
    size_t len, crc_len = framing_crc_len(f);
    enum message_start start = message_begin(window, &len);

    (void)now_ms;
    if (start == MESSAGE_BAD)
        return skip_one(f);
    if (start == MESSAGE_OPEN)
        return 0;
    if (len > f->options.max_packet) {
        f->counters.too_long++;
        return skip_one(f);
    }
    if (window.len < len + crc_len)
        return 0;
    struct sn_bytes message = sn_bytes(window.data, len + crc_len);
    if (!framing_check_crc(f, &message)) {
        f->counters.bad_crc++;
        return skip_one(f);
    }
    uint64_t *wrong = framing_deliver(f, &the_port, message);
    if (wrong)
        ++*wrong;
    return len + crc_len;
}

static bool encode(struct framing *f, const struct framing_frame *frame, struct sn_writer *out)
{
    sn_write(out, frame->packet);
    framing_add_crc(f, out);
    framing_tell_sent(f, frame->ticket, FRAMING_DELIVERED);
    return true;
}

const struct framing_ops raw_ops = {
    .size = sizeof(struct framing),
    .overhead = SN_ENVELOPE_MAX, /* an envelope and the header in it may wait to be judged */
    .receive = window_receive,
    .silence = window_silence,
    .deadline = window_deadline,
    .take = take,
    .encode = encode,
};
