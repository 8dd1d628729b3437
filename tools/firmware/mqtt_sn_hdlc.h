/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt_sn_hdlc - MQTT-SN between a radio dongle and its gateway, for the dongle's firmware
 *
 * Plain C99 (and C++, so that an Arduino sketch may include it): no memory is allocated, nothing is
 * blocked on, no library is called. The gateway's side is: framing = hdlc, forwarder = yes.
 *
 *   7E | 05 FE 00 01 02 | MQTT-SN message | CRC low, CRC high | 7E
 *        envelope with the node's id, here 01 02
 *
 * CRC-16/X-25 is over envelope and message. Behind the first 7E the octets 7E, 7D, 11 and 13 are
 * sent as 7D and the octet XOR 20, so that software flow control may be on. A lost or damaged octet
 * costs one frame; the next 7E begins anew.
 *
 * From the radio to the gateway, for a message that node 01 02 has sent:
 *
 *     static void put(void *self, uint8_t octet) { Serial.write(octet); }
 *
 *     const uint8_t node[2] = {0x01, 0x02};
 *     mqtt_sn_hdlc_send(put, NULL, node, sizeof node, message, message_len);
 *
 * From the gateway to the radio; the id FF FF, or whatever the radio uses, may mean everybody:
 *
 *     static struct mqtt_sn_hdlc from_gateway;          // all zero is a good start
 *
 *     while (Serial.available() > 0) {
 *         struct mqtt_sn_hdlc_message m;
 *         if (mqtt_sn_hdlc_receive(&from_gateway, (uint8_t)Serial.read(), &m))
 *             radio_send(m.node, m.node_len, m.octets, m.len);
 *     }
 *
 * `m` points into `from_gateway` and is valid until the next octet is handed in. A broadcast of the
 * gateway (ADVERTISE, GWINFO) comes without a node id: m.node_len is 0.
 */
#ifndef MQTT_SN_HDLC_H
#define MQTT_SN_HDLC_H

#include <stddef.h>
#include <stdint.h>

/* The longest frame that is received: envelope, message and CRC. Define it before the include when
 * memory is short or the radio carries more. */
#ifndef MQTT_SN_HDLC_MAX
#define MQTT_SN_HDLC_MAX 260
#endif

#define MQTT_SN_HDLC_FLAG      0x7Eu
#define MQTT_SN_HDLC_ESCAPE    0x7Du
#define MQTT_SN_HDLC_FLIP      0x20u
#define MQTT_SN_HDLC_FORWARDED 0xFEu
#define MQTT_SN_HDLC_ENVELOPE  3u
#define MQTT_SN_HDLC_NODE_MAX  16u
#define MQTT_SN_HDLC_CRC       2u
#define MQTT_SN_HDLC_RESIDUE   0xF0B8u /* the sum over a frame and its CRC, when it is right */

typedef void mqtt_sn_hdlc_put(void *self, uint8_t octet);

struct mqtt_sn_hdlc {
    uint16_t len;
    uint8_t escaped;          /* the octet before was 7D */
    uint8_t discarding;       /* the frame is too long: up to the next 7E */
    uint32_t frames, damaged; /* since the start, for whoever is interested */
    uint8_t octets[MQTT_SN_HDLC_MAX];
};

struct mqtt_sn_hdlc_message {
    const uint8_t *node; /* node_len octets of the node's id; 0 for a broadcast */
    size_t node_len;
    const uint8_t *octets;
    size_t len;
    uint8_t radius; /* 0..3: how far a broadcast goes, 0 is everywhere */
};

static inline uint16_t mqtt_sn_hdlc_sum(uint16_t sum, uint8_t octet)
{
    sum = (uint16_t)(sum ^ octet);
    for (int bit = 0; bit < 8; bit++)
        sum = (uint16_t)((sum & 1u) ? (sum >> 1) ^ 0x8408u : sum >> 1);
    return sum;
}

static inline void mqtt_sn_hdlc_put_escaped(mqtt_sn_hdlc_put *put, void *self, uint8_t octet)
{
    if (octet == MQTT_SN_HDLC_FLAG || octet == MQTT_SN_HDLC_ESCAPE || octet == 0x11u ||
        octet == 0x13u) {
        put(self, (uint8_t)MQTT_SN_HDLC_ESCAPE);
        octet = (uint8_t)(octet ^ MQTT_SN_HDLC_FLIP);
    }
    put(self, octet);
}

