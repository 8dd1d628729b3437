/* SPDX-License-Identifier: Apache-2.0 */
/* The mirror of decode.c: the size of each field, then the header that this size asks for, then
 * each field in the order of the table. */
#include "sn/layout.h"

#define SHORT_HEADER 2
#define LONG_HEADER  4
#define SHORT_MAX    255

static size_t topic_size(const struct sn_packet *p)
{
    return sn_topic_is_id(p->flags) ? 2 : p->body.len;
}

static size_t field_size(const struct sn_packet *p, enum sn_field field)
{
    switch (field) {
    case F_FLAGS:
    case F_PROTOCOL_ID:
    case F_GW_ID:
    case F_RADIUS:
    case F_RETURN_CODE: return 1;
    case F_DURATION:
    case F_TOPIC_ID:
    case F_MSG_ID: return 2;
    case F_TOPIC: return topic_size(p);
    case F_BODY: return p->body.len;
    case F_OPTIONAL:
    case F_END: break;
    }
    return 0;
}

static void write_topic(struct sn_writer *w, const struct sn_packet *p)
{
    if (sn_topic_is_id(p->flags))
        sn_write_u16(w, p->topic_id);
    else
        sn_write(w, p->body);
}

static void write_field(struct sn_writer *w, const struct sn_packet *p, enum sn_field field)
{
    switch (field) {
    case F_FLAGS: sn_write_u8(w, p->flags); break;
    case F_PROTOCOL_ID: sn_write_u8(w, p->protocol_id); break;
    case F_DURATION: sn_write_u16(w, p->duration); break;
    case F_GW_ID: sn_write_u8(w, p->gw_id); break;
    case F_RADIUS: sn_write_u8(w, p->radius); break;
    case F_RETURN_CODE: sn_write_u8(w, p->return_code); break;
    case F_TOPIC_ID: sn_write_u16(w, p->topic_id); break;
    case F_MSG_ID: sn_write_u16(w, p->msg_id); break;
    case F_TOPIC: write_topic(w, p); break;
    case F_BODY: sn_write(w, p->body); break;
    case F_OPTIONAL:
    case F_END: break;
    }
}

/* The field behind the last one that is sent. */
static const uint8_t *fields_end(const struct sn_packet *p, const uint8_t *field)
{
    while (*field != F_END && !(*field == F_OPTIONAL && sn_ends_early(p)))
        field++;
    return field;
}

static void write_header(struct sn_writer *w, uint8_t type, size_t fields_len)
{
    if (fields_len <= SHORT_MAX - SHORT_HEADER) {
        sn_write_u8(w, (uint8_t)(fields_len + SHORT_HEADER));
    } else {
        sn_write_u8(w, 1);
        sn_write_u16(w, (uint16_t)(fields_len + LONG_HEADER));
    }
    sn_write_u8(w, type);
}

struct sn_bytes sn_encode(const struct sn_packet *p, uint8_t *into, size_t cap)
{
    const struct sn_layout *layout = &sn_layouts[p->type];
    if (!layout->name || p->body.len > SN_PACKET_MAX) /* the second keeps the sum from wrapping */
        return (struct sn_bytes){0};

    const uint8_t *end = fields_end(p, layout->field);
    size_t len = 0;
    for (const uint8_t *field = layout->field; field < end; field++)
        len += field_size(p, (enum sn_field) * field);
    if (len > SN_PACKET_MAX - LONG_HEADER)
        return (struct sn_bytes){0};

    struct sn_writer w = sn_writer(into, cap);
    write_header(&w, p->type, len);
    for (const uint8_t *field = layout->field; field < end; field++)
        write_field(&w, p, (enum sn_field) * field);
    return sn_written(&w);
}
