/* SPDX-License-Identifier: Apache-2.0 */
/* layout - packets.def as a table, for the codec and the printer
 *
 * Private to this folder. One row per type says which fields follow the header and in which order;
 * how a field is read, written or shown is the business of decode.c, encode.c and print.c.
 */
#ifndef SN_LAYOUT_H
#define SN_LAYOUT_H

#include "sn/packet.h"

enum sn_field {
    F_END,
    F_OPTIONAL, /* the message may end here */
    F_FLAGS,
    F_PROTOCOL_ID,
    F_DURATION,
    F_GW_ID,
    F_RADIUS,
    F_RETURN_CODE,
    F_TOPIC_ID,
    F_MSG_ID,
    F_TOPIC, /* a name or a two-octet id, as TopicIdType says */
    F_BODY,
};

enum sn_sender { FROM_NOBODY, FROM_CLIENT, FROM_GATEWAY, FROM_ANY };

struct sn_layout {
    const char *name; /* NULL: no such type */
    uint8_t from;     /* enum sn_sender */
    uint8_t field[5]; /* enum sn_field; the last one is always F_END */
};

extern const struct sn_layout sn_layouts[256];

/* True when a message that may end at F_OPTIONAL does: nothing worth sending would follow. */
static inline bool sn_ends_early(const struct sn_packet *p)
{
    return p->type == SN_DISCONNECT ? p->duration == 0 : p->body.len == 0;
}

/* SUBSCRIBE and UNSUBSCRIBE carry two octets instead of a name for these (5.4.15). */
static inline bool sn_topic_is_id(uint8_t flags)
{
    enum sn_topic_type type = sn_topic_type(flags);
    return type == SN_TOPIC_PREDEFINED || type == SN_TOPIC_SHORT;
}

#endif