static inline uint16_t mqtt_sn_hdlc_put_all(mqtt_sn_hdlc_put *put, void *self, uint16_t sum,
                                            const uint8_t *octets, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum = mqtt_sn_hdlc_sum(sum, octets[i]);
        mqtt_sn_hdlc_put_escaped(put, self, octets[i]);
    }
    return sum;
}

/* Writes one frame, octet by octet. The id has 1 to 16 octets; others write nothing and return 0.
 */
static inline int mqtt_sn_hdlc_send(mqtt_sn_hdlc_put *put, void *self, const uint8_t *node,
                                    size_t node_len, const uint8_t *message, size_t message_len)
{
    uint8_t envelope[MQTT_SN_HDLC_ENVELOPE];
    uint16_t sum = 0xFFFFu;

    if (node_len == 0 || node_len > MQTT_SN_HDLC_NODE_MAX)
        return 0;
    envelope[0] = (uint8_t)(MQTT_SN_HDLC_ENVELOPE + node_len);
    envelope[1] = (uint8_t)MQTT_SN_HDLC_FORWARDED;
    envelope[2] = 0;
    put(self, (uint8_t)MQTT_SN_HDLC_FLAG);
    sum = mqtt_sn_hdlc_put_all(put, self, sum, envelope, sizeof envelope);
    sum = mqtt_sn_hdlc_put_all(put, self, sum, node, node_len);
    sum = mqtt_sn_hdlc_put_all(put, self, sum, message, message_len);
    sum = (uint16_t)~sum;
    mqtt_sn_hdlc_put_escaped(put, self, (uint8_t)(sum & 0xFFu));
    mqtt_sn_hdlc_put_escaped(put, self, (uint8_t)(sum >> 8));
    put(self, (uint8_t)MQTT_SN_HDLC_FLAG);
    return 1;
}

/* The length that the message's own header tells; 0 when there is none. */
static inline size_t mqtt_sn_hdlc_length(const uint8_t *message, size_t len)
{
    if (len >= 4 && message[0] == 1)
        return (size_t)message[1] << 8 | message[2];
    return len >= 2 && message[0] >= 2 ? message[0] : 0;
}

static inline int mqtt_sn_hdlc_open(const uint8_t *frame, size_t len,
                                    struct mqtt_sn_hdlc_message *out)
{
    size_t envelope = 0;
    uint16_t sum = 0xFFFFu;

    for (size_t i = 0; i < len; i++)
        sum = mqtt_sn_hdlc_sum(sum, frame[i]);
    if (len < MQTT_SN_HDLC_CRC || sum != MQTT_SN_HDLC_RESIDUE)
        return 0;
    len -= MQTT_SN_HDLC_CRC;
    out->radius = 0;
    if (len >= MQTT_SN_HDLC_ENVELOPE && frame[1] == MQTT_SN_HDLC_FORWARDED) {
        envelope = frame[0];
        out->radius = frame[2] & 3u;
        if (envelope < MQTT_SN_HDLC_ENVELOPE || envelope > len)
            return 0;
    }
    out->node = frame + (envelope > 0 ? MQTT_SN_HDLC_ENVELOPE : 0);
    out->node_len = envelope > 0 ? envelope - MQTT_SN_HDLC_ENVELOPE : 0;
    out->octets = frame + envelope;
    out->len = len - envelope;
    return mqtt_sn_hdlc_length(out->octets, out->len) == out->len && out->len > 0;
}

/* Takes one octet from the gateway; 1 when it completes a message. Damaged frames are dropped. */
static inline int mqtt_sn_hdlc_receive(struct mqtt_sn_hdlc *h, uint8_t octet,
                                       struct mqtt_sn_hdlc_message *out)
{
    if (octet == MQTT_SN_HDLC_FLAG) {
        int good = !h->escaped && !h->discarding && mqtt_sn_hdlc_open(h->octets, h->len, out);
        if (good)
            h->frames++;
        else if (h->len > 0 || h->discarding)
            h->damaged++;
        h->len = 0;
        h->escaped = h->discarding = 0;
        return good;
    }
    if (octet == MQTT_SN_HDLC_ESCAPE && !h->escaped) {
        h->escaped = 1;
    } else if (h->len == MQTT_SN_HDLC_MAX) {
        h->discarding = 1;
    } else {
        h->octets[h->len++] = (uint8_t)(h->escaped ? octet ^ MQTT_SN_HDLC_FLIP : octet);
        h->escaped = 0;
    }
    return 0;
}

#endif
