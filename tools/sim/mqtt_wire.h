/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt_wire - as much MQTT 3.1.1 over a raw socket as it takes to load a broker
 *
 * A connection writes whole packets into a buffer that leaves in large pieces, so that what is
 * measured is the broker and not a client library.
 */
#ifndef TOOLS_SIM_MQTT_WIRE_H
#define TOOLS_SIM_MQTT_WIRE_H

#include "sn/cursor.h"

enum mqtt_type {
    MQTT_CONNACK = 0x20,
    MQTT_PUBLISH = 0x30,
    MQTT_PUBACK = 0x40,
    MQTT_PUBREC = 0x50,
    MQTT_PUBREL = 0x62,
    MQTT_PUBCOMP = 0x70,
    MQTT_PINGREQ = 0xC0,
    MQTT_PINGRESP = 0xD0,
    MQTT_DISCONNECT = 0xE0,
};

#define MQTT_OUT (256 * 1024)
#define MQTT_IN  (64 * 1024)

struct mqtt {
    int fd;
    uint8_t out[MQTT_OUT], in[MQTT_IN];
    size_t out_at, out_len, in_len;
};

/* Connects with a clean session and waits for the CONNACK. `broker` is HOST:PORT or unix:PATH.
 * False with one line in `error`. */
bool mqtt_open(struct mqtt *m, const char *broker, const char *client_id, char *error,
               size_t error_size);
void mqtt_close(struct mqtt *m);

/* Room for a packet with so many octets behind the fixed header. */
bool mqtt_has_room(const struct mqtt *m, size_t octets);
void mqtt_publish(struct mqtt *m, struct sn_bytes topic, unsigned qos, uint16_t msg_id,
                  struct sn_bytes payload);
void mqtt_short(struct mqtt *m, enum mqtt_type type, uint16_t msg_id); /* an ack; 0: no id */

/* Writes what the socket takes. False when the connection broke. */
bool mqtt_flush(struct mqtt *m);

/* Reads what there is and hands over each packet: its first octet and message id, if it has one.
 * False when the connection broke. */
bool mqtt_read(struct mqtt *m, void (*packet)(void *self, uint8_t type, uint16_t msg_id),
               void *self);

#endif
