/* SPDX-License-Identifier: Apache-2.0 */
/* The table says which fields a packet has; this file says how one field is read. Every read goes
 * through struct sn_reader, which fails and stays failed instead of running past the end. */
#include "sn/layout.h"

static void read_topic(struct sn_packet *p, struct sn_reader *r)
{
    if (sn_topic_is_id(p->flags))
        p->topic_id = sn_read_u16(r);
    else
        p->body = sn_read_rest(r);
}

static void read_field(struct sn_packet *p, enum sn_field field, struct sn_reader *r)
{
    switch (field) { /* no default: -Wswitch-enum keeps this complete */
    case F_FLAGS: p->flags = sn_read_u8(r); break;
    case F_PROTOCOL_ID: p->protocol_id = sn_read_u8(r); break;
    case F_DURATION: p->duration = sn_read_u16(r); break;
    case F_GW_ID: p->gw_id = sn_read_u8(r); break;
    case F_RADIUS: p->radius = sn_read_u8(r); break;
    case F_RETURN_CODE: p->return_code = sn_read_u8(r); break;
    case F_TOPIC_ID: p->topic_id = sn_read_u16(r); break;
    case F_MSG_ID: p->msg_id = sn_read_u16(r); break;
    case F_TOPIC: read_topic(p, r); break;
    case F_BODY: p->body = sn_read_rest(r); break;
    case F_OPTIONAL:
    case F_END: break;
    }
}

static enum sn_error read_fields(struct sn_packet *p, struct sn_reader r)
{
    const struct sn_layout *layout = &sn_layouts[p->type];

    if (!layout->name)
        return SN_E_TYPE;
    for (const uint8_t *field = layout->field; *field != F_END; field++) {
        if (*field == F_OPTIONAL && r.left == 0)
            return SN_OK;
        read_field(p, (enum sn_field) * field, &r);
    }
    if (r.failed)
        return SN_E_SHORT;
    return r.left == 0 ? SN_OK : SN_E_TRAILING;
}

enum sn_error sn_decode(struct sn_packet *out, struct sn_bytes datagram, size_t *trailing)
{
    struct sn_reader r = sn_reader(datagram);

    *out = (struct sn_packet){0};
    if (trailing)
        *trailing = 0;

    size_t len = sn_read_u8(&r);
    if (len == 1) /* the escape to the long header form (5.2.1) */
        len = sn_read_u16(&r);
    out->type = sn_read_u8(&r);
    if (r.failed)
        return SN_E_SHORT;

    size_t header = datagram.len - r.left;
    if (len < header || len > datagram.len)
        return SN_E_LENGTH;
    struct sn_bytes fields = sn_read(&r, len - header);
    if (trailing)
        *trailing = r.left;
    return read_fields(out, sn_reader(fields));
}
