/* SPDX-License-Identifier: Apache-2.0 */
/* A line is made without stdio, so that the pure rooms stay free of it. The last field of every
 * packet is the one that can be long: it is cut where the line ends. */
#include "sn/print.h"

#include "sn/layout.h"
#include "sn/topic.h"

struct line {
    char *out;
    size_t len, size; /* size counts the terminator */
};

static void put_char(struct line *l, char c)
{
    if (l->len + 1 < l->size)
        l->out[l->len++] = c;
}

static void put_text(struct line *l, const char *text)
{
    while (*text)
        put_char(l, *text++);
}

static void put_number(struct line *l, size_t value)
{
    if (value >= 10)
        put_number(l, value / 10);
    put_char(l, (char)('0' + value % 10));
}

static void put_hex(struct line *l, uint8_t octet)
{
    put_char(l, "0123456789ABCDEF"[octet >> 4]);
    put_char(l, "0123456789ABCDEF"[octet & 15]);
}

static void put_field(struct line *l, const char *name, size_t value)
{
    put_char(l, ' ');
    put_text(l, name);
    put_char(l, '=');
    put_number(l, value);
}

/* Quote and backslash are escaped too, so that what is shown can be read back. */
static void put_quoted(struct line *l, struct sn_bytes text)
{
    const size_t octet_room = 4, tail_room = sizeof "...\"";

    put_char(l, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (l->len + octet_room + tail_room > l->size) {
            put_text(l, "...");
            break;
        }
        if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
            put_char(l, (char)c);
        } else {
            put_text(l, "\\x");
            put_hex(l, c);
        }
    }
    put_char(l, '"');
}

/* The flags that mean something in this type (5.3.4); a peer may set the others as it likes. */
static uint8_t flags_used(uint8_t type)
{
    static const uint8_t used[256] = {
        [SN_CONNECT] = SN_FLAG_WILL | SN_FLAG_CLEAN,
        [SN_WILLTOPIC] = SN_FLAG_QOS | SN_FLAG_RETAIN,
        [SN_WILLTOPICUPD] = SN_FLAG_QOS | SN_FLAG_RETAIN,
        [SN_PUBLISH] = SN_FLAG_DUP | SN_FLAG_QOS | SN_FLAG_RETAIN | SN_FLAG_TOPIC_TYPE,
        [SN_SUBSCRIBE] = SN_FLAG_DUP | SN_FLAG_QOS | SN_FLAG_TOPIC_TYPE,
        [SN_SUBACK] = SN_FLAG_QOS,
        [SN_UNSUBSCRIBE] = SN_FLAG_TOPIC_TYPE,
    };
    return used[type];
}

static void put_flags(struct line *l, const struct sn_packet *p)
{
    uint8_t used = flags_used(p->type), set = p->flags & used;

    if (used & SN_FLAG_QOS) {
        if (sn_qos(set) == SN_QOS_MINUS_ONE)
            put_text(l, " qos=-1");
        else
            put_field(l, "qos", sn_qos(set));
    }
    if (set & SN_FLAG_DUP)
        put_text(l, " dup");
    if (set & SN_FLAG_RETAIN)
        put_text(l, " retain");
    if (set & SN_FLAG_WILL)
        put_text(l, " will");
    if (set & SN_FLAG_CLEAN)
        put_text(l, " clean");
}

static void put_topic_id(struct line *l, const struct sn_packet *p)
{
    uint8_t short_name[2];

    switch (sn_topic_type(p->flags & flags_used(p->type))) {
    case SN_TOPIC_NORMAL: put_field(l, "topic_id", p->topic_id); break;
    case SN_TOPIC_PREDEFINED: put_field(l, "predefined", p->topic_id); break;
    case SN_TOPIC_SHORT:
        sn_short_name(p->topic_id, short_name);
        put_text(l, " short=");
        put_quoted(l, sn_bytes(short_name, sizeof short_name));
        break;
    case SN_TOPIC_RESERVED: put_field(l, "reserved", p->topic_id); break;
    }
}

static void put_return_code(struct line *l, uint8_t code)
{
    static const char *const names[] = {
        [SN_ACCEPTED] = "accepted",
        [SN_CONGESTION] = "congestion",
        [SN_INVALID_TOPIC_ID] = "invalid-topic-id",
        [SN_NOT_SUPPORTED] = "not-supported",
    };

    put_text(l, " return_code=");
    if (code < sizeof names / sizeof names[0]) {
        put_text(l, names[code]);
    } else {
        put_text(l, "0x");
        put_hex(l, code);
    }
}

static void put_octets(struct line *l, const char *name, struct sn_bytes octets, bool shown)
{
    put_field(l, name, octets.len);
    if (shown) {
        put_char(l, ' ');
        put_quoted(l, octets);
    }
}

static void put_name(struct line *l, const char *name, struct sn_bytes text)
{
    put_char(l, ' ');
    put_text(l, name);
    put_char(l, '=');
    put_quoted(l, text);
}

static void put_body(struct line *l, const struct sn_packet *p, bool with_payload)
{
    switch ((int)p->type) {
    case SN_PUBLISH: put_octets(l, "data", p->body, with_payload); break;
    case SN_WILLMSG:
    case SN_WILLMSGUPD: put_octets(l, "will_msg", p->body, with_payload); break;
    case SN_WILLTOPIC:
    case SN_WILLTOPICUPD: put_name(l, "will_topic", p->body); break;
    case SN_REGISTER: put_name(l, "topic", p->body); break;
    case SN_CONNECT: put_name(l, "client_id", p->body); break;
    case SN_PINGREQ:
        if (p->body.len > 0)
            put_name(l, "client_id", p->body);
        break;
    case SN_GWINFO:
        if (p->body.len > 0)
            put_name(l, "gw_add", p->body);
        break;
    default: break;
    }
}

static void put_one(struct line *l, const struct sn_packet *p, enum sn_field field, bool payload)
{
    switch (field) {
    case F_FLAGS: put_flags(l, p); break;
    case F_PROTOCOL_ID: put_field(l, "protocol_id", p->protocol_id); break;
    case F_DURATION: put_field(l, "duration", p->duration); break;
    case F_GW_ID: put_field(l, "gw_id", p->gw_id); break;
    case F_RADIUS: put_field(l, "radius", p->radius); break;
    case F_RETURN_CODE: put_return_code(l, p->return_code); break;
    case F_TOPIC_ID: put_topic_id(l, p); break;
    case F_MSG_ID: put_field(l, "msg_id", p->msg_id); break;
    case F_TOPIC:
        if (sn_topic_is_id(p->flags))
            put_topic_id(l, p);
        else
            put_name(l, "topic", p->body);
        break;
    case F_BODY: put_body(l, p, payload); break;
    case F_OPTIONAL:
    case F_END: break;
    }
}

char *sn_print(char *out, size_t size, const struct sn_packet *p, bool with_payload)
{
    struct line l = {.out = out, .size = size};

    if (size == 0)
        return out;
    put_text(&l, sn_type_name(p->type));
    for (const uint8_t *field = sn_layouts[p->type].field; *field != F_END; field++) {
        if (*field == F_OPTIONAL && sn_ends_early(p))
            break;
        put_one(&l, p, (enum sn_field) * field, with_payload);
    }
    out[l.len] = '\0';
    return out;
}
