/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/framing/xbee_frames.h"

#define ESC          0x7D
#define XON          0x11
#define XOFF         0x13
#define FLIP         0x20
#define HEADER       3 /* 7E and the length */
#define RX_BROADCAST 0x02
#define PACKET_MIN   2

static const uint8_t broadcast64[8] = {0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
const uint8_t xbee_unknown16[2] = {0xFF, 0xFE};

/* `frame` is unescaped and whole, from the 7E to the checksum. */
static bool checksum_is_right(struct sn_bytes frame)
{
    uint8_t sum = 0;

    for (size_t i = HEADER; i < frame.len; i++)
        sum = (uint8_t)(sum + frame.data[i]);
    return sum == 0xFF;
}

/* Of an unescaped beginning; `out->len` is then as if nothing had been escaped. */
static enum xbee_look look(struct sn_bytes frame, size_t max, struct xbee_seen *out)
{
    out->len = 1;
    if (frame.len < HEADER)
        return XBEE_OPEN;
    size_t fields_len = (size_t)frame.data[1] << 8 | frame.data[2];
    if (fields_len == 0)
        return XBEE_TOO_SHORT;
    if (fields_len > max)
        return XBEE_TOO_LONG;
    frame.len = frame.len < fields_len + XBEE_FRAME ? frame.len : fields_len + XBEE_FRAME;
    if (frame.len < fields_len + XBEE_FRAME)
        return XBEE_OPEN;
    if (!checksum_is_right(frame))
        return XBEE_BAD_CHECKSUM;
    out->len = frame.len;
    out->fields = sn_bytes(frame.data + HEADER, fields_len);
    return XBEE_WHOLE;
}

enum xbee_look xbee_look1(struct sn_bytes stream, size_t max, struct xbee_seen *out)
{
    return look(stream, max, out);
}

/* How many octets the frame has, as far as it can be told by now. */
static size_t wanted(const struct sn_writer *w, size_t max)
{
    if (w->len < HEADER)
        return HEADER;
    size_t fields_len = (size_t)w->start[1] << 8 | w->start[2];
    return fields_len > max ? w->len : fields_len + XBEE_FRAME;
}

enum xbee_look xbee_look2(struct sn_bytes stream, size_t max, uint8_t *into, struct xbee_seen *out)
{
    struct sn_writer w = sn_writer(into, max + XBEE_FRAME);
    struct sn_reader r = sn_reader(stream);
    bool escaped = false;

    sn_write_u8(&w, sn_read_u8(&r));
    while (w.len < wanted(&w, max) && r.left > 0) {
        if (*r.at == XBEE_START) {
            out->len = stream.len - r.left;
            return XBEE_CUT_SHORT;
        }
        uint8_t octet = sn_read_u8(&r);
        if (octet == ESC && !escaped) {
            escaped = true;
            continue;
        }
        sn_write_u8(&w, escaped ? octet ^ FLIP : octet);
        escaped = false;
    }
    enum xbee_look result = look(sn_written(&w), max, out);
    if (result == XBEE_WHOLE)
        out->len = stream.len - r.left;
    return result;
}

static void put(struct sn_writer *out, bool escaped, uint8_t octet)
{
    if (escaped && (octet == XBEE_START || octet == ESC || octet == XON || octet == XOFF)) {
        sn_write_u8(out, ESC);
        octet ^= FLIP;
    }
    sn_write_u8(out, octet);
}

void xbee_put(struct sn_bytes fields, bool escaped, struct sn_writer *out)
{
    uint8_t sum = 0;

    sn_write_u8(out, XBEE_START);
    put(out, escaped, (uint8_t)(fields.len >> 8));
    put(out, escaped, (uint8_t)fields.len);
    for (size_t i = 0; i < fields.len; i++) {
        sum = (uint8_t)(sum + fields.data[i]);
        put(out, escaped, fields.data[i]);
    }
    put(out, escaped, (uint8_t)(0xFF - sum));
}

static void read_into(struct sn_reader *r, uint8_t *into, size_t len)
{
    struct sn_bytes b = sn_read(r, len);
    if (b.len > 0)
        memcpy(into, b.data, b.len);
}

/*  80, 81: source(8 or 2) rssi opts packet     90: source(8) source(2) opts packet
 *  91:     source(8) source(2) endpoints, cluster, profile(6) opts packet */
bool xbee_read_packet(struct sn_bytes fields, struct framing_origin *from, struct sn_bytes *packet)
{
    struct sn_reader r = sn_reader(fields);
    uint8_t type = sn_read_u8(&r);
    struct framing_address *address = &from->from;

    *from = (struct framing_origin){0};
    address->len = type == XBEE_RX16 ? sizeof xbee_unknown16 : sizeof broadcast64;
    read_into(&r, address->octets, address->len);
    memcpy(address->hint + HINT_ADDRESS16, xbee_unknown16, sizeof xbee_unknown16);
    address->hint[HINT_FORM] = type;
    if (type == XBEE_RX64 || type == XBEE_RX16) {
        from->has_rssi = true;
        from->rssi = (int16_t)-sn_read_u8(&r);
    } else {
        read_into(&r, address->hint + HINT_ADDRESS16, sizeof xbee_unknown16);
    }
    if (type == XBEE_RX_EXPLICIT)
        read_into(&r, address->hint + HINT_EXPLICIT, XBEE_EXPLICIT);
    address->broadcast = sn_read_u8(&r) & RX_BROADCAST;
    *packet = sn_read_rest(&r);
    return !r.failed && packet->len >= PACKET_MIN;
}

/* Behind the frame id of 10 and 11. The answer goes from the endpoint that was asked. */
static void write_routed(const struct framing_address *to, const uint8_t *explicit,
                         struct sn_writer *w)
{
    static const uint8_t nothing[2];
    const uint8_t *address16 = to->hint + HINT_ADDRESS16;
    bool hinted = !to->broadcast &&
                  (to->hint[HINT_FORM] != 0 || memcmp(address16, nothing, sizeof nothing) != 0);

    sn_write(w, sn_bytes(to->broadcast ? broadcast64 : to->octets, sizeof broadcast64));
    sn_write(w, sn_bytes(hinted ? address16 : xbee_unknown16, sizeof xbee_unknown16));
    if (explicit) {
        sn_write_u8(w, explicit[1]);
        sn_write_u8(w, explicit[0]);
        sn_write(w, sn_bytes(explicit + 2, XBEE_EXPLICIT - 2));
    }
}

bool xbee_write_header(const struct framing_address *to, const struct xbee_route *last,
                       uint8_t frame_id, uint8_t radius, struct sn_writer *w)
{
    bool known = !to->broadcast && to->hint[HINT_FORM] != 0;
    uint8_t form = known ? to->hint[HINT_FORM] : last->form;
    const uint8_t *explicit = known ? to->hint + HINT_EXPLICIT : last->explicit;
    bool is_802154 = form == XBEE_RX64 || form == XBEE_RX16;

    if (!to->broadcast && to->len == sizeof xbee_unknown16) {
        sn_write_u8(w, XBEE_TX16);
        sn_write_u8(w, frame_id);
        sn_write(w, sn_bytes(to->octets, to->len));
    } else if (!to->broadcast && to->len != sizeof broadcast64) {
        return false;
    } else if (is_802154) {
        sn_write_u8(w, XBEE_TX64);
        sn_write_u8(w, frame_id);
        sn_write(w, sn_bytes(to->broadcast ? broadcast64 : to->octets, sizeof broadcast64));
    } else {
        bool is_explicit = form == XBEE_RX_EXPLICIT;
        sn_write_u8(w, is_explicit ? XBEE_TX_EXPLICIT : XBEE_TX);
        sn_write_u8(w, frame_id);
        write_routed(to, is_explicit ? explicit : NULL, w);
        sn_write_u8(w, radius);
    }
    sn_write_u8(w, 0); /* options */
    return true;
}

enum framing_sent xbee_sent(uint8_t status)
{
    switch (status) {
    case 0x00: return FRAMING_DELIVERED;
    case 0x01: /* no acknowledgement of the MAC */
    case 0x02: /* channel busy */
    case 0x18: /* no buffers */
    case 0x21: /* no acknowledgement of the network */
    case 0x24: /* address not found */
    case 0x25: /* route not found */
    case 0x32: return FRAMING_TRY_AGAIN;
    case 0x74: return FRAMING_TOO_LONG;
    default: return FRAMING_UNREACHABLE;
    }
}
