/* SPDX-License-Identifier: Apache-2.0 */
/* packet - one MQTT-SN 1.2 message, and its way from and to a datagram
 *
 * struct sn_packet is flat: a message type uses the fields that packets.def lists for it and leaves
 * the others zero. Views point into the datagram that was decoded and live as long as it does.
 */
#ifndef SN_PACKET_H
#define SN_PACKET_H

#include "sn/cursor.h"

enum sn_type {
#define PACKET(code, name, ...) SN_##name = code,
#include "sn/packets.def"
#undef PACKET
};

/* Why octets are no packet. Name and text come from this one list; sn_error_text gives the text. */
#define SN_ERRORS(X)                                                                               \
    X(SN_OK, "no error")                                                                           \
    X(SN_E_SHORT, "too short for its type")                                                        \
    X(SN_E_LENGTH, "length field disagrees with the datagram")                                     \
    X(SN_E_TYPE, "unknown or reserved type")                                                       \
    X(SN_E_TRAILING, "too long for its type")                                                      \
    X(SN_E_FORWARDER, "broken or nested forwarder envelope")                                       \
    X(SN_E_NODE_ID, "empty or oversized wireless node id")

enum sn_error {
#define X(name, text) name,
    SN_ERRORS(X)
#undef X
};

/* Return codes (5.3.10). Any other value counts as a rejection. */
enum sn_return_code {
    SN_ACCEPTED = 0x00,
    SN_CONGESTION = 0x01,
    SN_INVALID_TOPIC_ID = 0x02,
    SN_NOT_SUPPORTED = 0x03,
};

/* Flags (5.3.4). */
enum sn_flag {
    SN_FLAG_DUP = 0x80,
    SN_FLAG_QOS = 0x60,
    SN_FLAG_RETAIN = 0x10,
    SN_FLAG_WILL = 0x08,
    SN_FLAG_CLEAN = 0x04,
    SN_FLAG_TOPIC_TYPE = 0x03,
};

enum sn_topic_type {
    SN_TOPIC_NORMAL = 0,
    SN_TOPIC_PREDEFINED = 1,
    SN_TOPIC_SHORT = 2,
    SN_TOPIC_RESERVED = 3,
};

#define SN_QOS_MINUS_ONE 3 /* as the two flag bits carry it */
#define SN_TOPIC_ID_NONE 0x0000
#define SN_TOPIC_ID_LAST 0xFFFE /* 0xFFFF is reserved (5.3.11) */
#define SN_PROTOCOL_ID   0x01
#define SN_PACKET_MAX    65535 /* the length field's reach */

struct sn_packet {
    uint8_t type; /* enum sn_type */
    uint8_t flags;
    uint8_t protocol_id;
    uint8_t gw_id;
    uint8_t radius;      /* hops; 0 is the whole network */
    uint8_t return_code; /* enum sn_return_code, or anything a peer sent */
    uint16_t duration;   /* seconds; 0 in DISCONNECT is a plain one */
    uint16_t topic_id;   /* normal, predefined, or the two characters of a short name */
    uint16_t msg_id;
    struct sn_bytes body; /* ClientId, TopicName, WillTopic, WillMsg, Data or GwAdd */
};

static inline uint8_t sn_qos(uint8_t flags)
{
    return (uint8_t)((flags & SN_FLAG_QOS) >> 5);
}

static inline uint8_t sn_qos_flags(unsigned qos)
{
    return (uint8_t)((qos & 3) << 5);
}

static inline enum sn_topic_type sn_topic_type(uint8_t flags)
{
    return (enum sn_topic_type)(flags & SN_FLAG_TOPIC_TYPE);
}

/* One datagram holds one message. Octets behind it are ignored; `*trailing`, when not NULL, tells
 * how many there were. A forwarder envelope is SN_E_TYPE: sn_unwrap takes it off first. */
enum sn_error sn_decode(struct sn_packet *out, struct sn_bytes datagram, size_t *trailing);

/* Writes the message in the shorter header form that fits. An empty view when `cap` is too small
 * or the type is unknown, or when no header can tell the length. The result lies in `into`;
 * `p->body` may not. A field that may be missing is left out when it has nothing to say: a
 * DISCONNECT with duration 0 and a WILLTOPIC with an empty body are bare headers. */
struct sn_bytes sn_encode(const struct sn_packet *p, uint8_t *into, size_t cap);

/* True when a client may send this type. Unknown types: false. */
bool sn_from_client(uint8_t type);

/* "PUBLISH", or "0x03" for an unknown type (in a static table; never NULL). */
const char *sn_type_name(uint8_t type);
const char *sn_error_text(enum sn_error error);

#endif
