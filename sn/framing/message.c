/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/framing/message.h"

#include "sn/forwarder.h"
#include "sn/layout.h"

#define LONG_FORM       1 /* the escape octet of 5.2.1 */
#define SHORT_HEADER    2
#define LONG_HEADER     4
#define ENVELOPE_HEADER 3

struct header {
    size_t size, len; /* of the header / of the message with its header */
    uint8_t type;
};

static enum message_start read_header(struct sn_bytes octets, struct header *out)
{
    struct sn_reader r = sn_reader(octets);

    *out = (struct header){.size = SHORT_HEADER, .len = sn_read_u8(&r)};
    if (!r.failed && out->len == LONG_FORM) {
        out->size = LONG_HEADER;
        out->len = sn_read_u16(&r);
    }
    if (r.failed)
        return MESSAGE_OPEN;
    if (out->len < out->size)
        return MESSAGE_BAD;
    out->type = sn_read_u8(&r);
    return r.failed ? MESSAGE_OPEN : MESSAGE_KNOWN;
}

/* The core would refuse a message that is shorter or longer than its fields. Knowing so by the
 * header alone finds the next message sooner when this one is a false start. */
static bool size_is_possible(const struct header *h)
{
    static const uint8_t width[] = {
        [F_FLAGS] = 1, [F_PROTOCOL_ID] = 1, [F_DURATION] = 2, [F_GW_ID] = 1,  [F_RADIUS] = 1,
        [F_TOPIC] = 0, [F_RETURN_CODE] = 1, [F_TOPIC_ID] = 2, [F_MSG_ID] = 2, [F_BODY] = 0,
    };
    const struct sn_layout *layout = &sn_layouts[h->type];
    size_t fields = 0, least = SIZE_MAX;

    for (const uint8_t *field = layout->field; *field != F_END; field++) {
        if (*field == F_OPTIONAL)
            least = fields;
        fields += width[*field];
        if (*field == F_BODY || *field == F_TOPIC)
            return h->len - h->size >= (least < fields ? least : fields);
    }
    return h->len - h->size == fields || h->len - h->size == least;
}

static enum message_start plain_begin(struct sn_bytes octets, size_t *len)
{
    struct header h;
    enum message_start start = read_header(octets, &h);

    *len = h.len;
    if (start != MESSAGE_KNOWN)
        return start;
    return sn_layouts[h.type].name && size_is_possible(&h) ? MESSAGE_KNOWN : MESSAGE_BAD;
}

static bool is_envelope(const struct header *h)
{
    return h->type == SN_FORWARDED && h->size == SHORT_HEADER && h->len >= ENVELOPE_HEADER &&
           h->len <= SN_ENVELOPE_MAX;
}

static struct sn_bytes behind(struct sn_bytes octets, size_t len)
{
    return sn_bytes(octets.data + len, octets.len - len);
}

enum message_start message_begin(struct sn_bytes octets, size_t *len)
{
    struct header h;
    size_t inner;
    enum message_start start = read_header(octets, &h);

    if (start != MESSAGE_KNOWN || !is_envelope(&h))
        return plain_begin(octets, len);
    *len = h.len + MESSAGE_MIN;
    if (octets.len <= h.len)
        return MESSAGE_OPEN;
    start = plain_begin(behind(octets, h.len), &inner);
    if (start == MESSAGE_KNOWN)
        *len = h.len + inner;
    return start;
}

bool message_is_whole(struct sn_bytes frame)
{
    struct header h;

    if (read_header(frame, &h) != MESSAGE_KNOWN || h.len > frame.len)
        return false;
    if (is_envelope(&h)) {
        frame = behind(frame, h.len);
        if (read_header(frame, &h) != MESSAGE_KNOWN)
            return false;
    }
    return h.len == frame.len;
}
